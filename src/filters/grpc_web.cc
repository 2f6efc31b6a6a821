#include "filters/grpc_web.h"

#include <algorithm>
#include <utility>

#include "filters/grpc.h"
#include "proxy/base/numbers.h"
#include "proxy/buffer/base64.h"
#include "proxy/hcm/local_reply.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

constexpr std::string_view kWeb = "application/grpc-web", kWebProto = "application/grpc-web+proto",
                           kText = "application/grpc-web-text", kTextProto = "application/grpc-web-text+proto";
bool is_text(std::string_view type) noexcept { return type == kText || type == kTextProto; }

/// An answer that is gRPC-Web already. A parameter of its type is left out of account.
bool is_web_response(const http::ResponseHead& head) noexcept {
  auto type = head.headers.get(Name::content_type);
  type = type.substr(0, type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return head.status == 200 && (http::equals_ignore_case(type, kWebProto) || http::equals_ignore_case(type, kWeb));
}

/// Messages as base64, each by itself, as they come.
class TextMessages {
 public:
  void encode(Buffer& body) {
    Buffer in(std::move(body));
    out_ = &body;
    for (std::size_t i = 0; i < in.runs() && !broken_; ++i) frames_.take(in.run(i), *this);
  }
  void finish(Buffer& out) { base64_.finish(out); }

 private:
  friend GrpcFrames;
  bool begin(std::uint8_t flags) noexcept {
    broken_ = (flags & ~GrpcFrameHead::kCompressed) != 0;
    return !broken_;  // what follows is no gRPC
  }
  void head(std::string_view byte) { base64_.put(byte, *out_); }
  void content(std::string_view part) { base64_.put(part, *out_); }
  void end() { base64_.finish(*out_); }
  GrpcFrames frames_;
  Buffer* out_ = nullptr;  // during encode()
  bool broken_ = false;
  Base64Encoder base64_;
};

class GrpcWeb final : public hcm::HttpFilter {
 public:
  GrpcWeb(hcm::Stream& stream, stats::NamedBlocks& names) : HttpFilter(stream), names_(names) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    auto& h = head.headers;
    const auto type = h.get(Name::content_type), accept = h.get(Name::accept);
    active_ = head.path.data() != nullptr && (is_text(type) || type == kWeb || type == kWebProto);
    if (!active_) return FilterStatus::go_on;
    h.remove(Name::content_length);
    const auto method = grpc_method_of(head.path);
    if (method) block_ = grpc_stats_of(stream_, names_, "grpc-web", method);
    text_request_ = is_text(type);
    text_response_ = is_text(accept);
    h.set(Name::content_type, "application/grpc");
    h.set(Name::te, "trailers");
    if (!h.has(Name::grpc_accept_encoding)) h.add(Name::grpc_accept_encoding, "identity");
    return FilterStatus::go_on;
  }

  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (!active_ || !text_request_) return FilterStatus::go_on;
    digits_.append(std::move(body));
    const std::size_t size = digits_.size();
    if (end_stream && size % 4 != 0) return refuse("grpc_base_64_decode_failed_bad_size");
    if (!decode_base64(digits_, size / 4 * 4, body)) return refuse("grpc_base_64_decode_failed");
    return body.empty() && !end_stream ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    if (!active_) return FilterStatus::go_on;
    auto& h = head.headers;
    if (block_) charge_grpc_status(stream_.thread().cells, block_, h);
    const bool web = is_grpc_response(head, end_stream) || is_web_response(head);
    h.remove(Name::content_length);
    h.set(Name::content_type, text_response_ ? kTextProto : kWebProto);
    if (web || end_stream) return FilterStatus::go_on;
    other_ = &head;
    return FilterStatus::stop;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (!active_) return FilterStatus::go_on;
    if (other_ != nullptr) return keep_message(body, end_stream);
    if (!text_response_) return FilterStatus::go_on;
    messages_.encode(body);
    if (end_stream) messages_.finish(body);  // of a message that was cut off
    return body.empty() && !end_stream ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    if (!active_) return FilterStatus::go_on;
    if (block_) charge_grpc_status(stream_.thread().cells, block_, trailers);
    if (other_ != nullptr)
      put_message();
    else
      send_trailers(trailers);
    return FilterStatus::go_on;
  }

 private:
  FilterStatus refuse(std::string_view details) {
    stream_.local_reply({.status = 400, .body = "Bad gRPC-web request, invalid base64 data.", .details = details});
    return FilterStatus::stop;
  }

  /// What is no gRPC answer becomes the message of a status.
  FilterStatus keep_message(Buffer& body, bool end_stream) {
    if (kept_.size() < kMessageMax) kept_.append(std::move(body));
    body.clear();
    if (end_stream) {
      put_message();
      return FilterStatus::go_on;
    }
    if (kept_.size() > stream_.buffer_bytes_max()) stream_.response_too_large();
    return FilterStatus::stop;
  }

  void put_message() {
    auto& head = *std::exchange(other_, nullptr);
    auto& h = head.headers;
    const std::size_t size = std::min(kept_.size(), kMessageMax);
    const auto text = kept_.linearize(size);
    h.set(Name::grpc_message, hcm::grpc_message_of({text.data(), size}, stream_.arena()));
    h.set(Name::grpc_status, decimal(http::grpc_status_of(head.status), stream_.arena()));
    h.set(Name::content_length, "0");
    kept_.clear();
  }

  /// A frame of its own at the body's end.
  void send_trailers(http::HeaderMap& trailers) {
    Buffer frame, out;
    constexpr std::size_t kAround = std::string_view(":\r\n").size();
    GrpcFrameHead::append(frame, GrpcFrameHead::kWebTrailers,
                          static_cast<std::uint32_t>(trailers.byte_size() + kAround * trailers.size()));
    for (const auto& e : trailers)
      for (const auto part : {e.name, std::string_view(":"), e.value, std::string_view("\r\n")}) frame.append(part);
    trailers.clear();
    if (!text_response_) return stream_.inject_response_body(*this, frame, false);
    messages_.finish(out);
    Base64Encoder base64;
    for (std::size_t i = 0; i < frame.runs(); ++i) base64.put(frame.run(i), out);
    base64.finish(out);
    stream_.inject_response_body(*this, out, false);
  }

  static constexpr std::size_t kMessageMax = 16384;
  stats::NamedBlocks& names_;
  stats::BlockHandle block_;
  bool active_ = false, text_request_ = false, text_response_ = false;
  http::ResponseHead* other_ = nullptr;  // of an answer that is no gRPC, held back
  Buffer kept_;                          // its body
  Buffer digits_;                        // of a request in base64: less than four
  TextMessages messages_;
};

}  // namespace

hcm::HttpFilter* GrpcWebFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<GrpcWeb>(stream, names_); }

}  // namespace outrigger::filters
