// The requests of the filter grpc_json_transcoder: the method that a path leads to, and its messages, framed, made of what the
// path, the query and the body say. Worker's thread; one for each request.
#pragma once
#include <utility>
#include "filters/json_transcoder.h"
#include "proxy/buffer/buffer.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

/// What is answered instead.
struct TranscoderRefusal {
  std::uint16_t status = 0;
  std::string text;
  std::string code;  // for the details
};
using MaybeRefusal = std::optional<TranscoderRefusal>;

class TranscoderRequest {
 public:
  /// NOT_FOUND: it is for no method; INVALID_ARGUMENT: something in it is for no field.
  MaybeTranscodeError begin(const TranscoderConfig& config, const http::RequestHead& head);
  /// Null: begin() found none.
  const TranscoderMethod* method() const noexcept { return method_; }
  /// What the path and the query say besides an HttpBody; before take().
  MaybeRefusal begin_http_body(std::string_view content_type);
  /// The next of the body becomes the messages that are whole by then.
  MaybeRefusal take(Buffer& body, bool end_stream, std::size_t bytes_max);
  /// Bytes that wait for more.
  std::size_t pending() const noexcept { return json_.size() + array_.pending() + data_.size(); }

 private:
  MaybeTranscodeError bind(std::vector<PathMatcher::Binding>& bound);
  bool in_http_body(const JsonBinding& b) const noexcept;
  MaybeTranscodeError make_message(std::string_view json, std::string& out);
  MaybeRefusal put_message(std::string_view json, Buffer& out);
  MaybeRefusal take_elements(bool end_stream, Buffer& out);
  void put_http_body(Buffer data, Buffer& out);
  std::string http_body_head(std::size_t data_bytes);

  const TranscoderConfig* config_ = nullptr;
  const TranscoderMethod* method_ = nullptr;
  std::string_view body_field_;
  std::vector<JsonBinding> bindings_;                         // of the first message
  std::vector<std::pair<std::string, std::string>> unknown_;  // parameters that are no field's
  std::string json_;                                          // of one message
  JsonArray array_;                                           // of a stream of them
  Buffer data_;                                               // of an HttpBody
  std::string first_, content_type_;                          // of the first message with one
  bool sent_ = false;
};

}  // namespace outrigger::filters
