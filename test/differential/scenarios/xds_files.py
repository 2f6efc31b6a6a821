"""Config that comes after the bootstrap, out of files that are replaced: clusters, endpoints, listeners, routes."""
from harness.dsl import *

T = "type.googleapis.com/envoy."
BOOT = """
dynamic_resources:
  cds_config: {path_config_source: {path: "{{dir}}/cds.yaml"}}
  lds_config: {path_config_source: {path: "{{dir}}/lds.yaml"}}
"""
CDS, LDS, EDS, RDS = "cluster_manager.cds.", "listener_manager.lds.", "cluster.c.", "http.p.rds.r."


def push(version, *resources):
    return f'version_info: "{version}"\nresources:\n' + "".join(f"- {r}\n" for r in resources) if resources else f'version_info: "{version}"\nresources: []\n'


def cluster(name="c", more="", port="up.port", type="STATIC"):
    points = "" if type == "EDS" else (", load_assignment: {cluster_name: %s, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, "
                                       "port_value: {{%s}}}}}}]}]}" % (name, port))
    return '{"@type": %sconfig.cluster.v3.Cluster, name: %s, type: %s, connect_timeout: 1s%s%s}' % (T, name, type, points, more)


def eds(name="c", service="c", more=""):
    return cluster(name, ', eds_cluster_config: {service_name: "%s", eds_config: {path_config_source: {path: "{{dir}}/eds.yaml"}%s}}' % (service, more), type="EDS")


def point(port, more=""):
    return "{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{%s}}}}}%s}" % (port, more)


def assignment(*points, name="c", more=""):
    return '{"@type": %sconfig.endpoint.v3.ClusterLoadAssignment, cluster_name: %s, endpoints: [{lb_endpoints: [%s]%s}]}' % (T, name, ", ".join(points), more)


def to(cluster):
    return "{match: {prefix: /}, route: {cluster: %s}}" % cluster


def says(text):
    return "{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: %s}}}" % text


def routes(route, name="r", more=""):
    return '{"@type": %sconfig.route.v3.RouteConfiguration, name: %s, virtual_hosts: [{name: v, domains: ["*"], routes: [%s]}]%s}' % (T, name, route, more)


RDS_HERE = 'rds: {route_config_name: r, config_source: {path_config_source: {path: "{{dir}}/rds.yaml"}%s}}'


def listener(route=None, name="l", port="port2", hcm="", more="", wait=""):
    """No route: they come by RDS."""
    how = RDS_HERE % wait if route is None else 'route_config: {name: inline, virtual_hosts: [{name: v, domains: ["*"], routes: [%s]}]}' % route
    return ('{"@type": %sconfig.listener.v3.Listener, name: %s, address: {socket_address: {address: 127.0.0.1, port_value: {{%s}}}}, filter_chains: [{name: chain, filters: '
            '[{name: h, typed_config: {"@type": %sextensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: p, %s, %shttp_filters: '
            '[{name: r, typed_config: {"@type": %sextensions.filters.http.router.v3.Router}}]}}]}]%s}' % (T, name, port, T, how, hcm, T, more))


def ask(c="c", **kw):
    return new(c, "port2") + get("/", c=c, **kw)


def counts(prefix):
    return [prefix + n for n in ("update_attempt", "update_success", "update_failure", "update_rejected", "init_fetch_timeout", "version", "version_text")]


MANAGERS = ["cluster_manager." + n for n in ("cluster_added", "cluster_modified", "cluster_removed", "active_clusters", "warming_clusters", "cds.config_reload")] + [
    "listener_manager." + n for n in ("listener_added", "listener_modified", "listener_in_place_updated", "listener_removed", "total_listeners_active",
                                      "total_listeners_warming", "total_listeners_draining", "total_filter_chains_draining")]


def xds(name, client, cds=(), lds=(), stats=(), boot=BOOT, **files):
    scenario("xds_file_" + name, own=True, no_log=True, bootstrap=boot, client=client, stats=list(stats),
             up=files.pop("up", {"up": [ok("one")], "two": [ok("two")]}),
             files={"cds.yaml": push(1, *cds), "lds.yaml": push(1, *lds), **{n + ".yaml": t for n, t in files.items() if n in ("eds", "rds")}},
             **{n: v for n, v in files.items() if n not in ("eds", "rds")})


