#include "proxy/http/h1_parser.h"

#include <array>
#include <cstring>

namespace outrigger::http {

namespace {

struct CharTables {
  unsigned char token[256]{};  // lower-cased token char, 0: not a token char
  bool value[256]{};
  constexpr CharTables() {
    for (int c = 'a'; c <= 'z'; ++c) token[c] = static_cast<unsigned char>(c);
    for (int c = 'A'; c <= 'Z'; ++c) token[c] = static_cast<unsigned char>(c + 32);
    for (int c = '0'; c <= '9'; ++c) token[c] = static_cast<unsigned char>(c);
    for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
      token[static_cast<unsigned char>(c)] = static_cast<unsigned char>(c);
    for (int c = 0; c < 256; ++c) value[c] = c >= 32 ? c != 127 : c == '\t';
  }
};
constexpr CharTables kChars;

constexpr H1Error kBad{400, "Bad Request", "http1.codec_error"};
constexpr H1Error kBadChars{400, "Bad Request", "http1.invalid_characters"};
constexpr H1Error kBadUrl{400, "Bad Request", "http1.invalid_url"};
constexpr H1Error kLengthAndChunked{400, "Bad Request", "http1.content_length_and_chunked_not_allowed"};
constexpr H1Error kBadEncoding{501, "Not Implemented", "http1.invalid_transfer_encoding"};
constexpr H1Error kUnderscore{400, "Bad Request", "http1.unexpected_underscore"};
constexpr H1Error kManyHeaders{431, "Request Header Fields Too Large", "http1.too_many_headers"};

bool known_method(std::string_view m) noexcept {
  static constexpr std::string_view kMethods[] = {
      "GET",    "POST",   "PUT",       "HEAD",   "DELETE",   "OPTIONS",   "PATCH",      "CONNECT",    "TRACE",
      "ACL",    "BIND",   "CHECKOUT",  "COPY",   "LINK",     "LOCK",      "MERGE",      "MKACTIVITY", "MKCALENDAR",
      "MKCOL",  "MOVE",   "M-SEARCH",  "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE",      "REBIND",     "REPORT",
      "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK",   "UNLOCK",    "UNSUBSCRIBE"};
  for (auto k : kMethods)
    if (k == m) return true;
  return false;
}

struct HeaderScan {
  std::uint64_t length = 0;
  bool has_length = false, has_encoding = false, chunked = false, bad_encoding = false;
  bool close = false, keep_alive = false, connection_upgrade = false;
};

bool parse_length(std::string_view v, std::uint64_t& out) noexcept {
  if (v.empty() || v.size() > 18) return false;
  out = 0;
  for (char c : v) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + static_cast<unsigned>(c - '0');
  }
  return true;
}

H1Error note_header(Name id, std::string_view value, HeaderScan& s) {
  switch (id) {
    case Name::content_length:
      if (s.has_length || !parse_length(value, s.length)) return kBad;
      s.has_length = true;
      break;
    case Name::transfer_encoding:
      if (s.has_encoding || !equals_ignore_case(value, "chunked")) s.bad_encoding = true;
      s.has_encoding = s.chunked = true;
      break;
    case Name::connection:
      s.close |= list_has(value, "close");
      s.keep_alive |= list_has(value, "keep-alive");
      s.connection_upgrade |= list_has(value, "upgrade");
      break;
    default: break;
  }
  return {};
}

/// A value continued on further lines (obs-fold) becomes one line, folds replaced by one space.
std::string_view join_folds(char*& q, char* end, char* value, char* value_end) {
  char* out = value_end;
  while (q < end && (*q == ' ' || *q == '\t')) {
    while (q < end && (*q == ' ' || *q == '\t')) ++q;
    *out++ = ' ';
    while (q < end && *q != '\n') {
      if (*q != '\r') *out++ = *q;
      ++q;
    }
    if (q < end) ++q;
    while (out > value && (out[-1] == ' ' || out[-1] == '\t')) --out;
  }
  return {value, static_cast<std::size_t>(out - value)};
}

/// Parses fields from q up to the empty line. Lines end in CRLF or, as Envoy allows, bare LF.
H1Error parse_fields(char* q, char* end, const Http1Options& o, HeaderMap& headers, HeaderScan& scan) {
  for (;;) {
    if (q >= end) return kBad;
    if (*q == '\n' || (*q == '\r' && q + 1 < end && q[1] == '\n')) return {};
    char* name = q;
    const char* original = nullptr;
    if (o.header_case == HeaderCase::preserve) {
      const auto* colon = static_cast<const char*>(std::memchr(q, ':', static_cast<std::size_t>(end - q)));
      if (colon != nullptr) original = headers.arena().copy({q, static_cast<std::size_t>(colon - q)}).data();
    }
    unsigned char c;
    bool underscore = false;
    while (q < end && (c = kChars.token[static_cast<unsigned char>(*q)]) != 0) {
      underscore |= c == '_';
      *q++ = static_cast<char>(c);
    }
    if (q == name || q >= end || *q != ':') return kBad;
    const std::string_view key(name, static_cast<std::size_t>(q - name));
    ++q;
    while (q < end && (*q == ' ' || *q == '\t')) ++q;
    char* value = q;
    while (q < end && kChars.value[static_cast<unsigned char>(*q)]) ++q;
    char* value_end = q;
    while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t')) --value_end;
    if (q < end && *q == '\r') ++q;
    if (q >= end || *q != '\n') return kBadChars;
    ++q;
    std::string_view text(value, static_cast<std::size_t>(value_end - value));
    if (q < end && (*q == ' ' || *q == '\t')) {
      text = join_folds(q, end, value, value_end);
      if (!is_field_value(text)) return kBadChars;
    }
    if (underscore && o.underscores != UnderscoreAction::allow) {
      if (o.underscores == UnderscoreAction::reject) return kUnderscore;
      continue;
    }
    if (headers.size() >= o.headers_max) return kManyHeaders;
    const Name id = lookup(key);
    if (H1Error e = note_header(id, text, scan)) return e;
    headers.add_entry(id, {id == Name::other ? key : text_of(id), text, original});
  }
}

/// Splits off the first line; `line` without its end.
bool first_line(char* text, std::size_t size, std::string_view& line, char*& rest) {
  auto* nl = static_cast<char*>(std::memchr(text, '\n', size));
  if (nl == nullptr) return false;
  rest = nl + 1;
  std::size_t n = static_cast<std::size_t>(nl - text);
  if (n > 0 && text[n - 1] == '\r') --n;
  line = {text, n};
  return true;
}

/// "http://host/path" gives the authority and the rest; the scheme word goes to `scheme`.
bool split_absolute(RequestHead& head, const Http1Options& o) {
  const std::string_view p = head.path;
  const std::size_t at = p.find("://");
  if (at == std::string_view::npos) return false;
  const std::string_view scheme = p.substr(0, at);
  if (!o.allow_absolute_url || (!equals_ignore_case(scheme, "http") && !equals_ignore_case(scheme, "https"))) return false;
  const std::string_view rest = p.substr(at + 3);
  const std::size_t slash = rest.find_first_of("/?#");
  head.authority = rest.substr(0, slash);
  if (head.authority.empty() || head.authority.find('@') != std::string_view::npos) return false;
  head.path = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  if (head.path.front() != '/') head.path = head.headers.arena().cat("/", head.path);
  head.scheme = scheme.size() == 5 ? "https" : "http";
  head.headers.remove(Name::host);
  return true;
}

H1Error take_host(RequestHead& head) {
  if (!head.authority.empty()) return {};
  const auto* host = head.headers.find(Name::host);
  if (host == nullptr) return {};
  head.authority = head.headers.joined("host");  // two Host lines: "a,b", as Envoy has it
  head.headers.remove(Name::host);
  return {};
}

}  // namespace

