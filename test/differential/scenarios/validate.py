"""Whole configs: does --mode validate take them?

In BAD the mark @@ stands where the error is (at a field: its name or its value); with it goes the path that the error names and words that say what is wrong.
Here only the exit code is compared.
"""
from harness.dsl import *

TYPE = "type.googleapis.com/envoy."
MANAGER = TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = '{name: r, typed_config: {"@type": %sextensions.filters.http.router.v3.Router}}' % TYPE
DIRECT = "direct_response: {status: 200}"


def clusters(text):
    return "static_resources:\n  clusters:\n  %s\n" % text


def cluster(text):
    return clusters("- {name: c, %s}" % text)


def endpoint(text):
    return cluster("load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{%s}]}]}" % text)


def at(text):
    return endpoint("endpoint: {address: {%s}}" % text)


def listeners(text):
    return "static_resources:\n  clusters: [{name: c}]\n  listeners:\n  %s\n" % text


def listener(text):
    return listeners("- {name: l, address: {socket_address: {address: 127.0.0.1, port_value: 19999}}, %s}" % text)


def network(text):
    return listener("filter_chains: [{filters: [%s]}]" % text)


def tcp(text):
    return network('{name: t, typed_config: {"@type": %sextensions.filters.network.tcp_proxy.v3.TcpProxy, %s}}' % (TYPE, text))


def hcm(text):
    return network('{name: h, typed_config: {"@type": %s, %s}}' % (MANAGER, text))


def http(text):
    return hcm("stat_prefix: h, route_config: {}, http_filters: [%s], %s" % (ROUTER, text))


def filters(text):
    return hcm("stat_prefix: h, route_config: {}, http_filters: [%s]" % text)


def routing(text):
    return hcm("stat_prefix: h, http_filters: [%s], route_config: {%s}" % (ROUTER, text))


def vhost(text):
    return routing('virtual_hosts: [{name: v, domains: ["*"], %s}]' % text)


def route(text):
    return vhost("routes: [{%s}]" % text)


def action(text):
    return route("match: {prefix: /}, route: {%s}" % text)


def level(text):
    return "layered_runtime: {layers: [{name: s, static_layer: {%s}}]}\n" % text


FAULT = '"@type": %sextensions.filters.http.fault.v3.HTTPFault' % TYPE
FILTER = '"@type": %sconfig.route.v3.FilterConfig' % TYPE


def override(text, filter=FAULT):
    """typed_per_filter_config of a route."""
    return hcm('stat_prefix: h, http_filters: [{name: f, typed_config: {%s}}, %s], route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}, '
               "typed_per_filter_config: {f: %s}}]}]}" % (filter, ROUTER, text))


def filter(type, text):
    return filters('{name: f, typed_config: {"@type": %sextensions.filters.http.%s, %s}}, %s' % (TYPE, type, text, ROUTER))


def limits(text):
    return filter("ratelimit.v3.RateLimit", "domain: d, " + text)


def session(name, state="session_state", config="typed_config"):
    return filter("stateful_session.v3.StatefulSession",
                  '%s: {name: %s, %s: {"@type": %sextensions.http.stateful_session.cookie.v3.CookieBasedSessionState, cookie: {name: a}}}' % (state, name, config, TYPE))


def own(type):
    return '"@type": %sextensions.filters.http.%s' % (TYPE, type)


def policy(type, text):
    return cluster('load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: {"@type": %sextensions.load_balancing_policies.%s, %s}}}]}' % (TYPE, type, text))


def subsets(text):
    return cluster("lb_subset_config: {fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [a]}], %s" % text)


def override_at(field, *args):
    """With the mark at the last field of that name."""
    before, _, after = override(*args).rpartition(" %s: " % field if field != "f" else "{f: ")
    return before + (" @@%s: " % field if field != "f" else "{@@f: ") + after


def struct(type_url, value="", kind="xds.type.v3"):
    return '{"@type": type.googleapis.com/%s.TypedStruct, type_url: %s, value: {%s}}' % (kind, type_url, value)


def log(text):
    return http('access_log: [{name: f, typed_config: {"@type": %sextensions.access_loggers.file.v3.FileAccessLog, %s}}]' % (TYPE, text))


def log_filter(text):
    return http('access_log: [{name: f, filter: {%s}, typed_config: {"@type": %sextensions.access_loggers.file.v3.FileAccessLog, path: /dev/null}}]' % (text, TYPE))


POLICY = "static_resources.clusters[0].load_balancing_policy.policies[0].typed_extension_config.typed_config."
FIRST = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[0].typed_config."
CLUSTER, HCM = "static_resources.clusters[0].", "static_resources.listeners[0].filter_chains[0].filters[0].typed_config."
LISTENER = "static_resources.listeners[0]."
VHOST = HCM + "route_config.virtual_hosts[0]."
ROUTE = VHOST + "routes[0]."
TCP_ADDRESS = "socket_address: {address: 127.0.0.1, port_value: 1}"

