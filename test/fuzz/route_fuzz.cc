// A route table made from the input, and a request: the host index and the matchers must find what a search in
// order of the rules finds. First line: domains, one virtual host each; second: "host path"; further lines: fields.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fuzz/check.h"
#include "proxy/route/route.h"

namespace {
using namespace outrigger;  // NOLINT: a program of its own
using route::Route;
using route::RouteMatch;
using route::VirtualHost;

std::string_view take(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  return part;
}

std::string lower(std::string_view s) {
  std::string o(s);
  for (char& c : o)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return o;
}

/// The rules for domains in words: exact, then the longest suffix, then the longest prefix, then "*".
const VirtualHost* search(const route::RouteConfig& config, std::string_view host_as_sent) {
  const std::string host = lower(host_as_sent);
  const VirtualHost *suffix = nullptr, *prefix = nullptr, *any = nullptr;
  std::size_t suffix_size = 0, prefix_size = 0;
  for (const auto& vh : config.vhosts)
    for (const auto& domain : vh->domains) {
      const std::string d = lower(domain);
      if (d == host && d != "*" && !d.starts_with('*') && !d.ends_with('*')) return vh.get();
      if (d == "*") {
        any = vh.get();
      } else if (d.starts_with('*')) {
        if (host.size() >= d.size() && host.ends_with(d.substr(1)) && d.size() > suffix_size)
          suffix = vh.get(), suffix_size = d.size();
      } else if (d.ends_with('*')) {
        if (host.size() >= d.size() && host.starts_with(d.substr(0, d.size() - 1)) && d.size() > prefix_size)
          prefix = vh.get(), prefix_size = d.size();
      }
    }
  return suffix != nullptr ? suffix : prefix != nullptr ? prefix : any;
}

Route make_route(RouteMatch::Path kind, std::string path, bool case_sensitive) {
  Route r;
  r.match.kind = kind;
  r.match.path = std::move(path);
  r.match.case_sensitive = case_sensitive;
  r.kind = Route::direct_response;
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  route::RouteConfig config;
  std::string_view domains = take(text, '\n');
  while (!domains.empty() && config.vhosts.size() < 32) {
    const auto domain = take(domains, ' ');
    if (domain.empty() || domain.size() > 200) continue;
    auto vh = std::make_unique<VirtualHost>();
    vh->domains.emplace_back(domain);
    vh->routes.push_back(make_route(RouteMatch::exact, "/exact", true));
    vh->routes.push_back(make_route(RouteMatch::separated_prefix, "/sep", false));
    vh->routes.push_back(make_route(RouteMatch::prefix, std::string(domain.substr(0, 8)), false));
    vh->routes.push_back(make_route(RouteMatch::prefix, "/a", true));
    config.vhosts.push_back(std::move(vh));
  }
  if (!config.index()) return 0;
  Arena arena;
  http::RequestHead head(arena);
  std::string_view line = take(text, '\n');
  head.method = "GET";
  head.authority = take(line, ' ');
  head.path = line.empty() ? std::string_view("/") : line;
  while (!text.empty()) {
    std::string_view field = take(text, '\n');
    const auto name = take(field, ':');
    if (!name.empty()) head.headers.add_copy(lower(name), field);
  }
  if (head.authority.size() > 500) return 0;
  const VirtualHost* vh = config.find_vhost(head);
  check(vh == search(config, head.authority));
  if (vh == nullptr) return 0;
  const Route* found = config.match(head, {});
  const Route* first = nullptr;
  const auto path = head.path.substr(0, head.path.find_first_of("?#"));
  for (const auto& r : vh->routes) {
    const std::string want = r.match.case_sensitive ? r.match.path : lower(r.match.path);
    const std::string have = r.match.case_sensitive ? std::string(path) : lower(path);
    const bool hit = r.match.kind == RouteMatch::exact              ? have == want
                     : r.match.kind == RouteMatch::separated_prefix ? have == want || have.starts_with(want + "/")
                                                                    : have.starts_with(want);
    if (hit) {
      first = &r;
      break;
    }
  }
  check(found == first);
  return 0;
}
