#include "proxy/route/query.h"

#include "proxy/base/percent.h"

namespace outrigger::route {

namespace {

std::string_view decoded(std::string_view s, Arena& arena) {
  return s.find('%') == std::string_view::npos ? s : arena.copy(percent_decode(s));
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

}  // namespace outrigger::route
