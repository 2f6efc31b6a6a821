"""Ring hash and maglev: which host has which key, what requests are hashed by, and what there is without a hash."""
import json

from harness.dsl import *

UPS = {n: [ok(n)] for n in "abcd"}
TYPE = "type.googleapis.com/envoy."
BY_HEADER = "[{header: {header_name: x-key}}]"


def at(up):
    return {"socket_address": {"address": "127.0.0.1", "port_value": f"{{{{{up}.port}}}}"}}


def host(up, weight=None, health=None, key=True, hostname=None, address=None, **metadata):
    """Known by the same key in every run: addresses are not the same."""
    out = {"endpoint": {"address": address or at(up)}}
    if hostname:
        out["endpoint"]["hostname"] = hostname
    if weight:
        out["load_balancing_weight"] = weight
    if health:
        out["health_status"] = health
    if key:
        metadata["hash_key"] = "host-" + up if key is True else key
    if metadata:
        out["metadata"] = {"filter_metadata": {"envoy.lb": metadata}}
    return out


def locality(*hosts, priority=None, weight=None, zone=None):
    out = {"lb_endpoints": [host(h) if isinstance(h, str) else h for h in hosts]}
    if priority:
        out["priority"] = priority
    if weight is not None:
        out["load_balancing_weight"] = weight
    if zone:
        out["locality"] = {"region": "r", "zone": zone}
    return out


def hosts(*localities, **more):
    return json.dumps({"load_assignment": {"endpoints": list(localities)}, **more}).replace('"{{', '"{{')


def policy(kind, **config):
    config["@type"] = TYPE + f"extensions.load_balancing_policies.{kind}"
    return {"load_balancing_policy": {"policies": [{"typed_extension_config": {"name": "p", "typed_config": config}}]}}


def keys(n=16):
    return [step for k in range(n) for step in burst(1, "/", f"x-key: key-{k}")]


def hashed(name, yaml, client=None, policies=BY_HEADER, action="", up=UPS, stats=(), **kw):
    kw.setdefault("no_log", True)
    scenario("hash_" + name, up=up, clusters={"c1": {"yaml": yaml}}, no_upstream=True, client=client or keys(),
             routes=f'- {{match: {{prefix: /}}, route: {{cluster: "{{{{c1}}}}", hash_policy: {policies}{action}}}}}',
             stats=["cluster.{{c1}}." + s for s in stats], **kw)


RING, MAGLEV = {"lb_policy": "RING_HASH"}, {"lb_policy": "MAGLEV"}
RING_STATS = ["ring_hash_lb." + s for s in ("size", "min_hashes_per_host", "max_hashes_per_host")]
MAGLEV_STATS = ["maglev_lb." + s for s in ("min_entries_per_host", "max_entries_per_host")]
SMALL = {"maglev_lb_config": {"table_size": 31}}
ABC = locality("a", "b", "c")


def ring(**config):
    return {**RING, "ring_hash_lb_config": config}


