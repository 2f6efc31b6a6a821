// Where resources come from: one control plane for all types (ADS), streams for one subscription each, files. Finds or
// makes what a config source names. Main thread; owned by main, outlives all watches.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include "envoy/config/core/v3/config_source.pb.h"
#include "proxy/event/directory_watcher.h"
#include "xds/client/client.h"
#include "xds/client/file_watch.h"
#include "xds/problems.h"

namespace outrigger::xds {

using envoy::config::core::v3::ApiConfigSource;
using envoy::config::core::v3::ConfigSource;

class Sources {
 public:
  struct Settings {
    std::string node;  // serialised
    bool reject_unknown_fields = false;
    /// To the service that an ApiConfigSource names. Null: told.
    std::function<std::unique_ptr<Transport>(const ApiConfigSource&, const Path& at, Problems& problems)> make_transport;
  };
  Sources(event::Loop& loop, stats::Registry& registry, Random& random, Settings settings);
  ~Sources();
  /// The aggregated stream of the bootstrap.
  void set_ads(const ApiConfigSource& config, const Path& at, Problems& problems);
  /// Can it be used? Told if not.
  bool check(const ConfigSource& source, const Path& at, Problems& problems);
  /// Null: check() would have told why. `events` is told of nothing before this returns. `space` as in Client::watch().
  std::unique_ptr<Watch> watch(const ConfigSource& source, const std::string& type_url, std::set<std::string> names, bool all,
                               const Counts& counts, WatchEvents& events, std::string space = {});
  /// Holds back what is asked of a type while many watches come and go; null: it is not asked of a stream.
  std::unique_ptr<Client::Pause> pause(const ConfigSource& source, const std::string& type_url);
  bool rejects_unknown() const noexcept { return settings_.reject_unknown_fields; }
  // For pages: all streams, all files.
  void each(const std::function<void(const Client&)>& f) const;
  void each_file(const std::function<void(const FileWatch&)>& f) const {
    files_.each([&f](FileWatch& w) { f(w); });
  }

 private:
  class OwnStream;
  std::unique_ptr<Transport> connect(const ApiConfigSource& config, const Path& at, Problems& problems);
  ClientSettings settings_of(const ApiConfigSource& config, const std::string& type_url) const;
  event::Loop& loop_;
  stats::Registry& registry_;
  Random& random_;
  Settings settings_;
  std::unique_ptr<event::DirectoryWatcher> watcher_;  // when a file is used
  mutable List<FileWatch> files_;
  std::unique_ptr<Transport> ads_transport_;
  std::unique_ptr<Client> ads_;
  std::map<std::string, std::unique_ptr<Transport>> transports_;  // by config, of streams for one watch each
  mutable List<OwnStream> own_;
};

}  // namespace outrigger::xds
