#include "proxy/hcm/hygiene.h"

#include <algorithm>
#include <charconv>
#include <span>

#include "proxy/base/numbers.h"
#include "proxy/hcm/client_cert.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::hcm {

using http::HeaderMap;
using http::Name;

namespace {

std::string_view trim(std::string_view s) noexcept {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

/// In a comma-separated list; unlike http::list_has(), in this very case.
bool has_word(std::string_view list, std::string_view word) noexcept {
  for (;;) {
    const auto comma = list.find(',');
    if (trim(list.substr(0, comma)) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

bool in_any(const std::vector<net::CidrRange>& ranges, const net::Address& a) noexcept {
  for (const auto& r : ranges)
    if (r.contains(a)) return true;
  return false;
}

bool is_internal(const Config& c, const net::Address& a) noexcept {
  return a.is_ip() ? in_any(c.internal_ranges, a) : c.internal_unix_sockets;
}

/// The entry of x-forwarded-for that is `from_end` hops before the last; `single`: there is only one.
net::Address xff_entry(std::string_view xff, std::size_t from_end, bool& single) {
  single = xff.find(',') == std::string_view::npos;
  for (;;) {
    const auto comma = xff.rfind(',');
    const auto entry = trim(comma == std::string_view::npos ? xff : xff.substr(comma + 1));
    if (from_end == 0) {
      auto a = net::Address::parse_ip(entry, 0);
      return a ? *a : net::Address();
    }
    if (comma == std::string_view::npos) return {};
    xff = xff.substr(0, comma);
    --from_end;
  }
}

void append_to(HeaderMap& h, Name id, std::string_view value, std::string_view separator) {
  const auto* e = h.find(id);
  if (e == nullptr || e->value.empty()) return h.set(id, value);
  h.set(id, h.arena().cat(e->value, separator, value));
}

struct Detected {
  net::Address address;
  bool allow_trusted = false;
  bool skip_append = false;
  std::uint16_t reject = 0;
};

/// The first entry from the right that is not one of the trusted proxies; when all are, the leftmost. Nothing
/// when the peer is none of them or an entry is no address.
net::Address behind_proxies(const std::vector<net::CidrRange>& trusted, std::string_view xff) {
  net::Address found;
  for (;;) {
    const auto comma = xff.rfind(',');
    auto a = net::Address::parse_ip(trim(comma == std::string_view::npos ? xff : xff.substr(comma + 1)), 0);
    if (!a) return {};
    found = std::move(*a);
    if (comma == std::string_view::npos || !in_any(trusted, found)) return found;
    xff = xff.substr(0, comma);
  }
}

Detected from_xff(const IpDetection& d, const http::RequestHead& head, const net::Address& peer) {
  Detected r;
  r.skip_append = d.skip_xff_append;
  const bool by_range = !d.trusted_cidrs.empty();
  if (by_range && !in_any(d.trusted_cidrs, peer)) {
    r.skip_append = false;
    return r;
  }
  const auto* xff = head.headers.find(Name::x_forwarded_for);
  if (xff == nullptr) return r;
  bool single = xff->value.find(',') == std::string_view::npos;
  r.address = by_range ? behind_proxies(d.trusted_cidrs, xff->value) : xff_entry(xff->value, d.trusted_hops, single);
  r.allow_trusted = single && !r.address.empty();
  return r;
}

/// The peer, or for one on this machine its own address.
void append_peer(const Config& c, HeaderMap& h, const net::Address& peer) {
  if (!peer.is_ip()) return;
  const bool own = peer.is_loopback() && !c.local_address_text.empty();
  append_to(h, Name::x_forwarded_for, own ? std::string_view(c.local_address_text) : peer.ip_text(), ",");
}

/// Each extension that is asked may want the peer appended before the next one looks.
Detected detect(const Config& c, http::RequestHead& head, const net::Address& peer) {
  if (c.ip_detection.empty()) {
    IpDetection plain;
    plain.trusted_hops = c.xff_trusted_hops;
    return from_xff(plain, head, peer);
  }
  for (const auto& d : c.ip_detection) {
    Detected r;
    if (d.kind == IpDetection::xff) {
      r = from_xff(d, head, peer);
      if (!r.skip_append) append_peer(c, head.headers, peer);
    } else {
      const auto* e = head.headers.find(std::string_view(d.header));
      auto a = e != nullptr ? net::Address::parse_ip(trim(e->value), 0) : invalid("");
      if (a) {
        r.address = *a;
        r.allow_trusted = d.allow_trusted;
      } else if (d.reject_status) {
        r.reject = *d.reject_status;
      }
    }
    if (!r.address.empty() || r.reject != 0) return r;
  }
  return {};
}

void remove_control_headers(const route::RouteConfig* routes, http::RequestHead& head, bool edge) {
  HeaderMap& h = head.headers;
  bool any = false;  // nearly all requests have none: one scan decides
  for (const auto& e : h) any = any || e.name.starts_with("x-envoy-");
  if (any) {
    if (edge)
      for (Name n : {Name::x_envoy_decorator_operation, Name::x_envoy_downstream_service_cluster,
                     Name::x_envoy_downstream_service_node, Name::x_envoy_original_path, Name::x_envoy_original_host})
        h.remove(n);
    for (Name n :
         {Name::x_envoy_retriable_status_codes, Name::x_envoy_retriable_header_names, Name::x_envoy_retry_on,
          Name::x_envoy_retry_grpc_on, Name::x_envoy_max_retries, Name::x_envoy_upstream_alt_stat_name,
          Name::x_envoy_upstream_rq_timeout_ms, Name::x_envoy_upstream_rq_per_try_timeout_ms,
          Name::x_envoy_upstream_rq_timeout_alt_response, Name::x_envoy_expected_rq_timeout_ms, Name::x_envoy_force_trace,
          Name::x_envoy_ip_tags, Name::x_envoy_original_url, Name::x_envoy_hedge_on_per_try_timeout})
      h.remove(n);
  }
  if (routes != nullptr)
    for (const auto& name : routes->internal_only_headers) h.remove(std::string_view(name));
}

void set_forwarded_port(HeaderMap& h, std::uint16_t port) { h.set(Name::x_forwarded_port, decimal(port, h.arena())); }

std::string_view proto_of(const http::ConnectionInfo& connection) noexcept {
  return connection.tls != nullptr ? "https" : "http";
}

/// Of the client: told by the port it went to, when a listener filter knows that.
std::string_view proto_of(const Config& c, const http::ConnectionInfo& connection) noexcept {
  const auto has = [&](const std::vector<std::uint32_t>& ports) {
    return std::find(ports.begin(), ports.end(), connection.local.port()) != ports.end();
  };
  if (connection.local_restored && has(c.https_ports)) return "https";
  if (connection.local_restored && has(c.http_ports)) return "http";
  return proto_of(connection);
}

void set_request_id(const Config& c, http::RequestHead& head, bool edge, Random& random) {
  if (!c.generate_request_id) return;
  const bool force = edge && !c.preserve_external_request_id;
  if (force || head.headers.get(Name::x_request_id).empty()) {
    const auto id = make_uuid(random);
    head.headers.set(Name::x_request_id, head.headers.arena().copy({id.data(), id.size()}));
  }
}

}  // namespace

void normalize_host(const Config& c, http::RequestHead& head, std::uint16_t local_port) {
  std::string_view& host = head.authority;
  if (c.strip_trailing_host_dot) {
    const auto colon = host.rfind(':');
    const auto end = colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos ? host.size() : colon;
    if (end > 0 && host[end - 1] == '.') host = head.headers.arena().cat(host.substr(0, end - 1), host.substr(end));
  }
  if ((!c.strip_any_host_port && !c.strip_matching_host_port) || head.is_connect()) return;
  const auto colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) return;
  unsigned port = 0;
  const auto text = host.substr(colon + 1);
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size() || port > 65535) return;
  if (c.strip_any_host_port || port == local_port) host = host.substr(0, colon);
}

void strip_hop_by_hop(http::RequestHead& head, bool upgrade) {
  HeaderMap& h = head.headers;
  if (const auto* connection = h.find(Name::connection); connection != nullptr && !upgrade) {
    std::string_view list = connection->value;
    while (!list.empty()) {
      const auto comma = list.find(',');
      const auto word = trim(list.substr(0, comma));
      list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
      if (word.empty() || http::equals_ignore_case(word, "close") || http::equals_ignore_case(word, "keep-alive")) continue;
      const auto name = h.arena().copy(word);
      for (char& c : std::span(const_cast<char*>(name.data()), name.size()))
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      // What TE keeps is decided below; the client cannot have framing removed.
      if (name == "host") {
        head.authority = {};
      } else if (name != "te" && name != "upgrade" && name != "content-length" && name != "transfer-encoding" &&
                 name != "http2-settings") {
        h.remove(name);
      }
    }
  }
  if (!upgrade) {
    h.remove(Name::connection);
    if (http::equals_ignore_case(h.get(Name::upgrade), "h2c")) h.remove(Name::http2_settings);
    h.remove(Name::upgrade);
    if (const auto* te = h.find(Name::te)) {
      if (has_word(te->value, "trailers"))
        h.set(Name::te, "trailers");
      else
        h.remove(Name::te);
    }
  }
  h.remove(Name::keep_alive);
  h.remove(Name::proxy_connection);
}

std::uint16_t mutate_request(const Config& c, const route::RouteConfig* routes, http::RequestHead& head, http::StreamInfo& info,
                             Random& random) {
  HeaderMap& h = head.headers;
  const auto& connection = *info.connection;
  h.remove(Name::x_envoy_internal);
  const std::string_view proto = proto_of(connection);
  net::Address client;
  bool trusted_check = false;
  if (c.use_remote_address) {
    trusted_check = !h.has(Name::x_forwarded_for);
    if (c.xff_trusted_hops > 0 && h.has(Name::x_forwarded_for)) {
      bool single = false;
      client = xff_entry(h.get(Name::x_forwarded_for), c.xff_trusted_hops - 1, single);
    }
    if (client.empty()) client = connection.remote;
    if (!c.skip_xff_append) append_peer(c, h, connection.remote);
    if (c.xff_trusted_hops == 0 || !h.has(Name::x_forwarded_proto)) h.set(Name::x_forwarded_proto, proto_of(c, connection));
    if (c.append_x_forwarded_port && (c.xff_trusted_hops == 0 || !h.has(Name::x_forwarded_port)))
      set_forwarded_port(h, connection.local.port());
  } else {
    Detected d = detect(c, head, connection.remote);
    if (d.reject != 0) return d.reject;
    trusted_check = d.allow_trusted;
    client = std::move(d.address);
    if (!h.has(Name::x_forwarded_proto)) h.add(Name::x_forwarded_proto, proto);
    if (c.append_x_forwarded_port && !h.has(Name::x_forwarded_port)) set_forwarded_port(h, connection.local.port());
  }
  if (!c.scheme_to_overwrite.empty()) {
    head.scheme = c.scheme_to_overwrite;
    h.set(Name::x_forwarded_proto, c.scheme_to_overwrite);
  }
  if (http::equals_ignore_case(head.scheme, "http") || http::equals_ignore_case(head.scheme, "https"))
    head.scheme = head.scheme.size() == 5 ? "https" : "http";
  else
    head.scheme = h.get(Name::x_forwarded_proto) == "https" ? "https" : "http";
  const bool internal = trusted_check && !client.empty() && is_internal(c, client);
  const bool edge = c.use_remote_address && !internal;
  info.is_internal = internal;
  if (internal)
    h.add(Name::x_envoy_internal, "true");
  else
    remove_control_headers(routes, head, edge);
  if (c.add_user_agent) {
    if (!c.local_service_cluster.empty()) {
      h.set(Name::x_envoy_downstream_service_cluster, c.local_service_cluster);
      if (!h.has(Name::user_agent)) h.add(Name::user_agent, c.local_service_cluster);
      if (!c.local_service_node.empty()) h.set(Name::x_envoy_downstream_service_node, c.local_service_node);
    }
  }
  if (!c.via.empty()) append_to(h, Name::via, c.via, ", ");
  if (edge && !client.empty() && client.is_ip()) h.set(Name::x_envoy_external_address, h.arena().copy(client.ip_text()));
  set_request_id(c, head, edge, random);
  forward_client_cert(c, h, connection);
  if (!client.empty() && !(client == connection.remote)) info.remote_override = std::move(client);
  return 0;
}

void mutate_response(const Config& c, const http::RequestHead& request, bool upgrade, http::ResponseHead& head) {
  HeaderMap& h = head.headers;
  switch (c.server_header) {
    case Config::overwrite: h.set(Name::server, c.server_name); break;
    case Config::append_if_absent:
      if (!h.has(Name::server)) h.add(Name::server, c.server_name);
      break;
    case Config::pass_through: break;
  }
  if (!upgrade) {
    h.remove(Name::connection);
    h.remove(Name::upgrade);
  }
  h.remove(Name::transfer_encoding);
  if (c.always_set_request_id_in_response || request.headers.has(Name::x_envoy_force_trace)) {
    if (const auto* id = request.headers.find(Name::x_request_id)) h.set(Name::x_request_id, id->value);
  }
  h.remove(Name::keep_alive);
  h.remove(Name::proxy_connection);
  if (!c.via.empty()) append_to(h, Name::via, c.via, ", ");
}

}  // namespace outrigger::hcm
