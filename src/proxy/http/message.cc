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

bool RequestHead::is_grpc() const noexcept {
  const auto type = headers.get(Name::content_type);
  constexpr std::string_view kGrpc = "application/grpc";
  return type.starts_with(kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+' || type[kGrpc.size()] == ';');
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
#define X(code, text) \
  case code: return text;
    X(100, "Continue")
    X(101, "Switching Protocols")
    X(102, "Processing") X(103, "Early Hints") X(200, "OK") X(201, "Created") X(202, "Accepted") X(
        203, "Non-Authoritative Information") X(204, "No Content") X(205, "Reset Content") X(206, "Partial Content")
        X(207, "Multi-Status") X(208, "Already Reported") X(226, "IM Used") X(300, "Multiple Choices") X(301, "Moved Permanently")
            X(302, "Found") X(303, "See Other") X(304, "Not Modified") X(305, "Use Proxy") X(307, "Temporary Redirect")
                X(308, "Permanent Redirect") X(400, "Bad Request") X(401, "Unauthorized") X(402, "Payment Required")
                    X(403, "Forbidden") X(404, "Not Found") X(405, "Method Not Allowed") X(406, "Not Acceptable")
                        X(407, "Proxy Authentication Required") X(408, "Request Timeout") X(409, "Conflict") X(410, "Gone")
                            X(411, "Length Required") X(412, "Precondition Failed") X(413, "Payload Too Large")
                                X(414, "URI Too Long") X(415, "Unsupported Media Type") X(416, "Range Not Satisfiable")
                                    X(417, "Expectation Failed") X(421, "Misdirected Request") X(422, "Unprocessable Entity")
                                        X(423, "Locked") X(424, "Failed Dependency") X(425, "Too Early")
                                            X(426, "Upgrade Required") X(428, "Precondition Required") X(429, "Too Many Requests")
                                                X(431, "Request Header Fields Too Large") X(500, "Internal Server Error")
                                                    X(501, "Not Implemented") X(502, "Bad Gateway") X(503, "Service Unavailable")
                                                        X(504, "Gateway Timeout") X(505, "HTTP Version Not Supported")
                                                            X(506, "Variant Also Negotiates") X(507, "Insufficient Storage")
                                                                X(508, "Loop Detected") X(510, "Not Extended")
                                                                    X(511, "Network Authentication Required")
#undef X
                                                                        default : return "Unknown";
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
