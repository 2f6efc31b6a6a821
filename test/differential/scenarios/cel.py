"""Expressions (CEL) as filters of access logs: which of them hold for a request or a connection."""
import json

from harness.dsl import *

FILE = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
EXPRESSION = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
HTTP = "type.googleapis.com/envoy.extensions.filters.http."


def entry(expression):
    return {"name": "l", "filter": {"extension_filter": {"name": "cel", "typed_config": {"@type": EXPRESSION, "expression": expression}}},
            "typed_config": {"@type": FILE, "path": "{{log}}", "log_format": {"text_format_source": {"inline_string": expression.replace("%", "%%").replace("\n", " ") + "\n"}}}}


def always(text):
    return {"name": "l", "typed_config": {"@type": FILE, "path": "{{log}}", "log_format": {"text_format_source": {"inline_string": text + "\n"}}}}


def logs(text):
    """One log for each line, which says the expression; the last one is written always, so that the log's end is known."""
    return json.dumps([entry(line) for line in text.strip("\n").split("\n")] + [always("all")])


def cel(name, text, client=get("/p/a?x=1&y=2", "x-a: one"), **kw):
    kw.setdefault("routes", "[{name: rt, match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hi}}}]")
    scenario("cel_" + name, access_log=logs(text), client=client, **kw)


ISTIO = "response.code >= 400 || connection.mtls"
cel("istio", ISTIO)
cel("istio_error", ISTIO, routes="[{match: {prefix: /}, direct_response: {status: 404}}]")
cel("istio_tcp", ISTIO + "\nconnection.mtls || true\n!connection.mtls\nhas(response.code)\nresponse.flags == 0\nhas(request.path)\nhas(request.protocol)\nrequest.size == 1\nsize(request.headers) == 0\n"
    "has(xds.cluster_name)\nupstream.port > 0\nsource.port > 0\nhas(connection.termination_details)\nrequest.headers.a == 'x'", routes=None,
    kind="tcp", up={"up": Tcp(tunnel_echo())}, client=send("x") + read_bytes(1) + half_close() + raw_all())
cel("request", r"""
request.headers["x-a"] == "one"
request.headers["X-A"] == "one"
request.headers["x-m"] == "m1,m2"
request.headers.missing == "x"
request.headers["missing"] != "x"
!has(request.headers.missing)
has(request.headers.referer)
"x-a" in request.headers
!("zz" in request.headers)
request.headers["x-e"] == ""
request.headers[":path"] == "/p/a?x=1&y=2"
request.headers["host"] == "a.example"
request.headers[1] == "x"
size(request.headers) > 5
request.headers == request.headers
request.path == "/p/a?x=1&y=2"
request.url_path == "/p/a"
request.query == "x=1&y=2"
request.host == "a.example"
request.scheme == "http"
request.method == "POST"
request.referer == "ref"
request.useragent == "ua"
has(request.id)
request.protocol == "HTTP/1.1"
request.size == 3
request.total_size > 100
request.duration >= duration("0s")
request.duration < duration("1h")
request.time > timestamp("2020-01-01T00:00:00Z")
request.time - timestamp("2020-01-01T00:00:00Z") > duration("1h")
request["path"] == request.path
has(request.nosuch)
!has(request.nosuch)
request.nosuch == 1
!(request.nosuch == 1)
(request).path == request.path
""", client=req("/p/a?x=1&y=2", "x-a: one", "x-m: m1", "x-m: m2", "referer: ref", "user-agent: ua", "x-e:", host="a.example", method="POST", body="abc"))
cel("no_query", "request.query == ''\nhas(request.query)\nrequest.url_path == request.path\nhas(request.referer)\nhas(request.useragent)\nrequest.size == 0", client=get("/p"))
cel("response", """
response.code == 200
response.code == 200u
response.code == 200.0
response.code != "a"
response.code == "a"
!(response.code == "a")
response.code in [200, 201]
response.code < 201.5
response.code_details == "via_upstream"
response.flags == 0
response.grpc_status == 2
response.headers["x-r"] == "rv"
response.headers[":status"] == "200"
response.headers[":status"] == 200
size(response.trailers) == 0
response.size == 2
response.total_size > 2
response.backend_latency >= duration("0s")
upstream.address.startsWith("127.0.0.1:")
upstream.port > 0
upstream.port == 0
upstream.local_address.startsWith("127.0.0.1:")
upstream.transport_failure_reason == ""
upstream.request_attempt_count == 1
upstream.cx_pool_ready_duration >= duration("0s")
has(upstream.tls_version)
has(upstream.uri_san_peer_certificate)
xds.cluster_name.size() > 0
xds.route_name == "rt"
xds.virtual_host_name == "all"
xds.filter_chain_name == ""
has(xds.filter_chain_name)
""", routes='[{name: rt, match: {prefix: /}, route: {cluster: "{{up}}"}}]', up=[ok("hi", "x-r: rv")])
cel("upstream_refused", "response.code == 503\nresponse.flags == 32\nresponse.code_details.startsWith('upstream_reset')\nhas(upstream.address)\nhas(upstream.local_address)\n"
    "upstream.transport_failure_reason.contains('refused')\nupstream.request_attempt_count == 1\nresponse.size > 0\nresponse.grpc_status == 14",
    routes='[{match: {prefix: /}, route: {cluster: "{{up}}"}}]', up=REFUSE)
