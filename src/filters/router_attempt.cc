// One try of the request: its stream upstream, its clocks.
#include <utility>

#include "filters/router.h"
#include "filters/upstream_failure.h"
#include "proxy/base/numbers.h"
#include "proxy/net/proxy_header.h"
#include "proxy/upstream/override_hosts.h"

namespace outrigger::filters {

using http::Name;
using http::ResetReason;
using stats::ClusterStat;

Attempt::Attempt(Router& router, event::Timers& timers)
    : router_(router),
      started_(router.stream_.thread().loop.now()),
      per_try_(timers, *this),
      per_try_idle_(timers, *this),
      max_duration_(timers, *this) {
  const auto& wanted = router.config_.upstream_log;
  if (wanted == nullptr) return;
  auto& s = router.stream_;
  log_ = std::make_unique<UpstreamLog>(wanted, s.thread(), s.request(), s.info().connection);
  log_->take_route(s.info());
}

/// Not as soon as it is over: the line may come after the one of the stream.
void Attempt::write_log() {
  if (log_ != nullptr && done_) log_->write_end();
}

Arena& Attempt::arena() { return router_.stream_.arena(); }
bool Attempt::is_connect_or_upgrade() const noexcept { return router_.stream_.is_upgrade(); }

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
  if (log_ != nullptr) {
    log_->info().upstream = from;
    log_->info().upstream->pool_start = started_;
    log_->info().upstream_bytes = sum;
  }
}

void Attempt::finish() {
  if (!done_) track();
  settle();
  done_ = true;
  stream_ = nullptr;
  stop_timers();
  if (log_ != nullptr) log_->stop();
}

void Attempt::stop() {
  if (done_) return;
  track();
  done_ = true;
  cancel_pending();
  if (tcp_ != nullptr && stream_ == nullptr) tcp_->cancel();  // it still connects
  stop_timers();
  if (log_ != nullptr) log_->stop();
  if (paused_) {
    paused_ = false;
    router_.stream_.pause_request(false);
  }
  if (stream_ == nullptr) return;
  settle();
  std::exchange(stream_, nullptr)->cancel();
}

void Attempt::stop_try_timers() {
  per_try_.cancel();
  per_try_idle_.cancel();
}

void Attempt::stop_timers() {
  stop_try_timers();
  max_duration_.cancel();
}

void Attempt::arm_timers() {
  if (router_.per_try_value_) per_try_.arm(*router_.per_try_value_);
  const auto* p = router_.retry_.policy();
  if (p != nullptr && p->per_try_idle_timeout && p->per_try_idle_timeout->count() > 0)
    per_try_idle_.arm(*p->per_try_idle_timeout);
}

void Attempt::on_pool_ready(upstream::ClientStream& stream, upstream::Host& host) {
  stream_ = &stream;
  host_ = &host;
  router_.cluster_->see(host, upstream::Sight::connected);
  auto& info = router_.stream_.info();
  info.upstream = stream.info();
  info.upstream->pool_start = started_;
  if (log_ != nullptr) log_->on_connected(*info.upstream);
  begin(stream);
  if (log_ != nullptr) log_->on_started();
}

void Attempt::begin(upstream::ClientStream& stream) {
  sent_any_ = true;
  router_.count_try();
  const auto& config = host_ == nullptr ? router_.cluster_->config() : *router_.cluster_->owner_of(*host_).config;
  if (const auto& limit = config.max_stream_duration; limit && limit->count() > 0) max_duration_.arm(*limit);
  if (router_.stream_.is_upgrade()) {  // what the client sends waits for the answer
    if (!router_.stream_.request().is_connect()) arm_timers();
    return stream.send_head(router_.stream_.request(), false);
  }
  const bool head_only = router_.end_on_head_;
  auto* trailers = unsent_end_ ? router_.stream_.request_trailers() : nullptr;
  stream.send_head(router_.stream_.request(), head_only);
  if (done_ || stream_ == nullptr) return;
  if (std::exchange(paused_, false)) router_.stream_.pause_request(false);  // what waited goes; the stream's limit counts now
  sent_bytes_ += unsent_.size();
  if (!head_only && (!unsent_.empty() || unsent_end_)) stream.send_body(unsent_, unsent_end_ && trailers == nullptr);
  if (trailers != nullptr && !done_ && stream_ != nullptr) stream.send_trailers(*trailers);
  if (router_.request_end_ && !done_) arm_timers();
}

