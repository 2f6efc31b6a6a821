"""HTTP/2 from clients: SETTINGS, heads and bodies from and to HTTP/1, upgrades, limits, drains, keepalive, flow control, logs."""
from harness.dsl import *
from harness.h2 import *

CODEC = ["+re:^http2\\."]
DOWN = CODEC + ["+re:^http\\.{{name}}\\.downstream_(rq_[rt]x_reset|rq_total|rq_completed|rq_too_many_premature_resets|rq_response_before_rq_complete|"
                "cx_destroy_local|cx_destroy_remote|cx_http2_total|cx_protocol_error)"]
LOG = {"line": "%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %BYTES_RECEIVED% %BYTES_SENT%"}
TWO = """
- {match: {path: /hold}, route: {cluster: "{{hold}}"}}
- {match: {prefix: /}, route: {cluster: "{{up}}"}}
"""


def case(name, options="", hcm="", **kw):
    kw.setdefault("stats", CODEC)
    kw.setdefault("log_format", LOG)
    scenario("h2_" + name, hcm=f"codec_type: AUTO\nhttp2_protocol_options: {{{options}}}\n" + hcm, **kw)


def held(name, client, **kw):
    """/hold is never answered, the rest at once."""
    kw.setdefault("up", {"up": [ok()], "hold": [hold()]})
    case(name, routes=TWO, client=client, **kw)


# SETTINGS and windows.
case("settings", client=h2() + h2_show("settings", "windows") + h2_req())
case("settings_all", "max_concurrent_streams: 10, initial_stream_window_size: 65536, initial_connection_window_size: 70000, hpack_table_size: 1024, allow_connect: true",
     client=h2() + h2_show("settings", "windows") + h2_req())
case("settings_window_min", "initial_stream_window_size: 65535, initial_connection_window_size: 65535", client=h2() + h2_show("settings", "windows") + h2_req())
case("settings_window_max", "initial_stream_window_size: 2147483647, initial_connection_window_size: 2147483647", client=h2() + h2_show("settings", "windows") + h2_req())
case("settings_no_hpack_table", "hpack_table_size: 0", client=h2() + h2_show("settings") + h2_req() + h2_req("/2", s=3))
case("settings_of_client", client=h2(settings={"HEADER_TABLE_SIZE": 0, "MAX_FRAME_SIZE": 65536, "MAX_HEADER_LIST_SIZE": 100, "MAX_CONCURRENT_STREAMS": 1}) + h2_req()
     + h2_req("/2", s=3))
case("settings_max_header_list_size_small", up=[ok("ok", "x-long: " + "a" * 3000)], client=h2(settings={"MAX_HEADER_LIST_SIZE": 1000}) + h2_req())
case("settings_twice", client=h2() + h2_send(SETTINGS({"INITIAL_WINDOW_SIZE": 1}), SETTINGS({"INITIAL_WINDOW_SIZE": 100})) + h2_req())
case("window_grows_by_settings", up=[ok("b" * 100)], client=h2(settings={"INITIAL_WINDOW_SIZE": 10}, windows=False) + h2_req(done=False) + h2_data(10)
     + h2_send(SETTINGS({"INITIAL_WINDOW_SIZE": 100})) + h2_done(1))
case("window_below_zero_by_settings", up=[ok("b" * 100)], client=h2(settings={"INITIAL_WINDOW_SIZE": 50}, windows=False) + h2_req(done=False) + h2_data(50)
     + h2_send(SETTINGS({"INITIAL_WINDOW_SIZE": 10}), WINDOW(1, 40)) + pause(0.1) + h2_send(WINDOW(1, 50)) + h2_done(1))
case("ping_is_answered", client=h2() + h2_show("ping_acks") + h2_send(PING(b"12345678"), PING(b"87654321")) + h2_acks(2) + h2_req())
case("window_given_back", up=[ok()], client=h2(windows=False) + h2_req(method="POST", body=b"x" * 14000000) + h2_req("/2", s=3, method="POST", body=b"x" * 14000000))

