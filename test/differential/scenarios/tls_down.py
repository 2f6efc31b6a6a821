"""TLS on listeners: client certificates, versions, ALPN, certificate choice, failures."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
SERVER = "tls_certificates: [{certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/server.key}}]"
CA = "trusted_ca: {filename: {{certs}}/ca.pem}"
LOG = {
    "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
    "version": "%DOWNSTREAM_TLS_VERSION%", "cipher": "%DOWNSTREAM_TLS_CIPHER%", "group": "%DOWNSTREAM_TLS_GROUP%",
    "sni": "%REQUESTED_SERVER_NAME%", "peer": "%DOWNSTREAM_PEER_SUBJECT%", "local": "%DOWNSTREAM_LOCAL_SUBJECT%",
    "protocol": "%PROTOCOL%",
}
LISTENER_LOG = listener_log('failure: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", version: "%DOWNSTREAM_TLS_VERSION%", '
                            'cipher: "%DOWNSTREAM_TLS_CIPHER%", peer: "%DOWNSTREAM_PEER_SUBJECT%", flags: "%RESPONSE_FLAGS%", '
                            'term: "%CONNECTION_TERMINATION_DETAILS%"')
ECHO = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hello"}}
"""
SSL = [f"listener.127.0.0.1_{{{{port}}}}.ssl.{name}" for name in (
    "handshake", "connection_error", "no_certificate", "session_reused", "fail_verify_no_cert", "fail_verify_error",
    "fail_verify_san", "fail_verify_cert_hash")]
CX = ["http.{{name}}.downstream_cx_ssl_total", "http.{{name}}.downstream_cx_ssl_active", "http.{{name}}.downstream_cx_total",
      "http.{{name}}.downstream_cx_destroy_remote", "listener.127.0.0.1_{{port}}.downstream_cx_destroy"]


def chain(context, extra=""):
    body = "\n".join("          " + line for line in context.strip().splitlines())
    return f"""
filter_chains:
- filters: [the]
  {extra}
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": {TLS}DownstreamTlsContext
{body.replace("          ", "      ")}
"""


def common(text, more=""):
    body = "\n".join("  " + line for line in text.strip().splitlines())
    return f"common_tls_context:\n{body}\n{more}"


def down(name, context, client, stats=SSL, log=LOG, listener_log=True, extra="", **kw):
    kw.setdefault("routes", ECHO)
    scenario(name, certs=True, chains=chain(context, extra), client=client, stats=stats, log_format=log,
             listener=LISTENER_LOG if listener_log else "", unordered_log=True, **kw)


# Client certificates: how they are judged. Each kind by each version: tls_matrix.py.

# OpenSSL offers no way to send the alert bad_certificate_hash_value.
HASH_ALERT = [("tlsv1_bad_certificate_hash_value|sslv3_alert_bad_certificate", "<alert>")]
RECORD_VERSION = [("\x15\x03[\x01\x03]", "<alert>")]


def checked(name, validation, *certs, required=True, versions="1.2", **kw):
    """One connection per client certificate; what each gets."""
    if "verify_certificate_" in validation:
        kw["mask"] = HASH_ALERT
    body = "\n".join("  " + line for line in validation.strip().splitlines())
    context = common(f"{SERVER}\nvalidation_context:\n{body}", f"require_client_certificate: {str(required).lower()}")
    steps = []
    for i, cert in enumerate(certs):
        steps += tls(f"c{i}", cert=cert, versions=versions) + req("/", c=f"c{i}")
    down(name, context, steps, **kw)


checked("verify_intermediate", CA, "client_inter", "client_bare")
checked("verify_partial_chain", "trusted_ca: {filename: {{certs}}/inter.leaf.pem}", "client_inter", "client_bare", "client")
checked("verify_depth_0", CA + "\nmax_verify_depth: 0", "client", "client_inter")
checked("verify_depth_2", CA + "\nmax_verify_depth: 2", "client", "client_inter")
checked("verify_depth_1", CA + "\nmax_verify_depth: 1", "client", "client_inter")
checked("verify_two_cas", "trusted_ca: {filename: {{certs}}/both.pem}", "client", "client_other")
checked("verify_allow_expired", CA + "\nallow_expired_certificate: true", "client_expired", "client_future", "client", "client_other")
checked("verify_accept_untrusted", CA + "\ntrust_chain_verification: ACCEPT_UNTRUSTED", "client", "client_other", "client_expired", None)
checked("verify_accept_untrusted_san", CA + "\ntrust_chain_verification: ACCEPT_UNTRUSTED\nmatch_typed_subject_alt_names:\n"
        "- {san_type: URI, matcher: {exact: spiffe://td/client}}", "client", "client_other", "client_wrong")
