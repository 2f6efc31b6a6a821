// Operators of the request and the response: headers, paths, queries, gRPC status, names.
#include <charconv>
#include <random>

#include "proxy/base/percent.h"
#include "proxy/base/random.h"
#include "proxy/format/operators.h"

namespace outrigger::format {

namespace {

std::string lower(std::string_view s) {
  std::string r(s);
  for (char& c : r)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return r;
}
std::string_view trim(std::string_view s) {
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
  return s;
}
Operator text_operator(Operator::Append append) { return {std::move(append), false}; }

// ---- headers

using GetHeader = const std::string_view* (*)(const Context&, const std::string&);

const std::string_view* find_value(const http::HeaderMap* h, std::string_view name) {
  const auto* e = h == nullptr ? nullptr : h->find(name);
  return e == nullptr ? nullptr : &e->value;
}

/// NAME, or NAME?OTHER: a header, else another.
Result<Operator> header_operator(const Arguments& a, GetHeader get, bool cut_query = false) {
  const auto q = a.text.find('?');
  std::string main = lower(trim(a.text.substr(0, q))), other;
  if (q != std::string_view::npos) {
    other = lower(trim(a.text.substr(q + 1)));
    if (other.find('?') != std::string::npos)
      return invalid("More than 1 alternative header specified in token: " + std::string(a.text));
  }
  return text_operator([main, other, length = a.length, get, cut_query](const Context& c, std::string& out) {
    const std::string_view* v = main.empty() ? nullptr : get(c, main);
    if (v == nullptr && !other.empty()) v = get(c, other);
    if (v == nullptr) return false;
    out += Arguments{{}, length}.cut(cut_query ? v->substr(0, v->find('?')) : *v);
    return true;
  });
}

const std::string_view* request_header(const Context& c, const std::string& name) {
  return c.request == nullptr ? nullptr : c.request->find(name);
}
/// :status is not in the map.
std::optional<Result<Operator>> make_header(std::string_view name, const Arguments& a) {
  if (name == "REQ" || name == "REQUEST_HEADER") return header_operator(a, request_header);
  if (name == "RESP" || name == "RESPONSE_HEADER") {
    if (a.text == ":STATUS" || a.text == ":status")
      return text_operator([length = a.length](const Context& c, std::string& out) {
        if (c.response == nullptr) return false;
        std::string text;
        append_number(c.response->status, text);
        out += Arguments{{}, length}.cut(text);
        return true;
      });
    return header_operator(a, [](const Context& c, const std::string& n) {
      return c.response == nullptr ? nullptr : find_value(&c.response->headers, n);
    });
  }
  if (name == "TRAILER" || name == "RESPONSE_TRAILER")
    return header_operator(a, [](const Context& c, const std::string& n) { return find_value(c.response_trailers, n); });
  return std::nullopt;
}

std::uint64_t request_bytes(const http::RequestHead& r) {
  std::uint64_t n = r.headers.byte_size();
  const auto pseudo = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) n += name.size() + value.size();
  };
  pseudo(":method", r.method);
  pseudo(":path", r.path);
  pseudo(":authority", r.authority);
  pseudo(":scheme", r.scheme);
  return n;
}

std::optional<Result<Operator>> make_size(std::string_view name) {
  if (name == "REQUEST_HEADERS_BYTES")
    return Operator{[](const Context& c, std::string& out) {
                      append_number(c.request == nullptr ? 0 : request_bytes(*c.request), out);
                      return true;
                    },
                    true};
  if (name == "RESPONSE_HEADERS_BYTES")
    return Operator{[](const Context& c, std::string& out) {
                      constexpr std::size_t kStatus = std::string_view(":status200").size();
                      append_number(
                          c.response == nullptr ? 0 : c.response->headers.byte_size() + kStatus + c.info->connection_header_bytes,
                          out);
                      return true;
                    },
                    true};
  if (name == "RESPONSE_TRAILERS_BYTES")
    return Operator{[](const Context& c, std::string& out) {
                      append_number(c.response_trailers == nullptr ? 0 : c.response_trailers->byte_size(), out);
                      return true;
                    },
                    true};
  return std::nullopt;
}

// ---- paths and queries

/// ORIG: before rewrites; PATH: as it is now; else the first that is there.
const std::string_view* path_of(const Context& c, char which) {
  if (c.request == nullptr) return nullptr;
  const auto* original = which == 'P' ? nullptr : find_value(&c.request->headers, "x-envoy-original-path");
  if (original != nullptr || which == 'O') return original;
  return c.request->path.empty() ? nullptr : &c.request->path;
}

