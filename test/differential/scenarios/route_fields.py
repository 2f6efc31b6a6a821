"""Fields of routes, virtual hosts and route configurations that few configs use."""
from harness.dsl import *

OTHER = '- {match: {prefix: /}, direct_response: {status: 404, body: {inline_string: other}}}'


def direct(text, status=200):
    return 'direct_response: {status: %d, body: {inline_string: "%s"}}' % (status, text)


def paths(*values, **kw):
    return [step for v in values for step in get(v, **kw)]


def with_headers(*sets):
    return [step for s in sets for step in get("/", *s)]


scenario("route_path_parameters_ignored", route_config="ignore_path_parameters_in_path_matching: true", routes=f"""
- {{match: {{path: /exact}}, {direct("path")}}}
- {{match: {{path_separated_prefix: /psp}}, {direct("psp")}}}
- {{match: {{safe_regex: {{regex: "/re/[0-9]+"}}}}, {direct("regex")}}}
- {{match: {{prefix: /pre/}}, {direct("prefix")}}}
{OTHER}
""", client=paths("/exact;a=b", "/exact;a?q", "/exact?q=;", "/psp;x/y", "/psp/a;b", "/re/12;v=1", "/re/1;2/3", "/pre;a/", "/pre/;a"))
scenario("route_path_parameters_kept", routes=f"""
- {{match: {{path: /exact}}, {direct("path")}}}
- {{match: {{path_separated_prefix: /psp}}, {direct("psp")}}}
{OTHER}
""", client=paths("/exact;a=b", "/psp;x", "/psp/;a"))
scenario("vhost_by_header", route_config="vhost_header: X-Vhost", vhosts=f"""
- {{name: a, domains: [a.example], routes: [{{match: {{prefix: /}}, {direct("a")}}}]}}
- {{name: b, domains: ["*.b.example"], routes: [{{match: {{prefix: /}}, {direct("b")}}}]}}
- {{name: any, domains: ["*"], routes: [{{match: {{prefix: /}}, {direct("any")}}}]}}
""", client=with_headers(["x-vhost: a.example"], ["x-vhost: A.example"], ["x-vhost: x.b.example"], ["x-vhost: none"], [], ["x-vhost:"]))
scenario("vhost_by_header_without_wildcard", route_config="vhost_header: x-vhost", vhosts=f"""
- {{name: a, domains: [a.example], routes: [{{match: {{prefix: /}}, {direct("a")}}}]}}
""", client=with_headers(["x-vhost: a.example"], []))
scenario("vhost_by_header_only_wildcard", route_config="vhost_header: x-vhost", vhosts=f"""
- {{name: any, domains: ["*"], routes: [{{match: {{prefix: /}}, {direct("any")}}}]}}
""", client=with_headers(["x-vhost: a.example"], []))
scenario("route_cookies", routes=f"""
- {{match: {{prefix: /, cookies: [{{name: a, string_match: {{exact: one}}}}]}}, {direct("exact")}}}
- {{match: {{prefix: /, cookies: [{{name: a, string_match: {{prefix: pre}}}}, {{name: b, string_match: {{suffix: end}}}}]}}, {direct("both")}}}
- {{match: {{prefix: /, cookies: [{{name: c, string_match: {{exact: bad}}, invert_match: true}}], headers: [{{name: x-c, present_match: true}}]}}, {direct("inverted")}}}
- {{match: {{prefix: /, cookies: [{{name: d, string_match: {{exact: ""}}}}]}}, {direct("empty")}}}
{OTHER}
""", client=with_headers(["cookie: a=one"], ["cookie: x=1; a=one; y=2"], ["cookie: a=two"], ["cookie: a=\"one\""], ["cookie: a=pre1; b=the-end"],
                         ["cookie: a=pre1", "cookie: b=end"], ["cookie: a=pre1"], ["x-c: 1"], ["x-c: 1", "cookie: c=bad"],
                         ["x-c: 1", "cookie: c=good"], ["cookie: d="], ["cookie: d"], ["cookie: a=one; a=two"],
                         ["cookie: a=two; a=one"], ["cookie: A=one"], ["cookie:a=one"], ["cookie:  a = one"], ["cookie: a=one;b"]))
