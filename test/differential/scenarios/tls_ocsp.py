"""OCSP stapling: which responses a config may have, which of them go with the certificate, what is refused."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
HI = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hi"}}
"""
STATS = [f"listener.127.0.0.1_{{{{port}}}}.ssl.{name}" for name in (
    "ocsp_staple_failed", "ocsp_staple_omitted", "ocsp_staple_requests", "ocsp_staple_responses", "handshake", "connection_error",
    "session_reused")]
LISTENER_LOG = listener_log('failure: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", version: "%DOWNSTREAM_TLS_VERSION%"')
POLICIES = {"lenient": "LENIENT_STAPLING", "strict": "STRICT_STAPLING", "must": "MUST_STAPLE"}


def entry(cert, response=None):
    """A certificate of a config, and the file with the response for it."""
    with_it = f", ocsp_staple: {{filename: {{{{certs}}}}/{response}.ocsp}}" if response else ""
    return f"{{certificate_chain: {{filename: {{{{certs}}}}/{cert}.pem}}, private_key: {{filename: {{{{certs}}}}/{cert}.key}}{with_it}}}"


def chain(entries, more=""):
    return f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{tls_certificates: [{", ".join(entries)}]}}, {more}}}
"""


def down(name, entries, client, policy=None, more="", **kw):
    more = ", ".join(x for x in (f"ocsp_staple_policy: {POLICIES[policy]}" if policy else "", more) if x)
    scenario(name, certs=True, chains=chain(entries, more), routes=HI, client=client, stats=STATS, listener=LISTENER_LOG,
             unordered_log=True, **kw)


def every(**kw):
    """Asked for and not, in both versions."""
    return staple("1.2", **kw) + staple("1.3", **kw) + staple("1.2", ask=False, **kw) + staple("1.3", ask=False, **kw)


# What goes with the certificate.

down("ocsp_default", [entry("server", "server")], every())
for policy in POLICIES:
    down(f"ocsp_{policy}_good", [entry("server", "server")], every(), policy)
    down(f"ocsp_{policy}_late", [entry("server", "server.late")], every(), policy)
    down(f"ocsp_{policy}_early", [entry("server", "server.early")], every(), policy)
    if policy != "must":
        down(f"ocsp_{policy}_none", [entry("server")], every(), policy)
    down(f"ocsp_{policy}_two_certificates", [entry("server", "server"), entry("server_rsa", "server_rsa")],
         every(sni="server.example") + staple("1.2", ciphers="aRSA"), policy)
    down(f"ocsp_{policy}_first_late", [entry("server", "server.late"), entry("server_rsa", "server_rsa")],
         every(sni="server.example") + staple("1.2", ciphers="aRSA") + staple("1.3", sni="else.example"), policy)
    down(f"ocsp_{policy}_first_late_scan", [entry("server", "server.late"), entry("server_rsa", "server_rsa")],
         staple("1.3", sni="else.example"), policy, "full_scan_certs_on_sni_mismatch: true")
    down(f"ocsp_{policy}_all_late", [entry("server", "server.late"), entry("server", "server.old")], every(), policy)
down("ocsp_strict_one_without", [entry("server"), entry("server_rsa", "server_rsa")], every(sni="server.example") + staple("1.2", ciphers="aRSA"), "strict")
down("ocsp_demanded_by_certificate", [entry("must_staple", "must_staple")], every())
down("ocsp_revoked", [entry("client_revoked", "client_revoked")], every(), "strict")
down("ocsp_resumed_12", [entry("server", "server")], staple("1.2", session="s") + staple("1.2", session="s"))
down("ocsp_other_clients", [entry("server", "server")], tls() + get("/") + tls("b", versions="1.2") + get("/", c="b"), "must")

# Where responses come from.

SDS = """resources:
- "@type": %sSecret
  name: %s
  tls_certificate: %s
"""
UPDATES = "listener.127.0.0.1_{{port}}.server_ssl_socket_factory.ssl_context_update_by_sds"


def secret(name, client, first, **kw):
    files = kw.pop("files", {})
    scenario(name, certs=True, routes=HI, client=client, no_log=True, stats=[UPDATES] + STATS[:4] + [f"sds.{name}.{n}" for n in (
        "update_success", "update_rejected", "key_rotation_failed")], files={"sds.yaml": SDS % (TLS, name, first), **files}, chains=f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{tls_certificate_sds_secret_configs: [
      {{name: {name}, sds_config: {{path_config_source: {{path: '{{{{dir}}}}/sds.yaml'}}}}}}]}}, ocsp_staple_policy: STRICT_STAPLING}}
""", **kw)


def again(name, content, successes):
    return write("{{dir}}/sds.yaml", SDS % (TLS, name, content)) + stat_is(f"sds.{name}.update_success", successes)


secret("ocsp_sds", staple(), entry("server", "server"))
secret("ocsp_sds_renewed", staple() + again("ocsp_sds_renewed", entry("server", "server"), 2) + stat_is(UPDATES, 2) + staple(), entry("server", "server.late"))
secret("ocsp_sds_withdrawn", staple() + again("ocsp_sds_withdrawn", entry("server"), 2) + stat_is(UPDATES, 2) + staple(), entry("server", "server"))
secret("ocsp_sds_then_garbage", staple() + write("{{dir}}/sds.yaml", SDS % (TLS, "ocsp_sds_then_garbage", entry("server", "garbage")))
       + stat_is("sds.ocsp_sds_then_garbage.update_attempt", 2) + pause(0.05) + staple(), entry("server", "server"))
