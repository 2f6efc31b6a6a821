"""The gRPC filters: grpc_stats, grpc_web and grpc_http1_bridge; upstreams speak HTTP/2."""
import base64
import struct

from harness.dsl import *
from harness.h2 import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http."
GRPC = ("content-type: application/grpc", "te: trailers")
HEAD = HEADERS(S, block((":status", "200"), "content-type: application/grpc"), False)
PATH = "/pkg.Service/Method"
GRPC_STATS = ["re:^cluster\\.{{up}}\\.grpc"]
LOG = {"line": "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(:PATH)% %REQ(CONTENT-TYPE)% %BYTES_RECEIVED% %BYTES_SENT% %GRPC_STATUS% %GRPC_STATUS_NUMBER%"}


def message(data=b"", flags=0):
    data = data if isinstance(data, bytes) else data.encode()
    return bytes([flags]) + struct.pack(">I", len(data)) + data


def answer(*messages, status=0, trailers=(), head=(":status: 200", "content-type: application/grpc")):
    """A whole answer; each message in a DATA frame of its own."""
    return h2_frames(HEADERS(S, block(*head), False), *(DATA(S, m) for m in messages), HEADERS(S, block(f"grpc-status: {status}", *trailers)))


def alone(status, *fields, code=200):
    """Trailers-only."""
    return h2_frames(HEADERS(S, block(f":status: {code}", "content-type: application/grpc", f"grpc-status: {status}", *fields)))


def call(path=PATH, *fields, s=1, body=message("q"), done=True):
    return h2_req(path, *GRPC, *fields, s=s, method="POST", body=body, done=done)


def filter_of(name, config="", kind=None):
    kind = kind or {"grpc_stats": "FilterConfig", "grpc_web": "GrpcWeb", "grpc_http1_bridge": "Config"}[name]
    return f'- {{name: envoy.filters.http.{name}, typed_config: {{"@type": {TYPE}{name}.v3.{kind}{", " + config if config else ""}}}}}\n'


def case(name, up, client, *, h2_client=True, hcm="", **kw):
    if h2_client:
        hcm = "codec_type: HTTP2\n" + hcm
        client = h2() + client
    kw.setdefault("log_format", LOG)
    kw["mask"] = [(r"(service-time: )\d+", r"\1<ms>"), (r"^1[45]\d{3}$", "<15 s or a little less>")]
    up = up if isinstance(up, (H2, dict)) or up == REFUSE else H2(up)
    scenario("grpc_" + name, up=up if isinstance(up, dict) else {"up": up}, client=client, hcm=hcm, **kw)


# grpc_stats.
def stats(name, config, up, client, **kw):
    kw.setdefault("stats", GRPC_STATS)
    kw.setdefault("no_upstream", True)
    case("stats_" + name, up, client, filters=filter_of("grpc_stats", config), **kw)


ALL = "stats_for_all_methods: true"
stats("default", "", [answer(message("r"))], call())
stats("all_methods", ALL, [answer(message("r"))], call())
stats("all_methods_off", "stats_for_all_methods: false", [answer(message("r"))], call())
stats("many_calls", ALL, {"up": H2({"/a.B/C": [answer(message("r")), answer(status=5)], "/a.B/D": [alone(14)], "*": [answer(message("r"))]})},
      call("/a.B/C") + call("/a.B/C", s=3) + call("/a.B/D", s=5) + call("/b/E", s=7))
stats("allowlist", "individual_method_stats_allowlist: {services: [{name: a.B, method_names: [C, D]}, {name: e, method_names: [F]}]}", [answer(message("r"))],
      call("/a.B/C") + call("/a.B/E", s=3) + call("/e/F", s=5) + call("/g/H", s=7))
stats("dots_replaced", ALL + ", replace_dots_in_grpc_service_name: true", [answer(message("r"))], call("/a.b.C/M.x"))
stats("dots_of_allowlist", "replace_dots_in_grpc_service_name: true, individual_method_stats_allowlist: {services: [{name: a.B, method_names: [C]}]}", [answer(message("r"))],
      call("/a.B/C"))
