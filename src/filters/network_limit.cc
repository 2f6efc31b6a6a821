#include "filters/network_limit.h"

#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

namespace {

using Config = NetworkLimit::Config;
using Stat = NetworkLimitStat;

constexpr std::string_view kSpace = "envoy.filters.network.ratelimit";

/// One connection's question. It has an arena of its own, for the call and what comes of it.
class Question final : public Hold, private SideCallEvents {
 public:
  Question(hcm::Worker& worker, std::shared_ptr<const Config> config, http::ConnectionInfo& info)
      : worker_(worker),
        config_(std::move(config)),
        found_(info.facts()),
        stream_(http::StreamInfo::of_connection(info, worker.thread.loop.now(), worker.thread.loop.wall())),
        call_({worker.thread, arena_, config_->local_address, stream_}, *this) {
    stream_.filter_state.parent = &info.filter_state;
    stream_.dynamic_metadata = found_.dynamic_metadata;
  }
  ~Question() override {
    if (state_ == State::asking || state_ == State::waiting) worker_.thread.cells.dec(config_->stats, Stat::active);
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  /// True: it waits for the answer.
  bool ask() {
    count(Stat::total);
    worker_.thread.cells.inc(config_->stats, Stat::active);
    state_ = State::asking;
    auto* service = worker_.clusters.find(config_->service.cluster);
    if (service == nullptr) {
      decide({});
    } else {
      thread_local std::string message;
      message.clear();
      config_->messages->encode({config_->domain, describe()}, message);
      call_.start_grpc(*service, config_->service, kRateLimitPath, message);
    }
    if (state_ != State::asking) return false;
    state_ = State::waiting;
    return true;
  }

 private:
  enum class State : std::uint8_t { idle, asking, waiting, over };

  Descriptors describe() {
    const format::Context context{.info = &stream_};
    const auto& rules = config_->descriptors;
    auto* all =
        static_cast<route::Descriptor*>(arena_.allocate(sizeof(route::Descriptor) * rules.size(), alignof(route::Descriptor)));
    std::string text;
    for (std::size_t i = 0; i < rules.size(); ++i) {
      auto& d = *new (all + i) route::Descriptor;
      d.count = rules[i].size();
      d.entries = static_cast<route::DescriptorEntry*>(
          arena_.allocate(sizeof(route::DescriptorEntry) * d.count, alignof(route::DescriptorEntry)));
      for (std::size_t k = 0; k < d.count; ++k) {
        text.clear();
        rules[i][k].value->append(context, format::Missing::dash, text);
        new (d.entries + k) route::DescriptorEntry{rules[i][k].key, arena_.copy(text)};
      }
    }
    return {all, rules.size()};
  }

  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) override {
    LimitAnswer answer;
    const auto message = grpc_message(head, body, trailers, config_->service.message_max);
    if (!message || !config_->messages->decode(*message, arena_, answer)) answer = {};
    decide(answer);
  }
  void on_side_failure() override { decide({}); }

  void decide(const LimitAnswer& answer) {
    const bool waited = state_ == State::waiting;
    state_ = State::over;
    worker_.thread.cells.dec(config_->stats, Stat::active);
    if (!answer.metadata.fields.empty()) found_.add_metadata(kSpace, answer.metadata);
    switch (answer.verdict) {
      case LimitAnswer::ok: count(Stat::ok); break;
      case LimitAnswer::over_limit:
        count(Stat::over_limit);
        if (enforced()) deny("ratelimit_close_over_limit");
        break;
      case LimitAnswer::error:
        count(Stat::error);
        if (config_->deny_on_failure)
          deny("ratelimit_error_failure_mode_connection_close");
        else
          count(Stat::failure_mode_allowed);
    }
    if (waited) go_on();  // which takes this away
  }

  bool enforced() {
    auto& t = worker_.thread;
    return t.runtime->enabled("ratelimit.tcp_filter_enforcing", {100, runtime::Denominator::hundred}, t.random.next());
  }

  void deny(std::string_view reason) {
    count(Stat::cx_closed);
    close_reason = reason;
  }

  void count(Stat stat) { worker_.thread.cells.add(config_->stats, stat); }

  hcm::Worker& worker_;
  std::shared_ptr<const Config> config_;
  http::ConnectionFacts& found_;  // stays where it is when what it is of moves
  http::StreamInfo stream_;       // of the beginning: what it points to moves on
  Arena arena_;
  SideCall call_;
  State state_ = State::idle;
};

}  // namespace

stats::BlockDef block_def(NetworkLimitStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "cx_closed"}, {Kind::counter, "error"},      {Kind::counter, "failure_mode_allowed"},
      {Kind::counter, "ok"},        {Kind::counter, "over_limit"}, {Kind::counter, "total"},
      {Kind::gauge, "active"}};
  return {kStats, {}};
}

Verdict NetworkLimit::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  auto& t = worker.thread;
  if (!t.runtime->enabled("ratelimit.tcp_filter_enabled", {100, runtime::Denominator::hundred}, t.random.next())) return {};
  auto question = std::make_unique<Question>(worker, config_, info);
  if (question->ask()) return {.hold = std::move(question)};
  return {.close = !question->close_reason.empty(), .reason = question->close_reason};
}

}  // namespace outrigger::filters
