#include "xds/admin/pages.h"

#include <google/protobuf/util/time_util.h>
#include "proxy/base/log.h"
#include "proxy/server/json.h"
#include "xds/admin/to_json.h"

namespace outrigger::xds {

using server::AdminRequest;
using server::AdminResponse;
using server::JsonWriter;

const char* const kVersion = "0.1.0";

std::string version_text() { return std::string("outrigger/") + kVersion + "/Clean/RELEASE/none"; }

namespace {

std::string seconds_text(std::uint64_t milliseconds) {
  return google::protobuf::util::TimeUtil::ToString(
      google::protobuf::util::TimeUtil::MillisecondsToDuration(static_cast<std::int64_t>(milliseconds)));
}

/// All of Envoy's options; what has no meaning here has its default.
void write_options(const Options& o, unsigned workers, JsonWriter& j) {
  j.begin_object("command_line_options");
  j.text("base_id", std::to_string(o.base_id));
  j.number("concurrency", workers);
  j.text("config_path", o.config_path);
  j.text("config_yaml", o.config_yaml);
  j.boolean("allow_unknown_static_fields", o.allow_unknown_static_fields);
  j.text("admin_address_path", o.admin_address_path);
  j.text("local_address_ip_version", o.ipv6_local_address ? "v6" : "v4");
  j.text("log_level", o.log_level);
  j.text("component_log_level", o.component_log_level);
  j.text("log_format", o.log_format.empty() ? logger::kDefaultFormat : std::string_view(o.log_format));
  j.text("log_path", o.log_path);
  j.text("service_cluster", o.service_cluster);
  j.text("service_node", o.service_node);
  j.text("service_zone", o.service_zone);
  j.text("file_flush_interval", seconds_text(o.flush_interval_ms));
  j.text("drain_time", seconds_text(o.drain_time_s * 1000ull));
  j.text("parent_shutdown_time", seconds_text(o.parent_shutdown_time_s * 1000ull));
  j.text("mode", o.mode == Options::init_only ? "InitOnly" : "Serve");
  j.boolean("disable_hot_restart", true);
  j.boolean("enable_mutex_tracing", false);
  j.number("restart_epoch", o.restart_epoch);
  j.boolean("cpuset_threads", o.cpuset_threads);
  j.boolean("reject_unknown_dynamic_fields", o.reject_unknown_dynamic_fields);
  j.boolean("log_format_escaped", o.log_format_escaped);
  j.begin_list("disabled_extensions");
  j.end();
  j.boolean("ignore_unknown_dynamic_fields", o.ignore_unknown_dynamic_fields);
  j.boolean("use_dynamic_base_id", o.use_dynamic_base_id);
  j.text("base_id_path", o.base_id_path);
  j.text("drain_strategy", o.drain_immediate ? "Immediate" : "Gradual");
  j.boolean("enable_fine_grain_logging", false);
  j.text("socket_path", "@envoy_domain_socket");
  j.number("socket_mode", 0);
  j.boolean("enable_core_dump", false);
  j.begin_list("stats_tag");
  for (const auto& t : o.stats_tags) j.text("", t);
  j.end();
  j.boolean("skip_hot_restart_on_no_parent", false);
  j.boolean("skip_hot_restart_parent_stats", false);
  j.boolean("skip_deprecated_logs", false);
  j.number("file_flush_min_size", o.flush_min_kb);
  j.boolean("log_stacktrace_single_entry", false);
  j.end();
}

/// With the fields that are empty.
void write_node(const envoy::config::core::v3::Node& n, JsonWriter& j) {
  j.begin_object("node");
  j.text("id", n.id());
  j.text("cluster", n.cluster());
  if (n.has_metadata()) write_message(n.metadata(), "metadata", j);
  if (n.has_locality()) {
    j.begin_object("locality");
    j.text("region", n.locality().region());
    j.text("zone", n.locality().zone());
    j.text("sub_zone", n.locality().sub_zone());
    j.end();
  }
  j.text("user_agent_name", n.user_agent_name());
  if (!n.user_agent_version().empty()) j.text("user_agent_version", n.user_agent_version());
  for (const char* list : {"extensions", "client_features", "listening_addresses"}) {
    j.begin_list(list);
    if (list == std::string_view("client_features"))
      for (const auto& f : n.client_features()) j.text("", f);
    j.end();
  }
  j.begin_object("dynamic_parameters");
  j.end();
  j.end();
}

}  // namespace

void add_config_pages(server::Server& s, const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options,
                      const SecretStore& secrets, const Delivery& delivery) {
  add_config_dump(s, bootstrap, secrets, delivery);
  add_certs_page(s, secrets);
  add_xds_page(s, delivery);
  add_init_dump(s, delivery);
  s.admin().add({"/server_info",
                 "print server version/status information",
                 false,
                 [&s, options, node = bootstrap.node()](const AdminRequest&, AdminResponse& r) {
                   JsonWriter j;
                   j.begin_object();
                   j.text("version", version_text());
                   j.text("state", server::text_of(s.state()));
                   const std::string up = std::to_string(s.uptime_s()) + "s";
                   j.text("uptime_current_epoch", up);
                   j.text("uptime_all_epochs", up);
                   j.text("hot_restart_version", "disabled");
                   write_options(options, s.settings().workers, j);
                   write_node(node, j);
                   j.boolean("hot_restart_initializing", false);
                   j.end();
                   r.json(j.take());
                 },
                 {}});
}

}  // namespace outrigger::xds
