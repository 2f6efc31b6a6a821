// Transport over a non-blocking stream socket (TCP or Unix), watched by the worker's Loop.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include "proxy/event/loop.h"
#include "proxy/net/socket_options.h"
#include "proxy/net/transport.h"

namespace outrigger::net {

struct KeepaliveOptions {
  std::uint32_t probes = 0, time_s = 0, interval_s = 0;  // 0: the kernel's default
  bool operator==(const KeepaliveOptions&) const = default;
};
void set_keepalive(int fd, const KeepaliveOptions& o) noexcept;
struct ConnectOptions {
  const Address* source = nullptr;
  bool freebind = false;  // the source need not be this machine's
  const KeepaliveOptions* keepalive = nullptr;
  std::span<const RawOption> options, source_options;  // the latter: what the source needs
};
/// Why a connection could not even be started.
struct ConnectFailure {
  int error = 0;      // errno
  bool bind = false;  // to the source address
};

class TcpTransport final : public Transport, private event::Pollable {
 public:
  /// Takes a connected, non-blocking socket.
  TcpTransport(event::Loop& loop, int fd, Address local, Address remote);
  ~TcpTransport() override { close(); }
  void start(TransportEvents& events) override;
  IoResult read(Buffer& into, std::size_t bytes_max) noexcept override;
  IoResult peek(std::span<char> into) noexcept override;
  IoResult write(Buffer& from) noexcept override;
  void shutdown_write() noexcept override;
  void rearm() noexcept override;
  bool peer_closed() const noexcept override { return hangup_; }
  int release() noexcept override;
  void close() noexcept override;
  void close_reset() noexcept override;
  const Address& local() const noexcept override { return local_; }
  const Address& remote() const noexcept override { return remote_; }
  int fd() const noexcept override { return fd_; }

 private:
  friend std::unique_ptr<Transport> connect_tcp(event::Loop&, const Address&, const ConnectOptions&, ConnectFailure&);
  void on_events(std::uint32_t events) override;
  event::Loop& loop_;
  int fd_;
  Address local_, remote_;
  TransportEvents* events_ = nullptr;
  bool connecting_ = false;
  bool hangup_ = false;  // EPOLLRDHUP seen: a short read doesn't mean drained, read on to 0
};

/// Starts to connect; the outcome comes as on_connected / on_connect_failed after start(). Null and
/// `failure` (errno) when even that fails.
std::unique_ptr<Transport> connect_tcp(event::Loop& loop, const Address& to, const ConnectOptions& o, ConnectFailure& failure);

}  // namespace outrigger::net
