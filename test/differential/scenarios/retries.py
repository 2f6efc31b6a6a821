"""Retries: every retry_on, how often, the texts and flags when there are none left, back-off, limits, hosts, hedging."""
from harness.dsl import *

TRUST = "{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}}"
STATS = [f"cluster.{{{{up}}}}.{n}" for n in (
    "upstream_rq_retry", "upstream_rq_retry_success", "upstream_rq_retry_limit_exceeded", "upstream_rq_retry_overflow",
    "upstream_rq_retry_backoff_exponential", "upstream_rq_retry_backoff_ratelimited", "upstream_rq_total", "upstream_rq_completed",
    "upstream_rq_200", "upstream_rq_503", "upstream_rq_5xx", "retry.upstream_rq_503", "retry.upstream_rq_5xx", "retry.upstream_rq_completed",
    "upstream_rq_rx_reset", "upstream_rq_tx_reset", "upstream_rq_pending_failure_eject", "circuit_breakers.default.rq_retry_open")]
FAST = "retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}"


def case(name, **kw):
    """The timeout that is told to the upstream shrinks with each try."""
    kw["mask"] = kw.pop("mask", [(r"^1[345]\d{3}$", "<15 s or a little less>")]) + [(r"(service-time: )\d+", r"\1<ms>")]
    scenario(name, **kw)


def vhost(policy, more="", cluster="{{up}}", vhost=""):
    """One virtual host that tells the attempts, and a route with the policy."""
    policy = f"retry_policy: {{{policy}, {FAST}}}" if policy else ""
    return f"""
- name: all
  domains: ["*"]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  {vhost}
  routes: [{{match: {{prefix: /}}, route: {{cluster: "{cluster}", {policy}{"," if policy and more else ""} {more}}}}}]
"""


def status(code, *headers):
    return ok(f"s{code}", *headers, status=code, reason="R")


PARTIAL = raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc") + fin()
GRPC = "content-type: application/grpc"


def trailers_only(code):
    return [ok("", GRPC, f"grpc-status: {code}"), ok("", GRPC, "grpc-status: 0")]


# What the first try meets; the second one is answered well.
KINDS = {
    **{f"/{code}": [status(code), ok("fine")] for code in (400, 404, 409, 418, 429, 499, 500, 501, 502, 503, 504, 599)},
    "/ratelimited": [status(429, "x-envoy-ratelimited: true"), ok("fine")],
    "/ratelimited503": [status(503, "x-envoy-ratelimited: true"), ok("fine")],
    "/header": [status(200, "x-retry: 1"), ok("fine")],
    "/rst": [rst(), ok("fine")],
    "/fin": [fin(), ok("fine")],
    "/partial": [PARTIAL, ok("fine")],
    "/garbage": [raw("garbage\r\n\r\n") + fin(), ok("fine")],
    "/cut": [raw("HTTP/1.1 200 OK\r\ncontent-le") + fin(), ok("fine")],
    **{f"/grpc{code}": trailers_only(code) for code in (0, 1, 2, 4, 8, 13, 14)},
    "/grpctrailers": [raw("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\ntrailer: grpc-status\r\n\r\n"
                          "0\r\ngrpc-status: 14\r\n\r\n"), ok("fine")],
    "*": ok("other"),
}
BRIEF = {"path": "%REQ(:PATH)%", "code": "%RESPONSE_CODE%", "flags": "%RESPONSE_FLAGS%", "details": "%RESPONSE_CODE_DETAILS%",
         "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"}
RETRY_ON = ("5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx", "refused-stream",
            "retriable-status-codes", "retriable-headers", "http3-post-connect-failure", "cancelled", "deadline-exceeded", "internal",
            "resource-exhausted", "unavailable")


def through(paths, *headers):
    """Each on a connection of its own: some end it."""
    return [s for p in paths for s in new(f"c{p}") + get(p, *headers, c=f"c{p}") + close(f"c{p}")]


