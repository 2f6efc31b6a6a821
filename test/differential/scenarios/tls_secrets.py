"""Where certificates, keys and trust come from: inline, environment, files that change, secrets by name and from SDS files."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
HI = """- match: {prefix: /}
  direct_response: {status: 200, body: {inline_string: "hi"}}
"""
SSL = "listener.127.0.0.1_{{port}}."
UPDATES = SSL + "server_ssl_socket_factory.ssl_context_update_by_sds"
STATS = [UPDATES, SSL + "server_ssl_socket_factory.downstream_context_secrets_not_ready", SSL + "ssl.handshake", SSL + "ssl.connection_error"]


def chain(common, more=""):
    return f"""
filter_chains:
- filters: [the]
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config: {{"@type": {TLS}DownstreamTlsContext, common_tls_context: {{{common}}}, {more}}}
"""


def down(name, common, client, more="", stats=STATS, **kw):
    scenario(name, certs=True, chains=chain(common, more), routes=HI, client=client, stats=stats, no_log=True, **kw)


def ask(c="c", **kw):
    return tls(c, **kw) + get("/", c=c)


def files(name):
    return f"certificate_chain: {{filename: {{{{certs}}}}/{name}.pem}}, private_key: {{filename: {{{{certs}}}}/{name}.key}}"


# Sources.

down("source_inline_string", 'tls_certificates: [{certificate_chain: {inline_string: "{{pem.server}}"}, private_key: {inline_string: "{{key.server}}"}}]', ask())
down("source_inline_bytes", 'tls_certificates: [{certificate_chain: {inline_bytes: "{{pem64.server}}"}, private_key: {inline_bytes: "{{key64.server}}"}}]', ask())
down("source_environment", "tls_certificates: [{certificate_chain: {environment_variable: THE_CERT}, private_key: {environment_variable: THE_KEY}}]",
     ask(), own=True, env={"THE_CERT": "{{pem.server}}", "THE_KEY": "{{key.server}}"})

# Secrets by name.


def secrets(text):
    return "static_resources:\n  +secrets:\n" + "\n".join("  " + line for line in text.strip().splitlines())


down("secret_certificate", "tls_certificate_sds_secret_configs: [{name: secret_certificate}]", ask(),
     bootstrap=secrets("- {name: secret_certificate, tls_certificate: {%s}}" % files("server")))
down("secret_two_certificates", "tls_certificate_sds_secret_configs: [{name: two_certificates_ec}, {name: two_certificates_rsa}]",
     ask("a") + ask("b", ciphers="kRSA:ECDHE+aRSA", versions="1.2"), bootstrap=secrets(
         "- {name: two_certificates_ec, tls_certificate: {%s}}\n- {name: two_certificates_rsa, tls_certificate: {%s}}" % (files("server"), files("server_rsa"))))
down("secret_validation", "tls_certificates: [{%s}], validation_context_sds_secret_config: {name: secret_validation}" % files("server"),
     ask("a", cert="client") + tls("b", cert="client_other", versions="1.2"), more="require_client_certificate: true",
     bootstrap=secrets("- {name: secret_validation, validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}}}"))
down("secret_validation_combined", "tls_certificates: [{%s}], combined_validation_context: {validation_context_sds_secret_config: {name: secret_combined}, "
     "default_validation_context: {match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: 'spiffe://td/client'}}]}}" % files("server"),
     ask("a", cert="client") + tls("b", cert="client_wrong", versions="1.2"), more="require_client_certificate: true",
     bootstrap=secrets("- {name: secret_combined, validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}}}"))

# Secrets from files.

SDS = """resources:
- "@type": %sSecret
  name: %s
  %s
