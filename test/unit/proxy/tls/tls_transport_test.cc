// The transport over a fake one: what its session is told and when, bytes that the kernel does not take at once, ends.
#include "proxy/tls/tls_transport.h"

#include <catch2/catch.hpp>
#include "proxy/net/dialer.h"
#include "proxy/tls/sockets.h"
#include "unit/proxy/tls/make_certs.h"

using namespace outrigger;       // NOLINT: a test
using namespace outrigger::tls;  // NOLINT
using net::IoStatus;

namespace {

/// One end of a pipe in memory; `room`: how much the other end still takes.
class Wire final : public net::Transport {
 public:
  ~Wire() override {
    if (peer != nullptr) peer->peer = nullptr;
  }
  void start(net::TransportEvents& e) override { events = &e; }
  net::IoResult read(Buffer& into, std::size_t max) noexcept override {
    if (in.empty()) return {ended ? IoStatus::eof : IoStatus::would_block, 0, true};
    const std::size_t n = std::min({max, in.size(), piece});
    into.append(std::string_view(in).substr(0, n));
    in.erase(0, n);
    return {IoStatus::ok, n, in.empty()};
  }
  net::IoResult write(Buffer& from) noexcept override {
    if (peer == nullptr) return {IoStatus::reset, 0, true};
    const std::size_t n = std::min(room, from.size());
    peer->in += from.to_string().substr(0, n);
    from.drain(n);
    room -= n;
    return {from.empty() ? IoStatus::ok : IoStatus::would_block, n, true};
  }
  void shutdown_write() noexcept override {
    if (peer != nullptr) peer->ended = true;
  }
  void rearm() noexcept override { rearmed = true; }
  void close() noexcept override {
    closed = true;
    shutdown_write();
  }
  void close_reset() noexcept override { reset = closed = true; }
  const net::Address& local() const noexcept override { return address; }
  const net::Address& remote() const noexcept override { return address; }

  net::TransportEvents* events = nullptr;
  Wire* peer = nullptr;
  std::string in;
  std::size_t room = SIZE_MAX, piece = SIZE_MAX;
  bool ended = false, closed = false, reset = false, rearmed = false;
  net::Address address;
};

struct Session final : net::TransportEvents {
  std::unique_ptr<net::Transport> transport;
  Wire* wire = nullptr;
  std::string told, got;
  Buffer out;
  bool reads = true;
  IoStatus end = IoStatus::ok;
  void on_connected() override { told += "connected "; }
  void on_connect_failed(int error) override { told += "failed" + std::to_string(error) + ' '; }
  void on_readable() override {
    if (told.find("readable") == std::string::npos) told += "readable ";
    if (reads) read();
  }
  void on_writable() override { flush(); }
  void read() {
    Buffer into;
    while (true) {
      const auto r = transport->read(into, 3000);
      if (r.status == IoStatus::ok && r.drained) break;
      if (r.status == IoStatus::ok) continue;
      if (r.status != IoStatus::would_block) end = r.status;
      break;
    }
    got += into.to_string();
  }
  void flush() {
    if (!out.empty() && transport->write(out).status == IoStatus::reset) end = IoStatus::reset;
  }
};

struct Fixture {
  event::Loop loop;
  stats::Registry registry;
  Random random{1};
  runtime::ThreadContext thread{loop,  registry.main(), random, net::socket_dialer(), std::make_shared<runtime::Snapshot>(),
                                "test"};
  stats::BlockHandle stats = stats::make_block<stats::SslStat>(registry, "t.ssl.");
  test::Made ca = test::make("ca"), cert = test::make("server", &ca, "DNS:a.example");
  ServerOptions server_options;
  ClientOptions client_options;
  Session server, client;
  std::shared_ptr<net::TransportMemory> memory;

