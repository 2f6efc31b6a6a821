// The command line of outrigger-xds.
#include "control_plane/options.h"
#include <catch2/catch.hpp>

#include <vector>

namespace outrigger::control_plane {
namespace {

Result<Options> parsed(std::vector<const char*> args) {
  args.insert(args.begin(), "outrigger-xds");
  return parse_options(static_cast<int>(args.size()), args.data());
}

TEST_CASE("flags may have their value with = or behind them, and stand anywhere", "[control_plane]") {
  const auto o = parsed({"--listen=unix:@x", "dir/", "--admin", "none", "--strict", "--max-streams", "7", "--log-format=json"});
  REQUIRE(o.has_value());
  CHECK(o->directory == "dir");
  CHECK(o->listen == "unix:@x");
  CHECK(o->admin == "none");
  CHECK(o->strict);
  CHECK(o->streams_max == 7);
  CHECK(o->log_json);
  CHECK(o->mode == Options::serve);
  CHECK(parsed({"--validate", "d"})->mode == Options::validate);
  CHECK(parsed({"-h"})->mode == Options::help);
}

TEST_CASE("what is wrong with the command line is told", "[control_plane]") {
  struct Row {
    std::vector<const char*> args;
    std::string told;
  };
  const Row rows[] = {
      {{}, "no directory given"},
      {{"a", "b"}, "two directories"},
      {{"a", "--nothing"}, "unknown argument '--nothing'"},
      {{"a", "-x"}, "unknown argument"},
      {{"a", "--listen"}, "--listen needs a value"},
      {{"a", "--listen="}, "must not be empty"},
      {{"a", "--listen", "here"}, "expected host:port"},
      {{"a", "--strict=yes"}, "takes no value"},
      {{"a", "--strict", "--strict"}, "given twice"},
      {{"a", "--max-streams", "0"}, "expected a number"},
      {{"a", "--log-level", "loud"}, "expected trace"},
      {{"a", "--log-format", "xml"}, "expected text or json"},
      {{"a", "--tls-cert", "c"}, "belong together"},
      {{"a", "--tls-client-ca", "c"}, "needs --tls-cert"},
  };
  for (const auto& row : rows) {
    const auto o = parsed(row.args);
    REQUIRE(!o.has_value());
    CHECK_THAT(o.error().detail, Catch::Contains(row.told));
  }
}

TEST_CASE("the help of outrigger-xds names every flag", "[control_plane]") {
  const std::string help = help_text();
  for (const auto* flag : {"--listen", "--admin", "--validate", "--strict", "--tls-cert", "--tls-key", "--tls-client-ca",
                           "--max-streams", "--identifier", "--log-level", "--log-format", "--log-path", "--help", "nodes/ID",
                           "clusters/NAME", "SIGHUP"})
    CHECK_THAT(help, Catch::Contains(flag));
}

}  // namespace
}  // namespace outrigger::control_plane
