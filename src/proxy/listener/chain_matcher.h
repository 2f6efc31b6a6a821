// filter_chain_matcher: a tree of conditions whose actions name filter chains (xds.type.matcher.v3.Matcher).
// Compiled with the listener, immutable, shared by workers.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/http/stream_info.h"
#include "proxy/route/string_matcher.h"

namespace outrigger::listener {

/// What of a connection is looked at.
struct ChainInput {
  enum Kind : std::uint8_t {
    destination_ip,
    destination_port,
    source_ip,
    source_port,
    direct_source_ip,
    source_type,  // "local", or nothing
    server_name,
    transport_protocol,
    application_protocol,  // "'h2','http/1.1'"
    filter_state,
  } kind = destination_ip;
  std::string key, field;  // of filter_state; the field: of entries that have some
  /// False: there is none. `out` is overwritten.
  bool get(const http::ConnectionInfo& info, std::string& out) const;
};

struct ChainPredicate {
  enum Kind : std::uint8_t { single, any_of, all_of, negated } kind = single;
  ChainInput input;
  route::StringMatcher matcher;
  std::vector<ChainPredicate> parts;
  bool holds(const http::ConnectionInfo& info) const;
};

class ChainMatcher;

/// A filter chain, or a further tree.
struct ChainOutcome {
  static constexpr std::uint32_t kUnknown = UINT32_MAX;  // an action that names no chain of the listener
  std::uint32_t chain = kUnknown;
  std::shared_ptr<const ChainMatcher> matcher;  // instead of a chain
  bool keep_matching = false;                   // looked at, and passed over
};

class ChainMatcher {
 public:
  struct Field {
    ChainPredicate predicate;
    ChainOutcome outcome;
  };
  struct Range {
    std::vector<net::CidrRange> ranges;
    std::optional<ChainOutcome> outcome;
    bool exclusive = false;  // nothing less specific follows it
  };
  enum Kind : std::uint8_t { list, exact_map, prefix_map, ip_ranges, domains } kind = list;
  std::vector<Field> fields;
  ChainInput input;
  std::map<std::string, ChainOutcome, std::less<>> map;  // domains: "*.a" as ".a", "*" as ""
  std::vector<Range> ranges;
  std::optional<ChainOutcome> otherwise;

  /// Nothing: no match. kUnknown is a match.
  std::optional<std::uint32_t> find(const http::ConnectionInfo& info) const;

 private:
  using Found = std::optional<std::uint32_t>;
  static Found follow(const ChainOutcome& o, const http::ConnectionInfo& info);
  Found by_list(const http::ConnectionInfo& info) const;
  Found by_exact(std::string_view value, const http::ConnectionInfo& info) const;
  Found by_prefix(std::string_view value, const http::ConnectionInfo& info) const;
  Found by_range(std::string_view value, const http::ConnectionInfo& info) const;
  Found by_domain(std::string_view value, const http::ConnectionInfo& info) const;
  Found by_value(const http::ConnectionInfo& info) const;
};

}  // namespace outrigger::listener
