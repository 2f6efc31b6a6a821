#include "filters/upstream_log.h"

#include <utility>

namespace outrigger::filters {

using accesslog::LogType;

UpstreamLog::UpstreamLog(std::shared_ptr<const UpstreamLogConfig> config, runtime::ThreadContext& thread,
                         const http::RequestHead& request, const http::ConnectionInfo* connection)
    : config_(std::move(config)), thread_(thread), request_(request), flush_(thread.loop.timers(), *this) {
  static const http::ConnectionInfo kNone;  // a mirrored request has no client
  info_.connection = connection == nullptr ? &kNone : connection;
  info_.start = thread.loop.now();
  info_.start_wall = thread.loop.wall();
  info_.has_protocol = false;
  info_.is_try = true;
  if (config_->flush_interval) flush_.arm(*config_->flush_interval);
}

void UpstreamLog::take_route(const http::StreamInfo& stream) {
  info_.remote_override = stream.remote_override;
  info_.route_name = stream.route_name;
  info_.route_metadata = stream.route_metadata;
  info_.virtual_host = stream.virtual_host;
  info_.virtual_host_metadata = stream.virtual_host_metadata;
  info_.cluster = stream.cluster;
  info_.cluster_raw = stream.cluster_raw;
  info_.cluster_metadata = stream.cluster_metadata;
}

void UpstreamLog::on_connected(const http::UpstreamInfo& upstream) {
  info_.upstream = upstream;
  info_.has_protocol = true;
  info_.protocol = upstream.protocol;
}

void UpstreamLog::on_started() {
  if (config_->on_upstream_stream && !written_) log(LogType::upstream_pool_ready);
}

void UpstreamLog::on_head(const http::ResponseHead& head) {
  info_.response_code = head.status;
  response_ = arena_.make<http::ResponseHead>(arena_);
  response_->status = head.status;
  response_->headers.copy_from(head.headers);
}

void UpstreamLog::on_trailers(const http::HeaderMap& trailers) {
  trailers_ = arena_.make<http::HeaderMap>(arena_);
  trailers_->copy_from(trailers);
}

void UpstreamLog::stop() {
  flush_.cancel();
  if (info_.end == TimePoint{}) info_.end = thread_.loop.now();
}

void UpstreamLog::write_end() {
  if (std::exchange(written_, true)) return;
  stop();
  log(LogType::upstream_end);
}

void UpstreamLog::on_flush() {
  log(LogType::upstream_periodic);
  flush_.arm(*config_->flush_interval);
}

void UpstreamLog::log(LogType type) {
  const accesslog::LogContext c{
      {&info_, &request_, response_, trailers_}, type, thread_.runtime.get(), &thread_.random, thread_.loop.now()};
  for (const auto& l : config_->logs) l->log(c);
}

}  // namespace outrigger::filters
