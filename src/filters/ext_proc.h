// The filter ext_proc: the heads, bodies and trailers of a request and of its response are shown to a service, on one gRPC stream
// for each request, which may change them or answer in place of the upstream. What can't be shown is an error for the client,
// unless the config allows failures.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "filters/header_changes.h"
#include "filters/side_call.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

inline constexpr std::string_view kExtProcSpace = "envoy.filters.http.ext_proc";

/// Below "http.<prefix>.ext_proc.".
enum class ExtProcStat : std::uint16_t {
  streams_started,
  stream_msgs_sent,
  stream_msgs_received,
  spurious_msgs_received,
  streams_closed,
  streams_failed,
  failure_mode_allowed,
  message_timeouts,
  rejected_header_mutations,
  override_message_timeout_received,
  override_message_timeout_ignored,
  clear_route_cache_ignored,
  clear_route_cache_disabled,
  clear_route_cache_upstream_ignored,
  http_not_ok_resp_received,
  immediate_responses_sent,
  server_half_closed
};
stats::BlockDef block_def(ExtProcStat);

/// True of a name that one of them takes; null: there is none of them.
using NameFilter = std::function<bool(std::string_view)>;

/// What the service is shown.
struct ProcessingMode {
  enum class Send : std::uint8_t { as_usual, send, skip };
  enum class Body : std::uint8_t { none, streamed, buffered, buffered_partial };
  struct Half {
    Send head = Send::as_usual, trailers = Send::as_usual;
    Body body = Body::none;
    bool sends_head() const noexcept { return head != Send::skip; }
    bool sends_trailers() const noexcept { return trailers == Send::send; }
    bool sends_nothing() const noexcept { return !sends_head() && !sends_trailers() && body == Body::none; }
    bool operator==(const Half&) const noexcept = default;
  };
  Half request, response;
  bool unknown = false;  // what can't be done here is asked for
  /// This mode, with what `over` says instead.
  ProcessingMode with(const ProcessingMode& over) const noexcept;
  /// Are they the same to who asks for a change when the request's head is there already?
  bool same_but_request_head(const ProcessingMode& o) const noexcept;
};

struct ProcessorRequest {
  enum Kind : std::uint8_t { request_head, response_head, request_body, response_body, request_trailers, response_trailers };
  Kind kind = request_head;
  const http::RequestHead* request = nullptr;  // the one that `kind` says
  const http::ResponseHead* response = nullptr;
  const http::HeaderMap* trailers = nullptr;
  const Buffer* body = nullptr;
  bool ends = false;
  const NameFilter* allowed = nullptr;
  const NameFilter* disallowed = nullptr;
  MetadataValue metadata, attributes;    // objects; null: none
  const ProcessingMode* mode = nullptr;  // in the first message of a stream
};

/// Valid during the call in which it is given.
struct ProcessorAnswer {
  enum Kind : std::uint8_t {
    none,
    request_head,
    response_head,
    request_body,
    response_body,
    request_trailers,
    response_trailers,
    immediate
  } kind = none;
  std::optional<Duration> more_time;  // then nothing else counts
  std::optional<ProcessingMode> mode;
  MetadataValue metadata;  // an object by namespace; null: none
  // of a head, a body, trailers or an immediate answer
  HeaderChanges changes;
  bool replaces = false, clear_route = false;
  /// `none`: a change that changes nothing.
  enum class Body : std::uint8_t { as_is, none, given, cleared } body = Body::as_is;
  bool streamed = false;  // what only bodies in both directions at once have
  std::string_view bytes;
  // of an immediate answer
  std::uint32_t status = 0;
  std::optional<std::uint32_t> grpc_status;
  std::string_view details;
};
class ProcessorAnswerTaker {
 public:
  virtual void take(const ProcessorAnswer& answer) = 0;

 protected:
  ~ProcessorAnswerTaker() = default;
};

/// The messages of envoy.service.ext_proc.v3, as bytes.
struct ProcessorMessages {
  void (*encode)(const ProcessorRequest& request, std::string& out);
  /// False: it is none.
  bool (*decode)(std::string_view bytes, ProcessorAnswerTaker& taker);
};

struct ExtProcConfig {
  GrpcTarget service;
  const ProcessorMessages* messages = nullptr;
  ProcessingMode mode;
  std::vector<ProcessingMode> allowed_overrides;  // none: all are
  bool allow_failure = false, allow_override = false, disable_immediate = false;
  Duration message_timeout = std::chrono::milliseconds(200), message_timeout_max{};
  enum class RouteCache : std::uint8_t { as_told, clear, retain } route_cache = RouteCache::as_told;
  std::uint16_t status_on_error = 500;
  NameFilter allowed, disallowed;
  MutationRules rules;
  std::vector<std::string> forwarded_spaces, received_spaces;
  struct AttributeOf {
    std::string name;
    std::function<bool(const format::Context&, MetadataValue&)> value;  // false: there is none now
  };
  std::vector<AttributeOf> request_attributes, response_attributes;
  stats::BlockHandle stats;
};

struct ExtProcPerRoute : route::FilterPart {
  bool disabled = false;
  std::optional<ProcessingMode> mode;
  std::optional<GrpcTarget> service;
  route::HeaderMutations metadata;
  std::optional<std::vector<std::string>> forwarded_spaces, received_spaces;
  std::optional<bool> allow_failure;
};

class ExtProcFactory final : public hcm::FilterFactory {
 public:
  explicit ExtProcFactory(std::shared_ptr<const ExtProcConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const ExtProcConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const ExtProcConfig> config_;
};

}  // namespace outrigger::filters
