#include "proxy/upstream/dns_caches.h"

#include <algorithm>
#include "proxy/base/log.h"

namespace outrigger::upstream {

using stats::DnsCacheStat;

Duration failure_wait(Duration base, Duration max, unsigned failures, Random& random) {
  const auto limit = std::min(base * (1 << std::min(failures - 1, 16U)), max);
  return Duration(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(limit.count()))));
}

struct DnsCaches::Name {
  std::string host, name;  // "name:port"
  std::uint16_t port = 0;
  std::uint64_t id = 0;
  ResolvedHostPtr now;  // null: no answer yet
  std::shared_ptr<LastUse> last_use;
  unsigned failures = 0;
  bool asked = false;    // the resolver has it
  bool awaited = false;  // and its answer counts
  std::unique_ptr<event::Timer> refresh, timeout;
  bool has_address() const noexcept { return now != nullptr && !now->addresses.empty(); }
};

struct DnsCaches::Cache : std::enable_shared_from_this<Cache> {
  std::weak_ptr<DnsCache> shared;
  DnsCacheConfig config;
  Dns* dns = nullptr;  // null: not needed yet
  std::unordered_map<std::string, std::unique_ptr<Name>> names;
  struct Note {
    Change change;
    bool of_members;
  };
  std::vector<Note> notes;  // told at the end of the turn
};

DnsCaches::DnsCaches(runtime::ThreadContext& main, stats::Registry& registry, Resolver resolver)
    : main_(main), loop_(main.loop), registry_(registry), resolver_(std::move(resolver)) {}
DnsCaches::~DnsCaches() = default;

Result<DnsCachePtr> DnsCaches::get(const DnsCacheConfig& config, std::size_t threads) {
  sweep();
  const auto at = caches_.find(config.name);
  if (at == caches_.end()) return make(config, threads);
  if (at->second->config.text != config.text)
    return Error{Errc::unsupported, "config specified DNS cache '" + config.name + "' with different settings"};
  return at->second->shared.lock();
}

/// A timer of its may be what runs.
void DnsCaches::let_go(std::unique_ptr<Name> n) {
  for (const auto& timer : {n->refresh.get(), n->timeout.get()})
    if (timer != nullptr) timer->cancel();
  loop_.dispose(std::move(n));
}

/// What nobody uses any more goes, with its names.
void DnsCaches::sweep() {
  for (auto i = caches_.begin(); i != caches_.end();) {
    if (!i->second->shared.expired()) {
      ++i;
      continue;
    }
    for (auto& [host, n] : i->second->names) let_go(std::move(n));
    i = caches_.erase(i);
  }
}

DnsCachePtr DnsCaches::make(const DnsCacheConfig& config, std::size_t threads) {
  stats::Recording recording(registry_);
  const auto block = stats::make_block<stats::DnsCacheStat>(registry_, "dns_cache." + stats::sanitize(config.name) + ".");
  registry_.set(block, DnsCacheStat::circuit_breakers_rq_pending_remaining, config.pending_max);
  const auto c = std::make_shared<Cache>();
  c->config = config;
  auto shared = std::make_shared<DnsCache>(
      config, block, recording.take(), threads, [this, to = std::weak_ptr(c)](std::string_view host) {
        loop_.post([this, to, host = std::string(host)] {
          if (const auto cache = to.lock()) ask(*cache, host);
        });
      });
  c->shared = shared;
  caches_[config.name] = c;
  apply_runtime(*c);
  if (post_)
    loop_.post([this, to = std::weak_ptr(c)] {
      if (const auto cache = to.lock()) preresolve(*cache);
    });
  return shared;
}

void DnsCaches::start(Post post) {
  post_ = std::move(post);
  for (const auto& [name, c] : caches_) preresolve(*c);
}

void DnsCaches::preresolve(Cache& c) {
  std::string host;
  for (const auto& [name, port] : c.config.preresolve) {
    normalized_host(name, port, host);
    if (!c.names.contains(host)) add(c, host);
  }
}

DnsCaches::Changes DnsCaches::known(const DnsCache& cache) const {
  Changes all;
  const auto at = caches_.find(cache.config().name);
  if (at == caches_.end()) return all;
  for (const auto& [host, n] : at->second->names)
    if (n->has_address()) all.push_back({host, n->now});
  return all;
}

