#include "proxy/listener/client_hello.h"

#include <catch2/catch.hpp>

#include "support/hello.h"

using namespace outrigger::listener;
using namespace outrigger::test;
using namespace std::string_literals;

namespace {

struct Parsed {
  std::string assembled;
  ClientHello hello;
  HelloResult result;
  std::string copy;
  explicit Parsed(std::string bytes) : copy(std::move(bytes)) { result = parse_client_hello(copy, hello, assembled); }
};

HelloError error_of(const std::string& bytes) {
  const Parsed p(bytes);
  CHECK(p.result.status == HelloResult::failed);
  return p.result.error;
}

std::string with(std::string extensions) {
  Hello h;
  h.extensions = std::move(extensions);
  return records(h.message());
}

}  // namespace

TEST_CASE("a ClientHello tells its name and protocols", "[client_hello]") {
  const Parsed p(hello("www.a.example", alpn({"h2", "http/1.1"})));
  REQUIRE(p.result.status == HelloResult::complete);
  CHECK(p.result.bytes == p.copy.size());
  CHECK(p.hello.version == 0x0303);
  CHECK(p.hello.server_name == "www.a.example");
  CHECK(application_protocols(p.hello) == std::vector<std::string>{"h2", "http/1.1"});
  CHECK(p.hello.ciphers == numbers({0x1301, 0x1302, 0xc02b, 0xc02f}));
}

TEST_CASE("a ClientHello is complete with its last byte, however it is cut into records", "[client_hello]") {
  Hello h;
  h.extensions = server_name("a.example") + usual_extensions() + alpn({"h2"});
  for (const std::size_t size : {1u, 2u, 3u, 4u, 5u, 7u, 50u, 100u, 16384u}) {
    const std::string whole = records(h.message(), size);
    for (std::size_t n = 0; n < whole.size(); ++n) {
      const Parsed part(whole.substr(0, n));
      if (part.result.status != HelloResult::more) FAIL("records of " << size << ", " << n << " bytes");
    }
    const Parsed p(whole + "behind it");
    CAPTURE(size);
    CHECK(p.result.status == HelloResult::complete);
    CHECK(p.result.bytes == whole.size());
    CHECK(p.hello.server_name == "a.example");
  }
}

TEST_CASE("what is not TLS is known by its first five bytes", "[client_hello]") {
  for (const std::string text : {"GET / HTTP/1.1", "POST /", "HEAD /", "PUT /a"}) {
    CHECK(error_of(text) == HelloError::http_request);
    CHECK(Parsed(text.substr(0, 4)).result.status == HelloResult::more);
  }
  CHECK(error_of("CONNECT a:1") == HelloError::https_proxy_request);
  for (const std::string& text :
       {"hello"s, "SSH-2.0"s, std::string(5, '\0'), "\x16\2\0\0\5"s, "\xff\xff\xff\xff\xff"s, "PRI * HTTP/2.0"s}) {
    CHECK(error_of(text) == HelloError::wrong_version_number);
  }
  CHECK(error_of("\x16\3\1\x48\1"s) == HelloError::encrypted_length_too_long);
}

TEST_CASE("records of other kinds end the search", "[client_hello]") {
  CHECK(error_of("\x17\3\3\0\1x"s) == HelloError::unexpected_record);
  CHECK(error_of("\x14\3\1\0\1\1"s) == HelloError::unexpected_record);
  CHECK(error_of("\x15\3\1\0\1\2"s) == HelloError::bad_alert);
  CHECK(error_of("\x15\3\1\0\2\3\x28"s) == HelloError::unknown_alert_type);
  CHECK(static_cast<int>(error_of("\x15\3\1\0\2\2\x28"s)) == 1040);
  CHECK(Parsed("\x15\3\1\0\2\1\0"s).result.status == HelloResult::closed);
  const std::string warning = "\x15\3\1\0\2\1\x5a"s;
  CHECK(Parsed(warning + warning + warning + warning + hello()).result.status == HelloResult::complete);
  CHECK(error_of(warning + warning + warning + warning + warning + hello()) == HelloError::too_many_warning_alerts);
  const std::string empty = "\x16\3\1\0\0"s;
  std::string many;
  for (int i = 0; i < 32; ++i) many += empty;
  CHECK(Parsed(many + hello()).result.status == HelloResult::complete);
  CHECK(error_of(many + empty) == HelloError::too_many_empty_fragments);
}

TEST_CASE("messages that are no ClientHello, or too large, are refused by their header", "[client_hello]") {
  CHECK(error_of(records("\2\0\0\0"s)) == HelloError::unexpected_message);
  CHECK(error_of(records("\1\0\x40\1"s)) == HelloError::excessive_message_size);
  CHECK(Parsed(records("\1\0\x40\0"s)).result.status == HelloResult::more);
}

