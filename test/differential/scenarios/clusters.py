"""Clusters: weights, health, priorities, panic, circuit breakers, DNS, original destinations, sockets, pools."""
import json

from harness.dsl import *

THREE = {"a": [ok("a")], "b": [ok("b")], "c": [ok("c")], "d": [ok("d")]}
BRIEF = {"path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "host": "%UPSTREAM_HOST%"}
LB = ["lb_healthy_panic", "upstream_cx_none_healthy", "membership_total", "membership_healthy", "membership_degraded", "membership_excluded", "max_host_weight",
      "upstream_rq_200"]
TYPE = "type.googleapis.com/envoy."


def host(up, weight=None, health=None, **metadata):
    out = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{up}.port}}}}"}}}}
    if weight:
        out["load_balancing_weight"] = weight
    if health:
        out["health_status"] = health
    if metadata:
        out["metadata"] = {"filter_metadata": {"envoy.lb": metadata}}
    return out


def locality(*hosts, priority=None, weight=None, zone=None):
    out = {"lb_endpoints": [host(h) if isinstance(h, str) else h for h in hosts]}
    if priority:
        out["priority"] = priority
    if weight:
        out["load_balancing_weight"] = weight
    if zone:
        out["locality"] = {"region": "r", "zone": zone}
    return out


def hosts(*localities, policy=None, **more):
    assignment = {"endpoints": list(localities)}
    if policy:
        assignment["policy"] = policy
    return json.dumps({"load_assignment": assignment, **more}).replace('"{{', '"{{')


def balance(name, yaml, client, up=None, stats=LB, **kw):
    kw.setdefault("no_log", True)
    scenario(name, up=up or THREE, clusters={"c1": {"yaml": yaml}}, no_upstream=True, client=client,
             routes='- {match: {prefix: /}, route: {cluster: "{{c1}}"}}', stats=["cluster.{{c1}}." + s for s in stats], **kw)


def about(n, **shares):
    return burst(n, about={f"200 {k}": v for k, v in shares.items()})


def policy(kind, **config):
    config["@type"] = TYPE + f"extensions.load_balancing_policies.{kind}"
    return {"policies": [{"typed_extension_config": {"name": "p", "typed_config": config}}]}


# Weights and policies.
balance("lb_round_robin", hosts(locality("a", "b", "c")), burst(30))
balance("lb_round_robin_weights", hosts(locality(host("a", 1), host("b", 3))), burst(40))
balance("lb_round_robin_weights_uneven", hosts(locality(host("a", 2), host("b", 3), host("c", 5))), burst(100))
balance("lb_round_robin_weight_128", hosts(locality(host("a", 128), host("b", 128))), burst(20))
balance("lb_round_robin_in_order", hosts(locality("a", "b", "c")), [s for _ in range(3) for s in get("/")], up={**THREE}, mask=[
    (r"^[abc]$", "<one>")])
balance("lb_least_request", hosts(locality("a", "b"), lb_policy="LEAST_REQUEST"), about(300, a=0.5, b=0.5))
balance("lb_least_request_weights", hosts(locality(host("a", 1), host("b", 3)), lb_policy="LEAST_REQUEST"), burst(40))
balance("lb_least_request_bias_0", hosts(locality(host("a", 1), host("b", 3)), lb_policy="LEAST_REQUEST",
                                         least_request_lb_config={"active_request_bias": {"default_value": 0, "runtime_key": "x"}}), burst(40))
BUSY = {"a": {"/hold": until("go") + ok("a"), "*": ok("a")}, "b": {"/hold": until("go") + ok("b"), "*": ok("b")}}
HELD = send("GET /hold HTTP/1.1\r\nhost: h\r\n\r\n", c="held")
balance("lb_least_request_choices", hosts(locality("a", "b"), lb_policy="LEAST_REQUEST", least_request_lb_config={"choice_count": 50}),
        HELD + stat_is("cluster.{{c1}}.upstream_rq_active", 1) + burst(40) + signal("go") + read(c="held"), up=BUSY, mask=[
            (r"^ab?$|^b$", "<held>"), (r"(HTTP/1.1 200 OK) [ab]", r"\1 <other>")])
balance("lb_random", hosts(locality("a", "b"), lb_policy="RANDOM"), about(300, a=0.5, b=0.5))
balance("lb_random_weights", hosts(locality(host("a", 1), host("b", 9)), lb_policy="RANDOM"), about(300, a=0.5, b=0.5))
balance("lb_policy_round_robin", hosts(locality("a", "b"), load_balancing_policy=policy("round_robin.v3.RoundRobin")), burst(20))
balance("lb_policy_random", hosts(locality("a", "b"), load_balancing_policy=policy("random.v3.Random")), about(300, a=0.5, b=0.5))
balance("lb_policy_least_request", hosts(locality("a", "b"), load_balancing_policy=policy("least_request.v3.LeastRequest", choice_count=3)), about(300, a=0.5, b=0.5))
balance("lb_policy_full_scan", hosts(locality("a", "b", "c"), load_balancing_policy=policy("least_request.v3.LeastRequest", selection_method="FULL_SCAN")),
        about(300, a=0.3333, b=0.3333, c=0.3333))
balance("lb_policy_full_scan_old_field", hosts(locality("a", "b", "c"), load_balancing_policy=policy("least_request.v3.LeastRequest", enable_full_scan=True)),
        about(300, a=0.3333, b=0.3333, c=0.3333))
balance("lb_policy_first_known_wins", hosts(locality("a", "b"), lb_policy="RANDOM", load_balancing_policy={"policies": [
    *policy("round_robin.v3.RoundRobin")["policies"], *policy("random.v3.Random")["policies"]]}), burst(20))
balance("lb_slow_start", hosts(locality("a", "b"), round_robin_lb_config={"slow_start_config": {"slow_start_window": "600s"}}), about(200, a=0.5, b=0.5))
balance("lb_slow_start_least_request", hosts(locality("a", "b"), lb_policy="LEAST_REQUEST", least_request_lb_config={
    "slow_start_config": {"slow_start_window": "600s", "aggression": {"default_value": 2, "runtime_key": "x"}, "min_weight_percent": {"value": 30}}}), about(200, a=0.5, b=0.5))
WEIGHTED = {"common_lb_config": {"locality_weighted_lb_config": {}}}
balance("lb_localities_ignored", hosts(locality("a", zone="zx", weight=1), locality("b", "c", zone="zy", weight=1)), burst(30))
balance("lb_localities_weighted", hosts(locality("a", zone="zx", weight=3), locality("b", "c", zone="zy", weight=1), **WEIGHTED), burst(40))
balance("lb_localities_weighted_by_policy", hosts(locality("a", zone="zx", weight=3), locality("b", zone="zy", weight=1), load_balancing_policy=policy(
    "round_robin.v3.RoundRobin", locality_lb_config={"locality_weighted_lb_config": {}})), burst(40))
balance("lb_localities_weighted_least_request", hosts(locality("a", zone="zx", weight=3), locality("b", zone="zy", weight=1), lb_policy="LEAST_REQUEST", **WEIGHTED), burst(40))
balance("lb_localities_weighted_random", hosts(locality("a", zone="zx", weight=3), locality("b", zone="zy", weight=1), lb_policy="RANDOM", **WEIGHTED), burst(40))
balance("lb_localities_weightless", hosts(locality("a", zone="zx", weight=3), locality("b", zone="zy"), **WEIGHTED), burst(20))
balance("lb_localities_all_weightless", hosts(locality("a", zone="zx"), locality("b", zone="zy"), **WEIGHTED), burst(20))
balance("lb_localities_half_healthy", hosts(locality("a", host("b", health="UNHEALTHY"), zone="zx", weight=1), locality("c", "d", zone="zy", weight=1), **WEIGHTED),
        about(400, a=0.4118, c=0.2941, d=0.2941))
balance("lb_localities_in_panic", hosts(locality(host("a", health="UNHEALTHY"), host("b", health="UNHEALTHY"), zone="zx", weight=1),
                                        locality("c", host("d", health="UNHEALTHY"), zone="zy", weight=1), **WEIGHTED), about(400, a=0.25, b=0.25, c=0.25, d=0.25))
