// The stream's access logs: at its end and, as configured, at other moments.
#include "proxy/hcm/session.h"
#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

using accesslog::LogType;

void Stream::log(LogType type) {
  if (config_->access_logs.empty()) return;
  const bool forwards = route_known_ && route_ != nullptr && route_->kind == route::Route::forward;
  if (forwards && info_.cluster.empty() && info_.details != "direct_response") {
    // Before the router, or answered before it: the log still names the cluster.
    const auto* c = chosen_.cluster.empty() ? nullptr : worker_.clusters.find(chosen_.cluster);
    if (c != nullptr) info_.set_cluster(c->config().name, c->config().stat_name, c->config().metadata);
  }
  if (down_ != nullptr) down_->meter(info_.bytes);
  const accesslog::LogContext c{format_context(), type, worker_.thread.runtime.get(), &worker_.thread.random,
                                worker_.thread.loop.now()};
  for (const auto& l : config_->access_logs) l->log(c);
}

void Stream::log_end() {
  if (info_.end == TimePoint{}) info_.end = worker_.thread.loop.now();
  log(LogType::downstream_end);
}

void Stream::on_periodic_log() {
  log(LogType::downstream_periodic);
  periodic_log_.arm(*config_->log_flush_interval);
}

}  // namespace outrigger::hcm
