// What the connection manager does to heads before routing and before they leave: hop-by-hop
// headers, client address, request id, x-envoy-* trust (Envoy: HTTP header manipulation).
#pragma once
#include <string_view>
#include "proxy/base/random.h"
#include "proxy/hcm/config.h"
#include "proxy/http/message.h"
#include "proxy/http/stream_info.h"

namespace outrigger::hcm {

/// Strips ports and the trailing dot of the host as configured.
void normalize_host(const Config& c, http::RequestHead& head, std::uint16_t local_port);

/// Connection header and those it names, keep-alive, proxy-connection, te. `upgrade`: the request
/// asks for an upgrade that the manager allows, whose headers stay.
void strip_hop_by_hop(http::RequestHead& head, bool upgrade);

/// Client address, x-forwarded-*, x-envoy-*, x-request-id, via, user agent. Sets info.remote_override
/// and is_internal. A status: reject with it (ip detection).
/// `routes`: whose internal_only_headers leave the head; null: none.
std::uint16_t mutate_request(const Config& c, const route::RouteConfig* routes, http::RequestHead& head, http::StreamInfo& info,
                             Random& random);

/// Everything but "connection" and the date. `upgrade`: this answers an upgrade, whose headers stay.
void mutate_response(const Config& c, const http::RequestHead& request, bool upgrade, http::ResponseHead& head);

}  // namespace outrigger::hcm