for _n, _weights in enumerate((dict(a=30, b=70), dict(a=1, b=1, c=2))):
    scenario(f"weighted_clusters_share_{_n}", up=THREE, no_upstream=True, no_log=True, routes=f"""
- match: {{prefix: /}}
  route: {{weighted_clusters: {{clusters: {json.dumps([{"name": "{{%s}}" % n, "weight": w} for n, w in _weights.items()])}}}}}
""", client=about(400, **{n: w / sum(_weights.values()) for n, w in _weights.items()}))

# Health.
for _health in ("UNKNOWN", "HEALTHY", "UNHEALTHY", "DRAINING", "TIMEOUT", "DEGRADED"):
    balance("health_" + _health.lower(), hosts(locality(host("a", health=_health), "b", "c", "d")), burst(24) + admin("/clusters", keep="{{c1}}::.*::health_flags", head=False),
            mask=[(r"127.0.0.1:<any>", "<host>")])
balance("health_degraded_used_when_short", hosts(locality(host("a", health="DEGRADED"), host("b", health="DEGRADED"), "c", host("d", health="DEGRADED"))),
        about(400, a=0.2167, b=0.2167, c=0.35, d=0.2167))
balance("health_all_unhealthy", hosts(locality(host("a", health="UNHEALTHY"), host("b", health="UNHEALTHY"))), burst(20))
balance("health_all_unhealthy_no_panic", hosts(locality(host("a", health="UNHEALTHY"), host("b", health="UNHEALTHY")),
                                               common_lb_config={"healthy_panic_threshold": {"value": 0}}), burst(3), no_log=False)
balance("health_all_degraded", hosts(locality(host("a", health="DEGRADED"), host("b", health="DEGRADED"))), burst(20))
balance("panic_default", hosts(locality("a", host("b", health="UNHEALTHY"), host("c", health="UNHEALTHY"), host("d", health="UNHEALTHY"))), burst(40))
balance("panic_off", hosts(locality("a", host("b", health="UNHEALTHY"), host("c", health="UNHEALTHY"), host("d", health="UNHEALTHY")),
                           common_lb_config={"healthy_panic_threshold": {"value": 0}}), burst(40))
balance("panic_at_50", hosts(locality("a", "b", host("c", health="UNHEALTHY"), host("d", health="UNHEALTHY"))), burst(40))
balance("panic_at_51", hosts(locality("a", "b", host("c", health="UNHEALTHY"), host("d", health="UNHEALTHY")),
                             common_lb_config={"healthy_panic_threshold": {"value": 51}}), burst(40))
balance("panic_counts_degraded", hosts(locality(host("a", health="DEGRADED"), host("b", health="DEGRADED"), host("c", health="UNHEALTHY"), host("d", health="UNHEALTHY"))), burst(40))
balance("panic_fails_traffic", hosts(locality("a", host("b", health="UNHEALTHY"), host("c", health="UNHEALTHY")),
                                     common_lb_config={"zone_aware_lb_config": {"fail_traffic_on_panic": True}}), burst(3), no_log=False)
balance("panic_runtime", hosts(locality("a", host("b", health="UNHEALTHY"), host("c", health="UNHEALTHY"), host("d", health="UNHEALTHY"))),
        burst(8) + admin("/runtime_modify?upstream.healthy_panic_threshold=10", "POST", head=False) + burst(8), own=True)
balance("hosts_none", hosts(locality()), burst(2), no_log=False)
CHANGES = ["membership_change", "membership_total"]
balance("changes_of_two_priorities", hosts(locality("a"), locality("b", "c", priority=1)), burst(4), stats=CHANGES)
balance("changes_of_second_priority", hosts(locality(), locality("b", "c", priority=1)), burst(4), stats=CHANGES)
balance("changes_of_localities", hosts(locality("a", zone="zx"), locality("b", zone="zy")), burst(4), stats=CHANGES)
balance("hosts_none_of_many_localities", hosts(locality(zone="zx"), locality(zone="zy", priority=1)), burst(2), no_log=False)

# Priorities.
P = "UNHEALTHY"
balance("priority_first_healthy", hosts(locality("a"), locality("b", priority=1)), burst(20))
balance("priority_failover", hosts(locality(host("a", health=P)), locality("b", priority=1)), burst(20))
balance("priority_spill", hosts(locality("a", host("c", health=P)), locality("b", priority=1)), about(400, a=0.7, b=0.3))
balance("priority_spill_no_overprovisioning", hosts(locality("a", host("c", health=P)), locality("b", priority=1), policy={"overprovisioning_factor": 100}), about(400, a=0.5, b=0.5))
balance("priority_overprovisioning_200", hosts(locality("a", host("c", health=P)), locality("b", priority=1), policy={"overprovisioning_factor": 200}), burst(20))
balance("priority_two_thirds_is_enough", hosts(locality("a", "b", "c", host("d", health=P)), locality(host("d"), priority=1)), burst(30))
balance("priority_together_too_few", hosts(locality("a", host("c", health=P), host("c", health=P), host("c", health=P), host("c", health=P)),
                                           locality("b", host("d", health=P), host("d", health=P), host("d", health=P), host("d", health=P), priority=1)), about(400, a=0.1, c=0.4, b=0.1, d=0.4))
balance("priority_all_unhealthy", hosts(locality(host("a", health=P)), locality(host("b", health=P), priority=1)), about(400, a=0.5, b=0.5))
balance("priority_second_half_healthy", hosts(locality(host("a", health=P)), locality("b", host("c", health=P), priority=1)), burst(20))
balance("priority_first_empty", hosts(locality(), locality("b", priority=1)), burst(20))
balance("priority_three_levels", hosts(locality(host("a", health=P)), locality("b", host("d", health=P), priority=1), locality("c", priority=2)), about(400, b=0.7, c=0.3))
balance("priority_degraded_before_next", hosts(locality(host("a", health="DEGRADED")), locality("b", priority=1)), burst(20))
balance("priority_degraded_fills", hosts(locality("a", host("c", health="DEGRADED")), locality(host("b", health="DEGRADED"), priority=1)), about(400, a=0.7, c=0.3))
balance("priority_weighted_health", hosts(locality(host("a", 9), host("c", 1, health=P)), locality("b", priority=1), policy={"weighted_priority_health": True}), burst(20))
balance("priority_unweighted_health", hosts(locality(host("a", 9), host("c", 1, health=P)), locality("b", priority=1)), about(400, a=0.7, b=0.3))
balance("priority_panic_in_second", hosts(locality(host("a", health=P)), locality("b", host("c", health=P), host("d", health=P), priority=1)), about(400, a=0.25, b=0.25, c=0.25, d=0.25))

# Zones.


def zones(name, local, cluster, client, node="locality: {region: r, zone: zx}", bootstrap="", stats=(), **kw):
    """`local`: the hosts that this proxy is one of."""
    kw.setdefault("no_log", True)
    scenario("zone_" + name, own=True, up=THREE, no_upstream=True, clusters={"c1": {"yaml": cluster}, "local": {"yaml": hosts(*local)}}, client=client,
             bootstrap='node: {id: node, cluster: service, %s}\ncluster_manager: {local_cluster_name: "{{local}}"}\n' % node + bootstrap,
             routes='- {match: {prefix: /}, route: {cluster: "{{c1}}"}}', stats=["cluster.{{c1}}." + s for s in stats], **kw)


def small(*localities, config=None, **more):
    return hosts(*localities, common_lb_config={"zone_aware_lb_config": {"min_cluster_size": 1, **(config or {})}}, **more)


