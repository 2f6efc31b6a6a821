"""The HTTP/1.1 codec on well-formed traffic: framing, keep-alive, pipelining, 1xx, trailers, upstream quirks."""
from harness.dsl import *

HOST = "host: h.example\r\n"
CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"

scenario("codec_keep_alive", client=get("/1") + get("/2") + get("/3"),
         stats=["http.{{name}}.downstream_cx_total", "http.{{name}}.downstream_rq_total", "cluster.{{up}}.upstream_cx_total"])
scenario("codec_connection_close", client=get("/1", "connection: close"))
scenario("codec_connection_close_case", client=get("/1", "Connection: Close"))
scenario("codec_connection_close_in_list", client=get("/1", "connection: x-a, close", "x-a: 1"))
scenario("codec_pipelining", up={"*": ok("fast"), "/slow": wait(0.1) + ok("slow")},
         client=send(f"GET /slow HTTP/1.1\r\n{HOST}\r\nGET /fast HTTP/1.1\r\n{HOST}\r\n") + read() + read())
scenario("codec_pipelining_close_first",
         client=send(f"GET /1 HTTP/1.1\r\n{HOST}connection: close\r\n\r\nGET /2 HTTP/1.1\r\n{HOST}\r\n") + read_all())
scenario("codec_request_in_pieces", client=send("GET /pie") + pause(0.02) + send("ces HT") + pause(0.02) + send("TP/1.1\r") + pause(0.02)
         + send("\nho") + pause(0.02) + send("st: h.example\r\n\r") + pause(0.02) + send("\n") + read())
scenario("codec_post_length", client=req("/", method="POST", body="hello"))
scenario("codec_post_empty", client=req("/", method="POST", body=""))
scenario("codec_post_no_length", client=req("/", method="POST"))
scenario("codec_get_with_body", client=req("/", method="GET", body="surprise"))
scenario("codec_post_chunked", client=req("/", method="POST", body="hello", chunked=True))
scenario("codec_post_chunked_empty", client=send(f"POST / HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n0\r\n\r\n") + read())
scenario("codec_post_chunks", client=send(f"POST / HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n") + pause(0.03)
         + send("A\r\n0123456789\r\n") + send("0\r\n\r\n") + read())
scenario("codec_post_large", client=req("/", method="POST", body="z" * 300000))
scenario("codec_large_response", up=[ok("y" * 400000)], client=get("/") + get("/again"))
scenario("codec_response_chunked", up=[raw(CHUNKED + "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")], client=get("/") + get("/2"))
scenario("codec_response_until_close", up=[raw("HTTP/1.1 200 OK\r\n\r\nall of it") + fin()], client=get("/"))
scenario("codec_response_until_close_chunks", up=[raw("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nsome ") + wait(0.05) + raw("more") + fin()],
         client=get("/") + get("/again"))
