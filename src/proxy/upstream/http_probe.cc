// Checks by requests of HTTP/1 or HTTP/2.
#include "proxy/upstream/request_probe.h"

namespace outrigger::upstream {

namespace {

bool has(const std::vector<StatusRange>& ranges, std::uint16_t status) noexcept {
  for (const auto& r : ranges)
    if (r.has(status)) return true;
  return false;
}

class HttpProbe final : public RequestProbe {
 public:
  HttpProbe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner)
      : RequestProbe(config, std::move(target), owner, config.http2 ? PoolKind::http2 : PoolKind::http1) {}

 private:
  void reset() override {
    status_ = 0;
    body_.clear();
    service_.clear();
    degraded_ = exclude_ = false;
  }
  void send(ClientStream& stream) override {
    http::RequestHead head(arena_);
    head.method = config_.method;
    head.path = config_.path;
    add_common(head);
    if (config_.add_headers) config_.add_headers(head, stream.info());
    if (!config_.send.empty()) head.headers.set(http::Name::content_length, arena_.copy(std::to_string(config_.send.size())));
    stream.send_head(head, config_.send.empty());
    if (config_.send.empty() || !in_flight()) return;
    Buffer body;
    body.append(config_.send);
    stream.send_body(body, true);
  }
  void take_head(http::ResponseHead& head, bool end) override {
    status_ = head.status;
    degraded_ = head.headers.has(http::Name::x_envoy_degraded);
    exclude_ = head.headers.has(http::Name::x_envoy_immediate_health_check_fail);
    if (config_.service_matches) service_ = head.headers.get(http::Name::x_envoy_upstream_healthchecked_cluster);
    if (end) finish(judge());
  }
  void take_body(std::string_view part, bool end) override {
    if (!config_.receive.empty()) body_ += part.substr(0, config_.response_bytes_max - body_.size());
    if (end) finish(judge());
  }
  void take_trailers(http::HeaderMap&) override { finish(judge()); }

  ProbeResult judge() const {
    const bool expected = has(config_.expected, status_);
    if (!expected || !has_in_order(body_, config_.receive))
      return {has(config_.retriable, status_) ? ProbeResult::retriable : ProbeResult::failed, status_, exclude_, false};
    const bool verify = config_.service_matches != nullptr &&
                        target_->thread.runtime->enabled("health_check.verify_cluster", {100, runtime::Denominator::hundred},
                                                         target_->thread.random.next());
    if (verify && !config_.service_matches(service_)) return {ProbeResult::failed, status_, false, true};
    return {degraded_ ? ProbeResult::degraded : ProbeResult::passed, status_, false, verify};
  }

  std::uint16_t status_ = 0;
  std::string body_, service_;
  bool degraded_ = false, exclude_ = false;
};

}  // namespace

std::unique_ptr<Probe> make_http_probe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner) {
  return std::make_unique<HttpProbe>(config, std::move(target), owner);
}

}  // namespace outrigger::upstream
