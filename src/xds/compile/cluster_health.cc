// Active health checks of a cluster.
#include "envoy/extensions/health_check/event_sinks/file/v3/file.pb.h"
#include "proxy/accesslog/files.h"
#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
using core_v3::HealthCheck;
using FileSink = envoy::extensions::health_check::event_sinks::file::v3::HealthCheckEventFileSink;

namespace {

/// Bytes, or text of hexadecimal digits.
std::string compile_payload(const HealthCheck::Payload& p, const Path& at, Problems& problems) {
  if (!p.has_text()) return p.binary();
  std::string out;
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  bool good = p.text().size() % 2 == 0;
  for (std::size_t i = 0; good && i < p.text().size(); i += 2) {
    const int high = digit(p.text()[i]), low = digit(p.text()[i + 1]);
    good = high >= 0 && low >= 0;
    out += static_cast<char>(high << 4 | low);
  }
  if (!good) problems.error(at / "text", "invalid hex string '" + p.text() + "'");
  return out;
}

template <class List>
std::vector<std::string> compile_payloads(const List& list, const Path& at, Problems& problems) {
  std::vector<std::string> out;
  for (int i = 0; i < list.size(); ++i) out.push_back(compile_payload(list[i], at.at("receive", i), problems));
  return out;
}

/// `kind`: expected or retriable.
template <class List>
std::vector<upstream::StatusRange> compile_ranges(const List& list, const Path& at, const std::string& kind, Problems& problems) {
  std::vector<upstream::StatusRange> out;
  for (int i = 0; i < list.size(); ++i) {
    const auto first = list[i].start(), end = list[i].end();
    const std::string start_is = "start=" + std::to_string(first), end_is = "end=" + std::to_string(end);
    const auto wrong = first >= end  ? "start < end, but found " + start_is + " and " + end_is
                       : first < 100 ? "start >= 100, but found " + start_is
                       : end > 600   ? "end <= 600, but found " + end_is
                                     : "";
    if (!wrong.empty())
      problems.error(at.at(kind + "_statuses", i), "Invalid http " + kind + " status range: expecting " + wrong);
    out.push_back({first, end});
  }
  return out;
}

/// For a method that has one.
std::string compile_request_body(const HealthCheck::HttpHealthCheck& p, const Path& at, Problems& problems) {
  const std::string method = core_v3::RequestMethod_Name(p.method() == core_v3::METHOD_UNSPECIFIED ? core_v3::GET : p.method());
  if (method != "POST" && method != "PUT" && method != "PATCH" && method != "OPTIONS")
    problems.error(at / "send", "HTTP health check cannot specify a request payload with method '" + method +
                                    "'. Only methods that support a request body (POST, PUT, PATCH, OPTIONS) can be used with " +
                                    "payload.");
  return compile_payload(p.send(), at / "send", problems);
}

void compile_headers(const HeaderAdds& adds, const HeaderNames* removes, std::string_view field, upstream::HealthConfig& o,
                     const Path& at, Problems& problems) {
  auto all = std::make_shared<route::HeaderMutations>();
  compile_header_adds(adds, at, field, problems, *all);
  if (removes != nullptr) compile_header_removes(*removes, at, "request_headers_to_remove", problems, *all);
  if (all->empty()) return;
  o.add_headers = [all](http::RequestHead& head, const http::UpstreamInfo& info) {
    http::StreamInfo stream;
    stream.upstream = info;
    format::Context context;
    context.info = &stream;
    context.request = &head;
    all->apply(head.headers, context);
  };
}

void compile_http(const HealthCheck::HttpHealthCheck& p, upstream::HealthConfig& o, const Path& at, Problems& problems) {
  o.kind = upstream::CheckKind::http;
  o.authority = p.host();
  o.path = p.path();
  if (p.method() != core_v3::METHOD_UNSPECIFIED) o.method = core_v3::RequestMethod_Name(p.method());
  if (p.has_send()) o.send = compile_request_body(p, at, problems);
  o.receive = compile_payloads(p.receive(), at, problems);
  if (p.has_response_buffer_size()) o.response_bytes_max = p.response_buffer_size().value();
  if (o.response_bytes_max == 0) o.response_bytes_max = UINT64_MAX;
  if (p.expected_statuses_size() > 0) o.expected = compile_ranges(p.expected_statuses(), at, "expected", problems);
  o.retriable = compile_ranges(p.retriable_statuses(), at, "retriable", problems);
  compile_headers(p.request_headers_to_add(), &p.request_headers_to_remove(), "request_headers_to_add", o, at, problems);
  o.http2 = p.codec_client_type() == envoy::type::v3::HTTP2;
  if (p.codec_client_type() == envoy::type::v3::HTTP3)
    problems.error(at / "codec_client_type", "HTTP/3 is not implemented by Outrigger");
  if (p.has_service_name_matcher())
    o.service_matches = [m = compile_string_matcher(p.service_name_matcher(), at / "service_name_matcher", problems)](
                            std::string_view name) { return m.match(name); };
}

void compile_log(const std::string& path, upstream::HealthConfig& o, const Path& at, CompileContext& c) {
  if (const auto able = accesslog::can_open(path); !able) return c.problems.error(at, able.error().detail);
  if (c.validate_only) return;
  if (auto sink = c.files.open(path))
    o.logs.emplace_back([file = std::move(*sink)](std::string_view line) { file->write(line); });
  else
    c.problems.error(at, sink.error().detail);
}

void compile_logs(const HealthCheck& p, upstream::HealthConfig& o, const Path& at, CompileContext& c) {
  if (!p.event_log_path().empty()) compile_log(p.event_log_path(), o, at / "event_log_path", c);
  for (int i = 0; i < p.event_logger_size(); ++i) {
    const Path entry = at.at("event_logger", i);
    const Path here = entry / "typed_config";
    FileSink sink;
    const auto& any = p.event_logger(i).typed_config();
    if (any.UnpackTo(&sink))
      compile_log(sink.event_log_path(), o, here / "event_log_path", c);
    else
      c.problems.error(here, "event sink of type '" + any.type_url() + "' is not implemented");
  }
  o.log_failures = p.always_log_health_check_failures();
  o.log_successes = p.always_log_health_check_success();
}

void compile_times(const HealthCheck& p, upstream::HealthConfig& o) {
  const auto time = [](bool set, const google::protobuf::Duration& v, Duration otherwise) {
    return set ? to_duration(v) : otherwise;
  };
  constexpr Duration kNone{0}, kNoTraffic = std::chrono::seconds(60);
  o.timeout = to_duration(p.timeout());
  o.interval = to_duration(p.interval());
  o.initial_jitter = time(p.has_initial_jitter(), p.initial_jitter(), kNone);
  o.interval_jitter = time(p.has_interval_jitter(), p.interval_jitter(), kNone);
  o.jitter_percent = p.interval_jitter_percent();
  o.no_traffic = time(p.has_no_traffic_interval(), p.no_traffic_interval(), kNoTraffic);
  o.no_traffic_healthy = time(p.has_no_traffic_healthy_interval(), p.no_traffic_healthy_interval(), o.no_traffic);
  o.unhealthy_interval = time(p.has_unhealthy_interval(), p.unhealthy_interval(), o.interval);
  o.unhealthy_edge = time(p.has_unhealthy_edge_interval(), p.unhealthy_edge_interval(), o.unhealthy_interval);
  o.healthy_edge = time(p.has_healthy_edge_interval(), p.healthy_edge_interval(), o.interval);
}

void compile_socket(const HealthCheck& p, upstream::HealthConfig& o) {
  for (const auto& protocol : p.tls_options().alpn_protocols()) {
    const auto part = protocol.substr(0, 255);
    o.alpn += static_cast<char>(part.size());
    o.alpn += part;
  }
  if (!p.has_transport_socket_match_criteria()) return;
  core_v3::Metadata criteria;
  (*criteria.mutable_filter_metadata())["envoy.transport_socket_match"] = p.transport_socket_match_criteria();
  o.socket_criteria = compile_metadata(criteria);
}

}  // namespace

