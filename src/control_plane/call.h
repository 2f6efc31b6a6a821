// One call of a proxy, as the transport has it: the gRPC library in the program, a script in tests. Main thread.
#pragma once
#include <string>

namespace outrigger::control_plane {

/// gRPC's codes.
inline constexpr int kInvalidArgument = 3, kResourceExhausted = 8, kUnimplemented = 12, kUnavailable = 14;

class Call {
 public:
  virtual ~Call() = default;
  virtual void send(std::string message) = 0;
  /// Nothing is sent after it.
  virtual void finish(int status, const std::string& why) = 0;
};

}  // namespace outrigger::control_plane
