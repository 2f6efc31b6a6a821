// What the libraries compress they decompress, in whatever parts it comes; what is wrong or far too dense is told and bounded.
#include <catch2/catch.hpp>
#include <string>

#include "proxy/compression/brotli.h"
#include "proxy/compression/gzip.h"
#include "proxy/compression/memory.h"
#include "proxy/compression/zstd.h"

using namespace outrigger;
using namespace outrigger::compression;

namespace {

struct Pair {
  std::shared_ptr<const CompressorLibrary> to;
  std::shared_ptr<const DecompressorLibrary> from;
};

std::vector<Pair> pairs() {
  return {
      {make_gzip({}), make_gunzip({})},
      {make_gzip({.level = 9, .strategy = 2, .window_bits = 9, .memory_level = 1}), make_gunzip({})},
      {make_brotli({}), make_unbrotli({})},
      {make_brotli({.quality = 9, .mode = 1, .literal_context_modeling = false}), make_unbrotli({.reallocates_window = false})},
      {*make_zstd({}), *make_unzstd({})},
      {*make_zstd({.level = 7, .strategy = 3, .checksum = true}), *make_unzstd({.chunk_bytes = 4096})}};
}

std::string words(std::size_t n) {
  std::string out;
  for (std::size_t i = 0; out.size() < n; ++i) out += std::to_string(i * 7919) + (i % 3 == 0 ? " word " : ",");
  out.resize(n);
  return out;
}

std::string compressed(const CompressorLibrary& library, const std::string& text, std::size_t part) {
  Arena arena;
  const auto coder = library.make(arena);
  REQUIRE(coder != nullptr);
  Buffer out;
  for (std::size_t at = 0; at < text.size(); at += part) {
    Buffer b;
    b.append(std::string_view(text).substr(at, part));
    coder->compress(b, false);
    out.append(std::move(b));
  }
  Buffer end;
  coder->compress(end, true);
  out.append(std::move(end));
  return out.to_string();
}

std::string decompressed(const DecompressorLibrary& library, const std::string& bytes, std::size_t part,
                         DecodeError* error = nullptr) {
  Arena arena;
  const auto coder = library.make(arena);
  REQUIRE(coder != nullptr);
  Buffer out;
  for (std::size_t at = 0; at < bytes.size(); at += part) {
    Buffer b;
    b.append(std::string_view(bytes).substr(at, part));
    const auto e = coder->decompress(b, out);
    if (e != DecodeError::none && error != nullptr && *error == DecodeError::none) *error = e;
  }
  return out.to_string();
}

}  // namespace

TEST_CASE("what is compressed comes back", "[compression]") {
  for (const auto& p : pairs())
    for (const std::size_t size : {0, 1, 30, 5000, 200000})
      for (const std::size_t part : {std::size_t{1}, std::size_t{777}, std::size_t{1} << 20}) {
        if (part == 1 && size > 5000) continue;
        // A block comes out whole with its last bytes, and is compared with those: as by Envoy.
        if (p.to->coding() == Coding::zstd && part < size) continue;
        INFO(name_of(p.to->coding()) << " " << size << " " << part);
        const auto text = words(size);
        const auto bytes = compressed(*p.to, text, part);
        DecodeError error = DecodeError::none;
        CHECK(decompressed(*p.from, bytes, std::max<std::size_t>(part, 1), &error) == text);
        CHECK(error == DecodeError::none);
      }
}

TEST_CASE("gzip and brotli give on at once what they were given", "[compression]") {
  for (const auto& p : pairs()) {
    if (p.to->coding() == Coding::zstd) continue;
    Arena arena;
    const auto in = p.to->make(arena);
    const auto out = p.from->make(arena);
    for (const std::string text : {"first", "second", ""}) {
      Buffer bytes, got;
      bytes.append(text);
      in->compress(bytes, false);
      CHECK(out->decompress(bytes, got) == DecodeError::none);
      CHECK(got.to_string() == text);
    }
  }
}

TEST_CASE("what is no such body is an error, and stays bounded", "[compression]") {
  for (const auto& p : pairs()) {
    INFO(name_of(p.to->coding()));
    DecodeError error = DecodeError::none;
    CHECK(decompressed(*p.from, std::string(500, 'x'), 100, &error).size() <= 50000);
    CHECK(error != DecodeError::none);
    error = DecodeError::none;
    const auto bomb = compressed(*p.to, std::string(20 << 20, '\0'), 1 << 20);
    const auto most = 100 * bomb.size() + 2 * 128 * 1024;
    const auto got = decompressed(*p.from, bomb, bomb.size(), &error).size();
    CHECK(got <= most);
    if (got < 20 << 20) CHECK(error == DecodeError::overflow);
  }
}

TEST_CASE("states use memory again that others gave back", "[compression]") {
  for (const auto& p : pairs()) {
    compressed(*p.to, "hello", 5);
    const auto kept = memory_kept();
    CHECK(kept > 0);
    for (int i = 0; i < 10; ++i) compressed(*p.to, "hello", 5);
    CHECK(memory_kept() == kept);
    CHECK(kept <= 8 << 20);
  }
}

TEST_CASE("a dictionary needs an id", "[compression]") {
  CHECK_FALSE(make_zstd({.dictionary = "hello"}).has_value());
  CHECK_FALSE(make_unzstd({.dictionaries = {"hello"}}).has_value());
}
