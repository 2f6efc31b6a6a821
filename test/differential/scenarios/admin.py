# The admin interface: its pages, what they refuse, and what they do to the server.
from harness.dsl import *

# Some texts of Envoy's begin with a mark against parsing that changes from process to process.
TIME = [(r"goo\.gle/debug\w+\s*", ""), (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"), (r"(Listener|listener) ?_", "listener_")]
ROUTE = '- {match: {prefix: "/"}, direct_response: {status: 200}}'


def page(name, *paths, method="GET", keep=None, head=False, without=(), **kw):
    """Pages of a server with nothing in it, or with what the keywords say."""
    kw.setdefault("kind", "raw")
    kw.setdefault("own", True)
    kw.setdefault("mask", TIME)
    kw["client"] = kw.pop("before", []) + sum((admin(p, method, keep, head, without=without) for p in paths), []) + kw.pop("after", [])
    scenario("admin_" + name, **kw)


page("unknown_path", "/nope", "/nope?x=1", "/certs/", "/READY", "/stats/nope", "/ready%20", keep="^invalid path", head=True)
page("unknown_path_post", "/nope", method="POST", keep="^invalid path")
page("two_slashes", "//ready", "///ready", "//certs")
page("ready", "/ready", "/ready?x", "/ready?x=y&z", head=True)
page("ready_methods", "/ready", method="POST")
page("get_on_mutating", "/healthcheck/fail", "/healthcheck/ok", "/quitquitquit", "/drain_listeners", "/reopen_logs", "/reset_counters", "/logging", "/runtime_modify?a=b", head=True)
page("put_on_mutating", "/healthcheck/fail", "/reset_counters", method="PUT")
page("certs", "/certs", head=True)
page("hot_restart_version", "/hot_restart_version", head=True)
page("init_dump", "/init_dump", "/init_dump?mask=listener", "/init_dump?mask=nope", head=True)
page("memory", "/memory", head=True, mask=[(r"^\d+$", "<n>")])
page("reopen_logs", "/reopen_logs", "/reset_counters", method="POST", head=True)
# The build's own, and file_flush_min_size, which Envoy does not fill.
BUILD = ("extensions", "version", "uptime_current_epoch", "uptime_all_epochs", "config_path", "base_id", "user_agent_name", "user_agent_build_version", "file_flush_min_size")
page("server_info", "/server_info", without=BUILD, head=True)
page("server_info_flags", "/server_info", without=BUILD, flags=["--service-cluster", "over", "--service-node", "me", "--service-zone", "z", "--drain-time-s", "7", "--drain-strategy", "immediate",
     "--parent-shutdown-time-s", "9", "--component-log-level", "upstream:error", "--stats-tag", "a:b"])
page("server_info_node", "/server_info", without=BUILD + ("command_line_options",), bootstrap="node: {locality: {region: r, zone: z, sub_zone: s}, metadata: {x: 1, y: {z: [true]}}}")

# Logging.

LEVELS = r"^(active|  (admin|upstream|router|main|http|misc): |error|usage|levels)"
page("logging", "/logging", method="POST", keep=LEVELS, head=True)
page("logging_level", "/logging?level=debug", "/logging?level=off", "/logging?level=critical", method="POST", keep=LEVELS)
page("logging_names", *(f"/logging?level={x}" for x in ("trace", "debug", "info", "warning", "warn", "error", "err", "critical", "off", "DEBUG", "nope", "")), "/logging?level=critical",
     method="POST", keep=r"^(error|  upstream|levels|usage: /logging\?level)")
page("logging_one", "/logging?upstream=error", "/logging?nope=error", "/logging?upstream=nope", "/logging?upstream", "/logging?upstream=", method="POST", keep=LEVELS)
page("logging_paths", "/logging?paths=upstream:error,router:critical", "/logging?paths=upstream:nope", "/logging?paths=nope:error", "/logging?paths=upstream", "/logging?paths=", "/logging?paths=upstream:off,",
     "/logging?paths=,", "/logging?paths=router:error,nope:off", method="POST", keep=LEVELS)
page("logging_two", "/logging?level=error&upstream=off", "/logging?upstream=off&router=off", method="POST", keep=LEVELS)
page("logging_group", "/logging?group=upstream:error", "/logging?group=nope:error", "/logging?group=upstream", method="POST", keep=LEVELS)

# Clusters.

CLUSTERS = """
static_resources:
  clusters:
  - name: b
    circuit_breakers: {thresholds: [{max_connections: 5}, {priority: HIGH, max_retries: 7, max_pending_requests: 8, max_requests: 9, max_connections: 10}]}
    load_assignment:
      cluster_name: b
      endpoints:
      - locality: {region: r, zone: z, sub_zone: s}
        lb_endpoints:
        - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}, hostname: h.example}, load_balancing_weight: 3}
        - {endpoint: {address: {socket_address: {address: "::1", port_value: 2}}}, health_status: UNHEALTHY}
      - priority: 1
        lb_endpoints:
        - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 3}}}, health_status: DEGRADED}
        - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 4}}}, health_status: DRAINING}
        - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 5}}}, health_status: TIMEOUT}
        - {endpoint: {address: {pipe: {path: /tmp/nowhere}}}, health_status: HEALTHY, metadata: {filter_metadata: {envoy.lb: {canary: true}}}}
  - {name: a, alt_stat_name: other}
  - name: c.d-e
    type: STRICT_DNS
    dns_lookup_family: V4_ONLY
    load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: 6}}}}]}]}
  - name: l
    type: LOGICAL_DNS
    dns_lookup_family: V4_ONLY
    load_assignment: {cluster_name: l, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: 7}}}}]}]}
"""
page("clusters", "/clusters", head=True, bootstrap=CLUSTERS)
page("clusters_json", "/clusters?format=json", head=True, bootstrap=CLUSTERS)
page("clusters_filter", "/clusters?filter=^a$", "/clusters?filter=d-", "/clusters?filter=nope", "/clusters?filter=(", "/clusters?filter=^a$&format=json", "/clusters?filter=nope&format=json",
     "/clusters?format=text&filter=^a$", "/clusters?format=nope&filter=^a$", head=True, bootstrap=CLUSTERS)
page("clusters_none", "/clusters", "/clusters?format=json")
scenario("admin_clusters_after_traffic", own=True, up={"up": {"/bad": [ok("x", status=500)], "/slow": [hold()], "*": [ok()]}}, clusters={"up": {}, "dead": {"yaml": "load_assignment: {endpoints: [{lb_endpoints: "
         "[{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}"}}, routes='[{match: {prefix: /dead}, route: {cluster: "{{dead}}"}}, {match: {prefix: /slow}, route: {cluster: "{{up}}", timeout: 0.05s}},'
         ' {match: {prefix: /}, route: {cluster: "{{up}}"}}]', client=get("/") + get("/bad") + get("/slow") + get("/dead") + admin("/clusters", keep="::(cx|rq)_|hostname|success_rate", head=False)
         + admin("/clusters?format=json", head=False))

# Listeners and config dump.

LISTENERS = """
static_resources:
  listeners:
  - name: one
    address: {socket_address: {address: 127.0.0.1, port_value: {{port}}}}
    traffic_direction: INBOUND
    filter_chains:
    - name: chain
      filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          stream_idle_timeout: 0.5s
          route_config:
            name: local
            virtual_hosts: [{name: vh, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}], request_headers_to_add: [{header: {key: a, value: b}, append_action: ADD_IF_ABSENT}]}]
          http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          common_http_protocol_options: {idle_timeout: 3600s, max_headers_count: 7}
          access_log: [{name: f, filter: {runtime_filter: {runtime_key: k, percent_sampled: {numerator: 5, denominator: TEN_THOUSAND}}}, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog,
            path: /dev/null, log_format: {json_format: {a: "%PROTOCOL%", n: {x: [1, true, null]}}}}}]
  - name: two
    address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}
    enable_reuse_port: false
    filter_chains:
    - filter_chain_match: {destination_port: 1, source_prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}
      filters: [{name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: l4, cluster: a, idle_timeout: 1.5s, hash_policy: [{source_ip: {}}]}}]
""" + CLUSTERS.replace("\nstatic_resources:\n", "")
page("listeners", "/listeners", "/listeners?format=json", "/listeners?format=nope", "/listeners?format=text", head=True, bootstrap=LISTENERS)
page("listeners_none", "/listeners", "/listeners?format=json")
page("config_dump_types", "/config_dump", keep='"@type": "type.googleapis.com/envoy.admin', bootstrap=LISTENERS)
page("config_dump_types_with_eds", "/config_dump?include_eds", keep='"@type": "type.googleapis.com/envoy.admin', bootstrap=LISTENERS)
page("config_dump_clusters", "/config_dump?resource=static_clusters", head=True, bootstrap=LISTENERS)
page("config_dump_listeners", "/config_dump?resource=static_listeners", bootstrap=LISTENERS)
page("config_dump_routes", "/config_dump?resource=static_route_configs", bootstrap=LISTENERS)
page("config_dump_endpoints", "/config_dump?resource=static_endpoint_configs&include_eds", "/config_dump?resource=static_endpoint_configs", "/config_dump?resource=dynamic_endpoint_configs&include_eds", bootstrap=LISTENERS)
page("config_dump_empty_resources", *(f"/config_dump?resource={x}" for x in ("dynamic_listeners", "dynamic_active_clusters", "dynamic_warming_clusters", "dynamic_route_configs", "static_secrets", "dynamic_active_secrets",
     "dynamic_warming_secrets", "inline_scoped_route_configs", "dynamic_scoped_route_configs", "version_info", "error_state")), bootstrap=LISTENERS)
page("config_dump_bad_resources", *(f"/config_dump?resource={x}" for x in ("nope", "bootstrap", "", "static_clusters,static_listeners", "configs", "Static_clusters")), head=True, without=BUILD, bootstrap=LISTENERS)
page("config_dump_resource_mask", *(f"/config_dump?resource={x}" for x in (
     "static_clusters&mask=cluster.name", "static_clusters&mask=cluster.name,last_updated", "static_clusters&mask=cluster", "static_clusters&mask=cluster.load_assignment.cluster_name",
     "static_listeners&mask=listener.name,listener.address", "static_listeners&mask=nope", "static_listeners&mask=listener.nope", "static_clusters&mask=", "static_clusters&mask=cluster.name.x")), head=True, bootstrap=LISTENERS)
page("config_dump_mask", *(f"/config_dump?mask={x}" for x in ("bootstrap.admin", "bootstrap.node.id", "static_clusters", "static_clusters.cluster.name", "static_listeners,bootstrap.node.id", "nope", "bootstrap.nope", "nope,bootstrap.node.id",
     "bootstrap.static_resources.clusters.name", "dynamic_listeners", "last_updated")), head=True, bootstrap=LISTENERS)
page("config_dump_name", *(f"/config_dump?resource=static_clusters&mask=cluster.name&name_regex={x}" for x in ("a", "c", "c.*", ".*", "a|b", "nope", "(", "")), head=True, bootstrap=LISTENERS)
page("config_dump_name_listeners", "/config_dump?resource=static_listeners&mask=listener.name&name_regex=one", "/config_dump?resource=static_route_configs&mask=route_config.name&name_regex=local",
     "/config_dump?resource=static_route_configs&mask=route_config.name&name_regex=x", "/config_dump?mask=static_clusters,static_listeners&name_regex=nope", bootstrap=LISTENERS)
page("config_dump_bootstrap", "/config_dump?mask=bootstrap.static_resources,bootstrap.stats_config,bootstrap.layered_runtime", bootstrap=LISTENERS + "stats_config: {stats_tags: [{tag_name: a, fixed_value: b}], use_all_default_tags: false}")
page("config_dump_empty", "/config_dump?mask=static_clusters", "/config_dump?resource=static_clusters", "/config_dump?resource=static_listeners", "/config_dump?include_eds&resource=static_endpoint_configs")

# Drains and ends. The client watches a connection and whether new ones are taken.

WATCH = get("/", c="w")
TRY = get("/", c="n") + close("n")


def drained(name, client, **kw):
    kw.setdefault("routes", ROUTE)
    kw.setdefault("no_log", True)
    kw.setdefault("flags", ["--drain-time-s", "1"])
    scenario("drain_" + name, own=True, client=client, **kw)


STATE = admin("/ready", head=False) + admin("/stats?filter=^(server.live|listener_manager.(listener_stopped|total_listeners_draining|total_listeners_active))$", head=False) + admin("/server_info", keep='"state"', head=False)
drained("fail", WATCH + STATE + admin("/healthcheck/fail", "POST") + STATE + get("/", c="w") + raw_all("w") + get("/", c="x") + raw_all("x"))
drained("fail_then_ok", WATCH + admin("/healthcheck/fail", "POST", head=False) + admin("/healthcheck/ok", "POST", head=False) + STATE + get("/", c="w") + TRY)
drained("fail_twice", admin("/healthcheck/fail", "POST", head=False) + admin("/healthcheck/fail", "POST", head=False) + STATE + admin("/healthcheck/ok", "POST", head=False) + STATE)
drained("ok_at_once", admin("/healthcheck/ok", "POST", head=False) + STATE)
drained("fail_upstream_request", WATCH + admin("/healthcheck/fail", "POST", head=False) + get("/", c="w") + raw_all("w"), routes=None)
drained("listeners", WATCH + admin("/drain_listeners", "POST") + stat_is("listener_manager.listener_stopped", 1) + STATE + get("/", c="w") + dial("n"))
drained("listeners_inbound_only", WATCH + admin("/drain_listeners?inboundonly", "POST", head=False) + STATE + get("/", c="w") + TRY)
drained("listeners_inbound_only_is_inbound", WATCH + admin("/drain_listeners?inboundonly", "POST", head=False) + stat_is("listener_manager.listener_stopped", 1) + dial("n"), listener="traffic_direction: INBOUND")
drained("listeners_outbound", WATCH + admin("/drain_listeners?inboundonly", "POST", head=False) + TRY, listener="traffic_direction: OUTBOUND")
drained("graceful_immediate", WATCH + admin("/drain_listeners?graceful", "POST", head=False) + get("/", c="w") + raw_all("w") + TRY + stat_is("listener_manager.listener_stopped", 1) + dial("m"),
        flags=["--drain-time-s", "1", "--drain-strategy", "immediate"])
drained("graceful_skip_exit", WATCH + admin("/drain_listeners?graceful&skip_exit", "POST", head=False) + get("/", c="w") + raw_all("w") + TRY + pause(1.2) + TRY + admin("/stats?filter=listener_stopped", head=False),
        flags=["--drain-time-s", "1", "--drain-strategy", "immediate"])
drained("graceful_inbound", WATCH + admin("/drain_listeners?graceful&inboundonly", "POST", head=False) + get("/", c="w"), flags=["--drain-time-s", "1", "--drain-strategy", "immediate"])
drained("skip_exit_alone", WATCH + admin("/drain_listeners?skip_exit", "POST", head=False) + get("/", c="w") + TRY, flags=["--drain-time-s", "1", "--drain-strategy", "immediate"])
drained("twice", WATCH + admin("/drain_listeners", "POST", head=False) + admin("/drain_listeners", "POST", head=False) + stat_is("listener_manager.listener_stopped", 1) + STATE)
drained("bad_query", admin("/drain_listeners?nope", "POST", head=False) + stat_is("listener_manager.listener_stopped", 1) + dial("n"))
drained("gradual_ends", WATCH + admin("/drain_listeners?graceful", "POST", head=False) + stat_is("listener_manager.listener_stopped", 1) + dial("n"))
drained("tcp_connection_stays", send("x", "w") + read_bytes(1, "w") + admin("/drain_listeners", "POST", head=False) + stat_is("listener_manager.listener_stopped", 1) + send("y", "w") + read_bytes(1, "w") + dial("n"),
        kind="tcp", up=Tcp(tunnel_echo()), routes=None)
drained("sigterm", WATCH + proxy_signal(15) + raw_all("w"))
drained("sigterm_running_request", send("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "w") + seen(1) + proxy_signal(15) + raw_all("w"), routes=None, up=[hold()])
drained("sigint", WATCH + proxy_signal(2) + raw_all("w"))
drained("sighup", proxy_signal(1) + pause(0.1) + get("/"))
drained("quitquitquit", WATCH + admin("/quitquitquit", "POST") + raw_all("w"))
