"""Names of upstream TLS: SNI and checked names out of the request, ALPN by protocol, sockets by endpoint metadata."""
from harness.dsl import *

TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
RAW = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
CA = "validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}}"
STATS = [f"cluster.{{{{up}}}}.{name}" for name in (
    "upstream_cx_total", "upstream_cx_connect_fail", "upstream_cx_destroy", "ssl.handshake", "ssl.fail_verify_san", "ssl.fail_verify_error",
    "upstream_rq_total", "upstream_rq_pending_total")]
LOG = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%"}


def socket(common="", more=""):
    return f"""transport_socket: {{name: envoy.transport_sockets.tls, typed_config: {{"@type": {TLS}UpstreamTlsContext, common_tls_context: {{{common}}}, {more}}}}}
"""


def options(names, protocol="explicit_http_config: {http_protocol_options: {}}"):
    return f"""typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": {OPTIONS}
    upstream_http_protocol_options: {{{names}}}
    {protocol}
"""


def hosts(*names):
    return [step for n in names for step in get("/", host=n)]


def up(name, yaml, client, server=None, script=None, stats=STATS, **kw):
    scenario(name, certs=True, up={"up": Tls(script or [ok()], **(server or {}))}, clusters={"up": {"yaml": yaml}}, client=client,
             stats=stats, log_format=LOG, **kw)


SNI = "auto_sni: true"
BOTH = "auto_sni: true, auto_san_validation: true"

# SNI out of the request.

up("sni_auto", socket() + options(SNI), hosts("a.example"))
up("sni_auto_ip", socket() + options(SNI), hosts("10.0.0.1"))
up("sni_auto_ip_port", socket() + options(SNI), hosts("10.0.0.1:80"))
up("sni_auto_ip6", socket() + options(SNI), hosts("[::1]:80"))
up("sni_auto_upper_case", socket() + options(SNI), hosts("A.Example"))
up("sni_auto_strange", socket() + options(SNI), hosts("a_b!.example"))
up("sni_auto_over_configured", socket(more="sni: set.example") + options(SNI), hosts("a.example"))
up("sni_auto_ip_over_configured", socket(more="sni: set.example") + options(SNI), hosts("10.0.0.1"))
up("sni_auto_connections_by_name", socket() + options(SNI), hosts("a.example", "b.example", "a.example", "b.example:1", "10.0.0.1", "10.0.0.2"))
scenario("sni_auto_plain_socket", up=[ok()], clusters={"up": {"yaml": options(BOTH)}}, client=hosts("a.example", "b.example"),
         stats=STATS[:3] + STATS[6:], log_format=LOG)
OVERRIDE = SNI + ", override_auto_sni_header: x-sni"
up("sni_override", socket() + options(OVERRIDE), get("/", "x-sni: o.example"))
up("sni_override_absent", socket() + options(OVERRIDE), get("/"))
up("sni_override_empty", socket() + options(OVERRIDE), get("/", "x-sni:"))
up("sni_override_twice", socket() + options(OVERRIDE), get("/", "x-sni: o.example", "x-sni: p.example"))
up("sni_override_host_header", socket() + options(SNI + ', override_auto_sni_header: ":authority"'), get("/"))
up("sni_override_added_by_route", socket() + options(OVERRIDE), get("/"), routes="""
- match: {prefix: /}
  route: {cluster: "{{up}}"}
  request_headers_to_add: [{header: {key: x-sni, value: added.example}}]
""")
up("sni_override_removed_by_route", socket() + options(OVERRIDE), get("/", "x-sni: o.example"), routes="""
- match: {prefix: /}
  route: {cluster: "{{up}}"}
  request_headers_to_remove: [x-sni]
""")
for rewrite, text in (("literal", "host_rewrite_literal: lit.example"), ("auto", "auto_host_rewrite: true")):
    up("sni_after_rewrite_" + rewrite, socket() + options(SNI), get("/p", "x-host: hdr.example"),
       routes=f"""- match: {{prefix: /}}
  route: {{cluster: "{{{{up}}}}", {text}}}
""")
NAMED = """load_assignment:
  endpoints:
  - lb_endpoints:
    - endpoint: {hostname: %s, address: {socket_address: {address: 127.0.0.1, port_value: "{{up.port}}"}}}
"""
up("sni_after_auto_rewrite_to_name", socket() + options(SNI) + NAMED % "named.example", get("/"), routes="""
- match: {prefix: /}
  route: {cluster: "{{up}}", auto_host_rewrite: true}
""")
up("sni_retry", socket() + options(SNI), get("/", host="a.example"), script=[raw("HTTP/1.1 503 no\r\ncontent-length: 0\r\n\r\n"), ok()],
   routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 1}}}\n')
