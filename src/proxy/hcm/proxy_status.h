// The Proxy-Status header (RFC 9209) of a response to what went wrong. Worker's thread.
#pragma once
#include "proxy/hcm/config.h"
#include "proxy/http/stream_info.h"

namespace outrigger::hcm {

/// Adds it, and the status that goes with the error if the config wants that, when the flags of the
/// stream tell of an error that the header has a name for.
void add_proxy_status(const ProxyStatusConfig& config, const http::StreamInfo& info, http::ResponseHead& head);

}  // namespace outrigger::hcm
