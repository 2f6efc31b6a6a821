// The responses of the filter grpc_json_transcoder: JSON, or what an HttpBody has in it, of the frames of a gRPC answer. Worker's
// thread; one for each request.
#pragma once
#include "filters/transcoder_request.h"

namespace outrigger::filters {

class TranscoderResponse {
 public:
  void begin(const TranscoderConfig& config, const TranscoderMethod& method) noexcept {
    config_ = &config;
    method_ = &method;
  }
  /// The next of the body, of which frames may be whole by then.
  MaybeRefusal take(const Buffer& body, std::size_t bytes_max);
  /// No more comes.
  MaybeRefusal finish();
  /// What there is to send of it so far; the owner takes it away.
  std::string out;
  /// Of the first HttpBody, once it has come.
  const std::optional<std::string>& content_type() const noexcept { return content_type_; }
  /// Its bytes were no HttpBody, or its type can be no header.
  bool broken() const noexcept { return broken_; }
  std::size_t pending() const noexcept { return kept_.size() + out.size(); }

 private:
  MaybeRefusal take_message(std::string_view message);
  MaybeRefusal put_json(std::string_view message);
  void put_http_body(std::string_view message);

  const TranscoderConfig* config_ = nullptr;
  const TranscoderMethod* method_ = nullptr;
  std::string kept_;  // of a frame that is not whole
  std::optional<std::string> content_type_;
  bool first_ = true, done_ = false, broken_ = false;
};

}  // namespace outrigger::filters