# Tables.
for _kind, _lb, _stats in (("ring", RING, RING_STATS), ("maglev", MAGLEV, MAGLEV_STATS)):
    hashed(_kind, hosts(ABC, **_lb), keys(40), stats=_stats)
    hashed(_kind + "_one_host", hosts(locality("a"), **_lb), keys(4), stats=_stats)
    hashed(_kind + "_no_host", hosts(locality(), **_lb), burst(2), stats=["upstream_cx_none_healthy", *_stats])
    hashed(_kind + "_weights", hosts(locality(host("a", 1), host("b", 2), host("c", 5)), **_lb), keys(24), stats=_stats)
    hashed(_kind + "_weights_uneven", hosts(locality(host("a", 3), host("b", 7), host("c", 11), host("d", 13)), **_lb), keys(24), stats=_stats)
    hashed(_kind + "_host_unhealthy", hosts(locality("a", host("b", health="UNHEALTHY"), "c", "d"), **_lb), stats=_stats)
    hashed(_kind + "_host_degraded", hosts(locality("a", host("b", health="DEGRADED"), "c", "d"), **_lb), stats=_stats)
    hashed(_kind + "_all_degraded", hosts(locality(host("a", health="DEGRADED"), host("b", health="DEGRADED")), **_lb), burst(3), stats=_stats)
    hashed(_kind + "_panic", hosts(locality("a", host("b", health="UNHEALTHY"), host("c", health="UNHEALTHY")), **_lb), stats=["lb_healthy_panic", *_stats])
    hashed(_kind + "_no_panic", hosts(locality("a", host("b", health="UNHEALTHY"), host("c", health="UNHEALTHY")), common_lb_config={
        "healthy_panic_threshold": {"value": 0}}, **_lb), keys(6), stats=["lb_healthy_panic", *_stats])
    hashed(_kind + "_localities", hosts(locality("a", "b", zone="zx", weight=1), locality("c", "d", zone="zy", weight=3),
                                        common_lb_config={"locality_weighted_lb_config": {}}, **_lb), keys(24), stats=_stats)
    hashed(_kind + "_localities_of_other_weights", hosts(locality(host("a", 1), host("b", 3), zone="zx", weight=5), locality("c", zone="zy", weight=2),
                                                         common_lb_config={"locality_weighted_lb_config": {}}, **_lb), keys(24), stats=_stats)
    hashed(_kind + "_locality_weightless", hosts(locality("a", zone="zx"), locality("b", "c", zone="zy", weight=3), common_lb_config={"locality_weighted_lb_config": {}}, **_lb), keys(8))
    hashed(_kind + "_locality_unhealthy", hosts(locality(host("a", health="UNHEALTHY"), zone="zx", weight=9), locality("b", "c", zone="zy", weight=3),
                                                common_lb_config={"locality_weighted_lb_config": {}}, **_lb), keys(8), stats=_stats)
    hashed(_kind + "_localities_unweighted", hosts(locality("a", zone="zx", weight=9), locality("b", "c", zone="zy", weight=1), **_lb))
    hashed(_kind + "_priorities", hosts(locality("a", host("d", health="UNHEALTHY")), locality("b", "c", priority=1), **_lb), keys(24))
    _named = policy({"ring": "ring_hash.v3.RingHash", "maglev": "maglev.v3.Maglev"}[_kind], consistent_hashing_lb_config={"use_hostname_for_hashing": True})
    hashed(_kind + "_by_hostname", hosts(locality(host("a", key=None, hostname="alpha"), host("b", key=None, hostname="beta"), host("c", key=None, hostname="gamma")), **_named))
    hashed(_kind + "_hash_key_before_hostname", hosts(locality(host("a", hostname="x"), host("b", hostname="x"), host("c", hostname="x")), **_named), keys(8))
    hashed(_kind + "_by_address", hosts(locality(*[host("a", key=None, address={"socket_address": {"address": f"127.0.0.{n}", "port_value": 1}}) for n in (2, 3, 4)]), **_lb),
           keys(12), no_log=False, log_format={"host": "%UPSTREAM_HOST%", "key": "%REQ(X-KEY)%"})
    hashed(_kind + "_no_hash", hosts(ABC, **_lb), burst(300, about={"200 a": 0.3333, "200 b": 0.3333, "200 c": 0.3333}), policies="[]")
    hashed(_kind + "_no_key", hosts(ABC, **_lb), burst(300, about={"200 a": 0.3333, "200 b": 0.3333, "200 c": 0.3333}))
    hashed(_kind + "_retry", hosts(ABC, **_lb), keys(8), up={n: [ok(n, status=503, reason="Bad")] for n in "abc"}, no_log=False, log_format={
        "key": "%REQ(X-KEY)%", "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"}, action=", retry_policy: {retry_on: 5xx, num_retries: 2, retry_host_predicate: [{name: p, typed_config: "
        "{'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], host_selection_retry_max_attempts: 3}")
    hashed(_kind + "_retry_same_host", hosts(ABC, **_lb), keys(4), up={n: [ok(n, status=503, reason="Bad")] for n in "abc"}, action=", retry_policy: {retry_on: 5xx, num_retries: 1}")
    hashed(_kind + "_ejected", hosts(ABC, outlier_detection={"consecutive_5xx": 1, "max_ejection_percent": 100}, common_lb_config={"update_merge_window": "0s"}, **_lb),
           burst(1, "/bad", "x-key: key-0") + stat_is("cluster.{{c1}}.outlier_detection.ejections_active", 1) + pause(0.02) + keys(12),
           up={n: {"*": [ok(n)], "/bad": [ok("bad", status=500)]} for n in "abc"})