void Attempt::resend(const Buffer& kept) {
  kept.share_to(unsent_);
  if (log_ != nullptr) log_->info().bytes_sent += unsent_.size();
}

void Attempt::send_body(Buffer& body, bool end_stream) {
  unsent_end_ = unsent_end_ || end_stream;
  if (log_ != nullptr) log_->info().bytes_sent += body.size();
  if (stream_ == nullptr) {
    unsent_.append(std::move(body));
    if (unsent_.size() > router_.stream_.buffer_bytes_max() && !paused_) {
      paused_ = true;
      router_.stream_.pause_request(true);
    }
    return;
  }
  sent_bytes_ += body.size();
  stream_->send_body(body, end_stream);
}

void Attempt::send_trailers(http::HeaderMap& trailers) {
  unsent_end_ = true;
  if (stream_ != nullptr) stream_->send_trailers(trailers);
}

void Attempt::on_pool_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) {
  host_ = host;
  auto& upstream = router_.stream_.info().upstream;
  upstream.reset();
  if (host != nullptr) {
    auto& up = upstream.emplace();
    host->describe(up);
    up.transport_failure_reason = with_underscores(detail, arena());
    up.pool_start = started_;
    up.pool_ready = router_.stream_.thread().loop.now();
    if (log_ != nullptr) log_->info().upstream = up;
  }
  finish();
  if (why == upstream::PoolFailure::no_pool) return router_.no_healthy_upstream();
  const auto reason = reset_reason_of(why);
  if (log_ != nullptr) Router::set_flag(log_->info().flags, reason);
  router_.on_attempt_reset(*this, reason, detail, why == upstream::PoolFailure::overflow);
}

void Attempt::on_informational(http::ResponseHead& head) {
  router_.retry_.disable();  // the client may have seen it
  router_.charge(head.status, &head.headers, host_);
  router_.stream_.respond_informational(head);
}

void Attempt::on_head(http::ResponseHead& head, bool end_stream) {
  per_try_.cancel();
  measure_head(head);
  if (log_ != nullptr) log_->on_head(head);
  if (end_stream) finish();
  if (per_try_idle_.armed()) arm_timers(), per_try_.cancel();
  head_seen_ = true;
  router_.on_response_head(*this, head, end_stream);
}

void Attempt::on_body(Buffer& body, bool end_stream) {
  if (per_try_idle_.armed()) arm_timers(), per_try_.cancel();
  received_bytes_ += body.size();
  if (log_ != nullptr) log_->info().bytes_received += body.size();
  if (end_stream) finish();
  if (!winner_) return body.clear();
  if (end_stream) router_.on_response_end(*this);
  router_.stream_.respond_body(body, end_stream);
}

void Attempt::on_trailers(http::HeaderMap& trailers) {
  if (log_ != nullptr) log_->on_trailers(trailers);
  finish();
  if (!winner_) return;
  router_.on_response_end(*this);
  router_.stream_.respond_trailers(trailers);
}

