#include <re2/re2.h>
#include <charconv>
#include <cstdio>
#include "proxy/server/admin_pages.h"
#include "proxy/server/json.h"
#include "proxy/server/server.h"
#include "proxy/upstream/host_monitor.h"
#include "proxy/upstream/outlier_detector.h"

namespace outrigger::server {

namespace {

using upstream::ClusterShared;
using upstream::HostSet;
using upstream::Member;
using upstream::OutlierDetector;

bool is_ejected(const Member& m) { return m.stats->ejected.load(std::memory_order_relaxed); }

bool has(const Member& m, std::uint8_t bit) { return (m.stats->checked.load(std::memory_order_relaxed) & bit) != 0; }

/// In the order of Envoy's flags.
std::string health_flags(const Member& m) {
  using upstream::Health;
  const Health told = m.endpoint->health;
  const std::pair<bool, const char*> all[] = {{has(m, upstream::kCheckFailed), "/failed_active_hc"},
                                              {is_ejected(m), "/failed_outlier_check"},
                                              {told == Health::unhealthy || told == Health::timeout, "/failed_eds_health"},
                                              {has(m, upstream::kCheckDegraded), "/degraded_active_hc"},
                                              {told == Health::degraded, "/degraded_eds_health"},
                                              {has(m, upstream::kLeaving), "/pending_dynamic_removal"},
                                              {has(m, upstream::kCheckPending), "/pending_active_hc"},
                                              {has(m, upstream::kCheckExcluded), "/excluded_via_immediate_hc_fail"},
                                              {has(m, upstream::kCheckTimeout), "/active_hc_timeout"},
                                              {told == Health::draining, "/eds_status_draining"}};
  std::string flags;
  for (const auto& [set, name] : all)
    if (set) flags += name;
  return flags.empty() ? "healthy" : flags;
}

/// The shortest text that says which.
std::string text_of(double v) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, v).ptr};
}

/// Of the last interval of outlier detection, in percent; -1: not known.
double success_rate(const ClusterShared& c, const Member& m, bool local) {
  return c.config->outlier == nullptr ? -1 : upstream::monitor_of(m).answers[local ? 1 : 0].rate;
}

std::string_view eds_status(const Member& m) {
  switch (m.endpoint->health) {
    case upstream::Health::unhealthy:
    case upstream::Health::timeout: return "UNHEALTHY";
    case upstream::Health::draining: return "DRAINING";
    case upstream::Health::degraded: return "DEGRADED";
    default: return "HEALTHY";
  }
}

std::uint64_t count(const std::atomic<std::uint64_t>& a) { return a.load(std::memory_order_relaxed); }

void host_text(const ClusterShared& c, const Member& m, std::string& out) {
  const std::string& cluster = c.config->name;
  const auto& e = *m.endpoint;
  const auto& s = m.stats->counted();
  const auto line = [&](std::string_view name, std::string_view value) {
    out += cluster + "::" + e.address.text() + "::";
    out += name;
    out += "::";
    out += value;
    out += '\n';
  };
  const auto number = [&](std::string_view name, std::uint64_t v) { line(name, std::to_string(v)); };
  number("cx_active", count(s.cx_active));
  number("cx_connect_fail", count(s.cx_connect_fail));
  number("cx_total", count(s.cx_total));
  number("rq_active", count(s.rq_active));
  number("rq_error", count(s.rq_error));
  number("rq_pending_active", count(s.rq_pending));
  number("rq_success", count(s.rq_success));
  number("rq_timeout", count(s.rq_timeout));
  number("rq_total", count(s.rq_total));
  line("hostname", e.hostname());
  line("health_flags", health_flags(m));
  number("weight", e.weight);
  line("region", e.locality->region);
  line("zone", e.locality->zone);
  line("sub_zone", e.locality->sub_zone);
  line("canary", e.canary ? "true" : "false");
  number("priority", e.priority);
  line("success_rate", text_of(success_rate(c, m, false)));
  line("local_origin_success_rate", text_of(success_rate(c, m, true)));
}

void outliers_text(const std::string& cluster, const OutlierDetector& d, std::string& out) {
  for (const bool local : {false, true}) {
    const std::string prefix = cluster + "::outlier::" + (local ? "local_origin_" : "");
    char text[64];
    std::snprintf(text, sizeof text, "%g", d.rates(local).average);
    out += prefix + "success_rate_average::" + text + "\n";
    std::snprintf(text, sizeof text, "%g", d.rates(local).threshold);
    out += prefix + "success_rate_ejection_threshold::" + text + "\n";
  }
}

