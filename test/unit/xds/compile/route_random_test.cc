// Route configurations made at random find the route that a slow reading of their text finds.
#include <catch2/catch.hpp>

#include <random>

#include "proxy/http/connection_facts.h"
#include "proxy/http/stream_info.h"
#include "support/xds.h"

namespace outrigger::xds {
namespace {

namespace route_v3 = envoy::config::route::v3;
using HeaderMatcher = route_v3::HeaderMatcher;
using Match = route_v3::RouteMatch;

/// What a request is: its headers each once, its query as pairs.
struct Facts {
  std::string host, path;
  std::vector<std::pair<std::string, std::string>> query, headers;
  std::string text() const {
    std::string t = path;
    for (std::size_t i = 0; i < query.size(); ++i) t += (i == 0 ? "?" : "&") + query[i].first + "=" + query[i].second;
    return t;
  }
};

// ---- the model: straight from the API's words

const std::string* find(const std::vector<std::pair<std::string, std::string>>& all, const std::string& name) {
  for (const auto& [n, v] : all)
    if (n == name) return &v;
  return nullptr;
}
std::string folded(std::string s, bool keep) {
  for (char& c : s)
    if (!keep && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return s;
}
bool holds(const envoy::type::matcher::v3::StringMatcher& m, const std::string& raw) {
  const bool keep = !m.ignore_case();
  const std::string v = folded(raw, keep);
  if (m.has_exact()) return v == folded(m.exact(), keep);
  if (m.has_prefix()) return v.starts_with(folded(m.prefix(), keep));
  if (m.has_suffix()) return v.ends_with(folded(m.suffix(), keep));
  return v.find(folded(m.contains(), keep)) != std::string::npos;
}
bool holds(const HeaderMatcher& m, const Facts& f) {
  const auto* v = find(f.headers, m.name());
  if (m.has_present_match()) return ((v != nullptr) == m.present_match()) != m.invert_match();
  if (v == nullptr) return false;  // inverted or not
  bool hit = false;
  if (m.has_range_match())
    hit = v->find_first_not_of("0123456789") == std::string::npos && !v->empty() && std::stoi(*v) >= m.range_match().start() &&
          std::stoi(*v) < m.range_match().end();
  else
    hit = holds(m.string_match(), *v);
  return hit != m.invert_match();
}
bool holds(const route_v3::QueryParameterMatcher& m, const Facts& f) {
  const auto* v = find(f.query, m.name());
  if (m.has_string_match()) return v != nullptr && holds(m.string_match(), *v);
  return (v != nullptr) == m.present_match();
}
bool path_holds(const Match& m, const Facts& f) {
  const bool keep = !m.has_case_sensitive() || m.case_sensitive().value();
  const std::string p = folded(f.path, keep);
  const auto same = [keep](const std::string& s) { return folded(s, keep); };
  if (m.has_path()) return p == same(m.path());
  if (m.has_prefix()) return p.starts_with(same(m.prefix()));
  if (m.has_path_separated_prefix())
    return p == same(m.path_separated_prefix()) || p.starts_with(same(m.path_separated_prefix()) + "/");
  // The only pattern that is made: "/x.*" or "/x..".
  const std::string& re = m.safe_regex().regex();
  if (!f.path.starts_with(re.substr(0, 2))) return false;
  return re.ends_with(".*") || f.path.size() == re.size();
}
bool holds(const Match& m, const Facts& f) {
  if (!path_holds(m, f)) return false;
  for (const auto& h : m.headers())
    if (!holds(h, f)) return false;
  for (const auto& q : m.query_parameters())
    if (!holds(q, f)) return false;
  return true;
}
/// How well a domain fits: exact over the longest suffix over the longest prefix over "*"; 0: not at all.
std::size_t fit(const std::string& domain, const std::string& host) {
  if (domain == "*") return 1;
  if (domain.starts_with('*')) {
    const auto rest = domain.substr(1);
    return host.size() > rest.size() && host.ends_with(rest) ? 1000 + rest.size() : 0;
  }
  if (domain.ends_with('*')) {
    const auto rest = domain.substr(0, domain.size() - 1);
    return host.size() > rest.size() && host.starts_with(rest) ? 100 + rest.size() : 0;
  }
  return host == domain ? 100000 : 0;
}
std::string matching(const route_v3::RouteConfiguration& c, const Facts& f) {
  const route_v3::VirtualHost* best = nullptr;
  std::size_t best_fit = 0;
  for (const auto& vh : c.virtual_hosts())
    for (const auto& d : vh.domains())
      if (const auto n = fit(d, f.host); n > best_fit) best = &vh, best_fit = n;
  if (best == nullptr) return "";
  for (const auto& r : best->routes())
    if (holds(r.match(), f)) return r.name();
  return "";
}

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string word(unsigned most = 2) {
    constexpr std::string_view kLetters = "abA1";
    std::string w;
    for (unsigned n = 1 + below(most); n > 0; --n) w += kLetters[below(4)];
    return w;
  }
  std::string path() {
    std::string p;
    for (unsigned n = 1 + below(2); n > 0; --n) p += "/" + word();
    return p;
  }
  Facts facts() {
    Facts f;
    f.host = host();
    f.path = path();
    for (const char* name : {"q", "r"})
      if (below(2) == 0) f.query.emplace_back(name, word());
    for (const char* name : {"x-a", "x-b"})
      if (below(3) != 0) f.headers.emplace_back(name, below(3) == 0 ? std::to_string(below(20)) : word());
    return f;
  }
  route_v3::RouteConfiguration config() {
    route_v3::RouteConfiguration c;
    std::set<std::string> seen;
    for (unsigned n = 1 + below(3); n > 0; --n) {
      auto& vh = *c.add_virtual_hosts();
      vh.set_name("v" + std::to_string(n));
      for (unsigned d = 1 + below(2); d > 0; --d)
        if (const auto name = domain(); seen.insert(name).second) vh.add_domains(name);
      if (vh.domains().empty()) vh.add_domains("only.v" + std::to_string(n));
      for (unsigned r = 1 + below(5); r > 0; --r) {
        auto& route = *vh.add_routes();
        route.set_name("r" + std::to_string(++names_));
        fill(*route.mutable_match());
        route.mutable_direct_response()->set_status(200);
      }
    }
    return c;
  }

 private:
  std::string label() { return std::string(1, static_cast<char>('a' + below(2))); }
  std::string host() { return label() + "." + label() + (below(2) == 0 ? "." + label() : ""); }
  std::string domain() {
    switch (below(5)) {
      case 0: return "*";
      case 1: return "*." + label() + (below(2) == 0 ? "." + label() : "");
      case 2: return label() + (below(2) == 0 ? "." + label() : "") + ".*";
      default: return host();
    }
  }
  void fill(envoy::type::matcher::v3::StringMatcher& m) {
    const auto w = word();
    switch (below(4)) {
      case 0: m.set_exact(w); break;
      case 1: m.set_prefix(w); break;
      case 2: m.set_suffix(w); break;
      default: m.set_contains(w);
    }
    m.set_ignore_case(below(3) == 0);
  }
  void fill(HeaderMatcher& m) {
    m.set_name(below(2) == 0 ? "x-a" : "x-b");
    switch (below(4)) {
      case 0: m.set_present_match(below(2) == 0); break;
      case 1:
        m.mutable_range_match()->set_start(below(10));
        m.mutable_range_match()->set_end(5 + below(15));
        break;
      default: fill(*m.mutable_string_match());
    }
    m.set_invert_match(below(3) == 0);
  }
  void fill(Match& m) {
    const bool folds = below(3) == 0;
    switch (below(4)) {
      case 0: m.set_prefix(below(2) == 0 ? "/" : path()); break;
      case 1: m.set_path(path()); break;
      case 2: m.set_path_separated_prefix(path()); break;
      default: m.mutable_safe_regex()->set_regex("/" + label() + (below(2) == 0 ? ".*" : ".."));
    }
    if (folds && !m.has_safe_regex()) m.mutable_case_sensitive()->set_value(false);
    for (unsigned n = below(3); n > 0; --n) fill(*m.add_headers());
    if (below(3) != 0) return;
    auto& q = *m.add_query_parameters();
    q.set_name(below(2) == 0 ? "q" : "r");
    if (below(2) == 0)
      fill(*q.mutable_string_match());
    else
      q.set_present_match(below(2) == 0);
  }
  std::mt19937 random_;
  unsigned names_ = 0;
};

}  // namespace

TEST_CASE("random route configurations find what a slow reading of them finds", "[route]") {
  Maker maker(20261128);
  unsigned matched = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto proto = maker.config();
    Problems problems;
    RouteCompileContext c{problems};
    const auto config = compile_route_config(proto, Path(), c);
    REQUIRE(problems.ok());
    for (int k = 0; k < 8; ++k) {
      const Facts f = maker.facts();
      const std::string path = f.text();
      Arena arena;
      http::RequestHead head(arena);
      head.method = "GET";
      head.authority = f.host;
      head.path = path;
      for (const auto& [name, v] : f.headers) head.headers.add(name, v);
      http::ConnectionInfo connection;
      http::StreamInfo info;
      info.connection = &connection;
      const auto* route = config->find_vhost(head) == nullptr ? nullptr : config->match(head, {.info = &info});
      const std::string found = route == nullptr ? "" : route->name;
      INFO(proto.DebugString() << f.host << ' ' << path);
      REQUIRE(found == matching(proto, f));
      matched += found.empty() ? 0 : 1;
    }
  }
  CHECK(matched > 2000);  // of 16000: neither way is rare
  CHECK(matched < 14000);
}

}  // namespace outrigger::xds
