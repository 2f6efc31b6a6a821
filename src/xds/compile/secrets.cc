#include "xds/compile/secrets.h"

#include <xxhash.h>
#include <algorithm>
#include <filesystem>
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/base/log.h"
#include "proxy/stats/lease.h"
#include "xds/client/sources.h"
#include "xds/compile/convert.h"
#include "xds/compile/redact.h"
#include "xds/compile/tls.h"
#include "xds/load/any_type.h"
#include "xds/load/resource.h"
#include "xds/load/source.h"
#include "xds/load/to_proto.h"
#include "xds/load/validate.h"

namespace outrigger::xds {

namespace {

using stats::SdsStat;
using event::directory_of;
using Discovery = envoy::service::discovery::v3::DiscoveryResponse;

std::string_view name_of(tls_v3::Secret::TypeCase type) {
  switch (type) {
    case tls_v3::Secret::kTlsCertificate: return "TLS certificate";
    case tls_v3::Secret::kValidationContext: return "certificate validation context";
    case tls_v3::Secret::kSessionTicketKeys: return "TLS session ticket keys";
    case tls_v3::Secret::kGenericSecret: return "generic secret";
    default: return "secret";
  }
}

using Source = envoy::config::core::v3::DataSource;

/// By then the workers have let go what was replaced.
constexpr auto kLateSweep = std::chrono::milliseconds(250);

/// The files that a secret names.
std::vector<std::string> files_of(const tls_v3::Secret& s) {
  std::vector<std::string> out;
  const auto add = [&](const Source& source) {
    if (source.has_filename()) out.push_back(source.filename());
  };
  const auto& c = s.tls_certificate();
  for (const auto* source : {&c.certificate_chain(), &c.private_key(), &c.pkcs12(), &c.password(), &c.ocsp_staple()})
    add(*source);
  add(s.validation_context().trusted_ca());
  add(s.validation_context().crl());
  for (const auto& k : s.session_ticket_keys().keys()) add(k);
  add(s.generic_secret().secret());
  return out;
}

/// Puts the content in the place of a file's name. False: `why`.
bool make_inline(Source& source, std::string& why) {
  auto bytes = read_data_source(source);
  if (!bytes) {
    why = bytes.error().detail;
    return false;
  }
  source.set_inline_bytes(std::move(*bytes));
  return true;
}

bool read_ticket_key(Source& source, std::string& why) {
  const std::string from = source.has_filename() ? source.filename() : "<inline>";
  if (!make_inline(source, why)) return false;
  const std::size_t size = source.inline_bytes().size();
  if (size == tls::kTicketKeyBytes) return true;
  why = from + ": " + tls::ticket_key_length_text(size);
  return false;
}

/// What went wrong with a secret names a file of it.
void name_files(const tls_v3::Secret& secret, std::string& why) {
  const auto files = files_of(secret);
  if (std::any_of(files.begin(), files.end(), [&](const std::string& f) { return why.find(f) != std::string::npos; })) return;
  for (const auto& f : files) why += (&f == &files.front() ? " (" : ", ") + f;
  if (!files.empty()) why += ')';
}

std::string watched_directory(const tls_v3::Secret& s) {
  if (s.has_tls_certificate()) return s.tls_certificate().watched_directory().path();
  return s.has_validation_context() ? s.validation_context().watched_directory().path() : std::string();
}

}  // namespace

/// One secret: out of a file with a DiscoveryResponse, or from a control plane.
class SecretStore::WatchedSecret final : public Secret, private WatchEvents {
 public:
  WatchedSecret(SecretStore& store, std::string name, tls_v3::Secret::TypeCase type)
      : store_(store), name_(std::move(name)), type_(type) {
    stats::Recording recording(store_.stats_);
    const std::string prefix = "sds." + stats::sanitize(name_) + ".";
    stats_ = stats::make_block<SdsStat>(store_.stats_, prefix);
    version_text_ = store_.stats_.text_readout(prefix + "version_text");
    store_.stats_.set(version_text_, "");
    lease_ = recording.take();
  }
  void read_from(std::string path, std::string watched) {
    path_ = std::move(path);
    watched_ = std::move(watched);
    moved_ = watch(watched_.empty() ? directory_of(path_) : watched_, [this](std::string_view moved) {
      if (!watched_.empty() || moved == std::string_view(path_).substr(path_.rfind('/') + 1)) load();
    });
    load();
    settled_ = true;
  }
  void ask(Sources& sources, const envoy::config::core::v3::ConfigSource& source) {
    WatchEvents& self = *this;
    asked_ = sources.watch(source, canonical_type_url(*tls_v3::Secret::descriptor()), {name_}, false,
                           Counts::of_secret(store_.stats_, "sds." + stats::sanitize(name_) + "."), self);
  }
  const std::string& name() const noexcept override { return name_; }
  bool settled() const noexcept override { return settled_; }
  void on_progress(std::function<void()> f) override {
    if (!settled_ || !arrived_) told_.push_back(std::move(f));
  }
  /// Is there anything that is made of it?
  bool has_users() {
    std::erase_if(users_, [](const auto& u) { return u->gone(); });
    return !users_.empty();
  }

