// The command line of outrigger-xds. Main thread, once.
#pragma once
#include <string>
#include "proxy/base/result.h"

namespace outrigger::control_plane {

struct Options {
  enum Mode : unsigned char { serve, validate, help } mode = serve;
  std::string directory;
  std::string listen = "127.0.0.1:18000";
  std::string admin = "127.0.0.1:18001";  // "none": no status page
  std::string certificate, key, client_authority;
  std::string identifier = "outrigger-xds";
  bool strict = false;
  std::size_t streams_max = 1000;
  std::string log_level = "info", log_path;
  bool log_json = false;
};

/// Errors tell the flag and what was expected.
Result<Options> parse_options(int argc, const char* const* argv);
std::string help_text();

}  // namespace outrigger::control_plane
