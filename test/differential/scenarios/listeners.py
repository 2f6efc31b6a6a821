# Listeners: addresses, which filter chain a connection gets, what refuses it, limits, their stats.
import json

from harness.dsl import *
from harness.operators import CONNECTION

ROUTE = '- {match: {prefix: "/"}, direct_response: {status: 200}}'
STATS = "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.(?!.*(http|worker|_ms))"
NAME = ('{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: '
        '{text_format: "%%FILTER_CHAIN_NAME%% %%RESPONSE_FLAGS%% %%RESPONSE_CODE_DETAILS%% %s\\n"}}}')
CHAIN_LOG = NAME % "conn"
LISTENER_LOG = "access_log: [" + NAME % "listener %ACCESS_LOG_TYPE% %PROTOCOL% %RESPONSE_CODE% %BYTES_RECEIVED% %BYTES_SENT%" + "]"


def chains(name, chains, client, **kw):
    """Each chain answers with its name: tcp_proxy to an upstream of that name would do the same, slower."""
    kw.setdefault("tcp", "cluster: '{{up}}'")
    kw.setdefault("stats", [STATS])
    scenario("chain_" + name, kind="tcp", up=Tcp(raw("hi") + fin()), chains=chains, listener=LISTENER_LOG, client=client,
             access_log="[" + CHAIN_LOG + "]", unordered_log=True, **kw)


def chain(name, match=None):
    return "- {name: %s, filters: [the]%s}\n" % (name, ", filter_chain_match: " + match if match else "")


def all_of(*parts, default=None):
    text = "filter_chains:\n" + "".join(parts)
    return text + ("default_filter_chain: {name: %s, filters: [the]}\n" % default if default else "")


def try_from(source=None, c="c", **kw):
    return dial(c, source=source, **kw) + raw_all(c)


HERE = try_from()
chains("one_without_match", all_of(chain("only")), HERE)
chains("one_that_fails", all_of(chain("only", "{destination_port: 1}")), HERE)
chains("default", all_of(chain("only", "{destination_port: 1}"), default="rest"), HERE)
chains("default_only", "default_filter_chain: {name: rest, filters: [the]}", HERE)
chains("empty_match_is_last", all_of(chain("any"), chain("port", "{destination_port: {{port}}}")), HERE)
chains("destination_port", all_of(chain("other", "{destination_port: {{port2}}}"), chain("mine", "{destination_port: {{port}}}")), HERE)
chains("port_wins_and_no_way_back", all_of(chain("port", "{destination_port: {{port}}, source_ports: [1]}"), chain("any")), HERE)
chains("port_wins_over_prefix", all_of(chain("prefix", "{prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}]}"),
                                       chain("port", "{destination_port: {{port}}}")), HERE)
chains("prefix_longest", all_of(chain("eight", "{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"),
                                chain("thirty", "{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 30}]}"),
                                chain("sixteen", "{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 16}]}"),
                                chain("zero", "{prefix_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}")), HERE)
chains("prefix_none", all_of(chain("ten", "{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}"),
                             chain("v6", "{prefix_ranges: [{address_prefix: '::', prefix_len: 0}]}")), HERE)
chains("prefix_several", all_of(chain("two", "{prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: 127.0.0.0, prefix_len: 24}]}"),
                                chain("one", "{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 16}]}")), HERE)
chains("prefix_with_host_bits", all_of(chain("masked", "{prefix_ranges: [{address_prefix: 127.0.0.99, prefix_len: 8}]}")), HERE)
chains("prefix_no_length", all_of(chain("all", "{prefix_ranges: [{address_prefix: 127.0.0.1}]}")), HERE)
chains("source_prefix", all_of(chain("two", "{source_prefix_ranges: [{address_prefix: 127.0.0.2, prefix_len: 32}]}"),
                               chain("eight", "{source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}")),
       HERE + try_from("127.0.0.2", "d") + try_from("127.0.0.3", "e"))
chains("source_prefix_none", all_of(chain("two", "{source_prefix_ranges: [{address_prefix: 127.0.0.2, prefix_len: 32}]}"), default="rest"),
       HERE + try_from("127.0.0.2", "d"))
chains("direct_source_prefix", all_of(chain("two", "{direct_source_prefix_ranges: [{address_prefix: 127.0.0.2, prefix_len: 32}]}"), chain("any")),
       HERE + try_from("127.0.0.2", "d"))
chains("source_port", all_of(chain("port2", "{source_ports: [1, {{port2}}]}"), chain("any")),
       HERE + dial("d", source=("127.0.0.1", "port2")) + raw_all("d"))
