#include "proxy/tls/validation.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <algorithm>
#include "proxy/base/text.h"
#include "proxy/tls/content_cache.h"
#include "proxy/tls/errors.h"

namespace outrigger::tls {

namespace {

std::string lowered(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

Error load_error(const std::string& what, const std::string& from) {
  const std::string why = take_error_text();
  return invalid("Failed to load " + what + " from " + from + (why.empty() ? std::string() : ": " + why));
}

bool is_crl_error(int code) noexcept {
  switch (code) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CERT_REVOKED:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR: return true;
    default: return false;
  }
}

/// RFC 5246, 7.2.2, as TLS libraries choose.
int alert_of(int code) noexcept {
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID: return SSL_AD_CERTIFICATE_EXPIRED;
    case X509_V_ERR_CERT_REVOKED: return SSL_AD_CERTIFICATE_REVOKED;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE: return SSL_AD_DECRYPT_ERROR;
    case X509_V_ERR_INVALID_PURPOSE: return SSL_AD_UNSUPPORTED_CERTIFICATE;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_INVALID_CA: return SSL_AD_UNKNOWN_CA;
    case X509_V_ERR_OUT_OF_MEM: return SSL_AD_INTERNAL_ERROR;
    default: return SSL_AD_BAD_CERTIFICATE;
  }
}

bool may_sign(X509* certificate) noexcept { return (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0; }

Verdict chain_failure(X509_STORE_CTX* ctx) {
  int code = X509_STORE_CTX_get_error(ctx);
  const int depth = X509_STORE_CTX_get_error_depth(ctx);
  if (code == X509_V_ERR_CERT_CHAIN_TOO_LONG) code = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;  // BoringSSL misses one
  if (code == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT && !may_sign(X509_STORE_CTX_get0_cert(ctx)))
    code = X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;  // to BoringSSL it cannot have issued itself
  Verdict v;
  v.kind = Verdict::bad_chain;
  v.alert = alert_of(code);
  v.detail = "verify cert failed: X509_verify_cert: certificate verification error at depth " + std::to_string(depth) + ": ";
  if (is_crl_error(code)) v.detail += "certificate revocation check against provided CRLs failed: ";
  v.detail += verify_error_text(code);
  ERR_clear_error();
  return v;
}

/// Envoy's and BoringSSL's depth counts the certificates between the leaf and the root, the root
/// included; 0 still allows the root.
int depth_of(unsigned max) noexcept { return static_cast<int>(std::max(max, 1u)) - 1; }

void set_policy(X509_STORE_CTX* ctx, const ValidationSource& s) {
  X509_VERIFY_PARAM* p = X509_STORE_CTX_get0_param(ctx);
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (s.allow_expired) flags |= X509_V_FLAG_NO_CHECK_TIME;
  X509_VERIFY_PARAM_set_flags(p, flags);
  if (s.verify_depth_max) X509_VERIFY_PARAM_set_depth(p, depth_of(*s.verify_depth_max));
}

std::string_view trust_domain_of(std::string_view uri) {
  constexpr std::string_view kScheme = "spiffe://";
  if (!uri.starts_with(kScheme)) return {};
  uri.remove_prefix(kScheme.size());
  const auto slash = uri.find('/');
  return slash == std::string_view::npos ? std::string_view{} : uri.substr(0, slash);
}

bool any_equal(const std::vector<std::string>& list, std::string_view what) {
  return std::find(list.begin(), list.end(), what) != list.end();
}

bool any_accepted(const std::vector<SanMatcher>& matchers, const std::vector<San>& sans) {
  return std::any_of(sans.begin(), sans.end(), [&](const San& san) {
    return std::any_of(matchers.begin(), matchers.end(), [&](const SanMatcher& m) { return m.accepts(san); });
  });
}

bool any_named(const std::vector<San>& sans, std::string_view name) {
  return std::any_of(sans.begin(), sans.end(), [&](const San& san) {
    return san.kind == SanKind::dns ? dns_name_covers(san.text, name) : san.text == name;
  });
}

std::string listed(std::span<const std::string> texts) {
  std::string out;
  for (const auto& t : texts) out += (out.empty() ? "" : ", ") + t;
  return '[' + out + ']';
}

std::string listed(const std::vector<San>& sans) {
  std::vector<std::string> texts;
  for (const auto& san : sans) texts.push_back(san.text);
  return listed(texts);
}

}  // namespace

// ---- names

bool dns_name_covers(std::string_view pattern_text, std::string_view name_text) {
  const std::string pattern = lowered(pattern_text), name = lowered(name_text);
  if (pattern == name) return true;
  // RFC 6125, 6.4.3: one wildcard, within the first label, for at least one character of one label.
  const auto star = pattern.find('*');
  const auto pattern_dot = pattern.find('.'), name_dot = name.find('.');
  if (star == std::string::npos || pattern.find('*', star + 1) != std::string::npos) return false;
  if (pattern_dot == std::string::npos || name_dot == std::string::npos || star > pattern_dot) return false;
  if (pattern.compare(pattern_dot, std::string::npos, name, name_dot, std::string::npos) != 0) return false;
  const std::string_view head = std::string_view(pattern).substr(0, star);
  const std::string_view tail = std::string_view(pattern).substr(star + 1, pattern_dot - star - 1);
  const std::string_view label = std::string_view(name).substr(0, name_dot);
  if (pattern.starts_with("xn--") || label.empty()) return false;
  return label.size() >= head.size() + tail.size() && label.starts_with(head) && label.ends_with(tail);
}

bool SanMatcher::accepts(const San& san) const {
  if (san.kind != kind || (kind == SanKind::other && san.oid != oid)) return false;
  if (kind == SanKind::dns && exact) return dns_name_covers(san.text, *exact);
  return matches(san.text);
}

bool may_use_key(X509* leaf, bool signs) noexcept {
  const std::uint32_t usage = X509_get_key_usage(leaf);  // all bits when there is no such extension
  return (usage & (signs ? KU_DIGITAL_SIGNATURE : KU_KEY_ENCIPHERMENT)) != 0;
}

// ---- trust stores

Result<void> TrustStore::add(X509* certificate) {
  if (X509_STORE_add_cert(store_.get(), certificate) != 1) return load_error("trusted CA certificates", "<inline>");
  facts_.push_back(facts_of(certificate));
  return {};
}

Result<std::shared_ptr<const TrustStore>> TrustStore::load(const std::string& pem, const std::string& from) {
  static ContentCache<const TrustStore> made;
  const std::string key = sha256(pem);
  if (auto same = made.find(key)) return same;
  auto fresh = parse(pem, from);
  if (fresh) made.add(key, *fresh);
  return fresh;
}

Result<std::shared_ptr<const TrustStore>> TrustStore::load_with_crl(const std::string& pem, const std::string& from,
                                                                    const std::string& crl, const std::string& crl_from,
                                                                    bool leaf_only) {
  auto made = parse(pem, from);
  if (!made) return made;
  if (auto ok = std::const_pointer_cast<TrustStore>(*made)->add_crl(crl, crl_from, leaf_only); !ok) return ok.error();
  return made;
}

Result<std::shared_ptr<const TrustStore>> TrustStore::parse(const std::string& pem, const std::string& from) {
  init_openssl();
  std::shared_ptr<TrustStore> t(new TrustStore);
  t->store_.reset(X509_STORE_new());
  const BioPtr in = memory_bio(pem);
  STACK_OF(X509_INFO)* items = PEM_X509_INFO_read_bio(in.get(), nullptr, nullptr, nullptr);
  if (items == nullptr) return load_error("trusted CA certificates", from);
  bool crl = false, ok = true;
  for (int i = 0; i < sk_X509_INFO_num(items) && ok; ++i) {
    const X509_INFO* item = sk_X509_INFO_value(items, i);
    if (item->x509 != nullptr) ok = t->add(item->x509).has_value();
    if (ok && item->crl != nullptr) {
      X509_STORE_add_crl(t->store_.get(), item->crl);
      crl = true;
    }
  }
  sk_X509_INFO_pop_free(items, X509_INFO_free);
  if (!ok || t->facts_.empty()) return load_error("trusted CA certificates", from);
  if (crl) X509_STORE_set_flags(t->store_.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  ERR_clear_error();
  return std::shared_ptr<const TrustStore>(std::move(t));
}

Result<std::shared_ptr<const TrustStore>> TrustStore::load_der(std::span<const std::string> certificates,
                                                               const std::string& from) {
  init_openssl();
  std::shared_ptr<TrustStore> t(new TrustStore);
  t->store_.reset(X509_STORE_new());
  for (const auto& der : certificates) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const X509Ptr certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (certificate == nullptr || !t->add(certificate.get())) return load_error("trusted CA certificate", from);
  }
  if (t->facts_.empty()) return invalid("Failed to load trusted CA certificate from " + from + ": no certificate");
  return std::shared_ptr<const TrustStore>(std::move(t));
}

Result<void> TrustStore::add_crl(const std::string& pem, const std::string& from, bool leaf_only) {
  const BioPtr in = memory_bio(pem);
  STACK_OF(X509_INFO)* items = PEM_X509_INFO_read_bio(in.get(), nullptr, nullptr, nullptr);
  if (items == nullptr) return load_error("CRL", from);
  int count = 0;
  for (int i = 0; i < sk_X509_INFO_num(items); ++i)
    if (X509_CRL* crl = sk_X509_INFO_value(items, i)->crl) count += X509_STORE_add_crl(store_.get(), crl);
  sk_X509_INFO_pop_free(items, X509_INFO_free);
  if (count == 0) return load_error("CRL", from);
  X509_STORE_set_flags(store_.get(), leaf_only ? X509_V_FLAG_CRL_CHECK : X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

STACK_OF(X509_NAME) * TrustStore::names() const noexcept {
  auto* out = sk_X509_NAME_new_null();
  STACK_OF(X509_OBJECT)* objects = X509_STORE_get0_objects(store_.get());
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i)
    if (X509* c = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i)))
      sk_X509_NAME_push(out, X509_NAME_dup(X509_get_subject_name(c)));
  return out;
}