GOOD = {
    "empty_map": "{}",
    "comment": "# nothing\n{}",
    "null_fields": "static_resources: null\nnode: ~\nadmin:\n",
    "json_in_yaml": '{"static_resources": {"clusters": [{"name": "c"}]}}',
    "camel_case": cluster("connectTimeout: 1s, loadAssignment: {clusterName: c}"),
    "quoted_number": at("socket_address: {address: 127.0.0.1, port_value: '80'}"),
    "whole_float": at("socket_address: {address: 127.0.0.1, port_value: 80.0}"),
    "enum_number": cluster("type: 1"),
    "enum_text_number": cluster("dns_lookup_family: 1"),
    "durations": clusters("- {name: a, connect_timeout: 1.5s}\n  - {name: b, connect_timeout: 0.000000001s}\n  - {name: c, connect_timeout: '3s'}"),
    "wrapper_text": cluster("per_connection_buffer_limit_bytes: '5'"),
    "anchor": 'static_resources:\n  clusters:\n  - &one {name: a, connect_timeout: 1s}\n  - {name: b, connect_timeout: 2s, circuit_breakers: &cb {thresholds: [{max_retries: 1}]}}\n  - {name: c, circuit_breakers: *cb}\n',
    "merge_key": 'static_resources:\n  clusters:\n  - &one {name: a, connect_timeout: 1s}\n  - {<<: *one, name: b}\n',
    "utf8": "node: {id: \"\u00e9\u4e2d\", metadata: {\"\u00fc\": \"\\u00e9\"}}",
    "block_scalars": "node:\n  id: >\n    folded\n    text\n  cluster: |\n    a\n    b\n",
    "node": "node: {id: i, cluster: c, locality: {region: r}, metadata: {a: [1, {b: null}], c: 1.5}}",
    "no_clusters": "static_resources: {clusters: [], listeners: []}",
    "static_no_endpoints": cluster("type: STATIC, load_assignment: {cluster_name: other}"),
    "static_v6": at('socket_address: {address: "::1", port_value: 1}'),
    "static_port_0": at("socket_address: {address: 127.0.0.1, port_value: 0}"),
    "static_pipe": at("pipe: {path: /tmp/x}"),
    "strict_dns_address": cluster("type: STRICT_DNS, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {%s}}}]}]}" % TCP_ADDRESS),
    "priorities": cluster("load_assignment: {cluster_name: c, endpoints: [{priority: 1, lb_endpoints: []}, {priority: 0}]}"),
    "circuit_breakers": cluster("circuit_breakers: {thresholds: [{}, {priority: HIGH, max_connections: 0, retry_budget: {budget_percent: {value: 20}}}]}"),
    "lb_policies": clusters("- {name: a, lb_policy: ROUND_ROBIN}\n  - {name: b, lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 2}}\n  - {name: c, lb_policy: RANDOM}"),
    "listener_empty_chain": listener("filter_chains: [{}]"),
    "listener_no_name": listeners("- {address: {%s}, filter_chains: [{}]}" % TCP_ADDRESS),
    "listener_default_chain": listener("default_filter_chain: {}"),
    "listener_pipe": listeners("- {name: l, address: {pipe: {path: /tmp/outrigger-x, mode: 0600}}, filter_chains: [{}]}"),
    "listener_abstract_pipe": listeners('- {name: l, address: {pipe: {path: "@x"}}, filter_chains: [{}]}'),
    "listener_same_port": listeners("- {name: a, address: {%s}, filter_chains: [{}]}\n  - {name: b, address: {socket_address: {address: 127.0.0.2, port_value: 1}}, filter_chains: [{}]}" % TCP_ADDRESS),
    "listener_chain_names": listener("filter_chains: [{name: a, filter_chain_match: {destination_port: 1}}, {name: a, filter_chain_match: {destination_port: 2}}]"),
    "tcp_unknown_cluster": tcp("stat_prefix: t, cluster: nope"),
    "tcp_weighted": tcp("stat_prefix: t, weighted_clusters: {clusters: [{name: c, weight: 1}]}"),
    "tcp_idle_zero": tcp("stat_prefix: t, cluster: c, idle_timeout: 0s"),
    "http": http("server_name: x"),
    "http_no_vhosts": routing("name: x"),
    "route_direct": route("match: {prefix: /}, " + DIRECT),
    "route_direct_599": route("match: {prefix: /}, direct_response: {status: 599}"),
    "route_direct_body": route("match: {prefix: /}, direct_response: {status: 200, body: {inline_string: '%s'}}" % ("x" * 4096)),
    "route_prefix_bare": route("match: {prefix: a}, " + DIRECT),
    "route_prefix_empty": route("match: {prefix: ''}, " + DIRECT),
    "route_regex": route("match: {safe_regex: {regex: '/(a|b)+[0-9]{1,3}'}}, " + DIRECT),
    "route_unknown_allowed": routing('validate_clusters: false, virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: nope}}]}]'),
    "route_names_twice": vhost("routes: [{name: a, match: {prefix: /a}, %s}, {name: a, match: {prefix: /}, %s}]" % (DIRECT, DIRECT)),
    "route_redirect": route("match: {prefix: /}, redirect: {host_redirect: h, response_code: SEE_OTHER}"),
    "route_zero_timeout": action("cluster: c, timeout: 0s, idle_timeout: 0s"),
    "route_retry": action("cluster: c, retry_policy: {retry_on: 'nope,5xx', num_retries: 0, per_try_timeout: 0s}"),
    "vhost_wildcards": routing('virtual_hosts: [{name: a, domains: ["*.a", "a.*"]}, {name: b, domains: ["*"]}, {name: c, domains: ["*.b.a", "A"]}]'),
    "vhost_same_name": routing("virtual_hosts: [{name: a, domains: [a]}, {name: b, domains: [b]}]"),
    "headers": vhost('request_headers_to_add: [{header: {key: x-a, value: "%REQ(x):3% %% %PROTOCOL%"}}], response_headers_to_remove: [x-b]'),
    "log_text": log('path: /dev/null, log_format: {text_format_source: {inline_string: "%REQ(A?B):5% %START_TIME(%s)%"}}'),
    "log_json": log('path: /dev/null, log_format: {json_format: {a: 1, b: [x, {c: "%PROTOCOL%"}], d: true, e: null}}'),
    "log_old_format": log('path: /dev/null, format: "%PROTOCOL%"'),
    "log_file": log("path: '{{dir}}/a.log'"),
    "log_filters": log_filter("and_filter: {filters: [{not_health_check_filter: {}}, {or_filter: {filters: [{duration_filter: {comparison: {op: GE, value: {default_value: 1, runtime_key: k}}}}, {traceable_filter: {}}]}}]}"),
    "admin": "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 19998}}, access_log_path: /dev/null}",
    "admin_no_address": "admin: {}",
    "stats_config": 'stats_config: {stats_tags: [{tag_name: a, regex: "(x)"}, {tag_name: b, fixed_value: c}], use_all_default_tags: false, stats_matcher: {reject_all: false}}',
    "histogram_buckets": 'stats_config: {histogram_bucket_settings: [{match: {prefix: a}, buckets: [0.5, 1, 10]}]}',
    "runtime": "layered_runtime: {layers: [{name: a, static_layer: {x: 1}}, {name: b, admin_layer: {}}]}",
    "runtime_no_layer": "layered_runtime: {layers: []}",
    "flush_interval": "stats_flush_interval: 0.001s",
    "one_for_list": "static_resources:\n  clusters: {name: c}\n",
    "wrapper_as_message": cluster("per_connection_buffer_limit_bytes: {value: 1}"),
    "bool_in_quotes": cluster("respect_dns_ttl: 'yes'"),
    "enum_lower_case": cluster("type: static"),
    "duration_as_message": cluster("connect_timeout: {seconds: 1}"),
    "route_header_odd_name": route('match: {prefix: /, headers: [{name: "a b", present_match: true}]}, ' + DIRECT),
    "route_path_empty": route("match: {path: ''}, " + DIRECT),
    "vhost_domain_empty": routing("virtual_hosts: [{name: a, domains: ['']}]"),
    "histogram_buckets_any_order": "stats_config: {histogram_bucket_settings: [{match: {prefix: a}, buckets: [2, 1]}]}",
    "regex_96": route("match: {safe_regex: {regex: '[a-z]{96}'}}, " + DIRECT),
    "regex_own_limit": route("match: {safe_regex: {google_re2: {max_program_size: 504}, regex: '[a-z]{500}'}}, " + DIRECT),
    "regex_limit": level("re2.max_program_size.error_level: 504") + route("match: {safe_regex: {regex: '[a-z]{500}'}}, " + DIRECT),
    "regex_warned": level("re2: {max_program_size: {error_level: 32768, warn_level: 5}}") + route("match: {safe_regex: {regex: '[a-z]{500}'}}, " + DIRECT),
    "regex_of_stats": "stats_config: {stats_matcher: {inclusion_list: {patterns: [{safe_regex: {regex: '[a-z]{500}'}}]}}}\n" + cluster(""),
    "regex_of_admin": "admin: {address: {%s}, allow_paths: [{safe_regex: {regex: '[a-z]{500}'}}]}" % TCP_ADDRESS,
    "filter_disabled": override("{%s, disabled: true}" % FILTER),
    "filter_enabled": override("{%s, config: {}}" % FILTER),
    "filter_config_struct": override("{%s, config: %s}" % (FILTER, struct(TYPE + "extensions.filters.http.fault.v3.HTTPFault"))),
    "filter_disabled_bad_config": override("{%s, disabled: true, config: {%s, abort: {http_status: 1}}}" % (FILTER, FAULT)),
    "filter_disabled_other_type": override('{%s, disabled: true, config: {"@type": type.googleapis.com/google.protobuf.Struct}}' % FILTER),
    "filter_disabled_struct": override("{%s, disabled: true, config: %s}" % (FILTER, struct("a.b/nope.Nope"))),
    "filter_disabled_struct_bad": override("{%s, disabled: true, config: %s}" % (FILTER, struct(TYPE + "extensions.filters.http.fault.v3.HTTPFault", "nope: 1"))),
    "subset_weights": subsets("locality_weight_aware: true}, common_lb_config: {locality_weighted_lb_config: {}}"),
    "subset_scale": subsets("scale_locality_weight: true}"),
    "session_name": session("envoy.http.stateful_session.cookie"),
    "duration_longest": cluster("connect_timeout: 9223372035s"),
    "policy_unknown_first": cluster("load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: %s}}, "
                                    '{typed_extension_config: {name: rr, typed_config: {"@type": %sextensions.load_balancing_policies.round_robin.v3.RoundRobin}}}]}' % (struct("a.b/nope.X"), TYPE)),
    "chain_prefix_of_v4": listener("filter_chains: [{filter_chain_match: {prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 33}]}}]"),
}