  bool arrived() const noexcept override { return arrived_; }
  tls::CertificatePtr certificate() const override { return certificate_; }
  const tls_v3::CertificateValidationContext& validation_context() const override { return content_.validation_context(); }
  const tls_v3::TlsSessionTicketKeys& ticket_keys() const override { return content_.session_ticket_keys(); }
  const std::string& text() const override { return content_.generic_secret().secret().inline_bytes(); }
  void add_user(std::unique_ptr<User> user) override { users_.push_back(std::move(user)); }
  void forget_users() noexcept { users_.clear(); }
  Shown shown() const {
    Shown out{name_, version_, updated_, arrived_, configured_};
    if (!arrived_ && asked_ != nullptr) out.secret.set_name(name_), out.version = "uninitialized";
    redact(out.secret);
    return out;
  }

 private:
  // WatchEvents
  Result<void> on_update(const Update& u) override {
    const auto taken = take_update(u);
    if (!taken) return taken;
    if (!settled_ || !told_.empty()) settle();
    return {};
  }
  void on_fetch_timeout() override { settle(); }
  void settle() {
    settled_ = true;
    const auto told = told_;  // who is told may make others
    for (const auto& f : told) f();
    if (arrived_) told_.clear();
  }
  Result<void> take_update(const Update& u) {
    if (u.resources.empty()) {
      if (!u.removed.empty()) return {};  // what is there stays
      return Error{Errc::invalid_config, "Missing SDS resources for " + name_};
    }
    if (u.resources.size() != 1)
      return Error{Errc::invalid_config, "Unexpected SDS secrets length: " + std::to_string(u.resources.size())};
    tls_v3::Secret found;
    std::string wrong;
    std::size_t unknown = 0;
    if (const auto parsed = parse_resource(*u.resources.front(), found, false, wrong, unknown); !parsed) return parsed;
    if (wrong.empty() && (found.name() != name_ || found.type_case() != type_))
      wrong = "expected the " + std::string(name_of(type_)) + " '" + name_ + "', found '" + found.name() + "'";
    if (!wrong.empty() || !take(found, wrong)) return Error{Errc::invalid_config, "secret '" + name_ + "': " + wrong};
    arrived_ = true;
    if (files_of(found).empty()) redact(found);  // else they are read again
    configured_ = std::move(found);
    version_ = u.whole ? u.version : u.resources.front()->version;
    updated_ = store_.loop_.clock().wall();
    watch_files();
    return {};
  }

  event::DirectoryWatcher::Watch watch(const std::string& directory, std::function<void(std::string_view)> moved) {
    auto& w = store_.watcher_;
    if (w == nullptr) w = std::make_unique<event::DirectoryWatcher>(store_.loop_);
    auto watch = w->watch(directory, std::move(moved));
    if (watch == nullptr) LOG_WARN(logger::config, "sds: secret '", name_, "': cannot watch '", directory, "'");
    return watch;
  }

  void load() {
    auto& cells = store_.stats_.main();
    cells.add(stats_, SdsStat::update_attempt);
    std::string why;
    bool parsed = false;
    if (!read_file(why, parsed)) {
      cells.add(stats_, parsed ? SdsStat::update_rejected : SdsStat::update_failure);
      LOG_WARN(logger::config, "sds: secret '", name_, "' config rejected: ", why);
      return;
    }
    cells.add(stats_, SdsStat::update_success);
    version_ = response_version_;
    updated_ = store_.loop_.clock().wall();
    store_.stats_.set(stats_, SdsStat::version, XXH64(version_.data(), version_.size(), 0));
    store_.stats_.set(stats_, SdsStat::update_time, unix_ms(updated_));
    store_.stats_.set(version_text_, version_);
    watch_files();
  }

