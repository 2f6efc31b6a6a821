// The signals that a program lives by (SIGTERM, SIGINT, SIGUSR1, SIGHUP): blocked in all threads, told on the loop. Made
// before any thread, which inherits the mask. Main thread.
#pragma once
#include <functional>
#include "proxy/event/loop.h"

namespace outrigger::event {

class Signals final : private Pollable {
 public:
  Signals(Loop& loop, std::function<void(int signal)> told);
  ~Signals();

 private:
  void on_events(std::uint32_t events) override;
  Loop& loop_;
  std::function<void(int)> told_;
  int fd_ = -1;
};

}  // namespace outrigger::event
