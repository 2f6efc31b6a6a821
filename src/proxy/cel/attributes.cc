#include "proxy/cel/attributes.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include "proxy/http/stream_info.h"

namespace outrigger::cel {

using format::Context;
using http::UpstreamInfo;
using net::CertificateFacts;
using net::TlsInfo;

namespace {

Value text_or_nothing(std::string_view s) { return s.empty() ? Value{} : Value::of_text(s); }
Value size(std::uint64_t n) { return Value::of_int(static_cast<std::int64_t>(n)); }
std::int64_t nanoseconds(auto d) { return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count(); }
Value between(TimePoint from, TimePoint to) {
  if (from == TimePoint{} || to == TimePoint{}) return {};
  return Value::of_time(Kind::duration, nanoseconds(to - from));
}
Value port(const net::Address& a) { return a.is_ip() ? Value::of_int(a.port()) : Value{}; }
Value message(const Metadata* m) { return Value::of_map(Holder::namespaces, m); }

// ---- request

template <std::string_view http::RequestHead::*Member>
Value of_head(const Context& c) {
  return c.request == nullptr || (c.request->*Member).data() == nullptr ? Value{} : Value::of_text(c.request->*Member);
}
template <http::Name Header>
Value of_header(const Context& c) {
  const auto* e = c.request == nullptr ? nullptr : c.request->headers.find(Header);
  return e == nullptr ? Value{} : Value::of_text(e->value);
}
/// What stands before the query, and the query.
Value part_of_path(const Context& c, bool query) {
  if (c.request == nullptr || c.request->path.data() == nullptr) return {};
  const auto path = c.request->path;
  const auto mark = path.find('?');
  if (!query) return Value::of_text(path.substr(0, mark));
  if (mark == std::string_view::npos) return Value::of_text("");
  const auto q = path.substr(mark + 1);
  return Value::of_text(q.substr(0, q.find('#')));
}
Value request_size(const Context& c) {
  std::uint64_t n = 0;
  const auto* e = c.request == nullptr ? nullptr : c.request->headers.find(http::Name::content_length);
  if (e != nullptr && std::from_chars(e->value.data(), e->value.data() + e->value.size(), n).ec == std::errc{}) return size(n);
  return size(c.info->bytes_received);
}
/// Names and values of the header, those with a colon included.
std::uint64_t head_bytes(const http::RequestHead& h) {
  std::uint64_t n = h.headers.byte_size();
  const auto add = [&n](std::string_view name, std::string_view v) { n += v.data() == nullptr ? 0 : name.size() + v.size(); };
  add(":method", h.method);
  add(":path", h.path);
  add(":authority", h.authority);
  add(":scheme", h.scheme);
  add(":protocol", h.protocol_upgrade);
  return n;
}
Value request_total(const Context& c) {
  return c.request == nullptr ? Value{} : size(c.info->bytes_received + head_bytes(*c.request));
}

// ---- response

Value grpc_status(const Context& c) {
  std::string_view text;
  if (c.response_trailers != nullptr) text = c.response_trailers->get(http::Name::grpc_status);
  if (text.empty() && c.response != nullptr) text = c.response->headers.get(http::Name::grpc_status);
  std::int64_t v = 0;
  if (!text.empty() && std::from_chars(text.data(), text.data() + text.size(), v).ec == std::errc{}) return Value::of_int(v);
  return c.info->response_code == 0 ? Value{} : Value::of_int(http::grpc_status_of(c.info->response_code));
}
Value response_total(const Context& c) {
  std::uint64_t n = c.info->bytes_sent;
  if (c.response != nullptr) n += c.response->headers.byte_size() + sizeof(":status") - 1 + 3;
  if (c.response_trailers != nullptr) n += c.response_trailers->byte_size();
  return size(n);
}

// ---- TLS, of both sides

const TlsInfo* downstream(const Context& c) { return c.info->connection->tls.get(); }
const TlsInfo* upstream(const Context& c) { return c.info->upstream ? c.info->upstream->tls.get() : nullptr; }
using Side = const TlsInfo* (*)(const Context&);

template <Side Of>
Value tls_version(const Context& c) {
  const auto* t = Of(c);
  return t == nullptr ? Value{} : Value::of_text(t->version());
}
template <Side Of, bool Peer>
const CertificateFacts* certificate(const Context& c) {
  const auto* t = Of(c);
  return t == nullptr ? nullptr : Peer ? t->peer() : t->local();
}
template <Side Of, bool Peer>
Value subject(const Context& c) {
  if (Of(c) == nullptr) return {};
  const auto* f = certificate<Of, Peer>(c);
  return f == nullptr ? Value::of_text("") : Value::of_text(f->subject);
}
template <Side Of, bool Peer, std::vector<std::string> CertificateFacts::*Names>
Value first_name(const Context& c) {
  const auto* f = certificate<Of, Peer>(c);
  return f == nullptr || (f->*Names).empty() ? Value{} : Value::of_text((f->*Names).front());
}
template <Side Of>
Value digest(const Context& c) {
  const auto* f = certificate<Of, true>(c);
  return f == nullptr ? Value{} : text_or_nothing(f->sha256);
}

// ---- upstream

const UpstreamInfo* attempt(const Context& c) { return c.info->upstream ? &*c.info->upstream : nullptr; }
Value upstream_address(const Context& c) {
  const auto* u = attempt(c);
  return u == nullptr || u->host.empty() ? Value{} : Value::of_text(u->host.text());
}
Value upstream_port(const Context& c) {
  const auto* u = attempt(c);
  return u == nullptr || u->host.empty() ? Value{} : port(u->host);
}
Value upstream_local(const Context& c) {
  const auto* u = attempt(c);
  return u == nullptr ? Value{} : text_or_nothing(u->local.text());
}
bool has_route(const Context& c) { return !c.info->virtual_host.empty(); }

struct Entry {
  std::string_view group, name;
  Attribute get;
};

constexpr Entry kAttributes[] = {
    {"request", "path", of_head<&http::RequestHead::path>},
    {"request", "url_path", [](const Context& c) { return part_of_path(c, false); }},
    {"request", "query", [](const Context& c) { return part_of_path(c, true); }},
    {"request", "host", of_head<&http::RequestHead::authority>},
    {"request", "scheme", of_head<&http::RequestHead::scheme>},
    {"request", "method", of_head<&http::RequestHead::method>},
    {"request", "headers", [](const Context& c) { return Value::of_map(Holder::request_headers, c.request); }},
    {"request", "referer", of_header<http::Name::referer>},
    {"request", "useragent", of_header<http::Name::user_agent>},
    {"request", "id", of_header<http::Name::x_request_id>},
    {"request", "time",
     [](const Context& c) { return Value::of_time(Kind::timestamp, nanoseconds(c.info->start_wall.time_since_epoch())); }},
    {"request", "duration", [](const Context& c) { return between(c.info->start, c.info->end); }},
    {"request", "protocol",
     [](const Context& c) { return c.info->has_protocol ? Value::of_text(http::text_of(c.info->protocol)) : Value{}; }},
    {"request", "size", request_size},
    {"request", "total_size", request_total},

    {"response", "code", [](const Context& c) { return c.info->response_code == 0 ? Value{} : size(c.info->response_code); }},
    {"response", "code_details", [](const Context& c) { return text_or_nothing(c.info->details); }},
    {"response", "flags", [](const Context& c) { return size(c.info->flags.bits()); }},
    {"response", "grpc_status", grpc_status},
    {"response", "headers", [](const Context& c) { return Value::of_map(Holder::response_headers, c.response); }},
    {"response", "trailers", [](const Context& c) { return Value::of_map(Holder::fields, c.response_trailers); }},
    {"response", "size", [](const Context& c) { return size(c.info->bytes_sent); }},
    {"response", "total_size", response_total},
    {"response", "backend_latency",
     [](const Context& c) { return attempt(c) ? between(attempt(c)->first_tx, attempt(c)->last_rx) : Value{}; }},

    {"connection", "id", [](const Context& c) { return Value::of_uint(c.info->connection->id); }},
    {"connection", "mtls",
     [](const Context& c) { return Value::of(downstream(c) != nullptr && downstream(c)->peer_certificate_presented()); }},
    {"connection", "requested_server_name",
     [](const Context& c) { return Value::of_text(c.info->connection->requested_server_name); }},
    {"connection", "termination_details",
     [](const Context& c) { return text_or_nothing(c.info->connection->termination_details); }},
    {"connection", "transport_failure_reason",
     [](const Context& c) { return text_or_nothing(c.info->connection->transport_failure_reason); }},
    {"connection", "tls_version", tls_version<downstream>},
    {"connection", "subject_local_certificate", subject<downstream, false>},
    {"connection", "subject_peer_certificate", subject<downstream, true>},
    {"connection", "uri_san_local_certificate", first_name<downstream, false, &CertificateFacts::uri_sans>},
    {"connection", "uri_san_peer_certificate", first_name<downstream, true, &CertificateFacts::uri_sans>},
    {"connection", "dns_san_local_certificate", first_name<downstream, false, &CertificateFacts::dns_sans>},
    {"connection", "dns_san_peer_certificate", first_name<downstream, true, &CertificateFacts::dns_sans>},
    {"connection", "sha256_peer_certificate_digest", digest<downstream>},

    {"source", "address", [](const Context& c) { return text_or_nothing(c.info->remote().text()); }},
    {"source", "port", [](const Context& c) { return port(c.info->remote()); }},
    {"destination", "address", [](const Context& c) { return text_or_nothing(c.info->connection->local.text()); }},
    {"destination", "port", [](const Context& c) { return port(c.info->connection->local); }},

    {"upstream", "address", upstream_address},
    {"upstream", "port", upstream_port},
    {"upstream", "local_address", upstream_local},
    {"upstream", "transport_failure_reason",
     [](const Context& c) { return attempt(c) ? Value::of_text(attempt(c)->transport_failure_reason) : Value{}; }},
    {"upstream", "request_attempt_count", [](const Context& c) { return Value::of_uint(c.info->attempt_count); }},
    {"upstream", "cx_pool_ready_duration",
     [](const Context& c) { return attempt(c) ? between(attempt(c)->pool_start, attempt(c)->pool_ready) : Value{}; }},
    {"upstream", "tls_version", tls_version<upstream>},
    {"upstream", "subject_local_certificate", subject<upstream, false>},
    {"upstream", "subject_peer_certificate", subject<upstream, true>},
    {"upstream", "uri_san_local_certificate", first_name<upstream, false, &CertificateFacts::uri_sans>},
    {"upstream", "uri_san_peer_certificate", first_name<upstream, true, &CertificateFacts::uri_sans>},
    {"upstream", "dns_san_local_certificate", first_name<upstream, false, &CertificateFacts::dns_sans>},
    {"upstream", "dns_san_peer_certificate", first_name<upstream, true, &CertificateFacts::dns_sans>},
    {"upstream", "sha256_peer_certificate_digest", digest<upstream>},

    {"metadata", "filter_metadata", [](const Context& c) { return message(c.info->dynamic_metadata.get()); }},

    {"xds", "cluster_name", [](const Context& c) { return text_or_nothing(c.info->cluster_raw); }},
    {"xds", "route_name", [](const Context& c) { return has_route(c) ? Value::of_text(c.info->route_name) : Value{}; }},
    {"xds", "virtual_host_name", [](const Context& c) { return text_or_nothing(c.info->virtual_host); }},
    {"xds", "filter_chain_name", [](const Context& c) { return Value::of_text(c.info->connection->filter_chain_name); }},
};

/// What Envoy has besides.
constexpr Entry kMissingHere[] = {{"xds", "node", nullptr},
                                  {"xds", "cluster_metadata", nullptr},
                                  {"xds", "route_metadata", nullptr},
                                  {"xds", "virtual_host_metadata", nullptr},
                                  {"xds", "upstream_host_metadata", nullptr},
                                  {"xds", "listener_metadata", nullptr},
                                  {"xds", "listener_direction", nullptr},
                                  {"metadata", "typed_filter_metadata", nullptr},
                                  {"upstream", "locality", nullptr},
                                  {"upstream", "num_endpoints", nullptr},
                                  {"upstream_filter_state", "", nullptr}};

constexpr std::string_view kGroups[] = {"request",     "response", "connection", "source",
                                        "destination", "upstream", "metadata",   "xds"};

const Entry* find(const auto& table, std::string_view group, std::string_view name) noexcept {
  for (const auto& e : table)
    if (e.group == group && e.name == name) return &e;
  return nullptr;
}

}  // namespace

bool is_group(std::string_view name) noexcept {
  return std::find(std::begin(kGroups), std::end(kGroups), name) != std::end(kGroups);
}

Attribute find_variable(std::string_view name) noexcept {
  if (name != "filter_state") return nullptr;
  return [](const Context& c) { return Value::of_map(Holder::filter_state, &c.info->filter_state); };
}

Attribute find_attribute(std::string_view group, std::string_view name) noexcept {
  const auto* e = find(kAttributes, group, name);
  return e == nullptr ? nullptr : e->get;
}

bool is_missing_here(std::string_view group, std::string_view name) noexcept {
  return find(kMissingHere, group, name) != nullptr;
}

}  // namespace outrigger::cel
