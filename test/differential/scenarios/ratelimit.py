"""The filter ratelimit: a service is asked over gRPC whether the limits that a request comes under leave room for it."""
import json

from harness.dsl import *
from harness.h2 import *
from harness.side_services import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3."
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "metadata": "%DYNAMIC_METADATA(envoy.filters.http.ratelimit)%"}
STATS = ["+re:^cluster\\.{{up}}\\.ratelimit"]
OK, OVER = reply(f(1, 1)), reply(f(1, 2))
LIMITS = "rate_limits: [{actions: [{request_headers: {header_name: ':path', descriptor_key: path}}]}]"


def case(name, answer, client=None, *, config=None, limits=LIMITS, vhost="", own="", action="", runtime=None, before=(), **kw):
    if runtime:
        kw.update(own=True, bootstrap="layered_runtime: " + json.dumps({"layers": [{"name": "static", "static_layer": runtime}]}))
    service = {"grpc_service": {"envoy_grpc": {"cluster_name": "{{rls}}"}}, "transport_api_version": "V3"}
    filters = [*before, {"name": "limit", "typed_config": {"@type": TYPE + "RateLimit", "domain": "d", "timeout": "2s", "rate_limit_service": service, **(config or {})}}]
    answer = answer if isinstance(answer, H2) or answer == REFUSE else H2([answer] if isinstance(answer[0], tuple) else answer)
    kw.setdefault("vhosts", '[{name: all, domains: ["*"], %s routes: [{match: {prefix: /}, %s route: {cluster: "{{up}}", %s %s}}]}]' % (
        vhost and vhost + ", ", own and f"typed_per_filter_config: {{limit: {own}}}, ", action and action + ", ", limits))
    scenario("ratelimit_" + name, filters=json.dumps(filters), client=get("/a") if client is None else client, up={"up": [ok()], "rls": answer},
             clusters={"rls": {"h2": ""}} if answer == REFUSE else {}, views={"rls": limit_request}, **{"stats": STATS, "log_format": FORM, **kw})


def per_route(**config):
    return json.dumps({"@type": TYPE + "RateLimitPerRoute", **config})


def limit(n, unit, name=""):
    return f(1, n) + f(2, unit) + (f(3, name) if name else b"")


def status(code, current=None, left=0, reset=0):
    return f(2, f(1, code) + (f(2, current) if current is not None else b"") + f(3, left) + f(4, f(1, reset)))


STATUSES = status(1, limit(10, 2), 4, 30) + status(1) + status(1, limit(3, 1, "fast"), 2, 1) + status(1, limit(9, 7), 8, 100)

# What is asked.
case("ok", OK)
case("no_limits", OK, limits="rate_limits: []")
case("no_descriptor", OK, limits="rate_limits: [{actions: [{request_headers: {header_name: x-a, descriptor_key: a}}]}]")
case("descriptors", OK, client=get("/a?q=1", "x-a: 1"), limits="rate_limits: [{actions: [{generic_key: {descriptor_value: g}}, {request_headers: {header_name: x-a, descriptor_key: a}}]}, "
     "{actions: [{remote_address: {}}]}, {actions: [{destination_cluster: {}}, {source_cluster: {}}]}]")
case("stages", OK, config={"stage": 1}, limits="rate_limits: [{stage: 1, actions: [{generic_key: {descriptor_value: one}}]}, {actions: [{generic_key: {descriptor_value: none}}]}]")
case("internal_only", OK, config={"request_type": "internal"})
case("external_only", OK, config={"request_type": "external"})
case("polaris", OVER, config={"domain": "echo.default", "request_type": "external", "stage": 1, "timeout": "2s"}, limits="rate_limits: [{stage: 1, actions: [{remote_address: {}}]}]")
case("vhost", OK, vhost=LIMITS.replace("path}", "vhost}"), limits="rate_limits: []")
case("vhost_and_route", OK, vhost=LIMITS.replace("path}", "vhost}"))
case("vhost_included", OK, vhost=LIMITS.replace("path}", "vhost}"), action="include_vh_rate_limits: true")
case("vhost_included_by_filter", OK, vhost=LIMITS.replace("path}", "vhost}"), own=per_route(vh_rate_limits="INCLUDE"))
case("vhost_ignored", OK, vhost=LIMITS.replace("path}", "vhost}"), limits="rate_limits: []", own=per_route(vh_rate_limits="IGNORE"))
case("domain_of_route", OK, own=per_route(domain="mine"))
case("direct_response", OK, vhosts='[{name: all, domains: ["*"], %s, routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]' % LIMITS)

