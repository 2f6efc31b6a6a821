// Filters whose config comes later (ECDS): entries of http_filters with config_discovery. Main thread.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "envoy/config/core/v3/config_source.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/filter.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// One such entry: what its config must be, and what there is until it comes.
struct LateFilter {
  std::string name;  // of the extension, too
  envoy::config::core::v3::ConfigSource source;
  std::vector<std::string> types;                      // messages that the config may be
  std::string stat_prefix;                             // the manager's "http.<prefix>."
  bool last = false;                                   // of the chain
  bool at_once = false;                                // it isn't waited for
  std::shared_ptr<const hcm::FilterFactory> fallback;  // default_config; null: none
};

/// Null when wrong (told).
std::shared_ptr<const hcm::FilterFactory> compile_late_filter(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, bool last,
    const std::string& stat_prefix, const Path& at, CompileContext& c);

/// Empty: it may be of this type. Otherwise why not.
std::string check_late_type(const google::protobuf::Any& config, const LateFilter& f);

/// What came for the entry. Null when wrong (told).
std::shared_ptr<hcm::FilterFactory> compile_late_config(const google::protobuf::Any& config, const LateFilter& f, const Path& at,
                                                        CompileContext& c);

}  // namespace outrigger::xds
