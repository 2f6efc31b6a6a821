#include "proxy/hcm/stream.h"

#include <algorithm>

#include "proxy/hcm/hygiene.h"
#include "proxy/hcm/path.h"
#include "proxy/hcm/session.h"

namespace outrigger::hcm {

using http::Flag;
using http::Name;
using stats::HttpStat;

Stream::Stream(Worker& worker)
    : worker_(worker),
      idle_(worker.thread.loop.timers(), worker.thread.scaled, event::ScaledKind::stream_idle, *this),
      max_duration_(worker.thread.loop.timers(), *this),
      request_timeout_(worker.thread.loop.timers(), *this),
      periodic_log_(worker.thread.loop.timers(), *this) {}

Stream::~Stream() = default;

void Stream::start(Session& session, Downstream& down, http::Protocol protocol) {
  session_ = &session;
  down_ = &down;
  config_ = session.config();
  request_ = arena_.make<http::RequestHead>(arena_);
  auto& loop = worker_.thread.loop;
  info_.connection = &session.info();
  info_.filter_state.parent = &session.info().filter_state;
  info_.stream_id = worker_.next_stream_id++;
  info_.start = loop.now();
  info_.start_wall = loop.wall();
  random_ = worker_.thread.random.next();
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, HttpStat::downstream_rq_total);
  info_.protocol = protocol;
  const bool multiplexed = protocol == http::Protocol::http2;
  cells.add(config_->stats, multiplexed ? HttpStat::downstream_rq_http2_total : HttpStat::downstream_rq_http1_total);
  cells.inc(config_->stats, HttpStat::downstream_rq_active);
  if (config_->request_timeout) request_timeout_.arm(*config_->request_timeout);
  if (config_->stream_idle_timeout) set_idle_timeout(config_->stream_idle_timeout);
  if (config_->max_stream_duration && config_->max_stream_duration->count() > 0) max_duration_.arm(*config_->max_stream_duration);
  if (config_->log_flush_interval) periodic_log_.arm(*config_->log_flush_interval);
}

bool Stream::server_failing() const noexcept {
  const auto* drain = session_ == nullptr ? nullptr : session_->listener().server_drain;
  return drain != nullptr && drain->health_failed.load(std::memory_order_relaxed);
}

std::uint32_t Stream::buffer_bytes_max() const noexcept { return session_->listener().buffer_bytes_max; }

format::Context Stream::format_context() noexcept { return {&info_, request_, response_, response_trailers_, "NotSet"}; }

route::MatchContext Stream::match_context() noexcept { return {&info_, worker_.thread.runtime.get(), random_}; }

// ---- the request comes in

void Stream::touch() noexcept {
  if (idle_after_.count() > 0) idle_.arm(idle_after_);
}

void Stream::set_idle_timeout(std::optional<Duration> d) {
  idle_after_ = d.value_or(Duration{0});
  if (idle_after_.count() > 0)
    idle_.arm(idle_after_);
  else
    idle_.cancel();
}

void Stream::reject_without_host() {
  if (!config_->stream_error_on_invalid_http_message) down_->close_after_response(true);
  local_reply({.status = 400, .details = "missing_host_header"});
}

/// True: answered, before anything is looked at. No filter sees it.
bool Stream::reject_for_overload(const http::Framing& framing) {
  if (session_->listener().overload == nullptr) return false;
  if (!session_->sheds_load(runtime::LoadShedPoint::http_connection_manager_decode_headers) &&
      !session_->hit_by(runtime::OverloadAction::stop_accepting_requests))
    return false;
  if (framing.upgrade || request_->is_connect()) request_complete_ = false;  // what follows is no body
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_overload_close);
  const ExtraHeader told[] = {{"x-envoy-local-overloaded", "true"}};
  local_reply({.status = 503,
               .body = "envoy overloaded",
               .details = "overload",
               .headers = told,
               .headers_count = config_->append_local_overload ? std::size_t{1} : 0});
  return true;
}

