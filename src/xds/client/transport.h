// Streams to a control plane as serialised messages: the gRPC library in the program, a script in tests. Events come on
// the main thread, between loop turns' other work.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace outrigger::xds {

class StreamEvents {
 public:
  /// False: it has enough for now; the next one comes after Stream::go_on().
  virtual bool on_message(std::string message) = 0;
  /// It is over (or was never there). Nothing follows. `message` may be empty.
  virtual void on_closed(int grpc_status, std::string_view message) = 0;

 protected:
  ~StreamEvents() = default;
};

/// Destroying it ends the call; no event follows.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual void send(std::string message) = 0;
  /// After a message that was enough.
  virtual void go_on() = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  /// `method`: as in ":path". Never calls `events` before it returns.
  virtual std::unique_ptr<Stream> open(const std::string& method, StreamEvents& events) = 0;
};

}  // namespace outrigger::xds
