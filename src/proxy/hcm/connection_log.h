// The access logs of whole connections: a listener's own, and tcp_proxy's. Worker's thread.
#pragma once
#include "proxy/accesslog/access_log.h"
#include "proxy/hcm/worker.h"

namespace outrigger::hcm {

/// Writes the logs for a connection that ended now; `info` tells the rest (its connection is set).
void log_connection(const accesslog::AccessLogs& logs, accesslog::LogType type, http::StreamInfo& info, Worker& worker);

}  // namespace outrigger::hcm
