// ECDS: the config of a filter by its name, shared by the entries of filters of a kind that name it from the same source.
// Each entry compiles it for itself; a config that one of them can't use is refused. Main thread; owned by the listeners
// that have such entries.
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "xds/compile/late_filter.h"
#include "xds/delivery/context.h"
#include "xds/delivery/shared_by_key.h"
#include "xds/delivery/subscriptions.h"

namespace outrigger::xds {

class FilterUse;

class FilterDelivery final : private WatchEvents {
 public:
  FilterDelivery(const DeliveryContext& c, Subscriptions& subscriptions, const LateFilter& entry);
  ~FilterDelivery();
  /// Did the first one come (good or bad), or was the wait for it given up?
  bool settled() const noexcept { return settled_; }
  /// Called once it is.
  void on_progress(std::function<void()> f) {
    if (!settled_) told_.push_back(std::move(f));
  }

  // For pages.
  LateFilter::Kind kind() const noexcept { return kind_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& version() const noexcept { return version_; }
  const std::string& bytes() const noexcept { return shown_; }  // empty: nothing has come
  WallTime updated() const noexcept { return updated_; }

 private:
  friend class FilterUse;
  Result<void> on_update(const Update& u) override;
  void on_fetch_timeout() override { fail(); }
  Result<void> take(const Update& u);
  /// A config for one use, and what it needs besides.
  struct Made {
    LateFilter::Step step;
    Uses uses;
  };
  /// For a new use: what came before, if it can take that.
  Made known(const LateFilter& f);
  Result<Made> compile(const google::protobuf::Any& config, const LateFilter& f) const;
  void forget();
  void fail();
  void settle();
  const DeliveryContext& c_;
  Subscriptions& subscriptions_;
  const LateFilter::Kind kind_;
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

/// One entry of filters, as long as its listener is there.
class FilterUse {
 public:
  FilterUse(const DeliveryContext& c, std::shared_ptr<FilterDelivery> from, std::shared_ptr<const LateFilter> entry);
  ~FilterUse();
  FilterUse(const FilterUse&) = delete;
  FilterUse& operator=(const FilterUse&) = delete;
  const LateFilter& entry() const noexcept { return *entry_; }
  bool settled() const noexcept { return entry_->at_once || from_->settled(); }
  void on_progress(std::function<void()> f) { from_->on_progress(std::move(f)); }
  void set(FilterDelivery::Made next);

 private:
  const DeliveryContext& c_;
  std::shared_ptr<FilterDelivery> from_;
  std::shared_ptr<const LateFilter> entry_;
  Uses uses_;  // of the config that it has
};
using FilterUsePtr = std::shared_ptr<FilterUse>;

class FilterDeliveries {
 public:
  explicit FilterDeliveries(const DeliveryContext& c) : c_(c) {}
  /// Before the first use.
  void set_subscriptions(Subscriptions& s) noexcept { subscriptions_ = &s; }
  FilterUsePtr use(std::shared_ptr<const LateFilter> entry);
  void each(const std::function<void(const FilterDelivery&)>& f) const { all_.each(f); }
  /// Was there ever one of that kind?
  bool any(LateFilter::Kind kind) const noexcept { return any_[static_cast<std::size_t>(kind)]; }

 private:
  const DeliveryContext& c_;
  Subscriptions* subscriptions_ = nullptr;
  SharedByKey<FilterDelivery> all_;  // by kind, name and source
  std::array<bool, 3> any_{};
};

}  // namespace outrigger::xds
