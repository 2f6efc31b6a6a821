"""Upgrades and CONNECT: allowed, refused, not allowed; bytes both ways, half-closes, resets, clocks, early data."""
from harness.dsl import *

HCM = "upgrade_configs: [{upgrade_type: websocket}]"
WS = "GET /chat HTTP/1.1\r\nhost: h.example\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: k\r\n\r\n"
SWITCH = raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: a\r\n\r\n")
STATS = [f"http.{{{{name}}}}.{n}" for n in ("downstream_cx_upgrades_total", "downstream_cx_upgrades_active", "downstream_rq_ws_on_non_ws_route", "downstream_rq_response_before_rq_complete",
                                            "downstream_rq_1xx", "downstream_rq_2xx", "downstream_rq_4xx", "downstream_rq_completed", "downstream_rq_rx_reset",
                                            "downstream_rq_tx_reset", "downstream_cx_destroy_remote", "downstream_cx_destroy_local",
                                            "downstream_cx_destroy_remote_active_rq", "downstream_cx_destroy_local_active_rq")] + [
    f"cluster.{{{{up}}}}.{n}" for n in ("upstream_rq_101", "upstream_rq_1xx", "upstream_rq_200", "upstream_rq_completed", "upstream_rq_total", "upstream_rq_active",
                                        "upstream_cx_active", "upstream_cx_destroy_remote", "upstream_cx_destroy_local",
                                        "upstream_cx_destroy_local_with_active_rq", "upstream_cx_destroy_remote_with_active_rq", "upstream_rq_timeout")]


def case(name, **kw):
    kw.setdefault("hcm", HCM)
    kw.setdefault("up", [SWITCH + tunnel_echo()])
    kw.setdefault("client", send(WS) + read_head() + send("hello") + read_bytes(5) + close() + logged(1))
    kw.setdefault("stats", STATS)
    kw["mask"] = kw.pop("mask", []) + [(r"(service-time: )\d+", r"\1<ms>")]
    scenario(name, **kw)


def ws(*headers, path="/chat", version="1.1", upgrade="websocket", connection="upgrade", method="GET"):
    return send("\r\n".join([f"{method} {path} HTTP/{version}", "host: h.example", f"upgrade: {upgrade}", f"connection: {connection}", *headers]) + "\r\n\r\n")


case("upgrade_websocket")
case("upgrade_websocket_of_route", hcm="", routes='- {match: {prefix: /}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: websocket}]}}')
case("upgrade_websocket_off_for_route", routes='- {match: {prefix: /}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: websocket, enabled: false}]}}',
     client=send(WS) + raw_all())
case("upgrade_websocket_off_on_for_route", hcm="upgrade_configs: [{upgrade_type: websocket, enabled: false}]",
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: websocket}]}}')
case("upgrade_websocket_off", hcm="upgrade_configs: [{upgrade_type: websocket, enabled: false}]", client=send(WS) + raw_all())
case("upgrade_not_configured", hcm="", client=send(WS) + raw_all())
case("upgrade_other_type", client=ws(upgrade="foo") + raw_all())
case("upgrade_two_types", client=ws(upgrade="websocket, foo") + raw_all())
case("upgrade_type_case", client=ws(upgrade="WebSocket", connection="Upgrade") + read_head() + send("hello") + read_bytes(5) + close() + logged(1))
case("upgrade_config_type_case", hcm="upgrade_configs: [{upgrade_type: WEBSOCKET}]")
case("upgrade_connection_list", client=ws(connection="keep-alive, Upgrade") + read_head() + send("hello") + read_bytes(5) + close() + logged(1))
case("upgrade_without_connection", client=send("GET / HTTP/1.1\r\nhost: h.example\r\nupgrade: websocket\r\n\r\n") + read(), up=[ok()])
case("upgrade_connection_without_upgrade", client=send("GET / HTTP/1.1\r\nhost: h.example\r\nconnection: upgrade\r\n\r\n") + read(), up=[ok()])
case("upgrade_h2c", client=ws("http2-settings: AAMAAABkAARAAAAAAAIAAAAA", upgrade="h2c", connection="upgrade, http2-settings") + raw_all(), up=[ok()])
case("upgrade_h2c_and_websocket", client=ws(upgrade="h2c, websocket") + raw_all(), up=[ok()])
case("upgrade_tls_token", client=ws(upgrade="TLS/1.2") + raw_all(), up=[ok()])
case("upgrade_http10", hcm="{upgrade_configs: [{upgrade_type: websocket}], http_protocol_options: {accept_http_10: true}}",
     client=ws(version="1.0") + raw_all(), up=[ok()])
