"""Every kind of certificate by every version, in each of its roles: a client's at our listener, a server's that our cluster
checks, and ours at a server that checks clients. What each side sees, the reason that is logged, the counters."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
VERSIONS = ("1.2", "1.3")
HELLO = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hello"}}
"""


def pair(name):
    return f"tls_certificates: [{{certificate_chain: {{filename: {{{{certs}}}}/{name}.pem}}, private_key: {{filename: {{{{certs}}}}/{name}.key}}}}]"


def trust(san):
    return "validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}, match_typed_subject_alt_names: [%s]}" % san


# Our listener checks clients.

CLIENTS = {"none": None, "wrong_ca": "client_other", "self_signed": "client_self", "self_signed_ca": "client_self_ca", "expired": "client_expired", "future": "client_future",
           "wrong_san": "client_wrong", "wrong_use": "client_server_use", "no_signing": "client_no_signing", "good": "client",
           "good_rsa": "client_rsa", "good_chain": "client_inter"}
DOWN_LOG = {"code": "%RESPONSE_CODE%", "version": "%DOWNSTREAM_TLS_VERSION%", "cipher": "%DOWNSTREAM_TLS_CIPHER%",
            "peer": "%DOWNSTREAM_PEER_SUBJECT%", "issuer": "%DOWNSTREAM_PEER_ISSUER%", "san": "%DOWNSTREAM_PEER_URI_SAN%",
            "presented": "%DOWNSTREAM_PEER_CERT_V_START%", "failure": "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%"}
LISTENER_LOG = listener_log('failure: "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", version: "%DOWNSTREAM_TLS_VERSION%", '
                            'cipher: "%DOWNSTREAM_TLS_CIPHER%", peer: "%DOWNSTREAM_PEER_SUBJECT%", flags: "%RESPONSE_FLAGS%", '
                            'term: "%CONNECTION_TERMINATION_DETAILS%"')
DOWN_STATS = [f"listener.127.0.0.1_{{{{port}}}}.{name}" for name in (
    "ssl.handshake", "ssl.connection_error", "ssl.no_certificate", "ssl.fail_verify_no_cert", "ssl.fail_verify_error",
    "ssl.fail_verify_san", "ssl.fail_verify_cert_hash", "downstream_cx_destroy")] + [
    f"http.{{{{name}}}}.{name}" for name in ("downstream_cx_total", "downstream_cx_ssl_total", "downstream_cx_ssl_active", "downstream_rq_total",
                                             "downstream_cx_destroy_remote")]
# OpenSSL offers no way to choose the alert.
ALERT = [("sslv3_alert_illegal_parameter|sslv3_alert_bad_certificate", "<alert>")]


def down(name, cert, version, demand):
    context = f"{pair('server')}, {trust('{san_type: URI, matcher: {exact: spiffe://td/client}}')}"
    served = name.startswith("good")  # names to match demand a certificate, whatever require_client_certificate says
    scenario(f"matrix_client_{name}_{version.replace('.', '')}_{demand}", certs=True, routes=HELLO, listener=LISTENER_LOG,
             log_format=DOWN_LOG, unordered_log=True, stats=DOWN_STATS, mask=ALERT,
             client=tls(versions=version, cert=cert) + (get("/") if served else raw_all()), chains=f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{{context}}}, require_client_certificate: {str(demand == "required").lower()}}}
""")


for v in VERSIONS:
    for kind, which in CLIENTS.items():
        down(kind, which, v, "required")
        down(kind, which, v, "optional")

# Our cluster checks servers.

SERVERS = {"wrong_ca": "server_other", "self_signed": "server_self", "self_signed_ca": "server_self_ca", "expired": "server_expired", "future": "server_future",
           "wrong_san": "two", "wrong_use": "server_client_use", "good": "server", "good_rsa": "server_rsa"}
UP_LOG = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
          "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "version": "%UPSTREAM_TLS_VERSION%", "cipher": "%UPSTREAM_TLS_CIPHER%",
          "peer": "%UPSTREAM_PEER_SUBJECT%", "issuer": "%UPSTREAM_PEER_ISSUER%"}
UP_STATS = [f"cluster.{{{{up}}}}.{name}" for name in (
    "ssl.handshake", "ssl.connection_error", "ssl.no_certificate", "ssl.fail_verify_error", "ssl.fail_verify_san", "ssl.fail_verify_cert_hash",
    "upstream_cx_total", "upstream_cx_connect_fail", "upstream_cx_destroy", "upstream_rq_total", "upstream_rq_pending_failure_eject")]
BOTH = "tls_params: {tls_maximum_protocol_version: TLSv1_3}"


def up(name, common, server, trusted, **kw):
    san = "{san_type: DNS, matcher: {exact: server.example}}"
    common = ", ".join(x for x in (BOTH, common, trust(san) if trusted else "") if x)
    scenario(name, certs=True, up={"up": Tls([ok()], **server)}, client=get("/"), stats=UP_STATS, log_format=UP_LOG, clusters={"up": {
        "yaml": f'transport_socket: {{name: tls, typed_config: {{"@type": {TLS}UpstreamTlsContext, common_tls_context: {{{common}}}}}}}\n'}}, **kw)


for v in VERSIONS:
    n = v.replace(".", "")
    for kind, which in SERVERS.items():
        up(f"matrix_server_{kind}_{n}", "", dict(versions=v, cert=which), True)
        if kind != "wrong_san":
            up(f"matrix_server_{kind}_{n}_unchecked", "", dict(versions=v, cert=which), False)

    # A server checks ours, while we check its.
    for kind in ("none", "wrong_ca", "self_signed", "expired", "future", "wrong_use", "good", "good_rsa", "good_chain"):
        up(f"matrix_mutual_{kind}_{n}", pair(CLIENTS[kind]) if CLIENTS[kind] else "", dict(versions=v, ca="ca", ask=True), True)
    up(f"matrix_mutual_good_but_server_expired_{n}", pair("client"), dict(versions=v, ca="ca", ask=True, cert="server_expired"), True)
