// The small value types of the stats system: what data-plane code holds instead of names.
// Made by the Registry on the main thread, copied freely, used on any thread with that thread's
// Cells. A default-made handle is the null stat: adding to it is harmless.
#pragma once
#include <cstdint>
#include <string_view>

namespace outrigger::stats {

enum class Kind : std::uint8_t { counter, gauge, histogram };
enum class Unit : std::uint8_t { unspecified, bytes, microseconds, milliseconds, percent };

/// A percent histogram records fractions times this, and prints them divided by it.
inline constexpr std::uint64_t kPercentScale = 1'000'000;

struct Counter {
  std::uint32_t index = 0;
};
struct Gauge {
  std::uint32_t index = 0;
};
struct Histogram {
  std::uint32_t index = 0;
};
struct TextReadout {
  std::uint32_t index = 0;
};

/// One stat of a block. Envoy makes some stats at the first event only: such a stat is listed once
/// the counter `listed_with` of its block (which may be itself) was used, or any of its block.
struct StatDef {
  static constexpr std::uint16_t kAlways = 0xffff, kWithBlock = 0xfffe;
  Kind kind = Kind::counter;
  std::string_view suffix;
  Unit unit = Unit::unspecified;
  std::uint16_t listed_with = kAlways;
};

/// An instance of a block type: all stats below one prefix, e.g. those of a cluster.
struct BlockHandle {
  std::uint32_t id = 0;
  std::uint16_t stats = 0;     // how many stats
  std::uint16_t families = 0;  // how many families of per-status-code counters

  explicit operator bool() const noexcept { return id != 0; }
  friend bool operator==(const BlockHandle&, const BlockHandle&) = default;
};

}  // namespace outrigger::stats