cel("direct", "has(upstream.address)\nhas(upstream.request_attempt_count)\nupstream.request_attempt_count == 0\nhas(xds.cluster_name)\nhas(response.backend_latency)\nxds.route_name == 'rt'\nresponse.code_details == 'direct_response'")
cel("no_route", "response.code == 404\nresponse.flags == 256\nhas(xds.route_name)\nresponse.code_details == 'route_not_found'", routes="[{match: {prefix: /zz}, direct_response: {status: 200}}]")
cel("grpc", "response.grpc_status == 5\nresponse.trailers['grpc-status'] == '5'\nsize(response.trailers) == 2\nresponse.headers['grpc-status'] == '5'", up=[raw(
    "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-t: trailing\r\ngrpc-status: 5\r\n\r\n")],
    routes='[{match: {prefix: /}, route: {cluster: "{{up}}"}}]', client=req("/s/m", "content-type: application/grpc", method="POST", body="x"), hcm="http_protocol_options: {enable_trailers: true}",
    clusters={"up": {"yaml": "{typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
                             "{'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {enable_trailers: true}}}}}"}})
cel("connection", """
connection.id > 0
connection.id > 0u
connection.mtls == false
!connection.mtls
has(connection.requested_server_name)
connection.requested_server_name == ""
has(connection.tls_version)
has(connection.subject_peer_certificate)
has(connection.termination_details)
connection.termination_details == ""
has(connection.transport_failure_reason)
source.address.startsWith("127.0.0.1:")
source.port > 0
destination.address.startsWith("127.0.0.1:")
destination.port > 0
has(connection.foo)
source.foo == 1
""")
STATE = ("[{name: s, typed_config: {'@type': %sset_filter_state.v3.Config, on_request_headers: [{object_key: fs.key, factory_key: envoy.string, "
         "format_string: {text_format_source: {inline_string: fsv}}}]}}]" % HTTP)
cel("filter_state", """
filter_state["fs.key"] == "fsv"
filter_state["fs.key"] == b"fsv"
"fs.key" in filter_state
"other" in filter_state
has(filter_state.foo)
filter_state.foo == b"x"
size(filter_state["fs.key"]) == 3
""", filters=STATE)
cel("metadata_empty", "metadata.filter_metadata.zz.y == 1\nhas(metadata.filter_metadata.zz)\nhas(metadata.filter_metadata.zz.y)\n!has(metadata.filter_metadata.zz.y)\nhas(metadata.filter_metadata)\n'ns' in metadata.filter_metadata")
FAULT = ("[{name: envoy.filters.http.fault, typed_config: {'@type': %sfault.v3.HTTPFault, filter_metadata: {s: v, n: 5, b: true, l: [a, b], o: {k: w}, nul: null}, "
         "abort: {http_status: 503, percentage: {numerator: 100}}}}]" % HTTP)
