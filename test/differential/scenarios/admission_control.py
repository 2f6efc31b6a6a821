"""The filter admission_control: requests are turned away when too many fail. With a great aggression the first failure is enough, as
all that would be lacking to certainty is less than the ten thousandth that is looked at."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl"
NAME = "envoy.filters.http.admission_control"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%"}
STATS = [f"http.{{{{name}}}}.admission_control.rq_{n}" for n in ("failure", "rejected", "success")]
SURE = {"aggression": {"default_value": 1e9, "runtime_key": "a.aggression"}, "max_rejection_probability": {"default_value": {"value": 100}, "runtime_key": "a.most"}, "sampling_window": "3600s"}
GRPC = "content-type: application/grpc"


def entry(config):
    return {"name": NAME, "typed_config": {"@type": TYPE, **({} if "success_criteria" in config else {"success_criteria": {}}), **config}}


def case(name, client, up=None, config=None, before=(), after=(), **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    scenario("admission_control_" + name, filters=json.dumps([*before, entry({**SURE, **(config or {})}), *after]), client=client, up=up or {"up": UP}, **kw)


def answers(*codes, path="/"):
    return [s for c in codes for s in get(f"{path}{c}")]


def of_grpc(code=None, trailer=None, body=b""):
    head = ["HTTP/1.1 200 OK", GRPC] + ([f"grpc-status: {code}"] if code is not None else [])
    if trailer is None:
        return raw("\r\n".join([*head, "content-length: 0"]) + "\r\n\r\n")
    return raw("\r\n".join([*head, "transfer-encoding: chunked"]) + f"\r\n\r\n5\r\n\0\0\0\0\0\r\n0\r\n{trailer}\r\n\r\n")


CODES = (200, 201, 204, 301, 400, 404, 429, 499, 500, 503, 599)
UP = {"*": [ok()], **{f"/{c}": [ok("x", status=c, reason="R")] for c in CODES}}
GRPC_UP = {"*": [of_grpc(0)], **{f"/{n}": [of_grpc(n)] for n in (*range(17), 17, "x")}}
TRAILERS = "http_protocol_options: {enable_trailers: true}"
RPC_TRAILERS = dict(hcm=TRAILERS, clusters={"up": {"yaml": TRAILERS}})
case("success", answers(200, 200, 200))
case("failure_then_none", answers(500, 200, 200) + get("/200", method="HEAD"))
case("default_http_criteria", answers(*CODES[:8]) + answers(500, 200))
for _c in (500, 503, 599):
    case(f"fails_with_{_c}", answers(_c, 200))
case("http_criteria", answers(200, 404, 200), config={"success_criteria": {"http_criteria": {"http_success_status": [{"start": 200, "end": 300}]}}})
case("http_criteria_ranges", answers(201, 404, 204, 200), config={"success_criteria": {"http_criteria": {"http_success_status": [{"start": 201, "end": 205}, {"start": 404, "end": 405}]}}})
case("http_criteria_end_is_without", answers(204, 201, 204), config={"success_criteria": {"http_criteria": {"http_success_status": [{"start": 202, "end": 205}]}}})
case("http_criteria_all", answers(500, 599, 200), config={"success_criteria": {"http_criteria": {"http_success_status": [{"start": 100, "end": 600}]}}})
for _n in (*range(17), 17, "x"):
    case(f"grpc_{_n}", get(f"/{_n}", GRPC) + get("/0", GRPC), up={"up": GRPC_UP})
case("grpc_criteria", get("/14", GRPC) + get("/0", GRPC) + get("/14", GRPC), up={"up": GRPC_UP}, config={"success_criteria": {"grpc_criteria": {"grpc_success_status": [14]}}})
case("grpc_http_error", get("/503", GRPC) + get("/0", GRPC), up={"up": {"*": [of_grpc(0)], "/503": [ok("x", status=503)]}})
case("grpc_trailers", get("/good", GRPC) + get("/bad", GRPC) + get("/good", GRPC), up={"up": {"/good": [of_grpc(trailer="grpc-status: 0\r\n")], "/bad": [of_grpc(trailer="grpc-status: 14\r\n")]}}, **RPC_TRAILERS)
case("grpc_trailers_without_status", get("/bad", GRPC) + get("/good", GRPC), up={"up": {"/good": [of_grpc(trailer="grpc-status: 0\r\n")], "/bad": [of_grpc(trailer="a: b\r\n")]}}, **RPC_TRAILERS)
case("grpc_no_trailers", get("/bad", GRPC) + get("/good", GRPC), up={"up": {"/good": [of_grpc(trailer="grpc-status: 0\r\n")], "/bad": [of_grpc(trailer="")]}}, **RPC_TRAILERS)
case("grpc_turned_away", get("/14", GRPC) + get("/0", GRPC), up={"up": GRPC_UP})
case("grpc_of_no_grpc_request", get("/14") + get("/0"), up={"up": GRPC_UP})
case("body", req("/500", method="POST", body="hello") + req("/200", method="POST", body="hello"))
case("no_host", get("/") + get("/"), up={"up": REFUSE})
case("timeout", get("/slow") + get("/fine"), up={"up": {"/slow": [hold()], "*": [ok()]}}, routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.3s}}')
case("upstream_resets", get("/rst") + get("/fine"), up={"up": {"/rst": [rst()], "*": [ok()]}})
case("client_leaves", send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1) + close() + logged(1) + new() + get("/fine"), up={"up": {"/slow": [hold()], "*": [ok()]}})
case("direct_response", get("/") + get("/"), routes="- {match: {prefix: /}, direct_response: {status: 500}}")
case("no_route", get("/") + get("/"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', no_upstream=True)
FAULT = {"name": "envoy.filters.http.fault", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault", "abort": {"http_status": 500, "percentage": {"numerator": 100}}, "headers": [{"name": "x-fault", "present_match": True}]}}
case("fault_behind", get("/", "x-fault: a") + get("/"), after=[FAULT])
case("fault_before", get("/", "x-fault: a") + get("/"), before=[FAULT])
HEALTH = {"name": "envoy.filters.http.health_check", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck", "pass_through_mode": True, "headers": [{"name": "x-health", "present_match": True}]}}
case("health_checks_count_for_nothing", get("/500", "x-health: a") + get("/200") + get("/500") + get("/200", "x-health: a") + get("/200"), before=[HEALTH])
case("health_checks_behind", get("/500", "x-health: a") + get("/200"), after=[HEALTH])
case("disabled", answers(500, 500, 200), config={"enabled": {"default_value": False, "runtime_key": "a.enabled"}})
case("enabled", answers(500, 200), config={"enabled": {"default_value": True, "runtime_key": "a.enabled"}})
case("never_at_probability_0", answers(500, 500, 200), config={"max_rejection_probability": {"default_value": {"value": 0}, "runtime_key": "a.most"}})
case("threshold_reached", answers(200, 200, 200, 500, 200), config={"sr_threshold": {"default_value": {"value": 75}, "runtime_key": "a.sr"}})
case("threshold_not_reached", answers(200, 200, 500, 200), config={"sr_threshold": {"default_value": {"value": 75}, "runtime_key": "a.sr"}})
case("threshold_of_all", answers(*[200] * 30, 500, 200), config={"sr_threshold": {"default_value": {"value": 100}, "runtime_key": "a.sr"}})
case("default_threshold_reached", answers(*[200] * 19, 500, 200))
case("default_threshold_not_reached", answers(*[200] * 18, 500, 200))
case("rate_too_low", answers(500, 500, 200), config={"rps_threshold": {"default_value": 1, "runtime_key": "a.rps"}})
RUNTIME = """layered_runtime:
  layers:
  - {name: s, static_layer: {a: {%s}}}