// ---- validation

Result<std::shared_ptr<const Validation>> Validation::load(ValidationSource source) {
  init_openssl();
  std::shared_ptr<Validation> v(new Validation);
  v->source_ = std::move(source);
  const auto& s = v->source_;
  for (const auto& d : s.trust_domains) {
    auto store = d.bundle_der.empty() ? TrustStore::load(d.bundle, d.from) : TrustStore::load_der(d.bundle_der, d.from);
    if (!store) return store.error();
    v->domains_.push_back({d.name, *store});
    v->source_.ca_from = d.name + ": " + d.from;  // /certs has the last for all, as Envoy
  }
  v->source_.trust_domains.clear();  // what was read is kept in the stores only
  if (!v->domains_.empty()) return std::shared_ptr<const Validation>(std::move(v));
  if (!s.crl.empty() && s.ca.empty()) return invalid("Failed to load CRL from " + s.crl_from + " without trusted CA");
  if (!s.ca.empty()) {
    auto store = s.crl.empty() ? TrustStore::load(s.ca, s.ca_from)
                               : TrustStore::load_with_crl(s.ca, s.ca_from, s.crl, s.crl_from, s.leaf_crl_only);
    if (!store) return store.error();
    v->store_ = *store;
  }
  v->source_.ca.clear();
  v->source_.crl.clear();
  return std::shared_ptr<const Validation>(std::move(v));
}