cel("metadata", """
metadata.filter_metadata["envoy.filters.http.fault"]["s"] == "v"
metadata["filter_metadata"]["envoy.filters.http.fault"].s == "v"
metadata.filter_metadata["envoy.filters.http.fault"].n == 5
metadata.filter_metadata["envoy.filters.http.fault"].n == 5.5
metadata.filter_metadata["envoy.filters.http.fault"].b
metadata.filter_metadata["envoy.filters.http.fault"].l[0] == "a"
metadata.filter_metadata["envoy.filters.http.fault"].l[2] == "a"
metadata.filter_metadata["envoy.filters.http.fault"].l == ["a", "b"]
size(metadata.filter_metadata["envoy.filters.http.fault"].l) == 2
size(metadata.filter_metadata["envoy.filters.http.fault"]) == 6
"a" in metadata.filter_metadata["envoy.filters.http.fault"].l
"k" in metadata.filter_metadata["envoy.filters.http.fault"].o
metadata.filter_metadata["envoy.filters.http.fault"].o.k == "w"
metadata.filter_metadata["envoy.filters.http.fault"].nul == null
has(metadata.filter_metadata["envoy.filters.http.fault"].s)
has(metadata.filter_metadata["envoy.filters.http.fault"].zz)
has(metadata.filter_metadata["envoy.filters.http.fault"].s.zz)
response.flags == 1024
""", filters=FAULT)

# ---- the language

cel("logic", """
true
false
true || foo
foo || true
foo || false
!(foo || false)
!(foo && false)
foo && true
false && foo
1 || true
true || 1
1 || false
!(1 || false)
!(false && 1)
foo == 1
foo.bar
!1
!!true
!!!true == false
true ? true : foo
false ? foo : true
foo ? true : true
1 ? true : false
foo && false ? false : true
true && (false || true) == true
1 < 2 == true
1
"str"
response.code
has(foo.bar)
!has(foo.bar)
null == null
null != 1
null == 1
!(null == 1)
null < null
false || false || true || foo
true && true && false
""")
cel("numbers", """
1 == 1.0
1.0 == 1u
1 < 1.5
-1 < 1u
18446744073709551615u > 1
9007199254740993 == 9007199254740992.0
18446744073709551615u == 18446744073709551616.0
1 + 2 == 3
1 + 1.0 == 2.0
1 + 2 * 3 == 7
(1 + 2) * 3 == 9
10 - 2 - 3 == 5
7 / 2 == 3
-7 / 2 == -3
7 % 3 == 1
-7 % 3 == -1
1 / 0 == 1
1 % 0 == 0
1.0 / 0.0 > 1.0
0.0 / 0.0 == 0.0 / 0.0
0.0 / 0.0 != 0.0 / 0.0
0.0 / 0.0 < 1.0
1.0 % 2.0 == 1.0
9223372036854775807 + 1 > 0
-9223372036854775808 < 0
-(-9223372036854775808) > 0
5u - 6u == 0u
1u + 2u == 3u
-(1u) == 1
--1 == 1
!-1
-(-1) == 1
0x10 == 16
-0x10 == -16
0xFFu == 255u
1e3 == 1000.0
.5 == 0.5
int("1") == 1
int("x") == 1
int(-1.9) == -1
int(1e30) == 1
int(true) == 1
uint(-1) == 1u
uint(1.9) == 1u
double(1) == 1.0
dyn(1) == 1
1 < "a"
true < 1
false < true
""")
cel("texts", r"""
"a" < "b"
"a" < 1
"abc".startsWith("ab")
"abc".endsWith("bc")
"abc".contains("b")
"abc".startsWith(1)
startsWith("abc", "a")
contains("abc", "z")
"abc".matches("b")
"abc".matches("^b")
matches("abc", "a.c")
size("héé") == 3
"abc".size() == 3
b"é".size() == 2
size(1) == 1
"".size() == 0
"a" + "b" == "ab"
"x" + 1 == "x1"
-"a" == 1
!"a"
"abc"[0] == "a"
'a\n\x41\u0041' == "a\nAA"
"\101" == "A"
"\u00e9" == "é"
b"\xff".size() == 1
"\xff" == "ÿ"
r'a\n' == "a\\n"
R"a\b" == "a\\b"
br"a" == b"a"
'''tri''' == "tri"
'a"b' == "a\"b"
"a" == 'a' // comment
b"abc" == b'abc'
b"abc" == "abc"
request.path.matches("^/p/[a-z]+")
request.path in ["/a", "/p/a?x=1&y=2"]
""")
cel("lists", """
1 in [1, 2]
1.0 in [1, 2]
3 in [1, 2]
1 in []
"a" in [1, "a"]
[1, 2] == [1, 2.0]
[1, 2] == [2, 1]
[1, 2] == [1]
[1, 2,] == [1, 2]
[] == []
[1, 2][1] == 2
[1, 2][1.0] == 2
[1, 2][1u] == 2
[1, 2][5] == 2
[1, 2][-1] == 2
[1, 2]["a"] == 2
[[1], [2]] == [[1], [2]]
[foo] == [1]
foo in [1]
!(foo in [1])
1 in "abc"
size([1, 2, 3]) == 3
[request.path, 1][1] == 1
[1] + [2] == [1, 2]
""")
cel("times", """
duration("1s") == duration("1000ms")
duration("1h2m3.5s") > duration("1h")
duration("1s") + duration("2s") == duration("3s")
duration("3s") - duration("2s") == duration("1s")
duration("1s") > 1
duration("bad") == duration("1s")
duration("1") == duration("1s")
duration("-1s") < duration("0")
duration("1us") == duration("1000ns")
duration(".5s") == duration("500ms")
timestamp("bad") == timestamp("2023-01-01T00:00:00Z")
timestamp("2023-01-01T01:00:00+01:00") == timestamp("2023-01-01T00:00:00Z")
timestamp("2023-01-01T00:00:00.5Z") > timestamp("2023-01-01T00:00:00Z")
timestamp("2023-01-01 00:00:00Z") > timestamp("2022-01-01T00:00:00Z")
timestamp("2024-02-29T00:00:00Z") + duration("24h") == timestamp("2024-03-01T00:00:00Z")
duration("1s") + timestamp("2023-01-01T00:00:00Z") == timestamp("2023-01-01T00:00:01Z")
duration("1s") - timestamp("2023-01-01T00:00:00Z") == duration("1s")
timestamp("2023-01-01T00:00:01Z") - timestamp("2023-01-01T00:00:00Z") == duration("1s")
int(timestamp("1970-01-01T00:00:10Z")) == 10
""")

