#include "filters/peer_metadata.h"

#include "proxy/hcm/stream.h"

namespace outrigger::filters {

namespace {

void strip(http::HeaderMap& h) {
  constexpr std::string_view kName = "x-envoy-peer-metadata", kId = "x-envoy-peer-metadata-id";
  if (h.find(kName) != nullptr) h.remove(kName);
  if (h.find(kId) != nullptr) h.remove(kId);
}

class Filter final : public hcm::HttpFilter {
 public:
  Filter(hcm::Stream& stream, PeerMetadata of) : HttpFilter(stream), of_(of) {}
  hcm::FilterStatus on_request_head(http::RequestHead& head, bool) override {
    if (of_.requests) strip(head.headers);
    return hcm::FilterStatus::go_on;
  }
  hcm::FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    if (of_.responses) strip(head.headers);
    return hcm::FilterStatus::go_on;
  }

 private:
  PeerMetadata of_;
};

}  // namespace

hcm::HttpFilter* PeerMetadataFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<Filter>(stream, of_); }

}  // namespace outrigger::filters
