// Whom to trust: CA bundles, revocation lists, names, pins. Compiled from a CertificateValidationContext,
// immutable, shared by the contexts that use it; check() runs on any worker.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/net/tls_info.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/x509.h"

namespace outrigger::tls {

/// One of match_typed_subject_alt_names.
struct SanMatcher {
  SanKind kind = SanKind::dns;
  std::function<bool(std::string_view)> matches;
  std::optional<std::string> exact;  // the matcher's text when it compares exactly: DNS names have wildcards then
  std::string oid;                   // of an other name, dotted
  bool accepts(const San& san) const;
};

/// Does a DNS name of a certificate ("*.example.com") cover this name?
bool dns_name_covers(std::string_view pattern, std::string_view name);

struct TrustDomain {
  std::string name;
  std::string bundle;                   // PEM
  std::vector<std::string> bundle_der;  // of a SPIFFE bundle map
  std::string from = "<inline>";
};

struct ValidationSource {
  std::string name;  // of the secret
  std::string ca, crl;
  std::string ca_from = "<inline>", crl_from = "<inline>";
  bool system_roots = false;
  std::vector<SanMatcher> sans;
  std::vector<std::string> hashes, spki_hashes;  // 32 bytes each
  std::vector<TrustDomain> trust_domains;        // SPIFFE
  bool allow_expired = false, accept_untrusted = false, leaf_crl_only = false, suppress_client_ca_list = false;
  std::optional<unsigned> verify_depth_max;
  std::string identity;  // all of it as bytes: equal means the same policy
};

/// The certificates of a bundle and the lists found beside them.
class TrustStore {
 public:
  static Result<std::shared_ptr<const TrustStore>> load(const std::string& pem, const std::string& from);
  static Result<std::shared_ptr<const TrustStore>> load_der(std::span<const std::string> certificates, const std::string& from);
  static Result<std::shared_ptr<const TrustStore>> load_with_crl(const std::string& pem, const std::string& from,
                                                                 const std::string& crl, const std::string& crl_from,
                                                                 bool leaf_only);
  X509_STORE* get() const noexcept { return store_.get(); }
  const std::vector<net::CertificateFacts>& certificates() const noexcept { return facts_; }
  STACK_OF(X509_NAME) * names() const noexcept;  // for the list that servers send

 private:
  friend class Validation;
  TrustStore() = default;
  static Result<std::shared_ptr<const TrustStore>> parse(const std::string& pem, const std::string& from);
  Result<void> add(X509* certificate);
  Result<void> add_crl(const std::string& pem, const std::string& from, bool leaf_only);
  StorePtr store_;
  std::vector<net::CertificateFacts> facts_;
};

/// RFC 5280, 4.2.1.3: may the certificate's key do what the handshake asks of it?
bool may_use_key(X509* leaf, bool signs) noexcept;

/// How a check went, for the connection's counters, alert and words.
struct Verdict {
  enum Kind : std::uint8_t { accepted, not_validated, bad_chain, bad_name, bad_pin, bad_usage } kind = accepted;
  bool tolerated = false;  // refused, yet trust_chain_verification lets it pass
  int alert = SSL_AD_CERTIFICATE_UNKNOWN;
  std::string detail;
  bool ok() const noexcept { return kind == accepted || kind == not_validated || tolerated; }
};

/// What one connection demands of the certificate's names beyond its context.
struct WantedNames {
  std::span<const std::string> any;  // one of them must be there; empty: nothing demanded
  std::string_view server_name;      // must be there, in place of what the configured matchers want; empty: they do
};

class Validation {
 public:
  static Result<std::shared_ptr<const Validation>> load(ValidationSource source);
  /// Checks the chain that the peer sent; `ctx` is OpenSSL's for this handshake.
  Verdict check(X509_STORE_CTX* ctx, const WantedNames& names) const;
  const ValidationSource& source() const noexcept { return source_; }
  bool asks_for_certificate() const noexcept;
  /// Names, pins and trust domains are demanded of every client, whether or not a certificate is required.
  bool demands_certificate() const noexcept;
  /// Null: none (or SPIFFE's, one per trust domain).
  const TrustStore* store() const noexcept { return store_.get(); }
  /// All certificates trusted, for /certs.
  std::vector<net::CertificateFacts> trusted() const;

 private:
  Validation() = default;
  Verdict check_all(X509_STORE_CTX* ctx, const WantedNames& names) const;
  Verdict check_spiffe(X509_STORE_CTX* ctx) const;
  Verdict check_leaf(X509* leaf, const WantedNames& names) const;
  ValidationSource source_;
  std::shared_ptr<const TrustStore> store_;
  struct Domain {
    std::string name;
    std::shared_ptr<const TrustStore> store;
  };
  std::vector<Domain> domains_;
};
using ValidationPtr = std::shared_ptr<const Validation>;

}  // namespace outrigger::tls
