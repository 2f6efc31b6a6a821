#include "filters/retry_state.h"

#include <algorithm>
#include "proxy/base/numbers.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::filters {

namespace retry_on = route::retry_on;
using http::Name;
using http::ResetReason;

namespace {
std::string_view take_header(http::HeaderMap& h, Name name) {
  const auto* e = h.find(name);
  if (e == nullptr) return {};
  const auto v = e->value;
  h.remove(name);
  return v;
}
/// Each item of a comma-separated list.
template <class F>
bool any_item(std::string_view list, F f) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    auto w = list.substr(0, comma);
    while (!w.empty() && w.front() == ' ') w.remove_prefix(1);
    while (!w.empty() && w.back() == ' ') w.remove_suffix(1);
    if (!w.empty() && f(w)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}
/// By a name in any case.
bool has_header(const http::HeaderMap& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& e) { return http::equals_ignore_case(name, e.name); });
}
}  // namespace

void RetryState::init(const route::Route& r, http::RequestHead& head) {
  policy_ = r.retry.get();
  left_ = 1;
  if (policy_ != nullptr) {
    on_ = policy_->on;
    left_ = policy_->retries.value_or(1);
  }
  auto& h = head.headers;
  bool known = false;
  if (const auto v = take_header(h, Name::x_envoy_retry_on); !v.empty()) on_ |= retry_on::parse(v, known);
  if (const auto v = take_header(h, Name::x_envoy_retry_grpc_on); !v.empty()) on_ |= retry_on::parse_grpc(v, known);
  extra_codes_ = take_header(h, Name::x_envoy_retriable_status_codes);
  extra_headers_ = take_header(h, Name::x_envoy_retriable_header_names);
  if (const auto v = take_header(h, Name::x_envoy_max_retries); !v.empty())
    if (const auto n = to_number<std::uint32_t>(v)) left_ = *n;
  if (policy_ != nullptr && !policy_->retriable_request_headers.empty()) {
    const auto& all = policy_->retriable_request_headers;
    if (std::none_of(all.begin(), all.end(), [&](const auto& m) { return m.match(head); })) on_ = 0;
  }
}

void RetryState::init(const route::RetryPolicy& policy) {
  policy_ = &policy;
  on_ = policy.on;
  left_ = policy.retries.value_or(1);
}

RetryAnswer RetryState::take(bool wanted) noexcept {
  if (!wanted) return RetryAnswer::no;
  if (left_ == 0) return RetryAnswer::limit_exceeded;
  --left_;
  ++retried_;
  return RetryAnswer::yes;
}

bool RetryState::wants(const http::ResponseHead& head) const {
  const auto status = head.status;
  if (head.headers.has(Name::x_envoy_ratelimited)) return (on_ & retry_on::kEnvoyRatelimited) != 0;
  if ((on_ & retry_on::k5xx) != 0 && status >= 500 && status < 600) return true;
  if ((on_ & retry_on::kGatewayError) != 0 && status >= 502 && status <= 504) return true;
  if ((on_ & retry_on::kRetriable4xx) != 0 && status == 409) return true;
  if ((on_ & retry_on::kRetriableStatusCodes) != 0) {
    if (policy_ != nullptr &&
        std::find(policy_->status_codes.begin(), policy_->status_codes.end(), status) != policy_->status_codes.end())
      return true;
    if (any_item(extra_codes_, [&](std::string_view s) { return to_number<std::uint32_t>(s) == status; })) return true;
  }
  if ((on_ & retry_on::kRetriableHeaders) != 0) {
    if (policy_ != nullptr)
      for (const auto& m : policy_->retriable_headers)
        if (m.match(head)) return true;
    if (any_item(extra_headers_, [&](std::string_view s) { return has_header(head.headers, s); })) return true;
  }
  constexpr std::uint32_t kGrpc = retry_on::kGrpcCancelled | retry_on::kGrpcDeadlineExceeded | retry_on::kGrpcInternal |
                                  retry_on::kGrpcResourceExhausted | retry_on::kGrpcUnavailable;
  if ((on_ & kGrpc) != 0) {
    const auto code = to_number<unsigned>(head.headers.get(Name::grpc_status));
    if (!code) return false;
    return (*code == 1 && (on_ & retry_on::kGrpcCancelled) != 0) ||
           (*code == 4 && (on_ & retry_on::kGrpcDeadlineExceeded) != 0) ||
           (*code == 8 && (on_ & retry_on::kGrpcResourceExhausted) != 0) ||
           (*code == 13 && (on_ & retry_on::kGrpcInternal) != 0) || (*code == 14 && (on_ & retry_on::kGrpcUnavailable) != 0);
  }
  return false;
}

RetryAnswer RetryState::on_response(const http::ResponseHead& head) { return on_ == 0 ? RetryAnswer::no : take(wants(head)); }

RetryAnswer RetryState::on_reset(ResetReason reason, bool request_sent) {
  if (on_ == 0 || reason == ResetReason::overflow) return RetryAnswer::no;
  const bool connect = reason == ResetReason::remote_connection_failure || reason == ResetReason::local_connection_failure ||
                       reason == ResetReason::connection_timeout;
  const bool refused = reason == ResetReason::remote_refused_stream;
  bool wanted = (on_ & (retry_on::k5xx | retry_on::kGatewayError | retry_on::kReset)) != 0;
  wanted = wanted || ((on_ & retry_on::kResetBeforeRequest) != 0 && !request_sent);
  wanted = wanted || ((on_ & retry_on::kConnectFailure) != 0 && connect);
  wanted = wanted || ((on_ & retry_on::kRefusedStream) != 0 && refused);
  return take(wanted);
}

Duration RetryState::back_off(const runtime::Snapshot& runtime, Random& random, const http::ResponseHead* head, WallTime now,
                              bool& rate_limited) {
  rate_limited = false;
  if (head != nullptr && policy_ != nullptr) {
    for (const auto& h : policy_->reset_headers) {
      const auto n = to_number<std::int64_t>(head->headers.get(std::string_view(h.name)));
      if (!n || *n < 0) continue;
      const auto seconds = seconds_of(static_cast<std::uint64_t>(*n));
      Duration wait = seconds;
      if (h.unix_timestamp) wait = std::chrono::duration_cast<Duration>(WallTime(seconds) - now);
      if (wait.count() <= 0 || wait > policy_->reset_max) continue;
      rate_limited = true;
      return wait + Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(wait.count() / 2 + 1))));
    }
  }
  constexpr std::uint64_t kBaseMs = 25;
  Duration base = std::chrono::milliseconds(
      std::clamp<std::uint64_t>(runtime.integer("upstream.base_retry_backoff_ms", kBaseMs), 1, 1U << 31));
  if (policy_ != nullptr && policy_->back_off_base) base = *policy_->back_off_base;
  const Duration most = policy_ != nullptr && policy_->back_off_max ? *policy_->back_off_max : base * 10;
  const std::uint32_t n = std::min(retried_, 20u);
  const Duration range = std::min(base * ((1 << n) - 1), most);
  return Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(std::max<std::int64_t>(range.count(), 1)))));
}

}  // namespace outrigger::filters
