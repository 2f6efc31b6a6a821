"""The filter local_ratelimit of HTTP: buckets of the filter, of routes, of descriptors and of connections; what they say of themselves."""
from harness.dsl import *

TYPE = "'@type': type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
NAMES = ("enabled", "enforced", "ok", "rate_limited")
STATS = [f"{{{{name}}}}_rl.http_local_rate_limit.{n}" for n in NAMES]
ON = "filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}"
PREFIX = "stat_prefix: '{{name}}_rl'"
GRPC = ("content-type: application/grpc",)


def bucket(tokens, per_fill=1, every="86400s"):
    return f"token_bucket: {{max_tokens: {tokens}, tokens_per_fill: {per_fill}, fill_interval: {every}}}"


def limit(*parts, prefix=PREFIX):
    return f"{{{TYPE}, {', '.join([prefix, *parts])}}}"


def filters(*parts, **kw):
    return f"- {{name: envoy.filters.http.local_ratelimit, typed_config: {limit(*parts, **kw)}}}"


def descriptor(tokens, *entries, more=""):
    pairs = ", ".join(f"{{key: '{k}', value: '{v}'}}" for k, v in entries)
    return f"{{entries: [{pairs}], {bucket(tokens)}{more}}}"


def descriptors(*all):
    return f"descriptors: [{', '.join(all)}]"


def per_route(*parts, prefix="stat_prefix: '{{name}}_route'"):
    return f"typed_per_filter_config: {{envoy.filters.http.local_ratelimit: {limit(*parts, prefix=prefix)}}}"


def hosts(routes, vhost=""):
    return f"""
- name: all
  domains: ["*"]
  {vhost}
  routes:
{routes}
"""


def one_route(rate_limits="", own="", vhost="", route="", match="prefix: /"):
    return hosts(f"""
  - match: {{{match}}}
    route: {{cluster: "{{{{up}}}}"{rate_limits and ', ' + rate_limits}{route and ', ' + route}}}
    {own}
""", vhost)


def case(name, filter, client, **kw):
    kw.setdefault("stats", STATS)
    kw.setdefault("no_upstream", True)
    kw.setdefault("no_log", name not in ("enforced", "grpc", "shadow_mode"))
    scenario("rate_limit_http_" + name, filters=filter, client=client, **kw)


def many(*paths):
    return [step for p in paths for step in (get(*p) if isinstance(p, tuple) else get(p))]


# Of the filter.
case("enforced", filters(bucket(2), ON), many("/1", "/2", "/3"))
case("off_by_default", filters(bucket(1)), many("/1", "/2"))
case("enabled_not_enforced", filters(bucket(1), "filter_enabled: {default_value: {numerator: 100}}",
     "request_headers_to_add_when_not_enforced: [{header: {key: x-over, value: '%REQ(:path)%'}}]"), many("/1", "/2"), no_upstream=False)
case("enforced_not_enabled", filters(bucket(1), "filter_enforced: {default_value: {numerator: 100}}"), many("/1", "/2"))
case("no_bucket", filters(ON), many("/1", "/2"))
case("zero_tokens", filters(bucket(0), ON), many("/1", "/2"))
case("refills", filters(bucket(1, 1, "0.1s"), ON), many("/1", "/2") + pause(0.25) + many("/3"))
case("status", filters(bucket(1), ON, "status: {code: 503}"), many("/1", "/2"))
case("status_below_400", filters(bucket(1), ON, "status: {code: 200}"), many("/1", "/2"))
case("grpc", filters(bucket(1), ON), many("/1") + get("/2", *GRPC))
case("grpc_resource_exhausted", filters(bucket(1), ON, "rate_limited_as_resource_exhausted: true"), many("/1") + get("/2", *GRPC) + get("/3"))
case("response_headers", filters(bucket(1), ON, "response_headers_to_add: [{header: {key: x-limited, value: '%REQ(x-a)%'}}, {header: {key: x-b, value: b}, append: false}]"),
     many("/1", ("/2", "x-a: 1")))
