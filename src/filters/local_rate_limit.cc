#include "filters/local_rate_limit.h"

#include <algorithm>

#include "proxy/base/numbers.h"
#include "proxy/hcm/stream.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using stats::LocalRateLimitStat;

namespace {

/// Begun seconds.
std::uint64_t seconds(Duration d) noexcept { return static_cast<std::uint64_t>((d.count() + 999'999) / 1'000'000); }

class LocalRateLimit final : public hcm::HttpFilter {
 public:
  LocalRateLimit(hcm::Stream& stream, const LocalRateLimitFactory& factory)
      : HttpFilter(stream), factory_(factory), config_(&factory.config()) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    if (const auto* o = stream_.override_for(factory_.name); o != nullptr && o->as<LocalRateLimitConfig>() != nullptr)
      config_ = o->as<LocalRateLimitConfig>();
    if (!hit(config_->enabled)) return FilterStatus::go_on;
    count(LocalRateLimitStat::enabled);
    const auto descriptors = describe(head);
    verdict_ = limiter().ask(descriptors.first, descriptors.count, stream_.thread().loop.now(), stream_.arena());
    if (verdict_.allowed) {
      count(LocalRateLimitStat::ok);
      return FilterStatus::go_on;
    }
    count(LocalRateLimitStat::rate_limited);
    if (verdict_.shadow()) {
      count(LocalRateLimitStat::shadow_mode);
      return FilterStatus::go_on;
    }
    if (!hit(config_->enforced)) {
      config_->request_mutations.apply(head.headers, stream_.format_context());
      return FilterStatus::go_on;
    }
    count(LocalRateLimitStat::enforced);
    refuse();
    return FilterStatus::stop;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    if (refused_) stream_.info().flags.set(http::Flag::rate_limited);  // not seen by the mapper of local replies, as in Envoy
    using route::LimitHeaders;
    const bool tell = verdict_.headers == LimitHeaders::as_the_filter ? config_->tells : verdict_.headers == LimitHeaders::on;
    if (!tell || verdict_.spec == nullptr) return FilterStatus::go_on;
    auto& arena = stream_.arena();
    const auto now = stream_.thread().loop.now();
    head.headers.add("x-ratelimit-limit", decimal(verdict_.spec->tokens_max, arena));
    head.headers.add("x-ratelimit-remaining", decimal(static_cast<std::uint64_t>(verdict_.bucket->left(now)), arena));
    head.headers.add("x-ratelimit-reset", decimal(seconds(verdict_.bucket->wait(now)), arena));
    return FilterStatus::go_on;
  }

 private:
  bool hit(const std::optional<runtime::RuntimePercent>& p) {
    auto& t = stream_.thread();
    return p && p->enabled(*t.runtime, t.random.next());
  }
  void count(LocalRateLimitStat stat) { stream_.thread().cells.add(config_->stats, stat); }

  RateLimiter& limiter() {
    if (config_->limiter != nullptr) return *config_->limiter;
    // The first config that asks for it makes those of the connection, as in Envoy.
    auto& own = stream_.connection_facts().rate_limiter;
    if (own == nullptr) own = std::make_shared<RateLimiter>(config_->limit);
    return *static_cast<RateLimiter*>(own.get());
  }

  /// By the filter's own rules, else by those of the route and its virtual host.
  Descriptors describe(const http::RequestHead& head) {
    if (config_->limit->descriptors.empty()) return {};
    const LimitedRequest r{stream_, head, config_->local_cluster};
    if (!config_->rules.empty()) return describe_by(config_->rules, r);
    return describe_by_route(r, config_->stage, config_->vhost_limits, false);
  }

  void refuse() {
    refused_ = true;
    auto& arena = stream_.arena();
    http::HeaderMap added(arena);
    config_->response_mutations.apply(added, stream_.format_context());
    if (config_->tells_retry_after && config_->status == 429 && verdict_.bucket != nullptr &&
        !added.has(http::Name::retry_after)) {
      const auto wait = verdict_.bucket->wait(stream_.thread().loop.now());
      added.add(http::Name::retry_after, decimal(std::max<std::uint64_t>(seconds(wait), 1), arena));
    }
    hcm::LocalReply reply{.status = config_->status,
                          .body = "local_rate_limited",
                          .details = "local_rate_limited",
                          .grpc_status = config_->grpc_status};
    reply.set_headers(added);
    stream_.local_reply(reply);
  }

  const LocalRateLimitFactory& factory_;
  const LocalRateLimitConfig* config_;
  RateLimiter::Verdict verdict_;
  bool refused_ = false;
};

}  // namespace

hcm::HttpFilter* LocalRateLimitFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<LocalRateLimit>(stream, *this);
}

}  // namespace outrigger::filters
