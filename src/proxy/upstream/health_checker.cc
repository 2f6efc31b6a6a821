#include "proxy/upstream/health_checker.h"

#include "proxy/upstream/health_probe.h"
#include "proxy/upstream/socket_match.h"

namespace outrigger::upstream {

using stats::HealthCheckStat;

namespace {

/// Of the cluster's config what its connections need.
std::shared_ptr<ClusterShared> for_checks(const ClusterConfig& c) {
  auto config = std::make_shared<ClusterConfig>();
  config->name = c.name;
  config->stat_name = c.stat_name;
  config->connect_timeout = std::chrono::hours(24);  // the checks have clocks of their own
  config->buffer_bytes_max = c.buffer_bytes_max;
  config->http1 = c.http1;
  config->http2 = c.http2;
  config->keepalive = c.keepalive;
  config->bind_sources = c.bind_sources;
  config->freebind = c.freebind;
  config->socket_options = c.socket_options;
  auto shared = std::make_shared<ClusterShared>();
  shared->config = std::move(config);
  return shared;
}

/// The endpoint as its checks see it: one address.
EndpointPtr checked_endpoint(const Endpoint& e) {
  auto o = std::make_shared<Endpoint>(e);
  o->address = check_address(e);
  auto more = *e.more;
  more.addresses.clear();
  o->more.set(std::move(more));
  return o;
}

CheckFailure failure_of(ProbeResult::Kind k) noexcept {
  return k == ProbeResult::network ? CheckFailure::network : CheckFailure::active;
}

}  // namespace

struct HealthChecker::Session final : private ProbeOwner {
  Session(HealthChecker& c, const Member& m)
      : checker(c),
        endpoint(m.endpoint),
        stats(m.stats),
        health(c.config_, stats->checked),
        interval(c.thread_.loop.timers(), *this),
        timeout(c.thread_.loop.timers(), *this) {
    if (!health.has(kCheckFailed)) checker.gauge(HealthCheckStat::healthy, 1);
    if (health.has(kCheckDegraded)) checker.gauge(HealthCheckStat::degraded, 1);
    make_probe(m);
  }
  ~Session() {
    if (!health.has(kCheckFailed)) checker.gauge(HealthCheckStat::healthy, -1);
    if (health.has(kCheckDegraded)) checker.gauge(HealthCheckStat::degraded, -1);
  }

  void make_probe(const Member& m) {
    const auto& cluster = *checker.cluster_->config;
    const auto& config = checker.config_;
    const auto* socket = config.socket_criteria == nullptr ? m.socket : socket_for(cluster, config.socket_criteria.get());
    auto target = std::make_shared<ProbeTarget>(
        ProbeTarget{checker.thread_,
                    checker.own_,
                    checker.cluster_->config,
                    Host(checked_endpoint(*m.endpoint), std::make_shared<HostStats>(), m.since, socket),
                    {},
                    socket != nullptr});
    const auto& own = m.endpoint->more->check_hostname;
    target->authority = !own.empty() ? own : !config.authority.empty() ? config.authority : cluster.name;
    ProbeOwner& self = *this;
    switch (config.kind) {
      case CheckKind::http: probe = make_http_probe(config, std::move(target), self); break;
      case CheckKind::grpc: probe = make_grpc_probe(config, std::move(target), self); break;
      case CheckKind::tcp: probe = make_tcp_probe(config, std::move(target), self); break;
    }
  }

  void start() {
    const auto& c = checker.config_;
    if (c.initial_jitter.count() == 0) return check();
    auto& thread = checker.thread_;
    interval.arm(with_check_jitter(c, Duration{0}, c.initial_jitter, thread.random, *thread.runtime));
  }
  void check() {
    timeout.arm(checker.config_.timeout);
    checker.add(HealthCheckStat::attempt);
    probe->begin();
  }
  void on_timeout() {
    probe->give_up();
    end(health.failed(CheckFailure::network_timeout, false), CheckFailure::network_timeout, 0);
  }
  void on_probe_done(const ProbeResult& r) override {
    if (r.verified) checker.add(HealthCheckStat::verify_cluster);
    if (r.kind == ProbeResult::passed || r.kind == ProbeResult::degraded) {
      end(health.succeeded(r.kind == ProbeResult::degraded), CheckFailure::active, r.status);
      return;
    }
    if (r.exclude) health.exclude();
    const auto why = failure_of(r.kind);
    end(health.failed(why, r.kind == ProbeResult::retriable), why, r.status);
  }
  /// In between, the clocks go on as they were.
  void fail() {
    if (!health.exclude()) return;
    tell(health.failed(CheckFailure::passive, false), CheckFailure::passive, 0);
  }

