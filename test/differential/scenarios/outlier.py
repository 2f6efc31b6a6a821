"""Outlier detection: hosts ejected for their answers, how many, for how long, and what tells of it."""
import json

from harness.dsl import *

BRIEF = {"path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"}
BAD = [ok("bad", status=503, reason="Bad")]
GOOD = [ok("good")]
CODES = {"*": [ok("fine")], **{f"/{c}": [ok(str(c), status=c, reason="Bad")] for c in (404, 499, 500, 501, 502, 503, 504, 599)}}
AT_ONCE = {"common_lb_config": {"update_merge_window": "0s"}}
NO_PANIC = {"common_lb_config": {"update_merge_window": "0s", "healthy_panic_threshold": {"value": 0}}}


def ejected(n, cluster="c1"):
    return stat_is("cluster.{{%s}}.outlier_detection.ejections_active" % cluster, n) + pause(0.02)


def counted(stat, n, cluster="c1"):
    return stat_is("cluster.{{%s}}.outlier_detection.ejections_%s" % (cluster, stat), n)


def outlier(name, config, client, up, hosts=None, action="", more=AT_ONCE, **kw):
    """`hosts`: one of each of `up` unless told."""
    kw.setdefault("no_log", True)
    kw.setdefault("no_upstream", True)
    yaml = json.dumps({"outlier_detection": config, **more}).replace('"{{', '"{{')
    scenario("outlier_" + name, up=up, clusters={"c1": {"hosts": hosts or sorted(up), "yaml": yaml}}, client=client,
             routes=f'- {{match: {{prefix: /}}, route: {{cluster: "{{{{c1}}}}"{action}}}}}',
             stats=[r"+re:^cluster\.{{c1}}\.outlier_detection\.", "cluster.{{c1}}.membership_healthy", "cluster.{{c1}}.membership_total"], **kw)


def one(name, config, client, **kw):
    """A single host, which answers as the path says."""
    kw.setdefault("more", NO_PANIC)
    outlier(name, {"max_ejection_percent": 100, **config}, client, {"a": CODES}, no_log=kw.pop("no_log", False), log_format=BRIEF, **kw)


def paths(*codes):
    return [step for c in codes for step in get(f"/{c}")]


# Failures in a row.
TWO = {"a": GOOD, "b": BAD}
outlier("5xx", {"consecutive_5xx": 2, "max_ejection_percent": 50}, burst(4) + ejected(1) + burst(10), TWO)
outlier("5xx_not_yet", {"consecutive_5xx": 3, "max_ejection_percent": 50}, burst(4) + burst(0) + burst(2) + ejected(1) + burst(4), TWO)
outlier("5xx_default_5", {"max_ejection_percent": 50}, burst(8) + burst(2) + ejected(1) + burst(4), TWO)
outlier("5xx_0_is_never", {"consecutive_5xx": 0, "max_ejection_percent": 50}, burst(12) + counted("detected_consecutive_gateway_failure", 1), TWO)
outlier("5xx_not_enforced", {"consecutive_5xx": 2, "enforcing_consecutive_5xx": 0, "max_ejection_percent": 50},
        burst(4) + counted("detected_consecutive_5xx", 1) + pause(0.02) + burst(4) + counted("detected_consecutive_5xx", 2), TWO)
one("5xx_success_between", {"consecutive_5xx": 3}, paths(500, 502, 200, 503, 504) + get("/") + paths(500, 500, 599) + ejected(1) + get("/"))
one("5xx_4xx_between", {"consecutive_5xx": 2}, paths(500, 404, 500, 499, 501, 500) + ejected(1) + get("/"))
one("gateway", {"consecutive_gateway_failure": 2, "enforcing_consecutive_gateway_failure": 100}, paths(502, 503) + ejected(1) + get("/"))
one("gateway_504", {"consecutive_gateway_failure": 1, "enforcing_consecutive_gateway_failure": 100}, paths(500, 501, 504) + ejected(1) + get("/"))
one("gateway_reset_by_500", {"consecutive_gateway_failure": 2, "enforcing_consecutive_gateway_failure": 100}, paths(502, 500, 503, 504) + ejected(1) + get("/"))
one("gateway_not_enforced_by_default", {"consecutive_gateway_failure": 2}, paths(502, 503) + counted("detected_consecutive_gateway_failure", 1) + pause(0.02) + get("/")
    + paths(504, 504) + counted("detected_consecutive_gateway_failure", 2) + get("/"))