hashed("ring_murmur", hosts(ABC, **ring(hash_function="MURMUR_HASH_2")), keys(40), stats=RING_STATS)
hashed("ring_murmur_long_keys", hosts(locality(host("a", key="a"), host("b", key="b" * 23), host("c", key="c" * 64)), **ring(hash_function="MURMUR_HASH_2")), keys(24))
hashed("ring_min_1", hosts(ABC, **ring(minimum_ring_size=1)), stats=RING_STATS)
hashed("ring_min_0", hosts(ABC, **ring(minimum_ring_size=0)), stats=RING_STATS)
hashed("ring_min_7", hosts(ABC, **ring(minimum_ring_size=7)), stats=RING_STATS)
hashed("ring_min_4096", hosts(locality(host("a", 1), host("b", 2)), **ring(minimum_ring_size=4096)), stats=RING_STATS)
hashed("ring_max_4", hosts(ABC, **ring(minimum_ring_size=1, maximum_ring_size=4)), stats=RING_STATS)
hashed("ring_max_2_of_3", hosts(ABC, **ring(minimum_ring_size=1, maximum_ring_size=2)), stats=RING_STATS)
hashed("ring_max_with_weights", hosts(locality(host("a", 1), host("b", 100)), **ring(minimum_ring_size=64, maximum_ring_size=64)), stats=RING_STATS)
hashed("maglev_table_31", hosts(ABC, **MAGLEV, **SMALL), keys(24), stats=MAGLEV_STATS)
hashed("maglev_table_2", hosts(ABC, **MAGLEV, maglev_lb_config={"table_size": 2}), keys(8), stats=MAGLEV_STATS)
hashed("maglev_table_7_weights", hosts(locality(host("a", 1), host("b", 2), host("c", 9)), **MAGLEV, maglev_lb_config={"table_size": 7}), keys(24), stats=MAGLEV_STATS)

# As extensions.
hashed("ring_policy", hosts(ABC, **policy("ring_hash.v3.RingHash")), stats=RING_STATS)
hashed("ring_policy_fields", hosts(locality(*[host(n, key=None, hostname="h" + n) for n in "abc"]), **policy(
    "ring_hash.v3.RingHash", hash_function="MURMUR_HASH_2", minimum_ring_size=5, maximum_ring_size=50, consistent_hashing_lb_config={"use_hostname_for_hashing": True})), stats=RING_STATS)
hashed("ring_policy_old_fields", hosts(locality(*[host(n, key=None, hostname="h" + n) for n in "abc"]), **policy(
    "ring_hash.v3.RingHash", use_hostname_for_hashing=True, hash_balance_factor=1000)))
hashed("ring_policy_old_field_beside_new", hosts(locality(host("a", key=None, hostname="x", address=None)), **policy(
    "ring_hash.v3.RingHash", use_hostname_for_hashing=True, consistent_hashing_lb_config={})), keys(2))
hashed("ring_policy_localities", hosts(locality("a", zone="zx", weight=1), locality("b", zone="zy", weight=7), **policy("ring_hash.v3.RingHash", locality_weighted_lb_config={})), keys(24))
hashed("maglev_policy", hosts(ABC, **policy("maglev.v3.Maglev")), stats=MAGLEV_STATS)
hashed("maglev_policy_fields", hosts(locality(*[host(n, key=None, hostname="h" + n) for n in "abc"]), **policy(
    "maglev.v3.Maglev", table_size=13, consistent_hashing_lb_config={"use_hostname_for_hashing": True})), stats=MAGLEV_STATS)
