// Secrets by name, for the TLS contexts that refer to them: those of the bootstrap, and those that a file
// brings and replaces (SDS from the filesystem; the control plane's come the same way). Main thread; lives
// as long as the server.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "envoy/extensions/transport_sockets/tls/v3/secret.pb.h"
#include "proxy/event/directory_watcher.h"
#include "proxy/stats/names.h"
#include "proxy/tls/sockets.h"
#include "xds/problems.h"

namespace outrigger::xds {

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

/// A secret that may come late and change. What it gives is read and checked already.
class Secret {
 public:
  virtual ~Secret() = default;
  virtual bool arrived() const noexcept = 0;
  virtual tls::CertificatePtr certificate() const = 0;                                 // of a tls_certificate
  virtual const tls_v3::CertificateValidationContext& validation_context() const = 0;  // its files inline
  virtual const tls_v3::TlsSessionTicketKeys& ticket_keys() const = 0;                 // as well
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
};

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
  class FileSecret;
  event::Loop& loop_;
  stats::Registry& stats_;
  std::unique_ptr<event::DirectoryWatcher> watcher_;  // when something is watched
  std::vector<tls_v3::Secret> statics_;
  std::map<std::string, std::shared_ptr<FileSecret>> files_;  // by name, type and path
  mutable std::vector<std::weak_ptr<const tls::Socket>> sockets_;
};

}  // namespace outrigger::xds