/// PATH([WQ|NQ][:ORIG|PATH|ORIG_OR_PATH]).
Result<Operator> path_operator(const Arguments& a) {
  const auto colon = a.text.find(':');
  const auto query = a.text.substr(0, colon);
  const auto which = colon == std::string_view::npos ? std::string_view{} : a.text.substr(colon + 1);
  if (!query.empty() && query != "WQ" && query != "NQ")
    return invalid("Invalid PATH option: '" + std::string(query) + "', only 'WQ'/'NQ' are allowed");
  if (!which.empty() && which != "ORIG" && which != "PATH" && which != "ORIG_OR_PATH")
    return invalid("Invalid PATH option: '" + std::string(which) + "', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed");
  const char from = which == "ORIG" ? 'O' : which == "PATH" ? 'P' : 'E';
  return text_operator([from, cut_query = query == "NQ", length = a.length](const Context& c, std::string& out) {
    const auto* p = path_of(c, from);
    if (p == nullptr) return false;
    out += Arguments{{}, length}.cut(cut_query ? p->substr(0, p->find('?')) : *p);
    return true;
  });
}

/// As percent_decode(), but only what needs no encoding; the '%' of a bad pair is dropped.
std::string decode_visible(std::string_view s) {
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%' || i + 2 >= s.size()) {
      out += s[i];
      continue;
    }
    const int high = hex_digit(s[i + 1]), low = hex_digit(s[i + 2]), value = high * 16 + low;
    if (high < 0 || low < 0) continue;
    if (value <= 0x20 || value >= 0x7f) {
      out += '%';
    } else {
      out += static_cast<char>(value);
      i += 2;
    }
  }
  return out;
}

/// The query of the path as the client sent it; null: there is none.
const std::string_view* query_of(const Context& c, std::string_view& query) {
  const auto* p = path_of(c, 'E');
  const auto q = p == nullptr ? std::string_view::npos : p->find('?');
  if (q == std::string_view::npos) return nullptr;
  query = p->substr(q + 1);
  return &query;
}

Result<Operator> query_operator(const Arguments& a) {
  if (!a.text.empty() && a.text != "ORIG" && a.text != "DECODED")
    return invalid("Invalid QUERY_PARAMS option: '" + std::string(a.text) + "', only 'ORIG'/'DECODED' are allowed");
  return text_operator([plain = a.text == "DECODED", length = a.length](const Context& c, std::string& out) {
    std::string_view query;
    if (query_of(c, query) == nullptr) return false;
    out += Arguments{{}, length}.cut(plain ? std::string_view(decode_visible(query)) : query);
    return true;
  });
}

Result<Operator> query_value_operator(const Arguments& a) {
  return text_operator([key = std::string(a.text), length = a.length](const Context& c, std::string& out) {
    std::string_view rest;
    if (query_of(c, rest) == nullptr) return false;
    for (;;) {
      const auto pair = rest.substr(0, rest.find('&'));
      const auto eq = pair.find('=');
      if (percent_decode(pair.substr(0, eq)) == key) {
        out += Arguments{{}, length}.cut(percent_decode(eq == std::string_view::npos ? std::string_view{} : pair.substr(eq + 1)));
        return true;
      }
      if (pair.size() == rest.size()) return false;
      rest.remove_prefix(pair.size() + 1);
    }
  });
}

// ---- names

bool is_host_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}
bool is_host_name(std::string_view s) noexcept { return std::all_of(s.begin(), s.end(), is_host_char); }
/// A name that no host has, in Envoy's writing.
std::string as_invalid(std::string_view name) {
  std::string out = "invalid:";
  for (const char c : name) out += is_host_char(c) ? c : '_';
  return out;
}

