"""Aggregate clusters: the priorities of the clusters that they list, one after the other."""
import json

from harness.dsl import *

TYPE = "type.googleapis.com/envoy."
NAMES = "abcdef"
UPS = {n: [ok(n)] for n in NAMES}
STATS = ["lb_healthy_panic", "upstream_cx_none_healthy", "upstream_cx_total", "upstream_rq_total", "upstream_rq_200", "upstream_rq_503", "upstream_rq_completed", "membership_total", "membership_healthy"]
FORM = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "cluster": "%UPSTREAM_CLUSTER%", "raw": "%UPSTREAM_CLUSTER_RAW%", "host": "%UPSTREAM_HOST%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "failure": "%UPSTREAM_TRANSPORT_FAILURE_REASON%", "of_cluster": "%CLUSTER_METADATA(m:k)%", "of_host": "%UPSTREAM_METADATA(m:k)%"}


def aggregate(*names, config=None, **more):
    return {"type": None, "lb_policy": "CLUSTER_PROVIDED",
            "cluster_type": {"name": "envoy.clusters.aggregate", "typed_config": {"@type": TYPE + "extensions.clusters.aggregate.v3.ClusterConfig", "clusters": list(names), **(config or {})}}, **more}


def host(up, health=None, metadata=None):
    out = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": "{{%s.port}}" % up}}}}
    if health:
        out["health_status"] = health
    if metadata:
        out["metadata"] = {"filter_metadata": metadata}
    return out


def bad(*ups, health="UNHEALTHY"):
    return [host(u, health) for u in ups]


def hosts(*levels, policy=None, **more):
    """Each level a string of upstreams or a list of those and hosts; an empty one: the priority has none."""
    endpoints = [{"lb_endpoints": [host(h) if isinstance(h, str) else h for h in level], **({"priority": i} if i else {})} for i, level in enumerate(levels) if level]
    if more.get("lb_policy") in ("RING_HASH", "MAGLEV"):  # ports differ from run to run
        for h in (h for e in endpoints for h in e["lb_endpoints"]):
            h["metadata"] = {"filter_metadata": {"envoy.lb": {"hash_key": h["endpoint"]["address"]["socket_address"]["port_value"][2]}}}
    return {"load_assignment": {"endpoints": endpoints, **({"policy": policy} if policy else {})}, **more}


def yamls(clusters):
    return {name: {"yaml": json.dumps(c), "endpoints": "load_assignment" in c} for name, c in clusters.items()}


X, Y = hosts("a"), hosts("b")
AGG = aggregate("{{x}}", "{{y}}")


def case(name, client, agg=AGG, x=X, y=Y, more=None, route="", up=None, stats=STATS, of=("agg", "x", "y"), **kw):
    clusters = {"agg": agg, "x": x, "y": y, **(more or {})}
    if kw.get("log_format") is None:
        kw["no_log"] = True
    up = {**UPS, **(up or {})}
    kw.setdefault("routes", '- {match: {prefix: /}, route: {cluster: "{{agg}}"%s}}' % route)
    scenario("aggregate_" + name, up=up, clusters=yamls({k: v for k, v in clusters.items() if v is not None}), no_upstream=True, client=client,
             stats=[f"cluster.{{{{{c}}}}}.{s}" for c in of for s in stats if clusters.get(c) is not None], **kw)


LOG = {"log_format": FORM}
FEW = ["lb_healthy_panic", "upstream_cx_none_healthy"]
RQ = ["upstream_cx_none_healthy", "upstream_rq_total", "upstream_rq_200", "upstream_rq_503", "upstream_rq_5xx", "upstream_rq_retry", "upstream_rq_retry_success", "upstream_rq_retry_overflow", "upstream_rq_pending_overflow",
      "upstream_rq_timeout", "upstream_rq_per_try_timeout", "upstream_cx_overflow", "upstream_cx_connect_fail", "upstream_rq_rx_reset", "upstream_rq_pending_failure_eject", "upstream_rq_completed",
      "upstream_rq_cancelled", "upstream_rq_retry_limit_exceeded", "upstream_cx_pool_overflow"]


def spread(name, about, n=200, **kw):
    case(name, burst(n, about=about), stats=kw.pop("stats", ["upstream_cx_none_healthy"]), **kw)


# ---- the list