# name: (config, path, words of the error)
BAD = {
    # What is no config.
    "syntax_open_list": ("node: {id: a}\nstatic_resources: [", None, "", 3),
    "syntax_tab": ("node:\n@@\tid: a\n", None, ""),
    "syntax_quote": ('node: {id: "a}\n', None, "", 2),
    "a_list": ("@@- a", None, "an object"),
    "a_text": ("@@text", None, "an object"),
    "unknown_alias": ("node: {id: *nope}", None, "", 1),
    "unknown_field": ("node: {id: a}\n@@nope: 1\n", "nope", "no such field"),
    "unknown_field_deep": (cluster("@@nope: 1"), CLUSTER + "nope", "no such field"),
    "unknown_field_in_any": (tcp("stat_prefix: t, cluster: c, @@nope: 1"), HCM + "nope", "no such field"),
    "two_documents": ("node: {id: a}\n@@---\nnode: {id: b}\n", None, "second document"),
    # Values of the wrong kind.
    "tagged_text": ("node: {id: @@!!str 5}", "node.id", "string"),
    "text_for_number": (at("socket_address: {address: 127.0.0.1, @@port_value: x}"), CLUSTER + "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value", "integer"),
    "fraction_for_number": (cluster("@@per_connection_buffer_limit_bytes: 1.5"), CLUSTER + "per_connection_buffer_limit_bytes", "integer"),
    "negative_for_number": (cluster("@@per_connection_buffer_limit_bytes: -1"), CLUSTER + "per_connection_buffer_limit_bytes", "integer"),
    "too_big_for_number": (cluster("@@per_connection_buffer_limit_bytes: 4294967296"), CLUSTER + "per_connection_buffer_limit_bytes", "integer"),
    "map_for_text": (clusters("- @@name: {a: b}"), CLUSTER + "name", "string"),
    "list_for_text": (clusters("- @@name: [a]"), CLUSTER + "name", "string"),
    "list_for_map": (cluster("@@load_assignment: []"), CLUSTER + "load_assignment", "an object"),
    "text_for_map": (cluster("@@load_assignment: x"), CLUSTER + "load_assignment", "an object"),
    "text_for_list": ("static_resources:\n  @@clusters: c\n", "static_resources.clusters", "an object"),
    "text_in_list": ("static_resources:\n  clusters: [@@c]\n", "static_resources.clusters[0]", "an object"),
    "number_for_bool": (cluster("@@respect_dns_ttl: 1"), CLUSTER + "respect_dns_ttl", "true or false"),
    "unknown_enum": (cluster("@@type: NOPE"), CLUSTER + "type", "NOPE"),
    "duration_no_unit": (cluster("@@connect_timeout: 5"), CLUSTER + "connect_timeout", "duration"),
    "duration_ms": (cluster("@@connect_timeout: 5ms"), CLUSTER + "connect_timeout", "duration"),
    "duration_text": (cluster("@@connect_timeout: soon"), CLUSTER + "connect_timeout", "duration"),
    "duration_too_fine": (cluster("@@connect_timeout: 0.0000000001s"), CLUSTER + "connect_timeout", "duration"),
    "duration_too_long": (cluster("@@connect_timeout: 315576000001s"), CLUSTER + "connect_timeout", ""),
    "key_twice": ("node: {id: a, @@id: b}", None, "given twice"),
    "oneof_twice": (route("match: {prefix: /, @@path: /a}, " + DIRECT), ROUTE + "match.path", "prefix"),
    "any_no_type": (network("{name: t, @@typed_config: {stat_prefix: t}}"), LISTENER + "filter_chains[0].filters[0].typed_config", "@type"),
    "any_unknown_type": (network('{name: t, typed_config: {"@type": @@type.googleapis.com/nope.Nope}}'), LISTENER + "filter_chains[0].filters[0].typed_config", "nope.Nope"),
    "any_empty_type": (network('{name: t, typed_config: {"@type": @@""}}'), LISTENER + "filter_chains[0].filters[0].typed_config", ""),
    "any_missing": (network("@@{name: t}"), LISTENER + "filter_chains[0].filters[0].typed_config", ""),
    "any_not_a_filter": (network('{name: t, @@typed_config: {"@type": %sextensions.filters.http.router.v3.Router}}' % TYPE), LISTENER + "filter_chains[0].filters[0].typed_config", ""),
    # Rules of fields.
    "cluster_no_name": (clusters("- @@{connect_timeout: 1s}"), CLUSTER + "name", "must not be empty"),
    "cluster_twice": (clusters("- {name: c}\n  - {@@name: c}"), "static_resources.clusters[1].name", "duplicate"),
    "connect_timeout_zero": (cluster("@@connect_timeout: 0s"), CLUSTER + "connect_timeout", "greater than 0"),
    "connect_timeout_negative": (cluster("@@connect_timeout: -1s"), CLUSTER + "connect_timeout", "greater than 0"),
    "port_too_big": (at("socket_address: {address: 127.0.0.1, @@port_value: 65536}"), CLUSTER + "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value", "65535"),
    "no_port": (at("@@socket_address: {address: 127.0.0.1}"), CLUSTER + "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address", "port"),
    "no_address": (at("socket_address: {port_value: 1}").replace("socket_address", "@@socket_address"), CLUSTER + "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address", "must not be empty"),
    "name_in_static_cluster": (at("socket_address: {@@address: localhost, port_value: 1}"), CLUSTER + "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address", "IP"),
    "no_cluster_name": (cluster("@@load_assignment: {}"), CLUSTER + "load_assignment.cluster_name", "must not be empty"),
    "priority_too_big": (cluster("load_assignment: {cluster_name: c, endpoints: [{@@priority: 129}]}"), CLUSTER + "load_assignment.endpoints[0].priority", "128"),
    "weight_zero": (endpoint("endpoint: {address: {%s}}, @@load_balancing_weight: 0" % TCP_ADDRESS), CLUSTER + "load_assignment.endpoints[0].lb_endpoints[0].load_balancing_weight", "1"),
    "logical_dns_two": (cluster("type: LOGICAL_DNS, @@load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {%s}}}, {endpoint: {address: {%s}}}]}]}" % (TCP_ADDRESS, TCP_ADDRESS)),
                        CLUSTER + "load_assignment", "single"),
    "choice_count_one": (cluster("lb_policy: LEAST_REQUEST, least_request_lb_config: {@@choice_count: 1}"), CLUSTER + "least_request_lb_config.choice_count", "2"),
    "local_cluster_unknown": ("@@cluster_manager: {local_cluster_name: nope}", "cluster_manager", "nope"),
    "no_listener_address": (listeners("- @@{name: l, filter_chains: [{}]}"), LISTENER + "address", ""),
    "listener_no_chains": (listeners("- @@{name: l, address: {%s}}" % TCP_ADDRESS), LISTENER + "filter_chains", ""),
    "listener_bad_ip": (listeners("- {name: l, address: {socket_address: {@@address: localhost, port_value: 1}}, filter_chains: [{}]}"), LISTENER + "address.socket_address.address", "IP"),
    "listener_same_address": (listeners("- {name: a, address: {%s}, filter_chains: [{}]}\n  - {name: b, @@address: {%s}, filter_chains: [{}]}" % (TCP_ADDRESS, TCP_ADDRESS)), "static_resources.listeners[1].address", "a"),
    "listener_twice": (listeners("- {name: a, address: {%s}, filter_chains: [{}]}\n  - {@@name: a, address: {socket_address: {address: 127.0.0.1, port_value: 2}}, filter_chains: [{}]}" % TCP_ADDRESS),
                       "static_resources.listeners[1].name", "a"),
    "chains_twice": (listener("filter_chains: [{filter_chain_match: {destination_port: 1}}, @@{filter_chain_match: {destination_port: 1}}]"), LISTENER + "filter_chains[1]", "same"),
    "chain_prefix": (listener("filter_chains: [{filter_chain_match: {prefix_ranges: [{address_prefix: 10.0.0.0, @@prefix_len: 129}]}}]"), LISTENER + "filter_chains[0].filter_chain_match.prefix_ranges[0].prefix_len", "128"),
    "chain_prefix_name": (listener("filter_chains: [{filter_chain_match: {prefix_ranges: [@@{address_prefix: nope, prefix_len: 8}]}}]"), LISTENER + "filter_chains[0].filter_chain_match.prefix_ranges[0]", "nope"),
    "chain_port_zero": (listener("filter_chains: [{filter_chain_match: {@@destination_port: 0}}]"), LISTENER + "filter_chains[0].filter_chain_match.destination_port", "1"),
    "terminal_not_last": (network('@@{name: a, typed_config: {"@type": %sextensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: a, cluster: c}}, {name: b, typed_config: {"@type": %sextensions.filters.network.tcp_proxy.v3.TcpProxy, '
                                  'stat_prefix: b, cluster: c}}' % (TYPE, TYPE)), LISTENER + "filter_chains[0].filters[0]", "terminal"),
    "tcp_no_prefix": (tcp("cluster: c").replace("{name: t, typed_config", "{name: t, @@typed_config"), HCM + "stat_prefix", "must not be empty"),
    "tcp_no_cluster": (tcp("stat_prefix: t").replace("{name: t, typed_config", "{name: t, @@typed_config"), HCM[:-1], "cluster"),
    "tcp_attempts_zero": (tcp("stat_prefix: t, cluster: c, @@max_connect_attempts: 0"), HCM + "max_connect_attempts", "1"),
    "tcp_weight_zero": (tcp("stat_prefix: t, weighted_clusters: {clusters: [{name: c, @@weight: 0}]}"), HCM + "weighted_clusters.clusters[0].weight", "1"),
    "tcp_no_weights": (tcp("stat_prefix: t, weighted_clusters: {@@clusters: []}"), HCM + "weighted_clusters.clusters", "1"),
    "http_no_prefix": (hcm("route_config: {}, http_filters: [%s]" % ROUTER).replace("{name: h, typed_config", "{name: h, @@typed_config"), HCM + "stat_prefix", "must not be empty"),
    "http_no_routes": (hcm("stat_prefix: h, http_filters: [%s]" % ROUTER).replace("{name: h, typed_config", "{name: h, @@typed_config"), HCM[:-1], "route"),
    "http_no_filters": (hcm("stat_prefix: h, route_config: {}").replace("{name: h, typed_config", "{name: h, @@typed_config"), HCM + "http_filters", "router"),
    "http_no_filter_left": (filters("@@{name: a, is_optional: true, typed_config: %s}" % struct("a.b/nope.X")), HCM + "http_filters[0]", "router"),
    "http_no_router_left": (filters("{name: f, typed_config: {%s}}, @@{name: a, is_optional: true, typed_config: %s}" % (FAULT, struct("a.b/nope.X"))), HCM + "http_filters[1]", "router"),
    "http_router_not_last": (filters(ROUTER + ", " + ROUTER), None, "terminal", 4),
    "http_router_disabled": (filters(ROUTER.replace("{name", "{@@disabled: true, name", 1)), HCM + "http_filters[0].disabled", "terminal"),
    "http_filter_no_config": (filters("@@{name: envoy.filters.http.nope}, " + ROUTER), HCM + "http_filters[0]", ""),
    "http_filter_no_name": (filters('@@{typed_config: {"@type": %sextensions.filters.http.router.v3.Router}}' % TYPE), HCM + "http_filters[0].name", "must not be empty"),
    "grpc_stats_no_name": (filters('{name: a, typed_config: {"@type": %sextensions.filters.http.grpc_stats.v3.FilterConfig, individual_method_stats_allowlist: {services: [@@{method_names: [m]}]}}}, %s' % (TYPE, ROUTER)),
                           HCM + "http_filters[0].typed_config.individual_method_stats_allowlist.services[0].name", ""),
    "grpc_stats_no_methods": (filters('{name: a, typed_config: {"@type": %sextensions.filters.http.grpc_stats.v3.FilterConfig, individual_method_stats_allowlist: {services: [@@{name: s}]}}}, %s' % (TYPE, ROUTER)),
                              HCM + "http_filters[0].typed_config.individual_method_stats_allowlist.services[0].method_names", ""),
    "grpc_web_field": (filters('{name: a, typed_config: {"@type": %sextensions.filters.http.grpc_web.v3.GrpcWeb, @@nope: 1}}, %s' % (TYPE, ROUTER)), HCM + "http_filters[0].typed_config.nope", "nope"),
    "grpc_bridge_last": (filters('@@{name: a, typed_config: {"@type": %sextensions.filters.http.grpc_http1_bridge.v3.Config}}' % TYPE), HCM + "http_filters[0]", "non-terminal"),
    "http_codec": (http("@@codec_type: HTTP9"), HCM + "codec_type", "HTTP9"),
    "http_hops_negative": (http("@@xff_num_trusted_hops: -1"), HCM + "xff_num_trusted_hops", "integer"),
    "http_headers_kb": (http("@@max_request_headers_kb: 0"), HCM + "max_request_headers_kb", "0"),
    "http_headers_kb_many": (http("@@max_request_headers_kb: 8193"), HCM + "max_request_headers_kb", "8192"),
    "http_local_reply_no_filter": (http("local_reply_config: {mappers: [@@{status_code: 500}]}"), HCM + "local_reply_config.mappers[0].filter", ""),
    "http_local_reply_code": (http("local_reply_config: {mappers: [{filter: {not_health_check_filter: {}}, @@status_code: 600}]}"), HCM + "local_reply_config.mappers[0].status_code", "600"),
    "vhost_no_name": (routing("virtual_hosts: [@@{domains: [a]}]"), VHOST + "name", "must not be empty"),
    "vhost_no_domains": (routing("virtual_hosts: [@@{name: v}]"), VHOST + "domains", "1"),
    "vhost_domain_twice": (routing("@@virtual_hosts: [{name: a, domains: [x]}, {name: b, domains: [x]}]"), HCM + "route_config.virtual_hosts", "x"),
    "vhost_domain_case": (routing("@@virtual_hosts: [{name: a, domains: [x]}, {name: b, domains: [X]}]"), HCM + "route_config.virtual_hosts", "x"),
    "vhost_star_twice": (routing('@@virtual_hosts: [{name: a, domains: ["*"]}, {name: b, domains: ["*"]}]'), HCM + "route_config.virtual_hosts", "wildcard"),
    "route_no_match": (vhost("routes: [@@{%s}]" % DIRECT), ROUTE + "match", ""),
    "route_empty_match": (route("@@match: {}, " + DIRECT), ROUTE + "match", ""),
    "route_no_action": (vhost("routes: [@@{match: {prefix: /}}]"), ROUTE[:-1], ""),
    "route_regex_open": (route("match: {safe_regex: {@@regex: '('}}, " + DIRECT), ROUTE + "match.safe_regex.regex", "("),
    "route_header_no_name": (route("match: {prefix: /, headers: [@@{exact_match: x}]}, " + DIRECT), ROUTE + "match.headers[0].name", "must not be empty"),
    "route_unknown_cluster": (action("@@cluster: nope"), ROUTE + "route.cluster", "nope"),
    "route_cluster_empty": (action("@@cluster: ''"), ROUTE + "route.cluster", "must not be empty"),
    "route_no_cluster": (route("match: {prefix: /}, @@route: {}"), ROUTE + "route", "cluster"),
    "route_weights_zero": (action("@@weighted_clusters: {clusters: [{name: c, weight: 0}]}"), ROUTE + "route.weighted_clusters", "0"),
    "route_weights_unknown": (action("weighted_clusters: {clusters: [{@@name: nope, weight: 1}]}"), ROUTE + "route.weighted_clusters.clusters[0].name", "nope"),
    "route_mirror_unknown": (action("cluster: c, request_mirror_policies: [{@@cluster: nope}]"), ROUTE + "route.request_mirror_policies[0].cluster", "nope"),
    "route_timeout_text": (action("cluster: c, @@timeout: never"), ROUTE + "route.timeout", "duration"),
    "route_back_off": (action("cluster: c, retry_policy: {@@retry_back_off: {base_interval: 2s, max_interval: 1s}}"), ROUTE + "route.retry_policy.retry_back_off", "max_interval"),
    "route_back_off_zero": (action("cluster: c, retry_policy: {retry_back_off: {@@base_interval: 0s}}"), ROUTE + "route.retry_policy.retry_back_off.base_interval", "greater than 0"),
    "route_hash_policy": (action("cluster: c, hash_policy: [@@{terminal: true}]"), ROUTE + "route.hash_policy[0]", ""),
    "route_status": (route("match: {prefix: /}, direct_response: {@@status: 199}"), ROUTE + "direct_response.status", "200"),
    "route_status_big": (route("match: {prefix: /}, direct_response: {@@status: 600}"), ROUTE + "direct_response.status", "600"),
    "route_body_too_long": (route("match: {prefix: /}, direct_response: {status: 200, @@body: {inline_string: '%s'}}" % ("x" * 4097)), ROUTE + "direct_response.body", "4096"),
    "route_redirect_code": (route("match: {prefix: /}, redirect: {@@response_code: NOPE}"), ROUTE + "redirect.response_code", "NOPE"),
    "route_fraction": (route("match: {prefix: /, runtime_fraction: {runtime_key: a, @@default_value: {numerator: 1, denominator: NOPE}}}, " + DIRECT).replace("@@default", "default").replace("denominator", "@@denominator"),
                       ROUTE + "match.runtime_fraction.default_value.denominator", "NOPE"),
    "header_no_key": (vhost("request_headers_to_add: [{header: @@{value: x}}]").replace("header: @@{", "@@header: {"), VHOST + "request_headers_to_add[0].header.key", "must not be empty"),
    "header_bad_key": (vhost('request_headers_to_add: [{header: {@@key: "a\\nb", value: x}}]'), VHOST + "request_headers_to_add[0].header.key", ""),
    "header_pseudo": (vhost('request_headers_to_add: [@@{header: {key: ":path", value: x}}]'), VHOST + "request_headers_to_add[0]", ":"),
    "header_host": (vhost('request_headers_to_add: [@@{header: {key: host, value: x}}]'), VHOST + "request_headers_to_add[0]", "ost"),
    "header_operator": (vhost('request_headers_to_add: [{header: {key: a, @@value: "%NOPE%"}}]'), VHOST + "request_headers_to_add[0].header.value", "NOPE"),
    "header_open": (vhost('request_headers_to_add: [{header: {key: a, @@value: "%REQ(a"}}]'), VHOST + "request_headers_to_add[0].header.value", "%"),
    "header_remove_pseudo": (vhost('request_headers_to_remove: [@@":path"]'), VHOST + "request_headers_to_remove[0]", ":"),
    "log_no_path": (log("path: ''").replace("path: ''", "@@path: ''"), HCM + "access_log[0].typed_config.path", "must not be empty"),
    "log_operator": (log('path: /dev/null, log_format: {@@text_format_source: {inline_string: "%NOPE%"}}'), HCM + "access_log[0].typed_config.log_format.text_format_source", "NOPE"),
    "log_argument": (log('path: /dev/null, log_format: {@@text_format_source: {inline_string: "%PROTOCOL(x)%"}}'), HCM + "access_log[0].typed_config.log_format.text_format_source", "PROTOCOL"),
    "log_json_operator": (log('path: /dev/null, log_format: {@@json_format: {a: {b: "%NOPE%"}}}'), HCM + "access_log[0].typed_config.log_format.json_format", "NOPE"),
    "log_folder": (log("@@path: '{{dir}}/no/such/folder'"), HCM + "access_log[0].typed_config.path", "no/such/folder"),
    "log_filter_empty": (log_filter("").replace("filter: {}", "@@filter: {}"), HCM + "access_log[0].filter", ""),
    "log_filter_flag": (log_filter("response_flag_filter: {flags: [@@NOPE]}"), HCM + "access_log[0].filter.response_flag_filter.flags[0]", "NOPE"),
    "log_filter_and_one": (log_filter("and_filter: {@@filters: [{not_health_check_filter: {}}]}"), HCM + "access_log[0].filter.and_filter.filters", "2"),
    "log_filter_grpc": (log_filter("grpc_status_filter: {statuses: [@@NOPE]}"), HCM + "access_log[0].filter.grpc_status_filter.statuses[0]", "NOPE"),
    "admin_ip": ("admin: {address: {socket_address: {@@address: nope, port_value: 1}}}", "admin.address.socket_address.address", "nope"),
    "admin_log": ("admin: {@@access_log_path: '{{dir}}/no/such/folder'}", "admin.access_log_path", "no/such/folder"),
    "stats_tag_regex": ("stats_config: {stats_tags: [{tag_name: a, @@regex: '('}]}", "stats_config.stats_tags[0].regex", "("),
    "stats_tag_unknown": ("stats_config: {stats_tags: [@@{tag_name: a}]}", "stats_config.stats_tags[0]", "a"),
    "stats_buckets_zero": ("stats_config: {histogram_bucket_settings: [{match: {prefix: a}, buckets: [@@0]}]}", "stats_config.histogram_bucket_settings[0].buckets[0]", "0"),
    "stats_matcher_empty": ("stats_config: {stats_matcher: {exclusion_list: {@@patterns: []}}}", "stats_config.stats_matcher.exclusion_list.patterns", "1"),
    "stats_flush_zero": ("@@stats_flush_interval: 0s", "stats_flush_interval", "0.001"),
    "runtime_twice": ("layered_runtime: {layers: [{name: a, static_layer: {}}, @@{name: a, admin_layer: {}}]}", "layered_runtime.layers[1]", "a"),
    "runtime_two_admin": ("layered_runtime: {layers: [{name: a, admin_layer: {}}, @@{name: b, admin_layer: {}}]}", "layered_runtime.layers[1]", "admin"),
    "runtime_no_name": ("layered_runtime: {layers: [@@{admin_layer: {}}]}", "layered_runtime.layers[0].name", "must not be empty"),
    "runtime_no_kind": ("layered_runtime: {layers: [@@{name: a}]}", "layered_runtime.layers[0]", ""),
    "runtime_null": ("layered_runtime: {layers: [{name: a, static_layer: {@@x: null}}]}", "layered_runtime.layers[0].static_layer.x", "null"),
    "regex_97": (route("match: {safe_regex: {@@regex: '[a-z]{97}'}}, " + DIRECT), ROUTE + "match.safe_regex.regex", "RE2 program size of 101 > max program size of 100 set for the error level threshold"),
    "regex_rewrite_size": (action("cluster: c, regex_rewrite: {pattern: {@@regex: '[a-z]{500}'}, substitution: a}"), ROUTE + "route.regex_rewrite.pattern.regex", "504 > max program size of 100"),
    "regex_header_size": (route("match: {prefix: /, headers: [{name: a, string_match: {safe_regex: {@@regex: '[a-z]{500}'}}}]}, " + DIRECT), ROUTE + "match.headers[0].string_match.safe_regex.regex", "504 > max program size of 100"),
    "regex_over_own_limit": (route("match: {safe_regex: {google_re2: {max_program_size: 3}, @@regex: '[a-z]{50}'}}, " + DIRECT), ROUTE + "match.safe_regex.regex", "RE2 program size of 54 > max program size of 3. Increase"),
    "regex_over_limit": (level("re2: {max_program_size: {error_level: 503}}") + route("match: {safe_regex: {@@regex: '[a-z]{500}'}}, " + DIRECT), ROUTE + "match.safe_regex.regex", "504 > max program size of 503"),
    "regex_engine_named": (route("match: {safe_regex: {google_re2: {}, @@regex: '[a-z]{500}'}}, " + DIRECT), ROUTE + "match.safe_regex.regex", "504 > max program size of 100"),
    "filter_config_empty": (override_at("f", "{%s}" % FILTER), ROUTE + "typed_per_filter_config.f", "Empty route/virtual host per filter configuration for f filter"),
    "filter_config_optional": (override_at("f", "{%s, is_optional: true}" % FILTER), ROUTE + "typed_per_filter_config.f", "Empty route/virtual host per filter configuration for f filter"),
    "filter_config_in_struct": (override_at("type_url", struct(TYPE + "config.route.v3.FilterConfig", "disabled: true")), ROUTE + "typed_per_filter_config.f", "Didn't find a registered implementation"),
    "filter_config_in_udpa": (override_at("type_url", struct(TYPE + "config.route.v3.FilterConfig", "config: {}", "udpa.type.v1")), ROUTE + "typed_per_filter_config.f", "Didn't find a registered implementation"),
    "filter_config_bad": (override("{%s, config: {%s, abort: {@@http_status: 1}}}" % (FILTER, FAULT)), ROUTE + "typed_per_filter_config.f.config.abort.http_status", "200"),
    "subset_weights": (subsets("@@locality_weight_aware: true}"), CLUSTER + "lb_subset_config.locality_weight_aware", "Locality weight aware subset LB requires that a locality_weighted_lb_config be set in c"),
    "subset_weights_zones": (subsets("@@locality_weight_aware: true}, common_lb_config: {zone_aware_lb_config: {}}"), CLUSTER + "lb_subset_config.locality_weight_aware", "locality_weighted_lb_config"),
    "session_name": (session("nope", state="@@session_state"), FIRST + "session_state", "Didn't find a registered implementation for name: 'nope'"),
    "session_other_type": (session("envoy.http.stateful_session.header", config="@@typed_config"), FIRST + "session_state.typed_config", "Unable to unpack as envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState"),
    "duration_negative": (cluster("round_robin_lb_config: {slow_start_config: {@@slow_start_window: -1s}}"), CLUSTER + "round_robin_lb_config.slow_start_config.slow_start_window", "Expected positive duration"),
    "duration_long": (cluster("@@connect_timeout: 9223372036s"), CLUSTER + "connect_timeout", "Duration out-of-range"),
    "duration_route": (action("cluster: c, @@timeout: -0.5s"), ROUTE + "route.timeout", "Expected positive duration"),
    "duration_route_long": (action("cluster: c, @@idle_timeout: 315576000000s"), ROUTE + "route.idle_timeout", "Duration out-of-range"),
    "duration_cookie": (action("cluster: c, hash_policy: [{cookie: {name: a, @@ttl: -1s}}]"), ROUTE + "route.hash_policy[0].cookie.ttl", "Expected positive duration"),
    "duration_drain": (http("@@drain_timeout: -1s"), HCM + "drain_timeout", "Expected positive duration"),
    "duration_tcp": (tcp("stat_prefix: t, cluster: c, @@idle_timeout: -1s"), HCM + "idle_timeout", "Expected positive duration"),
    "duration_limits": (limits("@@timeout: -1s, rate_limit_service: {transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: c}}}"), FIRST + "timeout", "Expected positive duration"),
    "duration_service": (limits("rate_limit_service: {transport_api_version: V3, grpc_service: {@@timeout: 315576000000s, envoy_grpc: {cluster_name: c}}}"), FIRST + "rate_limit_service.grpc_service.timeout", "Duration out-of-range"),
    "duration_processor": (filter("ext_proc.v3.ExternalProcessor", "grpc_service: {@@timeout: -1s, envoy_grpc: {cluster_name: c}}"), FIRST + "grpc_service.timeout", "Expected positive duration"),
    "own_type_cors": (override_at("f", '{%s}' % own("cors.v3.Cors"), own("cors.v3.Cors")), ROUTE + "typed_per_filter_config.f", "is not implemented"),
    "own_type_rbac": (override_at("f", '{%s}' % own("rbac.v3.RBAC"), own("rbac.v3.RBAC")), ROUTE + "typed_per_filter_config.f", "is not implemented"),
    "own_type_on_demand": (override_at("f", '{%s}' % own("on_demand.v3.OnDemand"), own("on_demand.v3.OnDemand")), ROUTE + "typed_per_filter_config.f", "is not implemented"),
    "own_type_rbac_rules": (override_at("f", '{%s, rules: {action: DENY}}' % own("rbac.v3.RBAC"), own("rbac.v3.RBAC")), ROUTE + "typed_per_filter_config.f", "is not implemented"),
    "policy_choices": (policy("least_request.v3.LeastRequest", "@@choice_count: 1"), POLICY + "choice_count", "must be at least 2"),
    "policy_balance": (policy("ring_hash.v3.RingHash", "consistent_hashing_lb_config: {@@hash_balance_factor: 99}"), POLICY + "consistent_hashing_lb_config.hash_balance_factor", "must be at least 100"),
    "key_from_host": (filter("api_key_auth.v3.ApiKeyAuth", "credentials: [{key: k, client: c}], key_sources: [{@@header: host}]"), FIRST + "key_sources[0].header", "'host' is not implemented"),
    "key_from_path": (filter("api_key_auth.v3.ApiKeyAuth", "credentials: [{key: k, client: c}], key_sources: [{@@header: ':path'}]"), FIRST + "key_sources[0].header", "':path' is not implemented"),
    "key_forwarded_in_host": (filter("api_key_auth.v3.ApiKeyAuth", "credentials: [{key: k, client: c}], key_sources: [{header: a}], forwarding: {@@header: host}"), FIRST + "forwarding.header", "'host' is not implemented"),
    "many_dynamic_limits": (filter("local_ratelimit.v3.LocalRateLimit", "stat_prefix: a, @@max_dynamic_descriptors: 1000001"), FIRST + "max_dynamic_descriptors", "1000000"),
    "limit_rule_stage": (limits("rate_limits: [@@{stage: 1, actions: [{remote_address: {}}]}], rate_limit_service: {transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: c}}}"), FIRST + "rate_limits[0]", "not supported"),
    "limit_rule_hits": (limits("rate_limits: [{@@hits_addend: {}, actions: [{remote_address: {}}]}], rate_limit_service: {transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: c}}}"), FIRST + "rate_limits[0].hits_addend", "either a format or a number"),
    "service_host": (limits("rate_limit_service: {transport_api_version: V3, grpc_service: {initial_metadata: [@@{key: host, value: a}], envoy_grpc: {cluster_name: c}}}"), FIRST + "rate_limit_service.grpc_service.initial_metadata[0]", "host"),
    "service_value": (limits("rate_limit_service: {transport_api_version: V3, grpc_service: {initial_metadata: [@@{key: a, value: '%NOPE%'}], envoy_grpc: {cluster_name: c}}}"), FIRST + "rate_limit_service.grpc_service.initial_metadata[0].header.value", "NOPE"),
    "subset_scale_hash": (subsets("locality_weight_aware: true, @@scale_locality_weight: true}, lb_policy: RING_HASH, common_lb_config: {locality_weighted_lb_config: {}}"), CLUSTER + "lb_subset_config.scale_locality_weight", "is not implemented"),
    "policy_unknown_only": (cluster("@@load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: %s}}]}" % struct("a.b/nope.X")), CLUSTER + "load_balancing_policy", "with names from [x]"),
    "runtime_list": ("layered_runtime: {layers: [{name: a, static_layer: {@@x: [1]}}]}", "layered_runtime.layers[0].static_layer.x", "a list"),
}

