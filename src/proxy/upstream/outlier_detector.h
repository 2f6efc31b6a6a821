// Outlier detection of one cluster, on the main thread: which hosts are ejected, for how long, and when they are back.
// Fed with members, with what workers tell of failures in a row, and with the time. Owned by the cluster's Entry.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/host_monitor.h"
#include "proxy/upstream/outlier_config.h"
#include "proxy/upstream/shared.h"

namespace outrigger::upstream {

/// Of all hosts with enough requests in the last interval, in percent; -1: too few hosts.
struct SuccessRates {
  double average = -1, threshold = -1;
};
/// The average, and what is too far below it.
SuccessRates success_rates(const std::vector<double>& rates, double stdev_factor);

class OutlierDetector {
 public:
  struct Event {
    const Endpoint& endpoint;
    const HostMonitor& monitor;
    bool ejected = false, enforced = false;
    Ejection why = Ejection::consecutive_5xx;
    SuccessRates rates;
    std::optional<Duration> since_last;  // its last event of the other kind
  };
  using Log = std::function<void(const Event&)>;
  OutlierDetector(const OutlierConfig& config, stats::BlockHandle stats, stats::Registry& registry, Random& random)
      : config_(config), stats_(stats), registry_(registry), random_(random) {}
  ~OutlierDetector() { count_active(0); }
  OutlierDetector(const OutlierDetector&) = delete;
  OutlierDetector& operator=(const OutlierDetector&) = delete;
  /// Null: none.
  void log_to(Log log) { log_ = std::move(log); }
  void set_members(HostSetPtr hosts);
  /// A worker has told. True: some host's health has changed.
  bool on_row(HostMonitor& m, Ejection why, TimePoint now, const runtime::Snapshot& runtime);
  /// It passed an active check: it is back, if it was ejected.
  bool on_check_passed(HostMonitor& m, TimePoint now);
  bool on_interval(TimePoint now, const runtime::Snapshot& runtime);
  Duration interval(const runtime::Snapshot& runtime) const noexcept;
  /// Of the hosts' answers, of the ways to them.
  const SuccessRates& rates(bool local) const noexcept { return rates_[local ? 1 : 0]; }

 private:
  void add(stats::OutlierStat s) { registry_.main().add(stats_, s); }
  bool room(const runtime::Snapshot& runtime) const;
  bool enforced(Ejection why, const runtime::Snapshot& runtime);
  void detect(HostMonitor& m, Ejection why, TimePoint now, const runtime::Snapshot& runtime);
  void eject(HostMonitor& m, TimePoint now, const runtime::Snapshot& runtime);
  bool due(const HostMonitor& m, TimePoint now, const runtime::Snapshot& runtime) const;
  void bring_back(HostMonitor& m, TimePoint now);
  struct Rated {
    HostMonitor* monitor;
    std::uint64_t requests;
    double rate;
  };
  void judge(const std::vector<Rated>& hosts, bool local, TimePoint now, const runtime::Snapshot& runtime);
  void tell(const HostMonitor& m, bool ejected, bool enforced, Ejection why, std::optional<Duration> since_last) const;
  /// Another detector may count in the same gauge, when the cluster is replaced.
  void count_active(std::size_t n) {
    const auto by = static_cast<std::int64_t>(n) - static_cast<std::int64_t>(std::exchange(active_, n));
    registry_.main().gauge_add(stats_, stats::OutlierStat::ejections_active, by);
  }

  const OutlierConfig& config_;  // the cluster's
  stats::BlockHandle stats_;
  stats::Registry& registry_;
  Random& random_;
  Log log_;
  HostSetPtr hosts_;
  std::size_t active_ = 0;
  bool changed_ = false;
  SuccessRates rates_[2];
};

/// A line of Envoy's event log.
std::string outlier_line(const OutlierDetector::Event& event, std::string_view cluster, WallTime now);

}  // namespace outrigger::upstream
