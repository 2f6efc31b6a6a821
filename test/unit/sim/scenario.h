// Plays a scenario in fair weather, then again and again with each of its I/O operations failing in each way. A
// play() says what happens and checks the outcome with the macros below; what must hold after every run (nothing is
// left, one log line per request, only HTTP on the wires) is checked here.
#pragma once
#include <catch2/catch.hpp>
#include <functional>
#include "unit/sim/world.h"

namespace outrigger::sim {

/// Holds when nothing fails and nothing is late.
#define CHECK_CLEAN(world, ...) \
  do {                          \
    if ((world).clean()) {      \
      CHECK(__VA_ARGS__);       \
    }                           \
  } while (false)
/// Holds when nothing is lost, though all may be late or in pieces.
#define CHECK_GENTLE(world, ...) \
  do {                           \
    if ((world).gentle()) {      \
      CHECK(__VA_ARGS__);        \
    }                            \
  } while (false)

struct Scenario {
  Setup setup;
  std::function<void(World&)> play;
  bool bulk = false;  // much data: not byte by byte, and only every few operations fail
};

void play_once(const Scenario& s, const Weather& w);
/// Fair weather, all at once, byte by byte, then every operation failing in every way; then the worker draining,
/// losing its hosts, ending at every operation.
void play_all(const Scenario& s);

}  // namespace outrigger::sim
