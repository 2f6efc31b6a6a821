"""The policy override_host: hosts that a request names by header or metadata, and the policy within it when none of them is there."""
import json

from harness.dsl import *

UPS = {n: [ok(n)] for n in "abcd"}
TYPE = "type.googleapis.com/envoy.extensions."
WANTED = "x-gateway-destination-endpoint"
STATS = ["lb_healthy_panic", "upstream_cx_none_healthy"]
FORM = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "served": "of lb: %DYNAMIC_METADATA(envoy.lb)%", "other": "of other: %DYNAMIC_METADATA(other)%"}
LOG = {"log_format": FORM}


def policy(name, **config):
    return {"policies": [{"typed_extension_config": {"name": name, "typed_config": {"@type": TYPE + "load_balancing_policies." + name, **config}}}]}


def key(name, *path):
    return {"key": name, "path": [{"key": part} for part in path]}


def override(*sources, within=None, **config):
    return policy("override_host.v3.OverrideHost", **({"override_host_sources": list(sources)} if sources else {}), fallback_policy=within or policy("round_robin.v3.RoundRobin"), **config)


def host(up, health=None, **metadata):
    out = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": "{{%s.port}}" % up}}}}
    if health:
        out["health_status"] = health
    if metadata:
        out["metadata"] = {"filter_metadata": {"envoy.lb": metadata}}
    return out


def hosts(*levels, **more):
    levels = [[host(h) if isinstance(h, str) else h for h in level] for level in levels]
    return {"load_assignment": {"endpoints": [{"lb_endpoints": level, **({"priority": i} if i else {})} for i, level in enumerate(levels)]}, **more}


HEADER = {"header": WANTED}
METADATA = {"metadata": key("envoy.lb", WANTED)}
ABC = hosts("abc")


def case(name, balancing, client, members=ABC, up=None, route="", more=None, **kw):
    if "log_format" not in kw:
        kw["no_log"] = True
    yaml = json.dumps({**members, "load_balancing_policy": balancing, **(more or {})})
    kw.setdefault("routes", '- {match: {prefix: /}, route: {cluster: "{{c1}}"%s}}' % route)
    kw.setdefault("stats", ["cluster.{{c1}}." + s for s in STATS])
    scenario("override_host_" + name, up=up or UPS, clusters={"c1": {"yaml": yaml}}, no_upstream=True, client=client, **kw)


def at(*ups):
    return ",".join("127.0.0.1:{{%s.port}}" % up for up in ups)


def asks(*values, path="/", name=WANTED):
    return get(path, *(f"{name}: {v}" for v in values))


# ---- by header

case("header", override(HEADER), [s for up in "abc" for s in asks(at(up)) * 3])
case("header_in_capitals", override({"header": "X-Gateway-Destination-Endpoint"}), asks(at("b")) * 3)
case("header_twice", override(HEADER), asks(at("b"), at("c")) * 3)
case("list", override(HEADER), asks(at("c", "b")) * 3)
case("list_with_space", override(HEADER), asks("\t " + at("c") + " , " + at("b")) * 3)
for _name, _value in {"no_member": at("d"), "empty": "", "commas": ",, ,", "no_port": "127.0.0.1", "text": "hello", "name": "localhost:{{b.port}}", "scheme": "http://" + at("b"), "long": "x" * 3000}.items():
    case("header_" + _name, override(HEADER), asks(_value) * 2 + asks(at("a")), hosts("a"))
case("list_members_only", override(HEADER), asks(at("d", "b")) * 3)
case("list_empty_first", override(HEADER), asks(", ," + at("b")) * 3)
case("quoted", override(HEADER), asks('"' + at("b") + '"'), hosts("a"))
case("pseudo_header", override({"header": ":authority"}), get("/", host=at("c")) * 3)
for _health in ("UNHEALTHY", "DEGRADED", "DRAINING", "TIMEOUT"):
    case("host_" + _health.lower(), override(HEADER), asks(at("b")) * 2, hosts(["a", host("b", _health)]))
case("statuses_none", override(HEADER), asks(at("b")) * 2, more={"common_lb_config": {"override_host_status": {"statuses": ["UNHEALTHY"]}}})
case("lower_priority", override(HEADER), asks(at("b")) * 2, hosts("a", "b"))
case("no_members", override(HEADER), asks(at("b")), hosts(), **LOG)