EVEN = [locality("a", zone="zx"), locality("b", zone="zy")]
FEW = [locality("a", zone="zx"), locality("b", "c", zone="zy")]
MANY = [locality("a", "b", zone="zx"), locality("c", zone="zy")]
zones("direct", EVEN, small(*EVEN), burst(20), stats=["lb_zone_routing_all_directly", "lb_zone_routing_sampled", "lb_zone_routing_cross_zone"])
zones("direct_more_than_enough", FEW, small(*MANY), burst(20))
zones("residual", MANY, small(*FEW), about(400, a=0.5, b=0.25, c=0.25))
zones("residual_two", [locality("a", zone="zx")], small(locality("a", zone="zx"), locality("b", zone="zy"), locality("c", zone="zz")), about(400, a=0.3333, b=0.3333, c=0.3333))
zones("default_size", EVEN, hosts(*EVEN), burst(20))
zones("of_seven", EVEN, hosts(locality(*["a"] * 4, zone="zx"), locality(*["b"] * 3, zone="zy")), burst(20))
zones("no_local_host", [], small(*EVEN), burst(20))
zones("node_without_locality", EVEN, small(*FEW), burst(30), node="metadata: {}")
zones("node_elsewhere", EVEN, small(*FEW), burst(30), node="locality: {region: r, zone: zz}")
zones("one_locality", EVEN, small(locality("a", "b", zone="zx")), burst(20))
zones("disabled", EVEN, small(*EVEN, config={"routing_enabled": {"value": 0}}), burst(20))
zones("half", EVEN, small(*EVEN, config={"routing_enabled": {"value": 50}}), about(400, a=0.75, b=0.25))
zones("runtime_disabled", EVEN, small(*EVEN), burst(20), bootstrap="layered_runtime: {layers: [{name: s, static_layer: {upstream.zone_routing.enabled: 0}}]}")
zones("runtime_size", EVEN, small(*EVEN), burst(20), bootstrap="layered_runtime: {layers: [{name: s, static_layer: {upstream.zone_routing.min_cluster_size: 3}}]}")
zones("own_unhealthy", EVEN, small(locality(host("a", health="UNHEALTHY"), zone="zx"), locality("b", zone="zy"), locality("c", zone="zz")), burst(20))
BAD = [locality(host("a", health="UNHEALTHY"), zone="zx"), locality(host("b", health="UNHEALTHY"), "c", host("d", health="UNHEALTHY"), zone="zy")]
zones("local_in_panic", BAD, small(*EVEN), burst(20), stats=["lb_local_cluster_not_ok"])
zones("local_in_panic_fails", BAD, small(*EVEN, config={"fail_traffic_on_panic": True}), burst(3), no_log=False, log_format=BRIEF)
zones("cluster_in_panic", EVEN, small(locality(host("a", health="UNHEALTHY"), zone="zx"), locality(host("b", health="UNHEALTHY"), zone="zy")), burst(20))
def zones_degraded(name, local, cluster, client, stats=(), **kw):
    """What healthy hosts cannot take goes to the degraded ones."""
    zones("degraded_" + name, local, small(*cluster, policy={"overprovisioning_factor": 100}), client, stats=stats, **kw)


OWN_DEGRADED = [locality("a", host("b", health="DEGRADED"), zone="zx"), locality("c", host("d", health="DEGRADED"), zone="zy")]
zones_degraded("direct", EVEN, OWN_DEGRADED, about(400, a=0.5, b=0.5), stats=["lb_zone_routing_all_directly"])
zones_degraded("residual", MANY, OWN_DEGRADED, about(400, a=0.375, b=0.375, c=0.125, d=0.125))
zones_degraded("only", EVEN, [locality(host("a", health="DEGRADED"), zone="zx"), locality(host("b", health="DEGRADED"), zone="zy")], burst(20), stats=["lb_zone_routing_all_directly"])
zones_degraded("elsewhere", EVEN, [locality("a", zone="zx"), locality("b", host("c", health="DEGRADED"), host("d", health="DEGRADED"), zone="zy")],
               burst(400, about={"200 a": 0.5, "503 no healthy upstream": 0.5, "200 c": 0.25, "200 d": 0.25}),
               differs="the part of the degraded hosts goes to any of them when the zone has none; Envoy has no host for it",
               outrigger={"steps": [{"burst": {"HTTP/1.1 200 OK a": "about 50 %", "HTTP/1.1 200 OK c": "about 25 %", "HTTP/1.1 200 OK d": "about 25 %"}}]})
for _name, _more in {"weighted": {"weight": 1}, "weightless": {}}.items():
    zones("localities_of_seven_" + _name, EVEN, hosts(locality(*["a"] * 4, zone="zx", **_more), locality(*["b"] * 3, zone="zy", **_more), **WEIGHTED), burst(20),
          stats=["lb_zone_routing_all_directly"])
zones("localities_few_weighted", EVEN, hosts(locality("a", zone="zx", weight=1), locality("b", zone="zy", weight=1), **WEIGHTED), burst(20), stats=["lb_zone_routing_all_directly"])
zones("localities_weighted", EVEN, hosts(locality("a", zone="zx", weight=3), locality("b", zone="zy", weight=1), **WEIGHTED), burst(40))
zones("second_priority", EVEN, small(locality(host("a", health="UNHEALTHY"), zone="zx"), locality("b", zone="zx", priority=1), locality("c", zone="zy", priority=1)), burst(20))
zones("weights_in_locality", EVEN, small(locality(host("a", 1), host("c", 3), zone="zx"), locality("b", zone="zy")), burst(40))
for _name, _config in {"forced": {"force_local_zone": {}}, "forced_2": {"force_local_zone": {"min_size": 2}}, "forced_old": {"force_locality_direct_routing": True},
                       "by_number": {"locality_basis": "HEALTHY_HOSTS_NUM"}}.items():
    zones("policy_" + _name, MANY, hosts(*FEW, load_balancing_policy=policy("round_robin.v3.RoundRobin", locality_lb_config={"zone_aware_lb_config": {"min_cluster_size": 1, **_config}})),
          burst(20) if _name in ("forced", "forced_old") else about(400, a=0.5, b=0.25, c=0.25))
zones("policy_by_weight", [locality(host("a", 3), zone="zx"), locality(host("b", 1), zone="zy")],
      hosts(locality(host("a", 1), zone="zx"), locality(host("b", 1), zone="zy"), load_balancing_policy=policy(
          "round_robin.v3.RoundRobin", locality_lb_config={"zone_aware_lb_config": {"min_cluster_size": 1, "locality_basis": "HEALTHY_HOSTS_WEIGHT"}})), about(400, a=0.6667, b=0.3333))

# Drops.
def drops(*categories):
    return {"drop_overloads": [{"category": c, "drop_percentage": {"numerator": n, "denominator": d}} for c, n, d in categories]}


DROPS = ["lb_healthy_panic", "upstream_rq_total", "upstream_rq_503", "upstream_rq_completed"]
balance("drop_none", hosts(locality("a"), policy=drops(("x", 0, "HUNDRED"))), burst(5), stats=DROPS)
balance("drop_all", hosts(locality("a"), policy=drops(("x", 100, "HUNDRED"))), get("/") + req("/", method="HEAD") + get("/", "content-type: application/grpc"), stats=DROPS,
        no_log=False, log_format=BRIEF)
balance("drop_all_per_million", hosts(locality("a"), policy=drops(("x", 1000000, "MILLION"))), burst(3), stats=DROPS)
balance("drop_half", hosts(locality("a"), policy=drops(("x", 5000, "TEN_THOUSAND"))), burst(400, about={"200 a": 0.5, "503 drop overload": 0.5}), stats=[])
balance("drop_retried", hosts(locality("a"), policy=drops(("x", 100, "HUNDRED"))), get("/", "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 2"), stats=DROPS, no_log=False)
balance("drop_all_suppressed_headers", hosts(locality("a"), policy=drops(("x", 100, "HUNDRED"))), get("/"), stats=DROPS, no_log=False, router="suppress_envoy_headers: true")
balance("drop_in_maintenance", hosts(locality("a"), policy=drops(("x", 100, "HUNDRED"))), admin("/runtime_modify?upstream.maintenance_mode.{{c1}}=100", "POST", head=False)
        + get("/"), stats=DROPS, no_log=False, own=True)
