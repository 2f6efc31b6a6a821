"""HTTP filters whose config comes later (ECDS), out of files that are replaced."""
from harness.dsl import *
from harness.hello import hello

T = "type.googleapis.com/envoy."
FAULT = T + "extensions.filters.http.fault.v3.HTTPFault"
STATE = T + "extensions.filters.http.set_filter_state.v3.Config"
ROUTER = T + "extensions.filters.http.router.v3.Router"
ECDS = "extension_config_discovery.http_filter.f."


def push(version, *resources):
    return f'version_info: "{version}"\nresources:\n' + "".join(f"- {r}\n" for r in resources) if resources else f'version_info: "{version}"\nresources: []\n'


def extension(config, name="f"):
    return '{"@type": %sconfig.core.v3.TypedExtensionConfig, name: %s, typed_config: %s}' % (T, name, config)


def fault(status, more=""):
    return '{"@type": %s, abort: {http_status: %d, percentage: {numerator: 100}}%s}' % (FAULT, status, more)


ROUTING = '{"@type": %s}' % ROUTER
STATEFUL = '{"@type": %s, on_request_headers: [{object_key: k, factory_key: envoy.string, format_string: {text_format_source: {inline_string: v}}}]}' % STATE


def discovery(types=(FAULT,), more="", file="ecds"):
    return '{config_source: {path_config_source: {path: "{{dir}}/%s.yaml"}}, type_urls: [%s]%s}' % (file, ", ".join(types), more)


def late(types=(FAULT,), more="", name="f", around=""):
    return "- {name: %s, config_discovery: %s%s}\n" % (name, discovery(types, more), around)


def default(config, at_once=False):
    return ", default_config: " + config + (", apply_default_config_without_warming: true" if at_once else "")


COUNTS = [ECDS + n for n in ("update_attempt", "update_success", "update_failure", "update_rejected", "init_fetch_timeout", "version", "version_text", "config_reload", "config_fail", "config_conflict")]
DUMP = admin("/config_dump?resource=ecds_filters", without=("last_updated",))


