#include "xds/delivery/scopes.h"

#include <algorithm>
#include "proxy/base/log.h"
#include "xds/compile/scoped_routes.h"
#include "xds/delivery/posted_demand.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using stats::ScopedRdsStat;

ScopeDelivery::ScopeDelivery(const DeliveryContext& c, RouteDeliveries& routes, ScopedRoutes config, std::string stat_prefix)
    : c_(c),
      routes_(routes),
      config_(std::move(config)),
      stat_prefix_(std::move(stat_prefix)),
      source_(std::make_shared<hcm::ScopeSource>(c.server.settings().workers)) {}

ScopeDelivery::~ScopeDelivery() = default;

void ScopeDelivery::start() {
  auto& registry = c_.server.registry();
  stats::Recording recording(registry);
  const std::string prefix = "http." + stats::sanitize(stat_prefix_) + ".scoped_rds." + stats::sanitize(config_.name()) + ".";
  const auto counts = Counts::of_source(registry, prefix);
  stats_ = stats::make_block<ScopedRdsStat>(registry, prefix);
  lease_ = recording.take();
  source_->demand = posted_demand(
      c_.server.loop(), weak_from_this(), [](ScopeDelivery& d, const std::string& scope, Duration) { d.want(scope); });
  WatchEvents& self = *this;
  watch_ = c_.sources.watch(config_.scoped_rds().scoped_rds_config_source(),
                            canonical_type_url(*ScopedRouteConfiguration::descriptor()), {}, true, counts, self);
}

bool ScopeDelivery::settled() const noexcept {
  return answered_ && std::all_of(known_.begin(), known_.end(),
                                  [](const auto& k) { return k.second.routes == nullptr || k.second.routes->settled(); });
}

void ScopeDelivery::tell_progress() {
  const auto told = told_;  // who is told may make others
  for (const auto& f : told) f();
  if (settled() && came_) told_.clear();
}

void ScopeDelivery::on_fetch_timeout() {
  answered_ = true;
  tell_progress();
}

Result<void> ScopeDelivery::on_update(const Update& u) {
  const auto taken = take(u);
  refused_ = !taken;
  answered_ = true;
  tell_progress();
  return taken;
}

Result<void> ScopeDelivery::take(const Update& u) {
  auto parsed = parse_resources<ScopedRouteConfiguration>(u, c_);
  if (!parsed) return parsed.error();
  std::map<std::string, Known> next;
  if (!u.whole) next = known_;
  for (const auto& name : u.removed) next.erase(name);
  std::set<std::string> names;
  std::vector<const ScopedRouteConfiguration*> changed;
  for (const auto& p : *parsed) {
    const std::string& name = p.message.name();
    if (!p.wrong.empty()) return invalid(name + ": " + p.wrong);
    if (!names.insert(name).second) return invalid("duplicate scoped route configuration '" + name + "' found");
    const auto before = known_.find(name);
    if (before != known_.end() && before->second.content == content_hash(p.message))
      next[name] = before->second;
    else
      changed.push_back(&p.message);
  }
  const bool same = came_ && changed.empty() && next.size() == known_.size();
  if (!same)
    if (const auto done = apply(std::move(next), changed); !done) return done.error();
  came_ = true;
  version_ = u.version;
  auto& registry = c_.server.registry();
  registry.main().add(stats_, ScopedRdsStat::config_reload);
  registry.set(stats_, ScopedRdsStat::config_reload_time_ms, unix_ms(updated_));
  return {};
}

/// All or nothing.
Result<void> ScopeDelivery::apply(std::map<std::string, Known> next,
                                  const std::vector<const ScopedRouteConfiguration*>& changed) {
  for (const auto* m : changed) {
    Known k;
    if (const auto filled = fill(k, *m); !filled) return filled.error();
    next.insert_or_assign(m->name(), std::move(k));
  }
  std::map<std::string, std::string> by_key;
  for (const auto& [name, k] : next)
    if (const auto [first, fresh] = by_key.emplace(k.key, name); !fresh)
      return invalid("scope key conflict found, first scope is '" + first->second + "', second scope is '" + name + "'");
  std::map<std::string, Known> old = std::exchange(known_, std::move(next));  // its routes end after those that come
  updated_ = c_.server.loop().wall();
  for (auto& [name, k] : known_)
    if (!k.on_demand && k.routes == nullptr && k.inside == nullptr) subscribe(name, k);
  publish();
  const auto waited = std::exchange(waited_for_, {});
  for (const auto& name : waited) want(name);
  return {};
}

Result<void> ScopeDelivery::fill(Known& k, const ScopedRouteConfiguration& m) {
  k.content = content_hash(m);
  k.on_demand = m.on_demand() && !m.has_route_configuration();
  k.key = scope_key_of(m);
  k.bytes = redacted_bytes(m);
  Problems problems;
  auto compile = c_.compile(problems);
  stats::Recording recording(c_.server.registry());
  k.inside = compile_scope(m, Path(), compile);
  if (!problems.ok()) return invalid(m.name() + ": " + errors_text(problems));
  k.lease = recording.take();
  return {};
}

void ScopeDelivery::subscribe(const std::string& name, Known& k) {
  ScopedRouteConfiguration m;
  m.ParseFromString(k.bytes);
  Rds rds;
  *rds.mutable_config_source() =
      config_.has_rds_config_source() ? config_.rds_config_source() : config_.scoped_rds().scoped_rds_config_source();
  rds.set_route_config_name(m.route_configuration_name());
  k.routes = routes_.get(rds, stat_prefix_);
  k.routes->on_progress([of = weak_from_this(), name] {
    if (const auto d = of.lock()) d->on_routes(name);
  });
}

/// A request needs the routes of that scope.
void ScopeDelivery::want(const std::string& name) {
  const auto at = known_.find(name);
  if (at == known_.end() || at->second.inside != nullptr) return wake(name);
  if (at->second.routes == nullptr) {
    subscribe(name, at->second);
    publish();
  }
  if (at->second.routes->settled()) return wake(name);
  waited_for_.insert(name);
}

void ScopeDelivery::on_routes(const std::string& name) {
  if (waited_for_.erase(name) > 0) wake(name);
  tell_progress();
}

/// To the workers, and to the gauges.
void ScopeDelivery::publish() {
  auto table = std::make_shared<hcm::ScopeTable>();
  std::size_t active = 0, on_demand = 0;
  for (const auto& [name, k] : known_) {
    active += k.routes != nullptr ? 1 : 0;
    on_demand += k.on_demand ? 1 : 0;
    table->insert_or_assign(k.key, hcm::Scope{name, k.routes != nullptr ? k.routes->source() : k.inside});
  }
  c_.server.post_to_workers([source = source_, table](server::Worker& w) { source->set(w.index(), table); });
  auto& registry = c_.server.registry();
  registry.set(stats_, ScopedRdsStat::all_scopes, known_.size());
  registry.set(stats_, ScopedRdsStat::active_scopes, active);
  registry.set(stats_, ScopedRdsStat::on_demand_scopes, on_demand);
}

void ScopeDelivery::wake(const std::string& name) const {
  c_.server.post_to_workers(
      [source = source_, name](server::Worker& w) { source->awaited(w.index()).wake(name, Arrival::came); });
}

ScopeDeliveryPtr ScopeDeliveries::get(const ScopedRoutes& config, const std::string& stat_prefix) {
  return all_.get(stat_prefix + '\0' + config.SerializeAsString(), [&] {
    auto made = std::make_shared<ScopeDelivery>(c_, routes_, config, stat_prefix);
    made->start();
    return made;
  });
}

}  // namespace outrigger::xds
