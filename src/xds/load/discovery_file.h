// A file with a DiscoveryResponse: .yaml, .json, .pb or .pb_text. Main thread.
#pragma once
#include <string>
#include "proxy/base/result.h"
#include "xds/protocol/messages.h"

namespace outrigger::xds {

/// Errors name file, line and column. `allow_unknown`: unknown fields are passed over.
Result<void> load_discovery_file(const std::string& path, bool allow_unknown, Response& into);

}  // namespace outrigger::xds
