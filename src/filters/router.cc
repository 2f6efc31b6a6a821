#include "filters/router.h"

#include <algorithm>
#include "proxy/base/numbers.h"
#include "proxy/net/proxy_header.h"
#include "proxy/upstream/peer_names.h"

namespace outrigger::filters {

using hcm::ExtraHeader;
using hcm::FilterStatus;
using http::Flag;
using http::Name;
using http::ResetReason;
using stats::ClusterStat;
using stats::RouterStat;

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
    cells.add(stats, RouterStat::rq_direct_response);
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
      ok = to_number<std::uint64_t>(e->value).has_value();
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
  cells.add(stats, RouterStat::rq_direct_response);  // redirects too
  if (r.kind == route::Route::redirect) {
    const ExtraHeader location[] = {{"location", route::redirect_location(&r, head, stream_.format_context(), stream_.arena())}};
    return stream_.local_reply(
        {.status = r.redirect_to->code, .details = "direct_response", .headers = location, .headers_count = 1});
  }
  hcm::LocalReply reply{.status = r.direct->status, .body = r.direct->body, .details = "direct_response"};
  std::string body;
  if (format_direct(*r.direct, body)) reply.body = body;
  ExtraHeader extra[2];
  reply.headers = extra;
  if (reply.status == 201 || reply.status / 100 == 3)
    extra[reply.headers_count++] = {"location", stream_.arena().cat(head.scheme, "://", head.authority, head.path)};
  if (!r.direct->content_type.empty()) extra[reply.headers_count++] = {"content-type", r.direct->content_type};
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
  stream_.info().set_cluster(config.name, config.stat_name, config.metadata);
  return !refused_by_cluster();
}

/// False: a filter has removed what no request goes without; answered.
bool Router::is_whole(const http::RequestHead& head) {
  const bool no_method = head.method.data() == nullptr;
  if (!no_method && (head.path.data() != nullptr || head.is_connect())) return true;
  const std::string_view name = no_method ? ":method" : ":path";
  auto& arena = stream_.arena();
  stream_.local_reply({.status = 503,
                       .body = arena.cat("missing required header: ", name),
                       .details = arena.cat("filter_removed_required_request_headers{missing_required_header:_", name, "}"),
                       .flag = Flag::downstream_protocol_error});
  return false;
}

/// The cluster is in maintenance, or told to drop some of its traffic. True: answered.
bool Router::refused_by_cluster() {
  const auto& config = cluster_->config();
  auto& thread = stream_.thread();
  const auto refuse = [&](std::string_view body, std::string_view details, Flag flag, const ExtraHeader* header) {
    charge(503, nullptr, nullptr);
    stream_.local_reply({.status = 503,
                         .body = body,
                         .details = details,
                         .flag = flag,
                         .headers = header,
                         .headers_count = header == nullptr || config_.suppress_envoy_headers ? 0u : 1u,
                         .weight = weight_,
                         .overloaded = header == nullptr && !config_.suppress_envoy_headers});
    return true;
  };
  if (!thread.runtime->layers().empty()) {
    thread_local std::string key;
    key = "upstream.maintenance_mode." + config.name;
    if (thread.runtime->enabled(key, {}, thread.random.next())) {
      thread.cells.add(cluster_->stats(), ClusterStat::upstream_rq_maintenance_mode);
      return refuse("maintenance mode", "maintenance_mode", Flag::upstream_overflow, nullptr);
    }
  }
  if (cluster_->policy().drop.numerator == 0 || !cluster_->policy().drop.hit(thread.random.next())) return false;
  static const ExtraHeader kAll{"x-envoy-unconditional-drop-overload", "true"}, kSome{"x-envoy-drop-overload", "true"};
  if (cluster_->policy().drop.numerator == static_cast<std::uint32_t>(cluster_->policy().drop.denominator))
    return refuse("unconditional drop overload", "unconditional_drop_overload", Flag::unconditional_drop_overload, &kAll);
  return refuse("drop overload", "drop_overload", Flag::drop_overload, &kSome);
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
  if (answer_without_upstream(head) || !choose() || !is_whole(head)) return FilterStatus::stop;
  find_virtual_cluster(head);
  if (!route_->hash.empty() && cluster_->may_hash())
    hash_ = route::request_hash(*route_, head, stream_.info(), stream_.arena(), &new_cookies_);
  read_timeouts(head);
  tell_timeout();
  retry_.init(*route_, head);
  // A mirror gets the request as it goes upstream, before it is tried.
  if (route_->vhost->include_attempt_count) head.headers.set(Name::x_envoy_attempt_count, "1");
  route::finalize_request(*route_, weight_, head, stream_.format_context(), {!config_.suppress_envoy_headers});
  peer_names_ = upstream::peer_names_of(cluster_->config(), head);
  keep_body_ = (retry_.enabled() || route_->internal_redirect->enabled) && !stream_.is_upgrade();
  end_on_head_ = end_stream;
  if (route_->mirrors != nullptr) start_shadows(end_stream);
  request_end_ = end_stream;
  if (end_stream)
    request_complete();
  else if (stream_.is_upgrade() && !head.is_connect())
    arm_clocks();  // it never ends
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
  if (responded_ || running() > 0 || attempt_count_ == 0) return true;
  retry_timer_.cancel();
  fail(507, "exceeded request buffer limit while retrying upstream", "request_payload_exceeded_retry_buffer_limit", false);
  return false;
}