stats("upstream_time", ALL + ", enable_upstream_stats: true", [answer(message("r"))], call())
stats("upstream_time_trailers_only", ALL + ", enable_upstream_stats: true", [alone(3)], call())
stats("upstream_time_no_names", "enable_upstream_stats: true", [answer(message("r"))], call())
stats("upstream_time_refused", ALL + ", enable_upstream_stats: true", REFUSE, call(), clusters={"up": {"h2": ""}})
stats("statuses", ALL, {"up": H2({f"/s/m{n}": [answer(status=n)] for n in range(17)})}, [x for n in range(17) for x in call(f"/s/m{n}", s=2 * n + 1)])
stats("of_local_reply", ALL, REFUSE, call(), clusters={"up": {"h2": ""}})
stats("of_direct_response", ALL, [answer()], call(), routes="- {match: {prefix: /}, direct_response: {status: 404}}")
stats("no_route", ALL, [answer()], call("/x/y"), routes='- {match: {path: /other}, route: {cluster: "{{up}}"}}')
stats("no_status", ALL, [h2_frames(HEAD, DATA(S, message("r"), True))], call())
stats("not_grpc_answer", ALL, [h2_ok("sorry", "content-type: text/plain", status=503)], call())
stats("not_grpc_answer_status", ALL, [h2_frames(HEADERS(S, block(":status: 503", "grpc-status: 9"), False), DATA(S, message("r"), True))], call())
stats("reset", ALL, [h2_frames(HEAD, DATA(S, message("r"))) + wait(0.1) + h2_frames(RST(S, "INTERNAL_ERROR"))], call())
stats("plain_request", ALL, [h2_ok(message("r"), "grpc-status: 0")], h2_req(PATH, method="POST", body=message("q")))
for _type in ("application/grpc+proto", "application/grpc+json", "application/grpc-web", "application/grpc;x=y", "application/triple", "application/grpcx", "APPLICATION/GRPC"):
    stats("type_" + _type.split("/")[1].lower().translate(str.maketrans("+;=-", "____")), ALL, [answer(message("r"), head=(":status: 200", f"content-type: {_type}"))],
          h2_req(PATH, f"content-type: {_type}", "te: trailers", method="POST", body=message("q")))
for _name, _path in {"one_part": "/Method", "three_parts": "/a/b/c", "root": "/", "slashes": "//a///b//", "query": "/a/b?x=/y", "query_only": "/a?b/c", "empty_service": "//b",
                     "odd": "/a:b/c%20d", "dots": "/a.b.c.d/e.f.g"}.items():
    stats("path_" + _name, ALL, [answer(message("r"))], call(_path))
stats("path_one_part_allowlist", "", [answer(message("r"))], call("/Method"))
stats("path_rewritten", ALL, [answer(message("r"))], call("/a/b"), routes='- {match: {prefix: /a/}, route: {cluster: "{{up}}", prefix_rewrite: /c/}}')
stats("odd_status", ALL, {"up": H2({f"/s/m{i}": [answer(status=x)] for i, x in enumerate(("99", "-1", "x", "00"))})}, [x for i in range(4) for x in call(f"/s/m{i}", s=2 * i + 1)],
      differs="what an upstream says makes no stat names: a status that gRPC does not define is counted among the failures only",
      outrigger={"stats": {f"cluster.grpc_stats_odd_status_up.grpc.s.m{i}.{n}": "1" for i in range(4) for n in ("failure", "request_message_count", "total")}})
stats("streams", ALL, [early() + h2_frames(HEAD) + h2_echo()], h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(*GRPC), False)) + h2_head()
      + h2_send(DATA(1, message("a") + message("b"))) + h2_data(12) + h2_send(DATA(1, message("c"))) + h2_data(18) + h2_send(DATA(1, b"", True)) + h2_done(1))
_long = message("x" * 1000) + message() + message("y" * 300)
stats("split_messages", ALL, [answer(*(_long[i:i + 7] for i in range(0, len(_long), 7)))], h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(*GRPC), False),
      *(DATA(1, _long[i:i + 3]) for i in range(0, len(_long), 3)), DATA(1, b"", True)) + h2_done(1))
stats("message_cut_off", ALL, [answer(message("abc")[:6])], call(body=message("abc")[:3]))
stats("message_length_lies", ALL, [answer(b"\0\xff\xff\xff\xffabc")], call(body=b"\0\xff\xff\xff\xffabc"))
stats("large_messages", ALL, [answer(*([message("z" * 16000)] * 20))], h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(*GRPC), False)) + h2_send(
      *(DATA(1, message("z" * 3000)) for _ in range(20)), DATA(1, b"", True)) + h2_done(1))
stats("compressed_flag", ALL, [answer(message("r", 1))], call(body=message("q", 1)))
stats("odd_flags", ALL, [answer(message("r", 7))], call(body=message("q", 7)))
stats("alt_stat_name", ALL, [answer(message("r"))], call(), clusters={"up": {"yaml": "alt_stat_name: \"{{up}}:alt\""}})
stats("two_clusters", ALL, {"up": H2([answer(message("r"))]), "b": H2([answer(status=2)])}, call("/a/b") + call("/x/y", s=3),
      routes='[{match: {prefix: /a/}, route: {cluster: "{{up}}"}}, {match: {prefix: /}, route: {cluster: "{{b}}"}}]', stats=["re:^cluster\\.grpc_stats_two_clusters_(up|b)\\.grpc"])
