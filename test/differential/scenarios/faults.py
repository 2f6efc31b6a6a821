"""The fault filter: delays, aborts, rate limits; by percentage, by header, by route; its limits and stats."""
from harness.dsl import *

TYPE = '"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault'
GRPC = ("content-type: application/grpc",)
STATS = [f"http.{{{{name}}}}.fault.{n}" for n in ("aborts_injected", "delays_injected", "faults_overflow", "response_rl_injected", "active_faults")]
ABORT = "abort: {http_status: 503, percentage: {numerator: 100}}"
DELAY = "delay: {fixed_delay: 0.1s, percentage: {numerator: 100}}"


def fault(text):
    return f"- {{name: envoy.filters.http.fault, typed_config: {{{TYPE}, {text}}}}}" if text else \
        f"- {{name: envoy.filters.http.fault, typed_config: {{{TYPE}}}}}"


def case(name, text="", **kw):
    kw.setdefault("filters", fault(text))
    kw.setdefault("stats", STATS)
    scenario(name, **kw)


def with_headers(*sets, **kw):
    return [step for s in sets for step in get("/", *s, **kw)]


case("fault_nothing", client=get("/"))
case("fault_abort", ABORT, client=get("/") + get("/again"))
case("fault_abort_204", "abort: {http_status: 204, percentage: {numerator: 100}}", client=get("/"),
     differs="Envoy sends the body after a 204, where the client takes it for the beginning of the next response",
     outrigger={"end": {"c": "open"}, "log": [{
         "attempts": 0, "authority": "h.example", "cluster": "fault_abort_204_up", "code": 204, "details": "fault_filter_abort", "failure": None, "flags": "FI",
         "host": None, "method": "GET", "path": "/", "protocol": "HTTP/1.1", "received": 0, "route": None, "sent": 0, "term": None}]})
for _status in (200, 301, 404, 418, 500, 599):
    case(f"fault_abort_{_status}", f"abort: {{http_status: {_status}, percentage: {{numerator: 100}}}}", client=get("/"))
case("fault_abort_never", "abort: {http_status: 503, percentage: {numerator: 0}}", client=burst(20), no_log=True, no_upstream=True)
case("fault_abort_default_percentage", "abort: {http_status: 503}", client=burst(20), no_log=True, no_upstream=True)
case("fault_abort_some", "abort: {http_status: 503, percentage: {numerator: 30}}", client=burst(400, about={"503 fault filter abort": 0.3, "200 ok": 0.7}),
     no_log=True, no_upstream=True, stats=[])
case("fault_abort_some_ten_thousand", "abort: {http_status: 503, percentage: {numerator: 3000, denominator: TEN_THOUSAND}}",
     client=burst(400, about={"503 fault filter abort": 0.3, "200 ok": 0.7}), no_log=True, no_upstream=True, stats=[])
case("fault_abort_more_than_all", "abort: {http_status: 503, percentage: {numerator: 250}}", client=get("/"))
case("fault_abort_head_request", ABORT, client=req("/", method="HEAD"))
case("fault_abort_request_with_body", ABORT, client=req("/", method="POST", body="abc") + get("/next"))
case("fault_abort_request_incomplete", ABORT, client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())
case("fault_abort_grpc_request", ABORT, client=get("/", *GRPC))
case("fault_abort_grpc_status", "abort: {grpc_status: 5, percentage: {numerator: 100}}", client=get("/") + get("/", *GRPC))
case("fault_abort_grpc_status_0", "abort: {grpc_status: 0, percentage: {numerator: 100}}", client=get("/") + get("/", *GRPC))
case("fault_abort_no_route", ABORT, routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', client=get("/b") + get("/a"))
case("fault_abort_direct_response", ABORT, routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: d}}}", client=get("/"))
case("fault_abort_redirect", ABORT, routes="- {match: {prefix: /}, redirect: {host_redirect: x}}", client=get("/"))
case("fault_abort_unknown_cluster", ABORT, routes="- {match: {prefix: /}, route: {cluster: nope}}", route_config="validate_clusters: false", client=get("/"))
case("fault_abort_response_headers", ABORT, routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, response_headers_to_add: [{header: {key: x-r, value: r}}]}',
     client=get("/"))
