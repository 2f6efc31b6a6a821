"""Ends of HTTP/1 connections that clients bring about: gone in an answer, gone while the proxy lingers, asking and never reading."""
from harness.dsl import *

GET = "GET / HTTP/1.1\r\nhost: h.example\r\n\r\n"
HEAD_AND_PART = raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
DIRECT = "- {match: {prefix: /}, direct_response: {status: 403, body: {inline_string: refused}}}"
UNREAD = "POST / HTTP/1.1\r\nhost: h.example\r\ncontent-length: 100000\r\n\r\nabc"
DOWN = [f"http.{{{{name}}}}.{n}" for n in (
    "downstream_cx_active", "downstream_cx_destroy", "downstream_cx_destroy_local", "downstream_cx_destroy_remote", "downstream_cx_destroy_active_rq",
    "downstream_cx_destroy_local_active_rq", "downstream_cx_destroy_remote_active_rq", "downstream_cx_delayed_close_timeout", "downstream_rq_rx_reset")]
CLOSED = stat_is("http.{{name}}.downstream_cx_active", 0)

scenario("ends_close_in_answer", up=[HEAD_AND_PART + hold()], client=send(GET) + read_bytes(3) + close() + logged(1), stats=DOWN)
scenario("ends_reset_in_answer", up=[HEAD_AND_PART + hold()], client=send(GET) + read_bytes(3) + reset() + logged(1), stats=DOWN)
scenario("ends_close_while_lingering", routes=DIRECT, hcm="delayed_close_timeout: 30s", client=send(UNREAD) + read() + close() + CLOSED, stats=DOWN)
scenario("ends_half_close_while_lingering", routes=DIRECT, hcm="delayed_close_timeout: 30s", client=send(UNREAD) + read() + half_close() + CLOSED,
         stats=DOWN)
scenario("ends_more_and_close_while_lingering", routes=DIRECT, hcm="delayed_close_timeout: 30s",
         client=send(UNREAD) + read() + send("x" * 1000) + close() + CLOSED, stats=DOWN)
scenario("ends_flood", own=True, no_log=True, no_upstream=True, up=[ok("y" * 50000)],
         client=send(GET * 1000) + stat_is("http1.response_flood", 1) + close() + CLOSED, stats=["http1.response_flood"])
scenario("ends_pipelined_direct_answers", own=True, no_log=True, routes="- {match: {prefix: /}, direct_response: {status: 204}}",
         client=send(GET * 3 + GET.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")) + read_all(), stats=["http1.response_flood"],
         differs="Envoy counts answers that it has not tried to send yet; only those that the client does not take can pile up",
         outrigger={"stats": {"http1.response_flood": "0"}, "steps": [
             {"headers": ["date: <date>", "server: envoy"] + last, "status": "HTTP/1.1 204 No Content"} for last in ([], [], [], ["connection: close"])]})