# Heads from HTTP/2 to HTTP/1.
FIELDS = ("accept: */*", "x-a: 1", "x-a: 2", "cookie: a=b", "x-empty:", "cookie: c=d; e=f", "te: trailers", "user-agent: t", "cookie: g=h")
case("to_h1_fields", client=h2() + h2_req("/a?b=c", *FIELDS))
case("to_h1_host_and_authority", client=h2() + h2_req("/", "host: other.example", s=1) + h2_req("/", "host: only.example", s=3, authority=None)
     + h2_req("/", s=5, authority="h.example:8080") + h2_req("/", "host: h.example", s=7))
case("to_h1_body", client=h2() + h2_req(method="POST", body="abc") + h2_req("/2", "content-length: 3", s=3, method="POST", body="abc")
     + h2_req("/3", s=5, method="POST", body="") + h2_req("/4", s=7, method="POST") + h2_req("/5", "content-length: 0", s=9, method="POST")
     + h2_req("/6", s=11, method="GET", body="abc"))
case("to_h1_body_padded", client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False), frame(T_DATA, 8 | 1, 1, b"\x04abc\0\0\0\0")) + h2_done(1))
case("to_h1_trailers_dropped", client=h2() + h2_req(method="POST", body="abc", trailers=["x-t: 1"]))
ENABLE_TRAILERS = """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}
"""
case("to_h1_trailers", clusters={"up": {"yaml": ENABLE_TRAILERS}}, client=h2() + h2_req(method="POST", body="abc", trailers=["x-t: 1", "x-u: 2"])
     + h2_req("/2", s=3, method="POST", trailers=["x-only: 1"]))
