// Which requests are traced, and what their upstreams and clients are told of it.
#include <charconv>

#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

using http::Name;
using stats::HttpTracingStat;

namespace {

enum class Reason : std::uint8_t { none, sampled, forced, by_client };
constexpr char kMarks[] = {'4', '9', 'a', 'b'};  // in the UUID, by Reason
constexpr std::size_t kMark = 14, kUuid = 36;

Reason reason_in(std::string_view id) noexcept {
  if (id.size() != kUuid) return Reason::none;
  for (const auto r : {Reason::sampled, Reason::forced, Reason::by_client})
    if (id[kMark] == kMarks[static_cast<std::size_t>(r)]) return r;
  return Reason::none;
}

void write_reason(http::HeaderMap& h, Reason r) {
  const auto id = h.get(Name::x_request_id);
  if (id.size() == kUuid)
    h.set(Name::x_request_id,
          h.arena().cat(id.substr(0, kMark), std::string_view(&kMarks[static_cast<std::size_t>(r)], 1), id.substr(kMark + 1)));
}

/// Of the first eight digits.
std::optional<std::uint32_t> hex_number(std::string_view id) noexcept {
  std::uint32_t n = 0;
  if (id.size() < 8) return {};
  const auto [end, ec] = std::from_chars(id.data(), id.data() + 8, n, 16);
  return ec == std::errc{} && end == id.data() + 8 ? std::optional(n) : std::nullopt;
}

/// By the request's id, so that all proxies on its way decide alike.
Reason decide(const Tracing& t, http::HeaderMap& h, const runtime::Snapshot& runtime, Random& random) {
  if (!t.by_request_id) return Reason::sampled;
  const auto id = h.get(Name::x_request_id);
  const auto number = hex_number(id);
  if (!number) return Reason::none;
  Reason r = reason_in(id);
  if (r == Reason::none) {
    if (h.has(Name::x_client_trace_id) && runtime.enabled("tracing.client_enabled", t.client, random.next()))
      r = Reason::by_client;
    else if (h.has(Name::x_envoy_force_trace))
      r = Reason::forced;
    else if (runtime.enabled("tracing.random_sampling", t.random, *number % 10'000))
      r = Reason::sampled;
    if (r != Reason::none && t.in_request_id) write_reason(h, r);
  }
  if (r == Reason::none || runtime.enabled("tracing.global_enabled", t.overall, *number % 10'000)) return r;
  if (t.in_request_id) write_reason(h, Reason::none);
  return Reason::none;
}

}  // namespace

void Stream::trace_request() {
  auto& h = request_->headers;
  const Reason r = decide(*config_->tracing, h, *worker_.thread.runtime, worker_.thread.random);
  static constexpr HttpTracingStat kStats[] = {HttpTracingStat::not_traceable, HttpTracingStat::random_sampling,
                                               HttpTracingStat::service_forced, HttpTracingStat::client_enabled};
  worker_.thread.cells.add(config_->tracing_stats, kStats[static_cast<std::size_t>(r)]);
  info_.traced = r != Reason::none;
  const auto* decorated = route();
  const bool tells = decorated != nullptr && !decorated->decorator->operation.empty() && decorated->decorator->propagate;
  if (config_->tracing->outbound) {
    if (tells) h.set(Name::x_envoy_decorator_operation, decorated->decorator->operation);
  } else if (h.has(Name::x_envoy_decorator_operation)) {
    h.remove(Name::x_envoy_decorator_operation);
  } else if (tells) {
    decorated_ = decorated;
  }
}

void Stream::trace_response(http::ResponseHead& head) {
  if (config_->tracing->outbound)
    head.headers.remove(Name::x_envoy_decorator_operation);
  else if (decorated_ != nullptr)
    head.headers.set(Name::x_envoy_decorator_operation, decorated_->decorator->operation);
}

}  // namespace outrigger::hcm
