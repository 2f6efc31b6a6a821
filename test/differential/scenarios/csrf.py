"""The filter csrf: requests that change something must come from pages of the same origin."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.csrf.v3.CsrfPolicy"
NAME = "envoy.filters.http.csrf"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%"}
STATS = [f"http.{{{{name}}}}.csrf.{n}" for n in ("missing_source_origin", "request_invalid", "request_valid")]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ON, OFF = {"default_value": {"numerator": 100}}, {"default_value": {"numerator": 0}}


def policy(enabled=ON, **more):
    return {"@type": TYPE, "filter_enabled": enabled, **more}


def case(name, client, config=None, route=None, vhost=None, **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    kw.setdefault("brief_upstream", True)
    own = lambda c: {"typed_per_filter_config": {NAME: c}} if c else {}
    if route or vhost:
        kw["vhosts"] = json.dumps([{"name": "all", "domains": ["*"], **own(vhost), "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, **own(route)}]}])
    scenario("csrf_" + name, filters=json.dumps([{"name": NAME, "typed_config": config or policy()}]), client=client, **kw)


def post(*headers, method="POST", **kw):
    return get("/", *headers, method=method, **kw)


SAME, OTHER = "origin: http://h.example", "origin: http://evil.example"
case("same_origin", post(SAME))
case("other_origin", post(OTHER))
case("no_origin", post())
case("methods", [s for m in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "FOO", "post") for s in get("/", OTHER, method=m, c=m)])
case("referer", post("referer: http://h.example/page?x") + post("referer: http://evil.example/h.example"))
case("origin_over_referer", post(SAME, "referer: http://evil.example/") + post(OTHER, "referer: http://h.example/"))
case("empty_origin", post("origin:", "referer: http://h.example/x") + post("origin:"))
ORIGINS = ("http://h.example", "https://h.example", "http://h.example:80", "https://h.example:443", "http://h.example:8080", "h.example", "null", "http://", "http:///", "ftp://h.example", "http://H.EXAMPLE", "http://user@h.example",
           "http://h.example/", "http://h.example/x", "http://h.example?x", "http://h.example#x", "http://h.example.", "http://[::1]", "http://a b", "h.example:80", "HTTP://h.example", "http://h.example:0", "http://h.example:x", "//h.example")
for _name, _origin in {"no_host": "http://", "no_host_but_path": "http:///", "two_slashes": "//h.example", "blank": "http://a b", "fragment": "http://h.example#x", "dot": "http://h.example.", "bracket": "http://[::1]", "port_0": "http://h.example:0", "port_x": "http://h.example:x", "no_scheme": "h.example:80", "port": "http://h.example:80"}.items():
    case("origin_" + _name, post("origin: " + _origin))
case("null_origin", post("origin: null") + post("origin: null", "referer: http://h.example/x") + post("origin: NULL") + post("referer: null"))
case("origins", [s for o in ORIGINS for s in post("origin: " + o)], log_format={"code": "%RESPONSE_CODE%", "origin": "%REQ(origin)%"}, no_upstream=True)
for _name, _host in {"with_port": "h.example:8080", "with_80": "h.example:80", "capitals": "H.Example", "ipv6": "[::1]:81"}.items():
    case("host_" + _name, [s for o in ("http://h.example", "http://h.example:8080", "http://h.example:80", "http://[::1]:81", "http://H.Example") for s in post("origin: " + o, host=_host)], log_format={"code": "%RESPONSE_CODE%", "origin": "%REQ(origin)%"}, no_upstream=True)
case("two_origins", post(OTHER, SAME) + post(SAME, OTHER))
case("additional", post(OTHER) + post("origin: http://third.example") + post("origin: https://x.b.example:81"), policy(additional_origins=[{"exact": "evil.example"}, {"suffix": ".b.example:81"}]))
case("additional_without_origin", post(), policy(additional_origins=[{"safe_regex": {"regex": ".*"}}]))
case("additional_with_scheme", post(OTHER), policy(additional_origins=[{"exact": "http://evil.example"}]))
case("additional_regex", post(OTHER) + post("origin: http://q.example"), policy(additional_origins=[{"safe_regex": {"regex": "e.*"}}]))
case("additional_case", post("origin: http://EVIL.example"), policy(additional_origins=[{"exact": "evil.example", "ignore_case": True}]))
case("off", post(OTHER), policy(OFF))
case("shadow", post(OTHER) + post(SAME) + post(), policy(OFF, shadow_enabled=ON))
case("shadow_too", post(OTHER), policy(ON, shadow_enabled=ON))
case("off_by_runtime", post(OTHER), policy({**ON, "runtime_key": "csrf.on"}), own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {csrf.on: 0}}, {name: a, admin_layer: {}}]}")
case("on_by_runtime", post(OTHER), policy({**OFF, "runtime_key": "csrf.on"}), own=True, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {csrf.on: 100}}, {name: a, admin_layer: {}}]}")
case("grpc", post(OTHER, "content-type: application/grpc"))
case("route_off", post(OTHER), route=policy(OFF))
case("route_adds", post(OTHER), route=policy(additional_origins=[{"exact": "evil.example"}]))
case("vhost_on", post(OTHER), policy(OFF), vhost=policy())
case("route_over_vhost", post(OTHER), policy(OFF), vhost=policy(), route=policy(OFF))
case("route_of_direct_response", post(OTHER), policy(OFF), routes=json.dumps([{"match": {"prefix": "/"}, "direct_response": {"status": 201}, "typed_per_filter_config": {NAME: policy()}}]))
case("no_route", post(OTHER), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}')
case("disabled", post(OTHER), routes=json.dumps([{"match": {"prefix": "/"}, "route": {"cluster": "{{up}}"}, "typed_per_filter_config": {NAME: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}}}]))
scenario("csrf_typed_struct", filters=json.dumps([{"name": NAME, "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE, "value": {"filter_enabled": ON}}}]), client=post(OTHER), log_format=FORM)
LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
for _name, _config in {"good": policy(), "not_enabled": {"@type": TYPE}, "no_default": {"@type": TYPE, "filter_enabled": {"runtime_key": "a"}}, "bad_regex": policy(additional_origins=[{"safe_regex": {"regex": "("}}]), "empty_matcher": policy(additional_origins=[{}]),
                       "shadow_without_default": policy(shadow_enabled={})}.items():
    for _where in ("", "route_"):
        scenario(f"csrf_{_where}config_{_name}", kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
            "@type": HCM, "stat_prefix": "h", "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "typed_per_filter_config": {NAME: _config}}]} if _where else {}, "http_filters": [
                {"name": NAME, "typed_config": policy() if _where else _config}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