stats("tags", ALL, [answer(message("r"))], call() + admin("/stats/prometheus", keep="_grpc_", head=False) + admin("/stats?format=json&filter=grpc_stats_tags_up.grpc", head=False),
      own=True, stats=[])
FS = {"line": "%FILTER_STATE(envoy.filters.http.grpc_stats)%|%FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%|%FILTER_STATE(envoy.filters.http.grpc_stats:FIELD:request_message_count)%",
      "json": "%FILTER_STATE(envoy.filters.http.grpc_stats:TYPED)%", "plain": "%FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%"}
EMIT = "emit_filter_state: true"
stats("state", EMIT, [answer(message("r"), message("s"))], call(), log_format=FS, stats=[])
stats("state_not_emitted", ALL, [answer(message("r"), message("s"))], call(), log_format=FS, stats=[])
stats("state_no_messages", EMIT, [answer()], call(body=b""), log_format=FS, stats=[])
stats("state_request_only", EMIT, [alone(5)], call(), log_format=FS, stats=[])
stats("state_no_names", EMIT, [answer(message("r"))], call("/one"), log_format=FS, stats=[])
stats("state_of_plain_request", EMIT, [h2_ok(message("r"))], h2_req(PATH, method="POST", body=message("q")), log_format=FS, stats=[])
stats("state_cut", EMIT, [answer(message("r"), message("s"))], call(), log_format={"cut": "x %FILTER_STATE(envoy.filters.http.grpc_stats):9%", "all": "%FILTER_STATE(envoy.filters.http.grpc_stats):9%"}, stats=[])
stats("state_text", EMIT, [answer(message("r"), message("s"))], call(), log_format=None, stats=[], access_log="""
- {name: a, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {
  inline_string: "%FILTER_STATE(envoy.filters.http.grpc_stats)% %FILTER_STATE(envoy.filters.http.grpc_stats:PLAIN)%\\n"}}}}
""", raw_log=True)
stats("over_h1", ALL, [answer(message("r"))], req(PATH, *GRPC, method="POST", body=message("q")), h2_client=False)
stats("over_h1_both", ALL, {"up": {"*": [ok(message("r"), "content-type: application/grpc", "grpc-status: 0")]}}, req(PATH, *GRPC, method="POST", body=message("q")), h2_client=False)
stats("disabled_by_route", ALL, [answer(message("r"))], call(), routes="""
- {match: {prefix: /}, route: {cluster: "{{up}}"}, typed_per_filter_config: {envoy.filters.http.grpc_stats: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}
""")

# Connect, which grpc_stats counts too.
CONNECT = ("connect-protocol-version: 1", "content-type: application/proto")
STREAM = ("content-type: application/connect+json",)
EOS = message(b"{}", 2)


def unary(status=200):
    return [h2_ok("{}", "content-type: application/proto", status=status)]


def streamed(*messages):
    return [h2_frames(HEADERS(S, block((":status", "200"), *STREAM), False), *(DATA(S, m) for m in messages[:-1]), DATA(S, messages[-1], True))]


stats("connect_unary", ALL, unary(), h2_req(PATH, *CONNECT, method="POST", body="{}"))
stats("connect_unary_error", ALL, unary(404), h2_req(PATH, *CONNECT, method="POST", body="{}"))
stats("connect_unary_no_body", ALL, [h2_ok("", "content-type: application/proto")], h2_req(PATH, *CONNECT))
stats("connect_stream", ALL, streamed(message("a"), message("b"), EOS), h2_req(PATH, *STREAM, method="POST", body=message("x") + message("y")))
for _name, _end in {"error": b'{"error": {"code": "unavailable", "message": "m"}}', "error_without_code": b'{"error": {"message": "m"}}', "error_empty": b'{"error": {}}',
                    "not_json": b"nope", "array": b"[]", "empty": b"", "null_error": b'{"error": null}', "text_error": b'{"error": "x"}', "number_code": b'{"error": {"code": 5}}',
                    "empty_code": b'{"error": {"code": ""}}', "metadata": b'{"metadata": {"a": ["b"]}, "error": {"details": [], "code": "x"}}', "cut": b'{"error": {"code": "x"'}.items():
    stats("connect_stream_" + _name, ALL, streamed(message("a"), message(_end, 2)), h2_req(PATH, *STREAM, method="POST", body=message("x")))
stats("connect_stream_no_end", ALL, streamed(message("a"), message("b")), h2_req(PATH, *STREAM, method="POST", body=message("x")))
stats("connect_stream_more_after_end", ALL, streamed(message("a"), EOS, message("b")), h2_req(PATH, *STREAM, method="POST", body=message("x")))
stats("connect_state", EMIT, unary(), h2_req(PATH, *CONNECT, method="POST", body="{}"), log_format=FS, stats=[])
stats("connect_stream_state", EMIT, streamed(message("a"), message("b"), EOS), h2_req(PATH, *STREAM, method="POST", body=message("x")), log_format=FS, stats=[])
stats("connect_upstream_time", ALL + ", enable_upstream_stats: true", streamed(message("a"), EOS), h2_req(PATH, *STREAM, method="POST", body=message("x")))