case("fault_abort_local_reply_config", ABORT, hcm="""
local_reply_config:
  mappers: [{filter: {response_flag_filter: {flags: [FI]}}, status_code: 451, body: {inline_string: "mapped"}}]
""", client=get("/"))
case("fault_abort_keeps_connection", ABORT, client=get("/1") + get("/2") + get("/3", "connection: close"))
case("fault_abort_body", "abort: {http_status: 503, percentage: {numerator: 100}, response_body: own words}", client=get("/") + get("/", *GRPC))

case("fault_delay", DELAY, client=get("/"))
case("fault_delay_and_abort", f"{DELAY}, {ABORT}", client=get("/"))
case("fault_delay_then_upstream_fails", DELAY, up=REFUSE, client=get("/"))
case("fault_delay_body", DELAY, client=req("/", method="POST", body="x" * 2000))
case("fault_delay_body_later", DELAY, client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + pause(0.02) + send("def") + read())
case("fault_delay_trailers", DELAY, hcm="http_protocol_options: {enable_trailers: true}",
     clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}},
     client=send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n") + read())
case("fault_delay_large_body", DELAY, listener="per_connection_buffer_limit_bytes: 1000", client=req("/", method="POST", body="x" * 200000))
case("fault_delay_client_gone", "delay: {fixed_delay: 5s, percentage: {numerator: 100}}",
     client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + stat_is("http.{{name}}.fault.active_faults", 1) + close() + logged(1))
case("fault_delay_outlives_stream_idle", "delay: {fixed_delay: 5s, percentage: {numerator: 100}}", hcm="stream_idle_timeout: 0.2s", client=get("/"))
case("fault_delay_is_not_in_route_timeout", "delay: {fixed_delay: 0.3s, percentage: {numerator: 100}}",
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.2s}}', client=get("/"))
case("fault_delay_never", "delay: {fixed_delay: 5s, percentage: {numerator: 0}}", client=get("/"))
case("fault_delay_no_route", DELAY, routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}', client=get("/b"))
case("fault_delay_pipelined", DELAY, client=send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n") + read() + read())

# By header.
HEADER_ABORT = "abort: {header_abort: {}, percentage: {numerator: 100}}"
case("fault_header_abort", HEADER_ABORT, client=with_headers([], *[[f"x-envoy-fault-abort-request: {v}"] for v in (
    "503", "200", "199", "600", "599", "0", "-1", "x", "", "503.0", " 404", "4294967800")]))
case("fault_header_abort_grpc", HEADER_ABORT, client=with_headers(*[[f"x-envoy-fault-abort-grpc-request: {v}"] for v in ("5", "0", "16", "17", "99", "x")])
     + with_headers([*GRPC, "x-envoy-fault-abort-grpc-request: 5"], [*GRPC, "x-envoy-fault-abort-request: 404"]))
case("fault_header_abort_both", HEADER_ABORT, client=get("/", *GRPC, "x-envoy-fault-abort-request: 404", "x-envoy-fault-abort-grpc-request: 5"))
case("fault_header_abort_percentage", HEADER_ABORT, client=with_headers(*[["x-envoy-fault-abort-request: 503", f"x-envoy-fault-abort-request-percentage: {v}"]
                                                                          for v in ("0", "100", "200", "x", "-1", "")]))
case("fault_header_abort_percentage_lowers_only", "abort: {header_abort: {}, percentage: {numerator: 0}}",
     client=get("/", "x-envoy-fault-abort-request: 503", "x-envoy-fault-abort-request-percentage: 100"))
case("fault_header_abort_percentage_denominator", "abort: {header_abort: {}, percentage: {numerator: 1000000, denominator: MILLION}}", stats=[], no_log=True,
     no_upstream=True, client=burst(300, "/", "x-envoy-fault-abort-request: 503", "x-envoy-fault-abort-request-percentage: 500000",
                                    about={"503 fault filter abort": 0.5, "200 ok": 0.5}))
case("fault_header_abort_not_configured", ABORT.replace("100", "0"), client=get("/", "x-envoy-fault-abort-request: 503"))
case("fault_header_forwarded", HEADER_ABORT + ", delay: {header_delay: {}, percentage: {numerator: 100}}", client=get("/", "x-envoy-fault-abort-request: x",
     "x-envoy-fault-delay-request: 1", "x-envoy-fault-delay-request-percentage: 100"))
case("fault_header_delay", "delay: {header_delay: {}, percentage: {numerator: 100}}", client=with_headers([], *[
    [f"x-envoy-fault-delay-request: {v}"] for v in ("30", "0", "-1", "x", "")]))
case("fault_header_delay_percentage", "delay: {header_delay: {}, percentage: {numerator: 100}}", client=with_headers(*[
    ["x-envoy-fault-delay-request: 20", f"x-envoy-fault-delay-request-percentage: {v}"] for v in ("0", "100", "x")]))
case("fault_header_delay_and_abort", HEADER_ABORT + ", delay: {header_delay: {}, percentage: {numerator: 100}}",
     client=get("/", "x-envoy-fault-delay-request: 20", "x-envoy-fault-abort-request: 418"))
case("fault_header_from_untrusted", HEADER_ABORT, hcm="use_remote_address: true", client=get("/", "x-envoy-fault-abort-request: 503"))

# Rate limits of responses.
case("fault_rate_limit", "response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 100}}", up=[ok("x" * 300)], client=get("/"))
case("fault_rate_limit_chunked", "response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 100}}", hcm="http_protocol_options: {enable_trailers: true}",
     clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}}, client=get("/"),
     up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nx-t: 1\r\n\r\n")])
