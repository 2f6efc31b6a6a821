// Listener filters that decide when a connection is accepted, without looking at its bytes.
#pragma once
#include <vector>
#include "proxy/base/token_bucket.h"
#include "proxy/format/filter_state_rule.h"
#include "proxy/listener/filter.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"

namespace outrigger::listener {

/// Where the client wanted to go before a REDIRECT or TPROXY rule brought it here.
class OriginalDst final : public Filter {
 public:
  Verdict on_accept(const Candidate& c) const override;
};

/// Connections to upstreams on behalf of this one come from its address.
class OriginalSrc final : public Filter {
 public:
  explicit OriginalSrc(std::uint32_t mark) : mark_(mark) {}
  Verdict on_accept(const Candidate& c) const override;

 private:
  std::uint32_t mark_;
};

class LocalRateLimit final : public Filter {
 public:
  LocalRateLimit(std::shared_ptr<TokenBucket> bucket, runtime::RuntimeBool enabled, stats::BlockHandle stats)
      : bucket_(std::move(bucket)), enabled_(std::move(enabled)), stats_(stats) {}
  Verdict on_accept(const Candidate& c) const override;

 private:
  std::shared_ptr<TokenBucket> bucket_;
  runtime::RuntimeBool enabled_;
  stats::BlockHandle stats_;  // listener_local_ratelimit.<prefix>.
};

class SetFilterState final : public Filter {
 public:
  explicit SetFilterState(std::vector<format::FilterStateRule> rules) : rules_(std::move(rules)) {}
  Verdict on_accept(const Candidate& c) const override;

 private:
  std::vector<format::FilterStateRule> rules_;
};

}  // namespace outrigger::listener
