// ClientHellos for tests, built piece by piece.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>

namespace outrigger::test {

inline std::string number(std::size_t n, unsigned bytes) {
  std::string out;
  for (unsigned i = bytes; i-- > 0;) out += static_cast<char>(n >> (8 * i) & 255);
  return out;
}
/// A length of so many bytes, then the content.
inline std::string vector(unsigned length_bytes, std::string_view content) {
  return number(content.size(), length_bytes) + std::string(content);
}
inline std::string numbers(std::initializer_list<unsigned> values) {
  std::string out;
  for (const unsigned v : values) out += number(v, 2);
  return out;
}
inline std::string extension(unsigned type, std::string_view content) { return number(type, 2) + vector(2, content); }
inline std::string server_name(std::string_view name, unsigned kind = 0) {
  return extension(0, vector(2, number(kind, 1) + vector(2, name)));
}
inline std::string alpn(std::initializer_list<std::string_view> names) {
  std::string list;
  for (const auto n : names) list += vector(1, n);
  return extension(16, vector(2, list));
}

/// What most clients send beside the name.
inline std::string usual_extensions() {
  std::string key;
  for (char c = 1; c < 33; ++c) key += c;
  return extension(10, vector(2, numbers({0x1d, 0x17, 0x18}))) + extension(11, vector(1, std::string("\0\1\2", 3))) +
         extension(13, vector(2, numbers({0x0403, 0x0804, 0x0401}))) + extension(43, vector(1, numbers({0x0304, 0x0303}))) +
         extension(51, vector(2, number(0x1d, 2) + vector(2, key)));
}

struct Hello {
  unsigned version = 0x0303;
  std::string session, ciphers = numbers({0x1301, 0x1302, 0xc02b, 0xc02f}), compression = std::string(1, '\0');
  std::string extensions;
  bool has_extensions = true;
  std::string message() const {
    std::string random;
    for (char c = 0; c < 32; ++c) random += c;
    std::string body = number(version, 2) + random + vector(1, session) + vector(2, ciphers) + vector(1, compression);
    if (has_extensions) body += vector(2, extensions);
    return '\1' + vector(3, body);
  }
};

inline std::string records(std::string_view message, std::size_t bytes_max = 16384) {
  std::string out;
  for (; !message.empty(); message.remove_prefix(std::min(bytes_max, message.size())))
    out += std::string("\x16\3\1", 3) + vector(2, message.substr(0, bytes_max));
  return out;
}
inline std::string hello(std::string_view name = "a.example", std::string_view more = {}) {
  Hello h;
  h.extensions = (name.empty() ? std::string() : server_name(name)) + usual_extensions() + std::string(more);
  return records(h.message());
}

}  // namespace outrigger::test
