// The engine without a socket: handshakes and records in pieces of every size, bad records, sizes of records.
#include "proxy/tls/engine.h"

#include <catch2/catch.hpp>
#include "unit/proxy/tls/engine_pair.h"

using namespace outrigger;       // NOLINT: a test
using namespace outrigger::tls;  // NOLINT

namespace {

using test::End;
using test::Pair;

struct World {
  test::Made ca = test::make("ca");
  test::Made server_cert = test::make("server", &ca, "DNS:a.example");
  test::Made client_cert = test::make("client", &ca, "URI:spiffe://td/c");
  ServerOptions server;
  ClientOptions client;
  World() {
    server.certificates = {test::load(server_cert)};
    client.validation = test::trust(ca, {test::exactly(SanKind::dns, "a.example")});
    client.params.version_max = TLS1_3_VERSION;
  }
  Pair pair(std::size_t piece = 100000) { return {*ServerContext::make(server), *ClientContext::make(client), piece}; }
};

}  // namespace

TEST_CASE("a handshake and a dialogue get through in pieces of any size", "[tls]") {
  World w;
  w.server.validation = test::trust(w.ca);
  w.server.require_client_certificate = true;
  w.client.certificates = {test::load(w.client_cert)};
  w.server.alpn = {"h2", "http/1.1"};
  w.client.alpn = {"http/1.1", "h2"};
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION})
    for (const std::size_t piece : {1u, 2u, 7u, 1000u, 100000u}) {
      INFO(version << " in pieces of " << piece);
      w.server.params.version_max = version;
      Pair p = w.pair(piece);
      p.run();
      REQUIRE(p.client.done);
      REQUIRE(p.server.done);
      CHECK(p.server.facts->alpn() == "h2");
      CHECK(p.client.facts->alpn() == "h2");
      CHECK(p.server.facts->server_name() == "a.example");
      CHECK(p.server.facts->peer()->uri_sans == std::vector<std::string>{"spiffe://td/c"});
      CHECK(p.server.verdict.kind == Verdict::accepted);
      CHECK(p.server.facts->version() == (version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"));
      Buffer text;
      text.append(std::string(40000, 'x'));
      std::size_t n = 0;
      CHECK(p.client.engine->write(text, 1 << 20, n) == Engine::Status::ok);
      CHECK(n == 40000);
      CHECK(text.size() == 40000);  // draining is the caller's
      CHECK(p.server.engine->write(text, 3, n) == Engine::Status::ok);
      CHECK(n == 3);
      p.run();
      CHECK(p.server.got == std::string(40000, 'x'));
      CHECK(p.client.got == "xxx");
      p.client.engine->shutdown();
      p.client.engine->shutdown();  // once
      p.run();
      CHECK(p.server.closed);
      CHECK_FALSE(p.server.failed);
    }
}

TEST_CASE("small slices go out as full records", "[tls]") {
  World w;
  Pair p = w.pair();
  p.run();
  REQUIRE(p.server.done);
  Buffer text, other;
  for (int i = 0; i < 20; ++i) {  // slices of their own blocks
    Buffer part;
    part.append(std::string(1025, static_cast<char>('a' + i)));
    text.append(std::move(part));
  }
  std::size_t n = 0;
  REQUIRE(p.server.engine->write(text, 1 << 20, n) == Engine::Status::ok);
  CHECK(n == 20 * 1025);
  std::size_t records = 0;
  const std::string wire = p.server.engine->out().to_string();
  for (std::size_t at = 0; at + 5 <= wire.size(); ++records)
    at += 5 + (static_cast<unsigned char>(wire[at + 3]) << 8 | static_cast<unsigned char>(wire[at + 4]));
  CHECK(records == 2);
  p.run();
  CHECK(p.client.got == text.to_string());
}

TEST_CASE("a record that was changed on its way ends the connection with an alert and a reason", "[tls]") {
  World w;
  Pair p = w.pair();
  p.run();
  Buffer text;
  text.append("hello");
  std::size_t n = 0;
  p.client.engine->write(text, 100, n);
  std::string wire = p.client.engine->out().to_string();
  p.client.engine->out().clear();
  wire.back() = static_cast<char>(wire.back() ^ 1);
  p.server.engine->in().append(wire);
  p.server.turn();
  CHECK(p.server.failed);
  CHECK(p.server.got.empty());
  const auto f = p.server.failure;
  CHECK(f.reason == "TLS_error:|268435595:SSL routines:OPENSSL_internal:DECRYPTION_FAILED_OR_BAD_RECORD_MAC:TLS_error_end");
  CHECK_FALSE(p.server.engine->out().empty());
}

TEST_CASE("what is no TLS ends the handshake", "[tls]") {
  World w;
  struct Row {
    std::string bytes;
    const char* reason;
  };
  for (const Row& r : {Row{"GET / HTTP/1.1\r\n\r\n", "HTTP_REQUEST"}, Row{"CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTPS_PROXY_REQUEST"},
                       Row{std::string(20, '\0'), "WRONG_VERSION_NUMBER"}, Row{std::string(50, '\xff'), "WRONG_VERSION_NUMBER"}}) {
    INFO(r.reason);
    for (const std::size_t piece : {1u, 100u}) {
      Pair p = w.pair();
      for (std::size_t i = 0; i < r.bytes.size() && !p.server.failed; i += piece) {
        p.server.engine->in().append(std::string_view(r.bytes).substr(i, piece));
        p.server.turn();
      }
      CHECK(p.server.failed);
      CHECK(p.server.failure.reason.find(r.reason) != std::string::npos);
    }
  }
}

TEST_CASE("a client refuses a server it does not trust, and says why", "[tls]") {
  World w;
  const auto other = test::make("other");
  w.client.validation = test::trust(other);
  Pair p = w.pair();
  p.run();
  CHECK(p.client.failed);
  const auto f = p.client.failure;
  CHECK(f.verify);
  CHECK(f.reason.find("certificate verification error at depth 0: unable to get local issuer certificate") != std::string::npos);
  CHECK(p.server.failed);
  CHECK(p.server.failure.reason.find("TLSV1_ALERT_UNKNOWN_CA") != std::string::npos);
}

TEST_CASE("a session is resumed where it was made, and nowhere that asks for more", "[tls]") {
  World w;
  const auto strict_ca = test::make("strict");
  w.server.ticket_keys = {std::string(80, 'k')};  // the same for both
  ServerOptions strict = w.server;
  strict.validation = test::trust(strict_ca);
  strict.require_client_certificate = true;
  const auto lenient_context = *ServerContext::make(w.server), strict_context = *ServerContext::make(strict);
  const auto client = *ClientContext::make(w.client);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    INFO(version);
    Pair first(lenient_context, client, 100000);
    SSL_set_max_proto_version(first.client.engine->ssl(), version);
    first.run();
    REQUIRE_FALSE(first.client.sessions.empty());
    SSL_SESSION* session = first.client.sessions.back().get();
    Pair again(lenient_context, client, 100000);
    SSL_set_max_proto_version(again.client.engine->ssl(), version);
    SSL_set_session(again.client.engine->ssl(), session);
    again.run();
    CHECK(again.server.done);
    CHECK(SSL_session_reused(again.server.engine->ssl()) == 1);
    Pair elsewhere(strict_context, client, 100000);
    SSL_set_max_proto_version(elsewhere.client.engine->ssl(), version);
    SSL_set_session(elsewhere.client.engine->ssl(), session);
    elsewhere.run();
    CHECK(elsewhere.server.failed);
    CHECK(elsewhere.server.failure.no_certificate);
  }
}