case("first", get("/") * 3, **LOG)
case("second", get("/") * 3, x=hosts(bad("a")), **LOG)
case("missing_first", get("/") * 2, agg=aggregate("nowhere", "{{y}}"), x=None, **LOG)
case("missing_second", get("/") * 2, agg=aggregate("{{x}}", "nowhere"), y=None, **LOG)
case("missing_all", get("/") * 2, agg=aggregate("nowhere", "else"), x=None, y=None, **LOG)
case("empty_first", get("/") * 2, x=hosts(), **LOG)
case("empty_all", get("/") * 2, x=hosts(), y=hosts(), **LOG)
case("all_unhealthy_no_panic", get("/") * 2, x=hosts(bad("a"), common_lb_config={"healthy_panic_threshold": {"value": 0}}), y=hosts(bad("b"), common_lb_config={"healthy_panic_threshold": {"value": 0}}), **LOG)
case("all_unhealthy_agg_no_panic", get("/") * 3, agg={**AGG, "common_lb_config": {"healthy_panic_threshold": {"value": 0}}}, x=hosts(bad("a")), y=hosts(bad("b")), **LOG)
case("unnamed", get("/"), agg=aggregate("", "{{y}}"), **LOG)
case("reversed", get("/") * 2, agg=aggregate("{{y}}", "{{x}}"), **LOG)
case("one_of_one", get("/") * 2, agg=aggregate("{{x}}"), y=None, **LOG)
case("itself", get("/") * 2, agg=aggregate("{{agg}}", "{{y}}"), **LOG)
case("itself_only", get("/") * 2, agg=aggregate("{{agg}}"), **LOG)
case("nested", get("/") * 2, agg=aggregate("{{in}}", "{{y}}"), more={"in": aggregate("{{x}}")}, **LOG)
case("nested_only", get("/") * 2, agg=aggregate("{{in}}"), more={"in": aggregate("{{x}}")}, **LOG)
case("ring_of_two", get("/") * 2, agg=aggregate("{{in}}"), more={"in": aggregate("{{agg}}")}, **LOG)
case("underlying_asked_too", get("/x") + get("/agg") + get("/x") + get("/agg"), routes='- {match: {prefix: /x}, route: {cluster: "{{x}}"}}\n- {match: {prefix: /agg}, route: {cluster: "{{agg}}"}}', **LOG)
case("two_of_one_cluster", get("/1") + get("/2") + get("/1"), more={"other": aggregate("{{y}}", "{{x}}")}, of=("agg", "other", "x", "y"),
     routes='- {match: {prefix: /1}, route: {cluster: "{{agg}}"}}\n- {match: {prefix: /2}, route: {cluster: "{{other}}"}}', **LOG)
case("provided_policy", get("/") * 2, agg={**AGG, "lb_policy": "LOAD_BALANCING_POLICY_CONFIG", "load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "p", "typed_config": {
    "@type": TYPE + "extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided"}}}]}}, **LOG)

# ---- how they share

spread("half_healthy", {"200 a": .7, "200 c": .3}, x=hosts(["a", *bad("b")]), y=hosts("c"))
spread("twice", {"200 a": 1}, n=40, agg=aggregate("{{x}}", "{{x}}"), x=hosts(["a", *bad("b")]), y=None)
spread("levels", {"200 b": .7, "200 d": .3}, x=hosts(bad("a"), ["b", *bad("c")]), y=hosts("d"))
spread("levels_three_clusters", {"200 a": .5, "200 c": .5}, agg=aggregate("{{x}}", "{{y}}", "{{z}}"), x=hosts(["a", *bad("b")], policy={"overprovisioning_factor": 100}, lb_policy="RANDOM", common_lb_config={"healthy_panic_threshold": {"value": 0}}),
       y=hosts(["c", *bad("d")], policy={"overprovisioning_factor": 100}, common_lb_config={"healthy_panic_threshold": {"value": 0}}), more={"z": hosts("e")})
