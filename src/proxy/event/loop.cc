#include "proxy/event/loop.h"

#include <sys/epoll.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <ctime>
#include <mutex>
#include <utility>
#include <vector>

namespace outrigger::event {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;

struct Loop::Host {
  asio::io_context ioc{1};
  asio::executor_work_guard<Executor> work{ioc.get_executor()};
  asio::posix::basic_stream_descriptor<Executor> set{ioc, epoll_create1(EPOLL_CLOEXEC)};
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor> wakeup{ioc};
  TimePoint wakeup_at = TimePoint::max();
  epoll_event events[256];
  int event_count = 0, event_at = 0;  // the batch being delivered: unwatch() edits it
  std::mutex mutex;                   // guards the next two
  std::vector<std::function<void()>> posted;
  bool waking = false;  // it will see to them
  std::atomic<bool> has_posted{false};
};

namespace {
TimePoint kernel_now() noexcept {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return TimePoint(Duration(t.tv_sec * 1000000LL + t.tv_nsec / 1000));
}
}  // namespace

Loop::Loop() : now_(kernel_now()), host_(std::make_unique<Host>()), timers_(clock()) {}

Loop::Loop(const TimeSource& time) : now_(time.now()), outside_(&time), host_(std::make_unique<Host>()), timers_(clock()) {}

Loop::~Loop() {
  while (trash_) trash_ = std::move(trash_->next);
}

WallTime Loop::wall() const noexcept { return outside_ != nullptr ? outside_->wall() : std::chrono::system_clock::now(); }

TimePoint Loop::read_clock() const noexcept { return outside_ != nullptr ? outside_->now() : kernel_now(); }

void Loop::refresh_clock() noexcept { now_ = read_clock(); }

asio::io_context& Loop::context() noexcept { return host_->ioc; }

namespace {
thread_local PostBatch* batch = nullptr;  // of this thread
}

PostBatch::PostBatch() noexcept : outer_(std::exchange(batch, this)) {}

PostBatch::~PostBatch() {
  batch = outer_;
  wake();
}

void PostBatch::wake() {
  posted_ = 0;
  for (Loop* loop : std::exchange(loops_, {})) loop->wake();
}

void Loop::post(std::function<void()> f) {
  {
    std::lock_guard lock(host_->mutex);
    host_->posted.push_back(std::move(f));
    host_->has_posted.store(true, std::memory_order_release);
    if (host_->waking) return;
  }
  if (batch == nullptr) return wake();
  if (std::find(batch->loops_.begin(), batch->loops_.end(), this) == batch->loops_.end()) batch->loops_.push_back(this);
  if (++batch->posted_ >= PostBatch::kMost * batch->loops_.size()) batch->wake();
}

void Loop::wake() {
  {
    std::lock_guard lock(host_->mutex);
    if (host_->posted.empty() || std::exchange(host_->waking, true)) return;
  }
  asio::post(host_->ioc, [this] {
    if (!run_posted()) return;
    finish_turn();
  });
}

bool Loop::run_posted() {
  if (!host_->has_posted.load(std::memory_order_acquire)) return false;
  std::vector<std::function<void()>> all;
  {
    std::lock_guard lock(host_->mutex);
    all.swap(host_->posted);
    host_->has_posted.store(false, std::memory_order_relaxed);
    host_->waking = false;
  }
  for (auto& f : all) {
    refresh_clock();
    f();
  }
  return true;
}

bool Loop::watch(int fd, Pollable& owner, std::uint32_t events) noexcept {
  epoll_event e{};
  e.events = events;
  e.data.ptr = &owner;
  return epoll_ctl(host_->set.native_handle(), EPOLL_CTL_ADD, fd, &e) == 0;
}

void Loop::rearm(int fd, Pollable& owner) noexcept {
  epoll_event e{};
  e.events = kAll;
  e.data.ptr = &owner;
  epoll_ctl(host_->set.native_handle(), EPOLL_CTL_MOD, fd, &e);
}

void Loop::unwatch(int fd, Pollable& owner) noexcept {
  epoll_ctl(host_->set.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
  for (int i = host_->event_at; i < host_->event_count; ++i)
    if (host_->events[i].data.ptr == &owner) host_->events[i].data.ptr = nullptr;
}

/// One epoll batch; false when nothing was ready.
bool Loop::turn() {
  Host& h = *host_;
  const int n = epoll_wait(h.set.native_handle(), h.events, 256, 0);
  // What was posted before an event comes before it: a request meets the config that was there when it was sent.
  h.event_count = n > 0 ? n : 0;
  run_posted();
  refresh_clock();
  while (h.event_at < h.event_count) {
    const epoll_event& e = h.events[h.event_at++];
    if (e.data.ptr != nullptr) static_cast<Pollable*>(e.data.ptr)->on_events(e.events);
  }
  h.event_count = h.event_at = 0;
  finish_turn();
  return n > 0;
}

void Loop::finish_turn() {
  timers_.run_due();
  while (Deferred* d = deferred_.pop_front()) d->run_deferred();
  while (trash_) {
    auto doomed = std::move(trash_);
    while (doomed) doomed = std::move(doomed->next);
  }
  arm_wakeup();
}

void Loop::next_turn(Deferred& d) noexcept {
  next_.push_back(d);
  if (std::exchange(next_posted_, true)) return;
  asio::post(host_->ioc, [this] {
    next_posted_ = false;
    refresh_clock();
    while (Deferred* d = next_.pop_front()) deferred_.push_back(*d);
    finish_turn();
  });
}

/// The system timer is moved only when something is due before it: per-request timers, nearly all
/// cancelled, cost no system call.
void Loop::arm_wakeup() {
  const auto due = timers_.next();
  if (!due || *due >= host_->wakeup_at || outside_ != nullptr) return;
  host_->wakeup_at = *due;
  host_->wakeup.expires_at(std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(due->time_since_epoch())));
  host_->wakeup.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;  // moved to an earlier time
    host_->wakeup_at = TimePoint::max();
    refresh_clock();
    finish_turn();
  });
}

void Loop::run() {
  struct Pump {
    Loop& loop;
    void operator()(const boost::system::error_code& ec = {}) const {
      if (ec) return;
      for (int i = 0; i < 8 && loop.turn(); ++i) {}
      loop.host_->set.async_wait(asio::posix::descriptor_base::wait_read, *this);
    }
  };
  refresh_clock();
  finish_turn();
  Pump{*this}();
  host_->ioc.run();
}

void Loop::stop() { host_->ioc.stop(); }

void Loop::poll() {
  refresh_clock();
  host_->ioc.restart();
  do {
    host_->ioc.poll();
  } while (turn() || next_posted_);
}

void Loop::throw_away(std::unique_ptr<Trash> t) noexcept {
  t->next = std::move(trash_);
  trash_ = std::move(t);
}

}  // namespace outrigger::event
