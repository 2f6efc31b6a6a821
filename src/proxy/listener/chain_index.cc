#include "proxy/listener/chain_index.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "proxy/http/connection_facts.h"

namespace outrigger::listener {

namespace {

std::string port_key(std::uint16_t port) { return {static_cast<char>(port >> 8), static_cast<char>(port & 255)}; }

/// Kind, length and the bits themselves.
std::array<char, 18> prefix_key(bool v6, unsigned bits, const std::uint8_t* bytes) {
  std::array<char, 18> key{};
  key[0] = v6 ? 1 : 0;
  key[1] = static_cast<char>(bits);
  const unsigned whole = bits / 8;
  std::memcpy(key.data() + 2, bytes, whole);
  if (bits % 8 != 0) key[2 + whole] = static_cast<char>(bytes[whole] & (0xff00u >> (bits % 8)));
  return key;
}

std::vector<std::string> range_keys(const std::vector<net::CidrRange>& ranges) {
  std::vector<std::string> out;
  for (const auto& r : ranges) {
    const auto key = prefix_key(r.v6, r.bits, r.bytes);
    out.emplace_back(key.data(), key.size());
  }
  return out;
}

}  // namespace

bool is_local(const http::ConnectionInfo& info) noexcept {
  return info.remote.is_loopback() || info.remote.ip_text() == info.local.ip_text() || !info.remote.is_ip();
}

ChainIndex::ChainIndex() { nodes_.emplace_back().level = destination_port; }

/// None, or an empty one: the chain does not ask.
std::vector<std::string> ChainIndex::keys(const ChainMatch& m, Level level) {
  std::vector<std::string> out;
  switch (level) {
    case destination_port:
      if (m.destination_port) out.push_back(port_key(*m.destination_port));
      break;
    case destination: return range_keys(m.destination);
    case server_name: return m.server_names;
    case transport_protocol:
      if (!m.transport_protocol.empty()) out.push_back(m.transport_protocol);
      break;
    case application_protocol: return m.application_protocols;
    case direct_source: return range_keys(m.direct_source);
    case source_type:
      if (m.source_type != ChainMatch::any) out.emplace_back(1, static_cast<char>(m.source_type));
      break;
    case source: return range_keys(m.source);
    case source_port:
      for (const auto p : m.source_ports) out.push_back(port_key(p));
      break;
    case leaf: break;
  }
  return out;
}

std::uint32_t ChainIndex::child(std::uint32_t at, const std::string& key) {
  if (const auto known = nodes_[at].children.find(key); known != nodes_[at].children.end()) return known->second;
  const auto made = static_cast<std::uint32_t>(nodes_.size());
  const Level level = nodes_[at].level;
  nodes_.emplace_back().level = static_cast<Level>(level + 1);
  Node& n = nodes_[at];
  n.children.emplace(key, made);
  if (level == destination || level == direct_source || level == source) {
    const Prefix p{key[0] != 0, static_cast<std::uint8_t>(key[1])};
    const auto place = std::find_if(n.prefixes.begin(), n.prefixes.end(), [&](const Prefix& o) { return o.bits <= p.bits; });
    if (std::none_of(place, n.prefixes.end(), [&](const Prefix& o) { return o.bits == p.bits && o.v6 == p.v6; }))
      n.prefixes.insert(place, p);
  }
  return made;
}

std::uint32_t ChainIndex::rest(std::uint32_t at) {
  if (nodes_[at].rest == kNone) {
    const auto made = static_cast<std::uint32_t>(nodes_.size());
    const auto level = static_cast<Level>(nodes_[at].level + 1);
    nodes_.emplace_back().level = level;
    nodes_[at].rest = made;
  }
  return nodes_[at].rest;
}

bool ChainIndex::insert(std::uint32_t at, const ChainMatch& m, std::uint32_t chain) {
  if (nodes_[at].level == leaf) {
    return std::exchange(nodes_[at].chain, chain) == kNone;
  }
  const auto wanted = keys(m, nodes_[at].level);
  if (wanted.empty()) return insert(rest(at), m, chain);
  bool fits = true;
  for (const auto& key : wanted) fits = insert(key.empty() ? rest(at) : child(at, key), m, chain) && fits;
  return fits;
}

bool ChainIndex::add(const ChainMatch& match, std::uint32_t chain) { return insert(0, match, chain); }

std::uint32_t ChainIndex::collapse(std::uint32_t at) {
  if (nodes_[at].level == leaf) return at;
  if (nodes_[at].rest != kNone) nodes_[at].rest = collapse(nodes_[at].rest);
  for (auto& [key, to] : nodes_[at].children) to = collapse(to);
  return nodes_[at].children.empty() && nodes_[at].rest != kNone ? nodes_[at].rest : at;
}

void ChainIndex::seal() { root_ = collapse(0); }

std::optional<std::uint32_t> ChainIndex::find(const http::ConnectionInfo& info) const {
  for (std::uint32_t at = root_; at != kNone; at = next(nodes_[at], info))
    if (nodes_[at].level == leaf) return nodes_[at].chain;
  return {};
}

std::uint32_t ChainIndex::get(const Node& n, std::string_view key) {
  const auto at = n.children.find(key);
  return at == n.children.end() ? kNone : at->second;
}

std::uint32_t ChainIndex::by_address(const Node& n, const net::Address& a) {
  constexpr std::string_view kOfPipes = "\xff\xff\xff\xff";  // as Envoy
  const bool v6 = a.family() == AF_INET6;
  const auto ip = a.is_ip() ? a.ip_bytes() : kOfPipes;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(ip.data());
  for (const auto& p : n.prefixes) {
    if (p.v6 != v6) continue;
    const auto key = prefix_key(v6, p.bits, bytes);
    if (const auto to = get(n, {key.data(), key.size()}); to != kNone) return to;
  }
  return n.rest;
}

/// The name itself, then the longest of its wildcards.
std::uint32_t ChainIndex::by_name(const Node& n, std::string_view name) {
  if (name.empty()) return n.rest;
  if (const auto to = get(n, name); to != kNone) return to;
  for (auto dot = name.find('.', 1); dot != std::string_view::npos && dot + 1 < name.size(); dot = name.find('.', dot + 1))
    if (const auto to = get(n, name.substr(dot)); to != kNone) return to;
  return n.rest;
}

std::uint32_t ChainIndex::by_protocol(const Node& n, const http::ConnectionInfo& info) {
  if (info.found() != nullptr)
    for (const auto& name : info.found()->application_protocols)
      if (const auto to = get(n, name); to != kNone) return to;
  return n.rest;
}

std::uint32_t ChainIndex::next(const Node& n, const http::ConnectionInfo& info) const {
  const auto or_rest = [&](std::uint32_t to) { return to != kNone ? to : n.rest; };
  const auto by_port = [&](const net::Address& a) { return a.is_ip() ? or_rest(get(n, port_key(a.port()))) : n.rest; };
  switch (n.level) {
    case destination_port: return by_port(info.local);
    case destination: return by_address(n, info.local);
    case server_name: return by_name(n, info.requested_server_name);
    case transport_protocol: return or_rest(get(n, info.transport_protocol));
    case application_protocol: return by_protocol(n, info);
    case direct_source: return by_address(n, info.direct_remote);
    case source_type: {
      const char type = is_local(info) ? ChainMatch::same_ip_or_loopback : ChainMatch::external;
      return or_rest(get(n, {&type, 1}));
    }
    case source: return by_address(n, info.remote);
    case source_port: return by_port(info.remote);
    case leaf: break;
  }
  return kNone;
}

}  // namespace outrigger::listener
