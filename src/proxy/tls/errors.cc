#include "proxy/tls/errors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <algorithm>
#include <cerrno>
#include <iterator>

namespace outrigger::tls {

namespace {

struct Reason {
  int ours;  // OpenSSL's
  int code;  // BoringSSL's
  std::string_view name;
};
constexpr Reason kReasons[] = {
    {SSL_R_APP_DATA_IN_HANDSHAKE, 100, "APP_DATA_IN_HANDSHAKE"},
    {SSL_R_BAD_CHANGE_CIPHER_SPEC, 103, "BAD_CHANGE_CIPHER_SPEC"},
    {SSL_R_BAD_ECPOINT, 108, "BAD_ECPOINT"},
    {SSL_R_BAD_SIGNATURE, 114, "BAD_SIGNATURE"},
    {SSL_R_CCS_RECEIVED_EARLY, 124, "CCS_RECEIVED_EARLY"},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, 125, "CERTIFICATE_VERIFY_FAILED"},
    {SSL_R_CERT_CB_ERROR, 126, "CERT_CB_ERROR"},
    {SSL_R_CERT_LENGTH_MISMATCH, 127, "CERT_LENGTH_MISMATCH"},
    {SSL_R_CLIENTHELLO_TLSEXT, 132, "CLIENTHELLO_TLSEXT"},
    {SSL_R_CALLBACK_FAILED, 133, "CONNECTION_REJECTED"},
    {SSL_R_LENGTH_MISMATCH, 137, "DECODE_ERROR"},
    {SSL_R_DECRYPTION_FAILED, 138, "DECRYPTION_FAILED"},
    {SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, 139, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC"},
    {SSL_R_DIGEST_CHECK_FAILED, 142, "DIGEST_CHECK_FAILED"},
    {SSL_R_ENCRYPTED_LENGTH_TOO_LONG, 146, "ENCRYPTED_LENGTH_TOO_LONG"},
    {SSL_R_PACKET_LENGTH_TOO_LONG, 146, "ENCRYPTED_LENGTH_TOO_LONG"},
    {SSL_R_BAD_EXTENSION, 149, "ERROR_PARSING_EXTENSION"},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, 150, "EXCESSIVE_MESSAGE_SIZE"},
    {SSL_R_HTTPS_PROXY_REQUEST, 155, "HTTPS_PROXY_REQUEST"},
    {SSL_R_HTTP_REQUEST, 156, "HTTP_REQUEST"},
    {SSL_R_INAPPROPRIATE_FALLBACK, 157, "INAPPROPRIATE_FALLBACK"},
    {SSL_R_NO_CIPHERS_AVAILABLE, 175, "NO_CIPHERS_AVAILABLE"},
    {SSL_R_NO_RENEGOTIATION, 182, "NO_RENEGOTIATION"},
    {SSL_R_NO_SHARED_CIPHER, 184, "NO_SHARED_CIPHER"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, 192, "PEER_DID_NOT_RETURN_A_CERTIFICATE"},
    {SSL_R_PROTOCOL_IS_SHUTDOWN, 194, "PROTOCOL_IS_SHUTDOWN"},
    {SSL_R_RENEGOTIATION_MISMATCH, 202, "RENEGOTIATION_MISMATCH"},
    {SSL_R_REQUIRED_CIPHER_MISSING, 203, "REQUIRED_CIPHER_MISSING"},
    {SSL_R_UNEXPECTED_MESSAGE, 223, "UNEXPECTED_MESSAGE"},
    {SSL_R_BAD_RECORD_TYPE, 225, "UNEXPECTED_RECORD"},
    {SSL_R_UNEXPECTED_RECORD, 225, "UNEXPECTED_RECORD"},
    {SSL_R_UNKNOWN_CERTIFICATE_TYPE, 228, "UNKNOWN_CERTIFICATE_TYPE"},
    {SSL_R_UNKNOWN_CIPHER_RETURNED, 229, "UNKNOWN_CIPHER_RETURNED"},
    {SSL_R_UNSUPPORTED_PROTOCOL, 240, "UNSUPPORTED_PROTOCOL"},
    {SSL_R_VERSION_TOO_LOW, 240, "UNSUPPORTED_PROTOCOL"},
    {SSL_R_VERSION_TOO_HIGH, 240, "UNSUPPORTED_PROTOCOL"},
    {SSL_R_WRONG_CERTIFICATE_TYPE, 241, "WRONG_CERTIFICATE_TYPE"},
    {SSL_R_WRONG_CIPHER_RETURNED, 242, "WRONG_CIPHER_RETURNED"},
    {SSL_R_WRONG_CURVE, 243, "WRONG_CURVE"},
    {SSL_R_WRONG_SIGNATURE_TYPE, 245, "WRONG_SIGNATURE_TYPE"},
    {SSL_R_WRONG_SSL_VERSION, 246, "WRONG_SSL_VERSION"},
    {SSL_R_WRONG_VERSION_NUMBER, 247, "WRONG_VERSION_NUMBER"},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, 253, "NO_COMMON_SIGNATURE_ALGORITHMS"},
    {SSL_R_INVALID_COMPRESSION_ALGORITHM, 256, "INVALID_COMPRESSION_LIST"},
    {SSL_R_BAD_KEY_SHARE, 258, "MISSING_KEY_SHARE"},
    {SSL_R_NO_SUITABLE_KEY_SHARE, 266, "NO_SHARED_GROUP"},
    {SSL_R_NO_SHARED_GROUPS, 266, "NO_SHARED_GROUP"},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, 280, "NO_SUPPORTED_VERSIONS_ENABLED"},
    {SSL_R_INVALID_SESSION_ID, 286, "SERVER_ECHOED_INVALID_SESSION_ID"},
    {SSL_R_NO_APPLICATION_PROTOCOL, 307, "NO_APPLICATION_PROTOCOL"},
};
constexpr unsigned kTheirSsl = 16;                         // BoringSSL's number of its SSL part
constexpr int kAlerts = 1000, kFirstExtensionAlert = 110;  // in both libraries: 1000 + the alert's number

