// The network filter ext_authz: when the first bytes of a connection are there, a service is asked over gRPC whether it may go
// on. Until then nothing goes further; what can't be asked is closed, unless the config allows failures.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "filters/authorization.h"
#include "filters/connection_filters.h"
#include "filters/side_call.h"
#include "proxy/route/metadata_matcher.h"

namespace outrigger::filters {

inline constexpr std::string_view kNetworkAuthzSpace = "envoy.filters.network.ext_authz";

/// Below "ext_authz.<prefix>.".
enum class NetworkAuthzStat : std::uint16_t { cx_closed, denied, error, failure_mode_allowed, ok, total, disabled, active };
stats::BlockDef block_def(NetworkAuthzStat);

class NetworkAuthz final : public ConnectionFilter {
 public:
  struct Config {
    GrpcTarget service;
    const AuthorizationMessages* messages = nullptr;
    std::map<std::string, std::string> labels;  // of this proxy
    std::string local_address;                  // this machine's
    std::optional<route::MetadataMatcher> enabled_metadata;
    std::vector<std::string> metadata_spaces;
    bool allow_failure = false, peer_certificate = false, tls_session = false;
    bool shadow = false;  // nobody is refused: the verdict is an entry of filter state
    stats::BlockHandle stats;
  };
  explicit NetworkAuthz(Config config) : config_(std::make_shared<const Config>(std::move(config))) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  std::shared_ptr<const Config> config_;
};

}  // namespace outrigger::filters
