// The port of the control plane, on the gRPC C++ library, which only grpc_server.cc sees. The library has threads of its own;
// the control plane is told on the main thread.
#pragma once
#include <memory>
#include <string>
#include "control_plane/control_plane.h"
#include "proxy/base/result.h"
#include "proxy/event/loop.h"

namespace outrigger::control_plane {

struct GrpcServerOptions {
  std::string address;                             // "127.0.0.1:18000", "[::1]:0", "unix:path", "unix:@name"
  std::string certificate, key, client_authority;  // files of PEM, read again when they change; empty: none
  std::size_t streams_max = 1000;
  int message_bytes_max = 16 * 1024 * 1024;  // of a request
};

class GrpcServer {
 public:
  /// Listens. `loop` and `plane` outlive it.
  static Result<std::unique_ptr<GrpcServer>> start(event::Loop& loop, ControlPlane& plane, const GrpcServerOptions& o);
  virtual ~GrpcServer() = default;                          // ends all streams
  virtual const std::string& address() const noexcept = 0;  // with the real port
};

}  // namespace outrigger::control_plane
