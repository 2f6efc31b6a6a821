// Buffers against a plain string that does the same.
#include "proxy/buffer/buffer.h"

#include <catch2/catch.hpp>
#include <string>

#include "proxy/base/random.h"

using outrigger::Buffer;

TEST_CASE("a buffer behaves as a string does", "[buffer]") {
  outrigger::Random random(7);
  Buffer buffer;
  std::string model;
  for (int step = 0; step < 5000; ++step) {
    switch (random.below(6)) {
      case 0:
      case 1: {
        const std::string piece(random.below(40000), static_cast<char>('a' + random.below(26)));
        buffer.append(piece);
        model += piece;
        break;
      }
      case 2: {
        const std::size_t n = random.below(model.size() + 1);
        buffer.drain(n);
        model.erase(0, n);
        break;
      }
      case 3: {
        Buffer other;
        const std::size_t n = random.below(model.size() + 1);
        other.move_from(buffer, n);
        REQUIRE(other.to_string() == model.substr(0, n));
        model.erase(0, n);
        break;
      }
      case 4: {
        const std::size_t n = random.below(20000);
        const auto span = buffer.linearize(n);
        REQUIRE(std::string_view(span.data(), span.size()) == model.substr(0, n));
        break;
      }
      default: {
        Buffer copy;
        buffer.share_to(copy);
        REQUIRE(copy.to_string() == model);
        copy.append("x");  // must not show in the original
      }
    }
    REQUIRE(buffer.size() == model.size());
    if (step % 50 == 0) REQUIRE(buffer.to_string() == model);
  }
}

TEST_CASE("reserve and commit add bytes in place", "[buffer]") {
  Buffer b;
  auto room = b.reserve(100);
  REQUIRE(room.size() >= 100);
  std::copy_n("hello", 5, room.data());
  b.commit(5);
  REQUIRE(b.to_string() == "hello");
  b.trim();
  REQUIRE(b.to_string() == "hello");
}

TEST_CASE("small pieces that are moved, shared or framed don't keep a block each", "[buffer]") {
  const std::size_t before = Buffer::blocks_in_use();
  {
    Buffer out, kept;
    std::string expected;
    out.append(std::string(100, 'h'));
    for (int i = 0; i < 1000; ++i) {
      Buffer in;
      in.append(std::string(1 + i % 7, static_cast<char>('a' + i % 26)));
      expected += in.to_string();
      in.share_to(kept);
      out.append("3\r\n");
      out.append(std::move(in));
      out.append("\r\n");
    }
    REQUIRE(kept.to_string() == expected);
    REQUIRE(out.size() == 100 + expected.size() + 5000);
    REQUIRE(Buffer::blocks_in_use() - before <= 4);
    // Large pieces are shared; the lines between them are not worth a block either.
    Buffer framed;
    for (int i = 0; i < 8; ++i) {
      Buffer in;
      in.append(std::string(Buffer::kBlockBytes, 'b'));
      in.share_to(framed);
      framed.append("\r\n");
    }
    REQUIRE(Buffer::blocks_in_use() - before <= 4 + 8 + 1);
    REQUIRE(framed.size() == 8 * (Buffer::kBlockBytes + 2));
    REQUIRE(framed.to_string().substr(Buffer::kBlockBytes, 3) == "\r\nb");
  }
  REQUIRE(Buffer::blocks_in_use() == before);
}

TEST_CASE("small pieces of many buffers share a block, and each keeps its bytes", "[buffer]") {
  const auto before = Buffer::blocks_in_use();
  std::vector<Buffer> all(100);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].append_small("piece " + std::to_string(i));
  CHECK(Buffer::blocks_in_use() <= before + 1);
  for (std::size_t i = 0; i < all.size(); i += 2) {
    all[i].append_small(", more");
    all[i].append(std::string(20000, 'x'));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string piece = "piece " + std::to_string(i);
    CHECK(all[i].to_string() == (i % 2 == 0 ? piece + ", more" + std::string(20000, 'x') : piece));
  }
  Buffer moved;
  moved.append(std::move(all[1]));
  moved.append_small("!");
  CHECK(moved.to_string() == "piece 1!");
  all.clear();
  moved.clear();
  CHECK(Buffer::blocks_in_use() <= before + 1);
}
