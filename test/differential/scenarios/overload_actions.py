"""What the overload manager does when a resource runs out. The pressure is what a file says."""
import json

from harness.dsl import *
from harness.h2 import *

HERE = "listener.127.0.0.1_{{port}}."
FILE = "{{dir}}/pressure"
MONITOR = "envoy.resource_monitors.injected_resource"
ACTION = "envoy.overload_actions."
POINT = "envoy.load_shed_points."
TYPE = "type.googleapis.com/envoy.extensions.resource_monitors."
INJECTED = {"name": MONITOR, "typed_config": {"@type": TYPE + "injected_resource.v3.InjectedResourceConfig", "filename": FILE}}
SAYS = '- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: "served"}}}'
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "protocol": "%PROTOCOL%", "path": "%REQ(:PATH)%", "route": "%ROUTE_NAME%",
        "close": "%DOWNSTREAM_LOCAL_CLOSE_REASON%", "term": "%CONNECTION_TERMINATION_DETAILS%"}
STATS = ["http.{{name}}.downstream_rq_overload_close", "http.{{name}}.downstream_cx_overload_disable_keepalive", "http.{{name}}.downstream_cx_drain_close",
         "http.{{name}}.rq_overload_local_reply", HERE + "downstream_cx_overload_reject", HERE + "downstream_cx_total", "http.{{name}}.downstream_rq_5xx",
         "http.{{name}}.downstream_rq_total", "http.{{name}}.downstream_cx_total", "http.{{name}}.downstream_cx_destroy_local", "http.{{name}}.downstream_rq_rx_reset",
         "http.{{name}}.downstream_cx_idle_timeout", "http.{{name}}.downstream_cx_max_duration_reached", "http.{{name}}.downstream_rq_idle_timeout", "http.{{name}}.downstream_cx_overload_close",
         "http.{{name}}.downstream_cx_protocol_error"]
ALL = ["re:^overload\\..*(active|scale_percent|pressure|failed_updates|shrink_count|shed_load_count)$"]


def action(name, *triggers, **more):
    return {"name": name if "." in name else ACTION + name, "triggers": list(triggers), **more}


def point(name, *triggers):
    return {"name": name if "." in name else POINT + name, "triggers": list(triggers)}


def at(value, monitor=MONITOR):
    return {"name": monitor, "threshold": {"value": value}}


def between(begin, full, monitor=MONITOR):
    return {"name": monitor, "scaled": {"scaling_threshold": begin, "saturation_threshold": full}}


def manager(*actions, points=(), monitors=(INJECTED,), **more):
    return {"refresh_interval": "0.05s", "resource_monitors": list(monitors), "actions": list(actions), **({"loadshed_points": list(points)} if points else {}), **more}


def pressure(value):
    return write(FILE, str(value)) + stat_is(f"overload.{MONITOR}.pressure", str(int(value * 100)))


def is_active(name, value=1):
    return stat_is(f"overload.{ACTION}{name}.active", str(value))


def is_scaled(name, value):
    return stat_is(f"overload.{name if '.' in name else ACTION + name}.scale_percent", str(value))


def full(name):
    """A point, to the full."""
    return pressure(1) + is_scaled(POINT + name, 100)


def case(name, actions, client, begin="0", points=(), **kw):
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", STATS)
    kw["hcm"] = "codec_type: AUTO\n" + kw.get("hcm", "")
    if "up" not in kw:
        kw.setdefault("routes", SAYS)
    actions = actions if isinstance(actions, list) else [actions]
    points = points if isinstance(points, (list, tuple)) else [points]
    text = json.dumps(manager(*actions, points=points, **kw.pop("manager", {})))
    scenario("overload_" + name, own=True, bootstrap=f"overload_manager: {text}\n" + kw.pop("boot", ""), client=client, files={"pressure": begin}, **kw)


# ---- no more requests

STOP = action("stop_accepting_requests", at(.9))
CLOSE = action("disable_http_keepalive", at(.9))
STOPPED = pressure(1) + is_active("stop_accepting_requests")
CLOSING = pressure(1) + is_active("disable_http_keepalive")
GRPC = "content-type: application/grpc"
case("stops_requests", STOP, get("/") + pressure(.9) + is_active("stop_accepting_requests") + get("/") + get("/", method="HEAD") + get("/", c="d") + pressure(.89)
     + is_active("stop_accepting_requests", 0) + get("/") + get("/", c="d"))
