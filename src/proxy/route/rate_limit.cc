#include "proxy/route/rate_limit.h"

#include <arpa/inet.h>
#include <algorithm>
#include <cstring>

#include "proxy/base/numbers.h"
#include "proxy/route/query.h"

namespace outrigger::route {

namespace {

constexpr double kHitsMax = 1'000'000'000;

bool match_query(const RateLimitAction& a, std::string_view path, Arena& arena) {
  return std::all_of(a.query.begin(), a.query.end(), [&](const QueryMatcher& m) {
    const auto v = decoded_query_value(path, m.name, arena);
    return (v.data() != nullptr) == m.want_present && (!m.text || m.text->match(v));
  });
}

/// "1.2.3.0/24"
std::string_view masked(const net::Address& address, const RateLimitAction& a, Arena& arena) {
  unsigned char bytes[16];
  const auto all = address.ip_bytes();
  std::memcpy(bytes, all.data(), all.size());
  const unsigned bits = address.is_v4() ? a.v4_bits : a.v6_bits;
  for (unsigned i = 0; i < all.size(); ++i) {
    const unsigned keep = bits > i * 8 ? std::min(bits - i * 8, 8U) : 0;
    bytes[i] = static_cast<unsigned char>(bytes[i] & (0xff00U >> keep));
  }
  char text[INET6_ADDRSTRLEN];
  if (inet_ntop(address.family(), bytes, text, sizeof text) == nullptr) return {};
  return arena.cat(std::string_view(text), "/", decimal(bits, arena));
}

std::string_view text_of(const format::TextFormat& format, const format::Context& c, Arena& arena) {
  thread_local std::string text;
  text.clear();
  format.append(c, format::Missing::empty, text);
  return arena.copy(text);
}

/// `entry` stays without a key when the action skips what is absent. False: no descriptor.
bool make_entry(const RateLimitAction& a, const RateLimitFacts& f, Arena& arena, DescriptorEntry& entry) {
  const auto put = [&](std::string_view value) {
    entry = {a.key, value};
    return true;
  };
  const auto& peer = f.info.remote();
  switch (a.kind) {
    case RateLimitAction::source_cluster: return put(f.local_cluster);
    case RateLimitAction::destination_cluster: return f.cluster && put(*f.cluster);
    case RateLimitAction::request_header: {
      const auto* value = f.head.find(a.name);
      return value == nullptr ? a.skip_if_absent : put(*value);
    }
    case RateLimitAction::query_parameter: {
      const auto value = decoded_query_value(f.head.path, a.name, arena);
      return value.data() == nullptr ? a.skip_if_absent : put(value);
    }
    case RateLimitAction::remote_address: return !peer.empty() && peer.is_ip() && put(peer.ip_text());
    case RateLimitAction::masked_remote_address: return !peer.empty() && peer.is_ip() && put(masked(peer, a, arena));
    case RateLimitAction::text: return put(a.value);
    case RateLimitAction::header_match:
      return std::all_of(a.headers.begin(), a.headers.end(), [&](const auto& m) { return m.match(f.head); }) == a.expected &&
             put(a.value);
    case RateLimitAction::query_match: return match_query(a, f.head.path, arena) == a.expected && put(a.value);
    case RateLimitAction::address_match: {
      if (peer.empty() || !peer.is_ip()) return false;
      if (std::any_of(a.ranges.begin(), a.ranges.end(), [&](const auto& r) { return r.contains(peer); }) != a.expected)
        return false;
      const auto value = text_of(*a.format, f.format, arena);
      return value.empty() ? !a.value.empty() && put(a.value) : put(value);
    }
    case RateLimitAction::dynamic_metadata:
    case RateLimitAction::route_metadata: {
      const Metadata* all = a.kind == RateLimitAction::route_metadata ? f.info.route_metadata : f.info.dynamic_metadata.get();
      const auto* v = all == nullptr ? nullptr : all->find(a.name, a.path);
      if (v != nullptr && v->kind == MetadataValue::string && !v->text.empty()) return put(arena.copy(v->text));
      return a.value.empty() ? a.skip_if_absent : put(a.value);
    }
  }
  return false;
}

std::optional<std::uint64_t> formatted_hits(const RateLimitRule& rule, const RateLimitFacts& f, Arena& arena) {
  const auto n = to_number<double>(text_of(*rule.hits_format, f.format, arena));
  return n && *n >= 0 && *n <= kHitsMax ? std::optional(static_cast<std::uint64_t>(*n)) : std::nullopt;
}

}  // namespace

bool describe(const RateLimitRule& rule, const RateLimitFacts& f, Arena& arena, Descriptor& out) {
  out = {};
  out.entries =
      static_cast<DescriptorEntry*>(arena.allocate(rule.actions.size() * sizeof(DescriptorEntry), alignof(DescriptorEntry)));
  for (const auto& action : rule.actions) {
    DescriptorEntry entry;
    if (!make_entry(action, f, arena, entry)) return false;
    if (!entry.key.empty()) new (&out.entries[out.count++]) DescriptorEntry(entry);
  }
  out.hits = rule.hits;
  if (rule.hits_format != nullptr && !(out.hits = formatted_hits(rule, f, arena))) return false;
  out.gives_back = rule.gives_back;
  out.headers = rule.headers;
  return true;
}

}  // namespace outrigger::route