bool Validation::asks_for_certificate() const noexcept {
  return store_ != nullptr || !domains_.empty() || !source_.sans.empty() || !source_.hashes.empty() ||
         !source_.spki_hashes.empty();
}

bool Validation::demands_certificate() const noexcept {
  if (!domains_.empty()) return true;
  return !source_.accept_untrusted && (!source_.sans.empty() || !source_.hashes.empty() || !source_.spki_hashes.empty());
}

std::vector<net::CertificateFacts> Validation::trusted() const {
  std::vector<net::CertificateFacts> out;
  const auto add = [&](const TrustStore& t) { out.insert(out.end(), t.certificates().begin(), t.certificates().end()); };
  if (store_ != nullptr) add(*store_);
  for (const auto& d : domains_) add(*d.store);
  return out;
}

Verdict Validation::check(X509_STORE_CTX* ctx, const WantedNames& names) const {
  set_policy(ctx, source_);
  Verdict v = domains_.empty() ? check_all(ctx, names) : check_spiffe(ctx);
  v.tolerated = source_.accept_untrusted;
  return v;
}

Verdict Validation::check_all(X509_STORE_CTX* ctx, const WantedNames& names) const {
  Verdict chain;
  chain.kind = Verdict::not_validated;
  if (store_ != nullptr) {
    if (X509_verify_cert(ctx) != 1) return chain_failure(ctx);
    chain.kind = Verdict::accepted;
  }
  Verdict leaf = check_leaf(X509_STORE_CTX_get0_cert(ctx), names);
  if (leaf.kind != Verdict::not_validated) return leaf;
  if (store_ == nullptr) chain.kind = Verdict::bad_chain;  // nothing vouched for it
  return chain;
}