DATED = ("last_updated", "last_update_attempt")
PAGES = (admin("/config_dump?resource=dynamic_active_clusters", without=DATED) + admin("/config_dump?resource=dynamic_listeners", without=DATED)
         + admin("/config_dump?resource=dynamic_route_configs", without=DATED) + admin("/config_dump?resource=static_route_configs", without=DATED))

xds("all_kinds", ask() + PAGES + admin("/config_dump?resource=dynamic_endpoint_configs&include_eds") + admin("/clusters", keep="^c::(added|eds|obs|default_priority)"),
    [eds(service="svc")], [listener()], MANAGERS + counts(CDS) + counts(LDS) + counts(EDS) + counts(RDS) + [RDS + "config_reload", RDS + "update_empty", EDS + "update_empty"],
    eds=push(1, assignment(point("up.port"), name="svc")), rds=push(7, routes(to("c"))), mask=[(r"127\.0\.0\.1:\d+", "HOST")])
xds("nothing", get("/"), stats=MANAGERS + counts(CDS) + counts(LDS))
xds("inline_routes", ask() + PAGES, [cluster()], [listener(to("c"))])

# Routes.

xds("route_changes_under_a_connection", ask() + write("{{dir}}/rds.yaml", push(2, routes(says("new")))) + stat_is(RDS + "update_success", 2) + pause(0.05) + get("/"),
    lds=[listener()], rds=push(1, routes(says("old"))), stats=counts(RDS) + [RDS + "config_reload"] + MANAGERS)
xds("route_same_again", ask() + write("{{dir}}/rds.yaml", push(2, routes(says("old")))) + stat_is(RDS + "update_success", 2) + get("/"),
    lds=[listener()], rds=push(1, routes(says("old"))), stats=counts(RDS) + [RDS + "config_reload"])
xds("route_bad_then_good", ask() + write("{{dir}}/rds.yaml", push(2, routes("{match: {prefix: /}, route: {cluster: c}}, {match: {safe_regex: {regex: '['}}, route: {cluster: c}}")))
    + stat_is(RDS + "update_attempt", 2) + pause(0.05) + get("/") + write("{{dir}}/rds.yaml", push(3, routes(says("new")))) + stat_is(RDS + "update_success", 2) + pause(0.05) + get("/"),
    lds=[listener()], rds=push(1, routes(says("old"))), stats=counts(RDS))
xds("route_breaks_a_rule", ask() + write("{{dir}}/rds.yaml", push(2, routes("{match: {prefix: /}}"))) + stat_is(RDS + "update_attempt", 2) + pause(0.05) + get("/"),
    lds=[listener()], rds=push(1, routes(says("old"))), stats=counts(RDS))
xds("route_of_another_name", ask() + write("{{dir}}/rds.yaml", push(2, routes(says("new"), "other"))) + stat_is(RDS + "update_attempt", 2) + pause(0.05) + get("/"),
    lds=[listener()], rds=push(1, routes(says("old"))), stats=counts(RDS))
xds("route_to_a_cluster_that_is_not_there", ask(), lds=[listener()], rds=push(1, routes(to("nope"))), stats=counts(RDS))
xds("routes_shared_by_two_listeners", ask() + new("d", "port") + write("{{dir}}/rds.yaml", push(2, routes(says("new")))) + stat_is(RDS + "update_success", 2) + pause(0.05) + get("/"),
    lds=[listener()], rds=push(1, routes(says("old"))), stats=counts(RDS))

xds("route_no_yaml_at_first", ask() + write("{{dir}}/rds.yaml", push(2, routes(says("new")))) + stat_is(RDS + "update_success", 1) + pause(0.05) + get("/"),
    lds=[listener()], rds="resources: [", stats=counts(RDS) + MANAGERS)

# Clusters.

xds("cluster_comes", ask() + write("{{dir}}/cds.yaml", push(2, cluster())) + stat_is(CDS + "update_success", 2) + pause(0.05) + get("/"),
    lds=[listener()], rds=push(1, routes(to("c"))), stats=MANAGERS + counts(CDS))
xds("cluster_goes", ask() + write("{{dir}}/cds.yaml", push(2)) + stat_is("cluster_manager.cluster_removed", 1) + pause(0.05) + get("/")
    + write("{{dir}}/cds.yaml", push(3, cluster())) + stat_is(CDS + "update_success", 3) + pause(0.05) + get("/"),
    [cluster()], [listener()], rds=push(1, routes(to("c"))), stats=MANAGERS + counts(CDS))
