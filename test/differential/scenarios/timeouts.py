"""Timeouts: of routes, tries, streams, requests, connections; before and after the headers; gRPC's; and clients that go away."""
from harness.dsl import *

TRUST = "{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}"
UP = [f"cluster.{{{{up}}}}.{n}" for n in (
    "upstream_rq_timeout", "upstream_rq_per_try_timeout", "upstream_rq_per_try_idle_timeout", "upstream_rq_max_duration_reached", "upstream_rq_total",
    "upstream_rq_completed", "upstream_rq_504", "upstream_rq_5xx", "upstream_rq_204", "upstream_rq_200", "upstream_rq_cancelled", "upstream_rq_active",
    "upstream_rq_pending_active", "upstream_cx_active", "upstream_cx_connect_timeout", "upstream_cx_connect_fail", "upstream_rq_pending_failure_eject",
    "upstream_rq_tx_reset", "upstream_rq_rx_reset", "upstream_cx_destroy_local_with_active_rq", "upstream_cx_destroy_remote_with_active_rq", "upstream_cx_destroy_local", "upstream_cx_destroy_remote", "upstream_rq_retry",
    "upstream_rq_retry_limit_exceeded", "upstream_cx_idle_timeout", "upstream_cx_max_duration_reached")]
DOWN = [f"http.{{{{name}}}}.{n}" for n in (
    "downstream_rq_idle_timeout", "downstream_rq_max_duration_reached", "downstream_rq_timeout", "downstream_rq_header_timeout", "downstream_rq_rx_reset",
    "downstream_cx_idle_timeout", "downstream_cx_max_duration_reached", "downstream_rq_4xx", "downstream_rq_5xx", "downstream_rq_completed",
    "downstream_rq_response_before_rq_complete", "downstream_rq_tx_reset", "downstream_cx_destroy_remote_active_rq", "downstream_cx_destroy_local_active_rq",
    "rq_reset_after_downstream_response_started")]
FAST = "retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}"
HEAD_AND_PART = raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
GET = "GET / HTTP/1.1\r\nhost: h.example\r\n\r\n"
GRPC = ("content-type: application/grpc", "te: trailers")


def case(name, **kw):
    kw.setdefault("stats", UP + DOWN)
    kw.setdefault("up", [hold()])
    kw["mask"] = kw.pop("mask", [(r"^(1[345]\d{3}|[1-9]\d\d)$", "<ms>")]) + [(r"(service-time: )\d+", r"\1<ms>")]
    scenario(name, **kw)


def route(action, more=""):
    return f'- {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}", {action}}}{more}}}'


