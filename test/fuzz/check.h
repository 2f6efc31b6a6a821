// What every fuzz target does when the product breaks its word.
#pragma once
#include <cstdlib>

inline void check(bool ok) {
  if (!ok) std::abort();
}