"""


def certificate(secret, name):
    return SDS % (TLS, secret, "tls_certificate: {%s}" % files(name))


def trust(secret, ca, more=""):
    return SDS % (TLS, secret, "validation_context: {trusted_ca: {filename: {{certs}}/%s.pem}%s}" % (ca, more))


def sds(secret, path="{{dir}}/sds.yaml", more=""):
    return "{name: %s, sds_config: {path_config_source: {path: '%s'%s}}}" % (secret, path, more)


def own(secret):
    return [f"sds.{secret}.{n}" for n in ("update_attempt", "update_success", "update_failure", "update_rejected", "key_rotation_failed")]


down("sds_file", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_file"), ask(), files={"sds.yaml": certificate("sds_file", "server")},
     stats=STATS + own("sds_file"))
down("sds_file_rotated", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_rotated"),
     ask("a") + write("{{dir}}/sds.yaml", certificate("sds_rotated", "two")) + stat_is(UPDATES, 2) + ask("b") + get("/", c="a"),
     files={"sds.yaml": certificate("sds_rotated", "server")}, stats=STATS + own("sds_rotated"))
down("sds_file_same_again", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_same"),
     ask("a") + write("{{dir}}/sds.yaml", certificate("sds_same", "server")) + stat_is("sds.sds_same.update_success", 2) + ask("b"),
     files={"sds.yaml": certificate("sds_same", "server")}, stats=STATS + own("sds_same"))
for what, text in (("garbage", "resources: [nonsense"), ("wrong_key", SDS % (TLS, "sds_bad", "tls_certificate: {certificate_chain: {filename: {{certs}}/two.pem}, "
                                                           "private_key: {filename: {{certs}}/server.key}}")),
                   ("no_file", SDS % (TLS, "sds_bad", "tls_certificate: {certificate_chain: {filename: {{certs}}/none.pem}, private_key: {filename: {{certs}}/server.key}}")),
                   ("other_kind", trust("sds_bad", "ca")), ("other_name", certificate("some_other", "two")),
                   ("nothing", "resources: []\n"), ("unknown_field", certificate("sds_bad", "two").replace("name:", "nome:")),
                   ("two_secrets", certificate("sds_bad", "two") + certificate("sds_bad2", "two").replace("resources:\n", ""))):
    secret = "sds_bad_" + what
    down(f"sds_file_then_{what}", "tls_certificate_sds_secret_configs: [%s]" % sds(secret),
         ask("a") + write("{{dir}}/sds.yaml", text.replace("sds_bad", secret, 1)) + stat_is(f"sds.{secret}.update_attempt", 2) + pause(0.05) + ask("b")
         + write("{{dir}}/sds.yaml", certificate(secret, "two")) + stat_is(f"sds.{secret}.update_attempt", 3) + pause(0.05) + ask("d"),
         files={"sds.yaml": certificate(secret, "server")}, stats=STATS + own(secret))
WATCHED = "tls_certificate: {certificate_chain: {filename: {{dir}}/c/cert.pem}, private_key: {filename: {{dir}}/c/key.pem}, watched_directory: {path: {{dir}}/c}}"
down("sds_watched_directory", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_watched"),
     ask("a") + write("{{dir}}/c/key.pem", '{{key.two}}') + write("{{dir}}/c/cert.pem", '{{pem.two}}') + stat_is(UPDATES, 2) + ask("b"),
     files={"sds.yaml": SDS % (TLS, "sds_watched", WATCHED), "c/cert.pem": "{{pem.server}}", "c/key.pem": "{{key.server}}"},
     stats=[])
down("sds_files_watched_by_themselves", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_unwatched"),
     ask("a") + write("{{dir}}/c/key.pem", '{{key.two}}') + write("{{dir}}/c/cert.pem", '{{pem.two}}') + stat_is(UPDATES, 2) + ask("b"),
     files={"sds.yaml": SDS % (TLS, "sds_unwatched", WATCHED.replace(", watched_directory: {path: {{dir}}/c}", "")),
            "c/cert.pem": "{{pem.server}}", "c/key.pem": "{{key.server}}"},
     stats=[])
down("sds_config_path_watched_directory", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_path", "{{dir}}/now/sds.yaml", ", watched_directory: {path: {{dir}}}"),
     ask("a") + rename("{{dir}}/now", "{{dir}}/old") + rename("{{dir}}/next", "{{dir}}/now") + stat_is(UPDATES, 2) + ask("b"),
     files={"now/sds.yaml": certificate("sds_path", "server"), "next/sds.yaml": certificate("sds_path", "two")}, stats=[])
down("sds_validation_rotated", "tls_certificates: [{%s}], validation_context_sds_secret_config: %s" % (files("server"), sds("sds_trust")),
     ask("a", cert="client") + tls("x", cert="client_other", versions="1.2") + write("{{dir}}/sds.yaml", trust("sds_trust", "otherca")) + stat_is(UPDATES, 2)
     + ask("b", cert="client_other") + tls("y", cert="client", versions="1.2") + get("/", c="a"), more="require_client_certificate: true",
     files={"sds.yaml": trust("sds_trust", "ca")}, stats=STATS + own("sds_trust"))
down("sds_combined", "tls_certificates: [{%s}], combined_validation_context: {validation_context_sds_secret_config: %s, default_validation_context: "
     "{match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: 'spiffe://td/client'}}]}}" % (files("server"), sds("sds_combined")),
     ask("a", cert="client") + tls("b", cert="client_wrong", versions="1.2"), more="require_client_certificate: true",
     files={"sds.yaml": trust("sds_combined", "ca")})
down("sds_combined_both_have_names", "tls_certificates: [{%s}], combined_validation_context: {validation_context_sds_secret_config: %s, default_validation_context: "
     "{match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: 'spiffe://td/client'}}]}}" % (files("server"), sds("sds_combined2")),
     ask("a", cert="client") + ask("b", cert="client_wrong"), more="require_client_certificate: true",
     files={"sds.yaml": trust("sds_combined2", "ca", ", match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: else.example}}]")})
down("sds_shared_by_two_chains", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_shared"), ask("a"), files={"sds.yaml": certificate("sds_shared", "server")},
     bootstrap="""
