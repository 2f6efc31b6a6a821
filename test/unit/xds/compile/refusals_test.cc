// Bad bootstraps and what is told of them. Where Envoy has words for it, ours hold them.
#include <catch2/catch.hpp>

#include "support/xds.h"

namespace outrigger {
namespace {

struct Row {
  std::string yaml, told;
};

void check(const std::vector<Row>& rows) {
  for (const Row& r : rows) {
    INFO(r.yaml);
    CHECK(test::Compiled(r.yaml).told() == (r.told.empty() ? "" : r.told + "\n"));
  }
}

const std::string kManager = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";
const std::string kRoute = kManager + ".route_config.virtual_hosts[0].routes[0]";
const std::string kCluster = "static_resources.clusters[0]";
const std::string kListener = "static_resources.listeners[0]";

TEST_CASE("clusters that are refused", "[refusals]") {
  const auto cluster = [](const std::string& fields) { return test::cluster_bootstrap("name: c, " + fields); };
  check({
      {cluster("type: STATIC"), ""},
      {cluster("type: EDS"), kCluster + ".eds_cluster_config: cannot create an EDS cluster without an EDS config"},
      {cluster("lb_policy: MAGLEV"), ""},
      {cluster("lb_policy: MAGLEV, maglev_lb_config: {table_size: 9}"),
       kCluster + ".maglev_lb_config: The table size of maglev must be prime number"},
      {cluster("load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: {}}}]}"),
       kCluster +
           ".load_balancing_policy: cluster: didn't find a registered load balancer factory implementation for cluster: 'c' "
           "with names from [x]: round_robin, least_request, random, ring_hash and maglev are implemented, subsets of these, and "
           "override_host around these"},
      {cluster("load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: "
               "example.com, port_value: "
               "1}}}}]}]}"),
       kCluster + ".load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: malformed IP address: "
                  "example.com"},
      {cluster("type: STRICT_DNS, load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: "
               "{socket_address: {address: "
               "example.com, port_value: 1}}}}]}]}"),
       ""},
      {cluster("type: LOGICAL_DNS, load_assignment: {cluster_name: c, endpoints: []}"),
       kCluster + ".load_assignment: LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint"},
      {"static_resources: {clusters: [{name: c}, {name: c}]}",
       "static_resources.clusters[1].name: cluster manager: duplicate cluster 'c'"},
      {"{cluster_manager: {local_cluster_name: nope}, static_resources: {clusters: [{name: c}]}}",
       "cluster_manager: local cluster 'nope' must be defined"},
  });
}

TEST_CASE("listeners that are refused", "[refusals]") {
  const std::string at = "address: {socket_address: {address: 127.0.0.1, port_value: 1}}";
  const std::string chain = "filter_chains: [{filters: [{name: t, typed_config: {'@type': " + test::kTypes +
                            "network.tcp_proxy.v3.TcpProxy, stat_prefix: p, cluster: c}}]}]";
  check({
      {test::listener_bootstrap("name: l, " + at + ", " + chain), ""},
      {test::listener_bootstrap("name: l, " + chain), kListener + ".address: a listener needs an address"},
      {test::listener_bootstrap("name: l, address: {socket_address: {address: localhost, port_value: 1}}, " + chain),
       kListener + ".address.socket_address.address: malformed IP address: localhost"},
      {test::listener_bootstrap("name: l, " + at),
       kListener + ".filter_chains: error adding listener '127.0.0.1:1': no filter chains specified"},
      {"static_resources: {clusters: [{name: c}], listeners: [{name: l, " + at + ", " + chain + "}, {name: l, " + at + ", " +
           chain + "}]}",
       "static_resources.listeners[1].name: error adding listener: duplicate listener name 'l'"},
      {test::chain_bootstrap(
           "filter_chain_match: {prefix_ranges: [{address_prefix: x}]}, filters: [{name: t, typed_config: {'@type': " +
           test::kTypes + "network.tcp_proxy.v3.TcpProxy, stat_prefix: p, cluster: c}}]"),
       kListener + ".filter_chains[0].filter_chain_match.prefix_ranges[0]: malformed IP address: x"},
  });
}

TEST_CASE("connection managers that are refused", "[refusals]") {
  const std::string rc = "route_config: {}";
  check({
      {test::manager_bootstrap(rc), ""},
      {test::manager_bootstrap(rc + ", codec_type: HTTP3"),
       kManager + ".codec_type: HTTP3 is not implemented; use AUTO, HTTP1 or HTTP2"},
      {test::manager_bootstrap(rc + ", strip_matching_host_port: true, strip_any_host_port: true"),
       kManager + ".strip_any_host_port: Error: Only one of `strip_matching_host_port` or `strip_any_host_port` can be set."},
      {test::manager_bootstrap(rc +
                               ", use_remote_address: true, original_ip_detection_extensions: [{name: x, typed_config: {'@type': "
                               "type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig}}]"),
       kManager + ".original_ip_detection_extensions: Original IP detection extensions and use_remote_address may not be mixed"},
      {test::manager_bootstrap(rc + ", internal_address_config: {cidr_ranges: [{address_prefix: x}]}"),
       kManager + ".internal_address_config: malformed IP address: x"},
      {test::manager_bootstrap(rc, "{name: r0, typed_config: {'@type': " + test::kTypes + "http.router.v3.Router}}, "),
       kManager + ".http_filters[0]: Error: terminal filter named r0 of type envoy.filters.http.router must be the last filter "
                  "in a http filter chain."},
      {test::manager_bootstrap(rc, "{name: nope}, "),
       kManager + ".http_filters[0]: Didn't find a registered implementation for 'nope' with type URL: ''"},
      {test::manager_bootstrap(
           rc + ", access_log: [{name: a, typed_config: {'@type': "
                "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/null, log_format: "
                "{text_format_source: {inline_string: '%NOPE%'}}}}]"),
       kManager + ".access_log[0].typed_config.log_format.text_format_source: Incorrect configuration: %NOPE%. At position 0: "
                  "Not supported field in "
                  "StreamInfo: NOPE"},
      {test::chain_bootstrap("filters: [{name: hcm, typed_config: {'@type': " + test::kTypes +
                             "network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: p, route_config: {}}}]"),
       kManager + ".http_filters: no HTTP filter: end the list with envoy.filters.http.router"},
  });
}

TEST_CASE("virtual hosts that are refused", "[refusals]") {
  const auto hosts = [](const std::string& list) {
    return test::manager_bootstrap("route_config: {name: rc, virtual_hosts: [" + list + "]}");
  };
  const std::string at = kManager + ".route_config.virtual_hosts";
  check({
      {hosts("{name: a, domains: [x]}, {name: b, domains: [z]}"), ""},
      {hosts("{name: a, domains: [x]}, {name: b, domains: [X]}"),
       at + ": Only unique values for domains are permitted. Duplicate entry of domain x in route rc"},
      {hosts("{name: a, domains: ['*']}, {name: b, domains: ['*']}"),
       at + ": Only a single wildcard domain is permitted in route rc"},
      {hosts("{name: a, domains: [x], request_headers_to_add: [{header: {key: ':path', value: v}}]}"),
       at + "[0].request_headers_to_add[0]: :-prefixed or host headers may not be modified: ':path'"},
      {hosts("{name: a, domains: [x], request_headers_to_add: [{header: {key: Host, value: v}}]}"),
       at + "[0].request_headers_to_add[0]: :-prefixed or host headers may not be modified: 'host'"},
      {hosts("{name: a, domains: [x], response_headers_to_remove: [':status']}"),
       at + "[0].response_headers_to_remove[0]: :-prefixed or host headers may not be removed: ':status'"},
      {hosts("{name: a, domains: [x], response_headers_to_add: [{header: {key: k, value: '%REQ(%'}}]}"),
       at + "[0].response_headers_to_add[0].header.value: Incorrect configuration: %REQ(%. At position 0: '(' is not closed"},
      {hosts("{name: a, domains: [x], response_headers_to_add: [{header: {key: k, value: v}, append: true, append_action: "
             "ADD_IF_ABSENT}]}"),
       at + "[0].response_headers_to_add[0].append: Both append and append_action are set and it's not allowed"},
  });
}

TEST_CASE("routes that are refused", "[refusals]") {
  const auto route = [](const std::string& action) { return test::routes_bootstrap("{match: {prefix: /}, " + action + "}"); };
  const auto match = [](const std::string& m) {
    return test::routes_bootstrap("{match: {" + m + "}, direct_response: {status: 200}}");
  };
  check({
      {route("route: {cluster: c}"), ""},
      {route("route: {cluster: nope}"), kRoute + ".route.cluster: route: unknown cluster 'nope'"},
      {route("route: {weighted_clusters: {clusters: [{name: nope, weight: 1}]}}"),
       kRoute + ".route.weighted_clusters.clusters[0].name: route: unknown cluster 'nope'"},
      {route("route: {weighted_clusters: {clusters: [{name: c, weight: 0}]}}"),
       kRoute + ".route.weighted_clusters: Sum of weights in the weighted_cluster must be greater than 0."},
      {route("route: {weighted_clusters: {clusters: [{name: c, weight: 4294967295}, {name: c, weight: 1}]}}"),
       kRoute + ".route.weighted_clusters: The sum of weights of all weighted clusters exceeds 4294967295"},
      {route("route: {cluster: c, request_mirror_policies: [{cluster: nope}]}"),
       kRoute + ".route.request_mirror_policies[0].cluster: route: unknown shadow cluster 'nope'"},
      {route("route: {cluster: c, regex_rewrite: {pattern: {regex: '('}, substitution: x}}"),
       kRoute + ".route.regex_rewrite.pattern.regex: not a regular expression (RE2): missing ): ("},
      {route("route: {cluster: c, regex_rewrite: {pattern: {regex: 'a(b)'}, substitution: '\\2'}}"),
       kRoute + ".route.regex_rewrite.substitution: Rewrite schema requests 2 matches, but the regexp only has 1 parenthesized "
                "subexpressions."},
      {route("route: {cluster: c, retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 2s, max_interval: 1s}}}"),
       kRoute + ".route.retry_policy.retry_back_off: retry_policy.max_interval must greater than or equal to the base_interval"},
      {route("route: {cluster: c, internal_redirect_policy: {predicates: [{name: x, typed_config: {'@type': " + test::kTypes +
             "http.router.v3.Router}}]}}"),
       kRoute + ".route.internal_redirect_policy.predicates[0]: predicate of type '" + test::kTypes +
           "http.router.v3.Router' is not implemented"},
      {match("safe_regex: {regex: '['}"), kRoute + ".match.safe_regex.regex: not a regular expression (RE2): missing ]: ["},
      {match("prefix: /, headers: [{name: a, string_match: {safe_regex: {regex: a}, ignore_case: true}}]"),
       kRoute + ".match.headers[0].string_match.ignore_case: ignore_case has no effect for safe_regex."},
      {route("direct_response: {status: 200, body: {inline_string: '" + std::string(4097, 'x') + "'}}"),
       kRoute + ".direct_response.body: response body size is 4097 bytes; maximum is 4096"},
      {route("direct_response: {status: 200, body: {inline_string: '" + std::string(4096, 'x') + "'}}"), ""},
      {route("direct_response: {status: 200, body: {filename: /nope}}"),
       kRoute + ".direct_response.body: file /nope does not exist"},
      {route("direct_response: {status: 200, body: {environment_variable: OUTRIGGER_NOPE}}"),
       kRoute + ".direct_response.body: Environment variable doesn't exist: OUTRIGGER_NOPE"},
  });
}

TEST_CASE("regular expressions that become large programs are refused", "[refusals]") {
  const auto match = [](const std::string& regex, const std::string& more = "") {
    return test::routes_bootstrap("{match: {safe_regex: {" + more + "regex: '" + regex + "'}}, direct_response: {status: 200}}");
  };
  const auto level = [](const std::string& values, const std::string& bootstrap) {
    return "layered_runtime: {layers: [{name: s, static_layer: {" + values + "}}]}\n" + bootstrap;
  };
  const auto told = [](const std::string& regex, const std::string& sizes) {
    return kRoute + ".match.safe_regex.regex: regex '" + regex + "' RE2 program size of " + sizes +
           ". Increase configured max program size if necessary.";
  };
  const std::string of_runtime = " set for the error level threshold";
  check({
      {match("[a-z]{96}"), ""},
      {match("[a-z]{97}"), told("[a-z]{97}", "101 > max program size of 100" + of_runtime)},
      {match("[a-z]{97}", "google_re2: {}, "), told("[a-z]{97}", "101 > max program size of 100" + of_runtime)},
      {match("[a-z]{97}", "google_re2: {max_program_size: 101}, "), ""},
      {match("[a-z]{97}", "google_re2: {max_program_size: 99}, "), told("[a-z]{97}", "101 > max program size of 99")},
      {level("re2.max_program_size.error_level: 101", match("[a-z]{97}")), ""},
      {level("re2: {max_program_size: {error_level: 54}}", match("[a-z]{50}")), ""},
      {level("re2: {max_program_size: {error_level: 53}}", match("[a-z]{50}")),
       told("[a-z]{50}", "54 > max program size of 53" + of_runtime)},
  });
}

TEST_CASE("other parts of a bootstrap that are refused", "[refusals]") {
  check({
      {"{}", ""},
      {"header_prefix: x-mine", "header_prefix: only 'x-envoy' is implemented"},
      {"layered_runtime: {layers: [{name: a, static_layer: {}}, {name: a, static_layer: {}}]}",
       "layered_runtime.layers[1]: Duplicate layer name: a"},
      {"layered_runtime: {layers: [{name: a, admin_layer: {}}, {name: b, admin_layer: {}}]}",
       "layered_runtime.layers[1]: Too many admin layers specified in LayeredRuntime, at most one may be specified"},
      {"stats_config: {stats_tags: [{tag_name: t, regex: '('}]}", "stats_config.stats_tags[0].regex: missing ): ("},
      {"stats_config: {stats_tags: [{tag_name: t, regex: ''}]}",
       "stats_config.stats_tags[0]: No regex specified for tag specifier and no default regex for name: 't'"},
      {"admin: {address: {socket_address: {address: x, port_value: 1}}}",
       "admin.address.socket_address.address: malformed IP address: x"},
      {"admin: {address: {pipe: {path: '" + std::string(108, 'p') + "'}}}",
       "admin.address.pipe.path: pipe path must have 1 to 107 bytes: " + std::string(108, 'p')},
  });
}

TEST_CASE("several mistakes are told together", "[refusals]") {
  check({{test::routes_bootstrap(
              "{match: {safe_regex: {regex: '('}}, route: {cluster: nope}}, {match: {prefix: /}, route: {cluster: other}}"),
          kRoute + ".match.safe_regex.regex: not a regular expression (RE2): missing ): (\n" + kRoute +
              ".route.cluster: route: unknown cluster 'nope'\n" + kManager +
              ".route_config.virtual_hosts[0].routes[1].route.cluster: route: unknown cluster 'other'"}});
}

}  // namespace
}  // namespace outrigger
