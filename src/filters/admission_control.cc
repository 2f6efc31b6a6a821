#include "filters/admission_control.h"

#include <algorithm>
#include <cmath>
#include "filters/grpc.h"
#include "proxy/base/numbers.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;

void AdmissionWindow::add(TimePoint now, bool success) {
  move_to(now);
  for (Counts* c : {&at(size_ - 1).counts, &all_}) {
    ++c->requests;
    if (success) ++c->successes;
  }
}

AdmissionWindow::Counts AdmissionWindow::counts(TimePoint now) {
  move_to(now);
  return all_;
}

std::uint32_t AdmissionWindow::rate(TimePoint now) const noexcept {
  if (size_ == 0 || all_.requests == 0) return 0;
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - at(0).begin);
  return static_cast<std::uint32_t>(all_.requests / std::max(length_, age).count());
}

void AdmissionWindow::move_to(TimePoint now) {
  for (; size_ != 0 && now - at(0).begin >= length_; --size_) {
    all_.requests -= at(0).counts.requests;
    all_.successes -= at(0).counts.successes;
    first_ = (first_ + 1) % ring_.size();
  }
  if (size_ != 0 && now - at(size_ - 1).begin < std::chrono::seconds(1)) return;
  if (size_ == ring_.size()) grow();
  at(size_++) = {now, {}};
}

/// Seldom, and to no more than there are seconds in the window.
void AdmissionWindow::grow() {
  std::vector<Second> more(std::max<std::size_t>(4, ring_.size() * 2));
  for (std::size_t i = 0; i < size_; ++i) more[i] = at(i);
  ring_ = std::move(more);
  first_ = 0;
}

double rejection_probability(AdmissionWindow::Counts counts, double threshold, double aggression, double most) noexcept {
  const double requests = counts.requests;
  const double p = (requests - counts.successes / threshold) / (requests + 1);
  return std::min(aggression == 1 ? p : std::pow(p, 1 / aggression), most);
}

bool AdmissionConfig::is_http_success(std::uint16_t status) const noexcept {
  return std::any_of(http_success.begin(), http_success.end(), [&](Range r) { return r.begin <= status && status < r.end; });
}

AdmissionFactory::AdmissionFactory(AdmissionConfig config, std::size_t threads)
    : config_(std::move(config)), windows_(threads, OfThread(config_.window)) {}

namespace {

class AdmissionControl final : public hcm::HttpFilter {
 public:
  AdmissionControl(hcm::Stream& stream, const AdmissionFactory& factory)
      : HttpFilter(stream), config_(factory.config()), window_(factory.window(stream.thread().number)) {}

  FilterStatus on_request_head(http::RequestHead&, bool) override {
    const auto& runtime = *stream_.thread().runtime;
    if (!config_.enabled.in(runtime) || stream_.info().health_check) {
      counts_ = false;
      return FilterStatus::go_on;
    }
    const auto& least = config_.rate_min;
    const auto rate_min = least.key.empty() ? least.value : runtime.integer(least.key, least.value);
    if (window_.rate(now()) < rate_min || !is_turned_away(runtime)) return FilterStatus::go_on;
    counts_ = false;
    count(AdmissionStat::rq_rejected);
    stream_.local_reply({.status = 503, .details = "denied_by_admission_control"});
    return FilterStatus::stop;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    if (!counts_) return FilterStatus::go_on;
    if (!is_grpc_response(head, end_stream))
      record(config_.is_http_success(head.status));
    else if (head.headers.has(http::Name::grpc_status))
      record(is_grpc_success(head.headers));
    else
      status_follows_ = true;
    return FilterStatus::go_on;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    if (status_follows_) record(is_grpc_success(trailers));
    return FilterStatus::go_on;
  }

 private:
  TimePoint now() { return stream_.thread().loop.now(); }
  void count(AdmissionStat s) { stream_.thread().cells.add(config_.stats, s); }

  /// A runtime value that is none counts for nothing.
  static double percent(const runtime::RuntimeDouble& p, const runtime::Snapshot& runtime) noexcept {
    const double v = p.in(runtime);
    return v >= 0 && v <= 100 ? v : p.value;
  }
  bool is_turned_away(const runtime::Snapshot& runtime) {
    const double p = rejection_probability(window_.counts(now()), percent(config_.success_percent, runtime) / 100,
                                           std::max(config_.aggression.in(runtime), 1.0),
                                           percent(config_.rejection_percent_max, runtime) / 100);
    constexpr std::uint64_t kParts = 10'000;
    return p > 0 && p * static_cast<double>(kParts) > static_cast<double>(stream_.thread().random.next() % kParts);
  }
  bool is_grpc_success(const http::HeaderMap& map) const noexcept {
    const auto status = to_number<std::uint64_t>(map.get(http::Name::grpc_status));
    return status && config_.is_grpc_success(*status);
  }
  void record(bool success) {
    count(success ? AdmissionStat::rq_success : AdmissionStat::rq_failure);
    window_.add(now(), success);
  }

  const AdmissionConfig& config_;
  AdmissionWindow& window_;
  bool counts_ = true;  // what comes of the request, even when it never came here
  bool status_follows_ = false;
};

}  // namespace

hcm::HttpFilter* AdmissionFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<AdmissionControl>(stream, *this);
}

}  // namespace outrigger::filters
