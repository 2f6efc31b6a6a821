// The router's second half: answers, failures, retries.
#include <algorithm>

#include "filters/cluster_counters.h"
#include "filters/grpc.h"
#include "filters/router.h"
#include "filters/upstream_failure.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters {

using http::Flag;
using http::Name;
using http::ResetReason;
using stats::AltClusterStat;
using stats::ClusterStat;
using stats::CodeFamily;
using stats::RouterStat;
using stats::RouteStat;

void Router::charge(std::uint16_t status, const http::HeaderMap* headers, upstream::Host* host) {
  if (!config_.dynamic_stats || stream_.info().health_check) return;
  auto& cells = stream_.thread().cells;
  const auto b = cluster_->stats();
  cells.add(b, ClusterStat::upstream_rq_completed);
  const bool codes =
      !config_.suppress_grpc_codes || !stream_.request().is_grpc();  // the plain ones; the others stay, as in Envoy
  const auto add_code = [&](stats::BlockHandle block, CodeFamily family) { cells.add_code(block, family, status); };
  if (codes) add_code(b, CodeFamily::upstream_rq);
  const bool internal = stream_.info().is_internal;
  cells.add(b, internal ? ClusterStat::internal_upstream_rq_completed : ClusterStat::external_upstream_rq_completed);
  add_code(b, internal ? CodeFamily::internal_upstream_rq : CodeFamily::external_upstream_rq);
  const bool canary = headers != nullptr && headers->get(Name::x_envoy_upstream_canary) == "true";
  if (canary || (host != nullptr && host->endpoint().canary)) {
    cells.add(b, ClusterStat::canary_upstream_rq_completed);
    add_code(b, CodeFamily::canary_upstream_rq);
  }
  for (const auto* more : {route_->has_route_stats ? &route_->route_stats : nullptr, vcluster_}) {
    if (more == nullptr) continue;
    cells.add(*more, RouteStat::upstream_rq_completed);
    add_code(*more, CodeFamily::upstream_rq);
  }
  charge_zone(*cluster_, host, cells, status);
  if (alt_stats_) charge_alt(status, internal, canary || (host != nullptr && host->endpoint().canary));
  if (host != nullptr && status / 100 == 5) cluster_->report(*host, upstream::Outcome::error);
}

void Router::charge_alt(std::uint16_t status, bool internal, bool canary) {
  auto& cells = stream_.thread().cells;
  const auto count = [&](AltClusterStat completed, CodeFamily family) {
    cells.add(alt_stats_, completed);
    cells.add_code(alt_stats_, family, status);
  };
  count(AltClusterStat::upstream_rq_completed, CodeFamily::upstream_rq);
  if (internal)
    count(AltClusterStat::internal_upstream_rq_completed, CodeFamily::internal_upstream_rq);
  else
    count(AltClusterStat::external_upstream_rq_completed, CodeFamily::external_upstream_rq);
  if (canary) count(AltClusterStat::canary_upstream_rq_completed, CodeFamily::canary_upstream_rq);
}

void Router::charge_time(upstream::Host* host) {
  if (request_end_at_ == TimePoint{} || !config_.dynamic_stats || stream_.info().health_check) return;
  auto& cells = stream_.thread().cells;
  const auto ms = static_cast<std::uint64_t>((stream_.thread().loop.now() - request_end_at_).count() / 1000);
  const auto b = cluster_->stats();
  cells.record(b, ClusterStat::upstream_rq_time, ms);
  cells.record(b, stream_.info().is_internal ? ClusterStat::internal_upstream_rq_time : ClusterStat::external_upstream_rq_time,
               ms);
  if (route_->has_route_stats) cells.record(route_->route_stats, RouteStat::upstream_rq_time, ms);
  if (vcluster_ != nullptr) cells.record(*vcluster_, RouteStat::upstream_rq_time, ms);
  charge_zone_time(*cluster_, host, cells, ms);
  if (!alt_stats_) return;
  cells.record(alt_stats_, AltClusterStat::upstream_rq_time, ms);
  cells.record(alt_stats_,
               stream_.info().is_internal ? AltClusterStat::internal_upstream_rq_time : AltClusterStat::external_upstream_rq_time,
               ms);
}

void Router::count_retry(ClusterStat in_cluster, RouteStat in_route) {
  auto& cells = stream_.thread().cells;
  cells.add(cluster_->stats(), in_cluster);
  if (vcluster_ != nullptr) cells.add(*vcluster_, in_route);
  if (route_->has_route_stats) cells.add(route_->route_stats, in_route);
}