scenario("drop_tcp", kind="tcp", up=Tcp(raw("x") + hold()), clusters={"up": {"yaml": hosts(locality("up"), policy=drops(("x", 100, "HUNDRED")))}}, client=read_bytes(1), log_format=BRIEF)
balance("lb_ignore_new_hosts", hosts(locality("a", "b"), common_lb_config={"ignore_new_hosts_until_first_hc": True, "update_merge_window": "2s"}), burst(20))
balance("drop_all_no_hosts", hosts(locality(), policy=drops(("x", 100, "HUNDRED"))), get("/"), stats=DROPS, no_log=False)

# Circuit breakers.
CIRCUIT = ["upstream_cx_overflow", "upstream_rq_pending_overflow", "upstream_rq_active_overflow", "upstream_cx_total", "upstream_cx_active", "upstream_rq_total", "upstream_rq_active",
           "upstream_rq_pending_total", "upstream_rq_pending_active", "upstream_cx_pool_overflow", "upstream_rq_503", "upstream_rq_completed"] + [
    f"circuit_breakers.{p}.{o}" for p in ("default", "high") for o in ("cx_open", "rq_open", "rq_pending_open", "rq_retry_open", "cx_pool_open")]
SLOW = {"*": until("go") + ok("slow"), "/quick": ok("quick")}


def circuit(name, thresholds, client, action="", **kw):
    kw.setdefault("up", SLOW)
    kw.setdefault("log_format", BRIEF)
    scenario(name, clusters={"up": {"yaml": "{circuit_breakers: " + thresholds + "}"}}, client=client, unordered_log=True, no_upstream=True,
             routes=f'- {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}"{action}}}}}', stats=["cluster.{{up}}." + s for s in CIRCUIT], **kw)


def start(c, path="/"):
    return send(f"GET {path} HTTP/1.1\r\nhost: h\r\n\r\n", c=c)


circuit("circuit_connections_and_pending", "{thresholds: [{max_connections: 1, max_pending_requests: 1}]}",
        start("a") + seen(1) + start("b") + stat_is("cluster.{{up}}.upstream_rq_pending_active", 1) + get("/third", c="c")
        + admin("/stats", keep=r"circuit_connections_and_pending_up\.circuit_breakers", head=False) + signal("go") + read(c="a") + read(c="b"))
circuit("circuit_pending_0", "{thresholds: [{max_pending_requests: 0}]}", get("/quick") + get("/quick", c="b"))
circuit("circuit_pending_1", "{thresholds: [{max_pending_requests: 1}]}", get("/quick") + start("a") + seen(2) + get("/quick", c="b") + signal("go") + read(c="a"))
circuit("circuit_requests_1", "{thresholds: [{max_requests: 1}]}", start("a") + seen(1) + get("/quick", c="b") + signal("go") + read(c="a") + get("/quick", c="b"))
circuit("circuit_requests_0", "{thresholds: [{max_requests: 0}]}", get("/quick"))
circuit("circuit_connections_0", "{thresholds: [{max_connections: 0}]}", get("/quick"))
circuit("circuit_connections_1", "{thresholds: [{max_connections: 1}]}", start("a") + seen(1) + start("b", "/quick") + start("c", "/quick")
        + stat_is("cluster.{{up}}.upstream_rq_pending_active", 2) + signal("go") + read(c="a") + read(c="b") + read(c="c"))
circuit("circuit_high_priority", "{thresholds: [{max_pending_requests: 0}, {priority: HIGH, max_pending_requests: 5}]}", get("/quick"), action=", priority: HIGH")
circuit("circuit_high_priority_closed", "{thresholds: [{max_pending_requests: 5}, {priority: HIGH, max_pending_requests: 0}]}", get("/quick"), action=", priority: HIGH")
circuit("circuit_last_of_priority_wins", "{thresholds: [{max_pending_requests: 5}, {max_pending_requests: 0}]}", get("/quick"))
circuit("circuit_overflow_suppressed_header", "{thresholds: [{max_pending_requests: 0}]}", get("/quick"), router="suppress_envoy_headers: true")
circuit("circuit_overflow_retried_not", "{thresholds: [{max_pending_requests: 0}]}", get("/quick"), action=", retry_policy: {retry_on: '5xx,reset', num_retries: 3}")
circuit("circuit_overflow_grpc", "{thresholds: [{max_pending_requests: 0}]}", get("/quick", "content-type: application/grpc"))
circuit("circuit_remaining", "{thresholds: [{track_remaining: true, max_connections: 5, max_pending_requests: 6, max_requests: 7, max_retries: 8, max_connection_pools: 9}]}",
        admin("/stats", keep=r"circuit_remaining_up\.circuit_breakers", head=False) + start("a") + seen(1)
        + admin("/stats", keep=r"circuit_remaining_up\.circuit_breakers", head=False) + signal("go") + read(c="a")
        + admin("/stats", keep=r"circuit_remaining_up\.circuit_breakers", head=False))
circuit("circuit_remaining_default", "{thresholds: [{track_remaining: true}, {priority: HIGH, track_remaining: true}]}",
        admin("/stats", keep=r"circuit_remaining_default_up\.circuit_breakers", head=False))
circuit("circuit_per_host", "{per_host_thresholds: [{max_connections: 1}]}", start("a") + seen(1) + start("b", "/quick")
        + stat_is("cluster.{{up}}.upstream_rq_pending_active", 1) + signal("go") + read(c="a") + read(c="b"))
circuit("circuit_per_host_2", "{per_host_thresholds: [{max_connections: 2}]}", start("a") + seen(1) + start("b", "/slow2") + seen(2) + start("c", "/quick")
        + stat_is("cluster.{{up}}.upstream_rq_pending_active", 1) + signal("go") + read(c="a") + read(c="b") + read(c="c"))
circuit("circuit_runtime", "{thresholds: [{max_pending_requests: 5}]}", get("/quick") + close()
        + admin("/runtime_modify?circuit_breakers.{{up}}.default.max_pending_requests=0&circuit_breakers.{{up}}.default.max_requests=1", "POST", head=False)
        + start("a") + seen(2) + get("/quick", c="b") + signal("go") + read(c="a"), own=True)
scenario("circuit_pools_1", up={"a": [ok("a")], "b": [ok("b")]}, clusters={"c1": {"hosts": ["a", "b"], "yaml": "circuit_breakers: {thresholds: [{max_connection_pools: 1}]}"}},
         routes='- {match: {prefix: /}, route: {cluster: "{{c1}}"}}', client=get("/1") + get("/2"), log_format={k: v for k, v in BRIEF.items() if k != "host"}, no_upstream=True,
         stats=["cluster.{{c1}}." + s for s in ("upstream_cx_pool_overflow", "circuit_breakers.default.cx_pool_open", "upstream_cx_total")], mask=[(r"^[ab]$", "<one>")])
def circuit_tcp(name, breakers, client, up, **kw):
    scenario("circuit_tcp_" + name, kind="tcp", up=up, clusters={"up": {"yaml": "circuit_breakers: " + breakers}}, client=client, no_upstream=True, log_format={"flags": "%RESPONSE_FLAGS%"},
             stats=["cluster.{{up}}." + s for s in ("upstream_cx_total", "upstream_cx_overflow", "upstream_rq_pending_overflow", "upstream_rq_total", "upstream_rq_pending_total")], **kw)


TOLD = Tcp(raw("x") + until("go") + raw("y") + fin())
circuit_tcp("per_host", "{per_host_thresholds: [{max_connections: 1}]}", new() + read_bytes(1) + new("d") + stat_is("cluster.{{up}}.upstream_rq_pending_active", 1)
            + signal("go") + raw_all() + close() + read_bytes(1, c="d") + raw_all("d"), TOLD)
circuit_tcp("per_host_2", "{per_host_thresholds: [{max_connections: 2}]}", new() + read_bytes(1) + new("d") + read_bytes(1, c="d") + signal("go") + raw_all() + raw_all("d"), TOLD)
circuit_tcp("per_host_client_gone", "{per_host_thresholds: [{max_connections: 1}]}", new() + read_bytes(1) + new("d") + stat_is("cluster.{{up}}.upstream_rq_pending_active", 1)
            + close("d") + signal("go") + raw_all() + close(), TOLD)
