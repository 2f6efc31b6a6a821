"""Active health checks: what is asked of hosts, which answers are good, what comes of it, and what tells of it."""
import json

from harness.dsl import *
from harness.h2 import *

HOSTS = [(r"127\.0\.0\.1:\d+", "<host>"), (r"127\.0\.0\.1:<any>", "<host>"), (r'"port_value":\s*\d+', '"port_value": 1')]
TIMES = [(r'"timestamp":\s*"[^"]*"', '"timestamp":"<time>"')]
FLAGS = admin("/clusters", keep="{{c1}}::.*::health_flags", head=False)
CHECKS = r"re:^cluster\.{{c1}}\.health_check\."
COUNTS = ["cluster.{{c1}}.membership_" + s for s in ("total", "healthy", "degraded", "excluded")]
BOTH = {"unhealthy_threshold": 1, "healthy_threshold": 1}
ONCE = {"timeout": "5s", "interval": "60s", **BOTH}  # and no more while there is no traffic
QUICK = {"timeout": "2s", "interval": "0.05s", "no_traffic_interval": "0.05s", **BOTH}
NO_PANIC = {"healthy_panic_threshold": {"value": 0}}


def point(port, check=None, **more):
    return {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{port}.port}}}}"}},
                         **({} if check is None else {"health_check_config": check})}, **more}


def unquoted(yaml):
    """Ports are numbers."""
    import re
    return re.sub(r'"(\{\{\w+\.port\}\})"', r"\1", json.dumps(yaml))


def check(name, config, up, client=(), hosts=None, points=None, more=None, panic=NO_PANIC, shows=True, **kw):
    """The checks of a cluster c1 with the hosts `up`; `points` instead where they are more than an address."""
    kw.setdefault("no_log", True)
    kw.setdefault("early", True)
    kw.setdefault("stats", [CHECKS] + COUNTS)
    yaml = {"health_checks": [config], "common_lb_config": panic, **(more or {})}
    if points is not None:
        yaml["load_assignment"] = {"endpoints": [{"lb_endpoints": points}]}
    scenario("hc_" + name, up=up, clusters={"c1": {"hosts": hosts or sorted(up), "yaml": unquoted(yaml)}},
             client=list(client) + (FLAGS if shows else []), routes='- {match: {prefix: /}, route: {cluster: "{{c1}}"}}', mask=HOSTS + kw.pop("mask", []), **kw)


def http(name, config, up, client=(), base=ONCE, path="/h", **kw):
    check(name, {**base, "http_health_check": {"path": path, **config}}, up, client, **kw)


def status(code, *headers, body=""):
    return [ok(body, *headers, status=code, reason="X")]


# One check of each host: which answers are good.
http("http_200", {}, {"a": status(200)}, get("/"))
http("http_of_others", {}, {n: status(c) for n, c in {"a": 200, "b": 201, "c": 204, "d": 302, "e": 404, "f": 500, "g": 503}.items()}, no_upstream=True)
http("http_expected", {"expected_statuses": [{"start": 201, "end": 204}, {"start": 500, "end": 501}]},
     {n: status(c) for n, c in {"a": 200, "b": 201, "c": 203, "d": 204, "e": 500, "f": 501, "g": 499}.items()}, no_upstream=True)