/// Everything that is refused before a route is looked for. False: answered.
bool Stream::check_request(const http::Framing&) {
  auto& head = *request_;
  auto& cells = worker_.thread.cells;
  if (head.authority.empty() && head.protocol == http::Protocol::http10 && !config_->http1.default_host_for_http_10.empty())
    head.authority = config_->http1.default_host_for_http_10;
  if (head.authority.data() == nullptr) {  // an empty one is taken, as by Envoy
    reject_without_host();
    return false;
  }
  if (head.is_connect()) return true;
  if (head.path.empty() || head.path[0] != '/') {
    cells.add(config_->stats, HttpStat::downstream_rq_non_relative_path);
    local_reply({.status = 404, .details = "absolute_path_rejected"});
    return false;
  }
  std::string_view path = head.path;
  switch (normalize_path(*config_, path, arena_)) {
    case PathResult::unchanged: break;
    case PathResult::changed: head.path = path; break;
    case PathResult::rejected:
      head.path = path;
      down_->close_after_response(true);
      cells.add(config_->stats, HttpStat::downstream_rq_failed_path_normalization);
      local_reply({.status = 400, .details = "path_normalization_failed"});
      return false;
    case PathResult::redirect: {
      head.path = path;
      cells.add(config_->stats, HttpStat::downstream_rq_redirected_with_normalized_path);
      const ExtraHeader location[] = {{"location", path}};
      local_reply({.status = 307, .details = "path_normalization_failed", .headers = location, .headers_count = 1});
      return false;
    }
  }
  return true;
}

/// What the manager, then the route say of a kind of upgrade.
void Stream::find_upgrade(std::string_view type, bool& known, bool& enabled) {
  for (const auto& u : config_->upgrades) {
    if (!http::equals_ignore_case(type, u.type)) continue;
    known = true;
    enabled = u.enabled;
    upgrade_filters_ = u.filters.empty() ? nullptr : &u.filters;
  }
  const auto* r = route();
  if (r == nullptr) return;
  for (const auto& u : r->upgrades)
    if (http::equals_ignore_case(type, u.type)) known = true, enabled = u.enabled;
}

/// False: answered. An upgrade that no config allows is refused.
bool Stream::accept_upgrade(bool known, bool enabled) {
  const bool connect = request_->is_connect();
  if (known && enabled) {
    upgrade_ = true;
    worker_.thread.cells.add(config_->stats, HttpStat::downstream_cx_upgrades_total);
    worker_.thread.cells.inc(config_->stats, HttpStat::downstream_cx_upgrades_active);
    return true;
  }
  upgrade_filters_ = nullptr;
  down_->close_after_response();
  if (connect && route() == nullptr) return true;  // the router says so
  if (info_.protocol == http::Protocol::http2 && !session_->draining()) session_->start_drain_sequence();
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_ws_on_non_ws_route);
  local_reply({.status = 403, .details = "upgrade_failed"});
  return false;
}

bool Stream::opens_tunnel(const http::ResponseHead& head) const noexcept {
  if (!upgrade_) return false;
  return request_->is_connect() ? head.status / 100 == 2 : head.status == 101 && head.headers.has(Name::upgrade);
}

