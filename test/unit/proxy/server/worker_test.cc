// Workers as threads: the CPU of one, and which listener and worker a connection ends up at. Real sockets on loopback.
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>
#include <future>
#include "proxy/listener/accept_filters.h"
#include "proxy/server/worker.h"
#include "proxy/stats/stats.h"
#include "support/stream.h"

namespace outrigger::server {
namespace {

/// Where connections were served: by listener.
struct Served {
  std::promise<std::pair<std::string, net::Address>> first;
};

class Refusal final : public net::Connection {
 public:
  Refusal(std::unique_ptr<net::Transport> t, net::ConnectionOwner& owner) : transport_(std::move(t)), owner_(owner) {}
  void start() override { close_now(); }
  TimePoint started_at() const noexcept override { return {}; }
  void close_now() override {
    transport_->close();
    owner_.on_connection_closed(*this);
  }

 private:
  std::unique_ptr<net::Transport> transport_;
  net::ConnectionOwner& owner_;
};

class Telling final : public hcm::NetworkFilterFactory {
 public:
  explicit Telling(Served& served) : served_(served) {}
  std::unique_ptr<net::Connection> make(hcm::Worker&, std::unique_ptr<net::Transport> t, http::ConnectionInfo info,
                                        const hcm::ListenerContext&, net::ConnectionOwner& owner) const override {
    served_.first.set_value({std::string(info.listener_name), info.local});
    return std::make_unique<Refusal>(std::move(t), owner);
  }

 private:
  Served& served_;
};

struct Setup {
  stats::Registry registry;
  Worker worker{0, registry.new_cells(), std::make_shared<const runtime::Snapshot>(), 1, {}};
  hcm::Drain server_drain;
  Served served;
  std::vector<std::shared_ptr<ListenerShared>> listeners;

  std::shared_ptr<ListenerShared> listener(const std::string& name, const net::Address& at, bool use_original_dst) {
    auto c = std::make_shared<ListenerConfig>();
    c->name = name;
    c->addresses = {at};
    c->use_original_dst = use_original_dst;
    if (use_original_dst) c->filters.push_back({std::make_shared<listener::OriginalDst>(), nullptr});
    c->stats = stats::make_block<stats::ListenerStat>(registry, "listener." + name + ".");
    c->worker_stats = {stats::make_block<stats::ListenerWorkerStat>(registry, "listener." + name + ".worker_0.")};
    c->default_chain.emplace().filter = std::make_shared<Telling>(served);
    auto shared = std::make_shared<ListenerShared>();
    shared->config = std::move(c);
    listeners.push_back(shared);
    return shared;
  }
};

/// Connects; the port of the socket that listens, another address.
void dial(const net::Address& to) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(::connect(fd, to.raw().get(), to.raw().size()) == 0);
  ::close(fd);
}

TEST_CASE("a pinned worker runs on one CPU, of those the process may use", "[worker]") {
  cpu_set_t allowed;
  REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  CHECK(Worker::cpus() == static_cast<std::size_t>(CPU_COUNT(&allowed)));
  for (const bool pin : {false, true}) {
    Setup s;
    s.worker.start(pin);
    std::promise<int> count;
    s.worker.post([&count] {
      cpu_set_t mine;
      ::sched_getaffinity(0, sizeof mine, &mine);
      count.set_value(CPU_COUNT(&mine));
    });
    CHECK(count.get_future().get() == (pin ? 1 : CPU_COUNT(&allowed)));
    s.worker.stop();
  }
}

TEST_CASE("a redirected connection goes to the listener of its destination, though that is bound to no port", "[worker]") {
  struct Row {
    bool use;
    const char* other;  // address of the second listener; its port is the first one's
    const char* want;
  };
  for (const Row& r : {Row{true, "127.0.0.5", "other"}, Row{true, "0.0.0.0", "other"}, Row{true, "127.0.0.6", "first"},
                       Row{false, "127.0.0.5", "first"}}) {
    Setup s;
    net::ListenOptions o;
    o.transparent = true;  // then the destination is the socket's own address
    auto socket = net::ListenSocket::open(test::ip("0.0.0.0", 0), o);
    REQUIRE(socket);
    int transparent = 0;
    socklen_t n = sizeof transparent;
    ::getsockopt((*socket)->fd(), SOL_IP, IP_TRANSPARENT, &transparent, &n);
    if (transparent == 0) {
      WARN("IP_TRANSPARENT needs CAP_NET_ADMIN: not tested");
      return;
    }
    const auto port = (*socket)->local().port();
    const auto first = s.listener("first", test::ip("127.0.0.1", port), r.use);
    const auto other = s.listener("other", test::ip(r.other, port), false);
    s.worker.start();
    std::vector<std::shared_ptr<net::ListenSocket>> sockets{std::move(*socket)};
    s.worker.post([&] {
      s.worker.add_listener(other, {}, s.server_drain);
      s.worker.add_listener(first, sockets, s.server_drain);
      sockets.clear();
    });
    dial(test::ip("127.0.0.5", port));
    const auto [name, local] = s.served.first.get_future().get();
    CHECK(name == r.want);
    CHECK(local == test::ip("127.0.0.5", port));
    s.worker.stop();
  }
}

}  // namespace
}  // namespace outrigger::server