OWN_TYPE = "Envoy takes an empty config of the filter itself for an empty one of a route, which for rbac means that nothing is checked"
OWN_RULES = "its own rules forbid it, which Envoy does not look at in the list form"
AT_FIRST_CALL = "Envoy looks at it when it first calls the service"

# What Envoy takes, and why it is an error here.
NO_ROUTER = "without the router Envoy never answers: every request waits until it times out"
DIFFERS = {
    "two_documents": "Envoy reads the first document and drops the others without a word",
    "key_twice": "Envoy keeps one of the two values and drops the other without a word",
    "listener_twice": "Envoy drops the first listener of a name: its port is never opened",
    "own_type_cors": OWN_TYPE,
    "own_type_rbac": OWN_TYPE,
    "own_type_on_demand": OWN_TYPE,
    "policy_choices": OWN_RULES,
    "policy_balance": OWN_RULES,
    "key_from_host": "not implemented: Envoy reads the key from any header",
    "key_from_path": "not implemented: Envoy reads the key from any header",
    "key_forwarded_in_host": "not implemented: Envoy would put the client's name in place of the host",
    "many_dynamic_limits": "each takes memory from the beginning",
    "service_host": AT_FIRST_CALL,
    "service_value": AT_FIRST_CALL,
    "subset_scale_hash": "not implemented",
    "http_no_filters": NO_ROUTER,
    "http_no_filter_left": NO_ROUTER,
    "http_no_router_left": NO_ROUTER,
}