xds("cluster_changes", ask() + write("{{dir}}/cds.yaml", push(2, cluster(port="two.port"))) + stat_is("cluster_manager.cluster_modified", 1) + pause(0.05) + get("/"),
    [cluster()], [listener()], rds=push(1, routes(to("c"))), stats=MANAGERS + counts(CDS) + ["cluster.c.upstream_rq_total"])
xds("cluster_same_again", ask() + write("{{dir}}/cds.yaml", push(2, cluster())) + stat_is(CDS + "update_success", 2) + get("/"),
    [cluster()], [listener()], rds=push(1, routes(to("c"))), stats=MANAGERS + counts(CDS) + ["cluster.c.upstream_cx_total"])
xds("cluster_twice", get("/") + write("{{dir}}/cds.yaml", push(2, cluster("a"), cluster("a", port="two.port"), cluster("b"))) + stat_is(CDS + "update_rejected", 1),
    [cluster("c")], stats=MANAGERS + counts(CDS))
xds("cluster_bad_among_good", get("/") + write("{{dir}}/cds.yaml", push(2, cluster("a"), cluster("bad", type="ORIGINAL_DST"), cluster("b"))) + stat_is(CDS + "update_rejected", 1),
    [cluster("c")], stats=[m for m in MANAGERS if "added" not in m] + counts(CDS))
NOBODYS = '{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: a.b/nope.X, value: {c: 1}}'
IN_STRUCT = '{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: %sextensions.filters.listener.%%s, value: {%%s}}' % T
IN_ANY = '{"@type": %sextensions.filters.listener.%%s, %%s}' % T
for _name, _config in (("type", NOBODYS), ("rule", '{"@type": %sextensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: "%s"}' % (T, "a" * 300)), ("number", '{"@type": %sextensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: {tls_params: {tls_maximum_protocol_version: 99}}}' % T)):
    xds("cluster_bad_extension_%s_among_good" % _name, get("/") + write("{{dir}}/cds.yaml", push(2, cluster("a"), cluster("bad", ", transport_socket: {name: x, typed_config: %s}" % _config), cluster("b")))
        + stat_is(CDS + "update_rejected", 1), [cluster("c")], stats=[m for m in MANAGERS if "added" not in m] + counts(CDS))
_refused = {LDS + "init_fetch_timeout": "0", LDS + "update_attempt": "1", LDS + "update_success": "0", LDS + "version": "0", LDS + "version_text": '""'}
_answer = {"body": "one", "headers": ["content-length: 3", "x-envoy-upstream-service-time: <ms>", "date: <date>", "server: envoy"], "status": "HTTP/1.1 200 OK"}
NAMES = {  # of no value of an enum
    "enum_name": {"differs": "Envoy ignores a value of no such name: it is the default. A text that is no config is refused whole", "outrigger": {
        "steps": [_answer, {"verdicts": {}}], "stats": {**_refused, LDS + "update_failure": "1", LDS + "update_rejected": "0", "listener_manager.total_listeners_active": "1"}}},
    "enum_name_in_struct": {"differs": "Envoy ignores a value of no such name: it is the default", "outrigger": {
        "steps": [_answer, {"verdicts": {"bad": "refused", "l": "served"}}], "stats": {**_refused, LDS + "update_failure": "0", LDS + "update_rejected": "1", "listener_manager.total_listeners_active": "2"}}}}
