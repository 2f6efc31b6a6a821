// How much of something is used up, as a fraction. Main thread; reads files of the kernel, which never waits.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "proxy/base/result.h"
#include "proxy/runtime/runtime.h"
#include "proxy/server/overload_config.h"

namespace outrigger::server {

class ResourceMonitor {
 public:
  virtual ~ResourceMonitor() = default;
  /// Error: it is not known.
  virtual Result<double> pressure(const runtime::Snapshot& runtime) = 0;
  /// Its file was put in place of another one.
  virtual void on_file_replaced() {}
};

/// Error: it can't work here.
Result<std::unique_ptr<ResourceMonitor>> make_monitor(const ResourceMonitorConfig& config, const runtime::Snapshot& runtime);

/// A number from 0 to 1, and nothing else but blanks around it.
std::optional<double> injected_pressure(std::string_view text);
/// Of the kernel's /proc/stat: its first line.
struct CpuTimes {
  std::uint64_t busy = 0, all = 0;
};
std::optional<CpuTimes> cpu_times(std::string_view stat);
/// "max": none. Unset: it is neither that nor a number.
std::optional<std::uint64_t> cgroup_bytes(std::string_view text);

}  // namespace outrigger::server
