// The HTTP filter stateful_session: a cookie or header names the upstream host that a client's session has, which is told to
// the client when it is another. Envoy: stateful_session_filter.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.stateful_session.<prefix of the filter>.".
enum class StatefulSessionStat : std::uint16_t { failed_closed, failed_open, no_session, routed };

inline stats::BlockDef block_def(StatefulSessionStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "failed_closed"}, {Kind::counter, "failed_open"}, {Kind::counter, "no_session"}, {Kind::counter, "routed"}};
  return {kStats, {}};
}

/// Where a session's host is kept: its address in base64, in a cookie as the first field of a message whose second one is
/// when it expires (seconds of the epoch; Envoy writes it so).
struct SessionState {
  enum Kind : std::uint8_t { cookie, header } kind = cookie;
  std::string name;
  std::optional<Duration> ttl;  // of a cookie; unset or 0: of the browser's session
  std::string path, tail;       // of a cookie; what is after its value

  /// A cookie of another path isn't looked at, nor told.
  bool concerns(std::string_view path_and_query) const noexcept;
  /// The address that the request asks for, in the arena; empty: none.
  std::string_view host_of(const http::HeaderMap& headers, WallTime now, Arena& arena) const;
  /// Tells the client.
  void tell(std::string_view address, http::HeaderMap& headers, WallTime now, Arena& arena) const;
};

/// Of the filter, or of a route in its place.
struct StatefulSessionConfig : route::FilterPart {
  std::optional<SessionState> state;  // unset: the filter does nothing
  bool strict = false;
  std::uint16_t status_if_gone = 503;
};

class StatefulSessionFactory final : public hcm::FilterFactory {
 public:
  StatefulSessionFactory(StatefulSessionConfig config, std::optional<stats::BlockHandle> stats)
      : config_(std::move(config)), stats_(stats) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const StatefulSessionConfig& config() const noexcept { return config_; }
  /// Unset: nothing is counted.
  const std::optional<stats::BlockHandle>& stats() const noexcept { return stats_; }

 private:
  StatefulSessionConfig config_;
  std::optional<stats::BlockHandle> stats_;
};

}  // namespace outrigger::filters