case("response_headers_grpc", filters(bucket(1), ON, "response_headers_to_add: [{header: {key: x-limited, value: limited}}]"), many("/1") + get("/2", *GRPC))
case("head_request", filters(bucket(1), ON), many("/1") + req("/2", method="HEAD"))
case("body", filters(bucket(1), ON), many("/1") + req("/2", method="POST", body="abc"))
case("direct_response", filters(bucket(1), ON), many("/1", "/2"), routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: d}}}")
case("redirect", filters(bucket(1), ON), many("/1", "/2"), routes="- {match: {prefix: /}, redirect: {host_redirect: x}}")
case("no_route", filters(bucket(1), ON), many("/1", "/2"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}')
case("route_response_headers", filters(bucket(1), ON), many("/1", "/2"),
     routes='- {match: {prefix: /}, route: {cluster: "{{up}}"}, response_headers_to_add: [{header: {key: x-r, value: r}}]}')
case("local_reply_config", filters(bucket(1), ON), many("/1", "/2"), hcm="""
local_reply_config:
  mappers: [{filter: {response_flag_filter: {flags: [RL]}}, status_code: 451, body: {inline_string: "mapped"}}]
""")
case("x_headers", filters(bucket(3), ON, "enable_x_ratelimit_headers: DRAFT_VERSION_03"), many("/1", "/2", "/3", "/4"))
case("x_headers_upstream_has_them", filters(bucket(3), ON, "enable_x_ratelimit_headers: DRAFT_VERSION_03"), many("/1"), up=[ok("ok", "x-ratelimit-limit: 7")])
case("x_headers_not_enforced", filters(bucket(1), "filter_enabled: {default_value: {numerator: 100}}", "enable_x_ratelimit_headers: DRAFT_VERSION_03"), many("/1", "/2"))
case("x_headers_no_bucket", filters(ON, "enable_x_ratelimit_headers: DRAFT_VERSION_03"), many("/1"))
case("x_headers_zero_tokens", filters(bucket(0), ON, "enable_x_ratelimit_headers: DRAFT_VERSION_03", "enable_retry_after_header: true"), many("/1"))
case("x_headers_per_fill", filters(bucket(2, 7, "1000s"), ON, "enable_x_ratelimit_headers: DRAFT_VERSION_03", "enable_retry_after_header: true"), many("/1", "/2", "/3"))
case("x_headers_fast", filters(bucket(1, 100, "1000s"), ON, "enable_x_ratelimit_headers: DRAFT_VERSION_03", "enable_retry_after_header: true"), many("/1", "/2"))
case("retry_after", filters(bucket(1), ON, "enable_retry_after_header: true"), many("/1", "/2"))
case("retry_after_own", filters(bucket(1), ON, "enable_retry_after_header: true", "response_headers_to_add: [{header: {key: retry-after, value: mine}}]"), many("/1", "/2"))
case("retry_after_other_status", filters(bucket(1), ON, "enable_retry_after_header: true", "status: {code: 503}"), many("/1", "/2"))
case("retry_after_grpc", filters(bucket(1), ON, "enable_retry_after_header: true"), many("/1") + get("/2", *GRPC))
case("runtime", filters(bucket(1), "filter_enabled: {runtime_key: rl.on, default_value: {numerator: 0}}, filter_enforced: {runtime_key: rl.force, default_value: {numerator: 100}}"),
     many("/1", "/2") + admin("/runtime_modify?rl.force=0", method="POST") + many("/3"), own=True,
     bootstrap="layered_runtime: {layers: [{name: s, static_layer: {rl.on: 100}}, {name: a, admin_layer: {}}]}")
case("fraction_enabled", filters(bucket(1), "filter_enabled: {default_value: {numerator: 30}}, filter_enforced: {default_value: {numerator: 100}}"),
     get("/1") + burst(400, about={"429 local_rate_limited": 0.3, "200 ok": 0.7}), no_log=True, stats=[])
case("per_connection", filters(bucket(1), ON, "local_rate_limit_per_downstream_connection: true", "enable_x_ratelimit_headers: DRAFT_VERSION_03"),
     many("/1", "/2") + new("d") + get("/3", c="d") + get("/4", c="d") + get("/5"))
case("shared_by_connections", filters(bucket(2), ON), many("/1") + new("d") + get("/2", c="d") + get("/3", c="d") + get("/4"))
case("two_filters", filters(bucket(1), ON) + "\n" + filters(bucket(5), ON, prefix="stat_prefix: '{{name}}_second'").replace("name: envoy.filters.http.local_ratelimit,", "name: second,"),
     many("/1", "/2"), stats=STATS + [s.replace("_rl", "_second", 1) for s in STATS])

# Of routes and virtual hosts.
case("route", filters(), many("/a", "/a", "/b", "/b"), stats=STATS + [s.replace("_rl", "_route", 1) for s in STATS], vhosts=hosts(f"""
  - match: {{prefix: /a}}
    route: {{cluster: "{{{{up}}}}"}}
    {per_route(bucket(1), ON)}
  - match: {{prefix: /}}
    route: {{cluster: "{{{{up}}}}"}}
"""))
case("route_over_filter", filters(bucket(1), ON), many("/1", "/2", "/3"), vhosts=one_route(own=per_route(bucket(2), ON)))
case("route_turns_off", filters(bucket(1), ON), many("/1", "/2"), vhosts=one_route(own=per_route(bucket(1))))
case("route_disabled", filters(bucket(1), ON), many("/1", "/2"), vhosts=one_route(own="""typed_per_filter_config:
      envoy.filters.http.local_ratelimit: {'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}"""))
case("vhost", filters(), many("/1", "/2"), vhosts=one_route(vhost=per_route(bucket(1), ON)))
case("route_over_vhost", filters(), many("/1", "/2", "/3"), vhosts=one_route(own=per_route(bucket(2), ON), vhost=per_route(bucket(1), ON)))
case("route_config", filters(), many("/1", "/2"), route_config=per_route(bucket(1), ON))
case("weighted_cluster", filters(), many("/1", "/2"), vhosts=hosts(f"""
  - match: {{prefix: /}}
    route:
      weighted_clusters:
        clusters:
        - name: "{{{{up}}}}"
          weight: 1
          {per_route(bucket(1), ON)}
"""))

# Descriptors by the actions of routes.
HEADER = "actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]"
USER = descriptors(descriptor(1, ("user", "a")), descriptor(2, ("user", "b")))
USERS = many(*[("/1", f"x-user: {u}") for u in ("a", "a", "b", "b", "b", "c", "c")], "/2")


def by_route(name, actions, config, client, **kw):
    case(name, filters(), client, vhosts=one_route(f"rate_limits: [{actions}]", per_route(bucket(5), ON, *config, prefix=PREFIX)), **kw)


by_route("header", f"{{{HEADER}}}", [USER], USERS)
by_route("header_default_bucket", f"{{{HEADER}}}", [USER, "always_consume_default_token_bucket: false"], USERS + USERS)
by_route("header_x_headers", f"{{{HEADER}}}", [USER, "enable_x_ratelimit_headers: DRAFT_VERSION_03"], USERS)
by_route("header_twice", f"{{{HEADER}}}", [USER], many(("/1", "x-user: a", "x-user: b"), ("/2", "x-user: a"), ("/3", "x-user: b", "x-user: a"), ("/4", "x-user: ")))
by_route("header_case", "{actions: [{request_headers: {header_name: X-User, descriptor_key: user}}]}", [USER], many(("/1", "X-USER: a"), ("/2", "x-user: a"), ("/3", "x-user: A")))
by_route("header_pseudo", "{actions: [{request_headers: {header_name: ':path', descriptor_key: path}}, {request_headers: {header_name: ':method', descriptor_key: method}}, "
         "{request_headers: {header_name: ':authority', descriptor_key: host}}]}",
         [descriptors(descriptor(1, ("path", "/a?q=1"), ("method", "GET"), ("host", "h.example")))], many("/a?q=1", "/a?q=1", "/a", "/a"))
by_route("header_skip_if_absent", "{actions: [{request_headers: {header_name: x-user, descriptor_key: user, skip_if_absent: true}}, {generic_key: {descriptor_value: g}}]}",
         [descriptors(descriptor(1, ("generic_key", "g")), descriptor(2, ("user", "a"), ("generic_key", "g")))], many("/1", "/2", ("/3", "x-user: a"), ("/4", "x-user: a"), ("/5", "x-user: a")))
by_route("header_absent", "{actions: [{generic_key: {descriptor_value: g}}, {request_headers: {header_name: x-user, descriptor_key: user}}]}",
         [descriptors(descriptor(1, ("generic_key", "g")))], many("/1", "/2", "/3"))
by_route("all_skipped", "{actions: [{request_headers: {header_name: x-user, descriptor_key: user, skip_if_absent: true}}]}",
         [descriptors(descriptor(1, ("user", ""))), "enable_x_ratelimit_headers: DRAFT_VERSION_03"], many("/1", "/2", ("/3", "x-user: a"), ("/4", "x-user: a"), ("/5", "x-user: b")))
by_route("generic_key", "{actions: [{generic_key: {descriptor_value: v}}]}, {actions: [{generic_key: {descriptor_key: k, descriptor_value: w}}]}",
         [descriptors(descriptor(3, ("generic_key", "v")), descriptor(2, ("k", "w")))], many("/1", "/2", "/3"))
by_route("header_value_match", "{actions: [{header_value_match: {descriptor_value: v, headers: [{name: x-user, string_match: {prefix: a}}]}}]}, "
         "{actions: [{header_value_match: {descriptor_key: not, descriptor_value: w, expect_match: false, headers: [{name: x-user, string_match: {prefix: a}}]}}]}",
         [descriptors(descriptor(1, ("header_match", "v")), descriptor(2, ("not", "w")))], many(("/1", "x-user: ab"), ("/2", "x-user: ac"), ("/3", "x-user: b"), "/4", "/5"))
by_route("header_value_match_old_regex", "{actions: [{header_value_match: {descriptor_value: v, headers: [{name: x-user, safe_regex_match: {google_re2: {}, regex: 'a.*'}}]}}]}",
         [descriptors(descriptor(1, ("header_match", "v")))], many(("/1", "x-user: ab"), ("/2", "x-user: ac"), ("/3", "x-user: b")))
by_route("query_match", "{actions: [{query_parameter_value_match: {descriptor_value: v, query_parameters: [{name: q, string_match: {exact: a b}}]}}]}, "
         "{actions: [{query_parameter_value_match: {descriptor_key: not, descriptor_value: w, expect_match: false, query_parameters: [{name: q, present_match: true}]}}]}",
         [descriptors(descriptor(1, ("query_match", "v")), descriptor(2, ("not", "w")))], many("/1?q=a%20b", "/2?q=a%20b", "/3?q=a+b", "/4?q=x&q=a%20b", "/5", "/6", "/7"))
by_route("query_parameters", "{actions: [{query_parameters: {query_parameter_name: q, descriptor_key: q}}]}, "
         "{actions: [{query_parameters: {query_parameter_name: z, descriptor_key: z, skip_if_absent: true}}, {generic_key: {descriptor_value: g}}]}",
         [descriptors(descriptor(1, ("q", "a b")), descriptor(3, ("generic_key", "g")), descriptor(1, ("z", "1"), ("generic_key", "g")))],
         many("/1?q=a%20b", "/2?q=a%20b", "/3?q=b&q=a%20b", "/4?z=1", "/5?z=1", "/6", "/7?q", "/8?q="))
by_route("remote_address", "{actions: [{remote_address: {}}]}", [descriptors(descriptor(1, ("remote_address", "1.2.3.4")), descriptor(2, ("remote_address", "::1")))],
         many(*[("/1", f"x-forwarded-for: {a}") for a in ("1.2.3.4", "1.2.3.4", "1.2.3.5", "1.2.3.5,1.2.3.4", "::1", "::1", "::1", "nonsense")]))
by_route("masked_remote_address", "{actions: [{masked_remote_address: {v4_prefix_mask_len: 24, v6_prefix_mask_len: 64}}]}, {actions: [{masked_remote_address: {}}, {generic_key: {descriptor_value: g}}]}",
         [descriptors(descriptor(1, ("masked_remote_address", "1.2.3.0/24")), descriptor(1, ("masked_remote_address", "2001:db8::/64")), descriptor(1, ("masked_remote_address", "9.9.9.9/32"), ("generic_key", "g")))],
         many(*[("/1", f"x-forwarded-for: {a}") for a in ("1.2.3.4", "1.2.3.5", "1.2.4.5", "2001:db8::1", "2001:db8::2", "2001:db8:1::2", "9.9.9.9", "9.9.9.9")]))
by_route("remote_address_match", "{actions: [{remote_address_match: {descriptor_value: in, address_matcher: {ranges: [{address_prefix: 1.2.0.0, prefix_len: 16}]}}}]}, "
         "{actions: [{remote_address_match: {descriptor_key: out, descriptor_value: '%REQ(x-user)%', default_value: nobody, address_matcher: {ranges: [{address_prefix: 1.2.0.0, prefix_len: 16}], invert_match: true}}}]}",
         [descriptors(descriptor(1, ("remote_address_match", "in")), descriptor(1, ("out", "u")), descriptor(1, ("out", "nobody")))],
         many(*[("/1", f"x-forwarded-for: {a}", *more) for a, *more in (("1.2.3.4",), ("1.2.3.5",), ("1.3.3.5", "x-user: u"), ("1.3.3.5", "x-user: u"), ("1.3.3.5",), ("1.3.3.5",), ("1.3.3.5", "x-user: w"))]))
by_route("source_cluster", "{actions: [{source_cluster: {}}, {destination_cluster: {}}]}", [descriptors(descriptor(1, ("source_cluster", "sc"), ("destination_cluster", "{{up}}")))], many("/1", "/2"),
         own=True, flags=["--service-cluster", "sc"])
for _name, _entry, _tokens in (("route", ("m", "v"), 2), ("default", ("d", "dd"), 1), ("skipped", ("generic_key", "g"), 1)):
    case(f"metadata_{_name}", filters(), many("/1", "/2", "/3"), vhosts=hosts(f"""
  - match: {{prefix: /}}
    metadata: {{filter_metadata: {{ns: {{a: {{b: v}}, num: 7}}}}}}
    route:
      cluster: "{{{{up}}}}"
      rate_limits:
      - {{actions: [{{metadata: {{descriptor_key: m, metadata_key: {{key: ns, path: [{{key: a}}, {{key: b}}]}}, source: ROUTE_ENTRY}}}}]}}
      - {{actions: [{{metadata: {{descriptor_key: d, metadata_key: {{key: ns, path: [{{key: a}}]}}, default_value: dd}}}}]}}
      - {{actions: [{{metadata: {{descriptor_key: s, metadata_key: {{key: ns, path: [{{key: num}}]}}, source: ROUTE_ENTRY, skip_if_absent: true}}}}, {{generic_key: {{descriptor_value: g}}}}]}}
    {per_route(bucket(5), ON, descriptors(descriptor(_tokens, _entry)), prefix=PREFIX)}
"""))
by_route("several_match", "{actions: [{generic_key: {descriptor_value: a}}]}, {actions: [{generic_key: {descriptor_value: b}}]}",
         [descriptors("{entries: [{key: generic_key, value: a}], token_bucket: {max_tokens: 3, tokens_per_fill: 2, fill_interval: 86400s}}",
                      "{entries: [{key: generic_key, value: b}], token_bucket: {max_tokens: 2, tokens_per_fill: 1, fill_interval: 86400s}}"),
          "enable_x_ratelimit_headers: DRAFT_VERSION_03"], many("/1", "/2", "/3"))
by_route("part_of_descriptor", "{actions: [{generic_key: {descriptor_value: a}}, {generic_key: {descriptor_value: b}}]}",
         [descriptors(descriptor(1, ("generic_key", "a")), descriptor(1, ("generic_key", "b"), ("generic_key", "a")))], many("/1", "/2", "/3"))
by_route("stages", "{stage: 1, actions: [{generic_key: {descriptor_value: a}}]}, {stage: 0, actions: [{generic_key: {descriptor_value: b}}]}",
         ["stage: 1", descriptors(descriptor(2, ("generic_key", "a")), descriptor(1, ("generic_key", "b")))], many("/1", "/2", "/3"))
by_route("disable_key", "{disable_key: x, actions: [{generic_key: {descriptor_value: a}}]}", [descriptors(descriptor(1, ("generic_key", "a")))], many("/1", "/2"))
by_route("hits_addend_of_route", "{hits_addend: {number: 2}, actions: [{generic_key: {descriptor_value: a}}]}", [descriptors(descriptor(3, ("generic_key", "a")))], many("/1", "/2"))
by_route("on_stream_done_of_route", "{apply_on_stream_done: true, actions: [{generic_key: {descriptor_value: a}}]}", [descriptors(descriptor(1, ("generic_key", "a")))], many("/1", "/2"))
by_route("x_option_of_route", "{x_ratelimit_option: DRAFT_VERSION_03, actions: [{generic_key: {descriptor_value: a}}]}", [descriptors(descriptor(1, ("generic_key", "a")))], many("/1", "/2"))
by_route("x_option_off", "{x_ratelimit_option: 'OFF', actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}", [USER, "enable_x_ratelimit_headers: DRAFT_VERSION_03"], many("/1", ("/2", "x-user: a"), ("/3", "x-user: a")))
by_route("format_is_text", "{actions: [{generic_key: {descriptor_value: '%REQ(x-user)%', default_value: d}}]}", [descriptors(descriptor(1, ("generic_key", "%REQ(x-user)%")))], many(("/1", "x-user: a"), ("/2", "x-user: a")))
by_route("shadow_mode", f"{{{HEADER}}}", [descriptors(descriptor(1, ("user", "a"), more=", shadow_mode: true")), "enable_x_ratelimit_headers: DRAFT_VERSION_03",
         "request_headers_to_add_when_not_enforced: [{header: {key: x-over, value: over}}]"], many(*[("/1", "x-user: a")] * 6), no_upstream=False, brief_upstream=False,
         stats=STATS + ["{{name}}_rl.http_local_rate_limit.shadow_mode"])
by_route("shadow_mode_first", "{actions: [{generic_key: {descriptor_value: a}}]}, {actions: [{generic_key: {descriptor_value: b}}]}",
         [descriptors(descriptor(1, ("generic_key", "a"), more=", shadow_mode: true"), "{entries: [{key: generic_key, value: b}], token_bucket: {max_tokens: 2, tokens_per_fill: 5, fill_interval: 86400s}}")],
         many("/1", "/2", "/3"), stats=STATS + ["{{name}}_rl.http_local_rate_limit.shadow_mode"])

# Wildcards.
WILD = "always_consume_default_token_bucket: false"
by_route("wildcard", f"{{{HEADER}}}", [descriptors(descriptor(1, ("user", "")), descriptor(2, ("user", "b"))), WILD], USERS)
by_route("wildcard_two_entries", "{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}, {request_headers: {header_name: x-b, descriptor_key: b}}]}",
         [descriptors(descriptor(1, ("user", ""), ("b", "1")), descriptor(2, ("user", ""), ("b", ""))), WILD],
         many(*[("/1", f"x-user: {u}", f"x-b: {b}") for u, b in (("a", "2"), ("a", "2"), ("a", "2"), ("c", "3"), ("c", "3"), ("c", "3"))]))
by_route("wildcard_least_used_goes", f"{{{HEADER}}}", [descriptors(descriptor(1, ("user", ""))), WILD, "max_dynamic_descriptors: 2"],
         many(*[("/1", f"x-user: {u}") for u in ("a", "b", "a", "c", "a", "b", "c", "b")]))
by_route("wildcard_x_headers", f"{{{HEADER}}}", [descriptors(descriptor(2, ("user", ""))), WILD, "enable_x_ratelimit_headers: DRAFT_VERSION_03"],
         many(*[("/1", f"x-user: {u}") for u in ("a", "a", "b", "a")]))
by_route("wildcard_many", f"{{{HEADER}}}", [descriptors(descriptor(1, ("user", ""))), WILD, "max_dynamic_descriptors: 500"],
         [s for i in range(30) for s in get("/1", f"x-user: u{i}")] + get("/2", "x-user: u0"))

# The virtual host's.
A, B = "{actions: [{generic_key: {descriptor_value: a}}]}", "{actions: [{generic_key: {descriptor_value: b}}]}"
AB = descriptors(descriptor(1, ("generic_key", "a")), descriptor(2, ("generic_key", "b")))
for _name, _route, _more, _own in (("vhost_limits", "", "", ""), ("vhost_limits_overridden", f"rate_limits: [{B}]", "", ""), ("vhost_limits_included", f"rate_limits: [{B}]", "include_vh_rate_limits: true", ""),
                                   ("vhost_limits_included_by_filter", f"rate_limits: [{B}]", "", "vh_rate_limits: INCLUDE"), ("vhost_limits_ignored", "", "", "vh_rate_limits: IGNORE"),
                                   ("vhost_limits_ignored_included", "", "include_vh_rate_limits: true", "vh_rate_limits: IGNORE"), ("vhost_limits_included_false", f"rate_limits: [{B}]", "include_vh_rate_limits: false", "vh_rate_limits: INCLUDE")):
    case(_name, filters(), many("/1", "/2", "/3"), vhosts=one_route(_route, per_route(*[p for p in (bucket(5), ON, AB, _own) if p], prefix=PREFIX), f"rate_limits: [{A}]", _more))
case("limits_without_descriptors", filters(bucket(1), ON), many("/1", "/2"), vhosts=one_route(f"rate_limits: [{A}]"))
case("filter_has_descriptors", filters(bucket(5), ON, AB), many("/1", "/2"), vhosts=one_route(f"rate_limits: [{A}]"))
case("descriptors_without_bucket", filters(ON, AB, "enable_x_ratelimit_headers: DRAFT_VERSION_03"), many("/1", "/2"), vhosts=one_route(f"rate_limits: [{A}]"))

# The filter's own limits.
OWN = f"rate_limits: [{A}]"
case("own_limits", filters(bucket(5), ON, AB, OWN), many("/1", "/2"), vhosts=one_route(f"rate_limits: [{B}]"))
case("own_limits_no_route", filters(bucket(5), ON, AB, OWN), many("/1", "/2"), routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}')
case("own_limits_direct_response", filters(bucket(5), ON, AB, OWN), many("/1", "/2"), routes="- {match: {prefix: /}, direct_response: {status: 200, body: {inline_string: d}}}")
case("own_limits_destination_no_route", filters(bucket(5), ON, descriptors(descriptor(1, ("destination_cluster", ""))), "rate_limits: [{actions: [{destination_cluster: {}}]}]"), many("/1", "/2", "/a", "/a"),
     routes='- {match: {prefix: /a}, route: {cluster: "{{up}}"}}')
for _name, _addend in (("number", "number: 2"), ("zero", "number: 0"), ("format", "format: '%REQ(x-n)%'"), ("negative", "number: 1, is_negative_hits: true")):
    case(f"own_limits_hits_{_name}", filters(bucket(9), ON, descriptors(descriptor(3, ("generic_key", "a"))), f"rate_limits: [{{hits_addend: {{{_addend}}}, actions: [{{generic_key: {{descriptor_value: a}}}}]}}]",
         "enable_x_ratelimit_headers: DRAFT_VERSION_03"), many("/1", ("/2", "x-n: 2"), ("/3", "x-n: 2"), ("/4", "x-n: 1"), ("/5", "x-n: 0"), ("/6", "x-n: x"), ("/7", "x-n: -1"), ("/8", "x-n: 0.5")))
case("own_limits_bytes", filters(bucket(9), ON, descriptors(descriptor(30, ("generic_key", "a"))), "rate_limits: [{hits_addend: {format: '%BYTES_RECEIVED%'}, actions: [{generic_key: {descriptor_value: a}}]}]",
     "enable_x_ratelimit_headers: DRAFT_VERSION_03"), get("/1"))
case("own_limits_on_stream_done", filters(bucket(9), ON, AB, "rate_limits: [{apply_on_stream_done: true, actions: [{generic_key: {descriptor_value: a}}]}]"), many("/1", "/2"))
case("own_limits_of_route", filters(), many("/1", "/2"), vhosts=one_route(f"rate_limits: [{B}]", per_route(bucket(5), ON, AB, OWN, prefix=PREFIX)))
case("own_limits_per_connection", filters(bucket(5), ON, AB, OWN, "local_rate_limit_per_downstream_connection: true"), many("/1", "/2") + new("d") + get("/3", c="d") + get("/4", c="d"))

# What is refused.
CHECKS = (("descriptor_interval_is_no_multiple", [bucket(1, 1, "0.1s"), "descriptors: [{entries: [{key: a, value: b}], token_bucket: {max_tokens: 1, fill_interval: 0.15s}}]"]),
          ("descriptor_interval_short", [bucket(1), "descriptors: [{entries: [{key: a, value: b}], token_bucket: {max_tokens: 1, fill_interval: 0.049s}}]"]),
          ("descriptor_interval_short_of_none", [bucket(1), "descriptors: [{entries: [{key: a, value: b}], token_bucket: {max_tokens: 0, fill_interval: 0.04s}}]"]),
          ("interval_short", [bucket(1, 1, "0.049s")]), ("interval_short_of_none", [bucket(0, 1, "0.04s")]), ("interval_50ms", [bucket(1, 1, "0.05s")]),
          ("duplicate", [bucket(1), descriptors(descriptor(1, ("a", "b")), descriptor(2, ("a", "b")))]), ("duplicate_wildcard", [bucket(1), descriptors(descriptor(1, ("a", "")), descriptor(2, ("a", "")))]),
          ("no_values", [bucket(1), "max_dynamic_descriptors: 0"]), ("stage_11", ["stage: 11"]), ("status_700", ["status: {code: 700}"]), ("descriptor_without_bucket", ["descriptors: [{entries: [{key: a}]}]"]),
          ("own_stage", ["rate_limits: [{stage: 0, actions: [{remote_address: {}}]}]"]), ("own_disable_key", ["rate_limits: [{disable_key: x, actions: [{remote_address: {}}]}]"]),
          ("own_address_match", ["rate_limits: [{actions: [{remote_address_match: {descriptor_value: a, address_matcher: {ranges: []}}}]}]"]),
          ("own_no_actions", ["rate_limits: [{actions: []}]"]), ("mask_33", ["rate_limits: [{actions: [{masked_remote_address: {v4_prefix_mask_len: 33}}]}]"]),
          ("hits_both", ["rate_limits: [{hits_addend: {number: 1, format: '%BYTES_RECEIVED%'}, actions: [{remote_address: {}}]}]"]), ("hits_none", ["rate_limits: [{hits_addend: {}, actions: [{remote_address: {}}]}]"]),
          ("hits_two", ["rate_limits: [{hits_addend: {format: '%BYTES_RECEIVED%%BYTES_SENT%'}, actions: [{remote_address: {}}]}]"]), ("hits_bad", ["rate_limits: [{hits_addend: {format: '%NOPE%'}, actions: [{remote_address: {}}]}]"]),
          ("hits_too_many", ["rate_limits: [{hits_addend: {number: 1000000001}, actions: [{remote_address: {}}]}]"]),
          ("per_connection_in_cluster", ["local_rate_limit_per_downstream_connection: true", "local_cluster_rate_limit: {}"]))
for _name, _parts in CHECKS:
    scenario("rate_limit_http_config_" + _name, kind="validate", config=manager_config([filters(*_parts, prefix="stat_prefix: x")[2:]]))
scenario("rate_limit_http_config_route_without_bucket", kind="validate", config=manager_config([filters(prefix="stat_prefix: x")[2:]], "virtual_hosts: [{name: a, domains: ['*'], %s}]" % per_route(ON, prefix="stat_prefix: x")))
