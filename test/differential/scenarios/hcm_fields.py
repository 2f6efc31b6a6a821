"""Fields of the HTTP connection manager, its codec options, the router and the fault filter that few configs use."""
from harness.dsl import *

TYPE = "type.googleapis.com/envoy."
FILE = TYPE + "extensions.access_loggers.file.v3.FileAccessLog"


def paths(*values, **kw):
    return [step for v in values for step in get(v, **kw)]


# Access logs at other moments than the end.
MOMENTS = {"type": "%ACCESS_LOG_TYPE%", "path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%", "route": "%ROUTE_NAME%", "cluster": "%UPSTREAM_CLUSTER%",
           "host": "%UPSTREAM_HOST%", "received": "%BYTES_RECEIVED%", "sent": "%BYTES_SENT%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"}
NAMED = '- {name: r, match: {prefix: /}, route: {cluster: "{{up}}"}}'
scenario("log_on_new_request", hcm="access_log_options: {flush_access_log_on_new_request: true}", log_format=MOMENTS, routes=NAMED, client=get("/a"))
scenario("log_on_new_request_deprecated", hcm="flush_access_log_on_new_request: true", log_format=MOMENTS, routes=NAMED, client=get("/a"))
scenario("log_on_new_request_no_route", hcm="access_log_options: {flush_access_log_on_new_request: true}", log_format=MOMENTS,
         routes='- {match: {prefix: /b}, route: {cluster: "{{up}}"}}', client=get("/a"))
scenario("log_on_new_request_bad", hcm="access_log_options: {flush_access_log_on_new_request: true}", log_format=MOMENTS,
         client=send("GET / HTTP/1.1\r\n\r\n") + read() + new() + send("BAD\r\n\r\n") + read())
