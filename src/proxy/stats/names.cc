#include "proxy/stats/names.h"

#include <iterator>

namespace outrigger::stats {
namespace {

constexpr Unit unit_of(std::string_view suffix) {
  const auto has = [&](std::string_view s) { return suffix.find(s) != std::string_view::npos; };
  if (suffix.ends_with("_ms") || suffix.ends_with("_time") || suffix.ends_with("_delay")) {
    return Unit::milliseconds;
  }
  if (has("percent")) return Unit::percent;
  if (has("size")) return Unit::bytes;
  return Unit::unspecified;
}

// The kinds of the lists. `self` is the stat's own place in its list.
constexpr StatDef counter(std::string_view suffix, std::uint16_t) {
  return {Kind::counter, suffix, Unit::unspecified, StatDef::kAlways};
}
constexpr StatDef gauge(std::string_view suffix, std::uint16_t) {
  return {Kind::gauge, suffix, Unit::unspecified, StatDef::kAlways};
}
constexpr StatDef histogram(std::string_view suffix, std::uint16_t) {
  return {Kind::histogram, suffix, unit_of(suffix), StatDef::kAlways};
}
constexpr StatDef counter_od(std::string_view suffix, std::uint16_t self) {
  return {Kind::counter, suffix, Unit::unspecified, self};
}
constexpr StatDef histogram_od(std::string_view suffix, std::uint16_t self) {
  return {Kind::histogram, suffix, unit_of(suffix), self};
}
// Made all together with the first use of one of them.
constexpr StatDef counter_block(std::string_view suffix, std::uint16_t) {
  return {Kind::counter, suffix, Unit::unspecified, StatDef::kWithBlock};
}
constexpr StatDef gauge_block(std::string_view suffix, std::uint16_t) {
  return {Kind::gauge, suffix, Unit::unspecified, StatDef::kWithBlock};
}
constexpr StatDef histogram_block(std::string_view suffix, std::uint16_t) {
  return {Kind::histogram, suffix, unit_of(suffix), StatDef::kWithBlock};
}
// Made with the first HTTP/1 connection of a cluster.
constexpr StatDef counter_h1(std::string_view suffix, std::uint16_t) {
  return {Kind::counter, suffix, Unit::unspecified, static_cast<std::uint16_t>(ClusterStat::upstream_cx_http1_total)};
}

constexpr std::string_view kClusterFamilies[] = {"upstream_rq_", "external.upstream_rq_", "internal.upstream_rq_",
                                                 "canary.upstream_rq_", "retry.upstream_rq_"};

template <class Stat>
constexpr std::span<const std::string_view> families_of(Stat) {
  return {};
}
constexpr std::span<const std::string_view> families_of(ClusterStat) { return kClusterFamilies; }
constexpr std::span<const std::string_view> families_of(AltClusterStat) { return kClusterFamilies; }
constexpr std::span<const std::string_view> families_of(RouteStat) { return std::span(kClusterFamilies).first(1); }

}  // namespace

#define OUTRIGGER_STAT_DEF(kind, id, suffix) kind(suffix, static_cast<std::uint16_t>(E::id)),
#define OUTRIGGER_STAT_BLOCK(Enum, LIST)                            \
  BlockDef block_def(Enum e) {                                      \
    using E = Enum;                                                 \
    static constexpr StatDef kStats[] = {LIST(OUTRIGGER_STAT_DEF)}; \
    return {kStats, families_of(e)};                                \
  }

OUTRIGGER_STAT_BLOCKS(OUTRIGGER_STAT_BLOCK)

#undef OUTRIGGER_STAT_BLOCK
#undef OUTRIGGER_STAT_DEF

BlockHandle make_admin_listener_block(Registry& registry) {
  const BlockDef def = block_def(ListenerStat{});
  const auto stats = def.stats.first(def.stats.size() - 2);
  return registry.instantiate(registry.define_block(stats), "listener.admin.");
}

std::string sanitize(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  while (!name.empty()) {
    // What separates the parts of an URL becomes one underscore.
    const std::size_t colon = name.starts_with("://")                       ? 3
                              : name.starts_with(":/")                      ? 2
                              : name.front() == ':' || name.front() == '\0' ? 1
                                                                            : 0;
    out += colon > 0 ? '_' : name.front();
    name.remove_prefix(colon > 0 ? colon : 1);
  }
  return out;
}

}  // namespace outrigger::stats