case("upgrade_post_with_body", client=ws("content-length: 5", method="POST") + send("hello") + read_head() + close() + logged(1), up=[SWITCH + hold()])
case("upgrade_with_length_0", client=ws("content-length: 0") + read_head() + send("hello") + read_bytes(5) + close() + logged(1))
case("upgrade_chunked", client=ws("transfer-encoding: chunked") + send("5\r\nhello\r\n0\r\n\r\n") + read_head() + close() + logged(1), up=[SWITCH + hold()])
case("upgrade_kinds_of_route", vhosts="""
- name: all
  domains: ["*"]
  routes:
  - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: direct}}}
  - {match: {prefix: /redirect}, redirect: {host_redirect: x.example}}
  - {match: {prefix: /chat}, route: {cluster: "{{up}}"}}
""", client=ws(path="/direct", ) + read_all() + new("d") + [("send", "d", WS.replace("/chat", "/redirect").encode())] + read_all("d")
     + new("e") + [("send", "e", WS.replace("/chat", "/none").encode())] + read_all("e"))
case("upgrade_filters_of_config", hcm="""
upgrade_configs:
- upgrade_type: websocket
  filters: [{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
""", filters="""
- name: envoy.filters.http.fault
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 418, percentage: {numerator: 100}}}
""", client=send(WS) + read_head() + send("hello") + read_bytes(5) + close() + logged(1) + get("/plain", c="d"))
case("upgrade_aborted_by_filter", filters="""
- name: envoy.filters.http.fault
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 418, percentage: {numerator: 100}}}
""", client=send(WS) + raw_all())
case("upgrade_delayed_by_filter", filters="""
- name: envoy.filters.http.fault
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, delay: {fixed_delay: 0.1s, percentage: {numerator: 100}}}
""", client=send(WS) + send("early") + read_head() + read_bytes(5) + close() + logged(1))
case("upgrade_rewrites_and_headers", routes="""
- match: {prefix: /chat}
  route: {cluster: "{{up}}", prefix_rewrite: /ws, timeout: 0.2s}
  request_headers_to_add: [{header: {key: x-n, value: "1"}}]
  response_headers_to_add: [{header: {key: x-r, value: "%RESPONSE_CODE%"}}]
""")

# Answers that are no upgrade.
_426 = ("HTTP/1.1 426 Upgrade Required\r\nupgrade: foo\r\nconnection: close\r\ncontent-length: 2\r\ndate: <date>\r\nserver: envoy\r\n\r\nno")
_426_LOG = {"attempts": 1, "authority": "h.example", "cluster": "upgrade_refused_426_upgrade_up", "code": 426, "details": "via_upstream", "failure": None,
            "flags": "-", "host": "127.0.0.1:<up>", "method": "GET", "path": "/chat", "protocol": "HTTP/1.1", "received": 0, "route": None, "sent": 2, "term": None}
