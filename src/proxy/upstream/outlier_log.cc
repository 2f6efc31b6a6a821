// The event log of outlier detection: a line of JSON for each ejection and each return.
#include "proxy/base/time_text.h"
#include "proxy/upstream/event_line.h"
#include "proxy/upstream/outlier_detector.h"

namespace outrigger::upstream {

namespace {

/// By Ejection.
constexpr const char* kNames[kEjections] = {"CONSECUTIVE_5XX",
                                            "CONSECUTIVE_GATEWAY_FAILURE",
                                            "SUCCESS_RATE",
                                            "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
                                            "SUCCESS_RATE_LOCAL_ORIGIN",
                                            "FAILURE_PERCENTAGE",
                                            "FAILURE_PERCENTAGE_LOCAL_ORIGIN"};

void put_reason(const OutlierDetector::Event& event, EventLine& out) {
  switch (event.why) {
    case Ejection::success_rate:
    case Ejection::success_rate_local_origin: {
      const bool local = event.why == Ejection::success_rate_local_origin;
      out.begin("eject_success_rate_event");
      out.number("host_success_rate", event.monitor.answers[local ? 1 : 0].rate);
      out.number("cluster_average_success_rate", event.rates.average);
      out.number("cluster_success_rate_ejection_threshold", event.rates.threshold);
      break;
    }
    case Ejection::failure_percentage:
    case Ejection::failure_percentage_local_origin: {
      const bool local = event.why == Ejection::failure_percentage_local_origin;
      out.begin("eject_failure_percentage_event");
      out.number("host_success_rate", event.monitor.answers[local ? 1 : 0].rate);
      break;
    }
    default: out.begin("eject_consecutive_event"); break;
  }
  out.end();
}

}  // namespace

std::string outlier_line(const OutlierDetector::Event& event, std::string_view cluster, WallTime now) {
  EventLine out;
  out.text("type", kNames[static_cast<std::size_t>(event.why)]);
  out.text("timestamp", time_text(now));
  if (event.since_last) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*event.since_last).count();
    out.text("secs_since_last_action", std::to_string(seconds));
  }
  out.text("cluster_name", cluster);
  out.text("upstream_url", event.endpoint.address.text());
  out.text("action", event.ejected ? "EJECT" : "UNEJECT");
  out.raw("num_ejections", std::to_string(event.monitor.ejections));
  out.raw("enforced", event.enforced ? "true" : "false");
  if (event.ejected) put_reason(event, out);
  out.end();
  return out.take();
}

}  // namespace outrigger::upstream