scenario("route_tls_context_on_plain", routes=f"""
- {{match: {{prefix: /presented, tls_context: {{presented: true}}}}, {direct("presented")}}}
- {{match: {{prefix: /presented, tls_context: {{presented: false}}}}, {direct("not presented")}}}
- {{match: {{prefix: /validated, tls_context: {{validated: true}}}}, {direct("validated")}}}
- {{match: {{prefix: /validated, tls_context: {{validated: false}}}}, {direct("not validated")}}}
- {{match: {{prefix: /empty, tls_context: {{}}}}, {direct("empty")}}}
{OTHER}
""", client=paths("/presented", "/validated", "/empty"))
scenario("route_dynamic_metadata_absent", routes=f"""
- {{match: {{prefix: /, dynamic_metadata: [{{filter: f, path: [{{key: k}}], value: {{string_match: {{exact: v}}}}}}]}}, {direct("string")}}}
- {{match: {{prefix: /null, dynamic_metadata: [{{filter: f, path: [{{key: k}}], value: {{null_match: {{}}}}}}]}}, {direct("null")}}}
- {{match: {{prefix: /absent, dynamic_metadata: [{{filter: f, path: [{{key: k}}], value: {{present_match: false}}}}]}}, {direct("absent")}}}
- {{match: {{prefix: /inverted, dynamic_metadata: [{{filter: f, path: [{{key: k}}], value: {{present_match: true}}, invert: true}}]}}, {direct("inverted")}}}
{OTHER}
""", client=paths("/a", "/null", "/absent", "/inverted"))
scenario("route_filter_state_absent", routes=f"""
- {{match: {{prefix: /, filter_state: [{{key: k, string_match: {{exact: v}}}}]}}, {direct("string")}}}
- {{match: {{prefix: /address, filter_state: [{{key: k, address_match: {{ranges: [{{address_prefix: 0.0.0.0, prefix_len: 0}}]}}}}]}}, {direct("address")}}}
- {{match: {{prefix: /inverted, filter_state: [{{key: k, address_match: {{ranges: [{{address_prefix: 1.0.0.0, prefix_len: 8}}], invert_match: true}}}}]}}, {direct("inverted")}}}
{OTHER}
""", client=paths("/a", "/address", "/inverted"))

TEMPLATE = ('path_match_policy: {name: envoy.path.match.uri_template.uri_template_matcher, typed_config: {"@type": '
            'type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "%s"}}')
REWRITE = ('path_rewrite_policy: {name: envoy.path.rewrite.uri_template.uri_template_rewriter, typed_config: {"@type": '
           'type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, path_template_rewrite: "%s"}}')


def template(pattern, text):
    return "- {match: {%s}, %s}" % (TEMPLATE % pattern, direct(text))


scenario("uri_template_match", routes="\n".join([
    template("/one/*", "one"), template("/two/*/x", "two"), template("/rest/**", "rest"), template("/v/{name}", "v"),
    template("/w/{a}/{b=lit/*}/end", "w"), template("/suffix/*.ts", "suffix"), template("/varsuffix/{f}.m3u8", "varsuffix"),
    template("/deep/{all=**}.x", "deep"), template("/slash/", "slash"), template("/dollar$(1)+a.b", "special"), template("/in{x}side/end", "inside"),
    template("/star/a*b", "star"), OTHER]),
         client=paths("/one/a", "/one/", "/one/a/b", "/one/a?q=/x", "/one/a%20b", "/one/a=b", "/two/q/x", "/two//x", "/rest/", "/rest/a/b/c",
                      "/rest", "/v/x", "/v/x/", "/w/1/lit/2/end", "/w/1/no/2/end", "/suffix/a.ts", "/suffix/.ts", "/suffix/axts",
                      "/varsuffix/f.m3u8", "/deep/a/b.x", "/deep/.x", "/slash/", "/slash", "/dollar$(1)+a.b", "/dollar$(1)+axb", "/ONE/a",
                      "/inXside/end", "/inside/end", "/star/aab", "/star/a*b", "/one/a*b", "/one/a|b", "/one/a{b"))
