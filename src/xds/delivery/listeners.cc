#include "xds/delivery/listeners.h"

#include <algorithm>
#include <set>
#include "proxy/base/log.h"
#include "xds/compile/listener.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::listener::v3::Listener;

ListenerDelivery::ListenerDelivery(const DeliveryContext& c, RouteDeliveries& routes, ScopeDeliveries& scopes,
                                   FilterDeliveries& filters)
    : c_(c), routes_(routes), scopes_(scopes), filters_(filters) {}
ListenerDelivery::~ListenerDelivery() = default;

void ListenerDelivery::start(const ConfigSource& source, std::function<void()> answered) {
  answered_ = std::move(answered);
  WatchEvents& self = *this;
  watch_ = c_.sources.watch(source, canonical_type_url(*Listener::descriptor()), {}, true,
                            Counts::of_source(c_.server.registry(), "listener_manager.lds."), self);
}

void ListenerDelivery::tell_answered() {
  if (answered_) std::exchange(answered_, nullptr)();
}

void ListenerDelivery::when_warm(std::function<void()> f) {
  warm_ = std::move(f);
  count_warming();
}

void ListenerDelivery::count_warming() {
  const auto n = std::count_if(known_.begin(), known_.end(), [](const auto& k) { return k.second.warming != nullptr; });
  c_.server.listeners().set_warming(static_cast<std::size_t>(n));
  if (n == 0 && warm_) std::exchange(warm_, nullptr)();
}

Result<void> ListenerDelivery::on_update(const Update& u) {
  auto parsed = parse_resources<Listener>(u, c_);
  if (!parsed) {
    tell_answered();
    return parsed.error();
  }
  std::set<std::string> names;
  for (const auto& p : *parsed) names.insert(p.message.name());
  std::vector<std::string> gone = u.removed;
  if (u.whole)
    for (const auto& [name, k] : known_)
      if (!names.contains(name) && (k.active != nullptr || k.warming != nullptr || !k.refusal.empty())) gone.push_back(name);
  for (const auto& name : gone) remove(name);
  Refusals refusals("listener");
  for (const auto& p : *parsed) {
    const std::string& name = p.message.name();
    const std::string& version = u.whole ? u.version : p.from->version;
    std::string why = names.erase(name) == 0 ? "duplicate listener " + name + " found"
                      : !p.wrong.empty()     ? p.wrong
                                             : add(p.message, version);
    if (why.empty()) continue;
    refusals.add(name, why);
    auto& k = known_[name];
    k.refusal = std::move(why), k.refused_version = version, k.refused_bytes = redacted_bytes(p.message);
    k.refused = c_.server.loop().wall();
  }
  if (refusals.none()) version_ = u.version;
  count_warming();
  if (c_.base->secrets != nullptr) c_.base->secrets->sweep();
  tell_answered();
  return refusals.result();
}

std::string ListenerDelivery::compile(const Listener& message, Version& into) {
  Problems problems;
  auto compile = c_.compile(problems);
  compile.subscribe_routes = [&](const Rds& rds, const std::string& stat_prefix) {
    const auto used = routes_.get(rds, stat_prefix);
    into.uses.push_back(used);
    return used->source();
  };
  compile.subscribe_scopes = [&](const ScopedRoutes& scopes, const std::string& stat_prefix) {
    const auto used = scopes_.get(scopes, stat_prefix);
    into.uses.push_back(used);
    return used->source();
  };
  compile.subscribe_filter = [&](std::shared_ptr<const LateFilter> entry) {
    into.filters.push_back(filters_.use(std::move(entry)));
  };
  stats::Recording recording(c_.server.registry());
  SecretStore::Recording secrets(*compile.secrets);
  const auto config = compile_listener(message, Path(), compile);
  if (config == nullptr) return errors_text(problems);
  config->lease = recording.take();
  into.secrets = secrets.take();
  if (std::string why = check_addresses(*config); !why.empty()) return why;
  auto prepared = c_.server.listeners().prepare(config);
  if (!prepared) return prepared.error().detail;
  into.prepared = std::move(*prepared);
  return {};
}

/// No two listeners have an address in common.
std::string ListenerDelivery::check_addresses(const server::ListenerConfig& config) const {
  std::string why;
  c_.server.listeners().each([&](const server::ListenerManager::View& other) {
    if (other.config.name == config.name) return;
    for (const auto& a : config.addresses)
      if (!(a.is_ip() && a.port() == 0) &&
          std::find(other.config.addresses.begin(), other.config.addresses.end(), a) != other.config.addresses.end())
        why = "error adding listener: '" + config.name + "' has duplicate address '" + a.text() + "' as existing listener '" +
              other.config.name + "'";
  });
  return why;
}