# grpc_web.
def web(name, up, client, *, also="", **kw):
    kw.setdefault("stats", GRPC_STATS)
    case("web_" + name, up, client, filters=filter_of("grpc_web") + also, **kw)


def web_call(kind="application/grpc-web", *fields, s=1, body=message("q"), path=PATH, h1=True, **kw):
    if h1:
        return req(path, f"content-type: {kind}", *fields, method="POST", body=body, **kw)
    return h2_req(path, f"content-type: {kind}", *fields, s=s, method="POST", body=body)


def text(*parts):
    return b"".join(base64.b64encode(p) for p in parts)


for _kind in ("grpc-web", "grpc-web+proto", "grpc-web-text", "grpc-web-text+proto", "grpc-web+json", "grpc-web;x=y", "grpc-web-x", "GRPC-WEB", "grpc"):
    _word = ("caps_" if _kind[0] == "G" else "") + _kind.lower().translate(str.maketrans("+-;=", "____"))
    for _h1 in (True, False):
        _body = text(message("question")) if "text" in _kind else message("question")
        web(f"{_word}{'_h1' if _h1 else ''}", [answer(message("r1"), message("r22"), trailers=("grpc-message: fine", "x-t: 1"))],
            web_call("application/" + _kind, f"accept: application/{_kind}", body=_body, h1=_h1), h2_client=not _h1)
TEXT = "application/grpc-web-text"
WANTS_TEXT = f"accept: {TEXT}"
web("text_request_binary_answer", [answer(message("r"))], web_call(TEXT, body=text(message("q"))), h2_client=False)
web("binary_request_text_answer", [answer(message("r"))], web_call("application/grpc-web", WANTS_TEXT), h2_client=False)
web("accept_list", [answer(message("r"))], web_call("application/grpc-web", f"accept: {TEXT}, */*"), h2_client=False)
web("accept_encoding_kept", [answer(message("r"))], web_call("application/grpc-web", "grpc-accept-encoding: gzip", "te: gzip"), h2_client=False)
web("trailers_only", [alone(5, "grpc-message: no")], web_call() + web_call(TEXT, WANTS_TEXT, body=text(message())), h2_client=False)
web("error_in_trailers", [answer(status=13, trailers=("grpc-message: broken",))], web_call() + web_call(TEXT, WANTS_TEXT, body=text(message())), h2_client=False)
web("no_trailers", [h2_frames(HEAD, DATA(S, message("r"), True))], web_call() + web_call(TEXT, WANTS_TEXT, body=text(message())), h2_client=False)
web("content_length", [answer(message("r"), head=(":status: 200", "content-type: application/grpc", "content-length: 6"))], web_call(), h2_client=False)
web("trailers_of_h1_upstream", {"up": {"*": [raw("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n6\r\n\0\0\0\0\x01r\r\n0\r\ngrpc-status: 0\r\nX-Up: Case\r\n\r\n")]}},
    web_call(), h2_client=False, clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}})
web("binary_trailers", [answer(message("r"), trailers=("x-bin: AAEC", "x-twice: 1", "x-twice: 2"))], web_call(), h2_client=False)
# What is no gRPC answer becomes a status and a message.
for _code in (200, 400, 404, 429, 503):
    web(f"plain_answer_{_code}", [h2_ok("some words %\n\u00fc", "content-type: text/plain", status=_code)], web_call() + web_call(TEXT, WANTS_TEXT, body=text(message())), h2_client=False)
web("plain_answer_h2", [h2_ok("some words", "content-type: text/plain", status=500)], web_call(h1=False))
web("plain_answer_without_body", [h2_ok("", status=503)], web_call(), h2_client=False)
web("plain_answer_parts", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one ")) + wait(0.05) + h2_frames(DATA(S, "two ")) + wait(0.05) + h2_frames(DATA(S, "three", True))],
    web_call(), h2_client=False)
web("plain_answer_trailers", [h2_ok("words", status=500, trailers=("x-t: 1", "grpc-status: 3"))], web_call(), h2_client=False)
web("plain_answer_trailers_h2", [h2_ok("words", status=500, trailers=("x-t: 1", "grpc-status: 3"))], web_call(h1=False))
web("plain_answer_long", [h2_frames(HEADERS(S, block(":status: 500"), False)) + [x for i in range(5) for x in h2_frames(DATA(S, "abcdefgh" * 800)) + wait(0.03)]
    + h2_frames(DATA(S, "end", True))], web_call(), h2_client=False)
