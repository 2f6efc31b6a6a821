// The buckets of one local rate limit: one for all requests, one for each descriptor, and those of values that come with the
// requests. All workers draw from them, without a lock.
#pragma once
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>
#include "proxy/base/token_bucket.h"
#include "proxy/route/rate_limit.h"

namespace outrigger::filters {

struct BucketSpec {
  std::uint32_t tokens_max = 0;
  double per_fill = 1;
  Duration interval{};
  bool shadow = false;  // what it forbids goes on
  double rate() const noexcept { return per_fill / static_cast<double>(interval.count()); }
};

/// Immutable.
struct LimitSpec {
  struct Entry {
    std::string key, value;  // an empty value: any; each has a bucket of its own
  };
  struct For {
    std::vector<Entry> entries;
    BucketSpec bucket;
    bool any_value() const noexcept;
  };
  std::optional<BucketSpec> all;
  std::vector<For> descriptors;
  std::uint32_t values_max = 20;  // of a descriptor of any value: buckets at a time
  bool always_all = true;         // a request that has a bucket by its descriptors takes from that of all, too
};

/// Buckets of values that come with requests, by a hash of them. A full set of them gives the place of the one that was used
/// longest ago to the next; there is one set unless there are many places.
class ValueBuckets {
 public:
  ValueBuckets(const BucketSpec& spec, std::uint32_t max);
  /// `hash` isn't 0.
  TokenBucket& find(std::uint64_t hash) noexcept;

 private:
  static constexpr std::size_t kWays = 64;
  struct Place {
    explicit Place(const BucketSpec& s) : bucket(s.tokens_max, s.per_fill, s.interval) {}
    std::atomic<std::uint64_t> hash{0};  // 0: free
    std::atomic<std::uint64_t> used{0};
    TokenBucket bucket;
  };
  std::deque<Place> places_;
  std::size_t ways_, sets_;
  std::atomic<std::uint64_t> clock_{0};
};

class RateLimiter {
 public:
  explicit RateLimiter(std::shared_ptr<const LimitSpec> spec);

  struct Verdict {
    bool allowed = true;
    const BucketSpec* spec = nullptr;  // what to tell the client of; null: nothing
    const TokenBucket* bucket = nullptr;
    route::LimitHeaders headers = route::LimitHeaders::as_the_filter;
    bool shadow() const noexcept { return !allowed && spec != nullptr && spec->shadow; }
  };
  Verdict ask(const route::Descriptor* descriptors, std::size_t count, TimePoint now, Arena& arena) noexcept;

 private:
  struct Match {
    const BucketSpec* spec;
    TokenBucket* bucket;
    const route::Descriptor* by;
  };
  bool find(const route::Descriptor& d, Match& out) noexcept;

  std::shared_ptr<const LimitSpec> spec_;
  std::uint64_t seed_;
  std::optional<TokenBucket> all_;
  std::deque<TokenBucket> buckets_;                            // of descriptors, as in the spec
  std::unordered_multimap<std::uint64_t, std::size_t> exact_;  // by hash, which of the spec
  std::deque<std::pair<std::size_t, ValueBuckets>> any_;       // which of the spec
};

}  // namespace outrigger::filters
