// A self-signed certificate and its key, made once per run of the tests.
#pragma once
#include <string>

namespace outrigger::sim {

struct Certificate {
  std::string chain, key;  // PEM, as quoted YAML scalars
  static const Certificate& for_tests();
};

}  // namespace outrigger::sim
