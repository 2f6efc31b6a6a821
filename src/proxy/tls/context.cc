#include "proxy/tls/context.h"

#include <openssl/err.h>
#include <atomic>
#include "proxy/tls/content_cache.h"
#include "proxy/tls/errors.h"

namespace outrigger::tls {

namespace {

const std::vector<std::string> kDefaultCiphers = {"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
                                                  "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
                                                  "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384"};
const std::vector<std::string> kDefaultCurves = {"X25519", "P-256"};
const std::vector<std::string> kDefaultSignatureAlgorithms = {
    "ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256",    "rsa_pkcs1_sha256",    "ecdsa_secp384r1_sha384", "rsa_pss_rsae_sha384",
    "rsa_pkcs1_sha384",       "ecdsa_secp521r1_sha512", "rsa_pss_rsae_sha512", "rsa_pkcs1_sha512",       "rsa_pkcs1_sha1"};

template <class T>
const T& or_default(const T& configured, const T& fallback) {
  return configured.empty() ? fallback : configured;
}

int hooks_index() noexcept {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

/// An error code for which OpenSSL sends this alert (its table of ssl_x509err2alert).
int code_for_alert(int alert) noexcept {
  switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED: return X509_V_ERR_CERT_HAS_EXPIRED;
    case SSL_AD_CERTIFICATE_REVOKED: return X509_V_ERR_CERT_REVOKED;
    case SSL_AD_DECRYPT_ERROR: return X509_V_ERR_CERT_SIGNATURE_FAILURE;
    case SSL_AD_UNSUPPORTED_CERTIFICATE: return X509_V_ERR_INVALID_PURPOSE;
    case SSL_AD_UNKNOWN_CA: return X509_V_ERR_INVALID_CA;
    case SSL_AD_INTERNAL_ERROR: return X509_V_ERR_OUT_OF_MEM;
    case SSL_AD_CERTIFICATE_UNKNOWN: return X509_V_ERR_NO_EXPLICIT_POLICY;  // one that is not in the table
    default: return X509_V_ERR_CERT_REJECTED;                               // bad_certificate
  }
}

int verify(X509_STORE_CTX* ctx, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx()));
  Hooks& h = hooks_of(ssl);
  const auto& o = h.context->options();
  X509* leaf = X509_STORE_CTX_get0_cert(ctx);
  const SSL_CIPHER* cipher = SSL_get_pending_cipher(ssl);
  const bool signs = cipher == nullptr || SSL_CIPHER_get_kx_nid(cipher) != NID_kx_rsa;
  const bool told_by_purpose = SSL_is_server(ssl) == 1 && SSL_version(ssl) < TLS1_3_VERSION;
  if (!told_by_purpose && !may_use_key(leaf, signs)) {
    h.verdict.kind = Verdict::bad_usage;
    h.verdict_reached = true;
    X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REJECTED);
    return 0;
  }
  if (o.validation == nullptr || !o.validation->asks_for_certificate()) {
    if (h.names.any.empty()) return 1;
    X509_STORE_CTX_set_error(ctx, code_for_alert(SSL_AD_UNKNOWN_CA));  // nobody vouches for a name
    return 0;
  }
  h.info->set_peer(leaf);
  h.verdict = o.validation->check(ctx, h.names);
  h.verdict_reached = true;
  h.info->set_validated(h.verdict.kind == Verdict::accepted);
  if (STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(ctx);
      h.verdict.kind == Verdict::accepted && chain != nullptr && sk_X509_num(chain) > 1)
    h.info->set_issuer(sk_X509_value(chain, 1));
  if (h.verdict.ok()) {
    X509_STORE_CTX_set_error(ctx, X509_V_OK);
    return 1;
  }
  h.engine->explain(h.verdict.detail);
  X509_STORE_CTX_set_error(ctx, code_for_alert(h.verdict.alert));
  return 0;
}

int save_session(SSL* ssl, SSL_SESSION* session) {
  hooks_of(ssl).on_new_session(session);
  return 1;  // taken
}

std::string join(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& s : list) out += s + ',';
  return out;
}

