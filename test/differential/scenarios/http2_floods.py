"""HTTP/2 clients that make work: floods of each kind of frame, and at their limits; rapid reset and its kin; streams over the limit."""
from harness.dsl import *
from harness.h2 import *

STATS = ["+re:^http2\\.", "+re:^http\\.{{name}}\\.downstream_(rq_[rt]x_reset|rq_total|rq_completed|rq_too_many_premature_resets|cx_destroy_local|cx_protocol_error)"]
ROUTES = """
- {match: {path: /hold}, route: {cluster: "{{hold}}"}}
- {match: {path: /direct}, direct_response: {status: 200, body: {inline_string: hello}}}
- {match: {prefix: /}, route: {cluster: "{{up}}"}}
"""
LOG = {"line": "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%"}


def flood(name, options="", *, client, more="", **kw):
    kw.setdefault("log_format", LOG)
    kw.setdefault("unordered_log", "set")
    kw.setdefault("stats", STATS)
    kw["mask"] = [(r"^(FIN|RST)$", "closed")]  # RST: the proxy did not read what came after
    scenario("h2_flood_" + name, hcm=f"codec_type: HTTP2\nhttp2_protocol_options: {{{options}}}\n" + more, routes=ROUTES, no_upstream=True,
             up={"up": [ok()], "hold": [hold()]}, client=client, **kw)


def post(path="/hold", s=1):
    return request(s, path, end=False, method="POST")


def ends(name, options="", *frames, **kw):
    """Sent in one write; then the connection has ended."""
    flood(name, options, client=h2() + h2_send(*frames) + h2_ended(), **kw)


def bears(name, options="", *frames, s=11, **kw):
    """As ends, but a further request is answered."""
    flood(name, options, client=h2() + h2_send(*frames, request(s, "/direct")) + h2_done(s), **kw)


# CONTINUATION.
flood("continuation_endless", client=h2() + grows_below(8, h2_send(HEADERS(1, pseudo(), end_headers=False), *(CONTINUATION(1, block((f"x-{i}", "a" * 8000)), False) for i in range(400)))
                                                        + pause(0.2)))
flood("continuation_endless_small", client=h2() + grows_below(8, h2_send(HEADERS(1, pseudo(), end_headers=False), *(CONTINUATION(1, block((f"x-{i}", "a")), False) for i in range(4000)))
                                                              + pause(0.2)))
ends("continuation_empty", "", HEADERS(1, pseudo(), end_headers=False), CONTINUATION(1, b"", False) * 2000)
flood("continuation_over_then_ends", client=h2() + h2_send(HEADERS(1, pseudo(), end_headers=False), *(CONTINUATION(1, block((f"x-{i}", "a" * 8000)), i == 19) for i in range(20)), request(11, "/direct"))
      + h2_done(11))

# Empty frames.
ends("empty_data", "", post(), DATA(1, "") * 50)
bears("empty_data_at_limit", "max_consecutive_inbound_frames_with_empty_payload: 5", post(), DATA(1, "") * 5, DATA(1, "x"), DATA(1, "") * 5)
ends("empty_data_over_limit", "max_consecutive_inbound_frames_with_empty_payload: 5", post(), DATA(1, "") * 6)
bears("empty_data_of_two_streams", "max_consecutive_inbound_frames_with_empty_payload: 5", post(), post(s=3), DATA(1, "") * 3, DATA(3, "") * 2)
ends("empty_data_of_two_streams_over", "max_consecutive_inbound_frames_with_empty_payload: 5", post(), post(s=3), DATA(1, "") * 3, DATA(3, "") * 3)
ends("empty_data_zero_limit", "max_consecutive_inbound_frames_with_empty_payload: 0", post(), DATA(1, ""))
bears("empty_data_end_does_not_count", "max_consecutive_inbound_frames_with_empty_payload: 0", post("/direct"), DATA(1, "", True))
ends("empty_data_padded", "", post(), frame(T_DATA, 8, 1, b"\x03\0\0\0") * 50)
ends("empty_headers", "", HEADERS(1, b"", end=False, end_headers=False), CONTINUATION(1, b"", False) * 3)

# PRIORITY.
ends("priority", "", post(), PRIORITY(1) * 5000)
bears("priority_at_limit", "max_inbound_priority_frames_per_stream: 3", post(), PRIORITY(1) * 6)
ends("priority_over_limit", "max_inbound_priority_frames_per_stream: 3", post(), PRIORITY(1) * 7)
bears("priority_without_stream_at_limit", "max_inbound_priority_frames_per_stream: 3", PRIORITY(5) * 3)
ends("priority_without_stream_over_limit", "max_inbound_priority_frames_per_stream: 3", PRIORITY(5) * 4)
ends("priority_zero_limit", "max_inbound_priority_frames_per_stream: 0", PRIORITY(5))

# WINDOW_UPDATE.
ends("window_update", "", post(), WINDOW(0, 1) * 5000)
ends("window_update_stream", "", post(), WINDOW(1, 1) * 5000)
bears("window_update_at_limit", "", post(), WINDOW(0, 1) * 7)
ends("window_update_over_limit", "", post(), WINDOW(0, 1) * 8)
bears("window_update_limit_configured", "max_inbound_window_update_frames_per_data_frame_sent: 1", post(), WINDOW(0, 1) * 7)
flood("window_update_after_data_over", "max_inbound_window_update_frames_per_data_frame_sent: 1", client=h2(windows=False) + h2_req("/direct") + h2_send(WINDOW(0, 1) * 10) + h2_ended())

