// Operators of moments and of the time between two of them; addresses cut to a network.
#include <arpa/inet.h>
#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "proxy/format/operators.h"

namespace outrigger::format {

using http::StreamInfo;

namespace {

/// The moments %COMMON_DURATION(from:to:unit)% knows; {}: not reached.
struct Moment {
  int rank;  // of two at the same time the later one
  TimePoint (*at)(const StreamInfo&);
};
template <TimePoint http::UpstreamInfo::*Member>
TimePoint of_upstream(const StreamInfo& i) {
  return i.upstream ? (*i.upstream).*Member : TimePoint{};
}
using Up = http::UpstreamInfo;
const std::unordered_map<std::string_view, Moment> kMoments = {
    {"DS_RX_BEG", {1, [](const StreamInfo& i) { return i.start; }}},
    {"DS_RX_END", {2, [](const StreamInfo& i) { return i.last_downstream_rx; }}},
    {"DS_TX_BEG", {3, [](const StreamInfo& i) { return i.first_downstream_tx; }}},
    {"DS_TX_END", {4, [](const StreamInfo& i) { return i.last_downstream_tx; }}},
    {"US_CX_BEG", {5, of_upstream<&Up::connect_start>}},
    {"US_CX_END", {6, of_upstream<&Up::connect_end>}},
    {"US_HS_END", {7, of_upstream<&Up::handshake_end>}},
    {"US_TX_BEG", {8, of_upstream<&Up::first_tx>}},
    {"US_TX_END", {9, of_upstream<&Up::last_tx>}},
    {"US_RX_BEG", {10, of_upstream<&Up::first_rx>}},
    {"US_RX_BODY_BEG", {11, of_upstream<&Up::first_body_rx>}},
    {"US_RX_END", {12, of_upstream<&Up::last_rx>}},
};

std::string_view next_part(std::string_view& rest) {
  const auto colon = rest.find(':');
  const auto part = rest.substr(0, colon);
  rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
  return part;
}

Result<Operator> common_duration(std::string_view argument) {
  std::string_view rest = argument;
  const auto colons = std::count(argument.begin(), argument.end(), ':');
  if (colons < 1 || colons > 2) return invalid("Invalid common duration configuration: " + std::string(argument) + ".");
  const auto from = kMoments.find(next_part(rest)), to = kMoments.find(next_part(rest));
  const auto unit = rest.empty() ? std::string_view("ms") : rest;
  if (unit != "ms" && unit != "us" && unit != "ns")
    return invalid("Invalid common duration precision: " + std::string(unit) + ".");
  if (from == kMoments.end() || to == kMoments.end()) return Operator{[](const Context&, std::string&) { return false; }, true};
  return Operator{[from = from->second, to = to->second, unit = unit[0]](const Context& c, std::string& out) {
                    const auto a = from.at(*c.info), b = to.at(*c.info);
                    if (a == TimePoint{} || b == TimePoint{} || b < a || (a == b && to.rank < from.rank)) return false;
                    const auto us = static_cast<std::uint64_t>((b - a).count());
                    append_number(unit == 'm' ? us / 1000 : unit == 'u' ? us : us * 1000, out);
                    return true;
                  },
                  true};
}

/// "10.1.0.0/16" of 10.1.2.3; the address itself when the length is not a number.
void append_network(const net::Address& a, std::string_view length, std::string& out) {
  unsigned bits = 0;
  const auto [end, ec] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (ec != std::errc{} || end != length.data() + length.size()) {
    out += a.ip_text();
    return;
  }
  const auto range = net::CidrRange::parse(a.ip_text(), bits);
  if (!range) return;
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(range->v6 ? AF_INET6 : AF_INET, range->bytes, text, sizeof text);
  out += text;
  out += '/';
  append_number(range->bits, out);
}

using GetAddress = const net::Address* (*)(const StreamInfo&);
const net::Address* of_connected(const StreamInfo& i, const net::Address& (*get)(const Up&)) {
  if (!i.upstream || i.upstream->connection_id == 0) return nullptr;
  const net::Address& a = get(*i.upstream);
  return a.empty() ? nullptr : &a;
}
const std::unordered_map<std::string_view, GetAddress> kAddresses = {
    {"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", [](const StreamInfo& i) { return &i.connection->local; }},
    {"DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT", [](const StreamInfo& i) { return &i.connection->local; }},
    {"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", [](const StreamInfo& i) { return &i.remote(); }},
    {"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", [](const StreamInfo& i) { return &i.connection->direct_remote; }},
    {"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
     [](const StreamInfo& i) {
       return of_connected(
           i, [](const Up& u) -> auto& { return u.local; });
     }},
    {"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
     [](const StreamInfo& i) {
       return of_connected(
           i, [](const Up& u) -> auto& { return u.remote_or_host(); });
     }},
};

}  // namespace

std::optional<Result<Operator>> make_time_operator(std::string_view name, const Arguments& a) {
  if (name == "COMMON_DURATION") return common_duration(a.text);
  const bool emit = name.starts_with("EMIT_TIME"), local = name.ends_with("_LOCAL");
  if (!emit && !name.starts_with("START_TIME")) return std::nullopt;
  return Operator{[f = std::string(a.text), emit, local](const Context& c, std::string& out) {
                    WallTime t = c.info->start_wall;
                    if (emit) t += c.info->end - c.info->start;
                    const std::string_view unset = local ? "%Y-%m-%dT%H:%M:%S.%3f%z" : "%Y-%m-%dT%H:%M:%S.%3fZ";
                    append_time(t, f.empty() ? unset : std::string_view(f), local, out);
                    return true;
                  },
                  false};
}

std::optional<Result<Operator>> make_address_operator(std::string_view name, const Arguments& a) {
  const auto at = kAddresses.find(name);
  if (at == kAddresses.end()) return std::nullopt;
  return Operator{[get = at->second, length = std::string(a.text)](const Context& c, std::string& out) {
                    const auto* address = get(*c.info);
                    if (address == nullptr || address->empty()) return false;
                    if (length.empty() || !address->is_ip())
                      out += address->ip_text();
                    else
                      append_network(*address, length, out);
                    return true;
                  },
                  false};
}

}  // namespace outrigger::format
