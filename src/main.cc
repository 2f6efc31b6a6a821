// outrigger: reads the command line and the bootstrap, then serves, validates or explains.
#include <sched.h>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <thread>
#include "proxy/base/log.h"
#include "proxy/server/server.h"
#include "xds/admin/pages.h"
#include "xds/compile/bootstrap.h"
#include "xds/compile/redact.h"
#include "xds/compile/secrets.h"
#include "xds/delivery/delivery.h"
#include "xds/grpc/target.h"
#include "xds/load/bootstrap.h"
#include "xds/load/library_log.h"

namespace outrigger {
namespace {

unsigned workers_of(const xds::Options& o) {
  if (o.concurrency > 0 && !o.cpuset_threads) return o.concurrency;
  const unsigned hardware = std::max(1u, std::thread::hardware_concurrency());
  if (!o.cpuset_threads) return hardware;
  cpu_set_t set;
  const unsigned allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set)) : hardware;
  return o.concurrency > 0 ? std::min(o.concurrency, allowed) : allowed;
}

bool set_up_logging(const xds::Options& o) {
  logger::set_all_levels(*logger::parse_level(o.log_level));
  if (!o.component_log_level.empty())
    if (const auto wrong = logger::set_component_levels(o.component_log_level)) {
      std::cerr << "outrigger: --component-log-level: " << *wrong << "\n";
      return false;
    }
  std::string format = o.log_format.empty() ? std::string(logger::kDefaultFormat) : o.log_format;
  if (o.log_format_escaped)
    for (auto at = format.find("%v"); at != std::string::npos; at = format.find("%v", at)) format.replace(at, 2, "%_");
  logger::set_format(format);
  if (!o.log_path.empty() && !logger::open_file(o.log_path)) {
    std::cerr << "outrigger: --log-path: cannot open '" << o.log_path << "'\n";
    return false;
  }
  return true;
}

server::Settings settings_of(const xds::Options& o) {
  server::Settings s;
  s.workers = workers_of(o);
  s.drain_time = std::chrono::seconds(o.drain_time_s);
  s.drain_immediate = o.drain_immediate;
  s.flush_interval = std::chrono::milliseconds(o.flush_interval_ms);
  s.flush_bytes = std::size_t{o.flush_min_kb} * 1024;
  s.admin_address_path = o.admin_address_path;
  s.exit_when_ready = o.mode == xds::Options::init_only;
  return s;
}

/// The problems as log lines, or on standard error when only validating.
void tell(const xds::LoadedBootstrap& loaded, xds::Problems& problems, const std::string& name) {
  xds::locate_problems(loaded, problems);
  std::cerr << xds::problems_text(problems);
  if (problems.ok()) return;
  const auto n = std::count_if(problems.list().begin(), problems.list().end(),
                               [](const auto& p) { return p.severity == xds::Severity::error; });
  LOG_CRITICAL(logger::main, "error initializing configuration '", name, "': ", n, n == 1 ? " error" : " errors");
}

xds::Sources::Settings source_settings(const xds::LoadedBootstrap& loaded, const xds::Options& o, server::Server& server) {
  xds::Sources::Settings s;
  // What services there are stands in the bootstrap, which is not kept: their clusters are, as bytes.
  auto clusters = std::make_shared<std::map<std::string, std::string>>();
  for (const auto& c : loaded.message.static_resources().clusters()) clusters->emplace(c.name(), c.SerializeAsString());
  s.make_transport = [clusters, &server](const xds::ApiConfigSource& config, const xds::Path& at,
                                       xds::Problems& problems) -> std::unique_ptr<xds::Transport> {
    const auto& service = config.grpc_services(0);
    envoy::config::bootstrap::v3::Bootstrap services;
    if (const auto named = clusters->find(service.envoy_grpc().cluster_name()); named != clusters->end())
      services.mutable_static_resources()->add_clusters()->ParseFromString(named->second);
    auto target = xds::compile_grpc_target(service, services, at.at("grpc_services", 0), problems);
    return target ? xds::make_grpc_transport({server.main_context(), server.main_clusters()}, std::move(*target)) : nullptr;
  };
  auto node = loaded.message.node();
  if (node.user_agent_name().empty()) {  // as which Envoy says "envoy"
    node.set_user_agent_name("outrigger");
    node.set_user_agent_version(xds::kVersion);
  }
  s.node = node.SerializeAsString();
  s.reject_unknown_fields = o.reject_unknown_dynamic_fields;
  return s;
}

int serve(const xds::Options& o) {
  const bool validate = o.mode == xds::Options::validate;
  const std::string name = o.config_path.empty() && !o.config_yaml.empty() ? "--config-yaml" : o.config_path;
  if (!set_up_logging(o)) return 1;
  xds::log_protobuf();
  for (const auto& flag : o.without_effect) LOG_INFO(logger::main, "--", flag, " is accepted and has no effect");
  server::Server server(settings_of(o));
  std::unique_ptr<xds::Sources> sources;  // goes after what asks for something
  xds::SecretStore secrets(server.loop(), server.registry());
  std::unique_ptr<xds::Delivery> delivery;
  xds::Problems problems;
  auto loaded = std::make_unique<xds::LoadedBootstrap>();
  server::Config config;
  if (xds::load_bootstrap(o, *loaded, problems)) {
    xds::CompileContext c{problems, server.registry(), server.files()};
    c.workers = server.settings().workers;
    c.validate_only = validate;
    c.dns_cache = [&server](const auto& cache, std::size_t threads) {
      return server.clusters().dns_caches().get(cache, threads);
    };
    c.secrets = &secrets;
    sources = std::make_unique<xds::Sources>(server.loop(), server.registry(), server.random(),
                                             source_settings(*loaded, o, server));
    secrets.set_sources(sources.get());
    delivery = std::make_unique<xds::Delivery>(server, *sources);
    delivery->prepare(loaded->message, c);
    config = xds::compile_bootstrap(loaded->message, o, c);
    if (problems.ok() && !validate) delivery->keep(c);
  }
  tell(*loaded, problems, name);
  if (!problems.ok()) return 1;
  if (validate) {
    std::cout << "configuration '" << name << "' OK\n";
    return 0;
  }
  config.unknown_fields = loaded->unknown_fields;
  config.load_dynamic = [&delivery](std::function<void()> done) { delivery->start(std::move(done)); };
  if (!config.log_format.empty()) logger::set_format(config.log_format);
  secrets.forget_private_keys();
  xds::redact(loaded->message);
  xds::add_config_pages(server, loaded->message, o, secrets, *delivery);
  loaded.reset();
  if (const auto started = server.start(std::move(config)); !started) {
    LOG_CRITICAL(logger::main, "error initializing configuration '", name, "': ", started.error().detail);
    return 1;
  }
  if (!o.base_id_path.empty()) std::ofstream(o.base_id_path) << o.base_id;
  server.run();
  LOG_INFO(logger::main, "exiting");
  return 0;
}

int run(int argc, char** argv) {
  const auto o = xds::parse_options(argc, argv);
  if (!o) {
    std::cerr << "outrigger: " << o.error().detail << "\n";
    return 1;
  }
  switch (o->mode) {
    case xds::Options::help: std::cout << xds::help_text(); return 0;
    case xds::Options::version: std::cout << "\noutrigger  version: " << xds::version_text() << "\n\n"; return 0;
    case xds::Options::hot_restart_version: std::cout << "disabled\n"; return 0;
    default: return serve(*o);
  }
}

}  // namespace
}  // namespace outrigger

int main(int argc, char** argv) { return outrigger::run(argc, argv); }