case("to_h1_answer_trailers", clusters={"up": {"yaml": ENABLE_TRAILERS}},
     up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\nx-u: 2\r\n\r\n")], client=h2() + h2_req())
case("to_h1_answer_trailers_not_enabled",
     up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")], client=h2() + h2_req())
case("to_h1_answer_fields", up=[ok("ok", "connection: keep-alive, x-hop", "keep-alive: timeout=3", "x-hop: 1", "X-Upper: v", "proxy-connection: close", "upgrade: foo",
                                   "set-cookie: a=b", "set-cookie: c=d", "x-empty:")], client=h2() + h2_req())
case("to_h1_answer_close", up=[ok("ok", "connection: close") + fin()], client=h2() + h2_req() + h2_req("/2", s=3))
case("to_h1_answer_until_close", up=[raw("HTTP/1.1 200 OK\r\n\r\nbody") + fin()], client=h2() + h2_req())
case("to_h1_answer_cut", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbody") + fin()], client=h2() + h2_req(), stats=DOWN)
case("to_h1_answer_cut_chunked", up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n") + fin()], client=h2() + h2_req(), stats=DOWN)
case("to_h1_answer_cut_reset", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbody") + wait(0.1) + rst()], client=h2() + h2_req(), stats=DOWN)
case("to_h1_answer_bad_chunk", up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")], client=h2() + h2_req(), stats=DOWN)
for _status in (204, 205, 304, 400, 404, 500, 599):
    case(f"to_h1_status_{_status}", up=[ok("", status=_status)], client=h2() + h2_req())
case("to_h1_304_with_length", up=[ok("", "content-length: 5", status=304)], client=h2() + h2_req())
case("to_h1_head", up=[ok("", "content-length: 5")], client=h2() + h2_req(method="HEAD"))
case("to_h1_head_chunked", up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")], client=h2() + h2_req(method="HEAD"))
case("to_h1_expect", client=h2() + h2_send(HEADERS(1, pseudo(method="POST") + block("expect: 100-continue"), end=False)) + h2_head() + h2_send(DATA(1, "abc", True)) + h2_done(1))
case("to_h1_expect_proxied", hcm="proxy_100_continue: true", up=[early() + raw("HTTP/1.1 100 Continue\r\n\r\n") + wait(0.1) + ok()],
     client=h2() + h2_req("/", "expect: 100-continue", method="POST", body="abc"))
case("to_h1_103", up=[raw("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n") + ok()], client=h2() + h2_req())
case("to_h1_103_proxied", hcm="proxy_100_continue: true", up=[raw("HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n") + ok()], client=h2() + h2_req())
case("to_h1_early_answer", up=[early() + ok()], stats=DOWN, client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False), DATA(1, "abc")) + h2_done(1)
     + h2_send(DATA(1, "def", True)) + h2_req("/2", s=3))
case("to_h1_methods", client=h2() + [s for i, m in enumerate(("OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "X-Y")) for s in h2_req(f"/{m}", s=2 * i + 1, method=m)])
case("to_h1_many_at_once", up=[ok()], unordered_log=True, client=h2() + h2_send(*(request(2 * i + 1) for i in range(10))) + h2_done(*range(1, 20, 2)), no_upstream=True)
for _scheme in ("https", "ftp", "HTTP"):
    case(f"scheme_{_scheme}" + ("_upper" if _scheme == "HTTP" else ""), client=h2() + h2_req(scheme=_scheme), log_format={"scheme": "%REQ(:SCHEME)%", "xfp": "%REQ(X-FORWARDED-PROTO)%"})
case("scheme_transformed", hcm="scheme_header_transformation: {scheme_to_overwrite: https}", client=h2() + h2_req(), log_format={**LOG, "scheme": "%REQ(:SCHEME)%"})
case("underscores_rejected", hcm="common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}", client=h2() + h2_req("/", "a_b: 1") + h2_req("/2", s=3), stats=DOWN)
case("underscores_dropped", hcm="common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER}", client=h2() + h2_req("/", "a_b: 1", "a-b: 2"), stats=DOWN)
case("path_normalized", hcm="normalize_path: true\nmerge_slashes: true\npath_with_escaped_slashes_action: REJECT_REQUEST",
     client=h2() + h2_req("/a/../b//c") + h2_req("/a%2fb", s=3) + h2_req("/ok", s=5))
case("path_redirected", hcm="normalize_path: true\npath_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT", client=h2() + h2_req("/a%2fb"))
case("local_answers", routes="""
- {match: {path: /direct}, direct_response: {status: 200, body: {inline_string: hello}}}
- {match: {path: /empty}, direct_response: {status: 204}}
- {match: {path: /redirect}, redirect: {path_redirect: /to}}
- {match: {path: /none}, route: {cluster: "{{none}}"}}
- {match: {path: /dead}, route: {cluster: "{{dead}}"}}
""", clusters={"none": {"hosts": []}}, up={"up": [ok()], "dead": REFUSE}, client=h2() + h2_req("/direct") + h2_req("/direct", s=3, method="HEAD") + h2_req("/empty", s=5)
     + h2_req("/redirect", s=7) + h2_req("/none", s=9) + h2_req("/dead", s=11) + h2_req("/no-route", s=13) + h2_req("/direct", s=15, method="POST", body="abc"))
case("local_answer_before_end", stats=DOWN, routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}",
     client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False)) + h2_done(1) + h2_send(DATA(1, "abc", True)) + h2_req("/2", s=3))
case("server_name_and_via", hcm="server_name: me\nvia: gate", client=h2() + h2_req())

# CONNECT and upgrades.
UPGRADE_WS = "upgrade_configs: [{upgrade_type: websocket}]"
ACCEPT_WS = raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: x\r\n\r\n")


def ws(s=1, path="/ws", end=False):
    return h2_send(HEADERS(s, pseudo(path, method="CONNECT", protocol="websocket") + block("sec-websocket-version: 13"), end))


case("websocket", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ACCEPT_WS + expect(b"hello") + raw("world") + tunnel_echo()],
     client=h2() + ws() + h2_head() + h2_send(DATA(1, "hello")) + h2_data(5) + h2_send(DATA(1, "more")) + h2_data(9) + h2_send(DATA(1, "", True)) + h2_done(1) + h2_req("/", s=3, done=False))
case("websocket_upstream_closes", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ACCEPT_WS + raw("bye") + wait(0.1) + fin()], client=h2() + ws() + h2_done(1))
case("websocket_upstream_resets", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ACCEPT_WS + raw("bye") + wait(0.1) + rst()], client=h2() + ws() + h2_done(1))
case("websocket_client_resets", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ACCEPT_WS + hold()], client=h2() + ws() + h2_head() + h2_send(RST(1, "CANCEL")) + gone(1) + h2_req("/", s=3, done=False) + pause(0.1))
case("websocket_refused_by_upstream", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ok("no", status=403, reason="Forbidden")], client=h2() + ws() + h2_done(1))
case("websocket_answered_200", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ok("plain")], client=h2() + ws() + h2_done(1))
case("websocket_not_configured", "allow_connect: true", stats=DOWN, client=h2() + ws() + h2_done(1))
case("websocket_no_route", "allow_connect: true", UPGRADE_WS, stats=DOWN, routes="""- {match: {path: /other}, route: {cluster: "{{up}}"}}""", client=h2() + ws() + h2_done(1))
case("websocket_early_data", "allow_connect: true", UPGRADE_WS, stats=DOWN, up=[ACCEPT_WS + expect(b"early") + raw("seen") + hold()],
     client=h2() + h2_send(HEADERS(1, pseudo("/ws", method="CONNECT", protocol="websocket"), end=False), DATA(1, "early")) + h2_data(4))