web("proto_answer", [h2_ok(message("r"), "content-type: application/grpc-web+proto")], web_call(), h2_client=False)
web("proto_answer_parameter", [h2_ok(message("r"), "content-type: Application/grpc-web ; x=y")], web_call(), h2_client=False)
web("proto_answer_503", [h2_ok(message("r"), "content-type: application/grpc-web", status=503)], web_call(), h2_client=False)
web("local_reply", REFUSE, web_call() + web_call(TEXT, WANTS_TEXT, body=text(message())), h2_client=False, clusters={"up": {"h2": ""}})
web("local_reply_h2", REFUSE, web_call(h1=False), clusters={"up": {"h2": ""}})
web("no_route", [answer()], web_call(path="/x/y"), h2_client=False, routes='- {match: {path: /other}, route: {cluster: "{{up}}"}}')
web("direct_response", [answer()], web_call(), h2_client=False, routes="- {match: {prefix: /}, direct_response: {status: 429, body: {inline_string: slow down}}}")
web("timeout", [h2_wait_end() + hold()], web_call(), h2_client=False, routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.2s}}')
web("reset_while_held", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one")) + wait(0.1) + h2_frames(RST(S, "INTERNAL_ERROR"))], web_call(), h2_client=False)
web("reset_while_held_h2", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one")) + wait(0.1) + h2_frames(RST(S, "INTERNAL_ERROR"))], web_call(h1=False))
web("idle_while_held", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one")) + hold()], web_call(), h2_client=False, hcm="stream_idle_timeout: 0.3s")
web("idle_while_held_h2", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one")) + hold()], web_call(h1=False), hcm="stream_idle_timeout: 0.3s")
web("timeout_while_held", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one")) + hold()], web_call(), h2_client=False,
    routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.3s}}')
web("max_duration_while_held_h2", [h2_frames(HEADERS(S, block(":status: 500"), False), DATA(S, "one")) + hold()], web_call(h1=False), hcm="common_http_protocol_options: {max_stream_duration: 0.3s}")
web("retried", [alone(14), answer(message("r"))], web_call(), h2_client=False,
    routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: unavailable, retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}}}}')
web("deadline", [h2_wait_end() + hold()], web_call("application/grpc-web", "grpc-timeout: 200m"), h2_client=False,
    routes='- {match: {prefix: /}, route: {cluster: "{{up}}", max_stream_duration: {grpc_timeout_header_max: 0s}}}')
web("plain_request", [h2_ok("r")], req(PATH, "content-type: text/plain", method="POST", body="q"), h2_client=False)
web("get_request", [answer(message("r"))], req(PATH, "content-type: application/grpc-web"), h2_client=False)
web("with_stats", [answer(message("r"), message("s"))], web_call() + web_call(TEXT, WANTS_TEXT, body=text(message("q"))), h2_client=False, also=filter_of("grpc_stats", ALL))
web("options", [h2_ok("r")], req(PATH, "origin: http://a", "access-control-request-method: POST", method="OPTIONS"), h2_client=False)
# base64.
for _name, _b in {"odd_size": b"AAAAAAFx0", "not_base64": b"AAAA*AFx", "padding_inside": b"AAA=AAFx", "padding_two": b"AA==", "padding_one": b"AAA=", "padding_three": b"A===", "url": b"__--",
                  "leftover_bits": b"AAB=", "space": b"AAAA AFx", "newline": b"AAAA\r\nAFx", "empty": b"", "one": b"A", "all_padding": b"===="}.items():
    web("base64_" + _name, [answer(message("r"))], web_call(TEXT, body=_b, h1=False))
web("base64_bad_over_h1", [answer(message("r"))], web_call(TEXT, body=b"AAAA*AFx"), h2_client=False, stats=[])
_q = text(message("a long enough question " * 20))
web("base64_parts", [answer(message("r"))], h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(f"content-type: {TEXT}"), False), *(DATA(1, _q[i:i + 3]) for i in range(0, len(_q), 3)), DATA(1, b"", True))
    + h2_done(1))
web("base64_parts_later", [answer(message("r"))], [x for i in range(0, 40, 7) for x in (h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(f"content-type: {TEXT}"), False)) if i == 0 else [])
    + h2_send(DATA(1, _q[i:i + 7])) + pause(0.01)] + h2_send(DATA(1, _q[42:], True)) + h2_done(1))