case("fault_rate_limit_empty", "response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 100}}", up=[ok("")], client=get("/"))
case("fault_rate_limit_never", "response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 0}}", up=[ok("x" * 3000)], client=get("/"))
case("fault_rate_limit_large", "response_rate_limit: {fixed_limit: {limit_kbps: 2000}, percentage: {numerator: 100}}", up=[ok("x" * 300000)], client=get("/"))
case("fault_rate_limit_header", "response_rate_limit: {header_limit: {}, percentage: {numerator: 100}}", up=[ok("x" * 300)], client=with_headers(
    [], ["x-envoy-fault-throughput-response: 1"], ["x-envoy-fault-throughput-response: 0"], ["x-envoy-fault-throughput-response: x"],
    ["x-envoy-fault-throughput-response: 1", "x-envoy-fault-throughput-response-percentage: 0"]))
case("fault_rate_limit_and_abort", f"{ABORT}, response_rate_limit: {{fixed_limit: {{limit_kbps: 1}}, percentage: {{numerator: 100}}}}", client=get("/"))
case("fault_rate_limit_local_reply", "response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 100}}",
     routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: " + "d" * 150 + "}}}", client=get("/"))

# To whom it applies.
case("fault_upstream_cluster", ABORT + ', upstream_cluster: "{{up}}"', up={"up": [ok()], "b": [ok("b")]}, routes="""
- {match: {prefix: /b}, route: {cluster: "{{b}}"}}
- {match: {prefix: /d}, direct_response: {status: 200}}
- {match: {prefix: /u}, route: {cluster: "{{up}}"}}
""", client=get("/u") + get("/b") + get("/d") + get("/none"))
case("fault_upstream_cluster_weighted", ABORT + ', upstream_cluster: "{{b}}"', up={"up": [ok("up")], "b": [ok("b")]}, routes="""
- match: {prefix: /}
  route: {weighted_clusters: {clusters: [{name: "{{up}}", weight: 50}, {name: "{{b}}", weight: 50}]}}
""", client=burst(300, about={"503 fault filter abort": 0.5, "200 up": 0.5}), no_log=True, no_upstream=True, stats=[])
case("fault_headers", ABORT + ', headers: [{name: x-a, string_match: {exact: one}}, {name: ":path", string_match: {prefix: /p}}]',
     client=get("/p", "x-a: one") + get("/p", "x-a: two") + get("/q", "x-a: one") + get("/p"))
