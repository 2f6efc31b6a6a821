"""Subset balancing: which hosts a request may have by the metadata of its route, and what there is when none fits."""
import json

from harness.dsl import *

UPS = {n: [ok(n)] for n in "abcd"}
STATS = ["lb_subsets_fallback", "lb_subsets_fallback_panic", "lb_subsets_selected", "lb_healthy_panic", "upstream_cx_none_healthy"]
SIZES = ["lb_subsets_active", "lb_subsets_created", "lb_subsets_removed"]


def host(up, health=None, **metadata):
    out = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{up}.port}}}}"}}}}
    if health:
        out["health_status"] = health
    if metadata:
        out["metadata"] = {"filter_metadata": {"envoy.lb": metadata}}
    return out


VERSIONS = [host("a", version="1", stage="prod"), host("b", version="2", stage="prod"), host("c", version="2", stage="dev"), host("d")]


def subset(name, config, match, client=None, members=VERSIONS, stats=STATS, more=None, route="", **kw):
    """`match`: what the route asks for; null: nothing."""
    yaml = json.dumps({"load_assignment": {"endpoints": members if "lb_endpoints" in members[0] else [{"lb_endpoints": members}]}, **({"lb_subset_config": config} if config is not None else {}), **(more or {})})
    action = '{cluster: "{{c1}}"%s%s}' % (", metadata_match: {filter_metadata: {envoy.lb: %s}}" % json.dumps(match) if match is not None else "", route)
    scenario("subset_" + name, up=UPS, clusters={"c1": {"yaml": yaml.replace('"{{', '"{{')}}, no_upstream=True, no_log=True, client=client or burst(12),
             routes=f"- {{match: {{prefix: /}}, route: {action}}}", stats=["cluster.{{c1}}." + s for s in stats], **kw)


def keys(*names, **more):
    return {"subset_selectors": [{"keys": list(names), **more}]}


V = keys("version")
subset("one_key", V, {"version": "1"})
subset("one_key_two_hosts", V, {"version": "2"})
subset("two_keys", keys("version", "stage"), {"version": "2", "stage": "dev"})
subset("two_keys_in_any_order", keys("stage", "version"), {"version": "2", "stage": "prod"})
subset("key_twice", keys("version", "version"), {"version": "1"})
subset("fewer_keys_than_a_selector", keys("version", "stage"), {"version": "2"})
subset("more_keys_than_a_selector", V, {"version": "2", "stage": "dev"})
subset("two_selectors", {"subset_selectors": [{"keys": ["version"]}, {"keys": ["stage"]}]}, {"stage": "prod"})
subset("sizes", {"subset_selectors": [{"keys": ["version"]}, {"keys": ["stage"]}, {"keys": ["stage", "version"]}]}, None, burst(1), stats=SIZES,
       differs="Envoy's main thread keeps subsets, too", outrigger={"stats": {f"cluster.subset_sizes_c1.{s}": n for s, n in zip(SIZES, "770")}})