http("http_post", {"method": "POST"}, {"a": status(200)})
http("http_put_with_host_and_query", {"method": "PUT", "host": "its.example:81"}, {"a": status(200)}, path="/x/y?z=1&w")
http("http_head", {"method": "HEAD"}, {"a": [raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")]})
http("http_options", {"method": "OPTIONS"}, {"a": status(200)})
http("http_sends", {"method": "POST", "send": {"text": "68656c6c6f"}}, {"a": status(200)})
http("http_headers", {"request_headers_to_add": [{"header": {"key": "X-A", "value": "1"}}, {"header": {"key": "x-a", "value": "2"}},
                                                 {"header": {"key": "user-agent", "value": "me"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]}, {"a": status(200)})
http("http_headers_removed", {"request_headers_to_remove": ["user-agent"], "request_headers_to_add": [{"header": {"key": "x-b", "value": "1"}}]}, {"a": status(200)})
http("http_receives", {"receive": [{"text": "6f6b"}]}, {"a": [ok("it is ok")], "b": [ok("it is not")], "c": status(200), "d": [ok("ok", status=500)]}, no_upstream=True)
http("http_receives_parts", {"receive": [{"text": "6f6e65"}, {"binary": "dHdv"}]}, {"a": [ok("one two")], "b": [ok("two one")], "c": [ok("onetwo")], "d": [ok("one")]},
     no_upstream=True)
http("http_receives_in_chunks", {"receive": [{"text": "6f6b"}]},
     {"a": [raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n")]}, no_upstream=True)
http("http_receives_too_late", {"receive": [{"text": "6f6b"}], "response_buffer_size": 4}, {"a": [ok("..ok")], "b": [ok("...ok")]}, no_upstream=True)
http("http_chunked_answer", {}, {"a": [raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n0\r\n\r\n")]}, no_upstream=True)
http("http_answer_till_the_end", {}, {"a": [raw("HTTP/1.1 200 OK\r\n\r\nall") + fin()]}, no_upstream=True)
http("http_10_answer", {}, {"a": [raw("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n")]}, no_upstream=True)
http("http_100_first", {}, {"a": [raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")]}, no_upstream=True)
http("http_no_answer", {}, {"a": [fin()], "b": [rst()], "c": REFUSE, "d": [raw("nonsense\r\n\r\n")], "e": [raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab") + fin()]},
     no_upstream=True)
http("http_too_slow", {}, {"a": [hold()], "b": [raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab") + hold()]}, base={**ONCE, "timeout": "0.1s"}, no_upstream=True)
http("http_degraded", {}, {"a": status(200, "x-envoy-degraded: "), "b": status(200), "c": status(503, "x-envoy-degraded: ")}, burst(4), no_upstream=True)
http("http_only_degraded", {}, {"a": status(200, "x-envoy-degraded: "), "b": status(503)}, burst(4), no_upstream=True)
http("http_excluded", {}, {"a": status(503, "x-envoy-immediate-health-check-fail: true"), "b": status(200, "x-envoy-immediate-health-check-fail: true"), "c": status(200)},
     no_upstream=True)
NAMED = {"a": status(200, "x-envoy-upstream-healthchecked-cluster: svc-1"), "b": status(200, "x-envoy-upstream-healthchecked-cluster: other"), "c": status(200),
         "d": status(503, "x-envoy-upstream-healthchecked-cluster: svc-1")}
http("http_service", {"service_name_matcher": {"prefix": "svc"}}, NAMED, no_upstream=True)
http("http_service_not_verified", {"service_name_matcher": {"prefix": "svc"}}, NAMED, own=True, no_upstream=True,
     bootstrap="layered_runtime: {layers: [{name: s, static_layer: {health_check.verify_cluster: 0}}]}")
http("http2", {"codec_client_type": "HTTP2"}, {"a": H2([h2_ok("ok")]), "b": H2([h2_ok("ok", status=503)])})
http("http2_post_and_send", {"codec_client_type": "HTTP2", "method": "POST", "send": {"text": "6869"}, "receive": [{"text": "6f6b"}]}, {"a": H2([h2_ok("ok")])})
http("http2_of_a_cluster_of_http1", {"codec_client_type": "HTTP2"}, {"a": H2([h2_ok("ok")])}, more={"typed_extension_protocol_options": None})
http("http1_of_a_cluster_of_http2", {}, {"a": status(200)}, more={"typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}}})
http("http2_from_a_host_of_http1", {"codec_client_type": "HTTP2"}, {"a": [raw("HTTP/1.1 400 Bad\r\n\r\n") + fin()]}, no_upstream=True)

# TCP: a connection, or what comes back on it.
TCP = {"send": {"text": "70696e67"}, "receive": [{"text": "706f"}, {"text": "6e67"}]}
check("tcp_connects", {**ONCE, "tcp_health_check": {}}, {"a": Tcp(), "b": REFUSE}, no_upstream=True)
check("tcp_sends_nothing_without_receive", {**ONCE, "tcp_health_check": {"send": {"text": "70696e67"}}}, {"a": Tcp(), "b": REFUSE}, no_upstream=True)
check("tcp_answers", {**ONCE, "tcp_health_check": TCP}, {"a": Tcp(expect(b"ping"), raw("pong")), "b": Tcp(expect(b"ping"), raw("..po..n"), wait(0.02), raw("g..ng"))})
check("tcp_other_answers", {**ONCE, "timeout": "0.2s", "tcp_health_check": TCP},
      {"a": Tcp(expect(b"ping"), raw("nope")), "b": Tcp(expect(b"ping"), raw("ngpo")), "c": Tcp(expect(b"ping"), fin()), "d": Tcp(expect(b"ping"), rst()), "e": Tcp(hold())},
      no_upstream=True)
check("tcp_server_speaks_first", {**ONCE, "tcp_health_check": {"receive": [{"binary": "aGk="}]}}, {"a": Tcp(raw("oh hi"))}, no_upstream=True)

# gRPC.
def answer(*messages, status=0, kind="application/grpc"):
    return h2_ok(b"".join(messages), f"content-type: {kind}", trailers=(f"grpc-status: {status}",))


SERVING, NOT_SERVING, UNKNOWN = b"\0\0\0\0\x02\x08\x01", b"\0\0\0\0\x02\x08\x02", b"\0\0\0\0\0"


def grpc(name, config, up, **kw):
    check("grpc_" + name, {**ONCE, "grpc_health_check": config}, {n: H2([s]) for n, s in up.items()}, **kw)


grpc("serving", {}, {"a": answer(SERVING)})
grpc("service", {"service_name": "pkg.Service", "authority": "auth.example"}, {"a": answer(SERVING)})
grpc("metadata", {"initial_metadata": [{"header": {"key": "x-a", "value": "1"}}, {"header": {"key": "x-a", "value": "2"}}]}, {"a": answer(SERVING)})
grpc("not_serving", {}, {"a": answer(NOT_SERVING), "b": answer(UNKNOWN), "c": answer(b"\0\0\0\0\x02\x08\x03")}, no_upstream=True)
grpc("errors", {}, {"a": answer(SERVING, status=12), "b": answer(), "c": h2_ok("", "content-type: application/grpc", "grpc-status: 5"), "d": h2_ok("no", status=503),
                    "e": answer(SERVING, kind="text/plain"), "f": h2_ok("", "content-type: application/grpc", "grpc-status: 0")}, no_upstream=True)
grpc("payloads", {}, {"a": answer(SERVING, SERVING), "b": answer(b"\x01" + SERVING[1:]), "c": answer(b"\0\0\0\0\x02\x08"), "d": answer(b"\0\0\0\0\x04\x10\x07\x08\x01"),
                      "e": answer(UNKNOWN, SERVING), "f": answer(b"\0\0\0\0\x04\x08\x02\x08\x01")}, no_upstream=True)
check("grpc_no_answer", {**ONCE, "grpc_health_check": {}}, {"a": [raw("HTTP/1.1 200 OK\r\n\r\n") + fin()], "b": REFUSE}, no_upstream=True, more={
    "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}}})

# Where hosts are asked.
http("elsewhere", {}, {"a": status(200), "b": status(503), "c": REFUSE}, hosts=["a"], points=[
    point("c", {"port_value": "{{a.port}}", "hostname": "host.example"}), point("a", {"port_value": "{{b.port}}"}),
    point("b", {"address": {"socket_address": {"address": "127.0.0.1", "port_value": "{{a.port}}"}}})], own=True, no_upstream=True)
http("hostname_for_checks", {"host": "config.example"}, {"a": status(200)}, points=[point("a", {"hostname": "host.example"})])
http("not_at_all", {}, {"a": status(503), "b": status(503)}, hosts=["a", "b"], points=[point("a", {"disable_active_health_check": True}), point("b")], no_upstream=True)
http("none_to_check", {}, {"a": status(503)}, points=[point("a", {"disable_active_health_check": True})], no_upstream=True)

# What comes of it.
TWO = {"a": [ok("a")], "b": {"/h": status(503), "*": [ok("b")]}}
http("failed_gets_nothing", {}, TWO, burst(6), no_upstream=True)
http("none_left", {}, {"a": {"/h": status(503), "*": [ok("a")]}}, get("/"), no_upstream=True, no_log=False,
     log_format={"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"})
http("panic", {}, {n: {"/h": status(503), "*": [ok("x")]} for n in "abc"}, burst(3), panic={}, stats=[CHECKS, "cluster.{{c1}}.lb_healthy_panic"], no_upstream=True)
http("next_priority", {}, {"a": {"/h": status(503), "*": [ok("a")]}, "b": [ok("b")]}, burst(4), no_upstream=True,
     more={"load_assignment": {"endpoints": [{"lb_endpoints": [point("a")]}, {"priority": 1, "lb_endpoints": [point("b")]}]}})
http("ring_hash", {}, TWO, burst(6), more={"lb_policy": "RING_HASH"}, no_upstream=True)
http("eds_health_besides", {}, {"a": status(200), "b": status(200), "c": status(503)}, points=[
    point("a", health_status="UNHEALTHY"), point("b", health_status="DEGRADED"), point("c", health_status="DRAINING")], no_upstream=True)
http("told_by_live_traffic", {}, {"a": {"/h": status(200), "/bye": [ok("bye", "x-envoy-immediate-health-check-fail: 1")], "*": [ok("a")]}},
     get("/") + get("/bye") + stat_is("cluster.{{c1}}.health_check.passive_failure", 1) + stat_is("cluster.{{c1}}.membership_healthy", 0) + pause(0.02) + get("/")
     + admin("/clusters?format=json&filter={{c1}}", keep='"(excluded|failed_active)', head=False), no_upstream=True)
http("told_by_live_traffic_unchecked", {}, {"a": [ok("bye", "x-envoy-immediate-health-check-fail: 1")]}, get("/") + get("/"),
     points=[point("a", {"disable_active_health_check": True})], no_upstream=True)
http("page", {}, {"a": status(200), "b": status(503)}, admin("/clusters?format=json&filter={{c1}}", head=False), no_upstream=True)

# How often it takes. The event log tells the order.
LOGGED = {"event_log_path": "{{dir}}/events"}
EVENTS = "{{dir}}/events"
BAD, GOOD = status(503)[0], status(200)[0]


def story(name, lines, answers, config=None, http_config=None, **kw):
    """The last answer goes on for ever."""
    http("story_" + name, http_config or {}, {"a": answers}, file(EVENTS, lines), base={**QUICK, **LOGGED, **(config or {})}, own=True, no_upstream=True, mask=TIMES, stats=COUNTS, **kw)


story("goes_and_comes", 3, [GOOD, GOOD, BAD, BAD, GOOD])
story("first_failure_then_good", 2, [BAD, GOOD])
story("healthy_threshold", 3, [GOOD, BAD, GOOD, BAD, GOOD, GOOD, GOOD], {"healthy_threshold": 2})
story("status_needs_no_threshold", 2, [GOOD, BAD], {"unhealthy_threshold": 3})
story("network_needs_its_threshold", 2, [GOOD, rst(), GOOD, rst(), rst(), rst()], {"unhealthy_threshold": 2})
story("retriable_needs_its_threshold", 2, [GOOD, BAD, GOOD, BAD, BAD, BAD], {"unhealthy_threshold": 2}, {"retriable_statuses": [{"start": 500, "end": 504}]})
story("timeout", 2, [GOOD, [hold()]], {"timeout": "0.1s"})
story("timeout_then_status", 5, [GOOD, hold(), BAD], {"timeout": "0.1s", "always_log_health_check_failures": True})
story("all_failures", 4, [GOOD, BAD, BAD, GOOD], {"always_log_health_check_failures": True})
story("all_of_both", 6, [GOOD, GOOD, BAD, GOOD, GOOD, hold()], {"always_log_health_check_failures": True, "always_log_health_check_success": True, "timeout": "30s"})
story("degraded_and_back", 3, [GOOD, status(200, "x-envoy-degraded: ")[0], GOOD])
story("degraded_then_failed", 4, [status(200, "x-envoy-degraded: ")[0], BAD, GOOD])
story("excluded_and_back", 3, [GOOD, status(503, "x-envoy-immediate-health-check-fail: true")[0], GOOD])
story("edges", 3, [GOOD, rst(), rst(), BAD, GOOD, GOOD], {"unhealthy_threshold": 2, "healthy_threshold": 2, "unhealthy_edge_interval": "0.02s", "healthy_edge_interval": "0.02s",
                                                          "unhealthy_interval": "0.02s", "no_traffic_healthy_interval": "0.02s"})
story("jitter", 3, [GOOD, BAD, GOOD], {"initial_jitter": "0.02s", "interval_jitter": "0.02s", "interval_jitter_percent": 50})
story("without_reuse", 3, [GOOD, BAD, GOOD], {"reuse_connection": False})
story("runtime_interval", 3, [GOOD, BAD, GOOD], {"no_traffic_interval": "60s"}, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {health_check.max_interval: 50}}]}")
SINK = {"name": "f", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink", "event_log_path": EVENTS}}
http("log_sink", {}, {"a": status(503)}, file(EVENTS, 1), base={**ONCE, "event_logger": [SINK]}, own=True, no_upstream=True, mask=TIMES,
     points=[point("a", metadata={"filter_metadata": {"x": {"b": 1, "a": "t"}}})])
check("log_tcp", {**ONCE, **LOGGED, "tcp_health_check": {}}, {"a": REFUSE}, file(EVENTS, 1), own=True, no_upstream=True, mask=TIMES)
check("log_grpc", {**ONCE, **LOGGED, "grpc_health_check": {}}, {"a": H2([answer(NOT_SERVING)])}, file(EVENTS, 1), own=True, no_upstream=True, mask=TIMES)
http("ends_an_ejection", {}, {"a": {"/h": status(200), "*": status(503)}}, get("/") + stat_is("cluster.{{c1}}.outlier_detection.ejections_enforced_total", 1)
     + stat_is("cluster.{{c1}}.outlier_detection.ejections_active", 0) + pause(0.02), base=QUICK, more={"outlier_detection": {"consecutive_5xx": 1, "max_ejection_percent": 100}},
     no_upstream=True, stats=["cluster.{{c1}}.outlier_detection.ejections_enforced_total"])
http("leaves_an_ejection", {}, {"a": {"/h": status(200), "*": status(503)}}, get("/") + stat_is("cluster.{{c1}}.outlier_detection.ejections_active", 1) + pause(0.15), base=QUICK,
     more={"outlier_detection": {"consecutive_5xx": 1, "max_ejection_percent": 100, "successful_active_health_check_uneject_host": False}}, no_upstream=True,
     stats=["cluster.{{c1}}.outlier_detection.ejections_active"])


# Members that come and go.
def members(*points):
    return json.dumps({"version_info": "1", "resources": [{"@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": "c", "endpoints": [
        {"lb_endpoints": list(points)}]}]}).replace('"{{', "{{").replace('}}"', "}}")


def changing(name, first, *then, up=None, client=(), more=None, **kw):
    """The members `first`, then those that follow, one update after the other."""
    up = up or {n: {"/h": status(200), "/bye": [ok("bye", "x-envoy-immediate-health-check-fail: 1")], "*": [ok(n)]} for n in "ab"}
    steps = list(client) + FLAGS
    for i, points in enumerate(then):
        steps += write("{{dir}}/eds.yaml", members(*points)) + stat_is("cluster.{{c1}}.update_success", i + 2) + pause(0.1) + FLAGS
    yaml = {"type": "EDS", "eds_cluster_config": {"service_name": "c", "eds_config": {"path_config_source": {"path": "{{dir}}/eds.yaml"}}},
            "health_checks": [{**ONCE, "http_health_check": {"path": "/h"}}], **(more or {}), "common_lb_config": {**NO_PANIC, "update_merge_window": "0s", **(more or {}).get("common_lb_config", {})}}
    scenario("hc_eds_" + name, up=up, clusters={"c1": {"hosts": sorted(up), "endpoints": False, "yaml": json.dumps(yaml)}}, client=steps + kw.pop("after", []), own=True, early=True, no_log=True,
             no_upstream=True, files={"eds.yaml": members(*first)}, mask=HOSTS, stats=[CHECKS] + COUNTS + ["cluster.{{c1}}.membership_change"],
             routes='- {match: {prefix: /}, route: {cluster: "{{c1}}"}}', **kw)


A, B = point("a"), point("b")
ONE_BAD = {"a": {"/h": status(503), "*": [ok("a")]}, "b": [ok("b")]}
changing("healthy_stays", [A, B], [B], after=burst(4))
changing("healthy_stays_and_comes_back", [A, B], [B], [A, B], after=burst(4))
changing("healthy_stays_until_it_fails", [A], [B], after=get("/bye") + get("/bye") + pause(0.1) + FLAGS + burst(2))
changing("failed_goes", [A, B], [B], up=ONE_BAD)
changing("told_unhealthy_goes", [point("a", health_status="UNHEALTHY"), B], [B])
changing("told_draining", [point("a", health_status="DRAINING"), B], [B])
changing("unchecked", [point("a", {"disable_active_health_check": True}), B], [B])
changing("goes_at_once", [A, B], [B], more={"ignore_health_on_host_removal": True}, after=burst(4))
changing("none_left", [A, B], [])
SLOW = {"a": status(200), "b": [hold()]}
changing("new_host", [A], [A, B], up=SLOW)
changing("new_host_is_left_out", [A], [A, B], up=SLOW, more={"common_lb_config": {"ignore_new_hosts_until_first_hc": True}})
changing("first_checks_with_hosts_left_out", [A, B], up=ONE_BAD, more={"common_lb_config": {"ignore_new_hosts_until_first_hc": True}})
changing("weight_keeps_its_health", [A, B], [{**A, "load_balancing_weight": 3}, B])
changing("checks_turned_off", [A, B], [point("a", {"disable_active_health_check": True}), B], up=ONE_BAD)
changing("checks_elsewhere", [A], [point("a", {"port_value": "{{b.port}}"})], up={"a": status(200), "b": status(503)})
changing("no_members_at_first", [], [A])


# What is refused.
def invalid(name, *checks, more=None):
    scenario("hc_config_" + name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{"name": "c", "health_checks": list(checks), **(more or {})}]}}))


def of_http(**config):
    return {**ONCE, "http_health_check": {"path": "/", **config}}


invalid("plain", of_http())
invalid("no_path", {**ONCE, "http_health_check": {}})
invalid("no_checker", ONCE)
invalid("no_thresholds", {"timeout": "1s", "interval": "1s", "tcp_health_check": {}})
invalid("thresholds_0", {**ONCE, "unhealthy_threshold": 0, "healthy_threshold": 0, "tcp_health_check": {}})
invalid("no_timeout", {"interval": "1s", **BOTH, "tcp_health_check": {}})
invalid("interval_0", {**ONCE, "interval": "0s", "tcp_health_check": {}})
invalid("unnamed_second", of_http(), of_http())
invalid("range_empty", of_http(expected_statuses=[{"start": 200, "end": 200}]))
invalid("range_99", of_http(expected_statuses=[{"start": 99, "end": 200}]))
invalid("range_600", of_http(expected_statuses=[{"start": 100, "end": 600}]))
invalid("range_601", of_http(expected_statuses=[{"start": 100, "end": 601}]))
invalid("retriable_range_601", of_http(retriable_statuses=[{"start": 100, "end": 601}]))
invalid("connect", of_http(method="CONNECT"))
invalid("text_not_hex", of_http(receive=[{"text": "xy"}]))
invalid("text_odd", of_http(receive=[{"text": "616"}]))
invalid("text_empty", of_http(receive=[{"text": ""}]))
invalid("binary_empty", of_http(receive=[{"binary": ""}]))
invalid("send_with_get", of_http(send={"text": "61"}))
invalid("send_with_head", of_http(send={"text": "61"}, method="HEAD"))
invalid("log_and_sink", {**of_http(), "event_log_path": "/dev/null", "event_logger": [{**SINK, "typed_config": {**SINK["typed_config"], "event_log_path": "/dev/null"}}]})
invalid("log_nowhere", {**of_http(), "event_log_path": "/nonexistent/x"})
invalid("header_host", of_http(request_headers_to_add=[{"header": {"key": "host", "value": "x"}}]))
invalid("grpc_without_http2", {**ONCE, "grpc_health_check": {}})
