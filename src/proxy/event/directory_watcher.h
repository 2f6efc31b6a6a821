// Tells when a file was moved into a directory: how configs and certificates are replaced whole. Main
// thread; owned by whoever reads the files.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/event/loop.h"

namespace outrigger::event {

class DirectoryWatcher final : private Pollable {
 public:
  /// The name is the file's, without the directory.
  using Told = std::function<void(std::string_view name)>;
  explicit DirectoryWatcher(Loop& loop);
  ~DirectoryWatcher();
  /// False: the directory cannot be watched (errno).
  bool watch(const std::string& directory, Told told);

 private:
  void on_events(std::uint32_t events) override;
  Loop& loop_;
  int fd_;
  std::map<int, std::vector<std::shared_ptr<Told>>> told_;  // by watch descriptor
};

}  // namespace outrigger::event
