"""What an HTTP/2 client must not send: with the preface in one write ("first") and later; as a connection error and as a stream error."""
from harness.dsl import *
from harness.h2 import *

CODEC = ["+re:^http2\\.", "+re:^http\\.{{name}}\\.downstream_(cx_protocol_error|cx_destroy_local|rq_[rt]x_reset|rq_total|rq_4xx|rq_completed)"]
LOG = {"line": "%PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% '%REQ(:METHOD)%' '%REQ(:PATH)%' '%REQ(:AUTHORITY)%' %BYTES_RECEIVED% %BYTES_SENT% %CONNECTION_TERMINATION_DETAILS%"}



def req1(*fields, path="/", end=True, s=1, **kw):
    return HEADERS(s, pseudo(path, **kw) + block(*fields), end)


def post(*fields, s=1, **kw):
    return req1(*fields, end=False, method="POST", s=s, **kw)


# Messages: what is wrong is in the head, or in the body's length.
MESSAGES = {
    "uppercase_name": req1("X-A: 1"),
    "connection": req1("connection: close"),
    "keep_alive": req1("keep-alive: timeout=1"),
    "proxy_connection": req1("proxy-connection: keep-alive"),
    "transfer_encoding": req1("transfer-encoding: chunked"),
    "upgrade": req1("upgrade: websocket"),
    "te_gzip": req1("te: gzip"),
    "te_trailers_upper": req1("te: Trailers"),
    "missing_path": req1(path=None),
    "missing_method": req1(method=None),
    "missing_scheme": req1(scheme=None),
    "missing_authority": req1(authority=None),
    "missing_authority_host": req1("host: from.host", authority=None),
    "empty_path": req1(path=""),
    "empty_method": req1(method=""),
    "empty_scheme": req1(scheme=""),
    "empty_authority": req1(authority=""),
    "path_without_slash": req1(path="foo"),
    "path_star": req1(path="*"),
    "path_star_options": req1(path="*", method="OPTIONS"),
    "path_with_space": req1(path="/a b"),
    "path_with_nul": req1(path="/a\0b"),
    "path_with_fragment": req1(path="/a#b"),
    "path_high_bytes": req1(path="/\xe4"),
    "path_absolute": req1(path="http://x/y"),
    "method_bad": req1(method="GE T"),
    "method_unknown": req1(method="BREW"),
    "method_lower": req1(method="get"),
    "scheme_bad": req1(scheme="h ttp"),
    "scheme_ftp": req1(scheme="ftp"),
    "scheme_upper": req1(scheme="HTTP"),
    "authority_bad": req1(authority="a b"),
    "authority_slash": req1(authority="a/b"),
    "authority_user": req1(authority="user@h.example"),
    "authority_port": req1(authority="h.example:99999"),
    "path_twice": HEADERS(1, pseudo() + block((":path", "/b"))),
    "method_twice": HEADERS(1, block((":method", "POST")) + pseudo()),
    "authority_twice": HEADERS(1, pseudo() + block((":authority", "b"))),
    "pseudo_after_field": HEADERS(1, pseudo(authority=None) + block("x-a: 1", (":authority", "h.example"))),
    "pseudo_unknown": HEADERS(1, pseudo() + block((":foo", "1"))),
    "pseudo_status": HEADERS(1, pseudo() + block((":status", "200"))),
    "value_crlf": req1(("x", "a\r\nb: c")),
    "value_lf": req1(("x", "a\nb")),
    "value_nul": req1(("x", "a\0b")),
    "value_del": req1(("x", "a\x7fb")),
    "value_high": req1(("x", "a\xffb")),
    "value_blanks": req1(("x", " a "), ("y", "\tb")),
    "value_empty": req1(("x", "")),
    "name_empty": req1(("", "a")),
    "name_colon": req1(("a:b", "a")),
    "name_blank": req1(("a b", "a")),
    "name_high": req1(("a\xe4", "a")),
    "name_underscore": req1(("a_b", "1")),
    "hosts_two": req1("host: a", "host: b"),
    "host_differs": req1("host: zzz"),
    "host_user": req1("host: user@h.example", authority=None),
    "host_user_ignored": req1("host: user@h.example"),
    "host_bad": req1("host: a b", authority=None),
    "length_short": post("content-length: 5") + DATA(1, "ab", True),
    "length_long": post("content-length: 1") + DATA(1, "abcd", True),
    "length_long_open": post("content-length: 1") + DATA(1, "abcd"),
    "length_none": req1("content-length: 5", method="POST"),
    "length_twice": post("content-length: 2", "content-length: 2") + DATA(1, "ab", True),
    "length_twice_differ": post("content-length: 2", "content-length: 3") + DATA(1, "ab", True),
    "length_words": post("content-length: two") + DATA(1, "ab", True),
    "length_negative": post("content-length: -2") + DATA(1, "ab", True),
    "length_plus": post("content-length: +2") + DATA(1, "ab", True),
    "length_huge": post("content-length: 99999999999999999999") + DATA(1, "ab", True),
    "length_trailers": post("content-length: 5") + DATA(1, "ab") + HEADERS(1, block("x-t: 1")),
    "connect_with_path": req1(method="CONNECT"),
    "connect_no_authority": req1(method="CONNECT", path=None, scheme=None, authority=None),
    "connect_plain": req1(method="CONNECT", path=None, scheme=None, end=False),
    "protocol_not_allowed": req1(method="CONNECT", protocol="websocket", end=False),
    "protocol_get": req1(protocol="websocket"),
    "trailers_pseudo": post() + HEADERS(1, block((":path", "/x"))),
    "trailers_uppercase": post() + HEADERS(1, block("X-T: 1")),
    "trailers_connection": post() + HEADERS(1, block("connection: close")),
    "trailers_te": post() + HEADERS(1, block("te: gzip")),
    "trailers_no_end": post() + HEADERS(1, block("x-t: 1"), end=False),
    "trailers_crlf": post() + HEADERS(1, block(("x-t", "a\r\nb: c"))),
    "trailers_empty": post() + HEADERS(1, b""),
    "trailers_content_length": post() + HEADERS(1, block("content-length: 3")),
}
# Whether the upstream saw the head of what was cut in the same turn is a matter of luck.
CUT = [n for n in MESSAGES if n.startswith("trailers_") and n != "trailers_empty" or n.startswith("length_")]
for _name, _bytes in MESSAGES.items():
    scenario("h2_bad_" + _name, hcm="codec_type: HTTP2", log_format=LOG, stats=CODEC, no_upstream=_name in CUT,
             client=h2("first", first=_bytes, wait=False) + h2_done(1, c="first") + h2("later") + h2_send(_bytes, c="later") + h2_done(1, c="later"))
    scenario("h2_bad_" + _name + "_stream_error", log_format=LOG, stats=CODEC, brief_upstream=True,
             hcm="codec_type: HTTP2\nhttp2_protocol_options: {override_stream_error_on_invalid_http_message: true}",
             client=h2() + h2_send(_bytes) + h2_done(1) + h2_req("/after", s=3))

