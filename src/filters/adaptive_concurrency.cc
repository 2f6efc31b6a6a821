#include "filters/adaptive_concurrency.h"

#include <utility>
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;

namespace {

class AdaptiveConcurrency final : public hcm::HttpFilter {
 public:
  AdaptiveConcurrency(hcm::Stream& stream, const AdaptiveConcurrencyFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead&, bool) override {
    if (!factory_.enabled().in(*stream_.thread().runtime) || stream_.info().health_check) return FilterStatus::go_on;
    if (factory_.controller().begin(now())) {
      under_way_ = true;
      begun_ = now().time;
      return FilterStatus::go_on;
    }
    stream_.local_reply(
        {.status = factory_.status(), .body = "reached concurrency limit", .details = "reached_concurrency_limit"});
    return FilterStatus::stop;
  }
  FilterStatus on_response_head(http::ResponseHead&, bool end_stream) override { return done(end_stream); }
  FilterStatus on_response_body(Buffer&, bool end_stream) override { return done(end_stream); }
  FilterStatus on_response_trailers(http::HeaderMap&) override { return done(true); }
  void on_stream_end() override {
    if (std::exchange(under_way_, false)) factory_.controller().cancel();
  }

 private:
  GradientController::Now now() {
    auto& t = stream_.thread();
    return {t.loop.now(), *t.runtime, t.random, t.cells};
  }
  FilterStatus done(bool end_stream) {
    if (end_stream && std::exchange(under_way_, false)) factory_.controller().done(begun_, now());
    return FilterStatus::go_on;
  }

  const AdaptiveConcurrencyFactory& factory_;
  TimePoint begun_{};
  bool under_way_ = false;
};

}  // namespace

hcm::HttpFilter* AdaptiveConcurrencyFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<AdaptiveConcurrency>(stream, *this);
}

}  // namespace outrigger::filters