one("gateway_and_5xx", {"consecutive_gateway_failure": 2, "enforcing_consecutive_gateway_failure": 100, "consecutive_5xx": 2}, paths(502, 503) + ejected(1) + get("/"))
outlier("5xx_refused", {"consecutive_5xx": 2, "max_ejection_percent": 50}, burst(4) + ejected(1) + burst(6), {"a": GOOD, "b": REFUSE})
outlier("5xx_reset", {"consecutive_5xx": 2, "max_ejection_percent": 50}, burst(4) + ejected(1) + burst(6), {"a": GOOD, "b": [rst()]})
outlier("5xx_ended", {"consecutive_5xx": 2, "max_ejection_percent": 50}, burst(4) + ejected(1) + burst(6), {"a": GOOD, "b": [fin()]})
outlier("5xx_garbage", {"consecutive_5xx": 2, "max_ejection_percent": 50}, burst(4) + ejected(1) + burst(6), {"a": GOOD, "b": [raw("nonsense\r\n\r\n")]})
outlier("5xx_timeout", {"consecutive_gateway_failure": 1, "enforcing_consecutive_gateway_failure": 100, "max_ejection_percent": 50}, burst(2) + ejected(1) + burst(6),
        {"a": GOOD, "b": [hold()]}, action=", timeout: 0.1s")
outlier("5xx_per_try_timeout", {"consecutive_gateway_failure": 1, "enforcing_consecutive_gateway_failure": 100, "max_ejection_percent": 50}, burst(2) + ejected(1) + burst(6),
        {"a": GOOD, "b": [hold()]}, action=", retry_policy: {retry_on: 5xx, num_retries: 0, per_try_timeout: 0.1s}")
outlier("timeout_told_204", {"consecutive_5xx": 1, "max_ejection_percent": 50}, burst(4, "/", "x-envoy-upstream-rq-timeout-alt-response: 1"), {"a": GOOD, "b": [hold()]}, action=", timeout: 0.1s")
outlier("overflow_is_no_failure", {"consecutive_5xx": 1, "max_ejection_percent": 100}, burst(5), {"a": GOOD}, more={"circuit_breakers": {"thresholds": [{"max_pending_requests": 0}]}})
GRPC = {"*": [ok("", "content-type: application/grpc", "grpc-status: 14")], "/ok": [ok("", "content-type: application/grpc", "grpc-status: 0")],
        "/arg": [ok("", "content-type: application/grpc", "grpc-status: 3")], "/internal": [ok("", "content-type: application/grpc", "grpc-status: 13")]}


def calls(*paths):
    return [step for p in paths for step in req(p, "content-type: application/grpc", "te: trailers", method="POST", body="")]


outlier("grpc_status", {"consecutive_5xx": 2, "max_ejection_percent": 100, "enforcing_consecutive_gateway_failure": 100, "consecutive_gateway_failure": 2},
        calls("/x", "/ok", "/x", "/arg", "/x", "/internal") + ejected(1) + calls("/x"), {"a": GRPC}, more=NO_PANIC)
outlier("grpc_status_of_other_requests", {"consecutive_5xx": 1, "max_ejection_percent": 100}, burst(5), {"a": GRPC})

# What the host does, and what the way to it does.
SPLIT = {"split_external_local_origin_errors": True, "max_ejection_percent": 50}
outlier("split_refused", {**SPLIT, "consecutive_local_origin_failure": 2, "consecutive_5xx": 1}, burst(4) + ejected(1) + burst(6), {"a": GOOD, "b": REFUSE})
outlier("split_refused_default_5", {**SPLIT, "consecutive_5xx": 1}, burst(8) + burst(2) + ejected(1) + burst(6), {"a": GOOD, "b": REFUSE})
outlier("split_refused_not_enforced", {**SPLIT, "consecutive_local_origin_failure": 2, "enforcing_consecutive_local_origin_failure": 0},
        burst(4) + counted("detected_consecutive_local_origin_failure", 1) + burst(4) + counted("detected_consecutive_local_origin_failure", 2), {"a": GOOD, "b": REFUSE})
outlier("split_5xx", {**SPLIT, "consecutive_local_origin_failure": 1, "consecutive_5xx": 2}, burst(4) + ejected(1) + burst(6), TWO)
outlier("split_timeout", {**SPLIT, "consecutive_local_origin_failure": 1, "consecutive_5xx": 1}, burst(2) + ejected(1) + burst(6), {"a": GOOD, "b": [hold()]}, action=", timeout: 0.1s")
outlier("split_reset", {**SPLIT, "consecutive_local_origin_failure": 1, "consecutive_5xx": 1}, burst(2) + ejected(1) + burst(6), {"a": GOOD, "b": [rst()]})
outlier("unsplit_local_is_unused", {"consecutive_local_origin_failure": 1, "consecutive_5xx": 0, "max_ejection_percent": 50}, burst(10), {"a": GOOD, "b": REFUSE})