spread("empty_level", {"200 b": 1}, n=20, x=hosts("", "b"), y=hosts("c"))
spread("overprovisioning", {"200 a": .5, "200 c": .5}, x=hosts(["a", *bad("b")], policy={"overprovisioning_factor": 100}), y=hosts("c"))
spread("overprovisioning_of_second", {"200 a": .7, "200 c": .3}, x=hosts(["a", *bad("b")]), y=hosts("c", policy={"overprovisioning_factor": 100}))
spread("by_weight", {"200 a": .35, "200 c": .65}, x=hosts([{**host("a"), "load_balancing_weight": 1}, *[{**h, "load_balancing_weight": 3} for h in bad("b")]], policy={"weighted_priority_health": True}), y=hosts("c"))
spread("degraded", {"200 b": 1}, n=20, x=hosts(bad("a", health="DEGRADED")), y=hosts("b"))
spread("degraded_all", {"200 a": 1}, n=20, x=hosts(bad("a", health="DEGRADED")), y=hosts(bad("b", health="DEGRADED")))
spread("degraded_last", {"200 b": .5, "200 c": .5}, x=hosts(bad("a")), y=hosts(["b", *bad("c", health="DEGRADED"), *bad("d")], common_lb_config={"healthy_panic_threshold": {"value": 0}}), n=300)
spread("draining", {"200 b": 1}, n=20, x=hosts(bad("a", health="DRAINING")), y=hosts("b"))
spread("draining_part", {"200 a": 1}, n=20, x=hosts(["a", *bad("b", health="DRAINING")]), y=hosts("c"))
spread("panic_all", {"200 a": .25, "200 b": .25, "200 c": .25, "200 d": .25}, x=hosts(bad("a")), y=hosts(bad("b", "c", "d")), stats=["upstream_cx_none_healthy"])
spread("panic_one_left", {"200 d": 1}, n=30, x=hosts(bad("a", "b", "c")), y=hosts("d"), stats=FEW)
spread("panic_in_underlying", {"200 a": .25, "200 b": .25, "200 c": .25, "200 d": .25}, x=hosts(["a", *bad("b", "c", "d")]), agg=aggregate("{{x}}"), y=None, stats=["upstream_cx_none_healthy"])
spread("panic_of_both", {"200 a": 0.175, "200 b": 0.175, "200 c": 0.175, "200 d": 0.15, "200 e": 0.15, "200 f": 0.15}, x=hosts(["a", *bad("b", "c")]), y=hosts(["d", *bad("e", "f")]), n=400)
spread("panic_threshold_of_agg", {"200 a": 1}, n=30, agg={**aggregate("{{x}}"), "common_lb_config": {"healthy_panic_threshold": {"value": 80}}}, x=hosts(["a", "a", *bad("b")]), y=None, stats=FEW)
spread("panic_threshold_of_underlying", {"200 a": 1}, n=30, x=hosts(["a", *bad("b", "c", "d")], common_lb_config={"healthy_panic_threshold": {"value": 10}}), agg=aggregate("{{x}}"), y=None, stats=FEW)
spread("panic_threshold_of_underlying_high", {"200 a": .35, "200 b": .35, "200 c": .3}, x=hosts(["a", *bad("b")], common_lb_config={"healthy_panic_threshold": {"value": 90}}), y=hosts("c"))
spread("random", {"200 a": .5, "200 b": .5}, x=hosts("ab", lb_policy="RANDOM"))
spread("least_request", {"200 a": .5, "200 b": .5}, x=hosts("ab", lb_policy="LEAST_REQUEST"))
case("round_robin", get("/") * 6, x=hosts("abc"), mask=[("^[abc]$", "<one of a, b, c>")], stats=FEW)
spread("round_robin_share", {"200 a": .25, "200 b": .75}, n=40, x=hosts([{**host("a"), "load_balancing_weight": 1}, {**host("b"), "load_balancing_weight": 3}]))

# ---- policies of the underlying clusters

HASH = ", hash_policy: [{header: {header_name: h}}]"


def hashed(*values):
    return sum((get("/", f"h: {v}") for v in values), [])