web("base64_cut_off", [answer(message("r"))], h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(f"content-type: {TEXT}"), False), DATA(1, b"AAAAA")) + pause(0.05) + h2_send(DATA(1, b"A", True)) + h2_done(1))
web("base64_trailers", [answer(message("r"))], h2_req(PATH, f"content-type: {TEXT}", method="POST", body=text(message("abcd")), trailers=("x-t: 1",)))
web("base64_large", [answer(*[message("z" * 10000)] * 8)], web_call(TEXT, WANTS_TEXT, body=text(message("w" * 100000))), h2_client=False)
web("text_answer_split", [answer(*(_long[i:i + 7] for i in range(0, len(_long), 7)))], web_call(TEXT, WANTS_TEXT, body=text(message("q"))), h2_client=False)
web("text_answer_many", [answer(b"".join(message("m" * i) for i in range(40)))], web_call(TEXT, WANTS_TEXT, body=text(message("q"))), h2_client=False)
web("text_answer_cut_off", [answer(message("abcdef")[:7])], web_call(TEXT, WANTS_TEXT, body=text(message("q"))), h2_client=False, log_format={"code": "%RESPONSE_CODE%"},
    differs="parts of a message go on as they come: no message is kept until it is whole", outrigger={"steps": [{
        "body": "AAAAAAZhYg==gAAAAA9ncnBjLXN0YXR1czowDQo=", "headers": ["content-type: application/grpc-web-text+proto", "x-envoy-upstream-service-time: <ms>", "date: <date>",
                                                                       "server: envoy", "transfer-encoding: chunked"], "status": "HTTP/1.1 200 OK"}]})
web("text_answer_streamed", [early() + h2_frames(HEAD, DATA(S, message("one"))) + until("more") + h2_frames(DATA(S, message("two")), HEADERS(S, block("grpc-status: 0")))],
    h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(f"content-type: {TEXT}", WANTS_TEXT), False), DATA(1, text(message("q")), True)) + h2_data(12) + signal("more") + h2_done(1))

# grpc_http1_bridge.
def bridge(name, up, client, config="", *, also="", h2_client=False, **kw):
    kw.setdefault("stats", GRPC_STATS)
    case("bridge_" + name, up, client, filters=filter_of("grpc_http1_bridge", config) + also, h2_client=h2_client, **kw)


def h1_call(path=PATH, *fields, body=message("q"), kind="application/grpc", **kw):
    return req(path, f"content-type: {kind}", "te: trailers", *fields, method="POST", body=body, **kw)


UP = "upgrade_protobuf_to_grpc: true"
bridge("ok", [answer(message("r"))], h1_call() + h1_call("/a/b"))
bridge("two_messages", [answer(message("r"), message("s"))], h1_call())
for _s in (0, 1, 5, 14, 16, "x", "-1", "", "00", "99"):
    bridge(f"status_{_s}", [answer(message("r"), status=_s, trailers=("grpc-message: some%20words", "x-t: 1"))], h1_call())
bridge("no_message", [answer(status=0)], h1_call())
bridge("no_status", [h2_frames(HEAD, DATA(S, message("r")), HEADERS(S, block("x-t: 1")))], h1_call())
bridge("no_trailers", [h2_frames(HEAD, DATA(S, message("r")), DATA(S, message("s"), True))], h1_call())
bridge("trailers_only", [alone(5, "grpc-message: no")], h1_call() + h1_call("/next"))
bridge("with_trailers_enabled", [answer(message("r"), status=5)], h1_call(), hcm="http_protocol_options: {enable_trailers: true}")
bridge("content_length", [answer(message("r"), head=(":status: 200", "content-type: application/grpc", "content-length: 6"))], h1_call())
bridge("http_error", [h2_ok("sorry", "content-type: text/plain", status=503)], h1_call())
bridge("http_error_empty", [h2_ok("", status=503)], h1_call())
bridge("local_reply", REFUSE, h1_call(), clusters={"up": {"h2": ""}})
bridge("no_route", [answer()], h1_call("/x/y"), routes='- {match: {path: /other}, route: {cluster: "{{up}}"}}')
bridge("timeout", [h2_wait_end() + hold()], h1_call(), routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.2s}}')
bridge("timeout_while_held", [h2_frames(HEAD, DATA(S, message("r"))) + hold()], h1_call(), routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.3s}}')
bridge("idle_while_held", [h2_frames(HEAD, DATA(S, message("r"))) + hold()], h1_call(), hcm="stream_idle_timeout: 0.3s")
bridge("reset_while_held", [h2_frames(HEAD, DATA(S, message("r"))) + wait(0.1) + h2_frames(RST(S, "INTERNAL_ERROR"))], h1_call())
bridge("closed_while_held", [h2_frames(HEAD, DATA(S, message("r"))) + wait(0.1) + fin()], h1_call())
bridge("client_gone_while_held", [h2_frames(HEAD, DATA(S, message("r"))) + hold()], send(f"POST {PATH} HTTP/1.1\r\nhost: h\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n") + seen(1)
       + pause(0.1) + close() + logged(1) + up_resets(1))
bridge("over_limit", [h2_frames(HEAD, *[DATA(S, message("z" * 10000))] * 8) + wait(0.05) + h2_frames(HEADERS(S, block("grpc-status: 0")))], h1_call(),
       listener="per_connection_buffer_limit_bytes: 20000", stats=["http.{{name}}.rs_too_large"])
