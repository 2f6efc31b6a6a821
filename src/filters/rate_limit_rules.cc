#include "filters/rate_limit_rules.h"

namespace outrigger::filters {

namespace {

/// Null: there is none that forwards.
const route::Route* forwarding_route(hcm::Stream& stream) {
  const auto* r = stream.route();
  return r != nullptr && r->kind == route::Route::forward ? r : nullptr;
}

/// `second`: null when there are no more.
template <class Applies>
Descriptors describe(const LimitedRequest& r, const route::RateLimitRules& first, const route::RateLimitRules* second,
                     Applies applies) {
  const std::size_t most = first.size() + (second == nullptr ? 0 : second->size());
  if (most == 0) return {};
  auto& stream = r.stream;
  auto& arena = stream.arena();
  auto* list = static_cast<route::Descriptor*>(arena.allocate(most * sizeof(route::Descriptor), alignof(route::Descriptor)));
  const bool forwards = forwarding_route(stream) != nullptr;
  const route::RateLimitFacts facts{r.head, stream.info(), stream.format_context(), r.local_cluster,
                                    forwards ? std::optional(stream.chosen().cluster) : std::nullopt};
  std::size_t count = 0;
  for (const auto* rules : {&first, second})
    for (std::size_t i = 0; rules != nullptr && i < rules->size(); ++i) {
      route::Descriptor d;
      if (applies((*rules)[i]) && route::describe((*rules)[i], facts, arena, d)) new (&list[count++]) route::Descriptor(d);
    }
  return {list, count};
}

}  // namespace

Descriptors describe_by(const route::RateLimitRules& own, const LimitedRequest& r) {
  return describe(r, own, nullptr, [](const route::RateLimitRule& rule) { return !rule.disabled; });
}

Descriptors describe_by_route(const LimitedRequest& r, std::uint32_t stage, VirtualHostLimits of_vhost, bool disabled) {
  const auto* chosen = forwarding_route(r.stream);
  if (chosen == nullptr) return {};
  const auto& first = *chosen->rate_limits;
  const bool both = chosen->include_vhost_rate_limits || of_vhost == VirtualHostLimits::included ||
                    (of_vhost == VirtualHostLimits::if_route_has_none && first.empty());
  const auto* second = both ? &*chosen->vhost->rate_limits : nullptr;
  return describe(r, first, second,
                  [&](const route::RateLimitRule& rule) { return rule.stage == stage && (disabled || !rule.disabled); });
}

}  // namespace outrigger::filters
