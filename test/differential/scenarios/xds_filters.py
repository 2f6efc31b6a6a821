"""HTTP filters whose config comes later (ECDS), out of files that are replaced."""
from harness.dsl import *

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