# Answers that we make: PING, SETTINGS.
ends("ping", "", PING() * 3000)
bears("ping_at_limit", "max_outbound_control_frames: 20", PING() * 20)
ends("ping_over_limit", "max_outbound_control_frames: 20", PING() * 21)
bears("ping_acks_cost_nothing", "max_outbound_control_frames: 20", PING(ack=True) * 100)
flood("ping_in_pieces", "max_outbound_control_frames: 20", client=h2() + [x for _ in range(10) for x in h2_send(PING() * 10) + pause(0.02)] + h2_req("/direct", s=11))
ends("settings", "", SETTINGS() * 3000)
bears("settings_at_limit", "max_outbound_control_frames: 20", SETTINGS() * 20)
ends("settings_over_limit", "max_outbound_control_frames: 20", SETTINGS() * 21)
ends("settings_and_ping_over_limit", "max_outbound_control_frames: 20", SETTINGS() * 11, PING() * 10)
ends("resets_over_limit", "max_outbound_control_frames: 20, override_stream_error_on_invalid_http_message: true", *(request(2 * i + 1, "/", "content-length: 5") for i in range(21)))
bears("resets_at_limit", "max_outbound_control_frames: 20, override_stream_error_on_invalid_http_message: true", *(request(2 * i + 1, "/", "content-length: 5") for i in range(19)), s=99)

# All frames we make.
ends("answers_over_limit", "max_outbound_frames: 20", *(request(2 * i + 1, "/direct") for i in range(11)))
bears("answers_at_limit", "max_outbound_frames: 20", *(request(2 * i + 1, "/direct") for i in range(8)), s=99)
flood("answers_in_pieces", "max_outbound_frames: 20", client=h2() + [x for i in range(10) for x in h2_req("/direct", s=2 * i + 1)])
ends("answers_default_limit", "", *(request(2 * i + 1, "/direct") for i in range(5001)))

# Rapid reset.
def rapid(n, path="/hold", first=1, code="CANCEL"):
    return b"".join(request(first + 2 * i, path) + RST(first + 2 * i, code) for i in range(n))


flood("rapid_reset_249", client=h2() + h2_send(rapid(249), request(999, "/direct")) + h2_done(999))
flood("rapid_reset_250", client=h2() + h2_send(rapid(250)) + h2_ended())
flood("rapid_reset_600", client=h2() + h2_send(rapid(600)) + h2_ended())
flood("rapid_reset_no_error", client=h2() + h2_send(rapid(600, code="NO_ERROR")) + h2_ended())
flood("rapid_reset_direct", client=h2() + h2_send(rapid(1200, "/direct")) + pause(0.3))
flood("rapid_reset_half_answered", client=h2() + [x for i in range(10) for x in h2_send(rapid(20, first=1 + 200 * i), *(request(1 + 200 * i + 2 * k, "/direct") for k in range(20, 60)))
                                                  + h2_done(1 + 200 * i + 118)] + h2_send(rapid(49, first=2001), request(2101, "/direct")) + h2_done(2101))
flood("rapid_reset_in_pieces", client=h2() + [x for i in range(25) for x in h2_send(rapid(10, first=1 + 20 * i)) + pause(0.005)] + h2_ended())
flood("rapid_reset_slow", client=h2() + h2_send(*(request(1 + 2 * i, "/hold") for i in range(300))) + pause(1.2) + h2_send(*(RST(1 + 2 * i, "CANCEL") for i in range(300)), request(999, "/direct"))
      + h2_done(999))
KEYS = "layered_runtime: {layers: [{name: static, static_layer: {overload.premature_reset_total_stream_count: 20, overload.premature_reset_min_stream_lifetime_seconds: 1}}]}"
flood("rapid_reset_limit_of_runtime", own=True, bootstrap=KEYS, client=h2() + h2_send(rapid(9), request(999, "/direct")) + h2_done(999) + h2(c="d") + h2_send(rapid(10), c="d") + h2_ended(c="d"))
flood("rapid_reset_after_head", client=h2(windows=False, settings={"INITIAL_WINDOW_SIZE": 0}) + h2_send(*(request(1 + 2 * i, "/direct") for i in range(300)))
      + h2_head(599) + h2_send(*(RST(1 + 2 * i, "CANCEL") for i in range(300))) + pause(0.2))

# The server is made to reset.
STREAM_ERROR = "override_stream_error_on_invalid_http_message: true"
flood("made_reset_window_zero", STREAM_ERROR, client=h2() + h2_send(*(request(2 * i + 1, "/hold") + WINDOW(2 * i + 1, 0) for i in range(300))) + pause(0.3))
flood("made_reset_window_overflow", STREAM_ERROR, client=h2() + h2_send(*(request(2 * i + 1, "/hold") + WINDOW(2 * i + 1, 0x7fffffff) for i in range(20))) + pause(0.3), stats=[], no_log=True, unordered_log=False,
      differs="RFC 9113 asks for a reset of the stream", outrigger={"end": {"c": "open"}, "h2": {"c": {"streams": {"RST_STREAM FLOW_CONTROL_ERROR": 20}}}})
flood("made_reset_data_after_end", STREAM_ERROR, client=h2() + h2_send(*(request(2 * i + 1, "/hold") + DATA(2 * i + 1, "x") for i in range(300))) + pause(0.3))
flood("made_reset_headers_after_end", STREAM_ERROR, client=h2() + h2_send(*(request(2 * i + 1, "/hold") + HEADERS(2 * i + 1, block("x: 1")) for i in range(300))) + pause(0.3))

# Too many streams.
flood("streams_over_configured", "max_concurrent_streams: 2", client=h2() + h2_send(*(request(2 * i + 1, "/hold") for i in range(4))) + h2_done(5, 7) + h2_send(RST(1, "CANCEL"))
      + h2_req("/direct", s=9))
flood("streams_over_in_first_write", "max_concurrent_streams: 2", client=h2(first=b"".join(request(2 * i + 1, "/hold") for i in range(4)), wait=False) + pause(0.2))