secret("ocsp_sds_then_other", staple() + write("{{dir}}/sds.yaml", SDS % (TLS, "ocsp_sds_then_other", entry("server", "server_rsa")))
       + stat_is("sds.ocsp_sds_then_other.update_attempt", 2) + pause(0.05) + staple(), entry("server", "server"))

# A new file in the place of the old one.
MOVED = ("{certificate_chain: {filename: {{dir}}/c/cert.pem}, private_key: {filename: {{dir}}/c/key.pem}, ocsp_staple: {filename: {{dir}}/c/staple.ocsp}%s}")
LINKS = {"c/cert.pem": ("link", "{{certs}}/server.pem"), "c/key.pem": ("link", "{{certs}}/server.key"), "c/staple.ocsp": ("link", "{{certs}}/server.late.ocsp"),
         "c/next.ocsp": ("link", "{{certs}}/server.ocsp")}
for what, more in (("watched", ", watched_directory: {path: {{dir}}/c}"), ("by_itself", "")):
    secret(f"ocsp_sds_file_{what}", staple() + rename("{{dir}}/c/next.ocsp", "{{dir}}/c/staple.ocsp") + stat_is(UPDATES, 2) + staple(), MOVED % more, files=LINKS,
           differs="Envoy reads a response again only with a new certificate: the one it has expires while the next lies there",
           outrigger={"steps": [{"staple": "alert 40"}, {"staple": {"peer": "server", "response": "server: good", "reused": False, "version": "TLSv1.3"}}],
                      "stats": {UPDATES.replace("{{port}}", "<port>"): "2", **{f"listener.127.0.0.1_<port>.ssl.ocsp_staple_{n}": v for n, v in (
                          ("failed", "1"), ("omitted", "0"), ("requests", "2"), ("responses", "1"))},
                          **{f"sds.ocsp_sds_file_{what}.{n}": v for n, v in (("update_success", "1"), ("update_rejected", "0"), ("key_rotation_failed", "0"))}}})

# Admin.

TIMES = [(r"^[2-9]\d{3}$", "<days>"), (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"), ('"days_until_expiration": "?[1-9]\\d+"?', '"days_until_expiration": <days>'),
         (r"(seconds_until_first_ocsp_response_expiring: )2\d{8}", r"\1<many>")]
for name, entries in (("certs", [entry("server", "server")]), ("late", [entry("server", "server.late")]),
                      ("both", [entry("server", "server"), entry("server_rsa", "server_rsa")]), ("none", [entry("server")])):
    scenario(f"ocsp_admin_{name}", own=True, certs=True, chains=chain(entries), routes=HI, no_log=True, mask=TIMES,
             client=admin("/certs", head=False) + admin("/stats?filter=ocsp_response", head=False))
scenario("ocsp_admin_of_cluster", own=True, certs=True, no_log=True, no_upstream=True, mask=TIMES, client=admin("/certs", head=False), clusters={"up": {
    "yaml": 'transport_socket: {name: tls, typed_config: {"@type": %sUpstreamTlsContext, common_tls_context: {tls_certificates: [%s]}}}' % (TLS, entry("server", "server"))}})

# What a config may have.

LISTENER = """
node: {id: node, cluster: service}
static_resources:
  clusters:
  - name: c
    connect_timeout: 1s
    %s
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 19999}}
    filter_chains:
    - filters:
      - {name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c}}
      transport_socket: {name: tls, typed_config: {"@type": %sDownstreamTlsContext, common_tls_context: {tls_certificates: [%s]}, %s}}
"""


def config(name, entries, more="", cluster="", **kw):
    scenario("ocsp_config_" + name, kind="validate", certs=True, config=LISTENER % (cluster, TLS, ", ".join(entries), more), **kw)


for what in ("server", "server.late", "server.early", "server_rsa", "server_server_rsa", "refused", "bodiless", "garbage", "cut", "longer", "empty"):
    config(what.replace(".", "_"), [entry("server", what)])
config("no_file", [entry("server", "nonexistent")])
INLINE = "{certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/server.key}, ocsp_staple: {%s}}"
config("inline_string", [INLINE % "inline_string: abcd"])
config("inline_bytes_garbage", [INLINE % "inline_bytes: YWJjZA=="])
config("inline_bytes_empty", [INLINE % "inline_bytes: ''"])
config("no_such_variable", [INLINE % "environment_variable: NO_SUCH_VARIABLE"])
config("must_without", [entry("server")], "ocsp_staple_policy: MUST_STAPLE")
config("must_one_without", [entry("server", "server"), entry("server_rsa")], "ocsp_staple_policy: MUST_STAPLE")
config("strict_without", [entry("server")], "ocsp_staple_policy: STRICT_STAPLING")
config("demanded_and_none", [entry("must_staple")])
config("demanded_and_late", [entry("must_staple", "must_staple")], "ocsp_staple_policy: MUST_STAPLE")
config("unknown_policy", [entry("server", "server")], "ocsp_staple_policy: NOPE")
CLUSTER = 'transport_socket: {name: tls, typed_config: {"@type": %sUpstreamTlsContext, common_tls_context: {tls_certificates: [%s]}}}'
for what in ("server", "garbage", "server_rsa"):
    config("cluster_" + what, [entry("server")], cluster=CLUSTER % (TLS, entry("server", what)))
config("cluster_demanded", [entry("server")], cluster=CLUSTER % (TLS, entry("must_staple")))