# How many.
outlier("percent_default_10_of_2", {"consecutive_5xx": 2}, burst(4) + counted("overflow", 1) + burst(6), TWO)
outlier("percent_default_10_one_always", {"consecutive_5xx": 2, "always_eject_one_host": True}, burst(4) + ejected(1) + burst(6), TWO)
FIVE = {n: BAD for n in "abcde"}


def some_of_five(percent, out, **more):
    """All fail: `out` of them are ejected, the next one is not."""
    outlier(f"percent_{percent}_of_5" + "".join("_" + m for m in more), {"consecutive_5xx": 1, "max_ejection_percent": percent, **more},
            [s for n in range(out) for s in get("/") + ejected(n + 1)] + get("/") + counted("overflow", 1), FIVE, more=NO_PANIC)


some_of_five(19, 0)
some_of_five(19, 1, always_eject_one_host=True)
some_of_five(20, 1)
some_of_five(39, 1)
some_of_five(40, 2)
outlier("percent_0", {"consecutive_5xx": 2, "max_ejection_percent": 0}, burst(4) + counted("overflow", 1) + burst(4) + counted("overflow", 2), TWO)
outlier("all_in_panic", {"consecutive_5xx": 1, "max_ejection_percent": 100}, burst(2) + ejected(2) + burst(4), {"a": BAD, "b": BAD})
one("all_no_panic", {"consecutive_5xx": 1}, paths(500) + ejected(1) + get("/") + get("/"))

# For how long.
QUICK = {"consecutive_5xx": 2, "max_ejection_percent": 100, "interval": "0.05s", "base_ejection_time": "0.05s"}
outlier("back_again", QUICK, paths(500, 500) + ejected(1) + ejected(0) + paths(500) + get("/") + paths(500, 500) + ejected(1) + ejected(0) + get("/"), {"a": CODES}, more=NO_PANIC)
outlier("back_again_counts_anew", QUICK, paths(500, 500) + ejected(1) + ejected(0) + paths(500) + get("/") + get("/"), {"a": CODES}, more=NO_PANIC)
outlier("back_with_jitter", {**QUICK, "max_ejection_time_jitter": "0.01s"}, paths(500, 500) + ejected(1) + ejected(0) + get("/"), {"a": CODES}, more=NO_PANIC)
outlier("back_at_max", {**QUICK, "max_ejection_time": "0.05s"}, paths(500, 500) + ejected(1) + ejected(0) + paths(500, 500) + ejected(1) + ejected(0) + get("/"), {"a": CODES}, more=NO_PANIC)

# Rates. Requests are tried again on other hosts, so that it isn't seen when in the burst an interval ends.
AGAIN = (", retry_policy: {retry_on: 5xx, num_retries: 5, host_selection_retry_max_attempts: 10, retry_host_predicate: "
         "[{name: p, typed_config: {'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]}")
RATES = {"consecutive_5xx": 0, "consecutive_gateway_failure": 0, "interval": "0.3s", "max_ejection_percent": 100, "success_rate_request_volume": 5, "failure_percentage_request_volume": 5}
outlier("success_rate", {**RATES, "success_rate_minimum_hosts": 3, "success_rate_stdev_factor": 1000}, burst(60) + ejected(1) + burst(8), {"a": GOOD, "b": BAD, "c": GOOD}, action=AGAIN)
outlier("success_rate_factor_keeps", {**RATES, "success_rate_minimum_hosts": 3, "success_rate_stdev_factor": 1500}, burst(60) + pause(0.4) + burst(9), {"a": GOOD, "b": BAD, "c": GOOD})
outlier("success_rate_default_hosts", {**RATES, "success_rate_stdev_factor": 1000}, burst(100) + ejected(1), {"a": GOOD, "b": BAD, "c": GOOD, "d": GOOD, "e": GOOD}, action=AGAIN)
outlier("success_rate_too_few_hosts", {**RATES, "success_rate_stdev_factor": 1000}, burst(60) + pause(0.4) + burst(8), {"a": GOOD, "b": BAD, "c": GOOD, "d": GOOD})
outlier("success_rate_too_few_requests", {**RATES, "success_rate_minimum_hosts": 3, "success_rate_request_volume": 21, "success_rate_stdev_factor": 1000}, burst(60) + pause(0.4) + burst(9),
        {"a": GOOD, "b": BAD, "c": GOOD})
