#include "proxy/upstream/subset_balancer.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

namespace outrigger::upstream {

using stats::ClusterStat;

namespace {

std::size_t hash_of(const MetadataValue& v) noexcept {
  return std::hash<std::string_view>()(v.kind == MetadataValue::string ? v.text : v.json) + v.kind;
}
std::size_t combined(std::size_t hash, const MetadataValue& v) noexcept { return hash * 1000003 + hash_of(v); }

const MetadataValue* balancing_metadata(const Metadata* m) noexcept { return m == nullptr ? nullptr : m->find("envoy.lb", {}); }

}  // namespace

SubsetCriteria::SubsetCriteria(const PickContext& c) noexcept {
  const auto add = [this](const MetadataValue* object) {
    if (object == nullptr) return;
    for (const auto& [name, value] : object->fields) put(name, value);
  };
  add(c.subset);
  add(balancing_metadata(c.metadata[0]));
}

/// In order. More than there is room for are left out: no selector has so many keys.
void SubsetCriteria::put(std::string_view name, const MetadataValue& value) noexcept {
  auto* at = std::lower_bound(items_, items_ + size_, name, [](const Item& i, std::string_view n) { return i.name < n; });
  if (at != items_ + size_ && at->name == name) {
    at->value = &value;
    return;
  }
  if (size_ == kMax) return;
  std::move_backward(at, items_ + size_, items_ + size_ + 1);
  *at = {name, &value};
  ++size_;
}

const MetadataValue* SubsetCriteria::take_fallback_list() noexcept {
  auto* const last = items_ + size_;
  auto* at = std::find_if(items_, last, [](const Item& i) { return i.name == "fallback_list"; });
  if (at == last) return nullptr;
  const MetadataValue* list = at->value;
  std::move(at + 1, last, at);
  --size_;
  return list;
}

SubsetCriteria SubsetCriteria::with(const MetadataValue& fields) const noexcept {
  SubsetCriteria out = *this;
  for (const auto& [name, value] : fields.fields) out.put(name, value);
  return out;
}

SubsetCriteria SubsetCriteria::only(const std::vector<std::string>& names) const noexcept {
  SubsetCriteria out;
  for (const auto& i : *this)
    if (std::find(names.begin(), names.end(), i.name) != names.end()) out.items_[out.size_++] = i;
  return out;
}

bool SubsetCriteria::has_names(const std::vector<std::string>& names) const noexcept {
  return std::equal(begin(), end(), names.begin(), names.end(), [](const Item& i, const std::string& n) { return i.name == n; });
}

SubsetBalancer::SubsetBalancer(const ClusterShared& cluster, runtime::ThreadContext& thread)
    : cluster_(cluster), thread_(thread) {
  const auto wanted = [this](SubsetFallback f) {
    const auto& s = rules().selectors;
    return rules().fallback == f || std::any_of(s.begin(), s.end(), [f](const auto& one) { return one.fallback == f; });
  };
  if (wanted(SubsetFallback::any) || rules().panic_any) any_ = make();
  if (wanted(SubsetFallback::default_subset)) default_ = make();
}

SubsetBalancer::~SubsetBalancer() {
  thread_.cells.gauge_add(cluster_.stats, ClusterStat::lb_subsets_active, -static_cast<std::int64_t>(subsets_.size()));
}

std::unique_ptr<SubsetHosts> SubsetBalancer::make(bool single) const {
  return std::make_unique<SubsetHosts>(cluster_, thread_, single);
}

/// Does a host have all of these values?
bool SubsetBalancer::matches(const Host& h, const MetadataValue& fields) const noexcept {
  const auto* own = balancing_metadata(h.endpoint().metadata.get());
  return std::all_of(fields.fields.begin(), fields.fields.end(), [&](const auto& want) {
    const auto* have = own == nullptr ? nullptr : own->field(want.first);
    if (have == nullptr) return false;
    if (rules().list_as_any && have->kind == MetadataValue::list)
      return std::find(have->items.begin(), have->items.end(), want.second) != have->items.end();
    return *have == want.second;
  });
}

std::vector<SubsetValues> subset_values(const Endpoint& e, const std::vector<std::string>& keys, bool list_as_any) {
  constexpr std::size_t kCombinationsMax = 4096;  // of one host
  const auto* own = balancing_metadata(e.metadata.get());
  if (own == nullptr || keys.empty()) return {};
  std::vector<SubsetValues> all(1);
  for (const auto& key : keys) {
    const auto* value = own->field(key);
    if (value == nullptr) return {};
    if (!list_as_any || value->kind != MetadataValue::list) {
      for (auto& values : all) values.push_back(value);
      continue;
    }
    std::vector<SubsetValues> more;
    for (const auto& values : all)
      for (const auto& item : value->items) {
        if (more.size() == kCombinationsMax) break;
        more.push_back(values);
        more.back().push_back(&item);
      }
    all = std::move(more);
  }
  return all;
}

/// Into the subset of its values for the selector's keys; with lists, into that of each combination.
void SubsetBalancer::sort_in(Host& h, std::size_t selector) {
  for (const auto& values : subset_values(h.endpoint(), rules().selectors[selector].keys, rules().list_as_any))
    add(h, selector, values);
}

std::uint64_t count_single_host_duplicates(const SubsetConfig& rules, const HostSet& hosts) {
  if (std::none_of(rules.selectors.begin(), rules.selectors.end(), [](const auto& s) { return s.single_host; })) return 0;
  std::map<std::uint32_t, std::uint64_t> counts;  // by priority
  std::set<std::tuple<std::uint32_t, std::size_t, std::string>> seen;
  for (const auto& m : hosts) {
    auto& count = counts[m.endpoint->priority];
    for (std::size_t s = 0; s < rules.selectors.size(); ++s) {
      if (!rules.selectors[s].single_host) continue;
      for (const auto& values : subset_values(*m.endpoint, rules.selectors[s].keys, rules.list_as_any)) {
        std::string text;
        for (const auto* v : values)
          text.append(std::to_string(v->kind)).append(v->kind == MetadataValue::string ? v->text : v->json).push_back('\0');
        count += !seen.emplace(m.endpoint->priority, s, std::move(text)).second;
      }
    }
  }
  return counts.empty() ? 0 : counts.rbegin()->second;
}

void SubsetBalancer::add(Host& h, std::size_t selector, const SubsetValues& values) {
  std::size_t hash = selector;
  for (const auto* v : values) hash = combined(hash, *v);
  const auto [first, last] = subsets_.equal_range(hash);
  const auto at = std::find_if(first, last, [&](const auto& entry) {
    const auto& have = entry.second.values;
    return entry.second.selector == selector && std::equal(have.begin(), have.end(), values.begin(), values.end(),
                                                           [](const auto& a, const auto* b) { return a == *b; });
  });
  if (at != last) {
    if (at->second.hosts.empty() || at->second.hosts.back() != &h) at->second.hosts.push_back(&h);
    return;
  }
  Subset fresh;
  fresh.selector = selector;
  for (const auto* v : values) fresh.values.push_back(*v);
  fresh.hosts.push_back(&h);
  fresh.balancer = make(rules().selectors[selector].single_host);
  subsets_.emplace(hash, std::move(fresh));
  count(ClusterStat::lb_subsets_created);
  thread_.cells.gauge_add(cluster_.stats, ClusterStat::lb_subsets_active, 1);
}

void SubsetBalancer::update(const std::vector<Host*>& hosts, const AssignmentPolicy& policy) {
  for (auto& [hash, subset] : subsets_) subset.hosts.clear();
  for (Host* h : hosts)
    for (std::size_t s = 0; s < rules().selectors.size(); ++s) sort_in(*h, s);
  const auto gone = std::erase_if(subsets_, [](const auto& entry) { return entry.second.hosts.empty(); });
  if (gone != 0) {
    count(ClusterStat::lb_subsets_removed, gone);
    thread_.cells.gauge_add(cluster_.stats, ClusterStat::lb_subsets_active, -static_cast<std::int64_t>(gone));
  }
  LocalitySizes sizes;
  const LocalitySizes* whole = nullptr;
  if (rules().locality_weights && rules().scale_locality_weights) {
    for (const Host* h : hosts) ++sizes[{h->endpoint().priority, *h->endpoint().locality}];
    whole = &sizes;
  }
  for (auto& [hash, subset] : subsets_) subset.balancer->update(subset.hosts, policy, whole);
  if (any_ != nullptr) any_->update(hosts, policy, whole);
  if (default_ == nullptr) return;
  std::vector<Host*> some;
  std::copy_if(hosts.begin(), hosts.end(), std::back_inserter(some),
               [this](Host* h) { return matches(*h, rules().default_subset); });
  default_->update(some, policy, whole);
}

const SubsetBalancer::Subset* SubsetBalancer::find(const SubsetCriteria& criteria) const noexcept {
  for (std::size_t s = 0; s < rules().selectors.size(); ++s) {
    if (!criteria.has_names(rules().selectors[s].keys)) continue;
    std::size_t hash = s;
    for (const auto& i : criteria) hash = combined(hash, *i.value);
    const auto [first, last] = subsets_.equal_range(hash);
    for (auto at = first; at != last; ++at)
      if (at->second.selector == s &&
          std::equal(criteria.begin(), criteria.end(), at->second.values.begin(), at->second.values.end(),
                     [](const auto& i, const auto& v) { return *i.value == v; }))
        return &at->second;
  }
  return nullptr;
}

SubsetHosts* SubsetBalancer::fallback_of(SubsetFallback f) const noexcept {
  return f == SubsetFallback::any ? any_.get() : f == SubsetFallback::default_subset ? default_.get() : nullptr;
}

Host* SubsetBalancer::pick(const PickContext& c) {
  SubsetCriteria criteria(c);
  const MetadataValue* list = rules().fallback_list ? criteria.take_fallback_list() : nullptr;
  if (list == nullptr || list->items.empty()) return pick(c, criteria);
  for (const auto& instead : list->items)
    if (Host* host = pick(c, criteria.with(instead))) return host;
  return nullptr;
}

Host* SubsetBalancer::pick(const PickContext& c, const SubsetCriteria& criteria) {
  if (!criteria.empty()) {
    if (const Subset* found = find(criteria)) {
      count(ClusterStat::lb_subsets_selected);
      return found->balancer->pick(c);
    }
    for (const auto& s : rules().selectors) {
      if (s.fallback == SubsetFallback::undefined || !criteria.has_names(s.keys)) continue;
      if (s.fallback == SubsetFallback::fewer_keys) return pick(c, criteria.only(s.fallback_keys));
      return pick_from(fallback_of(s.fallback), c);
    }
  }
  SubsetHosts* fallback = fallback_of(rules().fallback);
  if (fallback == nullptr && rules().fallback != SubsetFallback::default_subset) return nullptr;
  if (Host* host = pick_from(fallback, c)) {
    count(ClusterStat::lb_subsets_fallback);
    return host;
  }
  Host* host = rules().panic_any ? pick_from(any_.get(), c) : nullptr;
  if (host != nullptr) count(ClusterStat::lb_subsets_fallback_panic);
  return host;
}

}  // namespace outrigger::upstream
