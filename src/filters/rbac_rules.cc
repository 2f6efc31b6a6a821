#include "filters/rbac_rules.h"

#include <algorithm>
#include <array>

namespace outrigger::filters {

namespace {

MetadataPtr below(std::string_view space, const MetadataValue& fields) {
  auto all = std::make_shared<Metadata>();
  all->merge(space, fields);
  return all;
}

/// Filters in a row add the same to the same again and again: what came of it last is kept, some per worker.
struct Merged {
  MetadataPtr from, part, both;
};

void add(MetadataPtr& metadata, std::string_view space, const MetadataValue& fields, const MetadataPtr& part) {
  if (metadata == nullptr) {
    metadata = part;
    return;
  }
  constexpr std::size_t kKept = 16;
  thread_local std::array<Merged, kKept> kept;
  const auto hash = reinterpret_cast<std::uintptr_t>(metadata.get()) * 31 + reinterpret_cast<std::uintptr_t>(part.get());
  Merged& m = kept[(hash >> 4) % kKept];
  if (m.from != metadata || m.part != part) {
    auto both = copy_of(metadata);
    both->merge(space, fields);
    m = {metadata, part, std::move(both)};
  }
  metadata = m.both;
}

struct Hint {
  explicit Hint(bool matched) {
    MetadataValue v;
    v.kind = MetadataValue::boolean;
    v.b = matched;
    v.json = matched ? "true" : "false";
    fields = MetadataValue::of("access_log_hint", std::move(v));
    metadata = below("envoy.common", fields);
  }
  MetadataValue fields;
  MetadataPtr metadata;
};

RbacOutcome outcome(bool allowed, std::optional<bool> log_hint, const std::string& policy, const RbacRules::Place& place) {
  RbacOutcome o;
  o.allowed = allowed;
  o.log_hint = log_hint;
  o.policy = policy;
  std::string name = policy.empty() ? "none" : policy;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }, '_');
  o.details = "rbac_access_denied_matched_policy[" + name + "]";
  o.fields.kind = MetadataValue::object;
  const std::string before(place.prefix);
  if (!policy.empty()) o.fields.fields.emplace_back(before + "effective_policy_id", MetadataValue::of(policy));
  o.fields.fields.emplace_back(before + "engine_result", MetadataValue::of(o.allowed ? "allowed" : "denied"));
  o.metadata = below(place.space, o.fields);
  return o;
}

}  // namespace

bool RbacPolicy::matches(const format::Context& c) const {
  const auto holds = [&c](const RbacRule& r) { return r(c); };
  return std::any_of(permissions.begin(), permissions.end(), holds) && std::any_of(principals.begin(), principals.end(), holds) &&
         (condition == nullptr || condition(c));
}

RbacRules::RbacRules(Action action, std::vector<RbacPolicy> policies, const Place& place) : policies_(std::move(policies)) {
  const bool logs = action == Action::log;
  const auto hint = [logs](bool matched) { return logs ? std::optional(matched) : std::nullopt; };
  none_ = outcome(action != Action::allow, hint(false), "", place);
  for (const auto& p : policies_) outcomes_.push_back(outcome(action != Action::deny, hint(true), p.name, place));
}

RbacRules::RbacRules(std::shared_ptr<const route::MatchTree> tree, const std::vector<NamedAction>& actions, const Place& place)
    : tree_(std::move(tree)), none_(outcome(false, {}, "", place)) {
  const bool logs = std::any_of(actions.begin(), actions.end(), [](const auto& a) { return a.action == Action::log; });
  for (const auto& a : actions)
    outcomes_.push_back(
        outcome(a.action != Action::deny, logs ? std::optional(a.action == Action::log) : std::nullopt, a.name, place));
}

const RbacOutcome& RbacRules::decide(const format::Context& c) const {
  if (tree_ != nullptr) {
    const auto number = tree_->find(c);
    return number ? outcomes_[*number] : none_;
  }
  for (std::size_t i = 0; i < policies_.size(); ++i)
    if (policies_[i].matches(c)) return outcomes_[i];
  return none_;
}

void note_outcome(const RbacOutcome& o, std::string_view space, MetadataPtr& metadata, std::string_view before) {
  if (before.empty()) return add(metadata, space, o.fields, o.metadata);
  MetadataValue named = o.fields;
  for (auto& [name, value] : named.fields) name.insert(0, before);
  add(metadata, space, named, below(space, named));
}

void note_log_hint(bool matched, MetadataPtr& metadata) {
  static const Hint kMatched{true}, kOther{false};
  const Hint& h = matched ? kMatched : kOther;
  add(metadata, "envoy.common", h.fields, h.metadata);
}

}  // namespace outrigger::filters