  Fixture() {
    server_options.certificates = {test::load(cert)};
    client_options.validation = test::trust(ca);
    client_options.params.version_max = TLS1_3_VERSION;
  }
  void connect() {
    auto a = std::make_unique<Wire>(), b = std::make_unique<Wire>();
    a->peer = b.get();
    b->peer = a.get();
    server.wire = a.get();
    client.wire = b.get();
    ServerSocket accept({stats, {}, {}});
    accept.set(*ServerContext::make(server_options));
    server.transport = accept.wrap(thread, std::move(a));
    ClientSocket dial({stats, {}});
    dial.set(*ClientContext::make(client_options));
    client.transport = dial.wrap(thread, std::move(b), {}, memory);
    server.transport->start(server);
    client.transport->start(client);
    client.wire->events->on_connected();
  }
  void run() {
    for (int i = 0; i < 200; ++i) {
      const std::string before = server.wire->in + '|' + client.wire->in;
      for (auto* s : {&server, &client}) {
        if (!s->wire->closed && (!s->wire->in.empty() || s->wire->ended)) s->wire->events->on_readable();
        if (!s->wire->closed) s->wire->events->on_writable();
      }
      if (before == "|" && server.wire->in.empty() && client.wire->in.empty()) return;
    }
  }
  std::uint64_t count(stats::SslStat s) { return registry.value(stats, s); }
};

}  // namespace

TEST_CASE("sessions hear of the connection once the handshake is done", "[tls]") {
  Fixture f;
  f.connect();
  CHECK(f.client.told.empty());
  Buffer early;
  early.append("too early");
  CHECK(f.server.transport->write(early).status == IoStatus::would_block);
  CHECK(early.size() == 9);
  f.run();
  CHECK(f.client.told.starts_with("connected "));  // then, perhaps, that a ticket has come
  CHECK(f.server.told.empty());
  f.client.out.append("question");
  f.run();
  CHECK(f.server.told == "readable ");
  CHECK(f.server.got == "question");
  CHECK(f.count(stats::SslStat::handshake) == 2);
  CHECK(f.count(stats::SslStat::version_tls13) == 2);
}

TEST_CASE("bytes stay with the writer until the kernel has them", "[tls]") {
  Fixture f;
  f.connect();
  f.run();
  f.server.wire->room = 0;
  f.server.out.append(std::string(200000, 'x'));
  f.server.flush();
  CHECK(f.server.out.size() == 200000);
  f.server.wire->room = 70000;  // more than one batch of records
  f.server.flush();
  CHECK(f.server.out.size() < 200000);
  CHECK(f.server.out.size() >= 200000 - 70000);
  for (int i = 0; i < 500 && !f.server.out.empty(); ++i) {
    f.server.wire->room = 777;
    f.run();
  }
  f.run();
  CHECK(f.server.out.empty());
  CHECK(f.client.got == std::string(200000, 'x'));
}

TEST_CASE("a reader that stopped is told again of what is decrypted or waits", "[tls]") {
  Fixture f;
  f.connect();
  f.run();
  f.server.reads = false;
  f.client.out.append(std::string(10000, 'y'));
  f.run();
  Buffer some;
  CHECK(f.server.transport->read(some, 100).bytes == 100);
  f.server.told.clear();
  f.server.reads = true;
  f.server.transport->rearm();
  CHECK(f.server.wire->rearmed);
  f.server.wire->events->on_writable();  // all that the kernel has to say
  CHECK(f.server.got.size() == 9900);
}

TEST_CASE("another session takes over with what is there", "[tls]") {
  Fixture f;
  f.connect();
  f.run();
  f.client.reads = false;
  f.server.out.append("for the next one");
  f.run();
  Buffer peeked;
  CHECK(f.client.transport->read(peeked, 4).bytes == 4);
  Session next;
  next.transport = std::move(f.client.transport);
  next.transport->start(next);
  f.client.wire->events->on_writable();
  CHECK(next.got == "the next one");
}