std::string ListenerDelivery::add(const Listener& message, const std::string& version) {
  const std::string& name = message.name();
  if (name.empty()) return "a listener needs a name";
  const auto hash = content_hash(message);
  const auto at = known_.find(name);
  if (at != known_.end()) {
    const Version* last = at->second.warming != nullptr ? at->second.warming.get() : at->second.active.get();
    at->second.refusal.clear();
    if (last != nullptr && last->content == hash) return {};
  } else if (c_.server.listeners().known(name)) {
    LOG_INFO(logger::config, "lds: listener '", name, "' is one of the bootstrap and stays as it is");
    return {};
  }
  auto next = std::make_unique<Version>();
  next->content = hash;
  next->version = version;
  next->bytes = redacted_bytes(message);
  next->updated = c_.server.loop().wall();
  if (std::string why = compile(message, *next); !why.empty()) return why;
  auto& warming = known_[name].warming;
  c_.server.listeners().count_told(next->prepared, warming != nullptr);
  warming = std::move(next);
  const auto uses = known_[name].warming->uses;  // settle() moves it
  const auto filters = known_[name].warming->filters;
  const auto secrets = known_[name].warming->secrets;
  for (const auto& use : uses) use->on_progress([this, name] { settle(name); });
  for (const auto& use : filters)
    if (!use->settled()) use->on_progress([this, name] { settle(name); });
  for (const auto& s : secrets)
    s->on_progress([this, name, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) settle(name);
    });
  settle(name);
  return {};
}

/// Serves once all that it waits for is there. Routes that were refused are not waited for, unless there is a version
/// that goes on serving meanwhile.
void ListenerDelivery::settle(const std::string& name) {
  const auto at = known_.find(name);
  if (at == known_.end() || at->second.warming == nullptr) return;
  Known& k = at->second;
  for (const auto& use : k.warming->uses)
    if (!use->settled() || (k.active != nullptr && !use->arrived() && use->refused())) return;
  for (const auto& f : k.warming->filters)
    if (!f->settled()) return;
  for (const auto& s : k.warming->secrets)
    if (!s->settled()) return;
  k.warming->frame = server::ListenerManager::config_of(k.warming->prepared).frame;
  c_.server.listeners().activate(std::move(k.warming->prepared), c_.server.drain_time());
  auto old = std::exchange(k.active, std::move(k.warming));
  if (old != nullptr) {
    old->in_place = old->frame == k.active->frame;
    drain(name, std::move(old));
  }
  count_warming();
}

void ListenerDelivery::remove(const std::string& name) {
  const auto at = known_.find(name);
  if (at == known_.end()) return;
  Known& k = at->second;
  const bool warmed = std::exchange(k.warming, nullptr) != nullptr;
  k.refusal.clear();
  auto old = std::move(k.active);
  if (old == nullptr) {
    if (warmed) c_.server.listeners().count_removed();
    if (k.draining.empty()) known_.erase(at);
    return;
  }
  c_.server.listeners().remove(name, c_.server.drain_time());
  drain(name, std::move(old));
}

/// Its routes are kept in step until its connections are over.
void ListenerDelivery::drain(const std::string& name, std::unique_ptr<Version> old) {
  old->end = std::make_unique<event::Callback>(c_.server.loop().timers(), [this, name, v = old.get()] {
    // Not now: it would end the timer that runs.
    c_.server.loop().post([this, name, v, alive = std::weak_ptr<int>(alive_)] {
      if (!alive.expired()) end_drain(name, v);
    });
  });
  old->end->arm(c_.server.drain_time());
  known_[name].draining.push_back(std::move(old));
}

void ListenerDelivery::end_drain(const std::string& name, const Version* old) {
  const auto at = known_.find(name);
  if (at == known_.end()) return;
  Known& k = at->second;
  std::erase_if(k.draining, [old](const auto& v) { return v.get() == old; });
  if (c_.base->secrets != nullptr) c_.base->secrets->sweep();
  if (k.draining.empty() && k.active == nullptr && k.warming == nullptr && k.refusal.empty()) known_.erase(at);
}

}  // namespace outrigger::xds
