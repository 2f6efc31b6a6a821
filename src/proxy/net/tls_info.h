// What is known of a TLS connection, for logs, headers and route matches. Made by the TLS transport,
// shared with whatever outlives it (access logs); all calls on the connection's worker. Costly facts
// are worked out when first asked for.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::net {

/// One certificate, as Envoy prints it.
struct CertificateFacts {
  std::string subject, issuer;                 // RFC 2253
  std::string serial, sha256, sha1;            // lower-case hex
  std::int64_t not_before = 0, not_after = 0;  // seconds since 1970
  std::vector<std::string> uri_sans, dns_sans, ip_sans, email_sans, other_name_sans;
};

class TlsInfo {
 public:
  virtual ~TlsInfo() = default;
  // Empty until the handshake has settled them.
  virtual std::string_view version() const noexcept = 0;  // "TLSv1.3"
  virtual std::string_view cipher() const noexcept = 0;   // "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"
  virtual std::string_view group() const noexcept = 0;    // "X25519"
  virtual std::string_view session_id() const = 0;        // hex
  virtual std::string_view server_name() const noexcept = 0;
  virtual std::string_view alpn() const noexcept = 0;
  virtual bool handshake_complete() const noexcept = 0;
  virtual bool peer_certificate_presented() const noexcept = 0;
  virtual bool peer_certificate_validated() const noexcept = 0;
  /// Null: there is none.
  virtual const CertificateFacts* local() const = 0;
  virtual const CertificateFacts* peer() const = 0;
  /// What the peer sent, its own certificate first.
  virtual std::span<const CertificateFacts> peer_chain() const = 0;
  /// Who vouches for the peer's certificate, where this connection has verified it; null: not known.
  virtual const CertificateFacts* peer_issuer() const = 0;
  /// PEM with what a header must not hold percent-encoded; the second: of the whole chain.
  virtual std::string_view peer_pem() const = 0;
  virtual std::string_view peer_chain_pem() const = 0;
};

}  // namespace outrigger::net