TEST_CASE("ends: close_notify is an end, its absence too, a reset is one", "[tls]") {
  Fixture f;
  f.connect();
  f.run();
  SECTION("shutdown leaves the other direction open") {
    f.server.transport->shutdown_write();
    f.run();
    CHECK(f.client.end == IoStatus::eof);
    CHECK_FALSE(f.client.wire->ended);
    f.client.out.append("still");
    f.client.flush();
    f.run();
    CHECK(f.server.got == "still");
  }
  SECTION("close says so") {
    f.server.transport->close();
    CHECK(f.server.wire->closed);
    f.run();
    CHECK(f.client.end == IoStatus::eof);
  }
  SECTION("the other end vanishes") {
    f.client.wire->ended = true;
    f.run();
    CHECK(f.client.end == IoStatus::eof);
  }
  SECTION("reset") {
    f.server.transport->close_reset();
    CHECK(f.server.wire->reset);
  }
}

TEST_CASE("a failed handshake is told with its reason, and counted", "[tls]") {
  Fixture f;
  SECTION("the client does not trust the server") {
    const auto other = test::make("other");
    f.client_options.validation = test::trust(other);
    f.connect();
    f.run();
    CHECK(f.client.told == "failed0 ");
    CHECK(f.client.transport->failure_reason().find("CERTIFICATE_VERIFY_FAILED:verify_cert_failed") != std::string_view::npos);
    CHECK(f.count(stats::SslStat::fail_verify_error) == 1);
    CHECK(f.count(stats::SslStat::connection_error) == 1);  // the server's, of the alert
    CHECK(f.server.end == IoStatus::reset);
    f.server.transport->close_reset();
    CHECK_FALSE(f.server.wire->reset);  // what TLS still had to say goes out
  }
  SECTION("the server vanishes") {
    f.connect();
    f.client.wire->ended = true;
    f.client.wire->in.clear();
    f.client.wire->events->on_readable();
    CHECK(f.client.told == "failed0 ");
    CHECK(f.client.transport->failure_reason().empty());
  }
}

TEST_CASE("without a secret there is no connection", "[tls]") {
  Fixture f;
  auto a = std::make_unique<Wire>(), b = std::make_unique<Wire>();
  a->peer = b.get();
  b->peer = a.get();
  f.client.wire = b.get();
  const ClientSocket dial({f.stats, {}});
  f.client.transport = dial.wrap(f.thread, std::move(b), {}, f.memory);
  f.client.transport->start(f.client);
  f.client.wire->events->on_connected();
  CHECK(f.client.told == "failed0 ");
  CHECK(f.client.transport->failure_reason() == "TLS error: Secret is not supplied by SDS");
}

TEST_CASE("sessions are kept for the host and used", "[tls]") {
  Fixture f;
  f.server_options.ticket_keys = {std::string(80, 'k')};
  ClientSocket dial({f.stats, {}});
  dial.set(*ClientContext::make(f.client_options));
  ServerSocket accept({f.stats, {}, {}});
  accept.set(*ServerContext::make(f.server_options));
  const auto handshake = [&] {
    auto a = std::make_unique<Wire>(), b = std::make_unique<Wire>();
    a->peer = b.get();
    b->peer = a.get();
    f.server.wire = a.get();
    f.client.wire = b.get();
    f.server.transport = accept.wrap(f.thread, std::move(a));
    f.client.transport = dial.wrap(f.thread, std::move(b), {}, f.memory);
    f.server.transport->start(f.server);
    f.client.transport->start(f.client);
    f.client.wire->events->on_connected();
    f.run();
  };
  for (const int round : {0, 1, 2}) {
    handshake();
    CHECK(f.count(stats::SslStat::session_reused) == 2u * static_cast<unsigned>(round));
    CHECK(f.client.transport->tls()->peer_certificate_validated());
    CHECK(f.memory != nullptr);
  }
  // A new context trusts anew.
  dial.set(*ClientContext::make(f.client_options));
  handshake();
  CHECK(f.count(stats::SslStat::session_reused) == 4);
}