LIMIT = "stat_prefix: r, token_bucket: {max_tokens: 1, fill_interval: 1s}"
for _name, _config in {
    "unknown_struct": NOBODYS, "struct_without_type": '{"@type": type.googleapis.com/xds.type.v3.TypedStruct, value: {}}', "rule": IN_ANY % ("local_ratelimit.v3.LocalRateLimit", ""), "rule_in_struct": IN_STRUCT % ("local_ratelimit.v3.LocalRateLimit", ""),
    "unknown_field": IN_ANY % ("local_ratelimit.v3.LocalRateLimit", LIMIT + ", nope: 1"), "unknown_field_in_struct": IN_STRUCT % ("local_ratelimit.v3.LocalRateLimit", LIMIT + ", nope: 1"),
    "wrong_field_in_struct": IN_STRUCT % ("local_ratelimit.v3.LocalRateLimit", "stat_prefix: {a: 1}"), "wrong_field": IN_ANY % ("local_ratelimit.v3.LocalRateLimit", "stat_prefix: {a: 1}"),
    "unknown_type": '{"@type": type.googleapis.com/nope.X}', "enum_number": IN_ANY % ("proxy_protocol.v3.ProxyProtocol", "disallowed_versions: [7]"), "enum_name": IN_ANY % ("proxy_protocol.v3.ProxyProtocol", "disallowed_versions: [NOPE]"),
    "enum_name_in_struct": IN_STRUCT % ("proxy_protocol.v3.ProxyProtocol", "disallowed_versions: [NOPE]"),
}.items():
    xds("listener_bad_%s_among_good" % _name, get("/") + verdicts(), [cluster("c")],
        [listener(says("bad"), name="bad", port="port3", more=", listener_filters: [{name: x, typed_config: %s}]" % _config).replace("{{port3}}", "0"), listener(says("good"))],
        stats=["listener_manager.total_listeners_active"] + counts(LDS), **NAMES.get(_name, {}))
xds("cluster_breaks_a_rule", get("/") + write("{{dir}}/cds.yaml", push(2, cluster("a"), cluster("b", ", lb_policy: 99"))) + stat_is(CDS + "update_attempt", 2) + pause(0.05),
    [cluster("c")], stats=MANAGERS + counts(CDS))
xds("cluster_of_the_bootstrap_stays", get("/") + write("{{dir}}/cds.yaml", push(2, cluster("{{up}}", port="two.port"))) + stat_is(CDS + "update_success", 2) + pause(0.05) + get("/")
    + write("{{dir}}/cds.yaml", push(3)) + stat_is(CDS + "update_success", 3) + get("/"), routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}', stats=MANAGERS + counts(CDS))
xds("clusters_no_yaml", get("/") + write("{{dir}}/cds.yaml", "resources: [") + stat_is(CDS + "update_attempt", 2) + pause(0.05) + write("{{dir}}/cds.yaml", push(3, cluster())) + stat_is(CDS + "update_attempt", 3),
    [cluster("c")], stats=MANAGERS + counts(CDS))
xds("clusters_of_another_type", get("/") + write("{{dir}}/cds.yaml", push(2, listener(says("x")))) + stat_is(CDS + "update_attempt", 2) + pause(0.05), [cluster("c")], stats=MANAGERS + counts(CDS))

# Endpoints.

xds("endpoints_move", ask() + write("{{dir}}/eds.yaml", push(2, assignment(point("two.port")))) + stat_is(EDS + "update_success", 2) + pause(0.05) + get("/"),
    [eds()], [listener()], eds=push(1, assignment(point("up.port"))), rds=push(1, routes(to("c"))),
    stats=counts(EDS) + [EDS + n for n in ("membership_change", "membership_total", "update_no_rebuild", "upstream_cx_total", "max_host_weight")])
def levels(*by_priority):
    """Hosts by priority."""
    return '{"@type": %sconfig.endpoint.v3.ClusterLoadAssignment, cluster_name: c, endpoints: [%s]}' % (T, ", ".join(
        "{priority: %d, lb_endpoints: [%s]}" % (p, ", ".join(point(h + ".port") for h in hosts)) for p, hosts in enumerate(by_priority)))


for name, after in {"same": [["up"], ["two"]], "second_leaves": [["up"]], "first_leaves": [[], ["two"]], "both_leave": [], "swap": [["two"], ["up"]],
                    "move_up": [["up", "two"]], "move_down": [[], ["up", "two"]]}.items():
    xds("endpoints_of_priorities_" + name, ask() + write("{{dir}}/eds.yaml", push(2, levels(*after))) + stat_is(EDS + "update_success", 2) + pause(0.05),
        [eds()], [listener()], eds=push(1, levels(["up"], ["two"])), rds=push(1, routes(to("c"))),
        stats=[EDS + n for n in ("membership_change", "membership_total", "update_no_rebuild")])
xds("endpoints_go_and_come", ask() + write("{{dir}}/eds.yaml", push(2, assignment())) + stat_is(EDS + "update_success", 2) + pause(0.05) + get("/")
    + write("{{dir}}/eds.yaml", push(3, assignment(point("two.port")))) + stat_is(EDS + "update_success", 3) + pause(0.05) + get("/"),
    [eds()], [listener()], eds=push(1, assignment(point("up.port"))), rds=push(1, routes(to("c"))),
    stats=counts(EDS) + [EDS + n for n in ("membership_change", "membership_total", "update_empty")])
