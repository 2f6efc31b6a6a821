#include "xds/delivery/routes.h"

#include "envoy/config/route/v3/route.pb.h"
#include "proxy/base/log.h"
#include "xds/compile/http.h"
#include "xds/delivery/posted_demand.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::route::v3::RouteConfiguration;
using stats::RdsStat;

RouteDelivery::RouteDelivery(const DeliveryContext& c, const Rds& config, const std::string& stat_prefix)
    : c_(c),
      name_(config.route_config_name()),
      stat_prefix_(stat_prefix),
      source_(std::make_shared<hcm::RouteSource>(c.server.settings().workers)) {
  auto& registry = c_.server.registry();
  stats::Recording recording(registry);
  const std::string prefix = "http." + stats::sanitize(stat_prefix) + ".rds." + stats::sanitize(name_) + ".";
  const auto counts = Counts::of_source(registry, prefix);
  stats_ = stats::make_block<RdsStat>(registry, prefix);
  lease_ = recording.take();
  WatchEvents& self = *this;
  watch_ = c_.sources.watch(config.config_source(), canonical_type_url(*RouteConfiguration::descriptor()), {name_}, false, counts,
                            self);
}

RouteDelivery::~RouteDelivery() = default;

void RouteDelivery::settle() {
  settled_ = true;
  const auto told = told_;  // who is told may make others
  for (const auto& f : told) f();
  if (arrived()) told_.clear();
}

Result<void> RouteDelivery::on_update(const Update& u) {
  const bool news = !settled_ || !arrived();
  const auto taken = take(u);
  refused_ = !taken;
  if (news && (hosts_ == nullptr || hosts_->settled())) settle();
  return taken;
}

Result<void> RouteDelivery::take(const Update& u) {
  auto& registry = c_.server.registry();
  if (u.resources.empty()) {
    if (u.removed.empty()) registry.main().add(stats_, RdsStat::update_empty);
    return {};
  }
  if (u.resources.size() == 1 && came_before(*u.resources[0], came_, canonical_type_url(*RouteConfiguration::descriptor())))
    return {};
  if (u.resources.size() == 1 && take_changes(u)) return {};
  auto parsed = parse_one<RouteConfiguration>(u, c_, "RDS");
  if (!parsed) return parsed.error();
  const auto& m = parsed->message;
  if (m.name() != name_)
    return Error{Errc::invalid_config, "Unexpected RDS configuration (expecting " + name_ + "): " + m.name()};
  const auto hash = content_hash(m);
  if (arrived() && hash == content_) {
    came_ = parsed->bytes;
    return {};
  }
  Problems problems;
  if (m.has_vhds() && !HostDelivery::check(c_, m.vhds().config_source(), Path() / "vhds" / "config_source", problems))
    return Error{Errc::invalid_config, errors_text(problems)};
  const bool same_hosts = hosts_ != nullptr && m.has_vhds() && own_->vhds().SerializeAsString() == m.vhds().SerializeAsString();
  const auto published = publish(m, same_hosts ? hosts_->hosts() : HostDelivery::Hosts(),
                                 u.whole ? u.version : parsed->from->version, parsed->bytes == 0 ? nullptr : &parsed->from->body);
  if (!published) return published.error();
  content_ = hash;
  came_ = parsed->bytes;
  count_reload();
  own_ = m.has_vhds() ? std::make_unique<const RouteConfiguration>(m) : nullptr;
  if (same_hosts) return {};
  if (hosts_ != nullptr) wake(hosts_->waited_for());
  hosts_ = nullptr;
  if (m.has_vhds()) make_hosts();
  return {};
}

