"""RBAC by matchers (xds.type.matcher.v3.Matcher): what trees may look at, what their actions say, and what is refused; and the
conditions of policies, which are the same expressions."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3."
NETWORK = "type.googleapis.com/envoy.extensions.filters.network."
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "metadata": "%DYNAMIC_METADATA(envoy.filters.http.rbac)%", "common": "%DYNAMIC_METADATA(envoy.common)%"}
DIRECT = "[{name: r, match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hi}}}]"
STATS = ["re:^http\\.{{name}}\\.rbac\\."]


def typed(type, called="x", **fields):
    return {"name": called, "typed_config": {"@type": "type.googleapis.com/" + type, **fields}}


def action(name="a", act=None):
    return {"action": typed("envoy.config.rbac.v3.Action", "action", name=name, **({"action": act} if act else {}))}


def request_header(name):
    return typed("envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)


def network(kind, **fields):
    return typed(f"envoy.extensions.matching.common_inputs.network.v3.{kind}Input", **fields)


def ssl(kind):
    return typed(f"envoy.extensions.matching.common_inputs.ssl.v3.{kind}Input")


def single(input, **match):
    return {"single_predicate": {"input": input, **({"value_match": match} if "custom_match" not in match else match)}}


def when(predicate, then):
    return {"predicate": predicate, "on_match": then}


def listed(*fields, otherwise=None):
    return {"matcher_list": {"matchers": list(fields)}, **({"on_no_match": otherwise} if otherwise else {})}


def tree(input, otherwise=None, **kind):
    return {"matcher_tree": {"input": input, **kind}, **({"on_no_match": otherwise} if otherwise else {})}


DENY = action("none", "DENY")
AB = get("/a") + get("/b")


def rbac(name, config, client=AB, filters=None, stats=(), **kw):
    kw.setdefault("routes", DIRECT)
    kw.setdefault("log_format", FORM)
    filters = [typed(TYPE[len("type.googleapis.com/"):] + "RBAC", "rbac", **config)] if filters is None else filters
    scenario("rbac_matcher_" + name, filters=json.dumps(filters), client=client, stats=list(stats), **kw)


def by_input(name, input, client, match=None, **kw):
    rbac("input_" + name, {"matcher": listed(when(single(input, **(match or {"exact": "1"})), action("those")), otherwise=DENY)}, client, **kw)


def regex(re):
    return {"safe_regex": {"google_re2": {}, "regex": re}}


PATH = request_header(":path")
EVERY = regex(".*")
A = single(PATH, exact="/a")

# ---- actions

rbac("allow", {"matcher": listed(when(A, action("is a", "ALLOW")))}, stats=STATS)
rbac("deny", {"matcher": listed(when(A, action("is a", "DENY")), otherwise=action("other"))}, stats=STATS)
rbac("log", {"matcher": listed(when(A, action("is a", "LOG")), otherwise=action("other"))}, stats=STATS)
rbac("log_only", {"matcher": listed(when(A, action("is a", "LOG")))}, stats=STATS)
rbac("empty", {"matcher": {}}, stats=STATS)
rbac("only_no_match", {"matcher": {"on_no_match": action("all")}}, stats=STATS)
rbac("shadow", {"shadow_matcher": listed(when(A, action("is a", "DENY")), otherwise=action("other"))}, stats=STATS)
rbac("shadow_log", {"shadow_matcher": listed(when(A, action("is a", "LOG")), otherwise=action("other")), "shadow_rules_stat_prefix": "s."}, stats=STATS)
rbac("both", {"matcher": listed(when(A, action("is a"))), "shadow_matcher": listed(when(A, action("sh", "DENY"))), "rules_stat_prefix": "mine", "shadow_rules_stat_prefix": "dry_"}, stats=STATS)
rbac("per_policy", {"matcher": listed(when(A, action("is a"))), "shadow_matcher": listed(when(A, action("sh", "DENY")), otherwise=action("o")), "track_per_rule_stats": True}, stats=STATS)
ANY = [{"any": True}]
rbac("matcher_wins", {"matcher": listed(when(A, action("is a"))), "rules": {"policies": {"p": {"permissions": ANY, "principals": ANY}}}}, stats=STATS)
rbac("shadow_matcher_wins", {"shadow_matcher": listed(when(A, action("is a"))), "shadow_rules": {"policies": {"p": {"permissions": ANY, "principals": ANY}}}}, stats=STATS)
ROUTES = json.dumps([{"match": {"path": "/a"}, "direct_response": {"status": 200}, "typed_per_filter_config": {"rbac": {"@type": TYPE + "RBACPerRoute", "rbac": {"matcher": {"on_no_match": action("mine", "DENY")}, "shadow_matcher": {"on_no_match": action("shadow")}}}}},
                     {"match": {"path": "/c"}, "direct_response": {"status": 200}, "typed_per_filter_config": {"rbac": {"@type": TYPE + "RBACPerRoute", "rbac": {}}}},
                     {"match": {"prefix": "/"}, "direct_response": {"status": 200}}])
rbac("route", {"matcher": listed(when(A, action("is a"))), "rules_stat_prefix": "p_"}, AB + get("/c"), routes=ROUTES, stats=STATS)

# ---- trees

rbac("first_wins", {"matcher": listed(when(single(PATH, prefix="/a"), action("first", "DENY")), when(A, action("second")))}, get("/a") + get("/ab") + get("/b"))
rbac("nested", {"matcher": listed(when(single(PATH, prefix="/a"), {"matcher": listed(when(single(request_header("x-a"), exact="1"), action("in")))}), when(single(PATH, prefix="/"), action("out", "DENY")))},
     get("/a", "x-a: 1") + get("/a") + get("/b", "x-a: 1"))
rbac("nested_no_match", {"matcher": listed(when(single(PATH, prefix="/a"), {"matcher": listed(when(single(request_header("x-a"), exact="1"), action("in")), otherwise=action("inner", "DENY"))}), otherwise=action("outer"))},
     get("/a", "x-a: 1") + get("/a") + get("/b"))
rbac("and", {"matcher": listed(when({"and_matcher": {"predicate": [A, single(request_header("x-a"), exact="1")]}}, action("those")))}, get("/a") + get("/a", "x-a: 1") + get("/b", "x-a: 1"))
rbac("or", {"matcher": listed(when({"or_matcher": {"predicate": [A, single(request_header("x-a"), exact="1")]}}, action("those")))}, get("/a") + get("/b", "x-a: 1") + get("/b"))
rbac("not", {"matcher": listed(when({"not_matcher": A}, action("those")))})
rbac("not_missing", {"matcher": listed(when({"not_matcher": single(request_header("x-a"), exact="1")}, action("those")))}, get("/") + get("/", "x-a: 1") + get("/", "x-a: 2"))
rbac("exact_map", {"matcher": tree(PATH, exact_match_map={"map": {"/a": action("a"), "/b": {"matcher": listed(when(single(request_header("x-a"), exact="1"), action("in")))}}})}, get("/a") + get("/b") + get("/b", "x-a: 1") + get("/ab") + get("/A"))
rbac("exact_map_otherwise", {"matcher": tree(request_header("x-a"), exact_match_map={"map": {"1": action("a", "DENY")}}, otherwise=action("o"))}, get("/") + get("/", "x-a: 1") + get("/", "x-a: 2"))
rbac("prefix_map", {"matcher": tree(PATH, prefix_match_map={"map": {"/a": action("a"), "/a/b": action("ab", "DENY"), "/a/b/c": {"matcher": listed(when(single(request_header("x-a"), exact="1"), action("in")))}}})},
     get("/a") + get("/a/b") + get("/a/b/c") + get("/a/b/c", "x-a: 1") + get("/x"))

# ---- what requests are asked for

by_input("header", request_header("x-a"), get("/") + get("/", "x-a: 1") + get("/", "X-A: 1") + get("/", "x-a: 2") + get("/", "x-a: 1", "x-a: 2") + get("/", "x-a: 2", "x-a: 1") + get("/", "x-a:") + get("/", "x-a: 1,2"))
by_input("header_joined", request_header("x-a"), get("/", "x-a: 1", "x-a: 2") + get("/", "x-a: 1,2") + get("/", "x-a: 1, 2"), {"exact": "1,2"})
by_input("header_empty", request_header("x-a"), get("/") + get("/", "x-a:") + get("/", "x-a: 1"), EVERY)
by_input("header_method", request_header(":method"), get("/") + req("/", method="POST", body="x"), {"exact": "GET"})
by_input("header_authority", request_header(":authority"), get("/", host="a") + get("/", host="b"), {"exact": "a"})
by_input("header_host", request_header("host"), get("/", host="a") + get("/", host="b"), {"exact": "a"})
by_input("header_scheme", request_header(":scheme"), get("/"), {"exact": "http"})
by_input("header_case", request_header("x-a"), get("/", "x-a: AbC") + get("/", "x-a: abd"), {"exact": "aBc", "ignore_case": True})
by_input("header_suffix", request_header("x-a"), get("/", "x-a: abc") + get("/", "x-a: abd"), {"suffix": "bc"})
by_input("header_contains", request_header("x-a"), get("/", "x-a: abc") + get("/", "x-a: ac"), {"contains": "b"})
by_input("header_regex", request_header("x-a"), get("/", "x-a: abc") + get("/", "x-a: abcd"), regex("a.c"))


def query_of(name):
    return typed("envoy.type.matcher.v3.HttpRequestQueryParamMatchInput", query_param=name)


by_input("destination_port", network("DestinationPort"), get("/"), {"exact": "{{port}}"})
by_input("destination_ip", network("DestinationIP"), get("/"), {"exact": "127.0.0.1"})
by_input("source_ip", network("SourceIP"), get("/") + get("/", "x-forwarded-for: 10.1.1.1"), {"exact": "127.0.0.1"}, hcm="use_remote_address: false")
by_input("source_ip_forwarded", network("SourceIP"), get("/") + get("/", "x-forwarded-for: 10.1.1.1"), {"exact": "10.1.1.1"}, hcm="use_remote_address: false")
by_input("direct_source_ip", network("DirectSourceIP"), get("/") + get("/", "x-forwarded-for: 10.1.1.1"), {"exact": "127.0.0.1"}, hcm="use_remote_address: false")
by_input("source_port", network("SourcePort"), get("/"), regex("[0-9]+"))
by_input("server_name", network("ServerName"), get("/"), EVERY)
STATE = [typed("envoy.extensions.filters.http.set_filter_state.v3.Config", "s", on_request_headers=[{"object_key": "who", "factory_key": "envoy.string", "format_string": {"text_format_source": {"inline_string": "%REQ(x-who)%"}}}])]


def matched(input, **match):
    return typed(TYPE[len("type.googleapis.com/"):] + "RBAC", "rbac", matcher=listed(when(single(input, **match), action("those"))))


rbac("input_filter_state", None, get("/", "x-who: me") + get("/", "x-who: you") + get("/"), filters=STATE + [matched(network("FilterState", key="who"), exact="me")])
SET = [typed("envoy.extensions.filters.http.set_metadata.v3.Config", "m", metadata=[{"metadata_namespace": "space", "value": {"k": {"s": "v", "num": 5, "b": True}, "t": "w"}}])]


def dynamic(*path):
    return network("DynamicMetadata", filter="space", path=[{"key": p} for p in path])


def is_value(**value):
    return {"custom_match": typed("envoy.extensions.matching.input_matchers.metadata.v3.Metadata", **value)}


for name, path, value in (("string", ("k", "s"), {"value": {"string_match": {"exact": "v"}}}), ("string_other", ("k", "s"), {"value": {"string_match": {"exact": "w"}}}), ("number", ("k", "num"), {"value": {"double_match": {"exact": 5}}}),
                          ("bool", ("k", "b"), {"value": {"bool_match": True}}), ("present", ("t",), {"value": {"present_match": True}}), ("absent", ("u",), {"value": {"present_match": True}}),
                          ("absent_inverted", ("u",), {"value": {"present_match": True}, "invert": True}), ("inverted", ("t",), {"value": {"string_match": {"exact": "w"}}, "invert": True}), ("null", ("u",), {"value": {"null_match": {}}})):
    rbac("input_metadata_" + name, None, get("/"), filters=SET + [matched(dynamic(*path), **is_value(**value))])
rbac("input_metadata_as_text", None, get("/"), filters=SET + [matched(dynamic("t"), exact="w")])
rbac("input_metadata_as_text_any", None, get("/"), filters=SET + [matched(dynamic("t"), **EVERY)])
rbac("input_metadata_of_header", None, get("/"), filters=SET + [matched(PATH, **is_value(value={"present_match": True}))])
rbac("input_metadata_of_header_inverted", None, get("/"), filters=SET + [matched(PATH, **is_value(value={"present_match": True}, invert=True))])
rbac("input_metadata_list", None, get("/"), filters=SET + [matched(dynamic("k"), **is_value(value={"present_match": True}))])
rbac("input_state_field", None, get("/", "x-who: me"), filters=STATE + [matched(network("FilterState", key="who", field="f"), exact="me")])
rbac("tree_ip", {"matcher": tree(network("SourceIP"), custom_match=typed("xds.type.matcher.v3.IPMatcher", range_matchers=[{"ranges": [{"address_prefix": "127.0.0.0", "prefix_len": 8}], "on_match": action("local")}]), otherwise=DENY)}, get("/"))
rbac("tree_domain", {"matcher": tree(request_header(":authority"), custom_match=typed("xds.type.matcher.v3.ServerNameMatcher", domain_matchers=[{"domains": ["*.a.b", "c.d"], "on_match": action("d")}]), otherwise=DENY)},
     get("/", host="x.a.b") + get("/", host="c.d") + get("/", host="a.b") + get("/", host="C.d"))

# A name that is empty is none, and one that begins with a dot no wildcard: both would let requests in that are denied.
for number, names in enumerate((["*"], [".a.b"], [".a.b", "*.a.b"], ["*", "*.b", "a.b"])):
    rbac(f"tree_domain_odd_{number}", {"matcher": tree(request_header("x-a"), custom_match=typed("xds.type.matcher.v3.ServerNameMatcher", domain_matchers=[{"domains": names, "on_match": action("d")}]), otherwise=DENY)},
         get("/", "x-a:") + get("/", "x-a: x.a.b") + get("/", "x-a: .a.b") + get("/", "x-a: a.b") + get("/", "x-a: .") + get("/", "x-a: b.") + get("/"))

# ---- expressions


def ident(name):
    return {"ident_expr": {"name": name}}


def select(operand, *fields, test=False):
    for f in fields:
        operand = {"select_expr": {"operand": operand, "field": f, **({"test_only": True} if test and f == fields[-1] else {})}}
    return operand


def call(function, *args, target=None):
    return {"call_expr": {"function": function, "args": list(args), **({"target": target} if target else {})}}


def text(s):
    return {"const_expr": {"string_value": s}}


def equals(a, b):
    return call("_==_", a, b)


CEL = typed("xds.type.matcher.v3.HttpAttributesCelMatchInput")


def by_cel(name, expression, client=AB, **kw):
    rbac("cel_" + name, {"matcher": listed(when(single(CEL, custom_match=typed("xds.type.matcher.v3.CelMatcher", expr_match=expression)), action("those")))}, client, **kw)


IS_A = equals(select(ident("request"), "path"), text("/a"))
by_cel("parsed", {"cel_expr_parsed": {"expr": IS_A}})
by_cel("checked", {"cel_expr_checked": {"expr": IS_A}})
by_cel("old_parsed", {"parsed_expr": {"expr": IS_A}})
by_cel("old_checked", {"checked_expr": {"expr": IS_A}})
by_cel("header", {"cel_expr_parsed": {"expr": equals(call("_[_]", select(ident("request"), "headers"), text("x-a")), text("1"))}}, get("/") + get("/", "x-a: 1") + get("/", "x-a: 2"))
by_cel("call", {"cel_expr_parsed": {"expr": call("startsWith", text("/a"), target=select(ident("request"), "path"))}})
by_cel("has", {"cel_expr_parsed": {"expr": select(ident("request"), "headers", "x-a", test=True)}}, get("/") + get("/", "x-a: 1"))
by_cel("not_bool", {"cel_expr_parsed": {"expr": select(ident("request"), "path")}})
by_cel("response", {"cel_expr_parsed": {"expr": equals(select(ident("response"), "code"), {"const_expr": {"int64_value": 200}})}})
by_cel("list", {"cel_expr_parsed": {"expr": call("@in", select(ident("request"), "path"), {"list_expr": {"elements": [text("/a"), text("/c")]}})}})
by_cel("source", {"cel_expr_parsed": {"expr": call("startsWith", text("127.0.0.1:"), target=select(ident("source"), "address"))}})
by_cel("numbers", {"cel_expr_parsed": {"expr": call("_&&_", call("_>_", {"const_expr": {"int64_value": 2}}, {"const_expr": {"int64_value": 1}}), call("!_", {"const_expr": {"bool_value": False}}))}})

# ---- certificates

SECURE = secure_chain(alpn="http/1.1")


def certified(name, input, match, certs=("client", "client_wrong", "client_no_san", None)):
    client = []
    for i, cert in enumerate(certs):
        client += tls(f"c{i}", versions="1.3", sni="a.example", **({"cert": cert} if cert else {})) + get("/", c=f"c{i}")
    by_input("tls_" + name, input, client, match, certs=True, chains=SECURE)


certified("uri", ssl("UriSan"), {"exact": "spiffe://td/client"})
certified("uri_any", ssl("UriSan"), EVERY)
certified("dns", ssl("DnsSan"), {"exact": "client.example"})
certified("dns_many", ssl("DnsSan"), {"contains": ","}, ["client_many", "client"])
certified("uri_many", ssl("UriSan"), {"contains": ","}, ["client_many", "client"])
certified("subject", ssl("Subject"), {"contains": "CN="})
certified("server_name", network("ServerName"), {"exact": "a.example"}, ["client"])
by_input("plain_uri", ssl("UriSan"), get("/"), EVERY)
by_input("plain_subject", ssl("Subject"), get("/"), EVERY)

URI = single(ssl("UriSan"), exact="spiffe://td/client")
for name, predicate in (("not", {"not_matcher": URI}), ("or_first", {"or_matcher": {"predicate": [URI, A]}}), ("or_last", {"or_matcher": {"predicate": [A, URI]}}), ("and_first", {"and_matcher": {"predicate": [URI, A]}}), ("and_last", {"and_matcher": {"predicate": [A, URI]}})):
    rbac("plain_uri_" + name, {"matcher": listed(when(predicate, action("uri")), otherwise=action("other"))})
rbac("plain_uri_then_others", {"matcher": listed(when(URI, action("uri", "DENY")), when(A, action("path")), otherwise=action("other"))})
rbac("plain_uri_after_others", {"matcher": listed(when(A, action("path")), when(URI, action("uri", "DENY")), otherwise=action("other"))})
rbac("plain_uri_nested", {"matcher": listed(when(A, {"matcher": listed(when(URI, action("uri", "DENY")), otherwise=action("inner"))}), otherwise=action("other"))})
rbac("plain_uri_map", {"matcher": tree(ssl("UriSan"), exact_match_map={"map": {"x": action("uri", "DENY")}}, otherwise=action("other"))})
rbac("plain_uri_no_match", {"matcher": listed(when(A, action("path")), otherwise={"matcher": tree(ssl("UriSan"), exact_match_map={"map": {"x": action("uri")}}, otherwise=action("other"))})})

# ---- connections

NET_FORM = {"flags": "%RESPONSE_FLAGS%", "term": "%CONNECTION_TERMINATION_DETAILS%", "reason": "%DOWNSTREAM_LOCAL_CLOSE_REASON%",
            "metadata": "%DYNAMIC_METADATA(envoy.filters.network.rbac)%", "common": "%DYNAMIC_METADATA(envoy.common)%"}
ECHOED = send("abc") + read_bytes(3) + half_close() + raw_all()
CUT = send("abc") + raw_all()


def connection(name, config, client, **kw):
    log = {"name": "l", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "{{log}}", "log_format": {"json_format": {"log": "listener", **NET_FORM}}}}
    filters = [{"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "{{name}}", **config}}, {"name": "echo", "typed_config": {"@type": NETWORK + "echo.v3.Echo"}}]
    scenario("rbac_matcher_connection_" + name, kind="tcp", chains=json.dumps({"filter_chains": [{"filters": filters}]}), client=client, stats=["re:^{{name}}\\.rbac\\."], listener=json.dumps({"access_log": [log]}), **kw)


LOCAL = single(network("SourceIP"), exact="127.0.0.1")
connection("allow", {"matcher": listed(when(LOCAL, action("local")))}, ECHOED)
connection("deny", {"matcher": listed(when(LOCAL, action("local", "DENY")))}, CUT)
connection("none", {"matcher": listed(when(single(network("DestinationPort"), exact="1"), action("x")))}, CUT)
connection("log", {"matcher": listed(when(LOCAL, action("local", "LOG")))}, ECHOED)
connection("shadow", {"shadow_matcher": listed(when(LOCAL, action("local", "DENY"))), "shadow_rules_stat_prefix": "s_"}, ECHOED)
connection("tree", {"matcher": tree(network("DestinationPort"), exact_match_map={"map": {"{{port}}": action("p")}})}, ECHOED)
connection("wins", {"matcher": listed(when(LOCAL, action("local", "DENY"))), "rules": {"policies": {"p": {"permissions": ANY, "principals": ANY}}}}, CUT)

# ---- conditions of policies


def policies(condition, act=None, **fields):
    return {"rules": {**({"action": act} if act else {}), "policies": {"p": {"permissions": ANY, "principals": ANY, **({"condition": condition} if condition is not None else {}), **fields}}}}


def conditional(name, condition, client=AB, act=None, **kw):
    rbac("condition_" + name, policies(condition, act), client, **kw)


def integer(n):
    return {"const_expr": {"int64_value": n}}


conditional("path", IS_A)
conditional("path_deny", IS_A, act="DENY")
conditional("log", IS_A, act="LOG")
conditional("not_bool", select(ident("request"), "path"))
conditional("not_bool_deny", select(ident("request"), "path"), act="DENY")
conditional("no_value", equals(select(ident("request"), "referer"), text("x")), get("/") + get("/", "referer: x"))
conditional("no_value_deny", equals(select(ident("request"), "referer"), text("x")), get("/") + get("/", "referer: x"), act="DENY")
conditional("unknown_name", equals(ident("nonsense"), text("x")))
conditional("and_or", call("_||_", IS_A, call("_&&_", equals(select(ident("request"), "method"), text("GET")), equals(call("_[_]", select(ident("request"), "headers"), text("x-a")), text("1")))), AB + get("/b", "x-a: 1"))
conditional("choice", call("_?_:_", IS_A, {"const_expr": {"bool_value": False}}, {"const_expr": {"bool_value": True}}))
conditional("port", equals(select(ident("destination"), "port"), integer("{{port}}")), get("/"))
conditional("code", equals(select(ident("response"), "code"), integer(200)), get("/"))
conditional("flags", equals(select(ident("response"), "flags"), integer(0)), get("/"))
conditional("protocol", equals(select(ident("request"), "protocol"), text("HTTP/1.1")), get("/"))
conditional("mtls", call("!_", select(ident("connection"), "mtls")), get("/"))
conditional("route", equals(select(ident("xds"), "route_name"), text("r")), get("/"))
conditional("size", call("_>_", call("size", select(ident("request"), "path")), integer(2)), get("/a") + get("/ab"))
conditional("matches", call("matches", text("/[a-c]"), target=select(ident("request"), "path")), get("/a") + get("/d"))
conditional("uint", equals({"const_expr": {"uint64_value": 5}}, {"const_expr": {"uint64_value": 5}}), get("/"))
conditional("double", call("_<_", {"const_expr": {"double_value": 0.5}}, {"const_expr": {"double_value": 1.5}}), get("/"))
conditional("null", equals({"const_expr": {"null_value": "NULL_VALUE"}}, {"const_expr": {"null_value": "NULL_VALUE"}}), get("/"))
conditional("bytes", equals({"const_expr": {"bytes_value": "YQ=="}}, {"const_expr": {"bytes_value": "YQ=="}}), get("/"))
conditional("state", equals(call("_[_]", ident("filter_state"), text("who")), text("me")), get("/"))
rbac("condition_metadata", None, get("/"), filters=SET + [typed(TYPE[len("type.googleapis.com/"):] + "RBAC", "rbac", **policies(
    equals(call("_[_]", call("_[_]", select(ident("metadata"), "filter_metadata"), text("space")), text("t")), text("w"))))])
rbac("condition_shadow", {"shadow_rules": policies(IS_A, "DENY")["rules"]}, stats=STATS)
connection("condition", policies(equals(select(ident("destination"), "port"), integer("{{port}}"))), ECHOED)
connection("condition_address", policies(call("startsWith", text("127.0.0.1:"), target=select(ident("source"), "address")), "DENY"), CUT)
connection("condition_path", policies(IS_A), CUT)

# ---- refused


def refused(name, config, **kw):
    scenario("rbac_matcher_refused_" + name, kind="validate", config=manager_config([{"name": "rbac", "typed_config": {"@type": TYPE + "RBAC", **config}}]), **kw)


def refused_connection(name, config, **kw):
    echo = {"name": "echo", "typed_config": {"@type": NETWORK + "echo.v3.Echo"}}
    filters = [{"name": "rbac", "typed_config": {"@type": NETWORK + "rbac.v3.RBAC", "stat_prefix": "p", **config}}, echo]
    scenario("rbac_matcher_refused_connection_" + name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}, "filter_chains": [{"filters": filters}]}]}}), **kw)


refused("no_name", {"matcher": {"on_no_match": action("")}})
refused("other_action", {"matcher": {"on_no_match": {"action": typed("google.protobuf.StringValue", value="x")}}})
refused("no_type", {"matcher": {"on_no_match": {"action": {"name": "x"}}}})
refused("no_input", {"matcher": listed(when({"single_predicate": {"value_match": {"exact": "a"}}}, action("a")))})
refused("empty_list", {"matcher": {"matcher_list": {"matchers": []}}})
refused("one_of_and", {"matcher": listed(when({"and_matcher": {"predicate": [A]}}, action("a")))})
refused("empty_map", {"matcher": tree(PATH, exact_match_map={"map": {}})})
refused("bad_header", {"matcher": listed(when(single(request_header("x a"), exact="a"), action("a")))})
refused("bad_header_colon", {"matcher": listed(when(single(request_header(":x"), exact="a"), action("a")))})
refused("no_query", {"matcher": listed(when(single(query_of(""), exact="a"), action("a")))})
refused("response_header", {"matcher": listed(when(single(typed("envoy.type.matcher.v3.HttpResponseHeaderMatchInput", header_name="x"), exact="a"), action("a")))})
refused("metadata_as_text", {"matcher": listed(when(single(dynamic("k"), exact="a"), action("a")))})
refused("metadata_of_header", {"matcher": listed(when(single(PATH, **is_value(value={"present_match": True})), action("a")))})
refused("regex", {"matcher": listed(when(single(PATH, **regex("[")), action("a")))})
refused("query", {"matcher": listed(when(single(query_of("a"), exact="a"), action("a")))})
for kind in ("SourceType", "TransportProtocol", "ApplicationProtocol"):
    refused("input_" + kind, {"matcher": listed(when(single(network(kind), exact="a"), action("a")))})
refused("keep_matching", {"matcher": listed(when(A, {**action("first", "DENY"), "keep_matching": True}), when(A, action("second")))})
refused("keep_matching_no_match", {"matcher": listed(when(A, action("a")), otherwise={**action("o"), "keep_matching": True})})
refused("unset_custom", {"matcher": listed(when(single(PATH, custom_match=typed("google.protobuf.StringValue", value="x")), action("a")))})
refused("shadow", {"shadow_matcher": listed(when(single(network("SourceType"), exact="local"), action("a")))})
def refused_cel(name, expression):
    refused("cel_" + name, {"matcher": listed(when(single(CEL, custom_match=typed("xds.type.matcher.v3.CelMatcher", expr_match=expression)), action("those")))})


refused_cel("nothing", {})
refused_cel("empty", {"cel_expr_parsed": {}})
refused_cel("function", {"cel_expr_parsed": {"expr": call("nonsense", text("a"))}})
refused_cel("no_kind", {"cel_expr_parsed": {"expr": call("!_", {})}})
refused_cel("string", {"cel_expr_string": "request.path =="})
refused_cel("variable", {"cel_expr_parsed": {"expr": ident("nonsense")}})
refused("cel_missing", {"matcher": listed(when(single(CEL, custom_match=typed("xds.type.matcher.v3.CelMatcher")), action("those")))})
refused("cel_as_text", {"matcher": listed(when(single(CEL, exact="a"), action("those")))})
refused("cel_of_header", {"matcher": listed(when(single(PATH, custom_match=typed("xds.type.matcher.v3.CelMatcher", expr_match={"cel_expr_parsed": {"expr": IS_A}})), action("those")))})
refused("unknown_input", {"matcher": listed(when(single(typed("google.protobuf.StringValue", value="x"), exact="a"), action("a")))})
for name, condition in (("empty", {}), ("function", call("nonsense", text("a"))), ("operand", call("!_", {})), ("arguments", call("_==_", text("a"))), ("no_constant", {"const_expr": {}}),
                        ("loop", {"comprehension_expr": {"iter_var": "x", "iter_range": {"list_expr": {}}, "accu_var": "r", "accu_init": {"const_expr": {"bool_value": True}}, "loop_condition": {"const_expr": {"bool_value": True}},
                                                         "loop_step": {"const_expr": {"bool_value": True}}, "result": ident("r")}}), ("regex", call("matches", text("["), target=select(ident("request"), "path")))):
    refused("condition_" + name, policies(condition))
refused("audit", {"rules": {"audit_logging_options": {"audit_condition": "ON_DENY", "logger_configs": [{"audit_logger": typed("envoy.extensions.rbac.audit_loggers.stream.v3.StdoutAuditLog", "envoy.rbac.audit_loggers.stream")}]}}})
refused_connection("cel", {"matcher": listed(when(single(CEL, custom_match=typed("xds.type.matcher.v3.CelMatcher", expr_match={"cel_expr_parsed": {"expr": IS_A}})), action("those")))})
refused_connection("header", {"matcher": listed(when(A, action("a")))})
refused_connection("query", {"matcher": listed(when(single(query_of("a"), exact="a"), action("a")))})
refused_connection("uri", {"matcher": listed(when(single(ssl("UriSan"), exact="a"), action("a")))})
refused_connection("filter_state", {"matcher": listed(when(single(network("FilterState", key="a"), exact="a"), action("a")))})
refused_connection("metadata", {"matcher": listed(when(single(dynamic("k"), **is_value(value={"present_match": True})), action("a")))})
for kind in ("ServerName", "TransportProtocol", "ApplicationProtocol", "SourceType", "DirectSourceIP", "SourcePort", "DestinationIP"):
    refused_connection("input_" + kind, {"matcher": listed(when(single(network(kind), exact="a"), action("a")))})
refused_connection("input_dns", {"matcher": listed(when(single(ssl("DnsSan"), exact="a"), action("a")))})
refused_connection("input_subject", {"matcher": listed(when(single(ssl("Subject"), exact="a"), action("a")))})
refused_connection("other_action", {"matcher": {"on_no_match": {"action": typed("google.protobuf.StringValue", value="x")}}})
