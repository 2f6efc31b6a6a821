// The counters of the control plane in Prometheus' text format. Main thread.
#pragma once
#include <string>
#include "control_plane/control_plane.h"
#include "control_plane/directory.h"
#include "control_plane/status.h"

namespace outrigger::control_plane {

std::string metrics_text(const Directory& d, const Readings& r, const ControlPlane& p);

}  // namespace outrigger::control_plane