/// Starts to wait for another try when the answer allows one. `refused`: it was wanted, but there may be none.
Router::Retry Router::retry(RetryAnswer answer, const http::ResponseHead* head) {
  const bool retried = std::exchange(retry_slot_, false);
  if (retried) cluster_->retry_done(route_->high_priority);
  if (answer == RetryAnswer::no) {
    if (retried) count_retry(ClusterStat::upstream_rq_retry_success, RouteStat::upstream_rq_retry_success);
    return Retry::not_wanted;
  }
  if (answer == RetryAnswer::limit_exceeded) {
    count_retry(ClusterStat::upstream_rq_retry_limit_exceeded, RouteStat::upstream_rq_retry_limit_exceeded);
    stream_.info().flags.set(Flag::upstream_retry_limit_exceeded);
    return Retry::refused;
  }
  if (!cluster_->try_retry(route_->high_priority)) {
    count_retry(ClusterStat::upstream_rq_retry_overflow, RouteStat::upstream_rq_retry_overflow);
    stream_.info().flags.set(Flag::upstream_overflow);
    return Retry::refused;
  }
  retry_slot_ = true;
  auto& thread = stream_.thread();
  const auto& runtime = *thread.runtime;
  if (!runtime.enabled("upstream.use_retry", {100, runtime::Denominator::hundred}, thread.random.next()))
    return Retry::not_wanted;
  retry_timer_.arm(retry_.back_off(runtime, thread.random, head, thread.loop.wall(), rate_limited_));
  after_timeout_ = false;
  return Retry::scheduled;
}

void Router::on_retry_timer() {
  is_retry_ = true;
  count_retry(ClusterStat::upstream_rq_retry, RouteStat::upstream_rq_retry);
  stream_.thread().cells.add(cluster_->stats(), rate_limited_ ? ClusterStat::upstream_rq_retry_backoff_ratelimited
                                                              : ClusterStat::upstream_rq_retry_backoff_exponential);
  start_attempt();
}

void Router::drop_response(Attempt& a, bool end_stream) {
  if (a.host_ != nullptr) cluster_->report(*a.host_, upstream::Outcome::error);
  if (!end_stream) a.stop();
}

/// True: this response is not the client's; another try was or will be made.
bool Router::retry_response(Attempt& a, const http::ResponseHead& head, bool end_stream) {
  if (!retry_.enabled() || head.status == 101) return false;
  bool refused = false;
  if (a.retried_) {
    refused = retry_.wants(head);
  } else {
    const auto outcome = retry(retry_.on_response(head), &head);
    if (outcome == Retry::scheduled) {
      auto& cells = stream_.thread().cells;
      cells.add(cluster_->stats(), ClusterStat::retry_upstream_rq_completed);
      cells.add_code(cluster_->stats(), CodeFamily::retry_upstream_rq, head.status);
      drop_response(a, end_stream);
      return true;
    }
    refused = outcome == Retry::refused;
  }
  // Hedging: a bad response is not given on while there is hope for a better one.
  if (!refused || (awaiting_heads() == 0 && !retry_timer_.armed())) return false;
  drop_response(a, end_stream);
  return true;
}