subset("unknown_value", V, {"version": "3"})
subset("no_match_no_fallback", V, None)
subset("no_match_any", {"fallback_policy": "ANY_ENDPOINT", **V}, None)
subset("match_of_nothing_any", {"fallback_policy": "ANY_ENDPOINT", **V}, {})
subset("unknown_value_any", {"fallback_policy": "ANY_ENDPOINT", **V}, {"version": "3"})
subset("unknown_value_default", {"fallback_policy": "DEFAULT_SUBSET", "default_subset": {"stage": "prod"}, **V}, {"version": "3"})
subset("no_match_default", {"fallback_policy": "DEFAULT_SUBSET", "default_subset": {"stage": "dev", "version": "2"}, **V}, None)
subset("default_of_nobody", {"fallback_policy": "DEFAULT_SUBSET", "default_subset": {"stage": "x"}, **V}, None)
subset("default_is_empty", {"fallback_policy": "DEFAULT_SUBSET", **V}, None)
subset("default_of_nobody_panic_any", {"fallback_policy": "DEFAULT_SUBSET", "default_subset": {"stage": "x"}, "panic_mode_any": True, **V}, None)
subset("no_fallback_panic_any", {"panic_mode_any": True, **V}, {"version": "3"})
subset("keys_empty", {"fallback_policy": "ANY_ENDPOINT", **keys(fallback_policy="ANY_ENDPOINT")}, {"version": "1"})
subset("keys_empty_no_fallback", keys(), None)
subset("key_star", {"fallback_policy": "ANY_ENDPOINT", **keys("*", fallback_policy="ANY_ENDPOINT")}, {"version": "1"})
subset("key_star_beside_others", {"fallback_policy": "ANY_ENDPOINT", "subset_selectors": [{"keys": ["*"]}, {"keys": ["version"]}, {"keys": []}, {"keys": ["version"]}]}, {"version": "1"})
subset("no_selectors", {"fallback_policy": "NO_FALLBACK"}, {"version": "1"})
subset("selector_none", {"fallback_policy": "ANY_ENDPOINT", **keys("version", fallback_policy="NO_FALLBACK")}, {"version": "3"})
subset("selector_any", keys("version", fallback_policy="ANY_ENDPOINT"), {"version": "3"})
subset("selector_any_of_other_keys", keys("version", fallback_policy="ANY_ENDPOINT"), {"stage": "3"})
subset("selector_default", {"default_subset": {"stage": "dev"}, **keys("version", fallback_policy="DEFAULT_SUBSET")}, {"version": "3"})
# Selectors whose keys begin alike.
def selector(keys, policy=None, fewer=None):
    return {"keys": keys.split(), **({"fallback_policy": policy} if policy else {}), **({"fallback_keys_subset": fewer.split()} if fewer else {})}


for _name, (_policy, *_selectors) in {
    "longer_first": ("NO_FALLBACK", selector("version stage tier"), selector("stage", "ANY_ENDPOINT")), "longer_any": ("ANY_ENDPOINT", selector("stage tier", "ANY_ENDPOINT"), selector("stage", "NO_FALLBACK")),
    "same": ("NO_FALLBACK", selector("stage"), selector("stage", "ANY_ENDPOINT")), "same_other": ("NO_FALLBACK", selector("stage", "ANY_ENDPOINT"), selector("stage", "NO_FALLBACK")),
    "fewer": ("NO_FALLBACK", selector("version stage", "KEYS_SUBSET", "stage"), selector("stage", "ANY_ENDPOINT")), "default": ("DEFAULT_SUBSET", selector("stage tier", "NO_FALLBACK"), selector("stage", "ANY_ENDPOINT")),
    "longer_last": ("ANY_ENDPOINT", selector("stage", "NO_FALLBACK"), selector("stage tier", "ANY_ENDPOINT")), "not_a_prefix": ("NO_FALLBACK", selector("stage tier"), selector("tier", "ANY_ENDPOINT")),
}.items():
    for _match in ({"stage": "none"}, {"stage": "none", "tier": "none"}, {"tier": "none"}):
        subset(f"overlap_{_name}_{'_'.join(_match)}", {"fallback_policy": _policy, "subset_selectors": _selectors, "default_subset": {"stage": "dev"}}, _match)

