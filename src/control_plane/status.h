// The status page: the directory and what is wrong with it, what is served, and each proxy with what it was told and how it
// answered; as text and as JSON. Main thread.
#pragma once
#include <string>
#include "control_plane/control_plane.h"
#include "control_plane/directory.h"

namespace outrigger::control_plane {

/// What is known of the readings of the directory.
struct Readings {
  WallTime started{}, last{}, good_since{};
  std::uint64_t count = 0, failures = 0;
  bool last_was_good = false;
};

std::string status_text(const Directory& d, const Readings& r, const ControlPlane& p);
std::string status_json(const Directory& d, const Readings& r, const ControlPlane& p);

}  // namespace outrigger::control_plane
