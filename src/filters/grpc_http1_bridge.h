// The filter grpc_http1_bridge: clients of HTTP/1 call gRPC upstreams. The answer is kept until its trailers have come, whose
// status and message then stand in its head. With `upgrade_protobuf` requests and answers are messages without frames.
#pragma once
#include "proxy/hcm/filter.h"

namespace outrigger::filters {

struct GrpcHttp1BridgeConfig {
  bool upgrade_protobuf = false, ignore_query = false;
};

class GrpcHttp1BridgeFactory final : public hcm::FilterFactory {
 public:
  explicit GrpcHttp1BridgeFactory(GrpcHttp1BridgeConfig config) : config_(config) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  GrpcHttp1BridgeConfig config_;
};

}  // namespace outrigger::filters
