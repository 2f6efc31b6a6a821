// Which hosts of a cluster a request may have, by its metadata and theirs ("envoy.lb"). Immutable, made by xds/compile.
#pragma once
#include <cstdint>
#include <string>
#include <vector>
#include "proxy/base/metadata.h"

namespace outrigger::upstream {

/// What is done when no subset fits a request.
enum class SubsetFallback : std::uint8_t { undefined, none, any, default_subset, fewer_keys };

struct SubsetConfig {
  struct Selector {
    std::vector<std::string> keys;  // in order, each once
    SubsetFallback fallback = SubsetFallback::undefined;
    std::vector<std::string> fallback_keys;  // some of the keys
    bool single_host = false;                // one host for each value
  };
  SubsetFallback fallback = SubsetFallback::none;
  MetadataValue default_subset;  // an object
  std::vector<Selector> selectors;
  bool locality_weights = false;        // locality_weight_aware
  bool scale_locality_weights = false;  // by what part of a locality a subset has
  bool panic_any = false;               // rather any host than none
  bool fallback_list = false;           // requests may list what to try one after the other (metadata_fallback_policy)
  bool list_as_any = false;             // a list in a host's metadata stands for each of its values
};

}  // namespace outrigger::upstream
