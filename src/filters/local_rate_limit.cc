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
    describe(head);
    auto& t = stream_.thread();
    verdict_ = limiter().ask(descriptors_, descriptor_count_, t.loop.now(), stream_.arena());
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
  void describe(const http::RequestHead& head) {
    if (config_->limit->descriptors.empty()) return;
    const auto* r = stream_.route();
    const bool forwards = r != nullptr && r->kind == route::Route::forward;
    if (!config_->rules.empty()) return describe(head, config_->rules, nullptr);
    if (!forwards) return;
    const auto& of_route = *r->rate_limits;
    const auto& of_vhost = *r->vhost->rate_limits;
    using Config = LocalRateLimitConfig;
    const bool both = r->include_vhost_rate_limits || config_->vhost_limits == Config::included ||
                      (config_->vhost_limits == Config::if_route_has_none && of_route.empty());
    describe(head, of_route, both ? &of_vhost : nullptr);
  }

  void describe(const http::RequestHead& head, const route::RateLimitRules& first, const route::RateLimitRules* second) {
    const std::size_t most = first.size() + (second == nullptr ? 0 : second->size());
    if (most == 0) return;
    auto& arena = stream_.arena();
    descriptors_ = static_cast<route::Descriptor*>(arena.allocate(most * sizeof(route::Descriptor), alignof(route::Descriptor)));
    const auto* r = stream_.route();
    const bool forwards = r != nullptr && r->kind == route::Route::forward;
    const route::RateLimitFacts facts{head, stream_.info(), stream_.format_context(), config_->local_cluster,
                                      forwards ? std::optional(stream_.chosen().cluster) : std::nullopt};
    for (const auto* rules : {&first, second})
      for (std::size_t i = 0; rules != nullptr && i < rules->size(); ++i) {
        const auto& rule = (*rules)[i];
        if (rule.disabled || (&config_->rules != rules && rule.stage != config_->stage)) continue;
        route::Descriptor d;
        if (route::describe(rule, facts, arena, d)) new (&descriptors_[descriptor_count_++]) route::Descriptor(d);
      }
  }

  void refuse() {
    refused_ = true;
    auto& arena = stream_.arena();
    auto& added = *arena.make<http::HeaderMap>(arena);
    config_->response_mutations.apply(added, stream_.format_context());
    if (config_->tells_retry_after && config_->status == 429 && verdict_.bucket != nullptr &&
        !added.has(http::Name::retry_after)) {
      const auto wait = verdict_.bucket->wait(stream_.thread().loop.now());
      added.add(http::Name::retry_after, decimal(std::max<std::uint64_t>(seconds(wait), 1), arena));
    }
    auto* list =
        static_cast<hcm::ExtraHeader*>(arena.allocate(added.size() * sizeof(hcm::ExtraHeader), alignof(hcm::ExtraHeader)));
    for (std::size_t i = 0; i < added.size(); ++i) new (&list[i]) hcm::ExtraHeader(added.at(i).name, added.at(i).value);
    stream_.local_reply({.status = config_->status,
                         .body = "local_rate_limited",
                         .details = "local_rate_limited",
                         .grpc_status = config_->grpc_status,
                         .headers = list,
                         .headers_count = added.size()});
  }

  const LocalRateLimitFactory& factory_;
  const LocalRateLimitConfig* config_;
  route::Descriptor* descriptors_ = nullptr;
  std::size_t descriptor_count_ = 0;
  RateLimiter::Verdict verdict_;
  bool refused_ = false;
};

}  // namespace

hcm::HttpFilter* LocalRateLimitFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<LocalRateLimit>(stream, *this);
}

}  // namespace outrigger::filters
