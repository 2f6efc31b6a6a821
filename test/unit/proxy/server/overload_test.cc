// The overload manager: triggers at both sides of their thresholds, monitors' texts, and what is told to workers.
#include "proxy/server/overload_manager.h"

#include <stdlib.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <fstream>

#include "proxy/net/dialer.h"
#include "unit/sim/clock.h"

namespace outrigger::server {
namespace {

using namespace std::chrono_literals;
using runtime::LoadShedPoint;
using runtime::OverloadAction;

TEST_CASE("a threshold is met from its value on", "[overload]") {
  const auto [value, pressure, share] = GENERATE(table<double, double, float>(
      {{0.9, 0.89999, 0.f}, {0.9, 0.9, 1.f}, {0.9, 1, 1.f}, {0, 0, 1.f}, {1, 0.99999, 0.f}, {1, 1, 1.f}, {1, 70, 1.f}}));
  CHECK(OverloadTrigger{0, 0, value, false}.share(pressure) == share);
}

TEST_CASE("between two thresholds an action goes so far", "[overload]") {
  const auto [begin, full, pressure, share] = GENERATE(table<double, double, double, float>({{0.5, 1, 0.49, 0.f},
                                                                                             {0.5, 1, 0.5, 0.f},
                                                                                             {0.5, 1, 0.51, 0.02f},
                                                                                             {0.5, 1, 0.75, 0.5f},
                                                                                             {0.5, 1, 0.99, 0.98f},
                                                                                             {0.5, 1, 1, 1.f},
                                                                                             {0, 0.5, 0, 0.f},
                                                                                             {0, 0.5, 0.5, 1.f},
                                                                                             {0, 0.5, 2, 1.f}}));
  CHECK(OverloadTrigger{0, begin, full, true}.share(pressure) == Approx(share));
}

TEST_CASE("a share of what comes is hit", "[overload]") {
  const auto [share, least, most] =
      GENERATE(table<float, int, int>({{0.f, 0, 0}, {1.f, 10000, 10000}, {0.5f, 4700, 5300}, {0.01f, 50, 200}}));
  runtime::Overload o;
  Random random(1);
  o.set(OverloadAction::disable_http_keepalive, share);
  int hits = 0, others = 0;
  for (int i = 0; i < 10000; ++i) {
    hits += o.hits(OverloadAction::disable_http_keepalive, random);
    others += o.hits(OverloadAction::stop_accepting_requests, random);
  }
  CHECK(hits >= least);
  CHECK(hits <= most);
  CHECK(others == 0);
}

TEST_CASE("what is shed is counted", "[overload]") {
  stats::Registry registry;
  runtime::Overload o;
  Random random(1);
  const auto block = stats::make_block<runtime::LoadShedStat>(registry, "overload.p.");
  o.count(LoadShedPoint::tcp_listener_accept, block);
  CHECK_FALSE(o.sheds(LoadShedPoint::tcp_listener_accept, random, registry.main()));
  o.set(LoadShedPoint::tcp_listener_accept, 1);
  CHECK(o.sheds(LoadShedPoint::tcp_listener_accept, random, registry.main()));
  CHECK_FALSE(o.sheds(LoadShedPoint::hcm_ondata_creating_codec, random, registry.main()));
}

TEST_CASE("the text of a pressure", "[overload]") {
  const auto [text, value] = GENERATE(table<const char*, std::optional<double>>({{"0", 0.0},
                                                                                 {"1", 1.0},
                                                                                 {"0.95", 0.95},
                                                                                 {" 0.95\n", 0.95},
                                                                                 {"+0.5", 0.5},
                                                                                 {".5", 0.5},
                                                                                 {"9.5e-1", 0.95},
                                                                                 {"", {}},
                                                                                 {" \n", {}},
                                                                                 {"x", {}},
                                                                                 {"0.5 0.5", {}},
                                                                                 {"0.5x", {}},
                                                                                 {"0,5", {}},
                                                                                 {"1.0001", {}},
                                                                                 {"-0.1", {}},
                                                                                 {"inf", {}},
                                                                                 {"nan", {}}}));
  CAPTURE(text);
  CHECK(injected_pressure(text) == value);
}

TEST_CASE("the kernel's times of CPUs", "[overload]") {
  const auto t = cpu_times("cpu  10 2 3 80 4 1 0 0 0 0\ncpu0 1 1 1 1\n");
  REQUIRE(t);
  CHECK(t->busy == 15);
  CHECK(t->all == 100);
  CHECK(cpu_times("cpu 1 2 3 4")->all == 10);
  CHECK_FALSE(cpu_times(""));
  CHECK_FALSE(cpu_times("cpu"));
  CHECK_FALSE(cpu_times("cpu 1 2 3\n"));
  CHECK_FALSE(cpu_times("cpu 1 2 3 x\n"));
  CHECK_FALSE(cpu_times("cpu0 1 2 3 4\n"));
}

TEST_CASE("bytes of a cgroup", "[overload]") {
  CHECK(cgroup_bytes("max\n") == UINT64_MAX);
  CHECK(cgroup_bytes("-1") == UINT64_MAX);
  CHECK(cgroup_bytes("4096\n") == 4096u);
  CHECK_FALSE(cgroup_bytes(""));
  CHECK_FALSE(cgroup_bytes("4096 x"));
  CHECK_FALSE(cgroup_bytes("-2"));
}

/// A manager whose pressure is what a file says.
struct Play {
  Play() {
    char name[] = "/tmp/outrigger-overload-XXXXXX";
    folder = ::mkdtemp(name);
    put("0");
    config.monitors.push_back({ResourceMonitorConfig::file, "file", folder + "/pressure", 0, {}});
  }
  ~Play() {
    ::unlink((folder + "/pressure").c_str());
    ::rmdir(folder.c_str());
  }
  void put(const std::string& text) {
    const std::string path = folder + "/pressure";
    std::ofstream(path + ".new") << text;
    ::rename((path + ".new").c_str(), path.c_str());
    loop.poll();  // the watch is told
  }
  OverloadActionConfig& add(OverloadActionConfig::Kind kind, double begin, double full) {
    auto& a = config.actions.emplace_back();
    a.kind = kind;
    a.name = "a" + std::to_string(config.actions.size());
    a.triggers.push_back({0, begin, full, begin != full});
    return a;
  }
  OverloadManager& start() {
    manager = std::make_unique<OverloadManager>(thread, registry);
    REQUIRE(manager->start(config, {[this](bool on) { held.push_back(on); },
                                    [this](event::ScaledKind kind, double s) { scaled.emplace_back(kind, s); }}));
    return *manager;
  }
  void at(const std::string& text) {
    put(text);
    manager->refresh();
  }
  bool hits(OverloadAction a) { return manager->state().hits(a, random); }
  sim::Clock clock;
  event::Loop loop{clock};
  stats::Registry registry;
  Random random{1};
  runtime::ThreadContext thread{loop,  registry.main(), random, net::socket_dialer(), std::make_shared<runtime::Snapshot>(),
                                "main"};
  std::string folder;
  OverloadConfig config;
  std::vector<bool> held;
  std::vector<std::pair<event::ScaledKind, double>> scaled;
  std::unique_ptr<OverloadManager> manager;
};

TEST_CASE("workers see an action as long as its trigger is met", "[overload]") {
  Play p;
  p.add(OverloadActionConfig::worker, 0.9, 0.9).action = OverloadAction::stop_accepting_requests;
  p.start();
  CHECK_FALSE(p.hits(OverloadAction::stop_accepting_requests));
  p.at("0.9");
  CHECK(p.hits(OverloadAction::stop_accepting_requests));
  CHECK_FALSE(p.hits(OverloadAction::disable_http_keepalive));
  p.at("x");  // not known: it stays
  CHECK(p.hits(OverloadAction::stop_accepting_requests));
  p.at("0.89");
  CHECK_FALSE(p.hits(OverloadAction::stop_accepting_requests));
}

TEST_CASE("resources are looked at once an interval", "[overload]") {
  Play p;
  p.config.refresh_interval = 100ms;
  p.add(OverloadActionConfig::worker, 0.9, 0.9).action = OverloadAction::stop_accepting_requests;
  p.start();
  p.put("1");
  p.clock.go_to(p.clock.now() + 99ms);
  p.loop.poll();
  CHECK_FALSE(p.hits(OverloadAction::stop_accepting_requests));
  p.clock.go_to(p.clock.now() + 2ms);
  p.loop.poll();
  CHECK(p.hits(OverloadAction::stop_accepting_requests));
}

TEST_CASE("connections are held by the full action alone, and once", "[overload]") {
  Play p;
  p.add(OverloadActionConfig::stop_accepting_connections, 0.5, 0.9);
  p.start();
  for (const auto* text : {"0.6", "0.8", "0.9", "1", "0.7", "0.1"}) p.at(text);
  CHECK(p.held == std::vector<bool>{true, false});
}

TEST_CASE("timers follow the action", "[overload]") {
  Play p;
  p.add(OverloadActionConfig::reduce_timeouts, 0.5, 1).timers = {event::ScaledKind::stream_idle};
  p.start();
  for (const auto* text : {"0.5", "0.75", "0.75", "1", "0"}) p.at(text);
  REQUIRE(p.scaled.size() == 3);
  CHECK(p.scaled[0].first == event::ScaledKind::stream_idle);
  CHECK(p.scaled[0].second == Approx(0.5));
  CHECK(p.scaled[1].second == 0);
  CHECK(p.scaled[2].second == 1);
}

TEST_CASE("an action goes as far as the trigger that goes furthest", "[overload]") {
  Play p;
  p.config.monitors.push_back({ResourceMonitorConfig::heap, "heap", {}, 1, {}});
  auto& a = p.add(OverloadActionConfig::worker, 0.9, 0.9);
  a.action = OverloadAction::reject_incoming_connections;
  a.triggers.push_back({1, 0, 0, false});  // at any pressure: a sanitizer tells of no heap
  p.start();
  p.at("0");
  CHECK(p.hits(OverloadAction::reject_incoming_connections));
  p.at("1");
  p.at("0");
  CHECK(p.hits(OverloadAction::reject_incoming_connections));
}

TEST_CASE("a point sheds what its trigger says", "[overload]") {
  Play p;
  p.add(OverloadActionConfig::point, 0.9, 0.9).shed_at = LoadShedPoint::hcm_ondata_creating_codec;
  p.start();
  const auto sheds = [&] {
    return p.manager->state().sheds(LoadShedPoint::hcm_ondata_creating_codec, p.random, p.registry.main());
  };
  CHECK_FALSE(sheds());
  p.at("1");
  CHECK(sheds());
  p.at("0");
  CHECK_FALSE(sheds());
}

TEST_CASE("a heap without a bound, and a directory that is not there, are refused", "[overload]") {
  Play p;
  const auto start = [&] { return OverloadManager(p.thread, p.registry).start(p.config, {}); };
  SECTION("heap") { p.config.monitors.push_back({ResourceMonitorConfig::heap, "heap", {}, 0, {}}); }
  SECTION("directory") { p.config.monitors.front().path = "/nowhere/at/all"; }
  CHECK_FALSE(start());
}

}  // namespace
}  // namespace outrigger::server
