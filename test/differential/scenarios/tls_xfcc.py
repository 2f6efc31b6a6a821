"""x-forwarded-client-cert in all modes, the operators of client certificates, routes that ask for one."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
SENT = "x-forwarded-client-cert: By=spiffe://old;Hash=00;URI=spiffe://client"


def chain(required=False, cert="server"):
    return f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": {TLS}DownstreamTlsContext
      require_client_certificate: {str(required).lower()}
      common_tls_context:
        tls_certificates: [{{certificate_chain: {{filename: {{{{certs}}}}/{cert}.pem}}, private_key: {{filename: {{{{certs}}}}/{cert}.key}}}}]
        validation_context: {{trusted_ca: {{filename: {{{{certs}}}}/both.pem}}}}
"""


def xfcc(name, mode, details="", cert="client", headers=(SENT,), server="server", plain=False, **kw):
    hcm = f"forward_client_cert_details: {mode}"
    if details:
        hcm += f"\nset_current_client_cert_details: {{{details}}}"
    client = ([] if plain else tls(cert=cert)) + get("/", *headers) + (get("/") if headers else [])
    scenario(name, certs=True, chains=None if plain else chain(cert=server), hcm=hcm, client=client, up=[ok()], no_log=True, **kw)


MODES = ("SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY")
for mode in MODES:
    low = mode.lower()
    xfcc(f"xfcc_{low}", mode)
    xfcc(f"xfcc_{low}_no_cert", mode, cert=None)
for mode in ("SANITIZE", "APPEND_FORWARD", "ALWAYS_FORWARD_ONLY"):
    xfcc(f"xfcc_{mode.lower()}_plaintext", mode, plain=True)
ALL = "subject: true, cert: true, chain: true, dns: true, uri: true"
xfcc("xfcc_all_details", "SANITIZE_SET", ALL)
xfcc("xfcc_all_details_append", "APPEND_FORWARD", ALL, cert="client_inter")
for one in ("subject", "cert", "chain"):
    xfcc(f"xfcc_only_{one}", "SANITIZE_SET", f"{one}: true", headers=())
xfcc("xfcc_many_names", "SANITIZE_SET", "subject: true, dns: true, uri: true, issuer: true", cert="client_many", headers=())
xfcc("xfcc_no_names", "SANITIZE_SET", "subject: true, dns: true, uri: true", cert="client_no_san", headers=())
xfcc("xfcc_server_without_uri", "SANITIZE_SET", "uri: true", server="two", headers=())
xfcc("xfcc_with_issuer", "SANITIZE_SET", ALL + ", issuer: true", cert="client_inter", headers=())
xfcc("xfcc_json", "SANITIZE_SET", ALL + ", issuer: true, format: JSON", cert="client_many")
xfcc("xfcc_json_append", "APPEND_FORWARD", "uri: true, format: JSON")
xfcc("xfcc_two_headers_append", "APPEND_FORWARD", "uri: true", headers=(SENT, "x-forwarded-client-cert: Hash=11"))

OURS = '[{"by":["spiffe://td/server"],"hash":"<sha256 of client>","uri":["spiffe://td/client"]}]'
for what, before in (("array", '[{"hash":"00"}]'), ("broken", '[{"hash"'), ("empty", "")):
    xfcc(f"xfcc_json_append_to_{what}", "APPEND_FORWARD", "uri: true, format: JSON", headers=("x-forwarded-client-cert: " + before,))
xfcc("xfcc_json_append_to_empty_array", "APPEND_FORWARD", "uri: true, format: JSON", headers=("x-forwarded-client-cert: []",),
     differs="Envoy writes [,{...}], which is no JSON", outrigger={"upstream": {"up": [
         {"body": "", "headers": ["host: h.example", "x-forwarded-client-cert: " + OURS, "x-forwarded-proto: https",
                                  "x-request-id: <uuid>", "x-envoy-expected-rq-timeout-ms: 15000"], "line": "GET / HTTP/1.1"},
         {"body": "", "headers": ["host: h.example", "x-forwarded-proto: https", "x-request-id: <uuid>",
                                  "x-forwarded-client-cert: " + OURS, "x-envoy-expected-rq-timeout-ms: 15000"], "line": "GET / HTTP/1.1"}]}})
