// lb_subset_config of a cluster.
#include <algorithm>
#include "xds/compile/cluster_parts.h"
#include "xds/compile/metadata.h"

namespace outrigger::xds {

using Cluster = envoy::config::cluster::v3::Cluster;
using upstream::SubsetFallback;

namespace {

// The enumerations of the cluster and of the policy extension have the same names and numbers.

SubsetFallback fallback_of(int policy) {
  return policy == Cluster::LbSubsetConfig::ANY_ENDPOINT     ? SubsetFallback::any
         : policy == Cluster::LbSubsetConfig::DEFAULT_SUBSET ? SubsetFallback::default_subset
                                                             : SubsetFallback::none;
}

SubsetFallback selector_fallback_of(int policy) {
  using Selector = Cluster::LbSubsetConfig::LbSubsetSelector;
  switch (policy) {
    case Selector::NO_FALLBACK: return SubsetFallback::none;
    case Selector::ANY_ENDPOINT: return SubsetFallback::any;
    case Selector::DEFAULT_SUBSET: return SubsetFallback::default_subset;
    case Selector::KEYS_SUBSET: return SubsetFallback::fewer_keys;
    default: return SubsetFallback::undefined;
  }
}

std::vector<std::string> in_order(const google::protobuf::RepeatedPtrField<std::string>& keys) {
  std::vector<std::string> out(keys.begin(), keys.end());
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void check_fewer_keys(const upstream::SubsetConfig::Selector& s, const Path& at, Problems& problems) {
  if (s.fallback != SubsetFallback::fewer_keys) {
    if (!s.fallback_keys.empty()) problems.error(at, "fallback_keys_subset can be set only for KEYS_SUBSET fallback_policy");
  } else if (s.fallback_keys.empty()) {
    problems.error(at, "fallback_keys_subset cannot be empty");
  } else if (!std::includes(s.keys.begin(), s.keys.end(), s.fallback_keys.begin(), s.fallback_keys.end())) {
    problems.error(at, "fallback_keys_subset must be a subset of selector keys");
  } else if (s.keys.size() == s.fallback_keys.size()) {
    problems.error(at, "fallback_keys_subset cannot be equal to keys");
  }
}

/// Of selectors whose keys (in order) begin alike, the first one decides, as in Envoy: what a shorter one behind it says of
/// requests without a subset is not seen.
void give_way_to_longer(std::vector<upstream::SubsetConfig::Selector>& selectors) {
  for (auto s = selectors.begin(); s != selectors.end(); ++s)
    if (std::any_of(selectors.begin(), s, [&](const auto& earlier) {
          return earlier.keys.size() >= s->keys.size() && std::equal(s->keys.begin(), s->keys.end(), earlier.keys.begin());
        }))
      s->fallback = SubsetFallback::undefined;
}

/// lb_subset_config of the cluster, or the same of the policy extension.
template <class Config>
upstream::SubsetConfig compile_config(const Config& c, const upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  upstream::SubsetConfig out;
  out.fallback = fallback_of(c.fallback_policy());
  out.default_subset = compile_metadata_value(c.default_subset());
  out.locality_weights = c.locality_weight_aware();
  out.scale_locality_weights = c.scale_locality_weight();
  out.fallback_list = c.metadata_fallback_policy() == Config::FALLBACK_LIST;
  out.panic_any = c.panic_mode_any();
  out.list_as_any = c.list_as_any();
  for (int i = 0; i < c.subset_selectors_size(); ++i) {
    const auto& s = c.subset_selectors(i);
    auto& selector = out.selectors.emplace_back();
    selector.keys = in_order(s.keys());
    selector.fallback = selector_fallback_of(s.fallback_policy());
    selector.fallback_keys = in_order(s.fallback_keys_subset());
    selector.single_host = s.single_host_per_subset();
    check_fewer_keys(selector, at.at("subset_selectors", i), problems);
  }
  give_way_to_longer(out.selectors);
  if (o.hash != nullptr && out.locality_weights && out.scale_locality_weights && !out.selectors.empty())
    problems.error(at / "scale_locality_weight", "is not implemented for clusters that choose hosts by hash");
  return out;
}

}  // namespace

void compile_subsets(const Cluster& p, upstream::ClusterConfig& o, const Path& at, Problems& problems) {
  if (!p.has_lb_subset_config()) return;
  const Path here = at / "lb_subset_config";
  if (o.lb == upstream::LbKind::cluster_provided)
    return problems.error(
        here, "cluster: LB policy " + Cluster::LbPolicy_Name(p.lb_policy()) + " cannot be combined with lb_subset_config");
  if (p.has_load_balancing_policy())
    return problems.error(here, "cluster: load_balancing_policy cannot be combined with lb_subset_config");
  auto out = compile_config(p.lb_subset_config(), o, here, problems);
  if (out.locality_weights && !p.common_lb_config().has_locality_weighted_lb_config())
    problems.error(here / "locality_weight_aware",
                   "Locality weight aware subset LB requires that a locality_weighted_lb_config be set in " + p.name());
  if (out.selectors.empty()) return;  // which makes no subsets, as in Envoy
  o.subset = std::make_unique<const upstream::SubsetConfig>(std::move(out));
}

void compile_subset_policy(const envoy::extensions::load_balancing_policies::subset::v3::Subset& p, upstream::ClusterConfig& o,
                           const Path& at, Problems& problems) {
  o.subset = std::make_unique<const upstream::SubsetConfig>(compile_config(p, o, at, problems));
}

}  // namespace outrigger::xds
