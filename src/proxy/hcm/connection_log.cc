#include "proxy/hcm/connection_log.h"

#include "proxy/http/connection_facts.h"

namespace outrigger::hcm {

void log_connection(const accesslog::AccessLogs& logs, accesslog::LogType type, http::StreamInfo& info, Worker& worker) {
  if (logs.empty()) return;
  auto& thread = worker.thread;
  info.end = thread.loop.now();
  info.filter_state.parent = &info.connection->filter_state;
  if (const auto* found = info.connection->found(); found != nullptr) {
    if (info.dynamic_metadata == nullptr) info.dynamic_metadata = found->dynamic_metadata;
    if (found->flag) info.flags.set(*found->flag);
    if (info.details.empty()) info.details = found->details;
  }
  const format::Context what{&info, nullptr, nullptr, nullptr, "NotSet"};
  const accesslog::LogContext c{what, type, thread.runtime.get(), &thread.random, info.end};
  for (const auto& l : logs) l->log(c);
}

}  // namespace outrigger::hcm