"""
for _name, _keys in {"enabled": "enabled: false", "most": "most: 0", "rps": "rps: 1", "sr": "sr: 1", "nonsense": "enabled: x, most: y, rps: z, sr: w, aggression: v", "sr_zero": "sr: 0", "sr_below": "sr: -5", "aggression_below": "aggression: -1, most: 0"}.items():
    case("runtime_" + _name, answers(200, 500, 200, 200), own=True, bootstrap=RUNTIME % _keys, config={"enabled": {"default_value": True, "runtime_key": "a.enabled"}, "rps_threshold": {"default_value": 0, "runtime_key": "a.rps"}, "sr_threshold": {"default_value": {"value": 95}, "runtime_key": "a.sr"}})
case("probability_bound", answers(500) + burst(3000, "/200", about={"200 x": .5, "503 ": .5}), config={"max_rejection_probability": {"default_value": {"value": 50}, "runtime_key": "a.most"}, "sr_threshold": {"default_value": {"value": 100}, "runtime_key": "a.sr"}, "aggression": {"default_value": 1e12, "runtime_key": "a.aggression"}}, no_log=True, stats=[], no_upstream=True)
case("two_filters", answers(500, 200), after=[entry(SURE)])
for _name, _config in {
    "good": SURE, "empty": {}, "no_criteria": {"success_criteria": None}, "http_criteria_empty": {"success_criteria": {"http_criteria": {}}}, "grpc_criteria_empty": {"success_criteria": {"grpc_criteria": {}}},
    **{"http_range_%d_%d" % r: {"success_criteria": {"http_criteria": {"http_success_status": [{"start": r[0], "end": r[1]}]}}} for r in ((100, 600), (99, 600), (100, 601), (600, 600), (200, 200), (201, 200), (200, 201), (0, 0), (-1, 200), (599, 600))},
    "http_range_second": {"success_criteria": {"http_criteria": {"http_success_status": [{"start": 200, "end": 300}, {"start": 1, "end": 2}]}}},
    **{f"grpc_{n}": {"success_criteria": {"grpc_criteria": {"grpc_success_status": [n]}}} for n in (16, 17, 4000000000)},
    **{f"threshold_{n}": {"sr_threshold": {"default_value": {"value": n}, "runtime_key": "a"}} for n in (0, 0.99, 1, 100, 100.5, -1)}, "threshold_no_key": {"sr_threshold": {"default_value": {"value": 50}}}, "threshold_no_value": {"sr_threshold": {"runtime_key": "a"}},
    **{f"most_{n}": {"max_rejection_probability": {"default_value": {"value": n}, "runtime_key": "a"}} for n in (0, 100, 101, -1)}, "most_no_value": {"max_rejection_probability": {"runtime_key": "a"}},
    **{f"aggression_{n}": {"aggression": {"default_value": n, "runtime_key": "a"}} for n in (0, -1, 0.5)}, "aggression_no_key": {"aggression": {"default_value": 2}}, "enabled_no_key": {"enabled": {"default_value": True}}, "enabled_no_value": {"enabled": {"runtime_key": "a"}}, "rps_no_key": {"rps_threshold": {"default_value": 2}},
    **{f"window_{i}": {"sampling_window": w} for i, w in enumerate(("1s", "86400s", "-1s", "1.999s"))},
}.items():
    _entry = entry(_config)
    _entry["typed_config"] = {k: v for k, v in _entry["typed_config"].items() if v is not None}
    scenario("admission_control_config_" + _name, kind="validate", config=manager_config([_entry]))
WINDOW = "Envoy takes a window that it then divides by as zero, and dies of the second request; one over a day is not bounded"
for _name, _window in {"below_second": "0.999s", "zero": "0s", "over_day": "86401s"}.items():
    scenario("admission_control_config_window_" + _name, kind="validate", config=manager_config([entry({"sampling_window": _window})]), differs=WINDOW, outrigger={"exit": 1, "ok": None})