scenario("sni_mirror", certs=True, up={"main": [ok()], "up": Tls([ok()])}, clusters={"up": {"yaml": socket() + options(SNI)}},
         client=get("/", host="a.example") + seen(1), log_format=LOG, routes="""
- match: {prefix: /}
  route: {cluster: "{{main}}", request_mirror_policies: [{cluster: "{{up}}"}]}
""")
up("sni_auto_from_cluster_field", socket() + "upstream_http_protocol_options: {auto_sni: true}\n", hosts("a.example"))
up("sni_host_name", socket(more="auto_host_sni: true") + NAMED % "named.example", get("/"))
up("sni_host_name_over_configured", socket(more="auto_host_sni: true, sni: set.example") + NAMED % "named.example", get("/"))
up("sni_auto_over_host_name", socket(more="auto_host_sni: true") + options(SNI) + NAMED % "named.example", get("/"))

# Names of certificates out of the request.

up("san_auto", socket(CA) + options(BOTH), hosts("server.example"))
up("san_auto_wildcard", socket(CA) + options(BOTH), hosts("a.wild.example"))
up("san_auto_wrong", socket(CA) + options(BOTH), hosts("else.example"))
up("san_auto_right_then_wrong", socket(CA) + options(BOTH), hosts("server.example", "else.example", "server.example"))
up("san_auto_ip", socket(CA) + options(BOTH), hosts("127.0.0.1"))
up("san_auto_other_ip", socket(CA) + options(BOTH), hosts("127.0.0.2"))
up("san_auto_without_sni", socket(CA) + options("auto_san_validation: true"), hosts("server.example", "else.example"))
up("san_auto_without_ca", socket() + options(BOTH), hosts("server.example"))
up("san_auto_upper_case", socket(CA) + options(BOTH), hosts("SERVER.Example"))
up("san_auto_and_configured", socket("validation_context: {trusted_ca: {filename: {{certs}}/ca.pem}, match_typed_subject_alt_names: "
                                     "[{san_type: DNS, matcher: {exact: else.example}}]}") + options(BOTH), hosts("server.example"))
up("san_auto_override", socket(CA) + options(BOTH + ", override_auto_sni_header: x-sni"), get("/", "x-sni: server.example"))
up("san_auto_resumed", socket(CA) + options("auto_san_validation: true"), hosts("server.example", "else.example"), script=[ok("1", "connection: close")])
up("san_of_sni", socket(CA, "sni: server.example, auto_sni_san_validation: true"), get("/"))
up("san_of_sni_wrong", socket(CA, "sni: else.example, auto_sni_san_validation: true"), get("/"))
up("san_of_auto_sni", socket(CA, "auto_sni_san_validation: true") + options(SNI), hosts("server.example", "else.example"))
up("san_of_host_name", socket(CA, "auto_host_sni: true, auto_sni_san_validation: true") + NAMED % "server.example", get("/"))
up("san_of_no_sni", socket(CA, "auto_sni_san_validation: true"), get("/"))

# ALPN by protocol.

HTTP2 = "explicit_http_config: {http2_protocol_options: {}}"
EITHER = "auto_config: {http_protocol_options: {}, http2_protocol_options: {}}"
SAME = "use_downstream_protocol_config: {http_protocol_options: {}, http2_protocol_options: {}}"
up("alpn_http1", socket(), get("/"), server=dict(alpn=["h2", "http/1.1"]))
up("alpn_http1_configured", socket("alpn_protocols: [h2]"), get("/"), server=dict(alpn=["http/1.1", "foo"]))
up("alpn_same_as_downstream", socket() + options("", SAME), get("/"), server=dict(alpn=["h2", "http/1.1"]))
up("alpn_either_http1", socket() + options("", EITHER), get("/1") + get("/2"), server=dict(alpn=["http/1.1"]))
up("alpn_either_none", socket() + options("", EITHER), get("/"))
up("alpn_either_configured", socket("alpn_protocols: [http/1.1]") + options("", EITHER), get("/"), server=dict(alpn=["h2", "http/1.1"]))


def preface(name, yaml, **server):
    scenario(name, certs=True, up={"up": Tls(Tcp(expect(b"PRI * HTTP/2.0"), fin()), **server)}, clusters={"up": {"yaml": yaml}},
             client=get("/"), no_upstream=True, no_log=True)


preface("alpn_http2", socket() + options("", HTTP2), alpn=["http/1.1", "h2"])
preface("alpn_http2_none_shared", socket() + options("", HTTP2), alpn=["http/1.1"])
preface("alpn_either_http2", socket() + options("", EITHER), alpn=["h2", "http/1.1"])
scenario("alpn_tcp_proxy", kind="tcp", certs=True, up={"up": Tls(Tcp(expect(b"hi"), raw("there"), fin()), alpn=["http/1.1", "h2"])},
         clusters={"up": {"yaml": socket()}}, client=send("hi") + raw_all())

# Sockets by metadata of endpoints.


