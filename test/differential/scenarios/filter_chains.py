# Which filter chain a connection gets by its name, its protocols and its addresses, and by trees of matchers.
import json

from harness import hello as wire
from harness.dsl import *
from harness.hello import hello

TYPE = "type.googleapis.com/envoy.extensions.filters.listener."
INPUT = "type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3."
STRING = "type.googleapis.com/google.protobuf.StringValue"
TLS = "{name: envoy.filters.listener.tls_inspector, typed_config: {'@type': %stls_inspector.v3.TlsInspector}}" % TYPE
HTTP = "{name: envoy.filters.listener.http_inspector, typed_config: {'@type': %shttp_inspector.v3.HttpInspector}}" % TYPE
PROXY = "{name: envoy.filters.listener.proxy_protocol, typed_config: {'@type': %sproxy_protocol.v3.ProxyProtocol, allow_requests_without_proxy_protocol: true}}" % TYPE
FORM = {"chain": "%FILTER_CHAIN_NAME%", "sni": "%REQUESTED_SERVER_NAME%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"}


def file_log(name):
    return ('{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", '
            'log_format: {json_format: %s}}}' % json.dumps({"log": name, **FORM}))


def say(data, c="c", source=None):
    return dial(c, source=source) + send(data, c) + read_bytes(2, c) + half_close(c) + raw_all(c)


def several(*data):
    """One connection after the other."""
    return sum((say(d, f"c{i}") + logged(2 * i + 1) for i, d in enumerate(data)), [])


def chosen(name, chains, client, filters=(TLS, HTTP), more="", **kw):
    listener = "{listener_filters: [%s], access_log: [%s]%s}" % (", ".join(filters), file_log("listener"), ", " + more if more else "")
    kw.setdefault("stats", ["listener.127.0.0.1_{{port}}.no_filter_chain_match"])
    scenario("fc_" + name, kind="tcp", chains=chains, listener=listener, client=client, access_log="[%s]" % file_log("chain"),
             up=Tcp(raw("hi") + ended() + fin()), no_upstream=True, unordered_log=True, **kw)


def chain(name, match=None):
    return "- {name: %s, filters: [the]%s}\n" % (name, ", filter_chain_match: " + match if match else "")


def all_of(*parts, default=None):
    text = "filter_chains:\n" + "".join(parts)
    return text + ("default_filter_chain: {name: %s, filters: [the]}\n" % default if default else "")


def named(name, *names):
    return chain(name, "{server_names: [%s]}" % ", ".join(json.dumps(n) for n in names))


NAMES = all_of(named("exact", "www.a.example"), named("wild", "*.a.example"), named("top", "*.example"), named("two", "x.test", "y.test"), chain("rest"))
for sni in ("www.a.example", "mail.a.example", "deep.mail.a.example", "a.example", "b.example", "example", "x.test", "y.test", "z.test", "WWW.A.Example", "www.a.example.", ".a.example", "a..example", "*.a.example", None):
    chosen("name_" + str(sni).replace(".", "_").replace("*", "star").lower() + ("_upper" if sni and sni != sni.lower() else ""), NAMES, say(hello(sni)))