scenario("codec_head", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n")], client=req("/", method="HEAD") + req("/2", method="HEAD"))
scenario("codec_head_chunked", up=[raw(CHUNKED + "\r\n")], client=req("/", method="HEAD"))
scenario("codec_head_no_framing", up=[raw("HTTP/1.1 200 OK\r\n\r\n")], client=req("/", method="HEAD"))
scenario("codec_204", up=[raw("HTTP/1.1 204 No Content\r\n\r\n")], client=get("/") + get("/2"))
scenario("codec_204_with_length", up=[raw("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")], client=get("/") + get("/2"))
scenario("codec_304_with_length", up=[raw("HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\netag: x\r\n\r\n")], client=get("/") + get("/2"))
scenario("codec_200_empty", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")], client=get("/"))
scenario("codec_status_unknown", up=[raw("HTTP/1.1 299 Strange Reason\r\ncontent-length: 0\r\n\r\n")], client=get("/"))
scenario("codec_status_600", up=[raw("HTTP/1.1 600 X\r\ncontent-length: 0\r\n\r\n")], client=get("/"))
scenario("codec_status_reason_lost", up=[raw("HTTP/1.1 200 Fine Thanks\r\ncontent-length: 0\r\n\r\n")], client=get("/"))
scenario("codec_status_no_reason", up=[raw("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n")], client=get("/"))
scenario("codec_upstream_http10", up=[raw("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi")], client=get("/") + get("/2"))
scenario("codec_upstream_http10_until_close", up=[raw("HTTP/1.0 200 OK\r\n\r\nhi") + fin()], client=get("/"))
scenario("codec_upstream_close_header", up=[raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi")],
         client=get("/") + get("/2"), stats=["cluster.{{up}}.upstream_cx_total", "cluster.{{up}}.upstream_cx_close_notify"])
scenario("codec_upstream_keep_alive_header", up=[raw("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\ncontent-length: 2\r\n\r\nhi")],
         client=get("/"))
scenario("codec_expect_100", client=send(f"POST / HTTP/1.1\r\n{HOST}expect: 100-continue\r\ncontent-length: 3\r\n\r\n") + read_head() + send("abc") + read())
scenario("codec_expect_100_proxied", hcm="proxy_100_continue: true", up=[early() + raw("HTTP/1.1 100 Continue\r\n\r\n") + expect(b"abc") + ok()],
         client=send(f"POST / HTTP/1.1\r\n{HOST}expect: 100-continue\r\ncontent-length: 3\r\n\r\n") + read_head() + send("abc") + read())
scenario("codec_expect_other", client=send(f"POST / HTTP/1.1\r\n{HOST}expect: pigs\r\ncontent-length: 3\r\n\r\nabc") + read())
scenario("codec_upstream_100_swallowed", up=[raw("HTTP/1.1 100 Continue\r\n\r\n") + ok()], client=get("/"))
scenario("codec_upstream_103_swallowed", up=[raw("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n") + ok()], client=get("/"))
for _n in (100, 101, 102, 103, 104, 150, 199):
    scenario(f"codec_upstream_{_n}_proxied", hcm="proxy_100_continue: true", up=[raw(f"HTTP/1.1 {_n} Early\r\nlink: </x>\r\n\r\n") + ok()], client=get("/"))
scenario("codec_upstream_several_1xx_proxied", hcm="proxy_100_continue: true",
         up=[raw("HTTP/1.1 103 Early\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: </y>\r\nserver: x\r\n\r\n") + ok()], client=get("/"))
scenario("codec_upstream_102_swallowed", up=[raw("HTTP/1.1 102 Processing\r\n\r\n") + ok()], client=get("/"))
scenario("codec_upstream_101_unasked", up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: foo\r\nconnection: upgrade\r\n\r\n") + hold()],
         client=get("/"))
scenario("codec_trailers_dropped", up=[raw(CHUNKED + "trailer: x-t\r\n\r\n2\r\nhi\r\n0\r\nx-t: 1\r\n\r\n")],
         client=send(f"POST / HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Req: 1\r\n\r\n") + read())
scenario("codec_trailers_enabled", up=[raw(CHUNKED + "\r\n2\r\nhi\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n")],
         hcm="http_protocol_options: {enable_trailers: true}",
         clusters={"up": {"yaml": """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}
"""}}, client=send(f"POST / HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Req: 1\r\n\r\n") + read())
scenario("codec_case_proper", hcm="http_protocol_options: {header_key_format: {proper_case_words: {}}}",
         up=[ok("ok", "x-from-up: 1", "ETAG: z")],
         clusters={"up": {"yaml": "http_protocol_options: {header_key_format: {proper_case_words: {}}}"}},
         client=get("/", "x-some-header: 1", "X-UPPER: 2", "x--odd_name: 3"))
scenario("codec_case_preserve", hcm="""
http_protocol_options:
  header_key_format:
    stateful_formatter: {name: preserve_case, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}
""", up=[ok("ok", "X-From-UP: 1", "eTag: z")], clusters={"up": {"yaml": """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config:
      http_protocol_options:
        header_key_format:
          stateful_formatter: {name: preserve_case, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}
"""}}, client=get("/", "X-Some-Header: 1", "x-UPPER: 2"))
scenario("codec_case_default_lower", up=[ok("ok", "X-From-UP: 1", "ETag: z")], client=get("/", "X-Some-HEADER: 1"))
scenario("codec_max_requests", hcm="common_http_protocol_options: {max_requests_per_connection: 2}", client=get("/1") + get("/2"),
         stats=["http.{{name}}.downstream_cx_max_requests_reached"])
scenario("codec_max_requests_pipelined", hcm="common_http_protocol_options: {max_requests_per_connection: 1}",
         client=send(f"GET /1 HTTP/1.1\r\n{HOST}\r\nGET /2 HTTP/1.1\r\n{HOST}\r\n") + read_all())
scenario("codec_upstream_max_requests", clusters={"up": {"yaml": "max_requests_per_connection: 1"}}, client=get("/1") + get("/2"),
         stats=["cluster.{{up}}.upstream_cx_total", "cluster.{{up}}.upstream_cx_max_requests"])
scenario("codec_early_response_then_body", up=[early() + ok("early", status=413, reason="Too Large")],
         client=send(f"POST / HTTP/1.1\r\n{HOST}content-length: 6\r\n\r\nabc") + read() + send("def") + raw_all())
scenario("codec_local_reply_before_body", routes="- {match: {prefix: /}, direct_response: {status: 403}}",
         client=send(f"POST / HTTP/1.1\r\n{HOST}content-length: 6\r\n\r\nabc") + raw_all())
scenario("codec_local_reply_body_in_one", routes="- {match: {prefix: /}, direct_response: {status: 403}}",
         client=send(f"POST / HTTP/1.1\r\n{HOST}content-length: 6\r\n\r\nabcdef") + read() + get("/2"))

# Answers of an upstream that are not right.
for name, data in {
    "short_body": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "chunk_cut": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
    "headers_cut": b"HTTP/1.1 200 OK\r\ncontent-le",
    "garbage": b"this is not HTTP at all\r\n\r\n",
    "cl_and_te": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad_te": b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc",
    "dup_length": b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
    "length_garbage": b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nabc",
    "bad_status": b"HTTP/1.1 abc OK\r\ncontent-length: 0\r\n\r\n",
    "status_99": b"HTTP/1.1 99 Low\r\ncontent-length: 0\r\n\r\n",
    "status_1000": b"HTTP/1.1 1000 High\r\ncontent-length: 0\r\n\r\n",
    "bad_version": b"HTTP/3.7 200 OK\r\ncontent-length: 0\r\n\r\n",
    "bad_header_name": b"HTTP/1.1 200 OK\r\nx a: 1\r\ncontent-length: 0\r\n\r\n",
    "nul_in_value": b"HTTP/1.1 200 OK\r\nx-a: a\x00b\r\ncontent-length: 0\r\n\r\n",
    "lf_only": b"HTTP/1.1 200 OK\ncontent-length: 2\n\nhi",
    "obs_fold": b"HTTP/1.1 200 OK\r\nx-a: one\r\n two\r\ncontent-length: 0\r\n\r\n",
    "bad_chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n",
    "te_http10": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "101_headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: 1\r\n" % i for i in range(101)) + b"content-length: 0\r\n\r\n",
    "70k_headers": b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 70000 + b"\r\ncontent-length: 0\r\n\r\n",
    "90k_headers": b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 90000 + b"\r\ncontent-length: 0\r\n\r\n",
}.items():
    scenario("upstream_" + name, up=[raw(data) + wait(0.05) + fin()], client=get("/"),
             stats=["cluster.{{up}}.upstream_cx_protocol_error", "cluster.{{up}}.upstream_rq_total"])
scenario("upstream_extra_bytes", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiEXTRA")], client=get("/") + get("/2"),
         stats=["cluster.{{up}}.upstream_cx_total"])
scenario("upstream_204_with_body", up=[raw("HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nhi")], client=get("/") + get("/2"))
scenario("upstream_bytes_unasked", up=[ok() + raw("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")], client=get("/") + get("/2"),
         stats=["cluster.{{up}}.upstream_cx_total"])
scenario("upstream_kept_alive_closed", up=[ok() + fin()], client=get("/1") + gone(0) + pause(0.1) + get("/2"),
         stats=["cluster.{{up}}.upstream_cx_total", "cluster.{{up}}.upstream_cx_destroy_remote"])

scenario("client_gone_mid_response", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc") + hold()],
         client=send("GET / HTTP/1.1\r\nHost: h.example\r\n\r\n") + read_head() + read_bytes(3) + close())