# What its answer does.
case("over", OVER)
case("over_status", OVER, config={"rate_limited_status": {"code": 503}, "disable_x_envoy_ratelimited_header": True})
case("over_status_below_400", OVER, config={"rate_limited_status": {"code": 200}})
case("over_grpc", OVER, client=get("/a", "content-type: application/grpc"))
case("over_grpc_exhausted", OVER, client=get("/a", "content-type: application/grpc"), config={"rate_limited_as_resource_exhausted": True})
case("over_headers", reply(f(1, 2) + f(3, f(1, "X-Why") + f(2, "so")) + f(5, "a body")), config={"response_headers_to_add": [{"header": {"key": "x-more", "value": "%REQ(:path)%"}}]})
case("over_counts", OVER, stats=STATS + ["+re:^cluster\\.{{up}}\\.(internal|upstream_rq)"])
case("ok_headers", reply(f(1, 1) + f(3, f(1, "x-why") + f(2, "so")) + f(4, f(1, "x-up") + f(2, "1"))), client=get("/a", "x-up: 0"), config={"response_headers_to_add": [{"header": {"key": "x-more", "value": "1"}}]})
case("metadata", reply(f(1, 1) + f(6, struct_of({"who": "me"}))))
case("unknown_code", reply(f(1, 0)))
case("limits_told", reply(f(1, 1) + STATUSES), config={"enable_x_ratelimit_headers": "DRAFT_VERSION_03"})
case("limits_told_over", reply(f(1, 2) + STATUSES), config={"enable_x_ratelimit_headers": "DRAFT_VERSION_03"})
case("limits_not_known", reply(f(1, 1) + status(1)), config={"enable_x_ratelimit_headers": "DRAFT_VERSION_03"})
case("stat_prefix", [OK, OVER], client=get("/a") + get("/b"), config={"stat_prefix": "mine"})

# When it fails.
case("refused", REFUSE)
case("refused_denied", REFUSE, config={"failure_mode_deny": True})
case("refused_status", REFUSE, config={"failure_mode_deny": True, "status_on_error": {"code": 503}})
case("timeout", [wait(1) + OK], config={"timeout": "0.1s"})
case("timeout_denied", [wait(1) + OK], config={"timeout": "0.1s", "failure_mode_deny": True})
case("status", reply(f(1, 1), 13))
case("garbage", reply(b"\xff\xff"), config={"failure_mode_deny": True})

# How many requests are asked about and refused.
NEVER, ALWAYS = {"default_value": {"numerator": 0}}, {"default_value": {"numerator": 100}}
OVER_AND_HEADERS = reply(f(1, 2) + f(3, f(1, "x-why") + f(2, "so")) + f(4, f(1, "x-up") + f(2, "1")))
case("never_enabled", OVER, config={"filter_enabled": NEVER})
case("always_enabled", OVER, config={"filter_enabled": ALWAYS})
case("enabled_by_key", OVER, config={"filter_enabled": {**ALWAYS, "runtime_key": "mine"}}, runtime={"mine": 0})
case("enabled_by_old_key", OVER, runtime={"ratelimit.http_filter_enabled": 0})
case("enabled_not_by_old_key", OVER, config={"filter_enabled": ALWAYS}, runtime={"ratelimit.http_filter_enabled": 0})
case("never_enforced", OVER_AND_HEADERS, config={"filter_enforced": NEVER, "response_headers_to_add": [{"header": {"key": "x-more", "value": "1"}}]})
case("always_enforced", OVER, config={"filter_enforced": ALWAYS})
case("enforced_by_key", OVER, config={"filter_enforced": {**ALWAYS, "runtime_key": "mine"}}, runtime={"mine": 0})
case("enforced_by_old_key", OVER, runtime={"ratelimit.http_filter_enforcing": 0})
case("enforced_not_by_old_key", OVER, config={"filter_enforced": ALWAYS}, runtime={"ratelimit.http_filter_enforcing": 0})
case("refused_denied_percent", REFUSE, config={"failure_mode_deny_percent": ALWAYS})
case("refused_allowed_percent", REFUSE, config={"failure_mode_deny": True, "failure_mode_deny_percent": NEVER})
case("refused_denied_by_key", REFUSE, config={"failure_mode_deny_percent": {**NEVER, "runtime_key": "mine"}}, runtime={"mine": 100})

# What else an answer does.
case("metadata_namespace", reply(f(1, 1) + f(6, struct_of({"who": "me"}))), config={"metadata_namespace": "own"},
     log_format={**FORM, "own": "%DYNAMIC_METADATA(own)%"})
OVER_STATUSES = status(2, limit(10, 2), 0, 30) + status(1, limit(10, 2), 4, 90) + status(2, limit(3, 1), 0, 40)
RETRY = {"enable_retry_after_header": True}
case("retry_after", reply(f(1, 2) + OVER_STATUSES), config=RETRY)
case("retry_after_least", reply(f(1, 2) + status(2, limit(1, 1), 0, 0)), config=RETRY)
case("retry_after_no_limit", reply(f(1, 2) + status(2, None, 0, 7)), config=RETRY)
case("retry_after_unknown", reply(f(1, 2) + status(1, limit(1, 1), 0, 9)), config=RETRY)
case("retry_after_of_service", reply(f(1, 2) + OVER_STATUSES + f(3, f(1, "Retry-After") + f(2, "5"))), config=RETRY)
case("retry_after_of_config", reply(f(1, 2) + OVER_STATUSES), config={**RETRY, "response_headers_to_add": [{"header": {"key": "retry-after", "value": "6"}}]})
case("retry_after_other_status", reply(f(1, 2) + OVER_STATUSES), config={**RETRY, "rate_limited_status": {"code": 503}})
case("retry_after_ok", reply(f(1, 1) + OVER_STATUSES), config=RETRY)
case("retry_after_not_enforced", reply(f(1, 2) + OVER_STATUSES), config={**RETRY, "filter_enforced": NEVER})
case("retry_after_fraction", reply(f(1, 2) + f(2, f(1, 2) + f(4, f(1, 3) + f(2, 1000)))), config=RETRY)

