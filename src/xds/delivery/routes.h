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

namespace outrigger::xds {

using envoy::extensions::filters::network::http_connection_manager::v3::Rds;

/// One of them, as long as a listener holds it.
class RouteDelivery final : private WatchEvents {
 public:
  RouteDelivery(const DeliveryContext& c, const Rds& config, const std::string& stat_prefix);
  ~RouteDelivery();
  const std::shared_ptr<hcm::RouteSource>& source() const noexcept { return source_; }
  /// Did the first one come (good or bad), or was the wait for it given up?
  bool settled() const noexcept { return settled_; }
  /// Is there one?
  bool arrived() const noexcept { return !bytes_.empty(); }
  /// Was what came not taken?
  bool refused() const noexcept { return refused_; }
  /// Called once it is settled, and once it arrived.
  void on_progress(std::function<void()> f) { told_.push_back(std::move(f)); }

  // For pages.
  const std::string& name() const noexcept { return name_; }
  const std::string& version() const noexcept { return version_; }
  const std::string& bytes() const noexcept { return bytes_; }  // empty: nothing has come
  WallTime updated() const noexcept { return updated_; }

 private:
  Result<void> on_update(const Update& u) override;
  Result<void> take(const Update& u);
  void on_fetch_timeout() override { settle(); }
  void on_failure() override { refused_ = true, settle(); }
  void settle();
  const DeliveryContext& c_;
  std::string name_, version_, bytes_;
  WallTime updated_{};
  std::uint64_t content_ = 0;
  bool settled_ = false, refused_ = false;
  std::vector<std::function<void()>> told_;
  std::shared_ptr<hcm::RouteSource> source_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  std::unique_ptr<Watch> watch_;
};
using RouteDeliveryPtr = std::shared_ptr<RouteDelivery>;

class RouteDeliveries {
 public:
  explicit RouteDeliveries(const DeliveryContext& c) : c_(c) {}
  /// Found or made.
  RouteDeliveryPtr get(const Rds& config, const std::string& stat_prefix);
  void each(const std::function<void(const RouteDelivery&)>& f) const;

 private:
  const DeliveryContext& c_;
  std::map<std::string, std::weak_ptr<RouteDelivery>> all_;  // by name and source
};

}  // namespace outrigger::xds
