// What is left out of the gRPC library that is linked statically: an ADS stream needs no xDS client of the library's own,
// no other balancers than its usual ones, no injected faults. Main thread; no owner.
#pragma once

namespace outrigger::xds {

/// To be referred to by what uses the library, so that the linker takes this file before the library's own.
void leave_parts_out() noexcept;

}  // namespace outrigger::xds
