#include "filters/bandwidth_limit.h"

#include "filters/body_end.h"
#include "proxy/base/numbers.h"
#include "proxy/event/timers.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::HeaderMap;
using stats::Kind;
using Stat = BandwidthStat;

stats::BlockDef block_def(BandwidthStat) {
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "request_enabled"},
                                              {Kind::counter, "response_enabled"},
                                              {Kind::counter, "request_enforced"},
                                              {Kind::counter, "response_enforced"},
                                              {Kind::gauge, "request_pending"},
                                              {Kind::gauge, "response_pending"},
                                              {Kind::gauge, "request_incoming_size"},
                                              {Kind::gauge, "response_incoming_size"},
                                              {Kind::gauge, "request_allowed_size"},
                                              {Kind::gauge, "response_allowed_size"},
                                              {Kind::counter, "request_incoming_total_size"},
                                              {Kind::counter, "response_incoming_total_size"},
                                              {Kind::counter, "request_allowed_total_size"},
                                              {Kind::counter, "response_allowed_total_size"},
                                              {Kind::histogram, "request_transfer_duration", stats::Unit::milliseconds},
                                              {Kind::histogram, "response_transfer_duration", stats::Unit::milliseconds}};
  return {kStats, {}};
}

namespace {

class BandwidthLimit final : public hcm::HttpFilter {
 public:
  BandwidthLimit(hcm::Stream& stream, const BandwidthLimitFactory& factory)
      : HttpFilter(stream),
        factory_(factory),
        request_tick_(stream.thread().loop.timers(), *this),
        response_tick_(stream.thread().loop.timers(), *this) {}

