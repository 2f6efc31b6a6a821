"""Secrets that change: ticket keys, trust and certificates, in good order and not; what is bad leaves what there was."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
HI = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hi"}}
"""
SSL = "listener.127.0.0.1_{{port}}."
UPDATES = SSL + "server_ssl_socket_factory.ssl_context_update_by_sds"
STATS = [UPDATES, SSL + "ssl.handshake", SSL + "ssl.connection_error", SSL + "ssl.session_reused", SSL + "ssl.fail_verify_error",
         SSL + "ssl.fail_verify_san", SSL + "ssl.fail_verify_no_cert"]
SERVER = "tls_certificates: [{certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/server.key}}]"
FILE = """resources:
- "@type": %sSecret
  name: %s
  %s
"""
KEYS = {letter: letter * 80 for letter in "klm"}


def sds(name, file="sds.yaml"):
    return f"{{name: {name}, sds_config: {{path_config_source: {{path: '{{{{dir}}}}/{file}'}}}}}}"


def own(name):
    return [f"sds.{name}.{n}" for n in ("update_attempt", "update_success", "update_rejected", "update_failure", "key_rotation_failed")]


def down(name, common, client, more="", secrets=(), **kw):
    stats = STATS + [x for s in secrets for x in own(s)]
    scenario(name, certs=True, routes=HI, client=client, no_log=True, stats=stats, chains=f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{{common}}}, {more}}}
