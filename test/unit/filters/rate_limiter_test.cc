#include "filters/rate_limiter.h"

#include <catch2/catch.hpp>
#include <string>

using namespace outrigger;
using namespace outrigger::filters;
using namespace std::chrono_literals;

namespace {

const TimePoint kStart{1h};

/// Descriptors of one entry each.
struct Ask {
  explicit Ask(LimitSpec spec) : limiter(std::make_shared<const LimitSpec>(std::move(spec))) {}
  RateLimiter::Verdict operator()(std::vector<std::pair<std::string_view, std::string_view>> all, TimePoint now = kStart) {
    std::vector<route::DescriptorEntry> entries;
    for (const auto& [key, value] : all) entries.push_back({key, value});
    std::vector<route::Descriptor> descriptors;
    for (auto& e : entries) {
      route::Descriptor d;
      d.entries = &e;
      d.count = 1;
      d.hits = hits;
      d.gives_back = gives_back;
      descriptors.push_back(d);
    }
    return limiter.ask(descriptors.data(), descriptors.size(), now, arena);
  }
  RateLimiter limiter;
  Arena arena;
  std::optional<std::uint64_t> hits;
  bool gives_back = false;
};

LimitSpec::For limit_of(std::string key, std::string value, std::uint32_t tokens, double per_fill = 1, bool shadow = false) {
  return {{{std::move(key), std::move(value)}}, {tokens, per_fill, 1s, shadow}};
}

}  // namespace

TEST_CASE("a bucket gives what it has, and what has come in since", "[filters][ratelimit]") {
  TokenBucket b(3, 2, 1s);
  CHECK(b.take(kStart));
  CHECK(b.take(kStart, 2));
  CHECK_FALSE(b.take(kStart));
  CHECK(b.wait(kStart) == 500ms);
  CHECK_FALSE(b.take(kStart + 499ms));
  CHECK(b.take(kStart + 500ms));
  CHECK(b.left(kStart + 1h) == Approx(3));
  CHECK_FALSE(b.take(kStart + 1h, 4));
  CHECK(b.take(kStart + 1h, 3));
  b.put(kStart + 1h, 2);
  CHECK(b.left(kStart + 1h) == Approx(2));
  b.put(kStart + 1h, 200);
  CHECK(b.left(kStart + 1h) == Approx(3));
  CHECK(b.wait(kStart + 1h) == 0s);
}

TEST_CASE("a bucket that fills slowly works soon after the clock began", "[filters][ratelimit]") {
  TokenBucket b(3, 1, 86400s);
  const TimePoint soon{1s};
  for (int i = 0; i < 3; ++i) CHECK(b.take(soon));
  CHECK_FALSE(b.take(soon));
  CHECK_FALSE(b.take(soon + 1h));
}

TEST_CASE("tokens of a slow bucket are whole after any number was taken", "[filters][ratelimit]") {
  for (std::uint32_t most = 1; most < 300; ++most) {
    TokenBucket b(most, 1, 86400s);
    for (std::uint32_t i = 0; i < most; ++i) {
      REQUIRE(static_cast<std::uint32_t>(b.left(kStart)) == most - i);
      REQUIRE(b.take(kStart));
    }
    REQUIRE_FALSE(b.take(kStart));
  }
}

TEST_CASE("a descriptor takes from its own bucket and from that of all", "[filters][ratelimit]") {
  LimitSpec spec{BucketSpec{2, 1, 1s}, {limit_of("user", "a", 1)}};
  SECTION("always") {
    Ask ask(spec);
    CHECK(ask({{"user", "a"}}).allowed);
    const auto refused = ask({{"user", "a"}});
    CHECK_FALSE(refused.allowed);
    CHECK(refused.spec->tokens_max == 1);
    CHECK(ask({{"user", "b"}}).allowed);
    CHECK(ask({}).spec->tokens_max == 2);
  }
  SECTION("or only from its own") {
    spec.always_all = false;
    Ask ask(spec);
    CHECK(ask({{"user", "a"}}).allowed);
    CHECK(ask({}).allowed);
    CHECK(ask({{"other", "a"}}).allowed);
    CHECK_FALSE(ask({}).allowed);
  }
}

