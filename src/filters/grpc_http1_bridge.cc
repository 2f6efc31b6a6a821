#include "filters/grpc_http1_bridge.h"

#include <algorithm>

#include "filters/grpc.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

class GrpcHttp1Bridge final : public hcm::HttpFilter {
 public:
  GrpcHttp1Bridge(hcm::Stream& stream, GrpcHttp1BridgeConfig config) : HttpFilter(stream), config_(config) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    if (head.path.data() == nullptr) return FilterStatus::go_on;
    const bool bare = config_.upgrade_protobuf && head.headers.get(Name::content_type) == "application/x-protobuf";
    if (bare) {
      head.headers.set(Name::content_type, "application/grpc");
      head.headers.remove(Name::content_length);
      stream_.clear_route_cache();
    }
    active_ = stream_.info().protocol < http::Protocol::http2 && head.is_grpc();
    bare_ = active_ && bare;
    if (bare_) head_left_ = GrpcFrameHead::kBytes;
    if (active_ && config_.ignore_query) head.path = head.path.substr(0, head.path.find('?'));
    return FilterStatus::go_on;
  }

  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (!bare_) return FilterStatus::go_on;
    request_.append(std::move(body));
    if (end_stream) {
      put_in_frame(body);
      return FilterStatus::go_on;
    }
    if (request_.size() > stream_.buffer_bytes_max()) stream_.request_too_large();
    return FilterStatus::stop;
  }

  FilterStatus on_request_trailers(http::HeaderMap&) override {
    if (!bare_) return FilterStatus::go_on;
    Buffer body;
    put_in_frame(body);
    stream_.inject_request_body(*this, body);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    if (!active_ || end_stream) return FilterStatus::go_on;
    head_ = &head;
    return FilterStatus::stop;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (head_ == nullptr) return FilterStatus::go_on;
    if (end_stream) {  // no trailers: no gRPC answer
      kept_.append(std::move(body));
      body = std::move(kept_);
      return FilterStatus::go_on;
    }
    const std::size_t cut = std::min(head_left_, body.size());
    body.drain(cut);
    head_left_ -= cut;
    kept_.append(std::move(body));
    if (kept_.size() > stream_.buffer_bytes_max()) stream_.response_too_large();
    return FilterStatus::stop;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    if (head_ == nullptr) return FilterStatus::go_on;
    auto& h = head_->headers;
    if (const auto* status = trailers.find(Name::grpc_status)) {
      if (to_number<std::uint64_t>(status->value) != 0) head_->status = 503;
      h.set(Name::grpc_status, status->value);
    }
    if (const auto* message = trailers.find(Name::grpc_message)) h.set(Name::grpc_message, message->value);
    h.set(Name::content_length, decimal(kept_.size(), stream_.arena()));
    if (!kept_.empty()) stream_.inject_response_body(*this, kept_, false);
    return FilterStatus::go_on;
  }

 private:
  void put_in_frame(Buffer& out) {
    GrpcFrameHead::append(out, 0, static_cast<std::uint32_t>(request_.size()));
    out.append(std::move(request_));
  }

  const GrpcHttp1BridgeConfig config_;
  bool active_ = false, bare_ = false;
  std::size_t head_left_ = 0;           // of a bare answer's frame, to be cut off
  http::ResponseHead* head_ = nullptr;  // held back
  Buffer request_, kept_;               // the body of a bare request; that of the answer
};

}  // namespace

hcm::HttpFilter* GrpcHttp1BridgeFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<GrpcHttp1Bridge>(stream, config_);
}

}  // namespace outrigger::filters
