"""TLS to upstreams: what is offered, whom it trusts, how failures are told."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
CA = "validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}}"
SAN = """validation_context:
  trusted_ca: {filename: {{certs}}/ca.pem}
  match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: %s}}]
"""
LOG = {
    "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
    "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "version": "%UPSTREAM_TLS_VERSION%", "cipher": "%UPSTREAM_TLS_CIPHER%",
    "group": "%UPSTREAM_TLS_GROUP%", "peer": "%UPSTREAM_PEER_SUBJECT%", "dns": "%UPSTREAM_PEER_DNS_SAN%",
}
STATS = [f"cluster.{{{{up}}}}.{name}" for name in (
    "ssl.handshake", "ssl.connection_error", "ssl.session_reused", "ssl.fail_verify_error", "ssl.fail_verify_san",
    "ssl.fail_verify_cert_hash", "ssl.no_certificate", "upstream_cx_total", "upstream_cx_connect_fail", "upstream_cx_connect_timeout",
    "upstream_rq_total", "upstream_cx_destroy", "upstream_cx_destroy_remote", "upstream_cx_destroy_local", "upstream_rq_pending_failure_eject")]


def socket(common, more="", indent=""):
    body = "\n".join("      " + line for line in common.strip().splitlines())
    more = "\n".join("    " + line for line in more.strip().splitlines())
    text = f"""transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": {TLS}UpstreamTlsContext
    common_tls_context:
{body or "      {}"}
{more}"""
    return "\n".join(indent + line for line in text.splitlines())


def up(name, common="", more="", server=None, client=None, script=None, yaml="", stats=STATS, log=LOG, **kw):
    upstream = Tls(script or [ok()], **(server or {}))
    scenario(name, certs=True, up={"up": upstream}, clusters={"up": {"yaml": socket(common, more) + "\n" + yaml}},
             client=client or get("/"), stats=stats, log_format=log, **kw)


# OpenSSL offers no way to choose the alert.
USAGE_ALERT = [("failed: (FIN|sslv3_alert_illegal_parameter|sslv3_alert_bad_certificate)", "failed: <end>")]

# What the server sees. Each kind of certificate by each version: tls_matrix.py.

up("up_plain_context")
up("up_sni", more="sni: some.example")
up("up_tls13", "tls_params: {tls_maximum_protocol_version: TLSv1_3}")
up("up_alpn", "alpn_protocols: [http/1.1]", server=dict(alpn=["http/1.1"]))
up("up_alpn_none_shared", "alpn_protocols: [x]", server=dict(alpn=["http/1.1"]))
for v in ("1.2", "1.3"):
    n = v.replace(".", "")
    high = "tls_params: {tls_maximum_protocol_version: TLSv1_3}\n"
    up(f"up_client_use_{n}", high + CA, server=dict(versions=v, cert="server_client_use"))
    up(f"up_key_usage_{n}", high + CA, server=dict(versions=v, cert="server_no_signing"), mask=USAGE_ALERT)
    up(f"up_key_usage_unchecked_{n}", high, server=dict(versions=v, cert="server_no_signing"), mask=USAGE_ALERT)
up("up_key_usage_not_enforced", CA, "enforce_rsa_key_usage: false", server=dict(cert="server_no_signing"), mask=USAGE_ALERT)
up("up_hash", 'validation_context: {verify_certificate_hash: ["{{sha256.server}}"]}')
up("up_hash_wrong", 'validation_context: {verify_certificate_hash: ["{{sha256.two}}"]}',
   mask=[("tlsv1_bad_certificate_hash_value|sslv3_alert_bad_certificate", "<alert>")])
up("up_allow_expired", "validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}, allow_expired_certificate: true}",
   server=dict(cert="server_expired"))
up("up_accept_untrusted", "validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}",
   server=dict(cert="server_other"))
up("up_rsa", CA, server=dict(cert="server_rsa"))
up("up_p384", CA, server=dict(cert="server_384"))
up("up_wildcard", SAN % "a.wild.example")

# Failures.

up("up_old_version", "tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}", server=dict(versions="1.2"))
up("up_only_13", server=dict(versions="1.3"))
up("up_no_cipher", "tls_params: {cipher_suites: [ECDHE-RSA-AES128-GCM-SHA256]}")
up("up_no_group", "tls_params: {ecdh_curves: [P-521]}", server=dict(groups="prime256v1"))


def tcp(name, *ops, stats=STATS, **kw):
    scenario(name, certs=True, up={"up": Tcp(*ops)}, clusters={"up": {"yaml": socket("", "sni: a.example") + "\nconnect_timeout: 0.5s"}},
             client=get("/"), stats=stats, log_format=LOG, no_upstream=True, **kw)


tcp("up_plaintext_answer", raw("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), fin())
tcp("up_plaintext_silent", hold())
tcp("up_resets_after_hello", expect(b"a.example"), rst())
tcp("up_closes_after_hello", expect(b"a.example"), fin())
tcp("up_alert", raw(b"\x15\x03\x03\x00\x02\x02\x28"), fin())
tcp("up_garbage", raw(b"\x00\x01\x02\x03\x04\x05\x06\x07"), hold())
scenario("up_refused", certs=True, up={"up": REFUSE}, clusters={"up": {"yaml": socket("")}}, client=get("/"), stats=STATS, log_format=LOG)
up("up_fails_then_retries", CA, server=dict(cert="server_other"),
   routes="- {match: {prefix: /}, route: {cluster: {{up}}, retry_policy: {retry_on: connect-failure, num_retries: 1}}}")

# Connections and sessions.

up("up_reused_connection", client=get("/1") + get("/2"))
up("up_session_resumed", CA, script=[ok("1", "connection: close")], client=get("/1") + get("/2") + get("/3"))
up("up_session_resumed_13", CA + "\ntls_params: {tls_maximum_protocol_version: TLSv1_3}", script=[ok("1", "connection: close")],
   client=get("/1") + get("/2") + get("/3"))
up("up_session_off", CA, "max_session_keys: 0", script=[ok("1", "connection: close")], client=get("/1") + get("/2"))
up("up_session_no_tickets", CA, server=dict(tickets=False), script=[ok("1", "connection: close")], client=get("/1") + get("/2"))
up("up_close_notify", script=[ok("1") + fin()], client=get("/1"))
up("up_no_close_notify", script=[raw("HTTP/1.1 200 OK\r\n\r\nbody") + rst()], client=get("/1"))
up("up_until_close", script=[raw("HTTP/1.1 200 OK\r\n\r\nbody") + fin()], client=get("/1"))
up("up_large", script=[ok("a" * 300000)], client=req("/", method="POST", body="b" * 200000))
up("up_small_records", server=dict(piece=7), script=[ok("a" * 3000)], client=req("/", method="POST", body="b" * 3000))
up("up_scheme", routes="""- match: {prefix: /}
  route: {cluster: {{up}}}
  request_headers_to_add: [{header: {key: x-scheme, value: "%REQ(:SCHEME)%"}}]
""")
up("up_scheme_match_upstream", hcm="scheme_header_transformation: {match_upstream: true}", routes="""- match: {prefix: /}
  route: {cluster: {{up}}}
  request_headers_to_add: [{header: {key: x-scheme, value: "%REQ(:SCHEME)%"}}]
""")
scenario("up_tcp_proxy", kind="tcp", certs=True, up={"up": Tls(Tcp(expect(b"hi"), raw("there"), fin()))},
         clusters={"up": {"yaml": socket(CA, "sni: a.example")}}, client=send("hi") + raw_all(), stats=STATS)
scenario("up_tcp_proxy_half_close", kind="tcp", certs=True, up={"up": Tls(Tcp(tunnel_echo()))},
         clusters={"up": {"yaml": socket(CA)}}, client=send("hi") + half_close() + raw_all(), stats=STATS)
scenario("up_tcp_proxy_untrusted", kind="tcp", certs=True, up={"up": Tls(Tcp(tunnel_echo()), cert="server_other")},
         clusters={"up": {"yaml": socket(CA)}}, client=send("hi") + raw_all(), stats=STATS)
