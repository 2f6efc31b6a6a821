#include "proxy/route/match_tree.h"

#include <algorithm>
#include <utility>

#include "proxy/net/ip_bytes.h"

namespace outrigger::route {

MatchTree::Found MatchTree::follow(const MatchOutcome& o, const Context& c) {
  const Found f = o.tree != nullptr ? o.tree->search(c) : Found{Matched::yes, o.number};
  return o.keep_matching && f.how == Matched::yes ? Found() : f;
}

MatchTree::Found MatchTree::search(const Context& c) const {
  const Found f = kind == list ? by_list(c) : by_value(c);
  return f.goes_on() && otherwise ? follow(*otherwise, c) : f;
}

std::optional<std::uint32_t> MatchTree::find(const format::Context& c) const {
  const Found f = search(c);
  return f.how == Matched::yes ? std::optional(f.number) : std::nullopt;
}

std::optional<std::uint32_t> MatchTree::find(const http::ConnectionInfo& info) const {
  auto stream = http::StreamInfo::of_connection(info, info.start, {});
  stream.filter_state.parent = &info.filter_state;
  return find({.info = &stream});
}

MatchTree::Found MatchTree::by_list(const Context& c) const {
  for (const auto& field : fields) {
    const Matched m = field.condition(c);
    if (m == Matched::unable) return {Matched::unable};
    if (m == Matched::no) continue;
    if (const Found f = follow(field.outcome, c); !f.goes_on()) return f;
  }
  return {};
}

MatchTree::Found MatchTree::by_value(const Context& c) const {
  if (input_of_tls && c.info->connection->tls == nullptr) return {Matched::unable};
  std::string scratch;
  const auto value = input(c, scratch);
  if (value.data() == nullptr) return {};
  switch (kind) {
    case exact_map: return look_up(map_, value, c);
    case prefix_map: return by_prefix(value, c);
    case ip_ranges: return by_range(value, c);
    case domains: return by_domain(value, c);
    case list: break;
  }
  return {};
}

bool MatchTree::add(std::string_view key, MatchOutcome outcome) {
  if (kind == domains && key == "*") return !std::exchange(any_, std::move(outcome)).has_value();
  const bool wildcard = kind == domains && key.starts_with("*.") && key.size() > 2;
  if (wildcard) key.remove_prefix(2);
  if (wildcard || kind == prefix_map) longest_ = std::max(longest_, key.size());
  return (wildcard ? wildcards_ : map_).emplace(key, std::move(outcome)).second;
}

MatchTree::Found MatchTree::look_up(const Map& in, std::string_view value, const Context& c) {
  const auto at = in.find(value);
  return at == in.end() ? Found() : follow(at->second, c);
}

/// The longest first; one whose tree finds nothing leaves it to the shorter ones.
MatchTree::Found MatchTree::by_prefix(std::string_view value, const Context& c) const {
  for (std::size_t n = std::min(value.size(), longest_) + 1; n-- > 0;)
    if (const Found f = look_up(map_, value.substr(0, n), c); !f.goes_on()) return f;
  return {};
}

void MatchTree::set_ranges(std::vector<Range> ranges) {
  ranges_ = std::move(ranges);
  by_bits_.clear();
  for (std::size_t i = 0; i < ranges_.size(); ++i)
    for (const auto& cidr : ranges_[i].ranges) by_bits_.emplace_back(cidr, i);
  std::stable_sort(by_bits_.begin(), by_bits_.end(), [](const auto& a, const auto& b) { return a.first.bits > b.first.bits; });
}

/// The most specific range first, then in the order of the config.
MatchTree::Found MatchTree::by_range(std::string_view value, const Context& c) const {
  const auto address = net::IpBytes::parse(value);
  if (!address) return {};
  const Range* first = nullptr;
  for (const auto& [cidr, at] : by_bits_) {
    if (!net::contains(cidr, *address)) continue;
    const Range& r = ranges_[at];
    if (first == nullptr) first = &r;
    if (r.exclusive && &r != first) continue;
    if (const Found f = follow(r.outcome, c); !f.goes_on()) return f;
  }
  return {};
}

MatchTree::Found MatchTree::by_domain(std::string_view value, const Context& c) const {
  if (value.empty()) return {};  // no name, not even for "*"
  if (const Found f = look_up(map_, value, c); !f.goes_on()) return f;
  const std::size_t from = value.size() - std::min(value.size(), longest_ + 1);
  for (auto dot = value.find('.', from); dot != std::string_view::npos; dot = value.find('.', dot + 1))
    if (const Found f = look_up(wildcards_, value.substr(dot + 1), c); !f.goes_on()) return f;
  return any_ ? follow(*any_, c) : Found();
}

}  // namespace outrigger::route
