"""The filter header_to_metadata: headers and cookies become dynamic metadata."""
import base64
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config"
NAME = "envoy.filters.http.header_to_metadata"
FORM = {"code": "%RESPONSE_CODE%", "own": "of it: %DYNAMIC_METADATA(envoy.filters.http.header_to_metadata)%", "a": "of a: %DYNAMIC_METADATA(a)%", "lb": "of lb: %DYNAMIC_METADATA(envoy.lb)%"}
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def pair(key="k", **more):
    return {"key": key, **more}


def rule(source="header", name="x-a", present=None, missing=None, **more):
    return {source: name, **({"on_header_present": present} if present is not None else {}), **({"on_header_missing": missing} if missing is not None else {}), **more}


def case(name, rules=(), client=None, response=(), own=None, **kw):
    config = {"@type": TYPE, **({"request_rules": list(rules)} if rules else {}), **({"response_rules": list(response)} if response else {}), **kw.pop("config", {})}
    kw.setdefault("log_format", FORM)
    if own is not None:
        kw["routes"] = json.dumps([{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, "typed_per_filter_config": {NAME: {"@type": TYPE, **own}}}])
    scenario("header_to_metadata_" + name, filters=json.dumps([{"name": NAME, "typed_config": config}]), client=client or get("/", "x-a: 1", "cookie: c=2; d=\"3\""), **kw)


def encoded(data):
    return base64.b64encode(data).decode()


# What is written.
case("present", [rule(present=pair())], get("/", "x-a: 1") + get("/"))
case("missing", [rule(missing=pair(value="none"))], get("/", "x-a: 1") + get("/"))
case("both", [rule(present=pair("there"), missing=pair("not-there", value="none"))], get("/", "x-a: 1") + get("/"))
case("value_instead", [rule(present=pair(value="mine"))])
case("namespaces", [rule(present=pair("one")), rule(present=pair("two", metadata_namespace="a")), rule(present=pair("three", metadata_namespace="a", value="v")), rule(name="x-b", present=pair("four"))], get("/", "x-a: 1", "x-b: 2"))
case("same_key_twice", [rule(present=pair()), rule(name="x-b", present=pair())], get("/", "x-a: 1", "x-b: 2"))
case("several_values", [rule(present=pair())], get("/", "x-a: 1", "x-b: q", "x-a: 2"))
case("empty_value", [rule(present=pair(), missing=pair(value="none"))], get("/", "x-a:"))
case("name_in_capitals", [rule(name="X-A", present=pair())])
case("pseudo_header", [rule(name=":path", present=pair("path")), rule(name=":authority", present=pair("authority")), rule(name="host", present=pair("host")), rule(name=":method", present=pair("method"))])
case("removes", [rule(present=pair(), remove=True)], get("/", "x-a: 1", "x-a: 2"))
case("removes_first", [rule(present=pair("one"), remove=True), rule(present=pair("two"), missing=pair("three", value="gone"))])
case("removes_when_only_missing", [rule(missing=pair(value="none"), remove=True)])
case("long", [rule(present=pair())], get("/", "x-a: " + "y" * 8191) + get("/", "x-a: " + "z" * 8192) + get("/", "x-a: " + "z" * 8193), mask=[("y{8191}", "<y>"), ("z{8191,8193}", "<z>")])
case("quotes", [rule(present=pair("k\""))], get("/", "x-a: a\"b\\c"))
case("high_bytes", [rule(present=pair())], get("/", "x-a: caf\xc3\xa9"))

# Types.
NUMBERS = ("1", "-1.5", "1e3", " 2 ", "0x10", "1x", "inf", "nan", "", "1 2", "+3", ".5", "1e400", "12345678901234567890", "1_0", "infinity", "-", "5.")
case("number", [rule(present=pair(type="NUMBER"))], [s for v in NUMBERS for s in get("/", f"x-a: {v}")])
case("number_missing", [rule(missing=pair(type="NUMBER", value="4.25"))], get("/"))
case("base64", [rule(present=pair(encode="BASE64"))], [s for v in (encoded(b"hello"), "aGVsbG8", "aGVsbG8==", "aGVs bG8=", "***", "a", "aGVsbG9=", encoded(b"\x00\x01"), encoded(b"\xc3\xa9"), "_-_-", "") for s in get("/", f"x-a: {v}")])
case("base64_number", [rule(present=pair(encode="BASE64", type="NUMBER"))], get("/", "x-a: " + encoded(b"12.5")) + get("/", "x-a: 12.5") + get("/", "x-a: " + encoded(b" 7 ")))
VALUES = {"string": b"\x1a\x02hi", "number": b"\x11\x00\x00\x00\x00\x00\x00\x04\x40", "bool": b"\x20\x01", "null": b"\x08\x00", "list": b"\x32\x06\x0a\x04\x1a\x02hi", "struct": b"\x2a\x0b\x0a\x09\x0a\x01x\x12\x04\x1a\x02yy",
          "empty": b"\x08", "garbage": b"\xff\xff", "cut": b"\x1a\x05hi", "unknown": b"\x78\x01", "bad_utf8": b"\x1a\x01\xff", "deep": b"".join([b"\x32\x08\x0a\x06" * 1, b"\x32\x04\x0a\x02\x20\x01"])}