def match(name, criteria, socket_text):
    return f"- {{name: {name}, match: {criteria}, transport_socket: {socket_text}}}\n"


TLS_SOCKET = f'{{name: tls, typed_config: {{"@type": {TLS}UpstreamTlsContext, sni: %s}}}}'
RAW_SOCKET = f'{{name: raw, typed_config: {{"@type": {RAW}}}}}'


def endpoints(*metadata):
    return "load_assignment:\n  endpoints:\n  - lb_endpoints:\n" + "".join(
        f'    - {{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: "{{{{up.port}}}}"}}}}}}'
        + (f", metadata: {{filter_metadata: {{envoy.transport_socket_match: {m}}}}}" if m is not None else "") + "}\n" for m in metadata)


def matched(name, matches, *metadata, more="", **kw):
    names = [line.split("name: ")[1].split(",")[0] for line in matches.splitlines()]
    scenario(name, certs=True, up={"up": kw.pop("up", Tls([ok()]))}, log_format=LOG, client=kw.pop("client", get("/")),
             clusters={"up": {"yaml": "transport_socket_matches:\n" + matches + endpoints(*metadata) + more}},
             stats=[f"cluster.{{{{up}}}}.{n}.total_match_count" for n in dict.fromkeys(["default", *names])] + STATS[:3] + STATS[6:], **kw)


BY_MODE = match("istio", "{tlsMode: istio}", TLS_SOCKET % "i.example") + match("plain", "{}", RAW_SOCKET)
matched("socket_by_metadata", BY_MODE, "{tlsMode: istio}")
matched("socket_by_metadata_other", BY_MODE, "{tlsMode: other}", up=[ok()])
matched("socket_by_metadata_number", match("num", "{a: 1}", TLS_SOCKET % "num.example"), "{a: 1, b: 2}")
matched("socket_by_metadata_number_is_no_text", match("num", "{a: 1}", TLS_SOCKET % "num.example"), '{a: "1"}', up=[ok()])
matched("socket_by_metadata_object", match("num", "{a: {b: [1, x]}}", TLS_SOCKET % "num.example"), "{a: {b: [1, x]}}")
matched("socket_by_metadata_all_needed", match("num", "{a: x, b: z}", TLS_SOCKET % "num.example"), "{a: x}", up=[ok()])
matched("socket_by_metadata_first_wins", match("one", "{a: x}", TLS_SOCKET % "one.example") + match("two", "{a: x}", TLS_SOCKET % "two.example"), "{a: x}")
matched("socket_by_metadata_default_tls", match("one", "{a: x}", RAW_SOCKET), "{a: z}", more=socket(more="sni: default.example"))
matched("socket_by_metadata_two_of_one_name", match("one", "{a: x}", TLS_SOCKET % "one.example") + match("one", "{a: z}", TLS_SOCKET % "two.example"), "{a: z}")
scenario("socket_by_metadata_two_endpoints", certs=True, up={"a": Tls([ok()]), "b": [ok()]}, no_log=True, no_upstream=True,
         client=get("/") + get("/") + get("/") + get("/"), clusters={"c": {"hosts": ["a", "b"], "yaml": "transport_socket_matches:\n" + BY_MODE + """
load_assignment:
  endpoints:
  - lb_endpoints:
    - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{a.port}}"}}}, metadata: {filter_metadata: {envoy.transport_socket_match: {tlsMode: istio}}}}
    - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{b.port}}"}}}}
"""}}, routes='- {match: {prefix: /}, route: {cluster: "{{c}}"}}\n',
         stats=["cluster.{{c}}.istio.total_match_count", "cluster.{{c}}.plain.total_match_count", "cluster.{{c}}.default.total_match_count"])

# What a config may have.


def config(name, cluster):
    scenario("names_config_" + name, kind="validate", config="static_resources:\n  clusters:\n  - name: c\n    connect_timeout: 1s\n"
             + "\n".join("    " + line for line in cluster.splitlines()))


TLS_CLUSTER = socket()
config("auto_http_without_tls", options("", EITHER))
config("auto_http_with_raw_match", TLS_CLUSTER + options("", EITHER) + "transport_socket_matches:\n" + match("x", "{a: b}", RAW_SOCKET))
config("match_without_name", "transport_socket_matches:\n" + match('""', "{a: b}", RAW_SOCKET))
config("match_without_socket", "transport_socket_matches:\n- {name: x, match: {a: b}}\n")
config("match_with_bad_context", "transport_socket_matches:\n" + match("x", "{a: b}", TLS_SOCKET % "x").replace(
    "sni: x", "common_tls_context: {tls_params: {cipher_suites: [NOPE]}}"))
config("override_header_bad", TLS_CLUSTER + options(SNI + ', override_auto_sni_header: "a b"'))
config("san_without_ca", TLS_CLUSTER + options(BOTH))
config("sni_too_long", socket(more="sni: " + "a" * 256))
