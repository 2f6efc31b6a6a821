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


def case(name, answer, client=None, *, config=None, limits=LIMITS, vhost="", own="", action="", **kw):
    service = {"grpc_service": {"envoy_grpc": {"cluster_name": "{{rls}}"}}, "transport_api_version": "V3"}
    filters = [{"name": "limit", "typed_config": {"@type": TYPE + "RateLimit", "domain": "d", "timeout": "2s", "rate_limit_service": service, **(config or {})}}]
    answer = answer if isinstance(answer, H2) or answer == REFUSE else H2([answer] if isinstance(answer[0], tuple) else answer)
    kw.setdefault("vhosts", '[{name: all, domains: ["*"], %s routes: [{match: {prefix: /}, %s route: {cluster: "{{up}}", %s %s}}]}]' % (
        vhost and vhost + ", ", own and f"typed_per_filter_config: {{limit: {own}}}, ", action and action + ", ", limits))
    scenario("ratelimit_" + name, filters=json.dumps(filters), client=get("/a") if client is None else client, up={"up": [ok()], "rls": answer}, log_format=FORM,
             clusters={"rls": {"h2": ""}} if answer == REFUSE else {}, views={"rls": limit_request}, **{"stats": STATS, **kw})


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
