"""Header mutations, formatters in headers, and the headers the proxy itself sets or removes."""
from harness.dsl import *

HOST = "host: h.example\r\n"


def mutations(vhost="", route="", config="", rc=""):
    return dict(route_config=config + "\n" + rc, vhosts="""
- name: all
  domains: ["*"]
  %s
  routes:
  - match: {prefix: /}
    route: {cluster: {{up}}}
    %s
""" % (vhost, route))


def add(which, *pairs):
    items = []
    for key, value, *action in pairs:
        extra = f", append_action: {action[0]}" if action else ""
        items.append('{header: {key: "%s", value: "%s"}%s}' % (key, value, extra))
    return f"{which}_headers_to_add: [{', '.join(items)}]"


def formatted(name, *values, client=None, **kw):
    pairs = [(f"x-{i}", v) for i, v in enumerate(values)]
    scenario(name, **mutations(route=add("request", *pairs)), client=client or get("/p/a?q=1&r=2", "x-in: value", "user-agent: ua"), **kw)


ACTIONS = ("APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS")
for action in ACTIONS:
    scenario("mutate_" + action.lower(), **mutations(
        route=add("request", ("x-a", "new", action), ("x-b", "new", action)) + "\n    " + add("response", ("x-c", "new", action), ("x-d", "new", action))),
        up=[ok("ok", "x-c: old")], client=get("/", "x-a: old"))
scenario("mutate_levels_order", **mutations(
    config=add("request", ("x-l", "config")) + "\n" + add("response", ("x-m", "config")),
    vhost=add("request", ("x-l", "vhost")) + "\n  " + add("response", ("x-m", "vhost")),
    route=add("request", ("x-l", "route")) + "\n    " + add("response", ("x-m", "route"))), client=get("/"))
scenario("mutate_levels_overwrite", **mutations(
    config=add("request", ("x-l", "config", ACTIONS[2])), vhost=add("request", ("x-l", "vhost", ACTIONS[2])),
    route=add("request", ("x-l", "route", ACTIONS[2]))), client=get("/"))
scenario("mutate_levels_most_specific_wins", **mutations(
    rc="most_specific_header_mutations_wins: true",
    config=add("request", ("x-l", "config", ACTIONS[2])) + "\n" + add("response", ("x-m", "config")),
    vhost=add("request", ("x-l", "vhost", ACTIONS[2])) + "\n  " + add("response", ("x-m", "vhost")),
    route=add("request", ("x-l", "route", ACTIONS[2])) + "\n    " + add("response", ("x-m", "route"))), client=get("/"))
scenario("mutate_remove", **mutations(
    route="request_headers_to_remove: [x-a, X-Upper]\n    response_headers_to_remove: [x-c, server, date]"),
    up=[ok("ok", "x-c: 1", "x-keep: 1")], client=get("/", "x-a: 1", "x-upper: 2", "x-keep: 3"))
scenario("mutate_remove_then_add", **mutations(
    route="request_headers_to_remove: [x-a]\n    " + add("request", ("x-a", "added"))), client=get("/", "x-a: old"))
scenario("mutate_empty_value", **mutations(route="""request_headers_to_add:
    - {header: {key: x-empty, value: "%REQ(nope)%"}}
    - {header: {key: x-kept, value: "%REQ(nope)%"}, keep_empty_value: true}
    - {header: {key: x-literal, value: ""}, keep_empty_value: true}"""), client=get("/"))
scenario("mutate_append_deprecated", **mutations(route="""request_headers_to_add:
    - {header: {key: x-a, value: "1"}, append: false}
    - {header: {key: x-b, value: "1"}, append: true}"""), client=get("/", "x-a: 0", "x-b: 0"))
scenario("mutate_on_local_reply", vhosts="""
- name: all
  domains: ["*"]
  response_headers_to_add: [{header: {key: x-v, value: v}}]
  routes:
  - match: {prefix: /direct}
    direct_response: {status: 200}
    response_headers_to_add: [{header: {key: x-r, value: r}}]
  - match: {prefix: /dead}
    route: {cluster: {{dead}}}
    response_headers_to_add: [{header: {key: x-r, value: "%RESPONSE_CODE% %RESPONSE_FLAGS%"}}]
""", up={"dead": REFUSE}, client=get("/direct") + get("/dead") + get("/nowhere"))
formatted("format_request", "%REQ(x-in)%", "%REQ(nope)%", "%REQ(nope?x-in)%", "%REQ(:METHOD)%", "%REQ(:PATH):3%", "%REQ(x-in):2%",
          "a%%b", "[%REQ(nope)%]", "%REQ(:AUTHORITY)%", "%REQ(:SCHEME)%", "%REQ(USER-AGENT)%", "%REQ(x-in)%-%REQ(:METHOD)%")