outlier("success_rate_not_enforced", {**RATES, "success_rate_minimum_hosts": 3, "success_rate_stdev_factor": 1000, "enforcing_success_rate": 0, "interval": "1s", "success_rate_request_volume": 31},
        burst(180) + counted("detected_success_rate", 1), {"a": GOOD, "b": BAD, "c": GOOD})
outlier("failure_percentage", {**RATES, "success_rate_minimum_hosts": 9, "failure_percentage_minimum_hosts": 2, "failure_percentage_threshold": 100, "enforcing_failure_percentage": 100},
        burst(40) + ejected(1) + burst(8), TWO, action=AGAIN)
outlier("failure_percentage_not_enforced", {**RATES, "success_rate_minimum_hosts": 9, "failure_percentage_minimum_hosts": 2, "interval": "1s", "failure_percentage_request_volume": 31},
        burst(120) + counted("detected_failure_percentage", 1), TWO)
outlier("failure_percentage_too_few_hosts", {**RATES, "failure_percentage_minimum_hosts": 3, "enforcing_failure_percentage": 100}, burst(40) + pause(0.4) + burst(8), TWO)
outlier("failure_percentage_all", {**RATES, "success_rate_minimum_hosts": 9, "failure_percentage_minimum_hosts": 1, "failure_percentage_threshold": 1, "enforcing_failure_percentage": 100},
        burst(20) + ejected(1) + burst(4), {"a": BAD})
outlier("split_success_rate", {**RATES, **SPLIT, "consecutive_local_origin_failure": 0, "success_rate_minimum_hosts": 3, "success_rate_stdev_factor": 1000}, burst(60) + ejected(1) + burst(8),
        {"a": GOOD, "b": REFUSE, "c": GOOD}, action=AGAIN)
outlier("split_failure_percentage", {**RATES, **SPLIT, "consecutive_local_origin_failure": 0, "success_rate_minimum_hosts": 9, "failure_percentage_minimum_hosts": 2,
                                     "enforcing_failure_percentage_local_origin": 100}, burst(40) + ejected(1) + burst(8), {"a": GOOD, "b": REFUSE}, action=AGAIN)

# What tells of it.
HOSTS = [(r"127\.0\.0\.1:\d+", "<host>"), (r"127\.0\.0\.1:<any>", "<host>"), (r'"port_value": \d+', '"port_value": 1')]
FLAGS = admin("/clusters", keep="{{c1}}::(outlier|.*::(health_flags|success_rate|local_origin_success_rate))", head=False)
one("pages", {"consecutive_5xx": 1}, FLAGS + paths(500) + ejected(1) + FLAGS + admin("/clusters?format=json&filter={{c1}}", head=False), mask=HOSTS, no_log=True)
outlier("pages_rates", {**RATES, "interval": "1s", "success_rate_minimum_hosts": 3, "success_rate_stdev_factor": 1000, "enforcing_success_rate": 0, "success_rate_request_volume": 31,
                        "failure_percentage_request_volume": 100},
        burst(180) + counted("detected_success_rate", 1) + FLAGS, {"a": GOOD, "b": BAD, "c": GOOD}, mask=HOSTS)
LOGGED = 'cluster_manager: {outlier_detection: {event_log_path: "{{dir}}/events"}}'
TIMES = [(r'"timestamp":\s*"[^"]*"', '"timestamp":"<time>"'), (r"127\.0\.0\.1:\d+", "<host>")]
outlier("log_consecutive", {**QUICK, "enforcing_consecutive_gateway_failure": 100, "consecutive_gateway_failure": 1, "consecutive_5xx": 0},
        paths(502) + ejected(1) + ejected(0) + paths(502) + ejected(1) + ejected(0) + file("{{dir}}/events", 4), {"a": CODES}, own=True, bootstrap=LOGGED, mask=TIMES)
outlier("log_not_enforced", {"consecutive_5xx": 1, "max_ejection_percent": 100, "enforcing_consecutive_5xx": 0}, paths(500) + counted("detected_consecutive_5xx", 1)
        + file("{{dir}}/events", 1), {"a": CODES}, own=True, bootstrap=LOGGED, mask=TIMES)
outlier("log_rates", {**RATES, "success_rate_minimum_hosts": 3, "success_rate_stdev_factor": 1000, "failure_percentage_minimum_hosts": 9}, burst(60) + ejected(1) + file("{{dir}}/events", 1),
        {"a": GOOD, "b": BAD, "c": GOOD}, own=True, bootstrap=LOGGED, mask=TIMES, action=AGAIN)
outlier("log_failure_percentage", {**RATES, "success_rate_minimum_hosts": 9, "failure_percentage_minimum_hosts": 1, "enforcing_failure_percentage": 100}, burst(20) + ejected(1)
        + file("{{dir}}/events", 1), {"a": BAD}, own=True, bootstrap=LOGGED, mask=TIMES)