# ---- by metadata

RULES = {"name": "h", "typed_config": {"@type": TYPE + "filters.http.header_to_metadata.v3.Config", "request_rules": [
    {"header": "x-m", "on_header_present": {"metadata_namespace": "envoy.lb", "key": WANTED, "type": "STRING"}},
    {"header": "x-n", "on_header_present": {"metadata_namespace": "envoy.lb", "key": WANTED, "type": "NUMBER"}}]}}
FILTERS = json.dumps([RULES])
case("metadata", override(METADATA), [s for up in "abc" for s in asks(at(up), name="x-m") * 3], filters=FILTERS)
case("metadata_list", override(METADATA), asks(at("d", "c", "b"), name="x-m") * 3, filters=FILTERS)
case("metadata_number", override(METADATA), asks("1", name="x-n"), hosts("a"), filters=FILTERS)
case("metadata_missing", override({"metadata": key("envoy.lb", "x", "inner")}), asks(at("b"), name="x-m"), hosts("a"), filters=FILTERS)
NESTED = {"name": "s", "typed_config": {"@type": TYPE + "filters.http.set_metadata.v3.Config", "metadata": [{"metadata_namespace": "other", "value": {"x": {"inner": "127.0.0.1:{{c.port}}"}, "z": "old"}}]}}
case("metadata_nested", override({"metadata": key("other", "x", "inner")}), get("/") * 3, filters=json.dumps([NESTED]))
for _name, _sources in {"header_first": [HEADER, METADATA], "metadata_first": [METADATA, HEADER]}.items():
    case(_name, override(*_sources), get("/", f"{WANTED}: {at('b')}", "x-m: " + at("c")) * 2, filters=FILTERS)
    case(_name + "_not_there", override(*_sources), get("/", f"{WANTED}: {at('d')}", "x-m: " + at("c")) * 2 + get("/", "x-m: " + at("d"), f"{WANTED}: {at('b')}") * 2, filters=FILTERS)

# ---- retries

