#include "proxy/buffer/base64.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>

using outrigger::Base64Encoder;
using outrigger::Buffer;

namespace {

std::string encoded(std::string_view text, std::size_t part) {
  Buffer out;
  Base64Encoder encoder;
  for (std::size_t i = 0; i < text.size(); i += part) encoder.put(text.substr(i, part), out);
  encoder.finish(out);
  return out.to_string();
}

/// None: not base64.
std::optional<std::string> decoded(std::string_view text, std::size_t part) {
  Buffer in, out;
  for (std::size_t i = 0; i < text.size(); i += part) {
    Buffer slice;
    slice.append(text.substr(i, part));
    in.append(std::move(slice));
  }
  const std::size_t n = text.size() / 4 * 4;
  if (!outrigger::decode_base64(in, n, out)) return {};
  CHECK(in.to_string() == text.substr(n));
  return out.to_string();
}

}  // namespace

TEST_CASE("base64 of texts, in parts of any size", "[buffer][base64]") {
  struct Case {
    std::string_view text, base64;
  };
  const Case cases[] = {{"", ""},
                        {"f", "Zg=="},
                        {"fo", "Zm8="},
                        {"foo", "Zm9v"},
                        {"foob", "Zm9vYg=="},
                        {"fooba", "Zm9vYmE="},
                        {"foobar", "Zm9vYmFy"},
                        {{"\0\xff\x80", 3}, "AP+A"}};
  for (const auto& c : cases)
    for (const std::size_t part : {1, 2, 3, 5, 100}) {
      CHECK(encoded(c.text, part) == c.base64);
      CHECK(decoded(c.base64, part) == std::string(c.text));
    }
}

TEST_CASE("an encoder begins anew after each text", "[buffer][base64]") {
  Buffer out;
  Base64Encoder encoder;
  for (const auto* text : {"a", "bc", "def", ""}) {
    encoder.put(text, out);
    encoder.finish(out);
  }
  CHECK(out.to_string() == "YQ==YmM=ZGVm");
}

TEST_CASE("a large text goes over many blocks", "[buffer][base64]") {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += static_cast<char>(i * 7);
  const auto once = encoded(text, text.size());
  CHECK(once == encoded(text, 1000));
  CHECK(decoded(once, once.size()) == text);
  CHECK(decoded(once, 4096) == text);
}

TEST_CASE("what is not base64 is refused", "[buffer][base64]") {
  for (const auto* text :
       {"AAA*", "AA=A", "A===", "====", "AAB=", "AB==", "AAA=AAAA", "__--", "AA A", "AAAA\r\nAA", "\xc3\xa4Z="})
    CHECK_FALSE(decoded(text, 100));
  CHECK(decoded("AAAAA", 100) == std::string("\0\0\0", 3));  // the rest waits
}
