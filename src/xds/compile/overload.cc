// The overload manager: of its monitors only the limit of connections is there.
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/settings.h"

namespace outrigger::xds {

void compile_overload(const envoy::config::overload::v3::OverloadManager& p, server::Config& o, const Path& at,
                      Problems& problems) {
  using Limit = envoy::extensions::resource_monitors::downstream_connections::v3::DownstreamConnectionsConfig;
  if (p.has_refresh_interval()) {
    if (to_duration(p.refresh_interval()) < Duration::zero()) problems.error(at / "refresh_interval", "must not be negative");
    problems.warn(at / "refresh_interval", "has no effect: the limit of connections is looked at for every one");
  }
  for (int i = 0; i < p.resource_monitors_size(); ++i) {
    const auto& monitor = p.resource_monitors(i);
    const Path here = at.at("resource_monitors", i);
    Limit limit;
    if (!monitor.typed_config().UnpackTo(&limit) || monitor.name() != server::kConnectionsMonitor) {
      problems.error(here, "resource monitor '" + monitor.name() + "' of type '" + monitor.typed_config().type_url() +
                               "' is not implemented");
      continue;
    }
    if (o.connections_max) problems.error(here, "Duplicate resource monitor " + monitor.name());
    o.connections_max = static_cast<std::uint64_t>(limit.max_active_downstream_connections());
  }
}

}  // namespace outrigger::xds
