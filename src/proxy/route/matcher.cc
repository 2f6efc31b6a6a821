#include "proxy/route/matcher.h"

#include <re2/re2.h>
#include <strings.h>
#include <algorithm>
#include <charconv>
#include <cstring>

#include "proxy/base/numbers.h"

namespace outrigger::route {

namespace {
bool same(std::string_view a, std::string_view b, bool ignore_case) {
  if (a.size() != b.size()) return false;
  return ignore_case ? strncasecmp(a.data(), b.data(), a.size()) == 0 : a == b;
}
bool contains(std::string_view s, std::string_view what, bool ignore_case) {
  if (!ignore_case) return s.find(what) != std::string_view::npos;
  for (std::size_t i = 0; i + what.size() <= s.size(); ++i)
    if (same(s.substr(i, what.size()), what, true)) return true;
  return false;
}
std::string_view without_query(std::string_view path) { return path.substr(0, path.find_first_of("?#")); }
/// "/a;x=1/b;y" is "/a/b". Valid until the next call on this thread.
std::string_view without_parameters(std::string_view path) {
  if (path.find(';') == std::string_view::npos) return path;
  thread_local std::string out;
  out.clear();
  const auto end = std::min(path.find('?'), path.size());
  bool skip = false;
  for (std::size_t i = 0; i < end; ++i) {
    skip = path[i] == ';' || (skip && path[i] != '/');
    if (!skip) out += path[i];
  }
  out += path.substr(end);
  return out;
}
}  // namespace

bool regex_full_match(const re2::RE2& re, std::string_view s) {
  return re2::RE2::FullMatch(re2::StringPiece(s.data(), s.size()), re);
}

std::string_view regex_replace(const re2::RE2& re, std::string_view s, const std::string& with, Arena& arena) {
  std::string text(s);
  re2::RE2::GlobalReplace(&text, re, with);
  return arena.copy(text);
}

bool StringMatcher::match(std::string_view s) const {
  switch (kind) {
    case exact: return same(s, text, ignore_case);
    case prefix: return s.size() >= text.size() && same(s.substr(0, text.size()), text, ignore_case);
    case suffix: return s.size() >= text.size() && same(s.substr(s.size() - text.size()), text, ignore_case);
    case contains: return route::contains(s, text, ignore_case);
    case regex: return regex_full_match(*re, s);
  }
  return false;
}

bool HeaderMatcher::decide(const std::string_view* value) const {
  if (kind == present && !missing_as_empty) return ((value != nullptr) == want_present) != invert;
  if (value == nullptr && !missing_as_empty) return false;  // inverted or not, as Envoy 1.40 does
  const std::string_view v = value == nullptr ? std::string_view("") : *value;
  bool hit = false;
  switch (kind) {
    case present: hit = want_present; break;
    case string: hit = text.match(v); break;
    case range: {
      const auto n = to_number<std::int64_t>(v);
      hit = n && *n >= first && *n < last;
    }
  }
  return hit != invert;
}

bool HeaderMatcher::match(const http::RequestHead& head) const {
  if (name[0] == ':' || name == "host") return decide(head.find(name));
  return match(head.headers);
}
bool HeaderMatcher::match(const http::ResponseHead& head) const {
  if (name != ":status") return match(head.headers);
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, head.status).ptr;
  const std::string_view status(digits, static_cast<std::size_t>(end - digits));
  return decide(&status);
}
bool HeaderMatcher::match(const http::HeaderMap& headers) const {
  const auto* e = headers.find(std::string_view(name));
  if (e == nullptr) return decide(nullptr);
  const bool first = decide(&e->value);
  for (const auto* o = e + 1; o < headers.end(); ++o)  // of several lines one must hit (with invert: none)
    if (o->name == e->name && decide(&o->value) != invert) return !invert;
  return first;
}

std::string_view query_value(std::string_view path, std::string_view name) {
  const auto at = path.find('?');
  if (at == std::string_view::npos) return {};
  std::string_view q = path.substr(at + 1);
  q = q.substr(0, q.find('#'));
  while (!q.empty()) {
    const auto amp = q.find('&');
    const auto pair = q.substr(0, amp);
    const auto eq = pair.find('=');
    if (pair.substr(0, eq) == name) return eq == std::string_view::npos ? std::string_view("") : pair.substr(eq + 1);
    if (amp == std::string_view::npos) break;
    q.remove_prefix(amp + 1);
  }
  return {};
}

