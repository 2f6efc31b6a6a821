"""HTTP/2 to upstreams: heads and bodies from HTTP/1 and HTTP/2, resets and retries, GOAWAY, what upstreams must not send, pools, circuit breakers, gRPC."""
from harness.dsl import *
from harness.h2 import *

CODEC = ["+re:^http2\\.", "+re:^cluster\\.{{up}}\\.http2\\."]
RQ = ["+re:^cluster\\.{{up}}\\.upstream_rq_(total|completed|200|503|5xx|rx_reset|tx_reset|cancelled|retry|retry_success|retry_limit_exceeded|pending_total|pending_overflow|active|"
      "pending_failure_eject|max_duration_reached|timeout)$",
      "+re:^cluster\\.{{up}}\\.upstream_cx_(total|http[12]_total|active|destroy_local|destroy_remote|destroy_local_with_active_rq|destroy_remote_with_active_rq|protocol_error|close_notify|"
      "max_requests|idle_timeout|max_duration_reached|overflow|connect_fail)$", "+re:^cluster\\.{{up}}\\.http2\\."]
LOG = {"line": "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(:PATH)% %BYTES_RECEIVED% %BYTES_SENT% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% "
               "failure=%UPSTREAM_TRANSPORT_FAILURE_REASON% %PROTOCOL% %UPSTREAM_PROTOCOL%"}
FAST = "retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}"
GRPC = ("content-type: application/grpc", "te: trailers")


def case(name, up, client, *, cluster="", h2_client=False, hcm="", options="", **kw):
    kw.setdefault("stats", RQ)
    kw.setdefault("log_format", LOG)
    if cluster:
        kw["clusters"] = {"up": {"h2": cluster}}
    if h2_client:
        hcm = f"codec_type: HTTP2\nhttp2_protocol_options: {{{options}}}\n" + hcm
    up = {"up": up if isinstance(up, (H2, dict)) or up == REFUSE or up == BLACKHOLE else H2(up)}
    kw["mask"] = kw.pop("mask", []) + [(r"(service-time: )\d+", r"\1<ms>"), (r"^1[45]\d{3}$", "<15 s or a little less>")]
    scenario("h2up_" + name, hcm=hcm, up=up, client=client, **kw)


def route(action):
    return f'- {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}", {action}}}}}'


def retry(on, n=1):
    return route(f"retry_policy: {{retry_on: '{on}', num_retries: {n}, {FAST}}}")


COMMON = """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    common_http_protocol_options: {%s}
"""
HEAD = HEADERS(S, block((":status", "200")), end=False)

# SETTINGS and windows.
case("settings", H2([h2_ok()], show=("settings",)), get(), stats=CODEC)
case("settings_all", H2([h2_ok()], show=("settings",)), get(), stats=CODEC,
     cluster="max_concurrent_streams: 10, initial_stream_window_size: 65536, initial_connection_window_size: 70000, hpack_table_size: 1024, allow_connect: true")
case("settings_window_default", H2([h2_ok()], show=("settings",)), get(), stats=CODEC, cluster="initial_stream_window_size: 65535, initial_connection_window_size: 65535")
case("settings_of_upstream", H2([h2_ok()], settings={"MAX_FRAME_SIZE": 32768, "HEADER_TABLE_SIZE": 0, "INITIAL_WINDOW_SIZE": 100}), req(method="POST", body="x" * 1000) + get("/2"))
case("legacy_options", H2([h2_ok()], show=("settings",)), get(), clusters={"up": {"h2": None, "yaml": "http2_protocol_options: {max_concurrent_streams: 7}"}})
case("legacy_options_of_common", H2([h2_ok()]), get() + get("/2"),
     clusters={"up": {"h2": None, "yaml": "http2_protocol_options: {}\ncommon_http_protocol_options: {max_requests_per_connection: 1}"}})
USE_DOWNSTREAM = """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    use_downstream_protocol_config: {http_protocol_options: {}, http2_protocol_options: {}}
"""
case("use_downstream_h2", H2([h2_ok()]), h2() + h2_req(), h2_client=True, clusters={"up": {"h2": None, "yaml": USE_DOWNSTREAM}})
case("use_downstream_h1", {"*": ok()}, get(), clusters={"up": {"h2": None, "yaml": USE_DOWNSTREAM}})
case("use_downstream_legacy", H2([h2_ok()]), h2() + h2_req(), h2_client=True,
     clusters={"up": {"h2": None, "yaml": "http2_protocol_options: {}\nprotocol_selection: USE_DOWNSTREAM_PROTOCOL"}})
case("http1_upstream_gets_preface", {"*": ok()}, get(), clusters={"up": {"h2": ""}}, no_upstream=True)
case("http2_upstream_gets_http1", H2([h2_ok()]), get(), clusters={"up": {"h2": None}}, no_upstream=True)

