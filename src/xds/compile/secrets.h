// Secrets by name, for the TLS contexts that refer to them: those of the bootstrap, and those that a file
// brings and replaces (SDS from the filesystem; the control plane's come the same way). Main thread; lives
// as long as the server.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "proxy/event/directory_watcher.h"
#include "proxy/stats/names.h"
#include "proxy/tls/sockets.h"
#include "xds/problems.h"

namespace outrigger::xds {

class Sources;

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

/// A secret that may come late and change. What it gives is read and checked already.
class Secret {
 public:
  virtual ~Secret() = default;
  virtual const std::string& name() const noexcept = 0;
  virtual bool arrived() const noexcept = 0;
  virtual tls::CertificatePtr certificate() const = 0;                                 // of a tls_certificate
  virtual const tls_v3::CertificateValidationContext& validation_context() const = 0;  // its files inline
  virtual const tls_v3::TlsSessionTicketKeys& ticket_keys() const = 0;                 // as well
  virtual const std::string& text() const = 0;                                         // of a generic_secret
  /// What is made of the secret. A change is taken by all of its users or by none.
  class User {
   public:
    virtual ~User() = default;
    virtual bool gone() const = 0;
    /// The secret has changed: can it be used? False: `why`, and the old one is back.
    virtual bool prepare(std::string& why) = 0;
    virtual void apply() = 0;
  };
  virtual void add_user(std::unique_ptr<User> user) = 0;
  /// Did it arrive, or was the wait for it given up?
  virtual bool settled() const noexcept = 0;
  /// Called when it is, once more when it arrives after that.
  virtual void on_progress(std::function<void()> f) = 0;
};
using SecretPtr = std::shared_ptr<Secret>;

class SecretStore {
 public:
  SecretStore(event::Loop& loop, stats::Registry& stats);
  ~SecretStore();
  /// Of static_resources.
  void add_static(const tls_v3::Secret& secret, const Path& at, Problems& problems);
  /// Null: told.
  const tls_v3::Secret* find_static(const std::string& name, tls_v3::Secret::TypeCase type, const Path& at, Problems& problems);
  /// Of sds_config. Null: told.
  std::shared_ptr<Secret> subscribe(const tls_v3::SdsSecretConfig& config, tls_v3::Secret::TypeCase type, const Path& at,
                                    Problems& problems);
  /// Where secrets of other sources than files come from; outlives this. Null: from nowhere.
  void set_sources(Sources* sources) noexcept { sources_ = sources; }
  /// Which are subscribed to while it is open. Main thread.
  class Recording {
   public:
    explicit Recording(SecretStore& store) : store_(store), outer_(std::exchange(store.recording_, &used_)) {}
    ~Recording() { store_.recording_ = outer_; }
    std::vector<SecretPtr> take() { return std::exchange(used_, {}); }

   private:
    SecretStore& store_;
    std::vector<SecretPtr> used_;
    std::vector<SecretPtr>* outer_;
  };
  /// Of a secret of the bootstrap; found after its private key has left the message, too. Null: told.
  tls::CertificatePtr certificate_of(const tls_v3::Secret& secret, const Path& at, Problems& problems);
  /// Likewise of a generic_secret. Null: told.
  const std::string* text_of(const tls_v3::Secret& secret, const Path& at, Problems& problems);
  /// Ends the subscriptions to secrets that nobody uses any more, now and once more a little later.
  void sweep();
  /// For /certs and the gauges.
  void keep(const std::shared_ptr<const tls::Socket>& socket) { sockets_.push_back(socket); }
  void each_context(const std::function<void(const tls::Context&)>& f) const;

  struct Shown {
    std::string name, version;
    WallTime updated;
    bool arrived = false;
    tls_v3::Secret secret;  // as configured, private keys redacted
  };
  /// What sources brought, for /config_dump.
  std::vector<Shown> dynamic() const;
  const std::vector<tls_v3::Secret>& statics() const noexcept { return statics_; }
  /// Once everything is compiled: private keys of the bootstrap leave the memory.
  void forget_private_keys();

 private:
  class WatchedSecret;
  void sweep_now();
  event::Loop& loop_;
  stats::Registry& stats_;
  std::unique_ptr<event::DirectoryWatcher> watcher_;  // when something is watched
  std::vector<tls_v3::Secret> statics_;
  std::map<std::string, tls::CertificatePtr> static_certificates_;  // by name
  std::map<std::string, std::string> static_texts_;                 // as well
  std::map<std::string, std::shared_ptr<WatchedSecret>> watched_;   // by name, type and source
  Sources* sources_ = nullptr;
  std::vector<SecretPtr>* recording_ = nullptr;
  mutable std::vector<std::weak_ptr<const tls::Socket>> sockets_;
  std::unique_ptr<event::Timer> late_sweep_;
};

}  // namespace outrigger::xds
