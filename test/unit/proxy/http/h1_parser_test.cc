// HTTP/1 request heads: what is taken and what is refused (the refusals are those of Envoy 1.40).
#include "proxy/http/h1_parser.h"

#include <catch2/catch.hpp>
#include <string>

using namespace outrigger;
using namespace outrigger::http;

namespace {
struct Parsed {
  Arena arena;
  RequestHead head{arena};
  Framing framing;
  H1Error error;
  std::string text;
  Parsed(std::string t, Http1Options o = {}) : text(std::move(t)) {
    std::size_t scanned = 0;
    const auto size = find_head_end(text, scanned);
    REQUIRE(size == text.size());
    error = parse_request_head(text.data(), text.size(), o, head, framing);
  }
};
}  // namespace

TEST_CASE("a plain request", "[h1]") {
  Parsed p("POST /a?b=c HTTP/1.1\r\nHost: x.com\r\nContent-Length: 5\r\nX-Foo:  bar \r\n\r\n");
  REQUIRE_FALSE(p.error);
  CHECK(p.head.method == "POST");
  CHECK(p.head.path == "/a?b=c");
  CHECK(p.head.authority == "x.com");
  CHECK(p.head.headers.get("x-foo") == "bar");
  CHECK(p.framing.kind == Framing::length);
  CHECK(p.framing.bytes == 5);
}

TEST_CASE("refused requests", "[h1]") {
  struct Row {
    const char* text;
    int status;
    const char* detail;
  };
  for (const Row& r : {
           Row{"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "http1.codec_error"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
               "http1.content_length_and_chunked_not_allowed"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n", 501,
               "http1.invalid_transfer_encoding"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\n", 400, "http1.codec_error"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400, "http1.codec_error"},
           Row{"BLAH / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "http1.codec_error"},
           Row{"GET / HTTP/1.1\r\nHost: a\r\nx[y: 1\r\n\r\n", 400, "http1.codec_error"},
       }) {
    INFO(r.text);
    Parsed p(r.text);
    CHECK(p.error.status == r.status);
    CHECK(p.error.detail == r.detail);
  }
}

TEST_CASE("a head in drips is found once complete", "[h1]") {
  const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
  std::size_t scanned = 0;
  for (std::size_t n = 1; n <= text.size(); ++n) {
    const auto size = find_head_end(std::string_view(text).substr(0, n), scanned);
    CHECK((size != 0) == (n >= text.size() - 4));
    if (size != 0) CHECK(size == text.size() - 4);
    if (size != 0) break;
  }
}

TEST_CASE("chunked bodies decode the same however they are cut", "[h1]") {
  const std::string wire = "4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\nT: v\r\n\r\n";
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    Arena arena;
    HeaderMap trailers(arena);
    ChunkDecoder d;
    Buffer in, out;
    in.append(wire.substr(0, cut));
    REQUIRE(d.feed(in, out, arena, &trailers) == ChunkDecoder::Status::more);
    in.append(wire.substr(cut));
    REQUIRE(d.feed(in, out, arena, &trailers) == ChunkDecoder::Status::done);
    CHECK(out.to_string() == "wikipedia");
    CHECK(trailers.get("t") == "v");
  }
}