for _on in RETRY_ON:
    _more = ", retriable_status_codes: [418, 200]" if _on == "retriable-status-codes" else \
        ", retriable_headers: [{name: x-retry, present_match: true}]" if _on == "retriable-headers" else ""
    _grpc = _on in ("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable")
    case("retry_on_" + _on.replace("-", "_"), up={"up": KINDS, "dead": REFUSE}, log_format=BRIEF, brief_upstream=True, stats=STATS,
             hcm="http_protocol_options: {enable_trailers: true}" if _grpc else "",
             clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}} if _grpc else {}, vhosts=f"""
- name: all
  domains: ["*"]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  retry_policy: {{retry_on: "{_on}", {FAST}{_more}}}
  routes: [{{match: {{prefix: /dead}}, route: {{cluster: "{{{{dead}}}}"}}}}, {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}"}}}}]
""", client=through([p for p in KINDS if p != "*" and (p.startswith("/grpc") or not _grpc)] + ["/503", "/dead"], *([GRPC] if _grpc else [])))
case("retry_on_grpc_of_plain_requests", up=KINDS, log_format=BRIEF, brief_upstream=True,
         vhosts=vhost("retry_on: 'cancelled,unavailable'"), client=through(["/grpc1", "/grpc14", "/grpc13"]))
case("retry_on_several", up=KINDS, log_format=BRIEF, brief_upstream=True, vhosts=vhost("retry_on: 'retriable-4xx, gateway-error,,reset, nonsense'"),
         client=through(["/409", "/500", "/503", "/rst", "/404"]))
case("retry_on_nothing_known", up=KINDS, log_format=BRIEF, brief_upstream=True, vhosts=vhost("retry_on: 'nonsense'"), client=through(["/503", "/rst"]))
case("retry_on_missing", up=KINDS, log_format=BRIEF, brief_upstream=True, vhosts=vhost("num_retries: 3"), client=through(["/503", "/rst"]))
case("retry_status_codes_without_retry_on", up=KINDS, log_format=BRIEF, brief_upstream=True,
         vhosts=vhost("retry_on: 'connect-failure', retriable_status_codes: [418]"), client=through(["/418"]))
case("retry_retriable_headers_kinds", up={"*": ok("last"), "/exact": [ok("e", "x-e: one"), ok("fine")], "/other": [ok("e", "x-e: two"), ok("fine")],
                                              "/range": [ok("r", "x-r: 15"), ok("fine")], "/status": [ok("s", status=477), ok("fine")]},
         log_format=BRIEF, brief_upstream=True, vhosts=vhost("""retry_on: 'retriable-headers', retriable_headers: [{name: x-e, string_match: {exact: one}},
 {name: x-r, range_match: {start: 10, end: 20}}, {name: ":status", string_match: {exact: "477"}}]"""), client=through(["/exact", "/other", "/range", "/status"]))
case("retry_retriable_request_headers", up=[status(503)], log_format=BRIEF, brief_upstream=True,
         vhosts=vhost("retry_on: '5xx', retriable_request_headers: [{name: ':method', string_match: {exact: GET}}, {name: x-again, present_match: true}]"),
         client=get("/get") + req("/post", method="POST", body="b") + req("/post2", "x-again: 1", method="POST", body="b"))
case("retry_vhost_policy", up=[status(503)], log_format=BRIEF, brief_upstream=True, vhosts=f"""
- name: all
  domains: ["*"]
  include_request_attempt_count: true
  retry_policy: {{retry_on: 5xx, num_retries: 2, {FAST}}}
  routes:
  - {{match: {{prefix: /own}}, route: {{cluster: "{{{{up}}}}", retry_policy: {{retry_on: 5xx, num_retries: 1, {FAST}}}}}}}
  - {{match: {{prefix: /none}}, route: {{cluster: "{{{{up}}}}", retry_policy: {{}}}}}}
  - {{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}"}}}}
""", client=get("/vhost") + get("/own") + get("/none"))

# How often, and what is said when it was too often.
for _n in (0, 1, 2, 3, 5):
    case(f"retry_num_{_n}", up={"*": [status(503)], "/third": [status(503), status(503), ok("third")]}, stats=STATS,
             vhosts=vhost(f"retry_on: 5xx, num_retries: {_n}"), client=get("/") + get("/third"))
