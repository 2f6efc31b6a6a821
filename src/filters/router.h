// The router: the last HTTP filter. Picks route, cluster and host, sends the request upstream,
// retries, and gives the answer (or the failure, in Envoy's words) to the stream. In the stream's
// arena; worker's thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "filters/retry_state.h"
#include "filters/shadow.h"
#include "filters/tcp_tunnel.h"
#include "filters/upstream_log.h"
#include "proxy/event/timers.h"
#include "proxy/hcm/stream.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

struct RouterConfig {
  bool suppress_envoy_headers = false;
  bool respect_expected_rq_timeout = false;
  bool dynamic_stats = true;
  bool suppress_grpc_codes = false;                       // suppress_grpc_request_failure_code_stats
  bool reject_early_connect_data = false;                 // reject_connect_request_early_data
  std::shared_ptr<const UpstreamLogConfig> upstream_log;  // null: none
  std::vector<std::string> strict_headers;                // x-envoy-* headers whose values must be right
};

class Router;

/// One try of the request on one host.
class Attempt final : public upstream::PoolWaiter, public upstream::ClientStreamEvents {
 public:
  Attempt(Router& router, event::Timers& timers);
  ~Attempt() { stop(); }
  void stop();    // cancels what is under way; no event follows
  void finish();  // the stream upstream is over
  void write_log();
  void send_body(Buffer& body, bool end_stream);
  /// What was kept of the request, before there is a stream.
  void resend(const Buffer& kept);
  void send_trailers(http::HeaderMap& trailers);

  // upstream::PoolWaiter
  void on_pool_ready(upstream::ClientStream& stream, upstream::Host& host) override;
  void on_pool_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override;
  upstream::ClientStreamEvents& events() override { return *this; }
  Arena& arena() override;
  bool is_connect_or_upgrade() const noexcept override;
  // upstream::ClientStreamEvents
  void on_informational(http::ResponseHead& head) override;
  void on_head(http::ResponseHead& head, bool end_stream) override;
  void on_body(Buffer& body, bool end_stream) override;
  void on_trailers(http::HeaderMap& trailers) override;
  void on_reset(http::ResetReason reason, std::string_view detail) override;
  void on_above_high_watermark() override;
  void on_below_low_watermark() override;

 private:
  friend class Router;
  void on_per_try_timeout();
  void on_per_try_idle();
  void on_max_duration();
  void arm_timers();
  void stop_timers();
  void settle();
  void track();
  void measure_head(const http::ResponseHead& head) noexcept;
  void begin(upstream::ClientStream& stream);
  void fail_log(http::Flag flag);
  void stop_try_timers();
  Router& router_;
  std::unique_ptr<UpstreamLog> log_;  // null: not wanted
  std::unique_ptr<TcpTunnel> tcp_;    // CONNECT to a raw connection; it is stream_ then
  upstream::ClientStream* stream_ = nullptr;
  upstream::Host* host_ = nullptr;
  Buffer unsent_;
  bool unsent_end_ = false, done_ = false, winner_ = false, paused_ = false, sent_any_ = false, head_seen_ = false;
  bool timeout_seen_ = false;  // by outlier detection
  TimePoint started_;
  std::uint64_t sent_bytes_ = 0, received_bytes_ = 0, response_head_bytes_ = 0;
  std::uint32_t response_headers_ = 0;  // 0: no answer
  bool retried_ = false;                // hedging: it was too slow, another try was made, and it runs on
  event::Alarm<Attempt, &Attempt::on_per_try_timeout> per_try_;
  event::Alarm<Attempt, &Attempt::on_per_try_idle> per_try_idle_;
  event::Alarm<Attempt, &Attempt::on_max_duration> max_duration_;  // of the cluster
};

class Router final : public hcm::HttpFilter, private upstream::HostFilter, private upstream::HostWaiter {
 public:
  Router(hcm::Stream& stream, const RouterConfig& config);
  ~Router() override;
  hcm::FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override;
  hcm::FilterStatus on_request_body(Buffer& body, bool end_stream) override;
  hcm::FilterStatus on_request_trailers(http::HeaderMap& trailers) override;
  void on_downstream_above_high_watermark() override;
  void on_downstream_below_low_watermark() override;
  void on_stream_end() override;
  void on_stream_logged() override { write_logs(); }

