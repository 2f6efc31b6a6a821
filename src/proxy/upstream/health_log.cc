// The event log of health checks: a line of JSON for each change of a host, and for those results that are asked for.
#include "proxy/base/time_text.h"
#include "proxy/upstream/event_line.h"
#include "proxy/upstream/health_checker.h"

namespace outrigger::upstream {

namespace {

constexpr const char* kCheckers[] = {"HTTP", "TCP", "GRPC"};
constexpr const char* kFailures[] = {"ACTIVE", "PASSIVE", "NETWORK", "NETWORK_TIMEOUT"};

void put_flag(EventLine& out, std::string_view name, bool v) { out.raw(name, v ? "true" : "false"); }

void put_address(EventLine& out, const net::Address& a) {
  out.begin("host");
  if (a.is_ip()) {
    out.begin("socket_address");
    out.text("protocol", "TCP");
    out.text("address", a.ip_text());
    out.raw("port_value", std::to_string(a.port()));
    out.text("resolver_name", "");
    put_flag(out, "ipv4_compat", false);
    out.text("network_namespace_filepath", "");
  } else {
    out.begin("pipe");
    out.text("path", a.text());
    out.raw("mode", "0");
  }
  out.end();
  out.end();
}

void put_failure(EventLine& out, std::string_view name, const HealthEvent& e) {
  out.begin(name);
  out.text("failure_type", kFailures[static_cast<std::size_t>(e.why)]);
  if (e.kind == HealthEvent::failed) put_flag(out, "first_check", e.first);
  out.raw("http_status_code", std::to_string(e.status));
  out.end();
}

void put_empty(EventLine& out, std::string_view name) {
  out.begin(name);
  out.end();
}

void put_locality(EventLine& out, const Locality& l) {
  out.begin("locality");
  out.text("region", l.region);
  out.text("zone", l.zone);
  out.text("sub_zone", l.sub_zone);
  out.end();
}

}  // namespace

/// Members in the order of their numbers in the message that Envoy makes.
std::string health_line(const HealthEvent& e, std::string_view cluster, WallTime now) {
  EventLine out;
  out.text("health_checker_type", kCheckers[static_cast<std::size_t>(e.checker)]);
  put_address(out, e.endpoint.address);
  out.text("cluster_name", cluster);
  if (e.kind == HealthEvent::ejected) put_failure(out, "eject_unhealthy_event", e);
  if (e.kind == HealthEvent::added) {
    out.begin("add_healthy_event");
    put_flag(out, "first_check", e.first);
    out.end();
  }
  out.text("timestamp", time_text(now));
  if (e.kind == HealthEvent::failed) put_failure(out, "health_check_failure_event", e);
  if (e.kind == HealthEvent::degraded) put_empty(out, "degraded_healthy_host");
  if (e.kind == HealthEvent::no_longer_degraded) put_empty(out, "no_longer_degraded_host");
  if (e.endpoint.metadata != nullptr && !e.endpoint.metadata->empty()) {
    std::string json;
    e.endpoint.metadata->append_json(json);
    out.begin("metadata");
    out.raw("filter_metadata", json);
    put_empty(out, "typed_filter_metadata");
    out.end();
  }
  put_locality(out, *e.endpoint.locality);
  if (e.kind == HealthEvent::succeeded) put_empty(out, "successful_health_check_event");
  out.end();
  return out.take();
}

}  // namespace outrigger::upstream
