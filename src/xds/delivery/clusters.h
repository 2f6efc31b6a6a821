// CDS: clusters as a config source tells them, each with its EDS. What is the same as before is left alone. Main
// thread; owned by Delivery.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "xds/compile/secrets.h"
#include "xds/delivery/endpoints.h"

namespace outrigger::xds {

class ClusterDelivery final : private WatchEvents {
 public:
  explicit ClusterDelivery(const DeliveryContext& c);
  ~ClusterDelivery();
  /// EDS of a cluster of the bootstrap.
  void add_static(const envoy::config::cluster::v3::Cluster& cluster);
  /// `answered` is called once: after the first update, good or bad, or when it was waited for long enough.
  void start(const ConfigSource& source, std::function<void()> answered);

  /// From now on (the start is over) what is told is not answered on ADS while a cluster warms, as in Envoy: a control plane
  /// may wait with routes for that.
  void answer_when_warm() noexcept { answer_when_warm_ = true; }
  /// Clusters that were asked for by name. CDS, which knows nothing of them, does not remove them.
  Result<void> take_on_demand(const Update& u);

  struct Known {
    std::uint64_t content = 0, came = 0;  // came: bytes_hash() of the last that said this; 0: none
    bool on_demand = false;
    std::string version, bytes;  // as it came
    WallTime updated{};
    std::unique_ptr<EndpointDelivery> endpoints;  // null: not of EDS
    std::vector<SecretPtr> secrets;               // of its sockets, those that come
    struct Serving {
      std::string version, bytes;
      WallTime updated{};
    };
    std::unique_ptr<Serving> serving;  // while it warms: what serves meanwhile
  };
  /// What was accepted, by name; for pages.
  const std::map<std::string, Known>& known() const noexcept { return known_; }
  const std::string& version() const noexcept { return version_; }
  /// Those of CDS that do not serve yet, and why.
  void each_warming(const std::function<void(const std::string& name, const char* why)>& f) const;

 private:
  friend class ClusterUpdate;
  Result<void> on_update(const Update& u) override;
  std::unique_ptr<UpdateWork> begin_update(const Update& u) override;
  /// All of it at once.
  Result<void> take(const Update& u, bool on_demand);
  void settle(const Update& u, const Result<void>& taken);
  void on_fetch_timeout() override { tell_answered(); }
  /// Empty: it is taken. Otherwise why not.
  std::string add(const envoy::config::cluster::v3::Cluster& message, const std::string& version, bool on_demand,
                  std::uint64_t came);
  void remove(const std::string& name);
  void release_if_settled(const std::string& name);
  void tell_answered();
  void hold_answer();
  std::unique_ptr<Client::Pause> pause_endpoints();
  const DeliveryContext& c_;
  std::map<std::string, Known> known_;
  std::vector<std::unique_ptr<EndpointDelivery>> statics_;
  std::string version_;
  stats::BlockHandle stats_;
  bool changed_ = false;  // by the update that is being taken
  bool answer_when_warm_ = false;
  ConfigSource source_;
  std::unique_ptr<Client::Pause> held_;  // while a cluster warms
  std::function<void()> answered_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // for what secrets are told to call
  std::unique_ptr<Watch> watch_;
};

}  // namespace outrigger::xds
