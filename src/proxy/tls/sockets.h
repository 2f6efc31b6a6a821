// The TLS transport sockets of filter chains and clusters: they hold the current context, which the main
// thread replaces when a secret is rotated, and make the transports of new connections from it.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include "proxy/net/transport_socket.h"
#include "proxy/stats/names.h"
#include "proxy/tls/tls_transport.h"

namespace outrigger::tls {

/// A pointer that the main thread replaces and workers copy; both take a few instructions. In place of
/// std::atomic<std::shared_ptr>, whose reads libstdc++ 12 ends without a release: a writer may overtake them.
template <class T>
class Replaceable {
 public:
  std::shared_ptr<T> get() const noexcept {
    enter();
    auto copy = value_;
    leave();
    return copy;
  }
  void set(std::shared_ptr<T> value) noexcept {
    enter();
    value_.swap(value);
    leave();
  }

 private:
  void enter() const noexcept {
    while (busy_.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
  }
  void leave() const noexcept { busy_.clear(std::memory_order_release); }
  mutable std::atomic_flag busy_;
  std::shared_ptr<T> value_;
};

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
  void set(std::shared_ptr<const ServerContext> c) { context_.set(std::move(c)); }
  std::shared_ptr<const Context> current() const override { return context_.get(); }
  std::unique_ptr<net::Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> accepted) const override;

 private:
  Settings settings_;
  Replaceable<const ServerContext> context_;
};

class ClientSocket final : public net::UpstreamSocket, public Socket {
 public:
  struct Settings {
    stats::BlockHandle stats, factory_stats;  // cluster.<name>.ssl., .client_ssl_socket_factory.
  };
  explicit ClientSocket(Settings s) : settings_(s) {}
  void set(std::shared_ptr<const ClientContext> c) { context_.set(std::move(c)); }
  std::shared_ptr<const Context> current() const override { return context_.get(); }
  bool secure() const noexcept override { return true; }
  std::unique_ptr<net::Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> connecting,
                                       const net::ConnectDemands& demands,
                                       std::shared_ptr<net::TransportMemory>& memory) const override;

 private:
  Settings settings_;
  Replaceable<const ClientContext> context_;
};

}  // namespace outrigger::tls
