// The TLS transport sockets of filter chains and clusters: they hold the current context, which the main
// thread replaces when a secret is rotated, and make the transports of new connections from it.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include "proxy/net/transport_socket.h"
#include "proxy/stats/names.h"
#include "proxy/tls/tls_transport.h"

namespace outrigger::tls {

/// For what both have in common: the context of the moment, for /certs and gauges. Main thread.
class Socket {
 public:
  virtual ~Socket() = default;
  virtual std::shared_ptr<const Context> current() const = 0;
};

class ServerSocket final : public net::DownstreamSocket, public Socket {
 public:
  struct Settings {
    stats::BlockHandle stats, factory_stats;  // listener.<address>.ssl., .server_ssl_socket_factory.
    std::optional<TlsTransport::Timeout> timeout;
  };
  explicit ServerSocket(Settings s) : settings_(s) {}
  /// Main thread; connections made from now on use it.
  void set(std::shared_ptr<const ServerContext> c) { context_.store(std::move(c), std::memory_order_release); }
  std::shared_ptr<const Context> current() const override { return context_.load(std::memory_order_acquire); }
  std::unique_ptr<net::Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> accepted) const override;

 private:
  Settings settings_;
  std::atomic<std::shared_ptr<const ServerContext>> context_;
};

class ClientSocket final : public net::UpstreamSocket, public Socket {
 public:
  struct Settings {
    stats::BlockHandle stats, factory_stats;  // cluster.<name>.ssl., .client_ssl_socket_factory.
  };
  explicit ClientSocket(Settings s) : settings_(s) {}
  void set(std::shared_ptr<const ClientContext> c) { context_.store(std::move(c), std::memory_order_release); }
  std::shared_ptr<const Context> current() const override { return context_.load(std::memory_order_acquire); }
  std::unique_ptr<net::Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> connecting,
                                       const net::ConnectDemands& demands,
                                       std::shared_ptr<net::TransportMemory>& memory) const override;

 private:
  Settings settings_;
  std::atomic<std::shared_ptr<const ClientContext>> context_;
};

}  // namespace outrigger::tls