outlier("log_split", {**SPLIT, "consecutive_local_origin_failure": 1, "max_ejection_percent": 100}, burst(1) + ejected(1) + file("{{dir}}/events", 1), {"a": REFUSE}, own=True,
        bootstrap=LOGGED, mask=TIMES)


# Runtime.
def layer(**values):
    return "layered_runtime: {layers: [{name: s, static_layer: %s}]}" % json.dumps({"outlier_detection." + k: v for k, v in values.items()})


outlier("runtime_consecutive", {"max_ejection_percent": 50}, burst(4) + ejected(1) + burst(4), TWO, own=True, bootstrap=layer(consecutive_5xx=2))
outlier("runtime_gateway", {"max_ejection_percent": 50}, burst(4) + ejected(1) + burst(4), TWO, own=True, bootstrap=layer(
    consecutive_gateway_failure=2, enforcing_consecutive_gateway_failure=100))
outlier("runtime_enforcing", {"consecutive_5xx": 2, "max_ejection_percent": 50}, burst(4) + counted("detected_consecutive_5xx", 1) + burst(4), TWO, own=True,
        bootstrap=layer(enforcing_consecutive_5xx=0))
outlier("runtime_percent", {"consecutive_5xx": 2}, burst(4) + ejected(1) + burst(4), TWO, own=True, bootstrap=layer(max_ejection_percent=50))
outlier("runtime_times", {"consecutive_5xx": 2, "max_ejection_percent": 100}, paths(500, 500) + ejected(1) + ejected(0) + get("/"), {"a": CODES}, own=True, more=NO_PANIC,
        bootstrap=layer(interval_ms=50, base_ejection_time_ms=50))
outlier("runtime_local_origin", {**SPLIT}, burst(4) + ejected(1) + burst(4), {"a": GOOD, "b": REFUSE}, own=True, bootstrap=layer(consecutive_local_origin_failure=2))
outlier("runtime_rates", {"max_ejection_percent": 100, "consecutive_5xx": 0}, burst(60) + ejected(1), {"a": GOOD, "b": BAD, "c": GOOD}, own=True, bootstrap=layer(
    interval_ms=300, success_rate_minimum_hosts=3, success_rate_request_volume=5, success_rate_stdev_factor=1000, consecutive_gateway_failure=0), action=AGAIN)

# Other than requests.
scenario("outlier_tcp_refused", kind="tcp", up={"up": REFUSE}, no_upstream=True, log_format={"flags": "%RESPONSE_FLAGS%"},
         clusters={"up": {"yaml": json.dumps({"outlier_detection": {"consecutive_5xx": 2, "max_ejection_percent": 100}, **NO_PANIC})}},
         client=new() + raw_all() + new("d") + raw_all("d") + ejected(1, "up") + new("e") + raw_all("e"), stats=[r"+re:^cluster\.{{up}}\.outlier_detection\."])
scenario("outlier_tcp_connected", kind="tcp", up={"up": Tcp(raw("x") + fin())}, no_upstream=True, log_format={"flags": "%RESPONSE_FLAGS%"},
         clusters={"up": {"yaml": json.dumps({"outlier_detection": {"consecutive_5xx": 1, "max_ejection_percent": 100}, **NO_PANIC})}},
         client=new() + raw_all() + new("d") + raw_all("d"), stats=[r"+re:^cluster\.{{up}}\.outlier_detection\."])
scenario("outlier_tcp_split", kind="tcp", up={"up": REFUSE}, no_upstream=True, log_format={"flags": "%RESPONSE_FLAGS%"},
         clusters={"up": {"yaml": json.dumps({"outlier_detection": {**SPLIT, "consecutive_local_origin_failure": 1, "max_ejection_percent": 100}, **NO_PANIC})}},
         client=new() + raw_all() + ejected(1, "up") + new("e") + raw_all("e"), stats=[r"+re:^cluster\.{{up}}\.outlier_detection\."])
for _name, _config in {"max_below_base": {"base_ejection_time": "10s", "max_ejection_time": "9s"}, "max_below_default_base": {"max_ejection_time": "29s"},
                       "base_above_default_max": {"base_ejection_time": "301s"}, "percent_101": {"max_ejection_percent": 101}, "interval_0": {"interval": "0s"},
                       "threshold_101": {"failure_percentage_threshold": 101}, "jitter_negative": {"max_ejection_time_jitter": "-1s"}}.items():
    scenario("outlier_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{
        "name": "c", "connect_timeout": "1s", "outlier_detection": _config}]}}))
