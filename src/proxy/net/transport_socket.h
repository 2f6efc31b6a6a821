// What a filter chain or a cluster puts between a socket and its session (TLS, ...): Envoy's transport
// sockets. Made by the compilers of configs, shared by all workers; no socket of this kind: null.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/net/shared_state.h"
#include "proxy/net/transport.h"

namespace outrigger::runtime {
struct ThreadContext;  // a reference only: net comes before it in the layers
}

namespace outrigger::upstream {
struct Endpoint;  // so is this
}

namespace outrigger::net {

struct Origin;
enum class OriginPart : std::uint8_t { nothing, addresses };

class DownstreamSocket {
 public:
  virtual ~DownstreamSocket() = default;
  /// The transport that the session gets for an accepted connection.
  virtual std::unique_ptr<Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<Transport> accepted) const = 0;
};

/// What one outgoing connection asks for beyond its cluster's config; valid during wrap().
struct ConnectDemands {
  std::string_view server_name{};                        // SNI instead of the configured one
  std::span<const std::string> peer_names{};             // the peer's certificate must have one of them
  std::string_view alpn{};                               // as on the wire; offered when the config has none
  std::string_view host_name{};                          // of the endpoint
  std::string_view protocols{};                          // as `alpn`; offered whatever the config has
  std::span<const SharedState> shared{};                 // goes along to an internal listener
  std::shared_ptr<const upstream::Endpoint> endpoint{};  // as it is now
  const Origin* origin = nullptr;                        // null: no client is behind it, or it does not matter
};

/// What connections to one host of one worker leave for the next ones (TLS sessions).
class TransportMemory {
 public:
  virtual ~TransportMemory() = default;
};

/// What connections to internal listeners bring along, by config (internal_upstream).
struct PassRules {
  struct Source {
    bool of_host = true;  // else of the cluster
    std::string name;     // the namespace
  };
  std::vector<Source> metadata;
};

class UpstreamSocket {
 public:
  virtual ~UpstreamSocket() = default;
  /// Null: nothing is passed along.
  virtual const PassRules* pass_rules() const noexcept { return nullptr; }
  /// What connections tell of whom they are made for: only requests of which that is the same may share one.
  virtual OriginPart tells() const noexcept { return OriginPart::nothing; }
  /// Can the protocol be agreed on in its handshake?
  virtual bool speaks_alpn() const noexcept { return true; }
  /// Is it encrypted? Hosts without a port are then at 443.
  virtual bool secure() const noexcept { return false; }
  /// `memory` belongs to the host; made at the first need.
  virtual std::unique_ptr<Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<Transport> connecting,
                                          const ConnectDemands& demands, std::shared_ptr<TransportMemory>& memory) const = 0;
};

}  // namespace outrigger::net
