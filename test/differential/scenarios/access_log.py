# Access logs: every operator with and without a value, formats, filters, files.
import json

from harness.dsl import *
from harness.operators import HTTP, TIMES, TIMES_TEXT

LOGGER = "type.googleapis.com/envoy.extensions.access_loggers."
FILE = LOGGER + "file.v3.FileAccessLog"
MASKED = [(r"=\d+(\.\d+)?(?= |,|$)", "=<n>"), (r"(host=)\S+$", r"\1<host>"), (r"(up_connections=)[\d,]+", r"\1<n>")]
TRAILERS = ("http_protocol_options: {enable_trailers: true}", {"up": {"yaml": "{typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
            "{'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {enable_trailers: true}}}}}"}})
WITH_TRAILERS = [raw("HTTP/1.1 200 OK\r\nx-r: response\r\ntransfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n5\r\nhello\r\n0\r\nx-t: trailing\r\ngrpc-status: 5\r\n\r\n")]
GRPC = "content-type: application/grpc"
ROUTES = """
- {name: direct, match: {prefix: /direct}, direct_response: {status: 418, body: {inline_string: short and stout}}}
- {name: rewritten, match: {prefix: /old}, route: {cluster: "{{up}}", prefix_rewrite: /new}}
- {name: nowhere, match: {prefix: /nowhere}, route: {cluster_header: x-cluster}}
- {name: retried, match: {prefix: /retry}, route: {cluster: "{{up}}", timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 2}}}
- {name: rest, match: {prefix: /}, route: {cluster: "{{up}}"}, metadata: {filter_metadata: {a: {b: [1, two, {c: null}]}}}}
"""


def both(name, client, times=True, form=None, **kw):
    """Logs the client's requests with all operators: as JSON, as text, and the times."""
    kw.setdefault("routes", ROUTES)
    kw.setdefault("router", "suppress_envoy_headers: true")  # x-envoy-upstream-service-time has one digit or two
    scenario("log_" + name, log_format=form or HTTP, client=client, **kw)
    if times:
        kw.pop("mask", None)
        scenario("log_" + name + "_times", access_log=text(TIMES_TEXT + "\\n"), mask=MASKED, client=client, **kw)


def text(form, filter=None, path="{{log}}", logger=FILE):
    entry = {"name": "f", "typed_config": {"@type": logger, "log_format": {"text_format_source": {"inline_string": form.replace("\\n", "\n")}}}}
    if logger == FILE:
        entry["typed_config"]["path"] = path
    if filter:
        entry["filter"] = filter
    return json.dumps([entry])


