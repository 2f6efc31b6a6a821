// A listening socket and, per worker, the loop that accepts from it. SO_REUSEPORT gives every
// worker its own queue. Made on the main thread, then used by one worker.
#pragma once
#include <memory>
#include <string>
#include <vector>
#include "proxy/event/loop.h"
#include "proxy/net/tcp_transport.h"

namespace outrigger::net {

struct ListenOptions {
  bool reuse_port = true;
  int backlog = 0;  // 0: net.core.somaxconn
  bool ipv4_compat = false, transparent = false, freebind = false;
  std::uint32_t pipe_mode = 0;
  std::vector<RawOption> options;
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

class AcceptEvents {
 public:
  virtual void on_accept(std::unique_ptr<Transport> connection) = 0;
  virtual void on_accept_turn(unsigned /*connections*/) {}  // so many came with one event
  virtual void on_accept_paused() = 0;  // out of descriptors: retried in a moment, no spin

 protected:
  ~AcceptEvents() = default;
};

class Acceptor final : private event::Pollable {
 public:
  Acceptor(event::Loop& loop, std::shared_ptr<ListenSocket> socket, AcceptEvents& events);
  ~Acceptor() { stop(); }
  void stop() noexcept;

 private:
  void on_events(std::uint32_t events) override;
  unsigned accept_some();
  void resume();
  event::Loop& loop_;
  std::shared_ptr<ListenSocket> socket_;
  AcceptEvents& events_;
  event::Alarm<Acceptor, &Acceptor::resume> pause_;
  bool active_ = true;
};

}  // namespace outrigger::net
