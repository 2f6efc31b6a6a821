// TLS ClientHellos as far as a listener filter reads them: through records in any fragmentation, with the
// verdicts (and error codes) of BoringSSL, which Envoy asks. Pure; hostile input.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::listener {

/// Views into what was parsed.
struct ClientHello {
  std::uint16_t version = 0;  // the one of the message, not of an extension
  std::string_view ciphers;   // two bytes each
  std::string_view extensions;
  std::string_view server_name;  // as sent; empty: none
  /// The content of the first extension of that type.
  std::optional<std::string_view> extension(std::uint16_t type) const noexcept;
};

/// Codes of the library SSL of BoringSSL.
enum class HelloError : std::uint16_t {
  none = 0,
  bad_alert = 0x66,
  parse_failed = 0x83,
  connection_rejected = 0x85,
  decode_error = 0x89,
  encrypted_length_too_long = 0x92,
  error_parsing_extension = 0x95,
  excessive_message_size = 0x96,
  https_proxy_request = 0x9b,
  http_request = 0x9c,
  record_length_mismatch = 0xd1,
  record_too_large = 0xd2,
  too_many_empty_fragments = 0xdb,
  too_many_warning_alerts = 0xdc,
  unexpected_message = 0xdf,
  unexpected_record = 0xe1,
  unknown_alert_type = 0xe3,
  wrong_version_number = 0xf7,
  alert = 1000,  // and the number of the alert
};
/// "TLS_error|error:100000f7:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end"
std::string failure_text(HelloError e);

struct HelloResult {
  enum Status : std::uint8_t { more, complete, failed, closed } status = more;  // closed: the client takes its leave
  HelloError error = HelloError::none;
  std::size_t bytes = 0;  // read until this was known
};

/// `assembled` holds the message when it comes in several records (or as an SSLv2 hello).
HelloResult parse_client_hello(std::string_view bytes, ClientHello& out, std::string& assembled);

/// The names of the ALPN extension; empty when there is none or it is malformed.
std::vector<std::string> application_protocols(const ClientHello& h);

/// MD5 in hex of version, ciphers, extensions, groups and point formats.
std::string ja3_fingerprint(const ClientHello& h);
std::string ja4_fingerprint(const ClientHello& h);

}  // namespace outrigger::listener
