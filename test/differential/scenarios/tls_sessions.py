"""Sessions of clients: resumed with tickets and without, and only where the policy is the same."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
HI = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hi"}}
"""
SSL = [f"listener.127.0.0.1_{{{{port}}}}.ssl.{name}" for name in (
    "handshake", "session_reused", "no_certificate", "connection_error", "fail_verify_no_cert", "fail_verify_error")]
LOG = {"code": "%RESPONSE_CODE%", "peer": "%DOWNSTREAM_PEER_SUBJECT%", "uri": "%DOWNSTREAM_PEER_URI_SAN%", "chain": "%DOWNSTREAM_PEER_CHAIN_SERIALS%", "issuer": "%DOWNSTREAM_PEER_ISSUER_SERIAL%",
       "version": "%DOWNSTREAM_TLS_VERSION%", "cipher": "%DOWNSTREAM_TLS_CIPHER%", "local": "%DOWNSTREAM_LOCAL_SUBJECT%"}
SERVER = "tls_certificates: [{certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/server.key}}]"
CA = "validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}%s}"
BOTH_CA = "validation_context: {trusted_ca: {filename: {{certs}}/both.pem}}"
KEYS = "session_ticket_keys: {keys: [{inline_string: '%s'}]}"


def socket(common, more=""):
    return f'{{name: envoy.transport_sockets.tls, typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{{common}}}, {more}}}}}'


def chain(common, more=""):
    return f"filter_chains:\n- {{filters: [the], transport_socket: {socket(common, more)}}}\n"


def other(common, more=""):
    """Another listener, on {{port2}}."""
    return f"""
static_resources:
  +listeners:
  - name: "{{{{name}}}}_other"
    address: {{socket_address: {{address: 127.0.0.1, port_value: "{{{{port2}}}}"}}}}
    filter_chains:
    - transport_socket: {socket(common, more)}
      filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: other
          route_config: {{virtual_hosts: [{{name: v, domains: ["*"], routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: other}}}}}}]}}]}}
          http_filters: [{{name: r, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}]
"""


def down(name, common, client, more="", **kw):
    scenario(name, certs=True, chains=chain(common, more), routes=HI, client=client, stats=kw.pop("stats", SSL), log_format=LOG, **kw)


def twice(second=None, port="port", **first):
    return tls("a", **first) + get("/", c="a") + tls("b", resume="a", port=port, **(second or {})) + get("/", c="b")


for v in ("1.2", "1.3"):
    n = v.replace(".", "")
    down(f"session_{n}", SERVER, twice(versions=v))
    down(f"session_third_{n}", SERVER, twice(versions=v) + tls("d", resume="b", versions=v) + get("/", c="d"), KEYS % ("k" * 80))
    if n == "12":
        down(f"session_client_without_tickets_{n}", SERVER, twice(versions=v, tickets=False))
    down(f"session_no_tickets_{n}", SERVER, twice(versions=v), "disable_stateless_session_resumption: true")
    down(f"session_no_cache_{n}", SERVER, twice(versions=v), "disable_stateful_session_resumption: true")
    if n == "12":
        down(f"session_no_cache_client_without_tickets_{n}", SERVER, twice(versions=v, tickets=False), "disable_stateful_session_resumption: true")
    if n == "12":
        down(f"session_none_{n}", SERVER, twice(versions=v), "disable_stateless_session_resumption: true\n  , disable_stateful_session_resumption: true".replace("\n  ", ""))
    down(f"session_of_client_certificate_{n}", SERVER + ", " + CA % "", twice(versions=v, cert="client"), "require_client_certificate: true")
    if n == "13":
        down(f"session_of_client_chain_{n}", SERVER + ", " + CA % "", twice(versions=v, cert="client_inter"), "require_client_certificate: true")
    if n == "12":
        down(f"session_of_client_without_certificate_{n}", SERVER + ", " + CA % "", twice(versions=v))
    down(f"session_of_untrusted_certificate_{n}", SERVER + ", " + CA % ", trust_chain_verification: ACCEPT_UNTRUSTED",
         twice(versions=v, cert="client_other"))
    if n == "13":
        down(f"session_at_equal_listener_{n}", SERVER, twice(versions=v, port="port2"), KEYS % ("k" * 80), bootstrap=other(SERVER, KEYS % ("k" * 80)))
    down(f"session_at_listener_of_other_keys_{n}", SERVER, twice(versions=v, port="port2"), KEYS % ("k" * 80), bootstrap=other(SERVER, KEYS % ("l" * 80)))
    down(f"session_at_stricter_listener_{n}", SERVER, tls("a", versions=v, cert="client") + get("/", c="a") + tls("b", resume="a", port="port2") + get("/", c="b"),
         KEYS % ("k" * 80), bootstrap=other(SERVER + ", " + CA % "", "require_client_certificate: true, " + KEYS % ("k" * 80)))
    down(f"session_at_listener_of_other_trust_{n}", SERVER + ", " + BOTH_CA,
         tls("a", versions=v, cert="client_other") + get("/", c="a") + tls("b", resume="a", port="port2") + get("/", c="b"),
         "require_client_certificate: true, " + KEYS % ("k" * 80),
         bootstrap=other(SERVER + ", " + CA % "", "require_client_certificate: true, " + KEYS % ("k" * 80)),
         mask=[("^(RST|tlsv1_alert_unknown_ca)$", "<alert or reset>")])
    down(f"session_at_listener_of_other_names_{n}", SERVER + ", " + CA % "",
         tls("a", versions=v, cert="client_wrong") + get("/", c="a") + tls("b", resume="a", port="port2") + get("/", c="b"),
         "require_client_certificate: true, " + KEYS % ("k" * 80),
         bootstrap=other(SERVER + ", " + CA % ", match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: 'spiffe://td/client'}}]",
                         "require_client_certificate: true, " + KEYS % ("k" * 80)),
         mask=[("^(RST|sslv3_alert_certificate_unknown)$", "<alert or reset>")])
    down(f"session_at_listener_of_other_certificate_{n}", SERVER, twice(versions=v, port="port2"), KEYS % ("k" * 80),
         bootstrap=other(SERVER.replace("server.", "two."), KEYS % ("k" * 80)))
    if n == "13":
        down(f"session_at_listener_of_other_alpn_{n}", SERVER + ", alpn_protocols: [http/1.1]", twice(versions=v, port="port2", alpn=["http/1.1", "x"]), KEYS % ("k" * 80),
         bootstrap=other(SERVER + ", alpn_protocols: [x, http/1.1]", KEYS % ("k" * 80)))
    if n == "12":
        down(f"session_short_timeout_{n}", SERVER, tls("a", versions=v) + get("/", c="a") + pause(2.1) + tls("b", resume="a") + get("/", c="b"), "session_timeout: 1s")
    down(f"session_two_keys_{n}", SERVER, twice(versions=v, port="port2"), KEYS % ("k" * 80),
         bootstrap=other(SERVER, "session_ticket_keys: {keys: [{inline_string: '%s'}, {inline_string: '%s'}]}" % ("l" * 80, "k" * 80)))
    down(f"session_other_sni_{n}", SERVER, tls("a", versions=v, sni="a.example") + get("/", c="a") + tls("b", resume="a", sni="b.example") + get("/", c="b"))