circuit_tcp("per_host_third_waits_too", "{per_host_thresholds: [{max_connections: 1}]}", new() + read_bytes(1) + new("d") + new("e") + stat_is("cluster.{{up}}.upstream_rq_pending_active", 2)
            + signal("go") + raw_all() + close() + read_bytes(1, c="d") + raw_all("d") + close("d") + read_bytes(1, c="e") + raw_all("e") + close("e"), TOLD)
circuit_tcp("per_host_fails_at_once", "{per_host_thresholds: [{max_connections: 1}]}\nupstream_bind_config: {source_address: {address: 192.0.2.1, port_value: 0}}", new() + raw_all(), TOLD)
circuit_tcp("per_host_pending_0", "{thresholds: [{max_pending_requests: 0}], per_host_thresholds: [{max_connections: 1}]}", new() + raw_all(), TOLD)
scenario("maintenance_mode", own=True, up=[ok()], client=admin("/runtime_modify?upstream.maintenance_mode.{{up}}=100", "POST", head=False) + get("/") + req("/", method="HEAD")
         + get("/", "content-type: application/grpc") + admin("/runtime_modify?upstream.maintenance_mode.{{up}}=0", "POST", head=False) + get("/"),
         stats=["cluster.{{up}}.upstream_rq_maintenance_mode", "cluster.{{up}}.upstream_rq_503", "cluster.{{up}}.upstream_rq_completed"])

# Names.
RESOLVER = {"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": {
    "@type": TYPE + "extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig", "resolvers": [{"socket_address": {"address": "127.0.0.1", "port_value": "{{dns.port}}"}}],
    "dns_resolver_options": {"no_default_search_domain": True}}}}
DNS = ["update_attempt", "update_success", "update_failure", "update_empty", "update_no_rebuild", "membership_change", "membership_total", "membership_healthy"]


def name(text, up="up", **more):
    return {"endpoint": {"address": {"socket_address": {"address": text, "port_value": f"{{{{{up}.port}}}}"}}, **more}}


def dns_cluster(*names, kind="STRICT_DNS", family="V4_ONLY", resolver=RESOLVER, **more):
    return json.dumps({"type": kind, "dns_lookup_family": family, "dns_refresh_rate": "0.1s", **resolver,
                       "load_assignment": {"endpoints": [{"lb_endpoints": [n if isinstance(n, dict) else name(n) for n in names]}]}, **more})


def named(name, yaml, records, client, **kw):
    kw.setdefault("up", On(("127.0.0.2", "127.0.0.3"), [tell_local()]))
    kw["mask"] = kw.pop("mask", []) + [(r"127\.0\.0\.1:<any>", "127.0.0.1:<up>")]
    scenario("dns_" + name, dns=records, clusters={"up": {"yaml": yaml}}, client=client, log_format=BRIEF, no_upstream=True, **kw)


def members():
    return admin("/clusters", keep=r"{{up}}::\d.*::(hostname|priority|weight)::|{{up}}::\[", head=False)


def until_members(n):
    return stat_is("cluster.{{up}}.membership_total", n)


