#include "proxy/http2/fields.h"

namespace outrigger::http2 {

using http::HeaderMap;
using http::Name;

namespace {

/// Fields about an HTTP/1 connection (RFC 9113, 8.2.2).
bool connection_specific(Name id) noexcept {
  switch (id) {
    case Name::connection:
    case Name::keep_alive:
    case Name::proxy_connection:
    case Name::transfer_encoding:
    case Name::upgrade: return true;
    default: return false;
  }
}

void add_all(const HeaderMap& headers, Fields& out) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const Name id = headers.id_at(i);
    const auto& e = headers.at(i);
    if (connection_specific(id) || id == Name::host) continue;
    if (id == Name::te && e.value != "trailers") continue;
    out.push_back({e.name, e.value, id == Name::x_request_id});
  }
}

void append_copy(HeaderMap& headers, std::string_view name, std::string_view value) {
  Arena& arena = headers.arena();
  const Name id = http::lookup(name);
  headers.append_entry(id, {id == Name::other ? arena.copy(name) : http::text_of(id), arena.copy(value)});
}

std::string_view status_text(std::uint16_t status, Arena& arena) {
  switch (status) {
    case 200: return "200";
    case 204: return "204";
    case 304: return "304";
    case 404: return "404";
    case 503: return "503";
    default: break;
  }
  const char digits[] = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                         static_cast<char>('0' + status % 10)};
  return arena.copy({digits, sizeof digits});
}

/// All cookie fields in one, at the end (RFC 9113, 8.2.3).
void join_cookies(HeaderMap& headers) {
  std::size_t count = 0, bytes = 0;
  for (std::size_t i = 0; i < headers.size(); ++i)
    if (headers.id_at(i) == Name::cookie) ++count, bytes += headers.at(i).value.size() + 2;
  if (count == 0) return;
  auto* text = static_cast<char*>(headers.arena().allocate(bytes, 1));
  std::size_t n = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    if (headers.id_at(i) != Name::cookie) continue;
    if (n > 0) text[n++] = ';', text[n++] = ' ';
    n += headers.at(i).value.copy(text + n, std::string_view::npos);
  }
  headers.remove(Name::cookie);
  headers.append_entry(Name::cookie, {http::text_of(Name::cookie), {text, n}});
}

}  // namespace

void response_fields(const http::ResponseHead& head, Fields& out) {
  out.clear();
  const bool upgraded = head.status == 101 && head.headers.has(Name::upgrade);
  out.push_back({":status", status_text(upgraded ? 200 : head.status, head.headers.arena())});
  add_all(head.headers, out);
}

void request_fields(const http::RequestHead& head, Fields& out) {
  out.clear();
  const auto* upgrade = head.is_connect() ? nullptr : head.headers.find(Name::upgrade);
  out.push_back({":method", upgrade != nullptr ? "CONNECT" : head.method});
  if (!head.is_connect() || !head.protocol_upgrade.empty()) {
    out.push_back({":path", head.path});
    out.push_back({":scheme", head.scheme});
  }
  if (head.authority.data() != nullptr) out.push_back({":authority", head.authority});
  if (upgrade != nullptr) out.push_back({":protocol", upgrade->value});
  add_all(head.headers, out);
}

void trailer_fields(const HeaderMap& trailers, Fields& out) {
  out.clear();
  add_all(trailers, out);
}

void add_request_field(http::RequestHead& head, std::string_view name, std::string_view value) {
  Arena& arena = head.headers.arena();
  if (name.starts_with(':')) {
    std::string_view* to = name == ":method"      ? &head.method
                           : name == ":path"      ? &head.path
                           : name == ":authority" ? &head.authority
                           : name == ":scheme"    ? &head.scheme
                           : name == ":protocol"  ? &head.protocol_upgrade
                                                  : nullptr;
    if (to != nullptr) *to = value.empty() ? std::string_view("") : arena.copy(value);
    return;
  }
  append_copy(head.headers, name, value);
}

void add_response_field(http::ResponseHead& head, std::string_view name, std::string_view value) {
  if (name != ":status") return append_copy(head.headers, name, value);
  head.status = 0;  // nghttp2 has checked: three digits
  for (char c : value) head.status = static_cast<std::uint16_t>(head.status * 10 + (c - '0'));
}

void add_trailer_field(HeaderMap& trailers, std::string_view name, std::string_view value) { append_copy(trailers, name, value); }

void finish_request(http::RequestHead& head, http::Framing& framing) {
  head.protocol = http::Protocol::http2;
  HeaderMap& h = head.headers;
  join_cookies(h);
  if (const auto* host = h.find(Name::host)) {
    if (head.authority.empty()) head.authority = host->value;
    h.remove(Name::host);
  }
  if (head.is_connect() && !head.protocol_upgrade.empty()) {
    head.method = "GET";
    h.set(Name::upgrade, head.protocol_upgrade);
    h.set(Name::connection, "upgrade");
    head.protocol_upgrade = {};
    framing.upgrade = true;
  }
  framing.expect_continue = http::equals_ignore_case(h.get(Name::expect), "100-continue");
}

void finish_response(http::ResponseHead& head, std::string_view upgrade) {
  head.protocol = http::Protocol::http2;
  if (upgrade.empty() || head.status / 100 != 2) return;
  head.status = 101;
  head.headers.set(Name::upgrade, upgrade);
  head.headers.set(Name::connection, "upgrade");
}

}  // namespace outrigger::http2