BOTH = {"subset_selectors": [{"keys": ["stage", "version"], "fallback_policy": "KEYS_SUBSET", "fallback_keys_subset": ["stage"]}, {"keys": ["stage"], "fallback_policy": "NO_FALLBACK"}]}
subset("selector_keys", BOTH, {"version": "9", "stage": "prod"})
subset("selector_keys_unknown_too", BOTH, {"version": "9", "stage": "x"})
subset("selector_keys_without_selector", {"fallback_policy": "ANY_ENDPOINT", **keys("stage", "version", fallback_policy="KEYS_SUBSET", fallback_keys_subset=["stage"])}, {"version": "9", "stage": "x"})
subset("values_of_kinds", keys("v"), {"v": 1}, members=[host("a", v=1), host("b", v="1"), host("c", v=True), host("d", v=1.5)])
subset("value_true", keys("v"), {"v": True}, members=[host("a", v=1), host("b", v="true"), host("c", v=True), host("d", v=None)])
subset("value_list", keys("v"), {"v": "x"}, members=[host("a", v=["x", "y"]), host("b", v="x"), host("c", v=["y"])])
subset("value_list_as_any", {"list_as_any": True, **keys("v")}, {"v": "x"}, members=[host("a", v=["x", "y"]), host("b", v="x"), host("c", v=["y"])])
subset("value_list_as_any_default", {"list_as_any": True, "fallback_policy": "DEFAULT_SUBSET", "default_subset": {"v": "y"}, **keys("v")}, None,
       members=[host("a", v=["x", "y"]), host("b", v="x"), host("c", v=["y"])])
subset("unhealthy_host", V, {"version": "2"}, members=[host("a", version="2"), host("b", version="2", health="UNHEALTHY"), host("c", version="2"), host("d", version="1")])
subset("unhealthy_subset_in_panic", V, {"version": "2"}, members=[host("a", version="1"), host("b", version="2", health="UNHEALTHY"), host("c", version="1")])
subset("unhealthy_subset_no_panic", {"fallback_policy": "ANY_ENDPOINT", **V}, {"version": "2"}, burst(3), members=[host("a", version="1"), host("b", version="2", health="UNHEALTHY"), host("c", version="1")],
       more={"common_lb_config": {"healthy_panic_threshold": {"value": 0}}})
subset("priorities", V, {"version": "2"}, members=[{"lb_endpoints": [host("a", version="1")]}, {"lb_endpoints": [host("b", version="2")], "priority": 1}])
subset("random", V, {"version": "2"}, burst(200, about={"200 b": 0.5, "200 c": 0.5}), more={"lb_policy": "RANDOM"})
LOCALITIES = [{"lb_endpoints": [host("a", v="1")], "locality": {"zone": "zx"}, "load_balancing_weight": 3}, {"lb_endpoints": [host("b", v="1"), host("c", v="2")], "locality": {"zone": "zy"}, "load_balancing_weight": 1}]
subset("localities_unaware", keys("v"), {"v": "1"}, burst(40), members=LOCALITIES, more={"common_lb_config": {"locality_weighted_lb_config": {}}})
subset("localities_aware", {"locality_weight_aware": True, **keys("v")}, {"v": "1"}, burst(40), members=LOCALITIES, more={"common_lb_config": {"locality_weighted_lb_config": {}}})

SCALED = [{**LOCALITIES[0], "load_balancing_weight": 30}, {**LOCALITIES[1], "load_balancing_weight": 20}]
subset("localities_scaled", {"locality_weight_aware": True, "scale_locality_weight": True, **keys("v")}, {"v": "1"}, burst(40), members=SCALED, more={"common_lb_config": {"locality_weighted_lb_config": {}}})
subset("localities_scaled_unaware", {"scale_locality_weight": True, **keys("v")}, {"v": "1"}, burst(40), members=SCALED, more={"common_lb_config": {"locality_weighted_lb_config": {}}})


def weights(name, clusters, client=None, route_match="", **kw):
    yaml = json.dumps({"load_assignment": {"endpoints": [{"lb_endpoints": VERSIONS}]}, "lb_subset_config": keys("version", "stage")})
    scenario("subset_weights_" + name, up=UPS, clusters={"c1": {"yaml": yaml}}, no_upstream=True, no_log=True, client=client or burst(12), stats=["cluster.{{c1}}." + s for s in STATS],
             routes='- {match: {prefix: /}, route: {weighted_clusters: {clusters: %s}%s}}' % (json.dumps(clusters).replace('"{{', '"{{'), route_match), **kw)