chosen("name_of_plain_connection", NAMES, say("hello"))
chosen("names_without_rest", all_of(named("exact", "a.example")), several(hello("b.example"), hello("a.example"), hello()))
chosen("names_without_rest_default", all_of(named("exact", "a.example"), default="rest"), several(hello("b.example"), hello("a.example")))
chosen("name_in_capitals_in_config", all_of(named("exact", "A.example"), chain("rest")), several(hello("a.example"), hello("A.example")))
chosen("name_with_leading_dot", all_of(named("dot", ".a.example"), chain("rest")), several(hello("www.a.example"), hello("a.example")))
chosen("name_of_one_label_wild", all_of(named("wild", "*.com"), chain("rest")), several(hello("a.com"), hello("com"), hello("a.b.com")))
chosen("name_empty_in_config", all_of(named("empty", ""), named("a", "a.example")), several(hello("b.example"), hello()))
chosen("exact_wins_and_no_way_back", all_of(chain("exact", "{server_names: [a.example], application_protocols: [h3]}"), named("wild", "*.example"), chain("rest")), several(hello("a.example", ("h2",)), hello("b.example")))
chosen("name_before_transport", all_of(chain("tls", "{transport_protocol: tls}"), named("name", "a.example")), several(hello("a.example"), hello("b.example")))
chosen("port_before_name", all_of(chain("port", "{destination_port: {{port}}}"), named("name", "a.example")), say(hello("a.example")))
chosen("prefix_before_name", all_of(chain("prefix", "{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"), named("name", "a.example")), say(hello("a.example")))
chosen("transport_before_protocols", all_of(chain("tls", "{transport_protocol: tls}"), chain("h2", "{application_protocols: [h2]}")), say(hello("a", ("h2",))))
chosen("protocols_before_source", all_of(chain("source", "{source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"), chain("h2", "{application_protocols: [h2]}")), say(hello("a", ("h2",))))
ALPN = all_of(chain("h2", "{application_protocols: [h2]}"), chain("one", "{application_protocols: [http/1.1, http/1.0]}"), chain("mesh", "{application_protocols: [istio-peer-exchange, istio]}"), chain("rest"))
for name, protocols in {"h2": ("h2",), "h2_and_1": ("h2", "http/1.1"), "1_and_h2": ("http/1.1", "h2"), "unknown_then_h2": ("x", "h2"), "istio": ("istio-http/1.1", "istio", "http/1.1"), "unknown": ("x",), "none": (), "capital": ("H2",)}.items():
    chosen("alpn_" + name, ALPN, say(hello("a", protocols)))