scenario("uri_template_rewrite", routes="\n".join(
    "- {match: {%s}, route: {cluster: {{up}}, %s}}" % (TEMPLATE % m, REWRITE % r) for m, r in [
        ("/a/{x}/{y}", "/{y}/{x}"), ("/b/{lang}/{rest=**}", "/{lang}/new/{rest}"), ("/c/*/{z}.ts", "/seg/{z}/x.ts"), ("/d/**", "/all")]),
         client=paths("/a/1/2", "/a/1/2?q=3", "/b/en/x/y/z", "/b/en/", "/c/q/name.ts", "/d/anything/at/all?k"))
scenario("route_path_rewrite_format", routes="""
- {match: {prefix: /header}, route: {cluster: {{up}}, path_rewrite: "/new%REQ(x-p)%"}}
- {match: {prefix: /empty}, route: {cluster: {{up}}, path_rewrite: "%REQ(x-p)%"}}
- {match: {prefix: /literal}, route: {cluster: {{up}}, path_rewrite: "/fixed"}}
""", client=get("/header/a?b=c", "x-p: /v") + get("/header/a") + get("/empty/x?y", "x-p: /given") + get("/empty/x?y") + get("/literal?z=1"))
scenario("route_host_rewrite_format", routes="""
- {match: {prefix: /header}, route: {cluster: {{up}}, host_rewrite: "pre-%REQ(x-h)%"}}
- {match: {prefix: /empty}, route: {cluster: {{up}}, host_rewrite: "%REQ(x-h)%", append_x_forwarded_host: true}}
- {match: {prefix: /same}, route: {cluster: {{up}}, host_rewrite: "%REQ(:authority)%", append_x_forwarded_host: true}}
""", client=get("/header", "x-h: h.new") + get("/header") + get("/empty", "x-h: other") + get("/empty") + get("/same"))
scenario("redirect_path_rewrite_format", routes="""
- {match: {prefix: /header}, redirect: {path_rewrite: "/new/%REQ(x-v)%"}}
- {match: {prefix: /empty}, redirect: {path_rewrite: "%REQ(x-v)%", host_redirect: n.example}}
- {match: {prefix: /strip}, redirect: {path_rewrite: "/s", strip_query: true}}
- {match: {prefix: /query}, redirect: {path_rewrite: "/s?own=1"}}
""", client=get("/header/a?b", "x-v: v2") + get("/header/a") + get("/empty/x?y", "x-v: /g") + get("/empty/x?y") + get("/strip?q") + get("/query?q"))
scenario("direct_response_format", routes="""
- {match: {prefix: /text}, direct_response: {status: 200, body: {inline_string: inner}, body_format: {text_format_source: {inline_string: "%REQ(:path)% %LOCAL_REPLY_BODY% %RESPONSE_CODE% %REQ(x-none)%\\n"}}}}
- {match: {prefix: /json}, direct_response: {status: 503, body_format: {json_format: {path: "%REQ(:path)%", code: "%RESPONSE_CODE%", body: "%LOCAL_REPLY_BODY%", none: "%REQ(x)%"}}}}
- {match: {prefix: /type}, direct_response: {status: 200, body: {inline_string: b}, body_format: {text_format_source: {inline_string: "<%LOCAL_REPLY_BODY%>"}, content_type: text/html}}}
- {match: {prefix: /omit}, direct_response: {status: 200, body_format: {text_format_source: {inline_string: "%REQ(x-none)%"}, omit_empty_values: true}}}
- {match: {prefix: /route}, direct_response: {status: 200, body_format: {text_format_source: {inline_string: "%ROUTE_NAME%"}}}, name: the-route}
""", client=paths("/text?a=b", "/json", "/type", "/omit", "/route") + get("/text", method="HEAD"))
scenario("vhost_metadata_in_log", vhosts="""
- name: all
  domains: ["*"]
  metadata: {filter_metadata: {ns: {a: x, n: 1, o: {p: [1, "two", true, null]}}}}
  routes: [{match: {prefix: /}, route: {cluster: {{up}}}, response_headers_to_add: [{header: {key: x-meta, value: "%METADATA(VIRTUAL_HOST:ns:a)%"}}]}]
""", log_format={"a": "%METADATA(VIRTUAL_HOST:ns:a)%", "n": "%METADATA(VIRTUAL_HOST:ns:n)%", "o": "%METADATA(VIRTUAL_HOST:ns:o)%",
                 "all": "%METADATA(VIRTUAL_HOST:ns)%", "none": "%METADATA(VIRTUAL_HOST:no)%", "deep": "%METADATA(VIRTUAL_HOST:ns:o:p)%"},
         client=get("/"))
