// Layered runtime values (static and admin layers). The main thread owns the layers and publishes
// an immutable Snapshot; workers read theirs through WorkerContext.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "proxy/base/random.h"

namespace outrigger::runtime {

enum class Denominator : std::uint32_t { hundred = 100, ten_thousand = 10000, million = 1000000 };

/// envoy.type.v3.FractionalPercent.
struct FractionalPercent {
  std::uint32_t numerator = 0;
  Denominator denominator = Denominator::hundred;
  bool hit(std::uint64_t random) const noexcept { return random % static_cast<std::uint32_t>(denominator) < numerator; }
  bool operator==(const FractionalPercent&) const = default;
};

struct Value {
  std::string text;
  std::optional<std::uint64_t> integer;
  std::optional<double> number;
  std::optional<bool> boolean;
  std::optional<FractionalPercent> percent;
};
using Layer = std::map<std::string, Value, std::less<>>;
/// What a value is depends on how it is written: only a number has an integer, only true and false a
/// boolean; a text that looks like a number is a double. `text`: how it is printed, when not as it is.
Value text_value(std::string_view text);
Value number_value(double number, std::string_view text = {});
Value bool_value(bool v, std::string_view text = {});

/// Immutable; shared by workers.
class Snapshot {
 public:
  Snapshot() = default;
  explicit Snapshot(std::vector<std::pair<std::string, Layer>> layers);
  const Value* find(std::string_view key) const noexcept;
  bool has_any(std::string_view prefix) const noexcept;
  std::uint64_t integer(std::string_view key, std::uint64_t fallback) const noexcept;
  bool boolean(std::string_view key, bool fallback) const noexcept;
  double number(std::string_view key, double fallback) const noexcept;
  /// Envoy's featureEnabled(key, percent default): a plain number is a percentage, without its fraction.
  bool enabled(std::string_view key, const FractionalPercent& fallback, std::uint64_t random) const noexcept;
  const std::vector<std::pair<std::string, Layer>>& layers() const noexcept { return layers_; }

 private:
  std::vector<std::pair<std::string, Layer>> layers_;
  Layer final_;
};

/// RuntimeFractionalPercent: an optional key over a default.
struct RuntimePercent {
  std::string key;
  FractionalPercent value{100, Denominator::hundred};
  bool enabled(const Snapshot& s, std::uint64_t random) const noexcept {
    return key.empty() ? value.hit(random) : s.enabled(key, value, random);
  }
};
struct RuntimeUint32 {
  std::string key;
  std::uint32_t value = 0;
};
struct RuntimeDouble {
  std::string key;
  double value = 0;
  double in(const Snapshot& s) const noexcept { return key.empty() ? value : s.number(key, value); }
};
struct RuntimeBool {
  std::string key;
  bool value = false;
  bool in(const Snapshot& s) const noexcept { return key.empty() ? value : s.boolean(key, value); }
};

}  // namespace outrigger::runtime