case("retry_num_default", up=[status(503)], stats=STATS, vhosts=vhost("retry_on: 5xx"), client=get("/"))
case("retry_exhausted_by_status", up=[ok("the last word", "x-mine: 1", status=503, reason="Own Words")], stats=STATS,
         vhosts=vhost("retry_on: 5xx, num_retries: 2"), client=get("/"))
case("retry_exhausted_by_rst", up=[rst()], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 2"), client=get("/"))
case("retry_exhausted_by_fin", up=[fin()], stats=STATS, vhosts=vhost("retry_on: reset, num_retries: 1"), client=get("/"))
case("retry_exhausted_by_garbage", up=[raw("garbage\r\n\r\n") + fin()], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 1"), client=get("/"))
case("retry_exhausted_by_refusal", up=REFUSE, stats=STATS, vhosts=vhost("retry_on: connect-failure, num_retries: 2"), client=get("/"))
case("retry_status_then_rst", up=[status(503), rst()], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 1"), client=get("/"))
case("retry_rst_then_status", up=[rst(), status(503)], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 1"), client=get("/"))
case("retry_rst_then_other_status", up=[rst(), status(404)], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 1"), client=get("/"))
case("retry_status_then_partial", up=[status(503), PARTIAL], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 1"), client=get("/"))
case("retry_rst_then_unretriable_rst", up=[status(409), rst()], stats=STATS, vhosts=vhost("retry_on: retriable-4xx, num_retries: 2"), client=get("/"))
case("retry_not_after_headers", up=[raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc") + until("go") + rst()], stats=STATS,
         vhosts=vhost("retry_on: 5xx, num_retries: 2"), client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + read_head() + signal("go") + raw_all())
case("retry_response_body_dropped", up=[raw("HTTP/1.1 503 R\r\ncontent-length: 100000\r\n\r\n" + "a" * 3000) + hold(), ok("fine")], stats=STATS,
         vhosts=vhost("retry_on: 5xx"), client=get("/") + gone(1))
case("retry_head", up={"*": [raw("HTTP/1.1 503 R\r\ncontent-length: 5\r\n\r\n"), raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")]},
         vhosts=vhost("retry_on: 5xx"), client=req("/", method="HEAD"))
case("retry_head_again_on_the_connection", up=[status(503), ok("one"), status(503), ok("two")], vhosts=vhost("retry_on: 5xx"),
         client=get("/1") + get("/2"), stats=STATS + ["cluster.{{up}}.upstream_cx_total"])
case("retry_unretriable_after_retries", up=[status(503), status(500), ok("x")], stats=STATS,
         vhosts=vhost("retry_on: gateway-error, num_retries: 3"), client=get("/"))
case("retry_1xx_before", up=[raw("HTTP/1.1 100 Continue\r\n\r\n") + status(503), ok("fine")], vhosts=vhost("retry_on: 5xx"), client=get("/"))
case("retry_no_healthy_upstream", clusters={"none": {}}, stats=["cluster.{{none}}.upstream_cx_none_healthy", "cluster.{{none}}.upstream_rq_retry",
         "cluster.{{none}}.upstream_rq_503", "cluster.{{none}}.upstream_rq_total"], vhosts=vhost("retry_on: 5xx, num_retries: 2", cluster="{{none}}"),
         client=get("/"))
case("retry_redirect_of_upstream", up=[status(302, "location: /x")], vhosts=vhost("retry_on: 5xx"), client=get("/"))

# The back-off.
case("retry_after_seconds", up=[status(503, "retry-after: 1"), ok("fine")], stats=STATS,
         vhosts=vhost("retry_on: 5xx, rate_limited_retry_back_off: {reset_headers: [{name: Retry-After, format: SECONDS}]}"), client=get("/"))
case("retry_after_kinds", up={**{"/" + n: [status(503, f"retry-after: {v}"), ok(n)] for n, v in (
    ("zero", "0"), ("negative", "-5"), ("words", "soon"), ("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("fraction", "0.5"), ("huge", "9999"),
    ("spaces", "  "), ("overflow", "99999999999999999999"))},
    "/past": [status(503, "x-ratelimit-reset: 1000000000"), ok("past")], "/far": [status(503, "x-ratelimit-reset: 99999999999"), ok("far")],
    "/both": [status(503, "retry-after: soon", "x-ratelimit-reset: 17"), ok("both")], "/none": [status(503), ok("none")],
    "/rst": [rst(), ok("rst")], "*": ok("other")}, stats=STATS, log_format=BRIEF, brief_upstream=True,
    vhosts=vhost("""retry_on: 5xx, rate_limited_retry_back_off: {max_interval: 5s, reset_headers: [{name: retry-after},
 {name: x-ratelimit-reset, format: UNIX_TIMESTAMP}]}"""),
    client=through(["/negative", "/words", "/date", "/fraction", "/huge", "/spaces", "/overflow", "/past", "/far", "/both", "/none", "/rst"]))
case("retry_after_zero", up=[status(503, "retry-after: 0"), ok("fine")], stats=STATS,
         vhosts=vhost("retry_on: 5xx, rate_limited_retry_back_off: {reset_headers: [{name: retry-after}]}"), client=get("/"))
case("retry_after_not_configured", up=[status(503, "retry-after: 5"), ok("fine")], stats=STATS, vhosts=vhost("retry_on: 5xx"), client=get("/"))
case("retry_back_off_default", up=[status(503), status(503), ok("fine")], stats=STATS,
         routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: 5xx, num_retries: 2}}}', client=get("/"))
case("retry_back_off_from_runtime", own=True, up=[status(503), status(503), status(503), ok("fine")], stats=STATS,
         bootstrap="layered_runtime: {layers: [{name: static, static_layer: {upstream.base_retry_backoff_ms: 1}}]}",
         routes='- {match: {prefix: /}, route: {cluster: "{{up}}", retry_policy: {retry_on: 5xx, num_retries: 3}}}', client=get("/"))
for _name, _text in {"max_below_base": "{base_interval: 1s, max_interval: 0.5s}", "zero_base": "{base_interval: 0s}",
                     "below_ms": "{base_interval: 0.0001s, max_interval: 0.0002s}", "no_base": "{max_interval: 1s}"}.items():
    case("retry_back_off_" + _name, kind="validate", config=f"""
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h
          route_config: {{virtual_hosts: [{{name: v, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: c, retry_policy: {{retry_on: 5xx, retry_back_off: {_text}}}}}}}]}}]}}
          http_filters: [{{name: envoy.filters.http.router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}}}]
  clusters: [{{name: c, type: STATIC}}]
""")

# Bodies are sent again, as long as they fit.
case("retry_body", up=[status(503), ok("fine")], stats=STATS, vhosts=vhost("retry_on: 5xx"),
         client=req("/", method="POST", body="0123456789" * 1000))
case("retry_body_chunked", up=[status(503), ok("fine")], stats=STATS, vhosts=vhost("retry_on: 5xx"),
         client=req("/", method="POST", body="0123456789" * 100, chunked=True))
case("retry_body_twice", up=[rst(), status(503), ok("fine")], stats=STATS, vhosts=vhost("retry_on: 5xx, num_retries: 2"),
         client=req("/", method="PUT", body="abc"))
case("retry_body_trailers", up=[status(503), ok("fine")], hcm="http_protocol_options: {enable_trailers: true}",
         clusters={"up": {"yaml": "http_protocol_options: {enable_trailers: true}"}}, vhosts=vhost("retry_on: 5xx"),
         client=send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n") + read())
case("retry_body_over_limit", up=[status(503), ok("fine")], listener="per_connection_buffer_limit_bytes: 1024",
         stats=STATS + ["cluster.{{up}}.retry_or_shadow_abandoned"], vhosts=vhost("retry_on: 5xx"), client=req("/", method="POST", body="x" * 10000))
case("retry_body_over_limit_refused", up=REFUSE, listener="per_connection_buffer_limit_bytes: 1024",
         stats=STATS + ["cluster.{{up}}.retry_or_shadow_abandoned"], vhosts=vhost("retry_on: 5xx"), client=req("/", method="POST", body="x" * 10000))
case("retry_body_early_answer", up=[early() + status(503) + until("rest") + fin(), ok("fine")], stats=STATS, vhosts=vhost("retry_on: 5xx"),
         client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc") + seen(2) + signal("rest") + send("def") + read())
case("retry_body_pieces_while_backing_off", up=[early() + rst(), ok("fine")], stats=STATS,
         vhosts=vhost("retry_on: 5xx"), client=send("POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nabc") + seen(2) + send("def")
         + pause(0.03) + send("ghi") + read())
case("retry_body_not_kept_without_policy", up=[status(503)], listener="per_connection_buffer_limit_bytes: 1024",
         stats=["cluster.{{up}}.retry_or_shadow_abandoned"], client=req("/", method="POST", body="x" * 10000))

# Limits.
case("retry_max_retries_0", up=[status(503)], stats=STATS, clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_retries: 0}]}"}},
         vhosts=vhost("retry_on: 5xx, num_retries: 2"), client=get("/"))
case("retry_max_retries_0_reset", up=[rst()], stats=STATS, clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_retries: 0}]}"}},
         vhosts=vhost("retry_on: 5xx, num_retries: 2"), client=get("/"))
case("retry_max_retries_high_priority", up=[status(503)],
         clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_retries: 5}, {priority: HIGH, max_retries: 0}]}"}},
         stats=STATS + ["cluster.{{up}}.circuit_breakers.high.rq_retry_open"],
         vhosts=vhost("retry_on: 5xx", "priority: HIGH"), client=get("/"))
case("retry_max_retries_taken", up={"/slow": [status(503), until("go") + ok("slow")], "*": [status(503)]}, stats=STATS,
         clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_retries: 1}]}"}}, vhosts=vhost("retry_on: 5xx"), unordered_log=True,
         client=send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n") + seen(2) + stat_is("cluster.{{up}}.circuit_breakers.default.rq_retry_open", 1)
         + get("/second", c="d") + signal("go") + read() + get("/third", c="d"))
