// One thread's event loop: an Asio io_context with one edge-triggered epoll set nested in it for
// data-path sockets, the timers, and the clock, which is read once per turn. Owned by its Worker
// (or by the server for the main thread). Only post() and stop() may be called from other threads.
#pragma once
#include <sys/epoll.h>
#include <functional>
#include <memory>
#include <vector>
#include "proxy/base/list.h"
#include "proxy/base/time.h"
#include "proxy/event/timers.h"

namespace boost::asio {
class io_context;
}

namespace outrigger::event {

/// A file descriptor's owner. Events are EPOLL* bits; the fd is registered once, edge-triggered.
class Pollable {
 public:
  virtual void on_events(std::uint32_t events) = 0;

 protected:
  ~Pollable() = default;
};

/// Work to do once at the end of the current loop turn (flush, delete). Owner keeps it alive.
class Deferred : public Link {
 public:
  virtual void run_deferred() = 0;

 protected:
  ~Deferred() = default;
};

class Loop;

/// As long as there is one, what its thread posts wakes no other until there is enough of it, or at the end. For updates that
/// tell workers of thousands of things: few wakeups, and no worker has so much to take at once that requests wait for it.
class PostBatch {
 public:
  PostBatch() noexcept;
  ~PostBatch();
  PostBatch(const PostBatch&) = delete;
  PostBatch& operator=(const PostBatch&) = delete;

 private:
  friend class Loop;
  static constexpr std::size_t kMost = 32;  // each takes a worker some microseconds
  void wake();
  std::vector<Loop*> loops_;
  std::size_t posted_ = 0;
  PostBatch* const outer_;
};

class Loop final : private TimeSource {
 public:
  Loop();                                 // the kernel's clock
  explicit Loop(const TimeSource& time);  // tests
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  TimePoint now() const noexcept override { return now_; }
  WallTime wall() const noexcept override;
  const TimeSource& clock() const noexcept { return *this; }
  Timers& timers() noexcept { return timers_; }

  void post(std::function<void()> f);  // thread-safe
  void run();                          // until stop()
  void stop();                         // thread-safe
  void poll();                         // everything ready, without waiting
  void refresh_clock() noexcept;
  /// To measure within a turn; now() stands still there.
  TimePoint read_clock() const noexcept;

  /// False when the kernel refuses (errno set). `level` asks for level-triggered readiness.
  bool watch(int fd, Pollable& owner, std::uint32_t events = kAll) noexcept;
  /// Must be called before the fd is closed; no event for it is delivered afterwards.
  void unwatch(int fd, Pollable& owner) noexcept;
  /// What is ready now is told again, on the next turn.
  void rearm(int fd, Pollable& owner) noexcept;
  static constexpr std::uint32_t kAll = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

  void defer(Deferred& d) noexcept { deferred_.push_back(d); }
  /// On the next turn, after what the kernel tells: for work that makes more such work without end.
  void next_turn(Deferred& d) noexcept;
  /// Runs after every event of this turn was delivered: the safe place to delete a session.
  template <class T>
  void dispose(std::unique_ptr<T> t) {
    struct Box final : Trash {
      std::unique_ptr<T> held;
    };
    auto box = std::make_unique<Box>();
    box->held = std::move(t);
    throw_away(std::move(box));
  }
  boost::asio::io_context& context() noexcept;

 private:
  struct Trash {
    virtual ~Trash() = default;
    std::unique_ptr<Trash> next;
  };
  friend class PostBatch;
  struct Host;
  void wake();
  void throw_away(std::unique_ptr<Trash> t) noexcept;
  bool turn();
  bool run_posted();  // false: there was nothing
  void finish_turn();
  void arm_wakeup();
  TimePoint now_{};
  const TimeSource* outside_ = nullptr;
  std::unique_ptr<Host> host_;
  Timers timers_;
  List<Deferred> deferred_, next_;
  bool next_posted_ = false;
  std::unique_ptr<Trash> trash_;
};

}  // namespace outrigger::event
