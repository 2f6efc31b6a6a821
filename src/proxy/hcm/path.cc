#include "proxy/hcm/path.h"

#include <algorithm>
#include <cstring>
#include "proxy/base/percent.h"

namespace outrigger::hcm {

namespace {

bool unreserved(unsigned char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
         c == '~';
}

bool must_escape(unsigned char c) noexcept {
  return c <= 0x20 || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '`' || c == '{' || c == '}' || c == '|' || c == '^';
}

/// Path and the rest from '?' on.
std::size_t path_size(std::string_view s) noexcept {
  const auto at = s.find('?');
  return at == std::string_view::npos ? s.size() : at;
}

/// 1 or 2 for "." and "..", plain or as %2e; 0 for others. `s` starts after a slash. Plain dots may have parameters, "..;a=b":
/// they are used up with them.
std::size_t dots_at(std::string_view s, bool after_backslash, std::size_t& used) noexcept {
  const std::size_t plain = s.starts_with("..") ? 2 : s.starts_with('.') ? 1 : 0;
  if (plain > 0 && !after_backslash && s.substr(plain).starts_with(';')) {
    used = std::min(s.find('/'), s.size());
    return plain;
  }
  std::size_t n = 0, i = 0;
  while (i < s.size() && s[i] != '/' && s[i] != '\\') {
    if (s[i] == '.')
      ++i;
    else if (s[i] == '%' && i + 2 < s.size() + 0 && s[i + 1] == '2' && (s[i + 2] | 0x20) == 'e')
      i += 3;
    else
      return 0;
    ++n;
  }
  used = i;
  return n <= 2 ? n : 0;
}

/// %2F and %5C decoded; null when there is none.
const char* unescape_slashes(std::string_view path, Arena& arena, std::size_t& size) {
  const std::size_t n = path_size(path);
  bool found = false;
  char* out = nullptr;
  char* o = nullptr;
  for (std::size_t i = 0; i < n; ++i) {
    const bool slash =
        path[i] == '%' && i + 2 < n &&
        ((path[i + 1] == '2' && (path[i + 2] | 0x20) == 'f') || (path[i + 1] == '5' && (path[i + 2] | 0x20) == 'c'));
    if (slash && !found) {
      found = true;
      o = out = static_cast<char*>(arena.allocate(path.size(), 1));
      std::memcpy(out, path.data(), i);
      o += i;
    }
    if (slash) {
      *o++ = path[i + 1] == '2' ? '/' : '\\';
      i += 2;
    } else if (found) {
      *o++ = path[i];
    }
  }
  if (!found) return nullptr;
  std::memcpy(o, path.data() + n, path.size() - n);
  size = static_cast<std::size_t>(o - out) + path.size() - n;
  return out;
}

}  // namespace

bool canonical_path(std::string_view& path, Arena& arena) {
  if (path.empty() || path[0] != '/') return false;
  const std::size_t n = path_size(path);
  const std::string_view in = path.substr(0, n), rest = path.substr(n);
  char* out = static_cast<char*>(arena.allocate(n * 3 + rest.size() + 1, 1));
  char* o = out;
  for (std::size_t i = 0; i < in.size();) {
    const auto c = static_cast<unsigned char>(in[i]);
    if (c == '/' || c == '\\') {
      std::size_t used = 0;
      const std::size_t dots = dots_at(in.substr(i + 1), c == '\\', used);
      if (dots == 0) {
        *o++ = '/';
        ++i;
        continue;
      }
      i += 1 + used;
      if (dots == 2)
        while (o > out && *--o != '/') {}
      if (i >= in.size()) *o++ = '/';  // "/a/.." ends as a directory
      continue;
    }
    if (c == '%' && i + 2 < in.size() && hex_digit(in[i + 1]) >= 0 && hex_digit(in[i + 2]) >= 0) {
      const auto v = static_cast<unsigned char>(hex_digit(in[i + 1]) * 16 + hex_digit(in[i + 2]));
      if (v == 0) return false;
      if (unreserved(v)) {
        *o++ = static_cast<char>(v);
      } else {
        std::memcpy(o, in.data() + i, 3);
        o += 3;
      }
      i += 3;
    } else if (must_escape(c)) {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      *o++ = '%';
      *o++ = kDigits[c >> 4];
      *o++ = kDigits[c & 15];
      ++i;
    } else {
      *o++ = in[i++];
    }
  }
  if (o == out) *o++ = '/';
  std::memcpy(o, rest.data(), rest.size());
  path = {out, static_cast<std::size_t>(o - out) + rest.size()};
  return true;
}

void merge_slashes(std::string_view& path, Arena& arena) {
  const std::size_t n = path_size(path);
  if (path.substr(0, n).find("//") == std::string_view::npos) return;
  char* out = static_cast<char*>(arena.allocate(path.size(), 1));
  std::size_t o = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (path[i] != '/' || o == 0 || out[o - 1] != '/') out[o++] = path[i];
  if (o == 1) out[o++] = '/';  // slashes only: Envoy keeps the first and the last
  std::memcpy(out + o, path.data() + n, path.size() - n);
  path = {out, o + path.size() - n};
}

PathResult normalize_path(const Config& c, std::string_view& path, Arena& arena) {
  if (path.find('#') != std::string_view::npos) return PathResult::rejected;
  const std::string_view before = path;
  bool redirect = false;
  if (c.escaped_slashes != Config::keep) {
    std::size_t size = 0;
    if (const char* text = unescape_slashes(path, arena, size)) {
      path = {text, size};
      if (c.escaped_slashes == Config::reject) return PathResult::rejected;
      redirect = c.escaped_slashes == Config::unescape_and_redirect;
    }
  }
  if (c.normalize_path && !canonical_path(path, arena)) return PathResult::rejected;
  if (c.merge_slashes) merge_slashes(path, arena);
  if (redirect) return PathResult::redirect;
  return path == before ? PathResult::unchanged : PathResult::changed;
}

}  // namespace outrigger::hcm
