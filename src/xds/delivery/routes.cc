#include "xds/delivery/routes.h"

#include "envoy/config/route/v3/route.pb.h"
#include "proxy/base/log.h"
#include "xds/compile/http.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::config::route::v3::RouteConfiguration;
using stats::RdsStat;

RouteDelivery::RouteDelivery(const DeliveryContext& c, const Rds& config, const std::string& stat_prefix)
    : c_(c), name_(config.route_config_name()), source_(std::make_shared<hcm::RouteSource>(c.server.settings().workers)) {
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
  if (news) settle();
  return taken;
}

Result<void> RouteDelivery::take(const Update& u) {
  auto& registry = c_.server.registry();
  if (u.resources.empty()) {
    if (u.removed.empty()) registry.main().add(stats_, RdsStat::update_empty);
    return {};
  }
  auto parsed = parse_one<RouteConfiguration>(u, c_, "RDS");
  if (!parsed) return parsed.error();
  const auto& m = parsed->message;
  if (m.name() != name_)
    return Error{Errc::invalid_config, "Unexpected RDS configuration (expecting " + name_ + "): " + m.name()};
  const auto hash = content_hash(m);
  if (arrived() && hash == content_) return {};
  Problems problems;
  auto compile = c_.compile(problems);
  stats::Recording recording(registry);
  const auto routes = compile_dynamic_routes(m, Path(), compile);
  if (!problems.ok())
    return Error{Errc::invalid_config, "Error updating route configuration " + name_ + ": " + errors_text(problems)};
  routes->lease = recording.take();
  content_ = hash;
  bytes_ = redacted_bytes(m);
  version_ = u.whole ? u.version : parsed->from->version;
  updated_ = c_.server.loop().wall();
  c_.server.post_to_workers([source = source_, routes](server::Worker& w) { source->set(w.index(), routes); });
  registry.main().add(stats_, RdsStat::config_reload);
  registry.set(
      stats_, RdsStat::config_reload_time_ms,
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(updated_.time_since_epoch()).count()));
  return {};
}

RouteDeliveryPtr RouteDeliveries::get(const Rds& config, const std::string& stat_prefix) {
  std::erase_if(all_, [](const auto& e) { return e.second.expired(); });
  auto& known = all_[config.SerializeAsString()];
  auto d = known.lock();
  if (d == nullptr) known = d = std::make_shared<RouteDelivery>(c_, config, stat_prefix);
  return d;
}

void RouteDeliveries::each(const std::function<void(const RouteDelivery&)>& f) const {
  for (const auto& [key, weak] : all_)
    if (const auto d = weak.lock()) f(*d);
}

}  // namespace outrigger::xds