/// A worker has a request for it.
void DnsCaches::ask(Cache& c, const std::string& host) {
  const auto at = c.names.find(host);
  if (at != c.names.end()) {
    const bool again = !c.config.refresh_failed && at->second->now != nullptr && at->second->now->failed;
    if (!again) return;  // its answer is on the way
    remove(c, host, false);
  }
  if (c.names.size() < c.config.hosts_max) return add(c, host);
  if (const auto shared = c.shared.lock()) registry_.main().add(shared->stats(), DnsCacheStat::host_overflow);
  note(c, host, nullptr, false);
}

void DnsCaches::add(Cache& c, const std::string& host) {
  const auto shared = c.shared.lock();
  if (shared == nullptr) return;
  auto made = std::make_unique<Name>();
  Name& n = *made;
  n.host = host;
  const auto parts = split_port(host);
  n.name = parts.host;
  if (n.name.size() > 2 && n.name.front() == '[' && n.name.back() == ']') {  // only an address has them
    const auto ip = n.name.substr(1, n.name.size() - 2);
    if (net::Address::parse_ip(ip, 0)) n.name = ip;
  }
  n.port = parts.port.value_or(0);
  n.id = ++last_id_;
  n.last_use = std::make_shared<LastUse>(loop_.now().time_since_epoch().count());
  c.names.emplace(host, std::move(made));
  shared->hosts.store(static_cast<std::uint32_t>(c.names.size()), std::memory_order_relaxed);
  auto& cells = registry_.main();
  cells.add(shared->stats(), DnsCacheStat::host_added);
  cells.inc(shared->stats(), DnsCacheStat::num_hosts);
  resolve(c, n);
}

/// `told`: workers forget it; else what takes its place is on the way.
void DnsCaches::remove(Cache& c, const std::string& host, bool told) {
  const auto at = c.names.find(host);
  const bool of_members = at->second->has_address();
  const std::string gone = host;  // it may be the name's own
  let_go(std::move(at->second));
  c.names.erase(at);
  if (const auto shared = c.shared.lock()) {
    shared->hosts.store(static_cast<std::uint32_t>(c.names.size()), std::memory_order_relaxed);
    registry_.main().add(shared->stats(), DnsCacheStat::host_removed);
    registry_.main().dec(shared->stats(), DnsCacheStat::num_hosts);
  }
  if (told || of_members) note(c, gone, nullptr, of_members);
}

void DnsCaches::resolve(Cache& c, Name& n) {
  const auto shared = c.shared.lock();
  if (shared == nullptr) return;
  registry_.main().add(shared->stats(), DnsCacheStat::dns_query_attempt);
  n.awaited = true;
  if (c.config.query_timeout.count() > 0) {
    if (n.timeout == nullptr) n.timeout = std::make_unique<event::Callback>(loop_.timers(), [this, &c, &n] { on_timeout(c, n); });
    n.timeout->arm(c.config.query_timeout);
  }
  if (std::exchange(n.asked, true)) return;  // one that took too long is not over yet: its answer will do
  if (c.dns == nullptr) c.dns = &resolver_(c.config.resolver);
  c.dns->resolve(n.name, c.config.family, [this, to = c.weak_from_this(), host = n.host, id = n.id](const DnsAnswer& answer) {
    if (const auto cache = to.lock()) on_answer(*cache, host, id, answer);
  });
}

void DnsCaches::on_answer(Cache& c, const std::string& host, std::uint64_t id, const DnsAnswer& answer) {
  const auto at = c.names.find(host);
  if (at == c.names.end() || at->second->id != id) return;
  Name& n = *at->second;
  n.asked = false;
  if (!n.awaited) return;
  std::string details = (answer.ok ? answer.addresses.empty() ? "cares_norecords:" : "cares_success:" : "cares_failure:") +
                        (answer.error.empty() ? std::string("Successful completion") : answer.error);
  std::replace(details.begin(), details.end(), ' ', '_');
  finish(c, n, answer, std::move(details));
}

void DnsCaches::on_timeout(Cache& c, Name& n) {
  if (const auto shared = c.shared.lock()) registry_.main().add(shared->stats(), DnsCacheStat::dns_query_timeout);
  finish(c, n, {}, "resolve_timeout");
}

namespace {

bool same_addresses(const std::vector<net::Address>& a, const std::vector<net::Address>& b) {
  return a.size() == b.size() &&
         std::all_of(a.begin(), a.end(), [&](const auto& x) { return std::find(b.begin(), b.end(), x) != b.end(); });
}

}  // namespace

