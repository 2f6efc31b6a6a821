// Streams over the gRPC C++ library, which only grpc_transport.cc sees. The library has threads of its own; everything
// here is called, and calls, on the main thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include "proxy/event/loop.h"
#include "xds/client/transport.h"
#include "xds/grpc/bridge.h"

namespace outrigger::xds {

/// What the library is told of one gRPC service.
struct GrpcTarget {
  std::string cluster;  // connects; empty: the library does, to `uri`
  std::string uri;      // in the library's form: "dns:///name:port"
  std::string authority;  // empty: that of the address
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<std::pair<std::string, std::string>> text_args;  // channel arguments
  std::vector<std::pair<std::string, int>> number_args;
  struct Tls {
    std::string roots, certificate, key;  // PEM; empty: none
  };
  std::optional<Tls> tls;  // of the library; a cluster's is its own
  int message_bytes_max = -1;  // -1: no limit
};

std::unique_ptr<Transport> make_grpc_transport(const Upstreams& upstreams, GrpcTarget target);

}  // namespace outrigger::xds
