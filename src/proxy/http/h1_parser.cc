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
constexpr H1Error kBadScheme{400, "Bad Request", "http1.invalid_scheme"};
constexpr H1Error kBadAuthority{400, "Bad Request", "http.invalid_authority"};
constexpr H1Error kBadConnection{400, "Bad Request", "http1.connection_header_rejected"};
constexpr H1Error kLowVersion{426, "Upgrade Required", "low_version"};
constexpr H1Error kBodyDisallowed{400, "Bad Request", "http1.body_disallowed"};
constexpr H1Error kLengthAndChunked{400, "Bad Request", "http1.content_length_and_chunked_not_allowed"};
constexpr H1Error kBadEncoding{501, "Not Implemented", "http1.invalid_transfer_encoding"};
constexpr H1Error kUnderscore{400, "Bad Request", kUnderscoreDetail};
constexpr H1Error kManyHeaders{431, "Request Header Fields Too Large", "http1.too_many_headers"};

bool known_method(std::string_view m) noexcept {
  static constexpr std::string_view kMethods[] = {
      "GET",    "POST",   "PUT",       "HEAD",   "DELETE",   "OPTIONS",   "PATCH",      "CONNECT",    "TRACE",
      "ACL",    "BIND",   "CHECKOUT",  "COPY",   "LINK",     "LOCK",      "MERGE",      "MKACTIVITY", "MKCALENDAR",
      "MKCOL",  "MOVE",   "MSEARCH",   "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE",      "REBIND",     "REPORT",
      "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK",   "UNLOCK",    "UNSUBSCRIBE"};
  for (auto k : kMethods)
    if (k == m) return true;
  return false;
}

struct HeaderScan {
  std::uint64_t length = 0;
  bool has_length = false, has_encoding = false, chunked = false, bad_encoding = false;
  bool close = false, keep_alive = false, connection_upgrade = false;
  std::uint32_t dropped = 0;  // names with underscores
};