void cluster_text(const ClusterShared& c, const HostSet& hosts, const OutlierDetector* outliers, std::string& out) {
  const auto& name = c.config->name;
  out += name + "::observability_name::" + c.config->stat_name + "\n";
  if (outliers != nullptr) outliers_text(name, *outliers, out);
  for (const bool high : {false, true}) {
    using upstream::Limit;
    const auto limit = [&](std::string_view what, Limit l) {
      out += name + (high ? "::high_priority::" : "::default_priority::");
      out += what;
      out += "::" + std::to_string(c.circuit[high ? 1 : 0].max(l)) + "\n";
    };
    limit("max_connections", Limit::connections);
    limit("max_pending_requests", Limit::pending);
    limit("max_requests", Limit::requests);
    limit("max_retries", Limit::retries);
  }
  out += name + "::added_via_api::" + (c.config->added_via_api ? "true" : "false") + "\n";
  if (!c.config->eds_name.empty()) out += name + "::eds_service_name::" + c.config->eds_name + "\n";
  for (const auto& m : hosts) host_text(c, m, out);
}

void internal_json(const net::Address& a, JsonWriter& j) {
  j.begin_object("envoy_internal_address");
  j.text("server_listener_name", a.internal_name());
  if (!a.internal_endpoint().empty()) j.text("endpoint_id", a.internal_endpoint());
  j.end();
}

void address_json(std::string_view name, const net::Address& a, JsonWriter& j) {
  j.begin_object(name);
  if (a.is_internal()) {
    internal_json(a, j);
  } else if (a.is_ip()) {
    j.begin_object("socket_address");
    j.text("address", a.ip_text());
    j.number("port_value", a.port());
    j.end();
  } else {
    j.begin_object("pipe");
    j.text("path", a.text());
    j.end();
  }
  j.end();
}

void rate_json(std::string_view name, double rate, JsonWriter& j) {
  j.begin_object(name);
  if (rate != 0) j.raw("value", text_of(rate));
  j.end();
}

void host_json(const ClusterShared& c, const Member& m, JsonWriter& j) {
  const auto& e = *m.endpoint;
  const auto& s = m.stats->counted();
  j.begin_object();
  address_json("address", e.address, j);
  j.begin_list("stats");
  const auto stat = [&](std::string_view name, std::uint64_t v, bool gauge) {
    j.begin_object();
    if (gauge) j.text("type", "GAUGE");
    j.text("name", name);
    if (v != 0) j.text("value", std::to_string(v));
    j.end();
  };
  stat("cx_connect_fail", count(s.cx_connect_fail), false);
  stat("cx_total", count(s.cx_total), false);
  stat("rq_error", count(s.rq_error), false);
  stat("rq_success", count(s.rq_success), false);
  stat("rq_timeout", count(s.rq_timeout), false);
  stat("rq_total", count(s.rq_total), false);
  stat("cx_active", count(s.cx_active), true);
  stat("rq_active", count(s.rq_active), true);
  stat("rq_pending_active", count(s.rq_pending), true);
  j.end();
  j.begin_object("health_status");
  const auto flag = [&](std::string_view name, bool on) {
    if (on) j.boolean(name, true);
  };
  flag("failed_active_health_check", has(m, upstream::kCheckFailed));
  flag("failed_outlier_check", is_ejected(m));
  j.text("eds_health_status", eds_status(m));
  flag("failed_active_degraded_check", has(m, upstream::kCheckDegraded));
  flag("pending_dynamic_removal", has(m, upstream::kLeaving));
  flag("pending_active_hc", has(m, upstream::kCheckPending));
  flag("excluded_via_immediate_hc_fail", has(m, upstream::kCheckExcluded));
  flag("active_hc_timeout", has(m, upstream::kCheckTimeout));
  j.end();
  if (const double rate = success_rate(c, m, false); rate >= 0) rate_json("success_rate", rate, j);
  j.number("weight", e.weight);
  if (!e.hostname().empty()) j.text("hostname", e.hostname());
  if (e.priority != 0) j.number("priority", e.priority);
  if (const double rate = success_rate(c, m, true); rate >= 0) rate_json("local_origin_success_rate", rate, j);
  j.begin_object("locality");
  if (!e.locality->region.empty()) j.text("region", e.locality->region);
  if (!e.locality->zone.empty()) j.text("zone", e.locality->zone);
  if (!e.locality->sub_zone.empty()) j.text("sub_zone", e.locality->sub_zone);
  j.end();
  j.end();
}