UP = {"up": [ok()], "hold": [hold()]}
ROUTES = """
- {match: {path: /hold}, route: {cluster: "{{hold}}"}}
- {match: {prefix: /}, route: {cluster: "{{up}}"}}
"""
# Frames: what is wrong is in the framing. c sees it alone, d while a request runs. PRIORITY on itself or on stream 0 is not here:
# Envoy ignores it, we end the connection as RFC 9113 and h2spec ask.
FRAMES = {
    "data_idle": DATA(1, "x", True),
    "data_stream_0": frame(T_DATA, 0, 0, b"x"),
    "headers_stream_0": frame(T_HEADERS, 5, 0, pseudo()),
    "headers_even": HEADERS(2, pseudo()),
    "headers_lower_id": HEADERS(9, pseudo()) + HEADERS(5, pseudo()),
    "rst_idle": RST(7, "CANCEL"),
    "rst_stream_0": frame(T_RST, 0, 0, b"\0\0\0\x08"),
    "rst_short": frame(T_RST, 0, 3, b"\0\0"),
    "window_idle": WINDOW(7, 1),
    "window_zero_connection": WINDOW(0, 0),
    "window_overflow_connection": WINDOW(0, 0x7fffffff),
    "window_short": frame(T_WINDOW, 0, 0, b"\0\0\0"),
    "bad_hpack": frame(T_HEADERS, 5, 3, b"\xff\xff\xff\xff"),
    "hpack_index_0": frame(T_HEADERS, 5, 3, b"\x80"),
    "hpack_index_beyond": frame(T_HEADERS, 5, 3, indexed(99)),
    "hpack_table_too_large": frame(T_HEADERS, 5, 3, b"\x3f\xe1\x7f" + pseudo()),
    "hpack_cut": frame(T_HEADERS, 5, 3, pseudo()[:-3]),
    "frame_too_large": frame(T_HEADERS, 5, 3, b"\0" * 20000),
    "data_too_large": frame(T_DATA, 0, 0, b"\0" * 16385),
    "unknown_too_large": frame(0x77, 0, 0, b"\0" * 16385),
    "unknown": frame(0x77, 0, 0, b"zz") + frame(0x78, 255, 3, b"zz"),
    "settings_length": frame(T_SETTINGS, 0, 0, b"\0\0\0"),
    "settings_ack_payload": frame(T_SETTINGS, 1, 0, b"\0\x03\0\0\0\x01"),
    "settings_stream": frame(T_SETTINGS, 0, 3, b""),
    "settings_push_2": SETTINGS({"ENABLE_PUSH": 2}),
    "settings_push_1": SETTINGS({"ENABLE_PUSH": 1}),
    "settings_window_max": SETTINGS({"INITIAL_WINDOW_SIZE": 0x80000000}),
    "settings_frame_small": SETTINGS({"MAX_FRAME_SIZE": 1}),
    "settings_frame_large": SETTINGS({"MAX_FRAME_SIZE": 0x1000000}),
    "settings_connect_2": SETTINGS({"ENABLE_CONNECT_PROTOCOL": 2}),
    "settings_unknown": SETTINGS({0x99: 1}),
    "settings_ack_unasked": SETTINGS(ack=True) * 2,
    "ping_length": frame(T_PING, 0, 0, b"\0"),
    "ping_stream": frame(T_PING, 0, 3, b"\0" * 8),
    "ping_ack_unasked": PING(ack=True),
    "priority_length": frame(T_PRIORITY, 0, 3, b"\0"),
    "headers_priority_self": HEADERS(3, (3).to_bytes(4, "big") + b"\x10" + pseudo(), flags=0x20),
    "continuation_alone": CONTINUATION(3, block("x: 1")),
    "block_interrupted": HEADERS(3, pseudo(), end_headers=False) + PING(),
    "block_other_stream": HEADERS(3, pseudo(), end_headers=False) + CONTINUATION(5, block("x: 1")),
    "push_promise": frame(T_PUSH, 4, 3, (4).to_bytes(4, "big") + pseudo()),
    "padding_too_long": frame(T_HEADERS, 5 | 8, 3, b"\xff" + pseudo()),
    "padding_ok": frame(T_HEADERS, 5 | 8, 3, b"\x05" + pseudo() + b"\0" * 5),
    "goaway_length": frame(T_GOAWAY, 0, 0, b"\0"),
    "goaway_stream": frame(T_GOAWAY, 0, 3, b"\0" * 8),
    "reserved_bit": (lambda f: f[:5] + bytes([f[5] | 0x80]) + f[6:])(HEADERS(3, pseudo())),
    "goaway": GOAWAY(0),
    "goaway_error": GOAWAY(0, "INTERNAL_ERROR", b"why"),
    "bytes_of_http1": b"GET / HTTP/1.1\r\nhost: h\r\n\r\n",
}
# On a stream that runs, 1, or is over.
ON_STREAM = {
    "data_after_end": DATA(1, "x"),
    "headers_after_end": HEADERS(1, pseudo()),
    "window_zero": WINDOW(1, 0),
    "window_overflow": WINDOW(1, 0x7fffffff),
    "rst": RST(1, "CANCEL"),
    "rst_no_error": RST(1, "NO_ERROR"),
    "rst_unknown_code": RST(1, 0x1234),
    **{"rst_" + name.lower(): RST(1, name) for name in ("PROTOCOL_ERROR", "INTERNAL_ERROR", "STREAM_CLOSED", "REFUSED_STREAM", "CONNECT_ERROR", "ENHANCE_YOUR_CALM")},
    "rst_then_data": RST(1, "CANCEL") + DATA(1, "x"),
    "rst_then_headers": RST(1, "CANCEL") + HEADERS(1, block("x: 1")),
    "rst_then_window": RST(1, "CANCEL") + WINDOW(1, 1),
    "rst_twice": RST(1, "CANCEL") * 2,
    "priority": PRIORITY(1, 0, 200),
}
# Where we answer as RFC 9113 and h2spec ask, and Envoy ends the connection without a word, or goes on: what differs, compared without logs and stats.
ANSWER = {"data": "ok", "end": "END_STREAM", "head": [":status: 200", "content-length: 2", "x-envoy-upstream-service-time: <ms>", "date: <date>", "server: envoy"]}
BOTH = {"c": "FIN", "d": "FIN"}
RESET = {"streams": {"1": {"end": "RST_STREAM STREAM_CLOSED"}, "3": ANSWER}}
CLOSED = {"goaway": ["last=1 STREAM_CLOSED"], "streams": {"1": ANSWER}}
OVERFLOWN = {"streams": {"1": {"end": "RST_STREAM FLOW_CONTROL_ERROR"}, "3": ANSWER}}
TOO_LARGE = "FLOW_CONTROL_ERROR SETTINGS: too large SETTINGS_INITIAL_WINDOW_SIZE"
STRICT = {
    "frame_goaway": {"end": {"c": "<closed>", "d": "open"}},
    "frame_goaway_error": {"end": {"c": "<closed>", "d": "open"}},
    "frame_headers_lower_id": {"end": BOTH, "h2": {"c": {"goaway": ["last=9 PROTOCOL_ERROR"]}, "d": {"goaway": ["last=9 PROTOCOL_ERROR"]}}},
    "frame_settings_window_max": {"h2": {"c": {"goaway": ["last=0 " + TOO_LARGE]}, "d": {"goaway": ["last=1 " + TOO_LARGE]}}},
    "frame_window_overflow_connection": {"h2": {"c": {"goaway": ["last=0 FLOW_CONTROL_ERROR"]}, "d": {"goaway": ["last=1 FLOW_CONTROL_ERROR"]}}},
    "stream_data_after_end": {"end": {"c": "FIN", "over": "FIN"}, "h2": {"c": {"goaway": ["last=1 STREAM_CLOSED DATA: stream in half-closed(remote)"]}, "over": CLOSED}},
    "stream_headers_after_end": {"end": {"c": "FIN", "over": "FIN"}, "h2": {"c": {}, "over": CLOSED}},
    "stream_rst_then_data": {"end": {"c": "open", "over": "FIN"}, "h2": {"c": RESET, "over": CLOSED}},
    "stream_rst_then_data_open": {"h2": {"c": RESET}},
    "stream_rst_then_headers": {"end": {"c": "open", "over": "FIN"}, "h2": {"c": RESET, "over": CLOSED}},
    "stream_rst_then_headers_open": {"h2": {"c": RESET}},
    "stream_window_overflow": {"end": {"c": "open", "over": "open"}, "h2": {"c": OVERFLOWN, "over": {"streams": {"1": ANSWER, "3": ANSWER}}}},
    "stream_window_overflow_open": {"end": {"c": "open"}, "h2": {"c": OVERFLOWN}},
}


