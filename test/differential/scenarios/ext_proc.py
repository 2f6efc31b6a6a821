"""The filter ext_proc: heads, bodies and trailers of requests and responses are shown to a service, over one gRPC stream for each request, which may change them."""
import json

from harness.dsl import *
from harness.h2 import *
from harness.side_services import *

TYPE = "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3."
FORM = {"code": "%RESPONSE_CODE%", "details": "%RESPONSE_CODE_DETAILS%", "flags": "%RESPONSE_FLAGS%", "metadata": "of it: %DYNAMIC_METADATA(mine)%"}
COUNTS = ["+re:\\.ext_proc\\."]
CONTINUE, REPLACE = None, f(1, 1)


def config_of(service=None, **config):
    config = {"grpc_service": {"envoy_grpc": {"cluster_name": "{{proc}}"}, **(service or {})}, "message_timeout": "5s", **config}
    return {k: v for k, v in config.items() if v is not None}


def filters_of(*configs, before=(), after=(), name="ext_proc"):
    return [*before, *({"name": name, "typed_config": {"@type": TYPE + "ExternalProcessor", **c}} for c in configs), *after]


def mode(req="", resp="", **kw):
    """Of letters: H/h heads sent or not, B buffered, S streamed, P partly buffered, T trailers."""
    out = {}
    for side, text in (("request", req), ("response", resp)):
        for letter in text:
            if letter in "Hh":
                out[side + "_header_mode"] = "SEND" if letter == "H" else "SKIP"
            elif letter in "Tt":
                out[side + "_trailer_mode"] = "SEND" if letter == "T" else "SKIP"
            else:
                out[side + "_body_mode"] = {"B": "BUFFERED", "S": "STREAMED", "P": "BUFFERED_PARTIAL", "N": "NONE"}[letter]
    return {"processing_mode": {**out, **kw}}


def case(name, answer, client=None, service=None, *, before=(), after=(), configs=None, **kw):
    config = {k: kw.pop(k) for k in list(kw) if k in CONFIG}
    answer = answer if isinstance(answer, H2) or answer in (REFUSE, BLACKHOLE) else H2([answer] if answer and isinstance(answer[0], tuple) else answer)
    kw.setdefault("clusters", {"proc": {"h2": ""}} if answer in (REFUSE, BLACKHOLE) else {})
    kw.setdefault("views", {"proc": process_request})
    kw.setdefault("log_format", FORM)
    kw.setdefault("stats", COUNTS)
    kw["mask"] = [(r'(x-envoy-upstream-service-time: )\d+', r"\1<ms>"), (r'(x-request-id: )\S+', r"\1<id>"), *kw.get("mask", [])]
    up = kw.pop("up", {})
    kw["up"] = {**({"up": [ok()]} if "up" not in up else {}), **up, "proc": answer}
    scenario("ext_proc_" + name, filters=json.dumps(filters_of(config_of(service, **config), before=before, after=after)), client=get("/a") if client is None else client, **kw)


CONFIG = {"failure_mode_allow", "processing_mode", "request_attributes", "response_attributes", "message_timeout", "stat_prefix", "mutation_rules", "max_message_timeout",
          "forward_rules", "allow_mode_override", "disable_immediate_response", "metadata_options", "disable_clear_route_cache", "route_cache_action", "allowed_override_modes",
          "status_on_error"}


# The messages of a processor.

def option(key, value="", action=None, append=None, raw=True):
    return f(1, f(1, key) + f(3 if raw else 2, value)) + (b"" if append is None else f(2, f(1, append) if append else b"")) + (b"" if action is None else f(3, action))


def mutation(*sets, remove=()):
    return b"".join(f(1, s) for s in sets) + b"".join(f(2, r) for r in remove)


def common(*sets, remove=(), replace=False, body=None, clear=None, clear_route=False, mutate=None):
    """A CommonResponse."""
    out = f(1, 1) if replace else b""
    if sets or remove or mutate:
        out += f(2, mutation(*sets, remove=remove))
    if body is not None:
        out += f(3, f(1, body))
    if clear is not None:
        out += f(3, f(2, clear))
    return out + (f(5, 1) if clear_route else b"")


def answer_of(number):
    return lambda *a, outer=b"", **kw: f(number, f(1, common(*a, **kw))) + outer


def trailers_of(number):
    return lambda *sets, remove=(), outer=b"": f(number, f(1, mutation(*sets, remove=remove)) if sets or remove else b"") + outer


req_head, resp_head, req_body, resp_body = map(answer_of, (1, 2, 3, 4))
req_trailers, resp_trailers = trailers_of(5), trailers_of(6)


def immediate(status=None, *sets, body=None, grpc=None, details=None, remove=(), outer=b""):
    out = b"" if status is None else f(1, f(1, status))
    if sets or remove:
        out += f(2, mutation(*sets, remove=remove))
    out += (f(3, body) if body is not None else b"") + (f(4, f(1, grpc)) if grpc is not None else b"") + (f(5, details) if details is not None else b"")
    return f(7, out) + outer


SET = option("x-new", "1")
POST = req("/a", "content-type: text/plain", method="POST", body="hello")

# ---- heads

case("heads", talk(req_head(), resp_head()))
case("heads_set", talk(req_head(SET, option("x-one", "2"), remove=["x-two"]), resp_head(option("x-resp", "r"), remove=["content-type"])), client=get("/a", "x-one: 1", "x-two: 2"),
     up={"up": [ok("ok", "content-type: text/x")]})
