// Internal redirects: an upstream's redirect is followed here instead of by the client.
#include <algorithm>

#include "filters/router.h"

namespace outrigger::filters {

using http::Name;
using stats::ClusterStat;
using stats::RouterStat;

namespace {

/// scheme, host and path of an absolute http(s) URL.
bool split_url(std::string_view url, std::string_view& scheme, std::string_view& host, std::string_view& path) {
  const auto at = url.find("://");
  if (at == std::string_view::npos) return false;
  scheme = url.substr(0, at);
  if (scheme != "http" && scheme != "https") return false;
  const auto rest = url.substr(at + 3);
  const auto slash = rest.find_first_of("/?");
  host = rest.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  return !host.empty();
}

/// What the request is given back when the redirect is not followed after all.
struct Saved {
  std::string_view method, scheme, authority, path;
  http::HeaderMap headers;
  explicit Saved(const http::RequestHead& head)
      : method(head.method),
        scheme(head.scheme),
        authority(head.authority),
        path(head.path),
        headers(head.headers.arena(), http::MapOf::request) {}
  void restore(http::RequestHead& head, bool all) const {
    head.method = method;
    head.scheme = scheme;
    head.authority = authority;
    head.path = path;
    if (!all) return;
    head.headers.clear();
    head.headers.copy_from(headers);
  }
};

void copy_headers(const std::vector<std::string>& names, const http::HeaderMap& from, http::HeaderMap& to) {
  for (const std::string& name : names) {
    to.remove(std::string_view(name));
    for (const auto& e : from)
      if (e.name == name) to.add_copy(name, e.value);
  }
}

/// Would every predicate of the route let the request go on to `next`?
bool accepted(const route::Route& from, const route::Route& next, bool from_https, bool to_https, hcm::Stream& stream) {
  using Predicate = route::InternalRedirectPolicy::Predicate;
  for (const auto& p : from.internal_redirect->predicates) {
    switch (p.kind) {
      case Predicate::allow_listed_routes:
        if (std::find(p.names.begin(), p.names.end(), next.name) == p.names.end()) return false;
        break;
      case Predicate::safe_cross_scheme:
        if (!from_https && to_https) return false;
        break;
      case Predicate::previous_routes:
        for (const auto* h = stream.redirect_hops; h != nullptr; h = h->next)
          if (h->from == from.name && h->to == next.name) return false;
        stream.redirect_hops = stream.arena().make<hcm::Stream::RedirectHop>(from.name, next.name, stream.redirect_hops);
    }
  }
  return true;
}

}  // namespace

/// Follows a redirect of the upstream here. True: the request was changed, run the filters again.
bool Router::internal_redirect(http::ResponseHead& response) {
  const auto& policy = *route_->internal_redirect;
  if (std::find(policy.codes.begin(), policy.codes.end(), response.status) == policy.codes.end()) return false;
  auto& cells = stream_.thread().cells;
  auto& head = stream_.request();
  const auto no = [&] {
    cells.add(cluster_->stats(), ClusterStat::upstream_internal_redirect_failed_total);
    return false;
  };
  const auto refuse = [&](RouterStat why) {
    cells.add(stream_.config().router_stats, why);
    return no();
  };
  if (!request_end_ || stream_.info().bytes_received != kept_.size()) return no();
  Arena& arena = stream_.arena();
  std::string_view scheme, host, path, location = response.headers.get(Name::location);
  if (!split_url(location, scheme, host, path)) return refuse(RouterStat::passthrough_internal_redirect_bad_location);
  if (stream_.internal_redirects >= policy.redirects_max)
    return refuse(RouterStat::passthrough_internal_redirect_too_many_redirects);
  const bool from_https = head.scheme == "https" && stream_.info().connection->tls != nullptr;
  const bool to_https = scheme == "https";
  if (from_https != to_https && !policy.allow_cross_scheme)
    return refuse(RouterStat::passthrough_internal_redirect_unsafe_scheme);
  const auto original = arena.cat(from_https ? "https://" : "http://", head.authority, head.path);
  const bool changes_headers = !policy.copy_headers.empty();
  Saved saved(head);
  if (changes_headers) {
    saved.headers.copy_from(head.headers);
    copy_headers(policy.copy_headers, response.headers, head.headers);
  }
  head.scheme = arena.copy(scheme);
  head.path = arena.copy(path);
  head.authority = arena.copy(host);
  stream_.clear_route_cache();
  const auto* next = stream_.route();
  if (next == nullptr || !accepted(*route_, *next, from_https, to_https, stream_)) {
    saved.restore(head, changes_headers);
    stream_.clear_route_cache();
    if (next == nullptr) stream_.info().set_cluster({}, {}, nullptr);  // as Envoy's log has it
    return refuse(next == nullptr ? RouterStat::passthrough_internal_redirect_no_route
                                  : RouterStat::passthrough_internal_redirect_predicate);
  }
  if (response.status == 303 && !head.is_head() && head.method != "GET") {  // RFC 9110, 15.4.4
    head.method = "GET";
    head.headers.remove(Name::content_length);
    kept_.clear();
  }
  ++stream_.internal_redirects;
  head.headers.set(Name::x_envoy_original_url, original);
  cells.add(cluster_->stats(), ClusterStat::upstream_internal_redirect_succeeded_total);
  charge(response.status, &response.headers, nullptr);
  stream_.info().details = "internal_redirect";
  stream_.info().response_code = response.status;
  return true;
}

}  // namespace outrigger::filters