void Router::on_response_head(Attempt& a, http::ResponseHead& head, bool end_stream) {
  if (responded_) return a.stop();
  if (a.host_ != nullptr) {
    cluster_->see(*a.host_, upstream::Sight::answer, health_code(stream_.request(), head));
    if (cluster_->owner_of(*a.host_).config->health != nullptr && head.headers.has(Name::x_envoy_immediate_health_check_fail))
      cluster_->fail_check(*a.host_);
  }
  const bool tunnel = stream_.opens_tunnel(head);
  if (stream_.is_upgrade() && !tunnel && refused_upgrade(a, head)) return;
  if (retry_response(a, head, end_stream)) return;
  if (route_->internal_redirect->enabled && internal_redirect(head)) {
    a.stop();
    Buffer body(std::move(kept_));
    return stream_.restart(body);
  }
  responded_ = true;
  winner_ = &a;
  a.winner_ = true;
  drop_other_attempts(a);
  retry_timer_.cancel();
  if (std::exchange(retry_slot_, false)) cluster_->retry_done(route_->high_priority);
  keep_body_ = false;
  if (!tunnel) kept_.clear();
  auto& info = stream_.info();
  info.details = "via_upstream";
  info.response_code = head.status;
  charge(head.status, &head.headers, a.host_);
  if (a.host_ != nullptr && head.status / 100 != 5) cluster_->report(*a.host_, upstream::Outcome::success);
  auto& h = head.headers;
  if (!config_.suppress_envoy_headers && request_end_at_ != TimePoint{} && !stream_.is_upgrade()) {
    const auto ms = static_cast<std::uint64_t>((stream_.thread().loop.now() - request_end_at_).count() / 1000);
    h.set(Name::x_envoy_upstream_service_time, decimal(ms, stream_.arena()));
  }
  if (route_->vhost->include_attempt_count_in_response)
    h.set(Name::x_envoy_attempt_count, decimal(info.attempt_count, stream_.arena()));
  for (const auto* c = hash_used_ ? new_cookies_.first : nullptr; c != nullptr; c = c->next) h.add(Name::set_cookie, c->text);
  auto context = stream_.format_context();
  context.response = &head;
  route::finalize_response(*route_, weight_, head, context);
  if (end_stream) on_response_end(a);
  stream_.respond_head(head, end_stream);
  if (tunnel && !stream_.ended()) open_tunnel(a);
}

void Router::on_response_end(Attempt& a) {
  timeout_.cancel();
  charge_time(a.host_);
  track_budget(stream_.thread().loop.now() - request_end_at_);
}

void Router::set_flag(http::ResponseFlags& flags, ResetReason reason) {
  switch (reason) {
    case ResetReason::local_connection_failure:
    case ResetReason::remote_connection_failure:
    case ResetReason::connection_timeout: return flags.set(Flag::upstream_connection_failure);
    case ResetReason::connection_termination: return flags.set(Flag::upstream_connection_termination);
    case ResetReason::local_reset:
    case ResetReason::local_refused_stream: return flags.set(Flag::local_reset);
    case ResetReason::overflow: return flags.set(Flag::upstream_overflow);
    case ResetReason::remote_reset:
    case ResetReason::remote_refused_stream:
    case ResetReason::connect_error: return flags.set(Flag::upstream_remote_reset);
    case ResetReason::protocol_error: return flags.set(Flag::upstream_protocol_error);
    default: return;
  }
}

void Router::on_attempt_reset(Attempt& a, ResetReason reason, std::string_view detail, bool pool_overflow) {
  Arena& arena = stream_.arena();
  auto& cells = stream_.thread().cells;
  const auto details = reset_details(responded_, reason, detail, arena);
  const std::uint16_t status = reason == ResetReason::protocol_error ? 502 : 503;
  if (a.host_ != nullptr && !pool_overflow) cluster_->see(*a.host_, upstream::Sight::failed);
  const auto body = arena.cat("upstream connect error or disconnect/reset before headers. ",
                              is_retry_ ? "retried and the latest reset reason: " : "reset reason: ", text_of(reason));
  if (responded_) {
    if (!a.winner_) return;
    if (stream_.request().is_grpc())
      cells.add(stream_.config().router_stats, RouterStat::rq_reset_after_downstream_response_started);
    set_flag(stream_.info().flags, reason);
    return give_up(status, body, details);
  }
  if (retry_.enabled() && !a.retried_ && retry(retry_.on_reset(reason, a.sent_any_), nullptr) == Retry::scheduled) {
    if (a.host_ != nullptr) cluster_->report(*a.host_, upstream::Outcome::error);
    return;
  }
  charge(status, nullptr, a.host_);
  if (awaiting_heads() > 0 || retry_timer_.armed()) return;  // hedging: another one may answer
  set_flag(stream_.info().flags, reason);
  fail(status, body, details, pool_overflow);
}

void Router::fail(std::uint16_t status, std::string_view body, std::string_view details, bool overloaded) {
  responded_ = true;
  timeout_.cancel();
  pending_host_.reset();
  Arena& arena = stream_.arena();
  hcm::LocalReply reply{.status = status,
                        .body = body,
                        .details = details,
                        .weight = weight_,
                        .overloaded = overloaded && !config_.suppress_envoy_headers};
  if (route_->vhost->include_attempt_count_in_response) reply.attempt_count = decimal(stream_.info().attempt_count, arena);
  stream_.local_reply(reply);
}

/// The answer had begun and can't be completed. While a filter holds back its head, another one can take its place.
void Router::give_up(std::uint16_t status, std::string_view body, std::string_view details) {
  if (stream_.response_held()) return fail(status, body, details, false);
  stream_.info().details = details;
  stream_.abort();
}

