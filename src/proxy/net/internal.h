// Connections within one worker, without a socket: what a cluster's endpoint with an internal address and a listener
// with internal_listener have between them. Bytes are moved, not copied, and each direction is bounded.
#pragma once
#include <memory>
#include <string_view>
#include "proxy/base/metadata.h"
#include "proxy/event/loop.h"
#include "proxy/net/shared_state.h"
#include "proxy/net/transport.h"

namespace outrigger::net {

/// What the connecting side tells the accepting one beyond bytes (internal_upstream).
struct Passed {
  MetadataPtr metadata{};  // null: none
  SharedStates state{};
};

/// The internal listeners of one worker.
class InternalListeners {
 public:
  virtual bool has(std::string_view name) noexcept = 0;
  /// The listener may have gone since: then the transport is closed.
  virtual void accept(std::string_view name, std::unique_ptr<Transport> t, Passed passed) = 0;
  /// Bytes that wait in one direction, at most.
  virtual std::size_t buffer_bytes() const noexcept = 0;

 protected:
  ~InternalListeners() = default;
};

/// Connects to the listener that `to` names, which gets the other end before this returns. Null: it refuses.
std::unique_ptr<Transport> connect_internal(event::Loop& loop, InternalListeners& listeners, const Address& to, Passed passed);

}  // namespace outrigger::net