bridge("over_limit_protobuf", [h2_frames(HEAD, *[DATA(S, message("z" * 10000))] * 8) + wait(0.05) + h2_frames(HEADERS(S, block("grpc-status: 0")))],
       h1_call(kind="application/x-protobuf"), UP, listener="per_connection_buffer_limit_bytes: 20000", stats=["http.{{name}}.rs_too_large"])
bridge("large", [answer(*[message("z" * 10000)] * 8)], h1_call(body=message("w" * 100000)))
bridge("query", [answer(message("r"))], h1_call(PATH + "?a=b"))
bridge("query_ignored", [answer(message("r"))], h1_call(PATH + "?a=b") + h1_call(PATH) + h1_call("/a/b?") + req("/plain?x=y"), "ignore_query_parameters: true")
bridge("http2_client", [answer(message("r"), status=5)], call(), h2_client=True)
bridge("query_ignored_http2_client", [answer(message("r"))], call(PATH + "?a=b"), "ignore_query_parameters: true", h2_client=True)
bridge("plain_request", [h2_ok("r", trailers=("grpc-status: 5",))], req(PATH, method="POST", body="q"))
bridge("type_proto", [answer(message("r"), status=3)], h1_call(kind="application/grpc+proto"))
bridge("type_web", [answer(message("r"), status=3)], h1_call(kind="application/grpc-web"))
bridge("http10", [answer(message("r"), status=5)], send(f"POST {PATH} HTTP/1.0\r\nhost: h\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n") + raw_all(),
       hcm="http_protocol_options: {accept_http_10: true}")
bridge("pipelined", [answer(message("r"), status=0), answer(message("s"), status=3)], send("".join(f"POST /a/{i} HTTP/1.1\r\nhost: h\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n"
       for i in (1, 2))) + read() + read())
bridge("with_stats", [answer(message("r"), status=5)], h1_call(), also=filter_of("grpc_stats", ALL))
bridge("h1_upstream", {"up": {"*": [raw("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n6\r\n\0\0\0\0\x01r\r\n0\r\ngrpc-status: 7\r\n\r\n")]}},
       h1_call(), clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}})
# Messages that have no frame.
PB = "application/x-protobuf"
bridge("protobuf", [answer(message("result"))], h1_call(kind=PB, body="question") + h1_call("/a/b", kind=PB, body="again"), UP)
bridge("protobuf_not_upgraded", [answer(message("result"))], h1_call(kind=PB, body="question"))
bridge("protobuf_error", [answer(status=5, trailers=("grpc-message: no",))], h1_call(kind=PB, body="question"), UP)
bridge("protobuf_trailers_only", [alone(5, "grpc-message: no")], h1_call(kind=PB, body="question"), UP)
bridge("protobuf_parts", [h2_frames(HEAD) + [x for p in (b"\0\0\0\0\x06re", b"su", b"lt") for x in h2_frames(DATA(S, p)) + wait(0.03)] + h2_frames(HEADERS(S, block("grpc-status: 0")))],
       send(f"POST {PATH} HTTP/1.1\r\nhost: h\r\ncontent-type: {PB}\r\ncontent-length: 6\r\n\r\nabc") + pause(0.05) + send("def") + read(), UP)
bridge("protobuf_chunked", [answer(message("result"))], h1_call(kind=PB, body="question", chunked=True), UP)
bridge("protobuf_empty", [answer(message(""))], h1_call(kind=PB, body=""), UP)
bridge("protobuf_two_messages", [answer(message("one"), message("two"))], h1_call(kind=PB, body="q"), UP)
bridge("protobuf_no_trailers", [h2_frames(HEAD, DATA(S, message("one"), True))], h1_call(kind=PB, body="q"), UP)
bridge("protobuf_http2_client", [answer(message("one"))], h2_req(PATH, f"content-type: {PB}", method="POST", body="q"), UP, h2_client=True)
bridge("protobuf_parameter", [answer(message("one"))], h1_call(kind=PB + ";x=y", body="q"), UP)
bridge("protobuf_route", [answer(message("one"))], h1_call(kind=PB, body="q") + h1_call(kind="text/plain", body="q"), UP,
       routes='[{match: {prefix: /, grpc: {}}, route: {cluster: "{{up}}"}}, {match: {prefix: /}, direct_response: {status: 400, body: {inline_string: no gRPC}}}]')
