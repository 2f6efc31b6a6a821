#include "filters/rbac.h"

#include "proxy/hcm/stream.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

using stats::RbacStat;

namespace {

class Rbac final : public hcm::HttpFilter {
 public:
  Rbac(hcm::Stream& stream, const RbacFactory& factory) : HttpFilter(stream), factory_(factory) {}

  hcm::FilterStatus on_request_head(http::RequestHead&, bool) override {
    const RbacConfig& config = config_of_route();
    if (config.shadow != nullptr) ask(config, true);
    if (config.rules == nullptr) return hcm::FilterStatus::go_on;
    const RbacOutcome& o = ask(config, false);
    if (o.allowed) return hcm::FilterStatus::go_on;
    // The rules may be replaced before the stream is logged.
    stream_.local_reply({.status = 403, .body = "RBAC: access denied", .details = stream_.arena().copy(o.details)});
    return hcm::FilterStatus::stop;
  }

 private:
  const RbacConfig& config_of_route() {
    const auto* o = stream_.override_for(factory_.name);
    const auto* config = o == nullptr ? nullptr : o->as<RbacConfig>();
    return config == nullptr ? factory_.config() : *config;
  }
  const RbacOutcome& ask(const RbacConfig& config, bool shadow) {
    const RbacRules& rules = shadow ? *config.shadow : *config.rules;
    const RbacConfig& base = factory_.config();
    std::string_view before;
    if (&config != &base && (shadow ? config.shadow_prefix : config.prefix).empty())
      before = shadow ? base.shadow_prefix : base.prefix;
    const RbacOutcome& o = rules.decide(stream_.format_context());
    MetadataPtr& metadata = stream_.info().dynamic_metadata;
    if (o.log_hint && !shadow) note_log_hint(*o.log_hint, metadata);
    factory_.stats(shadow).count(o, config.count_policies, stream_.thread().cells);
    note_outcome(o, kRbacSpace, metadata, before);
    return o;
  }
  const RbacFactory& factory_;
};

}  // namespace

RbacStats RbacStats::make(stats::Registry& registry, const std::string& prefix, bool shadow) {
  const auto all = stats::block_def(RbacStat{}).stats;
  const auto first = static_cast<std::size_t>(shadow ? RbacStat::shadow_allowed : RbacStat::allowed);
  const auto by_policy = [&](std::size_t n) {
    return &registry.named_blocks(registry.define_block(all.subspan(first + n, 1)), prefix + "policy.");
  };
  return {registry.instantiate(registry.define_block(all.subspan(first, 2)), prefix), by_policy(0), by_policy(1)};
}

void RbacStats::count(const RbacOutcome& o, bool policy_too, stats::Cells& cells) const {
  cells.add(all, o.allowed ? RbacStat::allowed : RbacStat::denied);  // the first and second of either block
  if (!policy_too || o.policy.empty()) return;
  stats::NamedBlocks& names = o.allowed ? *allowed : *denied;
  cells.add(names.find(o.policy, cells), RbacStat::allowed);  // the only one of its block
}

hcm::HttpFilter* RbacFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<Rbac>(stream, *this); }

}  // namespace outrigger::filters
