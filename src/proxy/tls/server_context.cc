// The listener's side: which certificate, which cipher order, session tickets, ALPN.
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <algorithm>
#include <cstring>
#include <ctime>
#include "proxy/tls/context.h"
#include "proxy/tls/errors.h"
#include "proxy/tls/ticket_chain.h"

namespace outrigger::tls {

namespace {

constexpr std::size_t kNameBytes = 16, kHmacBytes = 32;  // of kTicketKeyBytes

constexpr long kTls13SessionSeconds = 2 * 24 * 3600;  // as BoringSSL; session_timeout is of TLS 1.2
constexpr long kCachedSessionsMax = 4096;

std::span<const unsigned char> extension(SSL* ssl, unsigned type) {
  const unsigned char* p = nullptr;
  std::size_t n = 0;
  return SSL_client_hello_get0_ext(ssl, type, &p, &n) == 1 ? std::span(p, n) : std::span<const unsigned char>();
}

/// A vector of 16-bit numbers behind a length of `prefix` bytes.
bool has_number(std::span<const unsigned char> body, std::size_t prefix, unsigned number) {
  for (std::size_t i = prefix; i + 1 < body.size(); i += 2)
    if ((body[i] << 8 | body[i + 1]) == static_cast<int>(number)) return true;
  return false;
}

/// RFC 6066, 3: the host_name of a ClientHello.
std::string_view server_name_in(std::span<const unsigned char> e) {
  if (e.size() < 5 || e[2] != 0) return {};
  const std::size_t n = static_cast<std::size_t>(e[3] << 8 | e[4]);
  if (e.size() < 5 + n) return {};
  return {reinterpret_cast<const char*>(e.data()) + 5, n};
}

bool offers_tls13(SSL* ssl) { return has_number(extension(ssl, TLSEXT_TYPE_supported_versions), 1, TLS1_3_VERSION); }

struct EcdsaCurve {
  int nid;
  unsigned group, signature;  // on the wire
};
constexpr EcdsaCurve kEcdsaCurves[] = {
    {NID_X9_62_prime256v1, 23, 0x0403}, {NID_secp384r1, 24, 0x0503}, {NID_secp521r1, 25, 0x0603}};

std::string policy_digest(const ServerOptions& o) {
  std::string all = o.require_client_certificate ? "required\n" : "optional\n";
  if (o.validation != nullptr) all += o.validation->source().identity;
  for (const auto& c : o.certificates)
    for (const auto& n : c->server_names()) all += '\n' + n;
  return sha256(all);
}

}  // namespace

struct ServerCallbacks {
  static const ServerContext& context_of(SSL* ssl) { return static_cast<const ServerContext&>(*hooks_of(ssl).context); }

  static int client_hello(SSL* ssl, int* alert, void*) {
    const auto& c = context_of(ssl);
    auto& hooks = hooks_of(ssl);
    const bool again = std::exchange(hooks.greeted, true);  // after a HelloRetryRequest
    const unsigned char* request = nullptr;
    std::size_t request_size = 0;
    const bool asks = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_status_request, &request, &request_size) == 1;
    std::size_t chosen = 0;
    if (c.server_.certificates.size() > 1) {
      chosen = c.choose(ssl, asks);
      const auto& certificate = c.server_.certificates[chosen];
      if (SSL_use_cert_and_key(ssl, certificate->leaf(), certificate->key(), certificate->chain(), 1) != 1)
        return SSL_CLIENT_HELLO_ERROR;
      hooks.info->set_local(certificate);
    }
    if (asks) {
      const Stapling answer = c.stapling(chosen);
      hooks.response = answer == Stapling::stapled ? c.response(chosen) : nullptr;
      if (!again) hooks.on_response_asked(answer);
      if (answer == Stapling::refused) {
        *alert = SSL_AD_HANDSHAKE_FAILURE;
        return SSL_CLIENT_HELLO_ERROR;
      }
    }
    if (c.server_.params.version_max >= TLS1_3_VERSION && offers_tls13(ssl)) {
      SSL_clear_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);  // all three are as good: the client's order
    } else if (c.has_cipher_groups_) {
      const unsigned char* offered = nullptr;
      const std::size_t n = SSL_client_hello_get0_ciphers(ssl, &offered);
      if (const auto order = order_for_client(c.ciphers_, {offered, n}); !order.empty())
        SSL_set_cipher_list(ssl, cipher_list(order).c_str());
    }
    return SSL_CLIENT_HELLO_SUCCESS;
  }

  static int alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                  void*) {
    const auto& ours = context_of(ssl).alpn_;
    for (std::size_t i = 0; i < ours.size(); i += 1 + static_cast<unsigned char>(ours[i])) {
      const std::string_view mine(ours.data() + i + 1, static_cast<unsigned char>(ours[i]));
      for (unsigned k = 0; k + 1 <= in_size; k += 1u + in[k]) {
        if (k + 1 + in[k] > in_size || mine != std::string_view(reinterpret_cast<const char*>(in) + k + 1, in[k])) continue;
        *out = in + k + 1;
        *out_size = in[k];
        return SSL_TLSEXT_ERR_OK;
      }
    }
    return SSL_TLSEXT_ERR_NOACK;  // nothing shared: go on without
  }

  static int staple(SSL* ssl, void*) {
    const auto* response = hooks_of(ssl).response;
    if (response == nullptr) return SSL_TLSEXT_ERR_NOACK;
    void* copy = OPENSSL_memdup(response->der.data(), response->der.size());
    if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<int>(response->der.size()));
    return SSL_TLSEXT_ERR_OK;
  }

  static int before_ticket(SSL* ssl, void*) {
    if (SSL_version(ssl) >= TLS1_3_VERSION) SSL_SESSION_set_timeout(SSL_get_session(ssl), kTls13SessionSeconds);
    keep_chain_in_ticket(ssl);
    return 1;
  }

  static int ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
    const auto& keys = context_of(ssl).server_.ticket_keys;
    const auto start = [&](const std::string& key) {
      auto* hmac = const_cast<char*>(key.data() + kNameBytes);
      const auto* aes = reinterpret_cast<const unsigned char*>(key.data() + kNameBytes + kHmacBytes);
      char digest[] = "SHA256";
      const OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string("key", hmac, kHmacBytes),
                                   OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
      return EVP_MAC_CTX_set_params(mac, params) == 1 &&
             EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, aes, iv, encrypt) == 1;
    };
    if (encrypt != 0) {
      std::memcpy(name, keys.front().data(), kNameBytes);
      return RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 && start(keys.front()) ? 1 : -1;
    }
    // 2: good, and a new one follows. In TLS 1.3 always, since clients use a ticket once.
    const bool once = SSL_version(ssl) >= TLS1_3_VERSION;
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (std::memcmp(name, keys[i].data(), kNameBytes) == 0) return start(keys[i]) ? (i == 0 && !once ? 1 : 2) : -1;
    return 0;  // of a key we don't have: a full handshake
  }
};

