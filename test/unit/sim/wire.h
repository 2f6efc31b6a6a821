// One connection of the simulated network: what is in flight both ways, and the transport at its near end.
#pragma once
#include <optional>
#include <string>
#include "unit/sim/network.h"

namespace outrigger::sim {

class SimTransport;

struct Wire {
  explicit Wire(Network& n) : network(n), peer(*this) {}
  Network& network;
  Peer peer;
  SimTransport* near = nullptr;  // null: destroyed
  bool near_closed = false;
  // Towards the proxy: sent, of it far enough to arrive, in its receive buffer.
  std::string backlog, inbox;
  std::size_t arrivable = 0;
  bool fin_sent = false, fin = false, rst = false;
  bool peer_closed = false;  // what the proxy sends is answered with RST
  // Towards the peer: not yet taken by it, of it arrived.
  std::string outbox;
  std::size_t arrived = 0;
  bool out_fin = false, write_blocked = false;
  TimePoint reads_from{}, writes_from{};  // a fault holds them up until then

  void send(std::string_view bytes);
  void pump();
  void wake(Duration d = Duration{0});
  /// RST: bytes that are in the proxy's buffer stay readable, as in Linux.
  void reset_by_peer();
  void close_by_peer();
  void write(std::string_view bytes);
  void close_near(bool reset);
  void finish_near();
  void deliver_end();
  std::size_t room() const noexcept { return network.window - std::min(network.window, outbox.size()); }
};

class SimTransport final : public net::Transport {
 public:
  SimTransport(Wire& wire, net::Address local, net::Address remote, bool connecting);
  ~SimTransport() override;
  void start(net::TransportEvents& events) override;
  net::IoResult read(Buffer& into, std::size_t bytes_max) noexcept override;
  net::IoResult peek(std::span<char> into) noexcept override;
  net::IoResult write(Buffer& from) noexcept override;
  void shutdown_write() noexcept override;
  void rearm() noexcept override { wire_.wake(); }
  bool peer_closed() const noexcept override { return hangup_; }
  void close() noexcept override { wire_.close_near(false); }
  void close_reset() noexcept override { wire_.close_near(true); }
  const net::Address& local() const noexcept override { return local_; }
  const net::Address& remote() const noexcept override { return remote_; }

  /// What epoll would tell, in its order.
  void tell();
  void connected(net::Address local);
  void connect_failed(int error);

 private:
  net::IoResult take(Buffer& from, std::size_t bytes_max);
  std::optional<net::IoResult> before_bytes(Fault fault);
  std::size_t seen_ = 0;  // by peek(): that much can be read
  Wire& wire_;
  net::Address local_, remote_;
  net::TransportEvents* events_ = nullptr;
  bool connecting_, hangup_ = false;
};

}  // namespace outrigger::sim