scenario("log_periodic", up=[wait(0.6) + ok()], hcm="access_log_options: {access_log_flush_interval: 0.4s}", log_format=MOMENTS, routes=NAMED, client=get("/a"))
scenario("log_periodic_deprecated", up=[wait(0.6) + ok()], hcm="access_log_flush_interval: 0.4s", log_format=MOMENTS, routes=NAMED, client=get("/a"))
scenario("log_tunnel_established", up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()],
         hcm="upgrade_configs: [{upgrade_type: websocket}]\naccess_log_options: {flush_log_on_tunnel_successfully_established: true}", log_format=MOMENTS, routes=NAMED,
         client=send("GET /ws HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + read_head() + send("abc") + read_bytes(3) + logged(1) + close())
scenario("log_tunnel_refused", up=[ok("no", status=403, reason="Forbidden")],
         hcm="upgrade_configs: [{upgrade_type: websocket}]\naccess_log_options: {flush_log_on_tunnel_successfully_established: true}", log_format=MOMENTS, routes=NAMED,
         client=send("GET /ws HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + read())
scenario("log_type_filter_moments", hcm="""
access_log_options: {flush_access_log_on_new_request: true}
access_log:
- {name: a, filter: {log_type_filter: {types: [DownstreamStart]}}, typed_config: {"@type": %s, path: "{{log}}", log_format: {text_format_source: {inline_string: "start %%ACCESS_LOG_TYPE%%\\n"}}}}
- {name: b, filter: {log_type_filter: {types: [DownstreamStart], exclude: true}}, typed_config: {"@type": %s, path: "{{log}}", log_format: {text_format_source: {inline_string: "end %%ACCESS_LOG_TYPE%%\\n"}}}}
""" % (FILE, FILE), client=get("/a"))

# The router's own log of attempts.
UPSTREAM_LOG = """
upstream_log: [{name: up, typed_config: {"@type": %s, path: "{{log}}", log_format: {json_format: {up: "%%ACCESS_LOG_TYPE%%", code: "%%RESPONSE_CODE%%", flags: "%%RESPONSE_FLAGS%%",
  attempts: "%%UPSTREAM_REQUEST_ATTEMPT_COUNT%%", cluster: "%%UPSTREAM_CLUSTER%%", host: "%%UPSTREAM_HOST%%", path: "%%REQ(:PATH)%%", resp: "%%RESP(x-up)%%", received: "%%BYTES_RECEIVED%%",
  sent: "%%BYTES_SENT%%", details: "%%RESPONSE_CODE_DETAILS%%", protocol: "%%PROTOCOL%%", failure: "%%UPSTREAM_TRANSPORT_FAILURE_REASON%%", route: "%%ROUTE_NAME%%"}}}}]
""" % FILE
FAIL = ok("no", "x-up: one", status=503, reason="Service Unavailable")
RETRY = '- {name: r, match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}}}'
scenario("upstream_log", router=UPSTREAM_LOG, log_format=MOMENTS, routes=NAMED, up=[ok("body", "x-up: v")], client=req("/a", method="POST", body="12345"))
scenario("upstream_log_retry", router=UPSTREAM_LOG, log_format=MOMENTS, routes=RETRY, up=[FAIL, ok("body", "x-up: two")], client=get("/a"))
scenario("upstream_log_refused", router=UPSTREAM_LOG, log_format=MOMENTS, routes=RETRY, up={"up": REFUSE}, client=get("/a"))
scenario("upstream_log_reset", router=UPSTREAM_LOG, log_format=MOMENTS, routes=RETRY, up=[rst()], client=get("/a"))
scenario("upstream_log_no_host", router=UPSTREAM_LOG, log_format=MOMENTS, routes=NAMED.replace("up", "none"), clusters={"none": {}}, client=get("/a"))
scenario("upstream_log_direct", router=UPSTREAM_LOG, log_format=MOMENTS, routes="- {match: {prefix: /}, direct_response: {status: 200}}", client=get("/a"))
scenario("upstream_log_new_stream", router=UPSTREAM_LOG + "upstream_log_options: {flush_upstream_log_on_upstream_stream: true}", log_format=MOMENTS, routes=NAMED, client=get("/a"))
scenario("upstream_log_periodic", router=UPSTREAM_LOG + "upstream_log_options: {upstream_log_flush_interval: 0.2s}", log_format=MOMENTS, routes=NAMED, up=[wait(0.35) + ok()], client=get("/a"))
scenario("upstream_log_filter", router=UPSTREAM_LOG.replace("name: up,", "name: up, filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: k}}}},"),
         log_format=MOMENTS, routes=RETRY, up=[FAIL, ok()], client=get("/a"))

# Duration of connections.
scenario("max_connection_duration_jitter", hcm="common_http_protocol_options: {max_connection_duration: 0.2s, max_connection_duration_jitter: {value: 50}}\ndrain_timeout: 0.1s",
         client=get("/") + read_all(), stats=["http.{{name}}.downstream_cx_max_duration_reached"])
scenario("safe_max_connection_duration", hcm="common_http_protocol_options: {max_connection_duration: 0.2s}\ndrain_timeout: 0.1s\nhttp1_safe_max_connection_duration: true",
         client=get("/1") + stat_is("http.{{name}}.downstream_cx_max_duration_reached", 1) + pause(0.3) + get("/2") + read_all(), stats=["http.{{name}}.downstream_cx_max_duration_reached"])
scenario("safe_max_connection_duration_running", up=[wait(0.4) + ok()], hcm="common_http_protocol_options: {max_connection_duration: 0.2s}\ndrain_timeout: 0.1s\nhttp1_safe_max_connection_duration: true",
         client=get("/1") + read_all())
scenario("safe_max_connection_duration_unused", hcm="common_http_protocol_options: {max_connection_duration: 0.2s}\ndrain_timeout: 0.1s\nhttp1_safe_max_connection_duration: true",
         client=new() + stat_is("http.{{name}}.downstream_cx_max_duration_reached", 1) + read_all())
scenario("drain_timeout_jitter", hcm="common_http_protocol_options: {max_connection_duration: 0.1s}\ndrain_timeout: 0.1s\ndrain_timeout_jitter: {value: 100}", client=get("/") + read_all())

# Mutations before anything else.
EARLY = """
early_header_mutation_extensions:
- name: one
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations: [%s]
"""
scenario("early_mutation_routes", hcm=EARLY % '{append: {header: {key: x-route, value: "%REQ(x-in)%"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}, {remove: x-in}', routes="""
- {match: {prefix: /, headers: [{name: x-route, string_match: {exact: a}}]}, route: {cluster: "{{up}}"}, response_headers_to_add: [{header: {key: x-chosen, value: a}}]}
- {match: {prefix: /}, route: {cluster: "{{up}}"}, response_headers_to_add: [{header: {key: x-chosen, value: other}}]}
""", client=get("/", "x-in: a") + get("/", "x-in: b", "x-route: a") + get("/"))
scenario("early_mutation_order", hcm=EARLY % '{append: {header: {key: x-a, value: one}}}, {append: {header: {key: x-a, value: two}}}, {remove: x-b}, {append: {header: {key: x-b, value: late}}}, {remove_on_match: {key_matcher: {prefix: x-gone}}}' + """
- name: two
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
    mutations: [{append: {header: {key: x-a, value: three}, append_action: OVERWRITE_IF_EXISTS}}, {append: {header: {key: x-new, value: "%REQ(x-a)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}}]
""", client=get("/", "x-a: zero", "x-b: 1", "x-gone-1: 1", "x-gone: 2"))
scenario("early_mutation_of_trusted", hcm="use_remote_address: true\n" + EARLY % '{append: {header: {key: x-forwarded-for, value: 9.9.9.9}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}, '
         '{append: {header: {key: x-envoy-max-retries, value: "3"}}}, {append: {header: {key: x-request-id, value: mine}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}', client=get("/"))

# Proxy-Status.
STATUS = "proxy_status_config: {%s}"
scenario("proxy_status_upstream", hcm=STATUS % "", client=get("/"), up=[ok("x", "proxy-status: other")])
scenario("proxy_status_no_route", hcm=STATUS % "", routes='- {match: {prefix: /b}, route: {cluster: "{{up}}"}}', client=get("/a") + get("/a", method="HEAD"))
scenario("proxy_status_refused", up={"up": REFUSE}, hcm=STATUS % "", client=get("/"))
scenario("proxy_status_reset", up=[rst()], hcm=STATUS % "", client=get("/"))
scenario("proxy_status_protocol_error", up=[raw("garbage\r\n\r\n")], hcm=STATUS % "", client=get("/"))
scenario("proxy_status_timeout", up=[hold()], hcm=STATUS % "", routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.1s}}', client=get("/"))
scenario("proxy_status_no_host", hcm=STATUS % "", routes=NAMED.replace("up", "none"), clusters={"none": {}}, client=get("/"))
scenario("proxy_status_no_cluster", hcm=STATUS % "", routes='- {match: {prefix: /}, route: {cluster_header: x-c}}', client=get("/", "x-c: nope"))
scenario("proxy_status_bad_request", hcm=STATUS % "", client=send("GET / HTTP/1.1\r\nhost: h\r\nbad header\r\n\r\n") + read())
scenario("proxy_status_no_host_header", hcm=STATUS % "", client=send("GET / HTTP/1.1\r\n\r\n") + read())
scenario("proxy_status_direct", hcm=STATUS % "", routes="- {match: {prefix: /}, direct_response: {status: 500}}", client=get("/"))
scenario("proxy_status_without_details", up={"up": REFUSE}, hcm=STATUS % "remove_details: true", client=get("/"))
scenario("proxy_status_without_flags", up={"up": REFUSE}, hcm=STATUS % "remove_response_flags: true", client=get("/"))
scenario("proxy_status_without_termination", up={"up": REFUSE}, hcm=STATUS % "remove_connection_termination_details: true", client=get("/"))
scenario("proxy_status_bare", up={"up": REFUSE}, hcm=STATUS % "remove_details: true, remove_connection_termination_details: true, remove_response_flags: true", client=get("/"))
scenario("proxy_status_recommended_code", up={"up": REFUSE}, hcm=STATUS % "set_recommended_response_code: true", client=get("/"))
scenario("proxy_status_recommended_code_no_route", hcm=STATUS % "set_recommended_response_code: true", routes='- {match: {prefix: /b}, route: {cluster: "{{up}}"}}', client=get("/"))
scenario("proxy_status_recommended_timeout", up=[hold()], hcm=STATUS % "set_recommended_response_code: true", routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.1s}}', client=get("/"))
scenario("proxy_status_literal_name", up={"up": REFUSE}, hcm=STATUS % 'literal_proxy_name: "my proxy"', client=get("/"))
scenario("proxy_status_node_id", up={"up": REFUSE}, hcm=STATUS % "use_node_id: true", client=get("/"))
scenario("proxy_status_server_name", up={"up": REFUSE}, hcm=STATUS % "" + "\nserver_name: srv", client=get("/"))
scenario("proxy_status_overload", up=[ok()], hcm=STATUS % "", clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_connections: 0, max_pending_requests: 0}]}"}}, client=get("/"))
scenario("proxy_status_fault", hcm=STATUS % "", filters="""
- {name: envoy.filters.http.fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 418, percentage: {numerator: 100}}}}
""", client=get("/"))
scenario("proxy_status_of_a_redirect", hcm=STATUS % "", routes="- {match: {prefix: /}, redirect: {host_redirect: new.example}}", client=get("/"))

