#include "proxy/base/parking.h"

#include <catch2/catch.hpp>
#include <functional>
#include <vector>

namespace outrigger {
namespace {

struct Request final : Parked {
  void on_arrival(Arrival a) override {
    told.push_back(a);
    if (then) then();
  }
  std::vector<Arrival> told;
  std::function<void()> then;
};
using Told = std::vector<Arrival>;
using Place = Parking::Place;

TEST_CASE("the first that waits for a name asks, and all that wait for it are told", "[hcm]") {
  Parking p;
  Request a, b, other;
  CHECK(p.park("x", a) == Place::first);
  CHECK(p.park("x", b) == Place::one_more);
  CHECK(p.park("y", other) == Place::first);
  p.wake("x", Arrival::missing);
  CHECK(a.told == Told{Arrival::missing});
  CHECK(b.told == Told{Arrival::missing});
  CHECK(other.told.empty());
  CHECK(p.size() == 1);
  p.wake("x", Arrival::came);
  CHECK(a.told.size() == 1);
  CHECK(p.park("x", a) == Place::first);
}

TEST_CASE("one that left is not told, and a name that nobody waits for any more is asked for anew", "[hcm]") {
  Parking p;
  Request b;
  {
    Request a;
    CHECK(p.park("x", a) == Place::first);
    CHECK(p.park("x", b) == Place::one_more);
  }
  CHECK(p.size() == 1);
  b.leave();
  b.leave();
  CHECK(p.size() == 0);
  CHECK(p.names() == 0);
  CHECK(p.park("x", b) == Place::first);
}

TEST_CASE("there is room for so many and no more", "[hcm]") {
  Parking p(2);
  Request a, b, c;
  CHECK(p.park("x", a) == Place::first);
  CHECK(p.park("y", b) == Place::first);
  CHECK(p.park("x", c) == Place::full);
  CHECK(p.park("z", c) == Place::full);
  CHECK(p.names() == 2);
  a.leave();
  CHECK(p.park("y", c) == Place::one_more);
}

TEST_CASE("who is told may end others and may wait again", "[hcm]") {
  Parking p;
  Request a, b, c;
  auto ended = std::make_unique<Request>();
  a.then = [&] {
    ended = nullptr;
    b.leave();
    CHECK(p.park("x", a) == Place::first);  // what comes next is for it
  };
  p.park("x", a);
  p.park("x", *ended);
  p.park("x", b);
  p.park("x", c);
  p.wake("x", Arrival::came);
  CHECK(a.told.size() == 1);
  CHECK(b.told.empty());
  CHECK(c.told == Told{Arrival::came});
  CHECK(p.size() == 1);
  a.then = nullptr;
  p.wake("x", Arrival::late);
  CHECK(a.told == Told{Arrival::came, Arrival::late});
  CHECK(p.size() == 0);
}

}  // namespace
}  // namespace outrigger