case("retry_budget_zero", up=[status(503)], stats=STATS,
         clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 0}, min_retry_concurrency: 0}}]}"}},
         vhosts=vhost("retry_on: 5xx, num_retries: 2"), client=get("/"))
case("retry_budget_minimum", up={"/slow": [status(503), until("go") + ok("slow")], "*": [status(503)]}, stats=STATS, unordered_log=True,
         clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{max_retries: 0, retry_budget: {budget_percent: {value: 0}, min_retry_concurrency: 1}}]}"}},
         vhosts=vhost("retry_on: 5xx"), client=send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n") + seen(2) + get("/second", c="d") + signal("go") + read())
case("retry_budget_percent", up={"/slow": [until("go") + ok("slow")], "*": [status(503)]}, stats=STATS, unordered_log=True,
         clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{retry_budget: {budget_percent: {value: 50}, min_retry_concurrency: 0}}]}"}},
         vhosts=vhost("retry_on: 5xx"), client=get("/one") + send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n", c="a") + seen(3)
         + send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n", c="b") + seen(4) + get("/two") + signal("go") + read(c="a") + read(c="b"))
case("retry_budget_default", up=[status(503), ok("fine")], stats=STATS,
         clusters={"up": {"yaml": "circuit_breakers: {thresholds: [{retry_budget: {}}]}"}}, vhosts=vhost("retry_on: 5xx"), client=get("/"))