  /// False: `why`. `parsed`: the text is one, and what it says is refused.
  bool read_file(std::string& why, bool& parsed) {
    envoy::config::core::v3::DataSource source;
    source.set_filename(path_);
    const auto text = read_data_source(source);
    if (!text) {
      why = "cannot read " + path_;
      return false;
    }
    Problems problems;
    Node tree;
    Discovery response;
    if (parsed = parse_yaml(*text, path_, tree, problems); parsed) to_proto(tree, response, {path_, false}, problems);
    validate(response, Path(), problems);
    if (!problems.ok()) {
      const auto& first = problems.list().front();
      why = first.path + ": " + first.text.substr(0, first.text.find(", found"));  // that may be the secret
      return false;
    }
    tls_v3::Secret found;
    if (response.resources_size() != 1 || !response.resources(0).UnpackTo(&found)) {
      why = "expected one envoy.extensions.transport_sockets.tls.v3.Secret, found " + std::to_string(response.resources_size()) +
            " resources";
      return false;
    }
    if (found.name() != name_ || found.type_case() != type_) {
      why = "expected the " + std::string(name_of(type_)) + " '" + name_ + "', found '" + found.name() + "'";
      return false;
    }
    if (!take(found, why)) {
      name_files(found, why);
      return false;
    }
    arrived_ = true;
    configured_ = std::move(found);
    response_version_ = response.version_info();
    return true;
  }

  /// Reads the files that `from` names, and gives it to all users. False: `why`, and what was there stays.
  bool take(const tls_v3::Secret& from, std::string& why) {
    const auto certificate = certificate_;
    const auto content = content_;
    const bool arrived = arrived_;
    if (!read(from, why)) return false;
    if (!changed_) return true;
    arrived_ = true;
    std::erase_if(users_, [](const auto& u) { return u->gone(); });
    if (std::all_of(users_.begin(), users_.end(), [&](const auto& u) { return u->prepare(why); })) {
      for (const auto& u : users_) u->apply();
      return true;
    }
    certificate_ = certificate;
    content_ = content;
    arrived_ = arrived;
    return false;
  }

  /// False: `why`, and nothing has changed.
  bool read(const tls_v3::Secret& from, std::string& why) {
    for (const auto& file : files_of(from))
      if (directory_of(file).empty()) {
        why = "invalid file path " + file;
        return false;
      }
    if (from.has_tls_certificate()) {
      Problems problems;
      auto c = compile_certificate(from.tls_certificate(), name_, Path(), problems);
      if (c == nullptr) {
        why = problems.list().front().text;
        return false;
      }
      changed_ = certificate_ == nullptr || certificate_->identity() != c->identity();
      if (changed_) certificate_ = std::move(c);
      return true;
    }
    tls_v3::Secret whole = from;
    bool ok = true;
    if (from.has_validation_context()) {
      auto& v = *whole.mutable_validation_context();
      ok = (!v.has_trusted_ca() || make_inline(*v.mutable_trusted_ca(), why)) &&
           (!v.has_crl() || make_inline(*v.mutable_crl(), why));
      Problems problems;
      if (ok && compile_validation(v, name_, Path(), problems) == nullptr) {
        why = problems.list().front().text;
        ok = false;
      }
    } else if (from.has_generic_secret()) {
      ok = make_inline(*whole.mutable_generic_secret()->mutable_secret(), why);
    } else {
      for (auto& k : *whole.mutable_session_ticket_keys()->mutable_keys()) ok = ok && read_ticket_key(k, why);
    }
    if (!ok) return false;
    changed_ = whole.SerializeAsString() != content_.SerializeAsString();
    content_ = std::move(whole);
    return true;
  }

  /// The files that the secret names are watched as well: a new one is read as soon as it is in place.
  void watch_files() {
    std::vector<std::string> directories;
    if (const auto d = watched_directory(configured_); !d.empty())
      directories.push_back(d);
    else
      for (const auto& file : files_of(configured_)) directories.push_back(directory_of(file));
    std::erase_if(watches_,
                  [&](const auto& w) { return std::find(directories.begin(), directories.end(), w.first) == directories.end(); });
    for (const auto& d : directories)
      if (!watches_.contains(d)) watches_[d] = watch(d, [this](std::string_view) { rotate(); });
  }

  void rotate() {
    if (files_of(configured_).empty()) return;  // it names none any more; its texts are redacted here
    std::string why;
    if (!take(configured_, why)) {
      store_.stats_.main().add(stats_, SdsStat::key_rotation_failed);
      name_files(configured_, why);
      LOG_WARN(logger::config, "sds: secret '", name_, "': Failed to reload certificates: ", why);
      return;
    }
    if (changed_) updated_ = store_.loop_.clock().wall();
  }

