// Tells when something changes in any of some directories, once it has been quiet for a moment. Main thread.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>
#include "proxy/event/loop.h"

namespace outrigger::control_plane {

class DirectoriesWatch final : private event::Pollable {
 public:
  DirectoriesWatch(event::Loop& loop, std::function<void()> changed);
  ~DirectoriesWatch();
  /// These from now on. What can't be watched is told in the log.
  void set(const std::vector<std::string>& directories);

  static constexpr Duration kQuiet = std::chrono::milliseconds(50);  // after the last change
  static constexpr Duration kMost = std::chrono::milliseconds(500);  // after the first

 private:
  void on_events(std::uint32_t events) override;
  void tell();
  event::Loop& loop_;
  std::function<void()> changed_;
  int fd_;
  std::map<std::string, int> watched_;  // watch descriptors
  TimePoint first_{};
  event::Alarm<DirectoriesWatch, &DirectoriesWatch::tell> quiet_;
};

}  // namespace outrigger::control_plane
