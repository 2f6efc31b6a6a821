#include "proxy/listener/client_hello.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "proxy/listener/bytes.h"

namespace outrigger::listener {

namespace {

constexpr std::size_t kRecordHeader = 5, kMessageHeader = 4, kMessageMax = 16384;
constexpr std::size_t kEncryptedMax = 16384 + 256 + 64;
constexpr unsigned kEmptyRecordsMax = 32, kWarningsMax = 4;
constexpr std::uint8_t kAlert = 21, kHandshake = 22, kClientHello = 1;

HelloResult failed(HelloError e, std::size_t bytes) { return {HelloResult::failed, e, bytes}; }

/// Every extension is whole, none comes twice.
bool extensions_are_sound(std::string_view block) {
  std::vector<std::uint16_t> types;
  for (Reader r(block); !r.empty();) {
    const auto type = r.u16();
    r.vector16();
    if (r.bad()) return false;
    types.push_back(static_cast<std::uint16_t>(type));
  }
  std::sort(types.begin(), types.end());
  return std::adjacent_find(types.begin(), types.end()) == types.end();
}

bool parse_body(std::string_view body, ClientHello& out) {
  Reader r(body);
  out.version = static_cast<std::uint16_t>(r.u16());
  r.take(32);
  const auto session = r.vector8();
  out.ciphers = r.vector16();
  const auto compression = r.vector8();
  if (r.bad() || session.size() > 32 || out.ciphers.size() < 2 || out.ciphers.size() % 2 != 0 || compression.empty())
    return false;
  if (r.empty()) return true;
  out.extensions = r.vector16();
  return !r.bad() && r.empty() && extensions_are_sound(out.extensions);
}

/// False: the extension is malformed.
bool parse_server_name(ClientHello& out) {
  const auto e = out.extension(0);
  if (!e) return true;
  Reader r(*e);
  Reader list(r.vector16());
  const auto kind = list.u8();
  const auto name = list.vector16();
  if (r.bad() || !r.empty() || list.bad() || !list.empty()) return false;
  if (kind != 0 || name.empty() || name.size() > 255 || name.find('\0') != std::string_view::npos) return false;
  out.server_name = name;
  return true;
}

/// A complete handshake message, or its beginning.
HelloResult parse_message(std::string_view message, std::size_t bytes, ClientHello& out) {
  if (message.size() < kMessageHeader) return {};
  Reader r(message);
  const auto type = r.u8();
  const auto size = r.u24();
  if (size > kMessageMax) return failed(HelloError::excessive_message_size, bytes);
  if (message.size() - kMessageHeader < size) return {};
  if (type != kClientHello) return failed(HelloError::unexpected_message, bytes);
  if (!parse_body(message.substr(kMessageHeader, size), out)) return failed(HelloError::parse_failed, bytes);
  if (!parse_server_name(out)) return failed(HelloError::error_parsing_extension, bytes);
  return {HelloResult::complete, HelloError::none, bytes};
}

/// An SSLv2 hello is read as the hello of today that it stands for: some of its ciphers, no extensions.
HelloResult parse_v2(std::string_view bytes, ClientHello& out, std::string& assembled) {
  const std::size_t size = (static_cast<std::size_t>(bytes[0] & 0x7f) << 8) | static_cast<std::uint8_t>(bytes[1]);
  if (size > 4096) return failed(HelloError::record_too_large, kRecordHeader);
  if (size < kRecordHeader - 2) return failed(HelloError::record_length_mismatch, kRecordHeader);
  if (bytes.size() < 2 + size) return {};
  const std::size_t end = 2 + size;
  Reader r(bytes.substr(2, size));
  r.u8();
  out.version = static_cast<std::uint16_t>(r.u16());
  const auto ciphers = r.u16(), session = r.u16(), challenge = r.u16();
  Reader list(r.take(ciphers));
  r.take(session);
  r.take(challenge);
  if (r.bad() || !r.empty()) return failed(HelloError::decode_error, end);
  while (!list.empty()) {
    const auto first = list.u8();
    const auto cipher = list.take(2);
    if (list.bad()) return failed(HelloError::decode_error, end);
    if (first == 0) assembled += cipher;
  }
  out.ciphers = assembled;
  return assembled.empty() ? failed(HelloError::parse_failed, end) : HelloResult{HelloResult::complete, HelloError::none, end};
}

/// `complete`: a warning, to be passed over.
HelloResult judge_alert(std::string_view body, unsigned& warnings, std::size_t bytes) {
  if (body.size() != 2) return failed(HelloError::bad_alert, bytes);
  const auto level = static_cast<std::uint8_t>(body[0]), number = static_cast<std::uint8_t>(body[1]);
  if (level == 2) return failed(static_cast<HelloError>(static_cast<unsigned>(HelloError::alert) + number), bytes);
  if (level != 1) return failed(HelloError::unknown_alert_type, bytes);
  if (number == 0) return {HelloResult::closed, HelloError::none, bytes};
  if (++warnings > kWarningsMax) return failed(HelloError::too_many_warning_alerts, bytes);
  return {HelloResult::complete, HelloError::none, bytes};
}

HelloError not_tls_at_all(std::string_view start) {
  for (const std::string_view method : {"GET ", "POST ", "HEAD ", "PUT "})
    if (start.starts_with(method.substr(0, 4)) && (method.size() == 4 || start[4] == method[4])) return HelloError::http_request;
  return start.starts_with("CONNE") ? HelloError::https_proxy_request : HelloError::none;
}

}  // namespace

std::optional<std::string_view> ClientHello::extension(std::uint16_t type) const noexcept {
  for (Reader r(extensions); !r.empty();) {
    const auto t = r.u16();
    const auto content = r.vector16();
    if (r.bad()) break;
    if (t == type) return content;
  }
  return {};
}

HelloResult parse_client_hello(std::string_view bytes, ClientHello& out, std::string& assembled) {
  assembled.clear();
  if (bytes.size() < kRecordHeader) return {};
  if (const auto e = not_tls_at_all(bytes); e != HelloError::none) return failed(e, kRecordHeader);
  if ((bytes[0] & 0x80) != 0 && bytes[2] == 1 && bytes[3] == 3) return parse_v2(bytes, out, assembled);
  unsigned empty_records = 0, warnings = 0;
  std::string_view message;
  for (std::size_t at = 0; bytes.size() - at >= kRecordHeader;) {
    Reader r(bytes.substr(at));
    const auto type = r.u8();
    if (r.u16() >> 8 != 3) return failed(HelloError::wrong_version_number, at + kRecordHeader);
    const auto size = r.u16();
    if (size > kEncryptedMax) return failed(HelloError::encrypted_length_too_long, at + kRecordHeader);
    const auto body = r.take(size);
    if (r.bad()) return {};
    at += kRecordHeader + size;
    empty_records = size == 0 ? empty_records + 1 : 0;
    if (empty_records > kEmptyRecordsMax) return failed(HelloError::too_many_empty_fragments, at);
    if (type == kAlert) {
      if (const auto a = judge_alert(body, warnings, at); a.status != HelloResult::complete) return a;
      continue;
    }
    if (type != kHandshake) return failed(HelloError::unexpected_record, at);
    if (message.empty() && assembled.empty()) {
      message = body;
    } else {
      if (assembled.empty()) assembled = message;
      assembled += body;
      message = assembled;
    }
    if (const auto m = parse_message(message, at, out); m.status != HelloResult::more) return m;
  }
  return {};
}

std::vector<std::string> application_protocols(const ClientHello& h) {
  const auto e = h.extension(16);
  if (!e) return {};
  Reader r(*e);
  Reader list(r.vector16());
  if (r.bad() || !r.empty()) return {};
  std::vector<std::string> names;
  while (!list.empty()) {
    const auto name = list.vector8();
    if (list.bad() || name.empty()) return {};
    names.emplace_back(name);
  }
  return names;
}

namespace {
struct Reason {
  std::uint16_t code;
  std::string_view text;
};
constexpr Reason kReasons[] = {
    {0x66, "BAD_ALERT"},
    {0x83, "CLIENTHELLO_PARSE_FAILED"},
    {0x85, "CONNECTION_REJECTED"},
    {0x89, "DECODE_ERROR"},
    {0x92, "ENCRYPTED_LENGTH_TOO_LONG"},
    {0x95, "ERROR_PARSING_EXTENSION"},
    {0x96, "EXCESSIVE_MESSAGE_SIZE"},
    {0x9b, "HTTPS_PROXY_REQUEST"},
    {0x9c, "HTTP_REQUEST"},
    {0xd1, "RECORD_LENGTH_MISMATCH"},
    {0xd2, "RECORD_TOO_LARGE"},
    {0xdb, "TOO_MANY_EMPTY_FRAGMENTS"},
    {0xdc, "TOO_MANY_WARNING_ALERTS"},
    {0xdf, "UNEXPECTED_MESSAGE"},
    {0xe1, "UNEXPECTED_RECORD"},
    {0xe3, "UNKNOWN_ALERT_TYPE"},
    {0xf7, "WRONG_VERSION_NUMBER"},
    {1000, "SSLV3_ALERT_CLOSE_NOTIFY"},
    {1010, "SSLV3_ALERT_UNEXPECTED_MESSAGE"},
    {1020, "SSLV3_ALERT_BAD_RECORD_MAC"},
    {1021, "TLSV1_ALERT_DECRYPTION_FAILED"},
    {1022, "TLSV1_ALERT_RECORD_OVERFLOW"},
    {1030, "SSLV3_ALERT_DECOMPRESSION_FAILURE"},
    {1040, "SSLV3_ALERT_HANDSHAKE_FAILURE"},
    {1041, "SSLV3_ALERT_NO_CERTIFICATE"},
    {1042, "SSLV3_ALERT_BAD_CERTIFICATE"},
    {1043, "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"},
    {1044, "SSLV3_ALERT_CERTIFICATE_REVOKED"},
    {1045, "SSLV3_ALERT_CERTIFICATE_EXPIRED"},
    {1046, "SSLV3_ALERT_CERTIFICATE_UNKNOWN"},
    {1047, "SSLV3_ALERT_ILLEGAL_PARAMETER"},
    {1048, "TLSV1_ALERT_UNKNOWN_CA"},
    {1049, "TLSV1_ALERT_ACCESS_DENIED"},
    {1050, "TLSV1_ALERT_DECODE_ERROR"},
    {1051, "TLSV1_ALERT_DECRYPT_ERROR"},
    {1060, "TLSV1_ALERT_EXPORT_RESTRICTION"},
    {1070, "TLSV1_ALERT_PROTOCOL_VERSION"},
    {1071, "TLSV1_ALERT_INSUFFICIENT_SECURITY"},
    {1080, "TLSV1_ALERT_INTERNAL_ERROR"},
    {1086, "TLSV1_ALERT_INAPPROPRIATE_FALLBACK"},
    {1090, "TLSV1_ALERT_USER_CANCELLED"},
    {1100, "TLSV1_ALERT_NO_RENEGOTIATION"},
    {1109, "TLSV1_ALERT_MISSING_EXTENSION"},
    {1110, "TLSV1_ALERT_UNSUPPORTED_EXTENSION"},
    {1111, "TLSV1_ALERT_CERTIFICATE_UNOBTAINABLE"},
    {1112, "TLSV1_ALERT_UNRECOGNIZED_NAME"},
    {1113, "TLSV1_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE"},
    {1114, "TLSV1_ALERT_BAD_CERTIFICATE_HASH_VALUE"},
    {1115, "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY"},
    {1116, "TLSV1_ALERT_CERTIFICATE_REQUIRED"},
    {1120, "TLSV1_ALERT_NO_APPLICATION_PROTOCOL"},
    {1121, "TLSV1_ALERT_ECH_REQUIRED"},
};
}  // namespace

std::string failure_text(HelloError e) {
  const auto code = static_cast<unsigned>(e);
  const auto* known = std::find_if(std::begin(kReasons), std::end(kReasons), [&](const Reason& r) { return r.code == code; });
  char number[16];
  std::snprintf(number, sizeof number, "%08x", 0x10000000U | code);
  std::string out = std::string("TLS_error|error:") + number + ":SSL_routines:OPENSSL_internal:";
  if (known != std::end(kReasons))
    out += known->text;
  else
    out += "reason(" + std::to_string(code) + ")";
  return out + ":TLS_error_end";
}

}  // namespace outrigger::listener