case("ring_hash", hashed("1", "2", "3", "1", "2", "3", "4", "5", "4", "5"), x=hosts("abc", lb_policy="RING_HASH"), route=HASH, stats=FEW)
case("maglev", hashed("1", "2", "3", "1", "2", "3", "4", "5", "4", "5"), x=hosts("abc", lb_policy="MAGLEV"), route=HASH, stats=FEW)
case("ring_hash_levels", hashed(*"1234512345"), x=hosts(bad("a"), "bcd", lb_policy="RING_HASH"), route=HASH, stats=FEW)
case("ring_hash_second", hashed(*"1234512345"), x=hosts(bad("e")), y=hosts("abc", lb_policy="RING_HASH"), route=HASH, stats=FEW)
case("ring_hash_in_panic", hashed(*"1234512345"), agg=aggregate("{{x}}"), x=hosts(bad("a", "b", "c"), lb_policy="RING_HASH"), y=None, route=HASH, stats=FEW)
COOKIE = ", hash_policy: [{cookie: {name: k, ttl: 10s}}]"
case("cookie", get("/") + get("/", "cookie: k=v"), x=hosts("a", lb_policy="RING_HASH"), route=COOKIE, stats=FEW, mask=[('k="?[0-9a-f]{16}"?', "k=<hash>")])
case("cookie_not_hashed", get("/") * 2, route=COOKIE, stats=FEW)
case("cookie_none_there", get("/"), x=hosts(), y=hosts(), route=COOKIE, stats=FEW)
MATCH = ", metadata_match: {filter_metadata: {envoy.lb: {v: %s}}}"
SUBSET = {"lb_subset_config": {"fallback_policy": "NO_FALLBACK", "subset_selectors": [{"keys": ["v"]}]}}


def sub(up, v, health=None):
    return host(up, health, {"envoy.lb": {"v": v}})


case("subset", get("/") * 4, x=hosts([sub("a", "1"), sub("b", "2")], **SUBSET), route=MATCH % '"2"', stats=FEW + ["lb_subsets_selected", "lb_subsets_fallback"])
case("subset_none", get("/") * 2, x=hosts([sub("a", "1")], **SUBSET), route=MATCH % '"3"', stats=FEW, **LOG)
case("subset_of_lower_level", get("/") * 4, x=hosts([sub("a", "2", "UNHEALTHY")], [sub("b", "1"), sub("c", "2")], **SUBSET), route=MATCH % '"2"', stats=FEW)
case("subset_level_without", get("/") * 4, x=hosts([sub("a", "1")], [sub("c", "2")], **SUBSET), route=MATCH % '"2"', stats=FEW, **LOG)
case("subset_of_agg", get("/") * 4, x=hosts([sub("a", "1"), sub("b", "2")]), route=MATCH % '"2"', stats=["lb_subsets_selected"], mask=[("^[ab]$", "<a or b>")])
OVERRIDE = {"load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "o", "typed_config": {
    "@type": TYPE + "extensions.load_balancing_policies.override_host.v3.OverrideHost", "override_host_sources": [{"header": "to"}], "selected_host_key": {"key": "chosen", "path": [{"key": "host"}]},
    "fallback_policy": {"policies": [{"typed_extension_config": {"name": "r", "typed_config": {"@type": TYPE + "extensions.load_balancing_policies.round_robin.v3.RoundRobin"}}}]}}}}]}}
case("override_host_named", get("/", "to: 127.0.0.1:{{b.port}}") * 3, x=hosts("ab", **OVERRIDE), y=hosts("c"), stats=FEW, log_format={"chosen": "%DYNAMIC_METADATA(chosen:host)%"},
     mask=[("^[ab]$", "<either>")])
case("override_host_second", get("/", "to: 127.0.0.1:{{d.port}}") * 3, x=hosts(bad("a")), y=hosts("bcd", **OVERRIDE), stats=FEW, mask=[("^[bcd]$", "<one of b, c, d>")])
spread("zone_weights", {"200 a": .25, "200 b": .75}, x={"load_assignment": {"endpoints": [
    {"locality": {"zone": "1"}, "load_balancing_weight": 1, "lb_endpoints": [host("a")]}, {"locality": {"zone": "2"}, "load_balancing_weight": 3, "lb_endpoints": [host("b")]}]}, "common_lb_config": {"locality_weighted_lb_config": {}}})
SESSION = [{"name": "s", "typed_config": {"@type": TYPE + "extensions.filters.http.stateful_session.v3.StatefulSession", "session_state": {"name": "envoy.http.stateful_session.header", "typed_config": {
    "@type": TYPE + "extensions.http.stateful_session.header.v3.HeaderBasedSessionState", "name": "to"}}}}]
case("session_none", get("/") * 2, stats=FEW, filters=json.dumps(SESSION), mask=[(r"(to: ).*", r"\1<host>")])

# ---- retries

FAST = "retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}"
PREVIOUS = 'retry_priority: {name: envoy.retry_priorities.previous_priorities, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: %d}}'


