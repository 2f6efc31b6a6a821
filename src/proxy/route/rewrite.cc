// Path and host rewriting, header mutation of all levels, redirects.
#include <charconv>

#include "proxy/route/route.h"

namespace outrigger::route {

using http::Name;

namespace {

std::string_view path_only(std::string_view p) { return p.substr(0, p.find('?')); }
std::string_view query_of(std::string_view p) {
  const auto at = p.find('?');
  return at == std::string_view::npos ? std::string_view{} : p.substr(at);
}

/// What the route's match consumed of the path: what prefix_rewrite replaces.
std::size_t matched_size(const RouteMatch& m, std::string_view path) {
  switch (m.kind) {
    case RouteMatch::prefix:
    case RouteMatch::separated_prefix: return m.path.size();
    case RouteMatch::exact:
    case RouteMatch::regex:
    case RouteMatch::uri_template: return path_only(path).size();
    case RouteMatch::connect: return 0;
  }
  return 0;
}

std::string_view formatted(const format::TextFormat& f, const format::Context& c, format::Missing missing, Arena& arena) {
  thread_local std::string text;
  text.clear();
  f.append(c, missing, text);
  return arena.copy(text);
}

void rewrite_path(const Route& r, http::RequestHead& head, const format::Context& c, const FinalizeOptions& o) {
  Arena& arena = head.headers.arena();
  const Rewrite& w = *r.rewrite;
  const std::string_view before = head.path;
  if (w.has_prefix)
    head.path = arena.cat(w.prefix, before.substr(std::min(matched_size(r.match, before), before.size())));
  else if (w.regex != nullptr)
    head.path = arena.cat(regex_replace(*w.regex, path_only(before), w.substitution, arena), query_of(before));
  else if (w.path_template)
    head.path = arena.cat(w.path_template->apply(*r.match.re, path_only(before), arena), query_of(before));
  else if (w.path_format) {
    const auto path = formatted(*w.path_format, c, format::Missing::empty, arena);
    if (path.empty()) return;
    head.path = arena.cat(path, query_of(before));
  } else {
    return;
  }
  if (o.insert_original_path) head.headers.set(Name::x_envoy_original_path, before);
}

/// Unless it is the last one there.
void append_forwarded_host(http::RequestHead& head) {
  const auto have = head.headers.get(Name::x_forwarded_host);
  auto last = have.substr(have.rfind(',') + 1);
  while (!last.empty() && last.front() == ' ') last.remove_prefix(1);
  if (head.authority.empty() || last == head.authority) return;
  head.headers.set(Name::x_forwarded_host, have.empty() ? head.authority : head.headers.arena().cat(have, ",", head.authority));
}

void rewrite_host(const Route& r, http::RequestHead& head, std::string_view path_before, const format::Context& c,
                  const FinalizeOptions& o) {
  const Rewrite& w = *r.rewrite;
  Arena& arena = head.headers.arena();
  std::string_view host;
  if (w.host == Rewrite::literal)
    host = w.host_value;
  else if (w.host == Rewrite::header)
    host = head.get(w.host_value);
  else if (w.host == Rewrite::path_regex)
    host = regex_replace(*w.host_regex, path_only(path_before), w.host_substitution, arena);
  else if (w.host == Rewrite::formatted)
    host = formatted(*w.host_format, c, format::Missing::dash, arena);
  if (host.empty()) return;
  if (o.insert_original_path) head.headers.set(Name::x_envoy_original_host, head.authority);
  if (w.append_x_forwarded_host) append_forwarded_host(head);
  head.authority = host;
}

/// Route, virtual host, route configuration, or the other way round.
template <class Apply>
void each_level(const Route& r, bool request, Apply&& apply) {
  const auto one = [&](const Rare<HeadMutations>& m) {
    if (m.set()) apply(request ? m->request : m->response);
  };
  const VirtualHost& vh = *r.vhost;
  const RouteLevel& config = *vh.level;
  if (config.most_specific_header_mutations_wins) {
    one(config.mutations);
    one(vh.mutations);
    one(r.mutations);
  } else {
    one(r.mutations);
    one(vh.mutations);
    one(config.mutations);
  }
}

}  // namespace

void finalize_request(const Route& r, const ClusterWeight* weight, http::RequestHead& head, const format::Context& c,
                      const FinalizeOptions& o) {
  if (weight != nullptr) {
    weight->request_mutations.apply(head.headers, c);
    if (!weight->host_rewrite.empty()) head.authority = weight->host_rewrite;
  }
  each_level(r, true, [&](const HeaderMutations& m) { m.apply(head.headers, c); });
  rewrite_host(r, head, head.path, c, o);
  rewrite_path(r, head, c, o);
}

void finalize_response(const Route& r, const ClusterWeight* weight, http::ResponseHead& head, const format::Context& c) {
  if (weight != nullptr) weight->response_mutations.apply(head.headers, c);
  each_level(r, false, [&](const HeaderMutations& m) { m.apply(head.headers, c); });
}

std::string_view redirect_location(const Route* r, const http::RequestHead& head, const format::Context& c, Arena& arena) {
  if (r == nullptr) return arena.cat("https://", head.authority, head.path);
  const Redirect& d = *r->redirect_to;
  std::string_view scheme = head.scheme, host = head.authority, path = head.path;
  if (!d.scheme.empty())
    scheme = d.scheme;
  else if (d.https)
    scheme = "https";
  char port[8] = {};
  std::size_t port_size = 0;
  if (d.port != 0) {
    port[0] = ':';
    port_size = static_cast<std::size_t>(std::to_chars(port + 1, port + 8, d.port).ptr - port);
  }
  const auto colon = host.rfind(':');
  const bool has_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  if (!d.host.empty()) {
    host = d.host;
  } else if (has_port) {
    const auto p = host.substr(colon);
    // A default port of the old scheme would be wrong for the new one.
    const bool old_default = (head.scheme == "http" && p == ":80") || (head.scheme == "https" && p == ":443");
    if (port_size != 0 || (scheme != head.scheme && old_default)) host = host.substr(0, colon);
  }
  if (d.has_path) {
    const bool own_query = d.path.find('?') != std::string::npos;
    path = own_query || d.strip_query ? std::string_view(d.path) : arena.cat(d.path, query_of(path));
  } else if (d.has_prefix) {
    const auto rest = path.substr(std::min(matched_size(r->match, path), path.size()));
    path = arena.cat(d.prefix, d.strip_query ? path_only(rest) : rest);
  } else if (d.regex != nullptr) {
    path = arena.cat(regex_replace(*d.regex, path_only(path), d.substitution, arena),
                     d.strip_query ? std::string_view{} : query_of(path));
  } else {
    const auto rewritten = d.path_format ? formatted(*d.path_format, c, format::Missing::empty, arena) : std::string_view{};
    if (!rewritten.empty())
      path = d.strip_query || rewritten.find('?') != std::string_view::npos ? rewritten : arena.cat(rewritten, query_of(path));
    else if (d.strip_query)
      path = path_only(path);
  }
  return arena.cat(scheme, "://", host, std::string_view(port, port_size), path);
}

namespace retry_on {
namespace {
struct Word {
  std::string_view text;
  std::uint32_t bit;
};
template <std::size_t N>
std::uint32_t parse_words(std::string_view list, const Word (&words)[N], bool& all_known) noexcept {
  std::uint32_t bits = 0;
  all_known = true;
  while (!list.empty()) {
    const auto comma = list.find(',');
    auto w = list.substr(0, comma);
    while (!w.empty() && w.front() == ' ') w.remove_prefix(1);
    while (!w.empty() && w.back() == ' ') w.remove_suffix(1);
    bool found = false;
    for (const auto& k : words)
      if (k.text == w) {
        bits |= k.bit;
        found = true;
      }
    all_known = all_known && found;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return bits;
}
}  // namespace

std::uint32_t parse(std::string_view list, bool& all_known) noexcept {
  static constexpr Word kWords[] = {{"5xx", k5xx},
                                    {"gateway-error", kGatewayError},
                                    {"reset", kReset},
                                    {"reset-before-request", kResetBeforeRequest},
                                    {"connect-failure", kConnectFailure},
                                    {"envoy-ratelimited", kEnvoyRatelimited},
                                    {"retriable-4xx", kRetriable4xx},
                                    {"refused-stream", kRefusedStream},
                                    {"retriable-status-codes", kRetriableStatusCodes},
                                    {"retriable-headers", kRetriableHeaders},
                                    {"http3-post-connect-failure", kHttp3PostConnectFailure}};
  return parse_words(list, kWords, all_known);
}
std::uint32_t parse_grpc(std::string_view list, bool& all_known) noexcept {
  static constexpr Word kWords[] = {{"cancelled", kGrpcCancelled},
                                    {"deadline-exceeded", kGrpcDeadlineExceeded},
                                    {"internal", kGrpcInternal},
                                    {"resource-exhausted", kGrpcResourceExhausted},
                                    {"unavailable", kGrpcUnavailable}};
  return parse_words(list, kWords, all_known);
}
}  // namespace retry_on

}  // namespace outrigger::route