# Addresses.
scenario("ipv4_mapped_remote", hcm="use_remote_address: true\nrepresent_ipv4_remote_address_as_ipv4_mapped_ipv6: true", client=get("/") + get("/", "x-forwarded-for: 1.2.3.4"))
scenario("ipv4_mapped_not_edge", hcm="represent_ipv4_remote_address_as_ipv4_mapped_ipv6: true", client=get("/") + get("/", "x-forwarded-for: 1.2.3.4"))
scenario("forward_proto_config_plain", hcm="use_remote_address: true\nforward_proto_config: {https_destination_ports: [{{port}}], http_destination_ports: [1]}", client=get("/"))
scenario("accepted_without_effect", hcm="""
append_local_overload: true
add_proxy_protocol_connection_state: false
stream_flush_timeout: 1s
path_normalization_options: {forwarding_transformation: {operations: [{normalize_path_rfc_3986: {}}]}}
request_id_extension: {typed_config: {"@type": type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: false, use_request_id_for_trace_sampling: false}}
""", client=get("/a/../b"))
scenario("route_resolution_stats", hcm="record_route_resolution_stats: true", client=get("/a") + admin("/stats?filter={{name}}.*route_resolution", keep=r"resolutions", head=False))

# HTTP/1 codec.
METHODS = [s for m in ("GET", "PURGE", "FOO", "foo", "A!#$%&'*+-.^_`|~9", "PROPFIND", "M-SEARCH", "MSEARCH", "SOURCE") for s in new() + send(m + " / HTTP/1.1\r\nhost: h\r\n\r\n") + read()]
scenario("custom_methods", hcm="http_protocol_options: {allow_custom_methods: true}", client=METHODS + new() + send("B(D / HTTP/1.1\r\nhost: h\r\n\r\n") + read())
scenario("custom_methods_off", client=METHODS)
UPGRADE = "GET / HTTP/1.1\r\nhost: h\r\nupgrade: %s\r\nconnection: upgrade, x-named\r\nx-named: 1\r\n\r\n"
scenario("ignored_upgrade", hcm='http_protocol_options: {ignore_http_11_upgrade: [{prefix: "TLS/"}, {exact: foo, ignore_case: true}]}\nupgrade_configs: [{upgrade_type: websocket}]',
         client=[s for u in ("TLS/1.0", "FOO", "foo, bar", "bar, foo", "TLS/1.2, foo", "other") for s in new() + send(UPGRADE % u) + read()])
