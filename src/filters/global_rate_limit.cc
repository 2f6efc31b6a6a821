#include "filters/global_rate_limit.h"

#include <algorithm>

#include "filters/shadow.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

class RateLimit final : public hcm::HttpFilter, private SideCallEvents {
 public:
  RateLimit(hcm::Stream& stream, const RateLimitFactory& factory)
      : HttpFilter(stream), factory_(factory), config_(factory.config()) {}
  ~RateLimit() override {
    if (call_ != nullptr) call_->~SideCall();
  }

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    if (!hit(config_.enabled)) return FilterStatus::go_on;
    const bool internal = head.headers.get(Name::x_envoy_internal) == "true";
    using Config = RateLimitConfig;
    if (config_.requests != Config::both && internal != (config_.requests == Config::internal_only)) return FilterStatus::go_on;
    head_ = &head;
    describe();
    if (descriptors_.count == 0) return FilterStatus::go_on;
    ask();
    return state_ == State::allowed ? FilterStatus::go_on : FilterStatus::stop;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    if (state_ == State::allowed) add_to_response(head.headers);
    return FilterStatus::go_on;
  }

  void on_stream_end() override {
    const bool broken_off = state_ == State::waiting;
    if (call_ != nullptr) call_->cancel();
    if (cluster_ != nullptr && !broken_off) tell_end();
    cluster_ = nullptr;
  }

 private:
  enum class State : std::uint8_t { idle, asking, waiting, allowed, over };

  const RateLimitPerRoute* of_route() {
    const auto* o = stream_.override_for(factory_.name);
    return o == nullptr ? nullptr : o->as<RateLimitPerRoute>();
  }

  bool hit(const runtime::RuntimePercent& p) {
    auto& t = stream_.thread();
    return p.enabled(*t.runtime, t.random.next());
  }

  const RateLimitRuleSet& rules() {
    const auto* own = of_route();
    return own == nullptr || own->rules.empty() ? config_.rules : own->rules;
  }
  LimitedRequest request() { return {stream_, *head_, config_.local_cluster}; }
  LimitQuestion question(Descriptors descriptors) {
    const auto* own = of_route();
    return {own == nullptr || own->domain.empty() ? config_.domain : own->domain, descriptors};
  }

  void describe() {
    const auto* r = stream_.route();
    if (r == nullptr || r->kind != route::Route::forward) return;
    auto* cluster = stream_.worker().clusters.find(stream_.chosen().cluster);
    if (cluster == nullptr) return;
    cluster_ = cluster;
    if (const auto& r = rules(); !r.empty()) {
      descriptors_ = describe_by(r.at_begin, request());
      return;
    }
    const auto* own = of_route();
    const auto of_vhost = own == nullptr ? VirtualHostLimits::if_route_has_none : own->vhost_limits;
    descriptors_ = describe_by_route(request(), config_.stage, of_vhost, true);
  }

  void ask() {
    state_ = State::asking;
    const auto& target = config_.service;
    auto* service = stream_.worker().clusters.find(target.cluster);
    if (service == nullptr) {
      decide({});
    } else {
      SideCallEvents& told = *this;
      call_ = stream_.arena().make<SideCall>(stream_, told);
      thread_local std::string message;
      message.clear();
      config_.messages->encode(question(descriptors_), message);
      call_->start_grpc(*service, target, kRateLimitPath, message);
    }
    if (state_ == State::asking) state_ = State::waiting;
  }

  /// Hits that are known at the end; nobody waits for what the service says.
  void tell_end() {
    const auto ended = describe_by(rules().at_end, request());
    const auto& target = config_.service;
    auto* service = ended.count == 0 ? nullptr : stream_.worker().clusters.find(target.cluster);
    if (service == nullptr) return;
    thread_local std::string message;
    message.clear();
    config_.messages->encode(question(ended), message);
    http::RequestHead head(stream_.arena());
    Buffer body;
    write_grpc_call(stream_, target, kRateLimitPath, message, head, body);
    send_and_forget(stream_, *service, head, body, target.timeout, true);
  }

  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) override {
    LimitAnswer answer;
    const auto message = grpc_message(head, body, trailers, config_.service.message_max);
    if (!message || !config_.messages->decode(*message, stream_.arena(), answer)) answer = {};
    decide(answer);
  }
  void on_side_failure() override { decide({}); }

  void decide(const LimitAnswer& answer) {
    const bool now = state_ == State::asking;
    state_ = State::over;
    note_metadata(answer);
    added_ = answer.response;
    auto& arena = stream_.arena();
    switch (answer.verdict) {
      case LimitAnswer::ok: count(RateLimitStat::ok); break;
      case LimitAnswer::error: count(RateLimitStat::error); break;
      case LimitAnswer::over_limit:
        count(RateLimitStat::over_limit);
        charge_internal(*cluster_, stream_.thread().cells, config_.status);
        if (config_.tells_limited) added_.add(arena, {"x-envoy-ratelimited", "true"});
    }
    if (config_.tells_limits) tell_limits(answer);
    if (answer.verdict == LimitAnswer::over_limit && hit(config_.enforced)) return refuse(answer);
    if (answer.verdict == LimitAnswer::error) {
      if (hit(config_.deny_on_failure))
        return stream_.local_reply(
            {.status = config_.status_on_error, .details = "rate_limiter_error", .flag = http::Flag::rate_limit_service_error});
      count(RateLimitStat::failure_mode_allowed);
    }
    for (const auto& f : answer.request) head_->headers.add(f.name, f.value);
    state_ = State::allowed;
    if (!now) stream_.continue_request(*this);
  }

  /// Of the descriptor that has the least left; with all of their limits. Rules may leave theirs out.
  void tell_limits(const LimitAnswer& answer) {
    auto& arena = stream_.arena();
    const LimitAnswer::Status* least = nullptr;
    std::string_view all;
    for (const auto& s : answer.statuses) {
      if (s.descriptor < descriptors_.count && descriptors_.first[s.descriptor].headers == route::LimitHeaders::off) continue;
      if (least == nullptr || s.left < least->left) least = &s;
      if (s.window == 0) continue;
      all = arena.cat(all, ", ", decimal(s.per_unit, arena), ";w=", decimal(s.window, arena));
      if (!s.name.empty()) all = arena.cat(all, ";name=\"", s.name, "\"");
    }
    if (least == nullptr) return;
    added_.add(arena, {"x-ratelimit-limit", arena.cat(decimal(least->per_unit, arena), all)});
    added_.add(arena, {"x-ratelimit-remaining", decimal(least->left, arena)});
    added_.add(arena, {"x-ratelimit-reset", decimal(least->reset, arena)});
  }

  void add_to_response(http::HeaderMap& map) {
    for (const auto& f : added_) map.add(f.name, f.value);
  }

  bool is_told(std::string_view name) const {
    for (const auto& f : added_)
      if (f.name == name) return true;
    return false;
  }

  void refuse(const LimitAnswer& answer) {
    constexpr std::string_view kRetryAfter = "retry-after";
    if (config_.tells_retry_after && config_.status == 429 && answer.over_for && !is_told(kRetryAfter)) {
      auto& arena = stream_.arena();
      added_.add(arena, {kRetryAfter, decimal(std::max<std::uint64_t>(*answer.over_for, 1), arena)});
    }
    http::HeaderMap map(stream_.arena());
    add_to_response(map);
    config_.response_mutations.apply(map, stream_.format_context());
    hcm::LocalReply reply{.status = config_.status,
                          .body = answer.body,
                          .details = "request_rate_limited",
                          .flag = http::Flag::rate_limited,
                          .grpc_status = config_.grpc_status};
    reply.set_headers(map);
    stream_.local_reply(reply);
  }

  void note_metadata(const LimitAnswer& answer) {
    if (answer.metadata.fields.empty()) return;
    auto& metadata = stream_.info().dynamic_metadata;
    auto all = copy_of(metadata);
    all->merge(config_.metadata_space, answer.metadata);
    metadata = std::move(all);
  }

  void count(RateLimitStat stat) { config_.stats.add(stat, *cluster_, stream_.thread().cells); }

  const RateLimitFactory& factory_;
  const RateLimitConfig& config_;
  http::RequestHead* head_ = nullptr;
  SideCall* call_ = nullptr;  // in the arena; null: none was made
  upstream::ClusterRef cluster_;
  Descriptors descriptors_;
  Chain<LimitAnswer::Field> added_;
  State state_ = State::idle;
};

}  // namespace

hcm::HttpFilter* RateLimitFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<RateLimit>(stream, *this); }

}  // namespace outrigger::filters