xfcc("xfcc_text_append_to_array", "APPEND_FORWARD", "uri: true", headers=('x-forwarded-client-cert: [{"hash":"00"}]',))
xfcc("xfcc_json_two_headers_append", "APPEND_FORWARD", "uri: true, format: JSON",
     headers=('x-forwarded-client-cert: [{"hash":"00"}]', 'x-forwarded-client-cert: [{"hash":"11"}]'))
xfcc("xfcc_json_no_names", "SANITIZE_SET", "subject: true, dns: true, uri: true, format: JSON", cert="client_no_san", headers=())

# Operators.

PEER = ("SUBJECT", "ISSUER", "SERIAL", "FINGERPRINT_256", "FINGERPRINT_1", "URI_SAN", "DNS_SAN", "IP_SAN", "EMAIL_SAN",
        "OTHERNAME_SAN", "CERT_V_START", "CERT_V_END", "CERT", "CHAIN_FINGERPRINTS_256", "CHAIN_FINGERPRINTS_1", "CHAIN_SERIALS",
        "ISSUER_FINGERPRINT_256", "ISSUER_SERIAL")
LOCAL = ("SUBJECT", "URI_SAN", "DNS_SAN", "IP_SAN", "EMAIL_SAN", "OTHERNAME_SAN")
FORMAT = {**{f"peer_{n}": f"%DOWNSTREAM_PEER_{n}%" for n in PEER}, **{f"local_{n}": f"%DOWNSTREAM_LOCAL_{n}%" for n in LOCAL},
          "version": "%DOWNSTREAM_TLS_VERSION%", "cipher": "%DOWNSTREAM_TLS_CIPHER%", "group": "%DOWNSTREAM_TLS_GROUP%",
          "start": "%DOWNSTREAM_PEER_CERT_V_START(%Y/%m/%d)%", "end": "%DOWNSTREAM_PEER_CERT_V_END(%b %d %Y)%"}
ROUTE = """- match: {prefix: /}
  direct_response: {status: 200}
"""
for cert in ("client", "client_many", "client_inter", "client_no_san", None):
    scenario(f"operators_{cert or 'no_cert'}", certs=True, chains=chain(), routes=ROUTE, client=tls(cert=cert) + get("/"), log_format=FORMAT)
UNTRUSTED = chain().replace("both.pem}}", "ca.pem}, trust_chain_verification: ACCEPT_UNTRUSTED}")
UNCHECKED = chain().replace("        validation_context: {trusted_ca: {filename: {{certs}}/both.pem}}\n", "        validation_context: {verify_certificate_hash: ['{{sha256.client}}']}\n")
for name, socket in (("accepted_untrusted", UNTRUSTED), ("pinned", UNCHECKED)):
    scenario(f"operators_{name}", certs=True, chains=socket, routes=ROUTE, log_format=FORMAT,
             client=tls(cert="client" if name == "pinned" else "client_other") + get("/"))
scenario("operators_no_tls", routes=ROUTE, client=get("/"), log_format=FORMAT)
scenario("operators_in_headers", certs=True, chains=chain(), client=tls(cert="client") + get("/"), no_log=True, routes="""
- match: {prefix: /}
  route: {cluster: "{{up}}"}
  request_headers_to_add:
  - {header: {key: x-uri, value: "%DOWNSTREAM_PEER_URI_SAN%"}}
  - {header: {key: x-cert, value: "%DOWNSTREAM_PEER_CERT%"}}
  - {header: {key: x-serial, value: "%DOWNSTREAM_PEER_SERIAL%"}}
""")

# Routes that ask for a certificate.

CHOICE = """- match: {prefix: /, tls_context: {%s}}
  direct_response: {status: 200, body: {inline_string: matched}}
- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: not}}
"""
for ask in ("presented: true", "presented: false", "validated: true", "validated: false"):
    name = ask.replace(": ", "_").replace(", ", "_and_")
    scenario(f"route_{name}", certs=True, chains=chain(), routes=CHOICE % ask,
             client=tls("a", cert="client") + get("/", c="a") + tls("b") + get("/", c="b"), no_log=True)
scenario("route_validated_false_plaintext", routes=CHOICE % "validated: false", client=get("/"), no_log=True)
scenario("route_validated_untrusted", certs=True, routes=CHOICE % "validated: true", no_log=True,
         chains=UNTRUSTED,
         client=tls("a", cert="client") + get("/", c="a") + tls("b", cert="client_other") + get("/", c="b"))