case("heads_post", talk(req_head(SET), resp_head()), client=POST)
case("heads_no_body_response", talk(req_head(), resp_head(SET)), up={"up": [ok("", status=204, reason="No Content")]})
case("heads_head_request", talk(req_head(), resp_head(SET)), client=req("/a", method="HEAD"))
case("request_head_only", talk(req_head(SET)), **mode("H", "h"))
case("response_head_only", talk(resp_head(SET)), **mode("h", "H"))
case("nothing", talk(), **mode("h", "h"))
case("two_requests", [talk(req_head(SET), resp_head()), talk(req_head(), resp_head(SET))], client=get("/1") + get("/2"))
case("actions", talk(req_head(*(option(f"x-{n}-{there}", "new", action=n) for n in range(4) for there in ("here", "not"))), resp_head()), client=get("/a", *(f"x-{n}-here: old" for n in range(4))))
case("append", talk(req_head(option("x-one", "2", append=1), option("x-two", "2", append=0), option("x-three", "3", append=1)), resp_head()), client=get("/a", "x-one: 1", "x-two: 1"))
case("text_value", talk(req_head(option("x-one", "2", raw=False)), resp_head()))
case("both_values", talk(req_head(f(1, f(1, "x-one") + f(2, "a") + f(3, "b"))), resp_head()))
case("empty_value", talk(req_head(option("x-one", ""), option("x-two", "")), resp_head()), client=get("/a", "x-one: 1"))
case("upper_name", talk(req_head(option("X-Upper", "a"), remove=["X-Two"]), resp_head()), client=get("/a", "x-two: 2"))
case("path", talk(req_head(option(":path", "/b?c=d")), resp_head()))
case("method", talk(req_head(option(":method", "PUT")), resp_head()))
case("authority", talk(req_head(option(":authority", "other")), resp_head()))
case("host", talk(req_head(option("host", "other")), resp_head()))
case("scheme", talk(req_head(option(":scheme", "https")), resp_head()))
case("status", talk(req_head(), resp_head(option(":status", "202"))))
case("status_bad", talk(req_head(), resp_head(option(":status", "99"))))
case("status_text", talk(req_head(), resp_head(option(":status", "abc"))))
case("envoy_header", talk(req_head(option("x-envoy-mine", "1")), resp_head()))
case("remove_path", talk(req_head(remove=[":path"]), resp_head()))
case("remove_host", talk(req_head(remove=["host"]), resp_head()))
case("remove_status", talk(req_head(), resp_head(remove=[":status"])))
case("append_path", talk(req_head(option(":path", "/b", action=0), option(":path", "/c", append=1)), resp_head()))
ROUTING = {"allow_all_routing": True}
case("rules_routing", talk(req_head(option(":method", "PUT"), option(":authority", "other"), option(":scheme", "https"), option(":path", "/z")), resp_head()), mutation_rules=ROUTING)
case("rules_host", talk(req_head(option("host", "other")), resp_head()), mutation_rules=ROUTING)
case("rules_bad_scheme", talk(req_head(option(":scheme", "1:")), resp_head()), mutation_rules=ROUTING)
case("rules_bad_authority", talk(req_head(option(":authority", "a b/c")), resp_head()), mutation_rules=ROUTING)
case("rules_envoy", talk(req_head(option("x-envoy-mine", "1")), resp_head()), mutation_rules={"allow_envoy": True})
case("rules_system", talk(req_head(option(":path", "/z"), SET), resp_head(option(":status", "201"))), mutation_rules={"disallow_system": True})
case("rules_all", talk(req_head(SET, remove=["x-two"]), resp_head(SET)), client=get("/a", "x-two: 2"), mutation_rules={"disallow_all": True})
case("rules_expressions", talk(req_head(option("x-yes", "1"), option("x-no", "1"), option(":method", "PUT"), option("x-yes-no", "1")), resp_head()),
     mutation_rules={"disallow_all": True, "allow_expression": {"regex": "x-yes.*|:method"}, "disallow_expression": {"regex": ".*no"}})
case("rules_error", talk(req_head(SET, option(":method", "PUT")), resp_head()), mutation_rules={"disallow_is_error": True})
case("rules_error_remove", talk(req_head(remove=["host"]), resp_head()), mutation_rules={"disallow_is_error": True})
case("rules_error_response", talk(req_head(), resp_head(option("x-envoy-mine", "1"))), mutation_rules={"disallow_is_error": True})
case("bad_name", talk(req_head(option("x y", "1")), resp_head()))
case("bad_value", talk(req_head(option("x-one", "a\nb")), resp_head()))
case("bad_removed_name", talk(req_head(remove=["x y"]), resp_head()))
case("no_header_in_option", talk(req_head(f(2, f(1, 1))), resp_head()))
case("too_many_set", talk(req_head(*(option(f"x-{n}", "1") for n in range(101))), resp_head()))
case("too_many_removed", talk(req_head(remove=[f"x-{n}" for n in range(101)]), resp_head()))
case("too_many_after", talk(req_head(*(option(f"x-{n}", "1") for n in range(99))), resp_head()))
case("too_large_after", talk(req_head(option("x-large", "z" * 70000)), resp_head()))

# ---- bodies, whole

