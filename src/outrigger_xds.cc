// outrigger-xds: reads the command line, then serves or validates a directory of xDS resources.
#include <filesystem>
#include <iostream>
#include "control_plane/daemon.h"
#include "control_plane/grpc/grpc_server.h"
#include "proxy/base/log.h"
#include "xds/load/bootstrap.h"
#include "xds/load/library_log.h"

namespace outrigger::control_plane {
namespace {

// What proxies say is in it: one line stays one line.
constexpr std::string_view kLogText = "[%Y-%m-%d %T.%e][%l][%n] %_";
constexpr std::string_view kLogJson = R"({"time":"%Y-%m-%dT%T.%e%z","level":"%l","logger":"%n","message":"%j"})";

int validate(const Options& o) {
  Directory d(o.directory, {o.strict});
  const bool good = d.read();
  std::cerr << xds::problems_text(d.problems());
  if (!good) return 1;
  std::cout << "directory '" << o.directory << "' OK: " << d.files() << " file(s)\n";
  return 0;
}

int serve(const Options& o) {
  logger::set_all_levels(*logger::parse_level(o.log_level));
  logger::set_format(o.log_json ? kLogJson : kLogText);
  if (!o.log_path.empty() && !logger::open_file(o.log_path)) {
    std::cerr << "outrigger-xds: --log-path: cannot open '" << o.log_path << "'\n";
    return 1;
  }
  xds::log_protobuf();
  std::error_code error;
  if (!std::filesystem::is_directory(o.directory, error)) {
    LOG_CRITICAL(logger::main, "'", o.directory, "' is no directory");
    return 1;
  }
  Daemon daemon(o);
  if (const auto opened = daemon.open_admin(); !opened) {
    LOG_CRITICAL(logger::main, opened.error().detail);
    return 1;
  }
  auto server =
      GrpcServer::start(daemon.loop(), daemon.plane(), {o.listen, o.certificate, o.key, o.client_authority, o.streams_max});
  if (!server) {
    LOG_CRITICAL(logger::main, server.error().detail);
    return 1;
  }
  LOG_INFO(logger::main, "serving '", o.directory, "' at ", (*server)->address());
  daemon.run();
  LOG_INFO(logger::main, "exiting");
  return 0;
}

int run(int argc, char** argv) {
  const auto o = parse_options(argc, argv);
  if (!o) {
    std::cerr << "outrigger-xds: " << o.error().detail << "\n";
    return 1;
  }
  switch (o->mode) {
    case Options::help: std::cout << help_text(); return 0;
    case Options::validate: return validate(*o);
    case Options::serve: return serve(*o);
  }
  return 1;
}

}  // namespace
}  // namespace outrigger::control_plane

int main(int argc, char** argv) { return outrigger::control_plane::run(argc, argv); }