checked("verify_hash", CA + '\nverify_certificate_hash: ["{{sha256.client}}"]', "client", "client_wrong", "client_other")
checked("verify_hash_no_ca", 'verify_certificate_hash: ["{{sha256.client}}"]', "client", "client_wrong", "client_other")
checked("verify_spki", CA + '\nverify_certificate_spki: ["{{spki.client}}"]', "client", "client_wrong")
checked("verify_hash_or_spki", 'verify_certificate_hash: ["{{sha256.client}}"]\nverify_certificate_spki: ["{{spki.client_wrong}}"]',
        "client", "client_wrong", "client_rsa")
down("verify_hash_13", common(SERVER + "\nvalidation_context: {" + CA + ', verify_certificate_hash: ["{{sha256.client}}"]}',
                            "require_client_certificate: true"),
     tls("a", cert="client", versions="1.3") + req("/", c="a") + tls("b", cert="client_wrong", versions="1.3") + raw_all(c="b"),
     mask=HASH_ALERT)
checked("verify_crl", CA + "\ncrl: {filename: {{certs}}/ca.crl}", "client", "client_revoked", "client_inter")
checked("verify_crl_leaf_only", CA + "\ncrl: {filename: {{certs}}/ca.crl}\nonly_verify_leaf_cert_crl: true", "client", "client_revoked",
        "client_inter")
checked("verify_crl_in_bundle", "trusted_ca: {filename: {{certs}}/withcrl.pem}", "client", "client_revoked")
checked("verify_crl_of_other", "trusted_ca: {filename: {{certs}}/both.pem}\ncrl: {filename: {{certs}}/ca.crl}", "client", "client_other")
checked("verify_nothing_required", "{}", "client", None, "client_other")
checked("verify_nothing_optional", "{}", "client", None, required=False)
# What is demanded of a certificate demands one, whatever require_client_certificate says.
NAMED = "match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: spiffe://td/client}}]"
for what, text in (("ca", CA), ("names", f"{CA}\n{NAMED}"), ("hash", 'verify_certificate_hash: ["{{sha256.client}}"]'),
                   ("spki", CA + '\nverify_certificate_spki: ["{{spki.client}}"]'), ("untrusted", CA + "\ntrust_chain_verification: ACCEPT_UNTRUSTED"),
                   ("untrusted_names", f"{CA}\n{NAMED}\ntrust_chain_verification: ACCEPT_UNTRUSTED"),
                   ("untrusted_hash", 'verify_certificate_hash: ["{{sha256.client}}"]\ntrust_chain_verification: ACCEPT_UNTRUSTED')):
    checked(f"verify_optional_{what}", text, "client", None, required=False)
down("require_without_validation", common(SERVER, "require_client_certificate: true"),
     tls("a", cert="client", versions="1.2") + req("/", c="a") + tls("b", versions="1.2") + req("/", c="b"))
down("validation_default_optional", common(f"{SERVER}\nvalidation_context:\n  {CA}"),
     tls("a", cert="client") + req("/", c="a") + tls("b") + req("/", c="b") + tls("d", cert="client_other", versions="1.2"))

# Names in certificates.

