#include "filters/transcoder_response.h"

#include "filters/grpc.h"
#include "proxy/base/wire.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kInternal = "INTERNAL";

TranscoderRefusal bad_gateway(std::string text, std::string_view code) { return {502, std::move(text), std::string(code)}; }

/// An HttpBody behind these fields; of one that comes in parts the last value of each. False: the bytes are wrong.
bool read_http_body(std::string_view message, std::span<const std::uint32_t> numbers, std::string_view& type,
                    std::string_view& data) {
  WireReader r(message);
  while (r.next()) {
    if (!r.has_bytes()) continue;
    if (!numbers.empty()) {
      if (r.field() == numbers[0] && !read_http_body(r.bytes(), numbers.subspan(1), type, data)) return false;
    } else if (r.field() == 1) {
      type = r.bytes();
    } else if (r.field() == 2) {
      data = r.bytes();
    }
  }
  return r.ok();
}

}  // namespace

MaybeRefusal TranscoderResponse::take(const Buffer& body, std::size_t bytes_max) {
  if (done_ || broken_) return {};
  if (kept_.size() + out.size() + body.size() > bytes_max)
    return TranscoderRefusal{
        500, "Response not transcoded because the transcoder's internal buffer size exceeds the configured limit.",
        "response_buffer_size_limit_reached"};
  for (std::size_t i = 0; i < body.runs(); ++i) kept_ += body.run(i);
  std::size_t at = 0;
  while (!done_ && !broken_ && kept_.size() - at >= GrpcFrameHead::kBytes) {
    GrpcFrameHead head;
    for (std::size_t i = 0; i < GrpcFrameHead::kBytes; ++i) head.take(kept_[at + i]);
    if (head.flags != 0) return bad_gateway("Unsupported gRPC frame flag: " + std::to_string(head.flags), kInternal);
    const auto rest = std::string_view(kept_).substr(at + GrpcFrameHead::kBytes);
    if (rest.size() < head.length) break;
    if (auto refusal = take_message(rest.substr(0, head.length))) return refusal;
    at += GrpcFrameHead::kBytes + head.length;
  }
  kept_.erase(0, at);
  return {};
}

MaybeRefusal TranscoderResponse::take_message(std::string_view message) {
  if (!method_->response.used) return put_json(message);
  if (!message.empty()) put_http_body(message);
  return {};
}

MaybeRefusal TranscoderResponse::put_json(std::string_view message) {
  const bool streams = method_->server_streaming;
  if (streams && config_->events)
    out += "data: ";
  else if (streams && !config_->newlines)
    out += first_ ? '[' : ',';
  first_ = false;
  if (auto error = config_->messages->to_json(method_->output, message, out))
    return bad_gateway(std::move(error->text), error->code);
  if (streams && config_->events)
    out += "\n\n";
  else if (streams && config_->newlines)
    out += '\n';
  done_ = !streams;
  return {};
}

void TranscoderResponse::put_http_body(std::string_view message) {
  std::string_view type, data;
  broken_ = !read_http_body(message, method_->response.numbers, type, data) || !http::is_field_value(type);
  if (broken_) return;
  if (!content_type_) content_type_ = type;
  out += data;
  done_ = !method_->server_streaming;
}

MaybeRefusal TranscoderResponse::finish() {
  if (method_->response.used || done_) return {};
  done_ = true;
  if (!kept_.empty() && kept_.size() < GrpcFrameHead::kBytes)
    return bad_gateway("Incomplete gRPC frame header received", kInternal);
  if (!kept_.empty()) {
    GrpcFrameHead head;
    for (std::size_t i = 0; i < GrpcFrameHead::kBytes; ++i) head.take(kept_[i]);
    return bad_gateway("Incomplete gRPC frame expected size: " + std::to_string(head.length) +
                           " actual size: " + std::to_string(kept_.size() - GrpcFrameHead::kBytes),
                       kInternal);
  }
  if (method_->server_streaming && !config_->newlines && !config_->events) out += first_ ? "[]" : "]";
  return {};
}

}  // namespace outrigger::filters
