// Connections without a socket: bytes both ways within bounds, ends of either side, refusals.
#include <catch2/catch.hpp>

#include <cerrno>
#include "proxy/net/internal.h"

using namespace outrigger;
using net::IoStatus;

namespace {

struct Events final : net::TransportEvents {
  int connected = 0, failed = 0, readable = 0, writable = 0;
  void on_connected() override { ++connected; }
  void on_connect_failed(int error) override { failed = error; }
  void on_readable() override { ++readable; }
  void on_writable() override { ++writable; }
};

struct Listeners final : net::InternalListeners {
  std::unique_ptr<net::Transport> accepted;
  net::Passed passed;
  std::size_t limit = 10;
  bool refuse = false;
  bool has(std::string_view name) noexcept override { return name == "in"; }
  void accept(std::string_view, std::unique_ptr<net::Transport> t, net::Passed p) override {
    if (!refuse) accepted = std::move(t);
    passed = std::move(p);
  }
  std::size_t buffer_bytes() const noexcept override { return limit; }
};

/// Both ends, started.
struct Pair {
  event::Loop loop;
  Listeners listeners;
  Events near_events, far_events;
  std::unique_ptr<net::Transport> near = net::connect_internal(loop, listeners, net::Address::internal("in", "e"), {});
  net::Transport& far = *listeners.accepted;
  Pair() {
    far.start(far_events);
    near->start(near_events);
    loop.poll();
  }
  std::string read(net::Transport& t, IoStatus end = IoStatus::would_block) {
    Buffer b;
    net::IoResult r;
    do r = t.read(b, 4);
    while (r.status == IoStatus::ok);
    CHECK(r.status == end);
    return b.to_string();
  }
  net::IoResult write(net::Transport& t, std::string_view bytes) {
    rest.clear();
    rest.append(bytes);
    return t.write(rest);
  }
  Buffer rest;
};

}  // namespace

TEST_CASE("an internal connection names its listener and its client", "[net]") {
  Pair p;
  CHECK(p.near->remote().text() == "envoy://in/e");
  CHECK(p.near->remote().internal_name() == "in");
  CHECK(p.near->remote().internal_endpoint() == "e");
  CHECK(p.far.local().text() == "envoy://in/e");
  CHECK(p.far.remote().text() == "envoy://internal_client_address/");
  CHECK(p.near->local().text() == "envoy://internal_client_address/");
  CHECK_FALSE(p.near->remote().is_ip());
  CHECK(p.near->remote().ip_text() == "envoy://in/e");
  CHECK(p.near_events.connected == 1);
  CHECK(p.far_events.connected == 0);
}

TEST_CASE("an internal connection carries bytes both ways", "[net]") {
  Pair p;
  CHECK(p.write(*p.near, "hello").status == IoStatus::ok);
  CHECK(p.far_events.readable == 0);  // not on the stack of the writer
  p.loop.poll();
  CHECK(p.far_events.readable == 1);
  char peeked[3];
  CHECK(p.far.peek(peeked).bytes == 3);
  CHECK(std::string_view(peeked, 3) == "hel");
  CHECK(p.read(p.far) == "hello");
  CHECK(p.write(p.far, "back").status == IoStatus::ok);
  p.loop.poll();
  CHECK(p.read(*p.near) == "back");
}

TEST_CASE("an internal connection holds no more than its limit, and goes on when half of it is read", "[net]") {
  Pair p;
  const auto r = p.write(*p.near, "0123456789abcdef");
  CHECK(r.status == IoStatus::would_block);
  CHECK(r.bytes == 10);
  CHECK(p.rest.to_string() == "abcdef");
  p.loop.poll();
  const int before = p.near_events.writable;
  Buffer b;
  CHECK(p.far.read(b, 4).bytes == 4);
  p.loop.poll();
  CHECK(p.near_events.writable == before);
  CHECK(p.far.read(b, 4).bytes == 4);
  p.loop.poll();
  CHECK(p.near_events.writable == before + 1);
  CHECK(p.near->write(p.rest).status == IoStatus::ok);
  p.loop.poll();
  CHECK(p.read(p.far) == "89abcdef");
}

TEST_CASE("an internal connection is closed in halves, or at once", "[net]") {
  const auto how = GENERATE(1, 2, 3);
  Pair p;
  p.write(*p.near, "last");
  if (how == 1) p.near->shutdown_write();
  if (how == 2) p.near->close();
  if (how == 3) p.near->close_reset();
  p.loop.poll();
  CHECK(p.far.peer_closed());
  CHECK(p.read(p.far, how == 3 ? IoStatus::reset : IoStatus::eof) == (how == 3 ? "" : "last"));
  CHECK(p.write(p.far, "answer").status == (how == 1 ? IoStatus::ok : IoStatus::reset));
  p.loop.poll();
  if (how == 1) CHECK(p.read(*p.near) == "answer");
}

TEST_CASE("an internal connection tells nothing more once it is closed", "[net]") {
  Pair p;
  p.write(p.far, "late");
  p.near->close();
  const int before = p.near_events.readable;
  p.loop.poll();
  CHECK(p.near_events.readable == before);
  p.near.reset();
  p.loop.poll();
  p.listeners.accepted.reset();
  p.loop.poll();
}

TEST_CASE("an internal listener may refuse", "[net]") {
  event::Loop loop;
  Listeners listeners;
  listeners.refuse = true;
  CHECK(net::connect_internal(loop, listeners, net::Address::internal("in", ""), {}) == nullptr);
  listeners.refuse = false;
  Events events;
  auto near = net::connect_internal(loop, listeners, net::Address::internal("in", ""), {});
  near->start(events);
  listeners.accepted.reset();  // before it is told that it is connected
  loop.poll();
  CHECK(events.connected == 0);
  CHECK(events.failed == EINVAL);
}