  FilterStatus on_request_head(http::RequestHead&, bool) override {
    const auto& config = now_configured();
    if (config.requests && enabled(config)) start(request_, config, 0);
    return FilterStatus::go_on;
  }
  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (request_.config == nullptr) return FilterStatus::go_on;
    keep(request_, body, end_stream, request_end_comes_apart(stream_));
    if (overfull(request_)) {
      request_.full = true;
      stream_.pause_request(true);
    }
    if (!request_tick_.armed()) request_tick_.arm(Duration{0});
    return FilterStatus::stop;
  }
  FilterStatus on_request_trailers(HeaderMap& trailers) override {
    if (request_.config == nullptr) return FilterStatus::go_on;
    request_.trailers = &trailers;
    if (!request_.queue.empty()) return FilterStatus::stop;
    request_tick_.cancel();  // of a piece that was empty
    finish(request_);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead&, bool) override {
    const auto& config = now_configured();
    if (config.responses && enabled(config)) start(response_, config, 1);
    return FilterStatus::go_on;
  }
  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (response_.config == nullptr) return FilterStatus::go_on;
    keep(response_, body, end_stream, response_end_comes_apart(stream_));
    if (end_stream && response_.config->tells)
      response_.trailers = stream_.arena().make<HeaderMap>(stream_.arena(), http::MapOf::response_trailers);
    if (overfull(response_)) {
      response_.full = true;
      stream_.on_output_above();
    }
    if (!response_tick_.armed()) response_tick_.arm(Duration{0});
    return FilterStatus::stop;
  }
  FilterStatus on_response_trailers(HeaderMap& trailers) override {
    if (response_.config == nullptr) return FilterStatus::go_on;
    if (response_.queue.empty()) {
      response_.trailers = &trailers;
      finish(response_);
      return FilterStatus::go_on;
    }
    response_.trailers = stream_.arena().make<HeaderMap>(stream_.arena(), http::MapOf::response_trailers);
    response_.trailers->copy_from(trailers);
    return FilterStatus::stop;
  }

  void on_stream_end() override {
    request_tick_.cancel();
    response_tick_.cancel();
    if (std::exchange(request_.full, false)) stream_.pause_request(false);
    for (auto* d : {&request_, &response_})
      if (d->waiting) count_waiting(*d, false);
  }

 private:
  struct Direction {
    const BandwidthLimitConfig* config = nullptr;  // null: nothing waits
    BandwidthShared::Direction* shown = nullptr;
    unsigned which = 0;  // request, response: as the stats lie
    Buffer queue;
    HeaderMap* trailers = nullptr;  // go on when the queue is empty
    TimePoint begun{};
    Duration transfer{0}, delay{0};
    bool waiting = false, end = false, full = false;
  };

  const BandwidthLimitConfig& now_configured() {
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<BandwidthLimitConfig>();
    return own == nullptr ? factory_.config() : *own;
  }
  bool enabled(const BandwidthLimitConfig& config) { return config.enabled.in(*stream_.thread().runtime); }
  static Stat stat(const Direction& d, Stat of_request) noexcept {
    return static_cast<Stat>(static_cast<unsigned>(of_request) + d.which);
  }
  void count(const Direction& d, Stat of_request, std::uint64_t by = 1) {
    stream_.thread().cells.add(d.config->stats, stat(d, of_request), by);
  }
  /// The gauge is the sum of what all threads added.
  void show(const Direction& d, Stat of_request, std::atomic<std::uint64_t>& shown, std::uint64_t value) {
    const auto before = shown.exchange(value, std::memory_order_relaxed);
    stream_.thread().cells.gauge_add(d.config->stats, stat(d, of_request),
                                     static_cast<std::int64_t>(value) - static_cast<std::int64_t>(before));
  }
  void count_waiting(Direction& d, bool waiting) {
    d.waiting = waiting;
    stream_.thread().cells.gauge_add(d.config->stats, stat(d, Stat::request_pending), waiting ? 1 : -1);
  }

  void start(Direction& d, const BandwidthLimitConfig& config, unsigned which) {
    d.config = &config;
    d.which = which;
    d.shown = which == 0 ? &config.shared->request : &config.shared->response;
    count(d, Stat::request_enabled);
  }

  void keep(Direction& d, Buffer& body, bool end_stream, bool end_apart) {
    if (!d.waiting && !d.end) {
      d.begun = stream_.thread().loop.now();
      count_waiting(d, true);
    }
    show(d, Stat::request_incoming_size, d.shown->incoming, end_stream && end_apart ? 0 : body.size());
    count(d, Stat::request_incoming_total_size, body.size());
    d.queue.append(std::move(body));
    d.end = end_stream;
  }

  /// Takes out what may pass now. True: it is the last.
  bool take(Direction& d, Buffer& out) {
    const auto now = stream_.thread().loop.now();
    out.move_from(d.queue, static_cast<std::size_t>(d.config->shared->bucket.take(d.queue.size(), now)));
    show(d, Stat::request_allowed_size, d.shown->allowed, out.size());
    count(d, Stat::request_allowed_total_size, out.size());
    if (d.queue.empty()) return d.end || d.trailers != nullptr;
    count(d, Stat::request_enforced);
    d.delay += d.config->fill_interval;
    return false;
  }
  /// A limit of 0 is none.
  bool overfull(const Direction& d) const {
    const auto most = stream_.buffer_bytes_max();
    return !d.full && most != 0 && d.queue.size() > most;
  }
  bool drained(Direction& d) {
    return d.full && d.queue.size() <= stream_.buffer_bytes_max() / 2 && std::exchange(d.full, false);
  }

  void on_request_tick() {
    Buffer out;
    const bool last = take(request_, out);
    if (!request_.queue.empty()) request_tick_.arm(request_.config->fill_interval);
    if (drained(request_)) stream_.pause_request(false);
    if (last) finish(request_);
    if (last && request_.trailers != nullptr) return stream_.end_request(*this, out, *request_.trailers);
    if (last || !out.empty()) stream_.inject_request_body(*this, out, last);
  }
  void on_response_tick() {
    Buffer out;
    const bool last = take(response_, out);
    if (!response_.queue.empty()) response_tick_.arm(response_.config->fill_interval);
    if (drained(response_)) stream_.on_output_below();
    if (last) finish(response_);
    if (last && response_.trailers != nullptr) return stream_.end_response(*this, out, *response_.trailers);
    if (last || !out.empty()) stream_.inject_response_body(*this, out, last);
  }

  void finish(Direction& d) {
    if (!d.waiting) return;
    d.transfer = stream_.thread().loop.now() - d.begun;
    count_waiting(d, false);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(d.transfer).count();
    stream_.thread().cells.record(d.config->stats, stat(d, Stat::request_transfer_duration), static_cast<std::uint64_t>(ms));
    if (&d == &response_ && d.trailers != nullptr && d.config->tells) tell(*d.config, *d.trailers);
  }
  void tell(const BandwidthLimitConfig& config, HeaderMap& trailers) {
    const auto put = [&](const std::string& name, Duration time) {
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
      if (ms > 0) trailers.set(std::string_view(name), decimal(static_cast<std::uint64_t>(ms), stream_.arena()));
    };
    put(config.request_delay, request_.transfer);
    put(config.request_filter_delay, request_.delay);
    put(config.response_delay, response_.transfer);
    put(config.response_filter_delay, response_.delay);
  }

  const BandwidthLimitFactory& factory_;
  Direction request_, response_;
  event::Alarm<BandwidthLimit, &BandwidthLimit::on_request_tick> request_tick_;
  event::Alarm<BandwidthLimit, &BandwidthLimit::on_response_tick> response_tick_;
};

}  // namespace

hcm::HttpFilter* BandwidthLimitFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<BandwidthLimit>(stream, *this);
}

}  // namespace outrigger::filters
