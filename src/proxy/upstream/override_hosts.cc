#include "proxy/upstream/override_hosts.h"

namespace outrigger::upstream {

void tell_selected(const ClusterConfig& config, const Host& host, MetadataPtr& metadata) {
  if (config.override_hosts == nullptr || config.override_hosts->selected_name.empty()) return;
  const auto& o = *config.override_hosts;
  auto value = MetadataValue::of(host.endpoint().address.text());
  for (auto part = o.selected_path.rbegin(); part != o.selected_path.rend(); ++part)
    value = MetadataValue::of(*part, std::move(value));
  auto all = copy_of(metadata);
  all->merge(o.selected_name, value);
  metadata = std::move(all);
}

}  // namespace outrigger::upstream