std::string upper_words(const char* text) {
  std::string s = text == nullptr ? "UNKNOWN" : text;
  for (char& c : s) c = c == ' ' || c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return s;
}

/// OpenSSL's names of alerts differ in their beginnings.
std::string alert_name(int reason) {
  std::string name = upper_words(ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason)));
  if (name.starts_with("TLSV13_")) name.replace(0, 7, "TLSV1_");
  if (reason >= kAlerts + kFirstExtensionAlert && name.starts_with("TLSV1_") && !name.starts_with("TLSV1_ALERT_"))
    name.insert(6, "ALERT_");
  return name;
}

void append_ssl_reason(int reason, std::string& out) {
  const auto* at = std::find_if(std::begin(kReasons), std::end(kReasons), [&](const Reason& r) { return r.ours == reason; });
  const bool known = at != std::end(kReasons);
  const int code = known ? at->code : reason;
  out += std::to_string(kTheirSsl << 24 | static_cast<unsigned>(code));
  out += ":SSL routines:OPENSSL_internal:";
  out += known ? std::string(at->name) : alert_name(reason);
}

}  // namespace

Failure take_failure(std::string_view detail, bool hello_only) {
  Failure f;
  bool told_ssl = false;
  while (const unsigned long e = ERR_get_error()) {
    const int lib = ERR_GET_LIB(e), reason = ERR_GET_REASON(e);
    if (lib == ERR_LIB_SSL && reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) f.no_certificate = true;
    if (lib == ERR_LIB_SSL && reason == SSL_R_CERTIFICATE_VERIFY_FAILED) f.verify = true;
    // BoringSSL tells one: the TLS library's, not that of the cipher below it.
    if (f.any && (told_ssl || lib != ERR_LIB_SSL)) continue;
    f.any = true;
    told_ssl = lib == ERR_LIB_SSL;
    f.reason = "TLS_error:|";
    if (lib == ERR_LIB_SSL) {
      append_ssl_reason(reason, f.reason);
      if (hello_only && reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)  // which BoringSSL explains
        f.reason +=
            "|" + std::to_string(kTheirSsl << 24 | 154u) + ":SSL routines:OPENSSL_internal:HANDSHAKE_FAILURE_ON_CLIENT_HELLO";
    } else {
      const char* library = ERR_lib_error_string(e);
      f.reason += std::to_string(e) + ":" + (library == nullptr ? "unknown library" : library) +
                  ":OPENSSL_internal:" + upper_words(ERR_reason_error_string(e));
    }
  }
  if (!f.any) return f;
  if (f.no_certificate) detail = "peer did not provide required client certificate";
  if (!detail.empty()) {
    f.reason += ':';
    f.reason += detail;
  }
  f.reason += ":TLS_error_end";
  return f;
}

std::string key_usage_reason() {
  return "TLS_error:|" + std::to_string(kTheirSsl << 24 | 302u) +
         ":SSL_routines:OPENSSL_internal:KEY_USAGE_BIT_INCORRECT:TLS_error_end";
}

std::string reset_reason() {
  constexpr unsigned kTheirSystem = 2;  // BoringSSL's number of the operating system's errors
  return "TLS_error:|" + std::to_string(kTheirSystem << 24 | static_cast<unsigned>(ECONNRESET)) +
         ":system_library:OPENSSL_internal:Connection_reset_by_peer:TLS_error_end";
}

std::string take_error_text() {
  std::string out;
  while (const unsigned long e = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(e);
    const std::string text = reason != nullptr ? reason : std::to_string(e);
    if (out.find(text) != std::string::npos) continue;
    if (!out.empty()) out += ", ";
    out += text;
  }
  return out;
}

std::string_view verify_error_text(long code) noexcept {
  switch (code) {  // where OpenSSL 3 changed its words
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "self signed certificate";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return "self signed certificate in certificate chain";
    case X509_V_ERR_INVALID_PURPOSE: return "unsupported certificate purpose";
    default: return X509_verify_cert_error_string(code);
  }
}

}  // namespace outrigger::tls