scenario("filter_chain_metadata_in_log", chains="""
filter_chains:
- {filters: [the], name: chain, metadata: {filter_metadata: {ns: {a: x}}}}
""", log_format={"a": "%METADATA(LISTENER_FILTER_CHAIN:ns:a)%", "chain": "%FILTER_CHAIN_NAME%"}, client=get("/"))

# Mirrors.
MIRRORED = {"up": [ok()], "shadow": [ok()], "other": [ok()]}
scenario("mirror_of_vhost_and_config", up=MIRRORED, route_config="request_mirror_policies: [{cluster: {{shadow}}}]", vhosts="""
- {name: own, domains: [own.example], request_mirror_policies: [{cluster: {{other}}, disable_shadow_host_suffix_append: true}], routes: [
    {match: {prefix: /route}, route: {cluster: {{up}}, request_mirror_policies: [{cluster: {{shadow}}}]}}, {match: {prefix: /}, route: {cluster: {{up}}}}]}
- {name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: {{up}}}}]}
""", client=get("/1") + seen(1, "shadow") + get("/2", host="own.example") + seen(1, "other") + get("/route", host="own.example") + seen(2, "shadow"))
scenario("mirror_cluster_header", up=MIRRORED, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, request_mirror_policies: [{cluster_header: X-Mirror}]}}
""", client=get("/1", "x-mirror: {{shadow}}") + seen(1, "shadow") + get("/2") + get("/3", "x-mirror: none") + get("/4", "x-mirror: {{other}}", "x-mirror: {{shadow}}") + seen(1, "other"))
scenario("mirror_mutations", up=MIRRORED, routes="""
- match: {prefix: /lit}
  route: {cluster: "{{up}}", request_mirror_policies: [{cluster: "{{shadow}}", host_rewrite_literal: shadow.example, request_headers_mutations: [
    {append: {header: {key: x-added, value: "%REQ(:path)%"}}}, {remove: x-gone}, {append: {header: {key: x-kept, value: two}}},
    {append: {header: {key: x-over, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}},
    {remove_on_match: {key_matcher: {prefix: x-match-}}}]}]}
- match: {prefix: /}
  route: {cluster: "{{up}}", request_mirror_policies: [{cluster: "{{shadow}}", request_headers_mutations: [
    {append: {header: {key: x-a, value: a}}}, {remove: x-a}, {append: {header: {key: x-b, value: "%REQ(x-kept)%"}, append_action: ADD_IF_ABSENT}}]}]}
""", client=get("/lit/1", "x-gone: 1", "x-kept: one", "x-over: old", "x-match-a: 1", "x-match-b: 2", "x-nomatch: 3") + seen(1, "shadow")
         + get("/2", "x-kept: one", host="h.example:80") + seen(2, "shadow"))

# Weighted clusters.
TWO = {"up": [ok("one")], "two": [ok("two")]}
scenario("weighted_by_header", up=TWO, routes="""
- {match: {prefix: /}, route: {weighted_clusters: {header_name: X-Pick, clusters: [{name: "{{up}}", weight: 10}, {name: "{{two}}", weight: 90}]}}}
""", client=[s for v in ("0", "9", "10", "99", "100", "109", "110", "18446744073709551615") for s in get("/" + v, "x-pick: " + v)])
scenario("weighted_by_hash", up=TWO, routes="""
- match: {prefix: /}
  route: {weighted_clusters: {use_hash_policy: true, clusters: [{name: "{{up}}", weight: 50}, {name: "{{two}}", weight: 50}]}, hash_policy: [{header: {header_name: x-user}}]}
""", client=[s for u in ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi") for s in get("/", "x-user: " + u)])
scenario("weighted_mutations_and_host", up=TWO, route_config="most_specific_header_mutations_wins: true", vhosts="""
- name: all
  domains: ["*"]
  request_headers_to_add: [{header: {key: x-level, value: vhost}}]
  response_headers_to_add: [{header: {key: x-level, value: vhost}}]
  routes:
  - match: {prefix: /}
    request_headers_to_add: [{header: {key: x-level, value: route}}]
    response_headers_to_add: [{header: {key: x-level, value: route}}]
    route: {weighted_clusters: {clusters: [{name: "{{up}}", weight: 1, host_rewrite_literal: weight.example, request_headers_to_add: [{header: {key: x-level, value: weight}}],
      response_headers_to_add: [{header: {key: x-level, value: weight}}]}]}, host_rewrite_header: x-host, append_x_forwarded_host: true}
""", client=get("/1") + get("/2", "x-host: header.example"))
scenario("weighted_filter_config", up=TWO, filters="""
- {name: envoy.filters.http.fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}}
""", routes="""
- match: {prefix: /}
  route: {weighted_clusters: {header_name: x-pick, clusters: [{name: "{{up}}", weight: 1}, {name: "{{two}}", weight: 1, typed_per_filter_config: {
    envoy.filters.http.fault: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault, abort: {http_status: 418, percentage: {numerator: 100}}}}}]}}
