// When hosts of a cluster are ejected for their answers, how many of them and for how long. Immutable, shared by all
// threads, made by xds/compile. Envoy's runtime keys "outlier_detection.*" go before each value.
#pragma once
#include <array>
#include <cstdint>
#include "proxy/base/time.h"

namespace outrigger::upstream {

/// Why a host is ejected, numbered as in Envoy's event log.
enum class Ejection : std::uint8_t {
  consecutive_5xx,
  consecutive_gateway_failure,
  success_rate,
  consecutive_local_origin_failure,
  success_rate_local_origin,
  failure_percentage,
  failure_percentage_local_origin
};
inline constexpr std::size_t kEjections = 7;
/// Which failures in a row count together.
enum class Row : std::uint8_t { all_5xx, gateway, local_origin };

struct OutlierConfig {
  Duration interval = std::chrono::seconds(10), base_ejection = std::chrono::seconds(30),
           max_ejection = std::chrono::seconds(300);
  Duration jitter_max{0};
  std::uint32_t consecutive_5xx = 5, consecutive_gateway_failure = 5, consecutive_local_origin_failure = 5;
  std::uint32_t max_ejection_percent = 10;
  bool always_eject_one = false;
  bool back_when_checked = true;  // a passed active check ends an ejection
  bool split = false;             // what the way to a host does is told apart from what the host does
  struct Rate {
    std::uint32_t hosts_min, requests_min;
  };
  Rate success_rate{5, 100}, failure_percentage{5, 50};
  std::uint32_t stdev_factor = 1900;  // of 1000
  std::uint32_t failure_threshold = 85;
  std::array<std::uint32_t, kEjections> enforcing{100, 0, 100, 100, 100, 0, 0};  // percent, by Ejection
};

}  // namespace outrigger::upstream
