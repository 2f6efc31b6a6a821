// How far the overload manager's actions have gone, as workers see it: each is one number, written by the main thread.
#pragma once
#include <array>
#include <atomic>
#include "proxy/base/random.h"
#include "proxy/stats/cells.h"
#include "proxy/stats/names.h"

namespace outrigger::runtime {

/// Those that workers carry out; the others are the main thread's.
enum class OverloadAction : std::uint8_t { stop_accepting_requests, disable_http_keepalive, reject_incoming_connections };
/// Where load is shed.
enum class LoadShedPoint : std::uint8_t {
  tcp_listener_accept,
  http_connection_manager_decode_headers,
  hcm_ondata_creating_codec,
  http1_server_abort_dispatch,
  http2_server_go_away_on_dispatch,
  http2_server_go_away_and_close_on_dispatch
};

/// Below "overload.<point>.".
enum class LoadShedStat : std::uint16_t { scale_percent, shed_load_count };
inline stats::BlockDef block_def(LoadShedStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::gauge, "scale_percent"}, {Kind::counter, "shed_load_count"}};
  return {kStats, {}};
}

class Overload {
 public:
  static constexpr std::size_t kActions = 3, kPoints = 6;
  /// Does this request or connection meet it? Of those that come, a share does.
  bool hits(OverloadAction a, Random& random) const noexcept { return hits(actions_[index(a)], random); }
  bool sheds(LoadShedPoint p, Random& random, stats::Cells& cells) const noexcept {
    const auto& point = points_[index(p)];
    if (!hits(point.share, random)) return false;
    cells.add(point.stats, LoadShedStat::shed_load_count);
    return true;
  }

  // Main thread.
  void set(OverloadAction a, float share) noexcept { actions_[index(a)].store(share, std::memory_order_relaxed); }
  void set(LoadShedPoint p, float share) noexcept { points_[index(p)].share.store(share, std::memory_order_relaxed); }
  /// Before there are workers.
  void count(LoadShedPoint p, stats::BlockHandle stats) noexcept { points_[index(p)].stats = stats; }

 private:
  using Share = std::atomic<float>;  // from 0, not at all, to 1
  struct Point {
    Share share{0};
    stats::BlockHandle stats;
  };
  static std::size_t index(auto e) noexcept { return static_cast<std::size_t>(e); }
  static bool hits(const Share& s, Random& random) noexcept {
    const float share = s.load(std::memory_order_relaxed);
    if (share <= 0 || share >= 1) return share >= 1;
    constexpr std::uint64_t kParts = 1u << 24;  // as many as a float tells apart
    return static_cast<float>(random.below(kParts)) < share * static_cast<float>(kParts);
  }
  std::array<Share, kActions> actions_{};
  std::array<Point, kPoints> points_{};
};

}  // namespace outrigger::runtime