for _name, _answer in {"200": ok("no"), "201": ok("no", "x-a: 1", status=201), "206": ok("no", status=206), "302": ok("no", "location: /x", status=302), "304": ok("", status=304), "403": ok("denied", status=403), "404_keep": ok("none", "x-a: 1", status=404), "500": ok("bad", status=500),
                       "204": ok("", status=204), "chunked": raw("HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"),
                       "close": raw("HTTP/1.1 400 Bad\r\nconnection: close\r\n\r\nno") + fin(), "rst": rst(), "fin": fin(),
                       "garbage": raw("garbage\r\n\r\n") + fin(),
                       "426": ok("no", status=426), "426_upgrade": raw("HTTP/1.1 426 Upgrade Required\r\nupgrade: foo\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\nno")}.items():
    _more = {} if _name != "426_upgrade" else dict(
        differs="426 is a final answer (RFC 9110, 15.5.22); Envoy takes its Upgrade for a switch and keeps the client waiting", stats=[],
        outrigger={"end": {"c": "FIN", "c.unread": _426}, "steps": [{"bytes": _426}], "log": [_426_LOG]})
    case("upgrade_refused_" + _name, up=[_answer], client=send(WS) + raw_all(), **_more)
case("upgrade_refused_early_data", up=[early() + ok("no", status=403) + hold()], client=send(WS + "early bytes") + raw_all() + gone(1))
case("upgrade_200_does_not_tunnel", up=[ok("no") + hold()], client=send(WS) + read() + send("smuggled") + raw_all() + gone(1))
case("upgrade_101_without_headers", up=[raw("HTTP/1.1 101 Switching Protocols\r\n\r\n") + tunnel_echo()], client=send(WS) + raw_all())
case("upgrade_101_other_type", up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()],
     client=send(WS) + read_head() + send("hello") + read_bytes(5) + close() + logged(1))
case("upgrade_101_with_length", up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 3\r\n\r\n") + tunnel_echo()],
     client=send(WS) + raw_all())
case("upgrade_101_chunked", up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\ntransfer-encoding: chunked\r\n\r\n") + tunnel_echo()],
     client=send(WS) + raw_all())
case("upgrade_101_to_plain_request", up=[SWITCH + raw("x")], client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + raw_all())
case("upgrade_100_then_101", up=[raw("HTTP/1.1 100 Continue\r\n\r\n") + SWITCH + tunnel_echo()])
case("upgrade_103_then_101", up=[raw("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n") + SWITCH + tunnel_echo()])
case("upgrade_refused_connect", up=REFUSE, client=send(WS) + raw_all())
case("upgrade_no_host", clusters={"none": {}}, routes='- {match: {prefix: /}, route: {cluster: "{{none}}"}}', client=send(WS) + raw_all())
case("upgrade_retried", up=[ok("no", status=503), SWITCH + tunnel_echo()],
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 0.001s}}}}')
case("upgrade_retried_after_reset", up=[rst(), SWITCH + tunnel_echo()],
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: reset, retry_back_off: {base_interval: 0.001s}}}}')

# Bytes and ends.
case("upgrade_data_with_101", up=[SWITCH + raw("first") + tunnel_echo()], client=send(WS) + read_head() + read_bytes(5) + send("more") + read_bytes(4) + close() + logged(1))
case("upgrade_early_data", up=[SWITCH + tunnel_echo()], client=send(WS + "early") + read_head() + read_bytes(5) + close() + logged(1))
case("upgrade_much_data", up=[SWITCH + tunnel_echo()], client=send(WS) + read_head() + send("x" * 300000) + read_bytes(300000) + close() + logged(1))
case("upgrade_client_closes", up=[SWITCH + hold()], client=send(WS) + read_head() + send("bye") + close() + gone(1) + logged(1))
case("upgrade_client_resets", up=[SWITCH + hold()], client=send(WS) + read_head() + send("bye") + reset() + gone(1) + logged(1))
case("upgrade_client_half_closes", up=[SWITCH + tunnel_echo()], client=send(WS) + read_head() + send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1))
case("upgrade_upstream_closes", up=[SWITCH + raw("bye") + fin()], client=send(WS) + raw_all())
case("upgrade_upstream_resets", up=[SWITCH + raw("bye") + wait(0.05) + rst()], client=send(WS) + raw_all())
case("upgrade_upstream_half_closes", up=[SWITCH + raw("bye") + [("half",)] + hold()], client=send(WS) + read_head() + read_bytes(3) + raw_all() + gone(1))
case("upgrade_second_request_in_tunnel", up=[SWITCH + tunnel_echo()], client=send(WS) + read_head() + send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + read_bytes(26) + close() + logged(1))
case("upgrade_client_gone_before_answer", up=[hold()], client=send(WS) + seen(1) + close() + gone(1) + logged(1))
case("upgrade_log_while_open", up=[SWITCH + tunnel_echo()], client=send(WS) + read_head() + send("abc") + read_bytes(3) + close() + logged(1),
     log_format={"received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
                 "up_sent": "%UPSTREAM_WIRE_BYTES_SENT%", "protocol": "%PROTOCOL%", "upgrade": "%REQ(UPGRADE)%"})