case("retry_use_retry_runtime", own=True, up=[status(503)], stats=STATS,
         bootstrap="layered_runtime: {layers: [{name: static, static_layer: {upstream.use_retry: 0}}]}", vhosts=vhost("retry_on: 5xx"), client=get("/"))

# Hosts.
case("retry_previous_hosts", up={"a": [ok("a")], "dead": REFUSE}, clusters={"c": {"hosts": ["a", "dead"]}}, no_log=True,
         routes="""
- match: {prefix: /}
  route:
    cluster: "{{c}}"
    retry_policy:
      retry_on: connect-failure
      host_selection_retry_max_attempts: 5
      retry_host_predicate: [{name: envoy.retry_host_predicates.previous_hosts, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}]
""", client=burst(20), no_upstream=True)
case("retry_omit_canary_hosts", up={"a": [ok("a")], "canary": [status(503)]}, no_log=True, clusters={"c": {"yaml": """
load_assignment:
  endpoints:
  - lb_endpoints:
    - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{a.port}}"}}}}
    - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{canary.port}}"}}}, metadata: {filter_metadata: {envoy.lb: {canary: true}}}}
"""}}, routes="""
- match: {prefix: /}
  route:
    cluster: "{{c}}"
    retry_policy:
      retry_on: 5xx
      host_selection_retry_max_attempts: 10
      retry_host_predicate: [{name: envoy.retry_host_predicates.omit_canary_hosts, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate}}]
""", client=burst(10), no_upstream=True)
case("retry_omit_host_metadata", up={"a": [ok("a")], "b": [status(503)]}, no_log=True, clusters={"c": {"yaml": """
load_assignment:
  endpoints:
  - lb_endpoints:
    - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{a.port}}"}}}, metadata: {filter_metadata: {envoy.lb: {kind: good}}}}
    - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{b.port}}"}}}, metadata: {filter_metadata: {envoy.lb: {kind: bad, more: [1]}}}}
"""}}, routes="""
- match: {prefix: /}
  route:
    cluster: "{{c}}"
    retry_policy:
      retry_on: 5xx
      host_selection_retry_max_attempts: 10
      retry_host_predicate: [{name: envoy.retry_host_predicates.omit_host_metadata, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig,
        metadata_match: {filter_metadata: {envoy.lb: {kind: bad}}}}}]
""", client=burst(10), no_upstream=True)
case("retry_previous_priorities", up={"a": [status(503)], "b": [ok("b")]}, no_log=True, clusters={"c": {"yaml": """
load_assignment:
  endpoints:
  - {priority: 0, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{a.port}}"}}}}]}
  - {priority: 1, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{b.port}}"}}}}]}
"""}}, routes="""
- match: {prefix: /}
  route:
    cluster: "{{c}}"
    retry_policy:
      retry_on: 5xx
      retry_priority: {name: envoy.retry_priorities.previous_priorities, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 1}}
""", client=burst(10), no_upstream=True)
case("retry_previous_priorities_every_second", up={"a": [status(503)], "b": [ok("b")]}, clusters={"c": {"yaml": """
load_assignment:
  endpoints:
  - {priority: 0, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{a.port}}"}}}}]}
  - {priority: 1, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{b.port}}"}}}}]}
"""}}, routes="""
- match: {prefix: /}
  route:
    cluster: "{{c}}"
    retry_policy:
      retry_on: 5xx
      num_retries: 5
      retry_priority: {name: envoy.retry_priorities.previous_priorities, typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 2}}
""", client=get("/"))