for _name, _value in VALUES.items():
    case("message_" + _name, [rule(present=pair(encode="BASE64", type="PROTOBUF_VALUE"))], get("/", "x-a: " + encoded(_value)))
case("message_plain", [rule(present=pair(type="PROTOBUF_VALUE"))], get("/", "x-a: abc") + get("/", "x-a: \"\""))
case("rewrite", [rule(present=pair(regex_value_rewrite={"pattern": {"regex": "^/(\\w+)/.*"}, "substitution": "\\1"}), name=":path")], get("/cluster/x") + get("/") + get("/a/b/c"))
case("rewrite_all", [rule(present=pair(regex_value_rewrite={"pattern": {"regex": "a"}, "substitution": "[\\0]"}))], get("/", "x-a: banana") + get("/", "x-a: xyz"))
case("rewrite_to_nothing", [rule(present=pair(regex_value_rewrite={"pattern": {"regex": ".+"}}))])
case("rewrite_number", [rule(present=pair(type="NUMBER", regex_value_rewrite={"pattern": {"regex": "v(\\d+)"}, "substitution": "\\1"}))], get("/", "x-a: v12"))

# Cookies.
case("cookie", [rule("cookie", "c", present=pair(), missing=pair(value="none"))], get("/", "cookie: c=2") + get("/", "cookie: d=2; c=3") + get("/", "cookie: d=2") + get("/") + get("/", "cookie: c=") + get("/", 'cookie: c="q"') + get("/", "cookie: d=1", "cookie: c=4"))
case("cookie_twice", [rule("cookie", "c", present=pair())], get("/", "cookie: c=1; c=2"))
case("cookie_case", [rule("cookie", "C", present=pair())], get("/", "cookie: c=1") + get("/", "cookie: C=2"))

# Responses.
case("response", response=[rule(name="x-r", present=pair()), rule(name="x-none", missing=pair("gone", value="none"))], up=[ok("ok", "x-r: 1")])
case("response_removes", response=[rule(name="x-r", present=pair(), remove=True)], up=[ok("ok", "x-r: 1", "x-r: 2")])
case("response_status", response=[rule(name=":status", present=pair())])
case("response_of_local_reply", response=[rule(name="content-type", present=pair())], up=REFUSE)
case("response_adds_to_request", [rule(present=pair("req"))], response=[rule(name="x-r", present=pair("resp"))], up=[ok("ok", "x-r: 1")])
case("response_cookie", response=[rule("cookie", "c", present=pair(), missing=pair(value="none"))], up=[ok("ok", "cookie: c=1", "set-cookie: c=2")])

