#include "xds/delivery/listeners.h"

#include <utility>
#include "proxy/base/log.h"
#include "xds/compile/listener.h"
#include "xds/delivery/listener_update.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::listener::v3::Listener;

ListenerDelivery::ListenerDelivery(const DeliveryContext& c, Subscriptions& subscriptions)
    : c_(c), subscriptions_(subscriptions) {}
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
  settle_warming();
}

void ListenerDelivery::count_warming(int change) {
  warming_ += static_cast<std::size_t>(change);
  c_.server.listeners().set_warming(warming_);
}

void ListenerDelivery::settle_warming() {
  if (warming_ == 0 && warm_) std::exchange(warm_, nullptr)();
}

Result<void> ListenerDelivery::on_update(const Update& u) {
  ListenerUpdate work(*this, u);
  while (!work.go_on()) {}
  return work.result();
}

std::unique_ptr<UpdateWork> ListenerDelivery::begin_update(const Update& u) { return std::make_unique<ListenerUpdate>(*this, u); }

void ListenerDelivery::note_refusal(const Listener& message, const std::string& version, std::string why) {
  auto& k = known_[message.name()];
  k.refusal = std::move(why), k.refused_version = version, k.refused_bytes = redacted_bytes(message);
  k.refused = c_.server.loop().wall();
}

std::string ListenerDelivery::compile(const Listener& message, Version& into) {
  Problems problems;
  auto compile = c_.compile(problems);
  subscriptions_.collect(compile, into.uses);
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
  for (const auto& a : config.addresses) {
    if (a.is_ip() && a.port() == 0) continue;
    if (const auto* other = c_.server.listeners().holder_of(a, config.name))
      return "error adding listener: '" + config.name + "' has duplicate address '" + a.text() + "' as existing listener '" +
             other->name + "'";
  }
  return {};
}

std::string ListenerDelivery::add(const Listener& message, const std::string& version, std::uint64_t bytes) {
  const std::string& name = message.name();
  if (name.empty()) return "a listener needs a name";
  const auto hash = content_hash(message);
  const auto at = known_.find(name);
  if (at != known_.end()) {
    Version* last = at->second.warming != nullptr ? at->second.warming.get() : at->second.active.get();
    at->second.refusal.clear();
    if (last != nullptr && last->content == hash) {
      last->came = bytes;
      return {};
    }
  } else if (c_.server.listeners().known(name)) {
    LOG_INFO(logger::config, "lds: listener '", name, "' is one of the bootstrap and stays as it is");
    return {};
  }
  auto next = std::make_unique<Version>();
  next->content = hash;
  next->came = bytes;
  next->version = version;
  next->bytes = redacted_bytes(message);
  next->updated = c_.server.loop().wall();
  if (std::string why = compile(message, *next); !why.empty()) return why;
  auto& warming = known_[name].warming;
  c_.server.listeners().count_told(next->prepared, warming != nullptr);
  if (warming == nullptr) count_warming(1);
  warming = std::move(next);
  const auto uses = known_[name].warming->uses;  // settle() moves it
  const auto secrets = known_[name].warming->secrets;
  for (const auto& use : uses.routes) use->on_progress([this, name] { settle(name); });
  for (const auto& use : uses.filters)
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
  for (const auto& use : k.warming->uses.routes)
    if (!use->settled() || (k.active != nullptr && !use->arrived() && use->refused())) return;
  for (const auto& f : k.warming->uses.filters)
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
  count_warming(-1);
  settle_warming();
}

void ListenerDelivery::remove(const std::string& name) {
  const auto at = known_.find(name);
  if (at == known_.end()) return;
  Known& k = at->second;
  const bool warmed = std::exchange(k.warming, nullptr) != nullptr;
  if (warmed) count_warming(-1);
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
