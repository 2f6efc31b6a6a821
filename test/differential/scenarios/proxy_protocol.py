# PROXY headers: those that are right, those that are not, what a listener filter makes of them.
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.listener."
FORM = {"chain": "%FILTER_CHAIN_NAME%", "local": "%DOWNSTREAM_LOCAL_ADDRESS%", "remote": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
        "found": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%", "received": "%BYTES_RECEIVED%"}
STATS = ["re:^(listener\\.127\\.0\\.0\\.1_{{port}}\\.)?downstream_(pre_cx|listener_filter|cx_proxy)", "re:proxy_proto"]
MASK = [(r'("remote_port": ?)\d+', r"\1<any>")]


def file_log(name, form):
    return ('{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", '
            'log_format: {json_format: %s}}}' % json.dumps({"log": name, **form}))


def filter_of(fields):
    return "{name: envoy.filters.listener.proxy_protocol, typed_config: {'@type': %sproxy_protocol.v3.ProxyProtocol%s}}" % (TYPE, ", " + fields if fields else "")


def behind(name, data, fields="", client=None, form=FORM, chains=None, more="", counted=False, **kw):
    """A TCP listener that says which chain it was, and sends on what follows the header."""
    text = chains or "filter_chains: [{name: only, filters: [the]}]"
    listener = "{listener_filters: [%s], access_log: [%s]%s}" % (filter_of(fields), file_log("listener", form), ", " + more if more else "")
    kw.setdefault("up", Tcp(raw("hi") + ended() + fin()))
    if counted:
        kw.update(own=True, stats=STATS)
    if client is None:
        client = new() + send(data) + read_bytes(2) + half_close() + raw_all()
    scenario("pp_" + name, kind="tcp", chains=text, listener=listener, client=client, access_log="[%s]" % file_log("chain", form), unordered_log=True, **kw)


V2 = b"\r\n\r\n\0\r\nQUIT\n"


def v2(body=b"", command=0x21, kind=0x11, size=None):
    return V2 + bytes([command, kind]) + (len(body) if size is None else size).to_bytes(2, "big") + body


def v4(source="1.2.3.4", destination="5.6.7.8", sport=1111, dport=2222):
    ip = lambda t: bytes(int(x) for x in t.split("."))
    return ip(source) + ip(destination) + sport.to_bytes(2, "big") + dport.to_bytes(2, "big")


def v6(source=b"\x20\1" + bytes(13) + b"\1", destination=b"\x20\1" + bytes(13) + b"\2"):
    return source + destination + (1111).to_bytes(2, "big") + (2222).to_bytes(2, "big")


def tlv(kind, value, size=None):
    return bytes([kind]) + (len(value) if size is None else size).to_bytes(2, "big") + value


LINE = "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"
for name, line in {
        "tcp4": LINE, "tcp6": "PROXY TCP6 2001::1 2001::2 1111 2222\r\n", "unknown": "PROXY UNKNOWN\r\n", "unknown_with_addresses": "PROXY UNKNOWN 1.2.3.4 5.6.7.8 1 2\r\n",
        "unknown_garbage": "PROXY UNKNOWN x y\r\n", "tcp5": "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n", "lower_case": "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n", "proxy_lower": "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "only_proxy": "PROXY\r\n", "proxy_space": "PROXY \r\n", "four_words": "PROXY TCP4 1.2.3.4 5.6.7.8\r\n", "five_words": "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "seven_words": "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "two_spaces": "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "tab": "PROXY\tTCP4 1.2.3.4 5.6.7.8 1 2\r\n", "trailing_space": "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", "trailing_cr": "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
        "v6_in_tcp4": "PROXY TCP4 2001::1 2001::2 1 2\r\n", "v4_in_tcp6": "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n", "mapped_in_tcp6": "PROXY TCP6 ::ffff:1.2.3.4 ::ffff:5.6.7.8 1 2\r\n",
        "short_address": "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "address_300": "PROXY TCP4 1.2.3.300 5.6.7.8 1 2\r\n", "address_zeros": "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n", "host_name": "PROXY TCP4 localhost 5.6.7.8 1 2\r\n",
        "port_65536": "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n", "port_negative": "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n", "port_plus": "PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n", "port_zeros": "PROXY TCP4 1.2.3.4 5.6.7.8 0001 2\r\n",
        "port_0": "PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n", "port_empty": "PROXY TCP4 1.2.3.4 5.6.7.8  2\r\n", "port_text": "PROXY TCP4 1.2.3.4 5.6.7.8 a 2\r\n", "port_hex": "PROXY TCP4 1.2.3.4 5.6.7.8 0x1 2\r\n",
        "source_any": "PROXY TCP4 0.0.0.0 5.6.7.8 1 2\r\n", "destination_any": "PROXY TCP4 1.2.3.4 0.0.0.0 1 2\r\n", "source_multicast": "PROXY TCP4 224.0.0.1 5.6.7.8 1 2\r\n",
        "source_broadcast": "PROXY TCP4 255.255.255.255 5.6.7.8 1 2\r\n", "source_loopback": "PROXY TCP4 127.0.0.1 127.0.0.2 1 2\r\n", "source_any_v6": "PROXY TCP6 :: 2001::1 1 2\r\n", "source_multicast_v6": "PROXY TCP6 ff02::1 2001::1 1 2\r\n",
        "bracket_v6": "PROXY TCP6 [2001::1] 2001::2 1 2\r\n",
        "of_107": "PROXY UNKNOWN " + "x" * 91 + "\r\n", "of_108": "PROXY UNKNOWN " + "x" * 92 + "\r\n", "of_109": "PROXY UNKNOWN " + "x" * 93 + "\r\n", "of_110": "PROXY UNKNOWN " + "x" * 94 + "\r\n",
        "no_end": "PROXY UNKNOWN " + "x" * 200, "lf_only": "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n" + "x" * 100, "not_a_header": "GET / HTTP/1.1\r\n\r\n", "not_a_header_short": "GET /\r\n", "crlf": "\r\nhello and more and more\r\n",
        "begins_like_it": "PROXYTCP4 1.2.3.4 5.6.7.8 1 2\r\n", "zero_inside": "PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n", "binary": "\x80\x81\x82\r\n"}.items():
    behind("v1_" + name, line + "data")
for name, head in {
        "tcp4": v2(v4()), "tcp6": v2(v6(), kind=0x21), "udp4": v2(v4(), kind=0x12), "udp6": v2(v6(), kind=0x22), "local": v2(command=0x20, kind=0), "local_with_body": v2(v4(), command=0x20),
        "local_with_garbage": v2(b"xyz", command=0x20), "local_odd_kind": v2(b"", command=0x20, kind=0xFF), "unspecified": v2(kind=0), "unspecified_with_body": v2(v4(), kind=0), "unix": v2(b"a".ljust(108, b"\0") + b"b".ljust(108, b"\0"), kind=0x31),
        "unix_datagram": v2(bytes(216), kind=0x32), "unspecified_protocol_v4": v2(v4(), kind=0x10), "protocol_3": v2(v4(), kind=0x13), "family_4": v2(v4(), kind=0x41),
        "version_1": v2(v4(), command=0x11), "version_3": v2(v4(), command=0x31), "command_2": v2(v4(), command=0x22), "command_15": v2(v4(), command=0x2F),
        "too_short": v2(v4()[:-1]), "empty": v2(), "v6_too_short": v2(v6()[:-1], kind=0x21), "v4_body_in_v6": v2(v4(), kind=0x21), "source_any": v2(v4("0.0.0.0")), "destination_any": v2(v4(destination="0.0.0.0")),
        "source_multicast": v2(v4("239.1.1.1")), "source_broadcast": v2(v4("255.255.255.255")), "source_any_v6": v2(v6(bytes(16)), kind=0x21), "source_multicast_v6": v2(v6(b"\xff\2" + bytes(14)), kind=0x21), "ports_0": v2(v4(sport=0, dport=0)),
        "one_tlv": v2(v4() + tlv(1, b"h2")), "tlv_empty": v2(v4() + tlv(4, b"")), "tlv_overrun": v2(v4() + tlv(1, b"ab", size=3)), "tlv_two_bytes": v2(v4() + b"\1\0"), "tlv_one_byte": v2(v4() + b"\1"),
        "tlv_overrun_second": v2(v4() + tlv(1, b"ab") + tlv(2, b"c", size=9)), "tlv_nested": v2(v4() + tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3"))), "tlv_same_twice": v2(v4() + tlv(1, b"a") + tlv(1, b"b")),
        "tlv_v6": v2(v6() + tlv(1, b"h2"), kind=0x21), "tlv_64k": v2(v4() + tlv(4, bytes(0xFFFF - 12 - 3))), "tlv_many": v2(v4() + tlv(5, b"x") * 1000), "signature_then_v1": V2 + b"PROXY",
        "signature_broken": V2[:-1] + b"\r" + v2(v4())[12:]}.items():
    behind("v2_" + name, head + b"data")
behind("v2_declares_more", v2(v4(), size=200) + b"x" * 50, client=new() + send(v2(v4(), size=200) + b"x" * 50) + pause(0.1) + half_close() + raw_all(), counted=True)
for name, head in {"v1": LINE.encode(), "v2": v2(v4() + tlv(1, b"h2")), "v2_v6": v2(v6(), kind=0x21)}.items():
    behind(name + "_in_bytes", b"", client=new() + sum((send(head[i:i + 1]) + pause(0.002) for i in range(len(head))), []) + send("data") + read_bytes(2) + half_close() + raw_all())
    behind(name + "_alone_then_data", b"", client=new() + send(head) + pause(0.05) + send("data") + read_bytes(2) + half_close() + raw_all())
    behind(name + "_part_then_end", b"", client=new() + send(head[:20]) + pause(0.1) + half_close() + raw_all(), counted=True)
    behind(name + "_part_timeout", b"", client=new() + send(head[:20]) + raw_all(), more="listener_filters_timeout: 0.2s", counted=True)

# ---- counters

for name, data in {"v1": LINE.encode(), "v2": v2(v4()), "v1_bad": b"PROXY TCP4 x\r\n", "v2_bad": v2(v4(), kind=0x31), "v2_local": v2(command=0x20, kind=0), "none": b"GET / HTTP/1.1\r\n\r\n", "none_short": b"GET /\r\n",
                   "v1_too_long": b"PROXY UNKNOWN " + b"x" * 200, "v2_tlv_bad": v2(v4() + tlv(1, b"ab", size=3)), "v2_address_bad": v2(v4("0.0.0.0")), "v1_address_bad": b"PROXY TCP4 0.0.0.0 1.2.3.4 1 2\r\n"}.items():
    behind("count_" + name, data + b"data", counted=True)
    behind("count_allowed_" + name, data + b"data", "allow_requests_without_proxy_protocol: true", counted=True)
PAGE = admin("/stats/prometheus?usedonly&filter=proxy_proto", head=False)
behind("prometheus", "", client=new() + send(LINE + "data") + read_bytes(2) + half_close() + raw_all() + PAGE, own=True)
behind("prometheus_prefix", "", "stat_prefix: mine", client=new() + send(LINE + "data") + read_bytes(2) + half_close() + raw_all() + send("GET / HTTP/1.1\r\n\r\n", "d") + raw_all("d") + PAGE, own=True)
behind("count_prefix", LINE + "data", "stat_prefix: mine", counted=True)
behind("count_prefix_none", "GET / HTTP/1.1\r\n\r\n", "stat_prefix: mine", counted=True)
behind("count_prefix_odd", LINE + "data", "stat_prefix: 'a.b:c'", counted=True)
behind("count_no_v1", LINE + "data", "disallowed_versions: [V1]", counted=True)
behind("count_no_v1_v2_comes", v2(v4()) + b"data", "disallowed_versions: [V1]", counted=True)
behind("count_no_v2", v2(v4()) + b"data", "disallowed_versions: [V2]", counted=True)
behind("count_no_v2_bad", v2(v4(), kind=0x31) + b"data", "disallowed_versions: [V2]", counted=True)
behind("count_no_v1_bad", b"PROXY TCP4 x\r\ndata", "disallowed_versions: [V1]", counted=True)
behind("count_no_v1_allowed_without", LINE + "data", "disallowed_versions: [V1], allow_requests_without_proxy_protocol: true", counted=True)
behind("count_no_v2_allowed_without", v2(v4()) + b"data", "disallowed_versions: [V2], allow_requests_without_proxy_protocol: true", counted=True)
behind("allowed_first_byte", "", "allow_requests_without_proxy_protocol: true", client=send("P") + pause(0.05) + send("OST") + read_bytes(2) + half_close() + raw_all())
behind("allowed_crlf_first", "", "allow_requests_without_proxy_protocol: true", client=send("\r\n") + pause(0.05) + send("\r\nxx") + read_bytes(2) + half_close() + raw_all())
behind("allowed_nothing", "", "allow_requests_without_proxy_protocol: true", client=new() + raw_all(), more="listener_filters_timeout: 0.2s")

# ---- where an ORIGINAL_DST cluster goes


def destined(name, data, config, fields=""):
    behind("destined_" + name, data, fields, clusters={"up": {"endpoints": False, "yaml": "type: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\noriginal_dst_lb_config: {%s}" % config}},
           form={"host": "%UPSTREAM_HOST%", "flags": "%RESPONSE_FLAGS%"})


TO_UP, BY_TLV = "upstream_port_override: {{up.port}}", "metadata_key: {key: envoy.filters.listener.proxy_protocol, path: [{key: to}]}"
destined("port_override", "PROXY TCP4 1.2.3.4 127.0.0.1 1111 1\r\ndata", TO_UP)
destined("port_override_v2", v2(v4(destination="127.0.0.1", dport=1)) + b"data", TO_UP)
for name, to in {"metadata": b"127.0.0.1:1", "metadata_nonsense": b"nonsense", "metadata_without_port": b"127.0.0.1", "metadata_empty": b""}.items():
    destined(name, v2(v4(destination="127.0.0.1", dport=1) + tlv(1, to)) + b"data", BY_TLV + ", " + TO_UP, "rules: [{tlv_type: 1, on_tlv_present: {key: to}}]")
destined("metadata_over_destination", v2(v4() + tlv(1, b"127.0.0.1:1")) + b"data", BY_TLV + ", " + TO_UP, "rules: [{tlv_type: 1, on_tlv_present: {key: to}}]")
destined("header_is_of_http", "PROXY TCP4 1.2.3.4 127.0.0.1 1111 1\r\ndata", "use_http_header: true, " + TO_UP)

# ---- TLVs as metadata

RULES = "rules: [{tlv_type: 1, on_tlv_present: {key: alpn}}, {tlv_type: 2, on_tlv_present: {key: authority}}]"
for name, body in {"one": tlv(1, b"h2"), "both": tlv(1, b"h2") + tlv(2, b"a.example"), "other": tlv(3, b"x"), "twice": tlv(1, b"a") + tlv(1, b"b"), "empty": tlv(1, b""), "quotes": tlv(1, b'"<&>\\'),
                   "not_utf8": tlv(1, b"a\xff\xc3\xa4\xc3b\xe2\x82\xac\xed\xa0\x80\xf0\x9f\x98\x80"), "zero": tlv(1, b"a\0b"), "control": tlv(1, b"\1\n\x7f")}.items():
    behind("rule_" + name, v2(v4() + body) + b"data", RULES)
behind("rule_base64", v2(v4() + tlv(1, b"a\xff\0")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {key: k, value_string_encoding: BASE64}}]")
behind("rule_base64_lengths", v2(v4() + tlv(1, b"a") + tlv(2, b"ab") + tlv(3, b"abc") + tlv(4, b"")) + b"data",
       "rules: [%s]" % ", ".join("{tlv_type: %d, on_tlv_present: {key: k%d, value_string_encoding: BASE64}}" % (i, i) for i in (1, 2, 3, 4)))
behind("rule_sanitized", v2(v4() + tlv(1, b"a\xff")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {key: k, value_string_encoding: SANITIZED_UTF8}}]")
behind("rule_same_type_twice", v2(v4() + tlv(1, b"h2")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {key: a}}, {tlv_type: 1, on_tlv_present: {key: b}}]")
behind("rule_same_key_twice", v2(v4() + tlv(1, b"x") + tlv(2, b"y")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {key: a}}, {tlv_type: 2, on_tlv_present: {key: a}}]")
behind("rule_namespace", v2(v4() + tlv(1, b"h2")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {metadata_namespace: ns, key: a}}]", form={**FORM, "ns": "%DYNAMIC_METADATA(ns)%", "a": "%DYNAMIC_METADATA(ns:a)%"})
behind("rule_local", v2(tlv(1, b"h2"), command=0x20) + b"data", RULES)

# ---- TLVs as filter state

STATE = "%FILTER_STATE(envoy.network.proxy_protocol.tlv:{})%"
STATE_FORM = {**FORM, "plain": STATE.replace("{}", "PLAIN"), "typed": STATE.replace("{}", "TYPED"), "default": STATE.replace(":{}", ""), "alpn": STATE.replace("{}", "FIELD:alpn"),
              "authority": STATE.replace("{}", "FIELD:authority"), "none": STATE.replace("{}", "FIELD:none")}
IN_STATE = RULES + ", tlv_location: FILTER_STATE"
for name, body in {"one": tlv(1, b"h2"), "both": tlv(2, b"a.example") + tlv(1, b"h2"), "other": tlv(3, b"x"), "twice": tlv(1, b"a") + tlv(1, b"b"), "empty": tlv(1, b""), "quotes": tlv(1, b'"<&>\\'),
                   "not_utf8": tlv(1, b"a\xff\xc3\xa4\xc3b"), "zero": tlv(1, b"a\0b")}.items():
    behind("state_" + name, v2(v4() + body) + b"data", IN_STATE, form=STATE_FORM)
behind("state_of_v1", LINE + "data", IN_STATE, form=STATE_FORM)
behind("state_local", v2(tlv(1, b"h2"), command=0x20) + b"data", IN_STATE, form=STATE_FORM)
behind("state_base64", v2(v4() + tlv(1, b"a\xff\0")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {key: alpn, value_string_encoding: BASE64}}], tlv_location: FILTER_STATE", form=STATE_FORM)
behind("state_namespace", v2(v4() + tlv(1, b"h2")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {metadata_namespace: ns, key: alpn}}], tlv_location: FILTER_STATE",
       form={**STATE_FORM, "ns": "%DYNAMIC_METADATA(ns)%", "state": "%FILTER_STATE(ns:PLAIN)%"})
behind("state_same_key", v2(v4() + tlv(1, b"x") + tlv(2, b"y")) + b"data", "rules: [{tlv_type: 1, on_tlv_present: {key: alpn}}, {tlv_type: 2, on_tlv_present: {key: alpn}}], tlv_location: FILTER_STATE", form=STATE_FORM)
behind("metadata_by_name", v2(v4() + tlv(1, b"h2")) + b"data", RULES + ", tlv_location: DYNAMIC_METADATA", form=STATE_FORM)

# ---- what the addresses do

ROUTE = '- {match: {prefix: "/"}, direct_response: {status: 200}}'
HTTP_FORM = {"local": "%DOWNSTREAM_LOCAL_ADDRESS%", "remote": "%DOWNSTREAM_REMOTE_ADDRESS%", "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "xff": "%REQ(X-FORWARDED-FOR)%",
             "found": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol)%", "local_port": "%DOWNSTREAM_LOCAL_PORT%"}
PP = "listener_filters: [%s]" % filter_of(RULES)


def http(name, head, **kw):
    kw.setdefault("listener", PP)
    scenario("pp_http_" + name, client=send(head) + get("/") + get("/", "x-forwarded-for: 7.7.7.7"), log_format=HTTP_FORM, **kw)


http("v1", LINE, hcm="use_remote_address: true")
http("v1_trusts_xff", LINE)
http("v2_tlv", v2(v4() + tlv(1, b"h2")), hcm="use_remote_address: true")
http("v2_v6", v2(v6(), kind=0x21), hcm="use_remote_address: true")
http("local", v2(command=0x20, kind=0), hcm="use_remote_address: true")
http("internal", LINE, hcm="use_remote_address: true\ninternal_address_config: {cidr_ranges: [{address_prefix: 1.0.0.0, prefix_len: 8}]}")
http("use_proxy_proto", LINE, hcm="use_remote_address: true", listener="{}", chains="filter_chains: [{filters: [the], use_proxy_proto: true}]")
http("use_proxy_proto_second", "", listener="{}", chains="filter_chains: [{filters: [the], filter_chain_match: {source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}, {filters: [the], use_proxy_proto: true}]")
CHAINS = """filter_chains:
- {name: port, filters: [the], filter_chain_match: {destination_port: 2222}}
- {name: ip, filters: [the], filter_chain_match: {prefix_ranges: [{address_prefix: 5.6.0.0, prefix_len: 16}]}}
- {name: source, filters: [the], filter_chain_match: {source_prefix_ranges: [{address_prefix: 1.2.3.4, prefix_len: 32}]}}
- {name: direct, filters: [the], filter_chain_match: {direct_source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}], source_ports: [77]}}
- {name: outside, filters: [the], filter_chain_match: {source_type: EXTERNAL}}
- {name: rest, filters: [the]}
"""
for name, addresses in {"port": "1.2.3.4 5.6.7.8 1 2222", "ip": "1.2.3.4 5.6.7.8 1 2", "source": "1.2.3.4 9.9.9.9 1 2", "direct": "1.1.1.1 9.9.9.9 77 2", "outside": "1.1.1.1 9.9.9.9 7 2", "same_ip": "9.9.9.9 9.9.9.9 7 2", "loopback": "127.0.0.1 9.9.9.9 7 2"}.items():
    behind("chain_" + name, f"PROXY TCP4 {addresses}\r\ndata", chains=CHAINS)
TLS = "{name: envoy.filters.listener.tls_inspector, typed_config: {'@type': %stls_inspector.v3.TlsInspector}}" % TYPE
LOOK = "{name: envoy.filters.listener.http_inspector, typed_config: {'@type': %shttp_inspector.v3.HttpInspector}}" % TYPE
KINDS = """filter_chains:
- {name: tls, filters: [the], filter_chain_match: {transport_protocol: tls}}
- {name: http, filters: [the], filter_chain_match: {application_protocols: [http/1.1]}}
- {name: rest, filters: [the]}
"""
for name, data in {"get": b"GET / HTTP/1.1\r\n\r\n", "other": b"hello you all\n"}.items():
    behind("then_inspectors_" + name, LINE.encode() + data, chains=KINDS, more="listener_filters: [%s, %s, %s]" % (filter_of(""), TLS, LOOK))
    behind("behind_http_inspector_" + name, LINE.encode() + data, chains=KINDS, more="listener_filters: [%s, %s]" % (LOOK, filter_of("")))
    behind("twice_" + name, LINE.encode() + v2(v4("9.8.7.6")) + data, chains=KINDS, more="listener_filters: [%s, %s, %s]" % (filter_of(""), filter_of(""), LOOK))

# ---- what a config may say


def checked(name, fields):
    scenario("pp_config_" + name, kind="validate", config="static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, "
             "listener_filters: [%s], filter_chains: [{filters: [{name: e, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]}]}]}" % filter_of(fields))


checked("good", "")
checked("tlv_256", "rules: [{tlv_type: 256, on_tlv_present: {key: a}}]")
checked("no_key", "rules: [{tlv_type: 1, on_tlv_present: {}}]")
checked("no_value", "rules: [{tlv_type: 1}]")
checked("pass_through_256", "pass_through_tlvs: {match_type: INCLUDE, tlv_type: [256]}")
checked("versions_twice", "disallowed_versions: [V1, V1]")
checked("version_3", "disallowed_versions: [V3]")
checked("no_versions", "disallowed_versions: [V1, V2], allow_requests_without_proxy_protocol: true")