BOTH = mode("HB", "HB")
case("body", talk(req_head(), req_body(), resp_head(), resp_body()), client=POST, **BOTH)
case("body_changed", talk(req_head(), req_body(option("content-length", "7"), body="changed"), resp_head(), resp_body(option("content-length", "6"), body="answer")), client=POST, **BOTH)
case("body_without_length", talk(req_head(remove=["content-length"]), req_body(body="changed"), resp_head(remove=["content-length"]), resp_body(body="answer")), client=POST, **BOTH)
case("body_mismatch", talk(req_head(), req_body(body="changed")), client=POST, **BOTH)
case("body_response_mismatch", talk(req_head(), req_body(), resp_head(), resp_body(body="changed")), client=POST, **BOTH)
case("body_cleared", talk(req_head(remove=["content-length"]), req_body(clear=1), resp_head(remove=["content-length"]), resp_body(clear=1)), client=POST, **BOTH)
case("body_not_cleared", talk(req_head(), req_body(clear=0), resp_head(), resp_body()), client=POST, **BOTH)
case("body_cleared_mismatch", talk(req_head(), req_body(clear=1)), client=POST, **BOTH)
case("body_headers", talk(req_head(), req_body(SET), resp_head(), resp_body(SET)), client=POST, **BOTH)
case("body_none_there", talk(req_head(), resp_head(), resp_body()), **BOTH)
case("body_none_in_response", talk(req_head(), resp_head()), up={"up": [ok("", status=204, reason="No Content")]}, **BOTH)
case("body_chunked", talk(req_head(), req_body(body="changed"), resp_head(), resp_body()), client=req("/a", method="POST", body="hello", chunked=True), **BOTH)
case("body_only", talk(req_body(SET, body="changed"), resp_body(SET, body="answer")), client=POST, **mode("hB", "hB"))
case("body_of_request", talk(req_head(), req_body(SET)), client=POST, **mode("HB", "h"))
case("body_of_response", talk(resp_head(), resp_body(option("content-length", "3"), body="new")), client=POST, **mode("h", "HB"))
case("body_in_pieces", talk(req_head(), req_body(), resp_head(), resp_body()), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello") + seen(1, "proc") + pause(0.2) + send("world") + read(), **BOTH)
case("body_too_large", talk(req_head(), resp_head()), client=req("/a", method="POST", body="z" * 3000), listener="per_connection_buffer_limit_bytes: 1024", brief_upstream=True, **mode("HB", "h"))
case("body_too_large_shown", talk(req_head(), resp_head()), client=req("/a", method="POST", body="z" * 3000), listener="per_connection_buffer_limit_bytes: 1024", brief_upstream=True, **mode("HB", "H"))
case("body_of_response_too_large", talk(resp_head()), up={"up": [ok("z" * 3000)]}, listener="per_connection_buffer_limit_bytes: 1024", **mode("h", "HB"))
case("body_large", talk(req_head(), req_body(), resp_head(), resp_body()), client=req("/a", method="POST", body="z" * 200000), brief_upstream=True, views={}, **BOTH)

# ---- the message replaced

case("replace_body", talk(req_head(SET, replace=True, body="new"), resp_head(SET, replace=True, body="answer")), client=POST, **BOTH)
case("replace_of_get", talk(req_head(replace=True, body="new"), resp_head()))
case("replace_method", talk(req_head(option(":method", "POST"), replace=True, body="new"), resp_head()))
case("replace_method_of_head", talk(req_head(option(":method", "POST"), replace=True, body="new"), resp_head()), client=req("/a", method="HEAD"),
     differs="Envoy sends a body in answer to HEAD, which the client takes for the beginning of the next response", outrigger={"end": {"c": "open"}})
case("replace_without_body", talk(req_head(SET, replace=True), resp_head(SET, replace=True)), client=POST, **BOTH)
case("replace_cleared", talk(req_head(replace=True, clear=1), resp_head(replace=True, clear=1)), client=POST, **BOTH)
case("replace_no_content", talk(req_head(), resp_head(option(":status", "200"), replace=True, body="new")), up={"up": [ok("", status=204, reason="No Content")]})
case("replace_body_to_come", talk(req_head(replace=True, body="new"), resp_head()), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello") + seen(1) + send("world") + read())

# ---- immediate answers

case("immediate", talk(immediate(403, SET, body="no", details="not you")))
case("immediate_bare", talk(immediate()))
case("immediate_status", talk(immediate(99)))
case("immediate_type", talk(immediate(401, option("content-type", "application/json"), option("x-envoy-mine", "1"), option(":status", "418"), body="{}")))
case("immediate_removes", talk(immediate(401, remove=["content-type"], body="x")))
case("immediate_bad_header", talk(immediate(401, SET, option("x y", "1"), body="x")))
case("immediate_grpc", talk(immediate(403, body="no", grpc=8)), client=get("/a", "content-type: application/grpc", "te: trailers"))
case("immediate_grpc_status", talk(immediate(403, body="no")), client=get("/a", "content-type: application/grpc", "te: trailers"))
case("immediate_to_body", talk(req_head(), immediate(403, body="no")), client=POST, **BOTH)
case("immediate_to_response", talk(req_head(), immediate(503, SET, body="no", details="d")))
case("immediate_to_response_body", talk(req_head(), resp_head(), immediate(503, body="no")), **mode("H", "HB"))
case("immediate_disabled", talk(immediate(403)), disable_immediate_response=True)
case("immediate_disabled_allowed", talk(immediate(403)), disable_immediate_response=True, failure_mode_allow=True)
case("immediate_head", talk(immediate(403, body="no")), client=req("/a", method="HEAD"))
case("immediate_mapped", talk(immediate(403, body="no")), hcm="local_reply_config: {mappers: [{filter: {status_code_filter: {comparison: {op: EQ, value: {default_value: 403, runtime_key: x}}}}, status_code: 418, body: {inline_string: mapped}}]}")
case("immediate_chunked_post", talk(immediate(403, body="no")), client=POST + get("/b"), **BOTH)

# ---- what a processor shouldn't say

case("wrong_kind", talk(resp_head()))
case("wrong_kind_allowed", talk(resp_head()), failure_mode_allow=True)
case("body_for_head", talk(req_body()), client=POST, **BOTH)
case("trailers_for_head", talk(req_trailers()))
case("empty", talk(b""))
case("empty_allowed", talk(b""), failure_mode_allow=True)
case("garbage", talk(b"\xff\xff\xff"))
case("garbage_allowed", talk(b"\xff\xff\xff"), failure_mode_allow=True)
case("bad_utf8", talk(req_head(option("x-\xff".encode("latin-1"), "1"))))
case("compressed", early() + h2_messages(1) + h2_frames(HEADERS(S, block(*ANSWERING), False), DATA(S, framed(req_head(), 1))) + h2_wait_end())
case("message_too_long", talk(req_head(option("x-one", "z" * 100))), service={"envoy_grpc": {"cluster_name": "{{proc}}", "max_receive_message_length": 20}})
case("mode_without_kind", talk(f(9, f(3, 2)), req_head(), resp_head()), allow_mode_override=True)

# ---- answers that were given already, come too early or after the last one


def more(*answers):
    """Further messages, in one piece, between the answers of talk()."""
    return h2_frames(DATA(S, b"".join(framed(a) for a in answers)))


def both(*answers):
    """Several messages for the first one of the proxy, and then nothing."""
    return early() + h2_messages(1) + h2_frames(HEADERS(S, block(*ANSWERING), False), DATA(S, b"".join(framed(a) for a in answers))) + [("hold",)]


HALF = send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello") + seen(1, "proc") + read()
case("twice_head", both(req_head(), req_head()), client=HALF, **mode("HB", "h"))
case("twice_head_allowed", both(req_head(SET), req_head()), failure_mode_allow=True, client=POST, **mode("H", "H"))
case("twice_last", both(req_head(SET), req_head(option("x-other", "2"))), **mode("H", "h"))
case("early_body", both(req_head(), req_body(body="other")), client=HALF, **mode("HB", "h"))
case("early_response_head", both(req_head(), resp_head(SET)), client=HALF, **mode("HB", "H"))
case("early_trailers", both(req_head(), req_trailers(SET)), client=HALF, **mode("HBT", "h"))
case("after_immediate", both(immediate(403, body="no"), req_head(SET)))
case("twice_immediate", both(immediate(403, body="no"), immediate(404, body="not")))
case("immediate_after_last", both(req_head(SET), immediate(403, body="no")), **mode("H", "h"))
case("immediate_early", both(req_head(SET), immediate(403, body="no")), client=HALF, **mode("HB", "H"))
case("streamed_twice", both(req_body(body="one"), req_body(body="two"), req_body(body="three")), client=HALF, brief_upstream=True, **mode("hS", "h"))
case("replace_of_body", talk(req_head(), req_body(replace=True, body="other"), resp_head(), resp_body(replace=True, body="no")), client=POST, **mode("HB", "HB"))
case("replace_of_streamed_body", talk(req_body(replace=True, body="other"), req_body(replace=True, body="no"), resp_head()), client=POST, **mode("hS", "H"))

# ---- changes that would end a message elsewhere

FRAMING = {"length": option("content-length", "2"), "chunked": option("transfer-encoding", "chunked"), "coding": option("transfer-encoding", "gzip"),
           "close": option("connection", "close"), "upgrade": option("upgrade", "websocket"), "method_connect": option(":method", "CONNECT"), "method_spaces": option(":method", "G T")}


def framing(r):
    return {**r, "headers": [h for h in r["headers"] if h[0].lower() in ("content-length", "transfer-encoding", "connection", "upgrade")]}


UNCHANGED = {"upstream": {"proc": [{"body": "", "headers": []}], "up": [{"body": "hello", "headers": ["content-length: 5"], "line": "POST /a HTTP/1.1"}]}, "log": [{"code": 200, "details": "via_upstream", "flags": "-", "metadata": "of it: -"}],
             "steps": [{"body": "ok", "headers": ["content-length: 2", "x-envoy-upstream-service-time: <ms>", "date: <date>", "server: envoy"], "status": "HTTP/1.1 200 OK"}]}
for _name, _field in FRAMING.items():
    case("framing_" + _name, talk(req_head(_field)), client=POST, mutation_rules={"allow_all_routing": True, "allow_envoy": True}, stats=[], views={"up": framing, "proc": lambda r: {"headers": [], "body": ""}}, **mode("H", "h"),
         differs="with that the upstream, or a hop behind it, could take the rest of the body for another request; it is not set, whatever the rules say",
         outrigger=UNCHANGED)
case("framing_body_length", talk(req_head(), req_body(option("content-length", "2"))), client=POST, stats=[], views={"up": framing, "proc": lambda r: {"headers": [], "body": ""}}, **mode("HB", "h"),
     differs="with that the upstream would take the rest of the body for another request",
     outrigger={"upstream": {"proc": [{"body": "", "headers": []}], "up": [{"body": "hello", "headers": ["transfer-encoding: chunked"], "line": "POST /a HTTP/1.1"}]}})
case("framing_method_head", talk(req_head(option(":method", "HEAD"))), client=POST, mutation_rules={"allow_all_routing": True}, **mode("H", "h"))
case("framing_removed", talk(req_head(remove=["content-length", "transfer-encoding", "host"]), resp_head(remove=["content-length"])), client=POST)

# ---- streams that end

case("closed_well", talk(ends=False))
case("closed_after_head", talk(req_head(SET), ends=False))
case("status_error", talk(status=7, message="go away", ends=False))
case("status_error_allowed", talk(status=7, message="go away", ends=False), failure_mode_allow=True)
case("status_error_in_response", talk(req_head(), None, status=13, ends=False))
case("status_on_error", talk(status=7, ends=False), status_on_error={"code": 503})
case("trailers_only", early() + h2_frames(HEADERS(S, block(":status: 200", "content-type: application/grpc", "grpc-status: 13", "grpc-message: bad%20thing"))))
case("no_status", early() + h2_messages(1) + h2_frames(HEADERS(S, block(*ANSWERING), False), HEADERS(S, block("x-a: b"))))
case("http_status", early() + h2_ok("no", "content-type: text/plain", status=503))
case("http_not_found", early() + h2_ok("no", "content-type: text/plain", status=404))
case("no_trailers", early() + h2_messages(1) + h2_frames(HEADERS(S, block(*ANSWERING), False), DATA(S, b"", True)))
case("reset", early() + h2_frames(RST(S, "INTERNAL_ERROR")))
case("reset_later", early() + h2_messages(1) + h2_frames(HEADERS(S, block(*ANSWERING), False), RST(S, "INTERNAL_ERROR")))
case("disconnected", early() + h2_messages(1) + fin())
case("refused", REFUSE, stats=COUNTS + ["+re:^cluster\\.{{proc}}\\.(internal|external|upstream_rq|upstream_cx_connect_fail)"])
case("refused_allowed", REFUSE, failure_mode_allow=True)
case("refused_in_response", REFUSE, **mode("h", "H"))
case("no_such_cluster", talk(), service={"envoy_grpc": {"cluster_name": "none"}})
case("no_such_cluster_allowed", talk(), service={"envoy_grpc": {"cluster_name": "none"}}, failure_mode_allow=True)
case("timeout", talk(None, ends=None), message_timeout="0.2s")
case("timeout_allowed", talk(None, ends=None), message_timeout="0.2s", failure_mode_allow=True)
case("timeout_status", talk(None, ends=None), message_timeout="0.2s", status_on_error={"code": 503})
case("timeout_of_response", talk(req_head(), None, ends=None), message_timeout="1s")
case("timeout_of_body", talk(req_head(), None, ends=None), message_timeout="1s", failure_mode_allow=True, client=POST, **BOTH)
MORE = f(10, f(1, 5))
case("more_time", early() + h2_messages(1) + h2_frames(HEADERS(S, block(*ANSWERING), False), DATA(S, framed(MORE))) + wait(1.5) + h2_frames(DATA(S, framed(req_head()))) + h2_wait_end() + h2_frames(HEADERS(S, block("grpc-status: 0"))),
     message_timeout="1s", max_message_timeout="10s", **mode("H", "h"))
case("more_time_twice", talk(MORE + b"", None, ends=None), message_timeout="1s", max_message_timeout="2s")
case("more_time_not_allowed", talk(MORE, ends=None), message_timeout="1s")
case("more_time_again", both(MORE, MORE, req_head(SET)), message_timeout="3s", max_message_timeout="10s", **mode("H", "h"))
case("more_time_for_each", talk(MORE, more(req_head()), MORE, more(req_body(SET), resp_head())), client=POST, message_timeout="3s", max_message_timeout="10s", **mode("HB", "h"))
case("more_time_of_none", both(req_head(), MORE, immediate(403)), client=HALF, message_timeout="3s", max_message_timeout="10s", **mode("HB", "h"))
case("more_time_with_answer", both(req_head(SET) + MORE, req_head()), message_timeout="3s", max_message_timeout="10s", **mode("H", "h"))
case("more_time_negative", both(f(10, f(1, -1)), f(10, f(2, 1000)), f(10, f(1, 1 << 40)), req_head(SET)), message_timeout="3s", max_message_timeout="10s", **mode("H", "h"))
case("closed_mid_body", talk(req_head(SET), ends=False), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello") + seen(1, "proc") + pause(1) + send("world") + read(), **mode("HB", "H"))
case("status_error_mid_body", talk(req_head(SET), status=13, ends=False), client=HALF, **mode("HB", "H"))
case("status_error_mid_body_allowed", talk(req_head(SET), status=13, ends=False), failure_mode_allow=True,
     client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello") + seen(1, "proc") + pause(1) + send("world") + read(), **mode("HB", "H"))
case("client_gone", talk(None, ends=None), client=send("GET /a HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1, "proc") + reset())
case("counts", talk(req_head(), resp_head()), stats=["re:^http\\.ext_proc_counts\\.ext_proc\\."])
case("counts_of_service", talk(req_head(), resp_head()), stats=COUNTS + ["+re:^cluster\\.{{proc}}\\.(internal|external|upstream_rq)"])
case("stat_prefix", talk(req_head(), resp_head()), stat_prefix="mine.x")
ENDS = {"proc": lambda r: {**process_request(r), "end": r.get("end")}}
case("ends", talk(req_head(), resp_head()), views=ENDS)
case("ends_buffered", talk(req_head(), resp_head(), resp_body()), views=ENDS, **mode("H", "HB"))
case("ends_refused", talk(immediate(403)), views=ENDS)

# ---- bodies, piece by piece

STREAM = mode("HS", "HS")
case("streamed", talk(req_head(), req_body(), req_body(), resp_head(), resp_body(), resp_body()), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\n") + seen(1) + send("hello") + read(), **STREAM)
case("streamed_changed", talk(req_body(body="one"), req_body(), resp_body(body="two"), resp_body()), client=POST, **mode("hS", "hS"))
case("streamed_whole", talk(req_head(), req_body(body="new"), resp_head(SET), resp_body(body="answer")), client=POST, **STREAM)
case("streamed_cleared", talk(req_body(clear=1), req_body(), resp_body(clear=1), resp_body()), client=POST, **mode("hS", "hS"))
case("streamed_end_filled", talk(req_body(), req_body(body=" more"), resp_body(), resp_body(body=" and more")), client=POST, **mode("hS", "hS"))
case("streamed_headers", talk(req_body(SET), req_body(), resp_body(SET), resp_body()), client=POST, **mode("hS", "hS"))
case("streamed_refused", talk(req_body(), until("go"), immediate(403, body="no")), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello") + seen(1) + signal("go") + read(), brief_upstream=True, **mode("hS", "h"))
case("streamed_response_refused", talk(resp_body(), immediate(403, body="no")), **mode("h", "hS"))
case("streamed_spurious", talk(req_body(), until("go"), req_head()), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello") + seen(1) + signal("go") + read(), brief_upstream=True, **mode("hS", "h"))
case("streamed_closed", talk(req_body(body="new"), ends=False), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhello") + seen(1) + pause(1) + send("world") + read(), **mode("hS", "h"))
case("streamed_of_both_ways", talk(until("go"), f(3, f(1, f(3, f(3, f(1, "x")))))), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello") + seen(1) + signal("go") + read(), brief_upstream=True, **mode("hS", "h"))
case("streamed_none_there", talk(req_head(), resp_head(), resp_body(), resp_body()), **STREAM)
case("streamed_http2", talk(req_head(), req_body(body="new"), resp_head(), resp_body(), resp_body()), client=h2() + h2_req("/a", body="hello", method="POST"), hcm="codec_type: HTTP2", **STREAM)

# ---- bodies, as far as they fit

PARTLY = mode("HP", "HP")
SMALL = "per_connection_buffer_limit_bytes: 1024"
case("partial", talk(req_head(), req_body(SET, body="new"), resp_head(), resp_body(SET, body="answer")), client=POST, **PARTLY)
case("partial_over", talk(req_head(), req_body(SET, body="new"), resp_head(), resp_body()), client=send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 2010\r\n\r\n" + "z" * 2000) + seen(1) + send("0123456789") + read(), listener=SMALL, **mode("HP", "h"))
case("partial_only", talk(req_body(body="new"), resp_body(body="answer")), client=POST, **mode("hP", "hP"))
case("partial_cleared", talk(req_head(), req_body(clear=1), resp_head(), resp_body(clear=1)), client=POST, **PARTLY)
case("partial_refused", talk(req_head(), immediate(403, body="no")), client=POST, **PARTLY)

# ---- trailers

TRAILERS = "http_protocol_options: {enable_trailers: true}"
WITH_TRAILERS = send("POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n") + read()
ANSWER = raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n")
UP = {"up": {"http1": "enable_trailers: true"}}


def with_trailers(name, answer, client=None, **kw):
    case("with_trailers_" + name, answer, client=h2() + h2_req("/a", body="abc", method="POST", trailers=["x-t: 1"]) if client is None else client, hcm="codec_type: HTTP2",
         up={"up": H2([h2_ok("ok", trailers=["x-t: 1"])])}, **kw)


CHANGE = SET, option("x-t", "2")
with_trailers("only", talk(req_trailers(*CHANGE), resp_trailers(*CHANGE)), **mode("hT", "hT"))
with_trailers("removed", talk(req_trailers(remove=["x-t"]), resp_trailers(remove=["x-t"])), **mode("hT", "hT"))
with_trailers("and_heads", talk(req_head(), req_trailers(*CHANGE), resp_head(), resp_trailers(*CHANGE)), **mode("HT", "HT"))
with_trailers("all_buffered", talk(req_head(), req_body(body="new"), req_trailers(*CHANGE), resp_head(), resp_body(body="answer"), resp_trailers(*CHANGE)), **mode("HBT", "HBT"))
with_trailers("all_streamed", talk(req_head(), req_body(body="new"), req_trailers(*CHANGE), resp_head(), resp_body(), resp_trailers(*CHANGE)), **mode("HST", "HST"))
with_trailers("all_partial", talk(req_head(), req_body(body="new"), req_trailers(*CHANGE), resp_head(), resp_body(), resp_trailers(*CHANGE)), **mode("HPT", "HPT"))
with_trailers("streamed_not_sent", talk(req_body(body="new"), resp_body()), **mode("hS", "hS"))
with_trailers("buffered_not_sent", talk(req_body(body="new"), resp_body()), **mode("hB", "hB"))
with_trailers("not_sent", talk(req_head(), resp_head()), **mode("H", "H"))
with_trailers("replaced", talk(req_head(replace=True, body="new"), resp_head(replace=True, body="answer")), **mode("HT", "HT"))
with_trailers("refused", talk(req_trailers(option("x-envoy-a", "1"), option("x y", "1"))), **mode("hT", "h"))
with_trailers("immediate", talk(req_head(), immediate(403, body="no")), **mode("HT", "hT"))
with_trailers("spurious", talk(req_head(), req_body()), **mode("HT", "hT"))
with_trailers("none_come", talk(), client=h2() + h2_req("/a", body="abc", method="POST"), **mode("hT", "h"))
with_trailers("without_body", talk(req_head(), req_trailers(SET)), client=h2() + h2_send(HEADERS(1, pseudo("/a", method="POST"), False)) + h2_send(HEADERS(1, block("x-t: 1"))) + h2_done(1), **mode("HBT", "h"))
with_trailers("timeout_allowed", talk(None, ends=None), message_timeout="0.2s", failure_mode_allow=True, **mode("hT", "h"))
case("trailers_http1", talk(req_trailers(SET), resp_trailers(SET)), client=WITH_TRAILERS, hcm=TRAILERS, clusters=UP, up={"up": [ANSWER]}, **mode("hT", "hT"))

# ---- routes


def per_route(**config):
    return json.dumps({"ext_proc": {"@type": TYPE + "ExtProcPerRoute", **config}})


def overrides(**kw):
    return per_route(overrides=kw)


TWO = '[{{match: {{prefix: /own}}, route: {{cluster: "{{{{up}}}}"}}, typed_per_filter_config: {}}}, {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}"}}}}]'
OWN = get("/own") + get("/a")
case("route_disabled", talk(req_head(SET), resp_head()), client=OWN, routes=TWO.format(per_route(disabled=True)))
case("route_mode", [talk(resp_head(SET)), talk(req_head(), resp_head())], client=OWN, routes=TWO.format(overrides(**mode("h"))))
case("route_service", talk(req_head(), resp_head()), client=OWN, routes=TWO.format(overrides(grpc_service={"envoy_grpc": {"cluster_name": "none"}})))
case("route_metadata", talk(req_head(), resp_head()), client=OWN, views={"proc": lambda r: sorted_fields(process_request(r))}, service={"initial_metadata": [{"key": "x-from", "value": "us"}, {"key": "x-path", "value": "%REQ(:path)%"}]},
     vhosts='[{name: all, domains: ["*"], typed_per_filter_config: %s, routes: %s}]' % (overrides(grpc_initial_metadata=[{"key": "x-from", "value": "vhost"}, {"key": "x-vhost", "value": "1"}]),
                                                                                      TWO.format(overrides(grpc_initial_metadata=[{"key": "x-from", "value": "route"}]))))
case("route_failure_mode", talk(status=7, ends=False), client=OWN, routes=TWO.format(overrides(failure_mode_allow=True)))
case("route_of_two_levels", [talk(resp_head()), talk(req_head())], client=OWN,
     vhosts='[{name: all, domains: ["*"], typed_per_filter_config: %s, routes: %s}]' % (overrides(**mode("H", "h")), TWO.format(overrides(**mode("h", "H")))))
case("route_enabled_again", talk(req_head(), resp_head()), client=OWN,
     vhosts='[{name: all, domains: ["*"], typed_per_filter_config: %s, routes: %s}]' % (per_route(disabled=True), TWO.format(overrides(failure_mode_allow=True))))
CHOICE = '[{match: {prefix: /, headers: [{name: x-new, string_match: {exact: "1"}}]}, direct_response: {status: 202}}, {match: {prefix: /}, route: {cluster: "{{up}}"}}]'
case("route_cache_kept", talk(req_head(SET), resp_head()), routes=CHOICE)
case("route_cache_cleared", talk(req_head(SET, clear_route=True), resp_head()), routes=CHOICE)
case("route_cache_without_change", talk(req_head(clear_route=True), resp_head()), routes=CHOICE)
case("route_cache_always", talk(req_head(SET), resp_head()), routes=CHOICE, route_cache_action="CLEAR")
case("route_cache_retained", talk(req_head(SET, clear_route=True), resp_head()), routes=CHOICE, route_cache_action="RETAIN")
case("route_cache_disabled", talk(req_head(SET, clear_route=True), resp_head()), routes=CHOICE, disable_clear_route_cache=True)
case("route_none", talk(req_head(), resp_head(SET)), client=get("/b"), routes='- {match: {path: /a}, direct_response: {status: 200}}')
case("direct_response", talk(req_head(), resp_head(SET), resp_body(option("content-length", "3"), body="new")), routes='- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: own}}}', **mode("H", "HB"))

# ---- modes that the processor chooses


def asks(req="", resp=""):
    letters = {"H": 1, "h": 2, "T": 1, "t": 2, "N": 0, "S": 1, "B": 2, "P": 3, "D": 4}
    fields = [({"H": 1, "h": 1, "T": 5, "t": 5}.get(x, 3), letters[x]) for x in req] + [({"H": 2, "h": 2, "T": 6, "t": 6}.get(x, 4), letters[x]) for x in resp]
    return f(9, b"".join(f(n, v) for n, v in fields))


case("mode_override", talk(req_head(outer=asks("B", "h")), req_body(SET)), client=POST, allow_mode_override=True)
case("mode_override_not_allowed", talk(req_head(outer=asks("B", "h")), resp_head()), client=POST)
case("mode_override_of_response", talk(req_head(), resp_head(outer=asks("", "B")), resp_body(SET)), allow_mode_override=True)
case("mode_override_back", talk(req_head(outer=asks("N", "N")), resp_head()), client=POST, allow_mode_override=True, **BOTH)
case("mode_override_listed", talk(req_head(outer=asks("h", "h"))), client=POST, allow_mode_override=True, allowed_override_modes=[{"response_header_mode": "SKIP"}])
case("mode_override_not_listed", talk(req_head(outer=asks("B", "h")), resp_head()), client=POST, allow_mode_override=True, allowed_override_modes=[{"response_header_mode": "SKIP"}])
case("mode_override_late", talk(req_head(), req_body(outer=asks("", "h")), resp_head(), resp_body()), client=POST, allow_mode_override=True, **BOTH)

# ---- what is shown besides

case("forward_rules", talk(req_head(), resp_head()), client=get("/a", "x-one: 1", "X-Two: 2", "y: 3"), forward_rules={"allowed_headers": {"patterns": [{"prefix": "x-"}, {"exact": ":path"}]}, "disallowed_headers": {"patterns": [{"exact": "X-TWO", "ignore_case": True}]}},
     up={"up": [ok("ok", "x-up: 1")]})
case("forward_disallowed", talk(req_head(), resp_head()), client=get("/a", "x-one: 1"), forward_rules={"disallowed_headers": {"patterns": [{"prefix": "x-"}]}})
case("non_utf8", talk(req_head(option("x-one", b"b\xff")), resp_head()), client=get("/a", "x-one: a\xff"))
case("attributes", talk(req_head(), req_body(), resp_head(), resp_body()), client=POST, request_attributes=["request.path", "request.method", "request.headers['content-type']", "request.size", "connection.mtls", "request.nothing", "response.code", "source.address"],
     response_attributes=["response.code", "request.path", "response.headers['content-length']", "upstream.request_attempt_count"], **BOTH)
case("attributes_text", talk(req_head()), request_attributes=["request.headers", "request.time", "request.duration", "request.protocol", "1.5", "null"], mask=[(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$", "<time>")], **mode("H", "h"))
SET_METADATA = [{"name": "set_metadata", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config",
                                                         "metadata": [{"metadata_namespace": "shown", "value": {"a": 1, "b": [True, None, "x"], "c": {"d": "e"}}}, {"metadata_namespace": "hidden", "value": {"x": "y"}}]}}]
case("metadata_forwarded", talk(req_head(), resp_head()), before=SET_METADATA, metadata_options={"forwarding_namespaces": {"untyped": ["shown", "none"]}})
GIVEN = f(8, struct_of({"mine": {"a": 1, "b": {"c": "d"}}, "other": {"x": "y"}, "text": "z"}))
case("metadata_received", talk(req_head(outer=GIVEN), resp_head(outer=f(8, struct_of({"mine": {"a": 2, "e": True}})))), metadata_options={"receiving_namespaces": {"untyped": ["mine", "text"]}}, log_format={**FORM, "other": "of it: %DYNAMIC_METADATA(other)%"})
case("metadata_not_received", talk(req_head(outer=GIVEN), resp_head()))
case("metadata_immediate", talk(immediate(403, outer=GIVEN)), metadata_options={"receiving_namespaces": {"untyped": ["mine"]}})
case("metadata_of_route", talk(req_head(outer=GIVEN), resp_head()), before=SET_METADATA, client=OWN,
     routes=TWO.format(overrides(metadata_options={"forwarding_namespaces": {"untyped": ["hidden"]}, "receiving_namespaces": {"untyped": ["mine"]}})))

# ---- with others

LUA = {"name": "lua", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua", "default_source_code": {"inline_string":
       "function envoy_on_request(h) h:headers():add('x-lua', tostring(h:body() and h:body():length())) end\nfunction envoy_on_response(h) h:headers():add('x-lua', tostring(h:body() and h:body():length())) end"}}}
case("before_lua", talk(req_head(), req_body(body="changed", clear_route=True), resp_head(), resp_body()), client=POST, after=[LUA], **mode("HS", "HS"))
case("after_lua", talk(req_head(), resp_head()), client=POST, before=[LUA])
FAULT = {"name": "fault", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault", "abort": {"http_status": 418, "percentage": {"numerator": 100}}}}
case("before_fault", talk(req_head(), resp_head(SET)), after=[FAULT])
case("after_fault", talk(resp_head(SET)), before=[FAULT])
case("redirected", [talk(req_head(), resp_head()), talk(req_head(), resp_head())], routes='- {match: {prefix: /a}, route: {cluster: "{{up}}", internal_redirect_policy: {}}}\n- {match: {prefix: /b}, route: {cluster: "{{up}}"}}',
     up={"up": {"/a": ok("", "location: http://h.example/b", status=302, reason="Found"), "/b": ok("there")}})
case("http2_client", talk(req_head(SET), resp_head(SET)), client=h2() + h2_req("/a", "x-one: 1"), hcm="codec_type: HTTP2")
case("upgrade", talk(req_head(SET), resp_head(SET)), client=send("GET /a HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n") + read_head() + send("abc") + read_bytes(3) + close(), hcm="upgrade_configs: [{upgrade_type: websocket}]",
     up={"up": [raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n") + tunnel_echo()]})

# ---- configs

SERVICE = {"grpc_service": {"envoy_grpc": {"cluster_name": "a"}}}
for _name, _config in {
    "no_service": {}, "grpc": SERVICE, "timeout_negative": {**SERVICE, "message_timeout": "-1s"}, "timeout_large": {**SERVICE, "message_timeout": "3601s"}, "max_timeout_large": {**SERVICE, "max_message_timeout": "3601s"},
    "max_below_timeout": {**SERVICE, "message_timeout": "5s", "max_message_timeout": "1s"},
    "two_cache_actions": {**SERVICE, "disable_clear_route_cache": True, "route_cache_action": "CLEAR"}, "regex_bad": {**SERVICE, "mutation_rules": {"allow_expression": {"regex": "("}}},
    "attribute_bad": {**SERVICE, "request_attributes": ["request.path +"]}, "mode_unknown": {**SERVICE, "processing_mode": {"request_body_mode": "WHAT"}}, "status_unknown": {**SERVICE, "status_on_error": {"code": 999}},
    "service_timeout": {"grpc_service": {"envoy_grpc": {"cluster_name": "a"}, "timeout": "1s"}},
}.items():
    scenario("ext_proc_config_" + _name, kind="validate", config=manager_config(filters_of(_config)))
NOT_HERE = {"full_duplex": {"processing_mode": {"request_body_mode": "FULL_DUPLEX_STREAMED", "request_trailer_mode": "SEND"}}, "observability": {"observability_mode": True},
            "no_wait": {"send_body_without_waiting_for_header_response": True}, "keeps_length": {"allow_content_length_header": True}, "filter_metadata": {"filter_metadata": {"a": "b"}},
            "typed_metadata": {"metadata_options": {"forwarding_namespaces": {"typed": ["a"]}}}}
for _name, _config in NOT_HERE.items():
    scenario("ext_proc_not_here_" + _name, kind="validate", config=manager_config(filters_of({**SERVICE, **_config})), differs="it is not implemented, and refused by name",
             outrigger={"exit": 1, "ok": None})