 private:
  friend class Attempt;
  static constexpr std::size_t kAttemptsMax = 64;  // kept for hedging and predicates
  bool answer_without_upstream(http::RequestHead& head);
  bool check_strict_headers(http::RequestHead& head);
  void redirect_or_direct(const route::Route& r, http::RequestHead& head);
  bool format_direct(const route::DirectResponse& d, std::string& body);
  bool choose();
  bool is_whole(const http::RequestHead& head);
  Duration limited_grpc_timeout(std::optional<Duration> grpc) const;
  void read_timeouts(http::RequestHead& head);
  void tell_timeout();
  std::uint64_t kept_bytes_max() const;
  bool stop_keeping();
  void find_virtual_cluster(http::RequestHead& head);
  void count_try();
  void start_attempt();
  void on_host(upstream::Host* host, std::string_view details) override;
  void hold_for_host(Buffer& body);
  void try_host(upstream::Host& host);
  void start_shadows(bool end_stream);
  void request_complete();
  void arm_clocks();
  const route::UpgradeConfig* tcp_config() const noexcept;
  bool hold_tunnel_data(Buffer& body);
  void open_tunnel(Attempt& a);
  bool refused_upgrade(Attempt& a, const http::ResponseHead& head);
  bool rejects(const upstream::Host& h) const noexcept override;
  upstream::Priorities* other_priorities();

  void on_response_head(Attempt& a, http::ResponseHead& head, bool end_stream);
  void on_response_end(Attempt& a);
  void no_healthy_upstream(std::uint16_t status = 503, std::string_view details = "no_healthy_upstream");
  bool refused_by_cluster();
  void on_attempt_reset(Attempt& a, http::ResetReason reason, std::string_view detail, bool pool_overflow);
  void on_attempt_timeout(Attempt& a, std::string_view details);
  void on_attempt_max_duration(Attempt& a);
  void on_slow_attempt(Attempt& a);
  void see_timeout(Attempt& a);
  void fail_timeout(upstream::Host* host, std::string_view details);
  enum class Retry : std::uint8_t { scheduled, refused, not_wanted };
  Retry retry(RetryAnswer answer, const http::ResponseHead* head);
  bool retry_response(Attempt& a, const http::ResponseHead& head, bool end_stream);
  void drop_response(Attempt& a, bool end_stream);
  void count_retry(stats::ClusterStat in_cluster, stats::RouteStat in_route);
  void on_retry_timer();
  void on_timeout();
  bool internal_redirect(http::ResponseHead& head);
  void fail(std::uint16_t status, std::string_view body, std::string_view details, bool overloaded);
  void give_up(std::uint16_t status, std::string_view body, std::string_view details);
  void charge(std::uint16_t status, const http::HeaderMap* headers, upstream::Host* host);
  void charge_alt(std::uint16_t status, bool internal, bool canary);
  void charge_time(upstream::Host* host);
  void track_budget(Duration used);
  void drop_other_attempts(const Attempt& keep);
  void write_logs();
  static void set_flag(http::ResponseFlags& flags, http::ResetReason reason);
  std::size_t running() const noexcept;
  std::size_t awaiting_heads() const noexcept;

  const RouterConfig& config_;
  const route::Route* route_ = nullptr;
  const route::ClusterWeight* weight_ = nullptr;
  upstream::ClusterRef cluster_;
  RetryState retry_;
  Attempt* attempts_[kAttemptsMax] = {};
  upstream::Host* tried_[kAttemptsMax] = {};
  std::size_t attempt_count_ = 0, tried_count_ = 0;
  upstream::PeerNames peer_names_;
  upstream::Priorities priorities_;
  upstream::NamedHosts named_hosts_;
  std::uint8_t tried_priorities_[kAttemptsMax] = {};
  std::size_t seen_from_ = 0;  // of tried_, since the last time all priorities were tried
  Attempt* winner_ = nullptr;
  std::unique_ptr<upstream::PendingHost> pending_host_;  // null: none is waited for
  Buffer held_;                                          // the request body, while the first is
  bool held_paused_ = false;
  Buffer kept_;  // the request body, while a retry may need it; for an upgrade what waits for the answer
  bool keep_body_ = false, end_on_head_ = false, request_end_ = false, responded_ = false, retry_slot_ = false, is_retry_ = false,
       rate_limited_ = false;
  bool alt_response_ = false, hedge_ = false;
  bool tunnel_open_ = false, tunnel_paused_ = false;
  bool after_timeout_ = false;                    // the next try is because one took too long
  const stats::BlockHandle* vcluster_ = nullptr;  // null: the virtual host has none
  stats::BlockHandle alt_stats_;                  // none: the client names none
  TimePoint request_end_at_{};
  std::optional<Duration> timeout_value_, per_try_value_;
  std::optional<std::uint64_t> hash_;
  bool hash_used_ = false;  // by a pick: then new cookies are told
  route::NewCookies new_cookies_;
  ShadowSet shadows_;
  event::Alarm<Router, &Router::on_timeout> timeout_;
  event::Alarm<Router, &Router::on_retry_timer> retry_timer_;
};

class RouterFactory final : public hcm::FilterFactory {
 public:
  explicit RouterFactory(RouterConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override { return arena.make<Router>(stream, config_); }

 private:
  RouterConfig config_;
};

}  // namespace outrigger::filters
