// Looks at resources from time to time and does what the config says when one of them runs out. Main thread; what workers
// have to know of it is in the Overload.
#pragma once
#include <functional>
#include <memory>
#include <vector>
#include "proxy/event/directory_watcher.h"
#include "proxy/event/loop.h"
#include "proxy/runtime/overload.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/server/resource_monitor.h"
#include "proxy/stats/stats.h"

namespace outrigger::server {

class OverloadManager {
 public:
  /// `main`: where it runs, and what it sees of the runtime.
  OverloadManager(const runtime::ThreadContext& main, stats::Registry& registry);
  ~OverloadManager();
  /// What is done on all workers.
  struct Workers {
    std::function<void(bool on)> hold_connections;
    std::function<void(event::ScaledKind, double scale)> scale_timers;
  };
  /// Before there are workers. Error: a monitor can't work here.
  Result<void> start(const OverloadConfig& config, Workers workers);
  const runtime::Overload& state() const noexcept { return state_; }
  /// Asks every monitor, and acts.
  void refresh();

 private:
  struct Resource;
  struct Trigger;
  struct Action;
  Result<void> watch(Resource& r);
  void add(const OverloadActionConfig& config);
  void on_timer();
  void update(Resource& r, std::size_t index);
  void update(Action& a, Trigger& t, double pressure);
  void show(const Action& a);
  void tell(const Action& a, float before);
  void shrink_heap();

  event::Loop& loop_;
  const std::shared_ptr<const runtime::Snapshot>& runtime_;
  stats::Registry& registry_;
  const stats::BlockHandle stats_;
  runtime::Overload state_;
  Workers workers_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::vector<std::unique_ptr<Action>> actions_;
  Action* shrink_ = nullptr;  // null: there is no such action
  std::unique_ptr<event::DirectoryWatcher> watcher_;
  Duration interval_{};
  TimePoint refreshed_{};  // or started
  event::Alarm<OverloadManager, &OverloadManager::on_timer> refresh_;
  event::Alarm<OverloadManager, &OverloadManager::shrink_heap> shrink_timer_;
};

}  // namespace outrigger::server