chains("source_port_only", all_of(chain("port2", "{source_ports: [{{port2}}]}")), HERE + dial("d", source=("127.0.0.1", "port2")) + raw_all("d"))
chains("source_prefix_wins_over_port", all_of(chain("port", "{source_ports: [{{port2}}]}"),
                                              chain("prefix", "{source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}")),
       dial("d", source=("127.0.0.1", "port2")) + raw_all("d"))
chains("source_prefix_and_port", all_of(chain("both", "{source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}], source_ports: [{{port2}}]}"),
                                        chain("prefix", "{source_prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}")),
       HERE + dial("d", source=("127.0.0.1", "port2")) + raw_all("d"))
chains("source_type_local", all_of(chain("local", "{source_type: SAME_IP_OR_LOOPBACK}"), chain("outside", "{source_type: EXTERNAL}"), chain("any")), HERE)
chains("source_type_external_only", all_of(chain("outside", "{source_type: EXTERNAL}")), HERE)
chains("source_type_any", all_of(chain("outside", "{source_type: EXTERNAL}"), chain("any", "{source_type: ANY}")), HERE)
chains("source_type_before_prefix", all_of(chain("prefix", "{source_prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}]}"),
                                           chain("local", "{source_type: SAME_IP_OR_LOOPBACK}")), HERE)
chains("transport_raw", all_of(chain("raw", "{transport_protocol: raw_buffer}"), chain("any")), HERE)
chains("transport_tls_only", all_of(chain("tls", "{transport_protocol: tls}")), HERE)
chains("transport_tls_or_any", all_of(chain("tls", "{transport_protocol: tls}"), chain("any")), HERE)
chains("transport_unknown", all_of(chain("odd", "{transport_protocol: odd}"), default="rest"), HERE)
chains("three_criteria", all_of(
    chain("a", "{destination_port: {{port}}, prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}], source_type: EXTERNAL}"),
    chain("b", "{destination_port: {{port}}, prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}], source_type: SAME_IP_OR_LOOPBACK}"),
    chain("c", "{destination_port: {{port}}}")), HERE)
chains("no_way_back_from_prefix", all_of(
    chain("a", "{prefix_ranges: [{address_prefix: 127.0.0.1, prefix_len: 32}], source_ports: [1]}"),
    chain("b", "{prefix_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"), default="rest"), HERE)
chains("name_missing", "filter_chains: [{filters: [the]}]", HERE)

# Addresses.


def http(name, **kw):
    kw.setdefault("routes", ROUTE)
    kw.setdefault("log_format", {"local": "%DOWNSTREAM_LOCAL_ADDRESS%", "remote": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                                 "local_ip": "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "local_port": "%DOWNSTREAM_LOCAL_PORT%",
                                 "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%", "xff": "%REQ(X-FORWARDED-FOR)%"})
    scenario("listener_" + name, **kw)


PIPE = "{{dir}}/s"
http("ipv6", listener="address: {socket_address: {address: '::1', port_value: {{port}}}}", client=dial(host="::1") + get("/") + close())
http("ipv6_stats", listener="address: {socket_address: {address: '::1', port_value: {{port}}}}", client=dial(host="::1") + get("/") + close(),
     stats=["re:^listener\\.\\[__1\\]_{{port}}\\.(?!.*(http|_ms))"])
http("ipv6_any", listener="address: {socket_address: {address: '::', port_value: {{port}}}}", client=dial(host="::1") + get("/") + close() + dial() + get("/"))
http("ipv6_any_with_ipv4", listener="address: {socket_address: {address: '::', port_value: {{port}}, ipv4_compat: true}}",
     client=dial(host="::1") + get("/") + close() + dial() + get("/") + close())
http("ipv4_any", listener="address: {socket_address: {address: 0.0.0.0, port_value: {{port}}}}", client=dial(host="127.0.0.1") + get("/") + close()
     + dial(host="127.0.0.7", source="127.0.0.9") + get("/") + close(), hcm="use_remote_address: true")
http("ipv6_xff", up={"up": [ok()]}, routes=None, hcm="use_remote_address: true", listener="address: {socket_address: {address: '::1', port_value: {{port}}}}",
     client=dial(host="::1") + get("/") + get("/", "x-forwarded-for: 1.2.3.4") + close())