  SecretStore& store_;
  std::string name_;
  tls_v3::Secret::TypeCase type_;
  std::string path_, watched_;    // of a file
  std::unique_ptr<Watch> asked_;  // of a control plane
  bool settled_ = false;
  std::vector<std::function<void()>> told_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  stats::TextReadout version_text_;
  tls_v3::Secret configured_, content_;  // content_: not of certificates
  tls::CertificatePtr certificate_;
  bool arrived_ = false, changed_ = false;
  std::string version_, response_version_;
  WallTime updated_{};
  event::DirectoryWatcher::Watch moved_;                           // the file
  std::map<std::string, event::DirectoryWatcher::Watch> watches_;  // of directories with the files that it names
  std::vector<std::unique_ptr<User>> users_;
};

SecretStore::SecretStore(event::Loop& loop, stats::Registry& stats)
    : loop_(loop), stats_(stats), late_sweep_(std::make_unique<event::Callback>(loop.timers(), [this] { sweep_now(); })) {}
/// Who uses a secret may hold secrets itself.
SecretStore::~SecretStore() {
  for (auto& [key, secret] : watched_) secret->forget_users();
}

void SecretStore::sweep() {
  sweep_now();
  late_sweep_->arm(kLateSweep);
}

void SecretStore::sweep_now() {
  std::erase_if(sockets_, [](const auto& s) { return s.expired(); });
  std::erase_if(watched_, [](auto& entry) {
    auto& secret = entry.second;
    return !secret->has_users() && secret.use_count() == 1;  // users hold it, too
  });
}

tls::CertificatePtr SecretStore::certificate_of(const tls_v3::Secret& secret, const Path& at, Problems& problems) {
  auto& made = static_certificates_[secret.name()];
  if (made == nullptr) made = compile_certificate(secret.tls_certificate(), secret.name(), at, problems);
  return made;
}

const std::string* SecretStore::text_of(const tls_v3::Secret& secret, const Path& at, Problems& problems) {
  const auto known = static_texts_.find(secret.name());
  if (known != static_texts_.end()) return &known->second;
  auto text = read_data_source(secret.generic_secret().secret());
  if (text) return &static_texts_.emplace(secret.name(), std::move(*text)).first->second;
  problems.error(at, text.error().detail);
  return nullptr;
}

void SecretStore::add_static(const tls_v3::Secret& secret, const Path& at, Problems& problems) {
  for (const auto& s : statics_)
    if (s.name() == secret.name() && s.type_case() == secret.type_case())
      return problems.error(at / "name",
                            "Duplicate static " + std::string(name_of(secret.type_case())) + " secret name " + secret.name());
  statics_.push_back(secret);
}

const tls_v3::Secret* SecretStore::find_static(const std::string& name, tls_v3::Secret::TypeCase type, const Path& at,
                                               Problems& problems) {
  for (const auto& s : statics_)
    if (s.name() == name && s.type_case() == type) return &s;
  problems.error(at / "name", "Unknown static " + std::string(name_of(type)) + ": " + name);
  return nullptr;
}

SecretPtr SecretStore::subscribe(const tls_v3::SdsSecretConfig& config, tls_v3::Secret::TypeCase type, const Path& at,
                                 Problems& problems) {
  const auto& source = config.sds_config();
  const bool asked = source.has_ads() || source.has_api_config_source();
  const std::string path = source.has_path_config_source() ? source.path_config_source().path() : source.path();
  if (asked && sources_ == nullptr) {
    problems.error(at / "sds_config", "there is nothing here that secrets could come from");
    return nullptr;
  }
  if (asked && !sources_->check(source, at / "sds_config", problems)) return nullptr;
  if (!asked && !std::filesystem::is_regular_file(path)) {
    problems.error(at / "sds_config",
                   "the file must exist at startup: envoy::api::v2::Path must refer to an existing path in the system: '" + path +
                       "' does not exist");
    return nullptr;
  }
  if (!asked && directory_of(path).empty()) {
    problems.error(at / "sds_config", "invalid file path " + path + ": it must name its directory");
    return nullptr;
  }
  auto& same = watched_[config.name() + '\n' + std::to_string(type) + '\n' + (asked ? source.SerializeAsString() : path)];
  if (same == nullptr) {
    same = std::make_shared<WatchedSecret>(*this, config.name(), type);
    if (asked)
      same->ask(*sources_, source);
    else
      same->read_from(path, source.path_config_source().watched_directory().path());
  }
  if (recording_ != nullptr) recording_->push_back(same);
  return same;
}

void SecretStore::each_context(const std::function<void(const tls::Context&)>& f) const {
  std::erase_if(sockets_, [](const auto& s) { return s.expired(); });
  for (const auto& weak : sockets_)
    if (const auto socket = weak.lock())
      if (const auto context = socket->current()) f(*context);
}

void SecretStore::forget_private_keys() {
  Problems told_before;
  for (auto& s : statics_) {
    if (s.has_tls_certificate()) (void)certificate_of(s, Path(), told_before);  // for configs that come later
    if (s.has_generic_secret()) (void)text_of(s, Path(), told_before);
    redact(s);
  }
}

std::vector<SecretStore::Shown> SecretStore::dynamic() const {
  std::vector<Shown> out;
  for (const auto& [key, secret] : watched_) out.push_back(secret->shown());
  return out;
}

}  // namespace outrigger::xds
