// The parts of a local reply that do not depend on a stream.
#include "proxy/hcm/local_reply.h"

#include <catch2/catch.hpp>

#include "support/message.h"

using namespace outrigger;

TEST_CASE("gRPC clients are told the status in their own words", "[local_reply]") {
  struct Row {
    unsigned http;
    std::optional<std::uint32_t> grpc;
    const char* want;
  };
  for (const Row& r : {Row{400, {}, "13"}, Row{401, {}, "16"}, Row{403, {}, "7"}, Row{404, {}, "12"}, Row{429, {}, "14"},
                       Row{502, {}, "14"}, Row{503, {}, "14"}, Row{504, {}, "14"}, Row{200, {}, "2"}, Row{408, {}, "2"},
                       Row{500, {}, "2"}, Row{599, {}, "2"}, Row{503, 4, "4"}, Row{200, 0, "0"}}) {
    INFO(r.http);
    test::Response m(r.http);
    hcm::grpc_local_reply(m.head, r.grpc, "");
    CHECK(m.head.status == 200);
    CHECK(m.text() == std::string("content-type: application/grpc|grpc-status: ") + r.want);
  }
}

TEST_CASE("gRPC messages are percent-encoded", "[local_reply]") {
  struct Row {
    const char *message, *want;
  };
  for (const Row& r : {Row{"upstream request timeout", "upstream request timeout"}, Row{"a%b", "a%25b"}, Row{"a~b}", "a%7Eb}"},
                       Row{"\x1f \x7f", "%1F %7F"}, Row{"\n\t", "%0A%09"}, Row{"\xc3\xa9", "%C3%A9"}, Row{"\"\\", "\"\\"}}) {
    test::Response m(503, {{"content-type", "text/plain"}});
    hcm::grpc_local_reply(m.head, {}, r.message);
    CHECK(m.text() == std::string("content-type: application/grpc|grpc-status: 14|grpc-message: ") + r.want);
  }
}

TEST_CASE("a body brings its length, and a type when there is none", "[local_reply]") {
  test::Response plain(503), typed(503, {{"content-type", "text/html"}, {"content-length", "99"}});
  hcm::put_body_headers(plain.head, "hello", "text/plain");
  CHECK(plain.text() == "content-length: 5|content-type: text/plain");
  hcm::put_body_headers(typed.head, std::string(1234, 'x'), "text/plain");
  CHECK(typed.text() == "content-type: text/html|content-length: 1234");
}
