// The bootstrap's settings of the process as a whole.
#include "envoy/extensions/regex_engines/v3/google_re2.pb.h"
#include "proxy/base/json_text.h"
#include "proxy/http/header_map.h"
#include "xds/compile/convert.h"
#include "xds/compile/settings.h"
#include "xds/struct_fields.h"

namespace outrigger::xds {

namespace bootstrap_v3 = envoy::config::bootstrap::v3;

namespace {

void append_json(const google::protobuf::Value& v, std::string& out);

void append_json(const google::protobuf::Struct& s, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [name, v] : sorted_fields(s)) {
    if (!std::exchange(first, false)) out += ',';
    append_protobuf_string(name, out);
    out += ':';
    append_json(*v, out);
  }
  out += '}';
}

void append_json(const google::protobuf::Value& v, std::string& out) {
  using V = google::protobuf::Value;
  switch (v.kind_case()) {
    case V::kStructValue: return append_json(v.struct_value(), out);
    case V::kListValue:
      out += '[';
      for (int i = 0; i < v.list_value().values_size(); ++i) {
        if (i > 0) out += ',';
        append_json(v.list_value().values(i), out);
      }
      out += ']';
      return;
    case V::kStringValue: return append_protobuf_string(v.string_value(), out);
    case V::kBoolValue: out += v.bool_value() ? "true" : "false"; return;
    case V::kNumberValue: out += number_text(v.number_value()); return;
    default: out += "null";
  }
}

void compile_log(const bootstrap_v3::Bootstrap::ApplicationLogConfig& p, bool log_format_given, server::Config& o, const Path& at,
                 Problems& problems) {
  if (!p.has_log_format()) return;
  const Path here = at / "log_format";
  if (log_format_given)
    problems.error(here, "Only one of ApplicationLogConfig.log_format or CLI option --log-format can be specified.");
  if (!p.log_format().has_json_format()) {
    o.log_format = p.log_format().text_format();
    return;
  }
  append_json(p.log_format().json_format(), o.log_format);
  for (const std::string flag : {"%v", "%_"})
    if (o.log_format.find(flag) != std::string::npos)
      problems.error(here / "json_format",
                     "Usage of " + flag + " is unavailable for JSON log formats: %j is the escaped message");
}

void join_headers(const bootstrap_v3::Bootstrap& p, const Path& root, Problems& problems) {
  using H = bootstrap_v3::CustomInlineHeader;
  for (int i = 0; i < p.inline_headers_size(); ++i) {
    const auto& h = p.inline_headers(i);
    const std::string name = lower(h.inline_header_name());
    if (name == "set-cookie") {
      problems.error(root.at("inline_headers", i), "Header set-cookie cannot be registered as an inline header.");
      continue;
    }
    const auto of = h.inline_header_type() == H::REQUEST_TRAILER    ? http::MapOf::request_trailers
                    : h.inline_header_type() == H::RESPONSE_HEADER  ? http::MapOf::response
                    : h.inline_header_type() == H::RESPONSE_TRAILER ? http::MapOf::response_trailers
                                                                    : http::MapOf::request;
    http::HeaderMap::join_always(of, name);
  }
}

void compile_memory(const bootstrap_v3::MemoryAllocatorManager& p, server::Config& o, const Path& at, Problems& problems) {
  if (p.bytes_to_release() > 0) {
    auto& release = o.memory_release.emplace();
    if (p.has_memory_release_interval()) release.interval = to_duration(p.memory_release_interval());
    if (release.interval.count() == 0) o.memory_release.reset();
  }
  for (const auto& [field, set] : {std::pair("soft_memory_limit_bytes", p.has_soft_memory_limit_bytes()),
                                   std::pair("max_per_cpu_cache_size_bytes", p.has_max_per_cpu_cache_size_bytes()),
                                   std::pair("max_unfreed_memory_bytes", p.max_unfreed_memory_bytes() > 0)})
    if (set) problems.warn(at / field, "has no effect: it is about tcmalloc, which is not used");
}

/// Threads here wait for nothing: none is watched.
void compile_watchdogs(const bootstrap_v3::Bootstrap& p, const Path& root, Problems& problems) {
  if (p.has_watchdog() && p.has_watchdogs())
    problems.error(root / "watchdogs", "Only one of watchdog or watchdogs should be set!");
  if (p.has_watchdog()) problems.warn(root / "watchdog", "has no effect: there is no watchdog");
  if (p.has_watchdogs()) problems.warn(root / "watchdogs", "has no effect: there is no watchdog");
}

void compile_flushes(const bootstrap_v3::Bootstrap& p, server::Config& o, const Path& root, Problems& problems) {
  if (p.stats_flush_on_admin()) {
    o.stats_flush_interval.reset();
    if (p.has_stats_flush_interval())
      problems.error(root / "stats_flush_interval", "Only one of stats_flush_interval or stats_flush_on_admin should be set!");
  } else if (p.has_stats_flush_interval()) {
    o.stats_flush_interval = to_duration(p.stats_flush_interval());
  }
  if (!p.has_stats_eviction_interval()) return;
  const auto every = to_duration(p.stats_eviction_interval());
  if (o.stats_flush_interval && o.stats_flush_interval->count() > 0 && every.count() % o.stats_flush_interval->count() != 0)
    problems.error(root / "stats_eviction_interval", "stats_eviction_interval must be a multiple of stats_flush_interval");
  else
    problems.warn(root / "stats_eviction_interval", "has no effect: stats live as long as what they are about");
}

}  // namespace

void compile_process(const bootstrap_v3::Bootstrap& p, bool log_format_given, server::Config& o, Problems& problems) {
  const Path root;
  compile_log(p.application_log_config(), log_format_given, o, root / "application_log_config", problems);
  join_headers(p, root, problems);
  compile_memory(p.memory_allocator_manager(), o, root / "memory_allocator_manager", problems);
  compile_watchdogs(p, root, problems);
  compile_flushes(p, o, root, problems);
  o.version = p.stats_server_version_override().value();
  o.pin_workers = p.enable_worker_cpu_affinity();
  if (!p.flags_path().empty()) o.drain_file = p.flags_path() + "/drain";
  if (p.has_default_regex_engine() &&
      !p.default_regex_engine().typed_config().Is<envoy::extensions::regex_engines::v3::GoogleRE2>())
    problems.error(root / "default_regex_engine",
                   "regex engine of type '" + p.default_regex_engine().typed_config().type_url() + "' is not implemented");
  if (!p.default_socket_interface().empty() &&
      p.default_socket_interface() != "envoy.extensions.network.socket_interface.default_socket_interface")
    problems.warn(root / "default_socket_interface", "has no effect: there is one socket interface, the default");
  if (p.deferred_stat_options().enable_deferred_creation_stats())
    problems.warn(root / "deferred_stat_options", "has no effect: stats of a cluster cost nothing until they are used");
  if (p.cluster_manager().enable_deferred_cluster_creation())
    problems.warn(root / "cluster_manager" / "enable_deferred_cluster_creation",
                  "has no effect: clusters are made at once, and small");
  if (!p.perf_tracing_file_path().empty())
    problems.warn(root / "perf_tracing_file_path", "has no effect: performance tracing is not built in");
}

}  // namespace outrigger::xds