# Clocks.
case("upgrade_route_timeout", up=[hold()], routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.2s}}', hcm="{upgrade_configs: [{upgrade_type: websocket}], stream_idle_timeout: 1s}",
     client=send(WS) + raw_all())
case("upgrade_route_timeout_after", up=[SWITCH + wait(0.4) + raw("late") + tunnel_echo()], routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.2s}}',
     client=send(WS) + read_head() + read_bytes(4) + close() + logged(1))
case("upgrade_stream_idle", up=[SWITCH + hold()], hcm="{upgrade_configs: [{upgrade_type: websocket}], stream_idle_timeout: 0.3s}", client=send(WS) + raw_all() + gone(1))
case("upgrade_stream_idle_busy", up=[SWITCH + tunnel_echo()], hcm="{upgrade_configs: [{upgrade_type: websocket}], stream_idle_timeout: 0.4s}",
     client=send(WS) + read_head() + [s for _ in range(4) for s in pause(0.2) + send("x") + read_bytes(1)] + close() + logged(1))
case("upgrade_stream_idle_before_answer", up=[hold()], hcm="{upgrade_configs: [{upgrade_type: websocket}], stream_idle_timeout: 0.2s}", client=send(WS) + raw_all())
case("upgrade_max_duration", up=[SWITCH + tunnel_echo()], hcm="{upgrade_configs: [{upgrade_type: websocket}], common_http_protocol_options: {max_stream_duration: 0.3s}}",
     client=send(WS) + raw_all() + gone(1))
case("upgrade_max_duration_of_cluster", up=[SWITCH + tunnel_echo()], clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.3s}"}},
     client=send(WS) + raw_all() + gone(1))
case("upgrade_connection_idle", up=[SWITCH + wait(0.4) + raw("late") + tunnel_echo()], hcm="{upgrade_configs: [{upgrade_type: websocket}], common_http_protocol_options: {idle_timeout: 0.2s}}",
     client=send(WS) + read_head() + read_bytes(4) + close() + logged(1))
case("upgrade_connection_max", up=[SWITCH + tunnel_echo()], hcm="{upgrade_configs: [{upgrade_type: websocket}], common_http_protocol_options: {max_connection_duration: 0.2s}, drain_timeout: 0.2s}",
     client=send(WS) + read_head() + pause(0.5) + send("hello") + read_bytes(5) + close() + logged(1))
case("upgrade_per_try", up=[hold(), SWITCH + tunnel_echo()], hcm="{upgrade_configs: [{upgrade_type: websocket}], stream_idle_timeout: 1s}",
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: 5xx, per_try_timeout: 0.1s, retry_back_off: {base_interval: 0.001s}}}}', client=send(WS) + raw_all())
case("upgrade_per_try_idle_after", up=[SWITCH + wait(0.3) + raw("late") + tunnel_echo()],
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: 5xx, per_try_idle_timeout: 0.15s}}}', client=send(WS) + raw_all())

# CONNECT.
case("upgrade_refused_timeout", up=[ok("no", status=403) + hold()], routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.2s}}', client=send(WS) + raw_all())
CONNECT = "CONNECT target.example:80 HTTP/1.1\r\nhost: target.example:80\r\n\r\n"
CONNECT_HCM = "upgrade_configs: [{upgrade_type: CONNECT}]"
TO_TCP = '- {match: {connect_matcher: {}}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}'
TO_HTTP = '- {match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}'