Verdict Validation::check_leaf(X509* leaf, const WantedNames& names) const {
  Verdict v;
  v.kind = Verdict::not_validated;
  const bool matched = !source_.sans.empty() || !names.server_name.empty();
  const auto sans = matched || !names.any.empty() ? sans_of(leaf) : std::vector<San>();
  const auto refuse = [&](Verdict::Kind kind, int alert, std::string detail) {
    v.kind = kind;
    v.alert = alert;
    v.detail = std::move(detail);
    return v;
  };
  if (!names.any.empty()) {
    if (std::none_of(names.any.begin(), names.any.end(), [&](const std::string& n) { return any_named(sans, n); }))
      return refuse(
          Verdict::bad_name, SSL_AD_CERTIFICATE_UNKNOWN,
          "verify cert failed: verify SAN list, expected SANs: " + listed(names.any) + ", certificate SANs: " + listed(sans));
    v.kind = Verdict::accepted;
  }
  if (matched) {
    const auto covers = [&](const San& san) { return san.kind == SanKind::dns && dns_name_covers(san.text, names.server_name); };
    if (names.server_name.empty() ? !any_accepted(source_.sans, sans) : std::none_of(sans.begin(), sans.end(), covers))
      return refuse(Verdict::bad_name, SSL_AD_CERTIFICATE_UNKNOWN,
                    "verify cert failed: SAN matcher, certificate SANs are " + listed(sans));
    v.kind = Verdict::accepted;
  }
  if (!source_.hashes.empty() || !source_.spki_hashes.empty()) {
    const bool pinned = (!source_.hashes.empty() && any_equal(source_.hashes, sha256(der_of(leaf)))) ||
                        (!source_.spki_hashes.empty() && any_equal(source_.spki_hashes, public_key_sha256(leaf)));
    if (!pinned) return refuse(Verdict::bad_pin, SSL_AD_BAD_CERTIFICATE_HASH_VALUE, "verify cert failed: cert hash and spki");
    v.kind = Verdict::accepted;
  }
  return v;
}

Verdict Validation::check_spiffe(X509_STORE_CTX* ctx) const {
  X509* leaf = X509_STORE_CTX_get0_cert(ctx);
  Verdict v;
  const auto refuse = [&](Verdict::Kind kind, std::string detail) {
    v.kind = kind;
    v.detail = std::move(detail);
    return v;
  };
  const auto sans = sans_of(leaf);
  const std::uint32_t usage = X509_get_key_usage(leaf);  // all bits when there is no such extension
  const bool ca = (X509_get_extension_flags(leaf) & EXFLAG_CA) != 0 ||
                  (usage != UINT32_MAX && (usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0);
  if (ca) return refuse(Verdict::bad_chain, "verify cert failed: the certificate is not a leaf");
  const Domain* domain = nullptr;
  for (const auto& san : sans) {
    if (san.kind != SanKind::uri) continue;
    const auto name = trust_domain_of(san.text);
    const auto at =
        std::find_if(domains_.begin(), domains_.end(), [&](const Domain& d) { return !name.empty() && d.name == name; });
    if (at == domains_.end()) continue;
    domain = &*at;
    break;
  }
  if (domain == nullptr) return refuse(Verdict::bad_chain, "verify cert failed: no trust bundle store");
  // A context of its own: the one given has no store of this domain.
  X509_STORE_CTX* own = X509_STORE_CTX_new();
  bool ok = own != nullptr && X509_STORE_CTX_init(own, domain->store->get(), leaf, X509_STORE_CTX_get0_untrusted(ctx)) == 1;
  if (ok) {
    X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(own), X509_STORE_CTX_get0_param(ctx));
    ok = X509_verify_cert(own) == 1;
    if (ok)
      X509_STORE_CTX_set0_verified_chain(ctx, X509_STORE_CTX_get1_chain(own));
    else
      v = chain_failure(own);
    v.alert = SSL_AD_CERTIFICATE_UNKNOWN;
  }
  X509_STORE_CTX_free(own);
  if (!ok) {
    v.kind = Verdict::bad_chain;
    return v;
  }
  if (source_.sans.empty()) return v;
  return any_accepted(source_.sans, sans) ? v : refuse(Verdict::bad_name, "verify cert failed: SAN match");
}

}  // namespace outrigger::tls
