// The filter istio.metadata_exchange of HTTP, as far as others must not notice that nothing is exchanged: headers that tell of
// a peer go no further than here.
#pragma once
#include "proxy/hcm/filter.h"

namespace outrigger::filters {

/// Of which messages the headers are taken.
struct PeerMetadata {
  bool requests = false, responses = false;
};

class PeerMetadataFactory final : public hcm::FilterFactory {
 public:
  explicit PeerMetadataFactory(PeerMetadata of) : of_(of) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  PeerMetadata of_;
};

}  // namespace outrigger::filters