hashed("maglev_policy_localities", hosts(locality("a", zone="zx", weight=1), locality("b", zone="zy", weight=7), **policy("maglev.v3.Maglev", locality_weighted_lb_config={})), keys(24))

# No host gets much more than its share.
HELD = {n: {"*": until("go") + ok(n), "/quick": [ok(n)]} for n in "abc"}


def held(n):
    """Requests of one key that run at the same time: how many each host has."""
    out = [s for i in range(n) for s in send("GET / HTTP/1.1\r\nhost: h\r\nx-key: key-1\r\n\r\n", c=f"c{i}") + stat_is("cluster.{{c1}}.upstream_rq_active", i + 1)]
    return out + burst(1, "/quick", "x-key: key-1", c="quick") + signal("go") + [s for i in range(n) for s in read(c=f"c{i}")]


for _kind, _lb in (("ring", RING), ("maglev", MAGLEV)):
    for _factor in (100, 150):
        hashed(f"{_kind}_balance_{_factor}", hosts(ABC, common_lb_config={"consistent_hashing_lb_config": {"hash_balance_factor": _factor}}, **_lb), held(8), up=HELD)
hashed("ring_balance_weights", hosts(locality(host("a", 1), host("b", 2), host("c", 4)), common_lb_config={"consistent_hashing_lb_config": {"hash_balance_factor": 110}}, **RING), held(8), up=HELD)

# What is hashed.
ANY = {**RING}


def each(*requests):
    return [step for r in requests for step in burst(1, *r)]


hashed("header_twice", hosts(ABC, **ANY), each(*[("/", f"x-key: {a}", f"x-key: {b}") for a in "pqr" for b in "pqr"]))
hashed("header_empty", hosts(ABC, **ANY), each(("/", "x-key:"), ("/", "x-key: ")))
hashed("header_regex", hosts(ABC, **ANY), each(*[("/", f"x-key: u{n}-{m}") for n in range(4) for m in range(3)]),
       policies=r'[{header: {header_name: x-key, regex_rewrite: {pattern: {regex: "^(u\\d)-.*$"}, substitution: "\\1"}}}]')
hashed("header_pseudo", hosts(ABC, **ANY), each(*[(f"/{n}",) for n in range(8)]), policies="[{header: {header_name: ':path'}}]")
hashed("header_authority", hosts(ABC, **ANY), [s for n in range(6) for s in burst(1, "/", host=f"h{n}")], policies="[{header: {header_name: ':authority'}}]")
hashed("two_policies", hosts(ABC, **ANY), each(*[("/", f"x-a: {a}", f"x-b: {b}") for a in "pqr" for b in "pqr"], ("/", "x-a: p"), ("/", "x-b: p")),
       policies="[{header: {header_name: x-a}}, {header: {header_name: x-b}}]")
hashed("terminal", hosts(ABC, **ANY), each(*[("/", f"x-a: {a}", f"x-b: {b}") for a in "pq" for b in "pqr"], ("/", "x-b: p"), ("/", "x-b: q")),
       policies="[{header: {header_name: x-a}, terminal: true}, {header: {header_name: x-b}}]")
hashed("query_parameter", hosts(ABC, **ANY), each(*[(f"/?a=1&k={n}",) for n in range(8)], ("/?k=1&k=2",), ("/?k=",), ("/?k=%31",)), policies="[{query_parameter: {name: k}}]")
hashed("query_parameter_case", hosts(ABC, **ANY), each(*[(f"/?K={n}",) for n in range(8)]), policies="[{query_parameter: {name: K}}]")
hashed("cookie", hosts(ABC, **ANY), each(*[("/", f"cookie: a=b; k=v{n}; c=d") for n in range(8)], ("/", 'cookie: k="v1"'), ("/", "cookie: k=v1", "cookie: k=v2")), policies="[{cookie: {name: k}}]")
hashed("cookie_without_ttl_is_not_made", hosts(locality("a"), **ANY), get("/"), policies="[{cookie: {name: k}}]")
COOKIE = [(r'k="[0-9a-f]{16}"', 'k="<16 hex digits>"')]
for _name, _cookie in {"": "ttl: 60s", "_session": "ttl: 0s", "_path": "ttl: 3600s, path: /p", "_attributes": "ttl: 5s, path: /, attributes: [{name: SameSite, value: Strict}, {name: Secure}]",
                       "_fraction": "ttl: 1.9s"}.items():
    hashed("cookie_made" + _name, hosts(locality("a"), **ANY), get("/") + get("/", "cookie: k=here"), policies="[{cookie: {name: k, %s}}]" % _cookie, mask=COOKIE)