case("stops_requests_at_once", STOP, is_active("stop_accepting_requests") + get("/"), begin="1")
case("stops_grpc_requests", STOP, STOPPED + get("/", GRPC))
case("stops_requests_with_body", STOP, STOPPED + send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello") + read_all())
case("stops_requests_that_expect", STOP, STOPPED + send("POST / HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n") + read_all())
case("stops_requests_without_host", STOP, STOPPED + send("GET / HTTP/1.1\r\n\r\n") + read_all())
case("stops_requests_with_bad_path", STOP, STOPPED + get("nope") + get("/"))
case("stops_bad_requests", STOP, STOPPED + send("GET / HTTP/9.1\r\n\r\n") + read_all())
case("stops_upgrades", STOP, STOPPED + get("/", "connection: upgrade", "upgrade: websocket") + read_all())
case("stops_http10", STOP, STOPPED + send("GET / HTTP/1.0\r\nhost: h\r\n\r\n") + read_all(), hcm="http_protocol_options: {accept_http_10: true}")
case("stops_pipelined", STOP, STOPPED + send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n") + read() + read())
case("stops_http2", STOP, h2() + h2_req() + STOPPED + h2_req("/2", s=3) + h2_req("/3", s=5, method="POST", body=b"hello") + pressure(0) + is_active("stop_accepting_requests", 0)
     + h2_req("/4", s=7))
case("stops_http2_grpc", STOP, h2() + STOPPED + h2_req("/2", "content-type: application/grpc", s=1, method="POST", body=b"hello"))
case("tells_of_overload", STOP, STOPPED + get("/") + get("/", GRPC), hcm="append_local_overload: true")
case("local_reply_of_overload", STOP, STOPPED + get("/"),
     hcm='local_reply_config: {mappers: [{filter: {status_code_filter: {comparison: {op: EQ, value: {default_value: 503, runtime_key: x}}}}, status_code: 429, body: {inline_string: "later"}}]}')
case("requests_under_way_end", STOP, send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1) + STOPPED + signal("go") + read() + get("/"),
     up={"up": {"/held": [until("go") + ok("held")], "*": [ok()]}})
case("filters_see_no_stopped_request", STOP, STOPPED + get("/"), hcm="server_name: s",
     filters='- {name: f, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 418, percentage: {numerator: 100}}}}')
case("bypassed", STOP, STOPPED + get("/"), listener="bypass_overload_manager: true")
case("stops_no_admin", STOP, STOPPED + admin("/ready"))
case("normalizes_no_stopped_path", STOP, STOPPED + get("/a/../b"), hcm="normalize_path: true\nstrip_any_host_port: true")

# ---- no more requests of a connection

BRIEF = "drain_timeout: 0.1s"  # then the connection ends
case("closes", CLOSE, get("/") + pressure(.9) + is_active("disable_http_keepalive") + get("/") + read_all() + new() + pressure(.89) + is_active("disable_http_keepalive", 0)
     + get("/") + get("/"), hcm=BRIEF)
case("closes_http10", CLOSE, CLOSING + send("GET / HTTP/1.0\r\nconnection: keep-alive\r\nhost: h\r\n\r\n") + read_all(), hcm="http_protocol_options: {accept_http_10: true}\n" + BRIEF)
case("closes_behind_an_upstream", CLOSE, CLOSING + get("/") + read_all(), hcm=BRIEF, up={"up": [ok()]})
case("closes_as_asked", CLOSE, CLOSING + get("/", "connection: close") + read_all(), hcm=BRIEF)
case("closes_bypassed", CLOSE, CLOSING + get("/") + get("/"), listener="bypass_overload_manager: true")
case("closes_http2", CLOSE, h2() + h2_req() + CLOSING + h2_req("/2", s=3) + h2_goaways() + h2_ended(), hcm="drain_timeout: 0.1s")
case("stops_and_closes", [STOP, CLOSE], CLOSING + is_active("stop_accepting_requests") + get("/") + read_all(), hcm=BRIEF)
case("stops_and_closes_http2", [STOP, CLOSE], h2() + CLOSING + is_active("stop_accepting_requests") + h2_req() + h2_ended(), hcm="drain_timeout: 0.1s")
case("closes_but_not_while_upgrading", CLOSE, CLOSING + send("GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n") + read_head() + send("data") + read_bytes(4),
     hcm="upgrade_configs: [{upgrade_type: x}]", up={"up": [raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n") + tunnel_echo()]})

# ---- no more connections

REJECT = action("reject_incoming_connections", at(.95))
REJECTING = pressure(1) + is_active("reject_incoming_connections")
case("rejects", REJECT, get("/") + REJECTING + get("/") + new("d") + raw_all("d") + pressure(.5) + is_active("reject_incoming_connections", 0) + new("e") + get("/", c="e"))
case("rejects_bypassed", REJECT, REJECTING + new("d") + get("/", c="d"), listener="bypass_overload_manager: true")
HOLD = action("stop_accepting_connections", at(.95))
HOLDING = pressure(1) + is_active("stop_accepting_connections")
TOTAL = admin("/stats?filter=downstream_cx_total", keep="listener.127", head=False)
HELD = new("d") + send("GET / HTTP/1.1\r\nhost: h\r\n\r\n", c="d") + pause(.3) + TOTAL
case("accepts_none", HOLD, get("/") + HOLDING + get("/") + HELD + pressure(.5) + read(c="d"), mask=[(r"127.0.0.1_\d+", "here")])
case("accepts_none_bypassed", HOLD, HOLDING + HELD + pressure(.5) + read(c="d"), listener="bypass_overload_manager: true", mask=[(r"127.0.0.1_\d+", "here")])
case("accepts_none_at_once", HOLD, is_active("stop_accepting_connections") + HELD + pressure(.5) + read(c="d"), begin="1", mask=[(r"127.0.0.1_\d+", "here")])
case("accepts_none_partly", action("stop_accepting_connections", between(0, 1)), pressure(.9) + is_scaled("stop_accepting_connections", 90) + new("d") + get("/", c="d"))
case("holds_and_rejects", [HOLD, REJECT], HOLDING + is_active("reject_incoming_connections") + new("d") + pause(.1) + TOTAL + pressure(.5)
     + is_active("reject_incoming_connections", 0) + get("/", c="d"), mask=[(r"127.0.0.1_\d+", "here")])

# ---- points where load is shed

SHED = ["re:^overload\\.envoy.load_shed_points\\..*count$"]


def shed(name, point_name, client, **kw):
    case("shed_" + name, [], client, points=point(point_name, at(.9)), **{"stats": STATS + SHED, **kw})


LISTENER_LOG = listener_log('flags: "%RESPONSE_FLAGS%", details: "%RESPONSE_CODE_DETAILS%", term: "%CONNECTION_TERMINATION_DETAILS%", close: "%DOWNSTREAM_LOCAL_CLOSE_REASON%", '
                            'type: "%DOWNSTREAM_DETECTED_CLOSE_TYPE%", received: "%BYTES_RECEIVED%"')
HEAD = "http_connection_manager_decode_headers"
shed("heads", HEAD, get("/") + full(HEAD) + get("/") + get("/", GRPC) + pressure(0) + is_scaled(POINT + HEAD, 0) + get("/"))
shed("heads_told", HEAD, full(HEAD) + get("/"), hcm="append_local_overload: true")
shed("heads_http2", HEAD, h2() + full(HEAD) + h2_req() + h2_req(s=3))
shed("heads_bypassed", HEAD, full(HEAD) + get("/"), listener="bypass_overload_manager: true")
CODEC = "hcm_ondata_creating_codec"
shed("codecs", CODEC, get("/") + full(CODEC) + get("/") + new("d") + send("GET / HTTP/1.1\r\nhost: h\r\n\r\n", c="d") + raw_all("d"))
shed("codecs_told_http2", CODEC, new("d") + full(CODEC) + send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", c="d") + raw_all("d"))
shed("codecs_bypassed", CODEC, full(CODEC) + get("/"), listener="bypass_overload_manager: true")
shed("codecs_logged", CODEC, full(CODEC) + new("d") + send("GET / HTTP/1.1\r\nhost: h\r\n\r\n", c="d") + raw_all("d"), listener=LISTENER_LOG)
ACCEPT = "tcp_listener_accept"
shed("connections_logged", ACCEPT, full(ACCEPT) + new("d") + raw_all("d"), listener=LISTENER_LOG)
shed("connections", ACCEPT, get("/") + full(ACCEPT) + get("/") + new("d") + raw_all("d") + pressure(0) + is_scaled(POINT + ACCEPT, 0) + new("e") + get("/", c="e"))
shed("connections_bypassed", ACCEPT, full(ACCEPT) + get("/"), listener="bypass_overload_manager: true")
H1 = "http1_server_abort_dispatch"
shed("http1", H1, get("/") + full(H1) + get("/") + read_all())
shed("http1_new", H1, new() + full(H1) + send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + read_all())
shed("http1_body", H1, send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nab") + seen(1) + full(H1) + send("cde") + read_all(), up={"up": [ok()]})
shed("http1_logged", H1, full(H1) + get("/") + read_all(), listener=LISTENER_LOG, unordered_log=True)
shed("http1_answering", H1, send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1) + full(H1) + signal("go") + read() + get("/") + read_all(), up={"up": [until("go") + ok()]})
shed("http1_upgraded", H1, send("GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n") + read_head() + full(H1) + send("data") + raw_all(),
     hcm="upgrade_configs: [{upgrade_type: x}]", up={"up": [raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n") + tunnel_echo()]})
shed("http1_bypassed", H1, full(H1) + get("/"), listener="bypass_overload_manager: true")
shed("http1_spares_http2", H1, full(H1) + h2() + h2_req())
H2_AWAY = "http2_server_go_away_on_dispatch"
shed("http2", H2_AWAY, h2() + h2_req() + full(H2_AWAY) + h2_req("/2", s=3) + h2_req("/3", s=5) + h2_goaways(), stats=STATS)
shed("http2_bypassed", H2_AWAY, h2() + h2_req() + full(H2_AWAY) + h2_req("/2", s=3), listener="bypass_overload_manager: true")
H2_CLOSE = "http2_server_go_away_and_close_on_dispatch"
shed("http2_close", H2_CLOSE, h2() + h2_req() + full(H2_CLOSE) + h2_req("/2", s=3, done=False) + h2_goaways() + h2_ended(), stats=STATS)
shed("http2_close_logged", H2_CLOSE, h2() + h2_req() + full(H2_CLOSE) + h2_req("/2", s=3, done=False) + h2_goaways() + h2_ended(), stats=STATS, listener=LISTENER_LOG, unordered_log=True)
shed("http2_close_held", H2_CLOSE, h2() + h2_req("/held", done=False) + seen(1) + full(H2_CLOSE) + h2_req("/2", s=3, done=False) + h2_goaways() + h2_ended(), stats=STATS,
     up={"up": {"/held": [until("go") + ok("held")], "*": [ok()]}})
shed("half", HEAD, pressure(.9) + is_scaled(POINT + HEAD, 100) + get("/") + pressure(.89) + is_scaled(POINT + HEAD, 0) + get("/"))
case("shed_some", [], pressure(.5) + is_scaled(POINT + HEAD, 50) + burst(2000, "/", about={"200 served": .5, "503 envoy overloaded": .5}), points=point(HEAD, between(0, 1)), stats=[], no_log=True)

# ---- shorter timeouts

IDLE = {"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_timeout": "0.1s"}
TIMERS = "type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig"


def timers(*factors, triggers=None, name="reduce_timeouts"):
    return action(name, *(triggers or [at(.9)]), typed_config={"@type": TIMERS, "timer_scale_factors": list(factors)})


REDUCED = pressure(1) + is_active("reduce_timeouts")
LONG = "common_http_protocol_options: {idle_timeout: 600s}\nstream_idle_timeout: 600s"
case("idle_connections", timers(IDLE), get("/") + REDUCED + read_all(), hcm=LONG + "\ndrain_timeout: 0.1s")
case("idle_connections_new", timers(IDLE), REDUCED + new() + read_all(), hcm=LONG)
case("idle_connections_by_share", timers({"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_scale": {"value": 0}}), get("/") + REDUCED + read_all(), hcm=LONG + "\ndrain_timeout: 0.1s")
case("idle_connections_partly", timers({"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_timeout": "0s"}, triggers=[between(0, 1)]), get("/") + pressure(.9999) + read_all(),
     hcm=LONG.replace("600", "60") + "\ndrain_timeout: 0.1s")
case("idle_connections_bypassed", timers(IDLE), get("/") + REDUCED + read_all(), hcm=LONG + "\ndrain_timeout: 0.1s", listener="bypass_overload_manager: true")
STREAM = {"timer": "HTTP_DOWNSTREAM_STREAM_IDLE", "min_timeout": "0.1s"}
NEVER = {"up": [until("never")]}
ASKED = send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1)
case("idle_streams", timers(STREAM), ASKED + REDUCED + read(), up=NEVER, hcm=LONG)
case("idle_streams_new", timers(STREAM), REDUCED + ASKED + read(), up=NEVER, hcm=LONG)
case("idle_streams_of_routes", timers(STREAM), ASKED + REDUCED + read(), up=NEVER, hcm=LONG, routes="- {match: {prefix: /}, route: {cluster: '{{up}}', idle_timeout: 700s}}")
case("idle_streams_http2", timers(STREAM), h2() + h2_req(done=False) + seen(1) + REDUCED + h2_done(1), up=NEVER, hcm=LONG)
case("idle_streams_that_have_none", timers(STREAM), ASKED + REDUCED + pause(.3) + signal("never") + read(), up={"up": [until("never") + ok()]}, hcm="stream_idle_timeout: 0s")
MAX = {"timer": "HTTP_DOWNSTREAM_CONNECTION_MAX", "min_timeout": "0.1s"}
case("connections_max", timers(MAX), get("/") + REDUCED + read_all(), hcm="common_http_protocol_options: {max_connection_duration: 600s}\ndrain_timeout: 0.1s")
case("connections_max_unset", timers(MAX), get("/") + REDUCED + pause(.3) + get("/"))
TRANSPORT = {"timer": "TRANSPORT_SOCKET_CONNECT", "min_timeout": "0.1s"}
CHAIN = """
filter_chains:
- filters: [the]
  transport_socket_connect_timeout: 600s
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context: {tls_certificates: [{certificate_chain: {filename: {{certs}}/server.pem}, private_key: {filename: {{certs}}/server.key}}]}
"""
case("handshakes", timers(TRANSPORT), new() + REDUCED + raw_all(), chains=CHAIN, certs=True, stats=[HERE + "downstream_cx_transport_socket_connect_timeout"])
case("handshakes_are_another_timer", timers(IDLE), new() + REDUCED + pause(.3) + new("d") + pause(.3), chains=CHAIN, certs=True,
     stats=[HERE + "downstream_cx_transport_socket_connect_timeout"])
FLUSH = {"timer": "HTTP_DOWNSTREAM_STREAM_FLUSH", "min_timeout": "0.1s"}
case("flush", timers(FLUSH), h2(settings={"INITIAL_WINDOW_SIZE": 1}, windows=False) + h2_req(done=False) + h2_data(1) + REDUCED + h2_done(1), hcm=LONG,
     stats=STATS + ["http2.tx_flush_timeout"])
case("flush_is_another_timer", timers(STREAM), h2(settings={"INITIAL_WINDOW_SIZE": 1}, windows=False) + h2_req(done=False) + h2_data(1) + REDUCED + pause(.4) + h2_send(WINDOW(1, 100)) + h2_done(1),
     hcm=LONG, stats=STATS + ["http2.tx_flush_timeout"])
case("two_actions_of_timers", [timers(STREAM, triggers=[at(1)]), timers(IDLE, triggers=[at(.5)], name="example.idle")], get("/") + pressure(.6) + read_all(), hcm=LONG + "\ndrain_timeout: 0.1s",
     stats=ALL)

# ---- stats and triggers

case("stats_of_all_actions", [STOP, CLOSE, REJECT, HOLD, action("shrink_heap", at(.95)), timers(IDLE)], stat_is(f"overload.{MONITOR}.pressure", "0") + get("/"), points=[point(HEAD, at(.5)), point(CODEC, at(.6))],
     stats=["re:^overload\\."], mask=[(r"^P0.*|No recorded.*", "<histogram>")])
case("stats_of_active_actions", [STOP, CLOSE], pressure(.95) + is_active("disable_http_keepalive") + get("/"), stats=ALL)
for _p in (.5, .51, .75, .79, .8, .99, 1):
    case(f"scaled_{int(_p * 100)}", [action("stop_accepting_requests", between(.5, 1)), action("disable_http_keepalive", between(.75, .8))], pressure(_p), stats=ALL, no_log=True)
case("scaled_half", action("stop_accepting_requests", between(.5, 1)), pressure(.75) + is_scaled("stop_accepting_requests", 50)
     + burst(2000, "/", about={"200 served": .5, "503 envoy overloaded": .5}), stats=ALL, no_log=True)
OTHER = {**INJECTED, "name": "other", "typed_config": {**INJECTED["typed_config"], "filename": "{{dir}}/other"}}
HEAP = "envoy.resource_monitors.fixed_heap"


def heap(**c):
    return {"name": HEAP, "typed_config": {"@type": TYPE + "fixed_heap.v3.FixedHeapConfig", **c}}


FULL_HEAP, EMPTY_HEAP = heap(max_heap_size_bytes=1), heap(max_heap_size_bytes=1 << 60)
case("heap_is_full", action("stop_accepting_requests", at(.9, HEAP)), is_active("stop_accepting_requests") + get("/"), manager={"monitors": [FULL_HEAP]}, stats=STATS)
case("heap_is_empty", action("stop_accepting_requests", at(.1, HEAP)), stat_is(f"overload.{HEAP}.pressure", "0") + get("/"), manager={"monitors": [EMPTY_HEAP]}, stats=STATS)
case("heap_by_runtime", action("stop_accepting_requests", at(.9, HEAP)), is_active("stop_accepting_requests") + get("/"),
     manager={"monitors": [heap(max_heap_size_bytes_runtime={"default_value": 1 << 60, "runtime_key": "heap"})]}, boot="layered_runtime: {layers: [{name: s, static_layer: {heap: 1}}]}")
case("shrinks", action("shrink_heap", at(.9), typed_config={"@type": "type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig", "timer_interval": "1s"}),
     pressure(1) + is_active("shrink_heap") + stat_matches(f"overload.{ACTION}shrink_heap.shrink_count", "[1-9]"), stats=[f"overload.{ACTION}shrink_heap.active"])
case("shrinks_not", action("shrink_heap", between(0, 1), typed_config={"@type": "type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig", "timer_interval": "1s"}),
     pressure(.99) + pause(1.5), stats=[f"overload.{ACTION}shrink_heap.active", f"overload.{ACTION}shrink_heap.shrink_count"])
case("two_resources", action("stop_accepting_requests", at(.9), at(.5, HEAP)), is_active("stop_accepting_requests") + get("/") + pressure(1) + pause(.2) + get("/"), manager={"monitors": [INJECTED, FULL_HEAP]},
     stats=ALL[:0] + [f"overload.{ACTION}stop_accepting_requests.active"])
case("two_resources_apart", action("stop_accepting_requests", at(.9), at(.5, HEAP)), is_active("stop_accepting_requests") + pressure(1) + pause(.2) + pressure(0) + pause(.2) + get("/"),
     manager={"monitors": [INJECTED, FULL_HEAP]}, stats=[f"overload.{ACTION}stop_accepting_requests.active", f"overload.{ACTION}stop_accepting_requests.scale_percent"])
case("two_resources_one_full", action("stop_accepting_requests", between(.4, .9), at(.5, HEAP)), pressure(.5) + pause(.2), manager={"monitors": [INJECTED, EMPTY_HEAP]},
     stats=[f"overload.{ACTION}stop_accepting_requests.active", f"overload.{ACTION}stop_accepting_requests.scale_percent"], no_log=True)
for _name, _text in {"none": "", "words": "x", "above": "1.01", "below": "-0.01", "blank": " 0.95 ", "newline": "0.95\n", "exponent": "9.5e-1", "two": "0.95 0.95", "nan": "nan", "plus": "+0.95",
                     "hex": "0x1", "one": "1", "tiny": "1e-400", "inf": "inf", "point": ".95", "comma": "0,95", "plus_minus": "+-0.5"}.items():
    told = is_active("stop_accepting_requests") if _name in ("blank", "newline", "exponent", "plus", "hex", "one", "point") else stat_matches(f"overload.{MONITOR}.failed_updates", "[1-9]")
    told = pause(.3) if _name in ("nan", "tiny") else told
    more = {} if _name != "nan" else {"differs": "a pressure that is no number is none", "outrigger": {"stats": {f"overload.{MONITOR}.pressure": "0", f"overload.{ACTION}stop_accepting_requests.active": "0"}}}
    case("file_" + _name, STOP, told + get("/"), begin=_text,
         stats=[f"overload.{MONITOR}.pressure", f"overload.{ACTION}stop_accepting_requests.active"], **more)
case("file_becomes_bad", STOP, pressure(.95) + is_active("stop_accepting_requests") + write(FILE, "x") + stat_matches(f"overload.{MONITOR}.failed_updates", "[1-9]") + get("/"),
     stats=[f"overload.{MONITOR}.pressure", f"overload.{ACTION}stop_accepting_requests.active"])
case("file_is_fine_again", STOP, pressure(.95) + write(FILE, "x") + stat_matches(f"overload.{MONITOR}.failed_updates", "[1-9]") + pressure(.1) + is_active("stop_accepting_requests", 0) + get("/"),
     stats=[f"overload.{MONITOR}.pressure"])
case("interval_default", STOP, stat_is(f"overload.{MONITOR}.pressure", "95") + get("/"), begin="0.95", manager={"refresh_interval": None})


# ---- configs

def config(name, text, **kw):
    scenario("overload_actions_config_" + name, kind="validate", **kw, config="node: {id: node, cluster: c}\noverload_manager: " + json.dumps(text).replace(FILE, "/tmp/nope") + "\n")


CGROUP = {"name": "envoy.resource_monitors.cgroup_memory", "typed_config": {"@type": TYPE + "cgroup_memory.v3.CgroupMemoryConfig", "max_memory_bytes": 1000}}


def cpu(mode):
    return {"name": "envoy.resource_monitors.cpu_utilization", "typed_config": {"@type": TYPE + "cpu_utilization.v3.CpuUtilizationConfig", "mode": mode}}


LIMIT = {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": {"@type": TYPE + "downstream_connections.v3.DownstreamConnectionsConfig", "max_active_downstream_connections": 7}}
SHRINK = {"@type": "type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig"}
config("good", manager(STOP, CLOSE, REJECT, HOLD, action("shrink_heap", at(0))))
config("heap", manager(action("shrink_heap", at(.5, HEAP)), monitors=[FULL_HEAP]))
config("heap_zero", manager(monitors=[heap(max_heap_size_bytes=0)]))
config("heap_unset", manager(monitors=[heap()]))
config("heap_of_runtime_zero", manager(monitors=[heap(max_heap_size_bytes_runtime={"default_value": 0, "runtime_key": "heap"})]))
config("heap_of_runtime", manager(monitors=[heap(max_heap_size_bytes_runtime={"default_value": 5, "runtime_key": "heap"})]))
config("heap_of_both", manager(monitors=[heap(max_heap_size_bytes=5, max_heap_size_bytes_runtime={"default_value": 5, "runtime_key": "heap"})]))
config("no_file", manager(monitors=[{**INJECTED, "typed_config": {"@type": INJECTED["typed_config"]["@type"]}}]))
config("no_directory", manager(monitors=[{**INJECTED, "typed_config": {**INJECTED["typed_config"], "filename": "/nowhere/at/all"}}]))
config("relative_file", manager(monitors=[{**INJECTED, "typed_config": {**INJECTED["typed_config"], "filename": "nope"}}]))
config("unknown_action", manager(action("nope", at(.5))))
config("other_name", manager(action("other.nope", at(.5))))
config("no_triggers", manager(action("shrink_heap")))
config("action_twice", manager(STOP, STOP))
config("monitor_twice", manager(STOP, monitors=[INJECTED, INJECTED]))
config("monitor_of_another_name", manager(action("shrink_heap", at(.5, "other")), monitors=[INJECTED, OTHER]))
config("unknown_monitor", manager(action("shrink_heap", at(.5, "nope"))))
config("trigger_twice", manager(action("shrink_heap", at(.5), at(.6))))
config("trigger_of_connections", manager(action("shrink_heap", at(.5, LIMIT["name"])), monitors=[LIMIT]))
config("point_of_connections", manager(points=[point(HEAD, at(.5, LIMIT["name"]))], monitors=[LIMIT]))
config("no_trigger_value", manager(action("shrink_heap", {"name": MONITOR})))
config("trigger_without_name", manager(action("shrink_heap", at(.5, ""))))
for _v in (-.1, 0, 1, 1.1):
    config(f"threshold_{_v}", manager(action("shrink_heap", at(_v))))
for _b, _f in ((.5, .5), (.6, .5), (0, 1), (-.1, .5), (.5, 1.1), (0, 0)):
    config(f"scaled_{_b}_{_f}", manager(action("shrink_heap", between(_b, _f))))
config("typed_config", manager(action("stop_accepting_requests", at(.5), typed_config={"@type": TIMERS, "timer_scale_factors": [IDLE]})))
config("typed_config_of_another_kind", manager(action("stop_accepting_requests", at(.5), typed_config=SHRINK)))
config("timeouts", manager(timers(IDLE, STREAM, MAX, TRANSPORT, FLUSH)))
config("timeouts_without", manager(action("reduce_timeouts", at(.5))))
config("timeouts_of_another_kind", manager(action("reduce_timeouts", at(.5), typed_config=SHRINK)))
config("timeouts_none", manager(timers()))
config("timeouts_twice", manager(timers(IDLE, IDLE)))
config("timeouts_of_two_actions", manager(timers(IDLE), timers(IDLE, name="example.other")))
config("timeouts_of_two_actions_apart", manager(timers(IDLE), timers(MAX, name="example.other")))
config("timeouts_unspecified", manager(timers({"timer": "UNSPECIFIED", "min_timeout": "1s"})))
config("timeouts_unknown", manager(timers({"timer": 17, "min_timeout": "1s"})))
config("timeouts_neither", manager(timers({"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE"})))
config("timeouts_negative", manager(timers({"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_timeout": "-1s"})))
config("timeouts_over_all", manager(timers({"timer": "HTTP_DOWNSTREAM_CONNECTION_IDLE", "min_scale": {"value": 101}})))
config("timeouts_by_custom_name", manager(timers(IDLE, name="example.mine")))
config("timeouts_by_reserved_name", manager(timers(IDLE, name=ACTION + "mine")))
config("shrink", manager(action("shrink_heap", at(.5), typed_config={**SHRINK, "timer_interval": "5s", "max_unfreed_memory_bytes": 5})))
config("shrink_fast", manager(action("shrink_heap", at(.5), typed_config={**SHRINK, "timer_interval": "0.5s"})))
config("shrink_of_another_kind", manager(action("shrink_heap", at(.5), typed_config={"@type": TIMERS, "timer_scale_factors": [IDLE]})))
config("point", manager(points=[point(HEAD, at(.5))]))
for _name in ("nope", "http_downstream_filter_check", "connection_pool_new_connection", "tcp_proxy_on_data", "tcp_proxy_upstream_connect", "http3_server_go_away_on_dispatch"):
    config("point_" + _name, manager(points=[point(_name, at(.5))]), differs="points are refused that Outrigger does not shed load at", outrigger={"exit": 1, "ok": None})
for _name in ("reset_high_memory_stream", "close_idle_http_connections"):
    config("action_" + _name, manager(action(_name, at(.5)), buffer_factory_config={"minimum_account_to_track_power_of_two": 20}), differs="not implemented", outrigger={"exit": 1, "ok": None})
config("cpu_container", manager(monitors=[cpu("CONTAINER")]), differs="not implemented", outrigger={"exit": 1, "ok": None})
config("point_twice", manager(points=[point(HEAD, at(.5)), point(HEAD, at(.6))]))
config("point_of_unknown_monitor", manager(points=[point(HEAD, at(.5, "nope"))]))
config("point_with_trigger_twice", manager(points=[point(HEAD, at(.5), at(.6))]))
config("point_without_triggers", manager(points=[point(HEAD)]))
config("point_scaled", manager(points=[point(HEAD, between(.5, .4))]))
config("point_named_as_an_action", manager(STOP, points=[point(STOP["name"], at(.5))]))
config("resets_without_factory", manager(action("reset_high_memory_stream", at(.5))))
config("buffer_factory_small", manager(STOP, buffer_factory_config={"minimum_account_to_track_power_of_two": 9}))
config("cpu_host", manager(monitors=[cpu("HOST")]))
config("cgroup", manager(monitors=[CGROUP]))
config("interval_zero", manager(STOP, refresh_interval="0s"))
config("interval_below_ms", manager(STOP, refresh_interval="0.0001s"))
config("interval_ms", manager(STOP, refresh_interval="0.001s"))
config("interval_negative", manager(STOP, refresh_interval="-0.001s"))
