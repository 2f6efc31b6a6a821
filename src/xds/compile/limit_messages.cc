#include "xds/compile/limit_messages.h"

#include <algorithm>

#include "envoy/service/ratelimit/v3/rls.pb.h"
#include "xds/compile/answer_fields.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

namespace rls_v3 = envoy::service::ratelimit::v3;
using filters::LimitAnswer;

namespace {

void encode(const filters::LimitQuestion& q, std::string& out) {
  rls_v3::RateLimitRequest p;
  p.set_domain(std::string(q.domain));
  for (std::size_t i = 0; i < q.descriptors.count; ++i) {
    const auto& d = q.descriptors.first[i];
    auto& to = *p.add_descriptors();
    for (std::size_t k = 0; k < d.count; ++k) {
      auto& e = *to.add_entries();
      e.set_key(std::string(d.entries[k].key));
      e.set_value(std::string(d.entries[k].value));
    }
    if (d.hits) to.mutable_hits_addend()->set_value(*d.hits);
    to.set_is_negative_hits(d.gives_back);
  }
  p.SerializeToString(&out);
}

std::uint32_t seconds_of(rls_v3::RateLimitResponse::RateLimit::Unit unit) {
  using Limit = rls_v3::RateLimitResponse::RateLimit;
  constexpr std::uint32_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  switch (unit) {
    case Limit::SECOND: return 1;
    case Limit::MINUTE: return kMinute;
    case Limit::HOUR: return kHour;
    case Limit::DAY: return kDay;
    case Limit::WEEK: return 7 * kDay;
    case Limit::MONTH: return 30 * kDay;
    case Limit::YEAR: return 365 * kDay;
    default: return 0;
  }
}

/// False: one of them can't be in a head.
template <class List>
bool read_fields(const List& list, Arena& arena, filters::Chain<LimitAnswer::Field>& out) {
  for (const auto& h : list) {
    const auto f = answer_field(h, false, arena);
    if (!f) return false;
    out.add(arena, {f->name, f->value});
  }
  return true;
}

bool decode(std::string_view bytes, Arena& arena, LimitAnswer& out) {
  rls_v3::RateLimitResponse p;
  if (!p.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  const bool over = p.overall_code() == rls_v3::RateLimitResponse::OVER_LIMIT;
  out.verdict = over ? LimitAnswer::over_limit : LimitAnswer::ok;
  if (!read_fields(p.response_headers_to_add(), arena, out.response)) return false;
  if (!read_fields(p.request_headers_to_add(), arena, out.request)) return false;
  for (int i = 0; i < p.statuses_size(); ++i) {
    const auto& s = p.statuses(i);
    const auto reset = static_cast<std::uint64_t>(std::max<std::int64_t>(s.duration_until_reset().seconds(), 0));
    if (s.code() == rls_v3::RateLimitResponse::OVER_LIMIT) out.over_for = std::max(out.over_for.value_or(0), reset);
    if (!s.has_current_limit()) continue;
    const auto& limit = s.current_limit();
    out.statuses.add(arena, {limit.requests_per_unit(), seconds_of(limit.unit()), s.limit_remaining(), reset,
                             arena.copy(limit.name()), static_cast<std::size_t>(i)});
  }
  out.body = arena.copy(p.raw_body());
  out.metadata = compile_metadata_value(p.dynamic_metadata());
  return true;
}

}  // namespace

const filters::RateLimitMessages& rate_limit_messages() {
  static constexpr filters::RateLimitMessages kMessages{&encode, &decode};
  return kMessages;
}

}  // namespace outrigger::xds
