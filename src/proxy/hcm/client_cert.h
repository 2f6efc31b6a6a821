// x-forwarded-client-cert: what the upstream is told of the client's certificate.
#pragma once
#include "proxy/hcm/config.h"
#include "proxy/http/header_map.h"
#include "proxy/http/stream_info.h"

namespace outrigger::hcm {

/// Removes, keeps, sets or appends to the header, as forward_client_cert_details says.
void forward_client_cert(const Config& c, http::HeaderMap& headers, const http::ConnectionInfo& connection);

}  // namespace outrigger::hcm