hashed("cookie_made_is_of_the_connection", hosts(locality("a", "b", "c", "d"), **ANY), burst(12), policies="[{cookie: {name: k, ttl: 60s}}]", mask=[(r"200 OK [abcd]$", "200 OK <one>")])
hashed("cookie_made_by_maglev", hosts(locality("a"), **MAGLEV), get("/"), policies="[{cookie: {name: k, ttl: 60s}}]", mask=COOKIE)
hashed("cookie_two_made", hosts(locality("a"), **ANY), get("/"), policies="[{cookie: {name: k, ttl: 60s}}, {cookie: {name: kk, ttl: 0s, path: /x}}]", mask=[
    (r'(kk?)="[0-9a-f]{16}"', r'\1="<16 hex digits>"')])
hashed("cookie_not_made_after_terminal", hosts(locality("a"), **ANY), get("/", "x-a: b"), policies="[{header: {header_name: x-a}, terminal: true}, {cookie: {name: k, ttl: 60s}}]")
hashed("cookie_made_with_retry", hosts(locality("a"), **ANY), get("/"), policies="[{cookie: {name: k, ttl: 60s}}]", mask=COOKIE, up={"a": [ok("x", status=503, reason="Bad"), ok("y")]},
       action=", retry_policy: {retry_on: 5xx}",
       differs="Envoy makes the cookie again with each try and sets it twice", outrigger={"steps": [{"status": "HTTP/1.1 200 OK", "body": "y", "headers": [
           "content-length: 1", "x-envoy-upstream-service-time: <ms>", 'set-cookie: k="<16 hex digits>"; Max-Age=60; HttpOnly', "date: <date>", "server: envoy"]}]})
hashed("cookie_not_made_by_round_robin", hosts(locality("a")), get("/"), policies="[{cookie: {name: k, ttl: 60s}}]")
hashed("cookie_not_told_without_host", hosts(locality(), **ANY), get("/"), policies="[{cookie: {name: k, ttl: 60s}}]")
hashed("source_ip", hosts(locality("a", "b", "c", "d"), **ANY), [s for n in range(1, 9) for s in dial(f"c{n}", source=f"127.0.0.{n}") + burst(1, c=f"c{n}")],
       policies="[{connection_properties: {source_ip: true}}]")
hashed("source_ip_of_xff", hosts(locality("a", "b", "c", "d"), **ANY), each(*[("/", f"x-forwarded-for: 10.0.0.{n}") for n in range(8)]), policies="[{connection_properties: {source_ip: true}}]",
       hcm="use_remote_address: false")
hashed("source_ip_off", hosts(ABC, **ANY), burst(300, about={"200 a": 0.3333, "200 b": 0.3333, "200 c": 0.3333}), policies="[{connection_properties: {source_ip: false}}]")
hashed("policies_need_a_hash_balancer", hosts(ABC), burst(9))
for _n, _lb in (("ring", RING), ("maglev", MAGLEV)):
    scenario(f"hash_tcp_source_ip_{_n}", kind="tcp", up={n: Tcp(raw(n) + fin()) for n in "abc"}, clusters={"c1": {"yaml": hosts(ABC, **_lb)}}, no_upstream=True, no_log=True,
             tcp='cluster: "{{c1}}"\nhash_policy: [{source_ip: {}}]', client=[s for k in range(1, 9) for s in dial(f"c{k}", source=f"127.0.0.{k}") + read_bytes(1, c=f"c{k}")])