scenario("ignored_upgrade_keeps_websocket", hcm='http_protocol_options: {ignore_http_11_upgrade: [{exact: foo}]}\nupgrade_configs: [{upgrade_type: websocket}]',
         up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()],
         client=send(UPGRADE % "foo, websocket") + read_head() + send("abc") + read_bytes(3) + close())
scenario("balsa_parser_on", hcm="http_protocol_options: {use_balsa_parser: true}", client=get("/"))
PRESERVE = ('http_protocol_options: {header_key_format: {stateful_formatter: {name: p, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case'
            '.v3.PreserveCaseFormatterConfig%s}}}}')
PRESERVE_UP = {"up": {"yaml": """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {%s}
"""}}


def preserved(options):
    return {"hcm": PRESERVE % options, "clusters": {"up": {"yaml": PRESERVE_UP["up"]["yaml"] % (PRESERVE % options)}}}


scenario("preserve_reason_phrase", up=[ok("x", "X-Up: 1", reason="Very Fine"), ok("x", status=404, reason=""), ok("x", status=299, reason="Odd")], **preserved(", forward_reason_phrase: true"),
         client=get("/1", "X-Down: 1") + get("/2") + get("/3"))
scenario("preserve_without_reason_phrase", up=[ok("x", reason="Very Fine"), ok("x", status=299, reason="Odd")], **preserved(""), client=get("/1") + get("/2"))
scenario("preserve_reason_phrase_of_local_reply", **preserved(", forward_reason_phrase: true"), routes='- {match: {prefix: /b}, route: {cluster: "{{up}}"}}', client=get("/a"))
scenario("preserve_proper_case_on_own", up=[ok("x", "X-Up: 1")], **preserved(", formatter_type_on_envoy_headers: PROPER_CASE"), client=get("/", "X-Down: 1", "x-LOWER: 2"))
scenario("preserve_default_on_own", up=[ok("x", "X-Up: 1")], **preserved(", formatter_type_on_envoy_headers: DEFAULT"), client=get("/", "X-Down: 1"))