for name, matcher, certs in (
        ("uri_prefix", "{san_type: URI, matcher: {prefix: spiffe://td/}}", ("client", "client_td2")),
        ("uri_suffix", "{san_type: URI, matcher: {suffix: /client}}", ("client", "client_wrong")),
        ("uri_contains", "{san_type: URI, matcher: {contains: td/cl}}", ("client", "client_wrong")),
        ("uri_regex", "{san_type: URI, matcher: {safe_regex: {regex: 'spiffe://td/c.*'}}}", ("client", "client_wrong")),
        ("uri_case", "{san_type: URI, matcher: {exact: SPIFFE://TD/CLIENT, ignore_case: true}}", ("client", "client_wrong")),
        ("dns_exact", "{san_type: DNS, matcher: {exact: client.example}}", ("client", "client_wrong")),
        ("dns_case", "{san_type: DNS, matcher: {exact: CLIENT.Example}}", ("client", "client_wrong")),
        ("dns_wildcard", "{san_type: DNS, matcher: {exact: a.wild.example}}", ("server", "client")),
        ("dns_wildcard_deep", "{san_type: DNS, matcher: {exact: a.b.wild.example}}", ("server",)),
        ("dns_wildcard_bare", "{san_type: DNS, matcher: {exact: wild.example}}", ("server",)),
        ("dns_wildcard_literal", "{san_type: DNS, matcher: {exact: '*.wild.example'}}", ("server",)),
        ("dns_prefix_wildcard", "{san_type: DNS, matcher: {suffix: wild.example}}", ("server",)),
        ("email", "{san_type: EMAIL, matcher: {exact: me@client.example}}", ("client", "client_many")),
        ("ip", "{san_type: IP_ADDRESS, matcher: {exact: 10.1.2.3}}", ("client_many", "client")),
        ("other_name", "{san_type: OTHER_NAME, oid: 1.2.3.4, matcher: {exact: other value}}", ("client_many", "client")),
        ("other_oid", "{san_type: OTHER_NAME, oid: 1.2.3.5, matcher: {exact: other value}}", ("client_many",)),
        ("uri_for_dns", "{san_type: URI, matcher: {exact: client.example}}", ("client",)),
        ("one_of_two", "{san_type: URI, matcher: {exact: spiffe://td/b}}, {san_type: DNS, matcher: {exact: client.example}}",
         ("client", "client_many", "client_wrong"))):
    checked(f"san_{name}", "trusted_ca: {filename: {{certs}}/both.pem}\nmatch_typed_subject_alt_names: [" + matcher + "]", *certs)
checked("san_none_in_cert", CA + "\nmatch_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: client_no_san}}]", "client_no_san")
checked("san_deprecated", CA + "\nmatch_subject_alt_names: [{exact: client.example}]", "client", "client_wrong")
checked("san_deprecated_uri", CA + "\nmatch_subject_alt_names: [{prefix: 'spiffe://td/el'}]", "client", "client_wrong")
checked("san_deprecated_ip", CA + "\nmatch_subject_alt_names: [{exact: 10.1.2.3}]", "client_many", "client")
checked("san_deprecated_email", CA + "\nmatch_subject_alt_names: [{exact: me@client.example}]", "client", "client_many")

# SPIFFE.

SPIFFE = """custom_validator_config:
  name: envoy.tls.cert_validator.spiffe
  typed_config:
    "@type": """ + TLS + """SPIFFECertValidatorConfig
    trust_domains:
    - {name: td, trust_bundle: {filename: {{certs}}/ca.pem}}
    - {name: td2, trust_bundle: {filename: {{certs}}/otherca.pem}}
"""
checked("spiffe", SPIFFE, "client", "client_td2", "client_other", "client_no_san", "client_expired", "server")
checked("spiffe_13", SPIFFE, "client", "client_td2", versions="1.3")
checked("spiffe_san", SPIFFE + "match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: spiffe://td/client}}]", "client",
        "client_td2", "client_wrong")
checked("spiffe_allow_expired", SPIFFE + "allow_expired_certificate: true", "client", "client_expired")
checked("spiffe_one_domain", SPIFFE.replace("    - {name: td2, trust_bundle: {filename: {{certs}}/otherca.pem}}\n", ""),
        "client", "client_td2", "client_wrong")
checked("spiffe_none", SPIFFE, None)
checked("spiffe_optional", SPIFFE, "client", None, required=False)

# Versions and ciphers.

PLAIN = common(SERVER)


def params(text):
    return common(SERVER + "\ntls_params: {" + text + "}")


for low, high in (("1.0", "1.0"), ("1.1", "1.1"), ("1.2", "1.2"), ("1.3", "1.3")):
    down(f"version_default_{low.replace('.', '')}", PLAIN, tls(versions=f"{low}-{high}") + get("/"))
down("version_min_10", params("tls_minimum_protocol_version: TLSv1_0, cipher_suites: [ECDHE-ECDSA-AES128-SHA]"),
     tls("a", versions="1.0") + req("/", c="a") + tls("b", versions="1.1") + req("/", c="b") + tls("d", versions="1.3") + req("/", c="d"))
