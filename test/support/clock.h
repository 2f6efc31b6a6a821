// A clock in the test's hands.
#pragma once
#include "proxy/base/time.h"

namespace outrigger::test {

struct Clock final : TimeSource {
  TimePoint t{Duration(123456789)};
  WallTime w{};
  TimePoint now() const noexcept override { return t; }
  WallTime wall() const noexcept override { return w; }
};

}  // namespace outrigger::test