bool ServerContext::may_use(const Certificate& c, std::span<const int> curves) const noexcept {
  return !c.is_ecdsa() || std::find(curves.begin(), curves.end(), c.curve()) != curves.end();
}

Stapling ServerContext::stapling(std::size_t certificate) const noexcept {
  return stapling_of(response(certificate), staples_[certificate].policy, std::time(nullptr));
}

/// By the name asked for, exact before wildcard; among those the kind of key that the client can use,
/// ECDSA first; none that would need another OCSP response than it has. As Envoy chooses.
std::size_t ServerContext::choose(SSL* ssl, bool asks) const {
  int curves[std::size(kEcdsaCurves)];
  std::size_t n = 0;
  const bool tls13 = server_.params.version_max >= TLS1_3_VERSION && !extension(ssl, TLSEXT_TYPE_supported_versions).empty();
  const unsigned char* offered = nullptr;
  const std::size_t offered_size = SSL_client_hello_get0_ciphers(ssl, &offered);
  const bool ecdsa_cipher = std::any_of(ciphers_.begin(), ciphers_.end(), [&](const CipherChoice& c) {
    return c.ecdsa && has_number({offered, offered_size}, 0, c.id);
  });
  for (const auto& curve : kEcdsaCurves) {
    const bool able = tls13 ? has_number(extension(ssl, TLSEXT_TYPE_signature_algorithms), 2, curve.signature)
                            : ecdsa_cipher && has_number(extension(ssl, TLSEXT_TYPE_supported_groups), 2, curve.group);
    if (able) curves[n++] = curve.nid;
  }
  const std::span<const int> able(curves, n);
  const auto name = server_name_in(extension(ssl, TLSEXT_TYPE_server_name));
  const auto best = [&](auto&& has_name) -> std::optional<std::size_t> {
    std::optional<std::size_t> rsa;
    for (std::size_t i = 0; i < server_.certificates.size(); ++i) {
      const Certificate& c = *server_.certificates[i];
      if (!has_name(c) || (asks && stapling(i) == Stapling::refused)) continue;
      if (c.is_ecdsa() && may_use(c, able)) return i;
      if (!c.is_ecdsa() && !rsa) rsa = i;
    }
    return rsa;
  };
  const auto named = [&](std::string_view wanted) {
    return best([&](const Certificate& c) {
      const auto& names = c.server_names();
      return std::find(names.begin(), names.end(), wanted) != names.end();
    });
  };
  if (!name.empty()) {
    if (const auto i = named(name)) return *i;
    if (const auto dot = name.find('.'); dot != std::string_view::npos && dot > 0)
      if (const auto i = named("*" + std::string(name.substr(dot)))) return *i;
    if (!server_.full_scan) return 0;
  }
  return best([](const Certificate&) { return true; }).value_or(0);
}