named("strict", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/") + members() + dns_log("a.test"))
named("strict_many_addresses", dns_cluster("a.test"), {"a.test": ["127.0.0.1", "127.0.0.2", "127.0.0.3"]}, burst(9) + members(), no_log=True)
named("strict_change", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", ["127.0.0.1", "127.0.0.2"]) + until_members(2) + burst(4)
      + dns("a.test", ["127.0.0.3"]) + until_members(1) + stat_is("cluster.{{up}}.membership_change", 3) + burst(4) + members(), no_log=True)
named("strict_two_names", dns_cluster("a.test", "b.test"), {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.2"]}, burst(4) + members(), no_log=True)
named("strict_same_address_twice", dns_cluster("a.test", "b.test"), {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.1"]}, burst(4) + members(), no_log=True)
named("strict_name_and_ip", dns_cluster("a.test", "127.0.0.2"), {"a.test": ["127.0.0.1"]}, burst(4) + members(), no_log=True)
named("strict_nxdomain_at_start", dns_cluster("a.test"), {}, get("/") + members() + dns("a.test", ["127.0.0.2"]) + until_members(1) + get("/"))
named("strict_nxdomain_later", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", "nxdomain") + until_members(0) + get("/"))
named("strict_empty_at_start", dns_cluster("a.test"), {"a.test": []}, get("/") + members())
named("strict_empty_later", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", []) + until_members(0) + get("/"))
named("strict_servfail_at_start", dns_cluster("a.test"), {"a.test": "servfail"}, get("/") + members() + dns("a.test", ["127.0.0.2"]) + until_members(1) + get("/"))
named("strict_servfail_later", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", "servfail") + dns_asked("a.test") + pause(0.3) + get("/") + members())
named("strict_refused_later", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", "refused") + dns_asked("a.test") + pause(0.3) + get("/") + members())
named("strict_hostname", dns_cluster(name("a.test", hostname="shown.test")), {"a.test": ["127.0.0.1"]}, get("/") + members(),
      routes='- {match: {prefix: /}, route: {cluster: "{{up}}", auto_host_rewrite: true}}')
named("strict_auto_host_rewrite", dns_cluster("a.test"), {"a.test": ["127.0.0.1"]}, get("/"), routes='- {match: {prefix: /}, route: {cluster: "{{up}}", auto_host_rewrite: true}}')
named("strict_weights", dns_cluster({**name("a.test"), "load_balancing_weight": 3}, {**name("b.test"), "load_balancing_weight": 1}),
      {"a.test": ["127.0.0.1"], "b.test": ["127.0.0.2"]}, burst(40) + members(), no_log=True)
named("strict_ttl", dns_cluster("a.test", respect_dns_ttl=True, dns_refresh_rate="60s"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", ["127.0.0.1", "127.0.0.2"])
      + pause(0.1) + members())
named("strict_refresh_rate", dns_cluster("a.test", dns_refresh_rate="60s"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", ["127.0.0.2"]) + pause(0.3) + members())
named("strict_jitter", dns_cluster("a.test", dns_jitter="0.05s"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", ["127.0.0.1", "127.0.0.2"]) + until_members(2) + members())
named("strict_failure_refresh_rate", dns_cluster("a.test", dns_refresh_rate="60s", dns_failure_refresh_rate={"base_interval": "0.05s", "max_interval": "0.1s"}),
      {"a.test": "servfail"}, get("/") + dns("a.test", ["127.0.0.1"]) + until_members(1) + get("/"))
named("strict_over_tcp", dns_cluster("a.test", use_tcp_for_dns_lookups=True, resolver={"dns_resolvers": RESOLVER["typed_dns_resolver_config"]["typed_config"]["resolvers"]}),
      {"a.test": ["127.0.0.1"]}, get("/") + dns_log("a.test"))
named("strict_over_tcp_by_config", dns_cluster("a.test", resolver={"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": {
    **RESOLVER["typed_dns_resolver_config"]["typed_config"], "dns_resolver_options": {"use_tcp_for_dns_lookups": True}}}}), {"a.test": ["127.0.0.1"]}, get("/") + dns_log("a.test"))
named("strict_old_resolvers", dns_cluster("a.test", resolver={"dns_resolvers": RESOLVER["typed_dns_resolver_config"]["typed_config"]["resolvers"]}),
      {"a.test": ["127.0.0.1"]}, get("/") + dns_log("a.test"))
named("strict_resolution_config", dns_cluster("a.test", resolver={"dns_resolution_config": {"resolvers": RESOLVER["typed_dns_resolver_config"]["typed_config"]["resolvers"],
      "dns_resolver_options": {"no_default_search_domain": True}}}), {"a.test": ["127.0.0.1"]}, get("/") + dns_log("a.test"))
named("resolver_of_bootstrap", dns_cluster("a.test", resolver={}), {"a.test": ["127.0.0.1"]}, get("/") + dns_log("a.test"), own=True, bootstrap=json.dumps(RESOLVER))
named("strict_silent_server", dns_cluster("a.test", resolver={"typed_dns_resolver_config": {"name": "envoy.network.dns_resolver.cares", "typed_config": {
    **RESOLVER["typed_dns_resolver_config"]["typed_config"], "query_timeout_seconds": 1, "query_tries": 1}}}), {"a.test": "silent"}, get("/") + members(), own=True)
BOTH = {"a.test": {"A": ["127.0.0.1"], "AAAA": ["::1"]}}
for _family in ("AUTO", "V4_ONLY", "V6_ONLY", "V4_PREFERRED", "ALL"):
    named("family_" + _family.lower(), dns_cluster("a.test", family=_family), BOTH, members() + dns_log("a.test"))
    named("family_only_v4_there_" + _family.lower(), dns_cluster("a.test", family=_family), {"a.test": {"A": ["127.0.0.1"], "AAAA": []}}, members() + dns_log("a.test"))
named("family_only_v6_there_v4_preferred", dns_cluster("a.test", family="V4_PREFERRED"), {"a.test": {"A": [], "AAAA": ["::1"]}}, members() + dns_log("a.test"))
named("logical", dns_cluster("a.test", kind="LOGICAL_DNS"), {"a.test": ["127.0.0.1", "127.0.0.2"]}, get("/") + members() + dns_log("a.test"))
named("logical_change", dns_cluster("a.test", kind="LOGICAL_DNS"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", ["127.0.0.2"]) + dns_asked("a.test") + pause(0.2)
      + get("/same", c="d") + new() + get("/new") + members())
named("logical_nxdomain_later", dns_cluster("a.test", kind="LOGICAL_DNS"), {"a.test": ["127.0.0.1"]}, get("/") + dns("a.test", "nxdomain") + dns_asked("a.test") + pause(0.2) + get("/") + members())
named("logical_empty_at_start", dns_cluster("a.test", kind="LOGICAL_DNS"), {"a.test": []}, get("/") + members())
named("logical_first_v6_refuses", dns_cluster("a.test", kind="LOGICAL_DNS", family="ALL"), BOTH, get("/") + members())
named("strict_first_refuses", dns_cluster("a.test"), {"a.test": ["127.0.0.5", "127.0.0.1"]}, burst(4) + members(), no_log=True)
named("logical_hostname", dns_cluster(name("a.test", hostname="shown.test"), kind="LOGICAL_DNS"), {"a.test": ["127.0.0.1"]}, get("/") + members(),
      routes='- {match: {prefix: /}, route: {cluster: "{{up}}", auto_host_rewrite: true}}')
named("logical_ip", dns_cluster("127.0.0.2", kind="LOGICAL_DNS"), {}, get("/") + members())


def dns_type(*names, **config):
    return json.dumps({"cluster_type": {"name": "envoy.cluster.dns", "typed_config": {"@type": TYPE + "extensions.clusters.dns.v3.DnsCluster", "dns_lookup_family": "V4_ONLY",
                       "dns_refresh_rate": "0.1s", **RESOLVER, **config}}, "type": None, "load_assignment": {"endpoints": [{"lb_endpoints": [name(n) for n in names]}]}})


named("typed_strict", dns_type("a.test"), {"a.test": ["127.0.0.1", "127.0.0.2"]}, burst(4) + members(), no_log=True)
named("typed_logical", dns_type("a.test", all_addresses_in_single_endpoint=True), {"a.test": ["127.0.0.1", "127.0.0.2"]}, burst(4) + members(), no_log=True)
named("typed_options", dns_type("a.test", respect_dns_ttl=True, dns_jitter="0.01s", dns_failure_refresh_rate={"base_interval": "0.05s"}), {"a.test": ["127.0.0.1"]}, get("/") + members())
for _name, _client in {"strict": get("/"), "nxdomain": get("/"), "empty": get("/")}.items():
    named("stats_" + _name, dns_cluster("a.test", dns_refresh_rate="60s"), {"a.test": {"strict": ["127.0.0.1"], "nxdomain": "nxdomain", "empty": []}[_name]}, _client,
          stats=["cluster.{{up}}." + s for s in DNS])

# Endpoints with several addresses.
def several(*addresses, first="127.0.0.1", **more):
    return json.dumps({"load_assignment": {"endpoints": [{"lb_endpoints": [{"endpoint": {
        "address": {"socket_address": {"address": first, "port_value": "{{up.port}}"}},
        "additional_addresses": [{"address": {"socket_address": {"address": a, "port_value": "{{up.port}}"}}} for a in addresses]}}]}]}, **more})


WAYS = ["upstream_cx_total", "upstream_cx_connect_fail", "upstream_cx_active", "upstream_rq_200", "upstream_rq_503"]


def addresses(name, yaml, client, **kw):
    kw.setdefault("log_format", {**BRIEF, "remote": "%UPSTREAM_REMOTE_ADDRESS%"})
    scenario("addresses_" + name, up=On(("127.0.0.2", "127.0.0.3"), [tell_local()]), clusters={"up": {"yaml": yaml}}, client=client, no_upstream=True,
             mask=[(r"127\.0\.0\.1:<any>", "127.0.0.1:<up>")], stats=["cluster.{{up}}." + s for s in WAYS], **kw)


addresses("first", several("127.0.0.2"), get("/") + members())
addresses("second", several("127.0.0.2", first="127.0.0.5"), get("/") + get("/again") + members())
addresses("third", several("127.0.0.6", "127.0.0.3", first="127.0.0.5"), get("/") + members() + admin("/clusters", keep=r"{{up}}::\d.*::cx_", head=False))
addresses("none", several("127.0.0.6", first="127.0.0.5"), get("/") + admin("/clusters", keep=r"{{up}}::\d.*::cx_", head=False))
addresses("families", several("127.0.0.5", "::1", "127.0.0.3", first="::1"), get("/"))
addresses("dump", several("127.0.0.2", "127.0.0.3"), admin("/config_dump?include_eds&resource=static_endpoint_configs", keep="address\"|port_value", head=False), own=True, no_log=True)
addresses("json", several("127.0.0.2", "127.0.0.3"), admin("/clusters?format=json&filter=^{{up}}$", keep="address\"|port_value|[\\[\\]]", head=False), own=True, no_log=True)

# Original destinations.
ODST = {"type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"}
ODST_STATS = ["original_dst_host_invalid", "membership_total", "membership_healthy", "membership_change", "upstream_rq_200", "upstream_rq_503", "upstream_cx_total", "update_success",
              "upstream_cx_none_healthy", "upstream_rq_total", "update_attempt", "update_no_rebuild"]


def odst(name, config, client, header="x-envoy-original-dst-host", **kw):
    kw.setdefault("up", On(("127.0.0.2", "127.0.0.3"), [tell_local()]))
    more = {"original_dst_lb_config": config} if config is not None else {}
    scenario("original_dst_" + name, clusters={"c1": {"endpoints": False, "yaml": json.dumps({**ODST, **kw.pop("cluster", {}), **more})}}, no_upstream=True,
             routes=kw.pop("routes", '- {match: {prefix: /}, route: {cluster: "{{c1}}"}}'), client=client, log_format=BRIEF, stats=["cluster.{{c1}}." + s for s in ODST_STATS],
             mask=[(r"127\.0\.0\.1:<any>", "127.0.0.1:<up>")], **kw)


def to(value, path="/", header="x-envoy-original-dst-host", **kw):
    return get(path, f"{header}: {value}", **kw)


def odst_hosts():
    return admin("/clusters", keep=r"{{c1}}::\d.*::(hostname|health_flags|weight|canary|priority)::|{{c1}}::added", head=False)


odst("header", {"use_http_header": True}, to("127.0.0.1:{{up.port}}") + to("127.0.0.2:{{up.port}}") + to("127.0.0.1:{{up.port}}") + odst_hosts())
odst("header_kinds", {"use_http_header": True}, [s for v in ("127.0.0.1", "x", "x:80", "127.0.0.1:x", "127.0.0.1:", ":80", "", "127.0.0.1:0", "127.0.0.1:99999", "1.2.3:80", "[::1]", "unix:/x",
     "127.0.0.1:{{up.port}} ", "127.0.0.1:{{up.port}},127.0.0.2:{{up.port}}", "/tmp/x") for s in to(v, path="/" + v.replace("{{up.port}}", "P").replace(" ", "_"))])
odst("header_twice", {"use_http_header": True}, get("/", "x-envoy-original-dst-host: 127.0.0.1:{{up.port}}", "x-envoy-original-dst-host: 127.0.0.2:{{up.port}}"))
odst("header_v6", {"use_http_header": True}, to("[::1]:{{up.port}}"), up=On(("::1",), [tell_local()]))
odst("header_missing", {"use_http_header": True}, get("/"))
odst("header_not_used", None, to("127.0.0.1:{{up.port}}"))
odst("header_not_used_config", {}, to("127.0.0.1:{{up.port}}"))
odst("header_name", {"use_http_header": True, "http_header_name": "X-My-Dst"}, to("127.0.0.2:{{up.port}}", header="x-my-dst") + to("127.0.0.1:{{up.port}}"))
odst("header_authority", {"use_http_header": True, "http_header_name": ":authority"}, get("/", host="127.0.0.2:{{up.port}}") + get("/", host="h"))
odst("port_override", {"use_http_header": True, "upstream_port_override": "{{up.port}}"}, to("127.0.0.1:1") + to("127.0.0.2:2") + odst_hosts())
odst("port_override_only", {"upstream_port_override": "{{up.port}}"}, get("/"))
odst("refused", {"use_http_header": True}, to("127.0.0.1:{{dead.port}}"), up={"up": [ok()], "dead": REFUSE})
odst("header_seen_by_upstream", {"use_http_header": True}, to("127.0.0.1:{{up.port}}"), up=[ok()])
odst("header_removed_by_route", {"use_http_header": True}, to("127.0.0.1:{{up.port}}"), routes="""
- {match: {prefix: /}, route: {cluster: "{{c1}}"}, request_headers_to_remove: [x-envoy-original-dst-host]}
""")
odst("header_set_by_route", {"use_http_header": True}, get("/"), routes="""
- match: {prefix: /}
  route: {cluster: "{{c1}}"}
  request_headers_to_add: [{header: {key: x-envoy-original-dst-host, value: "127.0.0.2:{{up.port}}"}}]
""")
ENDING = On(("127.0.0.2", "127.0.0.3"), [ok("ok", "connection: close") + fin()])
odst("cleanup", {"use_http_header": True}, to("127.0.0.2:{{up.port}}") + stat_is("cluster.{{c1}}.membership_change", 2) + odst_hosts() + to("127.0.0.2:{{up.port}}")
     + stat_is("cluster.{{c1}}.membership_change", 4), cluster={"cleanup_interval": "0.2s"}, up=ENDING)
odst("cleanup_spares_connected", {"use_http_header": True}, to("127.0.0.1:{{up.port}}") + stat_is("cluster.{{c1}}.membership_total", 1) + pause(0.5)
     + odst_hosts(), cluster={"cleanup_interval": "0.1s"})
odst("cleanup_spares_busy", {"use_http_header": True}, send("GET / HTTP/1.1\r\nhost: h\r\nx-envoy-original-dst-host: 127.0.0.2:{{up.port}}\r\n\r\n") + seen(1) + pause(0.5)
     + odst_hosts() + signal("go") + read(), cluster={"cleanup_interval": "0.1s"}, up=On(("127.0.0.2",), [until("go") + tell_local()]))
odst("retried", {"use_http_header": True}, to("127.0.0.2:{{up.port}}"), up=On(("127.0.0.2",), [ok("x", status=503), tell_local()]), routes="""
- {match: {prefix: /}, route: {cluster: "{{c1}}", retry_policy: {retry_on: 5xx}}}
""")
odst("circuit", {"use_http_header": True}, to("127.0.0.2:{{up.port}}"), cluster={"circuit_breakers": {"thresholds": [{"max_pending_requests": 0}]}})

# Sockets and pools.


def pool(name, yaml, client, up=None, **kw):
    scenario("pool_" + name, up=up or [tell_peer()], clusters={"up": {"yaml": yaml}}, client=client, no_upstream=True, log_format=kw.pop("log_format", BRIEF), **kw)


pool("bind_source", "upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}}", get("/"))
pool("bind_source_of_manager", "{}", get("/"), own=True, bootstrap="cluster_manager: {upstream_bind_config: {source_address: {address: 127.0.0.4, port_value: 0}}}")
pool("bind_source_over_manager", "upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}}", get("/"), own=True,
     bootstrap="cluster_manager: {upstream_bind_config: {source_address: {address: 127.0.0.4, port_value: 0}}}")
pool("bind_source_not_here", "upstream_bind_config: {source_address: {address: 192.0.2.1, port_value: 0}}", get("/"),
     stats=["cluster.{{up}}.bind_errors", "cluster.{{up}}.upstream_cx_connect_fail", "cluster.{{up}}.upstream_cx_total"])
pool("bind_source_freebind", "upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}, freebind: true}", get("/"))
pool("bind_source_extra", "upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}, extra_source_addresses: [{address: {address: '::1', port_value: 0}}]}", get("/"))
pool("bind_source_extra_other_family", "upstream_bind_config: {source_address: {address: '::1', port_value: 0}, extra_source_addresses: [{address: {address: 127.0.0.3, port_value: 0}}]}",
     get("/"))
pool("bind_source_additional", "upstream_bind_config: {source_address: {address: '::1', port_value: 0}, additional_source_addresses: [{address: 127.0.0.3, port_value: 0}]}", get("/"))
pool("bind_only_options", "upstream_bind_config: {socket_options: [{level: 6, name: 1, int_value: 1, state: STATE_PREBIND}]}", get("/"))
CX = ["cluster.{{up}}." + s for s in ("upstream_cx_total", "upstream_cx_active", "upstream_rq_total", "upstream_cx_max_requests", "upstream_cx_http1_total", "upstream_cx_overflow")]
pool("reused", "{}", get("/1") + get("/2", c="d") + get("/3"), up=[ok()], stats=CX)
pool("per_downstream", "connection_pool_per_downstream_connection: true", get("/1") + get("/2", c="d") + get("/3"), up=[ok()], stats=CX)
pool("per_downstream_stays_without_it", "connection_pool_per_downstream_connection: true", get("/1") + close() + stat_is("http.{{name}}.downstream_cx_active", 0), up=[ok()], stats=CX)
pool("preconnect", "preconnect_policy: {per_upstream_preconnect_ratio: 2}", get("/1") + stat_is("cluster.{{up}}.upstream_cx_total", 2), up=[ok()], stats=CX)
pool("max_requests_2", "max_requests_per_connection: 2", get("/1") + get("/2") + get("/3"), up=[ok()], stats=CX)
pool("alt_stat_name", "alt_stat_name: other.name", get("/"), up=[ok()], stats=["cluster.other.name.upstream_rq_200", "cluster.other_name.upstream_rq_200", "cluster.{{up}}.upstream_rq_200"],
     own=True, log_format={"cluster": "%UPSTREAM_CLUSTER%", "raw": "%UPSTREAM_CLUSTER_RAW%"})
pool("alt_stat_header", "{}", get("/", "x-envoy-upstream-alt-stat-name: my.alt:x", "x-forwarded-for: 10.0.0.1") + get("/503", "x-envoy-upstream-alt-stat-name: my.alt:x",
     "x-forwarded-for: 10.0.0.1") + stat_is("cluster.{{up}}.upstream_rq_503", 1) + admin("/stats?filter=pool_alt_stat_header_up.my", keep="upstream_rq_([0-9c]|[0-9]xx)", head=False),
     up={"up": {"/": [ok()], "/503": ok(status=503)}}, hcm="internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}")
pool("timeout_budget", "track_timeout_budgets: true", get("/") + stat_is("cluster.{{up}}.upstream_rq_200", 1)
     + admin("/stats?filter=pool_timeout_budget.*budget&usedonly=0", head=False), up=[ok()], mask=[(r": (P0.*|No recorded values)", ": <histogram>")])
pool("track_sizes", "track_cluster_stats: {timeout_budgets: true, request_response_sizes: true}", req("/", method="POST", body="abc")
     + admin("/stats?filter=pool_track_sizes.*(size|count|budget|rq_headers|rs_)", head=False), up=[ok()], mask=[(r": (P0.*|No recorded values)", ": <histogram>")])
pool("canary", hosts(locality(host("up", canary=True))), get("/"), up=[ok()], stats=["cluster.{{up}}.canary.upstream_rq_200", "cluster.{{up}}.canary.upstream_rq_completed"])
pool("canary_header", "{}", get("/"), up=[ok("x", "x-envoy-upstream-canary: true")], stats=["cluster.{{up}}.canary.upstream_rq_200", "cluster.{{up}}.canary.upstream_rq_completed"])
pool("keepalive", "upstream_connection_options: {tcp_keepalive: {keepalive_probes: 3, keepalive_time: 10, keepalive_interval: 5}}", get("/"))
pool("interface_name", "upstream_connection_options: {set_local_interface_name_on_upstream_connections: true}", get("/"))
pool("warm_off", "wait_for_warm_on_init: false", get("/"))

# Configs.
STATIC = {"name": "c", "type": "STATIC", "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {
    "address": "127.0.0.1", "port_value": 80}}}}]}]}}
LOGICAL = {**STATIC, "type": "LOGICAL_DNS"}


def ends(*addresses, **more):
    return {"load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": a, "port_value": 80}}}} for a in addresses],
                                                                    **more}]}}


