// The filter ext_authz: a service is asked about each request, over gRPC or HTTP, and says whether it may go on and with which
// headers. What can't be asked is denied, unless the config allows failures.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "filters/authorization.h"
#include "filters/cluster_counters.h"
#include "filters/side_call.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

inline constexpr std::string_view kCheckPath = "/envoy.service.auth.v3.Authorization/Check";
inline constexpr std::string_view kExtAuthzSpace = "envoy.filters.http.ext_authz";

/// Below "http.<prefix>.ext_authz."; the first four also below "cluster.<that of the route>.ext_authz.".
enum class ExtAuthzStat : std::uint16_t {
  ok,
  denied,
  error,
  failure_mode_allowed,
  disabled,
  filter_state_name_collision,
  ignored_dynamic_metadata,
  invalid,
  omitted_response_headers,
  request_header_limits_reached,
  response_header_limits_reached
};
stats::BlockDef block_def(ExtAuthzStat);

/// True of a name that one of them takes; null: there is none of them.
using NameFilter = std::function<bool(std::string_view)>;

struct BodyWanted {
  std::uint32_t bytes_max = 0;
  bool partial = false, as_bytes = false;
};

struct HttpAuthorization {
  std::string cluster;
  Duration timeout{};
  std::string path_prefix, path_override;
  route::HeaderMutations add;
  NameFilter to_upstream, to_upstream_append, to_client, to_client_on_success, to_metadata;
};

struct ExtAuthzConfig {
  std::optional<GrpcTarget> grpc;  // else http
  HttpAuthorization http;
  const AuthorizationMessages* messages = nullptr;
  NameFilter allowed, disallowed;
  std::optional<BodyWanted> body;
  std::map<std::string, std::string> labels;  // of this proxy
  bool raw_headers = false, peer_certificate = false, tls_session = false;
  std::vector<std::string> metadata_spaces, route_metadata_spaces;
  std::optional<runtime::RuntimePercent> enabled;
  std::optional<route::MetadataMatcher> enabled_metadata;
  runtime::RuntimeBool deny_when_disabled;
  bool allow_failure = false, tell_failure = false, clear_route_cache = false;
  std::uint16_t status_on_error = 403;
  bool charge_cluster = true, take_metadata = true;
  stats::BlockHandle stats;
  ClusterCounters<ExtAuthzStat> by_cluster;
};

struct ExtAuthzPerRoute : route::FilterPart {
  bool disabled = false;
  std::map<std::string, std::string> extensions;
  bool ignores_body = false;
  std::optional<BodyWanted> body;  // in place of the filter's
};

class ExtAuthzFactory final : public hcm::FilterFactory {
 public:
  explicit ExtAuthzFactory(std::shared_ptr<const ExtAuthzConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const ExtAuthzConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const ExtAuthzConfig> config_;
};

/// What the service is told. `body`: null when it is not wanted, or not there.
struct CheckSubject {
  hcm::Stream& stream;
  const ExtAuthzConfig& config;
  const http::RequestHead& head;
  const Buffer* body;
  BodyWanted wanted;
  const hcm::Stream::Overrides& overrides;
};
void describe(const CheckSubject& subject, CheckRequest& out);
/// The two ends of the connection, but for their services. `remote`: who it is from, as far as is known.
struct PeersWanted {
  bool certificate = false, server_name = false;
};
void describe_peers(const http::ConnectionInfo& connection, const net::Address& remote, PeersWanted wanted, CheckRequest& out);
/// What %DYNAMIC_METADATA% has of how long an ok took.
MetadataValue duration_metadata(Duration took);
void describe_metadata(const std::vector<std::string>& spaces, const Metadata* all, MetadataValue& out);
/// The request to a service over HTTP.
void make_http_request(const CheckSubject& subject, const CheckRequest& from, http::RequestHead& head, Buffer& body);
/// Its answer.
void read_http_answer(const HttpAuthorization& config, const http::ResponseHead& head, const Buffer& body, Arena& arena,
                      CheckAnswer& out);

/// What an ok does to the request. True: something of it that routes look at has changed.
bool apply_to_request(const CheckAnswer& answer, http::RequestHead& head);
void apply_to_response(const Chain<CheckAnswer::Header>& headers, http::HeaderMap& map);

}  // namespace outrigger::filters