static_resources:
  +clusters:
  - name: shared
    connect_timeout: 1s
    transport_socket: {name: tls, typed_config: {"@type": %sUpstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [%s]}}}
""" % (TLS, sds("sds_shared")), stats=STATS + own("sds_shared") + ["cluster.shared.client_ssl_socket_factory.ssl_context_update_by_sds"])
down("sds_session_ticket_keys", "tls_certificates: [{%s}]" % files("server"), ask("a", versions="1.2") + ask("b", versions="1.2", resume="a"),
     more="session_ticket_keys_sds_secret_config: " + sds("sds_tickets"),
     files={"sds.yaml": SDS % (TLS, "sds_tickets", "session_ticket_keys: {keys: [{inline_bytes: '%s'}]}" % ("QUJD" * 26 + "QUI="))})

# Upstream.


def up(name, common, client, **kw):
    scenario(name, certs=True, up={"up": Tls([ok("1", "connection: close")], cert="server_other", ca="ca", ask=True, **kw.pop("server", {}))}, client=client,
             no_log=True, no_upstream=True, clusters={"up": {"yaml": "transport_socket: {name: tls, typed_config: {'@type': %sUpstreamTlsContext, "
                                                             "common_tls_context: {%s}}}\n" % (TLS, common)}}, **kw)


CLIENT_UPDATES = "cluster.{{up}}.client_ssl_socket_factory.ssl_context_update_by_sds"
up("sds_upstream_trust_rotated", "tls_certificates: [{%s}], validation_context_sds_secret_config: %s" % (files("client"), sds("sds_up_trust")),
   get("/") + write("{{dir}}/sds.yaml", trust("sds_up_trust", "otherca")) + stat_is(CLIENT_UPDATES, 2) + get("/"), files={"sds.yaml": trust("sds_up_trust", "ca")},
   stats=[CLIENT_UPDATES, "cluster.{{up}}.ssl.fail_verify_error", "cluster.{{up}}.ssl.handshake"])
up("sds_upstream_certificate_rotated", "tls_certificate_sds_secret_configs: [%s]" % sds("sds_up_cert"),
   get("/") + write("{{dir}}/sds.yaml", certificate("sds_up_cert", "client_rsa")) + stat_is(CLIENT_UPDATES, 2) + get("/"),
   files={"sds.yaml": certificate("sds_up_cert", "client")}, stats=[CLIENT_UPDATES, "cluster.{{up}}.ssl.handshake"])

# What a config may have.

LISTENER = """
node: {id: node, cluster: service}
static_resources:
  secrets: [%s]
  clusters: [{name: c, connect_timeout: 1s}]
  listeners:
  - name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 19999}}
    filter_chains:
    - filters:
      - {name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c}}
      transport_socket: {name: tls, typed_config: {"@type": %sDownstreamTlsContext, common_tls_context: {%s}, %s}}