/// For outlier detection; once for each attempt.
void Router::see_timeout(Attempt& a) {
  if (a.host_ == nullptr || std::exchange(a.timeout_seen_, true)) return;
  cluster_->see(*a.host_, upstream::Sight::timeout, alt_response_ ? 204 : 504);
}

void Router::on_attempt_timeout(Attempt& a, std::string_view details) {
  if (responded_ && !a.winner_) return;
  see_timeout(a);
  if (hedge_) return on_slow_attempt(a);
  auto& cells = stream_.thread().cells;
  const bool idle = details == "upstream_per_try_idle_timeout";
  cells.add(cluster_->stats(), idle ? ClusterStat::upstream_rq_per_try_idle_timeout : ClusterStat::upstream_rq_per_try_timeout);
  if (a.host_ != nullptr) cluster_->report(*a.host_, upstream::Outcome::timeout);
  if (responded_) {
    stream_.info().flags.set(Flag::upstream_request_timeout);
    return give_up(504, "upstream request timeout", details);
  }
  a.stop();
  if (retry_.enabled() && retry(retry_.on_reset(ResetReason::local_reset, a.sent_any_), nullptr) == Retry::scheduled) {
    after_timeout_ = true;
    if (a.host_ != nullptr) cluster_->report(*a.host_, upstream::Outcome::error);
    return;
  }
  fail_timeout(a.host_, details);
}

/// Hedging: it runs on beside another try; whoever answers well first wins.
void Router::on_slow_attempt(Attempt& a) {
  if (responded_ || a.retried_ || !retry_.enabled()) return;
  a.retried_ = after_timeout_ = retry(retry_.on_hedge_timeout(), nullptr) == Retry::scheduled;
}

void Router::on_attempt_max_duration(Attempt& a) {
  stream_.thread().cells.add(a.host_ == nullptr ? cluster_->stats() : cluster_->owner_of(*a.host_).stats,
                             ClusterStat::upstream_rq_max_duration_reached);
  const bool responded = responded_;
  if (responded && !a.winner_) return;
  a.stop();
  if (!responded && retry_.enabled() && !a.retried_ &&
      retry(retry_.on_reset(ResetReason::local_reset, a.sent_any_), nullptr) == Retry::scheduled) {
    if (a.host_ != nullptr) cluster_->report(*a.host_, upstream::Outcome::error);
    return;
  }
  constexpr std::string_view kDetails = "upstream_max_stream_duration_reached";
  stream_.info().flags.set(Flag::upstream_max_stream_duration_reached);
  constexpr std::string_view kBody = "upstream max stream duration reached";
  const std::uint16_t status = stream_.request_complete() ? 504 : 408;
  if (responded) return give_up(status, kBody, kDetails);
  fail(status, kBody, kDetails, false);
}

void Router::fail_timeout(upstream::Host* host, std::string_view details) {
  charge(alt_response_ ? 204 : 504, nullptr, host);
  stream_.info().flags.set(Flag::upstream_request_timeout);
  fail(alt_response_ ? 204 : 504, alt_response_ ? "" : "upstream request timeout", details, false);
}

void Router::on_timeout() {
  auto& cells = stream_.thread().cells;
  retry_timer_.cancel();
  for (std::size_t i = 0; i < attempt_count_; ++i) {
    auto* a = attempts_[i];
    if (a == nullptr || a->done_) continue;
    cells.add(cluster_->stats(), ClusterStat::upstream_rq_timeout);
    if (route_->has_route_stats) cells.add(route_->route_stats, RouteStat::upstream_rq_timeout);
    if (vcluster_ != nullptr) cells.add(*vcluster_, RouteStat::upstream_rq_timeout);
    if (a->host_ != nullptr) cluster_->report(*a->host_, upstream::Outcome::timeout);
    if (!a->head_seen_) {
      see_timeout(*a);
      charge(alt_response_ ? 204 : 504, nullptr, a->host_);
    }
    a->stop();
  }
  track_budget(timeout_value_.value_or(Duration{}));
  stream_.info().flags.set(Flag::upstream_request_timeout);
  if (responded_) return give_up(504, "upstream request timeout", "response_timeout");
  fail(alt_response_ ? 204 : 504, alt_response_ ? "" : "upstream request timeout", "response_timeout", false);
}

}  // namespace outrigger::filters
