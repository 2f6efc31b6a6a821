// What every object of one thread (a worker, or main) may use: its loop, its stats cells, its random
// numbers, the runtime values it currently sees, the network. Owned by the Worker; confined to its thread.
#pragma once
#include <memory>
#include <string>
#include "proxy/base/random.h"
#include "proxy/event/loop.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/cells.h"

namespace outrigger::net {
class Dialer;  // references only: net comes after runtime in the layers
class InternalListeners;
}  // namespace outrigger::net
namespace outrigger::event {
class ScaledTimers;
}

namespace outrigger::runtime {

class Overload;

struct ThreadContext {
  event::Loop& loop;
  stats::Cells& cells;
  Random& random;
  net::Dialer& dialer;                         // opens connections to upstreams
  std::shared_ptr<const Snapshot> runtime;     // never null; replaced between loop turns
  std::string name;                            // "worker_0", "main_thread"
  net::InternalListeners* internal = nullptr;  // of this worker; null: none
  std::size_t number = 0;                      // main is 0, then come the workers
  const Overload* overload = nullptr;          // of the overload manager; null: there is none here
  event::ScaledTimers* scaled = nullptr;       // what shortens timeouts; null: nothing does
};

}  // namespace outrigger::runtime