formatted("format_connection", "%PROTOCOL%", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_LOCAL_ADDRESS%",
          "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "%DOWNSTREAM_LOCAL_PORT%", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
          "%REQUESTED_SERVER_NAME%", "%DOWNSTREAM_TLS_VERSION%")
formatted("format_route", "%ROUTE_NAME%", "%VIRTUAL_CLUSTER_NAME%", "%UPSTREAM_CLUSTER%", "%UPSTREAM_HOST%")
formatted("format_misc", "%ENVIRONMENT(NOPE_NOT_SET)%", "%START_TIME(%Y)%", "%RESPONSE_FLAGS%", "%RESPONSE_CODE%", "%BYTES_RECEIVED%",
          "%METADATA(ROUTE:a:b)%", "%DYNAMIC_METADATA(a:b)%", "%FILTER_STATE(x)%", mask=[(r"\b20\d\d\b", "<year>")])
formatted("format_path", "%PATH(WQ)%", "%PATH(NQ)%", "%QUERY_PARAM(q)%", "%QUERY_PARAM(zz)%", "%QUERY_PARAMS(ORIG)%")
scenario("format_response_headers", **mutations(route=add(
    "response", ("x-1", "%RESP(x-up)%"), ("x-2", "%RESPONSE_CODE%"), ("x-3", "%UPSTREAM_HOST%"), ("x-4", "%UPSTREAM_CLUSTER%"),
    ("x-5", "%REQ(x-in)%"), ("x-6", "%RESPONSE_CODE_DETAILS%"), ("x-7", "%RESP(nope)%"), ("x-8", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
    ("x-9", "%RESPONSE_FLAGS%"))), up=[ok("ok", "x-up: u")], client=get("/", "x-in: i"))
scenario("format_metadata", vhosts="""
- name: all
  domains: ["*"]
  routes:
  - match: {prefix: /}
    metadata: {filter_metadata: {ns: {key: value, num: 7, deep: {er: yes-it-is}, list: [1, b]}}}
    route: {cluster: {{up}}}
    request_headers_to_add:
    - {header: {key: x-1, value: "%METADATA(ROUTE:ns:key)%"}}
    - {header: {key: x-2, value: "%METADATA(ROUTE:ns:num)%"}}
    - {header: {key: x-3, value: "%METADATA(ROUTE:ns:deep:er)%"}}
    - {header: {key: x-4, value: "%METADATA(ROUTE:ns:deep)%"}}
    - {header: {key: x-5, value: "%METADATA(ROUTE:ns:nope)%"}}
    - {header: {key: x-6, value: "%METADATA(ROUTE:ns:list)%"}}
""", client=get("/"))

formatted("format_metadata_missing", "%METADATA(CLUSTER:ns:key)%", "%CLUSTER_METADATA(ns:key)%", "%METADATA(UPSTREAM_HOST:ns)%",
          "%UPSTREAM_METADATA(ns:key)%", "%METADATA(LISTENER:ns:key)%", "%METADATA(VIRTUAL_HOST:ns)%", "%METADATA(DYNAMIC:ns)%")
scenario("format_metadata_log", vhosts="""
- name: all
  domains: ["*"]
  routes:
  - match: {prefix: /}
    metadata: {filter_metadata: {ns: {key: 'va"lue<', num: 7.5, yes: true, none: null, "a:b": 1, deep: {er: [1, {z: 1, a: 2}]}}}}
    direct_response: {status: 200}
""", log_format={"text": "%METADATA(ROUTE:ns:key)%", "number": "%METADATA(ROUTE:ns:num)%", "yes": "%METADATA(ROUTE:ns:yes)%",
                 "none": "%METADATA(ROUTE:ns:none)%", "colon": "%METADATA(ROUTE:ns:a:b)%", "deep": "%METADATA(ROUTE:ns:deep)%",
                 "all": "%METADATA(ROUTE:ns)%", "cut": "%METADATA(ROUTE:ns:key):3%", "mixed": "a-%METADATA(ROUTE:ns:num)%",
                 "nope": "%METADATA(ROUTE:nope)%", "empty": "%METADATA(ROUTE)%"}, client=get("/"))

# What the proxy adds, and what it takes away.
scenario("hop_by_hop", client=get("/", "connection: x-foo, keep-alive", "x-foo: 1", "keep-alive: timeout=5", "proxy-connection: keep-alive",
                                  "proxy-authorization: basic x", "te: trailers, deflate", "trailer: x-t", "upgrade-insecure-requests: 1"))
scenario("hop_by_hop_te_other", client=get("/", "te: deflate") + get("/", "te: trailers") + get("/", "te: trailers", "connection: te"))
scenario("hop_by_hop_response", up=[ok("ok", "connection: x-foo", "x-foo: 1", "keep-alive: timeout=5", "proxy-connection: close",
                                       "proxy-authenticate: basic", "trailer: x-t", "upgrade: h2c")], client=get("/"))
scenario("hop_by_hop_connection_pseudo", client=get("/", "connection: host, :path, content-length") + get("/", "connection: cookie", "cookie: a=b"))
scenario("hop_by_hop_connection_xff", client=get("/", "connection: x-forwarded-for", "x-forwarded-for: 1.2.3.4"))
scenario("upgrade_header_h2c", client=get("/", "connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQ"))
scenario("xff_default", client=get("/", "x-forwarded-for: 1.2.3.4, 5.6.7.8", "x-forwarded-proto: https", "x-request-id: mine",
                                   "x-envoy-external-address: 9.9.9.9", "x-envoy-internal: true", "forwarded: for=1"))
scenario("xff_use_remote_address", hcm="use_remote_address: true",
         client=get("/") + get("/", "x-forwarded-for: 1.2.3.4", "x-forwarded-proto: https", "x-request-id: mine", "x-envoy-internal: true"))
scenario("xff_trusted_hops", hcm="{use_remote_address: true, xff_num_trusted_hops: 1}",
         client=get("/", "x-forwarded-for: 1.2.3.4, 5.6.7.8", "x-forwarded-proto: https") + get("/"))
scenario("xff_trusted_hops_no_remote", hcm="xff_num_trusted_hops: 1", log_format={"remote": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
         "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"}, client=get("/", "x-forwarded-for: 1.2.3.4, 5.6.7.8"))
scenario("xff_remote_address_from_xff", log_format={"remote": "%DOWNSTREAM_REMOTE_ADDRESS%", "direct": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"},
         client=get("/", "x-forwarded-for: 1.2.3.4") + get("/", "x-forwarded-for: nonsense") + get("/", "x-forwarded-for: ::1") + get("/", "x-forwarded-for: 1.2.3.4:99")
         + get("/", "x-forwarded-for: 1.2.3.4, ") + get("/", "x-forwarded-for: [2001:db8::1]"))
scenario("xff_skip_append", hcm="{use_remote_address: true, skip_xff_append: true}", client=get("/", "x-forwarded-for: 1.2.3.4"))
scenario("xff_port", hcm="{use_remote_address: true, append_x_forwarded_port: true}", client=get("/") + get("/", "x-forwarded-port: 99"))
scenario("xff_internal_config", hcm="{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}",
         client=get("/") + get("/", "x-forwarded-for: 10.0.0.1", "x-request-id: mine"))
scenario("request_id_kept", client=get("/", "x-request-id: f47ac10b-58cc-4372-a567-0e02b2c3d479"), mask=[("<uuid>", "<id>")])
scenario("request_id_not_uuid_kept", client=get("/", "x-request-id: mine"))
scenario("request_id_in_response", hcm="always_set_request_id_in_response: true", client=get("/") + get("/", "x-request-id: mine"))
scenario("request_id_off", hcm="generate_request_id: false", client=get("/"))
scenario("request_id_preserve_external", hcm="{use_remote_address: true, preserve_external_request_id: true}", client=get("/", "x-request-id: mine"))
scenario("server_header_overwrite", up=[ok("ok", "server: mine")], client=get("/"))
scenario("server_header_append_if_absent", hcm="server_header_transformation: APPEND_IF_ABSENT", up=[[ok("ok", "server: mine")][0], ok()],
         client=get("/") + get("/"))
scenario("server_header_pass_through", hcm="server_header_transformation: PASS_THROUGH", up=[ok("ok", "server: mine"), ok()],
         client=get("/") + get("/"))
scenario("server_name", hcm="server_name: my-proxy", client=get("/"))
scenario("server_header_pass_through_local_reply", hcm="server_header_transformation: PASS_THROUGH", routes="- {match: {prefix: /}, direct_response: {status: 200}}",
         client=get("/"))
scenario("via", hcm="via: proxy-1", up=[ok("ok", "via: up")], client=get("/", "via: client"))
scenario("via_local_reply", hcm="via: proxy-1", routes="- {match: {prefix: /}, direct_response: {status: 200}}", client=get("/"))
scenario("date_from_upstream", up=[ok("ok", "date: Mon, 01 Jan 2001 00:00:00 GMT")], client=get("/"), mask=[("x-nothing", "")])
scenario("suppress_envoy_headers", router="suppress_envoy_headers: true", up=[ok("ok", "x-envoy-thing: 1")], client=get("/", "x-envoy-other: 1"))
scenario("add_user_agent", hcm="add_user_agent: true", client=get("/") + get("/", "user-agent: mine"))
scenario("scheme_transformation", hcm="scheme_header_transformation: {scheme_to_overwrite: https}", client=get("/"))
scenario("xfp_https_from_client", client=get("/", "x-forwarded-proto: https") + get("/", "x-forwarded-proto: bogus") + get("/", "x-forwarded-proto: HTTPS"))
scenario("cookies_joined", client=get("/", "cookie: a=1", "cookie: b=2", "x-multi: 1", "x-multi: 2", "accept: a", "accept: b"))
scenario("response_duplicate_headers", up=[ok("ok", "set-cookie: a=1", "set-cookie: b=2", "x-multi: 1", "x-multi: 2", "vary: a", "vary: b")],
         client=get("/"))
scenario("x_envoy_headers_untrusted", hcm="use_remote_address: true", client=get(
    "/", "x-envoy-upstream-rq-timeout-ms: 50", "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3", "x-envoy-expected-rq-timeout-ms: 5",
    "x-envoy-decorator-operation: op", "x-envoy-force-trace: 1", "x-envoy-ip-tags: t", "x-envoy-original-path: /p", "x-envoy-other: 1",
    "x-envoy-upstream-service-time: 5", "x-envoy-attempt-count: 9", "x-envoy-original-host: h", "x-envoy-retriable-status-codes: 500"))
scenario("x_envoy_headers_no_remote_address", client=get(
    "/", "x-envoy-upstream-rq-timeout-ms: 5000", "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3", "x-envoy-expected-rq-timeout-ms: 5",
    "x-envoy-decorator-operation: op", "x-envoy-other: 1", "x-envoy-original-path: /p"))
scenario("x_envoy_headers_trusted", hcm="{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}",
         client=get("/", "x-envoy-upstream-rq-timeout-ms: 5000", "x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3", "x-envoy-expected-rq-timeout-ms: 5",
                    "x-envoy-upstream-rq-per-try-timeout-ms: 300", "x-envoy-other: 1"))
scenario("strict_check_headers", router="strict_check_headers: [x-envoy-retry-on, x-envoy-upstream-rq-timeout-ms]",
         hcm="{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}",
         client=get("/", "x-envoy-retry-on: foo") + get("/", "x-envoy-upstream-rq-timeout-ms: x") + get("/", "x-envoy-retry-on: 5xx"))

# Headers that come twice: which are joined with a comma, which stay apart.
REQUEST_NAMES = """accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method
authorization cache-control content-encoding content-language content-location content-md5 content-range content-type cookie date dnt dpop etag
expires forwarded from grpc-accept-encoding grpc-timeout grpc-status grpc-message grpc-encoding if-match if-modified-since if-none-match if-range
if-unmodified-since last-modified link max-forwards origin pragma priority proxy-authorization range referer server traceparent tracestate user-agent
vary via warning www-authenticate x-amz-a x-b3-traceid x-client-trace-id x-envoy-attempt-count x-envoy-decorator-operation
x-envoy-downstream-service-cluster x-envoy-downstream-service-node x-envoy-force-trace x-envoy-ip-tags x-envoy-original-path
x-envoy-retry-on x-envoy-max-retries x-envoy-upstream-alt-stat-name x-envoy-expected-rq-timeout-ms x-envoy-upstream-rq-timeout-ms
x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-ot-span-context x-real-ip x-request-id""".split()
RESPONSE_NAMES = """accept-ranges access-control-allow-credentials access-control-allow-headers access-control-allow-methods access-control-allow-origin
access-control-expose-headers access-control-max-age age allow cache-control content-disposition content-encoding content-language content-location
content-range content-type date etag expires grpc-message grpc-status grpc-encoding grpc-accept-encoding last-modified link location p3p pragma
proxy-authenticate retry-after server set-cookie strict-transport-security timing-allow-origin vary via warning www-authenticate x-envoy-degraded
x-envoy-attempt-count x-envoy-decorator-operation x-envoy-immediate-health-check-fail x-envoy-overloaded x-envoy-ratelimited x-envoy-upstream-canary
x-envoy-upstream-healthchecked-cluster x-frame-options x-request-id x-powered-by alt-svc""".split()
for _n in range(0, len(REQUEST_NAMES), 20):
    _lines = "".join(f"{name}: a\r\n{name}: b\r\n" for name in REQUEST_NAMES[_n:_n + 20])
    scenario(f"twice_in_request_{_n // 20}", client=send(f"GET / HTTP/1.1\r\n{HOST}{_lines}\r\n") + read())
for _n in range(0, len(RESPONSE_NAMES), 20):
    _lines = "".join(f"{name}: a\r\n{name}: b\r\n" for name in RESPONSE_NAMES[_n:_n + 20])
    scenario(f"twice_in_response_{_n // 20}", up=[raw(f"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{_lines}\r\n")], client=get("/"))

REMOTE = {"remote": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}
INTERNAL_10 = "internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}"
DETECT = "type.googleapis.com/envoy.extensions.http.original_ip_detection"


def by_xff(config):
    return '{name: x, typed_config: {"@type": %s.xff.v3.XffConfig, %s}}' % (DETECT, config)


def by_header(config):
    return '{name: h, typed_config: {"@type": %s.custom_header.v3.CustomHeaderConfig, header_name: X-Real, %s}}' % (DETECT, config)


def detection(name, *extensions):
    """Client addresses as these extensions find them, for requests that say several things of themselves."""
    client = get("/")
    for fields in (["x-forwarded-for: 10.0.0.1"], ["x-forwarded-for: 1.1.1.1, 2.2.2.2, 10.0.0.1,10.0.0.2"], ["x-forwarded-for: bad, 10.0.0.1"],
                   ["x-forwarded-for: 10.0.0.3, 10.0.0.1"], ["x-forwarded-for: 1.1.1.1,, 10.0.0.1"], ["x-forwarded-for: 1.1.1.1, bad"],
                   ["x-real: 10.0.0.7"], ["x-real: bad", "x-forwarded-for: 1.1.1.1"], ["x-real: 3.3.3.3:80"]):
        client = client + get("/", *fields)
    scenario(name, hcm=INTERNAL_10 + "\noriginal_ip_detection_extensions: [%s]" % ", ".join(extensions), log_format=REMOTE, client=client)


RANGES = "xff_trusted_cidrs: {cidrs: [{address_prefix: 10.0.0.0, prefix_len: 8}%s]}"
detection("ip_detection_xff", by_xff("xff_num_trusted_hops: 1"))
detection("ip_detection_xff_append", by_xff("skip_xff_append: false"))
detection("ip_detection_ranges", by_xff(RANGES % ", {address_prefix: 127.0.0.0, prefix_len: 8}"))
detection("ip_detection_ranges_untrusted_peer", by_xff(RANGES % ""))
detection("ip_detection_header", by_header(""))
detection("ip_detection_header_trusted", by_header("allow_extension_to_set_address_as_trusted: true"))
detection("ip_detection_header_rejects", by_header("reject_with_status: {code: Unauthorized}"))
detection("ip_detection_header_rejects_with_200", by_header("reject_with_status: {code: OK}"))
detection("ip_detection_append_then_look", by_xff("skip_xff_append: false"), by_xff("xff_num_trusted_hops: 1"))
detection("ip_detection_header_then_xff", by_header(""), by_xff("skip_xff_append: false"))
scenario("xff_port_without_remote_address", hcm="append_x_forwarded_port: true", client=get("/") + get("/", "x-forwarded-port: 1"))
scenario("forwarded_proto_empty", client=get("/", "x-forwarded-proto:"))
scenario("request_id_empty", client=get("/", "x-request-id:"))
scenario("te_words", client=get("/", "te: trailers, deflate", "connection: te") + get("/", "te: Trailers") + get("/", "te: gzip, trailers"))
scenario("internal_control_headers", hcm=INTERNAL_10, client=get("/", "x-forwarded-for: 10.0.0.1", "x-envoy-internal: true", "x-envoy-upstream-alt-stat-name: s",
                                                                "x-envoy-ip-tags: t", "x-envoy-original-url: u"))
scenario("via_with_user_agent", bootstrap="node: {id: n1, cluster: c1}", own=True, hcm="{use_remote_address: true, via: v1, add_user_agent: true, append_x_forwarded_port: true}",
         client=get("/") + get("/", "via: 1.0 x", "user-agent: ua"))
scenario("grpc_message_encoding", routes="""
- {match: {prefix: /}, direct_response: {status: 403, body: {inline_string: "a~b%c \\u00e9\\n\\u007f"}}}
""", client=get("/", "content-type: application/grpc") + get("/", "content-type: application/grpc;x"))
