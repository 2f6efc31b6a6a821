"""The overload manager's limit of connections, over all listeners."""
from harness.dsl import *

NAME = "envoy.resource_monitors.global_downstream_max_connections"
MONITOR = '{name: %s, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig%s}}'
OVERFLOW = "listener.127.0.0.1_{{port}}."
STATS = [f"overload.{NAME}.pressure", f"overload.{NAME}.failed_updates", OVERFLOW + "downstream_global_cx_overflow", OVERFLOW + "downstream_cx_overflow", OVERFLOW + "downstream_cx_total",
         OVERFLOW + "downstream_cx_overload_reject"]
SERVED = {"body": "served", "headers": ["content-length: 6", "content-type: text/plain", "date: <date>", "server: envoy"], "status": "HTTP/1.1 200 OK"}
SAYS = '- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "served"}}}'
OTHER = """
- name: other
  address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}
  %s
  filter_chains:
  - filters:
    - name: direct
      typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config, response: {inline_string: "other"}}
"""


def monitor(n):
    return MONITOR % (NAME, f", max_active_downstream_connections: {n}")


# Envoy counts a failure, too, whenever a connection of a listener that ignores the limit ends.
BUT_FAILURES = [s for s in STATS if "failed_updates" not in s]


def limit(name, n, client, more="", **kw):
    scenario("overload_" + name, own=True, no_log=True, routes=SAYS, bootstrap="overload_manager: {%sresource_monitors: [%s]}\n%s" % (kw.pop("manager", ""), monitor(n), kw.pop("boot", "")), client=client,
             listener=more, **{"stats": STATS, **kw})


def refused(c):
    return new(c) + raw_all(c)


limit("connections", 2, get("/") + new("d") + get("/", c="d") + refused("e") + admin("/stats?filter=pressure", head=False) + get("/"))
limit("connection_ends", 1, get("/") + refused("d") + close() + pause(0.05) + new("e") + get("/", c="e"))
limit("ignored_by_a_listener", 1, get("/") + new("d") + get("/", c="d"), "ignore_global_conn_limit: true", stats=BUT_FAILURES)
limit("bypassed_by_a_listener", 1, get("/") + new("d") + get("/", c="d"), "bypass_overload_manager: true")
limit("bypassing_listeners_obey_the_runtime", 1, get("/") + new("d") + get("/", c="d") + refused("e"), "bypass_overload_manager: true",
      boot="layered_runtime: {layers: [{name: s, static_layer: {overload.global_downstream_max_connections: 2}}]}")
limit("instead_of_the_runtime", 2, get("/") + new("d") + get("/", c="d") + refused("e"), boot="layered_runtime: {layers: [{name: s, static_layer: {overload.global_downstream_max_connections: 1}}]}")
limit("over_all_listeners", 1, get("/") + new("d", "port2") + raw_all("d"), listeners=OTHER % "")
limit("but_those_that_ignore_it", 1, get("/") + new("d", "port2") + raw_all("d") + refused("e"), listeners=OTHER % "ignore_global_conn_limit: true", stats=BUT_FAILURES,
      differs="in Envoy the end of a connection of a listener that ignores the limit makes room for one of those that do not",
      outrigger={"steps": [SERVED, {"bytes": "other"}, {"bytes": ""}], "end": {"c": "open", "d": "FIN", "d.unread": "other", "e": "FIN"},
                 "stats": {**{s.replace("{{port}}", "<port>"): "0" for s in BUT_FAILURES}, "listener.127.0.0.1_<port>.downstream_cx_total": "1",
                           "listener.127.0.0.1_<port>.downstream_global_cx_overflow": "1"}})
limit("others_do_not_count", 1, new("d", "port2") + raw_all("d") + get("/") + refused("e"), listeners=OTHER % "ignore_global_conn_limit: true", stats=BUT_FAILURES)
limit("and_of_a_listener", 3, get("/") + refused("d") + admin("/stats?filter=pressure", head=False), boot="layered_runtime: {layers: [{name: s, static_layer: {envoy.resource_limits.listener.{{listener}}.connection_limit: 1}}]}")
limit("many", 9223372036854775807, get("/"))
limit("refresh_interval", 2, get("/"), manager="refresh_interval: 0.25s, ")


def config(name, text):
    scenario("overload_config_" + name, kind="validate", config="node: {id: node, cluster: c}\noverload_manager: {%s}\n" % text)


config("good", f"resource_monitors: [{monitor(1)}]")
config("none", "resource_monitors: []")
config("zero", f"resource_monitors: [{monitor(0)}]")
config("negative", f"resource_monitors: [{monitor(-1)}]")
config("no_number", "resource_monitors: [%s]" % (MONITOR % (NAME, "")))
config("twice", f"resource_monitors: [{monitor(1)}, {monitor(2)}]")
config("another_name", "resource_monitors: [%s]" % (MONITOR % ("some", ", max_active_downstream_connections: 1")))
config("two_names", f"resource_monitors: [{monitor(1)}, %s]" % (MONITOR % ("some", ", max_active_downstream_connections: 1")))
config("no_config", "resource_monitors: [{name: %s}]" % NAME)
config("unknown_monitor", 'resource_monitors: [{name: m, typed_config: {"@type": type.googleapis.com/nope.Monitor}}]')
config("negative_interval", f"refresh_interval: -1s, resource_monitors: [{monitor(1)}]")
