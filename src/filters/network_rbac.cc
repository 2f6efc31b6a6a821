#include "filters/network_rbac.h"

#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

namespace {

/// Of one connection, on its worker.
class Check final : public http::LateStep {
 public:
  Check(hcm::Worker& worker, std::shared_ptr<const NetworkRbac::Config> config) : worker_(worker), config_(std::move(config)) {}

  void run(http::ConnectionInfo& info, TimePoint now, WallTime wall, std::uint64_t bytes) const override {
    if (info.facts().denied) return;
    auto stream = http::StreamInfo::of_connection(info, now, wall);
    stream.bytes_received = bytes;
    stream.filter_state.parent = &info.filter_state;
    stream.dynamic_metadata = info.facts().dynamic_metadata;
    const format::Context context{.info = &stream};
    auto& cells = worker_.thread.cells;
    if (config_->shadow != nullptr) {
      const RbacOutcome& o = config_->shadow->decide(context);
      config_->shadow_stats.count(o, false, cells);
      note_outcome(o, kNetworkRbacSpace, info.facts().dynamic_metadata);
    }
    if (config_->rules == nullptr) return;
    const RbacOutcome& o = config_->rules->decide(context);
    if (o.log_hint) note_log_hint(*o.log_hint, info.facts().dynamic_metadata);
    config_->stats.count(o, false, cells);
    if (!o.allowed) deny(info, o);
  }

 private:
  /// The details outlive the rules, which may be replaced.
  static void deny(http::ConnectionInfo& info, const RbacOutcome& o) {
    auto details = std::make_shared<std::string>(o.details);
    info.termination_details = *details;
    info.local_close_reason = "rbac_deny_close";
    info.facts().denied = true;
    info.facts().held.push_back(std::move(details));
  }
  hcm::Worker& worker_;
  std::shared_ptr<const NetworkRbac::Config> config_;
};

}  // namespace

Verdict NetworkRbac::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  if (config_->rules != nullptr || config_->shadow != nullptr)
    info.facts().on_data.push_back(std::make_shared<const Check>(worker, config_));
  return {};
}

}  // namespace outrigger::filters