# ---- with other filters

scenario("cel_in_or_filter", routes="[{match: {prefix: /a}, direct_response: {status: 200}}, {match: {prefix: /}, direct_response: {status: 404}}]", access_log=json.dumps([{
    "name": "l", "filter": {"or_filter": {"filters": [entry("request.path == '/a'")["filter"], {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": 404, "runtime_key": "x"}}}}]}},
    "typed_config": {"@type": FILE, "path": "{{log}}", "log_format": {"text_format_source": {"inline_string": "%REQ(:path)%\n"}}}}]), client=get("/a") + get("/a2") + get("/b"))

# ---- TLS

SECURE = secure_chain(name="only")
PEER = """
connection.mtls
connection.mtls || response.code >= 400
connection.tls_version == "TLSv1.3"
connection.requested_server_name == "a.example"
connection.subject_local_certificate == "CN=server"
connection.subject_local_certificate.size() > 0
connection.subject_peer_certificate == ""
connection.subject_peer_certificate.contains("CN=")
has(connection.uri_san_peer_certificate)
connection.uri_san_peer_certificate.startsWith("spiffe://")
has(connection.dns_san_peer_certificate)
has(connection.uri_san_local_certificate)
has(connection.dns_san_local_certificate)
connection.sha256_peer_certificate_digest.size() == 64
request.scheme == "https"
xds.filter_chain_name == "only"
"""

for cert, name in (("client", "mtls"), (None, "tls_without_certificate"), ("client_no_san", "mtls_without_names")):
    cel(name, PEER, certs=True, chains=SECURE, client=tls("a", versions="1.3", sni="a.example", **({"cert": cert} if cert else {})) + get("/", c="a"))

# ---- refused; where something is not implemented, we say so (test/unit/cel_test.cc has the words)

for name, expression in (("regex", '"abc".matches("[")'), ("regex_size", '"abc".matches("(a{10}){12}")'), ("string", 'string(1) == "1"'), ("loop", "[1, 2].all(x, x > 0)"),
                         ("function", "nofunc(1)"), ("end", "request.path == "), ("has", "has(request)"), ("rest", "1)"), ("reserved", "if == 1"), ("big", "9223372036854775808 == 1"),
                         ("message", "Foo{a: 1}"), ("arguments", '"a".size(1) == 1'), ("choice_in_choice", "true ? false ? false : true : false")):
    scenario("cel_refused_" + name, kind="validate", config=json.dumps({"static_resources": {"listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": 19999}},
             "access_log": [json.loads(json.dumps(entry(expression)).replace("{{log}}", "/dev/stdout"))], "filter_chains": [{}]}]}}))


