# PROXY headers that routes and tcp_proxy ask for: before the bytes of a CONNECT that ends here, TLVs of tcp_proxy, POST as CONNECT.
from harness.dsl import *
from harness.proxy_headers import *

KEEP = accepts("pass_through_tlvs: {}")
BODY = V4 + tlv(1, b"h2") + tlv(2, b"a.example")
CONNECT = "CONNECT target.example:80 HTTP/1.1\r\nhost: target.example:80\r\n\r\n"


def connect(name, config, before="", client=None, match="connect_matcher: {}", **kw):
    if client is None:
        client = (send(before) if before else []) + send(CONNECT) + read_head() + send("hello") + read_bytes(2) + half_close() + raw_all()
    kw.setdefault("up", Tcp(expect(b"hello") + raw("hi") + ended() + fin()))
    scenario("ph_" + name, listener=kw.pop("listener", accepts()), mask=PORTS, no_log=True, hcm="upgrade_configs: [{upgrade_type: CONNECT}]", client=client,
             routes='- {match: {%s}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {%s}}]}}' % (match, config), **kw)


for version in ("V1", "V2"):
    config = "proxy_protocol_config: {version: %s}" % version
    connect(version, config)
    connect(version + "_of_v1", config, LINE)
    connect(version + "_of_v6", config, "PROXY TCP6 2001::1 2001::2 1111 2222\r\n")
    connect(version + "_of_v2", config, v2(BODY), listener=KEEP)
    connect(version + "_of_unknown", config, "PROXY UNKNOWN\r\n")
    connect(version + "_early_data", config, client=send(CONNECT + "hello") + read_head() + read_bytes(2) + half_close() + raw_all())
connect("default", "proxy_protocol_config: {}", LINE)
connect("tlvs", "proxy_protocol_config: {version: V2, pass_through_tlvs: {}, added_tlvs: [{type: 224, value: aGVsbG8=}]}", v2(BODY), listener=KEEP)
connect("server_first", "proxy_protocol_config: {version: V1}", LINE, up=Tcp(raw("hi") + expect(b"hello") + ended() + fin()),
        client=send(LINE + CONNECT) + read_head() + read_bytes(2) + send("hello") + half_close() + raw_all())
connect("never_sends", "proxy_protocol_config: {version: V1}", LINE, up=Tcp(expect(b"\r\n") + raw("hi") + fin()), client=send(LINE + CONNECT) + read_head() + raw_all())
connect("and_of_cluster", "proxy_protocol_config: {version: V1}", LINE, clusters={"up": {"yaml": socket("version: V2")}})

# ---- POST as CONNECT

POST = "allow_post: true"
ECHO = Tcp(expect(b"hello") + raw("hi") + ended() + fin())


def post(name, client, config=POST, match="prefix: /", **kw):
    kw.setdefault("up", ECHO)
    kw.setdefault("stats", ["cluster.{{up}}.upstream_rq_total", "cluster.{{up}}.upstream_rq_200", "cluster.{{up}}.upstream_cx_tx_bytes_total", "cluster.{{up}}.upstream_cx_rx_bytes_total"])
    connect("post_" + name, config, client=client, match=match, **kw)


