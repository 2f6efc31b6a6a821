#include "filters/health_check.h"

#include <algorithm>
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

std::uint64_t HealthAnswers::tick_of(TimePoint now) const noexcept {
  const std::int64_t us = now.time_since_epoch().count();
  std::int64_t began = began_us_.load(std::memory_order_relaxed);
  if (began == 0 && began_us_.compare_exchange_strong(began, us, std::memory_order_relaxed)) began = us;
  return us <= began ? 0 : static_cast<std::uint64_t>(us - began) / static_cast<std::uint64_t>(period_.count());
}

std::optional<HealthAnswers::Answer> HealthAnswers::find(TimePoint now) const noexcept {
  const auto tick = tick_of(now) + 1;  // the first question starts the clock
  const auto last = last_.load(std::memory_order_relaxed);
  if (last == 0 || last >> 17 != tick) return std::nullopt;
  return Answer{static_cast<std::uint16_t>(last >> 1 & 0xffff), (last & 1) != 0};
}

void HealthAnswers::put(Answer a, TimePoint now) noexcept {
  last_.store((tick_of(now) + 1) << 17 | std::uint64_t{a.status} << 1 | (a.degraded ? 1 : 0), std::memory_order_relaxed);
}

namespace {

class HealthCheck final : public hcm::HttpFilter {
 public:
  HealthCheck(hcm::Stream& stream, const HealthCheckConfig& config) : HttpFilter(stream), config_(config) {}

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    checks_ = std::all_of(config_.headers.begin(), config_.headers.end(), [&](const auto& m) { return m.match(head); });
    if (!checks_) return FilterStatus::go_on;
    stream_.info().health_check = true;
    if (config_.answers != nullptr) remembered_ = config_.answers->find(now());
    answers_ = !config_.pass_through || stream_.server_failing() || remembered_;
    if (!answers_) return FilterStatus::go_on;
    if (end_stream) answer();
    return FilterStatus::stop;
  }
  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (!answers_) return FilterStatus::go_on;
    body.clear();
    if (end_stream) answer();
    return FilterStatus::stop;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    auto& h = head.headers;
    if (checks_) {
      if (config_.answers != nullptr) config_.answers->put({head.status, h.has(Name::x_envoy_degraded)}, now());
      h.set(Name::x_envoy_upstream_healthchecked_cluster, config_.cluster);
    }
    if (stream_.server_failing()) h.set(Name::x_envoy_immediate_health_check_fail, "true");
    return FilterStatus::go_on;
  }

 private:
  struct Verdict {
    std::uint16_t status;
    std::string_view details;
    bool degraded = false;
  };
  TimePoint now() const { return stream_.thread().loop.now(); }

  Verdict by_clusters() const {
    for (const auto& [name, percent] : config_.shares) {
      const auto* cluster = stream_.worker().clusters.find(name);
      if (cluster == nullptr) return {503, "health_check_failed_no_cluster_found"};
      const auto members = cluster->members();
      if (members.all == 0 && percent > 0) return {503, "health_check_failed_cluster_empty"};
      if (100 * members.usable < members.all * percent) return {503, "health_check_failed_cluster_unhealthy"};
    }
    return {200, "health_check_ok_cluster_healthy"};
  }
  Verdict verdict() const {
    if (stream_.server_failing()) return {503, "health_check_failed"};
    if (remembered_) return {remembered_->status, "health_check_cached", remembered_->degraded};
    return config_.shares.empty() ? Verdict{200, "health_check_ok"} : by_clusters();
  }
  void answer() {
    const auto v = verdict();
    if (v.status / 100 != 2) stream_.info().flags.set(http::Flag::failed_local_health_check);
    static constexpr hcm::ExtraHeader kDegraded[] = {{"x-envoy-degraded", ""}};
    stream_.local_reply(
        {.status = v.status, .details = v.details, .headers = kDegraded, .headers_count = v.degraded ? std::size_t{1} : 0});
  }

  const HealthCheckConfig& config_;
  std::optional<HealthAnswers::Answer> remembered_;
  bool checks_ = false, answers_ = false;  // the request is one; it is answered here
};

}  // namespace

hcm::HttpFilter* HealthCheckFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<HealthCheck>(stream, config_);
}

}  // namespace outrigger::filters