def retries(on="5xx", n=1, more=""):
    return f", retry_policy: {{retry_on: \"{on}\", num_retries: {n}, {FAST}{more}}}"


FAILS = [ok("bad", status=503, reason="R")]
case("retry_same", get("/"), up={"a": [ok("bad", status=503, reason="R"), ok("fine")]}, route=retries(), stats=RQ, **LOG)
case("retry_exhausted", get("/"), up={"a": FAILS}, route=retries(n=2), stats=RQ, **LOG)
case("retry_previous_priorities", get("/") * 3, up={"a": FAILS}, route=retries(more=", " + PREVIOUS % 1), stats=RQ, **LOG)
case("retry_previous_priorities_second", get("/"), up={"a": FAILS}, route=retries(n=5, more=", " + PREVIOUS % 2), stats=RQ, **LOG)
case("retry_previous_priorities_three", get("/"), agg=aggregate("{{x}}", "{{y}}", "{{z}}"), more={"z": hosts("c")}, up={"a": FAILS, "b": FAILS}, route=retries(n=3, more=", " + PREVIOUS % 1), stats=RQ, of=("agg", "x", "y", "z"), **LOG)
case("retry_previous_priorities_levels", get("/"), agg=AGG, x=hosts("a", "b"), y=hosts("c"), up={"a": FAILS, "b": FAILS}, route=retries(n=3, more=", " + PREVIOUS % 1), stats=RQ, **LOG)
case("retry_previous_priorities_all_fail", get("/"), up={"a": FAILS, "b": FAILS}, route=retries(n=3, more=", " + PREVIOUS % 1), stats=["upstream_rq_retry"], of=("agg",))
case("retry_previous_hosts", get("/"), x=hosts("ab"), up={"a": FAILS, "b": [ok("fine")]}, stats=["upstream_cx_none_healthy"],
     route=retries(n=1, more=", host_selection_retry_max_attempts: 10, retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {\"@type\": " + TYPE + "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]"))
case("refused", get("/"), up={"a": REFUSE}, stats=RQ, **LOG)
case("refused_then_second", get("/"), up={"a": REFUSE}, route=retries("connect-failure", more=", " + PREVIOUS % 1), stats=RQ, **LOG)
case("reset", get("/"), up={"a": [rst()]}, stats=RQ, **LOG)
case("timeout", get("/") + gone(1, up="a"), up={"a": [hold()]}, route=", timeout: 0.2s", stats=RQ, **LOG)
case("per_try_timeout", get("/"), up={"a": [hold()]}, route=retries(more=", per_try_timeout: 0.2s, " + PREVIOUS % 1), stats=RQ, **LOG)


# ---- limits

def limit(**t):
    return {"circuit_breakers": {"thresholds": [t]}}


case("limit_requests_of_underlying", get("/"), x=hosts("a", **limit(max_requests=0)), stats=RQ, **LOG)
case("limit_pending_of_underlying", get("/"), x=hosts("a", **limit(max_pending_requests=0)), stats=RQ, **LOG)
case("limit_requests_of_agg", get("/"), agg={**AGG, **limit(max_requests=0, max_pending_requests=0, max_connections=0)}, stats=RQ, **LOG)
case("limit_retries_of_agg", get("/"), agg={**AGG, **limit(max_retries=0)}, up={"a": FAILS}, route=retries(), stats=RQ, **LOG)
case("limit_retries_of_underlying", get("/"), x=hosts("a", **limit(max_retries=0)), up={"a": FAILS}, route=retries(), stats=RQ, **LOG)
case("drop_of_underlying", get("/"), x=hosts("a", policy={"drop_overloads": [{"category": "c", "drop_percentage": {"numerator": 100}}]}), stats=RQ, **LOG)
case("alt_stat_name", get("/"), agg={**aggregate("{{x}}"), "alt_stat_name": "{{agg}}_alt"}, x=hosts("a", alt_stat_name="{{x}}_alt"), y=None, of=(), **LOG)
case("max_stream_duration_of_underlying", get("/"), up={"a": [hold()]}, x=hosts("a", common_http_protocol_options={"max_stream_duration": "0.2s"}), stats=RQ + ["upstream_rq_max_duration_reached"], **LOG)
case("max_stream_duration_of_agg", get("/"), up={"a": [hold()]}, agg={**AGG, "common_http_protocol_options": {"max_stream_duration": "0.2s"}}, route=", timeout: 1s", stats=RQ + ["upstream_rq_max_duration_reached"], **LOG)
case("connections_of_underlying", get("/") * 3, x=hosts("a", max_requests_per_connection=1), agg={**AGG, "max_requests_per_connection": 2}, stats=["upstream_cx_total", "upstream_cx_max_requests"])
case("metadata", get("/"), agg={**AGG, "metadata": {"filter_metadata": {"m": {"k": "of agg"}}}}, x=hosts([host("a", metadata={"m": {"k": "of host"}})], metadata={"filter_metadata": {"m": {"k": "of x"}}}), **LOG)
case("mirror", get("/") + seen(1, up="b"), routes='- {match: {prefix: /}, route: {cluster: "{{z}}", request_mirror_policies: [{cluster: "{{agg}}"}]}}', x=hosts(bad("a")), more={"z": hosts("c")}, stats=["upstream_rq_total"], of=("agg", "x", "y", "z"))
case("outlier_of_underlying", get("/") * 4 + stat_is("cluster.{{x}}.outlier_detection.ejections_active", 1) + get("/") * 2, up={"a": FAILS}, x=hosts("a", outlier_detection={"consecutive_5xx": 4, "max_ejection_percent": 100, "base_ejection_time": "600s", "enforcing_consecutive_gateway_failure": 0}),
     stats=["outlier_detection.ejections_active"], of=("x",))
