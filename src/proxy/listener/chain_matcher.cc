#include "proxy/listener/chain_matcher.h"

#include <algorithm>

#include "proxy/http/connection_facts.h"
#include "proxy/listener/chain_index.h"

namespace outrigger::listener {

namespace {
bool put_ip(const net::Address& a, std::string& out) {
  if (!a.is_ip()) return false;
  out = a.ip_text();
  return true;
}
bool put_port(const net::Address& a, std::string& out) {
  if (!a.is_ip()) return false;
  out = std::to_string(a.port());
  return true;
}
bool put_text(std::string_view text, std::string& out) {
  out = text;
  return !out.empty();
}
}  // namespace

bool ChainInput::get(const http::ConnectionInfo& info, std::string& out) const {
  switch (kind) {
    case destination_ip: return put_ip(info.local, out);
    case destination_port: return put_port(info.local, out);
    case source_ip: return put_ip(info.remote, out);
    case source_port: return put_port(info.remote, out);
    case direct_source_ip: return put_ip(info.direct_remote, out);
    case source_type: return put_text(is_local(info) ? "local" : "", out);
    case server_name: return put_text(info.requested_server_name, out);
    case transport_protocol: return put_text(info.transport_protocol, out);
    case application_protocol: {
      if (info.found() == nullptr || info.found()->application_protocols.empty()) return false;
      out.clear();
      for (const auto& name : info.found()->application_protocols) out += (out.empty() ? "'" : ",'") + name + '\'';
      return true;
    }
    case filter_state: {
      const auto* e = info.filter_state.find(key);
      if (e == nullptr) return false;
      if (!field.empty() && http::has_fields(*e)) {
        auto text = http::field_of(*e, field);
        if (text) out = std::move(*text);
        return text.has_value();
      }
      out = e->value;
      return true;
    }
  }
  return false;
}

bool ChainPredicate::holds(const http::ConnectionInfo& info) const {
  const auto part = [&](const ChainPredicate& p) { return p.holds(info); };
  switch (kind) {
    case single: {
      std::string value;
      return input.get(info, value) && matcher.match(value);
    }
    case any_of: return std::any_of(parts.begin(), parts.end(), part);
    case all_of: return std::all_of(parts.begin(), parts.end(), part);
    case negated: return !parts.front().holds(info);
  }
  return false;
}

ChainMatcher::Found ChainMatcher::follow(const ChainOutcome& o, const http::ConnectionInfo& info) {
  const Found f = o.matcher != nullptr ? o.matcher->find(info) : Found(o.chain);
  return o.keep_matching ? Found() : f;
}

std::optional<std::uint32_t> ChainMatcher::find(const http::ConnectionInfo& info) const {
  if (const auto f = kind == list ? by_list(info) : by_value(info)) return f;
  return otherwise ? follow(*otherwise, info) : Found();
}

ChainMatcher::Found ChainMatcher::by_list(const http::ConnectionInfo& info) const {
  for (const auto& field : fields)
    if (field.predicate.holds(info))
      if (const auto f = follow(field.outcome, info)) return f;
  return {};
}

ChainMatcher::Found ChainMatcher::by_value(const http::ConnectionInfo& info) const {
  std::string value;
  if (!input.get(info, value)) return {};
  switch (kind) {
    case exact_map: return by_exact(value, info);
    case prefix_map: return by_prefix(value, info);
    case ip_ranges: return by_range(value, info);
    case domains: return by_domain(value, info);
    case list: break;
  }
  return {};
}

ChainMatcher::Found ChainMatcher::by_exact(std::string_view value, const http::ConnectionInfo& info) const {
  const auto at = map.find(value);
  return at == map.end() ? Found() : follow(at->second, info);
}

/// The longest first; one whose tree finds nothing leaves it to the shorter ones.
ChainMatcher::Found ChainMatcher::by_prefix(std::string_view value, const http::ConnectionInfo& info) const {
  for (std::size_t n = value.size() + 1; n-- > 0;)
    if (const auto f = by_exact(value.substr(0, n), info)) return f;
  return {};
}

/// The most specific range first, then in the order of the config.
ChainMatcher::Found ChainMatcher::by_range(std::string_view value, const http::ConnectionInfo& info) const {
  const auto address = net::Address::parse_ip(value, 0);
  if (!address) return {};
  std::vector<std::pair<unsigned, const Range*>> hits;
  for (const auto& r : ranges)
    for (const auto& cidr : r.ranges)
      if (cidr.contains(*address)) hits.emplace_back(cidr.bits, &r);
  std::stable_sort(hits.begin(), hits.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [bits, r] : hits) {
    if (r->exclusive && r != hits.front().second) continue;
    if (!r->outcome) continue;
    if (const auto f = follow(*r->outcome, info)) return f;
  }
  return {};
}

ChainMatcher::Found ChainMatcher::by_domain(std::string_view value, const http::ConnectionInfo& info) const {
  if (const auto f = by_exact(value, info)) return f;
  for (auto dot = value.find('.'); dot != std::string_view::npos; dot = value.find('.', dot + 1))
    if (const auto f = by_exact(value.substr(dot), info)) return f;
  return by_exact("", info);
}

}  // namespace outrigger::listener
