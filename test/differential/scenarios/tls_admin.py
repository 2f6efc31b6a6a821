"""What the admin pages say of certificates and secrets; private keys are on none of them."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
HI = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hi"}}
"""
DAYS = [('"days_until_expiration": "?[1-9]\\d+"?', '"days_until_expiration": <days>'), (r"^[2-9]\d{3}$", "<days>"), (r"days_until_first_cert_expiring: [1-9]\d+", "days: <days>"),
        (r"days_until_first_cert_expiring\{\} [1-9]\d+", "days: <days>"), (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "<time>"),
        ('"expiration_unix_time_seconds": "\\d+"', '"expiration_unix_time_seconds": <time>'), ("(expiration_unix_time_seconds(\\{[^}]*\\})?:?) \\d+", "\\1 <time>")]


def files(name):
    return f"certificate_chain: {{filename: {{{{certs}}}}/{name}.pem}}, private_key: {{filename: {{{{certs}}}}/{name}.key}}"


def chain(common, more=""):
    return f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{{common}}}, {more}}}
"""


def page(name, client, common="tls_certificates: [{%s}]" % files("server"), more="", **kw):
    scenario(name, certs=True, own=True, chains=chain(common, more), routes=HI, client=client, no_log=True, no_upstream=True, mask=DAYS, **kw)


INLINE = 'tls_certificates: [{certificate_chain: {inline_string: "{{pem.server}}"}, private_key: {inline_string: "{{key.server}}"}}]'
BYTES = 'tls_certificates: [{certificate_chain: {inline_bytes: "{{pem64.server}}"}, private_key: {inline_bytes: "{{key64.server}}"}, password: {inline_string: secret}}]'
CA = ", validation_context: {trusted_ca: {filename: {{certs}}/%s.pem}}"
CERTS = admin("/certs", head=False)

# /certs

page("certs_server", CERTS)
page("certs_with_two_cas", CERTS, "tls_certificates: [{%s}]" % files("server") + CA % "both")
page("certs_two_certificates", CERTS, "tls_certificates: [{%s}, {%s}]" % (files("server"), files("server_rsa")))
page("certs_many_names", CERTS, "tls_certificates: [{%s}]" % files("client_many"))
page("certs_with_chain", CERTS, "tls_certificates: [{%s}]" % files("client_inter"))
page("certs_expired", CERTS + admin("/stats?filter=days_until", head=False), "tls_certificates: [{%s}]" % files("server_expired"))
page("certs_by_name", CERTS, "tls_certificate_sds_secret_configs: [{name: mine}]",
     bootstrap="static_resources: {secrets: [{name: mine, tls_certificate: {%s}}]}" % files("server"))
page("certs_spiffe", CERTS, "tls_certificates: [{%s}], validation_context: {custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: "
     '{"@type": %sSPIFFECertValidatorConfig, trust_domains: [{name: td, trust_bundle: {filename: {{certs}}/ca.pem}}]}}}' % (files("server"), TLS))
page("certs_spiffe_two", CERTS, "tls_certificates: [{%s}], validation_context: {custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: "
     '{"@type": %sSPIFFECertValidatorConfig, trust_domains: [{name: td, trust_bundle: {filename: {{certs}}/both.pem}}, {name: td2, trust_bundle: '
     '{filename: {{certs}}/otherca.pem}}, {name: td3, trust_bundle: {inline_string: "{{pem.ca}}"}}]}}}' % (files("server"), TLS))
page("certs_both_secrets_expire", admin("/stats?filter=days_until", head=False), "tls_certificates: [{%s}]" % files("server") + CA % "server_expired")
scenario("certs_none", own=True, routes=HI, client=CERTS + admin("/stats?filter=days_until", head=False), no_log=True)
scenario("certs_of_cluster", own=True, certs=True, client=CERTS, no_log=True, mask=DAYS, no_upstream=True, clusters={"up": {
    "yaml": 'transport_socket: {name: tls, typed_config: {"@type": %sUpstreamTlsContext, common_tls_context: {%s}}}' % (TLS, "tls_certificates: [{%s}]" % files("client") + CA % "ca")}})

# /stats

page("certs_days_of_ca", admin("/stats?filter=days_until", head=False), "tls_certificates: [{%s}]" % files("server") + CA % "both")
SSL = admin("/stats?filter=ssl", head=False)
page("counters_fresh", SSL)
page("counters_12", tls(versions="1.2") + get("/") + SSL)
page("counters_resumed", tls("a") + get("/", c="a") + tls("b", resume="a") + get("/", c="b") + SSL)
page("counters_prometheus", tls() + get("/") + admin("/stats/prometheus?filter=ssl", head=False))
page("counters_used", tls() + get("/") + admin("/stats?filter=ssl&usedonly", head=False))
page("counters_expiration", tls() + get("/") + admin("/stats?filter=certificate", head=False) + admin("/stats/prometheus?filter=certificate", head=False),
     "tls_certificates: [{%s}]" % files("server") + CA % "ca")
scenario("counters_upstream", own=True, certs=True, up=Tls([ok()]), client=get("/") + SSL + admin("/stats/prometheus?filter=ssl", head=False), no_log=True, no_upstream=True, mask=DAYS,
         clusters={"up": {"yaml": 'transport_socket: {name: tls, typed_config: {"@type": %sUpstreamTlsContext, common_tls_context: {%s}}}' % (TLS, "tls_certificates: [{%s}]" % files("client") + CA % "ca")}})

# /config_dump

SECRETS = admin("/config_dump?resource=static_secrets", head=False) + admin("/config_dump?resource=dynamic_active_secrets", head=False)
LISTENERS = admin("/config_dump?resource=static_listeners", head=False)
DUMP = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "<time>")]


def dump(name, client, common, more="", **kw):
    scenario(name, certs=True, own=True, chains=chain(common, more), routes=HI, client=client, no_log=True, no_upstream=True, mask=DUMP, **kw)


dump("dump_inline_key", LISTENERS, INLINE)
dump("dump_inline_bytes", LISTENERS, BYTES)
dump("dump_bootstrap", admin("/config_dump?mask=bootstrap", keep="private_key|inline_|filename|redacted", head=False), INLINE)
dump("dump_ticket_keys", LISTENERS, INLINE, "session_ticket_keys: {keys: [{inline_string: '%s'}, {inline_bytes: '%s'}]}" % ("k" * 80, "QUJD" * 26 + "QUI="))
dump("dump_static_secret", SECRETS, "tls_certificate_sds_secret_configs: [{name: mine}]",
     bootstrap='static_resources: {secrets: [{name: mine, tls_certificate: {certificate_chain: {inline_string: "{{pem.server}}"}, private_key: {inline_string: "{{key.server}}"}}}]}')
dump("dump_static_ticket_keys", SECRETS, INLINE, "session_ticket_keys_sds_secret_config: {name: mine}",
     bootstrap="static_resources: {secrets: [{name: mine, session_ticket_keys: {keys: [{inline_string: '%s'}]}}]}" % ("k" * 80))
FILE = """resources:
- "@type": %sSecret
  name: mine
  tls_certificate: {certificate_chain: {inline_string: "{{pem.server}}"}, private_key: {inline_string: "{{key.server}}"}}
""" % TLS
dump("dump_secret_from_file", SECRETS, "tls_certificate_sds_secret_configs: [{name: mine, sds_config: {path_config_source: {path: '{{dir}}/sds.yaml'}}}]",
     files={"sds.yaml": FILE})
dump("dump_all_secrets", admin("/config_dump?mask=static_secrets,dynamic_active_secrets", head=False), "tls_certificate_sds_secret_configs: [{name: mine}]",
     bootstrap="static_resources: {secrets: [{name: mine, tls_certificate: {%s}}]}" % files("server"))