""", client=get("/", "x-pick: 0") + get("/", "x-pick: 1"))

# Timeouts of gRPC.
GRPC = "content-type: application/grpc"


def grpc(path, *headers):
    return get(path, GRPC, *headers)


scenario("grpc_timeout_limits", routes="""
- {match: {prefix: /max}, route: {cluster: {{up}}, max_grpc_timeout: 10s}}
- {match: {prefix: /zero}, route: {cluster: {{up}}, max_grpc_timeout: 0s}}
- {match: {prefix: /offset}, route: {cluster: {{up}}, max_grpc_timeout: 10s, grpc_timeout_offset: 1s}}
- {match: {prefix: /try}, route: {cluster: {{up}}, max_grpc_timeout: 10s, retry_policy: {retry_on: 5xx, per_try_timeout: 2s}}}
- {match: {prefix: /plain}, route: {cluster: {{up}}}}
- {match: {prefix: /new}, route: {cluster: {{up}}, max_stream_duration: {grpc_timeout_header_max: 0s}}}
- {match: {prefix: /both}, route: {cluster: {{up}}, max_grpc_timeout: 10s, max_stream_duration: {max_stream_duration: 20s}}}
- {match: {prefix: /long}, route: {cluster: {{up}}, max_grpc_timeout: 1000000s}}
""", client=[s for p in ("/max", "/zero", "/offset", "/try", "/plain", "/new", "/both") for s in
             grpc(p) + grpc(p, "grpc-timeout: 3S") + grpc(p, "grpc-timeout: 1M") + grpc(p, "grpc-timeout: 500m") + grpc(p, "grpc-timeout: x")]
         + grpc("/long", "grpc-timeout: 99999999S") + get("/max", "grpc-timeout: 3S") + get("/both") + get("/new"))
scenario("timeout_expected_with_hedge", routes="""
- {match: {prefix: /hedge}, route: {cluster: {{up}}, timeout: 8s, retry_policy: {retry_on: 5xx, per_try_timeout: 2s}, hedge_policy: {hedge_on_per_try_timeout: true, initial_requests: 3, additional_request_chance: {numerator: 100}}}}
- {match: {prefix: /plain}, route: {cluster: {{up}}, timeout: 8s, retry_policy: {retry_on: 5xx, per_try_timeout: 2s}}}
""", client=paths("/hedge", "/plain"))

# Retries: what is kept of a request.
scenario("retry_timeout_header", up=[hold(), ok()], vhosts="""
- name: all
  domains: ["*"]
  include_is_timeout_retry_header: true
  include_request_attempt_count: true
  routes: [{match: {prefix: /}, route: {cluster: {{up}}, timeout: 0s, retry_policy: {retry_on: 5xx, per_try_timeout: 0.2s}}}]