xds("endpoints_same_again", ask() + write("{{dir}}/eds.yaml", push(2, assignment(point("up.port")))) + stat_is(EDS + "update_success", 2) + pause(0.05) + get("/"),
    [eds()], [listener()], eds=push(1, assignment(point("up.port"))), rds=push(1, routes(to("c"))),
    stats=counts(EDS) + [EDS + n for n in ("membership_change", "membership_total", "update_no_rebuild", "upstream_cx_total")])
xds("endpoint_weight_keeps_its_connection", ask() + write("{{dir}}/eds.yaml", push(2, assignment(point("up.port", ", load_balancing_weight: 7"))))
    + stat_is(EDS + "max_host_weight", 7) + pause(0.05) + get("/") + admin("/clusters", keep="weight|cx_total|rq_total"),
    [eds()], [listener()], eds=push(1, assignment(point("up.port"))), rds=push(1, routes(to("c"))), mask=[(r"127\.0\.0\.1:\d+", "HOST")],
    stats=counts(EDS) + [EDS + n for n in ("membership_change", "membership_total", "update_no_rebuild", "upstream_cx_total", "max_host_weight")])
for health in ("UNHEALTHY", "DRAINING", "TIMEOUT"):
    xds("endpoint_turns_" + health.lower(), ask() + write("{{dir}}/eds.yaml", push(2, assignment(point("up.port", ", health_status: " + health), point("two.port"))))
        + stat_is(EDS + "update_success", 2) + pause(0.05) + get("/") + get("/") + admin("/clusters", keep="health_flags"),
        [eds()], [listener()], eds=push(1, assignment(point("up.port"))), rds=push(1, routes(to("c"))), mask=[(r"127\.0\.0\.1:\d+", "HOST")],
        stats=[EDS + n for n in ("membership_change", "membership_total", "membership_healthy", "membership_degraded", "membership_excluded")])
xds("endpoints_of_another_name", get("/"), [eds(more=", initial_fetch_timeout: 0.2s")], eds=push(1, assignment(point("up.port"), name="other")), stats=counts(EDS) + MANAGERS)
xds("endpoint_twice", ask() + get("/"), [eds()], [listener()], eds=push(1, assignment(point("up.port"), point("up.port"))), rds=push(1, routes(to("c"))),
    stats=[EDS + n for n in ("membership_change", "membership_total")])
xds("endpoints_break_a_rule", ask() + write("{{dir}}/eds.yaml", push(2, assignment(point("two.port", ", load_balancing_weight: 0")))) + stat_is(EDS + "update_attempt", 2) + pause(0.05) + get("/"),
    [eds()], [listener()], eds=push(1, assignment(point("up.port"))), rds=push(1, routes(to("c"))), stats=counts(EDS))

xds("endpoints_no_yaml_at_first", ask() + write("{{dir}}/eds.yaml", push(2, assignment(point("up.port")))) + stat_is(EDS + "update_success", 1) + pause(0.05) + get("/"),
    [eds()], [listener()], eds="resources: [", rds=push(1, routes(to("c"))), stats=counts(EDS) + MANAGERS)

# Listeners.

SAYS_OLD = {"body": "old", "headers": ["content-length: 3", "content-type: text/plain", "date: <date>", "server: envoy"], "status": "HTTP/1.1 200 OK"}
xds("listener_changes_in_place", ask() + write("{{dir}}/lds.yaml", push(2, listener(says("new")))) + stat_is("listener_manager.listener_in_place_updated", 1) + pause(0.05)
    + ask("d"), lds=[listener(says("old"))], stats=MANAGERS + counts(LDS))
xds("listener_changes_altogether", ask() + write("{{dir}}/lds.yaml", push(2, listener(says("new"), more=", per_connection_buffer_limit_bytes: 9999")))
    + stat_is("listener_manager.listener_modified", 1) + pause(0.05) + ask("d"), lds=[listener(says("old"))], stats=MANAGERS + counts(LDS))
xds("listener_same_again", ask() + write("{{dir}}/lds.yaml", push(2, listener(says("old")))) + stat_is(LDS + "update_success", 2) + pause(0.05) + get("/"),
    lds=[listener(says("old"))], stats=MANAGERS + counts(LDS))