# Heads and bodies.
FIELDS = ("accept: */*", "X-Upper: 1", "x-a: 2", "cookie: a=b; c=d", "x-empty:", "te: trailers", "te: gzip", "connection: keep-alive, x-hop", "x-hop: 1", "keep-alive: 3",
          "proxy-connection: x", "user-agent: t", "cookie: e=f", "upgrade-insecure-requests: 1", "http2-settings: AAMAAABk")
case("h1_fields", [h2_ok()], get("/a?b", *FIELDS), stats=CODEC)
case("h2_fields", [h2_ok()], h2() + h2_req("/a?b", "x-a: 1", "cookie: a=b", "cookie: c=d; e=f", "te: trailers", "x-empty:", ("x-blank", " a\t")), h2_client=True, stats=CODEC)
case("h2_host", [h2_ok()], h2() + h2_req("/", "host: other.example") + h2_req("/", "host: only.example", s=3, authority=None), h2_client=True, stats=CODEC)
case("host_rewritten", [h2_ok()], get("/") , routes=route("host_rewrite_literal: new.example"), stats=CODEC)
case("h1_body", [h2_ok()], req(method="POST", body="abc") + req("/2", method="POST", body="abcdef", chunked=True) + req("/3", method="POST", body=""), stats=CODEC)
case("h1_trailers", [h2_ok()], send("POST / HTTP/1.1\r\nhost: h.example\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\nX-U: 2\r\n\r\n") + read(),
     hcm="http_protocol_options: {enable_trailers: true}", stats=CODEC)
case("h1_trailers_not_enabled", [h2_ok()], send("POST / HTTP/1.1\r\nhost: h.example\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n") + read(), stats=CODEC)
case("h1_absolute_and_https", [h2_ok()], send("GET http://abs.example/x HTTP/1.1\r\nhost: h.example\r\n\r\n") + read() + get("/", "x-forwarded-proto: https"), stats=CODEC)
case("h1_expect", [h2_ok()], send("POST / HTTP/1.1\r\nhost: h.example\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n") + read_head() + send("abc") + read(), stats=CODEC)
case("h1_http10", [h2_ok()], send("GET / HTTP/1.0\r\nhost: h.example\r\n\r\n") + raw_all(), hcm="http_protocol_options: {accept_http_10: true}", stats=CODEC)
case("h2_trailers_both_ways", [h2_ok("abc", "x: 1", trailers=["x-t: 1", "x-u:"])], h2() + h2_req("/", method="POST", body="abc", trailers=["x-v: 1"])
     + h2_req("/2", s=3, method="POST", trailers=["x-w: 1"]), h2_client=True, stats=CODEC)