# The filter's own rules, and those of its config for a route.
def rules(text, **more):
    return [{"actions": [{"generic_key": {"descriptor_value": text}}], **more}]


case("own_rules", OK, config={"rate_limits": rules("own")})
case("own_rules_vhost", OK, config={"rate_limits": rules("own")}, vhost=LIMITS, action="include_vh_rate_limits: true")
case("own_rules_none_fit", OK, config={"rate_limits": [{"actions": [{"request_headers": {"header_name": "x-a", "descriptor_key": "a"}}]}]})
case("own_rules_any_stage", OK, config={"stage": 1, "rate_limits": rules("own")})
case("own_rules_hits", OK, client=get("/a", "x-hits: 7"), config={"rate_limits": rules("own", hits_addend={"number": 5}) + rules("head", hits_addend={"format": "%REQ(x-hits)%", "is_negative_hits": True})})
case("own_rules_direct_response", OK, config={"rate_limits": rules("own")}, vhosts='[{name: all, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]')
case("own_rules_no_route", OK, config={"rate_limits": rules("own")}, vhosts='[{name: all, domains: ["*"], routes: []}]')
case("route_rules", OK, config={"rate_limits": rules("own")}, own=per_route(rate_limits=rules("mine")))
case("route_rules_vhost", OK, own=per_route(rate_limits=rules("mine"), vh_rate_limits="INCLUDE"), vhost=LIMITS)
case("route_rules_of_vhost", OK, vhost="typed_per_filter_config: {limit: %s}" % per_route(rate_limits=rules("vhost")))
case("route_rules_own_fall_back", OK, config={"rate_limits": rules("own")}, own=per_route(domain="mine"))
for option in "OVERRIDE_POLICY", "INCLUDE_POLICY", "IGNORE_POLICY":
    case("option_" + option.lower(), OK, vhost=LIMITS.replace("path}", "vhost}"), own=per_route(override_option=option))
    case("option_instead_" + option.lower(), OK, vhost=LIMITS.replace("path}", "vhost}"), own=per_route(override_option=option, vh_rate_limits="IGNORE" if option == "INCLUDE_POLICY" else "INCLUDE"))
case("route_hits", OK, limits=LIMITS.replace("actions", "hits_addend: {number: 5}, actions"))
case("own_rules_headers_on", reply(f(1, 1) + STATUSES), config={"rate_limits": rules("own", x_ratelimit_option="DRAFT_VERSION_03")})
case("own_rules_headers_off", reply(f(1, 1) + STATUSES), config={"enable_x_ratelimit_headers": "DRAFT_VERSION_03", "rate_limits": rules("own", x_ratelimit_option="OFF")})
case("route_headers_off", reply(f(1, 1) + STATUSES), config={"enable_x_ratelimit_headers": "DRAFT_VERSION_03"}, limits=LIMITS.replace("actions", "x_ratelimit_option: 'OFF', actions"))
case("route_headers_on", reply(f(1, 1) + STATUSES), limits=LIMITS.replace("actions", "x_ratelimit_option: DRAFT_VERSION_03, actions"))
case("own_done", OK, config={"rate_limits": rules("own", apply_on_stream_done=True)})
case("own_both", OK, config={"rate_limits": rules("now") + rules("own", apply_on_stream_done=True)})
case("done_not_enabled", OK, config={"filter_enabled": NEVER, "rate_limits": rules("own", apply_on_stream_done=True)})
case("done_other_requests", OK, config={"request_type": "internal", "rate_limits": rules("own", apply_on_stream_done=True)})
case("done_after_over", OVER, config={"rate_limits": rules("now") + rules("own", apply_on_stream_done=True)})
case("done_hits", OK, config={"rate_limits": rules("own", apply_on_stream_done=True, hits_addend={"format": "%BYTES_SENT%"})})
case("done_domain", OK, own=per_route(domain="mine", rate_limits=rules("own", apply_on_stream_done=True)))
case("done_refused", REFUSE, config={"rate_limits": rules("own", apply_on_stream_done=True)})
case("done_no_route", OK, config={"rate_limits": rules("own", apply_on_stream_done=True)}, vhosts='[{name: all, domains: ["*"], routes: []}]')
case("retry_after_and_limits", reply(f(1, 2) + OVER_STATUSES), config={**RETRY, "enable_x_ratelimit_headers": "DRAFT_VERSION_03"})
