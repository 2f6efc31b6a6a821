#include "proxy/upstream/hash_tables.h"

#include <xxhash.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace outrigger::upstream {

namespace {

std::uint64_t xx_hash(std::string_view s, std::uint64_t seed = 0) noexcept { return XXH64(s.data(), s.size(), seed); }

/// What stands for a host: text in its metadata, or its name or address.
std::string_view key_of(const Endpoint& e, bool by_hostname) noexcept {
  const auto* told = e.metadata == nullptr ? nullptr : e.metadata->find("envoy.lb", {"hash_key"});
  if (told != nullptr && told->kind == MetadataValue::string && !told->text.empty()) return told->text;
  return by_hostname ? std::string_view(e.hostname()) : e.address.text();
}

/// The hosts of a priority that take part, and what their weights add up to.
struct Group {
  std::vector<HashHost> hosts;
  std::uint64_t weight = 0;
  std::uint32_t locality_weight = 0;
};

constexpr std::uint64_t kWeightMax = std::numeric_limits<std::uint32_t>::max();

/// Adds the group's hosts, which together get `share` of everything.
void add_shares(Group& group, double share, std::vector<HashHost>& out) {
  if (group.weight > kWeightMax) return;
  for (auto& h : group.hosts) {
    h.weight = h.weight * share / static_cast<double>(group.weight);
    out.push_back(h);
  }
}

}  // namespace

std::uint64_t murmur2(std::string_view bytes, std::uint64_t seed) noexcept {
  constexpr std::uint64_t kMul = 0xc6a4a7935bd1e995ULL;
  constexpr int kShift = 47;
  const auto mixed = [](std::uint64_t v) { return v ^ (v >> kShift); };
  std::uint64_t hash = seed ^ (bytes.size() * kMul);
  while (!bytes.empty()) {
    std::uint64_t part = 0;  // little endian; the last one may be shorter
    const auto n = std::min<std::size_t>(bytes.size(), sizeof part);
    for (std::size_t i = 0; i < n; ++i) part |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    hash = (hash ^ (n == sizeof part ? mixed(part * kMul) * kMul : part)) * kMul;
    bytes.remove_prefix(n);
  }
  return mixed(mixed(hash) * kMul);
}

bool is_prime(std::uint64_t n) noexcept {
  if (n < 4) return n > 1;
  if (n % 2 == 0) return false;
  for (std::uint64_t d = 3; d * d <= n; d += 2)
    if (n % d == 0) return false;
  return true;
}

std::uint32_t Places::operator[](std::size_t i) const noexcept {
  const std::uint8_t* at = bytes_.data() + i * width_;
  if (width_ == 1) return *at;
  std::uint16_t two;
  std::uint32_t four;
  if (width_ == 2) return std::memcpy(&two, at, sizeof two), two;
  return std::memcpy(&four, at, sizeof four), four;
}

void Places::set(std::size_t i, std::uint32_t place) noexcept {
  std::uint8_t* at = bytes_.data() + i * width_;
  const auto one = static_cast<std::uint8_t>(place);
  const auto two = static_cast<std::uint16_t>(place);
  if (width_ == 1)
    *at = one;
  else if (width_ == 2)
    std::memcpy(at, &two, sizeof two);
  else
    std::memcpy(at, &place, sizeof place);
}

namespace {
using Parts = std::vector<std::pair<std::uint64_t, std::uint32_t>>;

/// Hosts of the same key have the same hashes, and a pick gets the first of each: they take turns in being it.
void spread_alike(Parts& parts) {
  for (auto at = parts.begin(); at != parts.end();) {
    const auto end = std::find_if(at + 1, parts.end(), [&](const auto& p) { return p.first != at->first; });
    std::rotate(at, at + static_cast<std::ptrdiff_t>(at->first % static_cast<std::uint64_t>(end - at)), end);
    at = end;
  }
}
}  // namespace

/// Each host gets parts by its weight, so many that the lightest has a whole number of them; where numbers are not whole,
/// what is missing for one host is made up by the next.
HashRing::HashRing(const std::vector<HashHost>& hosts, std::size_t places, const HashConfig& config, HashSpread& spread) {
  if (hosts.empty()) return;
  constexpr std::uint64_t kSeed = 0xc70f6907ULL;
  double lightest = 1;
  for (const auto& h : hosts) lightest = std::min(lightest, h.weight);
  const double scale =
      std::min(std::ceil(lightest * static_cast<double>(config.ring_min)) / lightest, static_cast<double>(config.ring_max));
  const auto size = static_cast<std::uint64_t>(std::ceil(scale));
  spread = {size, size, 0};
  Parts parts;
  parts.reserve(size);
  double wanted = 0;
  std::string key;
  for (const auto& h : hosts) {
    wanted += scale * h.weight;
    key.assign(h.key) += '_';
    const auto length = key.size();
    std::uint64_t n = 0;
    for (; static_cast<double>(parts.size()) < wanted; ++n) {
      char digits[24];
      key.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
      parts.emplace_back(config.murmur ? murmur2(key, kSeed) : xx_hash(key), h.place);
      key.resize(length);
    }
    spread.least = std::min(spread.least, n);
    spread.most = std::max(spread.most, n);
  }
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  spread_alike(parts);
  ends_.reserve(parts.size());
  hosts_ = Places(parts.size(), places);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ends_.push_back(parts[i].first);
    hosts_.set(i, parts[i].second);
  }
}

