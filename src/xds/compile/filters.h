// HTTP filters by their type URL: config to factory, and per-route config.
#pragma once
#include <memory>
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Null when wrong (told). `stat_prefix`: the manager's "http.<prefix>.".
std::shared_ptr<const hcm::FilterFactory> compile_http_filter(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, bool last,
    const std::string& stat_prefix, const Path& at, CompileContext& c);

/// Is that the config of an HTTP filter that is implemented?
bool is_http_filter_config(std::string_view message);

/// typed_per_filter_config of one filter: an object of the kind that the filter's factory understands. Problems go to
/// `problems`, not to those of the context.
std::shared_ptr<const route::FilterPart> compile_filter_override(std::string_view filter_name, const google::protobuf::Any& any,
                                                                 const Path& at, Problems& problems, const CompileContext& c);

}  // namespace outrigger::xds
