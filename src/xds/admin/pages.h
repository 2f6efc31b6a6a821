// The admin pages that print messages: /config_dump and /server_info. Main thread.
#pragma once
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/server/server.h"
#include "xds/load/options.h"

namespace outrigger::xds {

/// Keeps a compact copy of the bootstrap; `options` is copied.
void add_config_pages(server::Server& server, const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options);

extern const char* const kVersion;
/// "<hash>/1.0.0/Clean/RELEASE/none", the shape of Envoy's.
std::string version_text();

}  // namespace outrigger::xds