bool match_query(const std::vector<QueryMatcher>& all, std::string_view path) {
  for (const auto& m : all) {
    const auto v = query_value(path, m.name);
    if ((v.data() != nullptr) != m.want_present || (m.text && !m.text->match(v))) return false;
  }
  return true;
}

std::string_view cookie_value(const http::HeaderMap& h, std::string_view name) {
  for (std::size_t i = 0; i < h.size(); ++i) {
    if (h.id_at(i) != http::Name::cookie) continue;
    std::string_view all = h.at(i).value;
    while (!all.empty()) {
      const auto semi = all.find(';');
      auto pair = all.substr(0, semi);
      while (!pair.empty() && pair.front() == ' ') pair.remove_prefix(1);
      const auto eq = pair.find('=');
      if (eq != std::string_view::npos && pair.substr(0, eq) == name) {
        auto v = pair.substr(eq + 1);
        if (v.size() >= 2 && v.front() == '"' && v.back() == '"') v = v.substr(1, v.size() - 2);
        return v;
      }
      if (semi == std::string_view::npos) break;
      all.remove_prefix(semi + 1);
    }
  }
  return {};
}

bool RouteMatch::match_path(const http::RequestHead& head) const {
  const auto parameters_off = [this](std::string_view p) { return ignore_path_parameters ? without_parameters(p) : p; };
  switch (kind) {
    case prefix: {
      const auto p = parameters_off(without_query(head.path));
      return p.size() >= path.size() && same(p.substr(0, path.size()), path, !case_sensitive);
    }
    case exact: return same(without_query(parameters_off(head.path)), path, !case_sensitive);
    case regex: return regex_full_match(*re, without_query(parameters_off(head.path)));
    case separated_prefix: {
      const auto p = parameters_off(without_query(head.path));
      if (p.size() < path.size() || !same(p.substr(0, path.size()), path, !case_sensitive)) return false;
      return p.size() == path.size() || p[path.size()] == '/';
    }
    case uri_template: return regex_full_match(*re, without_query(head.path));
    case connect: return head.is_connect();
  }
  return false;
}

bool MatchMore::match_stream(const http::StreamInfo* info) const {
  const auto* connection = info == nullptr ? nullptr : info->connection;
  const auto* tls = connection == nullptr ? nullptr : connection->tls.get();
  if (tls_presented && *tls_presented != (tls != nullptr && tls->peer_certificate_presented())) return false;
  if (tls_validated && *tls_validated != (tls != nullptr && tls->peer_certificate_validated())) return false;
  const Metadata* metadata = info == nullptr ? nullptr : info->dynamic_metadata.get();
  for (const auto& m : dynamic_metadata)
    if (!m.match(metadata)) return false;
  static const http::FilterState kNone;
  for (const auto& m : filter_state)
    if (!m.match(info == nullptr ? kNone : info->filter_state)) return false;
  return true;
}

bool RouteMatch::match(const http::RequestHead& head, const MatchContext& c) const {
  if (head.is_connect() && kind != connect && head.path.empty()) return false;
  if (!match_path(head)) return false;
  if (grpc && !head.is_grpc()) return false;
  for (const auto& h : headers)
    if (!h.match(head)) return false;
  if (!query.empty() && !match_query(query, head.path)) return false;
  return !more.set() || more->match(head, c);
}

bool MatchMore::match(const http::RequestHead& head, const MatchContext& c) const {
  for (const auto& m : cookies) {
    const auto v = cookie_value(head.headers, m.name);
    if ((v.data() != nullptr && m.text.match(v)) == m.invert) return false;
  }
  if (tls_presented || tls_validated || !dynamic_metadata.empty() || !filter_state.empty())
    if (!match_stream(c.info)) return false;
  return !fraction || c.runtime == nullptr || fraction->enabled(*c.runtime, c.random);
}

}  // namespace outrigger::route