# Hedging.
HEDGE = "hedge_policy: {hedge_on_per_try_timeout: true}"
case("retry_hedge_first_wins", up=[until("second") + ok("first"), hold()], stats=STATS + ["cluster.{{up}}.upstream_rq_per_try_timeout"],
         vhosts=vhost("retry_on: 5xx, num_retries: 1, per_try_timeout: 0.15s", HEDGE),
         client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(2) + signal("second") + read() + gone(1))
case("retry_hedge_second_wins", up=[hold(), ok("second")], stats=STATS + ["cluster.{{up}}.upstream_rq_per_try_timeout"],
         vhosts=vhost("retry_on: 5xx, num_retries: 1, per_try_timeout: 0.15s", HEDGE), client=get("/") + gone(1))
case("retry_hedge_all_time_out", up=[hold()], stats=STATS + ["cluster.{{up}}.upstream_rq_per_try_timeout", "cluster.{{up}}.upstream_rq_timeout"],
         vhosts=vhost("retry_on: 5xx, num_retries: 2, per_try_timeout: 0.1s", HEDGE + ", timeout: 0.6s"), client=get("/") + gone(3),
         mask=[(r"^[2345]\d\d$", "<ms>")])
case("retry_hedge_bad_answer_while_other_runs", up=[until("go") + ok("first"), status(503)], stats=STATS,
         vhosts=vhost("retry_on: 5xx, num_retries: 1, per_try_timeout: 0.15s", HEDGE),
         client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(2) + pause(0.1) + signal("go") + read())