def tunnel(name, **kw):
    kw.setdefault("hcm", CONNECT_HCM)
    kw.setdefault("routes", TO_TCP)
    kw.setdefault("up", Tcp(tunnel_echo()))
    kw.setdefault("client", send(CONNECT) + read_head() + send("hello") + read_bytes(5) + close() + logged(1))
    case(name, **kw)


tunnel("connect_to_tcp")
tunnel("connect_to_tcp_of_route_only", hcm="")
tunnel("connect_to_tcp_not_in_route", routes=TO_HTTP, up=[raw("HTTP/1.1 200 OK\r\n\r\n") + tunnel_echo()])
tunnel("connect_not_configured", hcm="", routes=TO_HTTP, client=send(CONNECT) + raw_all())
tunnel("connect_disabled_for_route", routes=TO_TCP.replace("connect_config: {}", "enabled: false"), client=send(CONNECT) + raw_all())
tunnel("connect_no_matcher", routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}', client=send(CONNECT) + raw_all())
tunnel("connect_matcher_not_for_get", client=get("/"), up=Tcp(hold()))
tunnel("connect_to_tcp_refused", up=REFUSE, client=send(CONNECT) + raw_all())
tunnel("connect_to_tcp_no_host", clusters={"none": {}}, routes=TO_TCP.replace("{{up}}", "{{none}}"), client=send(CONNECT) + raw_all())
tunnel("connect_to_tcp_early_data", client=send(CONNECT + "early") + read_head() + read_bytes(5) + close() + logged(1))
tunnel("connect_to_tcp_server_first", up=Tcp(raw("banner") + tunnel_echo()), client=send(CONNECT) + read_head() + read_bytes(6) + send("x") + read_bytes(1) + close() + logged(1))
tunnel("connect_to_tcp_client_closes", up=Tcp(hold()), client=send(CONNECT) + read_head() + send("bye") + close() + gone(1) + logged(1))
tunnel("connect_to_tcp_client_resets", up=Tcp(hold()), client=send(CONNECT) + read_head() + send("bye") + reset() + gone(1) + logged(1))
tunnel("connect_to_tcp_client_half_closes", client=send(CONNECT) + read_head() + send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1))
tunnel("connect_to_tcp_upstream_closes", up=Tcp(raw("bye") + fin()), client=send(CONNECT) + raw_all())
tunnel("connect_to_tcp_upstream_resets", up=Tcp(raw("bye") + wait(0.05) + rst()), client=send(CONNECT) + raw_all())
tunnel("connect_to_tcp_upstream_half_closes", up=Tcp(raw("bye") + [("half",)] + hold()), client=send(CONNECT) + read_head() + read_bytes(3) + raw_all() + gone(1))
tunnel("connect_to_tcp_much_data", client=send(CONNECT) + read_head() + send("x" * 300000) + read_bytes(300000) + close() + logged(1))
tunnel("connect_to_tcp_idle", up=Tcp(hold()), hcm="{upgrade_configs: [{upgrade_type: CONNECT}], stream_idle_timeout: 0.3s}", client=send(CONNECT) + raw_all() + gone(1))
tunnel("connect_to_tcp_connect_timeout", up=BLACKHOLE, clusters={"up": {"yaml": "connect_timeout: 0.2s"}}, client=send(CONNECT) + raw_all())
tunnel("connect_to_tcp_retried", up=REFUSE, client=send(CONNECT) + raw_all(), routes="""
- match: {connect_matcher: {}}
  route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}], retry_policy: {retry_on: connect-failure, num_retries: 2, retry_back_off: {base_interval: 0.001s}}}
""")
tunnel("connect_to_tcp_headers", routes="""
- match: {connect_matcher: {}}
  route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
  response_headers_to_add: [{header: {key: x-r, value: "%RESPONSE_CODE%"}}]
""")
tunnel("connect_to_tcp_host_matched", vhosts="""
- name: one
  domains: ["target.example:80"]
  routes: [{match: {connect_matcher: {}}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}]
- name: two
  domains: ["*"]
  routes: [{match: {connect_matcher: {}}, direct_response: {status: 403, body: {inline_string: "no"}}}]
""", client=send(CONNECT) + read_head() + send("hello") + read_bytes(5) + close() + logged(1)
    + [("send", "d", CONNECT.replace("target", "other").encode())] + raw_all("d"))