""", **kw)


def ask(c, **kw):
    return tls(c, **kw) + get("/", c=c)


# Ticket keys: those that are still listed are good, those that are not are not.

def ticket_keys(name, *letters):
    return FILE % (TLS, name, "session_ticket_keys: {keys: [%s]}" % ", ".join("{inline_string: '%s'}" % KEYS.get(x, x) for x in letters))


for v in ("1.2", "1.3"):
    n = "rotate_tickets_" + v.replace(".", "")

    def to(*letters, updates, name=n):
        return write("{{dir}}/sds.yaml", ticket_keys(name, *letters)) + stat_is(UPDATES, updates)

    down(n, SERVER, ask("a", versions=v) + to("l", "k", updates=2) + ask("b", resume="a", versions=v) + ask("c", versions=v) + to("l", updates=3)
         + ask("d", resume="a", versions=v) + ask("e", resume="c", versions=v) + to("m", updates=4) + ask("f", resume="c", versions=v),
         "session_ticket_keys_sds_secret_config: " + sds(n), [n], files={"sds.yaml": ticket_keys(n, "k")})
for what, letters in (("short", ["short"]), ("second_short", ["l", "short"]), ("none", [])):
    n = f"rotate_tickets_to_{what}"
    down(n, SERVER, ask("a", versions="1.2") + write("{{dir}}/sds.yaml", ticket_keys(n, *letters)) + stat_is(f"sds.{n}.update_attempt", 2) + pause(0.05)
         + ask("b", resume="a", versions="1.2") + write("{{dir}}/sds.yaml", ticket_keys(n, "l", "k")) + stat_is(UPDATES, 2) + ask("c", resume="a", versions="1.2"),
         "session_ticket_keys_sds_secret_config: " + sds(n), [n], files={"sds.yaml": ticket_keys(n, "k")})
n = "rotate_ticket_files"
FRESH = [{"tls": {"alpn": None, "peer": "server", "version": "TLSv1.2"}}, {
    "status": "HTTP/1.1 200 OK", "headers": ["content-length: 2", "content-type: text/plain", "date: <date>", "server: envoy"], "body": "hi"}]
CHANGED = {UPDATES: "2", SSL + "ssl.handshake": "2", f"sds.{n}.update_attempt": "1", f"sds.{n}.update_success": "1"}
down(n, SERVER, ask("a", versions="1.2") + rename("{{dir}}/new", "{{dir}}/keys") + stat_is(UPDATES, 2) + ask("b", resume="a", versions="1.2"),
     "session_ticket_keys_sds_secret_config: " + sds(n), [n], differs="a key file that was replaced is read again: the old key is to end",
     outrigger={"steps": FRESH + FRESH, "stats": {name.replace("{{port}}", "<port>"): CHANGED.get(name, "0") for name in STATS + own(n)}}, files={
         "sds.yaml": FILE % (TLS, n, "session_ticket_keys: {keys: [{filename: {{dir}}/keys}]}"), "keys": KEYS["k"], "new": KEYS["l"]})

# A session made under one policy is none under a stricter one, though the ticket keys are the same.

TICKETS = "session_ticket_keys: {keys: [{inline_string: '%s'}]}" % KEYS["k"]


def trust(name, ca, more=""):
    return FILE % (TLS, name, "validation_context: {trusted_ca: {filename: {{certs}}/%s.pem}%s}" % (ca, more))


for v in ("1.2", "1.3"):
    for what, cert, before, after in (("trust", "client_other", ("both", ""), ("ca", "")),
                                      ("names", "client_wrong", ("ca", ""), ("ca", ", match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: 'spiffe://td/client'}}]")),
                                      ("expiry", "client_expired", ("ca", ", allow_expired_certificate: true"), ("ca", ""))):
        n = f"rotate_to_stricter_{what}_{v.replace('.', '')}"
        down(n, SERVER + ", validation_context_sds_secret_config: " + sds(n), ask("a", cert=cert, versions=v) + ask("b", resume="a", versions=v)
             + write("{{dir}}/sds.yaml", trust(n, *after)) + stat_is(UPDATES, 2) + tls("c", resume="a", versions=v) + (raw_all(c="c") if v == "1.3" else [])
             + get("/", c="b"), f"require_client_certificate: true, {TICKETS}", [n], files={"sds.yaml": trust(n, *before)},
             mask=[("^(RST|tlsv1_alert_unknown_ca|sslv3_alert_certificate_unknown|sslv3_alert_certificate_expired)$", "<alert or reset>")])

# Files in a watched directory: what is bad keeps the old certificate and is counted; then a good pair is taken.

PAIR = ("tls_certificate: {certificate_chain: {filename: {{dir}}/c/cert.pem}, private_key: {filename: {{dir}}/c/key.pem}, "
        "watched_directory: {path: {{dir}}/c}}")
GARBAGE = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"
CERT, KEY = "{{dir}}/c/cert.pem", "{{dir}}/c/key.pem"
for what, bad, times in (("half_key", write(KEY, "{{key.two}}"), 1), ("half_certificate", write(CERT, "{{pem.two}}"), 1), ("garbage", write(CERT, GARBAGE), 1),
                         ("garbage_key", write(KEY, "nonsense"), 1), ("empty", write(CERT, ""), 1), ("empty_key", write(KEY, ""), 1),
                         ("missing", rename(CERT, "{{dir}}/c/old.pem"), 1), ("missing_key", rename(KEY, "{{dir}}/c/old.key"), 1)):
    n = f"rotate_pair_{what}"
    # The pair that follows comes in two steps as well: the first of them may be a bad one again.
    down(n, "tls_certificate_sds_secret_configs: [%s]" % sds(n), ask("a") + bad + stat_is(f"sds.{n}.key_rotation_failed", times) + ask("b")
         + write(KEY, "{{key.two}}") + write(CERT, "{{pem.two}}") + stat_is(UPDATES, 2) + ask("c") + get("/", c="a"),
         files={"sds.yaml": FILE % (TLS, n, PAIR), "c/cert.pem": "{{pem.server}}", "c/key.pem": "{{key.server}}"})
BUNDLE = "validation_context: {trusted_ca: {filename: {{dir}}/c/ca.pem}, watched_directory: {path: {{dir}}/c}}"
for what, bad in (("garbage", write("{{dir}}/c/ca.pem", GARBAGE)), ("empty", write("{{dir}}/c/ca.pem", "")), ("no_certificate", write("{{dir}}/c/ca.pem", "{{key.two}}")),
                  ("missing", rename("{{dir}}/c/ca.pem", "{{dir}}/c/old.pem"))):
    n = f"rotate_trust_{what}"
    down(n, SERVER + ", validation_context_sds_secret_config: " + sds(n), ask("a", cert="client") + bad + stat_is(f"sds.{n}.key_rotation_failed", 1)
         + ask("b", cert="client") + tls("x", cert="client_other", versions="1.2") + write("{{dir}}/c/ca.pem", "{{pem.otherca}}") + stat_is(UPDATES, 2)
         + ask("c", cert="client_other") + tls("y", cert="client", versions="1.2") + get("/", c="a"), "require_client_certificate: true", [n],
         files={"sds.yaml": FILE % (TLS, n, BUNDLE), "c/ca.pem": "{{pem.ca}}"})

# As Kubernetes does it: all files change at once, by one symbolic link.

LINKED = {"c/1/cert.pem": "{{pem.server}}", "c/1/key.pem": "{{key.server}}", "c/2/cert.pem": "{{pem.two}}", "c/2/key.pem": "{{key.two}}",
          "c/3/cert.pem": "{{pem.server}}", "c/3/key.pem": "{{key.two}}", "c/..data": ("link", "1"), "c/..next": ("link", "2"), "c/..bad": ("link", "3"),
          "c/cert.pem": ("link", "..data/cert.pem"), "c/key.pem": ("link", "..data/key.pem")}
n = "rotate_linked_pair"
down(n, "tls_certificate_sds_secret_configs: [%s]" % sds(n), ask("a") + rename("{{dir}}/c/..bad", "{{dir}}/c/..data") + stat_is(f"sds.{n}.key_rotation_failed", 1)
     + ask("b") + rename("{{dir}}/c/..next", "{{dir}}/c/..data") + stat_is(UPDATES, 2) + ask("c") + get("/", c="a"), "", [n],
     files={"sds.yaml": FILE % (TLS, n, PAIR), **LINKED})
