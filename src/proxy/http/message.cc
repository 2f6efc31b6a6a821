#include "proxy/http/message.h"

namespace outrigger::http {

std::string_view text_of(Protocol p) noexcept {
  switch (p) {
    case Protocol::http10: return "HTTP/1.0";
    case Protocol::http11: return "HTTP/1.1";
    case Protocol::http2: return "HTTP/2";
    case Protocol::http3: return "HTTP/3";
  }
  return "";
}

const std::string_view* RequestHead::find(std::string_view lower) const noexcept {
  const auto present = [](const std::string_view& s) { return s.data() == nullptr ? nullptr : &s; };
  if (!lower.empty() && lower[0] == ':') {
    if (lower == ":path") return present(path);
    if (lower == ":authority") return present(authority);
    if (lower == ":method") return present(method);
    if (lower == ":scheme") return present(scheme);
    if (lower == ":protocol") return present(protocol_upgrade);
    return nullptr;
  }
  if (lower == "host") return present(authority);
  const auto* e = headers.find(lower);
  return e == nullptr ? nullptr : &e->value;
}

bool is_grpc_type(std::string_view type) noexcept {
  constexpr std::string_view kGrpc = "application/grpc";
  return type.starts_with(kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

std::string_view text_of(ResetReason r) noexcept {
  switch (r) {
    case ResetReason::none: return "";
    case ResetReason::local_reset: return "local reset";
    case ResetReason::local_refused_stream: return "local refused stream reset";
    case ResetReason::remote_reset: return "remote reset";
    case ResetReason::remote_refused_stream: return "remote refused stream reset";
    case ResetReason::local_connection_failure: return "local connection failure";
    case ResetReason::remote_connection_failure: return "remote connection failure";
    case ResetReason::connection_timeout: return "connection timeout";
    case ResetReason::connection_termination: return "connection termination";
    case ResetReason::overflow: return "overflow";
    case ResetReason::connect_error: return "remote error with CONNECT request";
    case ResetReason::protocol_error: return "protocol error";
    case ResetReason::overload_manager: return "overload manager reset";
    case ResetReason::http1_half_close: return "http1 premature upstream half close";
  }
  return "";
}

std::string_view reason_phrase(std::uint16_t status) noexcept {
  switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 207: return "Multi-Status";
    case 208: return "Already Reported";
    case 226: return "IM Used";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 305: return "Use Proxy";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Payload Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Entity";
    case 423: return "Locked";
    case 424: return "Failed Dependency";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 506: return "Variant Also Negotiates";
    case 507: return "Insufficient Storage";
    case 508: return "Loop Detected";
    case 510: return "Not Extended";
    case 511: return "Network Authentication Required";
    case 599: return "Last Unassigned Server Error Code";
    default: return "Unknown";
  }
}

std::uint32_t grpc_status_of(std::uint16_t status) noexcept {
  switch (status) {
    case 400: return 13;
    case 401: return 16;
    case 403: return 7;
    case 404: return 12;
    case 429:
    case 502:
    case 503:
    case 504: return 14;
    default: return 2;
  }
}

}  // namespace outrigger::http
