// What is said, in logs and counters, of requests that a cluster did not answer: those of the router, and those that filters make
// to services (side_call, side_stream). Worker's thread.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/base/arena.h"
#include "proxy/http/stream_info.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

/// What came of a request for which there was no connection; `why` is not no_pool.
http::ResetReason reset_reason_of(upstream::PoolFailure why) noexcept;

/// Spaces become underscores, as in all details that end in logs.
std::string_view with_underscores(std::string_view s, Arena& arena);

/// "upstream_reset_before_response_started{connection_termination|detail}". `responded`: the response had begun.
std::string_view reset_details(bool responded, http::ResetReason why, std::string_view detail, Arena& arena);

/// An answer of a service, or what stands for one, is counted as the router counts a request from inside. `host`: null: none.
void charge_side(upstream::Cluster& cluster, upstream::Host* host, stats::Cells& cells, std::uint16_t status);

}  // namespace outrigger::filters