HTTP_OK = raw("HTTP/1.1 200 OK\r\n\r\n")
tunnel("connect_to_http", routes=TO_HTTP, up=[HTTP_OK + tunnel_echo()])
tunnel("connect_to_http_with_length", routes=TO_HTTP, up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n") + tunnel_echo()])
tunnel("connect_to_http_chunked", routes=TO_HTTP, up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n") + tunnel_echo()])
tunnel("connect_to_http_201", routes=TO_HTTP, up=[raw("HTTP/1.1 201 Created\r\n\r\n") + tunnel_echo()])
tunnel("connect_to_http_refused", routes=TO_HTTP, up=[ok("denied", status=403)], client=send(CONNECT) + raw_all())
tunnel("connect_to_http_refused_early_data", routes=TO_HTTP, up=[early() + ok("denied", status=403) + hold()], client=send(CONNECT + "early bytes") + raw_all() + gone(1))
tunnel("connect_to_http_early_data", routes=TO_HTTP, up=[HTTP_OK + tunnel_echo()], client=send(CONNECT + "early") + read_head() + read_bytes(5) + close() + logged(1))
tunnel("connect_to_http_rst", routes=TO_HTTP, up=[rst()], client=send(CONNECT) + raw_all())
tunnel("connect_to_http_client_half_closes", routes=TO_HTTP, up=[HTTP_OK + tunnel_echo()],
       client=send(CONNECT) + read_head() + send("hello") + read_bytes(5) + half_close() + raw_all() + gone(1))
tunnel("connect_to_http_upstream_closes", routes=TO_HTTP, up=[HTTP_OK + raw("bye") + fin()], client=send(CONNECT) + raw_all())
tunnel("connect_with_length", client=send("CONNECT t:80 HTTP/1.1\r\nhost: t:80\r\ncontent-length: 5\r\n\r\nhello") + raw_all())
tunnel("connect_chunked", client=send("CONNECT t:80 HTTP/1.1\r\nhost: t:80\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n") + raw_all())
tunnel("connect_with_length_0", client=send("CONNECT t:80 HTTP/1.1\r\nhost: t:80\r\ncontent-length: 0\r\n\r\n") + raw_all())
tunnel("connect_to_http_timeout", routes='- {match: {connect_matcher: {}}, route: {cluster: "{{up}}", timeout: 0.2s}}', up=[hold()],
       hcm="{upgrade_configs: [{upgrade_type: CONNECT}], stream_idle_timeout: 1s}", client=send(CONNECT) + raw_all())
tunnel("connect_to_http_timeout_after", routes='- {match: {connect_matcher: {}}, route: {cluster: "{{up}}", timeout: 0.2s}}',
       up=[HTTP_OK + wait(0.4) + raw("late") + tunnel_echo()], client=send(CONNECT) + read_head() + read_bytes(4) + close() + logged(1))
tunnel("connect_to_tcp_timeout_after", routes=TO_TCP.replace("upgrade_configs", "timeout: 0.2s, upgrade_configs"), up=Tcp(wait(0.4) + raw("late") + tunnel_echo()),
       client=send(CONNECT) + read_head() + read_bytes(4) + close() + logged(1))
tunnel("connect_to_tcp_timeout_pending", routes=TO_TCP.replace("upgrade_configs", "timeout: 0.2s, upgrade_configs"), up=BLACKHOLE, client=send(CONNECT) + raw_all())
tunnel("connect_domain_without_port", vhosts="""
- {name: one, domains: [target.example], routes: [{match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}]}
""", up=[HTTP_OK + tunnel_echo()])
tunnel("connect_strip_port", hcm="{upgrade_configs: [{upgrade_type: CONNECT}], strip_any_host_port: true}", vhosts="""
- {name: one, domains: [target.example], routes: [{match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}]}
""", up=[HTTP_OK + tunnel_echo()])