# Routes.
case("of_route", [rule(present=pair("own"))], own={"request_rules": [rule(present=pair("route"))]})
case("of_route_response_only", [rule(present=pair("own"))], own={"response_rules": [rule(name="x-r", present=pair("route"))]}, up=[ok("ok", "x-r: 1")])
case("of_vhost", [rule(present=pair("own"))], vhosts=json.dumps([{"name": "a", "domains": ["*"], "typed_per_filter_config": {NAME: {"@type": TYPE, "request_rules": [rule(present=pair("vhost"))]}}, "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}}]}]))
case("empty", client=get("/"))
case("chooses_route", [rule(present=pair(metadata_namespace="a"))], routes='[{match: {prefix: /, dynamic_metadata: [{filter: a, path: [{key: k}], value: {string_match: {exact: "1"}}}]}, direct_response: {status: 201}}, {match: {prefix: /}, direct_response: {status: 202}}]')
case("subset", [rule(present=pair("v", metadata_namespace="envoy.lb"), remove=True)], get("/", "x-a: a") + get("/", "x-a: b") + get("/", "x-a: none"), routes='- {match: {prefix: /}, route: {cluster: "{{c1}}"}}', up={"a": [ok("a")], "b": [ok("b")]}, no_upstream=True,
     clusters={"c1": {"yaml": 'lb_subset_config: {fallback_policy: NO_FALLBACK, subset_selectors: [{keys: [v]}]}\nload_assignment: {endpoints: [{lb_endpoints: [' + ", ".join(
         '{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{%s.port}}}}}, metadata: {filter_metadata: {envoy.lb: {v: %s}}}}' % (h, h) for h in "ab") + ']}]}', "hosts": ["a", "b"]}})
case("disabled", [rule(present=pair())], routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: {envoy.filters.http.header_to_metadata: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}')
scenario("header_to_metadata_typed_struct", filters=json.dumps([{"name": NAME, "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE, "value": {"request_rules": [rule(present=pair())]}}}]), client=get("/", "x-a: 1"), log_format=FORM)

# Stats.
COUNTS = ["re:^http_filter_name\\.{{name}}_(own|route)\\."]
case("stats", [rule(present=pair(type="NUMBER")), rule(name="x-none", missing=pair("m", value="none")), rule(present=pair("d", encode="BASE64"))], get("/", "x-a: 1") + get("/", "x-a: x") + get("/") + get("/", "x-a: " + "z" * 9000),
     response=[rule(name="x-r", present=pair())], config={"stat_prefix": "{{name}}_own"}, stats=COUNTS, own=None, no_log=True)
case("stats_of_route", [rule(present=pair())], get("/", "x-a: 1"), config={"stat_prefix": "{{name}}_own"}, stats=COUNTS, own={"request_rules": [rule(present=pair())], "stat_prefix": "{{name}}_route"})
case("stats_of_rewrites", [rule(present=pair(regex_value_rewrite={"pattern": {"regex": "b+"}, "substitution": ""})), rule(present=pair("q", regex_value_rewrite={"pattern": {"regex": "x"}, "substitution": "z"}))],
     get("/", "x-a: bbb") + get("/", "x-a: a") + get("/", "x-a:") + get("/", "x-a: x"), config={"stat_prefix": "{{name}}_own"}, stats=COUNTS, no_log=True)
case("stats_of_messages", [rule(present=pair(type="PROTOBUF_VALUE", encode="BASE64"))], get("/", "x-a: GgJoaQ==") + get("/", "x-a: ////") + get("/", "x-a: *"), config={"stat_prefix": "{{name}}_own"}, stats=COUNTS, no_log=True)
case("stats_of_responses", client=get("/") * 2, response=[rule(name="x-r", present=pair(), missing=pair("m", value="none")), rule(name="x-none", present=pair()), rule("cookie", "c", missing=pair("cm", value="none")), rule(name="x-r", present=pair("num", type="NUMBER"))],
     up=[ok("ok", "x-r: 1")], config={"stat_prefix": "{{name}}_own"}, stats=COUNTS, no_log=True)
case("stats_prefix_with_dots", [rule(present=pair())], config={"stat_prefix": "{{name}}_own.a:b"}, stats=COUNTS, no_log=True)

LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
for _name, _rule in {
    "good": rule(present=pair()), "both_sources": {**rule(present=pair()), "cookie": "c"}, "no_source": {"on_header_present": pair()}, "neither": rule(), "value_and_rewrite": rule(present=pair(value="v", regex_value_rewrite={"pattern": {"regex": "a"}})),
    "cookie_removed": rule("cookie", "c", present=pair(), remove=True), "missing_without_value": rule(missing=pair()), "no_key": rule(present={"value": "v"}), "bad_regex": rule(present=pair(regex_value_rewrite={"pattern": {"regex": "("}})),
    "bad_substitution": rule(present=pair(regex_value_rewrite={"pattern": {"regex": "a"}, "substitution": "\\2"})), "no_regex": rule(present=pair(regex_value_rewrite={})), "bad_type": rule(present=pair(type=7)), "bad_encode": rule(present=pair(encode=7)),
    "bad_header": rule(name="a\n", present=pair()), "rewrite_of_missing": rule(missing=pair(value="v", regex_value_rewrite={"pattern": {"regex": "a"}})), "number_is_none": rule(missing=pair(value="v", type="NUMBER")), None: None,
}.items():
    for _where in ("", "route_"):
        _config = {"@type": TYPE, **({"request_rules": [_rule]} if _rule else {})}
        _route = {"virtual_hosts": [{"name": "a", "domains": ["*"], "typed_per_filter_config": {NAME: _config}}]} if _where else {}
        _why = {"bad_substitution": "a rewrite that can never apply is refused", "bad_encode": "an encoding that nobody knows is refused"}.get(_name)
        scenario(f"header_to_metadata_{_where}config_{_name or 'nothing'}", kind="validate", **({"differs": _why, "outrigger": {"exit": 1, "ok": None}} if _why else {}), config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
            "@type": HCM, "stat_prefix": "h", "route_config": _route, "http_filters": [
                {"name": NAME, "typed_config": {"@type": TYPE} if _where else _config}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
