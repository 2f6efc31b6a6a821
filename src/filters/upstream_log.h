// The router's log of its tries (upstream_log): what one try knew of itself, and when it is written.
// Worker's thread.
#pragma once
#include <memory>
#include <optional>
#include "proxy/accesslog/access_log.h"
#include "proxy/event/timers.h"
#include "proxy/runtime/thread_context.h"

namespace outrigger::filters {

struct UpstreamLogConfig {
  accesslog::AccessLogs logs;
  bool on_upstream_stream = false;
  std::optional<Duration> flush_interval;
};

class UpstreamLog {
 public:
  /// `request` must outlive this.
  UpstreamLog(std::shared_ptr<const UpstreamLogConfig> config, runtime::ThreadContext& thread, const http::RequestHead& request,
              const http::ConnectionInfo* connection);
  http::StreamInfo& info() noexcept { return info_; }
  /// The facts of the request that its tries share.
  void take_route(const http::StreamInfo& stream);
  void on_connected(const http::UpstreamInfo& upstream);
  /// What there was of the request has been sent.
  void on_started();
  void on_head(const http::ResponseHead& head);
  void on_trailers(const http::HeaderMap& trailers);
  /// The try is over: no periodic line follows.
  void stop();
  /// The last line, once.
  void write_end();

 private:
  void log(accesslog::LogType type);
  void on_flush();
  std::shared_ptr<const UpstreamLogConfig> config_;
  runtime::ThreadContext& thread_;
  const http::RequestHead& request_;
  http::StreamInfo info_;
  Arena arena_;  // of the two below
  http::ResponseHead* response_ = nullptr;
  http::HeaderMap* trailers_ = nullptr;
  bool written_ = false;
  event::Alarm<UpstreamLog, &UpstreamLog::on_flush> flush_;
};

}  // namespace outrigger::filters
