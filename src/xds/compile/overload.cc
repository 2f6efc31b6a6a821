// The overload manager: what is looked at, and what is done when it runs out.
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include "envoy/extensions/resource_monitors/cgroup_memory/v3/cgroup_memory.pb.h"
#include "envoy/extensions/resource_monitors/cpu_utilization/v3/cpu_utilization.pb.h"
#include "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.pb.h"
#include "envoy/extensions/resource_monitors/fixed_heap/v3/fixed_heap.pb.h"
#include "envoy/extensions/resource_monitors/injected_resource/v3/injected_resource.pb.h"
#include "proxy/event/directory_watcher.h"
#include "xds/compile/convert.h"
#include "xds/compile/settings.h"

namespace outrigger::xds {

namespace {

namespace overload_v3 = envoy::config::overload::v3;
namespace monitors_v3 = envoy::extensions::resource_monitors;
using Action = server::OverloadActionConfig;
using Monitor = server::ResourceMonitorConfig;
using Timers = overload_v3::ScaleTimersOverloadActionConfig;
using Shrink = overload_v3::ShrinkHeapConfig;
using Triggers = google::protobuf::RepeatedPtrField<overload_v3::Trigger>;

constexpr std::string_view kActionPrefix = "envoy.overload_actions.", kPointPrefix = "envoy.load_shed_points.";
constexpr const char* kConflict = "\" conflicts with its typed config";

// ---- what is looked at

void compile_heap(const monitors_v3::fixed_heap::v3::FixedHeapConfig& p, const server::Config& c, Monitor& o, const Path& at,
                  Problems& problems) {
  const bool both = p.max_heap_size_bytes() != 0 && p.has_max_heap_size_bytes_runtime();
  if (both)
    return problems.error(at, "fixed_heap: exactly one of max_heap_size_bytes or max_heap_size_bytes_runtime must be set");
  const auto& runtime = p.max_heap_size_bytes_runtime();
  o.bytes_max = p.has_max_heap_size_bytes_runtime() ? runtime.default_value() : p.max_heap_size_bytes();
  o.runtime_key = runtime.runtime_key();
  const runtime::Snapshot now(c.runtime_layers);
  if ((o.runtime_key.empty() ? o.bytes_max : now.integer(o.runtime_key, o.bytes_max)) == 0)
    problems.error(at, "fixed_heap: max heap size must be greater than 0");
}

void compile_file(const std::string& path, Monitor& o, const Path& at, Problems& problems) {
  o.path = path;
  const std::string parent = event::directory_of(path);
  if (parent.empty()) return problems.error(at, "invalid file path " + path);
  if (::access(parent.c_str(), R_OK) != 0)
    problems.error(at, "unable to add filesystem watch for file " + path + ": " + std::strerror(errno));
}

/// False: refused.
bool compile_monitor(const overload_v3::ResourceMonitor& p, const server::Config& c, Monitor& o, const Path& at,
                     Problems& problems) {
  const auto& any = p.typed_config();
  const Path here = at / "typed_config";
  o.name = p.name();
  monitors_v3::fixed_heap::v3::FixedHeapConfig heap;
  monitors_v3::injected_resource::v3::InjectedResourceConfig injected;
  monitors_v3::cgroup_memory::v3::CgroupMemoryConfig cgroup;
  monitors_v3::cpu_utilization::v3::CpuUtilizationConfig cpu;
  if (any.UnpackTo(&heap)) {
    o.kind = Monitor::heap;
    compile_heap(heap, c, o, here, problems);
  } else if (any.UnpackTo(&injected)) {
    o.kind = Monitor::file;
    compile_file(injected.filename(), o, here / "filename", problems);
  } else if (any.UnpackTo(&cgroup)) {
    o.kind = Monitor::cgroup;
    o.bytes_max = cgroup.max_memory_bytes();
  } else if (any.UnpackTo(&cpu)) {
    o.kind = Monitor::cpu;
    if (cpu.mode() == monitors_v3::cpu_utilization::v3::CpuUtilizationConfig::CONTAINER)
      problems.error(here / "mode", "CONTAINER is not implemented");
  } else {
    problems.error(at, "resource monitor '" + p.name() + "' of type '" + any.type_url() + "' is not implemented");
    return false;
  }
  return true;
}

void compile_limit(const overload_v3::ResourceMonitor& p, server::Config& o, const Path& at, Problems& problems) {
  monitors_v3::downstream_connections::v3::DownstreamConnectionsConfig limit;
  if (!p.typed_config().UnpackTo(&limit))
    return problems.error(at,
                          "resource monitor '" + p.name() + "' of type '" + p.typed_config().type_url() + "' is not implemented");
  if (o.connections_max) problems.error(at, "Duplicate resource monitor " + p.name());
  o.connections_max = static_cast<std::uint64_t>(limit.max_active_downstream_connections());
}

// ---- what is done

server::OverloadTrigger compile_trigger(const overload_v3::Trigger& p, std::size_t monitor, const Path& at, Problems& problems) {
  if (!p.has_scaled()) return {monitor, 0, p.threshold().value(), false};
  const auto& s = p.scaled();
  if (s.scaling_threshold() >= s.saturation_threshold())
    problems.error(at / "scaled", "scaling_threshold must be less than saturation_threshold");
  return {monitor, s.scaling_threshold(), s.saturation_threshold(), true};
}

/// `limit_triggers`: one of the limit of connections is taken, and never fires, as in Envoy.
void compile_triggers(const Triggers& p, const server::Config& c, Action& o, bool limit_triggers, const Path& at,
                      Problems& problems) {
  const auto& monitors = c.overload.monitors;
  const std::string what = limit_triggers ? "overload action " : "loadshed point ";
  std::set<std::string> names;
  for (int i = 0; i < p.size(); ++i) {
    const Path here = at.at("triggers", i);
    const auto& name = p[i].name();
    if (!names.insert(name).second)
      problems.error(here, "Duplicate trigger resource for " + (limit_triggers ? what : "LoadShedPoint ") + o.name);
    const auto found = std::find_if(monitors.begin(), monitors.end(), [&](const auto& m) { return m.name == name; });
    const auto trigger = compile_trigger(p[i], static_cast<std::size_t>(found - monitors.begin()), here, problems);
    if (found != monitors.end()) {
      o.triggers.push_back(trigger);
    } else if (limit_triggers && c.connections_max && name == server::kConnectionsMonitor) {
      problems.warn(here, "has no effect, as in Envoy: " + name + " triggers nothing");
    } else {
      problems.error(here, "Unknown trigger resource " + name + " for " + what + o.name);
    }
  }
}

void compile_timers(const Timers& p, std::vector<std::string>& holders, server::OverloadConfig& c, Action& o, const Path& at,
                    Problems& problems) {
  o.kind = Action::reduce_timeouts;
  for (int i = 0; i < p.timer_scale_factors_size(); ++i) {
    const auto& factor = p.timer_scale_factors(i);
    const auto index = static_cast<std::size_t>(factor.timer()) - 1;  // in the order of ScaledKind
    if (index >= event::kScaledKinds) continue;                       // told by the API's rules
    auto& minimum = c.timer_minimums[index];
    if (minimum && holders[index] == o.name)
      problems.error(at.at("timer_scale_factors", i),
                     "Found duplicate entry for timer type " + Timers::TimerType_Name(factor.timer()));
    else if (minimum)
      problems.error(at.at("timer_scale_factors", i),
                     "Timer type is configured by both overload actions \"" + holders[index] + "\" and \"" + o.name + "\"");
    if (to_duration(factor.min_timeout()) < Duration::zero())
      problems.error(at.at("timer_scale_factors", i), "min_timeout must not be negative");
    holders[index] = o.name;
    minimum.emplace();
    constexpr double kPercent = 100;
    if (factor.has_min_scale())
      minimum->share = factor.min_scale().value() / kPercent;
    else
      minimum->time = std::max(to_duration(factor.min_timeout()), Duration{0});
    o.timers.push_back(static_cast<event::ScaledKind>(index));
  }
}

void compile_shrink(const google::protobuf::Any& any, Action& o, const Path& at, Problems& problems) {
  Shrink p;
  o.kind = Action::shrink_heap;
  if (any.type_url().empty()) return;
  if (any.Is<Timers>()) return problems.error(at, "Overload action name \"" + o.name + kConflict);
  if (!any.UnpackTo(&p)) return problems.error(at, "typed_config of type '" + any.type_url() + "' is not a ShrinkHeapConfig");
  if (p.has_timer_interval()) o.shrink_interval = to_duration(p.timer_interval());
  if (p.has_max_unfreed_memory_bytes()) o.unfreed_bytes_max = p.max_unfreed_memory_bytes().value();
}

/// Nothing: there is no such action.
std::optional<Action> action_of(std::string_view name) {
  using runtime::OverloadAction;
  static constexpr std::pair<std::string_view, OverloadAction> kOfWorkers[] = {
      {"stop_accepting_requests", OverloadAction::stop_accepting_requests},
      {"disable_http_keepalive", OverloadAction::disable_http_keepalive},
      {"reject_incoming_connections", OverloadAction::reject_incoming_connections}};
  static constexpr std::pair<std::string_view, Action::Kind> kOfMain[] = {
      {"stop_accepting_connections", Action::stop_accepting_connections},
      {"shrink_heap", Action::shrink_heap},
      {"reduce_timeouts", Action::reduce_timeouts}};
  Action o;
  if (!name.starts_with(kActionPrefix)) return std::nullopt;
  o.name = name;
  name.remove_prefix(kActionPrefix.size());
  for (const auto& [known, action] : kOfWorkers)
    if (name == known) return o.action = action, o;
  for (const auto& [known, kind] : kOfMain)
    if (name == known) return o.kind = kind, o;
  return std::nullopt;
}

bool is_left_out(std::string_view name) {
  return name == "envoy.overload_actions.reset_high_memory_stream" ||
         name == "envoy.overload_actions.close_idle_http_connections";
}

void compile_action(const overload_v3::OverloadAction& p, std::vector<std::string>& holders, server::Config& c, const Path& at,
                    Problems& problems) {
  const auto& any = p.typed_config();
  const Path config = at / "typed_config";
  if (is_left_out(p.name())) return problems.error(at / "name", "overload action '" + p.name() + "' is not implemented");
  Timers timers;
  const bool of_timers = any.UnpackTo(&timers);
  auto o = action_of(p.name());
  if (!o && !of_timers) return problems.error(at / "name", "Unknown Overload Manager Action " + p.name());
  if (!o && p.name().starts_with(kActionPrefix))
    return problems.error(
        at / "name", "Overload action name \"" + p.name() + "\" uses reserved prefix \"" + std::string(kActionPrefix) + "\"");
  if (!o) {  // several may reduce timeouts, by names of their own
    o.emplace();
    o->kind = Action::reduce_timeouts;
    o->name = p.name();
  }
  compile_triggers(p.triggers(), c, *o, true, at, problems);
  if (o->kind == Action::reduce_timeouts && any.type_url().empty())
    problems.error(at, "Overload action \"" + o->name + "\" requires typed_config");
  else if (o->kind == Action::reduce_timeouts && !of_timers)
    problems.error(config, "typed_config of type '" + any.type_url() + "' is not a ScaleTimersOverloadActionConfig");
  else if (o->kind == Action::reduce_timeouts)
    compile_timers(timers, holders, c.overload, *o, config, problems);
  else if (o->kind == Action::shrink_heap)
    compile_shrink(any, *o, config, problems);
  else if (of_timers)
    problems.error(config, "Overload action name \"" + o->name + kConflict);
  else if (!any.type_url().empty())
    problems.error(config, "Overload action \"" + o->name + "\" has an unexpected value for the typed_config field");
  c.overload.actions.push_back(std::move(*o));
}

void compile_point(const overload_v3::LoadShedPoint& p, server::Config& c, const Path& at, Problems& problems) {
  using runtime::LoadShedPoint;
  static constexpr std::pair<std::string_view, LoadShedPoint> kKnown[] = {
      {"tcp_listener_accept", LoadShedPoint::tcp_listener_accept},
      {"http_connection_manager_decode_headers", LoadShedPoint::http_connection_manager_decode_headers},
      {"hcm_ondata_creating_codec", LoadShedPoint::hcm_ondata_creating_codec},
      {"http1_server_abort_dispatch", LoadShedPoint::http1_server_abort_dispatch},
      {"http2_server_go_away_on_dispatch", LoadShedPoint::http2_server_go_away_on_dispatch},
      {"http2_server_go_away_and_close_on_dispatch", LoadShedPoint::http2_server_go_away_and_close_on_dispatch}};
  Action o;
  o.kind = Action::point;
  o.name = p.name();
  compile_triggers(p.triggers(), c, o, false, at, problems);
  const auto known = std::find_if(std::begin(kKnown), std::end(kKnown),
                                  [&](const auto& k) { return p.name() == std::string(kPointPrefix) + std::string(k.first); });
  if (known == std::end(kKnown)) return problems.error(at / "name", "load shed point '" + p.name() + "' is not implemented");
  o.shed_at = known->second;
  c.overload.actions.push_back(std::move(o));
}

}  // namespace

void compile_overload(const overload_v3::OverloadManager& p, server::Config& o, const Path& at, Problems& problems) {
  if (p.has_refresh_interval()) o.overload.refresh_interval = to_duration(p.refresh_interval());
  if (o.overload.refresh_interval < Duration::zero()) problems.error(at / "refresh_interval", "must not be negative");
  std::set<std::string> monitors, actions, points;
  for (int i = 0; i < p.resource_monitors_size(); ++i) {
    const auto& m = p.resource_monitors(i);
    const Path here = at.at("resource_monitors", i);
    if (m.name() == server::kConnectionsMonitor) {
      compile_limit(m, o, here, problems);
      continue;
    }
    if (!monitors.insert(m.name()).second) problems.error(here, "Duplicate resource monitor " + m.name());
    if (Monitor monitor; compile_monitor(m, o, monitor, here, problems)) o.overload.monitors.push_back(std::move(monitor));
  }
  std::vector<std::string> holders(event::kScaledKinds);  // of the timers, the actions
  for (int i = 0; i < p.actions_size(); ++i) {
    const Path here = at.at("actions", i);
    if (!actions.insert(p.actions(i).name()).second) problems.error(here, "Duplicate overload action " + p.actions(i).name());
    compile_action(p.actions(i), holders, o, here, problems);
  }
  for (int i = 0; i < p.loadshed_points_size(); ++i) {
    const Path here = at.at("loadshed_points", i);
    const auto& name = p.loadshed_points(i).name();
    if (!points.insert(name).second) problems.error(here, "Duplicate loadshed point " + name);
    if (actions.contains(name))
      problems.error(here, "Load shed point \"" + name + "\" conflicts with an overload action of the same name");
    compile_point(p.loadshed_points(i), o, here, problems);
  }
  if (o.overload.monitors.empty() && p.has_refresh_interval())
    problems.warn(at / "refresh_interval", "has no effect: the limit of connections is looked at for every one");
}

}  // namespace outrigger::xds
