#include <re2/re2.h>
#include "proxy/server/admin_pages.h"
#include "proxy/server/json.h"
#include "proxy/server/server.h"

namespace outrigger::server {

namespace {

using upstream::ClusterShared;
using upstream::HostSet;
using upstream::Member;

std::string_view health_flags(const Member& m) {
  switch (m.endpoint->health) {
    case upstream::Health::unhealthy:
    case upstream::Health::timeout: return "/failed_eds_health";
    case upstream::Health::draining: return "/eds_status_draining";
    case upstream::Health::degraded: return "/degraded_eds_health";
    default: return "healthy";
  }
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

void host_text(const std::string& cluster, const Member& m, std::string& out) {
  const auto& e = *m.endpoint;
  const auto& s = *m.stats;
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
  line("hostname", e.hostname);
  line("health_flags", health_flags(m));
  number("weight", e.weight);
  line("region", e.locality->region);
  line("zone", e.locality->zone);
  line("sub_zone", e.locality->sub_zone);
  line("canary", e.canary ? "true" : "false");
  number("priority", e.priority);
  line("success_rate", "-1");
  line("local_origin_success_rate", "-1");
}

void cluster_text(const ClusterShared& c, const HostSet& hosts, std::string& out) {
  const auto& name = c.config->name;
  out += name + "::observability_name::" + c.config->stat_name + "\n";
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
  for (const auto& m : hosts) host_text(name, m, out);
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

void host_json(const Member& m, JsonWriter& j) {
  const auto& e = *m.endpoint;
  const auto& s = *m.stats;
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
  j.text("eds_health_status", eds_status(m));
  j.end();
  j.number("weight", e.weight);
  if (!e.hostname.empty()) j.text("hostname", e.hostname);
  if (e.priority != 0) j.number("priority", e.priority);
  j.begin_object("locality");
  if (!e.locality->region.empty()) j.text("region", e.locality->region);
  if (!e.locality->zone.empty()) j.text("zone", e.locality->zone);
  if (!e.locality->sub_zone.empty()) j.text("sub_zone", e.locality->sub_zone);
  j.end();
  j.end();
}

void cluster_json(const ClusterShared& c, const HostSet& hosts, JsonWriter& j) {
  j.begin_object();
  j.text("name", c.config->name);
  if (c.config->added_via_api) j.boolean("added_via_api", true);
  if (!hosts.empty()) {
    j.begin_list("host_statuses");
    for (const auto& m : hosts) host_json(m, j);
    j.end();
  }
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
    re2::RE2::Options options;
    options.set_log_errors(false);
    filter = std::make_shared<re2::RE2>(q.get("filter"), options);
    if (!filter->ok()) return r.bad_request("Invalid re2 regex");
  }
  const auto each = [&](const std::function<void(const ClusterShared&, const HostSet&)>& f) {
    server.clusters().each([&](const ClusterShared& c, const HostSet& hosts) {
      if (filter == nullptr || re2::RE2::PartialMatch(c.config->name, *filter)) f(c, hosts);
    });
  };
  if (q.get("format") != "json")
    return each([&](const ClusterShared& c, const HostSet& hosts) { cluster_text(c, hosts, r.body); });
  JsonWriter j;
  j.begin_object();
  j.begin_list("cluster_statuses");
  each([&](const ClusterShared& c, const HostSet& hosts) { cluster_json(c, hosts, j); });
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
