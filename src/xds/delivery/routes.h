// RDS: route configurations by name, each shared by the connection managers that name it from the same source. Main
// thread; owned by Delivery.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/route_source.h"
#include "xds/delivery/context.h"
#include "xds/delivery/route_parts.h"
#include "xds/delivery/shared_by_key.h"
#include "xds/delivery/virtual_hosts.h"

namespace outrigger::xds {

using envoy::extensions::filters::network::http_connection_manager::v3::Rds;

/// What a listener waits for.
class RouteUse {
 public:
  virtual ~RouteUse() = default;
  /// Did the first one come (good or bad), or was the wait for it given up?
  virtual bool settled() const noexcept = 0;
  /// Is there one?
  virtual bool arrived() const noexcept = 0;
  /// Was what came not taken?
  virtual bool refused() const noexcept = 0;
  /// Calls `f` when something of that changes, until it is settled and arrived.
  virtual void on_progress(std::function<void()> f) = 0;
  virtual const std::string& name() const noexcept = 0;
  /// As Envoy's /init_dump names it.
  virtual std::string target() const = 0;
};
using RouteUsePtr = std::shared_ptr<RouteUse>;

/// One of them, as long as a listener holds it.
class RouteDelivery final : public RouteUse, private WatchEvents, public std::enable_shared_from_this<RouteDelivery> {
 public:
  RouteDelivery(const DeliveryContext& c, const Rds& config, const std::string& stat_prefix);
  ~RouteDelivery() override;
  const std::shared_ptr<hcm::RouteSource>& source() const noexcept { return source_; }
  // RouteUse
  bool settled() const noexcept override { return settled_; }
  bool arrived() const noexcept override { return !bytes_.empty(); }
  bool refused() const noexcept override { return refused_; }
  void on_progress(std::function<void()> f) override {
    if (!settled_ || !arrived()) told_.push_back(std::move(f));
  }
  const std::string& name() const noexcept override { return name_; }
  std::string target() const override { return "RdsRouteConfigSubscription RDS init " + name_; }
  void want_host(const std::string& host);

  // For pages.
  const std::string& version() const noexcept { return version_; }
  const std::string& bytes() const noexcept { return bytes_; }  // with all virtual hosts; empty: nothing has come
  WallTime updated() const noexcept { return updated_; }

 private:
  Result<void> on_update(const Update& u) override;
  Result<void> take(const Update& u);
  /// Only what changed is parsed and compiled. False: it has to be taken as a whole.
  bool take_changes(const Update& u);
  void use(std::shared_ptr<const route::RouteConfig> routes, const std::string& version);
  void on_fetch_timeout() override { settle(); }
  void on_failure() override { refused_ = true, settle(); }
  void settle();
  using RouteConfiguration = envoy::config::route::v3::RouteConfiguration;
  /// `came`: the bytes that it was parsed from; null: they say more or less than this.
  Result<void> publish(RouteConfiguration m, const HostDelivery::Hosts& hosts, const std::string& version,
                       const std::string_view* came);
  void count_reload();
  void make_hosts();
  void wake(const std::vector<std::string>& hosts) const;
  const DeliveryContext& c_;
  std::string name_, stat_prefix_, version_, bytes_;
  WallTime updated_{};
  std::uint64_t content_ = 0, came_ = 0;  // came_: bytes_hash()
  bool settled_ = false, refused_ = false;
  KnownHosts known_;  // of the version in use
  std::vector<std::function<void()>> told_;
  std::shared_ptr<hcm::RouteSource> source_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  std::unique_ptr<Watch> watch_;
  // Of one with more virtual hosts than its own:
  std::unique_ptr<const RouteConfiguration> own_;  // without those
  std::unique_ptr<HostDelivery> hosts_;
};
using RouteDeliveryPtr = std::shared_ptr<RouteDelivery>;

class RouteDeliveries {
 public:
  explicit RouteDeliveries(const DeliveryContext& c) : c_(c) {}
  /// Found or made.
  RouteDeliveryPtr get(const Rds& config, const std::string& stat_prefix);
  void each(const std::function<void(const RouteDelivery&)>& f) const { all_.each(f); }

 private:
  const DeliveryContext& c_;
  SharedByKey<RouteDelivery> all_;  // by name and source
};

}  // namespace outrigger::xds
