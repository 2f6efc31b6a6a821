// Fast pseudo-random numbers (xoshiro256**), one generator per worker; seeded, so tests repeat.
#pragma once
#include <array>
#include <cstdint>
#include "proxy/base/time.h"

namespace outrigger {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept {
    for (auto& s : state_) {  // splitmix64 spreads a small seed over the state
      std::uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      s = z ^ (z >> 31);
    }
  }
  std::uint64_t next() noexcept {
    const std::uint64_t result = rotate(state_[1] * 5, 7) * 9, t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }
  /// Uniform in [0, bound); 0 for bound 0.
  std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, int k) noexcept { return x << k | x >> (64 - k); }
  std::uint64_t state_[4];
};

/// Longer by up to `percent` of it.
inline Duration jittered(Duration d, double percent, Random& random) noexcept {
  const auto most = static_cast<std::uint64_t>(static_cast<double>(d.count()) * percent / 100);
  return d + Duration(static_cast<Duration::rep>(random.below(most + 1)));
}

/// A UUID of version 4, as text.
inline std::array<char, 36> make_uuid(Random& random) noexcept {
  constexpr char kDigits[] = "0123456789abcdef";
  std::uint64_t bits[2] = {random.next(), random.next()};
  bits[0] = (bits[0] & ~0xf000ULL) | 0x4000ULL;
  bits[1] = (bits[1] & ~(3ULL << 62)) | (2ULL << 62);
  std::array<char, 36> out;
  char* o = out.data();
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) *o++ = '-';
    *o++ = kDigits[bits[i / 16] >> (60 - 4 * (i % 16)) & 15];
  }
  return out;
}

}  // namespace outrigger
