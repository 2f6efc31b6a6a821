#include "proxy/buffer/base64.h"

#include <algorithm>
#include <array>

#include "proxy/base/base64.h"

namespace outrigger {

namespace {

constexpr std::uint8_t kNone = 64;
constexpr auto kValues = [] {
  std::array<std::uint8_t, 256> out{};
  for (auto& v : out) v = kNone;
  for (std::uint8_t i = 0; i < 64; ++i) out[static_cast<unsigned char>(kBase64Digits[i])] = i;
  return out;
}();

/// Four digits to up to three bytes. `last`: padding may be among them. -1: not base64.
int decode_group(const char* four, bool last, char* out) noexcept {
  const int digits = !last || four[3] != '=' ? 4 : four[2] != '=' ? 3 : 2;
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    const auto v = i < digits ? kValues[static_cast<unsigned char>(four[i])] : std::uint8_t{0};
    if (v == kNone) return -1;
    bits = bits << 6 | v;
  }
  const std::uint32_t cut = digits == 4 ? 0 : digits == 3 ? 0xff : 0xffff;
  if ((bits & cut) != 0) return -1;
  for (int i = 0; i < digits - 1; ++i) out[i] = static_cast<char>(bits >> (16 - 8 * i));
  return digits - 1;
}

}  // namespace

bool decode_base64(Buffer& in, std::size_t bytes, Buffer& out) {
  char four[4];
  std::size_t have = 0;
  while (bytes > 0) {
    const auto run = in.front().substr(0, bytes);
    const auto room = out.reserve(4);
    std::size_t at = 0, made = 0;
    while (at < run.size() && made + 3 <= room.size()) {
      four[have++] = run[at++];
      if (have < 4) continue;
      have = 0;
      const int n = decode_group(four, at == bytes, room.data() + made);
      if (n < 0) return false;
      made += static_cast<std::size_t>(n);
    }
    out.commit(made);
    in.drain(at);
    bytes -= at;
  }
  return true;
}

void Base64Encoder::put(std::string_view part, Buffer& out) {
  while (!part.empty()) {
    const auto room = out.reserve(4);
    std::size_t made = 0;
    while (!part.empty() && made + 4 <= room.size()) {
      const std::size_t n = std::min(3 - kept_count_, part.size());
      std::copy_n(part.data(), n, kept_ + kept_count_);
      part.remove_prefix(n);
      kept_count_ += n;
      if (kept_count_ < 3) break;
      encode_base64_group({kept_, 3}, room.data() + made);
      made += 4;
      kept_count_ = 0;
    }
    out.commit(made);
  }
}

void Base64Encoder::finish(Buffer& out) {
  if (kept_count_ == 0) return;
  char text[4];
  encode_base64_group({kept_, kept_count_}, text);
  kept_count_ = 0;
  out.append({text, sizeof text});
}

}  // namespace outrigger
