// Config that changes while streams use it.
#include <catch2/catch.hpp>

#include <string>
#include "proxy/hcm/late.h"

namespace outrigger::hcm {
namespace {

TEST_CASE("a version of late config lives as long as it is the newest or pinned", "[late]") {
  Late<std::string> late(2);
  CHECK(late.pin(0).get() == nullptr);
  auto first = std::make_shared<const std::string>("first");
  const std::weak_ptr<const std::string> seen = first;
  late.set(0, first);
  late.set(1, std::move(first));
  auto pin = late.pin(0);
  late.set(0, std::make_shared<const std::string>("second"));
  CHECK(*pin.get() == "first");
  CHECK(*late.pin(0).get() == "second");
  CHECK(*late.pin(1).get() == "first");
  late.set(1, nullptr);
  CHECK(late.pin(1).get() == nullptr);
  CHECK_FALSE(seen.expired());
  pin.reset();
  CHECK(seen.expired());
}

TEST_CASE("a pin outlives what it comes from", "[late]") {
  auto late = std::make_unique<Late<int>>(1);
  late->set(0, std::make_shared<const int>(7));
  auto pin = late->pin(0);
  late.reset();
  CHECK(*pin.get() == 7);
}

}  // namespace
}  // namespace outrigger::hcm
