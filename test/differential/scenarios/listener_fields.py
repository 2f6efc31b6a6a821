"""Fields of listeners that few configs use."""
from harness.dsl import *

ROUTE = '- {match: {prefix: /}, direct_response: {status: 200}}'
STATS = "re:^listener\\.127\\.0\\.0\\.1_{{port}}\\.(?!.*(http|worker|_ms|per_socket))"


def http(name, **kw):
    kw.setdefault("routes", ROUTE)
    kw.setdefault("client", get("/"))
    scenario("listener_fields_" + name, **kw)


# Fields that change nothing that a client sees.
http("accepted", listener="""
tcp_keepalive: {keepalive_probes: 3, keepalive_time: 60, keepalive_interval: 10}
tcp_fast_open_queue_length: 5
tcp_backlog_size: 17
max_connections_to_accept_per_socket_event: 1
ignore_global_conn_limit: true
bypass_overload_manager: true
listener_filters_timeout: 1s
continue_on_listener_filters_timeout: true
per_connection_buffer_high_watermark_timeout: 60s
reuse_port: true
""")
http("mptcp", listener="enable_mptcp: true")
http("keepalive_off", listener="tcp_keepalive: {keepalive_probes: 0}")
http("options", listener="socket_options: [{level: 1, name: 9, int_value: 1, state: STATE_PREBIND}, {level: 6, name: 4, int_value: 33, state: STATE_BOUND}, {level: 6, name: 5, int_value: 11, state: STATE_LISTENING}]")
http("option_of_datagrams", listener="socket_options: [{level: 1, name: 9999, int_value: 1, state: STATE_PREBIND, type: {datagram: {}}}]")
http("option_of_ipv6", listener="socket_options: [{level: 1, name: 9999, int_value: 1, state: STATE_PREBIND, ip_version: SOCKET_IP_VERSION_IPV6}]")

# Ports that are not bound.
http("unbound", listener="bind_to_port: false", client=dial() + raw_all())
http("unbound_v1", listener="deprecated_v1: {bind_to_port: false}", client=dial() + raw_all())
http("bound_v1", listener="deprecated_v1: {bind_to_port: true}")
http("unbound_page", own=True, listener="bind_to_port: false", client=admin("/listeners") + admin("/listeners?format=json"))
http("additional", listener="""
additional_addresses:
- {address: {socket_address: {address: 127.0.0.1, port_value: {{port2}}}}, tcp_keepalive: {keepalive_time: 30}, socket_options: {socket_options: [{level: 1, name: 9, int_value: 1, state: STATE_PREBIND}]}}
socket_options: [{level: 1, name: 9, int_value: 0, state: STATE_PREBIND}]
""", client=get("/") + new("d", "port2") + get("/", c="d"))

# Connections are spread over the workers.
WORKER = "listener.127.0.0.1_{{port}}.worker_%d.downstream_cx_active"
http("exact_balance", own=True, flags=["--concurrency", "2"], listener="connection_balance_config: {exact_balance: {}}", no_log=True,
     client=[s for c in "abcdef" for s in new(c) + get("/", c=c)] + stat_is(WORKER % 0, 3) + stat_is(WORKER % 1, 3) + close("a") + close("b") + stat_is("listener.127.0.0.1_{{port}}.downstream_cx_active", 4)
     + new("a") + get("/", c="a") + new("b") + get("/", c="b") + stat_is(WORKER % 0, 3) + stat_is(WORKER % 1, 3))
http("one_worker_balance", listener="connection_balance_config: {exact_balance: {}}", stats=[STATS])

# Limits.
GLOBAL = "layered_runtime: {layers: [{name: s, static_layer: {overload.global_downstream_max_connections: 1}}]}"
http("global_limit", own=True, bootstrap=GLOBAL + "\nadmin: {ignore_global_conn_limit: true}", no_log=True, client=get("/") + new("d") + raw_all("d"), stats=["listener.127.0.0.1_{{port}}.downstream_global_cx_overflow"])
http("global_limit_ignored", own=True, bootstrap=GLOBAL + "\nadmin: {ignore_global_conn_limit: true}", no_log=True, listener="ignore_global_conn_limit: true", client=get("/") + new("d") + get("/", c="d"),
     stats=["listener.127.0.0.1_{{port}}.downstream_global_cx_overflow"])

# Clients that do not take what there is for them.
SLOW = "per_connection_buffer_limit_bytes: 65536\nper_connection_buffer_high_watermark_timeout: 0.3s"
CLOSED = {"code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%", "why": "%DOWNSTREAM_LOCAL_CLOSE_REASON%"}
MUCH = [(r"<\d+ bytes of [^>]*>", "<much>")]
BIG = {"up": {"yaml": "per_connection_buffer_limit_bytes: 65536"}}
scenario("listener_fields_slow_client", listener=SLOW, up=[ok("x" * 30000000)], clusters=BIG, log_format=CLOSED, no_upstream=True, mask=MUCH, client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + logged(1),
         stats=["http.{{name}}.downstream_cx_destroy_local", "http.{{name}}.downstream_cx_destroy_remote", "http.{{name}}.downstream_cx_destroy_local_active_rq", "http.{{name}}.downstream_cx_destroy_remote_active_rq"])
scenario("listener_fields_slow_client_in_time", listener=SLOW.replace("0.3s", "20s"), up=[ok("x" * 3000000)], clusters=BIG, log_format=CLOSED, no_upstream=True,
         client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + pause(0.3) + read())
scenario("listener_fields_slow_client_tcp", kind="tcp", listener=SLOW, up=Tcp(raw("x" * 30000000) + hold()), clusters=BIG, log_format=CLOSED, no_upstream=True, mask=MUCH, client=new() + logged(1))

# The original destination.
ORIGINAL = 'listener_filters: [{name: o, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.original_dst.v3.OriginalDst}%s}]'
http("original_dst_not_redirected", listener=ORIGINAL % "", log_format={"local": "%DOWNSTREAM_LOCAL_ADDRESS%"})
http("use_original_dst_not_redirected", listener="use_original_dst: true", log_format={"local": "%DOWNSTREAM_LOCAL_ADDRESS%"})
for _name, _predicate in (("any", "any_match: true"), ("port", "destination_port_range: {start: {{port}}, end: 65535}"), ("not", "not_match: {any_match: true}"),
                          ("or", "or_match: {rules: [{any_match: true}, {destination_port_range: {start: 1, end: 2}}]}"), ("and", "and_match: {rules: [{any_match: true}, {destination_port_range: {start: 1, end: 2}}]}")):
    http("original_dst_disabled_" + _name, listener=ORIGINAL % (", filter_disabled: {%s}" % _predicate), log_format={"local": "%DOWNSTREAM_LOCAL_ADDRESS%"})