both("get", get("/a/b?q=one%20two&r=2", "x-a: value a", "x-b: b"))
both("post", req("/a", "x-a: a", method="POST", body="payload"))
both("trailers", get("/?q"), up=WITH_TRAILERS, hcm=TRAILERS[0], clusters=TRAILERS[1])
both("grpc", req("/s/m", GRPC, method="POST", body="x"), up=WITH_TRAILERS, hcm=TRAILERS[0], clusters=TRAILERS[1], times=False)
both("grpc_no_status", req("/s/m", GRPC, method="POST", body="x"), times=False)
both("grpc_in_head", req("/s/m", GRPC, method="POST", body="x"), up=[ok("", "grpc-status: 16", "content-type: application/grpc")], times=False)
both("grpc_odd_status", req("/s/m", GRPC, method="POST", body="x") + req("/s/m", GRPC, method="POST", body="x"), up=[ok("", "grpc-status: 99", "content-type: application/grpc"), ok("", "grpc-status: x", "content-type: application/grpc")], times=False)
both("grpc_refused", req("/s/m", GRPC, method="POST", body="x"), up=REFUSE, times=False)
both("direct", get("/direct/x?q=1&q=2", "x-a: a"))
both("rewritten", get("/old/x?q=1#f".replace("#f", ""), "x-a: a"), times=False)
both("no_cluster", get("/nowhere"))
both("no_route", get("/nope"), vhosts="[{name: v, domains: [a.example], routes: []}]", routes=None)
both("refused", get("/"), up=REFUSE)
both("reset", get("/"), up=[rst()])
both("closed", get("/"), up=[fin()], times=False)
both("partial", get("/"), up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345") + fin()], times=False)
both("timeout", get("/"), routes='[{match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.1s}}]', up=[hold()])
both("retried", get("/retry"), up=[ok("no", status=503), ok("no", status=503), ok("yes")])
both("retry_refused", get("/retry"), up=REFUSE, times=False)
both("retry_two_hosts", get("/retry"), up={"one": [ok("no", status=503)], "two": [ok("no", status=503)]}, clusters={"up": {"hosts": ["one", "two"]}}, times=False,
     mask=[("<one>|<two>", "<either>")], no_upstream=True)
both("client_gone_midway", send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + read_bytes(36) + reset() + logged(1), up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345") + hold()], times=False)
both("bad_request", send("GET / HTTP/1.1\r\nbad\r\n\r\n") + read())
both("no_host", send("GET / HTTP/1.1\r\n\r\n") + read(), times=False)
both("client_gone", send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + seen(1) + reset() + logged(1), up=[hold()])
both("client_ends", send("GET / HTTP/1.1\r\nhost: a\r\n\r\n") + seen(1) + close() + logged(1), up=[hold()], times=False)
both("half_request", send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n12") + seen(1) + reset() + logged(1), times=False)
both("head", req("/", method="HEAD"), times=False)
both("xff", get("/", "x-forwarded-for: 1.2.3.4", "x-request-id: mine"), times=False)
both("http10", send("GET /?q=%41 HTTP/1.0\r\nhost: a:80\r\n\r\n") + read(), hcm="http_protocol_options: {accept_http_10: true}", times=False)
both("websocket", send("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n") + read() + send("ping") + read_bytes(4) + half_close() + raw_all(),
     up=[raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n") + tunnel_echo()], hcm="upgrade_configs: [{upgrade_type: websocket}]")
both("virtual_cluster", get("/v"), routes=None, times=False, vhosts="""
- name: vhost
  domains: ["*"]
  virtual_clusters: [{name: vc, headers: [{name: ":path", string_match: {prefix: /v}}]}]
  routes: [{match: {prefix: /}, route: {cluster: "{{up}}"}, name: r}]
""")
both("hostnames", get("/"), times=False, clusters={"up": {"yaml": "load_assignment: {endpoints: [{lb_endpoints: [{endpoint: {hostname: 'named.example:7', address: "
     "{socket_address: {address: 127.0.0.1, port_value: {{up.port}}}}}}]}]}"}})
both("fault", get("/"), times=False, filters="[{name: envoy.filters.http.fault, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, "
     "abort: {http_status: 503, percentage: {numerator: 100}}}}]")
both("as_text", get("/a?q=1", "x-a: \"quoted\" \\back\ttab"), times=False, form=None, mask=[])

QUERIES = "|".join(f"%{x}%" for x in ("QUERY_PARAMS", "QUERY_PARAMS(ORIG)", "QUERY_PARAMS(DECODED)", "QUERY_PARAM(a)", "QUERY_PARAM(b):2", "QUERY_PARAM( )", "PATH(NQ)"))
scenario("log_queries", routes='[{match: {prefix: /}, direct_response: {status: 200}}]', access_log=text(QUERIES + "\\n"), client=sum((get(x) for x in (
    "/?", "/", "/?a", "/?a=", "/?a=1&a=2", "/?b&a=%3D%26%25%2F%2B+%C3%A9", "/?a=%zz&b=%4", "/?&&a=1&=5&b==x", "/?%61=enc&B=1", "/?a=1;b=2", "/?a=(x)~!*-_.@:,/?",
    "/?%20=sp&a=%7f%7e%21", "/%61?b=abc#".rstrip("#"))), []))
SNI = "|".join(f"%REQUESTED_SERVER_NAME{x}%" for x in ("", "(SNI_ONLY)", "(SNI_FIRST)", "(HOST_FIRST)", "(HOST_FIRST:HOST)", "(HOST_FIRST:ORIG)", "(HOST_FIRST:ORIG_OR_HOST)", "(SNI_FIRST:ORIG)", "(:HOST)"))
scenario("log_server_names", routes='[{match: {prefix: /}, route: {cluster: "{{up}}", host_rewrite_literal: new.example}}]', access_log=text(SNI + "\\n"), client=get("/") + get("/", host="a:80"))
COALESCES = "|".join("%COALESCE(" + json.dumps({"operators": x}).replace(" ", "") + ")" + y + "%" for x, y in (
    (["PROTOCOL"], ""), ([{"command": "REQ", "param": "nope"}, {"command": "REQ", "param": "x-a", "max_length": 2}], ""), ([{"command": "REQ", "param": "nope"}], ""),
    (["TRACE_ID", "RESPONSE_CODE"], ""), (["PROTOCOL"], ":3")))
scenario("log_coalesce", routes='[{match: {prefix: /}, direct_response: {status: 200}}]', access_log=text(COALESCES + "\\n"), client=get("/", "x-a: value"))
scenario("log_coalesce_json", routes='[{match: {prefix: /}, direct_response: {status: 200}}]', log_format={str(i): x for i, x in enumerate(COALESCES.split("|"))}, client=get("/", "x-a: value"))

# Formats.

SIMPLE = "[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ok}}}]"


def form(name, access_log, client=get("/p?q=1", "x-a: a"), **kw):
    kw.setdefault("routes", SIMPLE)
    scenario("format_" + name, access_log=access_log if isinstance(access_log, str) else json.dumps(access_log), client=client, **kw)


def entry(config, **kw):
    return [{"name": "f", "typed_config": {"@type": FILE, "path": "{{log}}", **config}, **kw}]


DEFAULT = [(r"^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\]", "[<time>]"), (r'(" \d+ \S+ \d+ \d+) \d+ (\d+|-) "', r'\1 <ms> <\2> "'), (r"<\d+>", "<ms>")]
form("default", entry({}), mask=DEFAULT)
form("default_upstream", entry({}), routes=None, mask=DEFAULT)
form("default_refused", entry({}), routes=None, up=REFUSE, mask=DEFAULT)
form("default_named_log_format", entry({"format": ""}), mask=DEFAULT)
form("old_format", entry({"format": "%REQ(x-a)% %RESPONSE_CODE%|"}))
form("old_json", entry({"json_format": {"a": "%REQ(x-a)%", "code": "%RESPONSE_CODE%", "text": "%RESPONSE_CODE% it was", "none": "%REQ(n)%"}}))
form("old_typed_json", entry({"typed_json_format": {"a": "%REQ(x-a)%", "code": "%RESPONSE_CODE%", "list": ["%PROTOCOL%", 1, True, None, {"x": "%REQ(n)%"}]}}))
form("text_format", entry({"log_format": {"text_format": "%REQ(x-a)% no newline;"}}), client=get("/", "x-a: 1") + get("/", "x-a: 2"))
form("text_percent", text("100%% %RESPONSE_CODE%%%\\n"))
form("text_omit_empty", entry({"log_format": {"omit_empty_values": True, "text_format_source": {"inline_string": "%REQ(n)%|%REQ(x-a)%|%GRPC_STATUS%|%UPSTREAM_HOST%|%ROUTE_NAME%|%RESPONSE_FLAGS%\n"}}}))
form("text_missing", text("%REQ(n)%|%GRPC_STATUS%|%UPSTREAM_HOST%|%ROUTE_NAME%|%RESPONSE_FLAGS%|%UPSTREAM_CLUSTER%|%REQUESTED_SERVER_NAME%|%TRACE_ID%|%DYNAMIC_METADATA(a)%|%FILTER_STATE(a)%|"
                          "%UPSTREAM_REMOTE_PORT%|%CONNECTION_TERMINATION_DETAILS%|%QUERY_PARAM(n)%|%LOCAL_REPLY_BODY%|%ENVIRONMENT(OUTRIGGER_TEST_NOPE)%|%DOWNSTREAM_PEER_SUBJECT%|%RESPONSE_DURATION%\\n"))
form("json_types", entry({"log_format": {"json_format": {"string": "%REQ(x-a)%", "number": "%RESPONSE_CODE%", "mixed": "%RESPONSE_CODE% x", "two": "%RESPONSE_CODE%%RESPONSE_CODE%", "null": "%REQ(n)%",
     "mixed_null": "x %REQ(n)%", "literal": "plain", "empty": "", "bool": True, "no": False, "int": 3, "float": 2.5, "big": 12345678901234567, "small": 1e-7, "nothing": None, "list": ["%PROTOCOL%", "%REQ(n)%", 1, None, []],
     "object": {"inner": "%REQ(n)%", "deep": {"x": "%RESPONSE_CODE%"}}, "empty_object": {}, "bytes": "%BYTES_SENT%", "flags": "%RESPONSE_FLAGS%", "percent": "100%%"}}}))
form("json_omit_empty", entry({"log_format": {"omit_empty_values": True, "json_format": {"string": "%REQ(x-a)%", "null": "%REQ(n)%", "mixed_null": "x %REQ(n)%", "only_nulls": "%REQ(n)%%REQ(m)%", "nothing": None, "empty": "",
     "list": ["%REQ(n)%", "%PROTOCOL%"], "object": {"inner": "%REQ(n)%"}, "empty_object": {}, "empty_list": [], "flags": "%RESPONSE_FLAGS%", "zero": "%BYTES_RECEIVED%"}}}))
form("json_escapes", entry({"log_format": {"json_format": {"a \"key\" \\": "%REQ(x-a)%", "é": "ü %REQ(x-a)%", "control": "a\tb\u0001c"}}}),
     client=send(b"GET / HTTP/1.1\r\nhost: a\r\nx-a: q\"b\\s\tt\xff\xc3\xa9<>&\r\n\r\n") + read())
form("json_key_order", entry({"log_format": {"json_format": {"b": "1", "a": "2", "C": "3", "10": "4", "9": "5", "": "6"}}}), raw_log=True)
form("content_type_ignored", entry({"log_format": {"content_type": "text/html", "text_format_source": {"inline_string": "%RESPONSE_CODE%\n"}}}))
form("times", text("%START_TIME%|%START_TIME(%Y-%m-%dT%H:%M:%S%z %s)%|%START_TIME(%f)%|%START_TIME(%3f)%|%START_TIME(%6f)%|%START_TIME(%9f)%|%START_TIME(%1f)%|%START_TIME(%s.%3f)%|%START_TIME(%E3S)%|%START_TIME(%%)%|%START_TIME(x)%|"
                   "%START_TIME(%H:%M, %a %b)%|%START_TIME_LOCAL(%Z)%|%EMIT_TIME%|%EMIT_TIME(%Y)%\\n"), mask=[(r"\d", "0"), ("[A-Z][a-z]{2} [A-Z][a-z]{2}", "<day> <month>")])
form("crlf_in_header", text("%REQ(x-a)%|%REQ(x-b)%\\n"), client=send("GET / HTTP/1.1\r\nhost: a\r\nx-a: a\tb\r\nx-b:\r\n\r\n") + read())
form("two_headers", text("%REQ(x-a)%|%REQ(X-A):5%|%REQ(x-b)%\\n"), client=get("/", "x-a: 1", "x-a: 2", "x-b: "))
form("two_logs", [*json.loads(text("one %RESPONSE_CODE%\\n")), *json.loads(text("two %RESPONSE_CODE%\\n"))])
form("no_logs", "[]", no_log=False)
form("log_types", text("%ACCESS_LOG_TYPE%\\n"))
form("attributes_of_route", text("%ROUTE_NAME%|%VIRTUAL_CLUSTER_NAME%|%FILTER_CHAIN_NAME%\\n"), routes="[{name: 'the route', match: {prefix: /}, direct_response: {status: 200}}]",
     chains="filter_chains: [{name: the-chain, filters: [the]}]")

# Filters.


def filtered(name, filter, client, **kw):
    kw.setdefault("routes", ROUTES)
    scenario("filter_" + name, access_log=text("%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%\\n", filter=filter), client=client + get("/direct/last?always=1", "x-always: 1"), **kw)


MANY = get("/a") + get("/direct") + get("/nowhere")


def status(op, value, key="no"):
    return {"status_code_filter": {"comparison": {"op": op, "value": {"default_value": value, "runtime_key": key}}}}


filtered("status_eq", status("EQ", 418), MANY)
filtered("status_ge", status("GE", 418), MANY)
filtered("status_le", status("LE", 418), MANY)
filtered("status_ne", status("NE", 418), MANY)
scenario("filter_status_by_runtime", own=True, routes=ROUTES, access_log=text("%RESPONSE_CODE%\\n", status("EQ", 418, "the.key")),
         client=get("/a") + admin("/runtime_modify?the.key=200", "POST", head=False) + get("/a") + get("/direct"))
filtered("duration_ge_0", {"duration_filter": {"comparison": {"op": "GE", "value": {"default_value": 0, "runtime_key": "no"}}}}, MANY)
filtered("duration_ge_1000", {"duration_filter": {"comparison": {"op": "GE", "value": {"default_value": 100, "runtime_key": "no"}}}}, get("/a") + get("/slow"),
         up={"/slow": [wait(0.15) + ok()], "*": [ok()]})
filtered("not_health_check", {"not_health_check_filter": {}}, MANY)
filtered("traceable", {"traceable_filter": {}}, MANY)
filtered("runtime_0", {"runtime_filter": {"runtime_key": "no", "percent_sampled": {"numerator": 0}}}, MANY)
filtered("runtime_100", {"runtime_filter": {"runtime_key": "no", "percent_sampled": {"numerator": 100}}}, MANY)
filtered("runtime_default", {"runtime_filter": {"runtime_key": "no"}}, MANY)
filtered("runtime_independent", {"runtime_filter": {"runtime_key": "no", "percent_sampled": {"numerator": 100}, "use_independent_randomness": True}}, MANY)
scenario("filter_runtime_by_admin", own=True, routes=ROUTES, access_log=text("%REQ(:PATH)%\\n", {"runtime_filter": {"runtime_key": "a.key"}}),
         client=get("/a") + admin("/runtime_modify?a.key=100", "POST", head=False) + get("/b") + admin("/runtime_modify?a.key=0", "POST", head=False) + get("/c"))
filtered("and", {"and_filter": {"filters": [status("GE", 400), status("LE", 420)]}}, MANY)
filtered("or", {"or_filter": {"filters": [status("EQ", 200), status("EQ", 503)]}}, MANY)
filtered("nested", {"or_filter": {"filters": [{"and_filter": {"filters": [status("GE", 400), status("LE", 420)]}}, status("EQ", 503)]}}, MANY)
filtered("header", {"header_filter": {"header": {"name": "x-log", "string_match": {"exact": "yes"}}}}, get("/a", "x-log: yes") + get("/b", "x-log: no") + get("/c"))
filtered("header_present", {"header_filter": {"header": {"name": "x-log", "present_match": True}}}, get("/a", "x-log: yes") + get("/c"))
filtered("header_invert", {"header_filter": {"header": {"name": "x-log", "present_match": True, "invert_match": True}}}, get("/a", "x-log: yes") + get("/c"))
filtered("flag_any", {"response_flag_filter": {}}, MANY)
filtered("flag_one", {"response_flag_filter": {"flags": ["NC"]}}, MANY)
filtered("flag_other", {"response_flag_filter": {"flags": ["UF", "DC"]}}, MANY)
filtered("grpc_ok", {"grpc_status_filter": {"statuses": ["OK"]}}, MANY + req("/s", GRPC, method="POST"))
filtered("grpc_in_head", {"grpc_status_filter": {"statuses": ["UNAUTHENTICATED"]}}, MANY + req("/s", GRPC, method="POST"), up={"/s": [ok("", "grpc-status: 16")], "*": [ok()]})
filtered("grpc_by_http", {"grpc_status_filter": {"statuses": ["UNAVAILABLE", "UNKNOWN"]}}, MANY)
filtered("grpc_exclude", {"grpc_status_filter": {"statuses": ["UNKNOWN"], "exclude": True}}, MANY)
filtered("grpc_none", {"grpc_status_filter": {}}, MANY)
filtered("log_type_end", {"log_type_filter": {"types": ["DownstreamEnd"]}}, MANY)
filtered("log_type_other", {"log_type_filter": {"types": ["DownstreamStart", "TcpConnectionEnd"]}}, MANY)
filtered("log_type_exclude", {"log_type_filter": {"types": ["DownstreamStart"], "exclude": True}}, MANY)
filtered("log_type_none", {"log_type_filter": {}}, MANY)
filtered("metadata_absent", {"metadata_filter": {"matcher": {"filter": "f", "path": [{"key": "k"}], "value": {"string_match": {"exact": "v"}}}}}, MANY)
filtered("metadata_absent_false", {"metadata_filter": {"matcher": {"filter": "f", "path": [{"key": "k"}], "value": {"string_match": {"exact": "v"}}}, "match_if_key_not_found": False}}, MANY)
filtered("metadata_none", {"metadata_filter": {}}, MANY)
scenario("filter_tcp_flags", kind="tcp", up=REFUSE, access_log=text("%RESPONSE_FLAGS%\\n", {"response_flag_filter": {"flags": ["UF"]}}), client=new() + raw_all())
scenario("filter_tcp_no_flags", kind="tcp", up=Tcp(raw("x") + fin()), access_log=text("%RESPONSE_FLAGS%\\n", {"response_flag_filter": {"flags": ["UF"]}}), client=new() + raw_all())
scenario("filter_tcp_type", kind="tcp", up=Tcp(raw("x") + fin()), access_log=text("%ACCESS_LOG_TYPE% %BYTES_SENT%\\n", {"log_type_filter": {"types": ["TcpConnectionEnd"]}}), client=new() + raw_all())
scenario("filter_tcp_status", kind="tcp", up=Tcp(raw("x") + fin()), access_log=text("%BYTES_SENT%\\n", status("EQ", 0)), client=new() + raw_all())
scenario("filter_tcp_header", kind="tcp", up=Tcp(raw("x") + fin()), access_log=text("%BYTES_SENT%\\n", {"header_filter": {"header": {"name": "a", "present_match": True, "invert_match": True}}}), client=new() + raw_all())
scenario("filter_tcp_grpc", kind="tcp", up=Tcp(raw("x") + fin()), access_log=text("%BYTES_SENT%\\n", {"grpc_status_filter": {"statuses": ["UNKNOWN"]}}), client=new() + raw_all())

# Files.

scenario("file_reopened_by_admin", routes=SIMPLE, access_log=text("%REQ(:PATH)%\\n", path="{{dir}}/a.log"), own=True, no_log=True,
         client=get("/1") + file("{{dir}}/a.log", 1) + rename("{{dir}}/a.log", "{{dir}}/b.log") + get("/2") + file("{{dir}}/b.log", 2)
         + admin("/reopen_logs", "POST", head=False) + get("/3") + file("{{dir}}/a.log", 1) + file("{{dir}}/b.log", 2), stats=["re:^filesystem\\.(?!flushed|write_buffered|write_completed|write_total)"])
scenario("file_reopened_by_signal", routes=SIMPLE, access_log=text("%REQ(:PATH)%\\n", path="{{dir}}/a.log"), own=True, no_log=True,
         client=get("/1") + file("{{dir}}/a.log", 1) + rename("{{dir}}/a.log", "{{dir}}/b.log") + proxy_signal(10) + get("/2") + file("{{dir}}/a.log", 1) + file("{{dir}}/b.log", 1))
scenario("file_mode", routes=SIMPLE, access_log=text("x\\n", path="{{dir}}/a.log"), no_log=True, client=get("/1") + file("{{dir}}/a.log", 1) + file_mode("{{dir}}/a.log"))
scenario("file_appended", routes=SIMPLE, access_log=text("x\\n"), client=get("/1") + get("/2") + get("/3"))
scenario("file_stdout", routes=SIMPLE, own=True, no_log=True, access_log=text("out %REQ(:PATH)%\\n", logger=LOGGER + "stream.v3.StdoutAccessLog"), client=get("/1") + get("/2") + printed("^out ", 2))
scenario("file_stderr", routes=SIMPLE, own=True, no_log=True, access_log=text("err %REQ(:PATH)%\\n", logger=LOGGER + "stream.v3.StderrAccessLog"), client=get("/1") + printed("^err ", 1))
scenario("file_dev_stdout", routes=SIMPLE, own=True, no_log=True, access_log=text("dev %REQ(:PATH)%\\n", path="/dev/stdout"), client=get("/1") + printed("^dev ", 1))
scenario("file_dev_stderr", routes=SIMPLE, own=True, no_log=True, access_log=text("dev %REQ(:PATH)%\\n", path="/dev/stderr"), client=get("/1") + printed("^dev ", 1))
scenario("file_stdout_default", routes=SIMPLE, own=True, no_log=True, access_log=json.dumps([{"name": "o", "typed_config": {"@type": LOGGER + "stream.v3.StdoutAccessLog"}}]),
         client=get("/1") + printed('"GET /1', 1), mask=DEFAULT)