TEST_CASE("a malformed ClientHello is refused in every part", "[client_hello]") {
  const auto broken = [](auto change) {
    Hello h;
    h.extensions = server_name("a");
    change(h);
    return error_of(records(h.message()));
  };
  CHECK(broken([](Hello& h) { h.session.assign(33, 'x'); }) == HelloError::parse_failed);
  CHECK(broken([](Hello& h) { h.ciphers.clear(); }) == HelloError::parse_failed);
  CHECK(broken([](Hello& h) { h.ciphers += '\1'; }) == HelloError::parse_failed);
  CHECK(broken([](Hello& h) { h.compression.clear(); }) == HelloError::parse_failed);
  CHECK(broken([](Hello& h) { h.extensions += '\0'; }) == HelloError::parse_failed);
  CHECK(broken([](Hello& h) { h.extensions += extension(0x1234, "") + extension(0x1234, ""); }) == HelloError::parse_failed);
  Hello whole;
  whole.extensions = server_name("a") + usual_extensions();
  const std::string body = whole.message().substr(4);
  for (std::size_t n = 0; n < body.size(); ++n) {
    if (n == body.size() - whole.extensions.size() - 2) continue;  // without the block of extensions it is right
    const Parsed p(records('\1' + vector(3, body.substr(0, n))));
    if (p.result.error != HelloError::parse_failed) FAIL("cut to " << n << " bytes");
  }
}

TEST_CASE("a server name must be one host name of 1 to 255 bytes without zero", "[client_hello]") {
  CHECK(Parsed(hello(std::string(255, 'a'))).result.status == HelloResult::complete);
  for (const auto& e : {server_name(""), server_name(std::string(256, 'a')), server_name("a\0b"s), server_name("a", 1),
                        extension(0, ""), extension(0, "\0\0"s), extension(0, vector(2, "\0\0\1a\0\0\1b"s)),
                        extension(0, "\0\x20\0\0\1a"s), extension(0, vector(2, "\0\0\1a"s) + "x")})
    CHECK(error_of(with(e)) == HelloError::error_parsing_extension);
}

TEST_CASE("protocols of a malformed ALPN extension are none at all", "[client_hello]") {
  for (const auto& content : {""s, "\0\0"s, "\0\3\0\1h"s, "\0\3\5ab"s, "\0\x20\2h2"s, "\0\3\2h2x"s}) {
    const Parsed p(with(extension(16, content)));
    CHECK(p.result.status == HelloResult::complete);
    CHECK(application_protocols(p.hello).empty());
  }
}

TEST_CASE("an SSLv2 hello stands for a hello of today", "[client_hello]") {
  const std::string ciphers = "\1\0\x80\0\0\x2f\0\xc0\x2f"s;
  const auto v2 = [&](const std::string& list, std::size_t challenge) {
    const std::string body =
        "\1\3\1"s + number(list.size(), 2) + number(0, 2) + number(16, 2) + list + std::string(challenge, 'c');
    return number(0x8000 | body.size(), 2) + body;
  };
  const Parsed p(v2(ciphers, 16));
  CHECK(p.result.status == HelloResult::complete);
  CHECK(p.hello.version == 0x0301);
  CHECK(p.hello.ciphers == numbers({0x2f, 0xc02f}));
  CHECK(p.hello.server_name.empty());
  CHECK(error_of(v2(ciphers, 15)) == HelloError::decode_error);
  CHECK(error_of(v2(ciphers, 17)) == HelloError::decode_error);
  CHECK(error_of(v2(ciphers + "\0"s, 16)) == HelloError::decode_error);
  CHECK(error_of(v2("\1\0\x80"s, 16)) == HelloError::parse_failed);
  const std::string whole = v2(ciphers, 16);
  for (std::size_t n = 0; n < whole.size(); ++n) CHECK(Parsed(whole.substr(0, n)).result.status == HelloResult::more);
}

TEST_CASE("fingerprints are those that Envoy makes", "[client_hello]") {
  const auto both = [](const std::string& bytes) {
    const Parsed p(bytes);
    return ja3_fingerprint(p.hello) + " " + ja4_fingerprint(p.hello);
  };
  CHECK(both(hello("a.example", alpn({"h2", "http/1.1"}))) ==
        "35faf2cb8d4a1330509ca034ceab42a0 t13d0407h2_e00fd9ffaebd_5e6a61e7dae5");
  CHECK(both(hello("")) == "0290ac4a3c82e69b6699175d8f0a59b1 t13i040500_e00fd9ffaebd_5e6a61e7dae5");
  CHECK(both(with(server_name("a"))) == "ac1a83dc59eda6323846468d09adbaa1 t12d040100_e00fd9ffaebd_000000000000");
  CHECK(both(hello("a", alpn({"\1x", "h2"}))) == "35faf2cb8d4a1330509ca034ceab42a0 t13d040708_e00fd9ffaebd_5e6a61e7dae5");
  CHECK(both(with(server_name("a") + extension(10, vector(2, numbers({0x2a2a, 0x1d}))))) ==
        "22184dc2f01bf4453a5a282db0a842f4 t12d040200_e00fd9ffaebd_a8f3e973773c");
}

TEST_CASE("failures read as BoringSSL's", "[client_hello]") {
  CHECK(failure_text(HelloError::wrong_version_number) ==
        "TLS_error|error:100000f7:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end");
  CHECK(failure_text(static_cast<HelloError>(1254)) ==
        "TLS_error|error:100004e6:SSL_routines:OPENSSL_internal:reason(1254):TLS_error_end");
}