case("upgrade_other_protocol", "allow_connect: true", UPGRADE_WS, client=h2() + h2_send(HEADERS(1, pseudo("/", method="CONNECT", protocol="foo"), end=False)) + h2_done(1))
CONNECT_ROUTE = """
- {match: {connect_matcher: {}}, route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}}
"""
CONNECT_PROXIED = """
- {match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}
- {match: {prefix: /}, route: {cluster: "{{up}}"}}
"""


def connect(s=1):
    return h2_send(HEADERS(s, pseudo(None, method="CONNECT", scheme=None, authority="a.example:443"), end=False))


case("connect_to_h1", "allow_connect: true", "upgrade_configs: [{upgrade_type: CONNECT}]", routes=CONNECT_PROXIED, stats=DOWN,
     up=[raw("HTTP/1.1 200 OK\r\n\r\n") + tunnel_echo()], client=h2() + connect() + h2_head() + h2_send(DATA(1, "hello")) + h2_data(5) + h2_send(DATA(1, "", True)) + h2_done(1))
case("connect_refused_by_h1", "allow_connect: true", "upgrade_configs: [{upgrade_type: CONNECT}]", routes=CONNECT_PROXIED, stats=DOWN,
     up=[ok("no", status=403, reason="Forbidden")], client=h2() + connect() + h2_done(1))
case("connect_not_allowed", hcm="upgrade_configs: [{upgrade_type: CONNECT}]", routes=CONNECT_PROXIED, stats=DOWN, client=h2() + connect() + h2_done(1))
case("connect_no_route", "allow_connect: true", "upgrade_configs: [{upgrade_type: CONNECT}]", stats=DOWN, client=h2() + connect() + h2_done(1))

# Limits of heads.
def many(n, first="x"):
    return [f"{first}-{i}: v" for i in range(n)]


