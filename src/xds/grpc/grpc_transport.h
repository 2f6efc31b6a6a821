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

namespace outrigger::xds {

/// What the library is told of one gRPC service.
struct GrpcTarget {
  /// In the library's form: "ipv4:10.0.0.1:15010", "unix:path", "dns:///name:port". The next one is tried when one fails.
  std::vector<std::string> addresses;
  std::string authority;  // empty: that of the address
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<std::pair<std::string, std::string>> text_args;  // channel arguments
  std::vector<std::pair<std::string, int>> number_args;
  struct Tls {
    std::string roots, certificate, key;  // PEM; empty: none
    std::string server_name;              // SNI and the name that is checked; empty: none is checked
  };
  std::optional<Tls> tls;
  int message_bytes_max = -1;  // -1: no limit
};

std::unique_ptr<Transport> make_grpc_transport(event::Loop& loop, GrpcTarget target);

}  // namespace outrigger::xds