case("answer_trailers_to_h1", [h2_ok("abc", trailers=["x-t: 1"])], get(), hcm="http_protocol_options: {enable_trailers: true}", stats=CODEC)
case("answer_trailers_to_h1_te", [h2_ok("abc", trailers=["x-t: 1"])], get("/", "te: trailers"), hcm="http_protocol_options: {enable_trailers: true}", stats=CODEC)
case("answer_trailers_to_h1_not_enabled", [h2_ok("abc", trailers=["x-t: 1"])], get(), stats=CODEC)
case("answer_trailers_only", [h2_frames(HEAD, HEADERS(S, block("x-t: 1")))], get(), stats=CODEC)
for _d in (True, False):
    _n = "h2" if _d else "h1"
    _c = (lambda *a, **k: h2() + h2_req(*a, **k)) if _d else req
    case(f"{_n}_answer_fields", [h2_ok("ok", "set-cookie: a=b", "set-cookie: c=d", "x-empty:", "date: Mon, 01 Jan 2024 00:00:00 GMT", "server: up", "content-length: 2")], _c(), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_head", [h2_ok("", "content-length: 5")], _c(method="HEAD"), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_204", [h2_ok("", status=204)], _c(), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_204_with_body", [h2_ok("body", status=204)], _c(), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_304", [h2_ok("", "content-length: 5", status=304)], _c(), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_empty_data", [h2_frames(HEAD, DATA(S, "", True))], _c(), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_100_103", [h2_frames(HEADERS(S, block((":status", "100")), end=False), HEADERS(S, block((":status", "103"), "link: a"), end=False)) + h2_ok()], _c(), h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_100_proxied", [early() + h2_frames(HEADERS(S, block((":status", "100")), end=False)) + wait(0.1) + h2_ok()], _c("/", "expect: 100-continue"), hcm="proxy_100_continue: true",
         h2_client=_d, stats=CODEC)
    case(f"{_n}_answer_early", [early() + h2_ok()], h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False), DATA(1, "abc")) + h2_done(1) + up_resets(1) if _d
         else send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all() + up_resets(1), h2_client=_d)
    case(f"{_n}_client_gone", [h2_wait_end()], (h2() + h2_send(request(1)) + seen(1) + h2_send(RST(1, "CANCEL")) if _d else send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1) + reset()) + up_resets(1), h2_client=_d)
    case(f"{_n}_client_gone_while_answered", [h2_frames(HEAD, DATA(S, "abc"))], (h2() + h2_send(request(1)) + h2_data(3) + h2_send(RST(1, "INTERNAL_ERROR")) if _d
         else send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + read_head() + reset()) + up_resets(1), h2_client=_d)
    case(f"{_n}_client_gone_in_body", [h2_wait_end()], (h2() + h2_send(HEADERS(1, pseudo(method="POST"), end=False), DATA(1, "abc")) + seen(1) + h2_send(RST(1, "CANCEL")) if _d
         else send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + seen(1) + close()) + up_resets(1), h2_client=_d)
    case(f"{_n}_timeout", [h2_wait_end()], _c() + up_resets(1), routes=route("timeout: 0.2s"), h2_client=_d)
    case(f"{_n}_timeout_after_head", [h2_frames(HEAD, DATA(S, "abc"))], (h2() + h2_req() if _d else send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + raw_all()) + up_resets(1), routes=route("timeout: 0.2s"), h2_client=_d)
    for _code in ("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "STREAM_CLOSED", "REFUSED_STREAM", "CANCEL", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "HTTP_1_1_REQUIRED"):
        case(f"{_n}_rst_{_code.lower()}", [h2_frames(RST(S, _code))], _c(), h2_client=_d)
        case(f"{_n}_rst_{_code.lower()}_after_head", [h2_frames(HEAD, DATA(S, "abc")) + wait(0.1) + h2_frames(RST(S, _code))],
             h2() + h2_req() if _d else send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + raw_all(), h2_client=_d)
case("per_try_timeout", [h2_wait_end(), h2_ok()], get() + up_resets(1), routes=route(f"retry_policy: {{retry_on: 5xx, per_try_timeout: 0.2s, {FAST}}}"))
case("max_stream_duration", [h2_wait_end()], get() + up_resets(1), routes=route("max_stream_duration: {max_stream_duration: 0.2s}"))
case("hedged", H2([h2_wait_end(), h2_ok()]), get() + up_resets(1), routes=route("hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {retry_on: 5xx, per_try_timeout: 0.2s, " + FAST + "}"))
case("rst_in_request", [early() + h2_frames(RST(S, "INTERNAL_ERROR"))], send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())

# Retries.
for _on in ("refused-stream", "reset", "reset-before-request", "connect-failure", "5xx", "gateway-error", "http3-post-connect-failure"):
    for _code in ("REFUSED_STREAM", "INTERNAL_ERROR", "CONNECT_ERROR"):
        case(f"retry_{_on.replace('-', '_')}_{_code.lower()}", [h2_frames(RST(S, _code)), h2_ok()], get(), routes=retry(_on))
case("retry_exhausted", [h2_frames(RST(S, "REFUSED_STREAM"))], get(), routes=retry("refused-stream", 2))
case("retry_body_again", [h2_frames(RST(S, "REFUSED_STREAM")), h2_ok()], req(method="POST", body="again"), routes=retry("refused-stream"))
case("retry_body_of_h2_again", [h2_frames(RST(S, "REFUSED_STREAM")), h2_ok()], h2() + h2_req(method="POST", body="again", trailers=["x-t: 1"]), routes=retry("refused-stream"), h2_client=True)
case("retry_connection_closed", [fin(), h2_ok()], get(), routes=retry("reset"))
case("retry_status", [h2_ok("no", status=503), h2_ok()], get(), routes=retry("5xx"))
case("retry_status_body_cut", [h2_frames(HEADERS(S, block((":status", "503")), end=False), DATA(S, "part")), h2_ok()], get() + up_resets(1), routes=retry("5xx"))

# GOAWAY.
case("goaway_before_request", H2([h2_ok()], first=GOAWAY(0)), get() + get("/2"))
case("goaway_not_taken", [h2_frames(GOAWAY(0)) + hold(), h2_ok()], get())
case("goaway_not_taken_retry", [h2_frames(GOAWAY(0)) + hold(), h2_ok()], get() + get("/2"), routes=retry("refused-stream"))
case("goaway_not_taken_retry_reset", [h2_frames(GOAWAY(0)) + hold(), h2_ok()], get(), routes=retry("reset"))
case("goaway_not_taken_closed", [h2_frames(GOAWAY(0)) + wait(0.1) + fin(), h2_ok()], get())
case("goaway_taken", H2([h2_frames(GOAWAY(SELF)) + wait(0.1) + h2_ok(), h2_ok()], show=("on",)), get() + get("/2") + gone(1))
case("goaway_taken_cut", [h2_frames(GOAWAY(SELF)) + wait(0.1) + fin(), h2_ok()], get())
case("goaway_error", [h2_frames(GOAWAY(SELF, "INTERNAL_ERROR", b"why")) + wait(0.1) + fin(), h2_ok()], get())
case("goaway_error_enhance_your_calm", [h2_frames(GOAWAY(0, "ENHANCE_YOUR_CALM", b"too_many_pings")) + wait(0.1) + fin(), h2_ok()], get() + get("/2"))
case("goaway_after_answer", H2([h2_ok() + h2_frames(GOAWAY(SELF)), h2_ok()], show=("on",)), get() + gone(1) + get("/2"))
case("goaway_notice_then_last", H2([h2_frames(GOAWAY(0x7fffffff)) + wait(0.1) + h2_frames(GOAWAY(SELF)) + h2_ok(), h2_ok()], show=("on",)), get() + get("/2"))
case("goaway_others_go_on", H2({"/slow": [h2_frames(GOAWAY(1)) + until("go") + h2_ok("slow")], "*": h2_ok()}, show=("on",)),
     h2() + h2_send(request(1, "/slow")) + stat_is("cluster.{{up}}.upstream_cx_close_notify", 1) + h2_req("/2", s=3) + signal("go") + h2_done(1), h2_client=True, unordered_log=True)

# The connection ends.
for _how in ("fin", "rst"):
    _end = fin() if _how == "fin" else rst()
    case(f"connection_{_how}", [_end], get())
    case(f"connection_{_how}_after_head", [h2_frames(HEAD, DATA(S, "abc")) + wait(0.1) + _end], send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + raw_all())
    case(f"connection_{_how}_with_three", H2({"/end": until("go") + _end, "*": hold()}), h2() + h2_send(request(1, "/a"), request(3, "/b"), request(5, "/end")) + seen(3) + signal("go") + h2_done(1, 3, 5),
         h2_client=True, unordered_log=True)
    case(f"connection_{_how}_quiet", H2([h2_ok() + wait(0.05) + _end, h2_ok()]), get() + stat_is("cluster.{{up}}.upstream_cx_destroy_remote", 1) + get("/2"))
case("connection_refused", REFUSE, get(), clusters={"up": {"h2": ""}})
case("connection_refused_three", REFUSE, h2() + h2_send(*(request(s) for s in (1, 3, 5))) + h2_done(1, 3, 5), clusters={"up": {"h2": ""}}, h2_client=True, unordered_log=True)

# What an upstream must not send.
ANSWERS = {
    "uppercase_name": HEADERS(S, block((":status", "200"), "X-A: 1")),
    "connection": HEADERS(S, block((":status", "200"), "connection: close")),
    "transfer_encoding": HEADERS(S, block((":status", "200"), "transfer-encoding: chunked")),
    "te": HEADERS(S, block((":status", "200"), "te: trailers")),
    "no_status": HEADERS(S, block("x-a: 1")),
    "status_word": HEADERS(S, block((":status", "abc"))),
    "status_2_digits": HEADERS(S, block((":status", "20"))),
    "status_4_digits": HEADERS(S, block((":status", "2000"))),
    "status_000": HEADERS(S, block((":status", "000"))),
    "status_099": HEADERS(S, block((":status", "099"))),
    "status_600": HEADERS(S, block((":status", "600"))),
    "status_999": HEADERS(S, block((":status", "999"))),
    "status_101": HEADERS(S, block((":status", "101"))),
    "status_100_end": HEADERS(S, block((":status", "100"))),
    "status_103_end": HEADERS(S, block((":status", "103"))),
    "status_twice": HEADERS(S, block((":status", "200"), (":status", "204"))),
    "status_after_field": HEADERS(S, block("x: 1", (":status", "200"))),
    "pseudo_of_request": HEADERS(S, block((":status", "200"), (":path", "/"))),
    "pseudo_unknown": HEADERS(S, block((":status", "200"), (":foo", "/"))),
    "value_crlf": HEADERS(S, block((":status", "200"), ("x", "a\r\nb: c"))),
    "value_nul": HEADERS(S, block((":status", "200"), ("x", "a\0b"))),
    "value_blanks": HEADERS(S, block((":status", "200"), ("x", " a "))),
    "value_high": HEADERS(S, block((":status", "200"), ("x", "\xe4"))),
    "name_empty": HEADERS(S, block((":status", "200"), ("", "a"))),
    "length_short": HEADERS(S, block((":status", "200"), "content-length: 5"), False) + DATA(S, "ab", True),
    "length_long": HEADERS(S, block((":status", "200"), "content-length: 1"), False) + DATA(S, "abcd", True),
    "length_none": HEADERS(S, block((":status", "200"), "content-length: 5")),
    "length_twice": HEADERS(S, block((":status", "200"), "content-length: 2", "content-length: 2"), False) + DATA(S, "ab", True),
    "length_words": HEADERS(S, block((":status", "200"), "content-length: two"), False) + DATA(S, "ab", True),
    "trailers_no_end": HEAD + DATA(S, "ab") + HEADERS(S, block("x: 1"), False),
    "trailers_pseudo": HEAD + DATA(S, "ab") + HEADERS(S, block((":status", "200"))),
    "data_first": DATA(S, "ab", True),
    "data_after_end": HEADERS(S, block((":status", "200"))) + DATA(S, "ab"),
    "headers_after_end": HEADERS(S, block((":status", "200"))) + HEADERS(S, block((":status", "200"))),
    "push_promise": frame(T_PUSH, 4, S, (2).to_bytes(4, "big") + pseudo()),
    "fields_100": HEADERS(S, block((":status", "200"), *(f"x-{i}: 1" for i in range(99)))),
    "fields_101": HEADERS(S, block((":status", "200"), *(f"x-{i}: 1" for i in range(100)))),
    "trailers_101": HEAD + DATA(S, "ab") + HEADERS(S, block(*(f"x-{i}: 1" for i in range(101)))),
    "window_zero": WINDOW(SELF, 0),
    "ok": HEADERS(S, block((":status", "200"))),
}
for _name, _bytes in ANSWERS.items():
    case("bad_" + _name, [h2_frames(_bytes), h2_ok()], send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + read_all(), brief_upstream=True)
    case("bad_" + _name + "_stream_error", [h2_frames(_bytes), h2_ok()], h2() + h2_req(), h2_client=True, cluster="override_stream_error_on_invalid_http_message: true", brief_upstream=True)
CONNECTION_ERRORS = {
    "bad_hpack": frame(T_HEADERS, 5, 1, b"\xff\xff\xff\xff"),
    "frame_too_large": frame(T_HEADERS, 5, 1, b"\0" * 20000),
    "headers_unknown_stream": HEADERS(99, block((":status", "200"))),
    "headers_even_stream": HEADERS(2, block((":status", "200"))),
    "settings_bad_window": SETTINGS({"INITIAL_WINDOW_SIZE": 0x80000000}),
    "settings_push": SETTINGS({"ENABLE_PUSH": 1}),
    "window_zero": WINDOW(0, 0),
    "window_overflow": WINDOW(0, 0x7fffffff),
    "ping_length": frame(T_PING, 0, 0, b"\0"),
    "bytes": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "pings": PING() * 3000,
    "settings": SETTINGS() * 3000,
    "empty_data": HEADERS(1, block((":status", "200")), False) + DATA(1, "") * 10,
    "window_updates": WINDOW(0, 1) * 3000,
    "priority": PRIORITY(1) * 3000,
    "continuation": HEADERS(1, block((":status", "200")), False, False) + CONTINUATION(1, block(("x", "a" * 8000)), False) * 400,
}
for _name, _bytes in CONNECTION_ERRORS.items():
    case("bad_connection_" + _name, [h2_bytes(_bytes), h2_ok()], get(), brief_upstream=True)
for _name in ("bad_hpack", "frame_too_large", "window_zero", "ping_length", "pings"):
    case("bad_connection_" + _name + "_with_two", H2({"/bad": until("go") + h2_bytes(CONNECTION_ERRORS[_name]), "*": hold()}),
         h2() + h2_send(request(1, "/bad"), request(3, "/b")) + seen(2) + signal("go") + h2_done(1, 3), h2_client=True, unordered_log=True, brief_upstream=True)
case("answer_head_70_kib", [h2_big_head(70 * 1024)], get(), brief_upstream=True, mask=[("a{100,}", "<as>")])
case("answer_head_50_kib", [h2_big_head(50 * 1024)], get(), brief_upstream=True, mask=[("a{100,}", "<as>")])
case("answer_head_70_kib_allowed", [h2_big_head(63 * 1024)], get(), brief_upstream=True, mask=[("a{100,}", "<as>")], clusters={"up": {"yaml": COMMON % "max_response_headers_kb: 96"}})
case("request_head_big", [h2_ok()], get("/", "x: " + "a" * 40000), brief_upstream=True)

# Pools and circuit breakers.
def held_requests(n):
    return h2_send(*(request(2 * i + 1, f"/{i}") for i in range(n)))


case("multiplexed", H2([until("go") + h2_ok()], show=("on",)), h2() + held_requests(4) + seen(4) + signal("go") + h2_done(1, 3, 5, 7), h2_client=True, unordered_log=True)
case("multiplexed_second_time", H2([h2_ok()], show=("on",)), h2() + h2_req() + held_requests(0) + h2_send(*(request(s) for s in (3, 5, 7))) + h2_done(3, 5, 7), h2_client=True, unordered_log=True)
case("streams_max_1", H2([until("go") + h2_ok()], show=("on",)), h2() + held_requests(3) + seen(3) + signal("go") + h2_done(1, 3, 5), h2_client=True, unordered_log=True, cluster="max_concurrent_streams: 1")
case("streams_max_2", H2([until("go") + h2_ok()], show=("on",)), h2() + held_requests(5) + seen(5) + signal("go") + h2_done(1, 3, 5, 7, 9), h2_client=True, unordered_log=True, cluster="max_concurrent_streams: 2")
case("streams_max_of_upstream", H2([until("go") + h2_ok()], settings={"MAX_CONCURRENT_STREAMS": 1}, show=("on",)), h2() + h2_req("/first", s=1, done=False) + seen(1)
     + h2_send(request(3, "/second")) + seen(2) + signal("go") + h2_done(1, 3), h2_client=True, unordered_log=True)
case("streams_max_of_upstream_at_once", H2([until("go") + h2_ok()], settings={"MAX_CONCURRENT_STREAMS": 1}, show=("on",)), h2() + held_requests(3) + seen(1) + pause(0.2) + signal("go") + h2_done(1, 3, 5),
     h2_client=True, unordered_log=True, no_upstream=True)
case("streams_max_of_upstream_0", H2([h2_ok()], settings={"MAX_CONCURRENT_STREAMS": 0}), h2() + h2_req() , h2_client=True, routes=route("timeout: 0.4s"))
case("streams_max_falls", H2({"/lower": [h2_bytes(SETTINGS({"MAX_CONCURRENT_STREAMS": 1})) + until("go") + h2_ok()], "*": until("go") + h2_ok()}, show=("on",)),
     h2() + h2_send(request(1, "/lower")) + seen(1) + pause(0.1) + h2_send(request(3, "/second")) + seen(2) + signal("go") + h2_done(1, 3), h2_client=True, unordered_log=True)


def breakers(text):
    return {"up": {"yaml": f"circuit_breakers: {{thresholds: [{{{text}}}]}}"}}


case("breaker_requests", [until("go") + h2_ok()], h2() + held_requests(3) + seen(2) + h2_done(5) + signal("go") + h2_done(1, 3), h2_client=True, unordered_log=True, clusters=breakers("max_requests: 2"))
case("breaker_requests_while_connecting", [h2_ok()], h2() + held_requests(3) + h2_done(1, 3, 5), h2_client=True, unordered_log="set", clusters=breakers("max_requests: 1"), no_upstream=True, stats=[])
case("breaker_connections", [until("go") + h2_ok()], h2() + held_requests(3) + seen(1) + signal("go") + h2_done(1, 3, 5), h2_client=True, unordered_log=True,
     clusters={"up": {"h2": "max_concurrent_streams: 1", "yaml": "circuit_breakers: {thresholds: [{max_connections: 1}]}"}})
case("breaker_pending", BLACKHOLE, h2() + held_requests(3) + h2_done(5), h2_client=True, unordered_log=True, clusters={"up": {"h2": "", "yaml": "circuit_breakers: {thresholds: [{max_pending_requests: 2}]}"}}, stats=[])
case("requests_max", H2([h2_ok()], show=("on",)), get() + get("/2") + get("/3"), clusters={"up": {"yaml": COMMON % "max_requests_per_connection: 2"}})
case("requests_max_at_once", H2([until("go") + h2_ok()], show=("on",)), h2() + held_requests(3) + seen(3) + signal("go") + h2_done(1, 3, 5), h2_client=True, unordered_log=True,
     clusters={"up": {"yaml": COMMON % "max_requests_per_connection: 2"}})
case("idle_timeout", [h2_ok()], get() + gone(1), clusters={"up": {"yaml": COMMON % "idle_timeout: 0.2s"}})
case("idle_timeout_not_while_busy", [wait(0.5) + h2_ok()], get(), clusters={"up": {"yaml": COMMON % "idle_timeout: 0.2s"}})
case("max_duration", H2([h2_ok()], show=("on",)), get() + gone(1) + get("/2"), clusters={"up": {"yaml": COMMON % "max_connection_duration: 0.2s"}})
case("max_duration_busy", [wait(0.5) + h2_ok()], get() + gone(1), clusters={"up": {"yaml": COMMON % "max_connection_duration: 0.2s"}})
case("max_headers_count", [h2_ok("ok", "a: 1", "b: 1", "c: 1")], get(), clusters={"up": {"yaml": COMMON % "max_headers_count: 3"}})

# Keepalive.
case("keepalive", [h2_ok()], get() + up_pings(3) + get("/2"), cluster="connection_keepalive: {interval: 0.1s, timeout: 1s}")
case("keepalive_timeout", H2([hold()], answers=False), get() + gone(1), cluster="connection_keepalive: {interval: 0.1s, timeout: 0.1s}")
case("keepalive_timeout_quiet", H2([h2_ok()], answers=False), get() + gone(1), cluster="connection_keepalive: {interval: 0.2s, timeout: 0.1s}")
case("keepalive_idle_interval", H2([h2_ok()]), get() + pause(0.25) + get("/2") + up_pings(1), cluster="connection_keepalive: {timeout: 0.2s, connection_idle_interval: 0.1s}")

# Upgrades.
WS = ("upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13")
UPGRADE_WS = "upgrade_configs: [{upgrade_type: websocket}]"
CONNECTS = {"ENABLE_CONNECT_PROTOCOL": 1}


def ws_request():
    return send("GET /ws HTTP/1.1\r\nhost: h.example\r\n" + "".join(x + "\r\n" for x in WS) + "\r\n")


for _allow in (True, False):
    case("websocket_h1" + ("" if _allow else "_not_enabled"), H2([early() + h2_frames(HEADERS(S, block((":status", "200"), "sec-websocket-protocol: x"), False)) + h2_echo()], settings=CONNECTS if _allow else None),
         ws_request() + read_head() + send("hello") + read_bytes(5) + half_close() + raw_all(), hcm=UPGRADE_WS, cluster="allow_connect: true")
case("websocket_h1_not_allowed_by_cluster", H2([early() + h2_frames(HEADERS(S, block((":status", "200")), False)) + h2_echo()], settings=CONNECTS), ws_request() + read_head() + send("hello") + read_bytes(5), hcm=UPGRADE_WS)
case("websocket_h1_refused", H2([early() + h2_ok("no", status=403)], settings=CONNECTS), ws_request() + read() + up_resets(1), hcm=UPGRADE_WS, cluster="allow_connect: true")
case("websocket_h1_reset", H2([early() + h2_frames(HEADERS(S, block((":status", "200")), False), DATA(S, "abc")) + wait(0.1) + h2_frames(RST(S, "CANCEL"))], settings=CONNECTS),
     ws_request() + raw_all(), hcm=UPGRADE_WS, cluster="allow_connect: true")
case("websocket_h1_client_closes", H2([early() + h2_frames(HEADERS(S, block((":status", "200")), False)) + h2_wait_end()], settings=CONNECTS), ws_request() + read_head() + close() + pause(0.2),
     hcm=UPGRADE_WS, cluster="allow_connect: true")
case("websocket_h2", H2([early() + h2_frames(HEADERS(S, block((":status", "200"), "sec-websocket-protocol: x"), False)) + h2_echo()], settings=CONNECTS), h2()
     + h2_send(HEADERS(1, pseudo("/ws", method="CONNECT", protocol="websocket") + block("sec-websocket-version: 13"), False)) + h2_head() + h2_send(DATA(1, "hello")) + h2_data(5)
     + h2_send(DATA(1, "", True)) + h2_done(1), hcm=UPGRADE_WS, options="allow_connect: true", h2_client=True, cluster="allow_connect: true")
case("websocket_h2_refused", H2([early() + h2_ok("no", status=403)], settings=CONNECTS), h2()
     + h2_send(HEADERS(1, pseudo("/ws", method="CONNECT", protocol="websocket"), False)) + h2_done(1), hcm=UPGRADE_WS, options="allow_connect: true", h2_client=True, cluster="allow_connect: true")
CONNECT_PROXIED = '- {match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}'
CONNECT = send("CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n")
case("connect_h1", [early() + h2_frames(HEAD) + h2_echo()], CONNECT + read_head() + send("hello") + read_bytes(5) + half_close() + raw_all(), hcm="upgrade_configs: [{upgrade_type: CONNECT}]", routes=CONNECT_PROXIED,
     cluster="allow_connect: true")
case("connect_h1_refused", [early() + h2_ok("no", status=403)], CONNECT + read() + up_resets(1), hcm="upgrade_configs: [{upgrade_type: CONNECT}]", routes=CONNECT_PROXIED)
case("connect_h2", [early() + h2_frames(HEAD) + h2_echo()], h2() + h2_send(HEADERS(1, pseudo(None, method="CONNECT", scheme=None, authority="a.example:443"), False)) + h2_head() + h2_send(DATA(1, "hello"))
     + h2_data(5) + h2_send(DATA(1, "", True)) + h2_done(1), hcm="upgrade_configs: [{upgrade_type: CONNECT}]", routes=CONNECT_PROXIED, options="allow_connect: true", h2_client=True)

# gRPC.
def grpc_answer(status, head=True, message=None):
    fields = [f"grpc-status: {status}"] + ([f"grpc-message: {message}"] if message else [])
    if head:  # trailers-only
        return h2_frames(HEADERS(S, block((":status", "200"), "content-type: application/grpc", *fields)))
    return h2_frames(HEADERS(S, block((":status", "200"), "content-type: application/grpc"), False), DATA(S, b"\0\0\0\0\0"), HEADERS(S, block(*fields)))


def grpc(s=1, path="/pkg.Service/Method", *fields, done=True):
    return h2_req(path, *GRPC, *fields, s=s, method="POST", body=b"\0\0\0\0\0", done=done)


GLOG = {**LOG, "grpc": "%GRPC_STATUS%", "number": "%GRPC_STATUS_NUMBER%", "body": "%LOCAL_REPLY_BODY%"}


def g(name, up, client=None, **kw):
    case("grpc_" + name, up, h2() + (grpc() if client is None else client), h2_client=True, log_format=GLOG, **kw)


g("ok", [grpc_answer(0, False)])
g("error_trailers_only", [grpc_answer(5, True, "not%20found")])
g("error_in_trailers", [grpc_answer(13, False, "broken")])
g("no_route", [h2_ok()], routes="- {match: {path: /other}, route: {cluster: \"{{up}}\"}}")
g("not_grpc_answer", [h2_ok("sorry", "content-type: text/plain", status=503)])
g("reset", [h2_frames(RST(S, "INTERNAL_ERROR"))])
g("refused", [h2_frames(RST(S, "REFUSED_STREAM"))])
g("connection_closed", [fin()])
g("connection_refused", REFUSE, clusters={"up": {"h2": ""}})
g("reset_after_head", [h2_frames(HEADERS(S, block((":status", "200"), "content-type: application/grpc"), False), DATA(S, b"\0\0\0\0\0")) + wait(0.1) + h2_frames(RST(S, "INTERNAL_ERROR"))])
g("no_hosts", [h2_ok()], clusters={"up": {"h2": "", "hosts": []}})
g("overflow", [h2_ok()], clusters={"up": {"h2": "", "yaml": "circuit_breakers: {thresholds: [{max_requests: 0}]}"}})
g("timeout", [h2_wait_end()], routes=route("timeout: 0.2s"))
g("timeout_of_client", [h2_wait_end()], grpc(1, "/a/b", "grpc-timeout: 200m") + up_resets(1), routes=route("max_stream_duration: {grpc_timeout_header_max: 0s}"))
g("timeout_of_client_capped", [h2_wait_end()], grpc(1, "/a/b", "grpc-timeout: 9S") + up_resets(1), routes=route("max_stream_duration: {grpc_timeout_header_max: 0.2s}"))
g("timeout_of_client_offset", [h2_wait_end()], grpc(1, "/a/b", "grpc-timeout: 700m") + up_resets(1), routes=route("max_stream_duration: {grpc_timeout_header_max: 0s, grpc_timeout_header_offset: 0.5s}"))
g("timeout_max_grpc", [h2_wait_end()], grpc(1, "/a/b", "grpc-timeout: 200m") + up_resets(1), routes=route("max_grpc_timeout: 9s"))
g("timeout_of_client_ignored", [h2_ok()], grpc(1, "/a/b", "grpc-timeout: 1m"))
g("direct_response", [h2_ok()], routes="- {match: {prefix: /}, direct_response: {status: 429, body: {inline_string: slow down}}}")
for _status in (400, 401, 403, 404, 429, 500, 502, 503, 504, 418):
    g(f"direct_{_status}", [h2_ok()], routes=f"- {{match: {{prefix: /}}, direct_response: {{status: {_status}, body: {{inline_string: 'b%ö'}}}}}}", stats=[])
g("malformed_path", [h2_ok()], grpc(1, "/a%2fb"), hcm="path_with_escaped_slashes_action: REJECT_REQUEST")
g("fields_over_limit", [h2_ok()], h2_req("/", *GRPC, *(f"x-{i}: 1" for i in range(100)), method="POST", body="x"))
for _on, _status in {"cancelled": 1, "deadline-exceeded": 4, "internal": 13, "resource-exhausted": 8, "unavailable": 14}.items():
    g("retry_" + _on.replace("-", "_"), [grpc_answer(_status), grpc_answer(0, False)], routes=retry(_on))
    g("retry_" + _on.replace("-", "_") + "_other", [grpc_answer(2), grpc_answer(0, False)], routes=retry(_on))
g("retry_in_trailers", [grpc_answer(14, False), grpc_answer(0, False)], routes=retry("unavailable"))
g("retry_of_header", [grpc_answer(14), grpc_answer(0, False)], grpc(1, "/a/b", "x-envoy-retry-grpc-on: unavailable", "x-envoy-max-retries: 1"),
  hcm="use_remote_address: true\ninternal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}")
g("retry_reset", [h2_frames(RST(S, "REFUSED_STREAM")), grpc_answer(0, False)], routes=retry("unavailable"))
g("retry_exhausted", [grpc_answer(14)], routes=retry("unavailable", 2))
g("streaming", [early() + h2_frames(HEADERS(S, block((":status", "200"), "content-type: application/grpc"), False)) + h2_echo()], h2_send(HEADERS(1, pseudo("/a/b", method="POST") + block(*GRPC), False))
  + h2_head() + h2_send(DATA(1, b"\0\0\0\0\x01a")) + h2_data(6) + h2_send(DATA(1, b"\0\0\0\0\x01b")) + h2_data(12) + h2_send(DATA(1, b"", True)) + h2_done(1))
case("grpc_h1_no_route", [h2_ok()], req("/a/b", *GRPC, method="POST", body="x"), routes="- {match: {path: /other}, route: {cluster: \"{{up}}\"}}")
case("grpc_h1", [grpc_answer(0, False)], req("/a/b", *GRPC, method="POST", body="x"), hcm="http_protocol_options: {enable_trailers: true}")
