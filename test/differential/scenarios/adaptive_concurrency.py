"""The filter adaptive_concurrency: as many requests as the limit says. How the limit follows from times is in unit tests; here each
scenario has its first one, or what follows from times that can't be mistaken."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency"
NAME = "envoy.filters.http.adaptive_concurrency"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%"}
BASE = "http.{{name}}.adaptive_concurrency.gradient_controller."
STATS = [BASE + n for n in ("concurrency_limit", "min_rtt_calculation_active", "rq_blocked")]
ALL_STATS = [BASE + n for n in ("burst_queue_size", "concurrency_limit", "gradient", "min_rtt_calculation_active", "min_rtt_msecs", "rq_blocked", "sample_rtt_msecs")]
LIMIT = {"concurrency_update_interval": "3600s"}
ONE = {"interval": "3600s", "min_concurrency": 1}


def entry(rtt=ONE, limit=LIMIT, gradient=None, **config):
    return {"name": NAME, "typed_config": {"@type": TYPE, "gradient_controller_config": {"concurrency_limit_params": limit, "min_rtt_calc_params": rtt, **(gradient or {})}, **config}}


def case(name, client, config=None, before=(), after=(), **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    kw.setdefault("up", {"up": UP})
    kw.setdefault("unordered_log", True)
    scenario("adaptive_concurrency_" + name, filters=json.dumps([*before, config or entry(), *after]), client=client, **kw)


def held(c, path="/held"):
    return send(f"GET {path} HTTP/1.1\r\nhost: h\r\n\r\n", c=c)


UP = {"/held": [until("go") + ok("held")], "*": [ok("free")]}
GO = signal("go")
case("refuses", held("a") + seen(1) + get("/") + get("/", method="HEAD") + GO + read(c="a") + get("/"))
case("three_by_default", held("a") + seen(1) + held("b") + seen(2) + held("c") + seen(3) + get("/", c="d") + GO + read(c="a") + read(c="b") + read(c="c") + get("/", c="d"), config=entry({"interval": "3600s"}))
case("two", held("a") + seen(1) + get("/", c="b") + held("c") + seen(3) + get("/", c="b") + GO + read(c="a") + read(c="c"), config=entry({"interval": "3600s", "min_concurrency": 2}))
for _code in (200, 400, 429, 503):
    case(f"status_{_code}", held("a") + seen(1) + get("/") + GO + read(c="a"), config=entry(concurrency_limit_exceeded_status={"code": _code}))
case("grpc", held("a") + seen(1) + get("/", "content-type: application/grpc") + GO + read(c="a"))
case("body", held("a") + seen(1) + req("/", method="POST", body="hello") + GO + read(c="a"))
case("post_goes_on", req("/", method="POST", body="hello") + req("/", method="POST", body="hello", chunked=True) + get("/"))
case("client_leaves", held("a") + seen(1) + close("a") + logged(1) + get("/"))
case("upstream_resets", get("/rst") + get("/"), up={"up": {"/rst": [rst()], "*": [ok()]}})
case("timeout", get("/slow") + get("/"), up={"up": {"/slow": [hold()], "*": [ok()]}}, routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.3s}}')
case("no_host", get("/") + get("/"), up={"up": REFUSE})
case("no_route", get("/") + get("/"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("direct_response", get("/") + get("/"), routes="- {match: {prefix: /}, direct_response: {status: 201}}")
case("redirected", get("/") + get("/"), up={"up": {"/": [ok("", "location: http://h.example/free", status=302)], "*": [ok("free")]}}, routes='- {match: {prefix: /}, route: {cluster: "{{up}}", internal_redirect_policy: {}}}')
case("disabled", held("a") + seen(1) + get("/") + GO + read(c="a"), config=entry(enabled={"default_value": False, "runtime_key": "a.enabled"}))
case("enabled", held("a") + seen(1) + get("/") + GO + read(c="a"), config=entry(enabled={"default_value": True, "runtime_key": "a.enabled"}))
HEALTH = {"name": "envoy.filters.http.health_check", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck", "pass_through_mode": True, "headers": [{"name": "x-health", "present_match": True}]}}
case("health_checks", held("a") + seen(1) + get("/", "x-health: a") + GO + read(c="a"), before=[HEALTH])
case("health_checks_behind", held("a") + seen(1) + get("/", "x-health: a") + GO + read(c="a"), after=[HEALTH])
FAULT = {"name": "envoy.filters.http.fault", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault", "abort": {"http_status": 500, "percentage": {"numerator": 100}}, "headers": [{"name": "x-fault", "present_match": True}]}}
case("fault_behind", get("/", "x-fault: a") + get("/", "x-fault: a") + get("/"), after=[FAULT])
case("fault_before", get("/", "x-fault: a") + get("/", "x-fault: a") + get("/"), before=[FAULT])
case("two_filters", held("a") + seen(1) + get("/") + GO + read(c="a"), after=[entry()])
case("all_stats", get("/"), stats=ALL_STATS)
case("all_stats_of_fixed", get("/"), stats=ALL_STATS, config=entry({"fixed_value": "0.05s", "min_concurrency": 7}))
case("fixed_and_interval", get("/"), stats=ALL_STATS, config=entry({"fixed_value": "1.5s", "interval": "3600s"}))
case("measured", get("/") + get("/") + get("/"), stats=STATS, config=entry({"interval": "3600s", "request_count": 3}))
case("not_measured_yet", get("/") + get("/"), stats=STATS, config=entry({"interval": "3600s", "request_count": 3}))
case("measured_with_local_replies", get("/", "x-fault: a") + get("/"), config=entry({"interval": "3600s", "request_count": 2}), after=[FAULT])
case("clients_that_leave_measure_nothing", held("a") + seen(1) + close("a") + logged(1) + get("/"), config=entry({"interval": "3600s", "request_count": 2, "min_concurrency": 1}))
GROWS = entry({"fixed_value": "3600s", "min_concurrency": 1}, {"concurrency_update_interval": "0.05s", "max_concurrency_limit": 2})
case("limit_grows", get("/") + pause(.3) + held("a") + seen(2) + held("b") + seen(3) + get("/", c="c") + GO + read(c="a") + read(c="b"), config=GROWS, stats=[BASE + "concurrency_limit", BASE + "rq_blocked", BASE + "gradient"])
SHRINKS = entry({"fixed_value": "0.001s", "min_concurrency": 1}, {"concurrency_update_interval": "0.05s", "max_concurrency_limit": 9})
case("limit_stays", get("/slow") + pause(.3) + held("a") + seen(2) + get("/", c="c") + pause(.1) + GO + read(c="a"), up={"up": {"/slow": [wait(.2) + ok()], **UP}}, config=SHRINKS, stats=[BASE + "concurrency_limit", BASE + "rq_blocked", BASE + "gradient"])
RUNTIME = """layered_runtime:
  layers:
  - {name: s, static_layer: {%s}}
