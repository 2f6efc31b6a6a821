#include "proxy/route/query.h"

#include <algorithm>
#include "proxy/base/percent.h"

namespace outrigger::route {

namespace {

/// A '%' without two digits behind it stays.
std::string_view decoded(std::string_view s, Arena& arena) {
  if (s.find('%') == std::string_view::npos) return s;
  char* const out = static_cast<char*>(arena.allocate(s.size(), 1));
  char* end = out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const bool encoded = s[i] == '%' && i + 2 < s.size() && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0;
    *end++ = encoded ? static_cast<char>(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2])) : s[i];
    if (encoded) i += 2;
  }
  return {out, static_cast<std::size_t>(end - out)};
}

/// What must not stand in a path as it is, lest it ends there.
bool ends_path(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= ' ' || byte == 0x7f || c == '#';
}

/// What Envoy leaves in the values of parameters.
bool is_plain(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' ||
         c == '*';
}

template <class F>
char* put(std::string_view s, F&& encodes, char* out) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : s) {
    if (!encodes(c)) {
      *out++ = c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    *out++ = '%';
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

/// Calls f(pair, its decoded name) as long as that returns true.
template <class F>
void each_pair(std::string_view query, Arena& arena, F&& f) {
  query = query.substr(0, query.find('#'));
  while (!query.empty()) {
    const auto amp = query.find('&');
    const auto pair = query.substr(0, amp);
    if (!f(pair, decoded(pair.substr(0, pair.find('=')), arena)) || amp == std::string_view::npos) return;
    query.remove_prefix(amp + 1);
  }
}

}  // namespace

std::string_view decoded_query_value(std::string_view path, std::string_view name, Arena& arena) {
  const auto at = path.find('?');
  std::string_view out;
  if (at == std::string_view::npos) return out;
  each_pair(path.substr(at + 1), arena, [&](std::string_view pair, std::string_view its_name) {
    if (its_name != name) return true;
    const auto eq = pair.find('=');
    out = eq == std::string_view::npos ? std::string_view{} : decoded(pair.substr(eq + 1), arena);
    if (out.data() == nullptr) out = "";
    return false;
  });
  return out;
}

std::string_view without_query_parameter(std::string_view path, std::string_view name, Arena& arena) {
  const auto at = path.find('?');
  if (at == std::string_view::npos) return path;
  char* const out = static_cast<char*>(arena.allocate(path.size() + 1, 1));
  char* end = out + path.copy(out, at);
  char before = '?';
  each_pair(path.substr(at + 1), arena, [&](std::string_view pair, std::string_view its_name) {
    if (its_name == name) return true;
    *end++ = before;
    end += pair.copy(end, pair.size());
    before = '&';
    return true;
  });
  if (const auto fragment = path.find('#', at); fragment != std::string_view::npos)
    end += path.substr(fragment).copy(end, path.size() - fragment);
  return {out, static_cast<std::size_t>(end - out)};
}

QueryParameters::QueryParameters(std::string_view path, std::size_t more_max, Arena& arena)
    : arena_(arena), path_(path.substr(0, path.find('?'))) {
  const auto query = path.substr(std::min(path_.size() + 1, path.size()));
  const auto count = static_cast<std::size_t>(std::count(query.begin(), query.end(), '&')) + 1 + more_max;
  all_ = static_cast<Parameter*>(arena.allocate(count * sizeof(Parameter), alignof(Parameter)));
  each_pair(query, arena, [&](std::string_view pair, std::string_view its_name) {
    const auto eq = pair.find('=');
    const auto value = eq == std::string_view::npos ? std::string_view{} : decoded(pair.substr(eq + 1), arena);
    new (&all_[count_++]) Parameter{its_name, value, next_order_++, false};
    return true;
  });
}

bool QueryParameters::has(std::string_view key) const noexcept {
  return std::any_of(all_, all_ + count_, [&](const Parameter& p) { return p.key == key; });
}

void QueryParameters::add(std::string_view key, std::string_view value) {
  new (&all_[count_++]) Parameter{key, value, next_order_++, true};
}

void QueryParameters::remove(std::string_view key) noexcept {
  count_ = static_cast<std::size_t>(std::remove_if(all_, all_ + count_, [&](const Parameter& p) { return p.key == key; }) - all_);
}

std::string_view QueryParameters::path() {
  std::sort(all_, all_ + count_,
            [](const Parameter& a, const Parameter& b) { return a.key == b.key ? a.order < b.order : a.key < b.key; });
  std::size_t most = path_.size() + 1;
  for (std::size_t i = 0; i < count_; ++i) most += 2 + 3 * (all_[i].key.size() + all_[i].value.size());
  char* const out = static_cast<char*>(arena_.allocate(most, 1));
  char* end = out + path_.copy(out, path_.size());
  for (std::size_t i = 0; i < count_; ++i) {
    const auto& p = all_[i];
    *end++ = i == 0 ? '?' : '&';
    end = put(p.key, ends_path, end);
    *end++ = '=';
    end = p.encode ? put(p.value, [](char c) { return !is_plain(c); }, end) : put(p.value, ends_path, end);
  }
  return {out, static_cast<std::size_t>(end - out)};
}

}  // namespace outrigger::route
