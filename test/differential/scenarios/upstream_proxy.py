# PROXY headers to upstreams, and connections to upstreams that come from the client's address.
import base64
import json

from harness.dsl import *
from harness.proxy_headers import *

def told(name, config, data, listener=accepts(), up=Tcp(expect(b"data") + raw("hi") + ended() + fin()), **kw):
    """What a TCP upstream gets for it."""
    kw.setdefault("client", send(data) + read_bytes(2) + half_close() + raw_all())
    scenario("up_" + name, kind="tcp", clusters={"up": {"yaml": config}}, listener=listener, up=up, mask=PORTS, **kw)


VERSIONS = {"v1": "version: V1", "v2": "version: V2"}
for version, fields in VERSIONS.items():
    told(version, socket(fields), "data")
    told(version + "_of_v1", socket(fields), LINE + "data")
    told(version + "_of_v1_unknown", socket(fields), "PROXY UNKNOWN\r\ndata")
    told(version + "_of_v6", socket(fields), "PROXY TCP6 2001::1 2001::2 1111 2222\r\ndata")
    told(version + "_of_v2", socket(fields), v2(V4) + b"data")
    told(version + "_of_v2_local", socket(fields), v2(command=0x20, kind=0) + b"data")
    told(version + "_server_first", socket(fields), "", listener="", up=Tcp(raw("hi") + ended() + fin()), client=new() + read_bytes(2) + half_close() + raw_all())
told("default_version", socket(), LINE + "data")
KEEP = accepts("pass_through_tlvs: {}")
BODY = V4 + tlv(1, b"h2") + tlv(2, b"a.example") + tlv(5, b"id")
for name, fields in {"all": "pass_through_tlvs: {}", "none": "", "some": "pass_through_tlvs: {match_type: INCLUDE, tlv_type: [2, 5]}", "other": "pass_through_tlvs: {match_type: INCLUDE, tlv_type: [9]}",
                     "some_of_none": "pass_through_tlvs: {match_type: INCLUDE}", "added": "added_tlvs: [{type: 224, value: aGVsbG8=}]", "added_two": "added_tlvs: [{type: 224, value: aGVsbG8=}, {type: 225, value: aQ==}]",
                     "added_and_all": "pass_through_tlvs: {}, added_tlvs: [{type: 224, value: aGVsbG8=}]", "added_same_type": "pass_through_tlvs: {}, added_tlvs: [{type: 2, value: aGVsbG8=}]",
                     "added_twice": "added_tlvs: [{type: 224, value: aGVsbG8=}, {type: 224, value: aQ==}]"}.items():
    told("tlvs_" + name, socket("version: V2, " + fields), v2(BODY) + b"data", listener=KEEP)
told("tlvs_in_v1", socket("version: V1, pass_through_tlvs: {}, added_tlvs: [{type: 224, value: aGVsbG8=}]"), v2(BODY) + b"data", listener=KEEP)
told("tlvs_not_kept", socket("version: V2, pass_through_tlvs: {}"), v2(BODY) + b"data")
told("tlvs_some_kept", socket("version: V2, pass_through_tlvs: {}"), v2(BODY) + b"data", listener=accepts("pass_through_tlvs: {match_type: INCLUDE, tlv_type: [1]}"))
told("tlvs_added_plain_client", socket("version: V2, added_tlvs: [{type: 224, value: aGVsbG8=}]"), "data")
told("tlvs_added_of_local", socket("version: V2, added_tlvs: [{type: 224, value: aGVsbG8=}]"), v2(command=0x20, kind=0) + b"data")
told("unspecified", socket("version: V2", more="allow_unspecified_address: true"), v2(command=0x20, kind=0) + b"data")
# Too much for one header.
for name, sizes in {"fits": (30000, 30000, 5514), "too_long_by_addresses": (30000, 30000, 5515), "too_long": (30000, 30000, 5527), "first_too_long": (59000, 100, 6600), "added_alone": (0, 0, 5505)}.items():
    scenario("up_tlvs_" + name, kind="tcp", clusters={"up": {"yaml": socket("version: V2, pass_through_tlvs: {}, added_tlvs: [{type: 224, value: %s}]" % base64.b64encode(b"c" * sizes[2]).decode())}}, no_log=True,
             listener=KEEP, up=Tcp(expect(b"data") + raw("hi") + ended() + fin()), mask=PORTS, client=send(v2(V4 + tlv(1, b"a" * sizes[0]) + tlv(2, b"b" * sizes[1])) + b"data") + read_bytes(2) + half_close() + raw_all(),
             stats=["cluster.{{up}}.upstream.proxyprotocol.v2_tlvs_exceed_max_length"])