chosen("alpn_of_plain_http", ALPN, several("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n", "hello\r\n"))
chosen("h2c_of_plain_http2", all_of(chain("h2c", "{application_protocols: [h2c]}"), chain("h2", "{application_protocols: [h2]}"), chain("rest")), say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
chosen("istio_inbound", all_of(
    chain("mtls_http", "{transport_protocol: tls, application_protocols: [istio-http/1.0, istio-http/1.1, istio-h2]}"), chain("http", "{transport_protocol: raw_buffer, application_protocols: [http/1.1, h2c]}"),
    chain("mtls_tcp", "{transport_protocol: tls, application_protocols: [istio-peer-exchange, istio]}"), chain("tcp", "{transport_protocol: raw_buffer}"), chain("tls", "{transport_protocol: tls}")),
    several(hello("a", ("istio-peer-exchange", "istio")), hello("a", ("istio-http/1.1", "istio")), hello("a", ("h2",)), "GET / HTTP/1.1\r\n\r\n", "hello you\n"))
chosen("inspector_missing", all_of(chain("tls", "{transport_protocol: tls}"), chain("rest")), say(hello("a")), filters=())
chosen("inspector_missing_names", all_of(named("a", "a.example"), chain("rest")), say(hello("a.example")), filters=())
chosen("raw_buffer_without_inspector", all_of(chain("raw", "{transport_protocol: raw_buffer}"), chain("rest")), say("hello"), filters=())
chosen("any_and_zero_prefix", all_of(chain("zero", "{prefix_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}"), chain("any")), say("hello\n"))
chosen("any_and_zero_prefix_other_order", all_of(chain("any"), chain("zero", "{prefix_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}")), say("hello\n"))
MANY = "".join(named(f"n{i}", f"n{i}.example", f"*.n{i}.example") for i in range(200))
chosen("two_hundred_names", all_of(MANY, chain("rest")), several(hello("n0.example"), hello("n199.example"), hello("a.b.n77.example"), hello("n200.example")))
PORTS = "".join(chain(f"p{i}", "{destination_port: %d}" % (20000 + i)) for i in range(100))
chosen("a_hundred_ports", all_of(PORTS, chain("rest")), several(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 20042\r\nhello\n", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 20100\r\nhello\n"), filters=(PROXY, TLS, HTTP))

# ---- matcher trees


def action(name):
    return "{action: {name: choose, typed_config: {'@type': %s, value: %s}}}" % (STRING, name)


def of(kind):
    kind, _, fields = kind.partition(",")
    return "{name: in, typed_config: {'@type': %s%s%s}}" % (INPUT, kind, fields and "," + fields)


def tree(input, kind, entries, otherwise=None):
    text = "{matcher_tree: {input: %s, %s: {map: {%s}}}" % (of(input), kind, ", ".join(f"{json.dumps(k)}: {v}" for k, v in entries.items()))
    return text + (", on_no_match: %s}" % otherwise if otherwise else "}")


def ip_tree(input, ranges, otherwise=None):
    text = "{matcher_tree: {input: %s, custom_match: {name: ip, typed_config: {'@type': type.googleapis.com/xds.type.matcher.v3.IPMatcher, range_matchers: [%s]}}}" % (of(input), ", ".join(ranges))
    return text + (", on_no_match: %s}" % otherwise if otherwise else "}")


def ranges(to, *cidrs, more=""):
    return "{ranges: [%s], on_match: %s%s}" % (", ".join("{address_prefix: '%s', prefix_len: %s}" % tuple(c.split("/")) for c in cidrs), to, more)


def domain_tree(*matchers, otherwise=None):
    text = "{matcher_tree: {input: %s, custom_match: {name: names, typed_config: {'@type': type.googleapis.com/xds.type.matcher.v3.ServerNameMatcher, domain_matchers: [%s]}}}" % (of("ServerNameInput"), ", ".join(matchers))
    return text + (", on_no_match: %s}" % otherwise if otherwise else "}")


def domains(to, *names):
    return "{domains: [%s], on_match: %s}" % (", ".join(json.dumps(n) for n in names), to)


def listed(*fields, otherwise=None):
    text = "{matcher_list: {matchers: [%s]}" % ", ".join("{predicate: %s, on_match: %s}" % f for f in fields)
    return text + (", on_no_match: %s}" % otherwise if otherwise else "}")


def is_(input, match):
    return "{single_predicate: {input: %s, value_match: %s}}" % (of(input), match)


def nest(text):
    return "{matcher: %s}" % text


THREE = "".join(chain(n) for n in "abc")
A, B, C = action("a"), action("b"), action("c")


def matched(name, matcher, client, chains=THREE, default=None, **kw):
    chosen("tree_" + name, all_of(chains, default=default), client, more="filter_chain_matcher: " + matcher, **kw)


HERE = say("hello\n")
matched("port", tree("DestinationPortInput", "exact_match_map", {"{{port}}": A, "1": B}), HERE)
matched("port_none", tree("DestinationPortInput", "exact_match_map", {"1": B}), HERE)
matched("port_none_default", tree("DestinationPortInput", "exact_match_map", {"1": B}), HERE, default="rest")
matched("port_on_no_match", tree("DestinationPortInput", "exact_match_map", {"1": B}, C), HERE, default="rest")
matched("unknown_chain", tree("DestinationPortInput", "exact_match_map", {"{{port}}": action("x")}), HERE)
matched("unknown_chain_default", tree("DestinationPortInput", "exact_match_map", {"{{port}}": action("x")}), HERE, default="rest")
matched("names_default_chain", tree("DestinationPortInput", "exact_match_map", {"{{port}}": action("rest")}), HERE, default="rest")
matched("destination_ip", tree("DestinationIPInput", "exact_match_map", {"127.0.0.1": A, "127.0.0.2": B}), HERE)
matched("destination_ip_prefix", tree("DestinationIPInput", "prefix_match_map", {"127.": A, "127.0.": B, "128": C}), HERE)
matched("prefix_empty", tree("DestinationIPInput", "prefix_match_map", {"": A, "10.": B}), HERE)
matched("prefix_falls_back", tree("DestinationIPInput", "prefix_match_map", {"127.": A, "127.0.0.": nest(tree("DestinationPortInput", "exact_match_map", {"1": B}))}), HERE)
matched("prefix_nested_on_no_match", tree("DestinationIPInput", "prefix_match_map", {"127.": A, "127.0.0.": nest(tree("DestinationPortInput", "exact_match_map", {"1": B}, C))}), HERE)
matched("exact_nested_fails_then_otherwise", tree("DestinationIPInput", "exact_match_map", {"127.0.0.1": nest(tree("DestinationPortInput", "exact_match_map", {"1": B}))}, C), HERE)
matched("source_ip", tree("SourceIPInput", "exact_match_map", {"127.0.0.3": A, "127.0.0.1": B}), say("hello\n", source="127.0.0.3"))
matched("direct_source_ip", tree("DirectSourceIPInput", "exact_match_map", {"127.0.0.1": A, "1.2.3.4": B}), say(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello\n"), filters=(PROXY, TLS, HTTP))
matched("source_ip_proxied", tree("SourceIPInput", "exact_match_map", {"127.0.0.1": A, "1.2.3.4": B}), say(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello\n"), filters=(PROXY, TLS, HTTP))
matched("source_port", tree("SourcePortInput", "exact_match_map", {"4321": A}, B), say(b"PROXY TCP4 1.2.3.4 5.6.7.8 4321 2\r\nhello\n"), filters=(PROXY, TLS, HTTP))
matched("source_type_local", tree("SourceTypeInput", "exact_match_map", {"local": A}, B), HERE)
matched("source_type_external", tree("SourceTypeInput", "exact_match_map", {"local": A, "external": C, "": C}, B), say(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nhello\n"), filters=(PROXY, TLS, HTTP))
matched("server_name", tree("ServerNameInput", "exact_match_map", {"a.example": A, "": C}, B), several(hello("a.example"), hello("b.example"), hello()))
matched("server_name_prefix", tree("ServerNameInput", "prefix_match_map", {"a.": A, "": C}, B), several(hello("a.example"), hello("b.example"), hello()))
matched("transport", tree("TransportProtocolInput", "exact_match_map", {"tls": A, "raw_buffer": B}), several(hello("a"), "hello\n"))
matched("transport_without_inspector", tree("TransportProtocolInput", "exact_match_map", {"raw_buffer": B}, C), say("hello\n"), filters=())
matched("protocols", tree("ApplicationProtocolInput", "exact_match_map", {"'h2','http/1.1'": A, "'http/1.1'": B, "'h2c'": C}), several(hello("a", ("h2", "http/1.1")), "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "hello\n"))
matched("protocols_prefix", tree("ApplicationProtocolInput", "prefix_match_map", {"'h2'": A, "'http": B}), several(hello("a", ("h2", "http/1.1")), "GET / HTTP/1.0\r\n\r\n"))
matched("list_first_wins", listed((is_("DestinationPortInput", "{exact: '{{port}}'}"), A), (is_("DestinationIPInput", "{prefix: '127'}"), B)), HERE)
matched("list_second", listed((is_("DestinationPortInput", "{exact: '1'}"), A), (is_("DestinationIPInput", "{prefix: '127'}"), B)), HERE)
matched("list_none", listed((is_("DestinationPortInput", "{exact: '1'}"), A)), HERE)
matched("list_otherwise", listed((is_("DestinationPortInput", "{exact: '1'}"), A), otherwise=C), HERE)
for name, match in {"exact_case": "{exact: A.EXAMPLE, ignore_case: true}", "exact_other_case": "{exact: A.EXAMPLE}", "suffix": "{suffix: .example}", "contains": "{contains: xam}", "regex": "{safe_regex: {google_re2: {}, regex: 'a\\..*'}}",
                    "regex_part": "{safe_regex: {google_re2: {}, regex: 'exam'}}", "prefix_case": "{prefix: 'A.', ignore_case: true}"}.items():
    matched("list_name_" + name, listed((is_("ServerNameInput", match), A), otherwise=B), say(hello("a.example")))
YES, NO = is_("DestinationIPInput", "{prefix: '127'}"), is_("DestinationIPInput", "{exact: '1'}")
for name, p in {"and_both": "{and_matcher: {predicate: [%s, %s]}}" % (YES, YES), "and_one": "{and_matcher: {predicate: [%s, %s]}}" % (YES, NO), "or_one": "{or_matcher: {predicate: [%s, %s]}}" % (NO, YES),
                "or_none": "{or_matcher: {predicate: [%s, %s]}}" % (NO, NO), "not": "{not_matcher: %s}" % NO, "not_not": "{not_matcher: {not_matcher: %s}}" % NO, "not_of_missing": "{not_matcher: %s}" % is_("ServerNameInput", "{exact: x}")}.items():
    matched("list_" + name, listed((p, A), otherwise=B), HERE)
matched("list_nested_goes_on", listed((YES, nest(listed((NO, A)))), (YES, B)), HERE)
matched("list_nested_on_no_match", listed((YES, nest(listed((NO, A), otherwise=C))), (YES, B)), HERE)
matched("ip_longest", ip_tree("DestinationIPInput", [ranges(A, "127.0.0.0/8"), ranges(B, "127.0.0.0/16", "10.0.0.0/8"), ranges(C, "0.0.0.0/0")]), HERE)
matched("ip_none", ip_tree("DestinationIPInput", [ranges(A, "10.0.0.0/8"), ranges(B, "::/0")]), HERE)
matched("ip_none_otherwise", ip_tree("DestinationIPInput", [ranges(A, "10.0.0.0/8")], C), HERE)
matched("ip_same_range_twice", ip_tree("DestinationIPInput", [ranges(A, "127.0.0.0/8"), ranges(B, "127.0.0.0/8")]), HERE)
matched("ip_falls_back", ip_tree("DestinationIPInput", [ranges(A, "127.0.0.0/8"), ranges(nest(tree("DestinationPortInput", "exact_match_map", {"1": B})), "127.0.0.1/32")]), HERE)
matched("ip_exclusive", ip_tree("DestinationIPInput", [ranges(A, "127.0.0.0/8", more=", exclusive: true"), ranges(nest(tree("DestinationPortInput", "exact_match_map", {"1": B})), "127.0.0.1/32")], C), HERE)
matched("ip_exclusive_first", ip_tree("DestinationIPInput", [ranges(A, "127.0.0.0/8"), ranges(nest(tree("DestinationPortInput", "exact_match_map", {"1": B})), "127.0.0.1/32", more=", exclusive: true")], C), HERE)
matched("ip_host_bits", ip_tree("SourceIPInput", [ranges(A, "127.9.9.9/8")]), HERE)
matched("ip_of_a_port", ip_tree("DestinationPortInput", [ranges(A, "0.0.0.0/0")], C), HERE)
DOMAINS = domain_tree(domains(A, "a.example", "*.b.example"), domains(B, "*.example"), domains(C, "*"))
for sni in ("a.example", "x.b.example", "y.x.b.example", "b.example", "c.example", "example", "other", "A.EXAMPLE", None):
    matched("domains_" + (sni or "no_name").lower().replace(".", "_") + ("_upper" if sni == "A.EXAMPLE" else ""), DOMAINS, say(hello(sni)), default="rest")
matched("domains_none", domain_tree(domains(A, "a.example"), otherwise=C), several(hello("b.example"), hello("a.example")))
matched("domains_falls_back", domain_tree(domains(nest(tree("DestinationPortInput", "exact_match_map", {"1": B})), "a.example"), domains(A, "*.example"), otherwise=C), say(hello("a.example")))
matched("ambient_inbound", tree("DestinationPortInput", "exact_match_map", {
    "{{port}}": nest(ip_tree("DestinationIPInput", [ranges(nest(listed((is_("TransportProtocolInput", "{exact: tls}"), A), otherwise=B)), "127.0.0.0/8")]))}, C), several(hello("a"), "hello\n"))
matched("three_deep", tree("TransportProtocolInput", "exact_match_map", {"tls": nest(tree("ServerNameInput", "exact_match_map", {"a.example": nest(tree("ApplicationProtocolInput", "exact_match_map", {"'h2'": A}, B))}))}, C),
        several(hello("a.example", ("h2",)), hello("a.example"), hello("b.example"), "hello\n"), default="rest")
matched("match_is_ignored", tree("DestinationPortInput", "exact_match_map", {"{{port}}": A}), HERE, chains=chain("a", "{destination_port: 1}") + chain("b"))
matched("only_on_no_match", "{on_no_match: %s}" % B, HERE)
SET = "{name: s, typed_config: {'@type': %sset_filter_state.v3.Config, on_accept: [{object_key: k, factory_key: envoy.string, format_string: {text_format_source: {inline_string: '%%s'}}}]}}" % TYPE
matched("filter_state", tree("FilterStateInput, key: k", "exact_match_map", {"v": A}, B), HERE, filters=(SET % "v",))
matched("filter_state_other", tree("FilterStateInput, key: k", "exact_match_map", {"v": A}, B), HERE, filters=(SET % "w",))
matched("filter_state_none", tree("FilterStateInput, key: k2", "exact_match_map", {"v": A, "": C}, B), HERE, filters=(SET % "v",))

# ---- what a config may say


def checked(name, parts):
    scenario("fc_config_" + name, kind="validate", config="static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, %s}]}" % parts)


ECHO = "filters: [{name: e, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}]"


def chains_of(*matches):
    return "filter_chains: [%s]" % ", ".join("{%s, name: c%d%s}" % (ECHO, i, ", filter_chain_match: " + m if m else "") for i, m in enumerate(matches))


for name, matches in {
        "same_empty": ("", ""), "empty_and_none": ("", "{}"), "same_port": ("{destination_port: 80}", "{destination_port: 80}"), "two_ports": ("{destination_port: 80}", "{destination_port: 81}"),
        "overlapping_names": ("{server_names: [a, b]}", "{server_names: [b, c]}"), "same_names_other_order": ("{server_names: [a, b]}", "{server_names: [b, a]}"), "same_name_twice": ("{server_names: [a, a]}",),
        "overlapping_prefixes": ("{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}", "{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: 11.0.0.0, prefix_len: 8}]}"),
        "same_prefix_other_host_bits": ("{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}", "{prefix_ranges: [{address_prefix: 10.9.9.9, prefix_len: 8}]}"),
        "nested_prefixes": ("{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}", "{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 16}]}"),
        "overlapping_protocols": ("{application_protocols: [h2]}", "{application_protocols: [h2, http/1.1]}"), "same_source_ports": ("{source_ports: [1]}", "{source_ports: [1, 2]}"),
        "port_and_source_ports": ("{destination_port: 80, source_ports: [1]}", "{source_ports: [1]}"), "source_types": ("{source_type: EXTERNAL}", "{source_type: SAME_IP_OR_LOOPBACK}", ""),
        "zero_prefix_and_none": ("{prefix_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}", ""), "partial_wildcard": ("{server_names: ['*a.example']}",), "inner_wildcard": ("{server_names: ['a.*.example']}",), "star": ("{server_names: ['*']}",),
        "star_dot": ("{server_names: ['*.']}",), "two_stars": ("{server_names: ['*.*.example']}",), "star_dot_star": ("{server_names: ['*.*']}",), "address_suffix": ("{address_suffix: a}",), "suffix_len": ("{suffix_len: 3}",), "wild_and_dot": ("{server_names: ['*.a']}", "{server_names: ['.a']}"),
        "bad_prefix": ("{prefix_ranges: [{address_prefix: x, prefix_len: 8}]}",), "prefix_len_33": ("{prefix_ranges: [{address_prefix: 1.2.3.4, prefix_len: 33}]}",), "empty_name": ("{server_names: ['']}", ""), "port_0": ("{destination_port: 0}",)}.items():
    checked(name, chains_of(*matches))
NAMED = "filter_chains: [{name: a, %s}, {name: b, %s}], " % (ECHO, ECHO)
GOOD = tree("DestinationPortInput", "exact_match_map", {"1": A})
checked("tree_good", NAMED + "filter_chain_matcher: " + GOOD)
checked("tree_no_names", "filter_chains: [{%s}], filter_chain_matcher: %s" % (ECHO, GOOD))
checked("tree_same_names", "filter_chains: [{name: a, %s}, {name: a, %s}], filter_chain_matcher: %s" % (ECHO, ECHO, GOOD))
checked("tree_unknown_action", NAMED + "filter_chain_matcher: " + tree("DestinationPortInput", "exact_match_map", {"1": "{action: {name: choose, typed_config: {'@type': type.googleapis.com/google.protobuf.UInt32Value, value: 1}}}"}))
checked("tree_unknown_name", NAMED + "filter_chain_matcher: " + tree("DestinationPortInput", "exact_match_map", {"1": action("zzz")}))
checked("tree_empty_map", NAMED + "filter_chain_matcher: " + tree("DestinationPortInput", "exact_match_map", {}))
checked("tree_empty_list", NAMED + "filter_chain_matcher: {matcher_list: {matchers: []}}")
checked("tree_nothing", NAMED + "filter_chain_matcher: {}")
checked("tree_http_input", NAMED + "filter_chain_matcher: {matcher_tree: {input: {name: x, typed_config: {'@type': type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: a}}, exact_match_map: {map: {a: %s}}}}" % A)
checked("tree_bad_range", NAMED + "filter_chain_matcher: " + ip_tree("DestinationIPInput", [ranges(A, "x/8")]))
checked("tree_range_len_33", NAMED + "filter_chain_matcher: " + ip_tree("DestinationIPInput", [ranges(A, "1.2.3.4/33")]))
checked("tree_no_ranges", NAMED + "filter_chain_matcher: " + ip_tree("DestinationIPInput", []))
checked("tree_domain_twice", NAMED + "filter_chain_matcher: " + domain_tree(domains(A, "a"), domains(B, "a")))
checked("tree_domain_empty", NAMED + "filter_chain_matcher: " + domain_tree(domains(A, "")))
checked("tree_domain_inner_wildcard", NAMED + "filter_chain_matcher: " + domain_tree(domains(A, "a.*.b")))
checked("tree_domain_partial_wildcard", NAMED + "filter_chain_matcher: " + domain_tree(domains(A, "*a.b")))
checked("tree_domain_star_dot", NAMED + "filter_chain_matcher: " + domain_tree(domains(A, "*.")))
checked("tree_bad_regex", NAMED + "filter_chain_matcher: " + listed((is_("ServerNameInput", "{safe_regex: {google_re2: {}, regex: '['}}"), A)))
checked("tree_no_chains", "filter_chain_matcher: %s, default_filter_chain: {%s}" % (GOOD, ECHO))
checked("tree_deep", NAMED + "filter_chain_matcher: " + (lambda f: f(f, 30))(lambda f, n: GOOD if n == 0 else tree("DestinationPortInput", "exact_match_map", {"1": nest(f(f, n - 1))})))
