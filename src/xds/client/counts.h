// The stats of one watch, below a prefix of its own: update_attempt and the like. Main thread.
#pragma once
#include <string>
#include <string_view>
#include "proxy/base/time.h"
#include "proxy/stats/names.h"

namespace outrigger::xds {

class Counts {
 public:
  /// `prefix` ends with a dot.
  static Counts of_source(stats::Registry& r, const std::string& prefix);
  static Counts of_secret(stats::Registry& r, const std::string& prefix);
  /// Of an EDS cluster, among its other stats.
  static Counts of_cluster(stats::Registry& r, const std::string& prefix);
  /// The prefix of these stats.
  std::string_view prefix() const noexcept { return registry_->prefix(attempt_.block); }
  void attempt() const { add(attempt_); }
  void failure() const { add(failure_); }
  void rejected() const { add(rejected_); }
  void timed_out() const { add(timed_out_); }
  /// `took`: to apply it.
  void success(std::string_view version, WallTime now, Duration took) const;

 private:
  struct Stat {
    stats::BlockHandle block;
    std::uint32_t index = 0;
  };
  template <class S>
  static Stat at(stats::BlockHandle b, S stat) {
    return {b, static_cast<std::uint32_t>(stat)};
  }
  template <class S>
  static Counts of_block(stats::Registry& r, const std::string& prefix);
  explicit Counts(stats::Registry& r) : registry_(&r) {}
  enum class Any : std::uint16_t {};
  void add(const Stat& s) const { registry_->main().add(s.block, static_cast<Any>(s.index)); }
  stats::Registry* registry_;
  Stat attempt_, success_, failure_, rejected_, timed_out_, time_, version_, duration_;
  stats::TextReadout version_text_;
};

}  // namespace outrigger::xds
