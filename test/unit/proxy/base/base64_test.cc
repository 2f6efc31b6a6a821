#include "proxy/base/base64.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "proxy/base/random.h"

using namespace outrigger;

namespace {

std::string random_bytes(Random& random, std::size_t size) {
  std::string bytes(size, ' ');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

std::string of_urls(std::string text) {
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

}  // namespace

TEST_CASE("what is written in base64 is read again, of any length", "[base]") {
  Random random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    const auto bytes = random_bytes(random, size);
    const auto text = encode_base64(bytes);
    std::string out, other = "before ";
    REQUIRE(decode_base64(text, out));
    CHECK(out == bytes);
    REQUIRE(decode_base64url(of_urls(text), other));
    CHECK(other == "before " + bytes);
    const auto bare = of_urls(text).substr(0, text.find('='));
    other.clear();
    REQUIRE(decode_base64url(bare, other));
    CHECK(other == bytes);
  }
}

TEST_CASE("a byte that is no digit is found wherever it is", "[base]") {
  Random random(2);
  const auto text = encode_base64(random_bytes(random, 30));
  for (std::size_t at = 0; at < text.size(); ++at)
    for (const char bad : {'*', '\0', '\x80', '\xff', '=', '.'}) {
      auto changed = text;
      changed[at] = bad;
      const bool is_padding = bad == '=' && at + 1 == text.size();
      INFO(at << ' ' << static_cast<int>(bad));
      std::string out;
      if (!is_padding) CHECK_FALSE(decode_base64(changed, out));
      if (!is_padding) CHECK_FALSE(decode_base64url(of_urls(changed), out));
    }
  std::string out;
  CHECK_FALSE(decode_base64("YW-_", out));
  CHECK_FALSE(decode_base64url("YW+/", out));
}

TEST_CASE("white space between digits for URLs is skipped, wherever it is", "[base]") {
  const std::string text = "VGhlIHF1aWNrIGJyb3duIGZveA==";
  for (std::size_t at = 0; at <= text.size(); ++at) {
    auto spaced = text;
    spaced.insert(at, " \n");
    std::string out;
    REQUIRE(decode_base64url(spaced, out));
    CHECK(out == "The quick brown fox");
    CHECK_FALSE(decode_base64(spaced, out));
  }
}
