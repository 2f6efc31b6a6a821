#include "xds/delivery/runtime.h"

#include "envoy/service/runtime/v3/rtds.pb.h"
#include "xds/compile/settings.h"
#include "xds/delivery/resources.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

using envoy::service::runtime::v3::Runtime;

RuntimeDelivery::RuntimeDelivery(const DeliveryContext& c, Config config) : c_(c), config_(std::move(config)) {
  WatchEvents& self = *this;
  watch_ = c_.sources.watch(config_.source, canonical_type_url(*Runtime::descriptor()), {config_.name}, false,
                            Counts::of_source(c_.server.registry(), "runtime."), self);
}

void RuntimeDelivery::settle() {
  settled_ = true;
  if (told_) std::exchange(told_, nullptr)();
}

Result<void> RuntimeDelivery::on_update(const Update& u) {
  const auto taken = take(u);
  settle();
  return taken;
}

Result<void> RuntimeDelivery::take(const Update& u) {
  if (u.resources.size() + u.removed.size() != 1)
    return Error{Errc::invalid_config, "Unexpected RTDS resource length, number of added resources " +
                                           std::to_string(u.resources.size()) + ", number of removed resources " +
                                           std::to_string(u.removed.size())};
  runtime::Layer values;
  if (!u.resources.empty()) {
    auto parsed = parse_one<Runtime>(u, c_, "RTDS");
    if (!parsed) return parsed.error();
    const auto& m = parsed->message;
    if (m.name() != config_.name)
      return Error{Errc::invalid_config, "Unexpected RTDS runtime (expecting " + config_.name + "): " + m.name()};
    Problems problems;
    values = compile_runtime_values(m.layer(), Path() / "layer", problems);
    if (!problems.ok()) return Error{Errc::invalid_config, m.name() + ": " + errors_text(problems)};
  }
  c_.server.set_runtime_layer(config_.index, std::move(values));
  return {};
}

}  // namespace outrigger::xds
