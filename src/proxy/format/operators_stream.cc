// Operators that print one fact of the stream or its connections: no argument, no length.
#include <charconv>
#include <unordered_map>

#include "proxy/format/operators.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::format {

using http::StreamInfo;

namespace {

using InfoText = bool (*)(const StreamInfo&, std::string&);
using InfoNumber = std::optional<std::uint64_t> (*)(const StreamInfo&);
using Number = std::optional<std::uint64_t>;

bool put_text(std::string_view s, std::string& out) {
  out += s;
  return !s.empty();
}
Number milliseconds(TimePoint from, TimePoint to) {
  if (from == TimePoint{} || to == TimePoint{}) return {};
  return static_cast<std::uint64_t>((to - from).count() / 1000);
}
Number since_start(const StreamInfo& i, TimePoint t) { return milliseconds(i.start, t); }
bool put_address(const net::Address& a, std::string& out) { return put_text(a.text(), out); }
Number port_of(const net::Address& a) { return a.is_ip() ? Number(a.port()) : std::nullopt; }
std::string_view text_of(http::CloseType t) {
  constexpr std::string_view kNames[] = {"Normal", "LocalReset", "RemoteReset"};
  return kNames[static_cast<unsigned>(t)];
}
using http::text_of;

/// The host of the last attempt; null: none was chosen.
const http::UpstreamInfo* chosen(const StreamInfo& i) { return i.upstream && !i.upstream->host.empty() ? &*i.upstream : nullptr; }
/// The same once a connection to it was there.
const http::UpstreamInfo* connected(const StreamInfo& i) {
  const auto* up = chosen(i);
  return up != nullptr && up->connection_id != 0 ? up : nullptr;
}
bool put_host_name(const http::UpstreamInfo* up, bool port, std::string& out) {
  if (up == nullptr) return false;
  if (up->hostname.empty()) return put_text(port ? std::string_view(up->host.text()) : up->host.ip_text(), out);
  return put_text(port ? up->hostname : up->hostname.substr(0, up->hostname.rfind(':')), out);
}

const std::unordered_map<std::string_view, InfoText> kTexts = {
    {"PROTOCOL", [](const StreamInfo& i, std::string& o) { return i.has_protocol && put_text(text_of(i.protocol), o); }},
    {"RESPONSE_FLAGS", [](const StreamInfo& i, std::string& o) { return i.flags.append_short(o), true; }},
    {"RESPONSE_FLAGS_LONG", [](const StreamInfo& i, std::string& o) { return i.flags.append_long(o), true; }},
    {"CONNECTION_TERMINATION_DETAILS",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->termination_details, o); }},
    {"ROUTE_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.route_name, o); }},
    {"VIRTUAL_CLUSTER_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.virtual_cluster, o); }},
    {"TLS_JA3_FINGERPRINT",
     [](const StreamInfo& i, std::string& o) {
       return i.connection->found() != nullptr && put_text(i.connection->found()->ja3, o);
     }},
    {"TLS_JA4_FINGERPRINT",
     [](const StreamInfo& i, std::string& o) {
       return i.connection->found() != nullptr && put_text(i.connection->found()->ja4, o);
     }},
    {"FILTER_CHAIN_NAME", [](const StreamInfo& i, std::string& o) { return put_text(i.connection->filter_chain_name, o); }},
    {"LOCAL_REPLY_BODY", [](const StreamInfo& i, std::string& o) { return put_text(i.local_reply_body, o), true; }},
    {"CUSTOM_FLAGS", [](const StreamInfo&, std::string&) { return true; }},  // set by filters we don't have

    {"UPSTREAM_CLUSTER", [](const StreamInfo& i, std::string& o) { return put_text(i.cluster, o); }},
    {"UPSTREAM_CLUSTER_RAW", [](const StreamInfo& i, std::string& o) { return put_text(i.cluster_raw, o); }},
    {"UPSTREAM_HOST",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = chosen(i);
       return up != nullptr && put_address(up->host, o);
     }},
    {"UPSTREAM_HOST_NAME", [](const StreamInfo& i, std::string& o) { return put_host_name(chosen(i), true, o); }},
    {"UPSTREAM_HOST_NAME_WITHOUT_PORT", [](const StreamInfo& i, std::string& o) { return put_host_name(chosen(i), false, o); }},
    // As in Envoy, an attempt forgets those before it.
    {"UPSTREAM_HOSTS_ATTEMPTED",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = connected(i);
       return up != nullptr && put_address(up->host, o);
     }},
    {"UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = connected(i);
       return up != nullptr && put_text(up->host.ip_text(), o);
     }},
    {"UPSTREAM_HOST_NAMES_ATTEMPTED", [](const StreamInfo& i, std::string& o) { return put_host_name(connected(i), true, o); }},
    {"UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT",
     [](const StreamInfo& i, std::string& o) { return put_host_name(connected(i), false, o); }},
    {"UPSTREAM_CONNECTION_IDS_ATTEMPTED",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = connected(i);
       if (up != nullptr) append_number(up->connection_id, o);
       return up != nullptr;
     }},
    {"UPSTREAM_REMOTE_ADDRESS",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = connected(i);
       return up != nullptr && put_address(up->remote_or_host(), o);
     }},
    {"UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID", [](const StreamInfo& i, std::string&) { return connected(i) != nullptr; }},
    {"UPSTREAM_LOCAL_ADDRESS",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = connected(i);
       return up != nullptr && put_address(up->local, o);
     }},
    {"UPSTREAM_PROTOCOL",
     [](const StreamInfo& i, std::string& o) {
       const auto* up = i.has_protocol ? connected(i) : nullptr;
       return up != nullptr && put_text(text_of(up->protocol), o);
     }},
    {"UPSTREAM_TRANSPORT_FAILURE_REASON",
     [](const StreamInfo& i, std::string& o) { return i.upstream && put_text(i.upstream->transport_failure_reason, o); }},
    {"UPSTREAM_LOCAL_CLOSE_REASON",
     [](const StreamInfo& i, std::string& o) { return i.upstream && put_text(i.upstream->local_close_reason, o); }},
    {"UPSTREAM_DETECTED_CLOSE_TYPE",
     [](const StreamInfo& i, std::string& o) { return i.upstream && put_text(text_of(i.upstream->close_type), o); }},

    {"DOWNSTREAM_LOCAL_ADDRESS", [](const StreamInfo& i, std::string& o) { return put_address(i.connection->local, o); }},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS", [](const StreamInfo& i, std::string& o) { return put_address(i.connection->local, o); }},
    {"DOWNSTREAM_REMOTE_ADDRESS", [](const StreamInfo& i, std::string& o) { return put_address(i.remote(), o); }},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
     [](const StreamInfo& i, std::string& o) { return put_address(i.connection->direct_remote, o); }},
    {"DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID", [](const StreamInfo&, std::string&) { return true; }},  // of internal listeners
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID", [](const StreamInfo&, std::string&) { return true; }},
    {"DOWNSTREAM_LOCAL_CLOSE_REASON",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->local_close_reason, o); }},
    {"DOWNSTREAM_DETECTED_CLOSE_TYPE",
     [](const StreamInfo& i, std::string& o) { return put_text(text_of(i.connection->close_type), o); }},
    {"DOWNSTREAM_TRANSPORT_FAILURE_REASON",
     [](const StreamInfo& i, std::string& o) { return put_text(i.connection->transport_failure_reason, o); }},
};

