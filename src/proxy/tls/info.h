// net::TlsInfo of one connection: what the handshake settled is copied, certificates are kept and taken
// apart when somebody asks. Shared by the transport and by logs; worker's thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/net/tls_info.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

class Info final : public net::TlsInfo {
 public:
  /// Of a connection whose handshake succeeded or failed.
  void settle(SSL* ssl, bool complete);
  void set_local(CertificatePtr certificate) { local_ = std::move(certificate); }
  void set_validated(bool yes) noexcept { validated_ = yes; }
  /// A certificate that was refused is told too.
  void set_peer(X509* certificate);
  void set_issuer(X509* certificate);
  const CertificatePtr& local_certificate() const noexcept { return local_; }

  std::string_view version() const noexcept override { return version_; }
  std::string_view cipher() const noexcept override { return cipher_; }
  std::string_view group() const noexcept override { return group_; }
  std::string_view session_id() const override { return session_id_; }
  std::string_view server_name() const noexcept override { return server_name_; }
  std::string_view alpn() const noexcept override { return alpn_; }
  bool handshake_complete() const noexcept override { return complete_; }
  bool peer_certificate_presented() const noexcept override { return peer_ != nullptr && complete_; }
  bool peer_certificate_validated() const noexcept override { return validated_ && complete_; }
  const net::CertificateFacts* local() const override;
  const net::CertificateFacts* peer() const override;
  std::span<const net::CertificateFacts> peer_chain() const override;
  const net::CertificateFacts* peer_issuer() const override;
  std::string_view peer_pem() const override;
  std::string_view peer_chain_pem() const override;

 private:
  std::string_view version_ = "TLSv1.2";  // BoringSSL's word before one is agreed on
  std::string_view cipher_, group_;       // OpenSSL's static texts
  std::string session_id_, server_name_, alpn_;
  CertificatePtr local_;
  X509Ptr peer_, issuer_;
  ChainPtr chain_;
  bool complete_ = false, validated_ = false;
  // Worked out when asked for.
  mutable std::optional<net::CertificateFacts> peer_facts_, issuer_facts_;
  mutable std::vector<net::CertificateFacts> chain_facts_;
  mutable std::string pem_, chain_pem_;
};

}  // namespace outrigger::tls
