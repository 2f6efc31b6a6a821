// The filter grpc_json_transcoder: requests with JSON, or with nothing but a path and a query, become calls of gRPC methods,
// whose answers go back as JSON. Which they are is told by the descriptors of the config; their messages are known to
// JsonMessages alone.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "filters/json_weaver.h"
#include "filters/path_template.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.".
enum class TranscoderStat : std::uint16_t { transcoder_request_buffer_bytes, transcoder_response_buffer_bytes };
stats::BlockDef block_def(TranscoderStat);

/// Why a message can't be made.
struct TranscodeError {
  std::string_view code;  // of gRPC, by name; static
  std::string text;
};
using MaybeTranscodeError = std::optional<TranscodeError>;

/// The types of messages, and how they go from JSON to what is on the wire and back. Immutable; any thread.
class JsonMessages {
 public:
  using Type = std::uint32_t;
  virtual ~JsonMessages() = default;
  /// The fields that lead to one. False: there is no such field, `why` says which.
  virtual bool resolve(Type type, std::span<const std::string_view> path, std::vector<JsonField>& out,
                       std::string& why) const = 0;
  virtual MaybeTranscodeError to_binary(Type type, std::string_view json, bool any_case, std::string& out) const = 0;
  /// Appends to `out`.
  virtual MaybeTranscodeError to_json(Type type, std::string_view binary, std::string& out) const = 0;
  /// What is wrong with it, whatever type it is of.
  virtual MaybeTranscodeError check_syntax(std::string_view json) const = 0;
};

struct TranscoderMethod {
  std::string path;  // "/package.Service/Method"
  JsonMessages::Type input = 0, output = 0;
  bool client_streaming = false, server_streaming = false;
  /// The body is a google.api.HttpBody, or the field of the message that these lead to is.
  struct HttpBody {
    bool used = false;
    std::vector<std::uint32_t> numbers;
    std::vector<std::string> names;
  } request, response;
};

/// A pattern of paths that leads to a method.
struct TranscoderRule {
  std::size_t method = 0;
  std::string body;  // the field that the body is; empty: the message
};

struct TranscoderConfig final : route::FilterPart {
  bool disabled = false;
  PathMatcher paths{{}};  // to rules
  std::vector<TranscoderRule> rules;
  std::vector<TranscoderMethod> methods;
  std::unique_ptr<const JsonMessages> messages;
  std::optional<JsonMessages::Type> status;  // google.rpc.Status, for answers that have nothing else
  std::vector<std::string> ignored;          // query parameters; sorted
  bool keep_route = false;                   // that of the request as it came
  bool ignore_unknown = false, capture_unknown = false;
  bool reject_unknown_method = false, reject_unknown_query = false, reject_collisions = false;
  bool any_case = false;                  // of names of enums
  bool newlines = false, events = false;  // a stream of messages is lines, or events (SSE), not an array
  std::optional<std::uint32_t> request_max, response_max;
};

class JsonTranscoderFactory final : public hcm::FilterFactory {
 public:
  JsonTranscoderFactory(std::shared_ptr<const TranscoderConfig> config, stats::BlockHandle block)
      : config_(std::move(config)), stats_(block) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  std::shared_ptr<const TranscoderConfig> config_;
  stats::BlockHandle stats_;
};

}  // namespace outrigger::filters