void cluster_json(const ClusterShared& c, const HostSet& hosts, const OutlierDetector* outliers, JsonWriter& j) {
  const auto threshold = [&](std::string_view name, bool local) {
    if (outliers != nullptr && outliers->rates(local).threshold > 0) rate_json(name, outliers->rates(local).threshold, j);
  };
  j.begin_object();
  j.text("name", c.config->name);
  if (c.config->added_via_api) j.boolean("added_via_api", true);
  threshold("success_rate_ejection_threshold", false);
  if (!hosts.empty()) {
    j.begin_list("host_statuses");
    for (const auto& m : hosts) host_json(c, m, j);
    j.end();
  }
  threshold("local_origin_success_rate_ejection_threshold", true);
  j.begin_object("circuit_breakers");
  j.begin_list("thresholds");
  for (const bool high : {false, true}) {
    const auto& t = c.thresholds(high);
    j.begin_object();
    if (high) j.text("priority", "HIGH");
    j.number("max_connections", t.connections);
    j.number("max_pending_requests", t.pending);
    j.number("max_requests", t.requests);
    j.number("max_retries", t.retries);
    j.end();
  }
  j.end();
  j.end();
  j.text("observability_name", c.config->stat_name);
  if (!c.config->eds_name.empty()) j.text("eds_service_name", c.config->eds_name);
  j.end();
}

void clusters_page(Server& server, const AdminRequest& q, AdminResponse& r) {
  std::shared_ptr<re2::RE2> filter;
  if (q.has("filter")) {
    filter = std::make_shared<re2::RE2>(q.get("filter"), re2::RE2::Quiet);
    if (!filter->ok()) return r.bad_request("Invalid re2 regex");
  }
  const auto each = [&](const std::function<void(const ClusterShared&, const HostSet&, const OutlierDetector*)>& f) {
    server.clusters().each([&](const ClusterShared& c, const HostSet& hosts) {
      const bool wanted = filter == nullptr || re2::RE2::PartialMatch(c.config->name, *filter);
      if (wanted) f(c, hosts, server.clusters().outliers(c.config->name));
    });
  };
  if (q.get("format") != "json")
    return each([&](const auto& c, const auto& hosts, const auto* outliers) { cluster_text(c, hosts, outliers, r.body); });
  JsonWriter j;
  j.begin_object();
  j.begin_list("cluster_statuses");
  each([&](const auto& c, const auto& hosts, const auto* outliers) { cluster_json(c, hosts, outliers, j); });
  j.end_unless_empty();
  j.end();
  r.json(j.take());
}

void listeners_page(Server& server, const AdminRequest& q, AdminResponse& r) {
  if (q.get("format") != "json") {
    server.listeners().each([&](const ListenerManager::View& v) {
      for (const auto& a : v.addresses) r.body += v.config.name + "::" + a.text() + "\n";
    });
    return;
  }
  JsonWriter j;
  j.begin_object();
  j.begin_list("listener_statuses");
  server.listeners().each([&](const ListenerManager::View& v) {
    j.begin_object();
    j.text("name", v.config.name);
    if (!v.addresses.empty()) address_json("local_address", v.addresses.front(), j);
    if (v.addresses.size() > 1) {
      j.begin_list("additional_local_addresses");
      for (std::size_t i = 1; i < v.addresses.size(); ++i) address_json("", v.addresses[i], j);
      j.end();
    }
    j.end();
  });
  j.end_unless_empty();
  j.end();
  r.json(j.take());
}

}  // namespace

void add_cluster_pages(Admin& admin, Server& server) {
  admin.add({"/clusters",
             "upstream cluster status",
             false,
             [&server](const AdminRequest& q, AdminResponse& r) { clusters_page(server, q, r); },
             {{"filter", "a regular expression (RE2) found in the name"}, {"format", "text or json"}}});
  admin.add({"/listeners",
             "print listener info",
             false,
             [&server](const AdminRequest& q, AdminResponse& r) { listeners_page(server, q, r); },
             {{"format", "text or json"}}});
}

}  // namespace outrigger::server