constexpr std::string_view kRouteTime = "ROUTE_RESOLUTION_TIME_US";

const std::unordered_map<std::string_view, InfoNumber> kNumbers = {
    {"RESPONSE_CODE", [](const StreamInfo& i) -> Number { return i.response_code; }},
    {"BYTES_RECEIVED", [](const StreamInfo& i) -> Number { return i.bytes_received; }},
    {"BYTES_SENT", [](const StreamInfo& i) -> Number { return i.bytes_sent; }},
    {"BYTES_RETRANSMITTED", [](const StreamInfo&) -> Number { return 0; }},  // of QUIC only
    {"PACKETS_RETRANSMITTED", [](const StreamInfo&) -> Number { return 0; }},
    {"DURATION", [](const StreamInfo& i) { return since_start(i, i.end); }},
    {"REQUEST_DURATION", [](const StreamInfo& i) { return since_start(i, i.last_downstream_rx); }},
    {"RESPONSE_DURATION",
     [](const StreamInfo& i) -> Number { return i.upstream ? since_start(i, i.upstream->first_rx) : std::nullopt; }},
    {"RESPONSE_TX_DURATION",
     [](const StreamInfo& i) -> Number {
       return i.upstream ? milliseconds(i.upstream->first_rx, i.last_downstream_tx) : std::nullopt;
     }},
    {"REQUEST_TX_DURATION",
     [](const StreamInfo& i) -> Number { return i.upstream ? since_start(i, i.upstream->last_tx) : std::nullopt; }},
    {"ROUNDTRIP_DURATION", [](const StreamInfo&) -> Number { return {}; }},  // of QUIC only
    {"DOWNSTREAM_HANDSHAKE_DURATION", [](const StreamInfo&) -> Number { return {}; }},
    {"UPSTREAM_CONNECTION_POOL_READY_DURATION",
     [](const StreamInfo& i) -> Number {
       return i.upstream ? milliseconds(i.upstream->pool_start, i.upstream->pool_ready) : std::nullopt;
     }},
    {"CONNECTION_ID", [](const StreamInfo& i) -> Number { return i.connection->id; }},
    {"UPSTREAM_CONNECTION_ID", [](const StreamInfo& i) -> Number { return i.upstream ? i.upstream->connection_id : 0; }},
    {"UPSTREAM_REQUEST_ATTEMPT_COUNT", [](const StreamInfo& i) -> Number { return i.attempt_count; }},
    {"ROUTE_RESOLUTION_COUNT", [](const StreamInfo& i) -> Number { return i.route_resolutions; }},
    {kRouteTime,
     [](const StreamInfo& i) {
       return i.route_resolutions == 0 ? std::nullopt : Number(static_cast<std::uint64_t>(i.route_time.count()));
     }},
    {"DOWNSTREAM_LOCAL_PORT", [](const StreamInfo& i) { return port_of(i.connection->local); }},
    {"DOWNSTREAM_DIRECT_LOCAL_PORT", [](const StreamInfo& i) { return port_of(i.connection->local); }},
    {"DOWNSTREAM_REMOTE_PORT", [](const StreamInfo& i) { return port_of(i.remote()); }},
    {"DOWNSTREAM_DIRECT_REMOTE_PORT", [](const StreamInfo& i) { return port_of(i.connection->direct_remote); }},
    {"UPSTREAM_REMOTE_PORT",
     [](const StreamInfo& i) { return connected(i) ? port_of(i.upstream->remote_or_host()) : std::nullopt; }},
    {"UPSTREAM_LOCAL_PORT", [](const StreamInfo& i) { return connected(i) ? port_of(i.upstream->local) : std::nullopt; }},

    {"DOWNSTREAM_WIRE_BYTES_RECEIVED", [](const StreamInfo& i) -> Number { return i.bytes.wire_received; }},
    {"DOWNSTREAM_WIRE_BYTES_SENT", [](const StreamInfo& i) -> Number { return i.bytes.wire_sent; }},
    {"DOWNSTREAM_HEADER_BYTES_RECEIVED", [](const StreamInfo& i) -> Number { return i.bytes.header_received; }},
    {"DOWNSTREAM_HEADER_BYTES_SENT", [](const StreamInfo& i) -> Number { return i.bytes.header_sent; }},
    {"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", [](const StreamInfo& i) -> Number { return i.bytes.plain_received; }},
    {"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", [](const StreamInfo& i) -> Number { return i.bytes.plain_sent; }},
    {"UPSTREAM_WIRE_BYTES_RECEIVED", [](const StreamInfo& i) -> Number { return i.upstream_bytes.wire_received; }},
    {"UPSTREAM_WIRE_BYTES_SENT", [](const StreamInfo& i) -> Number { return i.upstream_bytes.wire_sent; }},
    {"UPSTREAM_HEADER_BYTES_RECEIVED", [](const StreamInfo& i) -> Number { return i.upstream_bytes.header_received; }},
    {"UPSTREAM_HEADER_BYTES_SENT", [](const StreamInfo& i) -> Number { return i.upstream_bytes.header_sent; }},
    {"UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED",
     [](const StreamInfo& i) -> Number { return i.upstream_bytes.plain_received; }},
    {"UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", [](const StreamInfo& i) -> Number { return i.upstream_bytes.plain_sent; }},
};

}  // namespace

void append_number(std::uint64_t n, std::string& out) {
  char text[24];
  out.append(text, static_cast<std::size_t>(std::to_chars(text, text + 24, n).ptr - text));
}

std::optional<Operator> make_stream_operator(std::string_view name) {
  if (name == kRouteTime) StreamInfo::times_routes.store(true, std::memory_order_relaxed);
  if (const auto at = kNumbers.find(name); at != kNumbers.end())
    return Operator{[get = at->second](const Context& c, std::string& out) {
                      const auto n = get(*c.info);
                      if (n) append_number(*n, out);
                      return n.has_value();
                    },
                    true};
  if (const auto at = kTexts.find(name); at != kTexts.end())
    return Operator{[get = at->second](const Context& c, std::string& out) { return get(*c.info, out); }, false};
  return std::nullopt;
}

}  // namespace outrigger::format
