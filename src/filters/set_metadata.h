// The filter set_metadata: dynamic metadata out of the config, then out of that of the route. Envoy: set_metadata_filter.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.set_metadata."; of routes below "set_metadata.".
enum class SetMetadataStat : std::uint16_t { overwrite_denied };

inline stats::BlockDef block_def(SetMetadataStat) {
  static constexpr stats::StatDef kStats[] = {{stats::Kind::counter, "overwrite_denied"}};
  return {kStats, {}};
}

struct SetMetadataConfig : route::FilterPart {
  struct Entry {
    std::string name;  // the namespace
    bool overwrite = false;
    MetadataValue value;  // an object
  };
  std::vector<Entry> entries;
  stats::BlockHandle stats;
};

/// Fields of `from` that `into` has: objects are merged, lists joined, others replaced.
void update_metadata(MetadataValue& into, const MetadataValue& from);

class SetMetadataFactory final : public hcm::FilterFactory {
 public:
  explicit SetMetadataFactory(std::shared_ptr<const SetMetadataConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const SetMetadataConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const SetMetadataConfig> config_;
};

}  // namespace outrigger::filters