def of_host(tlvs, config="", any_type="envoy.config.core.v3.PerHostConfig"):
    """TLVs by metadata of the endpoint."""
    return socket("version: V2, " + config) + """
load_assignment:
  endpoints:
  - lb_endpoints:
    - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{up.port}}}}}
      metadata: {typed_filter_metadata: {envoy.transport_sockets.proxy_protocol: {"@type": type.googleapis.com/%s, %s}}}""" % (any_type, tlvs)


HELLO, BYE = "{type: 224, value: aGVsbG8=}", "{type: 225, value: Ynll}"
told("tlvs_of_host", of_host("added_tlvs: [%s]" % HELLO), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_twice", of_host("added_tlvs: [%s, {type: 224, value: Ynll}]" % HELLO), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_and_config", of_host("added_tlvs: [%s]" % HELLO, "added_tlvs: [{type: 224, value: Ynll}, %s]" % BYE), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_and_client", of_host("added_tlvs: [{type: 2, value: Ynll}]", "pass_through_tlvs: {}"), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_in_v1", of_host("added_tlvs: [%s]" % HELLO).replace("V2", "V1"), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_without_value", of_host("added_tlvs: [{type: 224}]"), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_of_another_type", of_host("", "added_tlvs: [%s]" % BYE, "envoy.config.core.v3.Metadata"), v2(BODY) + b"data", listener=KEEP)
told("tlvs_of_host_format", of_host("added_tlvs: [{type: 224, format_string: {text_format_source: {inline_string: abc}}}]"), v2(BODY) + b"data", listener=KEEP)
for name, text in {"text": "abc", "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "host": "%UPSTREAM_HOST_NAME%", "cluster": "%UPSTREAM_CLUSTER%", "sni": "%REQUESTED_SERVER_NAME%", "protocol": "%PROTOCOL%",
                   "remote": "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "local": "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "flags": "%RESPONSE_FLAGS%", "up_local": "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
                   "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "transport": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "meta": "%UPSTREAM_METADATA(a:b)%", "empty": "%REQ(x)%", "port": "%DOWNSTREAM_REMOTE_ADDRESS%", "local_port": "%DOWNSTREAM_LOCAL_ADDRESS%", "literal_empty": "", "proto": "%UPSTREAM_PROTOCOL%%UPSTREAM_REQUEST_ATTEMPT_COUNT%"}.items():
    told("tlvs_format_" + name, socket("version: V2, added_tlvs: [{type: 224, format_string: {text_format_source: {inline_string: '%s'}}}, %s]" % (text, BYE)), LINE + "data")
told("tlvs_format_omitted", socket("version: V2, added_tlvs: [{type: 224, format_string: {omit_empty_values: true, text_format_source: {inline_string: '%%REQ(x)%%'}}}, %s]" % BYE), LINE + "data")
told("tlvs_format_json", socket("version: V2, added_tlvs: [{type: 224, format_string: {json_format: {a: '%%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%%'}}}, %s]" % BYE), LINE + "data")
told("tlvs_format_of_local", socket("version: V2, added_tlvs: [{type: 224, format_string: {text_format_source: {inline_string: abc}}}]"), v2(command=0x20, kind=0) + b"data")
told("tlvs_format_and_host", of_host("added_tlvs: [{type: 224, value: Ynll}]", "added_tlvs: [{type: 224, format_string: {text_format_source: {inline_string: abc}}}]"), LINE + "data")
told("tlvs_format_and_fixed", socket("version: V2, added_tlvs: [{type: 225, format_string: {text_format_source: {inline_string: abc}}}, %s]" % BYE), LINE + "data")
told("tlvs_format_twice", socket("version: V2, added_tlvs: [%s, %s]" % (("{type: 225, format_string: {text_format_source: {inline_string: abc}}}",) * 2)), LINE + "data")
told("tlvs_format_and_client", socket("version: V2, pass_through_tlvs: {}, added_tlvs: [{type: 2, format_string: {text_format_source: {inline_string: abc}}}]"), v2(BODY) + b"data", listener=KEEP)
told("twice", socket("version: V1", inside=socket("version: V2")[len("transport_socket: "):]), LINE + "data")
told("nobody_there", socket("version: V1"), LINE + "data", up=REFUSE, client=send(LINE + "data") + raw_all(), stats=["cluster.{{up}}.upstream_cx_connect_fail"])

# ---- HTTP: who shares a connection

ANSWER = expect(b"15000\r\n\r\n") + raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def http(name, config, client, hcm="", listener=accepts(), **kw):
    scenario("up_http_" + name, clusters={"up": {"yaml": config}}, listener=listener, up=Tcp(ANSWER + ANSWER + hold()), mask=PORTS, hcm="generate_request_id: false\n" + hcm,
             no_log=True, client=client, stats=["cluster.{{up}}.upstream_cx_total"], **kw)


for version, fields in VERSIONS.items():
    http(version, socket(fields), get("/"))
    http(version + "_two_requests", socket(fields), send(LINE) + get("/") + get("/2"))
http("of_two_clients", socket("version: V1"), send(LINE) + get("/") + send(LINE.replace("1.2.3.4", "9.9.9.9"), "d") + get("/2", c="d"))
http("of_two_connections_of_one_client", socket("version: V1"), send(LINE) + get("/") + send(LINE, "d") + get("/2", c="d"))
http("xff_does_not_count", socket("version: V1"), send(LINE) + get("/", "x-forwarded-for: 7.7.7.7"))
http("told_nothing", socket("version: V1"), get("/"), hcm="add_proxy_protocol_connection_state: false")
http("told_nothing_v2", socket("version: V2"), get("/"), hcm="add_proxy_protocol_connection_state: false")
http("told_nothing_but_a_header_came", socket("version: V1"), send(LINE) + get("/"), hcm="add_proxy_protocol_connection_state: false")
http("tlvs_as_pool_key", socket("version: V2, pass_through_tlvs: {}", more="tlv_as_pool_key: true"), send(v2(V4 + tlv(1, b"one"))) + get("/") + send(v2(V4 + tlv(1, b"two")), "d") + get("/2", c="d"), listener=KEEP)
http("tlvs_share", socket("version: V2, pass_through_tlvs: {}"), send(v2(V4 + tlv(1, b"one"))) + get("/") + send(v2(V4 + tlv(1, b"two")), "d") + get("/2", c="d"), listener=KEEP)


def hop(name, config, client, inner="", **kw):
    """The upstream is a listener of the same proxy that believes PROXY headers."""
    scenario("up_hop_" + name, clusters={"up": {"yaml": config + """
load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}}}]}]}"""}},
             up={}, listener=accepts(), no_log=True, client=client, stats=["cluster.{{up}}.upstream_cx_total"], listeners="""
- name: "{{name}}_inner"
  address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}
  listener_filters: [{name: p, typed_config: {'@type': %sproxy_protocol.v3.ProxyProtocol}}]
  filter_chains:
  - filters:
    - name: hcm
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: "{{name}}_inner"
        route_config:
          response_headers_to_add:
          - {header: {key: x-from, value: "%%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%% %%DOWNSTREAM_LOCAL_ADDRESS%%"}}
          virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]
        http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
%s""" % (LISTENER, inner), **kw)


SERVER_TLS = """    transport_socket: {name: t, typed_config: {'@type': %stls.v3.DownstreamTlsContext, common_tls_context: {alpn_protocols: [h2, http/1.1],
      tls_certificates: [{certificate_chain: {filename: "{{certs}}/server.pem"}, private_key: {filename: "{{certs}}/server.key"}}]}}}""" % SOCKET
PROTOCOLS = """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    %s: {%s}"""
HTTP2 = PROTOCOLS % ("explicit_http_config", "http2_protocol_options: {}")
TWO = send(LINE) + get("/") + send(LINE.replace("1.2.3.4", "9.9.9.9"), "d") + get("/2", c="d") + send(LINE, "e") + get("/3", c="e")
ADDED = ", added_tlvs: [%s]" % HELLO
for version, fields in VERSIONS.items():
    hop(version, socket(fields + ADDED), TWO)
    hop(version + "_http2", socket(fields + ADDED) + HTTP2, TWO)
    hop(version + "_tls", socket(fields + ADDED, inside=TLS), TWO, SERVER_TLS, certs=True)
hop("tls_auto", socket("version: V2", inside=TLS) + PROTOCOLS % ("auto_config", ""), TWO, SERVER_TLS, certs=True)
scenario("up_mirror", clusters={"up": {}, "shadow": {"yaml": socket("version: V1")}}, up={"up": [ok()], "shadow": Tcp(ANSWER + hold())}, listener=accepts(), mask=PORTS, no_log=True, hcm="generate_request_id: false",
         client=send(LINE) + get("/") + stat_is("cluster.{{shadow}}.upstream_rq_200", 1), routes='- {match: {prefix: /}, route: {cluster: "{{up}}", request_mirror_policies: [{cluster: "{{shadow}}"}]}}')

# ---- original_src

FORM = {"flags": "%RESPONSE_FLAGS%", "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "from": "%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%"}
LOG = ('[{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {json_format: %s}}}]' % json.dumps(FORM))


def original_src(fields=""):
    return "{name: s, typed_config: {'@type': %soriginal_src.v3.OriginalSrc%s}}" % (LISTENER, ", " + fields if fields else "")


def from_client(name, client, filters=None, config="", **kw):
    kw.setdefault("up", Tcp(tell_peer() + ended() + fin()))
    scenario("src_" + name, kind="tcp", clusters={"up": {"yaml": config}} if config else {"up": {}}, listener="{listener_filters: [%s]}" % (filters or original_src()), access_log=LOG, client=client, **kw)


PROXY = accepts()[len("{listener_filters: ["):-2]
ASK = dial("c", source="127.0.0.5") + read_bytes(9) + half_close() + raw_all()
from_client("tcp", ASK)
from_client("tcp_bind_config", ASK, config="upstream_bind_config: {source_address: {address: 127.0.0.9, port_value: 0}}")
from_client("tcp_bind_port", ASK, original_src("bind_port: true"))
from_client("tcp_mark", ASK, original_src("mark: 7"))
from_client("of_proxy_header", dial("c", source="127.0.0.5") + send("PROXY TCP4 127.0.0.7 127.0.0.1 1 2\r\n") + read_bytes(9) + half_close() + raw_all(), PROXY + ", " + original_src())
from_client("before_proxy_header", dial("c", source="127.0.0.5") + send("PROXY TCP4 127.0.0.7 127.0.0.1 1 2\r\n") + read_bytes(9) + half_close() + raw_all(), original_src() + ", " + PROXY)
scenario("src_http", listener="{listener_filters: [%s]}" % original_src(), up=[ok()], client=dial("c", source="127.0.0.5") + get("/") + get("/2") + dial("d", source="127.0.0.5") + get("/3", c="d") + dial("e", source="127.0.0.6") + get("/4", c="e"),
         log_format=FORM, stats=["cluster.{{up}}.upstream_cx_total"])

# ---- what a config may say


def checked(name, config):
    scenario("up_config_" + name, kind="validate", config="static_resources: {clusters: [{name: a, load_assignment: {cluster_name: a}, %s}]}" % config)


checked("good", socket("version: V2"))
checked("format", socket("version: V2, added_tlvs: [{type: 2, format_string: {text_format_source: {inline_string: '%BAD'}}}]"))
checked("format_and_value", socket("version: V2, added_tlvs: [{type: 2, value: aQ==, format_string: {text_format_source: {inline_string: x}}}]"))
checked("around_auto_http", socket("version: V2") + ", typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, auto_config: {}}}")
checked("no_inside", "transport_socket: {name: p, typed_config: {'@type': %sproxy_protocol.v3.ProxyProtocolUpstreamTransport}}" % SOCKET)
checked("tlv_256", socket("version: V2, added_tlvs: [{type: 256, value: aQ==}]"))
checked("tlv_without_value", socket("version: V2, added_tlvs: [{type: 2}]"))
checked("pass_through_256", socket("version: V2, pass_through_tlvs: {match_type: INCLUDE, tlv_type: [256]}"))
checked("inside_unknown", socket(inside="{name: x, typed_config: {'@type': type.googleapis.com/google.protobuf.Struct}}"))
