#include "filters/connection_filters.h"

#include "filters/plain_connections.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

using stats::ConnectionLimitStat;

namespace {

/// A connection that was let in; gives its place back when it is gone.
struct Place {
  stats::Cells& cells;
  stats::BlockHandle stats;
  std::shared_ptr<std::atomic<std::uint64_t>> connections;
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  Place(stats::Cells& c, stats::BlockHandle s, std::shared_ptr<std::atomic<std::uint64_t>> n)
      : cells(c), stats(s), connections(std::move(n)) {
    cells.inc(stats, ConnectionLimitStat::active_connections);
  }
  ~Place() {
    cells.dec(stats, ConnectionLimitStat::active_connections);
    connections->fetch_sub(1, std::memory_order_relaxed);
  }
};

/// A connection that a filter holds: nothing of it is read, until it goes on as what the other filters make of it.
class Held final : public net::Connection, private net::ConnectionOwner, private net::TransportEvents {
 public:
  Held(std::shared_ptr<const FilteredFactory> filters, std::size_t next, std::unique_ptr<Hold> hold, hcm::Worker& worker,
       std::unique_ptr<net::Transport> transport, http::ConnectionInfo info, const hcm::ListenerContext& listener,
       net::ConnectionOwner& owner)
      : filters_(std::move(filters)),
        next_(next),
        hold_(std::move(hold)),
        worker_(worker),
        transport_(std::move(transport)),
        info_(std::move(info)),
        start_(info_.start),
        listener_(listener),
        owner_(owner) {
    hold_->go_on = [this] { go_on(); };
  }
  void start() override { transport_->start(*this); }  // whoever had it before is gone
  TimePoint started_at() const noexcept override { return start_; }
  void start_drain() override {
    draining_ = true;
    if (inner_ != nullptr) inner_->start_drain();
  }
  void close_now() override {
    if (inner_ != nullptr) return inner_->close_now();
    hold_.reset();
    become(make_refused(worker_, std::move(transport_), std::move(info_), listener_, *this, {Duration(0), {}, filters_->last()}));
  }

 private:
  void on_readable() override {}
  void on_writable() override {}
  void go_on() {
    const auto reason = hold_->close_reason;
    worker_.thread.loop.dispose(std::move(hold_));  // which calls this
    if (!reason.empty()) return refuse(reason);
    become(filters_->make_from(next_, worker_, std::move(transport_), std::move(info_), listener_, *this));
  }
  void refuse(std::string_view reason) {
    info_.local_close_reason = reason;
    become(make_refused(worker_, std::move(transport_), std::move(info_), listener_, *this, {Duration(0), {}, filters_->last()}));
  }
  void become(std::unique_ptr<net::Connection> c) {
    inner_ = std::move(c);
    inner_->start();
    if (draining_) inner_->start_drain();
  }
  void on_connection_closed(net::Connection&) override { owner_.on_connection_closed(*this); }
  std::shared_ptr<const FilteredFactory> filters_;
  std::size_t next_;
  std::unique_ptr<Hold> hold_;  // null: it has gone on
  hcm::Worker& worker_;
  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  TimePoint start_;
  hcm::ListenerContext listener_;
  net::ConnectionOwner& owner_;
  std::unique_ptr<net::Connection> inner_;
  bool draining_ = false;
};

}  // namespace

std::unique_ptr<net::Connection> FilteredFactory::make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                                       http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                                       net::ConnectionOwner& owner) const {
  return make_from(0, worker, std::move(transport), std::move(info), listener, owner);
}

std::unique_ptr<net::Connection> FilteredFactory::make_from(std::size_t next, hcm::Worker& worker,
                                                            std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                                            const hcm::ListenerContext& listener,
                                                            net::ConnectionOwner& owner) const {
  while (next < before_.size()) {
    Verdict v = before_[next++]->on_connection(worker, info);
    if (v.hold != nullptr)
      return std::make_unique<Held>(shared_from_this(), next, std::move(v.hold), worker, std::move(transport), std::move(info),
                                    listener, owner);
    if (!v.close) continue;
    info.local_close_reason = v.reason;
    return make_refused(worker, std::move(transport), std::move(info), listener, owner, {v.delay, v.flag, last_});
  }
  return last_->make(worker, std::move(transport), std::move(info), listener, owner);
}

Verdict ConnectionLimit::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  auto& thread = worker.thread;
  if (!config_.enabled.in(*thread.runtime)) return {};
  if (connections_->fetch_add(1, std::memory_order_relaxed) >= config_.connections_max) {
    connections_->fetch_sub(1, std::memory_order_relaxed);
    thread.cells.add(config_.stats, ConnectionLimitStat::limited_connections);
    return {true, config_.delay, "over_connection_limit", {}};
  }
  info.facts().held.push_back(std::make_shared<Place>(thread.cells, config_.stats, connections_));
  return {};
}

Verdict NetworkRateLimit::on_connection(hcm::Worker& worker, http::ConnectionInfo&) const {
  auto& thread = worker.thread;
  if (!enabled_.in(*thread.runtime) || bucket_->take(thread.loop.now())) return {};
  thread.cells.add(stats_, stats::NetworkRateLimitStat::rate_limited);
  return {true, Duration(0), "local_ratelimit_close_over_limit", http::Flag::upstream_retry_limit_exceeded};
}

Verdict SniCluster::on_connection(hcm::Worker&, http::ConnectionInfo& info) const {
  if (!info.requested_server_name.empty())
    info.facts().set_state(info.filter_state, http::state_key::kCluster, info.requested_server_name,
                           {false, http::StateKind::cluster});
  return {};
}

namespace {

class LateRules final : public http::LateStep {
 public:
  explicit LateRules(format::FilterStateRules rules) : rules_(std::move(rules)) {}
  void run(http::ConnectionInfo& info, TimePoint now, WallTime wall, std::uint64_t bytes) const override {
    format::apply(rules_, now, wall, info, bytes);
  }

 private:
  format::FilterStateRules rules_;
};

std::shared_ptr<const http::LateStep> later(format::FilterStateRules rules) {
  return rules.empty() ? nullptr : std::make_shared<LateRules>(std::move(rules));
}

}  // namespace

NetworkFilterState::NetworkFilterState(Rules rules)
    : rules_(std::move(rules.on_connection)),
      on_handshake_(later(std::move(rules.on_handshake))),
      on_data_(later(std::move(rules.on_data))) {}

/// A connection without TLS has no handshake to wait for.
Verdict NetworkFilterState::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  const auto now = worker.thread.loop.now();
  const auto wall = worker.thread.loop.wall();
  format::apply(rules_, now, wall, info);
  if (on_handshake_ != nullptr && info.tls == nullptr) on_handshake_->run(info, now, wall, 0);
  if (on_handshake_ != nullptr && info.tls != nullptr) info.facts().on_handshake.push_back(on_handshake_);
  if (on_data_ != nullptr) info.facts().on_data.push_back(on_data_);
  return {};
}

}  // namespace outrigger::filters
