// The validation rules of the API, on both sides of each bound.
#include "xds/load/validate.h"

#include <catch2/catch.hpp>

#include "envoy/config/accesslog/v3/accesslog.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "support/xds.h"

namespace outrigger::xds {
namespace {

template <class M>
std::string check(const std::string& yaml) {
  Problems problems;
  test::message<M>(yaml, problems);
  return problems_text(problems);
}

TEST_CASE("rules of the API", "[validate]") {
  using envoy::config::cluster::v3::Cluster;
  using envoy::config::listener::v3::Listener;
  using envoy::config::route::v3::RouteConfiguration;
  using envoy::config::route::v3::VirtualHost;
  using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
  using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
  struct Row {
    std::string (*check)(const std::string&);
    const char *yaml, *told;
  };
  const auto cluster = check<Cluster>;
  const auto vhost = check<VirtualHost>;
  const auto hcm = check<HttpConnectionManager>;
  for (const Row& r : {
           // required, lengths
           Row{cluster, "name: c", ""},
           Row{cluster, "name: ''", "error: name: must not be empty\n"},
           Row{vhost, "{name: v, domains: [a]}", ""},
           Row{vhost, "{name: v}", "error: domains: needs at least 1 entry\n"},
           Row{vhost, "{name: v, domains: ['']}", ""},
           Row{vhost, "{domains: [a]}", "error: name: must not be empty\n"},
           // durations
           Row{cluster, "{name: c, connect_timeout: 0.001s}", ""},
           Row{cluster, "{name: c, connect_timeout: 0s}", "error: connect_timeout: must be greater than 0s, is 0s\n"},
           Row{cluster, "{name: c, connect_timeout: -1s}", "error: connect_timeout: must be greater than 0s, is -1s\n"},
           Row{cluster, "{name: c, dns_refresh_rate: 0.001001s}", ""},
           Row{cluster, "{name: c, dns_refresh_rate: 0.001s}",
               "error: dns_refresh_rate: must be greater than 0.001s, is 0.001s\n"},
           Row{cluster, "{name: c, connect_timeout: 9223372035s}", ""},
           Row{cluster, "{name: c, connect_timeout: 9223372036s}",
               "error: connect_timeout: Duration out-of-range: must be less than 9223372036s, is 9223372036s\n"},
           Row{cluster, "{name: c, round_robin_lb_config: {slow_start_config: {slow_start_window: 0s}}}", ""},
           Row{cluster, "{name: c, round_robin_lb_config: {slow_start_config: {slow_start_window: -0.5s}}}",
               "error: round_robin_lb_config.slow_start_config.slow_start_window: Expected positive duration, is -0.5s\n"},
           // numbers
           Row{cluster, "{name: c, lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 2}}", ""},
           Row{cluster, "{name: c, least_request_lb_config: {choice_count: 1}}",
               "error: least_request_lb_config.choice_count: must be at least 2, is 1\n"},
           Row{cluster, "{name: c, common_lb_config: {healthy_panic_threshold: {value: 100}}}", ""},
           Row{cluster, "{name: c, common_lb_config: {healthy_panic_threshold: {value: 100.1}}}",
               "error: common_lb_config.healthy_panic_threshold.value: must be at least 0 and at most 100, is 100.1\n"},
           Row{cluster, "{name: c, common_lb_config: {healthy_panic_threshold: {value: -1}}}",
               "error: common_lb_config.healthy_panic_threshold.value: must be at least 0 and at most 100, is -1\n"},
           Row{hcm, "{stat_prefix: p, max_request_headers_kb: 8192, route_config: {}}", ""},
           Row{hcm, "{stat_prefix: p, max_request_headers_kb: 8193, route_config: {}}",
               "error: max_request_headers_kb: must be greater than 0 and at most 8192, is 8193\n"},
           Row{hcm, "{stat_prefix: p, max_request_headers_kb: 0, route_config: {}}",
               "error: max_request_headers_kb: must be greater than 0 and at most 8192, is 0\n"},
           // oneofs
           Row{hcm, "{stat_prefix: p}", "error: one of these is required: rds, route_config, scoped_routes\n"},
           Row{vhost, "{name: v, domains: [a], routes: [{match: {}, direct_response: {status: 200}}]}",
               "error: routes[0].match: one of these is required: prefix, path, safe_regex, connect_matcher, "
               "path_separated_prefix, path_match_policy\n"},
           Row{vhost, "{name: v, domains: [a], routes: [{match: {prefix: /}}]}",
               "error: routes[0]: one of these is required: route, redirect, direct_response, non_forwarding_action\n"},
           Row{vhost, "{name: v, domains: [a], routes: [{direct_response: {status: 200}}]}",
               "error: routes[0].match: is required\n"},
           Row{vhost, "{name: v, domains: [a], routes: [{match: {prefix: /}, direct_response: {status: 199}}]}",
               "error: routes[0].direct_response.status: must be at least 200 and less than 600, is 199\n"},
           Row{vhost, "{name: v, domains: [a], routes: [{match: {prefix: /}, direct_response: {status: 599}}]}", ""},
           Row{vhost, "{name: v, domains: [a], routes: [{match: {prefix: /}, direct_response: {status: 600}}]}",
               "error: routes[0].direct_response.status: must be at least 200 and less than 600, is 600\n"},
           // header names and values
           Row{vhost, "{name: v, domains: [a], request_headers_to_remove: [a b]}", ""},  // Envoy looks for line ends only
           Row{vhost, "{name: v, domains: [a], request_headers_to_remove: ['']}",
               "error: request_headers_to_remove[0]: must not be empty\n"},
           Row{vhost, "{name: v, domains: [a], request_headers_to_add: [{header: {key: a, value: \"x\\ny\"}}]}",
               "error: request_headers_to_add[0].header.value: has characters that a header value can't have\n"},
           Row{vhost, "{name: v, domains: [a], request_headers_to_add: [{}]}",
               "error: request_headers_to_add[0].header: is required\n"},
           // enums
           Row{cluster, "{name: c, lb_policy: 99}",
               "error: lb_policy: value 99 of envoy.config.cluster.v3.Cluster.LbPolicy is unknown\n"},
           // several at once
           Row{check<RouteConfiguration>, "{virtual_hosts: [{name: '', domains: []}]}",
               "error: virtual_hosts[0].name: must not be empty\nerror: virtual_hosts[0].domains: needs at least 1 entry\n"},
           Row{check<TcpProxy>, "{stat_prefix: p, cluster: c, max_connect_attempts: 1}", ""},
           Row{check<TcpProxy>, "{stat_prefix: p, cluster: c, max_connect_attempts: 0}",
               "error: max_connect_attempts: must be at least 1, is 0\n"},
           Row{check<TcpProxy>, "{cluster: c}", "error: stat_prefix: must not be empty\n"},
       }) {
    INFO(r.yaml);
    CHECK(r.check(r.yaml) == r.told);
  }
}

TEST_CASE("rules hold inside Any", "[validate]") {
  CHECK(check<envoy::config::listener::v3::Filter>(
            "{name: f, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, "
            "cluster: c}}") == "error: typed_config.stat_prefix: must not be empty\n");
  envoy::config::listener::v3::Filter f;
  f.set_name("f");
  Problems problems;
  f.mutable_typed_config()->set_type_url("type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy");
  f.mutable_typed_config()->set_value("\xff\xff");
  validate(f, Path(), problems);
  CHECK(problems_text(problems) ==
        "error: typed_config: the bytes are not a envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy\n");
}

TEST_CASE("fields that no message of ours has are told by their number", "[validate]") {
  envoy::config::cluster::v3::Cluster c;
  c.set_name("c");
  c.GetReflection()->MutableUnknownFields(&c)->AddVarint(9999, 1);
  Problems problems;
  validate(c, Path(), problems);
  CHECK(problems_text(problems) ==
        "error: field number 9999 of envoy.config.cluster.v3.Cluster is unknown or not implemented by Outrigger\n");
  Problems others;
  validate(c, Path(), others, Depth::everything, false);
  CHECK(others.list().empty());
}

TEST_CASE("what is chosen out of several may be a field that is not there", "[xds]") {
  envoy::config::accesslog::v3::AccessLogFilter f;
  Problems none, one;
  validate(f, Path(), none);
  CHECK(problems_text(none).find("one of these is required") != std::string::npos);
  f.GetReflection()->MutableUnknownFields(&f)->AddLengthDelimited(11, "");  // extension_filter
  validate(f, Path(), one, Depth::everything, false);
  CHECK(one.list().empty());
}

}  // namespace
}  // namespace outrigger::xds