case("fields_at_limit", client=h2() + h2_req("/", *many(96)), stats=DOWN, no_upstream=True)
case("fields_over_limit", client=h2() + h2_req("/", *many(97)) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("fields_limit_configured", hcm="common_http_protocol_options: {max_headers_count: 10}", stats=DOWN,
     client=h2() + h2_req("/", *many(6)) + h2_req("/", *many(7), s=3) + h2_req("/after", s=5), no_upstream=True)
case("fields_size_at_limit", client=h2() + h2_req("/", "x-l: " + "a" * 15000, "x-m: " + "a" * 100) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)


def big(s, size, end=True, first=b""):
    """A head with one field of so many bytes, in CONTINUATIONs."""
    all_of = first + block(("x-l", "a" * size))
    parts = [all_of[i:i + 16384] for i in range(0, len(all_of), 16384)]
    out = HEADERS(s, parts[0], end, end_headers=len(parts) == 1)
    for i, part in enumerate(parts[1:]):
        out += CONTINUATION(s, part, i + 2 == len(parts))
    return out


_head = len(":methodGET:path/:schemehttp:authorityh.examplex-l")
case("head_at_60_kib", client=h2() + h2_send(big(1, 60 * 1024 - _head, first=pseudo())) + h2_done(1) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("head_over_60_kib", client=h2() + h2_send(big(1, 60 * 1024 - _head + 1, first=pseudo())) + h2_done(1) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("head_far_over_60_kib", client=h2() + h2_send(big(1, 80 * 1024, first=pseudo())) + h2_done(1) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("head_limit_configured", hcm="max_request_headers_kb: 96", client=h2() + h2_send(big(1, 63 * 1024, first=pseudo())) + h2_done(1) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("head_of_many_64_kib", hcm="max_request_headers_kb: 96", stats=DOWN, no_upstream=True,
     client=h2() + h2_send(big(1, 40 * 1024, first=pseudo() + block(("x-k", "a" * 40000)))) + h2_done(1) + h2_req("/after", s=3))
case("trailers_over_count", client=h2() + h2_req("/", method="POST", body="a", trailers=many(101)) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("trailers_at_count", client=h2() + h2_req("/", method="POST", body="a", trailers=many(100)) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("trailers_over_60_kib", client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False), big(1, 61 * 1024)) + h2_done(1) + h2_req("/after", s=3), stats=DOWN, no_upstream=True)
case("hpack_bomb", client=h2() + grows_below(8, h2_send(HEADERS(1, pseudo() + incremental("x-bomb", "a" * 3000) + indexed(62) * 3000)) + h2_done(1)) + h2_req("/after", s=3), stats=DOWN)
case("hpack_table_resized_often", client=h2() + h2_send(*(HEADERS(2 * i + 1, b"\x20\x3f\xe1\x1f" + pseudo()) for i in range(50))) + h2_done(*range(1, 100, 2)), stats=DOWN, no_log=True,
     no_upstream=True)

# Ends of streams and of connections.
held("client_resets", h2() + h2_send(request(1, "/hold")) + seen(1, "hold") + h2_send(RST(1, "CANCEL")) + gone(1, "hold") + h2_req("/after", s=3), stats=DOWN)
held("client_fins", h2() + h2_send(request(1, "/hold"), request(3, "/hold")) + seen(2, "hold") + close() + gone(2, "hold"), stats=DOWN)
held("client_resets_connection", h2() + h2_send(request(1, "/hold"), request(3, "/hold")) + seen(2, "hold") + reset() + gone(2, "hold"), stats=DOWN)
held("client_half_closes", h2() + h2_send(request(1, "/hold")) + seen(1, "hold") + half_close() + gone(1, "hold"), stats=DOWN)
held("client_resets_while_answered", h2(windows=False, settings={"INITIAL_WINDOW_SIZE": 10}) + h2_req("/big", done=False) + h2_data(10) + h2_send(RST(1, "CANCEL")) + h2_req("/big", s=3, done=False) + h2_data(10, s=3),
     up={"up": [ok("b" * 100)], "hold": [hold()]}, stats=DOWN)
CLOSES = {"differs": "a client that has sent GOAWAY is not read any more once its streams are over: the connection is closed, not left", "outrigger": {"end": {"c": "FIN"}}}
held("goaway_on_quiet_connection", h2() + h2_send(GOAWAY(0)) + pause(0.1) + h2_send(request(1)) + pause(0.1), stats=[], **CLOSES)
held("goaway_of_client", h2() + h2_send(request(1, "/hold")) + seen(1, "hold") + h2_send(GOAWAY(0)) + pause(0.05) + h2_req("/", s=3) + h2_send(RST(1, "CANCEL")), stats=[], **CLOSES)
held("goaway_of_client_after_all", h2() + h2_req() + h2_send(GOAWAY(0)) + pause(0.1), stats=[], **CLOSES)
for _what, _hcm in {"route": "", "stream_idle": "stream_idle_timeout: 0.2s", "request": "request_timeout: 0.2s", "duration": "common_http_protocol_options: {max_stream_duration: 0.2s}"}.items():
    _route = '- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: ' + ("0.2s" if _what == "route" else "9s") + "}}"
    case(f"timeout_{_what}", hcm=_hcm, routes=_route, up=[hold()], stats=DOWN, client=h2() + h2_req() + gone(1))
    case(f"timeout_{_what}_open", hcm=_hcm, routes=_route, up=[hold()], stats=DOWN, client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False)) + h2_done(1) if _what != "route"
         else h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False)) + pause(0.3) + h2_send(RST(1, "CANCEL")))
    case(f"timeout_{_what}_after_head", hcm=_hcm, routes=_route, up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc") + hold()], stats=DOWN,
         client=h2() + h2_req(done=False) + pause(0.4))
case("timeout_flush_is_idle", hcm="stream_idle_timeout: 0.2s", stats=DOWN, up=[ok("b" * 100)], client=h2(windows=False, settings={"INITIAL_WINDOW_SIZE": 10}) + h2_req())
case("timeout_headers", hcm="request_headers_timeout: 0.2s", stats=DOWN, client=h2(windows=False) + h2_send(HEADERS(1, pseudo(), end_headers=False)) + h2_done(1))

# Drains.
case("idle_timeout", hcm="common_http_protocol_options: {idle_timeout: 0.2s}\ndrain_timeout: 0.1s", stats=DOWN, client=h2() + h2_req() + h2_ended())
case("idle_timeout_no_request", hcm="common_http_protocol_options: {idle_timeout: 0.2s}\ndrain_timeout: 0.1s", stats=DOWN, client=h2() + h2_ended())
case("idle_timeout_request_in_drain", hcm="common_http_protocol_options: {idle_timeout: 0.2s}\ndrain_timeout: 0.3s", stats=DOWN, client=h2() + h2_req() + h2_goaways(1) + h2_req("/in", s=3) + h2_ended())
held("max_duration", h2() + h2_req() + h2_send(request(3, "/hold")) + h2_goaways(2) + h2_send(request(5)) + pause(0.1) + h2_send(RST(3, "CANCEL")) + h2_ended(),
     hcm="common_http_protocol_options: {max_connection_duration: 0.2s}\ndrain_timeout: 0.1s", stats=DOWN)
case("max_requests", hcm="common_http_protocol_options: {max_requests_per_connection: 2}\ndrain_timeout: 0.1s", stats=DOWN, client=h2() + h2_req() + h2_req("/2", s=3) + h2_ended())
case("max_requests_more_come", hcm="common_http_protocol_options: {max_requests_per_connection: 1}\ndrain_timeout: 0.2s", stats=DOWN,
     client=h2() + h2_req() + h2_goaways(1) + h2_req("/2", s=3) + h2_ended())
case("healthcheck_fail", hcm="drain_timeout: 0.1s", stats=DOWN, own=True, client=h2() + h2_req() + admin("/healthcheck/fail", "POST") + h2_req("/2", s=3) + h2_ended())
case("drain_listeners", hcm="drain_timeout: 0.1s", stats=DOWN, own=True, client=h2() + h2_req() + admin("/drain_listeners", "POST") + h2_ended())
case("drain_listeners_graceful", hcm="drain_timeout: 0.1s", stats=DOWN, own=True, flags=["--drain-time-s", "1", "--drain-strategy", "immediate"],
     client=h2() + h2_req() + admin("/drain_listeners?graceful", "POST") + h2_req("/2", s=3) + h2_ended())

# Keepalive.
case("keepalive", "connection_keepalive: {interval: 0.1s, timeout: 1s}", stats=DOWN, client=h2() + h2_req() + h2_pings(3))
case("keepalive_timeout", "connection_keepalive: {interval: 0.1s, timeout: 0.1s}", stats=DOWN, up=[hold()], client=h2() + h2_ping_answers(False) + h2_req(done=False) + h2_ended())
case("keepalive_other_frames_answer", "connection_keepalive: {interval: 0.2s, timeout: 0.2s}", stats=DOWN, client=h2() + h2_ping_answers(False) + h2_pings(1)
     + [s for i in range(6) for s in h2_req(s=2 * i + 1) + pause(0.05)] + h2_ended())
case("keepalive_idle_interval", "connection_keepalive: {timeout: 0.2s, connection_idle_interval: 0.1s}", stats=DOWN,
     client=h2() + h2_show("pings") + h2_req() + pause(0.2) + h2_req("/2", s=3) + h2_pings(1) + pause(0.1))

# Flow control.
TEN = 10 << 20
case("window_closed_10_mb", "initial_stream_window_size: 65536", up=[ok(b"b" * TEN)],
     client=h2(windows=False) + grows_below(8, h2_req(done=False) + h2_data(65535) + pause(0.5)) + h2_windows(True)
     + h2_send(WINDOW(0, 65535), WINDOW(1, 65535)) + h2_done(1))
BIG = [h2_frames(HEADERS(S, block((":status", "200")), end=False)) + h2_body(TEN)]
case("window_closed_10_mb_h2", "initial_stream_window_size: 65536", up=H2(BIG), clusters={"up": {"h2": "initial_stream_window_size: 1048576, initial_connection_window_size: 1048576"}},
     client=h2(windows=False) + grows_below(8, h2_req(done=False) + h2_data(65535) + pause(0.5)) + h2_windows(True)
     + h2_send(WINDOW(0, 65535), WINDOW(1, 65535)) + h2_done(1))
case("upload_10_mb_upstream_slow", "initial_stream_window_size: 65536, initial_connection_window_size: 1048576",
     up=H2([h2_wait_end() + h2_ok("done")], windows=False), client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False))
     + grows_below(8, h2_upload(TEN) + pause(0.5)) + up_windows(True) + h2_done(1))
case("upload_10_mb_upstream_h1_slow", "initial_stream_window_size: 65536, initial_connection_window_size: 1048576",
     up=[early() + until("go") + expect(b"0\r\n\r\n") + ok("done")], client=h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False))
     + grows_below(8, h2_upload(TEN) + pause(0.5)) + signal("go") + h2_done(1), no_upstream=True)
case("windows_apart", up={"up": {"/big": ok(b"b" * 200000), "*": ok("small")}}, stats=CODEC,
     client=h2(windows=False, settings={"INITIAL_WINDOW_SIZE": 10}) + h2_req("/big", done=False) + h2_data(10) + h2_req("/small", s=3) + h2_windows(True) + h2_send(WINDOW(0, 10), WINDOW(1, 200000)) + h2_done(1))

# Logs and stats.
case("stats_of_http", stats=CODEC + ["re:^http\\.{{name}}\\.downstream_(cx|rq)_.*(?<!bytes_)(total|active|completed|xx)$"], client=h2() + h2_req() + h2_req("/2", s=3) + h2(c="d") + h2_req(c="d"))
