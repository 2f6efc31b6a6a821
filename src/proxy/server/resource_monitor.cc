#include "proxy/server/resource_monitor.h"

#include <algorithm>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <charconv>
#include <cstdlib>
#include <utility>
#include "proxy/server/memory.h"

namespace outrigger::server {

namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";

std::string_view trimmed(std::string_view s) noexcept {
  const auto begin = s.find_first_not_of(kBlanks);
  return begin == std::string_view::npos ? std::string_view{} : s.substr(begin, s.find_last_not_of(kBlanks) - begin + 1);
}

/// Whole, of digits alone.
std::optional<std::uint64_t> number_of(std::string_view s) noexcept {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(s.data(), s.data() + s.size(), n);
  if (ec != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return n;
}

/// Its beginning, which has what is wanted. Nothing: it can't be read, or is no file that is there as a whole.
std::optional<std::string> read_text(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  struct stat facts {};
  const bool file = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode);
  std::string text(4096, '\0');
  std::size_t size = 0;
  ssize_t n = file ? 1 : -1;
  while (n > 0 && size < text.size())
    if (n = ::read(fd, text.data() + size, text.size() - size); n > 0) size += static_cast<std::size_t>(n);
  ::close(fd);
  if (n < 0) return std::nullopt;
  text.resize(size);
  return text;
}

Error failed(std::string what) { return Error{Errc::io, std::move(what)}; }

class Heap final : public ResourceMonitor {
 public:
  explicit Heap(const ResourceMonitorConfig& c) : key_(c.runtime_key), max_(c.bytes_max) {}
  std::uint64_t max(const runtime::Snapshot& runtime) const { return key_.empty() ? max_ : runtime.integer(key_, max_); }
  Result<double> pressure(const runtime::Snapshot& runtime) override {
    const auto most = max(runtime);
    if (most == 0) return failed(kNoMax);
    return static_cast<double>(read_memory().allocated) / static_cast<double>(most);
  }
  static constexpr const char* kNoMax = "fixed_heap: max heap size must be greater than 0";

 private:
  std::string key_;
  std::uint64_t max_;
};

/// A pressure for tests: what a file says that is put in place of another one.
class Injected final : public ResourceMonitor {
 public:
  explicit Injected(std::string path) : path_(std::move(path)) {}
  Result<double> pressure(const runtime::Snapshot&) override {
    if (std::exchange(changed_, false)) {
      const auto text = read_text(path_);
      now_ = text ? injected_pressure(*text) : std::nullopt;
    }
    if (!now_) return failed("failed to parse injected resource pressure");
    return *now_;
  }
  void on_file_replaced() override { changed_ = true; }

 private:
  std::string path_;
  bool changed_ = true;
  std::optional<double> now_;
};

class Cgroup final : public ResourceMonitor {
 public:
  explicit Cgroup(std::uint64_t max) : max_(max == 0 ? UINT64_MAX : max) {}
  Result<double> pressure(const runtime::Snapshot&) override {
    static constexpr const char* kFiles[][2] = {
        {"/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.max"},
        {"/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}};
    for (const auto& [usage, limit] : kFiles) {
      const auto used = read_text(usage), most = read_text(limit);
      if (!used || !most) continue;
      const auto now = number_of(trimmed(*used)), bound = cgroup_bytes(*most);
      if (!now || !bound) return failed(std::string("unexpected content of ") + usage + " or " + limit);
      const auto max = std::min(*bound, max_);
      if (max == 0) return 1.0;
      return max == UINT64_MAX ? 0 : static_cast<double>(*now) / static_cast<double>(max);
    }
    return failed("No supported cgroup memory implementation found");
  }

 private:
  std::uint64_t max_;
};

/// Of the machine, smoothed.
class Cpu final : public ResourceMonitor {
 public:
  Cpu() : before_(read().value_or(CpuTimes{})) {}
  Result<double> pressure(const runtime::Snapshot&) override {
    const auto now = read();
    if (!now) return failed("Can't open file to read CPU utilization");
    if (now->busy < before_.busy || now->all <= before_.all) return failed("Erroneous CPU stats calculation");
    const double share = static_cast<double>(now->busy - before_.busy) / static_cast<double>(now->all - before_.all);
    before_ = *now;
    constexpr double kNew = 0.05;
    smoothed_ = share * kNew + smoothed_ * (1 - kNew);
    return smoothed_;
  }

 private:
  static std::optional<CpuTimes> read() {
    const auto text = read_text("/proc/stat");
    return text ? cpu_times(*text) : std::nullopt;
  }
  CpuTimes before_;
  double smoothed_ = 0;
};

}  // namespace

std::optional<double> injected_pressure(std::string_view text) {
  const std::string number(trimmed(text));
  if (number.empty()) return std::nullopt;
  char* end = nullptr;
  const double v = std::strtod(number.c_str(), &end);
  if (end != number.c_str() + number.size() || !(v >= 0 && v <= 1)) return std::nullopt;
  return v;
}

std::optional<CpuTimes> cpu_times(std::string_view stat) {
  constexpr std::string_view kAll = "cpu ";
  if (!stat.starts_with(kAll)) return std::nullopt;
  stat = stat.substr(kAll.size(), stat.find('\n') - kAll.size());
  CpuTimes out;
  std::size_t fields = 0;
  for (; !(stat = trimmed(stat)).empty(); ++fields) {
    const auto end = std::min(stat.find(' '), stat.size());
    const auto n = number_of(stat.substr(0, end));
    if (!n) return std::nullopt;
    constexpr std::size_t kBusy = 3;  // user, nice, system
    if (fields < kBusy) out.busy += *n;
    out.all += *n;
    stat.remove_prefix(end);
  }
  constexpr std::size_t kIdle = 4;
  return fields < kIdle ? std::nullopt : std::optional(out);
}

std::optional<std::uint64_t> cgroup_bytes(std::string_view text) {
  text = trimmed(text);
  if (text == "max" || text == "-1") return UINT64_MAX;
  return number_of(text);
}

Result<std::unique_ptr<ResourceMonitor>> make_monitor(const ResourceMonitorConfig& config, const runtime::Snapshot& runtime) {
  using Made = Result<std::unique_ptr<ResourceMonitor>>;
  switch (config.kind) {
    case ResourceMonitorConfig::heap: {
      auto heap = std::make_unique<Heap>(config);
      if (heap->max(runtime) == 0) return failed(Heap::kNoMax);
      return Made(std::move(heap));
    }
    case ResourceMonitorConfig::file: return Made(std::make_unique<Injected>(config.path));
    case ResourceMonitorConfig::cgroup: {
      auto cgroup = std::make_unique<Cgroup>(config.bytes_max);
      if (const auto p = cgroup->pressure(runtime); !p) return p.error();
      return Made(std::move(cgroup));
    }
    case ResourceMonitorConfig::cpu: return Made(std::make_unique<Cpu>());
  }
  return failed("no such monitor");
}

}  // namespace outrigger::server