NAMED = {"common_lb_config": {"consistent_hashing_lb_config": {"use_hostname_for_hashing": True}}}
for _name, _cluster in {"ring_min_above_max": ring(minimum_ring_size=10, maximum_ring_size=9), "ring_min_above_default_max": ring(minimum_ring_size=8388609),
                        "ring_max_below_default_min": ring(maximum_ring_size=1023), "ring_max_too_high": ring(maximum_ring_size=8388609),
                        "maglev_no_prime": {**MAGLEV, "maglev_lb_config": {"table_size": 65536}}, "maglev_1": {**MAGLEV, "maglev_lb_config": {"table_size": 1}},
                        "maglev_0": {**MAGLEV, "maglev_lb_config": {"table_size": 0}}, "maglev_too_large": {**MAGLEV, "maglev_lb_config": {"table_size": 5000012}},
                        "maglev_largest": {**MAGLEV, "maglev_lb_config": {"table_size": 5000011}},
                        "balance_99": {**RING, "common_lb_config": {"consistent_hashing_lb_config": {"hash_balance_factor": 99}}},
                        "ring_policy_min_0": policy("ring_hash.v3.RingHash", minimum_ring_size=0), "ring_policy_min_above_max": policy("ring_hash.v3.RingHash", minimum_ring_size=2, maximum_ring_size=1),
                        "maglev_policy_no_prime": policy("maglev.v3.Maglev", table_size=9), "ring_of_original_dst": {**RING, "type": "ORIGINAL_DST"},
                        **{"names_of_" + t.lower(): {**RING, "type": t, **NAMED, "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [{"endpoint": {
                            "address": {"socket_address": {"address": "localhost" if "DNS" in t else "127.0.0.1", "port_value": 1}}}}]}]}} for t in ("STATIC", "STRICT_DNS", "LOGICAL_DNS")},
                        "names_unused": NAMED,
                        "unused_ring_config": {"ring_hash_lb_config": {"minimum_ring_size": 10, "maximum_ring_size": 9}}}.items():
    _other = {"differs": "a ring without a part serves nobody", "outrigger": {"exit": 1, "ok": None}} if _name == "ring_policy_min_0" else {}
    scenario("hash_config_" + _name, kind="validate", **_other, config=json.dumps({"static_resources": {"clusters": [{"name": "c", "connect_timeout": "1s", **_cluster}]}}))

# Within subsets: tables of the hosts that a subset has.
SUBSETS = {"lb_subset_config": {"subset_selectors": [{"keys": ["v"]}, {"keys": ["v", "w"]}], "fallback_policy": "ANY_ENDPOINT"}}
PARTED = locality(host("a", v="1"), host("b", v="1", w="x"), host("c", v="2", w="x"), host("d", v="1", w="y"))
for _name, _lb in {"ring": RING, "maglev": MAGLEV}.items():
    for _case, _asked in {"one_key": '{v: "1"}', "two_keys": '{v: "1", w: x}', "nobody": '{v: "9"}', "nothing": "{}"}.items():
        hashed(f"{_name}_subset_{_case}", hosts(PARTED, **_lb, **SUBSETS), keys(24), action=", metadata_match: {filter_metadata: {envoy.lb: %s}}" % _asked)
    hashed(f"{_name}_subset_unhealthy", hosts(locality(host("a", v="1"), host("b", health="UNHEALTHY", v="1"), host("c", v="1"), host("d", v="2")), **_lb, **SUBSETS), keys(24),
           action=", metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}")
    hashed(f"{_name}_subset_panic", hosts(locality(host("a", health="UNHEALTHY", v="1"), host("b", health="UNHEALTHY", v="1"), host("c", v="1"), host("d", v="2")), **_lb, **SUBSETS), keys(24),
           action=", metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}", stats=["lb_healthy_panic", "lb_subsets_selected"])
    hashed(f"{_name}_subset_weights", hosts(locality(host("a", 1, v="1"), host("b", 5, v="1"), host("c", v="2")), **_lb, **SUBSETS), keys(24),
           action=", metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}")
