#include "filters/fault.h"

#include <algorithm>
#include "proxy/base/numbers.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Flag;
using http::Name;
using stats::FaultClusterStat;
using stats::FaultStat;

namespace {

template <class T>
std::optional<T> header_number(const http::RequestHead& head, Name name) {
  return to_number<T>(head.headers.get(name));
}

/// A percentage from a header can only lower what is configured.
runtime::FractionalPercent lowered(runtime::FractionalPercent p, const http::RequestHead& head, Name name) {
  if (const auto n = header_number<std::uint32_t>(head, name)) p.numerator = std::min(*n, p.numerator);
  return p;
}

class Fault final : public hcm::HttpFilter {
 public:
  Fault(hcm::Stream& stream, const FaultConfig& config, const FaultConfig& base)
      : HttpFilter(stream),
        config_(config),
        counts_(*base.counts),
        stats_(base.stats),
        cluster_stats_(base.cluster_stats),
        delay_(stream.thread().loop.timers(), *this),
        tick_(stream.thread().loop.timers(), *this) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    if (!applies(head)) return FilterStatus::go_on;
    node_cluster_ = head.headers.get(Name::x_envoy_downstream_service_cluster);
    setup_rate_limit(head);
    if (const auto wait = delay_of(head)) {
      if (enter()) {
        stream_.info().flags.set(Flag::delay_injected);
        stream_.thread().cells.add(stats_, FaultStat::delays_injected);
        count_for_cluster(FaultClusterStat::delays_injected);
        tell_metadata();
        delay_.arm(*wait);
        return FilterStatus::stop;
      }
    }
    return try_abort(head) ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (bytes_per_tick_ == 0 || passed_) return FilterStatus::go_on;
    queue_.append(std::move(body));
    end_ = end_stream;
    if (!full_ && queue_.size() > stream_.buffer_bytes_max()) {
      full_ = true;
      stream_.on_output_above();
    }
    if (!tick_.armed()) on_tick();
    return FilterStatus::stop;
  }

  void on_stream_end() override {
    delay_.cancel();
    tick_.cancel();
    leave();
  }

 private:
  bool applies(const http::RequestHead& head) {
    if (!config_.upstream_cluster.empty()) {
      const auto* r = stream_.route();
      if (r == nullptr || r->kind != route::Route::forward) return false;
      if (stream_.chosen().cluster != config_.upstream_cluster) return false;
    }
    if (!config_.downstream_nodes.empty()) {
      const auto node = head.headers.get(Name::x_envoy_downstream_service_node);
      const auto& all = config_.downstream_nodes;
      if (node.empty() || std::find(all.begin(), all.end(), node) == all.end()) return false;
    }
    return std::all_of(config_.headers.begin(), config_.headers.end(), [&](const auto& m) { return m.match(head); });
  }

  /// A percentage; the key of the downstream cluster, when there is one, stands for that of the config.
  bool hit(const std::string& key, std::string_view part, const runtime::FractionalPercent& p) {
    auto& t = stream_.thread();
    return t.runtime->enabled(node_cluster_.empty() ? std::string_view(key) : cluster_key(part), p, t.random.next());
  }
  /// A number; the key of the downstream cluster comes before that of the config.
  std::uint64_t number(const std::string& key, std::string_view part, std::uint64_t fallback) {
    const auto& runtime = *stream_.thread().runtime;
    const auto n = runtime.integer(key, fallback);
    return node_cluster_.empty() ? n : runtime.integer(cluster_key(part), n);
  }
  std::string_view cluster_key(std::string_view part) { return stream_.arena().cat("fault.http.", node_cluster_, ".", part); }

  void count_for_cluster(FaultClusterStat stat) {
    if (node_cluster_.empty() || !config_.downstream_cluster_stats || cluster_stats_ == nullptr) return;
    stream_.thread().cells.add(cluster_stats_->find(node_cluster_, stream_.thread().cells), stat);
  }

  std::optional<Duration> delay_of(const http::RequestHead& head) {
    if (!config_.delay) return {};
    const auto& d = *config_.delay;
    auto percent = d.percent;
    Duration wait = d.fixed;
    if (d.from_header) {
      const auto ms = header_number<std::uint64_t>(head, Name::x_envoy_fault_delay_request);
      if (!ms) return {};
      wait = milliseconds_of(*ms);
      percent = lowered(percent, head, Name::x_envoy_fault_delay_request_percentage);
    } else {
      const auto ms = static_cast<std::uint64_t>(wait.count() / 1000);
      wait = milliseconds_of(number(config_.delay_duration_key, "delay.fixed_duration_ms", ms));
    }
    if (wait.count() <= 0 || !hit(config_.delay_percent_key, "delay.fixed_delay_percent", percent)) return {};
    return wait;
  }