  void end(const HealthVerdict& v, CheckFailure why, std::uint16_t status) {
    tell(v, why, status);
    timeout.cancel();
    auto& thread = checker.thread_;
    interval.arm(next_check_after(checker.config_, v, checker.cluster_used(), thread.random, *thread.runtime));
  }
  void tell(const HealthVerdict& v, CheckFailure why, std::uint16_t status) {
    using S = HealthCheckStat;
    const auto& c = checker.config_;
    if (v.ejected) log(HealthEvent::ejected, v, why, status), checker.gauge(S::healthy, -1);
    if (v.added) log(HealthEvent::added, v, why, status), checker.gauge(S::healthy, 1);
    if (v.degraded_now) log(HealthEvent::degraded, v, why, status), checker.gauge(S::degraded, 1);
    if (v.degraded_no_longer) log(HealthEvent::no_longer_degraded, v, why, status), checker.gauge(S::degraded, -1);
    if (v.healthy) {
      if (c.log_successes && v.transition != Transition::changed) log(HealthEvent::succeeded, v, why, status);
      checker.add(S::success);
    } else {
      if (v.first || c.log_failures) log(HealthEvent::failed, v, why, status);
      checker.add(S::failure);
      if (why == CheckFailure::passive) checker.add(S::passive_failure);
      if (why == CheckFailure::network || why == CheckFailure::network_timeout) checker.add(S::network_failure);
    }
    checker.told_({stats, v});
  }
  void log(HealthEvent::Kind kind, const HealthVerdict& v, CheckFailure why, std::uint16_t status) const {
    const auto& c = checker.config_;
    if (c.logs.empty()) return;
    const auto line = health_line({kind, c.kind, *endpoint, why, v.first, status}, checker.cluster_->config->name,
                                  checker.thread_.loop.clock().wall());
    for (const auto& write : c.logs) write(line);
  }

  HealthChecker& checker;
  EndpointPtr endpoint;
  const std::shared_ptr<HostStats> stats;
  HostHealth health;
  event::Alarm<Session, &Session::check> interval;
  event::Alarm<Session, &Session::on_timeout> timeout;
  std::unique_ptr<Probe> probe;
};

HealthChecker::HealthChecker(runtime::ThreadContext& thread, stats::Registry& registry, ClusterSharedPtr cluster,
                             stats::BlockHandle stats, std::function<void(const CheckedHost&)> told)
    : thread_(thread),
      registry_(registry),
      cluster_(std::move(cluster)),
      config_(*cluster_->config->health),
      stats_(stats),
      told_(std::move(told)),
      own_(for_checks(*cluster_->config)) {}
HealthChecker::~HealthChecker() = default;

void HealthChecker::set_members(const HostSetPtr& hosts) {
  hosts_ = hosts;
  if (!begun_) return;
  std::unordered_map<const HostStats*, std::unique_ptr<Session>> before = std::move(sessions_);
  sessions_.clear();
  std::vector<Session*> fresh;
  for (const auto& m : *hosts_) {
    if (m.endpoint->more->unchecked) continue;
    auto& session = sessions_[m.stats.get()];
    if (const auto same = before.find(m.stats.get()); same != before.end()) {
      session = std::move(same->second);
      session->endpoint = m.endpoint;
    } else {
      session = std::make_unique<Session>(*this, m);
      fresh.push_back(session.get());
    }
  }
  before.clear();
  for (Session* s : fresh) s->start();
}

void HealthChecker::begin() {
  if (std::exchange(begun_, true) || hosts_ == nullptr) return;
  set_members(HostSetPtr(hosts_));
}

bool HealthChecker::all_checked() const noexcept {
  for (const auto& [stats, s] : sessions_)
    if (s->health.is_new()) return false;
  return true;
}

void HealthChecker::fail(const std::shared_ptr<HostStats>& host) {
  if (const auto at = sessions_.find(host.get()); at != sessions_.end()) at->second->fail();
}

}  // namespace outrigger::upstream