http("pipe", listener="{address: {socket_address: null, pipe: {path: '%s'}}}" % PIPE, client=dial(path=PIPE) + get("/") + close())
http("pipe_xff", up={"up": [ok()]}, routes=None, hcm="use_remote_address: true", listener="{address: {socket_address: null, pipe: {path: '%s'}}}" % PIPE, client=dial(path=PIPE) + get("/") + close())
http("pipe_default_xff", up={"up": [ok()]}, routes=None, listener="{address: {socket_address: null, pipe: {path: '%s'}}}" % PIPE, client=dial(path=PIPE) + get("/") + close())
http("pipe_mode", listener="{address: {socket_address: null, pipe: {path: '%s', mode: 0600}}}" % PIPE, client=dial(path=PIPE) + get("/") + close() + file_mode(PIPE))
http("pipe_mode_default", listener="{address: {socket_address: null, pipe: {path: '%s'}}}" % PIPE, client=dial(path=PIPE) + get("/") + close() + file_mode(PIPE))
http("pipe_page", own=True, listener="{address: {socket_address: null, pipe: {path: '%s'}}}" % PIPE, client=admin("/listeners") + admin("/listeners?format=json"))
http("pipe_stats", listener="{address: {socket_address: null, pipe: {path: '%s'}}}" % PIPE, client=dial(path=PIPE) + get("/") + close(), stats=["re:^listener.*/listener_pipe_stats/s"])
scenario("listener_pipe_abstract", own=True, routes=ROUTE, listener="{address: {socket_address: null, pipe: {path: '@differential-{{port}}'}}}",
         client=dial(path="\0differential-{{port}}") + get("/") + close() + admin("/listeners"))
http("additional_addresses", listener="additional_addresses: [{address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}}, "
     "{address: {pipe: {path: '%s'}}}, {address: {socket_address: {address: '::1', port_value: {{port2}}}}}]" % PIPE,
     client=get("/") + dial("d", port="port2") + get("/", c="d") + dial("e", path=PIPE) + get("/", c="e") + dial("f", "port2", "::1") + get("/", c="f")
     + close("c") + close("d") + close("e") + close("f"), stats=["re:^listener\\..*({{port}}|{{port2}}).*downstream_cx_(total|active)"])
http("additional_addresses_page", own=True, listener="additional_addresses: [{address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}}]",
     client=admin("/listeners") + admin("/listeners?format=json"))