bridge("protobuf_local_reply", REFUSE, h1_call(kind=PB, body="question"), UP, clusters={"up": {"h2": ""}})
bridge("protobuf_query", [answer(message("one"))], h1_call(PATH + "?x", kind=PB, body="q"), UP + ", ignore_query_parameters: true")
bridge("protobuf_large", [answer(message("z" * 100000)[:16000], message("z" * 100000)[16000:32000])], h1_call(kind=PB, body="w" * 50000), UP)
bridge("protobuf_with_stats", [answer(message("one"))], h1_call(kind=PB, body="q"), UP, also=filter_of("grpc_stats", ALL))
bridge("protobuf_request_over_limit", [answer(message("one"))], h1_call(kind=PB, body="w" * 100000), UP, listener="per_connection_buffer_limit_bytes: 20000",
       stats=["http.{{name}}.downstream_rq_too_large"], hcm="stream_idle_timeout: 1s", no_upstream=True, log_format={"line": "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%"},
       differs="Envoy stops reading and waits for ever", outrigger={"log": [{"line": "413 - request_payload_too_large"}], "stats": {
           "http.grpc_bridge_protobuf_request_over_limit.downstream_rq_too_large": "1"}, "steps": [{
               "body": "Payload Too Large", "headers": ["content-length: 17", "content-type: text/plain", "date: <date>", "server: envoy", "connection: close"],
               "status": "HTTP/1.1 413 Payload Too Large"}]})
bridge("protobuf_request_trailers", [answer(message("one"))], send(f"POST {PATH} HTTP/1.1\r\nhost: h\r\ncontent-type: {PB}\r\ntransfer-encoding: chunked\r\n\r\n1\r\nq\r\n0\r\nx-t: 1\r\n\r\n") + read(), UP,
       hcm="http_protocol_options: {enable_trailers: true}", differs="Envoy sends the message without its frame when trailers follow",
       outrigger={"upstream": {"up": [{"body": "\0\0\0\0\1q", "headers": [
           ":authority: h", ":method: POST", f":path: {PATH}", ":scheme: http", "content-type: application/grpc", "x-forwarded-proto: http", "x-request-id: <uuid>",
           "x-envoy-expected-rq-timeout-ms: <15 s or a little less>"], "line": f"POST {PATH} HTTP/2", "trailers": ["x-t: 1"]}]}})
bridge("protobuf_http_error", [h2_ok("something else", status=503)], h1_call(kind=PB, body="q"), UP)
bridge("protobuf_short_answer", [answer(b"\0\0")], h1_call(kind=PB, body="q"), UP)

# Dubbo's Triple, and all forms of streams without buffering.
for _kind in ("application/triple", "application/grpc+proto", "application/triple+wrapper", "application/grpc+hessian2"):
    _w = _kind.split("/")[1].replace("+", "_")
    case("triple_" + _w, [answer(message("r"), head=(":status: 200", f"content-type: {_kind}"))], h2_req("/org.apache.Greeter/hello", f"content-type: {_kind}", "te: trailers", "tri-service-version: 1.0",
         method="POST", body=message("q")), routes='[{match: {prefix: /, grpc: {}}, route: {cluster: "{{up}}"}}, {match: {prefix: /}, route: {cluster: "{{up}}"}, '
         'response_headers_to_add: [{header: {key: x-no, value: grpc}}]}]')
    case(f"triple_{_w}_refused", REFUSE, h2_req("/org.apache.Greeter/hello", f"content-type: {_kind}", method="POST", body=message("q")), clusters={"up": {"h2": ""}})
_open = h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(*GRPC), False))
case("server_stream", [h2_frames(HEAD, DATA(S, message("1"))) + until("2") + h2_frames(DATA(S, message("2"))) + until("3") + h2_frames(HEADERS(S, block("grpc-status: 0")))],
     call(done=False) + h2_data(6) + signal("2") + h2_data(12) + signal("3") + h2_done(1))
case("client_stream", [early() + h2_wait_end() + h2_frames(HEAD, DATA(S, message("sum")), HEADERS(S, block("grpc-status: 0")))],
     _open + seen(1) + h2_send(DATA(1, message("1"))) + h2_send(DATA(1, message("2"))) + h2_send(DATA(1, b"", True)) + h2_done(1))
case("both_streams", [early() + h2_frames(HEAD) + h2_echo()], _open + h2_head() + h2_send(DATA(1, message("1"))) + h2_data(6) + h2_send(DATA(1, message("2"))) + h2_data(12)
     + h2_send(DATA(1, message("3"), True)) + h2_done(1))
case("stream_ends_early", [early() + h2_frames(HEAD, DATA(S, message("1")), HEADERS(S, block("grpc-status: 8")))], h2_send(HEADERS(1, pseudo(PATH, method="POST") + block(*GRPC), False), DATA(1, message("1"))) + h2_done(1), no_upstream=True)
case("stream_cancelled", [early() + h2_frames(HEAD, DATA(S, message("1"))) + hold()], _open + h2_data(6) + h2_send(RST(1, "CANCEL")) + up_resets(1) + logged(1))