case("retry_hedge_reset_while_other_runs", up=[until("go") + ok("first"), rst()], stats=STATS,
         vhosts=vhost("retry_on: 5xx, num_retries: 1, per_try_timeout: 0.15s", HEDGE),
         client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(2) + pause(0.1) + signal("go") + read())
case("retry_hedge_first_bad_then_second", up=[until("go") + status(503), until("later") + ok("second")], stats=STATS,
         vhosts=vhost("retry_on: 5xx, num_retries: 2, per_try_timeout: 0.2s", HEDGE),
         client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + seen(2) + signal("go") + pause(0.05) + signal("later") + read())
case("retry_hedge_without_retry_on", up=[until("go") + ok("first")], stats=STATS + ["cluster.{{up}}.upstream_rq_per_try_timeout"],
         vhosts=vhost("retry_on: connect-failure, per_try_timeout: 0.1s", HEDGE),
         client=send("GET / HTTP/1.1\r\nhost: h\r\n\r\n") + stat_is("cluster.{{up}}.upstream_rq_per_try_timeout", 1) + pause(0.05) + signal("go") + read())
case("retry_hedge_body", up=[hold(), ok("second")], vhosts=vhost("retry_on: 5xx, per_try_timeout: 0.1s", HEDGE),
         client=req("/", method="POST", body="hedged") + gone(1))
case("retry_hedge_by_header", up=[hold(), ok("second")], hcm=TRUST, vhosts=vhost("retry_on: 5xx, per_try_timeout: 0.1s"),
         client=get("/", "x-envoy-hedge-on-per-try-timeout: true") + gone(1))

# What a client may ask for.
CONTROL = ("x-envoy-retry-on: 5xx", "x-envoy-max-retries: 3")
case("retry_headers_trusted", up=[status(503)], hcm=TRUST, stats=STATS, vhosts=vhost(""), client=get("/", *CONTROL))
case("retry_headers_untrusted", up=[status(503)], hcm="use_remote_address: true", stats=STATS, vhosts=vhost(""), client=get("/", *CONTROL))
case("retry_headers_without_remote_address", up=[status(503)], stats=STATS, vhosts=vhost(""), client=get("/", *CONTROL))
case("retry_headers_x_forwarded_for_internal", up=[status(503)], stats=STATS, vhosts=vhost(""),
         hcm="internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}",
         client=get("/", "x-forwarded-for: 10.1.2.3", *CONTROL) + get("/", "x-forwarded-for: 11.1.2.3", *CONTROL))
case("retry_headers_grpc_on", up=trailers_only(14), hcm=TRUST, log_format=BRIEF, vhosts=vhost(""), client=get("/", GRPC, "x-envoy-retry-grpc-on: unavailable"))
case("retry_headers_grpc_on_of_5xx", up=[status(503), ok("fine")], hcm=TRUST, log_format=BRIEF, vhosts=vhost(""),
         client=get("/", "x-envoy-retry-grpc-on: unavailable,5xx"))
case("retry_headers_add_to_policy", up=KINDS, hcm=TRUST, log_format=BRIEF, brief_upstream=True, vhosts=vhost("retry_on: retriable-4xx"),
         client=get("/409", "x-envoy-retry-on: gateway-error") + get("/503", "x-envoy-retry-on: gateway-error"))
case("retry_headers_max_retries_kinds", up=[status(503)], hcm=TRUST, log_format=BRIEF, brief_upstream=True,
         vhosts=vhost("retry_on: 5xx, num_retries: 2"),
         client=[s for v in ("0", "1", "3", "-1", "x", "", "1.5", " 1") for s in get("/", f"x-envoy-max-retries: {v}")])
