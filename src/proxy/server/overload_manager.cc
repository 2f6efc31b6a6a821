#include "proxy/server/overload_manager.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>
#include "proxy/base/log.h"
#include "proxy/server/memory.h"

namespace outrigger::server {

namespace {

/// Below "overload.<monitor>.".
enum class ResourceStat : std::uint16_t { failed_updates, pressure, skipped_updates };
stats::BlockDef block_def(ResourceStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "failed_updates"}, {Kind::gauge, "pressure"}, {Kind::counter, "skipped_updates"}};
  return {kStats, {}};
}

/// Below "overload.<action>.".
enum class ActionStat : std::uint16_t { active, scale_percent };
stats::BlockDef block_def(ActionStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::gauge, "active"}, {Kind::gauge, "scale_percent"}};
  return {kStats, {}};
}

/// Likewise, of shrink_heap.
enum class ShrinkStat : std::uint16_t { shrink_count };
stats::BlockDef block_def(ShrinkStat) {
  static constexpr stats::StatDef kStats[] = {{stats::Kind::counter, "shrink_count"}};
  return {kStats, {}};
}

constexpr auto kIntervalMin = std::chrono::milliseconds(1);

}  // namespace

struct OverloadManager::Resource {
  ResourceMonitorConfig config;
  std::unique_ptr<ResourceMonitor> monitor;
  stats::BlockHandle stats;
  event::DirectoryWatcher::Watch moved = nullptr;  // its file
};

struct OverloadManager::Trigger {
  OverloadTrigger config;
  float share = 0;
};

struct OverloadManager::Action {
  OverloadActionConfig config;
  stats::BlockHandle stats, more;  // more: of shrink_heap
  std::vector<Trigger> triggers;
  float share = 0, carried_out = 0;
};

OverloadManager::OverloadManager(const runtime::ThreadContext& main, stats::Registry& registry)
    : loop_(main.loop),
      runtime_(main.runtime),
      registry_(registry),
      stats_(stats::make_block<stats::OverloadStat>(registry, "overload.")),
      refresh_(main.loop.timers(), *this),
      shrink_timer_(main.loop.timers(), *this) {}

OverloadManager::~OverloadManager() = default;

Result<void> OverloadManager::start(const OverloadConfig& config, Workers workers) {
  workers_ = std::move(workers);
  interval_ = std::max<Duration>(config.refresh_interval, kIntervalMin);
  for (const auto& m : config.monitors) {
    auto monitor = make_monitor(m, *runtime_);
    if (!monitor) return monitor.error();
    const auto block = stats::make_block<ResourceStat>(registry_, "overload." + m.name + ".");
    registry_.set(block, ResourceStat::pressure, 0);
    resources_.emplace_back(new Resource{m, std::move(*monitor), block});
    if (auto r = watch(*resources_.back()); !r) return r;
  }
  for (const auto& a : config.actions) add(a);
  if (resources_.empty()) return {};
  refreshed_ = loop_.now();
  refresh_.arm(interval_);
  return {};
}

void OverloadManager::add(const OverloadActionConfig& config) {
  actions_.emplace_back(new Action{config, {}, {}, {}});
  Action& a = *actions_.back();
  for (const auto& t : config.triggers) a.triggers.push_back({t});
  const std::string prefix = "overload." + config.name + ".";
  if (config.kind == OverloadActionConfig::point) {
    a.stats = stats::make_block<runtime::LoadShedStat>(registry_, prefix);
    registry_.set(a.stats, runtime::LoadShedStat::scale_percent, 0);
    return state_.count(config.shed_at, a.stats);
  }
  a.stats = stats::make_block<ActionStat>(registry_, prefix);
  for (const auto s : {ActionStat::active, ActionStat::scale_percent}) registry_.set(a.stats, s, 0);
  if (config.kind != OverloadActionConfig::shrink_heap) return;
  a.more = stats::make_block<ShrinkStat>(registry_, prefix);
  shrink_ = &a;
  shrink_timer_.arm(config.shrink_interval);
}

Result<void> OverloadManager::watch(Resource& r) {
  if (r.config.kind != ResourceMonitorConfig::file) return {};
  if (watcher_ == nullptr) watcher_ = std::make_unique<event::DirectoryWatcher>(loop_);
  r.moved = watcher_->watch_file(r.config.path, [monitor = r.monitor.get()] { monitor->on_file_replaced(); });
  if (r.moved != nullptr) return {};
  return Error{Errc::io, "unable to add filesystem watch for file " + r.config.path + ": " + std::strerror(errno)};
}

