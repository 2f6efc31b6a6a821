"""The filter header_mutation: what it does to requests, queries, responses and trailers, and in which order routes have their say."""
import json

from harness.dsl import *
from harness.h2 import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3."
FORM = {"code": "%RESPONSE_CODE%", "path": "%REQ(:path)%", "a": "%REQ(x-a)%", "r": "%RESP(x-r)%"}
NAME = "envoy.filters.http.header_mutation"


def add(key, value, action="APPEND_IF_EXISTS_OR_ADD", **kw):
    return {"append": {"header": {"key": key, "value": value}, "append_action": action, **kw}}


def remove(key):
    return {"remove": key}


def param(key, value, action="APPEND_IF_EXISTS_OR_ADD"):
    return {"append": {"record": {"key": key, "value": value}, "action": action}}


def filters(most=None, **mutations):
    return json.dumps([{"name": NAME, "typed_config": {"@type": TYPE + "HeaderMutation", "mutations": mutations, **({"most_specific_header_mutations_wins": most} if most is not None else {})}}])


def per(**mutations):
    return {NAME: {"@type": TYPE + "HeaderMutationPerRoute", "mutations": mutations}}


def routes(route=None, vhost=None, rc=None, action=None):
    return {"route_config": json.dumps({"typed_per_filter_config": rc} if rc else {}),
            "vhosts": json.dumps([{"name": "all", "domains": ["*"], **({"typed_per_filter_config": vhost} if vhost else {}), "routes": [
                {"match": {"prefix": "/"}, **(action or {"route": {"cluster": "{{up}}"}}), **({"typed_per_filter_config": route} if route else {})}]}])}