# Filters of an upgrade, filters that may be unknown.
ABORT = '{name: envoy.filters.http.fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: %d, percentage: {numerator: 100}}}}'
ROUTER = '{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}'
WEBSOCKET = send("GET /ws HTTP/1.1\r\nhost: h\r\nupgrade: %s\r\nconnection: upgrade\r\n\r\n" % "websocket") + read()
scenario("upgrade_filters", hcm="upgrade_configs: [{upgrade_type: websocket, filters: [%s, %s]}]" % (ABORT % 418, ROUTER), client=get("/plain") + WEBSOCKET)
scenario("upgrade_filters_without", filters="- " + ABORT % 418, hcm="upgrade_configs: [{upgrade_type: websocket, filters: [%s]}]" % ROUTER,
         up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()],
         client=get("/plain") + send("GET /ws HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + read_head() + send("abc") + read_bytes(3) + close())
scenario("optional_filter_unknown", filters='- {name: nope, is_optional: true, typed_config: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/nope.Nope, value: {a: b}}}', client=get("/"))
scenario("optional_route_config_unknown", routes="""
- match: {prefix: /}
  route: {cluster: "{{up}}"}
  typed_per_filter_config: {nope: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, is_optional: true, config: {"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: type.googleapis.com/nope.Nope}}}
""", client=get("/"))

# Router options.
scenario("router_grpc_failure_codes_counted", up=[ok("x", "content-type: application/grpc", "grpc-status: 14")], client=get("/", "content-type: application/grpc"), router="",
         stats=["cluster.{{up}}.upstream_rq_200", "cluster.{{up}}.upstream_rq_503", "cluster.{{up}}.upstream_rq_5xx", "cluster.{{up}}.upstream_rq_2xx"])
scenario("router_grpc_failure_codes_suppressed", up=[ok("x", "content-type: application/grpc", "grpc-status: 14")], client=get("/", "content-type: application/grpc"),
         router="suppress_grpc_request_failure_code_stats: true",
         stats=["cluster.{{up}}.upstream_rq_200", "cluster.{{up}}.upstream_rq_503", "cluster.{{up}}.upstream_rq_5xx", "cluster.{{up}}.upstream_rq_2xx"])
scenario("router_accepted_without_effect", router="start_child_span: true", client=get("/"))
CONNECT_TCP = """
- match: {connect_matcher: {}}
  route: {cluster: "{{up}}", upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
"""
CONNECT_HEAD = "CONNECT h:80 HTTP/1.1\r\nhost: h\r\n\r\n"


def early(name, head, rejected=True, **kw):
    for suffix, router in (("", ""), ("_rejected", "reject_connect_request_early_data: true")):
        answer = read() + raw_all() if rejected and suffix else read_head() + read_bytes(5) + close()
        scenario("early_data_" + name + suffix, router=router, no_upstream=True,
                 **{"routes": CONNECT_TCP, "hcm": "upgrade_configs: [{upgrade_type: CONNECT}]", "up": Tcp(tunnel_echo()), "client": send(head + "early") + answer + logged(1), **kw})


early("with_the_head", CONNECT_HEAD)
early("to_a_proxy", CONNECT_HEAD, routes='- {match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}', up=[wait(0.1) + raw("HTTP/1.1 200 OK\r\n\r\n") + tunnel_echo()])
early("websocket", "GET /ws HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n", rejected=False, hcm="upgrade_configs: [{upgrade_type: websocket}]",
      routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}}', up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()])
scenario("early_data_later_rejected", router="reject_connect_request_early_data: true", routes=CONNECT_TCP, hcm="upgrade_configs: [{upgrade_type: CONNECT}]", up=Tcp(tunnel_echo()),
         client=send(CONNECT_HEAD) + read_head() + send("later") + read_bytes(5) + close() + logged(1))

# The fault filter's metadata.
FAULT_META = """
- name: envoy.filters.http.fault
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, filter_metadata: {k: v, n: 3, o: {p: [1, x]}}, abort: {http_status: 418, percentage: {numerator: %d}}}
"""
META_LOG = {"k": "%DYNAMIC_METADATA(envoy.filters.http.fault:k)%", "n": "%METADATA(DYNAMIC:envoy.filters.http.fault:n)%", "all": "%DYNAMIC_METADATA(envoy.filters.http.fault)%", "code": "%RESPONSE_CODE%"}
scenario("fault_metadata", filters=FAULT_META % 100, log_format=META_LOG, client=get("/"))
scenario("fault_metadata_without_fault", filters=FAULT_META % 0, log_format=META_LOG, client=get("/"))
scenario("fault_metadata_of_delay", filters=(FAULT_META % 0).replace("abort:", "delay: {fixed_delay: 0.05s, percentage: {numerator: 100}}, abort:"), log_format=META_LOG, client=get("/"))
scenario("fault_metadata_in_headers", filters=(FAULT_META % 0).replace("abort:", "delay: {fixed_delay: 0.05s, percentage: {numerator: 100}}, abort:"), routes="""
- {match: {prefix: /}, route: {cluster: "{{up}}"}, request_headers_to_add: [{header: {key: x-meta, value: "%DYNAMIC_METADATA(envoy.filters.http.fault:k)%"}}]}
""", client=get("/"))

# Formatters.
FORMATTERS = """
access_log: [{name: f, typed_config: {"@type": %s, path: "{{log}}", log_format: {json_format: {%%s}, formatters: [
  {name: envoy.formatter.req_without_query, typed_config: {"@type": type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery}},
  {name: envoy.formatter.metadata, typed_config: {"@type": type.googleapis.com/envoy.extensions.formatter.metadata.v3.Metadata}}]}}}]
""" % FILE
scenario("formatter_req_without_query", hcm=FORMATTERS % ('path: "%REQ_WITHOUT_QUERY(:PATH)%", alt: "%REQ_WITHOUT_QUERY(x-none?:PATH)%", cut: "%REQ_WITHOUT_QUERY(:PATH):3%", '
         'header: "%REQ_WITHOUT_QUERY(X-URL)%", none: "%REQ_WITHOUT_QUERY(x-none)%"'), client=get("/a/b?c=d", "x-url: http://x/y?z=1"))