TEST_CASE("without a bucket of all what no descriptor limits goes on, with an empty one nothing does", "[filters][ratelimit]") {
  Ask none({std::nullopt, {}});
  CHECK(none({{"user", "a"}}).allowed);
  CHECK(none({}).spec == nullptr);
  Ask empty({BucketSpec{0, 1, 1s}, {}});
  CHECK_FALSE(empty({}).allowed);
  CHECK(empty({}).spec == nullptr);
}

TEST_CASE("of several buckets the one that fills slowest is asked first", "[filters][ratelimit]") {
  Ask ask({std::nullopt, {limit_of("k", "fast", 5, 9), limit_of("k", "slow", 1, 1)}});
  CHECK(ask({{"k", "fast"}, {"k", "slow"}}).spec->tokens_max == 1);
  CHECK_FALSE(ask({{"k", "fast"}, {"k", "slow"}}).allowed);
  for (int i = 0; i < 4; ++i) CHECK(ask({{"k", "fast"}}).allowed);  // of five: the refused request took none
  CHECK_FALSE(ask({{"k", "fast"}}).allowed);
}

TEST_CASE("what a bucket in the shadow forbids is told and goes on, unless another forbids it", "[filters][ratelimit]") {
  Ask ask({BucketSpec{3, 1, 1s}, {limit_of("k", "v", 1, 1, true)}});
  CHECK_FALSE(ask({{"k", "v"}}).shadow());
  CHECK(ask({{"k", "v"}}).shadow());
  CHECK(ask({{"k", "v"}}).shadow());
  const auto refused = ask({{"k", "v"}});
  CHECK_FALSE(refused.allowed);
  CHECK_FALSE(refused.shadow());
}

TEST_CASE("hits are taken together or not at all, none are refused, some are given back", "[filters][ratelimit]") {
  Ask ask({std::nullopt, {limit_of("k", "v", 3)}});
  ask.hits = 2;
  CHECK(ask({{"k", "v"}}).allowed);
  CHECK_FALSE(ask({{"k", "v"}}).allowed);
  ask.gives_back = true;
  CHECK(ask({{"k", "v"}}).allowed);
  ask.gives_back = false;
  ask.hits = 3;
  CHECK(ask({{"k", "v"}}).allowed);
  ask.hits = 0;
  CHECK_FALSE(ask({{"k", "v"}}).allowed);
}

TEST_CASE("each value of a descriptor of any value has a bucket, as long as there is a place for it", "[filters][ratelimit]") {
  LimitSpec spec{std::nullopt, {limit_of("k", "", 1), limit_of("k", "own", 2)}};
  spec.values_max = 3;
  Ask ask(spec);
  for (const auto* v : {"a", "b", "c"}) CHECK(ask({{"k", v}}).allowed);
  for (const auto* v : {"a", "b", "c"}) CHECK_FALSE(ask({{"k", v}}).allowed);
  CHECK(ask({{"k", "own"}}).spec->tokens_max == 2);
  CHECK_FALSE(ask({{"k", "a"}}).allowed);
  CHECK(ask({{"k", "d"}}).allowed);  // in the place of b, which was used longest ago
  CHECK_FALSE(ask({{"k", "c"}}).allowed);
  CHECK_FALSE(ask({{"k", "a"}}).allowed);
  CHECK(ask({{"k", "b"}}).allowed);
}

TEST_CASE("thousands of values have places", "[filters][ratelimit]") {
  LimitSpec spec{std::nullopt, {limit_of("k", "", 1)}};
  spec.values_max = 100'000;
  Ask ask(spec);
  for (int i = 0; i < 5000; ++i) REQUIRE(ask({{"k", std::to_string(i)}}).allowed);
  for (int i = 0; i < 5000; ++i) REQUIRE_FALSE(ask({{"k", std::to_string(i)}}).allowed);
}

TEST_CASE("where a key ends and its value begins makes a difference", "[filters][ratelimit]") {
  Ask ask({std::nullopt, {limit_of("ab", "c", 1), limit_of("a", "bc", 5)}});
  CHECK(ask({{"ab", "c"}}).spec->tokens_max == 1);
  CHECK(ask({{"a", "bc"}}).spec->tokens_max == 5);
  CHECK(ask({{"abc", ""}}).spec == nullptr);
}