bool is_token_char(unsigned char c) noexcept { return kChars.token[c] != 0; }

bool is_field_value(std::string_view v) noexcept {
  for (unsigned char c : v)
    if (!kChars.value[c]) return false;
  return true;
}

bool equals_ignore_case(std::string_view a, std::string_view lower) noexcept {
  if (a.size() != lower.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + 32) : a[i];
    if (c != lower[i]) return false;
  }
  return true;
}

bool list_has(std::string_view list, std::string_view lower_word) noexcept {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view word = list.substr(0, comma);
    while (!word.empty() && (word.front() == ' ' || word.front() == '\t')) word.remove_prefix(1);
    while (!word.empty() && (word.back() == ' ' || word.back() == '\t')) word.remove_suffix(1);
    if (equals_ignore_case(word, lower_word)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

std::size_t find_head_end(std::string_view data, std::size_t& scanned) noexcept {
  std::size_t at = scanned;
  for (;;) {
    const std::size_t nl = data.find('\n', at);
    if (nl == std::string_view::npos) {
      scanned = data.size();
      return 0;
    }
    if (nl + 1 < data.size() && data[nl + 1] == '\n') return nl + 2;
    if (nl + 2 < data.size() && data[nl + 1] == '\r' && data[nl + 2] == '\n') return nl + 3;
    if (nl + 2 >= data.size()) {  // the end may be just behind
      scanned = nl;
      return 0;
    }
    at = nl + 1;
  }
}

H1Error parse_request_head(char* text, std::size_t size, const Http1Options& o, RequestHead& head, Framing& framing) {
  std::string_view line;
  char* rest;
  if (!first_line(text, size, line, rest)) return kBad;
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return kBad;
  head.method = line.substr(0, space);
  if (!known_method(head.method)) return kBad;
  line.remove_prefix(space + 1);
  const std::size_t last = line.rfind(' ');
  const std::string_view version = last == std::string_view::npos ? std::string_view{} : line.substr(last + 1);
  head.path = last == std::string_view::npos ? line : line.substr(0, last);
  if (version.empty()) {
    head.protocol = Protocol::http10;  // HTTP/0.9
  } else if (version.size() != 8 || version.substr(0, 7) != "HTTP/1." || (version[7] != '0' && version[7] != '1')) {
    return kBad;
  } else {
    head.protocol = version[7] == '1' ? Protocol::http11 : Protocol::http10;
  }
  if (head.path.empty()) return kBad;
  for (unsigned char c : head.path)
    if (c <= 32 || c == 127) return c == 32 ? kBad : kBadUrl;
  HeaderScan scan;
  if (H1Error e = parse_fields(rest, text + size, o, head.headers, scan)) return e;
  if (head.is_connect()) {
    head.authority = head.path;
    head.path = {};
    head.headers.remove(Name::host);
  } else if (head.path.front() != '/' && head.path != "*") {
    if (!split_absolute(head, o)) return kBadUrl;
  }
  take_host(head);
  if (scan.bad_encoding) return kBadEncoding;
  if (scan.chunked && scan.has_length) {
    if (!o.allow_chunked_length) return kLengthAndChunked;
    head.headers.remove(Name::content_length);
  }
  if (scan.chunked && head.protocol == Protocol::http10) return kBadEncoding;
  framing.kind = scan.chunked ? Framing::chunked : scan.has_length && scan.length > 0 ? Framing::length : Framing::none;
  framing.bytes = scan.length;
  framing.keep_alive = head.protocol == Protocol::http11 ? !scan.close : scan.keep_alive && !scan.close;
  framing.upgrade = scan.connection_upgrade && head.headers.has(Name::upgrade);
  framing.expect_continue = equals_ignore_case(head.headers.get(Name::expect), "100-continue");
  return {};
}

H1Error parse_response_head(char* text, std::size_t size, const Http1Options& o, std::string_view request_method,
                            ResponseHead& head, Framing& framing) {
  std::string_view line;
  char* rest;
  if (!first_line(text, size, line, rest)) return kBad;
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' '))
    return kBad;
  head.protocol = line[7] == '1' ? Protocol::http11 : Protocol::http10;
  unsigned status = 0;
  for (int i = 9; i < 12; ++i) {
    const unsigned d = static_cast<unsigned>(line[static_cast<std::size_t>(i)] - '0');
    if (d > 9) return kBad;
    status = status * 10 + d;
  }
  if (status < 100) return kBad;
  head.status = static_cast<std::uint16_t>(status);
  HeaderScan scan;
  if (H1Error e = parse_fields(rest, text + size, o, head.headers, scan)) return e;
  if (scan.bad_encoding || (scan.chunked && scan.has_length && !o.allow_chunked_length)) return kBad;
  if (scan.chunked && scan.has_length) head.headers.remove(Name::content_length);
  framing.keep_alive = head.protocol == Protocol::http11 ? !scan.close : scan.keep_alive && !scan.close;
  framing.upgrade = scan.connection_upgrade && head.headers.has(Name::upgrade);
  const bool connect_ok = request_method == "CONNECT" && status / 100 == 2;
  if (request_method == "HEAD" || connect_ok || status / 100 == 1 || status == 204 || status == 304) {
    framing.kind = Framing::none;
    if (status / 100 == 1 || status == 204) {
      if (scan.chunked) return kBad;
      head.headers.remove(Name::content_length);
    }
  } else if (scan.chunked) {
    framing.kind = Framing::chunked;
  } else if (scan.has_length) {
    framing.kind = scan.length > 0 ? Framing::length : Framing::none;
    framing.bytes = scan.length;
  } else {
    framing.kind = Framing::until_close;
    framing.keep_alive = false;
  }
  return {};
}

}  // namespace outrigger::http
