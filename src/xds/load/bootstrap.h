// Reads the bootstrap from file and command line into the message, with every problem's place.
// Main thread, once.
#pragma once
#include <memory>
#include <string>
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "xds/load/options.h"
#include "xds/load/source.h"
#include "xds/problems.h"

namespace outrigger::xds {

struct LoadedBootstrap {
  envoy::config::bootstrap::v3::Bootstrap message;
  std::size_t unknown_fields = 0;
  /// Where things are in the texts; empty for pb and pb_text.
  Node file, overlay;
  std::string file_name;
};

/// Reads, merges, checks the rules of the API. False: not even a message could be made.
bool load_bootstrap(const Options& o, LoadedBootstrap& into, Problems& problems);

/// Gives problems that have only a path their line and column, and sorts all by place.
void locate_problems(const LoadedBootstrap& loaded, Problems& problems);

/// "file:12:7: error: static_resources.listeners[0]: text", one line each.
std::string problems_text(const Problems& problems);

}  // namespace outrigger::xds
