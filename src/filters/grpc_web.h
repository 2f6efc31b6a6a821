// The filter grpc_web: clients that have no trailers (browsers) speak gRPC-Web, upstreams gRPC. Trailers come at the end of the
// body; bodies may be base64.
#pragma once
#include "proxy/hcm/filter.h"
#include "proxy/stats/named_blocks.h"

namespace outrigger::filters {

class GrpcWebFactory final : public hcm::FilterFactory {
 public:
  /// `names`: of stats, below "cluster.".
  explicit GrpcWebFactory(stats::NamedBlocks& names) : names_(names) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  stats::NamedBlocks& names_;
};

}  // namespace outrigger::filters
