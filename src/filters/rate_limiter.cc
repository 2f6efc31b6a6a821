#include "filters/rate_limiter.h"

#include <xxhash.h>
#include <algorithm>
#include <random>

namespace outrigger::filters {

namespace {

/// Never 0. Which values share a bucket by chance can't be foreseen: the seed is the process's own.
template <class Entries>
std::uint64_t hash_of(const Entries* entries, std::size_t count, std::uint64_t seed) noexcept {
  std::uint64_t h = seed;
  for (std::size_t i = 0; i < count; ++i)
    for (const std::string_view part : {std::string_view(entries[i].key), std::string_view(entries[i].value)})
      h = XXH3_64bits_withSeed(part.data(), part.size(), h + part.size());
  return h == 0 ? 1 : h;
}

/// `any`: an empty value of the spec stands for every one.
bool same(const LimitSpec::For& spec, const route::Descriptor& d, bool any) noexcept {
  if (spec.entries.size() != d.count) return false;
  for (std::size_t i = 0; i < d.count; ++i) {
    const auto& e = spec.entries[i];
    if (e.key != d.entries[i].key || (e.value != d.entries[i].value && !(any && e.value.empty()))) return false;
  }
  return true;
}

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

}  // namespace

bool LimitSpec::For::any_value() const noexcept {
  return std::any_of(entries.begin(), entries.end(), [](const Entry& e) { return e.value.empty(); });
}

ValueBuckets::ValueBuckets(const BucketSpec& spec, std::uint32_t max)
    : ways_(std::min<std::size_t>(max, kWays)), sets_((max + ways_ - 1) / ways_) {
  for (std::size_t i = 0; i < ways_ * sets_; ++i) places_.emplace_back(spec);
}

TokenBucket& ValueBuckets::find(std::uint64_t hash) noexcept {
  const std::size_t first = hash % sets_ * ways_;
  const std::uint64_t now = clock_.fetch_add(1, std::memory_order_relaxed) + 1;
  for (;;) {
    Place* oldest = nullptr;
    for (std::size_t i = first; i < first + ways_; ++i) {
      Place& p = places_[i];
      if (p.hash.load(std::memory_order_acquire) == hash) {
        p.used.store(now, std::memory_order_relaxed);
        return p.bucket;
      }
      if (oldest == nullptr || p.used.load(std::memory_order_relaxed) < oldest->used.load(std::memory_order_relaxed)) oldest = &p;
    }
    // Somebody who found what was there at this moment may still draw from it: a token more or less.
    std::uint64_t was = oldest->hash.load(std::memory_order_relaxed);
    oldest->used.store(now, std::memory_order_relaxed);
    oldest->bucket.refill();
    if (oldest->hash.compare_exchange_strong(was, hash, std::memory_order_release)) return oldest->bucket;
  }
}

RateLimiter::RateLimiter(std::shared_ptr<const LimitSpec> spec) : spec_(std::move(spec)), seed_(random_seed()) {
  if (spec_->all && spec_->all->tokens_max > 0) all_.emplace(spec_->all->tokens_max, spec_->all->per_fill, spec_->all->interval);
  for (std::size_t i = 0; i < spec_->descriptors.size(); ++i) {
    const auto& d = spec_->descriptors[i];
    buckets_.emplace_back(d.bucket.tokens_max, d.bucket.per_fill, d.bucket.interval);
    if (d.any_value())
      any_.emplace_back(std::piecewise_construct, std::forward_as_tuple(i), std::forward_as_tuple(d.bucket, spec_->values_max));
    else
      exact_.emplace(hash_of(d.entries.data(), d.entries.size(), seed_), i);
  }
}

bool RateLimiter::find(const route::Descriptor& d, Match& out) noexcept {
  if (d.count == 0) return false;
  const auto hash = hash_of(d.entries, d.count, seed_);
  const auto [begin, end] = exact_.equal_range(hash);
  for (auto at = begin; at != end; ++at)
    if (same(spec_->descriptors[at->second], d, false)) {
      out = {&spec_->descriptors[at->second].bucket, &buckets_[at->second], &d};
      return true;
    }
  for (auto& [index, values] : any_)
    if (same(spec_->descriptors[index], d, true)) {
      out = {&spec_->descriptors[index].bucket, &values.find(hash), &d};
      return true;
    }
  return false;
}

RateLimiter::Verdict RateLimiter::ask(const route::Descriptor* descriptors, std::size_t count, TimePoint now,
                                      Arena& arena) noexcept {
  auto* matches = static_cast<Match*>(arena.allocate(count * sizeof(Match), alignof(Match)));
  std::size_t found = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Match m{};
    if (find(descriptors[i], m)) new (&matches[found++]) Match(m);
  }
  std::sort(matches, matches + found, [](const Match& a, const Match& b) { return a.spec->rate() < b.spec->rate(); });
  const auto told = [](bool allowed, const Match& m) { return Verdict{allowed, m.spec, m.bucket, m.by->headers}; };
  const Match* shadowed = nullptr;
  for (std::size_t i = 0; i < found; ++i) {
    const Match& m = matches[i];
    const auto hits = static_cast<double>(m.by->hits.value_or(1));
    if (m.by->gives_back && m.by->hits) {
      m.bucket->put(now, hits);
    } else if (!m.bucket->take(now, hits)) {
      if (!m.spec->shadow) return told(false, m);
      if (shadowed == nullptr) shadowed = &m;
    }
  }
  if (found == 0 || spec_->always_all) {
    if (!all_ && spec_->all) return {false, nullptr, nullptr};  // which holds none
    if (all_ && !all_->take(now)) return {false, &*spec_->all, &*all_};
  }
  if (shadowed != nullptr) return told(false, *shadowed);
  if (found > 0) return told(true, matches[0]);
  return all_ ? Verdict{true, &*spec_->all, &*all_} : Verdict{};
}

}  // namespace outrigger::filters
