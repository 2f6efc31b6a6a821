// tcp_proxy's way to a host through an HTTP proxy (tunneling_config): CONNECT or POST on a pooled connection of the
// cluster, whose bodies are the bytes both ways. Belongs to one TcpProxy; worker's thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include "proxy/format/formatter.h"
#include "proxy/http/stream_info.h"
#include "proxy/route/header_mutation.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

struct TunnelConfig {
  format::TextFormat hostname;  // :authority
  std::string post_path;        // empty: CONNECT
  route::HeaderMutations headers;
  /// What a made-up id of the request is put under, in its head and in the connection's dynamic metadata.
  struct RequestId {
    std::string header = "x-request-id", metadata_key = "tunnel_request_id";
  };
  std::optional<RequestId> request_id;
  bool keep_response_headers = false, keep_response_trailers = false;  // as filter state
};

/// What a connection keeps of its tunnels: bytes of all attempts, and what the proxy answered.
class TunnelFacts {
 public:
  http::ByteMeter bytes;
  /// Puts them into the connection's filter state, as Envoy names and prints them.
  void keep_headers(const http::ResponseHead& head, http::FilterState& state);
  void keep_trailers(const http::HeaderMap& trailers, http::FilterState& state);

 private:
  struct Kept {
    std::string json;
    http::FilterState::Entry entry;
  };
  void put(Kept& kept, std::string_view key, http::FilterState& state);
  Kept headers_, trailers_;
};

/// Asks `host` for a tunnel. Answers as Cluster::connect does; the lease's transport is the tunnel. `info`, `connection` and
/// `facts` outlive the attempt and the lease.
std::unique_ptr<upstream::TcpAttempt> connect_tunnel(runtime::ThreadContext& thread, const TunnelConfig& config,
                                                     upstream::Cluster& cluster, upstream::Host& host, http::StreamInfo& info,
                                                     http::ConnectionInfo& connection, TunnelFacts& facts,
                                                     upstream::TcpWaiter& waiter);

}  // namespace outrigger::filters