void Router::start_shadows(bool end_stream) {
  shadows_.start(stream_, *route_, end_stream, timeout_value_.value_or(Duration{0}), config_.upstream_log);
}

FilterStatus Router::on_request_body(Buffer& body, bool end_stream) {
  if (cluster_ == nullptr || (stream_.is_upgrade() && hold_tunnel_data(body))) return FilterStatus::stop;
  if (end_stream) request_end_ = true;
  if (!shadows_.empty()) shadows_.body(body, end_stream);
  if (keep_body_) {
    if (kept_.size() + body.size() > kept_bytes_max()) {
      if (!stop_keeping()) return FilterStatus::stop;
    } else {
      body.share_to(kept_);
    }
  }
  if (pending_host_ != nullptr && attempt_count_ == 0) hold_for_host(body);
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
  arm_clocks();
}

void Router::arm_clocks() {
  if (timeout_value_) timeout_.arm(*timeout_value_);
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
    for (std::size_t i = seen_from_; i < tried_count_; ++i)
      if (tried_priorities_[i] < upstream::Priorities::kMax) priorities_.excluded.set(tried_priorities_[i]);
  return &priorities_;
}

void Router::no_healthy_upstream(std::uint16_t status, std::string_view details) {
  charge(status, nullptr, nullptr);
  stream_.info().flags.set(Flag::no_healthy_upstream);
  fail(status, "no healthy upstream", details, false);
}

// ---- upgrades

/// Set: CONNECT ends here, or a POST that stands for it: its host is spoken to without HTTP.
const route::UpgradeConfig* Router::tcp_config() const noexcept {
  const auto& head = stream_.request();
  const bool connect = stream_.is_upgrade() && head.is_connect(), post = !stream_.is_upgrade() && head.method == "POST";
  for (const auto& u : route_->upgrades)
    if (u.type == "connect" && u.is_connect_config && (connect || (post && u.allow_post))) return &u;
  return nullptr;
}

/// True: the upstream has not agreed yet, so it doesn't get the client's bytes; it might take them for a request.
bool Router::hold_tunnel_data(Buffer& body) {
  if (tunnel_open_) return false;
  if (config_.reject_early_connect_data && stream_.request().is_connect() && !body.empty()) {
    responded_ = true;
    timeout_.cancel();
    stream_.local_reply({.status = 400, .details = "early_connect_data", .finalize = false});
    return true;
  }
  kept_.append(std::move(body));
  if (kept_.size() > stream_.buffer_bytes_max() && !std::exchange(tunnel_paused_, true)) stream_.pause_request(true);
  return true;
}

void Router::open_tunnel(Attempt& a) {
  tunnel_open_ = true;
  timeout_.cancel();
  a.stop_try_timers();
  if (std::exchange(tunnel_paused_, false)) stream_.pause_request(false);
  Buffer held(std::move(kept_));
  if (!held.empty()) a.send_body(held, false);
}

/// True: no error, and yet no 101. It is told on without its body.
bool Router::refused_upgrade(Attempt& a, const http::ResponseHead& head) {
  constexpr std::uint16_t kErrors = 400;
  if (stream_.request().is_connect() || head.status == 101 || head.status >= kErrors) return false;
  responded_ = true;
  timeout_.cancel();
  a.stop();
  http::HeaderMap headers(stream_.arena());
  for (const auto& e : head.headers) {
    const bool of_body = e.name == "content-length" || e.name == "transfer-encoding" || e.name == "connection";
    if (!of_body) headers.add(e.name, e.value);
  }
  hcm::LocalReply reply{.status = head.status, .details = "websocket_handshake_unsuccessful"};
  reply.set_headers(headers);
  stream_.local_reply(reply);
  return true;
}

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
  pending_host_.reset();
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
  if (!stream_.logs_first()) write_logs();
}

void Router::write_logs() {
  for (std::size_t i = 0; i < attempt_count_; ++i)
    if (attempts_[i] != nullptr) attempts_[i]->write_log();
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