down("version_max_12", params("tls_maximum_protocol_version: TLSv1_2"), tls() + get("/"))
down("version_min_13", params("tls_minimum_protocol_version: TLSv1_3"), tls("a", versions="1.2") + tls("b") + req("/", c="b"))
down("cipher_default_order", PLAIN, tls(versions="1.2", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256") + get("/"))
down("cipher_default_chacha_first", PLAIN, tls(versions="1.2", ciphers="ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256") + get("/"))
down("cipher_default_no_cbc", PLAIN, tls(versions="1.2", ciphers="ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"))
down("cipher_prefer_client", common(SERVER, "prefer_client_ciphers: true"),
     tls(versions="1.2", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256") + get("/"))
down("cipher_one", params("cipher_suites: [ECDHE-ECDSA-AES256-GCM-SHA384]"), tls(versions="1.2") + get("/"))
down("cipher_rules", params("cipher_suites: ['ALL:!AESGCM:!ECDHE+CHACHA20']"), tls(versions="1.2", ciphers="ALL") + get("/"))
down("cipher_no_rsa_shared", params("cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256]"), tls(versions="1.2"))
down("curve_p384_only", params("ecdh_curves: [P-384]"), tls("a", versions="1.2") + req("/", c="a") + tls("b", versions="1.3") + req("/", c="b"))
down("curve_none_shared", params("ecdh_curves: [P-521]"), tls("a", versions="1.2", groups="prime256v1") + tls("b", versions="1.3", groups="prime256v1"))
down("sigalgs", params("signature_algorithms: [ecdsa_secp256r1_sha256]"), tls("a", versions="1.2") + req("/", c="a") + tls("b") + req("/", c="b"))

# ALPN: what is shared is chosen in the server's order; nothing shared is no reason to fail.

ALPN = common(SERVER + "\nalpn_protocols: [http/1.1, other]")
down("alpn_first", ALPN, tls(alpn=["other", "http/1.1"]) + get("/"))
down("alpn_second", ALPN, tls(alpn=["x", "other"]) + get("/"))
down("alpn_none_shared", ALPN, tls(alpn=["x"]) + get("/"))
down("alpn_not_offered", ALPN, tls() + get("/"))
down("alpn_not_configured", PLAIN, tls(alpn=["http/1.1"]) + get("/"))

# Which certificate.

SEVERAL = """tls_certificates:
""" + "".join("- {certificate_chain: {filename: {{certs}}/%s.pem}, private_key: {filename: {{certs}}/%s.key}}\n" % (n, n)
              for n in ("server", "server_rsa", "two", "two_rsa", "wild", "no_san"))
RSA_ONLY = dict(versions="1.2", ciphers="ECDHE-RSA-AES128-GCM-SHA256")


def chosen(name, context, *clients):
    steps = []
    for i, options in enumerate(clients):
        steps += tls(f"c{i}", **options) + req("/", c=f"c{i}")
    down(name, context, steps, stats=SSL[:2])


MANY = common(SEVERAL)
chosen("cert_by_sni", MANY, dict(sni="server.example"), dict(sni="two.example"), dict(sni="TWO.example"), dict(sni="a.wild.example"),
       dict(sni="a.many.example"), dict(sni="a.b.many.example"), dict(sni="many.example"), dict(sni="no_san"), dict(sni="else.example"), dict())
chosen("cert_by_key_type", MANY, dict(sni="server.example", **RSA_ONLY), dict(sni="two.example", **RSA_ONLY), dict(**RSA_ONLY),
       dict(sni="else.example", **RSA_ONLY))
chosen("cert_full_scan", common(SEVERAL, "full_scan_certs_on_sni_mismatch: true"), dict(sni="else.example"),
       dict(sni="else.example", **RSA_ONLY), dict(**RSA_ONLY), dict(sni="a.many.example", **RSA_ONLY))
chosen("cert_rsa_first", common("""tls_certificates:
- {certificate_chain: {filename: {{certs}}/server_rsa.pem}, private_key: {filename: {{certs}}/server_rsa.key}}
- {certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/server.key}}
"""), dict(sni="server.example"), dict(), dict(sni="rsa.example"), dict(sni="else.example"), RSA_ONLY)
chosen("cert_curve", common("""tls_certificates:
- {certificate_chain: {filename: {{certs}}/server_384.pem}, private_key: {filename: {{certs}}/server_384.key}}
- {certificate_chain: {filename: {{certs}}/server_rsa.pem}, private_key: {filename: {{certs}}/server_rsa.key}}
"""), dict(), dict(sni="p384.example"), dict(groups="prime256v1", versions="1.2"), dict(groups="prime256v1", versions="1.3"))
# Bytes that are no TLS, and records in pieces.

down("plaintext_http", PLAIN, send("GET / HTTP/1.1\r\nhost: x\r\n\r\n") + raw_all(), stats=SSL + CX)
down("plaintext_connect", PLAIN, send("CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n") + raw_all())
down("garbage", PLAIN, send("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09") + raw_all(), mask=RECORD_VERSION)
down("garbage_record", PLAIN, send(b"\x16\x03\x01\x00\x05hello") + raw_all(),
     differs="OpenSSL looks at the kind of message before its size", mask=RECORD_VERSION,
     outrigger={"end": {"c": "FIN", "c.unread": "<alert>\0\x02\x02\n"}, "steps": [{"bytes": "<alert>\0\x02\x02\n"}],
                "log": [{"cipher": None, "flags": "-", "peer": None, "term": None, "version": "TLSv1.2",
                         "failure": "TLS_error:|268435679:SSL_routines:OPENSSL_internal:UNEXPECTED_MESSAGE:TLS_error_end"}]})
down("record_too_long", PLAIN, send(b"\x16\x03\x01\xff\xff" + b"x" * 100) + raw_all(), mask=RECORD_VERSION)
down("closed_at_once", PLAIN, new() + close(), stats=SSL + CX)
down("half_hello_then_fin", PLAIN, send(b"\x16\x03\x01\x00\x80\x01\x00") + half_close() + raw_all(), stats=SSL + CX)
down("hello_in_pieces", PLAIN, tls(piece=1) + get("/"))
down("bad_record_after", PLAIN, tls(versions="1.2") + get("/") + raw_send(b"\x17\x03\x03\x00\x20" + b"x" * 32) + raw_all(),
     mask=[(r"503316581:Cipher_functions:OPENSSL_internal:BAD_DECRYPT\|", ""), (r"\|268435650:.*PROTOCOL_IS_SHUTDOWN:TLS_error_end$", "")],
     stats=SSL[:1])  # BoringSSL tells, and counts, the cipher's own error and its refused close_notify as well
down("close_notify_by_client", PLAIN, tls() + get("/") + half_close() + raw_all())
down("large_body", PLAIN, tls() + req("/", method="POST", body="b" * 100000), routes=None, up=[ok("a" * 300000)])
down("pipelined", PLAIN, tls() + send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n") + read() + read())
down("response_close", PLAIN, tls() + req("/", "connection: close") + raw_all())
down("forwarded_proto", PLAIN, tls() + get("/") + tls("b") + req("/", "x-forwarded-proto: http", c="b"), routes=None, up=[ok()])
down("scheme_of_route", PLAIN, tls() + get("/"), routes="""- match: {prefix: /, headers: [{name: ":scheme", string_match: {exact: https}}]}
  direct_response: {status: 200, body: {inline_string: secure}}
""")
scenario("require_tls_met", certs=True, vhosts="""
- {name: all, domains: ["*"], require_tls: ALL, routes: [{match: {prefix: /}, direct_response: {status: 200}}]}
""", chains=chain(PLAIN), client=tls() + get("/x"))
down("timeout_of_handshake", PLAIN, new() + raw_all(), extra="transport_socket_connect_timeout: 0.3s",
     stats=SSL + ["listener.127.0.0.1_{{port}}.downstream_cx_transport_socket_connect_timeout"])
scenario("tcp_over_tls", kind="tcp", certs=True, chains=chain(PLAIN), up={"up": Tcp(expect(b"hi"), raw("there"), fin())},
         client=tls() + send("hi") + raw_all(), stats=SSL)
scenario("tcp_over_tls_half_close", kind="tcp", certs=True, chains=chain(PLAIN), up={"up": Tcp(tunnel_echo())},
         client=tls() + send("hi") + half_close() + raw_all(), stats=SSL)
scenario("tcp_over_tls_large", kind="tcp", certs=True, chains=chain(PLAIN), up={"up": Tcp(tunnel_echo())},
         client=tls() + send("x" * 200000) + read_bytes(200000) + half_close() + raw_all(), stats=SSL)
