// envoy.config.core.v3.Metadata to what formatters print. Main thread.
#pragma once
#include "envoy/config/core/v3/base.pb.h"
#include "proxy/base/metadata.h"

namespace outrigger::xds {

/// Null when there is none.
MetadataPtr compile_metadata(const envoy::config::core::v3::Metadata& p);

}  // namespace outrigger::xds