""", client=get("/"), mask=[(r"^\d+$", "<n>")])
scenario("retry_not_timeout_header", up=[ok("no", status=500, reason="Internal Server Error"), ok()], vhosts="""
- name: all
  domains: ["*"]
  include_is_timeout_retry_header: true
  routes: [{match: {prefix: /}, route: {cluster: {{up}}, timeout: 0s, retry_policy: {retry_on: 5xx}}}]
""", client=get("/") + get("/ok", "x-envoy-is-timeout-retry: true"))
LIMITED = [ok("no", status=500, reason="Internal Server Error"), ok()]
RETRY = "timeout: 0s, retry_policy: {retry_on: 5xx}"
scenario("retry_body_within_route_limit", up=LIMITED, routes=f"""
- {{match: {{prefix: /}}, per_request_buffer_limit_bytes: 100, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}
""", client=req("/", method="POST", body="x" * 100), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_over_route_limit", up=LIMITED, routes=f"""
- {{match: {{prefix: /}}, per_request_buffer_limit_bytes: 99, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}
""", client=req("/", method="POST", body="x" * 100), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_over_vhost_limit", up=LIMITED, vhosts=f"""
- {{name: all, domains: ["*"], per_request_buffer_limit_bytes: 10, routes: [{{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}]}}
""", client=req("/", method="POST", body="x" * 100), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_route_limit_over_vhost", up=LIMITED, vhosts=f"""
- {{name: all, domains: ["*"], per_request_buffer_limit_bytes: 10, routes: [{{match: {{prefix: /}}, per_request_buffer_limit_bytes: 1000, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}]}}
""", client=req("/", method="POST", body="x" * 100), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_limit_at_most_connections", up=LIMITED, listener="per_connection_buffer_limit_bytes: 1024", routes=f"""
- {{match: {{prefix: /}}, per_request_buffer_limit_bytes: 100000, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}
""", client=req("/", method="POST", body="x" * 20000), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_limit_beyond_connections", up=LIMITED, listener="per_connection_buffer_limit_bytes: 1024", routes=f"""
- {{match: {{prefix: /}}, request_body_buffer_limit: 100000, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}
""", client=req("/", method="POST", body="x" * 20000), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_limit_of_vhost_beyond_connections", up=LIMITED, listener="per_connection_buffer_limit_bytes: 1024", vhosts=f"""
- {{name: all, domains: ["*"], request_body_buffer_limit: 100000, routes: [{{match: {{prefix: /}}, route: {{cluster: "{{{{up}}}}", {RETRY}}}}}]}}
""", client=req("/", method="POST", body="x" * 20000), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])
scenario("retry_body_overflow_in_back_off", up=[early() + ok("no", status=500, reason="Internal Server Error"), ok()], routes="""
- {match: {prefix: /}, per_request_buffer_limit_bytes: 20, route: {cluster: {{up}}, retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 3000s}}}}
""", client=send("POST / HTTP/1.1\r\nhost: h.example\r\ncontent-length: 100\r\n\r\n0123456789") + gone(1) + send("x" * 50) + read(), stats=["cluster.{{up}}.retry_or_shadow_abandoned"])

# Internal redirects.
GO = {"*": ok(), "/go": ok("", "location: http://h.example/there", "x-copy: new", "x-two: 1", "x-two: 2", status=302, reason="Found")}
REDIRECT_TYPE = "type.googleapis.com/envoy.extensions.internal_redirect."
scenario("internal_redirect_action", up=GO, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_action: HANDLE_INTERNAL_REDIRECT}}
""", client=get("/go"))
scenario("internal_redirect_action_pass", up=GO, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_action: PASS_THROUGH_INTERNAL_REDIRECT, max_internal_redirects: 3}}
""", client=get("/go"))
scenario("internal_redirect_action_max", up={"*": ok("", "location: http://h.example/again", status=302, reason="Found")}, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_action: HANDLE_INTERNAL_REDIRECT, max_internal_redirects: 2}}
""", client=get("/go"))
scenario("internal_redirect_copies_headers", up=GO, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {response_headers_to_copy: [X-Copy, x-two, x-absent]}}}
""", client=get("/go", "x-copy: old", "x-absent: was", "x-other: stays"))
scenario("internal_redirect_restores_headers", up=GO, routes="""
- {match: {path: /go}, route: {cluster: {{up}}, internal_redirect_policy: {response_headers_to_copy: [x-copy]}}, response_headers_to_add: [{header: {key: x-was, value: "%REQ(x-copy)% %REQ(:path)%"}}]}
""", client=get("/go", "x-copy: old"))
scenario("internal_redirect_previous_routes", up={
    "*": ok(), "/a": ok("", "location: http://h.example/a", status=302, reason="Found")}, routes="""