bool parse_length(std::string_view v, std::uint64_t& out) noexcept {
  out = 0;
  for (char c : v) {
    if (c < '0' || c > '9' || out > UINT64_MAX / 10) return false;
    const unsigned digit = static_cast<unsigned>(c - '0');
    if (out * 10 > UINT64_MAX - digit) return false;
    out = out * 10 + digit;
  }
  return !v.empty();
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

bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

/// A control character that is refused wherever it stands in a head.
bool is_control(char c) noexcept {
  const auto u = static_cast<unsigned char>(c);
  return u == 127 || (u < 32 && c != '\t' && c != '\r' && c != '\n');
}

/// A value that holds bare CRs or goes on in further lines (obs-fold): CRs and LFs go, the blanks that
/// start a continued line stay, as Envoy has it. `q` is left behind the last line.
std::string_view join_lines(char*& q, char* end, char* value) {
  char* out = value;
  for (q = value; q < end; ++q) {
    if (*q == '\n' && (q + 1 >= end || !is_blank(q[1]))) break;
    if (*q != '\r' && *q != '\n') *out++ = *q;
  }
  if (q < end) ++q;
  while (out > value && is_blank(out[-1])) --out;
  return {value, static_cast<std::size_t>(out - value)};
}

HeaderMap::NameCase* keep_names(HeaderMap& headers, const Http1Options& o) {
  if (o.header_case != HeaderCase::preserve && o.header_case != HeaderCase::preserve_else_proper) return nullptr;
  auto* names = headers.arena().make<HeaderMap::NameCase>();
  names->else_proper = o.header_case == HeaderCase::preserve_else_proper;
  headers.set_name_case(names);
  return names;
}

/// Before the name is made lower case; `last` is the end of the list so far.
void remember_name(const char* q, const char* end, Arena& arena, HeaderMap::NameCase::Received**& last) {
  const auto* colon = static_cast<const char*>(std::memchr(q, ':', static_cast<std::size_t>(end - q)));
  if (colon == nullptr) return;
  *last = arena.make<HeaderMap::NameCase::Received>(arena.copy({q, static_cast<std::size_t>(colon - q)}));
  last = &(*last)->next;
}

/// Parses fields from q up to the empty line. Lines end in CRLF or, as Envoy allows, bare LF.
/// `headers` null: their form is checked, no more. `scan` null: they are trailers.
H1Error parse_fields(char* q, char* end, const Http1Options& o, HeaderMap* headers, HeaderScan* scan) {
  auto* names = headers != nullptr && scan != nullptr ? keep_names(*headers, o) : nullptr;
  auto** last_name = names == nullptr ? nullptr : &names->received;
  for (;;) {
    if (q >= end) return kBad;
    if (*q == '\n' || (*q == '\r' && q + 1 < end && q[1] == '\n')) return {};
    char* name = q;
    if (last_name != nullptr) remember_name(q, end, headers->arena(), last_name);
    unsigned char c;
    bool underscore = false;
    while (q < end && (c = kChars.token[static_cast<unsigned char>(*q)]) != 0) {
      underscore |= c == '_';
      *q++ = static_cast<char>(c);
    }
    if (q < end && is_control(*q)) return kBadChars;
    if (q == name || q >= end || *q != ':') return kBad;
    const std::string_view key(name, static_cast<std::size_t>(q - name));
    ++q;
    while (q < end && is_blank(*q)) ++q;
    char* value = q;
    while (q < end && kChars.value[static_cast<unsigned char>(*q)]) ++q;
    char* value_end = q;
    while (value_end > value && is_blank(value_end[-1])) --value_end;
    std::string_view text(value, static_cast<std::size_t>(value_end - value));
    if (q + 1 < end && *q == '\r' && q[1] == '\n') ++q;
    if (q + 1 < end && (*q == '\r' || (*q == '\n' && is_blank(q[1])))) {
      text = join_lines(q, end, value);
      if (!is_field_value(text)) return kBadChars;
    } else if (q >= end || *q != '\n') {
      return kBadChars;
    } else {
      ++q;
    }
    if (headers == nullptr) continue;
    if (underscore && o.underscores != UnderscoreAction::allow) {
      if (o.underscores == UnderscoreAction::reject) return kUnderscore;
      if (scan != nullptr) ++scan->dropped;
      continue;
    }
    if (headers->size() >= o.headers_max) return kManyHeaders;
    const Name id = lookup(key);
    if (scan != nullptr)
      if (H1Error e = note_header(id, text, *scan)) return e;
    headers->append_entry(id, {id == Name::other ? key : text_of(id), text});
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

bool is_digits(std::string_view s) noexcept {
  for (char c : s)
    if (c < '0' || c > '9') return false;
  return !s.empty();
}

/// The target of CONNECT: host ":" port, and no more (RFC 9112, 3.2.3).
bool is_connect_target(std::string_view s) noexcept {
  const std::size_t colon = s.rfind(':');
  if (colon == 0 || colon == std::string_view::npos || s.find_first_of("/@?#") != std::string_view::npos) return false;
  const std::string_view port = s.substr(colon + 1);
  unsigned n = 0;
  if (port.size() > 5 || !is_digits(port)) return false;
  for (char c : port) n = n * 10 + static_cast<unsigned>(c - '0');
  return n <= 65535;
}

/// "http://user@host/path" gives the authority and the rest; the scheme word goes to `scheme`.
H1Error split_absolute(RequestHead& head, const Http1Options& o) {
  const std::string_view p = head.path;
  const std::size_t at = p.find("://");
  if (at == 0 || at == std::string_view::npos) return kBad;
  const std::string_view scheme = p.substr(0, at);
  if (!o.allow_absolute_url) return kBadUrl;
  if (!equals_ignore_case(scheme, "http") && !equals_ignore_case(scheme, "https")) return kBadScheme;
  const std::string_view rest = p.substr(at + 3);
  const std::size_t slash = rest.find_first_of("/?#");
  head.authority = rest.substr(0, slash);
  if (const std::size_t user = head.authority.rfind('@'); user != std::string_view::npos) head.authority.remove_prefix(user + 1);
  if (head.authority.empty()) return kBadUrl;
  head.path = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
  head.scheme = scheme.size() == 5 ? "https" : "http";
  head.headers.remove(Name::host);
  return {};
}

/// Moves Host to the authority; two Host lines give "a,b", as Envoy has it.
H1Error take_host(RequestHead& head) {
  if (head.authority.empty() && head.headers.has(Name::host)) {
    head.authority = head.headers.joined("host");
    head.headers.remove(Name::host);
  }
  return is_authority(head.authority) ? H1Error{} : kBadAuthority;
}

/// What the fields named in Connection may not be (RFC 9110, 7.6.1): an attacker would have headers
/// removed that this proxy or the next one trusts.
H1Error check_connection(std::string_view list) noexcept {
  constexpr int kNominatedMax = 9;
  for (int n = 0; !list.empty(); ++n) {
    if (n == kNominatedMax) return kBadConnection;
    const std::size_t comma = list.find(',');
    std::string_view word = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!word.empty() && is_blank(word.front())) word.remove_prefix(1);
    while (!word.empty() && is_blank(word.back())) word.remove_suffix(1);
    if (word.starts_with(':')) return kBadConnection;
    for (std::string_view name : {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"})
      if (equals_ignore_case(word, name)) return kBadConnection;
  }
  return {};
}

struct RequestLine {
  std::string_view method, target, version;  // no version: HTTP/0.9
};

/// Words set apart by any blanks, as Envoy accepts them; a target with a blank in it is none.
H1Error split_request_line(std::string_view line, bool custom_methods, RequestLine& out) noexcept {
  constexpr std::string_view kBlanks = " \t";
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  const std::size_t space = line.find_first_of(kBlanks);
  if (space == std::string_view::npos) return kBad;
  out.method = line.substr(0, space);
  if (custom_methods ? !is_token(out.method) : !known_method(out.method)) return kBad;
  for (char c : line)
    if (is_control(c)) return kBadChars;
  line.remove_prefix(line.find_first_not_of(kBlanks, space));
  const std::size_t last = line.find_last_of(kBlanks);
  if (last != std::string_view::npos) out.version = line.substr(last + 1);
  out.target = line.substr(0, line.find_last_not_of(kBlanks, last) + 1);
  if (last == std::string_view::npos) out.target = line;
  for (char c : out.target)
    if (is_blank(c) || c == '\r' || static_cast<unsigned char>(c) >= 128) return kBad;
  return {};
}

/// "HTTP/1.1" and, with accept_http_10, every other "HTTP/d.d", which counts as 1.0.
bool is_version(std::string_view v) noexcept {
  return v.size() == 8 && v.starts_with("HTTP/") && is_digits(v.substr(5, 1)) && v[6] == '.' && is_digits(v.substr(7));
}

H1Error parse_target(std::string_view target, const Http1Options& o, RequestHead& head) {
  head.path = target;
  if (head.is_connect()) {
    if (!is_connect_target(target)) return kBadUrl;
    head.authority = target;
    head.path = {};
    head.headers.remove(Name::host);
    return {};
  }
  if (target.front() == '/') return {};
  if (target == "*") return head.method == "OPTIONS" ? H1Error{} : kBadUrl;
  return split_absolute(head, o);
}

}  // namespace

bool is_token(std::string_view s) noexcept {
  for (unsigned char c : s)
    if (kChars.token[c] == 0) return false;
  return !s.empty();
}

bool is_field_value(std::string_view v) noexcept {
  for (unsigned char c : v)
    if (!kChars.value[c]) return false;
  return true;
}

bool can_be_value(std::string_view v) noexcept {
  using namespace std::string_view_literals;
  return v.find_first_of("\r\n\0"sv) == std::string_view::npos;
}

bool is_authority(std::string_view v) noexcept {
  static constexpr std::string_view kMarks = "-._~!$&'()*+,;=%:@[]";
  for (char c : v) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!word && kMarks.find(c) == std::string_view::npos) return false;
  }
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

std::size_t find_simple_request(std::string_view data, bool any_method) noexcept {
  const std::size_t nl = data.find('\n');
  if (nl == std::string_view::npos) return 0;
  std::string_view line = data.substr(0, nl);
  if (line.ends_with('\r')) line.remove_suffix(1);
  RequestLine words;
  return !split_request_line(line, any_method, words) && words.version.empty() ? nl + 1 : 0;
}

namespace {
/// Of a comma-separated list, what `drop` does not want; in the arena.
template <class Drop>
std::string_view without(std::string_view list, Arena& arena, Drop drop) {
  std::string_view out;
  while (!list.empty()) {
    const auto comma = list.find(',');
    auto word = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!word.empty() && is_blank(word.front())) word.remove_prefix(1);
    while (!word.empty() && is_blank(word.back())) word.remove_suffix(1);
    if (!word.empty() && !drop(word)) out = out.empty() ? word : arena.cat(out, ", ", word);
  }
  return out;
}

/// When none is left the request asks for no upgrade at all.
void drop_ignored_upgrades(HeaderMap& headers, const Http1Options& o) {
  const auto* e = headers.find(Name::upgrade);
  if (e == nullptr) return;
  const auto left = without(e->value, headers.arena(), o.ignored_upgrade);
  if (!left.empty()) return headers.set(Name::upgrade, left);
  headers.remove(Name::upgrade);
  const auto named = without(headers.get(Name::connection), headers.arena(),
                             [](std::string_view w) { return equals_ignore_case(w, "upgrade"); });
  if (named.empty())
    headers.remove(Name::connection);
  else
    headers.set(Name::connection, named);
}
}  // namespace

H1Error parse_request_head(char* text, std::size_t size, const Http1Options& o, RequestHead& head, Framing& framing) {
  std::string_view line;
  char* rest;
  RequestLine words;
  if (!first_line(text, size, line, rest)) return kBad;
  if (H1Error e = split_request_line(line, o.allow_custom_methods, words)) return e;
  head.method = words.method;
  const bool simple = words.version.empty();
  if (!simple && !is_version(words.version)) return kBad;
  HeaderScan scan;
  if (!simple || rest < text + size)
    if (H1Error e = parse_fields(rest, text + size, o, &head.headers, &scan)) return e;
  const bool old = words.version != "HTTP/1.1";
  if (old && o.accept_http_10) head.protocol = Protocol::http10;
  framing.dropped_underscores = scan.dropped;
  if (H1Error e = parse_target(words.target, o, head)) return e;
  if (old && !o.accept_http_10) return kLowVersion;
  if (H1Error e = take_host(head)) return e;
  if (const auto* c = head.headers.find(Name::connection))
    if (H1Error e = check_connection(c->value)) return e;
  if (scan.bad_encoding) return kBadEncoding;
  if (scan.chunked && scan.has_length) {
    if (!o.allow_chunked_length) return kLengthAndChunked;
    head.headers.remove(Name::content_length);
  }
  if (head.is_connect() && scan.length > 0) return kBodyDisallowed;
  if (head.is_connect() && scan.chunked) return kBadEncoding;
  framing.kind = scan.chunked ? Framing::chunked : scan.has_length && scan.length > 0 ? Framing::length : Framing::none;
  framing.bytes = scan.length;
  framing.keep_alive = head.protocol == Protocol::http11 ? !scan.close : scan.keep_alive && !scan.close;
  if (o.ignored_upgrade && scan.connection_upgrade) drop_ignored_upgrades(head.headers, o);
  framing.upgrade = scan.connection_upgrade && head.headers.has(Name::upgrade) &&
                    !equals_ignore_case(head.headers.get(Name::upgrade), "h2c");  // an offer that is not taken up
  framing.expect_continue = equals_ignore_case(head.headers.get(Name::expect), "100-continue");
  return {};
}

H1Error parse_response_head(char* text, std::size_t size, const Http1Options& o, std::string_view request_method,
                            ResponseHead& head, Framing& framing) {
  std::string_view line;
  char* rest;
  if (!first_line(text, size, line, rest)) return kBad;
  if (line.size() < 10 || !is_version(line.substr(0, 8)) || line[8] != ' ') return kBad;
  head.protocol = line.substr(0, 8) == "HTTP/1.1" ? Protocol::http11 : Protocol::http10;
  const std::string_view digits = line.substr(9, line.find(' ', 9) - 9);
  constexpr std::size_t kDigitsMax = 4;  // Envoy gives on what is no status, 99 or 1000
  if (digits.size() > kDigitsMax || !is_digits(digits)) return kBad;
  unsigned status = 0;
  for (char c : digits) status = status * 10 + static_cast<unsigned>(c - '0');
  head.status = static_cast<std::uint16_t>(status);
  if (o.forward_reason_phrase && line.size() > 10 + digits.size()) head.reason = line.substr(10 + digits.size());
  HeaderScan scan;
  if (H1Error e = parse_fields(rest, text + size, o, &head.headers, &scan)) return e;
  if (scan.bad_encoding || (scan.chunked && scan.has_length && !o.allow_chunked_length)) return kBad;
  if (scan.chunked && scan.has_length) head.headers.remove(Name::content_length);
  framing.keep_alive = head.protocol == Protocol::http11 ? !scan.close : scan.keep_alive && !scan.close;
  framing.upgrade = scan.connection_upgrade && head.headers.has(Name::upgrade);
  const bool connect_ok = request_method == "CONNECT" && status / 100 == 2;
  if (request_method == "HEAD" || connect_ok || status < 200 || status == 204 || status == 304) {
    framing.kind = Framing::none;
    if (status < 200 || status == 204) {
      if (scan.chunked || scan.length > 0) return kBad;
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

H1Error parse_trailers(char* text, std::size_t size, const Http1Options& o, HeaderMap* trailers) {
  return parse_fields(text, text + size, o, trailers, nullptr);
}

}  // namespace outrigger::http