std::uint32_t HashRing::pick(std::uint64_t hash, std::uint32_t attempt) const noexcept {
  auto at = static_cast<std::size_t>(std::lower_bound(ends_.begin(), ends_.end(), hash) - ends_.begin());
  if (at == ends_.size()) at = 0;
  return hosts_[(at + attempt) % ends_.size()];
}

MaglevTable::MaglevTable(std::vector<HashHost> hosts, std::size_t places, std::uint64_t size, HashSpread& spread) {
  if (hosts.empty()) return;
  if (hosts.size() == 1) {  // as in Envoy, whose gauges then say 1, too
    entries_ = Places(1, places);
    entries_.set(0, hosts[0].place);
    spread = {1, 1, 1};
    return;
  }
  std::stable_sort(hosts.begin(), hosts.end(), [](const HashHost& a, const HashHost& b) { return a.key < b.key; });
  struct Turn {
    std::uint64_t next, step, count = 0;
    double due = 0;
  };
  std::vector<Turn> turns;
  turns.reserve(hosts.size());
  double heaviest = 0;
  for (const auto& h : hosts) {
    heaviest = std::max(heaviest, h.weight);
    turns.push_back({xx_hash(h.key) % size, size == 1 ? 0 : xx_hash(h.key, 1) % (size - 1) + 1});
  }
  entries_ = Places(size, places);
  std::vector<bool> taken(size);
  std::uint64_t filled = 0;
  for (std::uint32_t round = 1; filled < size; ++round) {
    for (std::size_t i = 0; i < hosts.size() && filled < size; ++i) {
      auto& t = turns[i];
      if (round * hosts[i].weight < t.due) continue;  // lighter ones leave rounds out
      t.due += heaviest;
      while (taken[t.next]) t.next = (t.next + t.step) % size;
      taken[t.next] = true;
      entries_.set(t.next, hosts[i].place);
      t.next = (t.next + t.step) % size;
      ++t.count;
      ++filled;
    }
  }
  spread = {size, size, 0};
  for (const auto& t : turns) {
    spread.least = std::min(spread.least, t.count);
    spread.most = std::max(spread.most, t.count);
  }
}

std::uint32_t MaglevTable::pick(std::uint64_t hash, std::uint32_t attempt) const noexcept {
  if (attempt > 0) hash ^= ~std::uint64_t{0} - attempt + 1;
  return entries_[hash % entries_.size()];
}

namespace {

/// One priority's hosts that take part, with their shares.
std::vector<HashHost> hosts_of(const HashConfig& config, const HostSet& set, std::size_t priority, bool panic, bool by_locality) {
  Group all;
  std::map<Locality, Group> localities;
  std::uint64_t locality_weights = 0;
  for (std::size_t i = 0; i < set.size(); ++i) {
    const Endpoint& e = *set[i].endpoint;
    if (e.priority != priority) continue;
    auto* group = &all;
    if (by_locality) {
      const auto [at, fresh] = localities.try_emplace(*e.locality);
      group = &at->second;
      if (fresh) locality_weights += group->locality_weight = e.locality_weight;
    }
    if (!panic && !is_healthy(health_of(e, *set[i].stats))) continue;
    group->hosts.push_back({static_cast<std::uint32_t>(i), key_of(e, config.by_hostname), static_cast<double>(e.weight)});
    group->weight += e.weight;
  }
  std::vector<HashHost> out;
  if (!by_locality) add_shares(all, 1, out);
  for (auto& [name, group] : localities)
    if (group.locality_weight != 0)
      add_shares(group, static_cast<double>(group.locality_weight) / static_cast<double>(locality_weights), out);
  return out;
}

}  // namespace

std::shared_ptr<const HashTables> build_hash_tables(const ClusterConfig& config, const HostSet& hosts,
                                                    std::uint64_t panic_threshold, bool by_locality, HashSpread& spread) {
  auto tables = std::make_shared<HashTables>();
  auto counts = count_priorities(hosts);
  if (counts.empty()) counts.resize(1);
  tables->shares =
      share_priorities(counts, {hosts.policy.overprovisioning, panic_threshold, hosts.policy.weighted_priority_health});
  for (std::size_t p = 0; p < counts.size(); ++p) {
    auto& level = tables->levels.emplace_back();
    level.panic = tables->shares[p].panic;
    auto members = hosts_of(*config.hash, hosts, p, level.panic, by_locality);
    if (config.lb == LbKind::ring_hash)
      level.ring = HashRing(members, hosts.size(), *config.hash, spread);
    else
      level.maglev = MaglevTable(members, hosts.size(), config.hash->table_size, spread);
    if (config.hash->balance_factor == 0) continue;
    level.weights.resize(hosts.size());
    for (auto& h : members) {
      level.weights[h.place] = h.weight;
      h.key = {};
    }
    level.hosts = std::move(members);
  }
  return tables;
}

}  // namespace outrigger::upstream
