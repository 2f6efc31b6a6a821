// Chunked bodies: cut in pieces of every size, every kind of error, the limits.
#include <catch2/catch.hpp>

#include "support/h1.h"

using namespace outrigger;
using namespace outrigger::http;

namespace {
struct Decoded {
  Arena arena;
  HeaderMap trailers{arena};
  ChunkDecoder decoder;
  Buffer out, in;
  ChunkDecoder::Status status = ChunkDecoder::Status::more;

  explicit Decoded(std::string_view wire, std::size_t piece = 1 << 20, const Http1Options& o = {}, bool keep = true) {
    for (std::size_t at = 0; at < wire.size() && status == ChunkDecoder::Status::more; at += piece) {
      in.append(wire.substr(at, piece));
      status = decoder.feed(in, out, o, arena, keep ? &trailers : nullptr);
    }
  }
  bool done() const { return status == ChunkDecoder::Status::done; }
  std::string_view detail() const { return status == ChunkDecoder::Status::error ? decoder.error().detail : ""; }
};
}  // namespace

TEST_CASE("chunked bodies decode the same in pieces of every size", "[h1]") {
  const std::string wire = "4\r\nwiki\r\n005;x=\"y\"\r\npedia\r\nA \t \r\n0123456789\r\n0;last\r\nT: v\r\nU: w\r\n x\r\n\r\n";
  for (std::size_t piece = 1; piece <= wire.size(); ++piece) {
    INFO(piece);
    const Decoded d(wire, piece);
    REQUIRE(d.done());
    CHECK(d.out.to_string() == "wikipedia0123456789");
    CHECK(test::text_of(d.trailers) == "t: v|u: w x");
    CHECK(d.in.empty());
  }
}

TEST_CASE("what follows the last chunk is left in the input", "[h1]") {
  for (const char* wire : {"1\r\na\r\n0\r\n\r\nnext", "1\r\na\r\n0\r\nT: v\r\n\r\nnext", "1\r\na\r\n0\r\n\nnext"}) {
    const Decoded d(wire);
    REQUIRE(d.done());
    CHECK(d.out.to_string() == "a");
    CHECK(d.in.to_string() == "next");
  }
}

TEST_CASE("chunk sizes and extensions that are taken", "[h1]") {
  for (const std::string wire : {"1\r\na\r\n0\r\n\r\n", "0000000000000000000000001\r\na\r\n0\r\n\r\n", "1;\r\na\r\n0\r\n\r\n",
                                 "1;e=v;f\r\na\r\n0\r\n\r\n", "1 \t\r\na\r\n0\r\n\r\n", "1 ;x\r\na\r\n0\r\n\r\n",
                                 "1 x\r\na\r\n0\r\n\r\n", "1;\x01\x80\r\na\r\n0\r\n\r\n", "1\r\na\r\n000\r\n\r\n"}) {
    INFO(wire);
    const Decoded d(wire);
    CHECK(d.done());
    CHECK(d.out.to_string() == "a");
  }
  const Decoded d("1;" + std::string(200'000, 'x') + "\r\na\r\n0\r\n\r\n", 1000);  // an extension is not kept
  CHECK(d.done());
  CHECK(d.out.to_string() == "a");
  for (const auto& [size, bytes] : {std::pair("aF", 0xafU), {"10", 16U}, {"9", 9U}}) {
    const Decoded sized(std::string(size) + "\r\n" + std::string(bytes, 'x') + "\r\n0\r\n\r\n");
    CHECK(sized.done());
    CHECK(sized.out.size() == bytes);
  }
  const Decoded huge("ffffffffffffffff\r\nabc");
  CHECK(huge.status == ChunkDecoder::Status::more);
  CHECK(huge.out.to_string() == "abc");
}

TEST_CASE("what is not a chunked body", "[h1]") {
  for (const std::string wire : {
           "\r\n0\r\n\r\n",
           " 1\r\na\r\n",
           "+1\r\n",
           "-1\r\n",
           "0x1\r\n",
           "g\r\n",
           "1x\r\na\r\n",
           ";x\r\n",
           "\x80\r\n",
           "10000000000000000\r\n",  // 65 bits
           "1\na\r\n",
           "1\r\r\na\r\n",
           "1;x\na\r\n",
           "1;x\ry\r\na\r\n",
           "0\n\r\n",  // no CRLF behind the size
           "1\r\nab\r\n",
           "1\r\na\n0\r\n\r\n",
           "1\r\na\r\r\n",
           "1\r\na0\r\n\r\n",
           "1\r\na\r\n\r\n0\r\n\r\n",  // nor behind the chunk
           "0\r\nbad name: x\r\n\r\n",
           "0\r\nnone\r\n\r\n",
           "0\r\n: x\r\n\r\n",
           "0\r\nT : v\r\n\r\n",
           "0\r\n T: v\r\n\r\n",
       }) {
    INFO(wire);
    for (const std::size_t piece : {std::size_t{1}, wire.size()}) CHECK(Decoded(wire, piece).detail() == "http1.codec_error");
  }
  CHECK(Decoded("0\r\nT: \x01\r\n\r\n").detail() == "http1.invalid_characters");
}

TEST_CASE("trailers have the limits of a head", "[h1]") {
  Http1Options o;
  o.headers_kb_max = 1;
  o.headers_max = 3;
  const auto section = [](std::size_t bytes) { return "0\r\nT: " + std::string(bytes - 7, 'x') + "\r\n\r\n"; };
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
    CHECK(Decoded(section(1024), piece, o).done());
    CHECK(Decoded(section(1025), piece, o).detail() == "http1.headers_too_large");
    CHECK(Decoded("0\r\nT: " + std::string(2000, 'x'), piece, o).detail() == "http1.headers_too_large");
  }
  CHECK(Decoded("0\r\na: 1\r\na: 2\r\na: 3\r\n\r\n", 1, o).done());
  CHECK(Decoded("0\r\na: 1\r\na: 2\r\na: 3\r\na: 4\r\n\r\n", 1, o).detail() == "http1.too_many_headers");
  o.underscores = UnderscoreAction::reject;
  CHECK(Decoded("0\r\na_b: 1\r\n\r\n", 1, o).detail() == "http1.unexpected_underscore");
}

TEST_CASE("trailers that nobody wants are only checked", "[h1]") {
  Http1Options o;
  o.headers_kb_max = 1;
  o.headers_max = 1;
  o.underscores = UnderscoreAction::reject;
  CHECK(Decoded("0\r\na: 1\r\nb_c: 2\r\nd: 3\r\n\r\n", 1, o, false).done());
  CHECK(Decoded("0\r\nbad name: x\r\n\r\n", 1, o, false).detail() == "http1.codec_error");
  CHECK(Decoded("0\r\nT: " + std::string(2000, 'x'), 100, o, false).detail() == "http1.headers_too_large");
}

TEST_CASE("framing fields among the trailers frame nothing", "[h1]") {
  const Decoded d("0\r\nContent-Length: x\r\nTransfer-Encoding: y\r\nHost: h\r\n\r\n");
  CHECK(d.done());
  CHECK(test::text_of(d.trailers) == "content-length: x|transfer-encoding: y|host: h");
}

TEST_CASE("a decoder that is reset begins anew", "[h1]") {
  Decoded d("0\r\n\r\n");
  REQUIRE(d.done());
  d.decoder.reset();
  d.in.append("1\r\nb\r\n0\r\n\r\n");
  CHECK(d.decoder.feed(d.in, d.out, {}, d.arena, nullptr) == ChunkDecoder::Status::done);
  CHECK(d.out.to_string() == "b");
}
