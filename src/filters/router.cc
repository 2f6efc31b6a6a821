#include "filters/router.h"

#include <algorithm>
#include <charconv>

namespace outrigger::filters {

using hcm::ExtraHeader;
using hcm::FilterStatus;
using http::Flag;
using http::Name;
using http::ResetReason;
using stats::ClusterStat;
using stats::RouterStat;

namespace {

std::string_view number(std::uint64_t n, Arena& arena) {
  char text[24];
  return arena.copy({text, static_cast<std::size_t>(std::to_chars(text, text + 24, n).ptr - text)});
}

}  // namespace

Router::Router(hcm::Stream& stream, const RouterConfig& config)
    : HttpFilter(stream),
      config_(config),
      timeout_(stream.thread().loop.timers(), *this),
      retry_timer_(stream.thread().loop.timers(), *this) {}

Router::~Router() {
  for (std::size_t i = 0; i < attempt_count_; ++i)
    if (attempts_[i] != nullptr) attempts_[i]->~Attempt();
}

// ---- before the first attempt

/// No route, redirects, direct responses. True: answered.
bool Router::answer_without_upstream(http::RequestHead& head) {
  auto& cells = stream_.thread().cells;
  const auto& stats = stream_.config().router_stats;
  const auto* config = stream_.route_config();
  const auto* vh = config == nullptr ? nullptr : config->find_vhost(head);
  const bool tls_only = vh != nullptr && (vh->require_tls == route::VirtualHost::all ||
                                          (vh->require_tls == route::VirtualHost::external_only && !stream_.info().is_internal));
  if (tls_only && head.scheme != "https") {
    cells.add(stats, RouterStat::rq_redirect);
    const ExtraHeader location[] = {
        {"location", route::redirect_location(nullptr, head, stream_.format_context(), stream_.arena())}};
    stream_.local_reply(
        {.status = 301, .details = "direct_response", .headers = location, .headers_count = 1, .finalize = false});
    return true;
  }
  route_ = stream_.route();
  if (route_ == nullptr) {
    cells.add(stats, RouterStat::no_route);
    stream_.local_reply({.status = 404, .details = "route_not_found", .flag = Flag::no_route_found});
    return true;
  }
  if (route_->kind == route::Route::forward) return false;
  redirect_or_direct(*route_, head);
  return true;
}

/// False: a header of the client that is checked strictly is not right, and that was the answer.
bool Router::check_strict_headers(http::RequestHead& head) {
  for (const auto& name : config_.strict_headers) {
    const auto* e = head.headers.find(std::string_view(name));
    if (e == nullptr) continue;
    bool ok = true;
    if (name == "x-envoy-retry-on") {
      route::retry_on::parse(e->value, ok);
    } else if (name == "x-envoy-retry-grpc-on") {
      route::retry_on::parse_grpc(e->value, ok);
    } else {
      std::uint64_t n = 0;
      const char* end = e->value.data() + e->value.size();
      const auto r = std::from_chars(e->value.data(), end, n);
      ok = r.ec == std::errc{} && r.ptr == end;
    }
    if (ok) continue;
    Arena& arena = stream_.arena();
    stream_.close_connection();
    stream_.local_reply({.status = 400,
                         .body = arena.cat("invalid header '", name, "' with value '", e->value, "'"),
                         .details = arena.cat("request_headers_failed_strict_check{", name, "}"),
                         .flag = Flag::invalid_envoy_request_headers});
    return false;
  }
  return true;
}

/// body_format of a direct response: %LOCAL_REPLY_BODY% is the plain body. False: there is none.
bool Router::format_direct(const route::DirectResponse& d, std::string& body) {
  if (d.text_format == nullptr && d.json_format == nullptr) return false;
  auto& info = stream_.info();
  info.local_reply_body = d.body;
  if (d.json_format != nullptr)
    d.json_format->append(stream_.format_context(), body);
  else
    d.text_format->append(stream_.format_context(), format::Missing::dash, body);
  return true;
}

void Router::redirect_or_direct(const route::Route& r, http::RequestHead& head) {
  auto& cells = stream_.thread().cells;
  const auto& stats = stream_.config().router_stats;
  if (r.kind == route::Route::redirect) {
    cells.add(stats, RouterStat::rq_redirect);
    const ExtraHeader location[] = {{"location", route::redirect_location(&r, head, stream_.format_context(), stream_.arena())}};
    return stream_.local_reply(
        {.status = r.redirect_to.code, .details = "direct_response", .headers = location, .headers_count = 1});
  }
  cells.add(stats, RouterStat::rq_direct_response);
  hcm::LocalReply reply{.status = r.direct.status, .body = r.direct.body, .details = "direct_response"};
  std::string body;
  if (format_direct(r.direct, body)) reply.body = body;
  ExtraHeader extra[2];
  reply.headers = extra;
  if (reply.status == 201 || reply.status / 100 == 3)
    extra[reply.headers_count++] = {"location", stream_.arena().cat(head.scheme, "://", head.authority, head.path)};
  if (!r.direct.content_type.empty()) extra[reply.headers_count++] = {"content-type", r.direct.content_type};
  stream_.local_reply(reply);
}

/// The cluster. False: answered.
bool Router::choose() {
  const auto& chosen = stream_.chosen();
  weight_ = chosen.weight;
  cluster_ = chosen.cluster.empty() ? nullptr : stream_.worker().clusters.find(chosen.cluster);
  if (cluster_ == nullptr) {
    stream_.thread().cells.add(stream_.config().router_stats, RouterStat::no_cluster);
    stream_.local_reply(
        {.status = route_->cluster_not_found_code, .details = "cluster_not_found", .flag = Flag::no_cluster_found});
    return false;
  }
  const auto& config = cluster_->config();
  stream_.info().set_cluster(config.name, config.observability_name, config.metadata);
  const auto& runtime = *stream_.thread().runtime;
  if (!runtime.layers().empty()) {
    thread_local std::string key;
    key = "upstream.maintenance_mode." + config.name;
    if (runtime.enabled(key, {}, stream_.thread().random.next())) {
      stream_.thread().cells.add(cluster_->stats(), ClusterStat::upstream_rq_maintenance_mode);
      charge(503, nullptr, nullptr);
      const ExtraHeader overloaded[] = {{"x-envoy-overloaded", "true"}};
      stream_.local_reply({.status = 503,
                           .body = "maintenance mode",
                           .details = "maintenance_mode",
                           .flag = Flag::upstream_overflow,
                           .headers = overloaded,
                           .headers_count = config_.suppress_envoy_headers ? 0u : 1u,
                           .weight = weight_});
      return false;
    }
  }
  return true;
}

void Router::find_virtual_cluster(http::RequestHead& head) {
  const auto& vh = *route_->vhost;
  if (vh.virtual_clusters.empty()) return;
  vcluster_ = &vh.other_stats;
  stream_.info().virtual_cluster = "other";
  for (const auto& vc : vh.virtual_clusters) {
    bool all = true;
    for (const auto& m : vc.headers) all = all && m.match(head);
    if (!all) continue;
    vcluster_ = &vc.stats;
    stream_.info().virtual_cluster = vc.name;
    return;
  }
}

/// The request goes to a host.
void Router::count_try() {
  auto& cells = stream_.thread().cells;
  if (vcluster_ != nullptr) cells.add(*vcluster_, stats::RouteStat::upstream_rq_total);
  if (route_->has_route_stats) cells.add(route_->route_stats, stats::RouteStat::upstream_rq_total);
}

FilterStatus Router::on_request_head(http::RequestHead& head, bool end_stream) {
  auto& cells = stream_.thread().cells;
  cells.add(stream_.config().router_stats, RouterStat::rq_total);
  if (!config_.strict_headers.empty() && !check_strict_headers(head)) return FilterStatus::stop;
  if (answer_without_upstream(head) || !choose()) return FilterStatus::stop;
  find_virtual_cluster(head);
  const auto lb = cluster_->config().lb;
  if (!route_->hash.empty() && (lb == upstream::LbKind::ring_hash || lb == upstream::LbKind::maglev))
    hash_ = route::request_hash(*route_, head, stream_.info(), &stream_.thread().random, stream_.arena(), &set_cookie_);
  read_timeouts(head);
  tell_timeout();
  retry_.init(*route_, head);
  // A mirror gets the request as it goes upstream, before it is tried.
  if (route_->vhost->include_attempt_count) head.headers.set(Name::x_envoy_attempt_count, "1");
  route::finalize_request(*route_, weight_, head, stream_.format_context(), {!config_.suppress_envoy_headers});
  keep_body_ = (retry_.enabled() || route_->internal_redirect.enabled) && !stream_.is_upgrade();
  end_on_head_ = end_stream;
  if (route_->mirrors != nullptr) start_shadows(end_stream);
  request_end_ = end_stream;
  if (end_stream) request_complete();
  start_attempt();
  return FilterStatus::stop;  // the last filter: nothing follows
}

/// How much of the request is kept for retries.
std::uint64_t Router::kept_bytes_max() const { return route_->body_bytes_max.value_or(stream_.buffer_bytes_max()); }

/// The request is too large for a retry. False: it was being retried, and that was the answer.
bool Router::stop_keeping() {
  stream_.thread().cells.add(cluster_->stats(), ClusterStat::retry_or_shadow_abandoned);
  retry_.disable();
  keep_body_ = false;
  kept_.clear();
  if (responded_ || running() > 0) return true;
  retry_timer_.cancel();
  fail(507, "exceeded request buffer limit while retrying upstream", "request_payload_exceeded_retry_buffer_limit", false);
  return false;
}

void Router::start_shadows(bool end_stream) {
  shadows_.start(stream_, *route_, end_stream, timeout_value_.value_or(Duration{0}));
}

FilterStatus Router::on_request_body(Buffer& body, bool end_stream) {
  if (cluster_ == nullptr) return FilterStatus::stop;
  if (end_stream) request_end_ = true;
  if (!shadows_.empty()) shadows_.body(body, end_stream);
  if (keep_body_) {
    if (kept_.size() + body.size() > kept_bytes_max()) {
      if (!stop_keeping()) return FilterStatus::stop;
    } else {
      body.share_to(kept_);
    }
  }
  for (std::size_t i = 0; i < attempt_count_; ++i)
    if (attempts_[i] != nullptr && !attempts_[i]->done_) {
      if (running() > 1) {
        Buffer copy;
        body.share_to(copy);
        attempts_[i]->send_body(copy, end_stream);
      } else {
        attempts_[i]->send_body(body, end_stream);
      }
    }
  if (end_stream) request_complete();
  return FilterStatus::stop;
}

FilterStatus Router::on_request_trailers(http::HeaderMap& trailers) {
  if (cluster_ == nullptr) return FilterStatus::stop;
  request_end_ = true;
  for (std::size_t i = 0; i < attempt_count_; ++i)
    if (attempts_[i] != nullptr && !attempts_[i]->done_) attempts_[i]->send_trailers(trailers);
  request_complete();
  return FilterStatus::stop;
}

/// The request is in: the route's clock starts, unless the next try is waited for.
void Router::request_complete() {
  request_end_at_ = stream_.thread().loop.now();
  if (attempt_count_ > 0 && running() == 0) return;
  if (timeout_value_ && !stream_.is_upgrade()) timeout_.arm(*timeout_value_);
  if (winner_ == nullptr)
    for (std::size_t i = 0; i < attempt_count_; ++i)
      if (attempts_[i] != nullptr && attempts_[i]->stream_ != nullptr) attempts_[i]->arm_timers();
}

// ---- attempts

namespace {
/// Does the endpoint's envoy.lb metadata have all of these fields? A list has each of its values.
bool has_metadata(const Metadata* metadata, const MetadataValue& fields) {
  const auto* lb = metadata == nullptr ? nullptr : metadata->find("envoy.lb", {});
  for (const auto& [name, want] : fields.fields) {
    const auto* have = lb == nullptr ? nullptr : lb->field(name);
    if (have == nullptr) return false;
    const bool in =
        have->kind == MetadataValue::list && std::find(have->items.begin(), have->items.end(), want) != have->items.end();
    if (!in && !(*have == want)) return false;
  }
  return true;
}
}  // namespace

bool Router::rejects(const upstream::Host& h) const noexcept {
  const auto* p = retry_.policy();
  if (p == nullptr || !is_retry_) return false;
  if (p->previous_hosts && std::find(tried_, tried_ + tried_count_, &h) != tried_ + tried_count_) return true;
  if (p->omit_canary_hosts && h.endpoint().canary) return true;
  for (const auto& fields : p->omit_host_metadata)
    if (has_metadata(h.endpoint().metadata.get(), fields)) return true;
  return false;
}

/// Which priorities the next try leaves out; null: none. (Envoy: previous_priorities.)
upstream::Priorities* Router::other_priorities() {
  const auto* p = retry_.policy();
  if (p == nullptr || !is_retry_ || p->previous_priorities_every == 0) return nullptr;
  const std::size_t seen = tried_count_ - seen_from_;
  if (seen < p->previous_priorities_every) return nullptr;
  if (seen % p->previous_priorities_every == 0)
    for (std::size_t i = seen_from_; i < tried_count_; ++i) priorities_.excluded.set(tried_priorities_[i]);
  return &priorities_;
}

void Router::start_attempt() {
  auto& head = stream_.request();
  auto& info = stream_.info();
  ++info.attempt_count;
  if (info.attempt_count > 1) tell_timeout();
  if (route_->vhost->include_attempt_count)
    head.headers.set(Name::x_envoy_attempt_count, number(info.attempt_count, stream_.arena()));
  if (is_retry_ && route_->vhost->include_is_timeout_retry)
    head.headers.set(Name::x_envoy_is_timeout_retry, after_timeout_ ? "true" : "false");
  upstream::PickContext pick;
  pick.hash = hash_;
  pick.request = &head;
  if (is_retry_) {
    pick.avoid = this;
    pick.attempts_max = retry_.host_attempts_max();
    pick.priorities = other_priorities();
  }
  upstream::Host* host = cluster_->pick(pick);
  if (std::exchange(priorities_.exhausted, false)) seen_from_ = tried_count_;
  if (host == nullptr) {
    charge(503, nullptr, nullptr);
    info.flags.set(Flag::no_healthy_upstream);
    return fail(503, "no healthy upstream", "no_healthy_upstream", false);
  }
  host->describe(info.upstream.emplace());
  if (tried_count_ < kAttemptsMax) {
    tried_priorities_[tried_count_] = static_cast<std::uint8_t>(host->endpoint().priority % upstream::Priorities::kMax);
    tried_[tried_count_++] = host;
  }
  if (attempt_count_ == kAttemptsMax) return fail(503, "too many attempts", "too_many_attempts", false);
  if (route_->rewrite.host == route::Rewrite::automatic && !host->endpoint().hostname.empty()) {
    if (!config_.suppress_envoy_headers && head.authority != host->endpoint().hostname && !is_retry_)
      head.headers.set(Name::x_envoy_original_host, head.authority);
    head.authority = stream_.arena().copy(host->endpoint().hostname);
  }
  auto* a = stream_.arena().make<Attempt>(*this, stream_.thread().loop.timers());
  attempts_[attempt_count_++] = a;
  a->high_priority = route_->high_priority;
  a->downstream_protocol = info.protocol;
  a->unsent_end_ = request_end_;
  if (!kept_.empty()) kept_.share_to(a->unsent_);
  cluster_->request_stream(*host, *a);
}

Attempt::Attempt(Router& router, event::Timers& timers)
    : router_(router),
      started_(router.stream_.thread().loop.now()),
      per_try_(timers, *this),
      per_try_idle_(timers, *this),
      max_duration_(timers, *this) {}

Arena& Attempt::arena() { return router_.stream_.arena(); }
bool Attempt::is_connect_or_upgrade() const noexcept { return router_.stream_.is_upgrade(); }

void Attempt::finish() {
  settle();
  done_ = true;
  stream_ = nullptr;
  stop_timers();
}

void Attempt::stop() {
  if (done_) return;
  done_ = true;
  cancel_pending();
  stop_timers();
  if (paused_) {
    paused_ = false;
    router_.stream_.pause_request(false);
  }
  if (stream_ == nullptr) return;
  settle();
  std::exchange(stream_, nullptr)->cancel();
}

/// The attempt ends: what it measured goes to the stream's facts.
void Attempt::settle() {
  if (stream_ == nullptr) return;
  const auto& from = stream_->info();
  auto& info = router_.stream_.info();
  auto& sum = info.upstream_bytes;
  // As Envoy counts: each answer's head is added together with all that came before.
  if (from.bytes.plain_received > 0) sum.plain_received += sum.header_received + from.bytes.plain_received;
  sum.wire_received += from.bytes.wire_received;
  sum.wire_sent += from.bytes.wire_sent;
  sum.header_received += from.bytes.header_received;
  sum.header_sent += from.bytes.header_sent;
  sum.plain_sent += from.bytes.header_sent;
  if (info.upstream && info.upstream->connection_id == from.connection_id) info.upstream->take_times(from);
}

void Attempt::stop_timers() {
  per_try_.cancel();
  per_try_idle_.cancel();
  max_duration_.cancel();
}

void Attempt::arm_timers() {
  if (router_.per_try_value_ && !router_.stream_.is_upgrade()) per_try_.arm(*router_.per_try_value_);
  const auto* p = router_.retry_.policy();
  if (p != nullptr && p->per_try_idle_timeout && p->per_try_idle_timeout->count() > 0)
    per_try_idle_.arm(*p->per_try_idle_timeout);
}

void Attempt::on_pool_ready(upstream::ClientStream& stream, upstream::Host& host) {
  stream_ = &stream;
  host_ = &host;
  auto& info = router_.stream_.info();
  info.upstream = stream.info();
  info.upstream->pool_start = started_;
  sent_any_ = true;
  router_.count_try();
  if (const auto& limit = router_.cluster_->config().max_stream_duration; limit && limit->count() > 0) max_duration_.arm(*limit);
  const bool head_only = router_.end_on_head_;
  auto* trailers = unsent_end_ ? router_.stream_.request_trailers() : nullptr;
  stream.send_head(router_.stream_.request(), head_only);
  if (done_ || stream_ == nullptr) return;
  if (std::exchange(paused_, false)) router_.stream_.pause_request(false);  // what waited goes; the stream's limit counts now
  if (!head_only && (!unsent_.empty() || unsent_end_)) stream.send_body(unsent_, unsent_end_ && trailers == nullptr);
  if (trailers != nullptr && !done_ && stream_ != nullptr) stream.send_trailers(*trailers);
  if (router_.request_end_ && !done_) arm_timers();
}

void Attempt::send_body(Buffer& body, bool end_stream) {
  unsent_end_ = unsent_end_ || end_stream;
  if (stream_ == nullptr) {
    unsent_.append(std::move(body));
    if (unsent_.size() > router_.stream_.buffer_bytes_max() && !paused_) {
      paused_ = true;
      router_.stream_.pause_request(true);
    }
    return;
  }
  if (paused_ && unsent_.empty()) {
    paused_ = false;
    router_.stream_.pause_request(false);
  }
  stream_->send_body(body, end_stream);
}

void Attempt::send_trailers(http::HeaderMap& trailers) {
  unsent_end_ = true;
  if (stream_ != nullptr) stream_->send_trailers(trailers);
}

void Attempt::on_pool_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  host_ = host;
  if (host != nullptr) {
    auto& up = router_.stream_.info().upstream.emplace();
    host->describe(up);
    up.transport_failure_reason = with_underscores(detail, arena());
    up.pool_start = started_;
    up.pool_ready = router_.stream_.thread().loop.now();
  }
  finish();
  static constexpr ResetReason kReasons[] = {ResetReason::overflow, ResetReason::remote_connection_failure,
                                             ResetReason::connection_timeout, ResetReason::local_connection_failure};
  router_.on_attempt_reset(*this, kReasons[static_cast<int>(why)], detail, why == upstream::PoolFailure::overflow);
}

