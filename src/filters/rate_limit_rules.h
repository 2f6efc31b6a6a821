// Which rules make descriptors of a request for a filter of rate limits.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/hcm/stream.h"
#include "proxy/route/rate_limit.h"

namespace outrigger::filters {

/// When the rules of a virtual host hold besides those of its route.
enum class VirtualHostLimits : std::uint8_t { if_route_has_none, included, ignored };

struct LimitedRequest {
  hcm::Stream& stream;
  const http::RequestHead& head;
  std::string_view local_cluster;
};

/// In the stream's arena.
struct Descriptors {
  const route::Descriptor* first = nullptr;
  std::size_t count = 0;
};

/// By a filter's own rules.
Descriptors describe_by(const route::RateLimitRules& own, const LimitedRequest& r);
/// By those of its route and the virtual host that are of the stage; none without a route that forwards. `disabled`: also by
/// rules that have a disable_key.
Descriptors describe_by_route(const LimitedRequest& r, std::uint32_t stage, VirtualHostLimits of_vhost, bool disabled);

}  // namespace outrigger::filters
