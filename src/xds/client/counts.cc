#include "xds/client/counts.h"

#include <xxhash.h>
#include <chrono>

namespace outrigger::xds {

using stats::ClusterStat;
using stats::ConfigSourceStat;
using stats::EdsStat;

template <class S>
Counts Counts::of_block(stats::Registry& r, const std::string& prefix) {
  Counts c(r);
  const auto b = stats::make_block<S>(r, prefix);
  c.attempt_ = at(b, S::update_attempt), c.success_ = at(b, S::update_success), c.failure_ = at(b, S::update_failure);
  c.rejected_ = at(b, S::update_rejected), c.timed_out_ = at(b, S::init_fetch_timeout);
  c.time_ = at(b, S::update_time), c.version_ = at(b, S::version), c.duration_ = at(b, S::update_duration);
  c.version_text_ = r.text_readout(prefix + "version_text");
  r.set(c.version_text_, "");
  return c;
}

Counts Counts::of_source(stats::Registry& r, const std::string& prefix) { return of_block<ConfigSourceStat>(r, prefix); }
Counts Counts::of_secret(stats::Registry& r, const std::string& prefix) { return of_block<stats::SdsStat>(r, prefix); }

Counts Counts::of_cluster(stats::Registry& r, const std::string& prefix) {
  Counts c(r);
  const auto all = stats::make_block<ClusterStat>(r, prefix);
  const auto eds = stats::make_block<EdsStat>(r, prefix);
  c.attempt_ = at(all, ClusterStat::update_attempt), c.success_ = at(all, ClusterStat::update_success);
  c.failure_ = at(all, ClusterStat::update_failure), c.version_ = at(all, ClusterStat::version);
  c.rejected_ = at(eds, EdsStat::update_rejected), c.timed_out_ = at(eds, EdsStat::init_fetch_timeout);
  c.time_ = at(eds, EdsStat::update_time), c.duration_ = at(eds, EdsStat::update_duration);
  c.version_text_ = r.text_readout(prefix + "version_text");
  r.set(c.version_text_, "");
  return c;
}

void Counts::success(std::string_view version, WallTime now, Duration took) const {
  add(success_);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  registry_->set(time_.block, static_cast<Any>(time_.index), unix_ms(now));
  registry_->set(version_.block, static_cast<Any>(version_.index), XXH64(version.data(), version.size(), 0));
  registry_->main().record(duration_.block, static_cast<Any>(duration_.index), static_cast<std::uint64_t>(ms));
  registry_->set(version_text_, version);
}

}  // namespace outrigger::xds