void Attempt::on_informational(http::ResponseHead& head) {
  router_.retry_.disable();  // the client may have seen it
  router_.stream_.respond_informational(head);
}

void Attempt::on_head(http::ResponseHead& head, bool end_stream) {
  per_try_.cancel();
  if (end_stream) finish();
  if (per_try_idle_.armed()) arm_timers(), per_try_.cancel();
  head_seen_ = true;
  router_.on_response_head(*this, head, end_stream);
}

void Attempt::on_body(Buffer& body, bool end_stream) {
  if (per_try_idle_.armed()) arm_timers(), per_try_.cancel();
  if (end_stream) finish();
  if (!winner_) return body.clear();
  if (end_stream) router_.on_response_end(*this);
  router_.stream_.respond_body(body, end_stream);
}

void Attempt::on_trailers(http::HeaderMap& trailers) {
  finish();
  if (!winner_) return;
  router_.on_response_end(*this);
  router_.stream_.respond_trailers(trailers);
}

void Attempt::on_reset(ResetReason reason, std::string_view detail) {
  if (done_) return;
  finish();
  router_.on_attempt_reset(*this, reason, detail, false);
}

void Attempt::on_above_high_watermark() {
  if (paused_) return;
  paused_ = true;
  auto& s = router_.stream_;
  s.thread().cells.add(router_.cluster_->stats(), ClusterStat::upstream_flow_control_backed_up_total);
  s.pause_request(true);
}
void Attempt::on_below_low_watermark() {
  if (!paused_) return;
  paused_ = false;
  auto& s = router_.stream_;
  s.thread().cells.add(router_.cluster_->stats(), ClusterStat::upstream_flow_control_drained_total);
  s.pause_request(false);
}