def weight(w, **match):
    return {"name": "{{c1}}", "weight": w, "metadata_match": {"filter_metadata": {"envoy.lb": match}}}


weights("one", [weight(1, version="2", stage="dev")])
weights("over_route", [weight(1, version="2")], route_match=", metadata_match: {filter_metadata: {envoy.lb: {stage: prod, version: '1'}}}")
weights("same_cluster_twice", [weight(50, version="2", stage="dev"), weight(50, version="1", stage="prod")], burst(300, about={"200 a": 0.5, "200 c": 0.5}))
weights("route_alone", [{"name": "{{c1}}", "weight": 1}], route_match=", metadata_match: {filter_metadata: {envoy.lb: {stage: prod, version: '1'}}}")
for _name, _config in {"fallback_keys_missing": keys("a", "b", fallback_policy="KEYS_SUBSET"), "fallback_keys_unknown": keys("a", "b", fallback_policy="KEYS_SUBSET", fallback_keys_subset=["c"]),
                       "fallback_keys_same": keys("a", "b", fallback_policy="KEYS_SUBSET", fallback_keys_subset=["a", "b"]),
                       "fallback_keys_unused": keys("a", "b", fallback_policy="ANY_ENDPOINT", fallback_keys_subset=["c"])}.items():
    scenario("subset_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{"name": "c", "connect_timeout": "1s", "lb_subset_config": _config}]}}))
scenario("subset_config_with_policy", kind="validate", config=json.dumps({"static_resources": {"clusters": [{"name": "c", "connect_timeout": "1s", "lb_subset_config": V, "load_balancing_policy": {"policies": [
    {"typed_extension_config": {"name": "p", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin"}}}]}}]}}))
scenario("subset_config_original_dst", kind="validate", config=json.dumps({"static_resources": {"clusters": [{
    "name": "c", "connect_timeout": "1s", "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "lb_subset_config": V}]}}))

# One host for each value, lists of what to try, weights of localities by what a subset has of them.
DUPLICATES = ["lb_subsets_single_host_per_subset_duplicate"]
ONE_HOST = keys("version", single_host_per_subset=True)
subset("single_host", ONE_HOST, {"version": "1"}, stats=DUPLICATES + STATS)
subset("single_host_of_two", ONE_HOST, {"version": "2"}, stats=DUPLICATES + STATS)
subset("single_host_unhealthy", ONE_HOST, {"version": "1"}, members=[host("a", "UNHEALTHY", version="1"), host("b", version="1"), host("c", version="2")], stats=DUPLICATES + STATS)
subset("single_host_two_keys", keys("version", "stage", single_host_per_subset=True), {"version": "2", "stage": "prod"}, members=VERSIONS + [host("d", version="2", stage="prod")], stats=DUPLICATES + STATS)
subset("single_host_priorities", ONE_HOST, {"version": "1"}, members=[{"lb_endpoints": [host("a", version="1")], "priority": 1}, {"lb_endpoints": [host("b", "UNHEALTHY", version="1"), host("c", version="2")]}], stats=DUPLICATES + STATS)
subset("single_host_fallback", {"fallback_policy": "ANY_ENDPOINT", **ONE_HOST}, {"version": "9"})
subset("single_host_hashed", ONE_HOST, {"version": "2"}, more={"lb_policy": "RING_HASH"})
TRIES = {"metadata_fallback_policy": "FALLBACK_LIST", **keys("version"), **keys("version")}
for _name, _asked in {
        "first": {"fallback_list": [{"version": "1"}, {"version": "2"}]}, "second": {"fallback_list": [{"version": "9"}, {"version": "1"}]},
        "none": {"fallback_list": [{"version": "8"}, {"version": "9"}]}, "empty": {"fallback_list": [], "version": "1"},
        "over_others": {"version": "1", "fallback_list": [{"version": "2"}]}, "with_others": {"version": "2", "fallback_list": [{"stage": "dev"}, {}]},
        "text": {"version": "1", "fallback_list": "version"}, "of_text": {"version": "1", "fallback_list": ["x"]}}.items():
    subset("fallback_list_" + _name, TRIES, _asked)
subset("fallback_list_then_any", {"fallback_policy": "ANY_ENDPOINT", **TRIES}, {"fallback_list": [{"version": "8"}, {"version": "1"}]})
subset("fallback_list_without_policy", keys("version"), {"version": "1", "fallback_list": [{"version": "2"}]})


# The policy extension: the same config with a policy within.
EXTENSIONS = "type.googleapis.com/envoy.extensions.load_balancing_policies."


def policy(name, **config):
    return {"policies": [{"typed_extension_config": {"name": name, "typed_config": {"@type": EXTENSIONS + name, **config}}}]}


def extension(name, config, match, client=None, inner=None, members=VERSIONS, stats=STATS, more=None, **kw):
    subset("extension_" + name, None, match, client, members, stats,
           {"load_balancing_policy": policy("subset.v3.Subset", **config, subset_lb_policy=inner or policy("round_robin.v3.RoundRobin")), **(more or {})}, **kw)


extension("one_key", V, {"version": "1"})
extension("two_hosts", V, {"version": "2"})
extension("unknown_value", V, {"version": "3"})
extension("no_match", V, None)
extension("any", {"fallback_policy": "ANY_ENDPOINT", **V}, {"version": "3"})
extension("default", {"fallback_policy": "DEFAULT_SUBSET", "default_subset": {"stage": "prod"}, **V}, {"version": "3"})
extension("keys", BOTH, {"version": "9", "stage": "prod"})
extension("selector_any", keys("version", fallback_policy="ANY_ENDPOINT"), {"version": "3"})
extension("no_selectors", {}, {"version": "1"})
extension("no_selectors_any", {"fallback_policy": "ANY_ENDPOINT"}, {"version": "1"})
extension("no_selectors_default", {"fallback_policy": "DEFAULT_SUBSET", "default_subset": {"stage": "dev"}}, None)
extension("panic_any", {"panic_mode_any": True, **V}, {"version": "3"})
extension("list_as_any", {"list_as_any": True, **keys("v")}, {"v": "x"}, members=[host("a", v=["x", "y"]), host("b", v="x"), host("c", v=["y"])])
extension("fallback_list", TRIES, {"fallback_list": [{"version": "9"}, {"version": "1"}]})
extension("single_host", ONE_HOST, {"version": "1"}, stats=DUPLICATES + STATS)
extension("random", V, {"version": "2"}, burst(200, about={"200 b": 0.5, "200 c": 0.5}), policy("random.v3.Random"))
extension("least_request", V, {"version": "1"}, None, policy("least_request.v3.LeastRequest", choice_count=3))
extension("ring_hash", V, {"version": "1"}, None, policy("ring_hash.v3.RingHash"))
extension("maglev", V, {"version": "1"}, None, policy("maglev.v3.Maglev"))
WEIGHTED = policy("round_robin.v3.RoundRobin", locality_lb_config={"locality_weighted_lb_config": {}})
extension("localities_aware", {"locality_weight_aware": True, **keys("v")}, {"v": "1"}, burst(40), WEIGHTED, members=LOCALITIES)
extension("localities_scaled", {"locality_weight_aware": True, "scale_locality_weight": True, **keys("v")}, {"v": "1"}, burst(40), WEIGHTED, members=SCALED)
for _name, _policy in {"no_policy": policy("subset.v3.Subset", **V), "empty_policy": policy("subset.v3.Subset", **V, subset_lb_policy={}),
                       "fallback_keys_missing": policy("subset.v3.Subset", **keys("a", "b", fallback_policy="KEYS_SUBSET"), subset_lb_policy=policy("random.v3.Random"))}.items():
    scenario("subset_extension_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{"name": "c", "connect_timeout": "1s", "load_balancing_policy": _policy}]}}))
