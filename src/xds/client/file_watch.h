// Resources out of a file with a DiscoveryResponse (YAML, JSON, protobuf), read again when it is moved into its place,
// or something into the watched directory. Main thread.
#pragma once
#include <memory>
#include <set>
#include <string>
#include "proxy/base/list.h"
#include "proxy/event/directory_watcher.h"
#include "proxy/event/loop.h"
#include "xds/client/counts.h"
#include "xds/client/watch.h"

namespace outrigger::xds {

struct FileSource {
  std::string path;
  std::string watched_directory;  // empty: that of the file
  bool allow_unknown = true;      // unknown fields are told and passed over
};

class FileWatch final : public Watch, public Link {
 public:
  /// `watcher` outlives it. The file is read from the loop, not before this returns.
  FileWatch(event::Loop& loop, event::DirectoryWatcher& watcher, FileSource source, const Counts& counts, WatchEvents& events);
  ~FileWatch() override;
  void want(const std::set<std::string>&) override {}  // a file tells all that it has

  // For pages.
  const std::string& path() const noexcept { return source_.path; }
  const std::string& version() const noexcept { return version_; }  // of the last that was taken
  const std::string& failure() const noexcept { return failure_; }  // of the last try; empty: it was taken
  WallTime updated() const noexcept { return updated_; }            // {}: never
  WallTime failed() const noexcept { return failed_; }

 private:
  void read();
  void fail(const char* how, const std::string& why);
  Result<void> apply(Response& r);
  event::Loop& loop_;
  FileSource source_;
  std::string version_, failure_;
  WallTime updated_{}, failed_{};
  Counts counts_;
  WatchEvents& events_;
  event::Alarm<FileWatch, &FileWatch::read> first_;
  event::DirectoryWatcher::Watch moved_;
  std::shared_ptr<int> alive_;  // for who tells something, which may end this
};

}  // namespace outrigger::xds
