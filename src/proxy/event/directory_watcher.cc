#include "proxy/event/directory_watcher.h"

#include <utility>
#include "proxy/event/inotify.h"

namespace outrigger::event {

std::string directory_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash == 0 ? 1 : slash));
}

DirectoryWatcher::DirectoryWatcher(Loop& loop)
    : loop_(loop), fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), alive_(std::make_shared<DirectoryWatcher*>(this)) {
  if (fd_ >= 0) loop_.watch(fd_, *this, EPOLLIN);
}

DirectoryWatcher::~DirectoryWatcher() {
  if (fd_ < 0) return;
  loop_.unwatch(fd_, *this);
  ::close(fd_);
}

DirectoryWatcher::Watch DirectoryWatcher::watch(const std::string& directory, Told told) {
  const int wd = inotify_add_watch(fd_, directory.c_str(), IN_MOVED_TO);
  if (wd < 0) return nullptr;
  const auto id = next_id_++;
  const auto end = [alive = std::weak_ptr<DirectoryWatcher*>(alive_), wd, id](Told* ended) {
    delete ended;
    if (const auto here = alive.lock()) (*here)->unwatch(wd, id);
  };
  const std::shared_ptr<Told> watch(new Told(std::move(told)), end);
  told_[wd].emplace(id, watch);
  return watch;
}

DirectoryWatcher::Watch DirectoryWatcher::watch_file(const std::string& path, std::function<void()> told) {
  const std::string directory = directory_of(path);
  return watch(directory.empty() ? "." : directory,
               [name = path.substr(path.rfind('/') + 1), told = std::move(told)](std::string_view moved) {
                 if (moved == name) told();
               });
}

void DirectoryWatcher::unwatch(int descriptor, std::uint64_t id) {
  const auto at = told_.find(descriptor);
  if (at == told_.end() || at->second.erase(id) == 0 || !at->second.empty()) return;
  told_.erase(at);
  inotify_rm_watch(fd_, descriptor);
}

void DirectoryWatcher::on_events(std::uint32_t) {
  read_inotify(fd_, [this](const inotify_event& e) {
    const auto at = told_.find(e.wd);
    if (at == told_.end()) return;
    const auto all = at->second;  // one of them may add another, or end one
    for (const auto& [id, watch] : all)
      if (const auto told = watch.lock()) (*told)(e.len > 0 ? std::string_view(e.name) : std::string_view());
  });
}

}  // namespace outrigger::event