- {name: a, match: {path: /a}, route: {cluster: {{up}}, internal_redirect_policy: {max_internal_redirects: 5, predicates: [{name: p, typed_config: {"@type": "%sprevious_routes.v3.PreviousRoutesConfig"}}]}}}
""" % REDIRECT_TYPE, client=get("/a"), stats=["http.{{name}}.passthrough_internal_redirect_predicate"])
scenario("internal_redirect_allowed_routes", up=GO, routes="""
- {name: go, match: {path: /go}, route: {cluster: {{up}}, internal_redirect_policy: {predicates: [{name: p, typed_config: {"@type": "%sallow_listed_routes.v3.AllowListedRoutesConfig", allowed_route_names: [else]}}]}}}
- {name: there, match: {prefix: /}, route: {cluster: {{up}}}}
""" % REDIRECT_TYPE, client=get("/go"), stats=["http.{{name}}.passthrough_internal_redirect_predicate"])
scenario("internal_redirect_safe_scheme", up={"*": ok(), "/go": ok("", "location: https://h.example/s", status=302, reason="Found")}, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {allow_cross_scheme_redirect: true, predicates: [{name: p, typed_config: {"@type": "%ssafe_cross_scheme.v3.SafeCrossSchemeConfig"}}]}}}
""" % REDIRECT_TYPE, client=get("/go") + get("/go", "x-forwarded-proto: https"), stats=["http.{{name}}.passthrough_internal_redirect_predicate"])
scenario("internal_redirect_ignored_codes", up={"*": ok("", "location: http://h.example/a", status=304, reason="Not Modified")}, routes="""
- {match: {prefix: /}, route: {cluster: {{up}}, internal_redirect_policy: {redirect_response_codes: [304]}}}
""", client=get("/go"))

# TLS requirements.
scenario("vhost_require_tls_by_forwarded_proto", vhosts=f"""
- {{name: all, domains: [all.example], require_tls: ALL, routes: [{{match: {{prefix: /}}, {direct("all")}}}]}}
- {{name: ext, domains: ["*"], require_tls: EXTERNAL_ONLY, routes: [{{match: {{prefix: /}}, {direct("external")}}}]}}
""", hcm="internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}",
         client=get("/", host="all.example") + get("/", "x-forwarded-proto: https", host="all.example") + get("/?q=1", host="all.example:80")
         + get("/") + get("/", "x-forwarded-for: 10.0.0.1") + get("/", "x-forwarded-proto: https") + get("/", "x-envoy-internal: true"))

# Retries to other priorities, and configs that are wrong.
THREE = {"a": [ok("a", status=503, reason="Service Unavailable")], "b": [ok("b", status=503, reason="Service Unavailable")],
         "c": [ok("c", status=503, reason="Service Unavailable")]}
PRIORITIES = {"all": {"yaml": "load_assignment: {endpoints: [%s]}" % ", ".join(
    '{priority: %d, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: "{{%s.port}}"}}}}]}' % (i, n)
    for i, n in enumerate("abc"))}}
scenario("retry_priorities_in_turn", up=THREE, clusters=PRIORITIES, routes="""
- match: {prefix: /}
  route: {cluster: "{{all}}", timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 5, retry_back_off: {base_interval: 0.0001s}, retry_priority: {name: envoy.retry_priorities.previous_priorities, typed_config: {
    "@type": type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: 1}}}}
""", client=get("/"))
