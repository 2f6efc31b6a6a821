// Access logs: a filter, a format and a sink, compiled on the main thread, run on workers when a
// stream or connection ends. Lines go to a per-file buffer that a background thread writes, so a
// worker never blocks on a file.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include "proxy/base/random.h"
#include "proxy/format/formatter.h"
#include "proxy/runtime/runtime.h"

namespace outrigger::accesslog {

/// The moment a log is written.
enum class LogType : std::uint8_t {
  not_set,
  tcp_upstream_connected,
  tcp_periodic,
  tcp_connection_end,
  downstream_start,
  downstream_periodic,
  downstream_end,
  upstream_pool_ready,
  upstream_periodic,
  upstream_end,
  downstream_tunnel_established,
  udp_tunnel_connected,  // the three of UDP never happen here
  udp_periodic,
  udp_session_end,
  tcp_connection_start
};
std::string_view text_of(LogType t) noexcept;  // "DownstreamEnd"

struct LogContext {
  format::Context format;
  LogType type = LogType::downstream_end;
  const runtime::Snapshot* runtime = nullptr;
  Random* random = nullptr;
  TimePoint now{};
};

/// Should this be logged? Pure; compiled from AccessLogFilter.
class Filter {
 public:
  virtual ~Filter() = default;
  virtual bool pass(const LogContext& c) const = 0;
};

/// A file (or /dev/stdout, /dev/stderr) opened once per path by the Files registry.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(std::string_view line) noexcept = 0;  // any worker; bounded, drops and counts when full
};

class AccessLog {
 public:
  virtual ~AccessLog() = default;
  /// Any worker.
  virtual void log(const LogContext& c) const noexcept = 0;
};
using AccessLogPtr = std::shared_ptr<const AccessLog>;
using AccessLogs = std::vector<AccessLogPtr>;

}  // namespace outrigger::accesslog
