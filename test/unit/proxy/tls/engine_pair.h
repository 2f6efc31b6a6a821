// Two engines back to back, for tests: a server's and a client's, with memory between them.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/tls/context.h"
#include "proxy/tls/engine.h"
#include "unit/proxy/tls/make_certs.h"

namespace outrigger::tls::test {

struct End final : Hooks {
  void on_new_session(SSL_SESSION* s) override { sessions.emplace_back(s); }
  void on_response_asked(Stapling) override {}
  std::shared_ptr<Info> facts = std::make_shared<Info>();
  std::optional<Engine> engine;
  std::vector<SessionPtr> sessions;
  std::string got;
  Failure failure;  // of the turn that failed: the next one takes OpenSSL's errors
  bool done = false, failed = false, closed = false;

  void open(SslPtr ssl) { Hooks::engine = &engine.emplace(std::move(ssl)); }
  End() { Hooks::info = facts.get(); }
  void turn() {
    if (failed || closed) return;
    go_on();
    if (failed) failure = engine->take_failure(false);
  }

 private:
  void go_on() {
    if (!done) {
      const auto s = engine->handshake();
      done = s == Engine::Status::ok;
      failed = s == Engine::Status::failed;
      if (!done) return;
      facts->settle(engine->ssl(), true);
    }
    Buffer into;
    while (true) {
      std::size_t n = 0;
      const auto s = engine->read(into, 5000, n);
      if (s == Engine::Status::ok) continue;
      failed = s == Engine::Status::failed;
      closed = s == Engine::Status::closed;
      break;
    }
    got += into.to_string();
  }
};

/// Moves at most `piece` bytes of what one end sends to the other.
inline bool move(Engine& from, Engine& to, std::size_t piece) {
  const auto run = from.out().front();
  if (run.empty()) return false;
  const auto part = run.substr(0, std::min(piece, run.size()));
  to.in().append(part);
  from.out().drain(part.size());
  return true;
}

struct Pair {
  std::shared_ptr<const ServerContext> server_context;  // outlive the ends
  std::shared_ptr<const ClientContext> client_context;
  End server, client;
  std::size_t piece;
  Pair(const std::shared_ptr<const ServerContext>& s, const std::shared_ptr<const ClientContext>& c, std::size_t piece)
      : server_context(s), client_context(c), piece(piece) {
    server.open(s->new_ssl(server));
    client.open(c->new_ssl(client, "a.example", {}));
  }
  void run() {
    do {
      client.turn();
      server.turn();
    } while (move(*client.engine, *server.engine, piece) | move(*server.engine, *client.engine, piece));
  }
};

}  // namespace outrigger::tls::test
