// ECDS: the config of an HTTP filter by its name, shared by the entries of http_filters that name it from the same source.
// Each entry compiles it for itself; a config that one of them can't use is refused. Main thread; owned by the listeners
// that have such entries.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "proxy/hcm/filter.h"
#include "xds/compile/late_filter.h"
#include "xds/delivery/context.h"
#include "xds/delivery/shared_by_key.h"

namespace outrigger::xds {

class FilterUse;

class FilterDelivery final : private WatchEvents {
 public:
  FilterDelivery(const DeliveryContext& c, const LateFilter& config);
  ~FilterDelivery();
  /// Did the first one come (good or bad), or was the wait for it given up?
  bool settled() const noexcept { return settled_; }
  /// Called once it is.
  void on_progress(std::function<void()> f) { told_.push_back(std::move(f)); }

  // For pages.
  const std::string& name() const noexcept { return name_; }
  const std::string& version() const noexcept { return version_; }
  const std::string& bytes() const noexcept { return shown_; }  // empty: nothing has come
  WallTime updated() const noexcept { return updated_; }

 private:
  friend class FilterUse;
  Result<void> on_update(const Update& u) override;
  void on_fetch_timeout() override { fail(); }
  Result<void> take(const Update& u);
  /// For a new use: what came before, if it can take that.
  std::shared_ptr<const hcm::FilterFactory> known(const LateFilter& f);
  Result<std::shared_ptr<const hcm::FilterFactory>> compile(const google::protobuf::Any& config, const LateFilter& f) const;
  void forget();
  void fail();
  void settle();
  const DeliveryContext& c_;
  std::string name_, version_, shown_;
  std::unique_ptr<google::protobuf::Any> config_;  // null: nothing has come
  WallTime updated_{};
  std::uint64_t content_ = 0;
  bool settled_ = false;
  std::vector<std::function<void()>> told_;
  std::vector<FilterUse*> uses_;
  stats::LeasePtr lease_;
  stats::BlockHandle stats_;
  std::unique_ptr<Watch> watch_;
};

/// One entry of http_filters, as long as its listener is there.
class FilterUse {
 public:
  FilterUse(const DeliveryContext& c, std::shared_ptr<FilterDelivery> from, LateFilter config);
  ~FilterUse();
  FilterUse(const FilterUse&) = delete;
  FilterUse& operator=(const FilterUse&) = delete;
  std::shared_ptr<hcm::FilterFactory> factory() const { return std::make_shared<hcm::LateFilterFactory>(source_); }
  const LateFilter& config() const noexcept { return config_; }
  bool settled() const noexcept { return config_.at_once || from_->settled(); }
  void on_progress(std::function<void()> f) { from_->on_progress(std::move(f)); }
  /// Null: that of default_config, or none.
  void set(std::shared_ptr<const hcm::FilterFactory> next) const;

 private:
  const DeliveryContext& c_;
  std::shared_ptr<FilterDelivery> from_;
  LateFilter config_;
  std::shared_ptr<hcm::FilterSource> source_;
};
using FilterUsePtr = std::shared_ptr<FilterUse>;

class FilterDeliveries {
 public:
  explicit FilterDeliveries(const DeliveryContext& c) : c_(c) {}
  FilterUsePtr use(LateFilter config);
  void each(const std::function<void(const FilterDelivery&)>& f) const { all_.each(f); }
  /// Was there ever one?
  bool any() const noexcept { return any_; }

 private:
  const DeliveryContext& c_;
  SharedByKey<FilterDelivery> all_;  // by name and source
  bool any_ = false;
};

}  // namespace outrigger::xds