BAD = {**UPS, "a": [ok("x", status=503, reason="Bad")], "b": [ok("x", status=503, reason="Bad")]}
RETRY = ', retry_policy: {retry_on: "5xx", num_retries: %d, retry_back_off: {base_interval: 0.001s, max_interval: 0.001s}%s}'
case("retry_next", override(HEADER), asks(at("a", "d", "c")) * 2, up=BAD, route=RETRY % (1, ""))
case("retry_spent", override(HEADER), asks(at("a")) * 2, hosts("ac"), up=BAD, route=RETRY % (2, ', retry_host_predicate: [{name: p, typed_config: {"@type": %sretry.host.previous_hosts.v3.PreviousHostsPredicate}}], host_selection_retry_max_attempts: 9' % TYPE))
case("retry_same_again", override(HEADER), asks(at("a", "a", "b", "c")), up=BAD, route=RETRY % (3, ""), log_format={"count": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"})
case("retry_tried_before", override(HEADER), asks(at("a", "a", "c")), up=BAD, log_format={"count": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"},
     route=RETRY % (3, ', retry_host_predicate: [{name: p, typed_config: {"@type": %sretry.host.previous_hosts.v3.PreviousHostsPredicate}}]' % TYPE))
case("refused_next", override(HEADER), asks(at("a", "c")), up={**UPS, "a": REFUSE}, route=', retry_policy: {retry_on: "connect-failure", num_retries: 1}')

# ---- what was chosen is told

case("selected", override(HEADER, selected_host_key=key("envoy.lb", WANTED + "-served")), asks(at("b")) + asks(at("d")) + get("/"), hosts("b"), **LOG)
case("selected_nested", override(HEADER, selected_host_key=key("other", "x", "w")), asks(at("b")), filters=json.dumps([NESTED]), **LOG)
case("selected_replaces", override(METADATA, selected_host_key=key("envoy.lb", WANTED)), asks(at("d", "b"), name="x-m"), filters=FILTERS, **LOG)
case("selected_none", override(HEADER, selected_host_key=key("envoy.lb", "s")), asks(at("b")), hosts(), **LOG)
case("selected_last", override(HEADER, selected_host_key=key("envoy.lb", "s")), asks(at("a", "c")), up=BAD, route=RETRY % (1, ""), **LOG)

# ---- within it, and around it

case("within_random", override(HEADER, within=policy("random.v3.Random")), asks(at("b")) * 3 + get("/"), hosts("b"))
case("within_least_request", override(HEADER, within=policy("least_request.v3.LeastRequest")), asks(at("b")) * 3)
for _name in ("ring_hash.v3.RingHash", "maglev.v3.Maglev"):
    case("within_" + _name.split(".")[0], override(HEADER, within=policy(_name)), asks(at("b")) * 3 + asks(at("d")) + get("/"), hosts("b"))
VERSIONS = hosts([host("a", v="1"), host("b", v="2"), host("c", v="2")])
SUBSET = policy("subset.v3.Subset", subset_selectors=[{"keys": ["v"]}], subset_lb_policy=policy("round_robin.v3.RoundRobin"))
case("within_subset", override(HEADER, within=SUBSET), asks(at("c")) * 2 + get("/") * 2, VERSIONS, route=", metadata_match: {filter_metadata: {envoy.lb: {v: '1'}}}")
SESSION = {"name": "s", "typed_config": {"@type": TYPE + "filters.http.stateful_session.v3.StatefulSession", "session_state": {"name": "envoy.http.stateful_session.header", "typed_config": {
    "@type": TYPE + "http.stateful_session.header.v3.HeaderBasedSessionState", "name": "x-session"}}}}
case("session_goes_before", override(HEADER, selected_host_key=key("envoy.lb", "s")), get("/", f"{WANTED}: {at('b')}", "x-session: {{c.address64}}") * 2, filters=json.dumps([SESSION]), **LOG)


# ---- others than the router: copies of requests, raw connections

case("mirrored", override(HEADER), asks(at("c")) * 4 + seen(4, "c"), hosts("bc"), up={n: [ok(n)] for n in "abc"},
     routes='- {match: {prefix: /}, route: {cluster: "{{a}}", request_mirror_policies: [{cluster: "{{c1}}"}]}}')


def tcp(name, balancing, client, members=hosts(["up"]), up=None, **kw):
    scenario("override_host_tcp_" + name, kind="tcp", up=up or {"up": Tcp(raw("x") + fin())}, clusters={"up": {"yaml": json.dumps({**members, "load_balancing_policy": balancing})}},
             log_format={"flags": "%RESPONSE_FLAGS%", "served": "of lb: %DYNAMIC_METADATA(envoy.lb)%"}, client=client, **kw)


ONE = new() + raw_all() + half_close()
tcp("header", override(HEADER), ONE)
tcp("metadata", override(METADATA), ONE)
tcp("selected", override(METADATA, selected_host_key=key("envoy.lb", "s")), ONE)
tcp("selected_refused", override(METADATA, selected_host_key=key("envoy.lb", "s")), new() + raw_all(), up={"up": REFUSE})
tcp("selected_none", override(METADATA, selected_host_key=key("envoy.lb", "s")), new() + raw_all(), members=hosts())

# ---- configs

ROUND = policy("round_robin.v3.RoundRobin")
for _name, _policy in {"fine": override(HEADER, METADATA), "no_sources": override(), "empty_source": override({}), "two_in_one": override({**HEADER, **METADATA}),
                       "no_fallback": policy("override_host.v3.OverrideHost", override_host_sources=[HEADER]), "fallback_empty": override(HEADER, within={"policies": []}),
                       "fallback_unknown": override(HEADER, within={"policies": [{"typed_extension_config": {"name": "nope", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {}}}}]}),
                       "second_fallback": override(HEADER, within={"policies": [{"typed_extension_config": {"name": "nope", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct", "value": {}}}}] + ROUND["policies"]}),
                       "bad_header": override({"header": "a\nb"}), "metadata_without_path": override({"metadata": {"key": "k"}}), "metadata_without_key": override({"metadata": {"path": [{"key": "x"}]}}),
                       "selected_without_path": override(HEADER, selected_host_key={"key": "k"}), "ring_of_wrong_sizes": override(HEADER, within=policy("ring_hash.v3.RingHash", minimum_ring_size=9, maximum_ring_size=3))}.items():
    scenario("override_host_config_" + _name, kind="validate", config=json.dumps({"static_resources": {"clusters": [{"name": "c", "connect_timeout": "1s", "load_balancing_policy": _policy}]}}))
