// Listening sockets: what their options do to the kernel's sockets, and how many connections are taken at a time.
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include "proxy/net/listen_socket.h"
#include "support/stream.h"

namespace outrigger::net {
namespace {

int option_of(int fd, int level, int name) {
  int v = -1;
  socklen_t n = sizeof v;
  REQUIRE(::getsockopt(fd, level, name, &v, &n) == 0);
  return v;
}

RawOption raw(int level, int name, int value) {
  RawOption o;
  o.level = level;
  o.name = name;
  o.value.assign(reinterpret_cast<const char*>(&value), sizeof value);
  return o;
}

Result<std::unique_ptr<ListenSocket>> open(const ListenOptions& o) { return ListenSocket::open(test::ip("127.0.0.1", 0), o); }

/// A client's connection to a listening socket; nobody accepts it yet.
class Dialled {
 public:
  explicit Dialled(const ListenSocket& to) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(::connect(fd_, to.local().raw().get(), to.local().raw().size()) == 0);
  }
  ~Dialled() { ::close(fd_); }
  Dialled(const Dialled&) = delete;

 private:
  int fd_;
};

struct Taken final : AcceptEvents {
  std::vector<unsigned> turns;
  std::vector<int> fds;
  ~Taken() {
    for (int fd : fds) ::close(fd);
  }
  void on_accept(Accepted c) override { fds.push_back(c.fd); }
  void on_accept_turn(unsigned n) override { turns.push_back(n); }
  void on_accept_paused() override {}
};

TEST_CASE("keepalive and Fast Open are set on the listening socket, and connections inherit the first", "[listen_socket]") {
  ListenOptions o;
  o.keepalive = KeepaliveOptions{3, 60, 10};
  o.fast_open_queue = 5;
  auto s = open(o);
  REQUIRE(s);
  CHECK(option_of((*s)->fd(), IPPROTO_TCP, TCP_FASTOPEN) == 5);
  const Dialled client(**s);
  event::Loop loop;
  Taken taken;
  Acceptor acceptor(loop, std::move(*s), taken);
  loop.poll();
  REQUIRE(taken.fds.size() == 1);
  CHECK(option_of(taken.fds[0], SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option_of(taken.fds[0], IPPROTO_TCP, TCP_KEEPCNT) == 3);
  CHECK(option_of(taken.fds[0], IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(option_of(taken.fds[0], IPPROTO_TCP, TCP_KEEPINTVL) == 10);
  auto plain = open({});
  REQUIRE(plain);
  CHECK(option_of((*plain)->fd(), SOL_SOCKET, SO_KEEPALIVE) == 0);
}

TEST_CASE("raw options are set at their moment, on sockets of their family, and a refused one is an error", "[listen_socket]") {
  using Moment = RawOption::Moment;
  for (const Moment m : {Moment::before_bind, Moment::after_bind, Moment::listening}) {
    ListenOptions o;
    o.options = {raw(IPPROTO_TCP, TCP_KEEPIDLE, 33), raw(SOL_SOCKET, 9999, 1)};
    o.options[0].moment = o.options[1].moment = m;
    o.options[1].family = AF_INET6;  // the kernel would refuse it
    auto s = open(o);
    REQUIRE(s);
    CHECK(option_of((*s)->fd(), IPPROTO_TCP, TCP_KEEPIDLE) == 33);
    o.options[1].family = AF_INET;
    const auto refused = open(o);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find("cannot set a socket option on '127.0.0.1:0'") == 0);
  }
}

TEST_CASE("a listener of Multipath TCP, where the kernel has it", "[listen_socket]") {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
  ListenOptions o;
  o.mptcp = true;
  auto s = open(o);
  REQUIRE(static_cast<bool>(s) == (probe >= 0));
  if (probe < 0) return;
  ::close(probe);
  CHECK(option_of((*s)->fd(), SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP);
  auto plain = open({});
  REQUIRE(plain);
  CHECK(option_of((*plain)->fd(), SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
}

TEST_CASE("no more connections are taken at a time than the limit says, and none is left", "[listen_socket]") {
  for (const auto& [limit, turns] : {std::pair(2u, std::vector<unsigned>{2, 2, 1}), {5u, {5}}, {64u, {5}}}) {
    auto s = open({});
    REQUIRE(s);
    std::vector<std::unique_ptr<Dialled>> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<Dialled>(**s));
    event::Loop loop;
    Taken taken;
    Acceptor acceptor(loop, std::move(*s), taken, limit);
    for (std::size_t i = 0; i < turns.size(); ++i) loop.poll();
    CHECK(taken.turns == turns);
  }
}

}  // namespace
}  // namespace outrigger::net
