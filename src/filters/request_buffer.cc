#include "filters/request_buffer.h"

#include "proxy/base/numbers.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;

namespace {

class RequestBuffer final : public hcm::HttpFilter {
 public:
  RequestBuffer(hcm::Stream& stream, const RequestBufferFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead&, bool end_stream) override {
    if (end_stream) return FilterStatus::go_on;
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<RequestBufferConfig>();
    const auto& config = own == nullptr ? factory_.config() : *own;
    if (config.disabled) return FilterStatus::go_on;
    bytes_max_ = config.bytes_max;
    waits_ = true;
    came_whole_ = stream_.request_complete();
    return FilterStatus::stop;
  }

  /// Of a body that waits: all of it so far.
  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (!waits_) return FilterStatus::go_on;
    if (body.size() > bytes_max_) {
      waits_ = false;
      // In HTTP/1 the end is told of after the body: as for Envoy, there was none yet.
      if (!came_whole_ && stream_.info().protocol != http::Protocol::http2) stream_.close_connection();
      stream_.request_too_large();
      return FilterStatus::stop;
    }
    if (!end_stream) return FilterStatus::stop;
    waits_ = false;
    auto& headers = stream_.request().headers;
    if (!headers.has(http::Name::content_length)) headers.add(http::Name::content_length, decimal(body.size(), stream_.arena()));
    stream_.continue_request(*this);
    return FilterStatus::go_on;
  }

 private:
  const RequestBufferFactory& factory_;
  std::uint64_t bytes_max_ = 0;
  bool waits_ = false, came_whole_ = false;
};

}  // namespace

hcm::HttpFilter* RequestBufferFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<RequestBuffer>(stream, *this);
}

}  // namespace outrigger::filters
