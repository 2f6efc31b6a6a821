// A bootstrap in YAML or JSON: accepted, or refused with at least one problem that says where it is. Nothing is
// opened and nothing runs.
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "proxy/base/log.h"
#include "xds/compile/bootstrap.h"
#include "xds/compile/secrets.h"
#include "xds/load/bootstrap.h"

using namespace outrigger;  // NOLINT: a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  logger::set_all_levels(*logger::parse_level("off"));
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("filename") != std::string::npos || text.find("path:") != std::string::npos) return 0;  // reads files
  outrigger::xds::Options o;
  o.config_yaml = text;
  o.mode = outrigger::xds::Options::validate;
  outrigger::xds::Problems problems;
  outrigger::xds::LoadedBootstrap loaded;
  if (outrigger::xds::load_bootstrap(o, loaded, problems)) {
    stats::Registry stats;
    accesslog::Files files;
    outrigger::event::Loop loop;
    outrigger::xds::SecretStore secrets(loop, stats);
    outrigger::xds::CompileContext c{problems, stats, files};
    c.secrets = &secrets;
    c.validate_only = true;
    (void)outrigger::xds::compile_bootstrap(loaded.message, o, c);
  }
  outrigger::xds::locate_problems(loaded, problems);
  const std::string told = outrigger::xds::problems_text(problems);
  check(problems.ok() || !told.empty());
  for (const auto& p : problems.list()) check(!p.text.empty());
  return 0;
}
