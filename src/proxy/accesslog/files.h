// Log files: one bounded buffer per path, written by one background thread, so that a worker never
// waits for a disk. Owned by the server.
#pragma once
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include "proxy/accesslog/access_log.h"

namespace outrigger::accesslog {

struct FileStats {
  std::atomic<std::uint64_t> write_buffered{0}, write_completed{0}, write_failed{0}, flushed_by_timer{0}, reopen_failed{0};
  std::atomic<std::uint64_t> dropped{0}, total_buffered{0};
};

class Files {
 public:
  explicit Files(Duration flush_interval = std::chrono::seconds(10), std::size_t flush_bytes = 64 * 1024);
  ~Files();  // writes what is left
  /// The file, opened (append, created) or already open. /dev/stdout and /dev/stderr use the
  /// inherited descriptors, whoever owns them.
  Result<std::shared_ptr<Sink>> open(const std::string& path);
  void reopen();  // any thread: after log rotation
  const FileStats& stats() const noexcept { return stats_; }

 private:
  class File;
  void run();
  Duration interval_;
  std::size_t flush_bytes_;
  FileStats stats_;
  std::mutex mutex_;  // the list, and the thread's sleep
  std::condition_variable wake_;
  bool stop_ = false, kick_ = false;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::thread thread_;
};

/// Could a log be opened there? Nothing is created.
Result<void> can_open(const std::string& path);

/// A format and a sink behind a filter (null: always).
AccessLogPtr make_log(std::shared_ptr<const Filter> filter, std::shared_ptr<const format::TextFormat> text,
                      std::shared_ptr<const format::JsonFormat> json, std::shared_ptr<Sink> sink);

}  // namespace outrigger::accesslog
