"""The filter health_check: which requests are checks, who answers them, what a server that fails says, what is remembered."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck"
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "path": "%REQ(:path)%"}
FAIL, WELL = admin("/healthcheck/fail", "POST", head=False), admin("/healthcheck/ok", "POST", head=False)
STATS = [f"http.{{{{name}}}}.downstream_rq_{n}" for n in ("2xx", "5xx", "completed", "total")] + ["+re:^cluster\\.{{up}}\\.(upstream_rq_[^t].*|internal.*|external.*)"]
PATH = [{"name": ":path", "string_match": {"exact": "/health"}}]
CHECK = get("/health")


def filter_of(through, **config):
    return {"name": "envoy.filters.http.health_check", "typed_config": {"@type": TYPE, "pass_through_mode": through, "headers": PATH, **config}}


def case(name, through, client, up=None, before=(), after=(), **kw):
    config = kw.pop("config", {})
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    scenario("health_check_" + name, filters=json.dumps([*before, filter_of(through, **config), *after]), client=client, up=up or [ok("ok", "x-up: 1")], **kw)


# Who answers.
case("answers", False, CHECK + get("/other"))
case("passes", True, CHECK + get("/other"))
case("answers_post_with_body", False, get("/health", method="POST", body="abc") + get("/health", method="POST", body="abc", chunked=True) + CHECK)
case("answers_head", False, get("/health", method="HEAD") + CHECK)
case("answers_before_route", False, CHECK, routes='- {match: {prefix: /none}, route: {cluster: "{{up}}"}}', no_upstream=True)
case("answers_grpc", False, get("/health", "content-type: application/grpc"))
case("passes_5xx", True, CHECK + CHECK, up=[ok("bad", status=503)])
case("passes_refused", True, CHECK, up=REFUSE)
case("response_headers_of_route", False, CHECK, route_config="response_headers_to_add: [{header: {key: x-r, value: r}}]")
case("local_reply_config", False, CHECK + get("/health", "x-a: 1"), hcm="local_reply_config: {body_format: {text_format: 'said: %LOCAL_REPLY_BODY% %RESPONSE_CODE%'}}")

# Which requests.
case("query_is_another_path", False, get("/health?a") + CHECK)
case("no_matchers_match_all", False, get("/a") + get("/b"), config={"headers": []})
case("all_matchers_must", False, CHECK + get("/health", "x-a: 1") + get("/b", "x-a: 1"), config={"headers": PATH + [{"name": "x-a", "present_match": True}]})
case("by_user_agent", False, get("/a", "user-agent: ELB/2") + get("/a", "user-agent: curl"), config={"headers": [{"name": "User-Agent", "string_match": {"prefix": "elb", "ignore_case": True}}]})
case("inverted", False, get("/a", "x-a: 1") + get("/a"), config={"headers": [{"name": "x-a", "present_match": True, "invert_match": True}]})
case("two_filters", True, CHECK + get("/b"), after=[{**filter_of(False, headers=[{"name": ":path", "string_match": {"exact": "/b"}}]), "name": "second"}])
case("behind_mutations", False, get("/", "x-a: 1"), hcm="early_header_mutation_extensions: [{name: m, typed_config: {'@type': type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation, mutations: [{append: {header: {key: x-b, value: b}}}]}}]",
     config={"headers": [{"name": "x-b", "present_match": True}]})

# A server that fails.
case("fails_answers", False, FAIL + CHECK + get("/other", c="d") + WELL + get("/health", c="e"), own=True, up=[ok()], hcm="drain_timeout: 0.1s")
case("fails_passes", True, FAIL + CHECK + get("/other", c="d") + WELL + get("/health", c="e"), own=True, up=[ok()], hcm="drain_timeout: 0.1s")
case("fails_grpc", False, FAIL + get("/health", "content-type: application/grpc"), own=True)
case("fails_direct_response", True, FAIL + get("/b"), own=True, routes="- {match: {prefix: /}, direct_response: {status: 201, body: {inline_string: d}}}")
case("fails_overwrites", True, FAIL + get("/b"), own=True, up=[ok("ok", "x-envoy-immediate-health-check-fail: other", "x-envoy-upstream-healthchecked-cluster: other")])
case("passes_overwrites", True, CHECK + get("/b"), up=[ok("ok", "x-envoy-immediate-health-check-fail: other", "x-envoy-upstream-healthchecked-cluster: other")])
case("fails_cluster_is_told", False, FAIL + CHECK, own=True, flags=["--service-cluster", "mine"])
case("cluster_is_told", False, CHECK, own=True, flags=["--service-cluster", "mine"])
case("cluster_of_node_is_told", True, CHECK, own=True, bootstrap="node: {id: me, cluster: its}")

# What is remembered.
DAY = {"cache_time": "86400s"}
case("cache", True, CHECK + CHECK + get("/other") + CHECK, up=[ok("ok", "x-up: 1")], config=DAY)
case("cache_of_failure", True, CHECK + CHECK, up=[[*ok("bad", status=503)], [*ok()]], config=DAY)
case("cache_of_404", True, CHECK + CHECK, up=[[*ok("bad", status=404)], [*ok()]], config=DAY)
case("cache_of_201", True, CHECK + CHECK, up=[[*ok("new", status=201)], [*ok()]], config=DAY)
case("cache_of_degraded", True, CHECK + CHECK, up=[[*ok("ok", "x-envoy-degraded: 1")], [*ok()]], config=DAY)
case("cache_of_no_host", True, CHECK + CHECK, up=REFUSE, config=DAY)
case("cache_ends", True, CHECK + pause(0.6) + CHECK + pause(0.6) + CHECK, up=[[*ok("1", status=201)], [*ok("2", status=202)], [*ok("3", status=203)]], config={"cache_time": "0.2s"})
case("cache_fails", True, CHECK + FAIL + CHECK + WELL + get("/health", c="e"), own=True, config=DAY)
case("cache_post", True, get("/health", method="POST", body="abc") * 2 + CHECK, config=DAY)
case("cache_zero", True, CHECK * 2, config={"cache_time": "0s"})
case("cache_below_millisecond", True, CHECK * 2, config={"cache_time": "0.0001s"})

# How much of clusters must be healthy.
HOSTS = {"a": {"health_status": "HEALTHY"}, "b": {"health_status": "UNHEALTHY"}, "c": {"health_status": "DEGRADED"}, "d": {"health_status": "UNHEALTHY"}}


def members(text):
    points = [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 10001 + i}}}, **HOSTS[h]} for i, h in enumerate(text)]
    return {"yaml": json.dumps({"load_assignment": {"endpoints": [{"lb_endpoints": points}] if points else []}})}


def share(name, percentages, clusters, **kw):
    case("share_" + name, False, CHECK + get("/other"), config={"cluster_min_healthy_percentages": {k: {"value": v} for k, v in percentages.items()}},
         clusters={n: members(m) for n, m in clusters.items()}, stats=[], **kw)


share("half_of_half", {"{{c1}}": 50}, {"c1": "abcd"})
share("more_than_half", {"{{c1}}": 51}, {"c1": "abcd"})
share("fraction_above", {"{{c1}}": 50.5}, {"c1": "abcd"})
share("fraction_below", {"{{c1}}": 49.9}, {"c1": "abcd"})
share("third", {"{{c1}}": 33.4}, {"c1": "abd"})
share("none_healthy", {"{{c1}}": 1}, {"c1": "bd"})
share("none_wanted", {"{{c1}}": 0}, {"c1": "bd"})
share("empty", {"{{c1}}": 1}, {"c1": ""})
share("empty_none_wanted", {"{{c1}}": 0}, {"c1": ""})
share("unknown_cluster", {"nobody": 0}, {"c1": "a"})
share("two", {"{{c1}}": 100, "{{c2}}": 100}, {"c1": "ac", "c2": "b"})
share("two_good", {"{{c1}}": 100, "{{c2}}": 0}, {"c1": "ac", "c2": "b"})
share("hundred", {"{{c1}}": 100}, {"c1": "aa"})
case("share_passes", True, CHECK, config={"cluster_min_healthy_percentages": {"nobody": {"value": 100}}})
case("share_fails", False, FAIL + CHECK, own=True, config={"cluster_min_healthy_percentages": {"{{up}}": {"value": 100}}})

# Logs and routes.
LOG = """[{name: f, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}",
 log_format: {json_format: {path: "%%REQ(:path)%%", flags: "%%RESPONSE_FLAGS_LONG%%"}}}, filter: %s}]"""
case("not_logged", False, CHECK + get("/other"), access_log=LOG % "{not_health_check_filter: {}}")
case("passed_not_logged", True, CHECK + get("/other"), access_log=LOG % "{not_health_check_filter: {}}")
case("fails_logged", False, FAIL + CHECK, own=True, access_log=LOG % "{response_flag_filter: {flags: [LH]}}")
case("disabled", False, CHECK, vhosts='[{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: {envoy.filters.http.health_check: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}]}]')
for _name, _own in {"off": "", "turned_on": 'typed_per_filter_config: {envoy.filters.http.health_check: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}}'}.items():
    scenario("health_check_" + _name, filters=json.dumps([{**filter_of(False), "disabled": True}]), client=CHECK, log_format=FORM, routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, %s}' % _own)
scenario("health_check_typed_struct", filters=json.dumps([{"name": "h", "typed_config": {"@type": "type.googleapis.com/xds.type.v3.TypedStruct", "type_url": TYPE, "value": {"pass_through_mode": False, "headers": PATH}}}]),
         client=CHECK, log_format=FORM)
case("tracing_not_sampled", False, CHECK + get("/other"), hcm="tracing: {random_sampling: {value: 100}}")

LISTENER = {"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}}}
for _name, _config in {
    "good": {"pass_through_mode": True}, "no_mode": {}, "mode_null": {"pass_through_mode": None}, "cache_without_passing": {"pass_through_mode": False, "cache_time": "1s"},
    "no_cache_without_passing": {"pass_through_mode": False, "cache_time": "0s"}, "tiny_cache_without_passing": {"pass_through_mode": False, "cache_time": "0.0001s"},
    "negative_cache": {"pass_through_mode": True, "cache_time": "-1s"}, "percentage_above": {"pass_through_mode": False, "cluster_min_healthy_percentages": {"c": {"value": 101}}},
    "percentage_below": {"pass_through_mode": True, "cluster_min_healthy_percentages": {"c": {"value": -1}}}, "header_without_name": {"pass_through_mode": False, "headers": [{"present_match": True}]},
    "bad_regex": {"pass_through_mode": False, "headers": [{"name": "a", "string_match": {"safe_regex": {"regex": "("}}}]}, "unknown_cluster": {"pass_through_mode": False, "cluster_min_healthy_percentages": {"nobody": {"value": 1}}},
}.items():
    scenario("health_check_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{**LISTENER, "filter_chains": [{"filters": [{"name": "h", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "h", "route_config": {}, "http_filters": [
            {"name": "c", "typed_config": {"@type": TYPE, **_config}}, {"name": "r", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}]}}))