void compile_health(const envoy::config::cluster::v3::Cluster& p, upstream::ClusterConfig& o, const Path& at, CompileContext& c) {
  o.remove_checked_hosts = p.ignore_health_on_host_removal();
  o.close_on_host_failure = p.close_connections_on_host_health_failure();
  o.exclude_unchecked_hosts = p.common_lb_config().ignore_new_hosts_until_first_hc();
  if (to_duration(p.common_lb_config().update_merge_window()) > Duration::zero())
    c.problems.warn(at / "common_lb_config" / "update_merge_window", "has no effect: changes of hosts are seen at once");
  if (p.health_checks_size() == 0) return;
  Problems& problems = c.problems;
  if (p.health_checks_size() > 1) {
    for (int i = 0; i < p.health_checks_size(); ++i)
      if (p.health_checks(i).name().empty())
        return problems.error(at.at("health_checks", i), "health check at index " + std::to_string(i) +
                                                             " is missing a name: all health checks must have a " +
                                                             "name when multiple health checks are configured");
    return problems.error(at.at("health_checks", 1), "several health checks of one cluster are not implemented by Outrigger");
  }
  const auto& h = p.health_checks(0);
  const Path here = at.at("health_checks", 0);
  if (o.discovery == upstream::Discovery::original_dst)
    return problems.error(here, "health checks of ORIGINAL_DST clusters are not implemented by Outrigger");
  auto config = std::make_unique<upstream::HealthConfig>();
  compile_times(h, *config);
  config->unhealthy_threshold = h.unhealthy_threshold().value();
  config->healthy_threshold = h.healthy_threshold().value();
  if (h.has_reuse_connection()) config->reuse_connection = h.reuse_connection().value();
  if (h.has_http_health_check()) {
    compile_http(h.http_health_check(), *config, here / "http_health_check", problems);
  } else if (h.has_grpc_health_check()) {
    const auto& g = h.grpc_health_check();
    if (o.http_use == upstream::HttpUse::http1)
      problems.error(here / "grpc_health_check", o.name + " cluster must support HTTP/2 for gRPC healthchecking");
    config->kind = upstream::CheckKind::grpc;
    config->authority = g.authority();
    config->service = g.service_name();
    compile_headers(g.initial_metadata(), nullptr, "initial_metadata", *config, here / "grpc_health_check", problems);
  } else {
    const auto& t = h.tcp_health_check();
    const Path tcp = here / "tcp_health_check";
    if (t.has_send()) config->send = compile_payload(t.send(), tcp / "send", problems);
    config->receive = compile_payloads(t.receive(), tcp, problems);
  }
  compile_logs(h, *config, here, c);
  compile_socket(h, *config);
  o.health = std::move(config);
}

}  // namespace outrigger::xds