"""
for _name, _keys in {"enabled": "a: {enabled: false}", "min": "adaptive_concurrency: {gradient_controller: {min_concurrency: 2}}", "requests": "adaptive_concurrency: {gradient_controller: {min_rtt_aggregate_request_count: 1}}"}.items():
    case("runtime_" + _name, get("/") + held("a") + seen(2) + held("b") + pause(.1) + get("/", c="c") + GO + read(c="a") + read(c="b"), own=True, bootstrap=RUNTIME % _keys, config=entry(enabled={"default_value": True, "runtime_key": "a.enabled"}))
for _name, _config in {
    "good": entry(), "nothing": {"name": NAME, "typed_config": {"@type": TYPE}}, "no_params": {"name": NAME, "typed_config": {"@type": TYPE, "gradient_controller_config": {}}}, "no_rtt": entry({}), "no_interval": entry({"min_concurrency": 1}), "no_update": entry(limit={}), "update_zero": entry(limit={"concurrency_update_interval": "0s"}), "update_ns": entry(limit={"concurrency_update_interval": "0.000000001s"}),
    "update_below_ms": entry(limit={"concurrency_update_interval": "0.0005s"}), "max_zero": entry(limit={**LIMIT, "max_concurrency_limit": 0}), "max_one": entry(limit={**LIMIT, "max_concurrency_limit": 1}),
    "interval_zero": entry({"interval": "0s"}), "interval_below": entry({"interval": "0.0009s"}), "interval_least": entry({"interval": "0.001s"}), "fixed": entry({"fixed_value": "1s"}), "fixed_zero": entry({"fixed_value": "0s"}), "fixed_below_ms": entry({"fixed_value": "0.0001s"}), "both": entry({"fixed_value": "1s", "interval": "1s"}),
    **{f"{field}_{v}": entry({**ONE, field: v}) for field in ("request_count", "min_concurrency") for v in (0, 1)}, **{f"{field}_{v}": entry({**ONE, field: {"value": v}}) for field in ("jitter", "buffer") for v in (-1, 0, 100, 101)}, **{f"percentile_{v}": entry(gradient={"sample_aggregate_percentile": {"value": v}}) for v in (-1, 0, 100, 101)},
    "enabled_no_value": entry(enabled={"runtime_key": "a"}), "enabled_no_key": entry(enabled={"default_value": True}), "status_0": entry(concurrency_limit_exceeded_status={}), "status_7": entry(concurrency_limit_exceeded_status={"code": 7}),
}.items():
    scenario("adaptive_concurrency_config_" + _name, kind="validate", config=manager_config([_config]))