xds("listener_comes", get("/") + write("{{dir}}/lds.yaml", push(2, listener(says("hi")))) + stat_is("listener_manager.total_listeners_active", 2) + pause(0.05) + ask("d"),
    stats=MANAGERS + counts(LDS))
xds("listener_goes", ask() + write("{{dir}}/lds.yaml", push(2)) + stat_is("listener_manager.listener_removed", 1) + pause(0.05), lds=[listener(says("old"))], stats=MANAGERS + counts(LDS))
xds("listener_twice", get("/") + write("{{dir}}/lds.yaml", push(2, listener(says("a")), listener(says("b")))) + stat_is(LDS + "update_rejected", 1) + pause(0.05) + ask("d"),
    stats=MANAGERS + counts(LDS))
xds("listener_address_taken_by_another", ask() + write("{{dir}}/lds.yaml", push(2, listener(says("old")), listener(says("x"), "m"))) + stat_is(LDS + "update_rejected", 1) + pause(0.05) + ask("d"),
    lds=[listener(says("old"))], stats=MANAGERS + counts(LDS))
xds("listener_breaks_a_rule", ask() + write("{{dir}}/lds.yaml", push(2, listener(says("new")).replace("stat_prefix: p", "stat_prefix: ''")))
    + stat_is(LDS + "update_rejected", 1) + pause(0.05) + ask("d"), lds=[listener(says("old"))], stats=MANAGERS + counts(LDS))
xds("listener_serves_when_the_routes_of_the_next_are_refused", ask() + write("{{dir}}/lds.yaml", push(2, listener())) + stat_is(RDS + "update_rejected", 1) + pause(0.05)
    + ask("d") + write("{{dir}}/rds.yaml", push(2, routes(says("here")))) + stat_is(RDS + "update_success", 1) + pause(0.05) + ask("e"),
    lds=[listener(says("old"))], rds=push(1, routes(says("there"), "other")), stats=counts(LDS) + counts(RDS),
    differs="a listener whose routes are refused does not take the place of one that serves", outrigger={"steps": [SAYS_OLD, SAYS_OLD, {**SAYS_OLD, "body": "here", "headers": [
        "content-length: 4"] + SAYS_OLD["headers"][1:]}]})

# What a bootstrap may say.


def config(name, text, differs=None):
    scenario("xds_config_" + name, kind="validate", config="node: {id: node, cluster: c}\n" + text, **({"differs": differs, "outrigger": {"exit": 1, "ok": None}} if differs else {}))


def manager(rds):
    return ('static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, filter_chains: [{filters: [{name: h, typed_config: '
            '{"@type": %sextensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: p, rds: %s, http_filters: '
            '[{name: r, typed_config: {"@type": %sextensions.filters.http.router.v3.Router}}]}}]}]}]}\n' % (T, rds, T))


config("cds_no_file", "dynamic_resources: {cds_config: {path_config_source: {path: /nonexistent/cds.yaml}}}\n")
config("lds_no_file", "dynamic_resources: {lds_config: {path: /nonexistent/lds.yaml}}\n", "Envoy finds it when it starts")
config("cds_no_source", "dynamic_resources: {cds_config: {resource_api_version: V3}}\n")
config("ads_without_config", "dynamic_resources: {cds_config: {ads: {}, resource_api_version: V3}}\n", "there is no stream that they could come from")
config("ads_unknown_cluster", "dynamic_resources: {ads_config: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: nope}}]}}\n")
config("ads_no_service", "dynamic_resources: {ads_config: {api_type: GRPC, transport_api_version: V3}}\n")
config("eds_no_config", "static_resources: {clusters: [{name: c, type: EDS}]}\n")
config("eds_no_file", "static_resources: {clusters: [{name: c, type: EDS, eds_cluster_config: {eds_config: {path_config_source: {path: /nonexistent/eds.yaml}}}}]}\n")
config("eds_config_of_a_static_cluster", "static_resources: {clusters: [{name: c, eds_cluster_config: {eds_config: {path: /nonexistent/eds.yaml}}}]}\n")
config("rds_no_name", manager("{config_source: {path_config_source: {path: /dev/null}}}"), "routes without a name cannot be asked for")
config("rds_no_source", manager("{route_config_name: r}"))
config("rds_no_file", manager("{route_config_name: r, config_source: {path: /nonexistent/rds.yaml}}"))
