#include "control_plane/watch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include "proxy/base/log.h"
#include "proxy/event/inotify.h"

namespace outrigger::control_plane {

namespace {
constexpr std::uint32_t kChanges =
    IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;
}  // namespace

DirectoriesWatch::DirectoriesWatch(event::Loop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), quiet_(loop.timers(), *this) {
  if (fd_ < 0 || !loop_.watch(fd_, *this, EPOLLIN)) LOG_ERROR(logger::config, "cannot watch directories: ", std::strerror(errno));
}

DirectoriesWatch::~DirectoriesWatch() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(fd_);
}

void DirectoriesWatch::set(const std::vector<std::string>& directories) {
  // The name may lead to another directory than before: all are asked for again, which costs nothing for those that are the
  // same.
  std::map<std::string, int> next;
  std::set<int> used;
  for (const auto& d : directories) {
    const int wd = inotify_add_watch(fd_, d.c_str(), kChanges);
    if (wd < 0) {
      LOG_WARN(logger::config, "cannot watch the directory '", d, "': ", std::strerror(errno));
      continue;
    }
    next[d] = wd;
    used.insert(wd);
  }
  for (const auto& [d, wd] : watched_)
    if (!used.contains(wd)) inotify_rm_watch(fd_, wd);
  watched_ = std::move(next);
}

void DirectoriesWatch::on_events(std::uint32_t) {
  bool some = false;
  event::read_inotify(fd_, [&some](const inotify_event& e) { some = some || (e.mask & IN_IGNORED) == 0; });
  if (!some) return;
  if (!quiet_.armed()) first_ = loop_.now();
  quiet_.arm(std::clamp(kMost - (loop_.now() - first_), Duration(0), kQuiet));
}

void DirectoriesWatch::tell() { changed_(); }

}  // namespace outrigger::control_plane
