// The filter grpc_stats: counts calls, their statuses and messages by method, and leaves the number of messages in filter state.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "proxy/hcm/filter.h"
#include "proxy/stats/named_blocks.h"

namespace outrigger::filters {

struct GrpcStatsConfig {
  bool all_methods = false, replace_dots = false, emit_filter_state = false, upstream_stats = false;
  std::vector<std::pair<std::string, std::string>> methods;  // services and methods to name, sorted; others have no name
  stats::NamedBlocks* names = nullptr;                       // below "cluster."
};

class GrpcStatsFactory final : public hcm::FilterFactory {
 public:
  explicit GrpcStatsFactory(GrpcStatsConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  GrpcStatsConfig config_;
};

}  // namespace outrigger::filters