/// With virtual hosts that are not its own.
Result<void> RouteDelivery::publish(RouteConfiguration m, const HostDelivery::Hosts& hosts, const std::string& version,
                                    const std::string_view* came) {
  for (const auto& [name, host] : hosts) *m.add_virtual_hosts() = host;
  Problems problems;
  auto compile = c_.compile(problems);
  stats::Recording recording(c_.server.registry());
  const auto routes = compile_dynamic_routes(m, Path(), compile);
  if (!problems.ok())
    return Error{Errc::invalid_config, "Error updating route configuration " + name_ + ": " + errors_text(problems)};
  const bool plain = recording.empty() && !m.validate_clusters().value();  // the virtual hosts depend on nothing else
  routes->lease = recording.take();
  if (m.has_vhds()) routes->more_hosts = posted_demand(
        c_.server.loop(), weak_from_this(), [](RouteDelivery& d, const std::string& host, Duration) { d.want_host(host); });
  const bool alone = came != nullptr && !m.has_vhds();
  bytes_ = redacted_bytes(std::move(m));
  known_.clear();
  if (alone && plain && bytes_ == *came)
    if (const auto parts = split_routes(bytes_)) known_.take(*parts, routes->vhosts);
  use(routes, version);
  return {};
}

bool RouteDelivery::take_changes(const Update& u) {
  const Resource& whole = *u.resources[0];
  const auto parts = split_routes(whole.body);
  const auto news = parts ? known_.news(*parts) : std::nullopt;
  if (!news) return false;
  Resource r = {whole.name, whole.version, whole.type_url, *news};
  RouteConfiguration m;
  std::string wrong;
  std::size_t unknown = 0;
  if (!parse_resource(r, m, c_.sources.rejects_unknown(), wrong, unknown) || !wrong.empty() || unknown > 0) return false;
  if (m.name() != name_ || redacted_bytes(m) != *news) return false;
  Problems problems;
  auto compile = c_.compile(problems);
  stats::Recording recording(c_.server.registry());
  const auto fresh = compile_dynamic_routes(m, Path(), compile);
  if (!problems.list().empty() || !recording.empty()) return false;
  const auto routes = known_.assemble(*parts, *fresh);
  if (routes == nullptr) return false;
  content_ = 0;  // not known: a version that says the same in other bytes is taken once more
  came_ = bytes_hash(whole.body);
  bytes_ = whole.body;
  known_.take(*parts, routes->vhosts);
  use(routes, u.whole ? u.version : whole.version);
  count_reload();
  return true;
}

void RouteDelivery::use(std::shared_ptr<const route::RouteConfig> routes, const std::string& version) {
  version_ = version;
  updated_ = c_.server.loop().wall();
  c_.server.post_to_workers(
      [source = source_, routes = std::move(routes)](server::Worker& w) { source->set(w.index(), routes); });
}

void RouteDelivery::count_reload() {
  auto& registry = c_.server.registry();
  registry.main().add(stats_, RdsStat::config_reload);
  registry.set(stats_, RdsStat::config_reload_time_ms, unix_ms(updated_));
}

void RouteDelivery::make_hosts() {
  HostDelivery::Owner o;
  o.publish = [this, first = true](const HostDelivery::Hosts& hosts, const std::string& version) mutable {
    const auto published = publish(*own_, hosts, version, nullptr);
    if (published && !std::exchange(first, false)) count_reload();  // the first belongs to the update that named the source
    return published;
  };
  o.answered = [this](const std::vector<std::string>& hosts) { wake(hosts); };
  o.settled = [this] {
    if (!settled_) settle();
  };
  hosts_ = std::make_unique<HostDelivery>(c_, own_->vhds().config_source(), name_,
                                          "http." + stats::sanitize(stat_prefix_) + ".rds.vhds." + stats::sanitize(name_) + ".",
                                          std::move(o));
}

void RouteDelivery::want_host(const std::string& host) {
  if (hosts_ != nullptr) return hosts_->want(host);
  wake({host});
}

void RouteDelivery::wake(const std::vector<std::string>& hosts) const {
  if (hosts.empty()) return;
  c_.server.post_to_workers([source = source_, hosts](server::Worker& w) {
    for (const auto& host : hosts) source->awaited_hosts(w.index()).wake(host, Arrival::came);
  });
}

RouteDeliveryPtr RouteDeliveries::get(const Rds& config, const std::string& stat_prefix) {
  return all_.get(config.SerializeAsString(), [&] { return std::make_shared<RouteDelivery>(c_, config, stat_prefix); });
}

}  // namespace outrigger::xds
