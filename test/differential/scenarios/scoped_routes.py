"""Routes in scopes: a key out of the request's headers says which route configuration it takes. Scopes of the listener's own,
and by file. By control plane, and on demand: test/interop/on_demand_scopes.py."""
from harness.dsl import *

T = "type.googleapis.com/envoy."
MANAGER = T + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
BY_KEY = 'scope_key_builder: {fragments: [{header_value_extractor: {name: X-Scope, element_separator: ";", element: {separator: "=", key: a}}}]}'
BY_TWO = ('scope_key_builder: {fragments: [{header_value_extractor: {name: x-one, index: 0}}, '
          '{header_value_extractor: {name: ":authority", element_separator: ".", index: 1}}]}')


def manager(scoped, filters=""):
    return ('{name: l, address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}, filter_chains: [{filters: [{name: h, typed_config: {"@type": %s, stat_prefix: p, '
            'scoped_routes: {name: scopes, %s}, http_filters: [%s{name: r, typed_config: {"@type": %sextensions.filters.http.router.v3.Router}}]}}]}]}' % (MANAGER, scoped, filters, T))


def key(*parts):
    return "key: {fragments: [%s]}" % ", ".join('{string_key: "%s"}' % p for p in parts)


def inside(name, text, *parts):
    return ('{name: %s, %s, route_configuration: {name: of_%s, virtual_hosts: [{name: v, domains: ["*"], routes: '
            '[{match: {path: /}, direct_response: {status: 200, body: {inline_string: %s}}}]}]}}' % (name, key(*parts), name, text))


def own_list(*scopes):
    return "scoped_route_configurations_list: {scoped_route_configurations: [%s]}" % ", ".join(scopes)


def ask(*header_sets, path="/"):
    return new("c", "port2") + [step for h in header_sets for step in get(path, *h, c="c")]


PAGES = admin("/config_dump?resource=inline_scoped_route_configs", without=("last_updated",)) + admin("/config_dump?resource=dynamic_scoped_route_configs", without=("last_updated",))


def case(name, scoped, client, **kw):
    scenario("scoped_" + name, own=True, no_log=True, no_upstream=True, client=client, stats=kw.pop("stats", []), bootstrap=kw.pop("boot", "") or f"static_resources: {{listeners: [{manager(scoped)}]}}\n", **kw)


ONE, TWO = inside("s1", "one", "1"), inside("s2", "two", "2")
case("own", f"{BY_KEY}, {own_list(ONE, TWO)}",
     ask(("x-scope: a=1",), ("x-scope: a=2",), ("x-scope: a=3",), (), ("x-scope: b=1;a=2",), ("x-scope: a=1;a=2",), ("x-scope: a=1", "x-scope: a=2"), ("x-scope: a",), ("x-scope: ",)) + PAGES)
case("own_no_path", f"{BY_KEY}, {own_list(ONE)}", ask(("x-scope: a=1",), path="/none"))
case("own_two_parts", f"{BY_TWO}, {own_list(inside('s', 'right', '1', 'example'), inside('t', 'swapped', 'example', '1'))}", ask(("x-one: 1",), ("x-one: 2",), ("x-one: 1,2",)))
case("own_one_key_twice", f"{BY_KEY}, {own_list(ONE, inside('s3', 'three', '1'))}", ask(("x-scope: a=1",)))

# By file.

SRDS = "http.p.scoped_rds.scopes."
COUNTS = [SRDS + n for n in ("all_scopes", "active_scopes", "on_demand_scopes", "config_reload", "update_success", "update_rejected", "update_empty", "version_text")]
FROM_FILE = f'{BY_KEY}, rds_config_source: {{path_config_source: {{path: "{{{{dir}}}}/rds.yaml"}}}}, scoped_rds: {{scoped_rds_config_source: {{path_config_source: {{path: "{{{{dir}}}}/srds.yaml"}}}}}}'


def push(version, *resources):
    return f'version_info: "{version}"\nresources:\n' + "".join(f"- {r}\n" for r in resources) if resources else f'version_info: "{version}"\nresources: []\n'


def scope(name, routes, *parts, more=""):
    return '{"@type": %sconfig.route.v3.ScopedRouteConfiguration, name: %s, route_configuration_name: %s, %s%s}' % (T, name, routes, key(*parts), more)


def typed(text):
    return '{"@type": %sconfig.route.v3.ScopedRouteConfiguration, %s' % (T, text[1:])


RDS = push(1, '{"@type": %sconfig.route.v3.RouteConfiguration, name: r, virtual_hosts: [{name: v, domains: ["*"], routes: '
           '[{match: {path: /}, direct_response: {status: 200, body: {inline_string: by_name}}}]}]}' % T)
ALL = (("x-scope: a=1",), ("x-scope: a=2",), ("x-scope: a=3",))


def by_file(name, client, *scopes, **kw):
    case(name, FROM_FILE, client, files={"srds.yaml": push(1, *scopes), "rds.yaml": RDS}, stats=COUNTS, **kw)


def next_push(count, *scopes):
    return write("{{dir}}/srds.yaml", push(count, *scopes))


by_file("file", ask(*ALL) + PAGES, scope("s1", "r", "1"), typed(TWO))
by_file("file_changes", ask(*ALL) + next_push(2, scope("s1", "r", "3"), typed(TWO)) + stat_is(SRDS + "update_success", 2) + pause(0.05) + ask(*ALL)
        + next_push(3) + stat_is(SRDS + "update_success", 3) + pause(0.05) + ask(*ALL) + PAGES, scope("s1", "r", "1"))
by_file("file_same_again", ask(*ALL) + next_push(2, scope("s1", "r", "1")) + stat_is(SRDS + "update_success", 2) + ask(*ALL), scope("s1", "r", "1"))
by_file("file_one_key_twice", ask(*ALL) + next_push(2, scope("s1", "r", "1"), scope("s2", "r", "1")) + stat_is(SRDS + "update_rejected", 1) + pause(0.05) + ask(*ALL), scope("s1", "r", "1"))
by_file("file_one_name_twice", ask(*ALL) + next_push(2, scope("s1", "r", "1"), scope("s1", "r", "2")) + stat_is(SRDS + "update_rejected", 1) + pause(0.05) + ask(*ALL), scope("s1", "r", "1"))


# Refused configs.

def refused(name, scoped):
    scenario("scoped_refused_" + name, kind="validate", config="static_resources: {listeners: [%s]}\n" % manager(scoped).replace("{{port2}}", "19999"))


def extractor(text):
    return "scope_key_builder: {fragments: [{header_value_extractor: {%s}}]}, %s" % (text, own_list(ONE))


refused("by_name", f"{BY_KEY}, {own_list('{name: s, route_configuration_name: r, %s}' % key('1'))}")
refused("no_routes", f"{BY_KEY}, {own_list('{name: s, %s}' % key('1'))}")
refused("no_key", f"{BY_KEY}, {own_list('{name: s, route_configuration: {name: r}}')}")
refused("empty_list", f"{BY_KEY}, {own_list()}")
refused("no_builder", own_list(ONE))
refused("no_fragments", "scope_key_builder: {fragments: []}, " + own_list(ONE))
refused("no_extractor", "scope_key_builder: {fragments: [{}]}, " + own_list(ONE))
refused("no_specifier", BY_KEY)
refused("no_srds_source", f"{BY_KEY}, scoped_rds: {{}}")
refused("extract_nothing", extractor("name: x"))
refused("index_without_separator", extractor("name: x, index: 1"))
refused("element_without_separator", extractor("name: x, element: {key: k}"))
refused("no_header", extractor('name: "", index: 0'))
