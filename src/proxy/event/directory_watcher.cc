#include "proxy/event/directory_watcher.h"

#include "proxy/event/inotify.h"

namespace outrigger::event {

DirectoryWatcher::DirectoryWatcher(Loop& loop) : loop_(loop), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  if (fd_ >= 0) loop_.watch(fd_, *this, EPOLLIN);
}

DirectoryWatcher::~DirectoryWatcher() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(fd_);
}

bool DirectoryWatcher::watch(const std::string& directory, Told told) {
  const int wd = inotify_add_watch(fd_, directory.c_str(), IN_MOVED_TO);
  if (wd < 0) return false;
  told_[wd].push_back(std::make_shared<Told>(std::move(told)));
  return true;
}

void DirectoryWatcher::on_events(std::uint32_t) {
  read_inotify(fd_, [this](const inotify_event& e) {
    const auto listeners = told_.find(e.wd);
    if (listeners == told_.end()) return;
    const auto all = listeners->second;  // one of them may add another
    for (const auto& told : all) (*told)(e.len > 0 ? std::string_view(e.name) : std::string_view());
  });
}

}  // namespace outrigger::event