def ecds(name, client, *first, filters=None, stats=(), files={}, **kw):
    scenario("ecds_" + name, own=True, client=client, filters=late() if filters is None else filters, stats=COUNTS + list(stats), files={"ecds.yaml": push(1, *first), **files},
             **{"log_format": {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"}, **kw})


def then(version, *resources, attempts=None, good=None):
    done = stat_is(ECDS + "update_success", good) if good else stat_is(ECDS + "update_attempt", attempts or version) + pause(0.05)
    return write("{{dir}}/ecds.yaml", push(version, *resources)) + done + pause(0.05)


F = extension(fault(418))
ecds("filter_comes", get("/") + DUMP, F)
ecds("filter_changes_under_a_connection", get("/") + then(2, extension(fault(419)), good=2) + get("/") + then(3, extension('{"@type": %s}' % FAULT), good=3) + get("/"), F)
ecds("same_again", get("/") + then(2, F, good=2) + get("/") + DUMP, F)
ecds("of_another_type", get("/") + then(2, extension(STATEFUL)) + get("/") + DUMP + then(3, extension(fault(420)), good=2) + get("/"), F)
ecds("of_another_type_at_first", get("/") + DUMP, extension(STATEFUL))
ecds("of_another_type_at_first_with_a_default", get("/"), extension(STATEFUL), filters=late(more=default(fault(499))))
ecds("of_another_name", get("/") + then(2, extension(fault(419), "g")) + get("/") + DUMP, F)
ecds("two_resources", get("/") + then(2, F, extension(fault(419), "g")) + get("/"), F)
ecds("no_resource", get("/") + then(2) + get("/") + DUMP, F)
ecds("no_resource_at_first", get("/") + get("/", "content-type: application/grpc") + DUMP + then(2, F, good=1) + get("/"))
ecds("no_resource_at_first_with_a_default", get("/") + DUMP + then(2, F, good=1) + get("/"), filters=late(more=default(fault(499))))
ecds("default_at_once", get("/"), F, filters=late(more=default(fault(499), True)))
ecds("breaks_a_rule", get("/") + then(2, extension('{"@type": %s, abort: {http_status: 99}}' % FAULT)) + get("/") + DUMP, F)
ecds("without_config", get("/") + then(2, '{"@type": %sconfig.core.v3.TypedExtensionConfig, name: f}' % T) + get("/"), F)
ecds("of_unknown_type", get("/") + then(2, extension('{"@type": type.googleapis.com/google.protobuf.Duration, value: 1s}')) + get("/"), F)
ecds("file_of_listeners", get("/") + then(2, '{"@type": %sconfig.listener.v3.Listener, name: f}' % T) + get("/"), F)
ecds("not_yaml", get("/") + write("{{dir}}/ecds.yaml", "resources: [") + stat_is(ECDS + "update_attempt", 2) + pause(0.05) + get("/"), F)
ecds("several_types", get("/") + then(2, extension(STATEFUL), good=2) + get("/") + then(3, F, good=3) + get("/"), F, filters=late((FAULT, STATE)))
ecds("two_filters_of_one_name", get("/"), F, filters=late() + late((STATE,)))
ecds("two_filters_of_one_name_and_type", get("/"), extension(STATEFUL), filters=late((STATE,)) + late((STATE,)))
ecds("disabled", get("/on") + get("/off"), F, filters=late(around=", disabled: true"), vhosts="""
- name: v
  domains: ["*"]
  routes:
  - {match: {prefix: /on}, route: {cluster: "{{up}}"}, typed_per_filter_config: {f: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}}}
  - {match: {prefix: /}, route: {cluster: "{{up}}"}}
""")
ecds("override_of_a_route", get("/o") + get("/") + then(2, extension(fault(419)), good=2) + get("/o") + get("/"), F, vhosts="""
- name: v
  domains: ["*"]
  routes:
  - {match: {prefix: /o}, route: {cluster: "{{up}}"}, typed_per_filter_config: {f: %s}}
  - {match: {prefix: /}, route: {cluster: "{{up}}"}}
""" % fault(451))
ecds("router_comes", get("/") + DUMP, extension(ROUTING, "r"), filters="#", hcm="http_filters: [{name: r, config_discovery: %s}]" % discovery((ROUTER,)), stats=[])
ecds("not_the_last", get("/") + then(2, extension(ROUTING)) + get("/"), F, filters=late((FAULT, ROUTER)))
ecds("optional", get("/") + then(2, F, good=1) + get("/"), filters=late(around=", is_optional: true"))


def other(filters, port="{{port2}}"):
    """A listener besides, whose filter of that name comes from the same place."""
    return ('{"@type": %sconfig.listener.v3.Listener, name: other, address: {socket_address: {address: 127.0.0.1, port_value: %s}}, filter_chains: [{filters: [{name: h, typed_config: {"@type": '
            '%sextensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: q, http_filters: [%s, {name: r, typed_config: {"@type": %s}}], '
            'route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 207}}]}]}}}]}]}' % (T, port, T, filters[2:].rstrip(), ROUTER))


def both(c):
    return get("/") + new(c, "port2") + get("/", c=c)


LDS = 'dynamic_resources: {lds_config: {path_config_source: {path: "{{dir}}/lds.yaml"}}}'
# What one of the listeners cannot take is refused for all that share it; one that comes later and cannot take what there is has nothing.
for _name, _types in (("other_type", (STATE,)), ("more_types", (STATE, FAULT)), ("router_too", (FAULT, ROUTER))):
    ecds("shared_with_" + _name, both("a") + then(2, extension(STATEFUL if _name != "router_too" else ROUTING)) + both("b") + then(3, extension(fault(419))) + both("d") + DUMP, F,
         bootstrap=LDS, files={"lds.yaml": push(1, other(late(_types)))})
    ecds("shared_with_%s_from_the_start" % _name, both("a") + then(2, F) + both("b") + then(3, extension(STATEFUL)) + both("d"), extension(STATEFUL), listeners="- " + other(late(_types)).replace('"@type": %sconfig.listener.v3.Listener, ' % T, "", 1))
ecds("shared_with_one_that_comes_later", get("/") + write("{{dir}}/lds.yaml", push(2, other(late((STATE,))))) + stat_is("listener_manager.listener_added", 2) + pause(0.1) + both("a") + then(2, extension(STATEFUL)) + both("b")
     + then(3, extension(fault(419))) + both("d"), F, bootstrap=LDS, files={"lds.yaml": push(1)})


def config(name, filters):
    scenario("ecds_config_" + name, kind="validate", config="""node: {id: node, cluster: c}
static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, filter_chains: [{filters: [{name: h, typed_config:
  {"@type": %sextensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: p, route_config: {name: r}, http_filters: [%s]}}]}]}]}
""" % (T, filters))


R = "{name: r, typed_config: %s}" % ROUTING
HERE = "config_source: {path_config_source: {path: /dev/null}}"


def entry(discovery, name="f"):
    return "{name: %s, config_discovery: {%s}}" % (name, discovery)


config("no_default_at_once", entry(f"{HERE}, type_urls: [{FAULT}], apply_default_config_without_warming: true") + ", " + R)
config("no_types", entry(HERE) + ", " + R)
config("no_source", entry(f"type_urls: [{FAULT}]") + ", " + R)
config("unknown_type", entry(f"{HERE}, type_urls: [type.googleapis.com/nope.Filter]") + ", " + R)
config("default_of_another_type", entry(f"{HERE}, type_urls: [{FAULT}]{default(STATEFUL)}") + ", " + R)
config("default_breaks_a_rule", entry(f"{HERE}, type_urls: [{FAULT}]" + default('{"@type": %s, abort: {http_status: 99}}' % FAULT)) + ", " + R)
config("default_router_not_last", entry(f"{HERE}, type_urls: [{ROUTER}]{default(ROUTING)}") + ", " + R)
config("default_last_no_router", entry(f"{HERE}, type_urls: [{FAULT}]{default(fault(418))}"))
config("last", entry(f"{HERE}, type_urls: [{FAULT}]"))
config("no_file", entry(f"config_source: {{path_config_source: {{path: /nonexistent/ecds.yaml}}}}, type_urls: [{FAULT}]") + ", " + R)
config("good", entry(f"{HERE}, type_urls: [{FAULT}]") + ", " + R)


# ---- of listeners

ECHO = '{"@type": %sextensions.filters.network.echo.v3.Echo}' % T
REPLY_TYPE, LIMIT_TYPE = T + "extensions.filters.network.direct_response.v3.Config", T + "extensions.filters.network.connection_limit.v3.ConnectionLimit"
ECHO_TYPE, MANAGER_TYPE = T + "extensions.filters.network.echo.v3.Echo", T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
RATE_TYPE, TLS_TYPE = T + "extensions.filters.listener.local_ratelimit.v3.LocalRateLimit", T + "extensions.filters.listener.tls_inspector.v3.TlsInspector"
MANAGER = '{"@type": %s, stat_prefix: h, http_filters: [{name: r, typed_config: %s}], route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 207}}]}]}}' % (MANAGER_TYPE, ROUTING)
FORM = ('{name: l, typed_config: {"@type": %sextensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {json_format: {flags: "%%RESPONSE_FLAGS%%", '
        'details: "%%RESPONSE_CODE_DETAILS%%", reason: "%%DOWNSTREAM_LOCAL_CLOSE_REASON%%", chain: "%%FILTER_CHAIN_NAME%%", sent: "%%BYTES_SENT%%"}}}}' % T)
OF_LISTENER = "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.(downstream_cx_(total|destroy)|(network_)?extension_config_missing)$"


def reply(text):
    return '{"@type": %s, response: {inline_string: "%s"}}' % (REPLY_TYPE, text)


def at_most(n):
    return '{"@type": %s, stat_prefix: p, max_connections: %d}' % (LIMIT_TYPE, n)


def rate(n):
    return '{"@type": %s, stat_prefix: r, token_bucket: {max_tokens: %d, fill_interval: 1000s}}' % (RATE_TYPE, n)


def item(types, more="", around="", name="f", file="ecds"):
    return "{name: %s, config_discovery: %s%s}" % (name, discovery(types, more, file), around)


def of_listener(name, client, *first, filters=("the",), before=(), kind="network_filter", chains=None, stats=(), **kw):
    """`kind`: the stats are of it."""
    kw.setdefault("files", {})
    scenario("ecds_" + name, kind="tcp", own=True, up={"up": Tcp(tunnel_echo())}, no_upstream=True, client=client, chains=chains or "filter_chains: [{name: only, filters: [%s]}]" % ", ".join(filters),
             listener="{access_log: [%s], listener_filters: [%s]}" % (FORM, ", ".join(before)), unordered_log=True,
             stats=[s.replace("http_filter", kind) for s in COUNTS] + [OF_LISTENER, *stats], **{**kw, "files": {"ecds.yaml": push(1, *first), **kw["files"]}})


def then_of(kind):
    of = "extension_config_discovery.%s.f." % kind
    return lambda version, *resources, good=None: (write("{{dir}}/ecds.yaml", push(version, *resources)) +
                                                   (stat_is(of + "update_success", good) if good else stat_is(of + "update_attempt", version)) + pause(0.05))


net, lis = then_of("network_filter"), then_of("tcp_listener_filter")


def served(text="hello", c="c"):
    return new(c) + send(text, c) + read_bytes(len(text), c)


def told(c="c"):
    return new(c) + raw_all(c)


of_listener("network_comes", served() + DUMP, extension(ECHO), filters=[item([ECHO_TYPE])])
of_listener("network_changes", served() + net(2, extension(reply("two")), good=2) + told("d") + send("more") + read_bytes(4) + net(3, extension(reply("three")), good=3) + told("e"),
            extension(ECHO), filters=[item([ECHO_TYPE, REPLY_TYPE])])
of_listener("network_same_again", served() + net(2, extension(ECHO), good=2) + served(c="d"), extension(ECHO), filters=[item([ECHO_TYPE])])
of_listener("network_not_there", told("a") + DUMP + net(2, extension(ECHO), good=1) + served(), filters=[item([ECHO_TYPE])])
of_listener("network_not_there_with_a_default", told("a") + net(2, extension(ECHO), good=1) + served(), filters=[item([ECHO_TYPE, REPLY_TYPE], default(reply("default")))])
of_listener("network_default_at_once", served(), extension(ECHO), filters=[item([ECHO_TYPE, REPLY_TYPE], default(reply("default"), True))])
of_listener("network_at_once_without_a_default", served(), extension(ECHO), filters=[item([ECHO_TYPE], ", apply_default_config_without_warming: true")])
of_listener("network_of_another_type", told("a") + net(2, extension(ECHO), good=1) + net(3, extension(reply("no"))) + served(), extension(reply("no")), filters=[item([ECHO_TYPE])])
of_listener("network_of_another_name", told("a"), extension(ECHO, "g"), filters=[item([ECHO_TYPE])])
of_listener("network_of_a_type_that_nobody_knows", told("a"), extension(ECHO), filters=[item(["type.googleapis.com/nope.Filter"])])
of_listener("network_in_front", served() + told("d") + net(2, extension(at_most(5)), good=2) + served(c="e") + DUMP, extension(at_most(1)), filters=[item([LIMIT_TYPE]), "the"],
            stats=["connection_limit.p.limited_connections"])
of_listener("network_in_front_not_there", told("a") + net(2, extension(at_most(1)), good=1) + served(), filters=[item([LIMIT_TYPE]), "the"])
of_listener("network_in_front_serves", told("a") + net(2, extension(at_most(1)), good=1) + served(), extension(ECHO), filters=[item([LIMIT_TYPE, ECHO_TYPE]), "the"])
of_listener("network_last_does_not_serve", told("a") + net(2, extension(ECHO), good=1) + served(), extension(at_most(5)), filters=[item([LIMIT_TYPE, ECHO_TYPE])])
of_listener("network_breaks_a_rule", served() + net(2, extension('{"@type": %s, stat_prefix: p, max_connections: 0}' % LIMIT_TYPE)) + served(c="d"), extension(at_most(5)), filters=[item([LIMIT_TYPE]), "the"])
of_listener("network_two_and_one_is_not_there", told("a") + write("{{dir}}/late.yaml", push(2, extension(ECHO, "g"))) + stat_is("extension_config_discovery.network_filter.g.update_success", 1) +
            pause(0.05) + served(), extension(at_most(5)), filters=[item([LIMIT_TYPE]), item([ECHO_TYPE], name="g", file="late")], files={"late.yaml": push(1)},
            differs="Envoy's limit takes off the connection that it never counted, and is over for ever", outrigger={"end": {"a": "FIN", "c": "open"}, "log": [
                {"chain": "only", "details": None, "flags": "-", "reason": r, "sent": n} for r, n in (("no_filters", 0), (None, 5))], "steps": [{"bytes": ""}, {"bytes": "hello"}]})
of_listener("network_two_of_a_name", served(), extension(at_most(1)), filters=[item([LIMIT_TYPE]), item([LIMIT_TYPE]), "the"])
of_listener("network_two_of_a_name_one_cannot_take_it", told("a"), extension(at_most(1)), filters=[item([LIMIT_TYPE]), item([T + "extensions.filters.network.sni_cluster.v3.SniCluster"]), "the"])
of_listener("network_manager", get("/") + DUMP, extension(MANAGER), filters=[item([MANAGER_TYPE])])


def routed(name="routes", filters="", file="routes"):
    """A manager whose routes come later, too."""
    return '{"@type": %s, stat_prefix: h, http_filters: [%s{name: r, typed_config: %s}], rds: {route_config_name: %s, config_source: {path_config_source: {path: "{{dir}}/%s.yaml"}}}}' % (
        MANAGER_TYPE, filters, ROUTING, name, file)


def routes(version, status, name="routes"):
    return push(version, '{"@type": %sconfig.route.v3.RouteConfiguration, name: %s, virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: %d}}]}]}' % (T, name, status))


def answered(status):
    return {"body": "", "headers": ["date: <date>", "server: envoy", "content-length: 0"], "status": "HTTP/1.1 " + status}


RDS_GOOD = "http.h.rds.routes.update_success"
THERE = stat_is(RDS_GOOD, 1) + pause(0.05)
of_listener("network_manager_with_routes", THERE + get("/") + write("{{dir}}/routes.yaml", routes(2, 208)) + stat_is(RDS_GOOD, 2) + pause(0.05) + get("/"), extension(routed()),
            filters=[item([MANAGER_TYPE])], files={"routes.yaml": routes(1, 207)}, stats=["http.h.rds.routes.config_reload"])
of_listener("network_manager_with_other_routes", THERE + get("/") + net(2, extension(MANAGER), good=2) + get("/", c="d") + net(3, extension(routed("other", file="more")), good=3) + pause(0.2) + get("/", c="e"),
            extension(routed()), filters=[item([MANAGER_TYPE])], files={"routes.yaml": routes(1, 206), "more.yaml": routes(1, 209, "other")},
            differs="Envoy never asks for the routes of a manager that comes to a listener which serves already: all is 404",
            outrigger={"log": [{"chain": "only", "details": None, "flags": "-", "reason": None, "sent": n} for n in (100, 103, 95)],
                       "steps": [answered(s) for s in ("206 Partial Content", "207 Multi-Status", "209 Unknown")]})
of_listener("network_manager_with_late_filter", THERE + stat_is("extension_config_discovery.http_filter.g.update_success", 1) + pause(0.05) + get("/") + write("{{dir}}/filter.yaml", push(2, extension(fault(419), "g"))) +
            stat_is("extension_config_discovery.http_filter.g.update_success", 2) + pause(0.05) + get("/"),
            extension(routed(filters=item([FAULT], name="g", file="filter") + ", ")), filters=[item([MANAGER_TYPE])],
            files={"routes.yaml": routes(1, 207), "filter.yaml": push(1, extension(fault(418), "g"))})
of_listener("network_in_one_of_two_chains", served() + told("d"), filters=["the"],
            chains="filter_chains: [{name: near, filters: [the], filter_chain_match: {source_prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}]}}]\ndefault_filter_chain: {name: far, filters: [%s]}\n" % item([ECHO_TYPE]))

LIMITED = ["listener_local_ratelimit.r.rate_limited"]
of_listener("listener_comes", served() + told("d") + DUMP, extension(rate(1)), before=[item([RATE_TYPE])], kind="tcp_listener_filter", stats=LIMITED)
of_listener("listener_changes", served() + lis(2, extension(rate(2)), good=2) + served(c="d") + served(c="e") + told("f"), extension(rate(1)), before=[item([RATE_TYPE])], kind="tcp_listener_filter", stats=LIMITED)
of_listener("listener_not_there", told("a") + DUMP + lis(2, extension(rate(9)), good=1) + served(), before=[item([RATE_TYPE])], kind="tcp_listener_filter", stats=LIMITED)
of_listener("listener_not_there_with_a_default", served() + told("a") + lis(2, extension(rate(9)), good=1) + served(c="d"), before=[item([RATE_TYPE], default(rate(1)))], kind="tcp_listener_filter", stats=LIMITED)
of_listener("listener_default_at_once", served(), extension(rate(9)), before=[item([RATE_TYPE], default(rate(8), True))], kind="tcp_listener_filter")
of_listener("listener_of_another_type", told("a") + lis(2, extension(rate(9)), good=1) + served(), extension('{"@type": %s}' % TLS_TYPE), before=[item([RATE_TYPE])], kind="tcp_listener_filter")
of_listener("listener_disabled", told("a") + lis(2, extension(rate(1)), good=1) + served() + served(c="d"),
            before=[item([RATE_TYPE], around=", filter_disabled: {any_match: true}")], kind="tcp_listener_filter", stats=LIMITED)
of_listener("listener_two_and_one_is_not_there", told("a") + told("b") + lis(2, extension('{"@type": %s}' % TLS_TYPE), good=1) + served(),
            before=["{name: r, typed_config: %s}" % rate(1), item([TLS_TYPE])], kind="tcp_listener_filter", stats=LIMITED)
of_listener("listener_inspects", new() + send(hello("a.example")) + read_bytes(5) + new("d") + send("plain text", "d") + read_bytes(5, "d") +
            lis(2, extension(rate(9)), good=2) + new("e") + send(hello("a.example"), "e") + read_bytes(5, "e"), extension('{"@type": %s}' % TLS_TYPE),
            before=[item([TLS_TYPE, RATE_TYPE])], kind="tcp_listener_filter",
            chains="filter_chains: [{name: tls, filter_chain_match: {transport_protocol: tls}, filters: [the]}]\ndefault_filter_chain: {name: plain, filters: [the]}\n")
of_listener("of_three_kinds", get("/"), extension(at_most(5)), filters=[item([LIMIT_TYPE]), item([MANAGER_TYPE], name="m", file="m")],
            before=[item([RATE_TYPE], file="l")], files={"m.yaml": push(3, extension(MANAGER, "m")), "l.yaml": push(4, extension(rate(9)))})


def listener_config(name, filters="", before=""):
    scenario("ecds_config_" + name, kind="validate", config="""node: {id: node, cluster: c}
static_resources: {listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, listener_filters: [%s], filter_chains: [{filters: [%s]}]}]}
""" % (before, filters or "{name: e, typed_config: %s}" % ECHO))


LAST = "{name: e, typed_config: %s}" % ECHO
listener_config("network_good", entry(f"{HERE}, type_urls: [{ECHO_TYPE}]"))
listener_config("network_no_types", entry(HERE) + ", " + LAST)
listener_config("network_unknown_type", entry(f"{HERE}, type_urls: [type.googleapis.com/nope.Filter]") + ", " + LAST)
listener_config("network_no_default_at_once", entry(f"{HERE}, type_urls: [{LIMIT_TYPE}], apply_default_config_without_warming: true") + ", " + LAST)
listener_config("network_default_of_another_type", entry(f"{HERE}, type_urls: [{LIMIT_TYPE}]{default(ECHO)}") + ", " + LAST)
listener_config("network_default_breaks_a_rule", entry(f"{HERE}, type_urls: [{LIMIT_TYPE}]" + default('{"@type": %s, stat_prefix: p}' % LIMIT_TYPE)) + ", " + LAST)
listener_config("network_default_serves_in_front", entry(f"{HERE}, type_urls: [{ECHO_TYPE}]{default(ECHO)}") + ", " + LAST)
listener_config("network_default_last_does_not_serve", entry(f"{HERE}, type_urls: [{LIMIT_TYPE}]{default(at_most(5))}"))
listener_config("network_no_file", entry(f"config_source: {{path_config_source: {{path: /nonexistent/ecds.yaml}}}}, type_urls: [{ECHO_TYPE}]"))
listener_config("listener_good", before=entry(f"{HERE}, type_urls: [{RATE_TYPE}]"))
listener_config("listener_no_types", before=entry(HERE))
listener_config("listener_unknown_type", before=entry(f"{HERE}, type_urls: [type.googleapis.com/nope.Filter]"))
listener_config("listener_of_a_network_filter", before=entry(f"{HERE}, type_urls: [{ECHO_TYPE}]"))
listener_config("listener_no_default_at_once", before=entry(f"{HERE}, type_urls: [{RATE_TYPE}], apply_default_config_without_warming: true"))
listener_config("listener_default_of_another_type", before=entry(f"{HERE}, type_urls: [{RATE_TYPE}]" + default('{"@type": %s}' % TLS_TYPE)))
