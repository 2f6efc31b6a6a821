#include "unit/sim/scenario.h"

namespace outrigger::sim {

namespace {

std::string text_of(const Weather& w) {
  std::string s = "weather:";
  if (w.fault != Fault::none) s += " " + std::string(sim::text_of(w.fault)) + " at operation " + std::to_string(w.at);
  if (w.batch) s += " batch";
  if (w.dribble) s += " dribble";
  if (w.seed != 0) s += " seed " + std::to_string(w.seed);
  return s;
}

/// True: the fault was reached.
bool play(const Scenario& s, const Weather& w) {
  INFO(text_of(w));
  World world(s.setup, w);
  s.play(world);
  const std::string left = world.finish();
  CHECK(left == "");
  return world.network.fault_reached();
}

}  // namespace

void play_once(const Scenario& s, const Weather& w) { play(s, w); }

void play_all(const Scenario& s) {
  play(s, {});
  play(s, {.batch = true});
  if (!s.bulk) play(s, {.dribble = true});
  const auto with = [&](Fault fault, bool batch) {
    // The first operations one by one; of bulk the later ones in growing steps.
    for (unsigned at = 1; play(s, {.fault = fault, .at = at, .batch = batch}); at += s.bulk ? 1 + at / 8 : 1) REQUIRE(at < 3000);
  };
  for (const auto fault : kNetworkFaults) with(fault, false);
  for (const auto fault : kWorkerFaults) with(fault, false);
  if (s.bulk) return;
  for (const auto fault : kNetworkFaults) with(fault, true);
}

}  // namespace outrigger::sim