void OverloadManager::on_timer() {
  refresh();
  const auto now = loop_.now();
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - std::exchange(refreshed_, now)).count();
  registry_.main().record(stats_, stats::OverloadStat::refresh_interval_delay,
                          static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0)));
  refresh_.arm(interval_);
}

namespace {
/// Each change of what timers have left is a walk over all that run: small ones wait until they add up.
bool is_small_step(const OverloadActionConfig& config, float from, float to) noexcept {
  constexpr float kStep = 1.0F / 64;
  if (config.kind != OverloadActionConfig::reduce_timeouts) return false;
  return from > 0 && from < 1 && to > 0 && to < 1 && std::fabs(from - to) < kStep;
}
}  // namespace

void OverloadManager::refresh() {
  for (std::size_t i = 0; i < resources_.size(); ++i) update(*resources_[i], i);
  // What workers look at is there before what they are told, as connections that are no longer held may still be rejected.
  for (auto& a : actions_)
    if (a->share != a->carried_out) show(*a);
  for (auto& a : actions_) {
    if (is_small_step(a->config, a->carried_out, a->share)) continue;
    if (const float before = std::exchange(a->carried_out, a->share); before != a->share) tell(*a, before);
  }
}

/// What can't be told stays as it was.
void OverloadManager::update(Resource& r, std::size_t index) {
  const auto pressure = r.monitor->pressure(*runtime_);
  if (!pressure) {
    LOG_INFO(logger::main, "Failed to update resource ", r.config.name, ": ", pressure.error().detail);
    registry_.main().add(r.stats, ResourceStat::failed_updates);
    return;
  }
  for (auto& a : actions_)
    for (auto& t : a->triggers)
      if (t.config.monitor == index) update(*a, t, *pressure);
  constexpr double kMost = 1e15;  // what a gauge can show
  registry_.set(r.stats, ResourceStat::pressure, static_cast<std::uint64_t>(std::min(*pressure * 100, kMost)));
}

/// An action goes as far as the trigger that goes furthest. Its stats are those of the one that changed last, as in Envoy.
void OverloadManager::update(Action& a, Trigger& t, double pressure) {
  const float share = t.config.share(pressure);
  if (std::exchange(t.share, share) == share) return;
  if (a.config.kind != OverloadActionConfig::point) {
    registry_.set(a.stats, ActionStat::active, share >= 1 ? 1 : 0);
    registry_.set(a.stats, ActionStat::scale_percent, static_cast<std::uint64_t>(share * 100));
  }
  a.share = 0;
  for (const auto& each : a.triggers) a.share = std::max(a.share, each.share);
}

/// To workers, which read it.
void OverloadManager::show(const Action& a) {
  using Config = OverloadActionConfig;
  if (a.config.kind == Config::worker) state_.set(a.config.action, a.share);
  if (a.config.kind != Config::point) return;
  registry_.set(a.stats, runtime::LoadShedStat::scale_percent, static_cast<std::uint64_t>(a.share * 100));
  state_.set(a.config.shed_at, a.share);
}

void OverloadManager::tell(const Action& a, float before) {
  using Config = OverloadActionConfig;
  const bool full = a.share >= 1, was_full = before >= 1;
  if (full != was_full && a.config.kind != Config::point)
    LOG_INFO(logger::main, "Overload action ", a.config.name, " became ", full ? "active" : a.share > 0 ? "scaling" : "inactive");
  switch (a.config.kind) {
    case Config::stop_accepting_connections:
      if (full != was_full) workers_.hold_connections(full);
      return;
    case Config::reduce_timeouts:
      for (const auto kind : a.config.timers) workers_.scale_timers(kind, 1 - static_cast<double>(a.share));
      return;
    case Config::worker:
    case Config::point:
    case Config::shrink_heap: return;  // its timer looks
  }
}

void OverloadManager::shrink_heap() {
  shrink_timer_.arm(shrink_->config.shrink_interval);
  if (shrink_->share < 1) return;
  if (read_memory().free > shrink_->config.unfreed_bytes_max) return_free_memory();
  registry_.main().add(shrink_->more, ShrinkStat::shrink_count);
}

}  // namespace outrigger::server
