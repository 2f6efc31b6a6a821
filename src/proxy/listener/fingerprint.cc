// JA3 and JA4: what tells clients apart by the form of their hello.
#include <openssl/evp.h>
#include <algorithm>
#include <cstdio>

#include "proxy/base/percent.h"
#include "proxy/listener/bytes.h"
#include "proxy/listener/client_hello.h"

namespace outrigger::listener {

namespace {

constexpr std::uint16_t kServerName = 0, kGroups = 10, kPoints = 11, kSignatures = 13, kAlpn = 16, kVersions = 43;

/// RFC 8701: values that clients make up to keep servers tolerant.
bool is_grease(std::uint32_t v) noexcept { return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff); }

std::string hex_digest(const EVP_MD* kind, std::string_view text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, kind, nullptr) != 1) return {};
  return to_hex({reinterpret_cast<const char*>(digest), size});
}

std::vector<std::uint16_t> numbers(std::string_view bytes, bool with_grease) {
  std::vector<std::uint16_t> out;
  Reader r(bytes);
  while (r.left() >= 2) {
    const auto v = r.u16();
    if (with_grease || !is_grease(v)) out.push_back(static_cast<std::uint16_t>(v));
  }
  return out;
}

std::vector<std::uint16_t> extension_types(const ClientHello& h) {
  std::vector<std::uint16_t> out;
  for (Reader r(h.extensions); !r.empty();) {
    const auto type = r.u16();
    r.vector16();
    if (!r.bad() && !is_grease(type)) out.push_back(static_cast<std::uint16_t>(type));
  }
  return out;
}

template <class Numbers>
std::string dashed(const Numbers& numbers) {
  std::string out;
  for (const auto n : numbers) {
    if (!out.empty()) out += '-';
    out += std::to_string(static_cast<unsigned>(n));
  }
  return out;
}

/// Four hex digits each.
std::string listed(const std::vector<std::uint16_t>& numbers) {
  std::string out;
  for (const auto n : numbers) {
    char text[8];
    std::snprintf(text, sizeof text, "%s%04x", out.empty() ? "" : ",", static_cast<unsigned>(n));
    out += text;
  }
  return out;
}

/// Behind the extension's length field; empty when not even that is there.
std::string_view list_of(const ClientHello& h, std::uint16_t type, std::size_t length_bytes) {
  const auto e = h.extension(type);
  return e && e->size() >= length_bytes ? e->substr(length_bytes) : std::string_view();
}

std::string_view version_text(std::uint32_t v) noexcept {
  switch (v) {
    case 0x0304: return "13";
    case 0x0303: return "12";
    case 0x0302: return "11";
    case 0x0301: return "10";
    default: return "00";
  }
}

std::string_view ja4_version(const ClientHello& h) {
  const auto e = h.extension(kVersions);
  if (!e) return version_text(h.version);
  Reader r(*e);
  const auto list = r.vector8();
  if (r.bad()) return "00";
  std::uint32_t highest = 0;
  for (const auto v : numbers(list, false)) highest = std::max<std::uint32_t>(highest, v);
  return version_text(highest != 0 ? highest : h.version);
}

bool is_alphanumeric(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string ja4_alpn(const ClientHello& h) {
  const auto e = h.extension(kAlpn);
  if (!e) return "00";
  Reader r(*e);
  r.u16();
  const auto name = r.vector8();
  if (r.bad() || name.empty()) return "00";
  const char first = name.front(), last = name.back();
  if (is_alphanumeric(first) && is_alphanumeric(last)) return {first, last};
  char text[4];
  std::snprintf(text, sizeof text, "%x%x", (static_cast<unsigned>(first) >> 4) & 15, static_cast<unsigned>(last) & 15);
  return text;
}

std::string two_digits(std::size_t n) {
  const auto capped = std::min<std::size_t>(n, 99);
  return std::string(capped < 10 ? "0" : "") + std::to_string(capped);
}

std::string short_hash(const std::string& text) {
  return text.empty() ? std::string(12, '0') : hex_digest(EVP_sha256(), text).substr(0, 12);
}

}  // namespace

std::string ja3_fingerprint(const ClientHello& h) {
  std::vector<unsigned> points;
  for (const char c : list_of(h, kPoints, 1)) points.push_back(static_cast<std::uint8_t>(c));
  return hex_digest(EVP_md5(), std::to_string(h.version) + ',' + dashed(numbers(h.ciphers, false)) + ',' +
                                   dashed(extension_types(h)) + ',' + dashed(numbers(list_of(h, kGroups, 2), true)) + ',' +
                                   dashed(points));
}

std::string ja4_fingerprint(const ClientHello& h) {
  auto ciphers = numbers(h.ciphers, false);
  auto extensions = extension_types(h);
  const bool named = h.extension(kServerName).has_value();
  std::string out = std::string("t") + std::string(ja4_version(h)) + (named ? 'd' : 'i') + two_digits(ciphers.size()) +
                    two_digits(extensions.size()) + ja4_alpn(h) + '_';
  std::sort(ciphers.begin(), ciphers.end());
  std::erase_if(extensions, [](auto t) { return t == kServerName || t == kAlpn; });
  std::sort(extensions.begin(), extensions.end());
  std::string list = listed(extensions);
  const auto signatures = numbers(list_of(h, kSignatures, 2), true);
  if (!list.empty() && !signatures.empty()) list += '_' + listed(signatures);
  return out + short_hash(listed(ciphers)) + '_' + short_hash(list);
}

}  // namespace outrigger::listener
