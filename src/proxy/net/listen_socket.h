// A listening socket and, per worker, the loop that accepts from it. SO_REUSEPORT gives every
// worker its own queue. Made on the main thread, then used by one worker.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/event/loop.h"
#include "proxy/net/tcp_transport.h"

namespace outrigger::net {

struct ListenOptions {
  bool reuse_port = true;
  int backlog = 0;  // 0: net.core.somaxconn
  bool ipv4_compat = false, transparent = false, freebind = false;
  bool mptcp = false;
  std::optional<std::uint32_t> fast_open_queue;
  std::optional<KeepaliveOptions> keepalive;  // connections inherit it
  std::uint32_t pipe_mode = 0;
  std::vector<RawOption> options;
  bool operator==(const ListenOptions&) const = default;
};

/// Bound and listening; closes in the destructor.
class ListenSocket {
 public:
  static Result<std::unique_ptr<ListenSocket>> open(const Address& at, const ListenOptions& o);
  ~ListenSocket();
  int fd() const noexcept { return fd_; }
  const Address& local() const noexcept { return local_; }  // the real port when 0 was asked

 private:
  ListenSocket(int fd, Address local, bool unlink) : fd_(fd), local_(std::move(local)), unlink_(unlink) {}
  int fd_;
  Address local_;
  bool unlink_;
};

/// A connection that came in. Whoever has it closes it, or makes a TcpTransport of it on any loop.
struct Accepted {
  int fd = -1;
  Address local, remote;
};

class AcceptEvents {
 public:
  virtual void on_accept(Accepted connection) = 0;
  virtual void on_accept_turn(unsigned /*connections*/) {}  // so many came with one event
  virtual void on_accept_paused() = 0;                      // out of descriptors: retried in a moment, no spin

 protected:
  ~AcceptEvents() = default;
};

class Acceptor final : private event::Pollable {
 public:
  /// `turn_max`: so many connections are taken at a time, at most.
  Acceptor(event::Loop& loop, std::shared_ptr<ListenSocket> socket, AcceptEvents& events, unsigned turn_max = kTurnMax);
  ~Acceptor() { stop(); }
  void stop() noexcept;
  /// Connections wait in the socket until it is taken back.
  void hold(bool on) noexcept;

  static constexpr unsigned kTurnMax = 64;  // existing connections get their turn

 private:
  void on_events(std::uint32_t events) override;
  unsigned accept_some();
  void resume();
  event::Loop& loop_;
  std::shared_ptr<ListenSocket> socket_;
  AcceptEvents& events_;
  unsigned turn_max_;
  event::Alarm<Acceptor, &Acceptor::resume> pause_;
  bool active_ = true, held_ = false;
};

}  // namespace outrigger::net
