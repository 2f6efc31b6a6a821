"""The filter on_demand where there is nothing to ask: it lets all go on. What it asks for: test/interop/on_demand.py."""
from harness.dsl import *

TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.'
FILTER = f"- {{name: envoy.filters.http.on_demand, typed_config: {{{TYPE}OnDemand}}}}"
PLANE = "source: {api_config_source: {api_type: DELTA_GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: plane}}]}}"
ROUTES = '''
- {match: {prefix: /a}, route: {cluster: "{{up}}"}}
- {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: d}}}
- {match: {prefix: /nope}, route: {cluster: nope}}
'''


def case(name, filters=FILTER, **kw):
    scenario(name, filters=filters, routes=kw.pop("routes", ROUTES), route_config="validate_clusters: false", stats=kw.pop("stats", []), **kw)


case("on_demand_nothing", client=get("/a") + get("/direct") + get("/nope") + get("/none") + req("/a", method="POST", body="x" * 2000))
case("on_demand_nothing_by_route", routes='''
- match: {prefix: /a}
  route: {cluster: "{{up}}"}
  typed_per_filter_config: {envoy.filters.http.on_demand: {"@type": type.googleapis.com/envoy.extensions.filters.http.on_demand.v3.PerRouteConfig}}
''', client=get("/a") + get("/none"))


def refused(name, odcds, **kw):
    scenario(name, kind="validate", **kw, config=manager_config(["{name: envoy.filters.http.on_demand, typed_config: {%sOnDemand, odcds: %s}}" % (TYPE, odcds)]))


refused("on_demand_no_plane", "{%s}" % PLANE)
refused("on_demand_no_ads", "{source: {ads: {}}}", outrigger={"exit": 1, "ok": None},
        differs="Envoy takes a source that is not there: each request waits for nobody's answer until its time is over")
refused("on_demand_source_of_nothing", "{source: {}}")
refused("on_demand_timeout_negative", "{source: {ads: {}}, timeout: -1s}")
for _name, _url in (("no_scheme", "foo"), ("other_type", "xdstp://a/envoy.config.route.v3.RouteConfiguration/x/*"), ("no_type", "xdstp://a")):
    refused(f"on_demand_locator_{_name}", '{%s, resources_locator: "%s"}' % (PLANE, _url))


def tcp(name, on_demand, **kw):
    scenario("on_demand_tcp_" + name, kind="validate", **kw, config=f"""
static_resources:
  listeners:
  - name: l
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - {{name: t, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c, on_demand: {on_demand}}}}}
""")


TCP_PLANE = PLANE.replace("source:", "odcds_config:", 1)
tcp("no_source", "{timeout: 1s}")
tcp("locator_without_source", '{resources_locator: "foo"}')
tcp("no_plane", "{%s}" % TCP_PLANE)
tcp("source_of_nothing", "{odcds_config: {}}")
tcp("no_ads", "{odcds_config: {ads: {}}}", outrigger={"exit": 1, "ok": None},
    differs="Envoy takes a source that is not there: each connection waits for nobody's answer until its time is over")
tcp("timeout_negative", "{odcds_config: {ads: {}}, timeout: -1s}")
tcp("locator_no_scheme", '{%s, resources_locator: "foo"}' % TCP_PLANE)
