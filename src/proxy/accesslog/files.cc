#include "proxy/accesslog/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace outrigger::accesslog {

namespace {
constexpr std::size_t kBufferMax = 16 * 1024 * 1024;  // then lines are dropped and counted
}

class Files::File final : public Sink {
 public:
  File(Files& files, std::string path, int fd, bool own) : files_(files), path_(std::move(path)), fd_(fd), own_(own) {}
  ~File() override {
    if (own_ && fd_ >= 0) ::close(fd_);
  }
  void write(std::string_view line) noexcept override {
    bool kick = false;
    {
      std::lock_guard lock(mutex_);
      if (buffer_.size() + line.size() > kBufferMax) {
        files_.stats_.dropped.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      buffer_.append(line);
      kick = buffer_.size() >= files_.flush_bytes_ && !kicked_;
      kicked_ = kicked_ || kick;
    }
    files_.stats_.write_buffered.fetch_add(1, std::memory_order_relaxed);
    files_.stats_.total_buffered.fetch_add(line.size(), std::memory_order_relaxed);
    if (!kick) return;
    std::lock_guard lock(files_.mutex_);
    files_.kick_ = true;
    files_.wake_.notify_one();
  }
  /// Background thread.
  void flush() {
    {
      std::lock_guard lock(mutex_);
      writing_.swap(buffer_);
      kicked_ = false;
    }
    if (reopen_.exchange(false) && own_) {
      const int fd = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
      if (fd < 0) {
        files_.stats_.reopen_failed.fetch_add(1);
      } else {
        ::close(fd_);
        fd_ = fd;
      }
    }
    std::string_view left = writing_;
    while (!left.empty()) {
      const ssize_t n = ::write(fd_, left.data(), left.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) {
        usleep(1000);
        continue;
      }
      if (n < 0) {
        files_.stats_.write_failed.fetch_add(1);
        break;
      }
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    if (!writing_.empty()) files_.stats_.write_completed.fetch_add(1);
    files_.stats_.total_buffered.fetch_sub(writing_.size());
    writing_.clear();
  }
  void ask_reopen() { reopen_ = true; }

 private:
  Files& files_;
  std::string path_;
  int fd_;
  bool own_;
  std::mutex mutex_;
  std::string buffer_, writing_;
  bool kicked_ = false;
  std::atomic<bool> reopen_{false};
};

Files::Files(Duration flush_interval, std::size_t flush_bytes) : interval_(flush_interval), flush_bytes_(flush_bytes) {}

Files::~Files() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  for (auto& [path, f] : files_) f->flush();
}

namespace {
Error cannot_open(const std::string& path, int error) {
  return {Errc::io, "unable to open file '" + path + "': " + std::strerror(error)};
}
}  // namespace

Result<void> can_open(const std::string& path) {
  if (path == "/dev/stdout" || path == "/dev/stderr") return {};
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return cannot_open(path, EISDIR);
    return ::access(path.c_str(), W_OK) == 0 ? Result<void>() : cannot_open(path, errno);
  }
  if (errno != ENOENT) return cannot_open(path, errno);
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::access(folder.c_str(), W_OK | X_OK) == 0 ? Result<void>() : cannot_open(path, errno);
}

Result<std::shared_ptr<Sink>> Files::open(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (const auto at = files_.find(path); at != files_.end()) return std::shared_ptr<Sink>(at->second);
  int fd = path == "/dev/stdout" ? STDOUT_FILENO : path == "/dev/stderr" ? STDERR_FILENO : -1;
  const bool own = fd < 0;
  if (own) fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return cannot_open(path, errno);
  auto f = std::make_shared<File>(*this, path, fd, own);
  files_.emplace(path, f);
  if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  return std::shared_ptr<Sink>(f);
}

void Files::reopen() {
  std::lock_guard lock(mutex_);
  for (auto& [path, f] : files_) f->ask_reopen();
  kick_ = true;
  wake_.notify_one();
}

void Files::run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (!wake_.wait_for(lock, interval_, [this] { return stop_ || kick_; })) stats_.flushed_by_timer.fetch_add(1);
    kick_ = false;
    auto files = files_;
    lock.unlock();
    for (auto& [path, f] : files) f->flush();
    lock.lock();
  }
}

std::string_view text_of(LogType t) noexcept {
  constexpr std::string_view kTexts[] = {"NotSet",
                                         "TcpUpstreamConnected",
                                         "TcpPeriodic",
                                         "TcpConnectionEnd",
                                         "DownstreamStart",
                                         "DownstreamPeriodic",
                                         "DownstreamEnd",
                                         "UpstreamPoolReady",
                                         "UpstreamPeriodic",
                                         "UpstreamEnd",
                                         "DownstreamTunnelSuccessfullyEstablished",
                                         "UdpTunnelUpstreamConnected",
                                         "UdpPeriodic",
                                         "UdpSessionEnd",
                                         "TcpConnectionStart"};
  return kTexts[static_cast<std::size_t>(t)];
}

namespace {
class Log final : public AccessLog {
 public:
  Log(std::shared_ptr<const Filter> f, std::shared_ptr<const format::TextFormat> t, std::shared_ptr<const format::JsonFormat> j,
      std::shared_ptr<Sink> s)
      : filter_(std::move(f)), text_(std::move(t)), json_(std::move(j)), sink_(std::move(s)) {}
  void log(const LogContext& c) const noexcept override {
    if (filter_ != nullptr && !filter_->pass(c)) return;
    thread_local std::string line;  // keeps its capacity
    line.clear();
    auto context = c.format;
    context.log_type = text_of(c.type);
    if (json_ != nullptr)
      json_->append(context, line);
    else
      text_->append(context, format::Missing::dash, line);
    sink_->write(line);
  }

 private:
  std::shared_ptr<const Filter> filter_;
  std::shared_ptr<const format::TextFormat> text_;
  std::shared_ptr<const format::JsonFormat> json_;
  std::shared_ptr<Sink> sink_;
};
}  // namespace

AccessLogPtr make_log(std::shared_ptr<const Filter> filter, std::shared_ptr<const format::TextFormat> text,
                      std::shared_ptr<const format::JsonFormat> json, std::shared_ptr<Sink> sink) {
  return std::make_shared<Log>(std::move(filter), std::move(text), std::move(json), std::move(sink));
}

}  // namespace outrigger::accesslog