/// REQUESTED_SERVER_NAME([SNI_ONLY|SNI_FIRST|HOST_FIRST][:ORIG|HOST|ORIG_OR_HOST]).
Result<Operator> server_name_operator(const Arguments& a) {
  const auto colon = a.text.find(':');
  const auto how = a.text.substr(0, colon);
  const auto which = colon == std::string_view::npos ? std::string_view{} : a.text.substr(colon + 1);
  if (!how.empty() && how != "SNI_ONLY" && how != "SNI_FIRST" && how != "HOST_FIRST")
    return invalid("Invalid REQUESTED_SERVER_NAME option: '" + std::string(how) +
                   "', only 'SNI_ONLY'/'SNI_FIRST'/'HOST_FIRST' are allowed");
  if (!which.empty() && which != "ORIG" && which != "HOST" && which != "ORIG_OR_HOST")
    return invalid("Invalid REQUESTED_SERVER_NAME option: '" + std::string(which) +
                   "', only 'ORIG_OR_HOST'/'HOST'/'ORIG' are allowed");
  enum Order : std::uint8_t { sni_only, sni_first, host_first };
  const Order order = how == "SNI_FIRST" ? sni_first : how == "HOST_FIRST" ? host_first : sni_only;
  return text_operator([order, use_original = which != "HOST", use_host = which != "ORIG"](const Context& c, std::string& out) {
    std::string_view host;
    if (order != sni_only && c.request != nullptr) {
      const auto* original = use_original ? find_value(&c.request->headers, "x-envoy-original-host") : nullptr;
      if (original != nullptr)
        host = *original;
      else if (use_host)
        host = c.request->authority;
    }
    thread_local std::string odd;
    std::string_view sni = c.info->connection->requested_server_name;
    if (!is_host_name(sni)) sni = odd = as_invalid(sni);
    const bool first_is_host = order == host_first;
    const std::string_view first = first_is_host ? host : sni, second = first_is_host ? sni : host;
    out += first.empty() ? second : first;
    return !first.empty() || !second.empty();
  });
}

Operator unique_id() {
  return text_operator([](const Context&, std::string& out) {
    thread_local Random random{static_cast<std::uint64_t>(std::random_device{}()) << 32 | std::random_device{}()};
    const auto id = make_uuid(random);
    out.append(id.data(), id.size());
    return true;
  });
}

// ---- gRPC

constexpr std::string_view kGrpcNames[] = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
constexpr std::string_view kGrpcSnake[] = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::uint64_t kInvalidStatus = UINT64_MAX;  // printed as -1

/// From the trailers, the headers, or what the HTTP status means to gRPC; none for other requests.
std::optional<std::uint64_t> grpc_status_of(const Context& c) {
  if (c.request == nullptr || !c.request->is_grpc()) return {};
  std::string_view v = c.response_trailers == nullptr ? "" : c.response_trailers->get(http::Name::grpc_status);
  if (v.empty() && c.response != nullptr) v = c.response->headers.get(http::Name::grpc_status);
  if (v.empty()) return http::grpc_status_of(c.info->response_code);
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(v.data(), v.data() + v.size(), n);
  return ec == std::errc{} && end == v.data() + v.size() ? n : kInvalidStatus;
}

Result<Operator> grpc_operator(std::string_view name, std::string_view form) {
  if (!form.empty() && form != "CAMEL_STRING" && form != "SNAKE_STRING" && form != "NUMBER")
    return invalid("GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: " + std::string(form));
  const bool number = name == "GRPC_STATUS_NUMBER" || form == "NUMBER";
  return Operator{[snake = form == "SNAKE_STRING", number](const Context& c, std::string& out) {
                    const auto n = grpc_status_of(c);
                    if (!n) return false;
                    if (*n == kInvalidStatus)
                      out += "-1";
                    else if (number || *n >= std::size(kGrpcNames))
                      append_number(*n, out);
                    else
                      out += snake ? kGrpcSnake[*n] : kGrpcNames[*n];
                    return true;
                  },
                  number};
}

}  // namespace

std::optional<Result<Operator>> make_http_operator(std::string_view name, const Arguments& a) {
  if (auto o = make_header(name, a)) return o;
  if (auto o = make_size(name)) return o;
  if (name == "REQ_WITHOUT_QUERY") return header_operator(a, request_header, true);
  if (name == "PATH") return path_operator(a);
  if (name == "QUERY_PARAMS") return query_operator(a);
  if (name == "QUERY_PARAM") return query_value_operator(a);
  if (name == "REQUESTED_SERVER_NAME") return server_name_operator(a);
  if (name == "GRPC_STATUS" || name == "GRPC_STATUS_NUMBER") return grpc_operator(name, a.text);
  if (name == "UNIQUE_ID") return unique_id();
  if (name == "STREAM_ID")
    return header_operator(
        {"x-request-id"}, [](const Context& c, const std::string& n) { return c.info->is_try ? nullptr : request_header(c, n); });
  if (name == "RESPONSE_CODE_DETAILS")
    return text_operator([](const Context& c, std::string& out) {
      out += c.info->details;
      return c.info->details.data() != nullptr;
    });
  return std::nullopt;
}

}  // namespace outrigger::format
