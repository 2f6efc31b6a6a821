// Which route a stream takes, and what finding it cost.
#include <algorithm>

#include "proxy/hcm/session.h"
#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

using http::Name;

const route::Route* Stream::route() {
  if (route_known_) return route_;
  route_known_ = true;
  if (std::exchange(route_counted_, true)) ++info_.route_resolutions;
  if (config_->route_stats || http::StreamInfo::times_routes.load(std::memory_order_relaxed)) {
    const auto& loop = worker_.thread.loop;
    const TimePoint start = loop.read_clock();
    find_route();
    info_.route_time += loop.read_clock() - start;
  } else {
    find_route();
  }
  return route_;
}

const Scope* Stream::scope() {
  const auto key = config_->scope_key.key_of(*request_, arena_);
  return key ? config_->scopes->find(worker_.index, *key) : nullptr;
}

/// Another than before when a filter has changed the headers.
void Stream::choose_scope() {
  const Scope* s = scope();
  auto next = s == nullptr ? nullptr : s->routes;
  if (next == scope_routes_) return;
  if (scope_routes_ != nullptr) old_routes_.push_back({std::move(scope_routes_), std::move(routes_)});
  scope_routes_ = std::move(next);
  routes_ = scope_routes_ == nullptr ? RouteSource::Pin() : scope_routes_->pin(worker_.index);
}

void Stream::find_route() {
  route_ = nullptr;
  chosen_ = {};
  if (config_->scopes != nullptr) choose_scope();
  const auto* routes = route_config();
  if (routes == nullptr) return;
  const auto authority = request_->authority;
  if (config_->strip_any_host_port && request_->is_connect())  // the port stays for the upstream
    request_->authority = authority.substr(0, authority.rfind(':'));
  const auto* vh = routes->find_vhost(*request_);
  request_->authority = authority;
  if (vh == nullptr) return;
  const auto* proto = request_->headers.find(Name::x_forwarded_proto);
  if (proto != nullptr && proto->value.empty()) return;  // as Envoy, for want of a scheme
  route_ = routes->match_in(*vh, *request_, match_context());
  if (route_ == nullptr) return;
  info_.route_name = route_->name;
  info_.route_metadata = route_->metadata.get();
  info_.virtual_host = vh->name;
  info_.virtual_host_metadata = vh->metadata.get();
  if (route_->kind == route::Route::forward) chosen_ = route::choose_cluster(*route_, *request_, match_context());
}

void Stream::record_route_stats() noexcept {
  if (!config_->route_stats || info_.route_resolutions == 0) return;
  auto& cells = worker_.thread.cells;
  using R = stats::RouteResolutionStat;
  cells.record(config_->route_stats, R::downstream_rq_route_resolution_time_us,
               static_cast<std::uint64_t>(info_.route_time.count()));
  cells.record(config_->route_stats, R::downstream_rq_route_resolutions, info_.route_resolutions);
}

Stream::Overrides Stream::overrides_for(std::string_view filter) noexcept {
  const auto* r = route();
  if (r == nullptr) return {};
  const auto in = [&](const route::FilterOverrides& all) -> const route::FilterOverride* {
    for (const auto& o : all)
      if (o.filter == filter) return &o;
    return nullptr;
  };
  return {in(r->vhost->level->overrides), in(r->vhost->overrides), in(r->overrides),
          chosen_.weight == nullptr ? nullptr : in(chosen_.weight->overrides)};
}

http::ConnectionFacts& Stream::connection_facts() { return session_->info().facts(); }

const route::FilterOverride* Stream::override_for(std::string_view filter) noexcept {
  const auto all = overrides_for(filter);
  const auto nearest = std::find_if(all.rbegin(), all.rend(), [](const auto* o) { return o != nullptr; });
  return nearest == all.rend() ? nullptr : *nearest;
}

}  // namespace outrigger::hcm