Result<SslCtxPtr> make_client_ctx(const ClientOptions& o) {
  SslCtxPtr ctx(SSL_CTX_new(TLS_client_method()));
  if (ctx == nullptr) return invalid("cannot make a TLS context: " + take_error_text());
  if (auto ciphers = set_common(ctx.get(), o); !ciphers) return ciphers.error();
  if (!o.certificates.empty())
    if (auto ok = use_certificate(ctx.get(), *o.certificates.front()); !ok) return ok.error();
  SSL_CTX_set_options(ctx.get(), SSL_OP_LEGACY_SERVER_CONNECT);
  if (!o.allow_renegotiation) SSL_CTX_set_options(ctx.get(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(ctx.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx.get(), save_session);
  return ctx;
}

/// Clusters are many and mostly equal: one SSL_CTX for each set of parameters and certificate. Main thread.
Result<std::shared_ptr<SSL_CTX>> shared_client_ctx(const ClientOptions& o) {
  static ContentCache<SSL_CTX> made;
  const auto& p = o.params;
  std::string key = std::to_string(p.version_min) + '-' + std::to_string(p.version_max) + '|' + join(p.ciphers) + '|' +
                    join(p.curves) + '|' + join(p.signature_algorithms) + (o.allow_renegotiation ? "|r" : "|");
  if (!o.certificates.empty()) key += std::to_string(reinterpret_cast<std::uintptr_t>(o.certificates.front().get()));
  if (auto same = made.find(key)) return same;
  auto ctx = make_client_ctx(o);
  if (!ctx) return ctx.error();
  // The certificate lives as long, so that its address names it.
  auto holder = o.certificates.empty() ? CertificatePtr() : o.certificates.front();
  std::shared_ptr<SSL_CTX> shared(ctx->release(), [holder](SSL_CTX* c) { SSL_CTX_free(c); });
  made.add(key, shared);
  return shared;
}

}  // namespace

Hooks& hooks_of(const SSL* ssl) noexcept { return *static_cast<Hooks*>(SSL_get_ex_data(ssl, hooks_index())); }

void set_hooks(SSL* ssl, Hooks& hooks, const Context& context) noexcept {
  hooks.context = &context;
  SSL_set_ex_data(ssl, hooks_index(), &hooks);
}

Result<std::vector<CipherChoice>> set_common(SSL_CTX* ctx, const Options& o) {
  const auto& p = o.params;
  if (p.version_min > p.version_max) return invalid("tls_minimum_protocol_version is above tls_maximum_protocol_version");
  SSL_CTX_set_min_proto_version(ctx, p.version_min);
  SSL_CTX_set_max_proto_version(ctx, p.version_max);
  SSL_CTX_set_security_level(ctx, 0);
  auto ciphers = parse_cipher_rules(or_default(p.ciphers, kDefaultCiphers));
  if (!ciphers) return invalid("Failed to initialize cipher suites: " + ciphers.error().detail);
  const auto groups = parse_groups(or_default(p.curves, kDefaultCurves));
  if (!groups) return invalid("Failed to initialize ECDH curves: " + groups.error().detail);
  const auto signatures = parse_signature_algorithms(or_default(p.signature_algorithms, kDefaultSignatureAlgorithms));
  if (!signatures) return invalid("Failed to initialize TLS signature algorithms: " + signatures.error().detail);
  if (SSL_CTX_set_cipher_list(ctx, cipher_list(*ciphers).c_str()) != 1 || SSL_CTX_set1_groups_list(ctx, groups->c_str()) != 1 ||
      SSL_CTX_set1_sigalgs_list(ctx, signatures->c_str()) != 1 || SSL_CTX_set1_client_sigalgs_list(ctx, signatures->c_str()) != 1)
    return invalid("Failed to initialize TLS parameters: " + take_error_text());
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_cert_verify_callback(ctx, verify, nullptr);
  return ciphers;
}

Result<void> use_certificate(SSL_CTX* ctx, const Certificate& c) {
  if (SSL_CTX_use_cert_and_key(ctx, c.leaf(), c.key(), c.chain(), 1) == 1) return {};
  return invalid("Failed to load certificate chain from " + c.from() + ": " + take_error_text());
}

std::optional<std::string> alpn_on_wire(std::span<const std::string> names) {
  std::string out;
  for (const auto& n : names) {
    if (n.empty() || n.size() > 255) return {};
    out += static_cast<char>(n.size());
    out += n;
  }
  return out.size() > 65535 ? std::nullopt : std::optional(out);
}

Context::Context() {
  static std::atomic<std::uint64_t> next{1};
  id_ = next.fetch_add(1, std::memory_order_relaxed);
}

Result<std::shared_ptr<const ClientContext>> ClientContext::make(ClientOptions options) {
  init_openssl();
  std::shared_ptr<ClientContext> c(new ClientContext);
  c->client_ = std::move(options);
  const auto alpn = alpn_on_wire(c->client_.alpn);
  if (!alpn) return invalid("Invalid ALPN protocol string");
  c->alpn_ = *alpn;
  if (c->client_.certificates.size() > 1) return invalid("Multiple TLS certificates are not supported for client contexts");
  auto ctx = shared_client_ctx(c->client_);
  if (!ctx) return ctx.error();
  c->ctx_ = *ctx;
  return std::shared_ptr<const ClientContext>(std::move(c));
}

SslPtr ClientContext::new_ssl(Hooks& hooks, std::string_view server_name, std::string_view alpn) const {
  SslPtr ssl(SSL_new(ctx_.get()));
  if (ssl == nullptr) return ssl;
  set_hooks(ssl.get(), hooks, *this);
  SSL_set_connect_state(ssl.get());
  const Validation* v = client_.validation.get();
  SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);  // verify() decides, also when nothing is demanded
  if (v != nullptr && v->store() != nullptr) SSL_set1_verify_cert_store(ssl.get(), v->store()->get());
  if (!server_name.empty()) SSL_set_tlsext_host_name(ssl.get(), std::string(server_name).c_str());
  if (!alpn_.empty()) alpn = alpn_;
  if (!alpn.empty())
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));
  if (!client_.certificates.empty()) hooks.info->set_local(client_.certificates.front());
  return ssl;
}

}  // namespace outrigger::tls
