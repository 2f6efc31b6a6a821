// What we read from certificates: names, fingerprints, PEM. Pure; any thread.
#pragma once
#include <string>
#include <vector>
#include "proxy/net/tls_info.h"
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

enum class SanKind : std::uint8_t { email, dns, uri, ip, other };

struct San {
  SanKind kind = SanKind::dns;
  std::string text;  // of an IP address: as printed; of another name: its value
  std::string oid;   // of another name: its type, dotted
};

/// In the certificate's order. One whose text holds a NUL is not taken: it must never match.
std::vector<San> sans_of(X509* certificate);
net::CertificateFacts facts_of(X509* certificate);
std::string subject_of(X509* certificate);  // RFC 2253
std::string common_name_of(X509* certificate);
std::string der_of(X509* certificate);
std::string pem_of(X509* certificate);
std::string public_key_sha256(X509* certificate);  // of the SubjectPublicKeyInfo, 32 bytes
std::string serial_of(X509* certificate);
std::int64_t not_after_of(X509* certificate);

/// Percent-encodes what a header must not hold, as Envoy does with PEM.
std::string url_encode(std::string_view text);

}  // namespace outrigger::tls