"""


def config(name, common, more="", named="", **kw):
    scenario("tls_config_" + name, kind="validate", certs=True, config=LISTENER % (named, TLS, common, more), **kw)


SERVER = "tls_certificates: [{%s}]" % files("server")


def trusted(text):
    return SERVER + ", validation_context: {%s}" % text


CA = "trusted_ca: {filename: {{certs}}/ca.pem}"
config("no_certificate", "")
config("certificate_without_key", "tls_certificates: [{certificate_chain: {filename: {{certs}}/server.pem}}]")
config("empty_certificate", "tls_certificates: [{}]")
config("key_of_another", "tls_certificates: [{certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/two.key}}]")
config("no_file", "tls_certificates: [{certificate_chain: {filename: /nonexistent/cert.pem}, private_key: {filename: {{certs}}/two.key}}]")
config("garbage_inline", 'tls_certificates: [{certificate_chain: {inline_string: "-----BEGIN CERTIFICATE-----\\nnope\\n-----END CERTIFICATE-----\\n"}, private_key: {filename: {{certs}}/two.key}}]')
config("no_such_variable", "tls_certificates: [{certificate_chain: {environment_variable: NO_SUCH_VARIABLE}, private_key: {filename: {{certs}}/two.key}}]")
config("expired_certificate", "tls_certificates: [{%s}]" % files("server_expired"))
config("ca_empty", trusted('trusted_ca: {inline_string: ""}'))
config("ca_garbage", trusted('trusted_ca: {inline_string: "hello"}'))
REFUSED = {"exit": 1, "ok": None}
config("crl_garbage", trusted(CA + ', crl: {inline_string: "hello"}'), outrigger=REFUSED, differs="a CRL that cannot be read would let revoked certificates through")
config("crl_without_ca", trusted("crl: {filename: {{certs}}/ca.crl}"))
config("names_without_ca", trusted("match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a}}]"))
config("names_without_kind", trusted(CA + ", match_typed_subject_alt_names: [{matcher: {exact: a}}]"))
config("names_bad_regex", trusted(CA + ", match_typed_subject_alt_names: [{san_type: DNS, matcher: {safe_regex: {regex: '('}}}]"))
config("names_other_bad_oid", trusted(CA + ", match_typed_subject_alt_names: [{san_type: OTHER_NAME, matcher: {exact: a}, oid: 'x.y'}]"))
config("hash_colons", trusted("verify_certificate_hash: ['%s']" % ":".join(["ab"] * 32)))
config("hash_short", trusted("verify_certificate_hash: ['abcd']"))
config("spki_no_base64", trusted("verify_certificate_spki: ['%s']" % ("!" * 44)))
config("expired_without_ca", trusted("allow_expired_certificate: true"))
config("depth", trusted(CA + ", max_verify_depth: 101"))
config("unknown_validator", trusted('custom_validator_config: {name: x, typed_config: {"@type": type.googleapis.com/google.protobuf.Struct}}'))
SPIFFE = 'custom_validator_config: {name: envoy.tls.cert_validator.spiffe, typed_config: {"@type": %sSPIFFECertValidatorConfig, %%s}}' % TLS
config("spiffe_none", trusted(SPIFFE % ""), outrigger=REFUSED, differs="no trust domain: no certificate would ever be good")
config("spiffe_twice", trusted(SPIFFE % "trust_domains: [{name: td, trust_bundle: {filename: {{certs}}/ca.pem}}, {name: td, trust_bundle: {filename: {{certs}}/ca.pem}}]"))
config("spiffe_garbage", trusted(SPIFFE % "trust_domains: [{name: td, trust_bundle: {inline_string: nope}}]"))
for value in ("TLSv1_3", "NOPE"):
    config("minimum_" + value, SERVER + ", tls_params: {tls_minimum_protocol_version: %s}" % value)
config("minimum_above_maximum", SERVER + ", tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_2}",
       outrigger=REFUSED, differs="no version is left: every handshake would fail")
for what, ciphers in (("group", '"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]", AES128-SHA'), ("open_group", '"[ECDHE-ECDSA-AES128-GCM-SHA256"'),
                      ("unknown", "NOPE"), ("tls13", "TLS_AES_128_GCM_SHA256"), ("excluded", '"ALL:!AES256"')):
    config("ciphers_" + what, SERVER + ", tls_params: {cipher_suites: [%s]}" % ciphers)
config("ciphers_triple_des", SERVER + ", tls_params: {cipher_suites: [DES-CBC3-SHA]}", outrigger=REFUSED, differs="OpenSSL 3 is built without 3DES")
for what, curves in (("prime", "prime256v1, secp384r1, secp521r1, x25519"), ("p224", "P-224"), ("unknown", "NOPE"), ("kyber", "X25519Kyber768Draft00"), ("secp256r1", "secp256r1")):
    config("curves_" + what, SERVER + ", tls_params: {ecdh_curves: [%s]}" % curves)
config("curves_mlkem", SERVER + ", tls_params: {ecdh_curves: [X25519MLKEM768]}", outrigger=REFUSED, differs="OpenSSL 3.0 does not have ML-KEM")
for what, names in (("unknown", "nope"), ("sha1", "rsa_pkcs1_sha1")):
    config("signatures_" + what, SERVER + ", tls_params: {signature_algorithms: [%s]}" % names)
config("alpn_empty_name", SERVER + ', alpn_protocols: [""]', outrigger=REFUSED, differs="an empty name cannot be sent (RFC 7301, 3.1)")
config("unknown_secret", "tls_certificate_sds_secret_configs: [{name: nobody}]")
config("secret_of_other_kind", "tls_certificate_sds_secret_configs: [{name: s}]", named="{name: s, validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}}}")
config("secret_twice", SERVER, named="{name: s, tls_certificate: {%s}}, {name: s, tls_certificate: {%s}}" % (files("server"), files("server")))
config("secret_without_name", SERVER, named="{tls_certificate: {%s}}" % files("server"))
config("secret_unused_and_bad", SERVER, named="{name: s, tls_certificate: {certificate_chain: {inline_string: x}, private_key: {inline_string: nope}}}")
config("sds_file_missing", "tls_certificate_sds_secret_configs: [{name: s, sds_config: {path_config_source: {path: /nonexistent/sds.yaml}}}]")
config("sds_file_relative", "tls_certificate_sds_secret_configs: [{name: s, sds_config: {path_config_source: {path: sds.yaml}}}]")
config("sds_old_path", "tls_certificate_sds_secret_configs: [{name: s, sds_config: {path: '{{certs}}/ca.conf'}}]")
config("both_kinds_of_certificates", SERVER + ", tls_certificate_sds_secret_configs: [{name: s}]", named="{name: s, tls_certificate: {%s}}" % files("two"))
config("ticket_keys_short", SERVER, "session_ticket_keys: {keys: [{inline_string: short}]}")
config("ticket_keys_none", SERVER, "session_ticket_keys: {keys: []}")
config("session_timeout_negative", SERVER, "session_timeout: -1s")
config("ocsp_must_staple", SERVER, "ocsp_staple_policy: MUST_STAPLE")
config("old_verify_names", trusted(CA + ", verify_subject_alt_name: [a]"))
