#include "xds/admin/pages.h"

#include "proxy/base/log.h"
#include "proxy/server/json.h"
#include "xds/admin/to_json.h"

namespace outrigger::xds {

using server::AdminRequest;
using server::AdminResponse;
using server::JsonWriter;

void add_config_dump(server::Server& server, const envoy::config::bootstrap::v3::Bootstrap& bootstrap);

const char* const kVersion = "0.1.0";

std::string version_text() { return std::string("outrigger/") + kVersion + "/Clean/RELEASE/none"; }

namespace {

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
  const auto seconds = [](double v) {
    std::string s = std::to_string(v);
    while (s.back() == '0') s.pop_back();
    if (s.back() == '.') s.pop_back();
    return s + "s";
  };
  j.text("file_flush_interval", seconds(o.flush_interval_ms / 1000.0));
  j.text("drain_time", seconds(o.drain_time_s));
  j.text("parent_shutdown_time", seconds(o.parent_shutdown_time_s));
  j.text("mode", o.mode == Options::init_only ? "InitOnly" : "Serve");
  j.boolean("disable_hot_restart", true);
  j.number("restart_epoch", o.restart_epoch);
  j.boolean("cpuset_threads", o.cpuset_threads);
  j.boolean("reject_unknown_dynamic_fields", o.reject_unknown_dynamic_fields);
  j.boolean("ignore_unknown_dynamic_fields", o.ignore_unknown_dynamic_fields);
  j.boolean("use_dynamic_base_id", o.use_dynamic_base_id);
  j.text("base_id_path", o.base_id_path);
  j.text("drain_strategy", o.drain_immediate ? "Immediate" : "Gradual");
  j.begin_list("stats_tag");
  for (const auto& t : o.stats_tags) j.text("", t);
  j.end();
  j.end();
}

}  // namespace

void add_config_pages(server::Server& s, const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options) {
  add_config_dump(s, bootstrap);
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
                   write_message(node, "node", j);
                   j.end();
                   r.json(j.take());
                 },
                 {}});
}

}  // namespace outrigger::xds
