// When and how long until a request is tried again: policy and x-envoy-* headers, what is left,
// the back-off. Member of the router filter, and of calls to services; worker's thread. (Envoy: router filter, retry policy.)
#pragma once
#include <optional>
#include "proxy/base/random.h"
#include "proxy/http/message.h"
#include "proxy/http/stream_info.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

enum class RetryAnswer : std::uint8_t { no, yes, limit_exceeded };

class RetryState {
 public:
  /// Reads and removes the control headers of the request.
  void init(const route::Route& r, http::RequestHead& head);
  /// Of a call of a filter to a service.
  void init(const route::RetryPolicy& policy);
  bool enabled() const noexcept { return on_ != 0; }
  void disable() noexcept { on_ = 0; }
  /// Would this response be retried? `yes` takes one of the retries left.
  RetryAnswer on_response(const http::ResponseHead& head);
  bool wants(const http::ResponseHead& head) const;
  RetryAnswer on_reset(http::ResetReason reason, bool request_sent);
  RetryAnswer on_hedge_timeout() { return on_ == 0 ? RetryAnswer::no : take(true); }
  bool retried() const noexcept { return retried_ > 0; }
  /// Until the next try; `rate_limited`: the response said when.
  Duration back_off(const runtime::Snapshot& runtime, Random& random, const http::ResponseHead* head, WallTime now,
                    bool& rate_limited);
  const route::RetryPolicy* policy() const noexcept { return policy_; }
  std::uint32_t host_attempts_max() const noexcept { return policy_ == nullptr ? 1 : policy_->host_attempts_max; }

 private:
  RetryAnswer take(bool wanted) noexcept;
  const route::RetryPolicy* policy_ = nullptr;
  std::uint32_t on_ = 0, left_ = 0, retried_ = 0;
  std::string_view extra_codes_, extra_headers_;  // x-envoy-retriable-*, in the request's arena
};

}  // namespace outrigger::filters
