// A network in memory: connections whose near end is the proxy's net::Transport and whose far end, a Peer, is
// played by the test. Everything that arrives does so as an event of the network, never inside the call that
// caused it. Every call of the proxy that the kernel would answer (connect, read, write) is counted, and one of
// them can be made to fail.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/random.h"
#include "proxy/net/dialer.h"
#include "unit/sim/clock.h"

namespace outrigger::sim {

/// What happens at the chosen I/O operation.
enum class Fault : std::uint8_t {
  none,
  reset,       // the peer's RST is what the call sees; a connect is refused at once
  fin,         // the peer has closed: reads see its end, what is written is answered with RST; a connect is refused later
  block,       // nothing goes for a few milliseconds; a connect never gets an answer
  one_byte,    // one byte goes, the rest a millisecond later
  then_reset,  // the call succeeds, then the RST comes
  then_fin,    // the call succeeds, then the peer closes
  // What befalls the whole worker right after the operation (see World).
  drain,
  hosts_leave,  // and come back a little later
  shutdown,
};
constexpr Fault kNetworkFaults[] = {Fault::reset, Fault::fin, Fault::block, Fault::one_byte, Fault::then_reset, Fault::then_fin};
constexpr Fault kWorkerFaults[] = {Fault::drain, Fault::hosts_leave, Fault::shutdown};
std::string_view text_of(Fault f) noexcept;

/// How the network behaves in one run.
struct Weather {
  Fault fault = Fault::none;
  unsigned at = 0;              // the operation, from 1
  bool batch = false;           // what happens at the same time is told in one turn of the loop
  bool dribble = false;         // every read and write moves one byte
  std::uint64_t seed = 0;       // not 0: random delays, pieces and (with storm_permille) faults
  unsigned storm_permille = 0;  // of the operations fail at random
};

class Network;
struct Wire;

/// The far end. Owned by the network; lives as long as it.
class Peer {
 public:
  /// Bytes were added to `in`; the proxy sent FIN or RST.
  std::function<void()> on_data, on_end;
  std::string in;
  bool fin = false, reset = false;  // what came after the bytes
  bool ended() const noexcept { return fin || reset; }
  bool closed() const noexcept;  // by us, or reset
  std::uint64_t bytes_received() const noexcept { return received_; }

  void send(std::string_view bytes);
  void finish();  // FIN: we send no more, but read on
  void close();   // FIN, and what comes from now on is answered with RST
  void abort();   // RST
  /// Stops to take bytes: the proxy's send window fills. read() takes some all the same.
  void pause() noexcept;
  void resume();
  void read(std::size_t bytes_max);
  /// Not yet read by the proxy.
  std::size_t unread() const noexcept;

 private:
  friend class Network;
  friend struct Wire;
  explicit Peer(Wire& wire) : wire_(wire) {}
  void take(std::size_t bytes_max);
  Wire& wire_;
  std::uint64_t received_ = 0;
  bool paused_ = false;
};

/// What answers connects to an address.
struct Target {
  enum Answer : std::uint8_t { accept, refuse, silence, fail_at_once } answer = accept;
  Duration delay{0};
  std::function<void(Peer&)> on_accept;
};

class Network final : public net::Dialer {
 public:
  Network(event::Loop& loop, Clock& clock, Weather weather);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  Target& target(const std::string& ip_port) { return targets_[ip_port]; }
  /// A connection towards the proxy: the near end goes to the listener, the far end is the client.
  std::pair<std::unique_ptr<net::Transport>, Peer*> pair(const net::Address& local, const net::Address& remote);
  std::unique_ptr<net::Transport> connect(event::Loop& loop, const net::Address& to, const net::ConnectOptions& o,
                                          net::ConnectFailure& failure) override;

  void after(Duration d, std::function<void()> f);
  /// Posts to the loop what is due; false: nothing was.
  bool deliver_due();
  TimePoint next_event() const noexcept { return events_.empty() ? TimePoint::max() : events_.begin()->first.first; }

  const Weather& weather() const noexcept { return weather_; }
  bool fault_reached() const noexcept { return operations_ >= weather_.at; }
  /// A connection broke, or was not made, without the scenario's doing.
  bool lost() const noexcept { return lost_; }
  unsigned operations() const noexcept { return operations_; }
  std::size_t transports() const noexcept { return transports_; }  // alive
  std::uint64_t events_delivered() const noexcept { return delivered_; }
  void calm() noexcept { calm_ = true; }  // no more random faults

  std::function<void(Fault)> on_worker_fault;
  Duration latency{0};                 // one way
  std::size_t window = 64 * 1024;      // of both directions, per connection
  std::uint64_t read_by_proxy = 0;     // bytes, all connections
  std::uint64_t taken_from_proxy = 0;  // bytes that the proxy's writes got rid of

 private:
  friend struct Wire;
  friend class Peer;
  friend class SimTransport;
  Fault next_operation(bool connect = false);
  Duration jitter();
  event::Loop& loop_;
  Clock& clock_;
  Weather weather_;
  Random random_;
  unsigned operations_ = 0;
  std::size_t transports_ = 0;
  std::uint64_t delivered_ = 0, sequence_ = 0;
  bool calm_ = false, lost_ = false;
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::map<std::string, Target> targets_;
  std::vector<std::unique_ptr<Wire>> wires_;
};

}  // namespace outrigger::sim