def refused(why):
    return {"differs": why, "outrigger": {"exit": 1, "ok": None}} if why else {}


for _name, _config in GOOD.items():
    scenario("good_" + _name, kind="validate", config=_config)
for _name, _entry in BAD.items():
    scenario("bad_" + _name, kind="validate", config=_entry[0].replace("@@", ""), **refused(DIFFERS.get(_name)))

# Files of other kinds, and flags.

JSON = '{"static_resources": {"clusters": [{"name": "c", "connect_timeout": "1s"}]}}'
scenario("good_json", kind="validate", ext="json", config=JSON)
scenario("bad_json_comma", kind="validate", ext="json", config=JSON.replace('"c"', '"c",,'))
scenario("bad_json_comment", kind="validate", ext="json", config="// x\n" + JSON)
scenario("good_json_trailing_comma", kind="validate", ext="json", config=JSON.replace("}]}}", "},]}}"))
scenario("bad_json_is_yaml", kind="validate", ext="json", config="static_resources: {}")
scenario("good_pb_text", kind="validate", ext="pb_text", config='static_resources { clusters { name: "c" connect_timeout { seconds: 1 } } }')
scenario("bad_pb_text", kind="validate", ext="pb_text", config='static_resources { clusters { nope: "c" } }')
scenario("bad_pb_text_rule", kind="validate", ext="pb_text", config='static_resources { clusters { } }')
scenario("bad_pb", kind="validate", ext="pb", config="not binary", **refused("Envoy starts with an empty config when a .pb file is none"))
scenario("bad_empty_file", kind="validate", config="")
scenario("bad_ext", kind="validate", ext="txt", config="nope")
for _name, _flags in (("concurrency", ["--concurrency", "2"]), ("config_yaml", ["--config-yaml", "node: {id: x}"]), ("component", ["--component-log-level", "upstream:debug,router:trace"]),
                      ("base_id", ["--base-id", "5"]), ("drain", ["--drain-time-s", "5", "--parent-shutdown-time-s", "6", "--drain-strategy", "immediate"]), ("allow_unknown", ["--allow-unknown-static-fields"]),
                      ("stats_tag", ["--stats-tag", "a:b"]), ("node", ["--service-node", "n", "--service-cluster", "c", "--service-zone", "z"]), ("ip_version", ["--local-address-ip-version", "v6"]),
                      ("cpuset", ["--cpuset-threads"]), ("flush", ["--file-flush-interval-msec", "5"])):
    scenario("good_flag_" + _name, kind="validate", config=JSON, flags=_flags)
