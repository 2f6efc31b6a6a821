"""Bytes on a listener that are not quite HTTP/1.1: what is answered, how it ends, what gets through."""
from harness.dsl import *

HOST = "Host: h.example\r\n"


def bad(name, data, **kw):
    """Sends raw bytes, and reads until the proxy closes (or, with keep, one answer)."""
    keep = kw.pop("keep", False)
    tail = read() if keep else read_all()
    scenario(name, client=send(data) + tail, stats=kw.pop("stats", []), **kw)


bad("bad_lf_only_headers", "GET / HTTP/1.1\nHost: h.example\n\n", keep=True)
bad("bad_lf_mixed", "GET / HTTP/1.1\r\nHost: h.example\nX-A: 1\r\n\r\n", keep=True)
bad("bad_obs_fold", f"GET / HTTP/1.1\r\n{HOST}X-A: one\r\n two\r\n\tthree\r\n\r\n", keep=True)
bad("bad_dup_content_length_equal", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")
bad("bad_dup_content_length_differ", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
bad("bad_content_length_list", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 3, 3\r\n\r\nabc")
bad("bad_content_length_plus", f"POST / HTTP/1.1\r\n{HOST}Content-Length: +3\r\n\r\nabc")
bad("bad_content_length_minus", f"POST / HTTP/1.1\r\n{HOST}Content-Length: -3\r\n\r\nabc")
bad("bad_content_length_hex", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 0x3\r\n\r\nabc")
bad("bad_content_length_empty", f"POST / HTTP/1.1\r\n{HOST}Content-Length:\r\n\r\n")
bad("bad_content_length_huge", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 99999999999999999999\r\n\r\n")
bad("bad_content_length_spaces_inside", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 3 3\r\n\r\nabc")
bad("bad_content_length_leading_zeros", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 0003\r\n\r\nabc", keep=True)
bad("bad_cl_and_te", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
bad("bad_te_and_cl", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n")
bad("cl_and_te_allowed", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    keep=True, hcm="http_protocol_options: {allow_chunked_length: true}")
bad("bad_te_identity", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: identity\r\n\r\n")
bad("bad_te_identity_chunked", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n")
bad("bad_te_gzip_chunked", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
bad("bad_te_xchunked", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")
bad("bad_te_chunked_twice", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
bad("bad_te_chunked_chunked", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")
bad("bad_te_upper", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: CHUNKED\r\n\r\n2\r\nhi\r\n0\r\n\r\n", keep=True)
bad("bad_te_vertical_tab", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n")
bad("bad_te_empty", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding:\r\n\r\n")
bad("bad_te_space_before_colon", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")
bad("bad_te_http10", f"POST / HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", hcm="http_protocol_options: {accept_http_10: true}")
bad("bad_two_hosts", "GET / HTTP/1.1\r\nHost: h.example\r\nHost: g.example\r\n\r\n", keep=True)
bad("bad_no_host", "GET / HTTP/1.1\r\nX-A: 1\r\n\r\n")
bad("bad_empty_host", "GET / HTTP/1.1\r\nHost:\r\n\r\n")
bad("bad_host_chars", "GET / HTTP/1.1\r\nHost: h ex/ample\r\n\r\n")
bad("bad_host_userinfo", "GET / HTTP/1.1\r\nHost: user@h.example\r\n\r\n", keep=True)
bad("bad_host_comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", keep=True)
bad("bad_nul_in_value", f"GET / HTTP/1.1\r\n{HOST}X-A: a\x00b\r\n\r\n")
bad("bad_nul_in_name", f"GET / HTTP/1.1\r\n{HOST}X\x00A: ab\r\n\r\n")
bad("bad_ctl_in_value", f"GET / HTTP/1.1\r\n{HOST}X-A: a\x01b\r\n\r\n", keep=True)
bad("bad_del_in_value", f"GET / HTTP/1.1\r\n{HOST}X-A: a\x7fb\r\n\r\n", keep=True)
bad("bad_cr_in_value", f"GET / HTTP/1.1\r\n{HOST}X-A: a\rb\r\n\r\n")
bad("bad_high_bytes_in_value", f"GET / HTTP/1.1\r\n{HOST}X-A: \xe9\xff\r\n\r\n", keep=True)
bad("bad_high_bytes_in_name", f"GET / HTTP/1.1\r\n{HOST}X-\xe9: 1\r\n\r\n")
bad("bad_tab_in_value", f"GET / HTTP/1.1\r\n{HOST}X-A: \t a\tb \t\r\n\r\n", keep=True)
bad("bad_header_no_colon", f"GET / HTTP/1.1\r\n{HOST}X-A\r\n\r\n")
bad("bad_header_no_name", f"GET / HTTP/1.1\r\n{HOST}: value\r\n\r\n")
bad("bad_header_space_before_colon", f"GET / HTTP/1.1\r\n{HOST}X-A : 1\r\n\r\n")
bad("bad_header_space_in_name", f"GET / HTTP/1.1\r\n{HOST}X A: 1\r\n\r\n")
bad("bad_header_name_separators", f"GET / HTTP/1.1\r\n{HOST}X(A): 1\r\n\r\n")
bad("bad_header_starts_with_space", "GET / HTTP/1.1\r\n X-A: 1\r\nHost: h.example\r\n\r\n")
bad("bad_header_colon_name", f"GET / HTTP/1.1\r\n{HOST}:path: /x\r\n\r\n")
bad("bad_header_empty_value", f"GET / HTTP/1.1\r\n{HOST}X-A:\r\nX-B:   \r\n\r\n", keep=True)
bad("bad_no_space_after_colon", "GET / HTTP/1.1\r\nHost:h.example\r\nX-A:1\r\n\r\n", keep=True)
bad("bad_fragment", f"GET /a#frag HTTP/1.1\r\n{HOST}\r\n")
bad("bad_path_no_slash", f"GET a HTTP/1.1\r\n{HOST}\r\n")
bad("bad_path_space", f"GET /a b HTTP/1.1\r\n{HOST}\r\n")
bad("bad_path_ctl", f"GET /a\x01b HTTP/1.1\r\n{HOST}\r\n")
bad("bad_path_del", f"GET /a\x7fb HTTP/1.1\r\n{HOST}\r\n")
bad("bad_path_high_bytes", f"GET /\xc3\xa9 HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_path_quotes", f"GET /a\"<>\\^`{{|}} HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_path_empty_query", f"GET /?# HTTP/1.1\r\n{HOST}\r\n")
bad("bad_absolute_form", "GET http://abs.example:81/p?q HTTP/1.1\r\nHost: h.example\r\n\r\n", keep=True)
bad("bad_absolute_form_no_path", "GET http://abs.example HTTP/1.1\r\nHost: h.example\r\n\r\n", keep=True)
bad("bad_absolute_form_query", "GET http://abs.example?q=1 HTTP/1.1\r\nHost: h.example\r\n\r\n", keep=True)
bad("bad_absolute_form_https", "GET https://abs.example/ HTTP/1.1\r\nHost: h.example\r\n\r\n", keep=True)
bad("bad_absolute_form_ftp", "GET ftp://abs.example/ HTTP/1.1\r\nHost: h.example\r\n\r\n")
bad("bad_absolute_form_userinfo", "GET http://u:p@abs.example/ HTTP/1.1\r\nHost: h.example\r\n\r\n")
bad("bad_absolute_form_no_host", "GET http://abs.example/x HTTP/1.1\r\n\r\n", keep=True)
bad("bad_http10", "GET / HTTP/1.0\r\nHost: h.example\r\n\r\n")
bad("bad_http09", "GET /\r\n")
bad("bad_http12", f"GET / HTTP/1.2\r\n{HOST}\r\n")
bad("bad_http20", f"GET / HTTP/2.0\r\n{HOST}\r\n")
bad("bad_http_version_lower", f"GET / http/1.1\r\n{HOST}\r\n")
bad("bad_version_garbage", f"GET / HTTQ/1.1\r\n{HOST}\r\n")
bad("bad_version_missing_minor", f"GET / HTTP/1\r\n{HOST}\r\n")
bad("bad_version_space", f"GET / HTTP/1.1 \r\n{HOST}\r\n")
bad("bad_h2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
bad("bad_options_star", f"OPTIONS * HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_get_star", f"GET * HTTP/1.1\r\n{HOST}\r\n")
bad("bad_trace", f"TRACE / HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_connect_path", f"CONNECT /x HTTP/1.1\r\n{HOST}\r\n")
bad("bad_method_custom", f"BREW /pot HTTP/1.1\r\n{HOST}\r\n")
bad("bad_method_known_rare", f"PROPFIND /x HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_method_purge", f"PURGE /x HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_method_lower", f"get / HTTP/1.1\r\n{HOST}\r\n")
bad("bad_method_empty", f" / HTTP/1.1\r\n{HOST}\r\n")
bad("bad_method_chars", f"G@T / HTTP/1.1\r\n{HOST}\r\n")
bad("bad_leading_crlf", f"\r\n\r\nGET / HTTP/1.1\r\n{HOST}\r\n", keep=True)
bad("bad_leading_space", f"  GET / HTTP/1.1\r\n{HOST}\r\n")
bad("bad_two_spaces", f"GET  /  HTTP/1.1\r\n{HOST}\r\n")
bad("bad_tab_separator", f"GET\t/\tHTTP/1.1\r\n{HOST}\r\n")
bad("bad_garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 tls?\r\n\r\n")
bad("bad_binary_zero", "\x00\x00\x00\x00\r\n\r\n")
bad("bad_response_as_request", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
bad("bad_chunk_lf", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n")
bad("bad_chunk_size_hex", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n0\r\n\r\n")
bad("bad_chunk_size_empty", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n\r\nhi\r\n0\r\n\r\n")
bad("bad_chunk_size_overflow", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhi\r\n0\r\n\r\n")
bad("bad_chunk_size_0x", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n")
bad("bad_chunk_size_minus", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n")
bad("bad_chunk_missing_crlf", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nhiX0\r\n\r\n")
bad("bad_chunk_too_long", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nhigh\r\n0\r\n\r\n",
    differs="RFC 9112, 7.1 wants CRLF right behind a chunk; what skips to the next line end disagrees with its neighbours on where a request ends",
    outrigger={"end": {"c": "FIN"}, "steps": [{"status": "HTTP/1.1 400 Bad Request", "body": "Bad Request", "headers": [
        "content-length: 11", "content-type: text/plain", "date: <date>", "server: envoy", "connection: close"]}], "upstream": {},
        "log": [{"attempts": 1, "authority": "h.example", "cluster": "bad_chunk_too_long_up", "code": 400, "details": "http1.codec_error",
                 "failure": None, "flags": "DPE", "host": "127.0.0.1:<up>", "method": "POST", "path": "/", "protocol": "HTTP/1.1",
                 "received": 0, "route": None, "sent": 11, "term": None}]})
bad("bad_chunk_extension", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2;a=b;c=\"d\"\r\nhi\r\n0;x\r\n\r\n", keep=True)
bad("bad_chunk_size_spaces", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2  \r\nhi\r\n0\r\n\r\n")
bad("bad_chunk_size_zeros", f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n00002\r\nhi\r\n000\r\n\r\n", keep=True)
CHUNKED = f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n"
bad("chunk_size_many_zeros", CHUNKED + "000000000000000000000002\r\nhi\r\n0\r\n\r\n", keep=True)
bad("chunk_size_65_bits", CHUNKED + "10000000000000000\r\nhi\r\n0\r\n\r\n")
bad("chunk_extension_long", CHUNKED + "2;" + "x" * 70000 + "\r\nhi\r\n0\r\n\r\n", keep=True)
bad("chunk_extension_control", CHUNKED + "2;a=\x01\r\nhi\r\n0\r\n\r\n", keep=True)
bad("chunk_extension_without_semicolon", CHUNKED + "2 x\r\nhi\r\n0\r\n\r\n", keep=True)
bad("chunk_extension_cr", CHUNKED + "2;a\rb\r\nhi\r\n0\r\n\r\n")
bad("trailers_lf_and_folded", CHUNKED + "2\r\nhi\r\n0\r\nA: 1\n 2\nB: 3\n\n", keep=True)
bad("trailers_120_dropped", CHUNKED + "2\r\nhi\r\n0\r\n" + "A: 1\r\n" * 120 + "\r\n", keep=True)
bad("trailers_120", CHUNKED + "2\r\nhi\r\n0\r\n" + "A: 1\r\n" * 120 + "\r\n", hcm="http_protocol_options: {enable_trailers: true}")
bad("trailers_too_large", CHUNKED + "2\r\nhi\r\n0\r\nA: " + "x" * 61434 + "\r\n\r\n")
bad("content_length_64_bits", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 18446744073709551615\r\n\r\n", keep=True,
    routes="- {match: {prefix: /}, direct_response: {status: 200}}")
bad("content_length_65_bits", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 18446744073709551616\r\n\r\n")
bad("join_empty_value", f"GET / HTTP/1.1\r\n{HOST}User-Agent: a\r\nUser-Agent:\r\nAccept:\r\nAccept: b\r\n\r\n", keep=True)
bad("bad_underscore_allowed", f"GET / HTTP/1.1\r\n{HOST}x_a: 1\r\n\r\n", keep=True)
bad("bad_underscore_reject", f"GET / HTTP/1.1\r\n{HOST}x_a: 1\r\n\r\n", stats=["http1.requests_rejected_with_underscores_in_headers"],
    hcm="common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}", own=True)
bad("bad_underscore_drop", f"GET / HTTP/1.1\r\n{HOST}x_a: 1\r\nx-b: 1\r\n\r\n", keep=True, stats=["http1.dropped_headers_with_underscores"],
    hcm="common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER}", own=True)
bad("bad_after_good", f"GET /one HTTP/1.1\r\n{HOST}\r\nGET /two HTTP/1.1\r\nHost h.example\r\n\r\nGET /three HTTP/1.1\r\n{HOST}\r\n")
bad("bad_codec_error_stats", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    stats=["http.{{name}}.downstream_cx_protocol_error", "http.{{name}}.downstream_rq_4xx", "http.{{name}}.downstream_rq_total",
           "http.{{name}}.downstream_cx_destroy_local"])
bad("bad_smuggle_te_obfuscated", f"POST / HTTP/1.1\r\n{HOST}Content-Length: 4\r\nTransfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n")

scenario("bad_incomplete_headers_fin", client=send(f"GET / HTTP/1.1\r\n{HOST}X-A") + half_close() + raw_all())
scenario("bad_incomplete_body_fin", client=send(f"POST / HTTP/1.1\r\n{HOST}Content-Length: 10\r\n\r\nabc") + seen(1) + half_close() + raw_all())
scenario("bad_silent_connect_fin", client=new() + half_close() + raw_all(), stats=["http.{{name}}.downstream_cx_total"])
scenario("bad_error_mid_body", client=send(f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n") + pause(0.05)
         + send("zz\r\n") + read_all())
scenario("bad_error_mid_body_after_response", up=[early() + ok("early")],
         client=send(f"POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n") + read() + send("zz\r\n") + raw_all())
scenario("http10_accepted", hcm="http_protocol_options: {accept_http_10: true, default_host_for_http_10: dflt.example}",
         client=send("GET /a HTTP/1.0\r\n\r\n") + read_all())
scenario("http10_keep_alive", hcm="http_protocol_options: {accept_http_10: true, default_host_for_http_10: dflt.example}",
         client=send(f"GET /a HTTP/1.0\r\n{HOST}Connection: keep-alive\r\n\r\n") + read()
         + send(f"GET /b HTTP/1.0\r\n{HOST}Connection: Keep-Alive\r\n\r\n") + read())
scenario("http10_no_host", hcm="http_protocol_options: {accept_http_10: true}", client=send("GET /a HTTP/1.0\r\n\r\n") + read_all())
scenario("http10_upstream_chunked", hcm="http_protocol_options: {accept_http_10: true}",
         up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")],
         client=send(f"GET /a HTTP/1.0\r\n{HOST}\r\n") + read_all())
scenario("http09_accepted", hcm="http_protocol_options: {accept_http_10: true, default_host_for_http_10: d.example}",
         client=send("GET /\r\n\r\n") + read_all())
scenario("headers_60k_fits", client=send(f"GET / HTTP/1.1\r\n{HOST}X-A: " + "a" * 60000 + "\r\n\r\n") + read())
scenario("headers_too_large", client=send(f"GET / HTTP/1.1\r\n{HOST}X-A: " + "a" * 61500 + "\r\n\r\n") + read_all())
scenario("headers_too_large_limit", hcm="max_request_headers_kb: 1",
         client=send(f"GET / HTTP/1.1\r\n{HOST}X-A: " + "a" * 1100 + "\r\n\r\n") + read_all())
scenario("headers_long_path_too_large", hcm="max_request_headers_kb: 1",
         client=send("GET /" + "a" * 1100 + f" HTTP/1.1\r\n{HOST}\r\n") + read_all())
scenario("headers_100_fit", client=send(f"GET / HTTP/1.1\r\n{HOST}" + "".join(f"x-{i}: {i}\r\n" for i in range(99)) + "\r\n") + read())
scenario("headers_too_many", client=send(f"GET / HTTP/1.1\r\n{HOST}" + "".join(f"x-{i}: {i}\r\n" for i in range(101)) + "\r\n") + read_all())
scenario("headers_count_limit", hcm="common_http_protocol_options: {max_headers_count: 5}",
         client=send(f"GET / HTTP/1.1\r\n{HOST}" + "".join(f"x-{i}: {i}\r\n" for i in range(4)) + "\r\n") + read()
         + send(f"GET / HTTP/1.1\r\n{HOST}" + "".join(f"x-{i}: {i}\r\n" for i in range(5)) + "\r\n") + read_all())
scenario("bad_override_stream_error", hcm="stream_error_on_invalid_http_message: true",
         client=send("GET / HTTP/1.1\r\nX-A: 1\r\n\r\n") + read() + get("/next"))

# Which headers a client may have removed by naming them in Connection, and which names are refused.
for _n, _word in enumerate(["x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "forwarded", "content-length",
                            "transfer-encoding", "host", "te", "x-envoy-internal", "cookie", "authorization", "x-request-id",
                            "trailer", "date", "keep-alive", "close", "upgrade", "http2-settings", "expect"]):
    scenario(f"connection_nominates_{_word.replace('-', '_')}",
             client=send(f"GET / HTTP/1.1\r\n{HOST}X-A: 1\r\n{_word}: v\r\nConnection: x-a, {_word}\r\n\r\n" if _word not in
                         ("host", "content-length", "transfer-encoding", "te") else
                         f"GET / HTTP/1.1\r\n{HOST}X-A: 1\r\nTE: trailers\r\nConnection: x-a, {_word}\r\n\r\n") + read())
scenario("connection_nominates_many", client=send(f"GET / HTTP/1.1\r\n{HOST}X-1: 1\r\nConnection: " + ", ".join(f"x-{i}" for i in range(10))
                                                   + "\r\n\r\n") + read())
scenario("connection_nominates_too_many", client=send(f"GET / HTTP/1.1\r\n{HOST}X-1: 1\r\nConnection: " + ", ".join(f"x-{i}" for i in range(13))
                                                       + "\r\n\r\n") + read())
scenario("connection_nominates_te_gzip", client=send(f"GET / HTTP/1.1\r\n{HOST}TE: gzip, trailers;q=1\r\nConnection: te\r\n\r\n") + read())
scenario("te_gzip_not_nominated", client=send(f"GET / HTTP/1.1\r\n{HOST}TE: gzip\r\n\r\n") + read())
for _method in ("DELETE", "OPTIONS", "TRACE", "PATCH", "REPORT", "LOCK", "SEARCH", "SUBSCRIBE", "COPY", "MKCOL", "ACL", "LINK", "MERGE", "SOURCE"):
    scenario(f"empty_{_method.lower()}", client=send(f"{_method} / HTTP/1.1\r\n{HOST}\r\n") + read())
for _name, _target in {"no_port": "h.example", "port": "h.example:80", "userinfo": "u@h:80", "bad_port": "h:80a", "empty_port": "h:", "v6": "[::1]:80",
                       "big_port": "h:70000", "url": "http://h:80/"}.items():
    bad(f"connect_target_{_name}", f"CONNECT {_target} HTTP/1.1\r\n{HOST}\r\n")
for _name, _version in {"http12": "HTTP/1.2", "http20": "HTTP/2.0", "http01": "HTTP/0.1"}.items():
    bad(f"accept_10_{_name}", f"GET / {_version}\r\n{HOST}\r\n", hcm="http_protocol_options: {accept_http_10: true}", keep=True)
for _name, _host in {"slash": "a/b", "space": "a b", "percent": "a%20b", "quote": "a'b", "dquote": 'a"b', "lt": "a<b", "backslash": "a\\\\b",
                     "caret": "a^b", "brace": "a{b", "pipe": "a|b", "question": "a?b", "hash": "a#b", "v6": "[::1]:80", "star": "*", "tilde": "a~b",
                     "semicolon": "a;b", "high": "\xe9", "colons": "a:b:c", "bad_port": "a:x", "underscore": "a_b", "plus": "a+b", "backtick": "a`b"}.items():
    bad(f"host_{_name}", f"GET / HTTP/1.1\r\nHost: {_host}\r\n\r\n", keep=True)
bad("low_version_bad_header", "GET / HTTP/1.0\r\nHost h.example\r\n\r\n")
bad("low_version_no_host", "GET / HTTP/1.0\r\n\r\n")
for _name, _byte in {"ctl": "\x01", "del": "\x7f", "tab": "\t", "nul": "\x00", "cr": "\r"}.items():
    bad(f"name_with_{_name}", f"GET / HTTP/1.1\r\n{HOST}X{_byte}A: ab\r\n\r\n")
    bad(f"path_with_{_name}", f"GET /a{_byte}b HTTP/1.1\r\n{HOST}\r\n")
