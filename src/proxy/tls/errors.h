// What went wrong in OpenSSL, in Envoy's words: users search logs and dashboards for BoringSSL's codes
// and reasons, so OpenSSL's are translated where both have one.
#pragma once
#include <string>
#include <string_view>

namespace outrigger::tls {

struct Failure {
  std::string reason;           // "TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:TLS_error_end"
  bool any = false;             // an error was there
  bool no_certificate = false;  // the client sent none
  bool verify = false;          // a certificate was refused, which was counted there
};

/// Takes the thread's errors; `detail` says more of them. `hello_only`: a client that has no answer to its
/// ClientHello yet.
Failure take_failure(std::string_view detail, bool hello_only = false);
/// Of a certificate whose key must not be used so.
std::string key_usage_reason();
/// Of a connection that was reset.
std::string reset_reason();

/// The thread's errors as OpenSSL tells them, for messages about configs; takes them.
std::string take_error_text();

/// As BoringSSL's X509_verify_cert_error_string.
std::string_view verify_error_text(long code) noexcept;

}  // namespace outrigger::tls