scenario("good_flag_allow_unknown_field", kind="validate", config="nope: 1", flags=["--allow-unknown-static-fields"])
scenario("bad_flag_allow_unknown_type", kind="validate", config="node: 1", flags=["--allow-unknown-static-fields"])
for _name, _flags in (("unknown", ["--nope"]), ("log_level", ["-l", "nope"]), ("concurrency", ["--concurrency", "x"]), ("config_yaml", ["--config-yaml", "node: {nope: x}"]), ("config_yaml_syntax", ["--config-yaml", "node: ["]),
                      ("component", ["--component-log-level", "nope:debug"]), ("component_level", ["--component-log-level", "upstream:nope"]), ("drain_strategy", ["--drain-strategy", "nope"]), ("mode", ["--mode", "nope"]),
                      ("stats_tag", ["--stats-tag", "a"]), ("stats_tag_empty", ["--stats-tag", "a:"]), ("ip_version", ["--local-address-ip-version", "v5"]), ("path", ["-c", "/no/such/file"]), ("no_value", ["--concurrency"]),
                      ("extra", ["extra"]), ("twice", ["-l", "debug"]), ("stats_tag_name", ["--stats-tag", "a-b:c"]), ("stats_tag_dot", ["--stats-tag", "a:b.c"])):
    scenario("bad_flag_" + _name, kind="validate", config=JSON, flags=_flags)
scenario("bad_flag_drain_time", kind="validate", config=JSON, flags=["--drain-time-s", "-1"], **refused("Envoy takes -1 for 4294967295 seconds"))