case("outlier_connect_failures", get("/") * 3 + stat_is("cluster.{{x}}.outlier_detection.ejections_active", 1) + get("/"), up={"a": REFUSE}, x=hosts("a", outlier_detection={"consecutive_5xx": 3, "max_ejection_percent": 100, "base_ejection_time": "600s"}),
     stats=["outlier_detection.ejections_active"], of=("x",))
case("outlier_of_agg", get("/") * 4, up={"a": FAILS}, agg={**AGG, "outlier_detection": {"consecutive_5xx": 2, "max_ejection_percent": 100}}, stats=["outlier_detection.ejections_active"], of=("agg",))

# ---- protocols

case("sni_of_agg", get("/", host="agg.example"), agg={**AGG, "upstream_http_protocol_options": {"auto_sni": True}}, stats=[], certs=True, up={"a": Tls([ok("secure")])},
     x=hosts("a", transport_socket={"name": "t", "typed_config": {"@type": TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext"}}), **LOG)

# ---- pages

case("page_clusters", get("/") + admin("/clusters", keep=r"{{agg}}::|{{x}}::", head=False), stats=[], mask=[(r"::cx_total::\d+", "::cx_total::<n>"), (r"::rq_total::\d+", "::rq_total::<n>"), (r"::cx_active::\d+", "::cx_active::<n>"), (r"::rq_success::\d+", "::rq_success::<n>")])
case("page_stats", get("/") + admin("/stats?filter=^cluster.{{agg}}\\.(circuit_breakers.*open|membership.*|lb_.*|max_host.*|update_.*|version|bind_errors|upstream_rq_(total|active|200)|upstream_cx_(total|active))$", head=False), stats=[])

# ---- TCP


def tcp(name, client, agg=AGG, x=X, y=Y, up=None, more="", stats=("upstream_cx_total", "upstream_cx_none_healthy", "upstream_cx_overflow", "upstream_cx_connect_fail", "upstream_cx_rx_bytes_total", "upstream_cx_connect_attempts_exceeded"), **kw):
    clusters = {"agg": agg, "x": x, "y": y}
    scenario("aggregate_tcp_" + name, kind="tcp", up={**{n: Tcp(raw(n * 3), fin()) for n in "abcd"}, **(up or {})}, clusters=yamls({k: v for k, v in clusters.items() if v is not None}), client=client,
             tcp='{stat_prefix: t, cluster: "{{agg}}"%s}' % more, no_upstream=True, stats=[f"cluster.{{{{{c}}}}}.{s}" for c in clusters for s in stats if clusters[c] is not None], **kw)


tcp("first", read_all())
tcp("second", read_all(), x=hosts(bad("a")))
tcp("none", read_all(), x=hosts(), y=hosts())
tcp("missing", read_all(), agg=aggregate("nowhere"), x=None, y=None)
tcp("refused", read_all(), up={"a": REFUSE})
tcp("refused_again", read_all(), up={"a": REFUSE}, more=", max_connect_attempts: 3")
tcp("limit_of_underlying", read_all(), x=hosts("a", **limit(max_connections=0)))
tcp("limit_of_agg", read_all(), agg={**AGG, **limit(max_connections=0)})
tcp("limit_pending_of_underlying", read_all(), x=hosts("a", **limit(max_pending_requests=0)))
tcp("shares", tcp_share(20, exact=True), x=hosts(bad("a")), y=hosts("bc"), stats=(), no_log=True)


# ---- what comes later

BOOT = "dynamic_resources: {cds_config: {path_config_source: {path: \"{{dir}}/cds.yaml\"}}}"


def push(version, *resources):
    return write("{{dir}}/cds.yaml", push_text(version, *resources))


def push_text(version, *resources):
    return (json.dumps({"version_info": version, "resources": [{"@type": TYPE + "config.cluster.v3.Cluster", "connect_timeout": "1s", **{k: v for k, v in r.items() if v is not None}} for r in resources]}))


def named(name, c):
    c = json.loads(json.dumps(c))
    if "load_assignment" in c:
        c["load_assignment"]["cluster_name"] = name
        c.setdefault("type", "STATIC")
    return {"name": name, **c}


def pushed(version):
    return stat_is("cluster_manager.cds.update_success", int(version) + 1)


def by_files(name, *steps, up=None, **kw):
    """Steps are lists of clusters of one push each; before the first and after each one asks twice."""
    client = get("/") * 2
    for i, step in enumerate(steps, 1):
        client += push(str(i), *step) + pushed(str(i)) + get("/") * 2
    scenario("aggregate_cds_" + name, own=True, files={"cds.yaml": push_text("0")}, bootstrap=BOOT, up={**UPS, **(up or {})}, clusters=yamls({"agg": aggregate("one", "two")}), no_upstream=True,
             routes='- {match: {prefix: /}, route: {cluster: "{{agg}}"}}', no_log=True, client=client, stats=["cluster.{{agg}}.upstream_cx_none_healthy"], **kw)


by_files("comes", [named("two", Y)], [named("one", X), named("two", Y)])
by_files("goes", [named("one", X), named("two", Y)], [named("two", Y)], [])
by_files("replaced", [named("one", X)], [named("one", hosts("c"))], [named("one", hosts("c", "b", connect_timeout="2s"))])
by_files("members_fail", [named("one", X), named("two", Y)], [named("one", hosts(bad("a"))), named("two", Y)])
by_files("aggregate_in_between", [named("one", aggregate("two")), named("two", Y)], [named("one", X)])

# ---- what is refused

def refused(name, cluster, **kw):
    base = {"name": "agg", "connect_timeout": "1s", **cluster}
    scenario("aggregate_refused_" + name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{k: v for k, v in base.items() if v is not None}]}}), **kw)


