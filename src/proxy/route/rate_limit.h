// What a request is to rate limits: rules of routes, virtual hosts and filters make descriptors of it, lists of keys and values
// that a limit may be for. Rules are immutable and shared; descriptors live in the stream's arena.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/format/formatter.h"
#include "proxy/net/address.h"
#include "proxy/route/matcher.h"

namespace outrigger::route {

/// Does a response tell of the limit (x-ratelimit-limit and the like)?
enum class LimitHeaders : std::uint8_t { as_the_filter, off, on };

struct DescriptorEntry {
  std::string_view key, value;
};
struct Descriptor {
  DescriptorEntry* entries = nullptr;
  std::size_t count = 0;
  std::optional<std::uint64_t> hits;  // unset: 1
  bool gives_back = false;            // the hits
  LimitHeaders headers = LimitHeaders::as_the_filter;
};

/// Makes one entry, or none.
struct RateLimitAction {
  enum Kind : std::uint8_t {
    source_cluster,
    destination_cluster,
    request_header,
    query_parameter,
    remote_address,
    masked_remote_address,
    text,
    header_match,
    query_match,
    address_match,
    dynamic_metadata,
    route_metadata
  } kind = text;
  std::string key, value;       // value: the entry's, or that of metadata that isn't there
  std::string name;             // of the header or parameter, the namespace of metadata
  bool skip_if_absent = false;  // then no entry; otherwise no descriptor
  bool expected = true;         // what the matchers must say
  std::vector<HeaderMatcher> headers;
  std::vector<QueryMatcher> query;
  std::vector<net::CidrRange> ranges;
  std::shared_ptr<const format::TextFormat> format;  // of the value of an address_match
  std::vector<std::string> path;                     // of metadata
  std::uint8_t v4_bits = 32, v6_bits = 128;
};

/// Makes a descriptor, or none when one of its actions can't make its entry.
struct RateLimitRule {
  std::uint32_t stage = 0;
  bool disabled = false;  // has a disable_key
  std::vector<RateLimitAction> actions;
  std::optional<std::uint64_t> hits;
  std::shared_ptr<const format::TextFormat> hits_format;  // null: none
  bool gives_back = false;
  LimitHeaders headers = LimitHeaders::as_the_filter;
};
using RateLimitRules = std::vector<RateLimitRule>;

struct RateLimitFacts {
  const http::RequestHead& head;
  const http::StreamInfo& info;
  format::Context format;
  std::string_view local_cluster;
  std::optional<std::string_view> cluster;  // of the route; unset: none that forwards
};

/// False: none.
bool describe(const RateLimitRule& rule, const RateLimitFacts& facts, Arena& arena, Descriptor& out);

}  // namespace outrigger::route
