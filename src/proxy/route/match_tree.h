// xds.type.matcher.v3.Matcher: a tree of conditions and maps whose outcomes are numbers, known to whoever compiled it (filter
// chains, actions of RBAC). Compiled on the main thread; immutable, shared by workers; no allocation but for what inputs join.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/format/formatter.h"
#include "proxy/net/address.h"

namespace outrigger::route {

/// Unable: what is looked at is not there to be looked at (certificates of a plain connection), which ends the search.
enum class Matched : std::uint8_t { no, yes, unable };
inline Matched matched(bool yes) noexcept { return yes ? Matched::yes : Matched::no; }
using MatchCondition = std::function<Matched(const format::Context&)>;
/// What is looked at: a text of the stream, or in `scratch`. Null data: there is none.
using MatchInput = std::function<std::string_view(const format::Context&, std::string& scratch)>;

class MatchTree;

/// A number, or a further tree.
struct MatchOutcome {
  std::uint32_t number = 0;
  std::shared_ptr<const MatchTree> tree{};  // instead of a number
  bool keep_matching = false;               // looked at, and passed over
};

class MatchTree {
 public:
  struct Field {
    MatchCondition condition;
    MatchOutcome outcome;
  };
  struct Range {
    std::vector<net::CidrRange> ranges;
    MatchOutcome outcome;
    bool exclusive = false;  // nothing less specific follows it
  };
  enum Kind : std::uint8_t { list, exact_map, prefix_map, ip_ranges, domains } kind = list;
  std::vector<Field> fields;
  MatchInput input;
  bool input_of_tls = false;                             // there is none on a plain connection
  std::optional<MatchOutcome> otherwise;

  /// A key of a map; of domains a name, "*.name" or "*". False: there is one.
  bool add(std::string_view key, MatchOutcome outcome);
  void set_ranges(std::vector<Range> ranges);
  /// Nothing: no match, or it was unable to tell.
  std::optional<std::uint32_t> find(const format::Context& c) const;
  /// Of a connection as a whole.
  std::optional<std::uint32_t> find(const http::ConnectionInfo& info) const;

 private:
  struct Found {
    Matched how = Matched::no;
    std::uint32_t number = 0;
    bool goes_on() const noexcept { return how == Matched::no; }
  };
  using Context = format::Context;
  using Map = std::map<std::string, MatchOutcome, std::less<>>;
  Found search(const Context& c) const;
  static Found follow(const MatchOutcome& o, const Context& c);
  Found by_list(const Context& c) const;
  static Found look_up(const Map& in, std::string_view value, const Context& c);
  Found by_prefix(std::string_view value, const Context& c) const;
  Found by_range(std::string_view value, const Context& c) const;
  Found by_domain(std::string_view value, const Context& c) const;
  Found by_value(const Context& c) const;
  Map map_;
  Map wildcards_;                    // "*.a" as "a"
  std::optional<MatchOutcome> any_;  // "*"
  std::size_t longest_ = 0;          // of prefixes, of wildcards: nothing longer is looked up by its parts
  std::vector<Range> ranges_;
  std::vector<std::pair<net::CidrRange, std::size_t>> by_bits_;  // of all of them, the most specific first
};

}  // namespace outrigger::route
