"""Routes that a config may or may not have: what --mode validate says."""
from harness.dsl import *

TYPE = "type.googleapis.com/envoy."


def case(name, config):
    scenario("config_" + name, kind="validate", config=manager_config(route_config=config, clusters="{name: c, connect_timeout: 1s}"))


def vhost(name, text):
    case(name, 'virtual_hosts: [{name: v, domains: ["*"], %s}]' % text)


def route(name, text):
    vhost(name, "routes: [{match: {prefix: /}, %s}]" % text)


def template(name, match, rewrite=None):
    more = "" if rewrite is None else (
        ', path_rewrite_policy: {name: r, typed_config: {"@type": %sextensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, '
        'path_template_rewrite: "%s"}}' % (TYPE, rewrite))
    vhost("template_" + name, 'routes: [{match: {path_match_policy: {name: m, typed_config: {"@type": %sextensions.path.match.uri_template.v3'
          '.UriTemplateMatchConfig, path_template: "%s"}}}, route: {cluster: c%s}}]' % (TYPE, match, more))


for _name, _pattern in (("plain", "/a"), ("glob", "/a/*/b"), ("rest", "/**"), ("suffix", "/*.ts"), ("suffix_inside", "/*.ts/x"),
                        ("glob_after_rest", "/**/*"), ("variable_after_rest", "/{a=**}/{b}"), ("twice", "/{a}/{a}"),
                        ("six", "/{a}/{b}/{c}/{d}/{e}/{f}"), ("long_name", "/{abcdefghijklmnopq}"), ("digit", "/{1a}"), ("empty_pattern", "/{a=}"),
                        ("slash_at_end_of_pattern", "/{a=*/}"), ("empty_segment", "/a//b"), ("relative", "a"), ("query", "/x?y"),
                        ("blank", "/ "), ("two_in_segment", "/{a}{b}"), ("in_text", "/x{a}y/z"), ("glob_and_variable", "/*{b}"), ("open", "/{a"),
                        ("root", "/"), ("equal", "/a=b")):
    template(_name, _pattern)
template("rewrite", "/{a}", "/x/{a}/{a}")
template("rewrite_unknown", "/{a}", "/{b}")
template("rewrite_relative", "/{a}", "{a}")
template("rewrite_double", "/{a}", "//{a}")
template("rewrite_open", "/{a}", "/{a")
template("rewrite_query", "/{a}", "/a?{a}")
route("template_rewrite_without_match", 'route: {cluster: c, path_rewrite_policy: {name: r, typed_config: {"@type": %sextensions.path.rewrite'
      '.uri_template.v3.UriTemplateRewriteConfig, path_template_rewrite: "/x"}}}' % TYPE)
route("two_rewrites", 'route: {cluster: c, prefix_rewrite: /a, path_rewrite: /b}')
route("two_rewrites_regex", 'route: {cluster: c, regex_rewrite: {pattern: {regex: a}, substitution: b}, path_rewrite: /b}')
route("bad_path_format", 'route: {cluster: c, path_rewrite: "%NOPE%"}')
route("bad_host_format", 'route: {cluster: c, host_rewrite: "%REQ(x"}')
route("mirror_two_clusters", "route: {cluster: c, request_mirror_policies: [{cluster: c, cluster_header: x}]}")
route("mirror_no_cluster", "route: {cluster: c, request_mirror_policies: [{}]}")
route("mirror_unknown_cluster", "route: {cluster: c, request_mirror_policies: [{cluster: d}]}")
case("mirror_unknown_cluster_of_config", 'request_mirror_policies: [{cluster: d}], virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c}}]}]')
case("mirror_unknown_cluster_unused", 'request_mirror_policies: [{cluster: d}], virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, redirect: {}}]}]')
route("both_buffer_limits", "per_request_buffer_limit_bytes: 1, request_body_buffer_limit: 1, route: {cluster: c}")
vhost("both_buffer_limits_of_vhost", "per_request_buffer_limit_bytes: 1, request_body_buffer_limit: 1, routes: [{match: {prefix: /}, route: {cluster: c}}]")
route("upgrade_twice", "route: {cluster: c, upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: WebSocket}]}")
route("connect_config_of_websocket", "route: {cluster: c, upgrade_configs: [{upgrade_type: websocket, connect_config: {}}]}")
route("copy_host", "route: {cluster: c, internal_redirect_policy: {response_headers_to_copy: [Host]}}")
route("copy_path", 'route: {cluster: c, internal_redirect_policy: {response_headers_to_copy: [":path"]}}')
route("back_off_order", "route: {cluster: c, retry_policy: {retry_back_off: {base_interval: 2s, max_interval: 1s}}}")
route("back_off_below_ms", "route: {cluster: c, retry_policy: {retry_back_off: {base_interval: 0.0009s, max_interval: 0.0001s}}}")
route("hash_weights", 'route: {hash_policy: [{header: {header_name: x}}], weighted_clusters: {use_hash_policy: true, clusters: [{name: c, weight: 1}]}}')
route("weights_two_names", "route: {weighted_clusters: {clusters: [{name: c, cluster_header: x, weight: 1}]}}")
route("weights_zero", "route: {weighted_clusters: {clusters: [{name: c, weight: 0}]}}")
vhost("virtual_cluster_without_headers", "virtual_clusters: [{name: a}], routes: [{match: {prefix: /}, route: {cluster: c}}]")
route("early_data", 'route: {cluster: c, early_data_policy: {name: e, typed_config: {"@type": %sextensions.early_data.v3.DefaultEarlyDataPolicy}}}' % TYPE)
route("hedge_zero", "route: {cluster: c, hedge_policy: {initial_requests: 0}}")
vhost("cookie_without_pattern", "routes: [{match: {prefix: /, cookies: [{name: a}]}, route: {cluster: c}}]")
vhost("address_without_ranges", "routes: [{match: {prefix: /, filter_state: [{key: a, address_match: {}}]}, route: {cluster: c}}]")
for _name in (":path", ":authority", ":method", ":scheme", "host", "Host", ":status"):
    _id = _name.strip(":")
    for _field in ("request_headers_to_add", "response_headers_to_add"):
        route("%s_%s%s" % (_field, "pseudo_" if _name[0] == ":" else "", _id), 'route: {cluster: c}, %s: [{header: {key: "%s", value: v}}]' % (_field, _name))
    route("remove_%s%s" % ("pseudo_" if _name[0] == ":" else "", _id), 'route: {cluster: c}, request_headers_to_remove: ["%s"]' % _name)
    route("mirror_mutation_%s%s" % ("pseudo_" if _name[0] == ":" else "", _id), 'route: {cluster: c, request_mirror_policies: [{cluster: c, request_headers_mutations: [{append: {header: {key: "%s", value: v}}}]}]}' % _name)
    route("mirror_removal_%s%s" % ("pseudo_" if _name[0] == ":" else "", _id), 'route: {cluster: c, request_mirror_policies: [{cluster: c, request_headers_mutations: [{remove: "%s"}]}]}' % _name)