  /// Counts this fault among the active ones; false: there are too many.
  bool enter() {
    if (active_) return true;
    auto& t = stream_.thread();
    const auto most = t.runtime->integer(config_.active_max_key, config_.active_max ? *config_.active_max : UINT64_MAX);
    if (counts_.active.load(std::memory_order_relaxed) >= most) {
      t.cells.add(stats_, FaultStat::faults_overflow);
      return false;
    }
    counts_.active.fetch_add(1, std::memory_order_relaxed);
    t.cells.inc(stats_, FaultStat::active_faults);
    active_ = true;
    return true;
  }

  void leave() {
    if (!std::exchange(active_, false)) return;
    counts_.active.fetch_sub(1, std::memory_order_relaxed);
    stream_.thread().cells.dec(stats_, FaultStat::active_faults);
  }

  bool try_abort(const http::RequestHead& head) {
    if (!config_.abort) return false;
    const auto& a = *config_.abort;
    auto percent = a.percent;
    std::uint64_t http = a.http_status.value_or(0);  // 0: a gRPC status instead
    auto grpc = a.grpc_status;
    if (a.from_header) {
      http = header_number<std::uint32_t>(head, Name::x_envoy_fault_abort_request).value_or(0);
      grpc = header_number<std::uint32_t>(head, Name::x_envoy_fault_abort_grpc_request);
      if (http < 200 || http > 599) http = 0;
      if (http == 0 && !grpc) return false;
      if (http != 0) grpc.reset();
      percent = lowered(percent, head, Name::x_envoy_fault_abort_request_percentage);
    }
    if (!hit(config_.abort_percent_key, "abort.abort_percent", percent) || !enter()) return false;
    constexpr std::uint64_t kStatusMax = 999;
    if (http != 0 && !a.from_header) http = std::min(number(config_.abort_status_key, "abort.http_status", http), kStatusMax);
    if (grpc && !a.from_header) grpc = static_cast<std::uint32_t>(number(config_.abort_grpc_key, "abort.grpc_status", *grpc));
    stream_.thread().cells.add(stats_, FaultStat::aborts_injected);
    count_for_cluster(FaultClusterStat::aborts_injected);
    tell_metadata();
    stream_.local_reply({.status = static_cast<std::uint16_t>(http == 0 ? 200 : http),
                         .body = a.body,
                         .details = "fault_filter_abort",
                         .flag = Flag::fault_injected,
                         .grpc_status = grpc});
    return true;
  }

  void tell_metadata() {
    if (config_.metadata != nullptr) stream_.info().dynamic_metadata = config_.metadata;
  }

  void on_delay() {
    leave();
    auto& head = stream_.request();
    if (!try_abort(head)) stream_.continue_request(*this);
  }

  void setup_rate_limit(const http::RequestHead& head) {
    if (!config_.rate_limit) return;
    const auto& r = *config_.rate_limit;
    auto percent = r.percent;
    std::uint64_t kbps = r.kbps;
    if (r.from_header) {
      const auto n = header_number<std::uint64_t>(head, Name::x_envoy_fault_throughput_response);
      if (!n || *n == 0) return;
      kbps = *n;
      percent = lowered(percent, head, Name::x_envoy_fault_throughput_response_percentage);
    }
    if (kbps == 0 || !stream_.thread().runtime->enabled(config_.rate_limit_percent_key, percent, stream_.thread().random.next()))
      return;
    if (!enter()) return;
    stream_.thread().cells.add(stats_, FaultStat::response_rl_injected);
    bytes_per_tick_ = std::max<std::uint64_t>(kbps * 1024 * kTickMs / 1000, 1);
  }

  void on_tick() {
    Buffer out;
    out.move_from(queue_, static_cast<std::size_t>(std::min<std::uint64_t>(bytes_per_tick_, queue_.size())));
    const bool last = end_ && queue_.empty();
    if (full_ && queue_.size() <= stream_.buffer_bytes_max() / 2) {
      full_ = false;
      stream_.on_output_below();
    }
    if (!last) tick_.arm(std::chrono::milliseconds(kTickMs));
    passed_ = last;
    if (!out.empty() || last) stream_.inject_response_body(*this, out, last);
  }

  static constexpr std::uint64_t kTickMs = 50;  // 20 slices a second
  const FaultConfig& config_;
  FaultCounts& counts_;
  stats::BlockHandle stats_;
  stats::NamedBlocks* cluster_stats_;
  std::string_view node_cluster_;  // x-envoy-downstream-service-cluster
  Buffer queue_;
  std::uint64_t bytes_per_tick_ = 0;
  bool active_ = false, end_ = false, passed_ = false, full_ = false;
  event::Alarm<Fault, &Fault::on_delay> delay_;
  event::Alarm<Fault, &Fault::on_tick> tick_;
};

}  // namespace

hcm::HttpFilter* FaultFactory::make(hcm::Stream& stream, Arena& arena) const {
  const auto* o = stream.override_for(name);
  const auto* config = o == nullptr ? nullptr : o->as<FaultConfig>();
  return arena.make<Fault>(stream, config == nullptr ? *config_ : *config, *config_);
}

}  // namespace outrigger::filters