def framed(name, **kw):
    strict = STRICT.get(name)
    more = {"log_format": LOG, "stats": CODEC, "unordered_log": True, "brief_upstream": True} if strict is None else {
        "no_log": True, "no_upstream": True, "outrigger": strict, "differs": "RFC 9113 asks for an answer, or the close of a connection that is not used any more"}
    if name in ("frame_goaway", "frame_goaway_error"):  # after a while, by RST when something of the client's is unread
        more["mask"] = [(r"^(FIN|RST)$", "<closed>")]
    scenario("h2_" + name, hcm="codec_type: HTTP2", up=UP, routes=ROUTES, **more, **kw)


for _name, _bytes in FRAMES.items():
    framed("frame_" + _name, client=h2() + h2_send(_bytes, HEADERS(11, pseudo("/after"))) + h2_done(11) + h2(c="d") + h2_send(request(1, "/hold"), c="d")
             + seen(1, "hold") + h2_send(_bytes, HEADERS(11, pseudo("/after")), c="d") + h2_done(11, c="d"))
for _name, _bytes in ON_STREAM.items():
    framed("stream_" + _name, client=h2() + h2_send(request(1, "/hold")) + seen(1, "hold") + h2_send(_bytes, request(3, "/after")) + h2_done(3)
             + h2(c="over") + h2_req("/over", c="over") + h2_send(_bytes, request(3, "/after"), c="over") + h2_done(3, c="over"))
    framed("stream_" + _name + "_open", client=h2() + h2_send(request(1, "/hold", end=False)) + seen(1, "hold") + h2_send(_bytes, request(3, "/after")) + h2_done(3))

# Prefaces.
for _name, _bytes in {"sm_wrong": b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "http1": b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", "junk": b"\x16\x03\x01junkjunk\r\n\r\n",
                      "pri_11": b"PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n", "no_settings": PREFACE + request(1), "ping_first": PREFACE + PING() + SETTINGS()}.items():
    for _codec in ("AUTO", "HTTP1", "HTTP2"):
        scenario(f"h2_preface_{_name}_{_codec.lower()}", hcm=f"codec_type: {_codec}", log_format=LOG, stats=CODEC + ["+re:^http1\\."],
                 client=send(_bytes) + raw_all(), mask=[(r"(?s)^\x00\x00.*", "<frames>"), (r"(service-time: )\d+", r"\1<ms>")])
for _codec in ("HTTP1", "HTTP2"):
    scenario(f"h2_codec_{_codec.lower()}_gets_http2", hcm=f"codec_type: {_codec}", log_format=LOG, stats=CODEC, client=send(PREFACE + SETTINGS() + request(1)) + raw_all(),
             mask=[(r"(?s)^\x00\x00.*", "<frames>"), (r"(service-time: )\d+", r"\1<ms>")])
