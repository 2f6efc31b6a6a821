// Reads what inotify has to tell. For what watches directories.
#pragma once
#include <sys/inotify.h>
#include <unistd.h>

namespace outrigger::event {

/// Calls `f(const inotify_event&)` for each event that is there.
template <class F>
void read_inotify(int fd, F&& f) {
  alignas(inotify_event) char bytes[4096];
  for (ssize_t n; (n = ::read(fd, bytes, sizeof bytes)) > 0;)
    for (const char* at = bytes; at < bytes + n;) {
      const auto& e = *reinterpret_cast<const inotify_event*>(at);
      at += sizeof e + e.len;
      f(e);
    }
}

}  // namespace outrigger::event