# ---- expressions in format strings

FORMATS = """
request.path
request.headers['x-a']
request.headers['nope']
request.size
request.size + 1
request.size == 0
response.code
response.code > 199u
response.code_details
connection.mtls
source.port > 1
'a' + 'b'
1.5
1e20
-2
7u
null
b'ab'
duration('1h2m3.5s')
duration('1.5ms')
duration('-250us')
duration('0s')
timestamp('2023-01-02T03:04:05.25Z')
request.headers
[1, 2]
nope.path
1 / 0
request.path.startsWith('/p') ? 'yes': 'no'
'k' in filter_state ? filter_state['k']: r'127.0.0.1:80'
"""
LINES = FORMATS.strip("\n").split("\n")


HI = "[{name: rt, match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hi}}}]"


def shown(form):
    return json.dumps([{"name": "l", "typed_config": {"@type": FILE, "path": "{{log}}", "log_format": form}}])


def written(text):
    return shown({"text_format_source": {"inline_string": text + "\n"}})


def formatted(name, log, client=get("/p/a?x=1", "x-a: one"), **kw):
    scenario("cel_format_" + name, access_log=log, client=client, routes=kw.pop("routes", HI), **kw)


formatted("text", written("|".join("%CEL(" + e + ")%" for e in LINES)))
formatted("typed_text", written("|".join("%TYPED_CEL(" + e + ")%" for e in LINES)))
formatted("json", shown({"json_format": {str(i): "%CEL(" + e + ")%" for i, e in enumerate(LINES)}}))
formatted("typed_json", shown({"json_format": {str(i): "%TYPED_CEL(" + e + ")%" for i, e in enumerate(LINES)}}))
formatted("lengths", written("%CEL(request.path):3%|%CEL(request.path):0%|%CEL(request.path):100%|%CEL(1234):2%|%TYPED_CEL('abc'):2%"))
formatted("typed_lengths", shown({"json_format": {"a": "%TYPED_CEL(request.path):3%", "b": "%TYPED_CEL(1234):2%", "c": "x%TYPED_CEL(1234):2%"}}))
formatted("empty_values", shown({"text_format_source": {"inline_string": "%CEL(nope)%|%CEL(request.headers['no'])%\n"}, "omit_empty_values": True}))
formatted("extension", shown({"text_format_source": {"inline_string": "%CEL(request.path)%\n"}, "formatters": [{"name": "f", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.formatter.cel.v3.Cel"}}]}))
formatted("header", written("%RESP(X-B)%"), routes=HI.replace("direct_response:", "response_headers_to_add: [{header: {key: x-b, value: \"%CEL(request.path)%!\"}}], direct_response:"))
formatted("state", written("%FILTER_STATE(k:PLAIN)%"), filters=json.dumps([{"name": "s", "typed_config": {"@type": HTTP + "set_filter_state.v3.Config", "on_request_headers": [
    {"object_key": "k", "factory_key": "envoy.string", "format_string": {"text_format_source": {"inline_string": "%CEL('j' in filter_state ? filter_state['j']: r'127.0.0.1:80')%"}}}]}}]))
for _name, _text in {"syntax": "%CEL(request.path +)%", "nothing": "%CEL()%", "bare": "%CEL%", "macro": "%CEL([1].exists(x, x == 1))%", "unknown_name": "%CEL(nope.path)%", "typed": "%TYPED_CEL(request.size)%"}.items():
    scenario("cel_format_check_" + _name, kind="validate", config=manager_config(manager="access_log: " + written(_text).replace("{{log}}", "/dev/null")))
