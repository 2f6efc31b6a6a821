#include "xds/delivery/virtual_hosts.h"

#include <algorithm>
#include "proxy/base/log.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::route::v3::VirtualHost;
using stats::RdsStat;

namespace {
// Clients choose the names.
constexpr std::size_t kAskedMost = 4096;
constexpr std::size_t kHostMost = 1024;  // bytes
}  // namespace

HostDelivery::HostDelivery(const DeliveryContext& c, const ConfigSource& source, const std::string& routes,
                           const std::string& prefix, Owner owner)
    : c_(c), space_(routes + "/"), owner_(std::move(owner)) {
  auto& registry = c.server.registry();
  stats::Recording recording(registry);
  const auto counts = Counts::of_source(registry, prefix);
  stats_ = stats::make_block<RdsStat>(registry, prefix);
  lease_ = recording.take();
  WatchEvents& self = *this;
  watch_ = c.sources.watch(source, canonical_type_url(*VirtualHost::descriptor()), {}, true, counts, self, space_);
}
HostDelivery::~HostDelivery() = default;

bool HostDelivery::check(const DeliveryContext& c, const ConfigSource& source, const Path& at, Problems& problems) {
  if (!source.has_ads() && source.api_config_source().api_type() != ApiConfigSource::DELTA_GRPC) {
    problems.error(at, "vhds: only 'DELTA_GRPC' is supported as an api_type.");
    return false;
  }
  return c.sources.check(source, at, problems);
}

bool HostDelivery::is_here(const std::string& name) const {
  const auto alias = aliases_.find(name);
  return hosts_.contains(alias == aliases_.end() ? name : alias->second);
}

void HostDelivery::want(const std::string& host) {
  const std::string name = space_ + host;
  if (host.size() > kHostMost || answered_.contains(name)) return owner_.answered({host});
  if (!names_.insert(name).second) return;
  asked_.push_back(name);
  if (asked_.size() > kAskedMost) forget_oldest();
  watch_->want(names_);
}

/// Of those that are not here; if all are, the oldest is asked for again when a request needs it.
void HostDelivery::forget_oldest() {
  const auto missing = std::find_if(asked_.begin(), asked_.end(), [this](const auto& n) { return !is_here(n); });
  const auto gone = missing == asked_.end() ? asked_.begin() : missing;
  const std::string name = *gone;
  asked_.erase(gone);
  names_.erase(name);
  answered_.erase(name);
  aliases_.erase(name);
  owner_.answered({host_of(name)});
}

std::vector<std::string> HostDelivery::waited_for() const {
  std::vector<std::string> hosts;
  for (const auto& name : names_)
    if (!answered_.contains(name)) hosts.push_back(host_of(name));
  return hosts;
}

void HostDelivery::settle() {
  if (std::exchange(settled_, true)) return;
  owner_.settled();
}

Result<void> HostDelivery::on_update(const Update& u) {
  const auto taken = take(u);
  settle();
  return taken;
}

Result<void> HostDelivery::take(const Update& u) {
  Update bodies{u.version, u.whole, {}, u.removed};
  for (const Resource* r : u.resources)
    if (!r->heartbeat) bodies.resources.push_back(r);
  auto parsed = parse_resources<VirtualHost>(bodies, c_);
  if (!parsed) return parsed.error();
  Hosts next = hosts_;
  for (const auto& name : u.removed) next.erase(name);
  for (auto& p : *parsed) {
    if (!p.wrong.empty()) return Error{Errc::invalid_config, p.from->name + ": " + p.wrong};
    next.insert_or_assign(p.from->name, std::move(p.message));
  }
  if (const auto published = owner_.publish(next, u.version); !published) return published.error();
  hosts_ = std::move(next);
  c_.server.registry().main().add(stats_, RdsStat::config_reload);
  c_.server.registry().set(stats_, RdsStat::config_reload_time_ms, unix_ms(c_.server.loop().wall()));
  std::vector<std::string> answered;
  const auto answer = [&](const std::string& name, const std::string& of) {
    if (!names_.contains(name)) return;
    answered_.insert(name);
    if (name != of) aliases_[name] = of;
    answered.push_back(host_of(name));
  };
  for (const Resource* r : u.resources) {
    answer(r->name, r->name);
    for (const auto& alias : r->aliases) answer(alias, r->name);
  }
  // Envoy would let those wait that are said not to be; it answers at once what it has heard of before.
  for (const auto& name : u.removed) answer(name, name);
  owner_.answered(std::move(answered));
  return {};
}

}  // namespace outrigger::xds