for _name, _cluster in {
    "static_hostname": {**STATIC, **ends("name.test")},
    "static_no_assignment": {"name": "c", "type": "STATIC"},
    "static_no_type": {"name": "c"},
    "no_name": {**STATIC, "name": ""},
    "logical_two_endpoints": {**LOGICAL, **ends("a.test", "b.test")},
    "logical_two_localities": {**LOGICAL, "load_assignment": {"cluster_name": "c", "endpoints": ends("a.test")["load_assignment"]["endpoints"] * 2}},
    "logical_no_endpoint": {**LOGICAL, **ends()},
    "strict_no_endpoint": {**STATIC, "type": "STRICT_DNS", **ends()},
    "strict_pipe": {**STATIC, "type": "STRICT_DNS", "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "/x"}}}}]}]}},
    "original_dst_plain": {"name": "c", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"},
    "original_dst_round_robin": {"name": "c", "type": "ORIGINAL_DST"},
    "original_dst_with_endpoints": {**STATIC, "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED"},
    "original_dst_header_unused": {"name": "c", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "original_dst_lb_config": {"http_header_name": "x"}},
    "original_dst_subset": {"name": "c", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "lb_subset_config": {"subset_selectors": [{"keys": ["x"]}]}},
    "original_dst_cleanup_0": {"name": "c", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "cleanup_interval": "0s"},
    "original_dst_port_big": {"name": "c", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "original_dst_lb_config": {"upstream_port_override": 70000}},
    "cluster_provided_of_static": {**STATIC, "lb_policy": "CLUSTER_PROVIDED"},
    "original_dst_config_of_static": {**STATIC, "original_dst_lb_config": {"use_http_header": True}},
    "connect_timeout_0": {**STATIC, "connect_timeout": "0s"},
    "cleanup_of_static": {**STATIC, "cleanup_interval": "1s"},
    "dns_refresh_small": {**STATIC, "type": "STRICT_DNS", "dns_refresh_rate": "0.0005s"},
    "dns_failure_max_below_base": {**STATIC, "type": "STRICT_DNS", "dns_failure_refresh_rate": {"base_interval": "2s", "max_interval": "1s"}},
    "dns_jitter_negative": {**STATIC, "type": "STRICT_DNS", "dns_jitter": "-1s"},
    "drop_two_categories": {**STATIC, "load_assignment": {**ends("127.0.0.1")["load_assignment"], "policy": drops(("x", 1, "HUNDRED"), ("y", 1, "HUNDRED"))}},
    "drop_no_category": {**STATIC, "load_assignment": {**ends("127.0.0.1")["load_assignment"], "policy": drops(("", 1, "HUNDRED"))}},
    "drop_101": {**STATIC, "load_assignment": {**ends("127.0.0.1")["load_assignment"], "policy": drops(("x", 101, "HUNDRED"))}},
    "priority_gap": {**STATIC, "load_assignment": {"cluster_name": "c", "endpoints": [{**ends("127.0.0.1")["load_assignment"]["endpoints"][0], "priority": 2}]}},
    "priority_too_high": {**STATIC, **ends("127.0.0.1", priority=129)},
    "weight_0": {**STATIC, "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [{"load_balancing_weight": 0, "endpoint": {"address": {"socket_address": {
        "address": "127.0.0.1", "port_value": 80}}}}]}]}},
    "same_address_twice": {**STATIC, **ends("127.0.0.1", "127.0.0.1")},
    "overprovisioning_0": {**STATIC, "load_assignment": {**ends("127.0.0.1")["load_assignment"], "policy": {"overprovisioning_factor": 0}}},
    "lb_policy_unknown_extension": {**STATIC, "load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "nope", "typed_config": {
        "@type": "type.googleapis.com/google.protobuf.Struct"}}}]}},
    "lb_policy_empty": {**STATIC, "load_balancing_policy": {}},
    "least_request_choice_1": {**STATIC, "lb_policy": "LEAST_REQUEST", "least_request_lb_config": {"choice_count": 1}},
    "slow_start_no_window": {**STATIC, "round_robin_lb_config": {"slow_start_config": {}}},
    "locality_and_zone": {**STATIC, "common_lb_config": {"zone_aware_lb_config": {}}},
    "bind_v4_twice": {**STATIC, "upstream_bind_config": {"source_address": {"address": "127.0.0.1", "port_value": 0}, "extra_source_addresses": [{"address": {
        "address": "127.0.0.2", "port_value": 0}}]}},
    "bind_three": {**STATIC, "upstream_bind_config": {"source_address": {"address": "127.0.0.1", "port_value": 0}, "extra_source_addresses": [
        {"address": {"address": "::1", "port_value": 0}}, {"address": {"address": "::1", "port_value": 0}}]}},
    "bind_extra_without_source": {**STATIC, "upstream_bind_config": {"extra_source_addresses": [{"address": {"address": "::1", "port_value": 0}}]}},
    "bind_extra_and_additional": {**STATIC, "upstream_bind_config": {"source_address": {"address": "127.0.0.1", "port_value": 0}, "extra_source_addresses": [
        {"address": {"address": "::1", "port_value": 0}}], "additional_source_addresses": [{"address": "::1", "port_value": 0}]}},
    "per_host_other_field": {**STATIC, "circuit_breakers": {"per_host_thresholds": [{"max_requests": 1}]}},
    "per_host_priority_twice": {**STATIC, "circuit_breakers": {"per_host_thresholds": [{"max_connections": 1}, {"max_connections": 2}]}},
    "retry_budget_101": {**STATIC, "circuit_breakers": {"thresholds": [{"retry_budget": {"budget_percent": {"value": 101}}}]}},
    "preconnect_4": {**STATIC, "preconnect_policy": {"per_upstream_preconnect_ratio": 4}},
    "cluster_type_static": {**STATIC, "type": None, "cluster_type": {"name": "envoy.cluster.static", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"}}},
    "cluster_type_unknown": {**STATIC, "type": None, "cluster_type": {"name": "nope", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"}}},
    "dns_resolver_unknown": {**STATIC, "type": "STRICT_DNS", "typed_dns_resolver_config": {"name": "nope", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"}}},
    "resolver_hostname": {**STATIC, "type": "STRICT_DNS", "dns_resolvers": [{"socket_address": {"address": "name.test", "port_value": 53}}]},
    "max_duration_jitter_101": {**STATIC, "common_http_protocol_options": {"max_connection_duration_jitter": {"value": 101}}},
}.items():
    scenario("cluster_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{k: v for k, v in _cluster.items() if v is not None}]}}))
scenario("cluster_config_two_of_a_name", kind="validate", config=json.dumps({"static_resources": {"clusters": [STATIC, STATIC]}}))