Result<std::shared_ptr<const ServerContext>> ServerContext::make(ServerOptions options) {
  init_openssl();
  std::shared_ptr<ServerContext> c(new ServerContext);
  c->server_ = std::move(options);
  if (auto ok = c->build(); !ok) return ok.error();
  return std::shared_ptr<const ServerContext>(std::move(c));
}

Result<void> ServerContext::build() {
  const auto alpn = alpn_on_wire(server_.alpn);
  if (!alpn) return invalid("Invalid ALPN protocol string");
  alpn_ = *alpn;
  if (server_.certificates.empty()) return invalid("No TLS certificates found for server context");
  ctx_.reset(SSL_CTX_new(TLS_server_method()));
  if (ctx_ == nullptr) return invalid("cannot make a TLS context: " + take_error_text());
  auto ciphers = set_common(ctx_.get(), server_);
  if (!ciphers) return ciphers.error();
  ciphers_ = std::move(*ciphers);
  has_cipher_groups_ = std::any_of(ciphers_.begin(), ciphers_.end(), [](const CipherChoice& c) { return c.as_good_as_next; });
  // With several, each connection sets the one chosen for it; here they are only tried.
  const SslCtxPtr trial(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* target = server_.certificates.size() == 1 ? ctx_.get() : trial.get();
  for (const auto& c : server_.certificates)
    if (auto ok = use_certificate(target, *c); !ok) return ok.error();
  if (auto ok = set_stapling(); !ok) return ok.error();
  SSL_CTX_set_options(ctx_.get(), SSL_OP_NO_RENEGOTIATION);
  if (!server_.prefer_client_ciphers) SSL_CTX_set_options(ctx_.get(), SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_client_hello_cb(ctx_.get(), ServerCallbacks::client_hello, nullptr);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(ctx_.get(), ServerCallbacks::alpn, nullptr);
  const Validation* v = server_.validation.get();
  if (v != nullptr && v->asks_for_certificate()) {
    const bool demanded = server_.require_client_certificate || v->demands_certificate();
    SSL_CTX_set_verify(ctx_.get(), SSL_VERIFY_PEER | (demanded ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
    if (v->store() != nullptr) {
      SSL_CTX_set1_verify_cert_store(ctx_.get(), v->store()->get());
      if (!v->source().suppress_client_ca_list) SSL_CTX_set_client_CA_list(ctx_.get(), v->store()->names());
    }
  }
  return set_resumption();
}

Result<void> ServerContext::set_stapling() {
  for (const auto& c : server_.certificates) {
    const bool demanded = demands_staple(c->leaf());
    Staple s{{}, demanded ? StaplePolicy::must : server_.staple_policy};
    if (!c->ocsp().empty()) {
      auto made = read_ocsp_response(c->ocsp(), c->leaf(), c->ocsp_from());
      if (!made) return made.error();
      s.response = std::move(*made);
    } else if (demanded) {
      return invalid("OCSP response is required for must-staple certificate " + c->from());
    } else if (s.policy == StaplePolicy::must) {
      return invalid("Required OCSP response is missing from TLS context: of " + c->from());
    }
    staples_.push_back(std::move(s));
  }
  SSL_CTX_set_tlsext_status_cb(ctx_.get(), ServerCallbacks::staple);
  return {};
}

Result<void> ServerContext::set_resumption() {
  // A session is good only where the same is demanded of the client.
  const std::string digest = policy_digest(server_);
  SSL_CTX_set_session_id_context(ctx_.get(), reinterpret_cast<const unsigned char*>(digest.data()),
                                 static_cast<unsigned>(digest.size()));
  SSL_CTX_set_session_cache_mode(ctx_.get(), server_.stateful_resumption ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_cache_size(ctx_.get(), kCachedSessionsMax);
  if (server_.session_timeout) SSL_CTX_set_timeout(ctx_.get(), server_.session_timeout->count());
  if (!server_.stateless_resumption) {
    SSL_CTX_set_options(ctx_.get(), SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(ctx_.get(), 0);
    return {};
  }
  SSL_CTX_set_session_ticket_cb(ctx_.get(), ServerCallbacks::before_ticket, nullptr, nullptr);
  SSL_CTX_set_num_tickets(ctx_.get(), 1);  // each costs; a client gets another with every connection
  for (const auto& k : server_.ticket_keys)
    if (k.size() != kTicketKeyBytes) return invalid(ticket_key_length_text(k.size()));
  if (!server_.ticket_keys.empty()) SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx_.get(), ServerCallbacks::ticket);
  return {};
}

std::string ticket_key_length_text(std::size_t size) {
  return "Incorrect TLS session ticket key length. Length " + std::to_string(size) + ", expected length " +
         std::to_string(kTicketKeyBytes) + ".";
}

SslPtr ServerContext::new_ssl(Hooks& hooks) const {
  SslPtr ssl(SSL_new(ctx_.get()));
  if (ssl == nullptr) return ssl;
  set_hooks(ssl.get(), hooks, *this);
  SSL_set_accept_state(ssl.get());
  hooks.info->set_local(server_.certificates.front());
  return ssl;
}

}  // namespace outrigger::tls