void Attempt::on_per_try_timeout() { router_.on_attempt_timeout(*this, "upstream_per_try_timeout"); }
void Attempt::on_max_duration() { router_.on_attempt_max_duration(*this); }
void Attempt::on_per_try_idle() { router_.on_attempt_timeout(*this, "upstream_per_try_idle_timeout"); }

void Router::on_downstream_above_high_watermark() {
  if (winner_ != nullptr && winner_->stream_ != nullptr) {
    stream_.thread().cells.add(cluster_->stats(), ClusterStat::upstream_flow_control_paused_reading_total);
    winner_->stream_->read_disable(true);
  }
}
void Router::on_downstream_below_low_watermark() {
  if (winner_ != nullptr && winner_->stream_ != nullptr) {
    stream_.thread().cells.add(cluster_->stats(), ClusterStat::upstream_flow_control_resumed_reading_total);
    winner_->stream_->read_disable(false);
  }
}

void Router::on_stream_end() {
  timeout_.cancel();
  retry_timer_.cancel();
  bool cut_short = false;
  for (std::size_t i = 0; i < attempt_count_; ++i) {
    if (attempts_[i] == nullptr || attempts_[i]->done_) continue;
    cut_short = cut_short || attempts_[i]->stream_ != nullptr;
    attempts_[i]->stop();
  }
  if (cut_short && cluster_ != nullptr) stream_.thread().cells.add(cluster_->stats(), ClusterStat::upstream_rq_cancelled, 0);
  if (std::exchange(retry_slot_, false)) cluster_->retry_done(route_->high_priority);
  shadows_.abandon();
}

std::size_t Router::running() const noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i < attempt_count_; ++i) n += attempts_[i] != nullptr && !attempts_[i]->done_;
  return n;
}

std::size_t Router::awaiting_heads() const noexcept {
  std::size_t n = 0;
  for (std::size_t i = 0; i < attempt_count_; ++i)
    n += attempts_[i] != nullptr && !attempts_[i]->done_ && !attempts_[i]->head_seen_;
  return n;
}

void Router::drop_other_attempts(const Attempt& keep) {
  for (std::size_t i = 0; i < attempt_count_; ++i)
    if (attempts_[i] != nullptr && attempts_[i] != &keep) attempts_[i]->stop();
}

}  // namespace outrigger::filters
