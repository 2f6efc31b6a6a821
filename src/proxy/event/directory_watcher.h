// Tells when a file was moved into a directory: how configs and certificates are replaced whole. Main
// thread; owned by whoever reads the files.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include "proxy/event/loop.h"

namespace outrigger::event {

/// Of a file; "/" for one in the root. Empty: the path names none.
std::string directory_of(std::string_view path);

class DirectoryWatcher final : private Pollable {
 public:
  /// The name is the file's, without the directory.
  using Told = std::function<void(std::string_view name)>;
  /// Held by who wants to be told; it ends with the last copy, which may outlive the watcher.
  using Watch = std::shared_ptr<const void>;
  explicit DirectoryWatcher(Loop& loop);
  ~DirectoryWatcher();
  /// Null: the directory cannot be watched (errno).
  [[nodiscard]] Watch watch(const std::string& directory, Told told);
  /// Of one file alone, in the working directory if the path names none.
  [[nodiscard]] Watch watch_file(const std::string& path, std::function<void()> told);

 private:
  void on_events(std::uint32_t events) override;
  void unwatch(int descriptor, std::uint64_t id);
  Loop& loop_;
  int fd_;
  std::uint64_t next_id_ = 0;
  std::map<int, std::map<std::uint64_t, std::weak_ptr<Told>>> told_;  // by watch descriptor, in the order of asking
  std::shared_ptr<DirectoryWatcher*> alive_;                          // for watches that outlive this
};

}  // namespace outrigger::event