void Stream::on_request_head(const http::Framing& framing, bool end_stream) {
  head_received_ = true;
  if (config_->route_source != nullptr) routes_ = config_->route_source->pin(worker_.index);
  if (config_->scopes != nullptr) choose_scope();
  auto& head = *request_;
  grpc_ = head.is_grpc();
  head_request_ = head.is_head();
  info_.protocol = head.protocol;
  constexpr std::size_t kHost = std::string_view("host:\r\n").size();
  const std::size_t host_bytes = head.authority.data() == nullptr ? 0 : kHost + head.authority.size();
  constexpr std::size_t kNoHeaders = 3;  // as Envoy counts a head without any
  info_.bytes.header_received = std::max(head.headers.line_bytes() + host_bytes, kNoHeaders);
  info_.bytes.plain_received = info_.bytes.header_received;
  saw_close_ = !framing.keep_alive;
  if (end_stream) {
    request_complete_ = true;
    info_.last_downstream_rx = worker_.thread.loop.now();
    request_timeout_.cancel();
  }
  touch();
  if (reject_for_overload(framing)) return;
  if (framing.expect_continue && !config_->proxy_100_continue) {
    head.headers.remove(Name::expect);
    http::ResponseHead go(arena_);
    go.status = 100;
    down_->write_informational(go);
  }
  info_.route_resolutions = 1;  // one is counted even when the request is answered before
  if (!check_request(framing)) return;
  normalize_host(*config_, head, session_->info().local.port());
  route::apply(config_->early_mutations, head.headers, format_context());
  bool upgrade_known = false;
  if (framing.upgrade || head.is_connect()) {
    bool enabled = false;
    find_upgrade(head.is_connect() ? "connect" : head.headers.get(Name::upgrade), upgrade_known, enabled);
    request_complete_ = false;  // what follows is no body
    if (!accept_upgrade(upgrade_known, enabled)) return;
    route_known_ = false;  // it may look at headers that are yet to change
    route_counted_ = false;
  }
  strip_hop_by_hop(head, upgrade_ && upgrade_known);
  if (head.authority.data() == nullptr) return reject_without_host();  // Connection named it
  if (const auto status = mutate_request(*config_, route_config(), head, info_, worker_.thread.random); status != 0) {
    worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_rejected_via_ip_detection);
    return local_reply({.status = status, .details = "rejecting_because_detection_failed"});
  }
  if (upgrade_) {
    info_.last_downstream_rx = {};
    end_stream = false;
    down_->become_tunnel();
  }
  apply_route_limits();
  if (config_->tracing) trace_request();
  end_on_head_ = end_stream;
  if (config_->log_on_new_request) log(accesslog::LogType::downstream_start);
  make_filters();
  run_head(0);
}

void Stream::on_request_body(Buffer& body, bool end_stream) {
  if (ended_ || response_complete_) return;
  touch();
  info_.bytes_received += body.size();
  if (end_stream) {
    request_complete_ = true;
    info_.last_downstream_rx = worker_.thread.loop.now();
    request_timeout_.cancel();
  }
  if (local_) return body.clear();  // answered, and the answer waits: nobody is to get the rest of it
  run_body(0, body, end_stream);
}

/// For the filter that holds the head back.
void Stream::hold_body(Buffer& body, bool end_stream) {
  held_.append(std::move(body));
  held_end_ = held_end_ || end_stream;
  // It may need the body first. It sees what is kept, which it leaves there; with "stop" it waits for more, also above the usual
  // limit: it has one of its own.
  const auto holder = stopped_at_;
  const bool wants_more = filters_[holder]->on_request_body(held_, held_end_) == FilterStatus::stop;
  if (!stopped_ || stopped_at_ != holder || ended_ || response_complete_) return;
  const bool pause = !wants_more && held_.size() > buffer_bytes_max();
  if (pause == held_pause_ || !(pause || wants_more)) return;
  held_pause_ = pause;
  down_->pause_reading(pause);
}

void Stream::on_request_trailers(http::HeaderMap& trailers) {
  if (ended_ || response_complete_) return;
  request_complete_ = true;
  info_.last_downstream_rx = worker_.thread.loop.now();
  request_timeout_.cancel();
  request_trailers_ = arena_.make<http::HeaderMap>(arena_, http::MapOf::request_trailers);
  request_trailers_->copy_from(trailers);
  info_.bytes.header_received += trailers.line_bytes();
  if (!local_) run_trailers(0);
}

void Stream::on_codec_error(const http::H1Error& error) {
  request_timeout_.cancel();
  info_.flags.set(Flag::downstream_protocol_error);
  if (response_started_) {
    info_.details = error.detail;
    return abort();
  }
  if (!head_received_) {
    info_.protocol = request_->protocol;
    forget_request();
  }
  local_reply({.status = error.status, .body = error.body, .details = error.detail, .flag = Flag::downstream_protocol_error});
}

void Stream::on_headers_timeout() {
  down_->close_after_response();
  local_reply({.status = 408, .body = "request header timeout", .details = "request_header_timeout"});
}

// ---- filters, request direction