def case(name, filters, client=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("up", [ok("ok", "x-r: up", "x-s: up")])
    scenario("header_mutation_" + name, filters=filters, client=client or get("/p?a=1", "x-a: 1"), **kw)


ACTIONS = ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")
# Requests.
for _action in ACTIONS:
    case("request_" + _action.lower(), filters(request_mutations=[add("x-a", "2", _action), add("x-new", "new", _action)]), get("/", "x-a: 1") + get("/", "x-a: 1", "x-a: 3"))
    case("response_" + _action.lower(), filters(response_mutations=[add("x-r", "2", _action), add("x-new", "new", _action)]))
case("request_remove", filters(request_mutations=[remove("x-a"), remove("nothing")]))
case("request_in_order", filters(request_mutations=[add("x-b", "1"), remove("x-b"), add("x-b", "2"), add("x-b", "3", "ADD_IF_ABSENT"), add("x-c", "c")]))
case("request_remove_on_match", filters(request_mutations=[{"remove_on_match": {"key_matcher": {"prefix": "x-a"}}}]), get("/", "x-a: 1", "x-ab: 2", "x-b: 3"))
case("request_remove_on_match_case", filters(request_mutations=[{"remove_on_match": {"key_matcher": {"exact": "X-A", "ignore_case": True}}}]))
case("request_formats", filters(request_mutations=[add("x-f", "%REQ(x-a)%|%REQ(:path)%|%PROTOCOL%|%%"), add("x-none", "%REQ(none)%"), add("x-res", "%RESP(x-r)%")]))
case("request_empty_value", filters(request_mutations=[add("x-e", ""), add("x-k", "", keep_empty_value=True), add("x-a", "", "OVERWRITE_IF_EXISTS")]))
case("request_chooses_route", filters(request_mutations=[add("x-to", "b")]), get("/"), vhosts="""
- {name: all, domains: ["*"], routes: [{match: {prefix: /, headers: [{name: x-to, present_match: true}]}, direct_response: {status: 201}}, {match: {prefix: /}, direct_response: {status: 202}}]}
""")
case("request_no_route", filters(request_mutations=[add("x-a", "2")], response_mutations=[add("x-r", "r")]), get("/p"), routes='- {match: {prefix: /none}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("request_cluster_header", filters(request_mutations=[add("x-cluster", "{{up}}")]), get("/"), routes="- {match: {prefix: /}, route: {cluster_header: x-cluster}}")

for _name, _key in {"host": "host", "authority": ":authority", "path": ":path", "method": ":method", "scheme": ":scheme", "content_type": "content-type"}.items():
    case("request_remove_" + _name, filters(request_mutations=[remove(_key)]), get("/", "content-type: a/b"))
case("request_remove_all", filters(request_mutations=[{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": ".*"}}}}]), get("/", "x-a: 1", "content-type: a/b"))
case("response_remove_all", filters(response_mutations=[{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": ".*"}}}}]), get("/", "x-a: 1"))
case("response_remove_status", filters(response_mutations=[remove(":status"), remove("content-length")]))
case("request_body_with_length", filters(request_mutations=[remove("content-length")]), get("/", method="POST", body="abc"))

# Query parameters.
for _action in ACTIONS:
    case("query_" + _action.lower(), filters(query_parameter_mutations=[param("a", "2", _action), param("new", "fresh", _action)]), get("/p?a=1&b=2&a=3") + get("/p") + get("/p?"))
case("query_remove", filters(query_parameter_mutations=[{"remove": "a"}]), get("/p?a=1&b=2&a=3") + get("/p?a") + get("/p") + get("/p?b&a#f"))
case("query_keeps_others", filters(query_parameter_mutations=[param("z", "1")]), get("/p?b=%7ex&a=+&c&d=&=e&&a=%41") + get("/p?q=%zz&%61=1"))
case("query_escapes", filters(query_parameter_mutations=[param("k-y", "a b&c=d/é%%?+~*'\"")]), get("/p") + get("/p?k%2dy=1"))
case("query_formats", filters(query_parameter_mutations=[param("m", "%REQ(:method)%-%REQ(x-a)%"), param("none", "%REQ(none)%")]), get("/p?x=1", "x-a: 1 2"))
case("query_in_order", filters(query_parameter_mutations=[param("a", "1"), {"remove": "a"}, param("b", "2"), param("b", "3", "OVERWRITE_IF_EXISTS"), param("c", "4", "ADD_IF_ABSENT")]), get("/p?a=0"))
case("query_sees_headers", filters(request_mutations=[add("x-n", "new")], query_parameter_mutations=[param("m", "%REQ(x-n)%")]))
case("query_remove_encoded", filters(query_parameter_mutations=[{"remove": "a b"}]), get("/p?a%20b=1&c=2") + get("/p?a+b=1&c=2"))
case("query_without_mutation_of_it", filters(query_parameter_mutations=[param("nope", "1", "OVERWRITE_IF_EXISTS")]), get("/p?b=%7e&A=%2f") + get("/p?"))
case("query_and_headers_remove", filters(request_mutations=[remove("x-a")], query_parameter_mutations=[{"remove": "a"}, {"remove": "nothing"}]))

case("query_escapes_all", filters(query_parameter_mutations=[param("q", "!#$&'()*+,-./:;<=>?@[]^_`{|}~ A0")]), get("/p"))
case("query_decodes", filters(query_parameter_mutations=[param("z", "1")]), get("/p?a=%26b%3d1&%63=%2525&d=%c3%a9&a=%2B&e=%2&f=%") + get("/p?a&") + get("/p?&a") + get("/p?=") + get("/p?a=b=c"))
ESCAPED = "what would end the path is escaped again: Envoy lets a decoded space through, which ends it for the upstream"
case("query_spaces", filters(query_parameter_mutations=[param("z y", "1")]), get("/p?a=%20b&%20c=%23d"), no_upstream=True, differs=ESCAPED,
     outrigger={"log": [{"a": None, "code": 200, "path": "/p?%20c=%23d&a=%20b&z%20y=1", "r": "up"}], "upstream": None})
case("query_line_ends", filters(query_parameter_mutations=[param("z", "1")]), get("/p?a=%0d%0ax-b:%201&c=%23&%20d=%00%7f"), no_upstream=True, differs=ESCAPED,
     outrigger={"upstream": None, "log": [{"a": None, "code": 200, "path": "/p?%20d=%00%7F&a=%0D%0Ax-b:%201&c=%23&z=1", "r": "up"}],
                "steps": [{"body": "ok", "headers": ["x-r: up", "x-s: up", "content-length: 2", "x-envoy-upstream-service-time: <ms>", "date: <date>", "server: envoy"], "status": "HTTP/1.1 200 OK"}]})

# Responses.
case("response_remove", filters(response_mutations=[remove("x-r"), {"remove_on_match": {"key_matcher": {"prefix": "x-s"}}}]))
case("response_formats", filters(response_mutations=[add("x-f", "%RESPONSE_CODE%|%REQ(x-a)%|%RESP(x-s)%|%REQ(:path)%"), add("x-u", "%UPSTREAM_CLUSTER%")]))
case("response_of_local_reply", filters(response_mutations=[add("x-l", "%RESPONSE_CODE_DETAILS%")]), routes="- {match: {prefix: /}, direct_response: {status: 201, body: {inline_string: d}}}")
case("response_of_refused", filters(response_mutations=[add("x-l", "%RESPONSE_FLAGS%")]), up=REFUSE)
case("response_status", filters(response_mutations=[add("x-s", "%RESPONSE_CODE%", "OVERWRITE_IF_EXISTS")]), up=[ok("no", "x-s: 1", status=404)])
case("response_after_routes", filters(response_mutations=[add("x-r", "%RESP(x-q)%", "OVERWRITE_IF_EXISTS")]), route_config="response_headers_to_add: [{header: {key: x-q, value: q}}]")

# Trailers.
case("request_trailers", filters(request_trailers_mutations=[add("x-t", "2"), add("x-n", "%REQ(x-a)%"), remove("x-gone")]),
     send("POST /p HTTP/1.1\r\nhost: h\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\nx-gone: 1\r\n\r\n") + read(), hcm="http_protocol_options: {enable_trailers: true}",
     clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}})
case("response_trailers", filters(response_trailers_mutations=[add("x-t", "2"), add("x-n", "%REQ(x-a)%|%RESP(x-r)%|%TRAILER(x-t)%"), remove("x-gone")]), get("/p", "x-a: 1", "te: trailers"),
     hcm="http_protocol_options: {enable_trailers: true}", clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}},
     up=[raw("HTTP/1.1 200 OK\r\nx-r: 1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\nx-gone: 1\r\n\r\n")])
case("response_without_trailers", filters(response_trailers_mutations=[add("x-t", "2")]), get("/p"), hcm="http_protocol_options: {enable_trailers: true}",
     up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")])

# Routes.
THREE = {"route": per(request_mutations=[add("x-o", "route")], response_mutations=[add("x-o", "route")]), "vhost": per(request_mutations=[add("x-o", "vhost")], response_mutations=[add("x-o", "vhost")]),
         "rc": per(request_mutations=[add("x-o", "rc")], response_mutations=[add("x-o", "rc")])}
case("order", filters(request_mutations=[add("x-o", "filter")], response_mutations=[add("x-o", "filter")]), **routes(**THREE))
case("order_most_specific_wins", filters(True, request_mutations=[add("x-o", "filter")], response_mutations=[add("x-o", "filter")]), **routes(**THREE))
case("order_most_specific_loses", filters(False), **routes(**THREE))
case("of_route_only", filters(), **routes(route=THREE["route"]))
case("of_vhost_only", filters(), **routes(vhost=THREE["vhost"]))
case("of_weighted_cluster", filters(), vhosts=json.dumps([{"name": "all", "domains": ["*"], "typed_per_filter_config": THREE["vhost"], "routes": [{"match": {"prefix": "/"}, "route": {"weighted_clusters": {"clusters": [
    {"name": "{{up}}", "weight": 1, "typed_per_filter_config": per(request_mutations=[add("x-o", "weight")], response_mutations=[add("x-o", "weight")])}]}}}]}]))
case("of_direct_response", filters(), **routes(route=THREE["route"], action={"direct_response": {"status": 201}}))
case("of_redirect", filters(), **routes(route=THREE["route"], action={"redirect": {"host_redirect": "x"}}))
case("of_route_query", filters(query_parameter_mutations=[param("q", "filter")]), **routes(route=per(query_parameter_mutations=[param("q", "route")]), vhost=per(query_parameter_mutations=[param("q", "vhost")])))
case("changes_route_keeps_config", filters(request_mutations=[add("x-to", "b")]), get("/"), vhosts=json.dumps([{"name": "all", "domains": ["*"], "routes": [
    {"match": {"prefix": "/", "headers": [{"name": "x-to", "present_match": True}]}, "direct_response": {"status": 201}, "typed_per_filter_config": per(response_mutations=[add("x-which", "new")])},
    {"match": {"prefix": "/"}, "direct_response": {"status": 202}, "typed_per_filter_config": per(response_mutations=[add("x-which", "old")])}]}]))
case("disabled", filters(request_mutations=[add("x-o", "filter")]), **routes(route={NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}))
case("trailers_of_routes", filters(response_trailers_mutations=[add("x-t", "filter")]), get("/p", "te: trailers"), hcm="http_protocol_options: {enable_trailers: true}",
     clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}}, up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")],
     **routes(route=per(response_trailers_mutations=[add("x-t", "route")]), vhost=per(response_trailers_mutations=[add("x-t", "vhost")])))
scenario("header_mutation_typed_struct", filters=json.dumps([{"name": NAME, "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE + "HeaderMutation", "value": {
    "mutations": {"request_mutations": [add("x-o", "1")], "query_parameter_mutations": [param("a", "2")]}}}}]), client=get("/p"), log_format=FORM)
WITHOUT = [{"name": "envoy.formatter.req_without_query", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery"}}]
case("formatters", filters(request_mutations=[add("x-f", "%REQ_WITHOUT_QUERY(:path)%")], query_parameter_mutations=[param("p", "%REQ_WITHOUT_QUERY(:path)%")], formatters=WITHOUT))
case("formatters_of_route", filters(), **routes(route=per(request_mutations=[add("x-f", "%REQ_WITHOUT_QUERY(:path)%")], formatters=WITHOUT)))

HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
for _name, _mutations in {
    "nothing": {}, "host": {"request_mutations": [add("host", "x")]}, "authority": {"request_mutations": [add(":authority", "x")]}, "path": {"request_mutations": [add(":path", "/x")]}, "remove_host": {"request_mutations": [remove("host")]},
    "remove_path": {"request_mutations": [remove(":path")]}, "no_action": {"request_mutations": [{}]}, "bad_format": {"request_mutations": [add("a", "%NOPE%")]}, "bad_response_format": {"response_mutations": [add("a", "%REQ(%")]},
    "bad_trailer_format": {"response_trailers_mutations": [add("a", "%NOPE%")]}, "param_not_a_string": {"query_parameter_mutations": [param("a", 1)]}, "param_without_record": {"query_parameter_mutations": [{"append": {}}]},
    "param_without_value": {"query_parameter_mutations": [{"append": {"record": {"key": "a"}}}]}, "param_without_key": {"query_parameter_mutations": [{"append": {"record": {"value": "a"}}}]}, "param_nothing": {"query_parameter_mutations": [{}]},
    "param_bad_format": {"query_parameter_mutations": [param("a", "%NOPE%")]}, "param_both": {"query_parameter_mutations": [{**param("a", "1"), "remove": "b"}]}, "param_long": {"query_parameter_mutations": [{"remove": "a" * 20000}]},
    "bad_matcher": {"request_mutations": [{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": "("}}}}]}, "no_matcher": {"request_mutations": [{"remove_on_match": {}}]}, "formatter_missing": {"request_mutations": [add("a", "%REQ_WITHOUT_QUERY(:path)%")]},
    "unknown_formatter": {"formatters": [{"name": "nope"}]},
}.items():
    for _where in ("", "route_"):
        _own = {} if _where else _mutations
        _route = {"virtual_hosts": [{"name": "a", "domains": ["*"], "typed_per_filter_config": per(**_mutations)}]} if _where else {}
        scenario(f"header_mutation_{_where}config_" + _name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
            "@type": HCM, "stat_prefix": "h", "route_config": _route, "http_filters": [
                {"name": NAME, "typed_config": {"@type": TYPE + "HeaderMutation", "mutations": _own}}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