/// An address that was found stays when later nothing is.
void DnsCaches::finish(Cache& c, Name& n, const DnsAnswer& answer, std::string details) {
  n.awaited = false;
  if (n.timeout != nullptr) n.timeout->cancel();
  const auto shared = c.shared.lock();
  if (shared == nullptr) return sweep();
  auto& cells = registry_.main();
  cells.add(shared->stats(), answer.ok ? DnsCacheStat::dns_query_success : DnsCacheStat::dns_query_failure);
  std::vector<net::Address> found;
  for (const auto& a : answer.addresses) found.push_back(a.with_port(n.port));
  const bool first = n.now == nullptr;
  const bool changed = !found.empty() && (first || !same_addresses(found, n.now->addresses));
  if (changed || !n.has_address()) {
    ResolvedHost r;
    r.host = n.host;
    r.details = found.empty() ? "dns_resolution_failure{" + details + "}" : std::move(details);
    r.failed = !answer.ok;
    r.last_use = n.last_use;
    r.addresses = std::move(found);
    const bool same = !first && n.now->details == r.details && r.addresses.empty();
    if (!same) n.now = std::make_shared<const ResolvedHost>(std::move(r));
    if (changed) cells.add(shared->stats(), DnsCacheStat::host_address_changed);
    if (!same) note(c, n.host, n.now, changed);
  }
  refresh_later(n, c, answer);
}

void DnsCaches::refresh_later(Name& n, const Cache& c, const DnsAnswer& answer) {
  Duration wait = c.config.refresh;
  if (answer.ok) {
    n.failures = 0;
    if (!answer.addresses.empty()) wait = std::max(c.config.refresh_min, answer.ttl.value_or(Duration{0}));
  } else {
    if (!c.config.refresh_failed) return;
    ++n.failures;
    if (c.config.failure_base.count() > 0)
      wait = failure_wait(c.config.failure_base, c.config.failure_max, n.failures, main_.random);
  }
  if (n.refresh == nullptr)
    n.refresh = std::make_unique<event::Callback>(loop_.timers(), [this, to = c.shared, own = const_cast<Cache*>(&c), &n] {
      if (to.expired()) return sweep();
      on_refresh(*own, n.host);
    });
  n.refresh->arm(wait);
}

void DnsCaches::on_refresh(Cache& c, const std::string& host) {
  Name& n = *c.names.at(host);
  const auto unused = loop_.now().time_since_epoch().count() - n.last_use->load(std::memory_order_relaxed);
  if (unused > c.config.host_ttl.count()) return remove(c, host, true);
  resolve(c, n);
}

/// Told at the end of the turn, in order, first to the clusters: `of_members` when those that have it as a host change.
void DnsCaches::note(Cache& c, const std::string& host, ResolvedHostPtr now, bool of_members) {
  if (c.notes.empty())
    loop_.post([this, to = c.weak_from_this()] {
      if (const auto cache = to.lock()) tell(*cache);
    });
  c.notes.push_back({{host, std::move(now)}, of_members});
}

void DnsCaches::tell(Cache& c) {
  const auto notes = std::make_shared<const std::vector<Cache::Note>>(std::exchange(c.notes, {}));
  const auto shared = c.shared.lock();
  if (shared == nullptr) return sweep();
  Changes members;
  for (const auto& n : *notes)
    if (n.of_members) members.push_back(n.change);
  if (!members.empty() && on_change) on_change(*shared, members);
  const auto on_thread = [shared, notes](std::size_t thread) {
    for (const auto& [change, of_members] : *notes)
      change.now == nullptr ? shared->forget(thread, change.host) : shared->tell(thread, change.now);
  };
  on_thread(0);
  if (post_) post_(on_thread);
}

void DnsCaches::set_runtime(std::shared_ptr<const runtime::Snapshot> snapshot) {
  runtime_ = std::move(snapshot);
  for (const auto& [name, c] : caches_) apply_runtime(*c);
}

void DnsCaches::apply_runtime(Cache& c) {
  const auto shared = c.shared.lock();
  if (shared == nullptr || runtime_ == nullptr) return;
  const auto max = runtime_->integer("dns_cache." + c.config.name + ".circuit_breakers", c.config.pending_max);
  shared->pending_max.store(static_cast<std::uint32_t>(std::min<std::uint64_t>(max, UINT32_MAX)), std::memory_order_relaxed);
}

}  // namespace outrigger::upstream