void Stream::make_filters() {
  const auto& all = upgrade_filters_ != nullptr ? *upgrade_filters_ : config_->filters;
  filters_ =
      static_cast<HttpFilter**>(arena_.allocate(sizeof(HttpFilter*) * std::min(all.size(), kFiltersMax), alignof(HttpFilter*)));
  for (const auto& f : all) {
    const auto* o = override_for(f->name);
    const bool off = o != nullptr && o->disabled;
    if (off || (f->disabled && o == nullptr) || filter_count_ == kFiltersMax) continue;
    HttpFilter* filter = f->make(*this, arena_);
    if (filter == nullptr) continue;
    filter->index_ = static_cast<std::uint8_t>(filter_count_);
    filters_[filter_count_++] = filter;
  }
}

/// They stop now, and are destroyed when the stream is recycled: one of them may be on the stack.
void Stream::end_filters() {
  for (std::size_t i = 0; i < filter_count_; ++i) filters_[i]->on_stream_end();
  if (filter_count_ > 0) ended_filters_ = arena_.make<EndedFilters>(filters_, filter_count_, ended_filters_);
  filter_count_ = 0;
}

void Stream::tell_logged() {
  if (ended_filters_ == nullptr) return;
  for (std::size_t i = 0; i < ended_filters_->count; ++i) ended_filters_->filters[i]->on_stream_logged();
}

void Stream::destroy_ended_filters() noexcept {
  for (; ended_filters_ != nullptr; ended_filters_ = ended_filters_->next)
    for (std::size_t i = 0; i < ended_filters_->count; ++i) ended_filters_->filters[i]->~HttpFilter();
}

void Stream::run_head(std::size_t from) {
  for (std::size_t i = from; i < filter_count_; ++i) {
    const auto status = filters_[i]->on_request_head(*request_, end_on_head_);
    if (ended_ || response_complete_) return;
    if (status == FilterStatus::stop) {
      if (response_started_ || i + 1 == filter_count_) return;  // the last one takes everything
      stopped_ = true;
      stopped_at_ = i;
      return;
    }
  }
}

void Stream::run_body(std::size_t from, Buffer& body, bool end_stream) {
  for (std::size_t i = from; i < filter_count_; ++i) {
    if (stopped_ && i == stopped_at_) return hold_body(body, end_stream);
    if (filters_[i]->on_request_body(body, end_stream) == FilterStatus::stop) return;
    if (ended_ || response_complete_) return;
  }
}

void Stream::run_trailers(std::size_t from) {
  for (std::size_t i = from; i < filter_count_; ++i) {
    trailers_offered_ = i + 1;
    if (stopped_ && i == stopped_at_) {  // the body has ended
      filters_[i]->on_request_body(held_, true);
      return;
    }
    if (filters_[i]->on_request_trailers(*request_trailers_) == FilterStatus::stop) return;
    if (ended_ || response_complete_) return;
  }
}

void Stream::inject_request_body(HttpFilter& from, Buffer& body, bool end_stream) {
  if (ended_ || response_complete_ || local_) return body.clear();
  touch();
  run_body(from.index_ + std::size_t{1}, body, end_stream);
}

void Stream::end_request(HttpFilter& from, Buffer& body, http::HeaderMap& trailers) {
  if (ended_ || response_complete_ || local_) return;
  touch();
  request_trailers_ = &trailers;
  trailers_offered_ = from.index_ + std::size_t{1};
  if (!body.empty()) run_body(from.index_ + std::size_t{1}, body, false);
  if (!ended_ && !response_complete_) run_trailers(from.index_ + std::size_t{1});
}

void Stream::continue_request(HttpFilter& from) {
  if (!stopped_ || stopped_at_ != from.index_ || local_) return;  // it may have been answered, and the answer wait
  stopped_ = false;
  go_on_from(stopped_at_ + 1);
}