http("stat_prefix", listener="stat_prefix: my.prefix:1", client=get("/") + close(), stats=["re:^listener\\.my\\.prefix(?!.*_ms)"])
http("name_missing", own=True, listener="name: ''", client=get("/") + admin("/listeners") + admin("/config_dump?resource=static_listeners&mask=listener.name"),
     mask=[('"last_updated": "[^"]*"', '"last_updated": "<time>"'), (r"\b\d{4}-\d\d-\d\dT[\d:.]+Z", "<time>"),
           (r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", "<uuid>"), ("<uuid>", "<name>")])
http("reuse_port_off", listener="enable_reuse_port: false", client=get("/"))
http("backlog", listener="tcp_backlog_size: 3", client=get("/"))
http("socket_options", listener="socket_options: [{level: 6, name: 9, int_value: 1, state: STATE_PREBIND}, {level: 1, name: 9, int_value: 1, state: STATE_LISTENING}]",
     client=get("/"))
http("freebind", listener="freebind: true", client=get("/"))
http("stats", client=get("/") + get("/nope") + close() + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_active", 0),
     stats=["re:^listener\\.127\\.0\\.0\\.1_{{port}}\\."])
http("stats_while_open", client=get("/"), stats=["re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.(worker_0\\.)?downstream_(cx_active|cx_total|cx_destroy|pre_cx)"])
scenario("listener_two_chains_one_manager", routes=ROUTE, chains=all_of(chain("a", "{source_ports: [{{port2}}]}"), chain("b")),
         client=get("/") + dial("d", source=("127.0.0.1", "port2")) + get("/", c="d"), stats=["http.{{name}}.downstream_cx_total", "http.{{name}}.rq_direct_response"],
         log_format={"chain": "%FILTER_CHAIN_NAME%"}, unordered_log=True)
scenario("listener_empty_chain", routes=ROUTE, no_log=True, chains="filter_chains: [{}]", client=new() + raw_all() + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_destroy", 1), stats=[STATS])
scenario("listener_access_log", routes=ROUTE, listener=LISTENER_LOG, client=get("/") + close(), stats=[STATS])
scenario("listener_access_log_default", routes=ROUTE, no_log=True, listener="access_log: [{name: l, typed_config: {'@type': "
         "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: '{{dir}}/l.log'}}]", client=get("/") + close()
         + file("{{dir}}/l.log", 1), mask=[("^\\[[^\\]]*\\]", "[<time>]"), (r" 35 90 \d+ ", " 35 90 <ms> ")])

FULL = {"name": "l", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                                      "path": "{{log}}", "log_format": {"json_format": CONNECTION}}}
FULL = "access_log: [%s]" % json.dumps(FULL)
scenario("listener_log_http", no_log=True, listener=FULL, client=get("/") + close() + file("{{log}}", 1))
scenario("listener_log_http_nothing_sent", routes=ROUTE, no_log=True, listener=FULL, client=new() + close() + file("{{log}}", 1))
scenario("listener_log_http_bad", routes=ROUTE, no_log=True, listener=FULL, client=send("nonsense\r\n\r\n") + read_all() + close() + file("{{log}}", 1))
# When nothing of the client's is unread we close at once; Envoy waits for the client, or for delayed_close_timeout.
AT_ONCE = {"mask": [('"triggered_delayed_close_timeout"', "null")]}
scenario("listener_log_http_close", routes=ROUTE, no_log=True, listener=FULL, client=get("/", "connection: close") + raw_all() + file("{{log}}", 1), **AT_ONCE)
scenario("listener_log_http_reset", no_log=True, listener=FULL, up=[hold()], client=send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + seen(1) + reset() + file("{{log}}", 1))
scenario("listener_log_http_idle", routes=ROUTE, no_log=True, listener=FULL, hcm="{common_http_protocol_options: {idle_timeout: 0.1s}, drain_timeout: 0.1s}",
         client=get("/") + raw_all() + file("{{log}}", 1), **AT_ONCE)
scenario("listener_log_http_refused", no_log=True, listener=FULL, up=REFUSE, client=get("/") + close() + file("{{log}}", 1))
scenario("listener_log_tcp", kind="tcp", up=Tcp(tunnel_echo()), no_log=True, listener=FULL, client=send("x") + read_bytes(1) + half_close() + raw_all() + file("{{log}}", 1))
scenario("listener_log_tcp_refused", kind="tcp", up=REFUSE, no_log=True, listener=FULL, client=new() + raw_all() + file("{{log}}", 1))
scenario("listener_log_no_chain", kind="tcp", up=REFUSE, no_log=True, listener=FULL, chains=all_of(chain("a", "{destination_port: 1}")), client=new() + raw_all() + file("{{log}}", 1))
chains("source_type_other_loopback", all_of(chain("local", "{source_type: SAME_IP_OR_LOOPBACK}"), chain("outside", "{source_type: EXTERNAL}")),
       try_from("127.0.0.2", "d"))

# Limits.

LIMITS = "layered_runtime: {layers: [{name: s, static_layer: {envoy.resource_limits.listener.listener_{{name}}.connection_limit: 2}}, {name: admin, admin_layer: {}}]}"
scenario("limit_of_listener", own=True, routes=ROUTE, bootstrap=LIMITS, unordered_log=True,
         client=get("/", c="a") + get("/", c="b") + dial("c") + raw_all("c") + close("a") + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_active", 1)
         + get("/", c="d"), stats=[STATS])
scenario("limit_of_listener_by_admin", own=True, routes=ROUTE,
         client=get("/", c="a") + admin("/runtime_modify?envoy.resource_limits.listener.listener_{{name}}.connection_limit=1", "POST", head=False)
         + dial("b") + raw_all("b") + admin("/runtime_modify?envoy.resource_limits.listener.listener_{{name}}.connection_limit=", "POST", head=False)
         + get("/", c="d"), stats=[STATS])
scenario("limit_zero", own=True, routes=ROUTE, bootstrap=LIMITS.replace(": 2}", ": 0}"), client=dial("c") + raw_all("c"), stats=[STATS])
scenario("limit_global", own=True, routes=ROUTE, bootstrap="layered_runtime: {layers: [{name: s, static_layer: {overload.global_downstream_max_connections: 1}}, {name: admin, admin_layer: {}}]}",
         client=pause(0.2) + get("/", c="a") + dial("b") + raw_all("b") + close("a") + pause(0.2) + get("/", c="d") + close("d") + pause(0.2), stats=[STATS],
         unordered_log=True)
scenario("limit_of_manager_idle", hcm="{common_http_protocol_options: {idle_timeout: 0.2s}, drain_timeout: 0.2s}", client=get("/") + raw_all(), stats=[STATS])
scenario("limit_of_manager_idle_then_request", hcm="{common_http_protocol_options: {idle_timeout: 0.2s}, drain_timeout: 3s}",
         client=get("/") + stat_is("http.{{name}}.downstream_cx_idle_timeout", 1) + get("/") + raw_all())
scenario("limit_of_manager_idle_no_request", hcm="{common_http_protocol_options: {idle_timeout: 0.2s}, drain_timeout: 3s}", client=new() + raw_all(), stats=[STATS])
scenario("limit_of_manager_duration", hcm="{common_http_protocol_options: {max_connection_duration: 0.2s}, drain_timeout: 0.2s}", client=get("/") + raw_all())
scenario("limit_of_manager_duration_no_request", hcm="{common_http_protocol_options: {max_connection_duration: 0.2s}, drain_timeout: 3s}", client=new() + raw_all())
scenario("limit_of_manager_duration_then_request", hcm="{common_http_protocol_options: {max_connection_duration: 0.2s}, drain_timeout: 3s}",
         client=get("/") + stat_is("http.{{name}}.downstream_cx_max_duration_reached", 1) + get("/") + raw_all())
