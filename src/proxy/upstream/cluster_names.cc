// Clusters by names: STRICT_DNS and LOGICAL_DNS.
#include <algorithm>
#include "proxy/base/log.h"
#include "proxy/upstream/cluster_entry.h"

namespace outrigger::upstream {

using stats::ClusterStat;

Dns& ClusterManager::resolver(const DnsOptions& options) {
  for (auto& d : resolvers_)
    if (d->options() == options) return *d;
  if (resolvers_.empty()) dns_stats_ = stats::make_block<stats::DnsCaresStat>(registry_, "dns.cares.");
  return *resolvers_.emplace_back(std::make_unique<Dns>(loop_, registry_, dns_stats_, options));
}

void ClusterManager::begin_resolving(Entry& e) {
  if (e.names.empty()) return;
  e.dns = &resolver(e.config().dns->resolver);
  for (std::size_t i = 0; i < e.names.size(); ++i) resolve(e, i);
}

void ClusterManager::resolve(Entry& e, std::size_t name) {
  registry_.main().add(e.shared->stats, ClusterStat::update_attempt);
  const auto& c = *e.shared->config;
  e.dns->resolve(c.dns->hosts[name].name, c.dns->family, [this, told = e.weak_from_this(), name](DnsAnswer a) {
    if (const auto entry = told.lock()) on_answer(*entry, name, std::move(a));
  });
}

void ClusterManager::on_answer(Entry& e, std::size_t name, DnsAnswer answer) {
  auto& n = e.names[name];
  auto& cells = registry_.main();
  const auto& c = *e.shared->config;
  const Metadata* metadata = c.dns->hosts[name].pattern.metadata.get();
  if (answer.ok) {
    cells.add(e.shared->stats, ClusterStat::update_success);
    n.failures = 0;
    if (c.discovery != Discovery::logical_dns) {
      if (!answer.addresses.empty()) count_matches(e, metadata, answer.addresses.size());
      n.addresses = answer.addresses;
    } else if (!answer.addresses.empty()) {
      if (n.addresses.empty() || n.addresses.front().text() != answer.addresses.front().text()) count_matches(e, metadata, 1);
      n.addresses = answer.addresses;
    }
    rebuild(e);
  } else {
    cells.add(e.shared->stats, ClusterStat::update_failure);
    ++n.failures;
    LOG_WARN(logger::upstream, "cluster '", c.name, "': cannot resolve '", c.dns->hosts[name].name, "': ", answer.error);
  }
  resolve_later(e, name, answer);
  if (n.answered) return;
  n.answered = true;
  --e.waiting;
  settle(e.shared_from_this());
}

void ClusterManager::resolve_later(Entry& e, std::size_t name, const DnsAnswer& answer) {
  const auto& rules = *e.shared->config->dns;
  auto& n = e.names[name];
  const auto some_of = [&](Duration d) {
    return Duration(static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(d.count()))));
  };
  Duration wait = rules.refresh;
  if (answer.ok) {
    if (rules.respect_ttl && answer.ttl && answer.ttl->count() > 0) wait = *answer.ttl;
    wait = std::max(wait, rules.refresh_min) + some_of(rules.jitter);
  } else if (rules.failure_base.count() > 0) {
    wait = failure_wait(rules.failure_base, rules.failure_max, n.failures, random_);
  }
  if (n.timer == nullptr) n.timer = std::make_unique<event::Callback>(loop_.timers(), [this, &e, name] { resolve(e, name); });
  n.timer->arm(wait);
}

}  // namespace outrigger::upstream