case("retry_headers_retriable_status_codes", up=KINDS, hcm=TRUST, log_format=BRIEF, brief_upstream=True,
         vhosts=vhost("retry_on: retriable-status-codes, retriable_status_codes: [409]"),
         client=get("/418", "x-envoy-retriable-status-codes: 418,499") + get("/409", "x-envoy-retriable-status-codes: 418")
         + get("/499", "x-envoy-retriable-status-codes: x, 499") + get("/404", "x-envoy-retriable-status-codes: 418"))
case("retry_headers_retriable_status_codes_alone", up=KINDS, hcm=TRUST, log_format=BRIEF, brief_upstream=True, vhosts=vhost(""),
         client=get("/418", "x-envoy-retry-on: retriable-status-codes", "x-envoy-retriable-status-codes: 418")
         + get("/499", "x-envoy-retriable-status-codes: 499"))
case("retry_headers_retriable_header_names", up=KINDS, hcm=TRUST, log_format=BRIEF, brief_upstream=True, vhosts=vhost(""),
         client=get("/header", "x-envoy-retry-on: retriable-headers", "x-envoy-retriable-header-names: x-a, X-Retry"))
case("retry_headers_seen_by_upstream", up=[ok()], hcm=TRUST, vhosts=vhost("retry_on: 5xx"), client=get(
    "/", *CONTROL, "x-envoy-retriable-status-codes: 418", "x-envoy-retriable-header-names: x-a", "x-envoy-retry-grpc-on: cancelled",
    "x-envoy-hedge-on-per-try-timeout: true", "x-envoy-upstream-rq-timeout-alt-response: 1", "x-envoy-is-timeout-retry: true",
    "x-envoy-upstream-alt-stat-name: alt", "x-envoy-attempt-count: 7"))
case("retry_suppress_envoy_headers", up=[status(503)], hcm=TRUST, router="suppress_envoy_headers: true", vhosts=vhost("retry_on: 5xx"), client=get("/"))
case("retry_is_timeout_retry_header", up=[hold(), status(503), ok("fine")],
         vhosts=vhost("retry_on: 5xx, num_retries: 2, per_try_timeout: 0.1s", vhost="include_is_timeout_retry_header: true"), client=get("/"))
case("retry_attempt_count_of_client", up=[status(503), ok()], vhosts=vhost("retry_on: 5xx"), client=get("/", "x-envoy-attempt-count: 7"))
case("retry_host_rewrite_and_mutations", up=[status(503), ok()], vhosts=f"""
- name: all
  domains: ["*"]
  routes:
  - match: {{prefix: /a}}
    route: {{cluster: "{{{{up}}}}", prefix_rewrite: /b, host_rewrite_literal: new.example, retry_policy: {{retry_on: 5xx, {FAST}}}}}
    request_headers_to_add: [{{header: {{key: x-n, value: "1"}}}}]
    response_headers_to_add: [{{header: {{key: x-r, value: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"}}}}]
""", client=get("/a/x"))
case("retry_virtual_cluster_stats", up=[status(503), ok()], own=True, vhosts=vhost(
    "retry_on: 5xx", vhost="virtual_clusters: [{name: all, headers: [{name: ':method', present_match: true}]}]"), client=get("/"),
    stats=["vhost.all.vcluster.all." + n for n in ("upstream_rq_total", "upstream_rq_completed", "upstream_rq_200", "upstream_rq_503", "upstream_rq_retry",
                                                    "upstream_rq_retry_success", "upstream_rq_retry_limit_exceeded", "upstream_rq_retry_overflow", "upstream_rq_timeout")])
case("retry_route_stats", up=[status(503), ok()], own=True, vhosts=f"""
- name: all
  domains: ["*"]
  routes: [{{match: {{prefix: /}}, stat_prefix: rt, route: {{cluster: "{{{{up}}}}", retry_policy: {{retry_on: 5xx, {FAST}}}}}}}]
""", client=get("/"), stats=["vhost.all.route.rt." + n for n in ("upstream_rq_total", "upstream_rq_completed", "upstream_rq_200", "upstream_rq_503",
                             "upstream_rq_retry", "upstream_rq_retry_success", "upstream_rq_retry_limit_exceeded", "upstream_rq_timeout")])