PLAIN = {**aggregate("a")}
refused("nothing_listed", aggregate())
refused("no_config", {**PLAIN, "cluster_type": {"name": "envoy.clusters.aggregate"}})
refused("other_config", {**PLAIN, "cluster_type": {"name": "envoy.clusters.aggregate", "typed_config": {"@type": TYPE + "extensions.filters.http.router.v3.Router"}}})
refused("other_name", {**PLAIN, "cluster_type": {**PLAIN["cluster_type"], "name": "other"}})
refused("round_robin", {**PLAIN, "lb_policy": "ROUND_ROBIN"})
refused("ring_hash", {**PLAIN, "lb_policy": "RING_HASH"})
refused("load_assignment", {**PLAIN, "load_assignment": {"cluster_name": "agg", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 1}}}}]}]}})
refused("subset", {**PLAIN, **SUBSET})
refused("type_too", {**PLAIN, "type": "STRICT_DNS"})
refused("eds_config", {**PLAIN, "eds_cluster_config": {"eds_config": {"ads": {}}}})
refused("health_check", {**PLAIN, "health_checks": [{"timeout": "1s", "interval": "1s", "unhealthy_threshold": 1, "healthy_threshold": 1, "tcp_health_check": {}}]})
refused("policy_of_hosts", {**PLAIN, "lb_policy": "ROUND_ROBIN", **OVERRIDE})
refused("use_hostname", {**PLAIN, "common_lb_config": {"consistent_hashing_lb_config": {"use_hostname_for_hashing": True}}})