# The route's.
case("timeout_route", routes=route("timeout: 0.2s"), client=get("/") + gone(1))
case("timeout_route_after_head", up=[HEAD_AND_PART + hold()], routes=route("timeout: 0.2s"), client=send(GET) + raw_all() + gone(1))
case("timeout_route_after_chunk", up=[raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n") + hold()],
     routes=route("timeout: 0.2s"), client=send(GET) + raw_all() + gone(1))
case("timeout_route_off", up=[wait(0.3) + ok()], routes=route("timeout: 0s"), client=get("/"))
case("timeout_route_default_told", up=[ok()], mask=[], client=get("/"))
case("timeout_route_from_end_of_request", up=[ok()], routes=route("timeout: 0.25s"),
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + pause(0.4) + send("def") + read())
case("timeout_route_early_answer", up=[early() + HEAD_AND_PART + hold()], routes=route("timeout: 0.2s"),
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + read_head() + pause(0.3) + send("def") + raw_all())
case("timeout_route_while_connecting", up=BLACKHOLE, routes=route("timeout: 0.2s"), client=get("/"))
case("timeout_route_of_all_tries", routes=route(f"timeout: 0.55s, retry_policy: {{retry_on: 5xx, num_retries: 9, per_try_timeout: 0.2s, {FAST}}}"),
     client=get("/") + gone(3))
case("timeout_route_while_backing_off", up=[ok("", "retry-after: 30", status=503)], routes=route(
    "timeout: 0.2s, retry_policy: {retry_on: 5xx, rate_limited_retry_back_off: {reset_headers: [{name: retry-after}]}}"), client=get("/"))
case("timeout_route_head_request", routes=route("timeout: 0.2s"), client=req("/", method="HEAD"))
case("timeout_route_grpc", routes=route("timeout: 0.2s"), client=get("/", *GRPC))
case("timeout_route_pipelined", up={"/slow": hold(), "*": ok()}, routes=route("timeout: 0.2s"),
     client=send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\nGET /next HTTP/1.1\r\nhost: h\r\n\r\n") + read() + read())
case("timeout_route_suppress_envoy_headers", routes=route("timeout: 0.2s"), router="suppress_envoy_headers: true", client=get("/"))
case("timeout_header", hcm=TRUST, client=get("/", "x-envoy-upstream-rq-timeout-ms: 150"))
case("timeout_header_untrusted", up=[wait(0.3) + ok()], hcm="use_remote_address: true", client=get("/", "x-envoy-upstream-rq-timeout-ms: 100"))
case("timeout_header_kinds", up=[ok()], hcm=TRUST, mask=[], log_format={"code": "%RESPONSE_CODE%"},
     client=[s for v in ("0", "70000", "-5", "x", "", "1e3", " 80000", "4294967296", "99999999999999999999") for s in get("/", f"x-envoy-upstream-rq-timeout-ms: {v}")])
case("timeout_header_per_try_kinds", up=[ok()], hcm=TRUST, mask=[], log_format={"code": "%RESPONSE_CODE%"}, client=[
    s for v in ("0", "7000", "15000", "70000", "x") for s in get("/", f"x-envoy-upstream-rq-per-try-timeout-ms: {v}")]
    + get("/", "x-envoy-upstream-rq-timeout-ms: 0", "x-envoy-upstream-rq-per-try-timeout-ms: 40000"))
case("timeout_header_per_try", hcm=TRUST, routes=route(f"retry_policy: {{retry_on: 5xx, {FAST}}}"),
     client=get("/", "x-envoy-upstream-rq-per-try-timeout-ms: 150"))
case("timeout_header_alt_response", hcm=TRUST, client=get("/", "x-envoy-upstream-rq-timeout-ms: 150", "x-envoy-upstream-rq-timeout-alt-response: 1"))
case("timeout_header_alt_response_per_try", hcm=TRUST,
     client=get("/", "x-envoy-upstream-rq-per-try-timeout-ms: 150", "x-envoy-upstream-rq-timeout-alt-response: 1"))
case("timeout_header_alt_response_untrusted", hcm="use_remote_address: true", routes=route("timeout: 0.2s"),
     client=get("/", "x-envoy-upstream-rq-timeout-alt-response: 1"))
case("timeout_expected_ignored", up=[ok()], hcm=TRUST, mask=[], client=get("/", "x-envoy-expected-rq-timeout-ms: 70000"))
case("timeout_expected_respected", up=[ok()], hcm=TRUST, mask=[], router="respect_expected_rq_timeout: true",
     client=get("/", "x-envoy-expected-rq-timeout-ms: 70000") + get("/", "x-envoy-expected-rq-timeout-ms: x")
     + get("/", "x-envoy-expected-rq-timeout-ms: 70000", "x-envoy-upstream-rq-timeout-ms: 80000"))
case("timeout_expected_respected_untrusted", up=[ok()], hcm="use_remote_address: true", mask=[], router="respect_expected_rq_timeout: true",
     client=get("/", "x-envoy-expected-rq-timeout-ms: 70000"))
case("timeout_expected_respected_no_remote_address", up=[ok()], mask=[], router="respect_expected_rq_timeout: true",
     client=get("/", "x-envoy-expected-rq-timeout-ms: 70000"))
case("timeout_response_headers_of_local_reply", vhosts="""
- name: all
  domains: ["*"]
  include_attempt_count_in_response: true
  response_headers_to_add: [{header: {key: x-v, value: "%RESPONSE_CODE_DETAILS%"}}]
  routes: [{match: {prefix: /}, route: {cluster: "{{up}}", timeout: 0.15s}, response_headers_to_add: [{header: {key: x-r, value: r}}]}]
""", client=get("/"))

LOCAL_HEADERS = """
- name: all
  domains: ["*"]
  response_headers_to_add: [{header: {key: x-v, value: "%RESPONSE_CODE%"}}]
  routes: [{match: {prefix: /}, route: {cluster: "{{up}}"}, response_headers_to_add: [{header: {key: x-r, value: r}}], response_headers_to_remove: [content-type]}]
"""
for _name, _hcm in {"idle": "stream_idle_timeout: 0.15s", "duration": "common_http_protocol_options: {max_stream_duration: 0.15s}", "request": "request_timeout: 0.15s"}.items():
    case(f"timeout_{_name}_response_headers_of_route", hcm=_hcm, vhosts=LOCAL_HEADERS, stats=[],
         client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())
case("upgrade_refused_response_headers_of_route", vhosts=LOCAL_HEADERS, stats=[], client=send(
    "GET / HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n") + raw_all())
case("codec_error_response_headers_of_route", vhosts=LOCAL_HEADERS, stats=[], client=send(
    "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz") + raw_all())

# One try's.
case("timeout_per_try_retried", up=[hold(), ok()], routes=route(f"retry_policy: {{retry_on: 5xx, per_try_timeout: 0.15s, {FAST}}}"), client=get("/") + gone(1))
case("timeout_per_try_exhausted", routes=route(f"retry_policy: {{retry_on: 5xx, num_retries: 2, per_try_timeout: 0.1s, {FAST}}}"), client=get("/") + gone(3))
case("timeout_per_try_no_retries", routes=route("retry_policy: {per_try_timeout: 0.15s}"), client=get("/"))
case("timeout_per_try_not_retriable", routes=route(f"retry_policy: {{retry_on: connect-failure, per_try_timeout: 0.15s, {FAST}}}"), client=get("/"))
for _on in ("gateway-error", "reset", "reset-before-request", "retriable-4xx", "refused-stream"):
    case("timeout_per_try_" + _on.replace("-", "_"), up=[hold(), ok()], routes=route(f"retry_policy: {{retry_on: {_on}, per_try_timeout: 0.15s, {FAST}}}"), client=get("/"))
case("timeout_per_try_not_below_route", routes=route("timeout: 0.2s, retry_policy: {retry_on: 5xx, per_try_timeout: 5s}"), client=get("/"))
case("timeout_per_try_equals_route", routes=route("timeout: 0.2s, retry_policy: {retry_on: 5xx, per_try_timeout: 0.2s}"), client=get("/"))
case("timeout_per_try_without_route", routes=route(f"timeout: 0s, retry_policy: {{retry_on: 5xx, per_try_timeout: 0.1s, {FAST}}}"), client=get("/"))
case("timeout_per_try_after_head", up=[HEAD_AND_PART + wait(0.3) + raw("defghij")], routes=route("retry_policy: {retry_on: 5xx, per_try_timeout: 0.15s}"), client=get("/"))
case("timeout_per_try_request_incomplete", up=[ok()], routes=route("retry_policy: {retry_on: 5xx, per_try_timeout: 0.15s}"),
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + pause(0.3) + send("def") + read())
case("timeout_per_try_body_again", up=[hold(), ok()], routes=route(f"retry_policy: {{retry_on: 5xx, per_try_timeout: 0.15s, {FAST}}}"),
     client=req("/", method="POST", body="again"))
case("timeout_per_try_idle", up=[hold()], routes=route("retry_policy: {per_try_idle_timeout: 0.15s}"), client=get("/"))
case("timeout_per_try_idle_retried", up=[hold(), ok()], routes=route(f"retry_policy: {{retry_on: 5xx, per_try_idle_timeout: 0.15s, {FAST}}}"), client=get("/"))
case("timeout_per_try_idle_exhausted", up=[hold()], routes=route(f"retry_policy: {{retry_on: 5xx, per_try_idle_timeout: 0.1s, {FAST}}}"), client=get("/"))
case("timeout_per_try_idle_after_head", up=[HEAD_AND_PART + hold()], routes=route(f"retry_policy: {{retry_on: 5xx, per_try_idle_timeout: 0.15s, {FAST}}}"),
     client=send(GET) + raw_all() + gone(1))
case("timeout_per_try_idle_slow_body", up=[HEAD_AND_PART + wait(0.1) + raw("def") + wait(0.1) + raw("ghi") + wait(0.1) + raw("j")],
     routes=route("retry_policy: {retry_on: 5xx, per_try_idle_timeout: 0.25s}"), client=get("/"))
case("timeout_per_try_idle_slow_request", up=[ok()], routes=route("retry_policy: {retry_on: 5xx, per_try_idle_timeout: 0.25s}"),
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nabc") + pause(0.15) + send("def") + pause(0.15) + send("ghi") + read())
case("timeout_per_try_idle_stuck_request", up=[ok()], routes=route("retry_policy: {retry_on: 5xx, per_try_idle_timeout: 0.15s}"),
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nabc") + pause(0.4) + send("defghi") + read())

# The stream's idle timeout.
case("timeout_idle_request_complete", hcm="stream_idle_timeout: 0.2s", client=get("/") + gone(1))
case("timeout_idle_request_incomplete", hcm="stream_idle_timeout: 0.2s", client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())
case("timeout_idle_head_incomplete", hcm="stream_idle_timeout: 0.2s", client=send("GET / HTTP/1.1\r\nhost: h\r\nx-a: ") + raw_all())
case("timeout_idle_after_head", up=[HEAD_AND_PART + hold()], hcm="stream_idle_timeout: 0.2s", client=send(GET) + raw_all() + gone(1))
case("timeout_idle_slow_answer", up=[HEAD_AND_PART + wait(0.15) + raw("def") + wait(0.15) + raw("ghij")], hcm="stream_idle_timeout: 0.3s", client=get("/"))
case("timeout_idle_slow_request", up=[ok()], hcm="stream_idle_timeout: 0.3s",
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nabc") + pause(0.15) + send("def") + pause(0.2) + send("ghi") + read())
case("timeout_idle_of_route", hcm="stream_idle_timeout: 5s", routes=route("idle_timeout: 0.2s"), client=get("/"))
case("timeout_idle_of_route_longer", up=[wait(0.3) + ok()], hcm="stream_idle_timeout: 0.15s", routes=route("idle_timeout: 5s"), client=get("/"))
case("timeout_idle_of_route_off", up=[wait(0.3) + ok()], hcm="stream_idle_timeout: 0.15s", routes=route("idle_timeout: 0s"), client=get("/"))
case("timeout_idle_off", up=[wait(0.2) + ok()], hcm="stream_idle_timeout: 0s", client=get("/"))
case("timeout_idle_retried_not", up=[hold()], hcm="stream_idle_timeout: 0.2s", routes=route(f"retry_policy: {{retry_on: 5xx, {FAST}}}"), client=get("/"))
case("timeout_idle_while_connecting", up=BLACKHOLE, hcm="stream_idle_timeout: 0.2s", client=get("/"))
case("timeout_idle_grpc", hcm="stream_idle_timeout: 0.2s", client=get("/", *GRPC))
case("timeout_idle_next_request", up={"/hold": hold(), "*": ok()}, hcm="stream_idle_timeout: 0.2s", client=get("/hold") + get("/next"))

# How long a stream may live.
case("timeout_max_duration", hcm="common_http_protocol_options: {max_stream_duration: 0.2s}", client=get("/") + gone(1))
case("timeout_max_duration_incomplete", hcm="common_http_protocol_options: {max_stream_duration: 0.2s}",
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())
case("timeout_max_duration_after_head", up=[HEAD_AND_PART + hold()], hcm="common_http_protocol_options: {max_stream_duration: 0.2s}", client=send(GET) + raw_all() + gone(1))
case("timeout_max_duration_of_route", routes=route("max_stream_duration: {max_stream_duration: 0.2s}"), client=get("/"))
case("timeout_max_duration_of_route_wins", up=[wait(0.3) + ok()], hcm="common_http_protocol_options: {max_stream_duration: 0.15s}",
     routes=route("max_stream_duration: {max_stream_duration: 5s}"), client=get("/"))
case("timeout_max_duration_of_route_off", up=[wait(0.3) + ok()], hcm="common_http_protocol_options: {max_stream_duration: 0.15s}",
     routes=route("max_stream_duration: {max_stream_duration: 0s}"), client=get("/"))
case("timeout_max_duration_of_cluster", clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.2s}"}}, client=get("/") + gone(1))
case("timeout_max_duration_of_cluster_after_head", up=[HEAD_AND_PART + hold()],
     clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.2s}"}}, client=send(GET) + raw_all() + gone(1))
case("timeout_max_duration_of_cluster_retried", up=[hold(), ok()], clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.15s}"}},
     routes=route(f"retry_policy: {{retry_on: 5xx, {FAST}}}"), client=get("/"))
case("timeout_max_duration_of_cluster_exhausted", up=[hold()], clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.15s}"}},
     routes=route(f"retry_policy: {{retry_on: reset, {FAST}}}"), client=get("/"))
case("timeout_max_duration_of_cluster_grpc", clusters={"up": {"yaml": "common_http_protocol_options: {max_stream_duration: 0.2s}"}}, client=get("/", *GRPC))
case("timeout_grpc_header", routes=route("max_stream_duration: {grpc_timeout_header_max: 0s}"), client=get("/", *GRPC, "grpc-timeout: 200m"))
case("timeout_grpc_header_capped", routes=route("max_stream_duration: {grpc_timeout_header_max: 0.2s}"), client=get("/", *GRPC, "grpc-timeout: 5S"))
case("timeout_grpc_header_offset", routes=route("max_stream_duration: {grpc_timeout_header_max: 0s, grpc_timeout_header_offset: 4.8s}"),
     client=get("/", *GRPC, "grpc-timeout: 5S"))
case("timeout_grpc_header_offset_too_large", up=[wait(0.1) + ok()], routes=route("max_stream_duration: {grpc_timeout_header_max: 0s, grpc_timeout_header_offset: 10s}"),
     client=get("/", *GRPC, "grpc-timeout: 5S"))
case("timeout_grpc_header_not_configured", up=[wait(0.3) + ok()], client=get("/", *GRPC, "grpc-timeout: 100m"))
case("timeout_grpc_header_of_plain_request", up=[wait(0.3) + ok()], routes=route("max_stream_duration: {grpc_timeout_header_max: 0s}"),
     client=get("/", "grpc-timeout: 100m"))
case("timeout_grpc_header_absent", routes=route("max_stream_duration: {max_stream_duration: 0.2s, grpc_timeout_header_max: 0s}"), client=get("/", *GRPC))
case("timeout_grpc_header_and_max", routes=route("max_stream_duration: {max_stream_duration: 5s, grpc_timeout_header_max: 0s}"), client=get("/", *GRPC, "grpc-timeout: 200m"))
case("timeout_grpc_header_kinds", up=[wait(0.02) + ok()], mask=[], log_format={"code": "%RESPONSE_CODE%"}, routes=route("max_stream_duration: {grpc_timeout_header_max: 60s}"), client=[
    s for v in ("1H", "2M", "3S", "4000m", "5000000u", "600000000n", "0S", "7", "S", "-1S", "8X", "99999999H", "999999999S", "1.5S") for s in get("/", *GRPC, f"grpc-timeout: {v}")])

# Requests that do not come.
case("timeout_request", hcm="request_timeout: 0.2s", client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())
case("timeout_request_head", hcm="request_timeout: 0.2s", client=send("GET / HTTP/1.1\r\nhost: h\r\nx-a: ") + raw_all())
case("timeout_request_ends_with_request", up=[wait(0.4) + ok()], hcm="request_timeout: 0.2s", client=get("/"))
case("timeout_request_answered_early", up=[early() + HEAD_AND_PART + hold()], hcm="request_timeout: 0.25s",
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all())
case("timeout_request_headers", hcm="request_headers_timeout: 0.2s", client=send("GET / HTTP/1.1\r\nhost: h\r\nx-a: ") + raw_all())
case("timeout_request_headers_one_byte", hcm="request_headers_timeout: 0.2s", client=send("G") + raw_all())
case("timeout_request_headers_second", up=[ok()], hcm="request_headers_timeout: 0.2s", client=get("/") + send("GET / HTTP/1.1\r\n") + raw_all())
case("timeout_request_headers_body_slow", up=[ok()], hcm="request_headers_timeout: 0.2s",
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + pause(0.3) + send("def") + read())

# Connections.
for _name, _option in (("idle", "idle_timeout"), ("max", "max_connection_duration")):
    _hcm = f"{{common_http_protocol_options: {{{_option}: 0.2s}}, drain_timeout: 0.3s}}"
    case(f"timeout_connection_{_name}", up=[ok()], hcm=_hcm, client=get("/") + raw_all())
    case(f"timeout_connection_{_name}_never_used", up=[ok()], hcm=_hcm, client=new() + raw_all())
    case(f"timeout_connection_{_name}_while_busy", up=[wait(0.3) + ok()], hcm=_hcm, client=get("/") + raw_all())
    case(f"timeout_connection_{_name}_while_half_read", up=[ok()], hcm=_hcm, client=send("GET / HTTP/1.1\r\n") + pause(0.3) + send("host: h\r\n\r\n") + raw_all())
    case(f"timeout_connection_{_name}_served_while_draining", up=[ok()], hcm=_hcm.replace("0.3s", "5s"), stats=[],
         client=get("/1") + stat_is(f"http.{{{{name}}}}.downstream_cx_{_name}{'_timeout' if _name == 'idle' else '_duration_reached'}", 1) + get("/2") + get("/3"))
case("timeout_connection_idle_default_drain", up=[ok()], hcm="common_http_protocol_options: {idle_timeout: 0.2s}",
     client=get("/") + stat_is("http.{{name}}.downstream_cx_idle_timeout", 1))
case("timeout_connection_idle_busy_longer_than_drain", up=[wait(0.6) + ok()],
     hcm="{common_http_protocol_options: {max_connection_duration: 0.1s}, drain_timeout: 0.1s}", client=get("/") + raw_all())
case("timeout_upstream_idle", up=[ok()], clusters={"up": {"yaml": "common_http_protocol_options: {idle_timeout: 0.15s}"}}, client=get("/") + gone(1) + get("/again"))
case("timeout_upstream_idle_typed", up=[ok()], clusters={"up": {"yaml": """
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {idle_timeout: 0.15s}
    explicit_http_config: {http_protocol_options: {}}
"""}}, client=get("/") + gone(1))
case("timeout_upstream_max", up=[ok()], clusters={"up": {"yaml": "common_http_protocol_options: {max_connection_duration: 0.15s}"}},
     client=get("/") + gone(1) + get("/again"))
case("timeout_upstream_max_while_busy", up=[wait(0.3) + ok()], clusters={"up": {"yaml": "common_http_protocol_options: {max_connection_duration: 0.15s}"}},
     client=get("/") + gone(1))
case("timeout_connect", up=BLACKHOLE, clusters={"up": {"yaml": "connect_timeout: 0.2s"}}, client=get("/"))
case("timeout_connect_retried", up=BLACKHOLE, clusters={"up": {"yaml": "connect_timeout: 0.1s"}},
     routes=route(f"retry_policy: {{retry_on: connect-failure, {FAST}}}"), client=get("/"))
case("timeout_connect_per_try_does_not_count", up=BLACKHOLE, clusters={"up": {"yaml": "connect_timeout: 0.25s"}},
     routes=route(f"retry_policy: {{retry_on: 5xx, num_retries: 1, per_try_timeout: 0.1s, {FAST}}}"), client=get("/"))
case("timeout_delayed_close", hcm="delayed_close_timeout: 0.2s", up=[ok()], routes="- {match: {prefix: /}, direct_response: {status: 403}}",
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all(), stats=DOWN + ["http.{{name}}.downstream_cx_delayed_close_timeout"])
case("timeout_delayed_close_off", hcm="delayed_close_timeout: 0s", up=[ok()], routes="- {match: {prefix: /}, direct_response: {status: 403}}",
     client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + raw_all(), stats=DOWN + ["http.{{name}}.downstream_cx_delayed_close_timeout"])

case("reset_after_head", up=[HEAD_AND_PART + wait(0.05) + rst()], client=send(GET) + raw_all())
case("reset_after_head_grpc", up=[HEAD_AND_PART + wait(0.05) + rst()], client=send(GET.replace("\r\n\r\n", "\r\ncontent-type: application/grpc\r\n\r\n")) + raw_all())
case("wire_bytes", up=[ok("hello")], client=req("/", method="POST", body="abc") + get("/again"), stats=[], log_format={
    n: f"%{n}%" for n in ("UPSTREAM_WIRE_BYTES_SENT", "UPSTREAM_WIRE_BYTES_RECEIVED", "BYTES_SENT", "BYTES_RECEIVED")})
case("upstream_100_is_counted", up=[raw("HTTP/1.1 100 Continue\r\n\r\n") + ok()], client=get("/"), stats=UP + ["cluster.{{up}}.upstream_rq_1xx", "cluster.{{up}}.upstream_rq_100"])

# Clients that go away.
for _end, _step in (("close", close()), ("reset", reset())):
    case("client_gone_" + _end, client=send(GET) + seen(1) + _step + gone(1) + logged(1))
    case(f"client_gone_{_end}_in_request", client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + seen(1) + _step + gone(1) + logged(1))
    case(f"client_gone_{_end}_in_response", up=[HEAD_AND_PART + hold()], client=send(GET) + read_head() + _step + gone(1) + logged(1))
    case(f"client_gone_{_end}_while_connecting", up=BLACKHOLE, client=send(GET) + stat_is("cluster.{{up}}.upstream_rq_pending_active", 1) + _step + logged(1))
    case(f"client_gone_{_end}_while_backing_off", up=[ok("", "retry-after: 30", status=503)], client=send(GET) + stat_is("cluster.{{up}}.retry.upstream_rq_503", 1)
         + _step + logged(1), stats=UP + DOWN + [f"cluster.{{{{up}}}}.upstream_rq_retry_backoff_{n}" for n in ("ratelimited", "exponential")],
         routes=route("retry_policy: {retry_on: 5xx, rate_limited_retry_back_off: {reset_headers: [{name: retry-after}]}}"))
    case(f"client_gone_{_end}_in_head", client=send("GET / HTTP/1.1\r\nhost: h\r\n") + stat_is("http.{{name}}.downstream_rq_active", 1) + _step)
case("client_half_close_gets_no_answer", up=[wait(0.2) + ok()], client=send(GET) + seen(1) + half_close() + raw_all())
case("client_gone_hedged", client=send(GET) + seen(2) + close() + gone(2) + logged(1), routes=route(
    f"retry_policy: {{retry_on: 5xx, per_try_timeout: 0.1s, {FAST}}}, hedge_policy: {{hedge_on_per_try_timeout: true}}"))
case("client_gone_retried", up=[rst(), hold()], client=send(GET) + seen(2) + close() + gone(2) + logged(1),
     routes=route(f"retry_policy: {{retry_on: 5xx, {FAST}}}"))
case("host_stats_of_outcomes", own=True, up={"/503": ok("x", status=503), "/404": ok("x", status=404), "/rst": rst(), "/hold": hold(),
                                            "/twice": [ok("x", status=503), ok("x")], "*": ok()},
     routes=route(f"timeout: 0.2s, retry_policy: {{retry_on: 'reset,retriable-status-codes', num_retries: 1, {FAST}}}"), no_log=True, stats=[], no_upstream=True,
     client=get("/503") + get("/404") + get("/ok") + get("/rst", c="d") + get("/hold", c="e") + get("/twice") + admin("/clusters", keep="rq_|cx_"))