case("fault_downstream_nodes", ABORT + ", downstream_nodes: [one, two]", client=with_headers(
    [], ["x-envoy-downstream-service-node: one"], ["x-envoy-downstream-service-node: two"], ["x-envoy-downstream-service-node: three"], ["x-envoy-downstream-service-node: "]))
case("fault_downstream_cluster_stats", ABORT, client=get("/", "x-envoy-downstream-service-cluster: from.a") + get("/", "x-envoy-downstream-service-cluster: "),
     stats=STATS + ["http.{{name}}.fault.from.a.aborts_injected", "http.{{name}}.fault.from_a.aborts_injected"])
case("fault_downstream_cluster_delay_stats", DELAY, client=get("/", "x-envoy-downstream-service-cluster: a"), stats=STATS + ["http.{{name}}.fault.a.delays_injected"])
case("fault_downstream_cluster_stats_off", ABORT + ", disable_downstream_cluster_stats: true", client=get("/", "x-envoy-downstream-service-cluster: a"),
     stats=STATS + ["http.{{name}}.fault.a.aborts_injected"])

# How many at a time.
case("fault_max_active_0", ABORT + ", max_active_faults: 0", client=get("/"))
case("fault_max_active_0_delay", DELAY + ", max_active_faults: 0", client=get("/"))
case("fault_max_active_1", DELAY.replace("0.1s", "0.4s") + ", max_active_faults: 1", unordered_log=True,
     client=send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\n") + stat_is("http.{{name}}.fault.active_faults", 1) + get("/2", c="d") + read() + get("/3", c="d"))
case("fault_max_active_1_delay_and_abort", f"{DELAY}, {ABORT}, max_active_faults: 1", client=get("/"))
case("fault_active_after_delay", DELAY, up=[until("go") + ok()], client=send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\n") + seen(1)
     + admin("/stats", keep=r"{{name}}\.fault", head=False) + signal("go") + read())
case("fault_runtime_of_downstream_cluster_over_default", ABORT, own=True, client=admin("/runtime_modify?fault.http.abort.abort_percent=0", "POST", head=False)
     + get("/1", "x-envoy-downstream-service-cluster: a") + get("/2"))
case("fault_runtime_of_downstream_cluster_duration", DELAY, own=True, client=admin("/runtime_modify?fault.http.a.delay.fixed_duration_ms=0", "POST", head=False)
     + get("/1", "x-envoy-downstream-service-cluster: a") + get("/2", "x-envoy-downstream-service-cluster: b"))
case("fault_runtime_of_downstream_cluster_grpc", "abort: {grpc_status: 5, percentage: {numerator: 100}}", own=True,
     client=admin("/runtime_modify?fault.http.a.abort.grpc_status=7", "POST", head=False) + get("/1", *GRPC, "x-envoy-downstream-service-cluster: a"))
case("fault_runtime_own_grpc_key", "abort_grpc_status_runtime: my.grpc, abort: {grpc_status: 5, percentage: {numerator: 100}}", own=True,
     client=admin("/runtime_modify?my.grpc=9", "POST", head=False) + get("/1", *GRPC) + admin("/runtime_modify?my.grpc=99", "POST", head=False) + get("/2", *GRPC))
case("fault_max_active_is_per_filter", f"{ABORT}, max_active_faults: 1", filters=f"""
- {{name: one, typed_config: {{{TYPE}, delay: {{fixed_delay: 0.1s, percentage: {{numerator: 100}}}}, max_active_faults: 1}}}}
- {{name: two, typed_config: {{{TYPE}, {ABORT}, max_active_faults: 1}}}}
""", client=get("/"))

# Runtime.
case("fault_runtime_default_keys", ABORT, own=True, client=burst(3) + admin("/runtime_modify?fault.http.abort.abort_percent=0", "POST", head=False) + burst(3)
     + admin("/runtime_modify?fault.http.abort.abort_percent=100&fault.http.abort.http_status=404", "POST", head=False) + burst(3), no_log=True, no_upstream=True)
case("fault_runtime_delay_keys", DELAY, own=True, client=admin("/runtime_modify?fault.http.delay.fixed_delay_percent=0", "POST", head=False) + get("/1")
     + admin("/runtime_modify?fault.http.delay.fixed_delay_percent=100&fault.http.delay.fixed_duration_ms=0", "POST", head=False) + get("/2")
     + admin("/runtime_modify?fault.http.delay.fixed_duration_ms=20", "POST", head=False) + get("/3"))
case("fault_runtime_own_keys", "abort_percent_runtime: my.abort, abort_http_status_runtime: my.status, " + ABORT, own=True,
     client=admin("/runtime_modify?my.abort=0", "POST", head=False) + get("/1") + admin("/runtime_modify?my.abort=100&my.status=418", "POST", head=False) + get("/2")
     + admin("/runtime_modify?my.status=700", "POST", head=False) + get("/3"))
case("fault_runtime_of_downstream_cluster", ABORT, own=True, client=admin("/runtime_modify?fault.http.a.abort.abort_percent=0", "POST", head=False)
     + get("/1", "x-envoy-downstream-service-cluster: a") + get("/2", "x-envoy-downstream-service-cluster: b") + get("/3"))
case("fault_runtime_of_downstream_cluster_delay", DELAY, own=True, client=admin("/runtime_modify?fault.http.a.delay.fixed_delay_percent=0", "POST", head=False)
     + get("/1", "x-envoy-downstream-service-cluster: a") + get("/2", "x-envoy-downstream-service-cluster: b"))
case("fault_runtime_of_downstream_cluster_status", ABORT, own=True, client=admin("/runtime_modify?fault.http.a.abort.http_status=404", "POST", head=False)
     + get("/1", "x-envoy-downstream-service-cluster: a") + get("/2", "x-envoy-downstream-service-cluster: b"))
case("fault_runtime_max_active", ABORT, own=True, client=admin("/runtime_modify?fault.http.max_active_faults=0", "POST", head=False) + get("/1"))
case("fault_runtime_grpc_status", "abort: {grpc_status: 5, percentage: {numerator: 100}}", own=True,
     client=admin("/runtime_modify?fault.http.abort.grpc_status=7", "POST", head=False) + get("/1", *GRPC))
case("fault_runtime_rate_limit", "response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 100}}", own=True,
     client=admin("/runtime_modify?fault.http.rate_limit.response_percent=0", "POST", head=False) + get("/1"))

# Config of routes.
PER_ROUTE = """
- name: one
  domains: ["*"]
  typed_per_filter_config:
    envoy.filters.http.fault: {%(type)s, abort: {http_status: 418, percentage: {numerator: 100}}}
  routes:
  - match: {prefix: /own}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {envoy.filters.http.fault: {%(type)s, abort: {http_status: 404, percentage: {numerator: 100}}}}
  - match: {prefix: /empty}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {envoy.filters.http.fault: {%(type)s}}
  - match: {prefix: /off}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {envoy.filters.http.fault: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}
  - match: {prefix: /wrapped}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {envoy.filters.http.fault: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {%(type)s, abort: {http_status: 410, percentage: {numerator: 100}}}}}
  - match: {prefix: /weighted}
    route:
      weighted_clusters:
        clusters:
        - name: "{{up}}"
          weight: 1
          typed_per_filter_config: {envoy.filters.http.fault: {%(type)s, abort: {http_status: 499, percentage: {numerator: 100}}}}
    typed_per_filter_config: {envoy.filters.http.fault: {%(type)s, abort: {http_status: 498, percentage: {numerator: 100}}}}
  - match: {prefix: /unknown}
    route: {cluster: "{{up}}"}
    typed_per_filter_config: {some.other.name: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, is_optional: true, config: {"@type": type.googleapis.com/google.protobuf.Struct}}}
  - {match: {prefix: /}, route: {cluster: "{{up}}"}}
""" % {"type": TYPE}
case("fault_per_route", ABORT, vhosts=PER_ROUTE, client=[s for p in ("/own", "/empty", "/off", "/wrapped", "/weighted", "/unknown", "/") for s in get(p)])
case("fault_per_route_config", ABORT, route_config=f"typed_per_filter_config: {{envoy.filters.http.fault: {{{TYPE}, abort: {{http_status: 417, percentage: {{numerator: 100}}}}}}}}",
     client=get("/"))
case("fault_disabled_in_chain", filters=f"- {{name: envoy.filters.http.fault, disabled: true, typed_config: {{{TYPE}, {ABORT}}}}}", vhosts=f"""
- name: all
  domains: ["*"]
  routes:
  - match: {{prefix: /on}}
    route: {{cluster: "{{{{up}}}}"}}
    typed_per_filter_config: {{envoy.filters.http.fault: {{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {{}}}}}}
  - match: {{prefix: /set}}
    route: {{cluster: "{{{{up}}}}"}}
    typed_per_filter_config: {{envoy.filters.http.fault: {{{TYPE}, abort: {{http_status: 404, percentage: {{numerator: 100}}}}}}}}
  - match: {{prefix: /disabled}}
    route: {{cluster: "{{{{up}}}}"}}
    typed_per_filter_config: {{envoy.filters.http.fault: {{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}}
  - {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}"}}}}
""", client=get("/on") + get("/set") + get("/disabled") + get("/other"))
case("fault_two_names", filters=f"""
- {{name: first, typed_config: {{{TYPE}}}}}
- {{name: second, typed_config: {{{TYPE}}}}}
""", vhosts=f"""
- name: all
  domains: ["*"]
  routes:
  - match: {{prefix: /second}}
    route: {{cluster: "{{{{up}}}}"}}
    typed_per_filter_config: {{second: {{{TYPE}, abort: {{http_status: 404, percentage: {{numerator: 100}}}}}}}}
  - match: {{prefix: /type}}
    route: {{cluster: "{{{{up}}}}"}}
    typed_per_filter_config: {{envoy.filters.http.fault: {{{TYPE}, abort: {{http_status: 405, percentage: {{numerator: 100}}}}}}}}
""", client=get("/second") + get("/type"))
case("fault_per_route_stats_of_filter", "", vhosts=PER_ROUTE, client=get("/own") + get("/"))
case("fault_per_route_max_active", "max_active_faults: 0", vhosts=PER_ROUTE, client=get("/own"))

for _name, _text in {
    "abort_status_low": "abort: {http_status: 199, percentage: {numerator: 100}}", "abort_status_high": "abort: {http_status: 600}",
    "abort_nothing": "abort: {percentage: {numerator: 1}}", "delay_zero": "delay: {fixed_delay: 0s, percentage: {numerator: 1}}",
    "delay_nothing": "delay: {percentage: {numerator: 1}}", "rate_limit_zero": "response_rate_limit: {fixed_limit: {limit_kbps: 0}}",
    "rate_limit_nothing": "response_rate_limit: {}", "header_bad": "headers: [{name: ''}]"}.items():
    scenario("fault_config_" + _name, kind="validate", config=f"""
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h
          route_config: {{}}
          http_filters:
          - {{name: fault, typed_config: {{{TYPE}, {_text}}}}}
          - {{name: envoy.filters.http.router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}
""")