void Stream::continue_request(HttpFilter& from, Buffer& body, bool end_stream) {
  if (!stopped_ || stopped_at_ != from.index_ || local_) return body.clear();
  stopped_ = false;
  held_.clear();
  held_end_ = false;
  end_on_head_ = end_on_head_ && end_stream && body.empty();
  const std::size_t next = from.index_ + std::size_t{1};
  run_head(next);
  if (ended_ || response_complete_ || end_on_head_) return;
  if (!stopped_ && std::exchange(held_pause_, false)) down_->pause_reading(false);
  if (!body.empty() || end_stream) run_body(next, body, end_stream);
}

void Stream::rerun_request(HttpFilter& from) {
  if (!stopped_ || stopped_at_ != from.index_ || local_) return;
  reran_ = true;
  stopped_ = false;
  // Filters that have had a part of the body would see it twice: then those after `from` alone go on, as in Envoy.
  const bool anew = from.index_ == 0 || (info_.bytes_received == 0 && request_trailers_ == nullptr);
  if (anew) end_filters();
  old_routes_.push_back({scope_routes_, std::move(routes_)});
  if (config_->scopes != nullptr) choose_scope();
  if (const auto* source = route_source()) routes_ = source->pin(worker_.index);
  clear_route_cache();
  apply_route_limits();
  if (!anew) return go_on_from(from.index_ + std::size_t{1});
  trailers_offered_ = 0;
  make_filters();
  go_on_from(0);
}

/// Head, and what has come of the body, from that filter on.
void Stream::go_on_from(std::size_t next) {
  run_head(next);
  if (ended_ || response_complete_ || end_on_head_) return;
  // Filters before this one have had them. Those that a filter adds to the body below go on by themselves.
  const bool trailers = request_trailers_ != nullptr && trailers_offered_ >= next;
  if (!stopped_ && std::exchange(held_pause_, false)) down_->pause_reading(false);
  if (!held_.empty() || held_end_) {
    Buffer body(std::move(held_));
    run_body(next, body, std::exchange(held_end_, false));
  }
  if (trailers && !ended_ && !response_complete_) run_trailers(next);
}

void Stream::restart(Buffer& body) {
  record_route_stats();
  logs_first_ = true;
  end_filters();
  log_end();
  tell_logged();
  logs_first_ = false;
  stopped_ = reran_ = local_ = false;
  wanted_host = {};
  end_on_head_ = body.empty();
  held_.clear();
  info_.bytes_received += body.size();
  response_ = nullptr;
  response_trailers_ = nullptr;
  request_trailers_ = nullptr;  // the body ends without them
  trailers_offered_ = 0;
  info_.upstream.reset();
  info_.upstream_bytes = {};
  info_.attempt_count = 0;
  info_.flags = {};
  info_.details = {};
  info_.response_code = 0;
  info_.end = {};
  info_.filter_state.first = nullptr;
  route_known_ = route_counted_ = false;
  info_.route_resolutions = 1;
  info_.route_time = Duration{0};
  apply_route_limits();
  if (config_->log_flush_interval) periodic_log_.arm(*config_->log_flush_interval);
  if (config_->log_on_new_request) log(accesslog::LogType::downstream_start);
  make_filters();
  run_head(0);
  if (!end_on_head_ && !ended_ && !response_complete_) run_body(0, body, true);
}

// ---- ends

void Stream::finish() {
  if (response_complete_) return;
  response_complete_ = true;
  if (request_complete_ && down_->tells_when_sent()) return idle_.cancel();
  on_response_sent();
}

void Stream::on_response_sent() {
  info_.last_downstream_tx = worker_.thread.loop.now();
  end(false);
}

void Stream::forget_request() noexcept {
  request_->method = request_->path = request_->authority = {};
  request_->headers.remove(Name::content_type);
}

void Stream::abort() {
  aborted_ = true;
  end(true);
}

void Stream::on_downstream_gone(std::string_view details, std::optional<Flag> flag) {
  if (ended_) return;
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_rx_reset);
  info_.details = details;
  if (flag) info_.flags.set(*flag);
  if (!response_started_ && held_head_ == nullptr) info_.response_code = 0;
  end(true);
}