void Attempt::on_reset(ResetReason reason, std::string_view detail) {
  if (done_) return;
  finish();
  if (log_ != nullptr) Router::set_flag(log_->info().flags, reason);
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

void Attempt::fail_log(http::Flag flag) {
  if (log_ != nullptr) log_->info().flags.set(flag);
}

void Attempt::on_per_try_timeout() {
  fail_log(http::Flag::upstream_request_timeout);
  router_.on_attempt_timeout(*this, "upstream_per_try_timeout");
}
void Attempt::on_max_duration() {
  fail_log(http::Flag::upstream_max_stream_duration_reached);
  router_.on_attempt_max_duration(*this);
}
void Attempt::on_per_try_idle() {
  fail_log(http::Flag::stream_idle_timeout);
  router_.on_attempt_timeout(*this, "upstream_per_try_idle_timeout");
}

// ---- which host

namespace {
/// The PROXY header in front of what CONNECT brings; empty: none.
std::string header_of(const route::UpgradeConfig& u, const http::ConnectionInfo& client) {
  if (u.proxy_version == 0) return {};
  return u.proxy_version == 1 ? net::write_proxy_v1(client.remote, client.local)
                              : net::write_proxy_v2(&client.remote, &client.local, {});
}
}  // namespace

void Router::start_attempt() {
  if (pending_host_ != nullptr) return;
  auto& head = stream_.request();
  auto& info = stream_.info();
  ++info.attempt_count;
  if (info.attempt_count > 1) tell_timeout();
  if (route_->vhost->include_attempt_count)
    head.headers.set(Name::x_envoy_attempt_count, decimal(info.attempt_count, stream_.arena()));
  if (is_retry_ && route_->vhost->include_is_timeout_retry)
    head.headers.set(Name::x_envoy_is_timeout_retry, after_timeout_ ? "true" : "false");
  upstream::PickContext pick;
  pick.hash = hash_;
  pick.hash_used = &hash_used_;
  pick.subset = weight_ != nullptr && weight_->subset != nullptr ? weight_->subset.get() : route_->subset.get();
  pick.request = &head;
  pick.follow(*info.connection);
  pick.state = &info.filter_state;
  pick.metadata[0] = info.dynamic_metadata.get();
  if (is_retry_) {
    pick.avoid = this;
    pick.attempts_max = retry_.host_attempts_max();
    pick.priorities = other_priorities();
  } else {
    pick.wanted = stream_.wanted_host.address;
    pick.wanted_only = stream_.wanted_host.only;
  }
  pick.named = &named_hosts_;
  upstream::LaterHost later{*this};
  pick.later = &later;
  upstream::Host* host = cluster_->pick(pick);
  if (host != nullptr && std::exchange(named_hosts_.asked, false))
    upstream::tell_selected(cluster_->config(), *host, info.dynamic_metadata);
  if (std::exchange(priorities_.exhausted, false)) seen_from_ = tried_count_;
  pending_host_ = std::move(later.pending);
  if (pending_host_ != nullptr) return;
  if (host != nullptr) return try_host(*host);
  if (!later.details.empty()) return no_healthy_upstream(503, stream_.arena().copy(later.details));
  const bool gone = pick.wanted_only && !cluster_->has_host(pick.wanted);
  no_healthy_upstream(gone ? stream_.wanted_host.status_if_gone : 503);
}

void Router::on_host(upstream::Host* host, std::string_view details) {
  pending_host_.reset();
  if (host != nullptr) return try_host(*host);
  no_healthy_upstream(503, details.empty() ? std::string_view("no_healthy_upstream") : stream_.arena().copy(details));
}

/// What the client sends meanwhile, whether or not it is kept for retries, too.
void Router::hold_for_host(Buffer& body) {
  held_.append(std::move(body));
  if (held_.size() > stream_.buffer_bytes_max() && !std::exchange(held_paused_, true)) stream_.pause_request(true);
}

void Router::try_host(upstream::Host& host) {
  auto& head = stream_.request();
  auto& info = stream_.info();
  host.describe(info.upstream.emplace());
  if (tried_count_ < kAttemptsMax) {
    const auto* policy = retry_.policy();
    if (policy != nullptr && policy->previous_priorities_every != 0)
      tried_priorities_[tried_count_] =
          static_cast<std::uint8_t>(std::min(cluster_->priority_of(host), upstream::Priorities::kMax));
    tried_[tried_count_++] = &host;
  }
  if (attempt_count_ == kAttemptsMax) return fail(503, "too many attempts", "too_many_attempts", false);
  if (route_->rewrite->host == route::Rewrite::automatic && !host.endpoint().hostname().empty()) {
    if (!config_.suppress_envoy_headers && head.authority != host.endpoint().hostname() && !is_retry_)
      head.headers.set(Name::x_envoy_original_host, head.authority);
    head.authority = stream_.arena().copy(host.endpoint().hostname());
  }
  write_logs();
  auto* a = stream_.arena().make<Attempt>(*this, stream_.thread().loop.timers());
  attempts_[attempt_count_++] = a;
  a->high_priority = route_->high_priority;
  a->downstream_protocol = info.protocol;
  a->downstream_connection = info.connection->id;
  a->downstream = info.connection;
  a->unsent_end_ = request_end_;
  a->peer = peer_names_;
  a->state = &info.filter_state;
  if (!held_.empty()) {
    a->resend(held_);
    held_.clear();
    a->paused_ = std::exchange(held_paused_, false);
  } else if (!kept_.empty() && !stream_.is_upgrade()) {
    a->resend(kept_);
  }
  if (const auto* tcp = tcp_config()) {
    a->tcp_ = std::make_unique<TcpTunnel>(stream_.thread(), *cluster_, *a);
    return a->tcp_->connect(host, header_of(*tcp, *info.connection));
  }
  cluster_->request_stream(host, *a);
}

}  // namespace outrigger::filters