scenario("formatter_metadata", hcm=FORMATTERS % 'route: "%METADATA(ROUTE:ns:a)%"', routes="""
- {match: {prefix: /}, metadata: {filter_metadata: {ns: {a: b}}}, route: {cluster: "{{up}}"}}
""", client=get("/"))
LINE = """
access_log: [{name: f, typed_config: {"@type": %s, path: "{{log}}", log_format: {json_format: {z: "1", b: {y: 2, a: 3}, a: "%%%%REQ(:METHOD)%%%%"}%%s}}}]
""" % FILE
scenario("json_format_sorted", hcm=LINE % ", json_format_options: {sort_properties: true}", client=get("/"))
scenario("json_format_unsorted", hcm=LINE % ", json_format_options: {sort_properties: false}", client=get("/"))
scenario("proxy_status_fault_recommended", hcm=STATUS % "set_recommended_response_code: true", filters="- " + ABORT % 418, client=get("/"))
scenario("proxy_status_retried", up=[rst()], hcm=STATUS % "set_recommended_response_code: true", routes=RETRY, client=get("/"))
scenario("proxy_status_stream_idle", up=[hold()], hcm=STATUS % "set_recommended_response_code: true" + "\nstream_idle_timeout: 0.1s", client=get("/"))
scenario("proxy_status_max_duration", up=[hold()], hcm=STATUS % "" + "\ncommon_http_protocol_options: {max_stream_duration: 0.1s}", client=get("/"))
scenario("proxy_status_strict_header", hcm=STATUS % "set_recommended_response_code: true" + "\ninternal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}\nuse_remote_address: true",
         router="strict_check_headers: [x-envoy-retry-on]", client=get("/", "x-envoy-retry-on: foo"))
scenario("proxy_status_overload_recommended", hcm=STATUS % "set_recommended_response_code: true", clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_connections: 0, max_pending_requests: 0}]}"}}, client=get("/"))
scenario("proxy_status_protocol_error_recommended", up=[raw("garbage\r\n\r\n")], hcm=STATUS % "set_recommended_response_code: true", client=get("/"))
scenario("proxy_status_max_upstream_duration", up=[hold()], hcm=STATUS % "", clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.1s}"}}, client=get("/"))

# Access log filters that see the metadata.
META_FILTERS = ["matcher: {filter: envoy.filters.http.fault, path: [%s], value: {%s}%s}%s" % m for m in (
    ("{key: k}", "string_match: {exact: v}", "", ""),
    ("{key: k}", "string_match: {exact: w}", "", ""),
    ("{key: k}", "string_match: {exact: v}", ", invert: true", ""),
    ("{key: k}", "string_match: {exact: w}", ", invert: true", ""),
    ("{key: k}", "present_match: false", "", ""),
    ("{key: q}", "string_match: {exact: v}", "", ""),
    ("{key: q}", "string_match: {exact: v}", "", ", match_if_key_not_found: false"),
    ("{key: q}", "string_match: {exact: v}", ", invert: true", ", match_if_key_not_found: false"),
    ("{key: q}", "present_match: false", "", ", match_if_key_not_found: false"),
    ("{key: nul}", "null_match: {}", "", ", match_if_key_not_found: false"),
    ("{key: nul}", "string_match: {exact: v}", "", ""),
    ("{key: o}, {key: p}", "list_match: {one_of: {string_match: {exact: x}}}", "", ""),
    ("{key: o}, {key: p}", "list_match: {one_of: {string_match: {exact: yy}}}", "", ""))] + ["match_if_key_not_found: false", "match_if_key_not_found: true", ""]
META_LOGS = "access_log:\n" + "".join(
    '- {name: f, filter: {metadata_filter: {%s}}, typed_config: {"@type": %s, path: "{{log}}", log_format: {text_format_source: {inline_string: "%d\\n"}}}}\n' % (f, FILE, i) for i, f in enumerate(META_FILTERS))
META_MORE = FAULT_META.replace("n: 3,", "n: 3, nul: null,")
scenario("metadata_filter_of_fault", hcm=META_LOGS, filters=META_MORE % 100, client=get("/"))
scenario("metadata_filter_without_fault", hcm=META_LOGS, filters=META_MORE % 0, client=get("/"))

# How routes were found.
scenario("route_resolutions", log_format={"n": "%ROUTE_RESOLUTION_COUNT%", "d": "%RESPONSE_CODE_DETAILS%"},
         routes='- {match: {prefix: /a}, route: {cluster: "{{up}}", internal_redirect_policy: {}}}', up=[ok("", "location: http://h/a/b", status=302), ok()],
         client=get("/a") + get("/c") + send("GET / HTTP/1.1\r\n\r\n") + read() + new() + send("BAD\r\n\r\n") + read() + new() + send("OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n") + read())
