#include "unit/sim/network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include "unit/sim/wire.h"

namespace outrigger::sim {

using net::IoResult;
using net::IoStatus;
using namespace std::chrono_literals;

std::string_view text_of(Fault f) noexcept {
  constexpr std::string_view kTexts[] = {"none",       "reset",    "fin",   "block",       "one_byte",
                                         "then_reset", "then_fin", "drain", "hosts_leave", "shutdown"};
  return kTexts[static_cast<std::size_t>(f)];
}

// ---- the near end

SimTransport::SimTransport(Wire& wire, net::Address local, net::Address remote, bool connecting)
    : wire_(wire), local_(std::move(local)), remote_(std::move(remote)), connecting_(connecting) {
  wire_.near = this;
  ++wire_.network.transports_;
}

SimTransport::~SimTransport() {
  wire_.close_near(false);
  wire_.near = nullptr;
  --wire_.network.transports_;
}

void SimTransport::start(net::TransportEvents& events) {
  events_ = &events;
  if (!connecting_) wire_.wake();
}

void SimTransport::tell() {
  if (wire_.near_closed || events_ == nullptr || connecting_) return;
  const auto now = wire_.network.clock_.now();
  hangup_ = wire_.fin || wire_.rst;
  if (now >= wire_.writes_from && (wire_.room() > 0 || wire_.rst)) {
    events_->on_writable();
    if (wire_.near_closed) return;
  }
  if (now >= wire_.reads_from && (!wire_.inbox.empty() || wire_.fin || wire_.rst)) events_->on_readable();
}

void SimTransport::connected(net::Address local) {
  if (wire_.near_closed || events_ == nullptr) return;
  local_ = std::move(local);
  connecting_ = false;
  events_->on_connected();
  if (!wire_.near_closed) tell();
}

void SimTransport::connect_failed(int error) {
  if (wire_.near_closed || events_ == nullptr) return;
  connecting_ = false;
  events_->on_connect_failed(error);
}

/// What a read or a look finds before it finds bytes.
std::optional<IoResult> SimTransport::before_bytes(Fault fault) {
  auto& n = wire_.network;
  if (fault == Fault::reset || fault == Fault::fin) wire_.inbox.clear();
  if (fault == Fault::reset) wire_.reset_by_peer();
  if (fault == Fault::fin) {
    wire_.close_by_peer();
    wire_.fin = true;
  }
  if (fault == Fault::block) {
    wire_.reads_from = n.clock_.now() + 5ms;
    wire_.wake(5ms);
  }
  if (n.clock_.now() < wire_.reads_from) return IoResult{IoStatus::would_block, 0, true};
  if (wire_.inbox.empty()) {
    if (wire_.rst) return IoResult{IoStatus::reset, 0, true};
    return IoResult{wire_.fin ? IoStatus::eof : IoStatus::would_block, 0, true};
  }
  return std::nullopt;
}

IoResult SimTransport::peek(std::span<char> into) noexcept {
  auto& n = wire_.network;
  if (wire_.near_closed) return {IoStatus::reset, 0, true};
  const Fault fault = n.next_operation();
  if (const auto r = before_bytes(fault)) return *r;
  const std::size_t seen = std::min(into.size(), wire_.inbox.size());
  std::memcpy(into.data(), wire_.inbox.data(), seen);
  seen_ = seen;
  if (fault == Fault::then_reset) n.after(Duration{0}, [w = &wire_] { w->reset_by_peer(); });
  if (fault == Fault::then_fin) n.after(Duration{0}, [w = &wire_] { w->close_by_peer(); });
  return {IoStatus::ok, seen, seen < into.size()};
}

IoResult SimTransport::read(Buffer& into, std::size_t bytes_max) noexcept {
  auto& n = wire_.network;
  if (wire_.near_closed) return {IoStatus::reset, 0, true};
  Fault fault = n.next_operation();
  const bool certain = std::exchange(seen_, 0) > 0 && wire_.inbox.size() > 0;
  if (certain && (fault == Fault::block || fault == Fault::one_byte)) fault = Fault::none;
  if (const auto r = before_bytes(fault)) return *r;
  Buffer::Room room;  // as the kernel's transport asks
  into.reserve(bytes_max, room);
  const bool slow = !certain && (fault == Fault::one_byte || n.weather_.dribble);
  const std::size_t take = slow ? 1 : std::min(room.bytes, wire_.inbox.size());
  for (std::size_t i = 0, at = 0; at < take; ++i) {
    const std::size_t n = std::min(room.runs[i].iov_len, take - at);
    std::memcpy(room.runs[i].iov_base, wire_.inbox.data() + at, n);
    at += n;
  }
  into.commit(room, take);
  wire_.inbox.erase(0, take);
  n.read_by_proxy += take;
  if (!wire_.backlog.empty() || wire_.fin_sent) n.after(Duration{0}, [w = &wire_] { w->pump(); });
  if (fault == Fault::one_byte) wire_.reads_from = n.clock_.now() + 1ms;
  if (slow) wire_.wake(fault == Fault::one_byte ? Duration(1ms) : Duration{0});
  if (fault == Fault::then_reset) n.after(Duration{0}, [w = &wire_] { w->reset_by_peer(); });
  if (fault == Fault::then_fin) n.after(Duration{0}, [w = &wire_] { w->close_by_peer(); });
  return {IoStatus::ok, take, slow || (take < room.bytes && !hangup_)};
}

IoResult SimTransport::write(Buffer& from) noexcept {
  auto& n = wire_.network;
  if (from.empty()) return {IoStatus::ok, 0, false};
  if (wire_.near_closed) return {IoStatus::reset, 0, true};
  const Fault fault = n.next_operation();
  if (fault == Fault::reset) wire_.reset_by_peer();
  if (fault == Fault::fin) wire_.close_by_peer();
  if (wire_.rst) return {IoStatus::reset, 0, true};
  if (fault == Fault::block) {
    wire_.writes_from = n.clock_.now() + 5ms;
    wire_.wake(5ms);
  }
  if (n.clock_.now() < wire_.writes_from) return {IoStatus::would_block, 0, true};
  const bool slow = fault == Fault::one_byte || n.weather_.dribble;
  const auto r = take(from, slow ? 1 : SIZE_MAX);
  if (slow && r.status == IoStatus::would_block && wire_.room() > 0) {
    if (fault == Fault::one_byte) wire_.writes_from = n.clock_.now() + 1ms;
    wire_.wake(fault == Fault::one_byte ? Duration(1ms) : Duration{0});
  }
  if (fault == Fault::then_reset) n.after(Duration{0}, [w = &wire_] { w->reset_by_peer(); });
  if (fault == Fault::then_fin) n.after(Duration{0}, [w = &wire_] { w->close_by_peer(); });
  return r;
}

IoResult SimTransport::take(Buffer& from, std::size_t bytes_max) {
  std::size_t total = 0;
  while (!from.empty() && total < bytes_max && wire_.room() > 0) {
    const auto piece = from.front().substr(0, std::min(wire_.room(), bytes_max - total));
    wire_.write(piece);
    total += piece.size();
    from.drain(piece.size());
  }
  wire_.network.taken_from_proxy += total;
  wire_.write_blocked = !from.empty();
  return {from.empty() ? IoStatus::ok : IoStatus::would_block, total, !from.empty()};
}

void SimTransport::shutdown_write() noexcept {
  if (!wire_.near_closed) wire_.finish_near();
}

// ---- what is under way

void Wire::wake(Duration d) {
  network.after(d, [this] {
    if (near != nullptr) near->tell();
  });
}

void Wire::send(std::string_view bytes) {
  backlog += bytes;
  network.after(network.jitter(), [this, n = bytes.size()] {
    arrivable += n;
    pump();
  });
}

void Wire::pump() {
  if (rst) return;
  if (near_closed && !backlog.empty()) {  // nobody is there any more
    backlog.clear();
    arrivable = 0;
    if (!peer.reset) {
      peer.reset = true;
      deliver_end();
    }
    return;
  }
  arrivable = std::min(arrivable, backlog.size());
  std::size_t n = std::min(arrivable, network.window - std::min(network.window, inbox.size()));
  if (network.weather_.seed != 0 && n > 1) {
    n = 1 + network.random_.below(n);
    if (n < arrivable) network.after(network.jitter(), [this] { pump(); });
  }
  inbox.append(backlog, 0, n);
  backlog.erase(0, n);
  arrivable -= n;
  const bool ends = fin_sent && backlog.empty() && !fin;
  fin = fin || ends;
  if (n > 0 || ends) wake();
}

void Wire::reset_by_peer() {
  if (rst || near_closed) return;
  rst = true;
  backlog.clear();
  outbox.clear();
  arrivable = arrived = 0;
  peer_closed = true;
  if (!peer.reset) {
    peer.reset = true;
    network.after(Duration{0}, [this] { deliver_end(); });
  }
  wake();
}

/// FIN at once: what was sent and is not there yet will not come.
void Wire::close_by_peer() {
  if (peer_closed) return;
  backlog.clear();
  arrivable = 0;
  fin_sent = true;
  peer.close();
}

void Wire::write(std::string_view bytes) {
  if (peer_closed) {
    network.after(network.jitter(), [this] { reset_by_peer(); });
    return;
  }
  outbox += bytes;
  network.after(network.jitter(), [this, n = bytes.size()] {
    arrived = std::min(arrived + n, outbox.size());
    peer.take(peer.paused_ ? 0 : SIZE_MAX);
  });
}

void Wire::finish_near() {
  if (out_fin) return;
  out_fin = true;
  network.after(network.jitter(), [this] { peer.take(peer.paused_ ? 0 : SIZE_MAX); });
}

void Wire::close_near(bool reset) {
  if (near_closed) return;
  near_closed = true;
  reset = reset || !inbox.empty();
  inbox.clear();
  if (rst) return;
  if (!reset) {
    finish_near();
    if (!backlog.empty()) network.after(network.jitter(), [this] { pump(); });
    return;
  }
  outbox.resize(std::min(outbox.size(), arrived));
  if (peer.reset) return;
  network.after(network.jitter(), [this] {
    if (std::exchange(peer.reset, true)) return;
    peer_closed = true;
    deliver_end();
  });
}

void Wire::deliver_end() {
  if (peer.on_end) peer.on_end();
}

// ---- the far end

bool Peer::closed() const noexcept { return wire_.peer_closed || reset; }
std::size_t Peer::unread() const noexcept { return wire_.backlog.size() + wire_.inbox.size(); }

void Peer::send(std::string_view bytes) {
  if (!closed() && !wire_.fin_sent && !bytes.empty()) wire_.send(bytes);
}

void Peer::finish() {
  if (closed() || wire_.fin_sent) return;
  wire_.fin_sent = true;
  wire_.network.after(wire_.network.jitter(), [w = &wire_] { w->pump(); });
}

void Peer::close() {
  if (closed()) return;
  if (wire_.arrived > 0) return abort();  // what we did not read turns our FIN into a RST
  wire_.peer_closed = true;
  wire_.fin_sent = true;
  wire_.network.after(wire_.network.jitter(), [w = &wire_] { w->pump(); });
}

void Peer::abort() {
  if (closed()) return;
  wire_.peer_closed = true;
  wire_.network.after(wire_.network.jitter(), [w = &wire_] { w->reset_by_peer(); });
}

void Peer::pause() noexcept { paused_ = true; }

void Peer::resume() {
  paused_ = false;
  wire_.network.after(Duration{0}, [this] { take(paused_ ? 0 : SIZE_MAX); });
}

void Peer::read(std::size_t bytes_max) { take(bytes_max); }

void Peer::take(std::size_t bytes_max) {
  const std::size_t n = std::min(bytes_max, wire_.arrived);
  if (n > 0) {
    in.append(wire_.outbox, 0, n);
    received_ += n;
    wire_.outbox.erase(0, n);
    wire_.arrived -= n;
    if (wire_.write_blocked) wire_.wake();
    if (on_data) on_data();
  }
  if (wire_.out_fin && wire_.outbox.empty() && !fin) {
    fin = true;
    wire_.deliver_end();
  }
}

// ---- the network

Network::Network(event::Loop& loop, Clock& clock, Weather weather)
    : loop_(loop), clock_(clock), weather_(weather), random_(weather.seed) {}
Network::~Network() = default;

Fault Network::next_operation(bool connect) {
  Fault f = Fault::none;
  if (++operations_ == weather_.at) f = weather_.fault;
  if (weather_.storm_permille != 0 && !calm_ && random_.below(1000) < weather_.storm_permille)
    f = kNetworkFaults[random_.below(std::size(kNetworkFaults))];
  const bool gentle = f == Fault::none || f == Fault::one_byte || (f == Fault::block && !connect);
  lost_ = lost_ || !gentle;
  if (f < Fault::drain) return f;
  after(Duration{0}, [this, f] { on_worker_fault(f); });
  return Fault::none;
}

Duration Network::jitter() {
  return latency + (weather_.seed == 0 ? Duration{0} : Duration(static_cast<Duration::rep>(random_.below(3000))));
}

void Network::after(Duration d, std::function<void()> f) {
  events_.emplace(std::pair(clock_.now() + d, ++sequence_), std::move(f));
}

bool Network::deliver_due() {
  std::vector<std::function<void()>> due;
  while (!events_.empty() && events_.begin()->first.first <= clock_.now()) {
    due.push_back(std::move(events_.begin()->second));
    events_.erase(events_.begin());
  }
  delivered_ += due.size();
  if (due.empty()) return false;
  if (weather_.batch) {
    loop_.post([due = std::move(due)] {
      for (const auto& f : due) f();
    });
  } else {
    for (auto& f : due) loop_.post(std::move(f));
  }
  return true;
}

std::pair<std::unique_ptr<net::Transport>, Peer*> Network::pair(const net::Address& local, const net::Address& remote) {
  wires_.push_back(std::make_unique<Wire>(*this));
  Wire& w = *wires_.back();
  return {std::make_unique<SimTransport>(w, local, remote, false), &w.peer};
}

std::unique_ptr<net::Transport> Network::connect(event::Loop&, const net::Address& to, const net::ConnectOptions&,
                                                 net::ConnectFailure& failure) {
  const Fault fault = next_operation(true);
  Target unknown{Target::refuse, Duration{0}, nullptr};
  const auto at = targets_.find(to.text());
  const Target& target = at == targets_.end() ? unknown : at->second;
  failure.error = ECONNREFUSED;
  if (fault == Fault::reset || target.answer == Target::fail_at_once) return nullptr;
  wires_.push_back(std::make_unique<Wire>(*this));
  Wire* w = wires_.back().get();
  auto transport = std::make_unique<SimTransport>(*w, net::Address{}, to, true);
  if (fault == Fault::block || target.answer == Target::silence) return transport;
  const bool refuse = fault == Fault::fin || target.answer == Target::refuse;
  const auto port = static_cast<std::uint16_t>(20000 + wires_.size());
  const auto wait = target.delay + jitter() + (fault == Fault::one_byte ? 1ms : 0ms);
  after(wait, [this, w, refuse, accept = target.on_accept, port, fault] {
    if (w->near == nullptr || w->near_closed) return;
    if (refuse) return w->near->connect_failed(ECONNREFUSED);
    if (accept) accept(w->peer);
    if (fault == Fault::then_reset) after(Duration{0}, [w] { w->reset_by_peer(); });
    if (fault == Fault::then_fin) after(Duration{0}, [w] { w->close_by_peer(); });
    w->near->connected(net::Address::parse_ip("10.9.9.9", port).value());
  });
  return transport;
}

}  // namespace outrigger::sim
