#include "xds/client/file_watch.h"

#include "proxy/base/log.h"
#include "xds/load/discovery_file.h"

namespace outrigger::xds {

FileWatch::FileWatch(event::Loop& loop, event::DirectoryWatcher& watcher, FileSource source, const Counts& counts,
                     WatchEvents& events)
    : loop_(loop),
      source_(std::move(source)),
      counts_(counts),
      events_(events),
      first_(loop.timers(), *this),
      alive_(std::make_shared<int>()) {
  const std::string& directory = source_.watched_directory;
  moved_ = directory.empty() ? watcher.watch_file(source_.path, [this] { read(); })
                             : watcher.watch(directory, [this](std::string_view) { read(); });
  if (moved_ == nullptr)
    LOG_WARN(logger::config, "xds: cannot watch the directory '",
             directory.empty() ? event::directory_of(source_.path) : directory, "'");
  first_.arm(Duration(0));
}

FileWatch::~FileWatch() = default;

void FileWatch::read() {
  first_.cancel();
  counts_.attempt();
  const auto begin = loop_.read_clock();
  Response r;
  if (const auto loaded = load_discovery_file(source_.path, source_.allow_unknown, r); !loaded) {
    counts_.failure();
    fail("failure", loaded.error().detail);
    return events_.on_failure();
  }
  const std::weak_ptr<int> self = alive_;  // what is told may end this
  const auto applied = apply(r);
  if (self.expired()) return;
  if (!applied) {
    counts_.rejected();
    return fail("rejected", source_.path + ": " + applied.error().detail);
  }
  version_ = r.version;
  updated_ = loop_.wall();
  failure_.clear();
  counts_.success(r.version, updated_, loop_.read_clock() - begin);
}

void FileWatch::fail(const char* how, const std::string& why) {
  failure_ = why;
  failed_ = loop_.wall();
  LOG_WARN(logger::config, "xds: filesystem config update ", how, ": ", why);
}

Result<void> FileWatch::apply(Response& r) {
  Update u{r.version, true, {}, {}};  // all of it: what was not asked for is refused by who is told, as in Envoy
  for (const auto& resource : r.resources) u.resources.push_back(&resource);
  const event::PostBatch batch;
  return events_.on_update(u);
}

}  // namespace outrigger::xds