scenario("route_resolutions_in_local_reply", hcm='local_reply_config: {body_format: {text_format_source: {inline_string: "%ROUTE_RESOLUTION_COUNT%"}}}',
         routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', client=get("/c"))
scenario("route_resolutions_of_an_upgrade", hcm="upgrade_configs: [{upgrade_type: websocket}]", log_format={"n": "%ROUTE_RESOLUTION_COUNT%"}, client=WEBSOCKET)

# More of the log of attempts.
UPSTREAM_MORE = """
upstream_log: [{name: up, typed_config: {"@type": %s, path: "{{log}}", log_format: {json_format: {up: "%%ACCESS_LOG_TYPE%%", code: "%%RESPONSE_CODE%%", flags: "%%RESPONSE_FLAGS%%",
  resp: "%%RESP(server)%%|%%RESP(x-h)%%|%%RESP(x-up)%%|%%RESP(:status)%%", received: "%%BYTES_RECEIVED%%", sent: "%%BYTES_SENT%%", host: "%%UPSTREAM_HOST%%", tried: "%%UPSTREAM_HOSTS_ATTEMPTED%%",
  upstream: "%%UPSTREAM_PROTOCOL%%", request: "%%REQUEST_DURATION%%", trailer: "%%TRAILER(x-t)%%", route: "%%ROUTE_NAME%%", cluster: "%%UPSTREAM_CLUSTER%%", meta: "%%METADATA(ROUTE:a:b)%%",
  id: "%%STREAM_ID%%", bytes: "%%UPSTREAM_WIRE_BYTES_RECEIVED%% %%UPSTREAM_HEADER_BYTES_RECEIVED%%", path: "%%REQ(:PATH)%%", resolutions: "%%ROUTE_RESOLUTION_COUNT%%", tx: "%%RESPONSE_TX_DURATION%%",
  remote: "%%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%%", vc: "%%VIRTUAL_CLUSTER_NAME%%"}}}}]
""" % FILE
SHORT = {"type": "%ACCESS_LOG_TYPE%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%"}


def tries(name, options="", **kw):
    routes = '- {name: r, match: {prefix: /}, route: {cluster: "{{up}}"%s}, response_headers_to_add: [{header: {key: x-h, value: added}}], metadata: {filter_metadata: {a: {b: c}}}}' % options
    scenario("upstream_log_" + name, router=UPSTREAM_MORE, log_format=SHORT, routes=routes, **{"client": get("/"), **kw})


HELD = send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
tries("facts", up=[ok("body", "x-up: v")], client=req("/a", method="POST", body="12345"))
tries("timeout", ", timeout: 0.1s", up=[hold()])
tries("per_try", ", retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s}", up=[hold()])
tries("stream_idle", ", idle_timeout: 0.1s", up=[hold()])
tries("gone", up=[hold()], client=HELD + seen(1) + close() + logged(2))
tries("overflow", clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_connections: 0, max_pending_requests: 0}]}"}})
tries("cut", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc") + rst()])
tries("protocol_error", up=[raw("garbage\r\n\r\n")])
tries("trailers", up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n")])
tries("retried", ", timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}", up=[FAIL, ok("abc")], client=req("/a", method="POST", body="12345"))
tries("redirect", ", internal_redirect_policy: {}", up=[ok("", "location: http://h/b", status=302), ok()])
tries("hedge", ", timeout: 0s, hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {retry_on: 5xx, num_retries: 2, per_try_timeout: 0.1s}", up=[hold(), ok("x")])
tries("mirror", ', request_mirror_policies: [{cluster: "{{m}}"}]', up={"up": [wait(0.2) + ok("x")], "m": [ok("y")]}, clusters={"m": {}}, client=get("/") + logged(3))
tries("websocket", hcm="upgrade_configs: [{upgrade_type: websocket}]", up=[raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + tunnel_echo()],
      client=send("GET /ws HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + read_head() + send("abc") + read_bytes(3) + close() + logged(2))

# What a stream that goes on as another knows of its first half.
scenario("redirect_log_bytes", router="suppress_envoy_headers: true", log_format={"up": "%UPSTREAM_WIRE_BYTES_RECEIVED% %UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_HEADER_BYTES_RECEIVED% %UPSTREAM_HEADER_BYTES_SENT%", "down": "%DOWNSTREAM_WIRE_BYTES_SENT%"},
         routes='- {match: {prefix: /}, route: {cluster: "{{up}}", internal_redirect_policy: {}}}', up=[ok("", "location: http://h/b", status=302), ok("0123456789")], client=get("/"))
scenario("maintenance_mode_headers", own=True, routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, response_headers_to_add: [{header: {key: x-h, value: added}}]}',
         bootstrap="layered_runtime: {layers: [{name: s, static_layer: {upstream.maintenance_mode.{{up}}: 100}}]}", client=get("/"))

# gRPC without codes in the stats.
GRPC = "content-type: application/grpc"
for name, kw in {"ok": {"up": [ok("x", GRPC, "grpc-status: 0")]}, "plain": {"up": [ok("x")], "client": get("/")}, "503": {"up": [ok("x", GRPC, status=503)]}, "refused": {"up": {"up": REFUSE}}}.items():
    scenario("router_grpc_codes_suppressed_" + name, router="suppress_grpc_request_failure_code_stats: true", **{"client": get("/", GRPC), **kw},
             stats=["cluster.{{up}}.upstream_rq_200", "cluster.{{up}}.upstream_rq_503", "cluster.{{up}}.upstream_rq_completed", "http.{{name}}.downstream_rq_2xx"])

scenario("router_grpc_codes_suppressed_in_other_sets", router="suppress_grpc_request_failure_code_stats: true", up=[ok("x", GRPC, "x-envoy-upstream-canary: true", status=503)],
         routes='- {match: {prefix: /}, stat_prefix: one, route: {cluster: "{{up}}"}}', client=get("/", GRPC) + stat_is("cluster.{{up}}.upstream_rq_completed", 1)
         + admin("/stats?filter=(_in_other_sets_up|route.one).*rq_(503|5xx|completed)", head=False))

# Names of headers as they came: the codec that read a head decides.
PRESERVE_ONLY = "stateful_formatter: {name: p, typed_config: {\"@type\": type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig%s}}"


def cased(name, down_case, up_case, **kw):
    options = "http_protocol_options: {enable_trailers: true, header_key_format: {%s}}"
    more = {"clusters": {"up": {"yaml": PRESERVE_UP["up"]["yaml"] % (options % up_case)}}} if up_case else {}
    mixed = send("GET / HTTP/1.1\r\nHoSt: h\r\nX-a: 1\r\nX-A: 2\r\nx-b: 3\r\nX-B: 4\r\n\r\n") + read()
    scenario("case_" + name, hcm=options % down_case if down_case else "", **{"client": mixed, "up": [ok("x", "X-uP: 1", reason="Odd")], **more, **kw})


KEEP, KEEP_PROPER = PRESERVE_ONLY % ", forward_reason_phrase: true", PRESERVE_ONLY % ", formatter_type_on_envoy_headers: PROPER_CASE"
cased("both", KEEP, KEEP)
cased("down_only", KEEP, "")
cased("up_only", "", KEEP)
cased("down_and_proper_up", KEEP, "proper_case_words: {}")
cased("proper_down_and_up", "proper_case_words: {}", KEEP)
CHANGES = """
- match: {prefix: /}
  route: {cluster: "{{up}}", host_rewrite_literal: xx}
  request_headers_to_remove: [x-b]
  request_headers_to_add: [{header: {key: X-Bb, value: a}}, {header: {key: x-a, value: z}, append_action: OVERWRITE_IF_EXISTS}]
  response_headers_to_add: [{header: {key: X-Cc, value: a}}]
"""
for name, how in (("kept", KEEP), ("kept_else_proper", KEEP_PROPER)):
    cased(name + "_changed", how, how, routes=CHANGES)
    cased(name + "_absolute", how, how, client=send("GET http://x/ HTTP/1.1\r\nHoSt: h\r\nX-a: 1\r\n\r\n") + read())
    cased(name + "_chunked", how, how, up=[raw("HTTP/1.1 200 OK\r\nCONNECTION: close\r\nX-ENvoy-UPSTREAM-service-TIME: 2\r\nSERVER: 3\r\nTransfer-EncodinG: chunked\r\n\r\n0\r\nTr-Ail: 1\r\n\r\n")],
          client=send("POST / HTTP/1.1\r\nHoSt: h\r\nX-a: 1\r\nTransfer-EncodinG: chunked\r\n\r\n0\r\nX-Trail: 1\r\nx-trail: 4\r\n\r\n") + read())
    cased(name + "_local", how, how, routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: abc}}}")
    cased(name + "_retry", how, how, routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0s, retry_policy: {retry_on: 5xx}}}', up=[ok("x", "X-uP: 1", status=503), ok("x", "X-uP: 2")])
FULL_URL = {"up": {"yaml": PRESERVE_UP["up"]["yaml"] % "http_protocol_options: {send_fully_qualified_url: true}"}}
scenario("fully_qualified_url", clusters=FULL_URL, client=get("/a?b") + get("/a", "x-forwarded-proto: https"))
scenario("fully_qualified_url_connect", clusters=FULL_URL, hcm="upgrade_configs: [{upgrade_type: CONNECT}]", routes='- {match: {connect_matcher: {}}, route: {cluster: "{{up}}"}}',
         client=send("CONNECT h:80 HTTP/1.1\r\nhost: h\r\n\r\n") + read())
