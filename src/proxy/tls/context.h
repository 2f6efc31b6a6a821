// What TLS connections of a listener's filter chain, or of a cluster, have in common: versions, ciphers,
// certificates, whom to trust. Compiled on the main thread, immutable, shared by all workers. A rotated
// secret means a new context; connections keep theirs.
#pragma once
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/ciphers.h"
#include "proxy/tls/engine.h"
#include "proxy/tls/info.h"
#include "proxy/tls/ocsp.h"
#include "proxy/tls/validation.h"

namespace outrigger::tls {

struct Parameters {
  int version_min = TLS1_2_VERSION, version_max = TLS1_3_VERSION;
  std::vector<std::string> ciphers, curves, signature_algorithms;  // empty: Envoy's
};

struct Options {
  Parameters params;
  std::vector<CertificatePtr> certificates;
  ValidationPtr validation;  // null: the peer is not checked
  std::vector<std::string> alpn;
};

struct ServerOptions : Options {
  bool require_client_certificate = false;
  std::vector<std::string> ticket_keys;  // 80 bytes each, the first encrypts; empty: one of our own
  bool stateless_resumption = true, stateful_resumption = true;
  bool full_scan = false;  // full_scan_certs_on_sni_mismatch
  bool prefer_client_ciphers = false;
  StaplePolicy staple_policy = StaplePolicy::lenient;
  std::optional<std::chrono::seconds> session_timeout;
};

struct ClientOptions : Options {
  std::string server_name;
  bool auto_host_sni = false, auto_sni_san_validation = false;
  bool allow_renegotiation = false;
  unsigned session_keys_max = 1;
};

class Context;

/// What OpenSSL's callbacks need of a connection; a base of its transport.
struct Hooks {
  const Context* context = nullptr;
  Info* info = nullptr;
  Engine* engine = nullptr;
  WantedNames names;
  Verdict verdict;
  bool verdict_reached = false;
  bool greeted = false;                                   // the (first) ClientHello has been looked at
  const OcspResponse* response = nullptr;                 // goes with the certificate
  virtual void on_new_session(SSL_SESSION* session) = 0;  // takes it
  virtual void on_response_asked(Stapling answer) = 0;    // the client wants an OCSP response

 protected:
  ~Hooks() = default;
};

class Context {
 public:
  virtual ~Context() = default;
  const Options& options() const noexcept { return *options_; }
  /// The OCSP response for a certificate of the options, by its place; null: none.
  virtual const OcspResponse* response(std::size_t) const noexcept { return nullptr; }
  /// Differs for every context made: sessions of one are not offered in another.
  std::uint64_t id() const noexcept { return id_; }

 protected:
  Context();
  const Options* options_ = nullptr;
  std::uint64_t id_;
};

class ServerContext final : public Context {
 public:
  static Result<std::shared_ptr<const ServerContext>> make(ServerOptions options);
  /// A connection that will accept; null when out of memory. `hooks` outlives it.
  SslPtr new_ssl(Hooks& hooks) const;
  const ServerOptions& server_options() const noexcept { return server_; }
  const OcspResponse* response(std::size_t i) const noexcept override {
    return staples_[i].response ? &*staples_[i].response : nullptr;
  }

 private:
  struct Staple {
    std::optional<OcspResponse> response;
    StaplePolicy policy;  // of this certificate
  };
  friend struct ServerCallbacks;
  ServerContext() { options_ = &server_; }
  Result<void> build();
  Result<void> set_resumption();
  Result<void> set_stapling();
  Stapling stapling(std::size_t certificate) const noexcept;
  /// The place of the certificate for this client; `asks`: for an OCSP response.
  std::size_t choose(SSL* ssl, bool asks) const;
  bool may_use(const Certificate& c, std::span<const int> curves) const noexcept;
  ServerOptions server_;
  SslCtxPtr ctx_;
  std::vector<CipherChoice> ciphers_;
  std::vector<Staple> staples_;  // one per certificate
  bool has_cipher_groups_ = false;
  std::string alpn_;  // as on the wire
};

class ClientContext final : public Context {
 public:
  static Result<std::shared_ptr<const ClientContext>> make(ClientOptions options);
  /// A connection that will connect. `alpn` (as on the wire) is offered when the config has none.
  SslPtr new_ssl(Hooks& hooks, std::string_view server_name, std::string_view alpn) const;
  const ClientOptions& client_options() const noexcept { return client_; }

 private:
  ClientContext() { options_ = &client_; }
  ClientOptions client_;
  std::shared_ptr<SSL_CTX> ctx_;  // shared with contexts of equal parameters and certificate
  std::string alpn_;
};

/// An Envoy ticket key: its name (16 bytes), a key for HMAC-SHA256, one for AES-256-CBC.
constexpr std::size_t kTicketKeyBytes = 16 + 32 + 32;
std::string ticket_key_length_text(std::size_t size);

/// A list of ALPN names as on the wire; nothing when one is empty or too long.
std::optional<std::string> alpn_on_wire(std::span<const std::string> names);

// For context.cc and server_context.cc.
Hooks& hooks_of(const SSL* ssl) noexcept;
void set_hooks(SSL* ssl, Hooks& hooks, const Context& context) noexcept;
/// What both sides set; `ciphers`: parsed from `o`.
Result<std::vector<CipherChoice>> set_common(SSL_CTX* ctx, const Options& o);
Result<void> use_certificate(SSL_CTX* ctx, const Certificate& c);

}  // namespace outrigger::tls
