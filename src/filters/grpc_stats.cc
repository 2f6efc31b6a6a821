#include "filters/grpc_stats.h"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <span>

#include "filters/grpc.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using stats::GrpcStat;

namespace {

/// What is left in filter state: text in place, written anew with each message.
struct CountsText {
  http::FilterState::Entry entry;
  char plain[48], json[96], log_json[96];

  void write(std::uint64_t requests, std::uint64_t responses) noexcept {
    entry.value = text(plain, {{{}, requests}, {",", responses}}, {}, false);
    entry.typed_json =
        text(json, {{"\"requestMessageCount\":\"", requests}, {"\"responseMessageCount\":\"", responses}}, "\"", true);
    entry.log_json =
        text(log_json, {{"\"request_message_count\":\"", requests}, {"\"response_message_count\":\"", responses}}, "\"", true);
  }

 private:
  struct Part {
    std::string_view before;
    std::uint64_t number;
  };
  /// `object`: between braces, and what is zero is left out.
  static std::string_view text(std::span<char> out, std::initializer_list<Part> parts, std::string_view after,
                               bool object) noexcept {
    char* o = out.data();
    const auto put = [&](std::string_view s) { o = std::copy(s.begin(), s.end(), o); };
    if (object) put("{");
    bool first = true;
    for (const auto& p : parts) {
      if (object && p.number == 0) continue;
      if (object && !first) put(",");
      first = false;
      put(p.before);
      o = std::to_chars(o, out.data() + out.size(), p.number).ptr;
      put(after);
    }
    if (object) put("}");
    return {out.data(), static_cast<std::size_t>(o - out.data())};
  }
};

class GrpcStats final : public hcm::HttpFilter {
 public:
  GrpcStats(hcm::Stream& stream, const GrpcStatsConfig& config) : HttpFilter(stream), config_(config) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    if (head.path.data() == nullptr) return FilterStatus::go_on;
    const auto type = head.headers.get(http::Name::content_type);
    kind_ = http::is_grpc_type(type)                                   ? Kind::grpc
            : type.starts_with("application/connect+")                 ? Kind::connect_stream
            : head.headers.find("connect-protocol-version") != nullptr ? Kind::connect_unary
                                                                       : Kind::other;
    if (kind_ == Kind::other) return FilterStatus::go_on;
    auto method = grpc_method_of(head.path);
    counted_ = method.has_value();
    if (method && !config_.all_methods && !is_named(*method)) method.reset();
    block_ = grpc_stats_of(stream_, *config_.names, "grpc", method, config_.replace_dots && config_.all_methods);
    return FilterStatus::go_on;
  }

  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (kind_ == Kind::grpc || kind_ == Kind::connect_stream)
      count_messages(GrpcStat::request_message_count, requests_.count_in(body));
    else if (kind_ == Kind::connect_unary && end_stream)
      count_messages(GrpcStat::request_message_count, unary_requests_ = 1);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    if (kind_ == Kind::other) return FilterStatus::go_on;
    grpc_response_ = is_grpc_response(head, end_stream);
    if (!counted_) return FilterStatus::go_on;
    const bool stream = head.status == 200 && head.headers.get(http::Name::content_type).starts_with("application/connect+");
    if (kind_ == Kind::connect_unary)
      count_end(head.status == 200);
    else if (!stream)
      charge_grpc_status(cells(), block_, head.headers);
    if (end_stream) count_time();
    return FilterStatus::go_on;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (grpc_response_ || kind_ == Kind::connect_stream) {
      count_messages(GrpcStat::response_message_count, responses_.count_in(body));
      if (grpc_response_ || !end_stream) return FilterStatus::go_on;
      count_end(responses_.connect_success());
      count_time();
    } else if (kind_ == Kind::connect_unary && end_stream) {
      count_messages(GrpcStat::response_message_count, unary_responses_ = 1);
      count_time();
    }
    return FilterStatus::go_on;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    if (kind_ != Kind::grpc || !counted_) return FilterStatus::go_on;
    charge_grpc_status(cells(), block_, trailers);
    count_time();
    return FilterStatus::go_on;
  }

 private:
  stats::Cells& cells() { return stream_.thread().cells; }

  bool is_named(const GrpcMethod& m) const noexcept {
    const auto before = [](const std::pair<std::string, std::string>& a, const GrpcMethod& b) {
      const int c = std::string_view(a.first).compare(b.service);
      return c != 0 ? c < 0 : a.second < b.method;
    };
    const auto at = std::lower_bound(config_.methods.begin(), config_.methods.end(), m, before);
    return at != config_.methods.end() && at->first == m.service && at->second == m.method;
  }

  void count_messages(GrpcStat stat, std::uint64_t n) {
    if (n == 0) return;
    if (config_.emit_filter_state) tell();
    // As Envoy counts: messages of Connect whatever the path is.
    if (counted_ || kind_ != Kind::grpc) cells().add(block_, stat, n);
  }

  void count_end(bool success) {
    cells().add(block_, success ? GrpcStat::success : GrpcStat::failure);
    cells().add(block_, GrpcStat::total);
  }

  /// From the last byte of the request to the last of the answer.
  void count_time() {
    const auto& up = stream_.info().upstream;
    if (!config_.upstream_stats || !up || up->last_tx == TimePoint{} || up->last_rx == TimePoint{}) return;
    const auto us = std::max<std::int64_t>((up->last_rx - up->last_tx).count(), 0);
    cells().record(block_, GrpcStat::upstream_rq_time, static_cast<std::uint64_t>(us) / 1000);
  }

  void tell() {
    if (counts_ == nullptr) {
      counts_ = stream_.arena().make<CountsText>();
      counts_->entry.key = "envoy.filters.http.grpc_stats";
      stream_.info().filter_state.add(counts_->entry);
    }
    counts_->write(requests_.count() + unary_requests_, responses_.count() + unary_responses_);
  }

  enum class Kind : std::uint8_t { other, grpc, connect_unary, connect_stream } kind_ = Kind::other;
  const GrpcStatsConfig& config_;
  stats::BlockHandle block_;
  bool counted_ = false, grpc_response_ = false;
  GrpcMessages requests_{false}, responses_{true};
  std::uint64_t unary_requests_ = 0, unary_responses_ = 0;
  CountsText* counts_ = nullptr;  // in the arena; null: nothing is told yet
};

}  // namespace

hcm::HttpFilter* GrpcStatsFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<GrpcStats>(stream, config_);
}

}  // namespace outrigger::filters
