// What an authorization service is told of a request.
#include <algorithm>

#include "filters/ext_authz.h"
#include "proxy/base/numbers.h"
#include "proxy/base/utf8.h"

namespace outrigger::filters {

using http::Name;

namespace {

constexpr std::string_view kPartialBody = "x-envoy-auth-partial-body";

std::string_view principal_of(const net::CertificateFacts* c) noexcept {
  if (c == nullptr) return {};
  if (!c->uri_sans.empty()) return c->uri_sans.front();
  return c->dns_sans.empty() ? std::string_view(c->subject) : std::string_view(c->dns_sans.front());
}

/// The head's fields that the service may see, as one list; values of a name are joined, unless they go as they are.
class Fields {
 public:
  Fields(const CheckSubject& s, CheckRequest& out) : s_(s), out_(out) {}

  void add_all() {
    const auto& head = s_.head;
    add(":authority", head.authority);
    add(":path", head.path);
    add(":method", head.method);
    add(":scheme", head.scheme);
    for (const auto& e : head.headers) add(e.name, e.value);
    if (out_.has_body) put(kPartialBody, out_.partial_body ? "true" : "false");
  }

 private:
  void add(std::string_view name, std::string_view value) {
    if (value.data() == nullptr) return;
    if (s_.config.disallowed && s_.config.disallowed(name)) return;
    if (!allowed(name)) return;
    put(name, value);
  }
  /// A service over HTTP always gets what makes a request.
  bool allowed(std::string_view name) const {
    if (s_.config.allowed && s_.config.allowed(name)) return true;
    if (s_.config.grpc) return !s_.config.allowed;
    return name == ":authority" || name == ":path" || name == ":method" || name == "authorization";
  }
  void put(std::string_view name, std::string_view value) {
    auto& arena = s_.stream.arena();
    if (!s_.config.raw_headers) {
      value = to_utf8(value, arena);
      for (auto& f : out_.fields)
        if (f.name == name) return void(f.value = arena.cat(f.value, ",", value));
    }
    out_.fields.add(arena, {name, value});
  }

 public:
  /// What is no UTF-8 becomes exclamation marks.
  static std::string_view to_utf8(std::string_view text, Arena& arena) {
    if (is_utf8(text)) return text;
    char* out = static_cast<char*>(arena.allocate(text.size(), 1));
    std::size_t n = 0;
    while (!text.empty()) {
      std::size_t size = 1;
      while (size <= std::min<std::size_t>(4, text.size()) && !is_utf8(text.substr(0, size))) ++size;
      const bool good = size <= std::min<std::size_t>(4, text.size());
      if (!good) size = 1;
      for (std::size_t i = 0; i < size; ++i) out[n++] = good ? text[i] : '!';
      text.remove_prefix(size);
    }
    return {out, n};
  }

 private:
  const CheckSubject& s_;
  CheckRequest& out_;
};

void describe_body(const CheckSubject& s, CheckRequest& out) {
  if (s.body == nullptr) return;
  auto& arena = s.stream.arena();
  out.has_body = true;
  out.partial_body = s.body->size() > s.wanted.bytes_max;
  out.body_is_text = !s.wanted.as_bytes;
  out.body = flat(*s.body, s.wanted.bytes_max, arena);
  if (out.body_is_text) out.body = Fields::to_utf8(out.body, arena);
}

/// Those of all levels, the nearest first.
void describe_extensions(const CheckSubject& s, CheckRequest& out) {
  for (auto o = s.overrides.rbegin(); o != s.overrides.rend(); ++o) {
    const auto* config = *o == nullptr ? nullptr : (*o)->as<ExtAuthzPerRoute>();
    if (config == nullptr) continue;
    for (const auto& [name, value] : config->extensions) {
      const bool known = [&] {
        for (const auto& f : out.extensions)
          if (f.name == name) return true;
        return false;
      }();
      if (!known) out.extensions.add(s.stream.arena(), {name, value});
    }
  }
}

}  // namespace

void describe_peers(const http::ConnectionInfo& connection, const net::Address& remote, PeersWanted wanted, CheckRequest& out) {
  out.source.address = &remote;
  out.destination.address = &connection.local;
  if (connection.tls == nullptr) return;
  out.source.principal = principal_of(connection.tls->peer());
  out.destination.principal = principal_of(connection.tls->local());
  if (wanted.certificate) out.source.certificate = connection.tls->peer_pem();
  if (wanted.server_name) out.server_name = connection.tls->server_name();
}

void describe_metadata(const std::vector<std::string>& spaces, const Metadata* all, MetadataValue& out) {
  if (all == nullptr) return;
  for (const auto& space : spaces)
    if (const auto* v = all->find(space, {})) {
      out.kind = MetadataValue::object;
      out.fields.emplace_back(space, *v);
    }
}

void describe(const CheckSubject& s, CheckRequest& out) {
  auto& info = s.stream.info();
  describe_peers(*info.connection, info.remote(), {s.config.peer_certificate, s.config.tls_session}, out);
  out.source.service = s.head.headers.get("x-envoy-downstream-service-cluster");
  if (!s.config.labels.empty()) out.destination.labels = &s.config.labels;
  out.time = info.start_wall;
  out.id = info.stream_id;
  out.method = s.head.method;
  out.path = Fields::to_utf8(s.head.path, s.stream.arena());
  out.host = Fields::to_utf8(s.head.authority, s.stream.arena());
  out.scheme = s.head.scheme;
  out.protocol = text_of(info.protocol);
  out.size = info.bytes_received;
  describe_body(s, out);
  out.raw_fields = s.config.raw_headers;
  Fields(s, out).add_all();
  describe_extensions(s, out);
  describe_metadata(s.config.metadata_spaces, info.dynamic_metadata.get(), out.metadata);
  const auto* route = s.stream.route();
  describe_metadata(s.config.route_metadata_spaces, route == nullptr ? nullptr : route->metadata.get(), out.route_metadata);
}

void make_http_request(const CheckSubject& s, const CheckRequest& from, http::RequestHead& head, Buffer& body) {
  auto& arena = s.stream.arena();
  const auto& config = s.config.http;
  head.scheme = "http";
  head.headers.add(Name::content_length, decimal(from.body.size(), arena));
  for (const auto& f : from.fields) {
    if (f.name == ":method")
      head.method = f.value;
    else if (f.name == ":authority")
      head.authority = f.value;
    else if (f.name == ":path")
      head.path = !config.path_override.empty() ? std::string_view(config.path_override)
                  : config.path_prefix.empty()  ? f.value
                                                : arena.cat(config.path_prefix, f.value);
    else if (!f.name.starts_with(':') && f.name != "content-length")
      head.headers.add(f.name, f.value);
  }
  config.add.apply(head.headers, s.stream.format_context());
  body.append(from.body);
}

}  // namespace outrigger::filters