void Stream::end(bool aborted) {
  if (ended_) return;
  ended_ = true;
  idle_.cancel();
  max_duration_.cancel();
  request_timeout_.cancel();
  periodic_log_.cancel();
  logs_first_ = aborted && !aborted_;
  end_filters();
  info_.end = worker_.thread.loop.now();
  auto& cells = worker_.thread.cells;
  cells.dec(config_->stats, HttpStat::downstream_rq_active);
  if (aborted_) cells.add(config_->stats, HttpStat::downstream_rq_tx_reset);
  if (aborted_ || (!aborted && !request_complete_)) cells.add(config_->stats, HttpStat::downstream_rq_rx_reset);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(info_.end - info_.start);
  cells.record(config_->stats, HttpStat::downstream_rq_time, static_cast<std::uint64_t>(ms.count()));
  if (upgrade_) cells.dec(config_->stats, HttpStat::downstream_cx_upgrades_active);
  record_route_stats();
  log_end();
  tell_logged();
  session_ = nullptr;
  Downstream* d = std::exchange(down_, nullptr);
  worker_.thread.loop.defer(*this);
  d->on_stream_done(*this, request_complete_, aborted);
}

void Stream::run_deferred() { recycle(); }

/// Back to the worker, as new; the arena's first block stays.
void Stream::recycle() {
  Worker& w = worker_;
  destroy_ended_filters();
  routes_.reset();  // before the config: what they come from may go with it
  old_routes_.clear();
  scope_routes_ = nullptr;
  config_.reset();
  held_.clear();
  arena_.reset();
  request_ = nullptr;
  response_ = nullptr;
  request_trailers_ = response_trailers_ = nullptr;
  info_ = {};
  route_ = decorated_ = nullptr;
  chosen_ = {};
  filters_ = nullptr;
  upgrade_filters_ = nullptr;
  stopped_at_ = trailers_offered_ = 0;
  held_head_ = nullptr;
  grpc_ = head_request_ = reran_ = head_held_ends_ = informed_ = false;
  internal_redirects = 0;
  redirect_hops = nullptr;
  wanted_host = {};
  idle_after_ = {};
  head_received_ = request_complete_ = end_on_head_ = stopped_ = held_end_ = held_pause_ = route_known_ = route_counted_ = false;
  response_started_ = response_complete_ = ended_ = logs_first_ = upgrade_ = in_filters_ = saw_close_ = local_ = bodiless_ =
      aborted_ = false;
  constexpr std::size_t kSpareMax = 256;  // as many as end in one turn, so that a busy worker makes none anew
  if (w.spare_streams.size() < kSpareMax)
    w.spare_streams.emplace_back(this);
  else
    delete this;
}

void Stream::on_output_above() {
  for (std::size_t i = 0; i < filter_count_; ++i) filters_[i]->on_downstream_above_high_watermark();
}
void Stream::on_output_below() {
  for (std::size_t i = 0; i < filter_count_; ++i) filters_[i]->on_downstream_below_low_watermark();
}
void Stream::pause_request(bool pause) {
  if (down_ != nullptr) down_->pause_reading(pause);
}

void Stream::on_idle() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_idle_timeout);
  info_.flags.set(Flag::stream_idle_timeout);
  info_.details = "stream_idle_timeout";
  if (response_started_) return abort();
  const auto status = static_cast<std::uint16_t>(request_complete_ ? 504 : 408);
  local_reply({.status = status, .body = "stream timeout", .details = "stream_idle_timeout"});
}

void Stream::on_max_duration() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_max_duration_reached);
  if (response_started_) {
    info_.details = "max_duration_timeout";
    return abort();
  }
  const bool grpc_deadline = request_->headers.has(Name::grpc_timeout);
  local_reply({.status = static_cast<std::uint16_t>(request_complete_ ? 504 : 408),
               .body = "downstream duration timeout",
               .details = "max_duration_timeout",
               .grpc_status = grpc_deadline ? std::optional<std::uint32_t>(4) : std::nullopt});
}

void Stream::on_request_timeout() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_timeout);
  if (response_started_) return abort();
  local_reply({.status = 408, .body = "request timeout", .details = "request_overall_timeout"});
}

}  // namespace outrigger::hcm