HELLO = req(method="POST", body="hello")
post("body", HELLO)
post("chunked", req(method="POST", body="hello", chunked=True))
post("with_header", send(LINE) + HELLO, POST + ", proxy_protocol_config: {version: V1}")
post("not_allowed", HELLO, "", up=[ok()])
post("other_method", req(method="PUT", body="hello"), up=[ok()])
post("get", get("/"), up=[ok()])
post("connect", send(CONNECT) + read_head() + send("hello") + read_bytes(2) + half_close() + raw_all(), match="connect_matcher: {}")
post("connect_matcher", HELLO, match="connect_matcher: {}")
post("no_body", req(method="POST", body=""), up=Tcp(raw("hi") + ended() + fin()))
post("no_body_no_length", req(method="POST"), up=Tcp(raw("hi") + ended() + fin()))
post("piecewise", send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n") + read_head() + send("3\r\nllo\r\n0\r\n\r\n") + raw_all())
post("trailers", send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n") + read())
post("upstream_closes_first", send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nhello") + raw_all(), up=Tcp(expect(b"hello") + raw("hi") + fin()))
post("upstream_resets", send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nhello") + read_head() + raw_all(), up=Tcp(expect(b"hello") + wait(0.1) + rst()))
post("refused", HELLO, up=REFUSE)
post("no_host", HELLO, clusters={"up": {"hosts": []}}, up={})
post("much", send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 200005\r\n\r\n") + read_head() + send("x" * 200000 + "hello") + raw_all())
post("twice", HELLO + HELLO)

# ---- TLVs of tcp_proxy

ADDED = "proxy_protocol_tlvs: [{type: 2, value: aGVsbG8=}, {type: 224, value: Ynll}]"
ALL = socket("version: V2, pass_through_tlvs: {}")
CLIENTS = {"plain": b"", "v1": LINE.encode(), "v2": v2(BODY), "v2_local": v2(command=0x20, kind=0), "v2_without": v2(V4)}


def told(name, tcp, data, config=ALL, listener=KEEP, **kw):
    scenario("pt_" + name, kind="tcp", clusters={"up": {"yaml": config}}, listener=listener, tcp="{%s}" % tcp, up=Tcp(expect(b"data") + raw("hi") + ended() + fin()), mask=PORTS, no_log=True,
             client=send(data + b"data") + read_bytes(2) + half_close() + raw_all(), **kw)


for policy in ("", "ADD_IF_ABSENT", "OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD", "APPEND_IF_EXISTS_OR_ADD"):
    for client, data in CLIENTS.items():
        if policy or client in ("plain", "v2"):
            told((policy.split("_")[0].lower() or "default") + "_" + client, ADDED + (", proxy_protocol_tlv_merge_policy: " + policy if policy else ""), data)
APPEND = ", proxy_protocol_tlv_merge_policy: APPEND_IF_EXISTS_OR_ADD"
told("not_passed", ADDED, b"", socket("version: V2"))
told("some_passed", ADDED, b"", socket("version: V2, pass_through_tlvs: {match_type: INCLUDE, tlv_type: [224]}"))
told("in_v1", ADDED, b"", socket("version: V1, pass_through_tlvs: {}"))
told("without_listener_filter", ADDED, b"", listener="")
told("twice", "proxy_protocol_tlvs: [{type: 2, value: aGVsbG8=}, {type: 2, value: Ynll}]", b"")
told("over_added_of_cluster", ADDED, b"", socket("version: V2, pass_through_tlvs: {}, added_tlvs: [{type: 2, value: Yg==}]"))
told("no_proxy_upstream", ADDED, v2(BODY), "{}")
for name, text in {"client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "sni": "%REQUESTED_SERVER_NAME%", "cluster": "%UPSTREAM_CLUSTER%", "text": "abc", "host": "%UPSTREAM_HOST%", "empty": "%FILTER_STATE(none)%x",
                   "metadata": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:k)%"}.items():
    told("format_" + name, "proxy_protocol_tlvs: [{type: 225, format_string: {text_format_source: {inline_string: '%s'}}}, {type: 224, value: Ynll}]" % text + APPEND, v2(BODY),
         listener=accepts("pass_through_tlvs: {}, rules: [{tlv_type: 2, on_tlv_present: {key: k}}]"))
told("format_json", "proxy_protocol_tlvs: [{type: 225, format_string: {json_format: {a: '%BYTES_RECEIVED%', b: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%'}}}]", b"")
told("format_omit_empty", "proxy_protocol_tlvs: [{type: 225, format_string: {text_format_source: {inline_string: '%REQUESTED_SERVER_NAME%'}, omit_empty_values: true}}]", b"")
told("format_literal_empty", "proxy_protocol_tlvs: [{type: 225, format_string: {text_format_source: {inline_string: ''}}}, {type: 224, value: Ynll}]", b"")


def checked(name, tcp):
    scenario("pt_config_" + name, kind="validate", config="""
static_resources:
  clusters: [{name: a, load_assignment: {cluster_name: a}}]
  listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: t, typed_config: {
    "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a, %s}}]}]}]""" % tcp)


for name, tlvs in {"value": "{type: 1, value: aQ==}", "no_value": "{type: 1}", "both": "{type: 1, value: aQ==, format_string: {text_format_source: {inline_string: x}}}", "type_256": "{type: 256, value: aQ==}",
                   "bad_format": "{type: 1, format_string: {text_format_source: {inline_string: '%BAD'}}}"}.items():
    checked(name, "proxy_protocol_tlvs: [%s]" % tlvs)
checked("policy_without_tlvs", "proxy_protocol_tlv_merge_policy: APPEND_IF_EXISTS_OR_ADD")
checked("policy_unknown", "proxy_protocol_tlv_merge_policy: 9")
