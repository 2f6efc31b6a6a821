#include "filters/ext_authz.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

class ExtAuthz final : public hcm::HttpFilter, private SideCallEvents {
 public:
  ExtAuthz(hcm::Stream& stream, const ExtAuthzFactory& factory)
      : HttpFilter(stream), factory_(factory), config_(factory.config()) {}
  ~ExtAuthz() override {
    if (call_ != nullptr) call_->~SideCall();
  }

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    const auto* own = own_config();
    if (stream_.route() == nullptr || (own != nullptr && own->disabled)) return FilterStatus::go_on;
    auto& thread = stream_.thread();
    if (!enabled()) {
      count(ExtAuthzStat::disabled);
      if (!config_.deny_when_disabled.in(*thread.runtime)) return FilterStatus::go_on;
      refuse({.status = config_.status_on_error, .details = "ext_authz_error"});
      return FilterStatus::stop;
    }
    head_ = &head;
    const auto& wanted = own != nullptr && own->body ? own->body : config_.body;
    if (wanted && !(own != nullptr && own->ignores_body) && !end_stream && !stream_.is_upgrade()) {
      wanted_ = *wanted;
      state_ = State::awaits_body;
      return FilterStatus::stop;
    }
    ask(nullptr);
    return state_ == State::allowed ? FilterStatus::go_on : FilterStatus::stop;
  }

  /// Of a head that waits for it: `body` is what the stream keeps.
  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (state_ != State::awaits_body) return FilterStatus::go_on;
    if (!wanted_.partial && body.size() > wanted_.bytes_max) {
      state_ = State::over;
      stream_.close_connection();  // also when no more of it comes, as Envoy looks at a body before its end
      stream_.request_too_large();
      return FilterStatus::go_on;
    }
    if (!end_stream && (!wanted_.partial || body.size() < wanted_.bytes_max)) return FilterStatus::stop;
    ask(&body);
    if (state_ == State::allowed) stream_.continue_request(*this);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    apply_to_response(response_headers_, head.headers);
    return FilterStatus::go_on;
  }

  void on_stream_end() override {
    if (call_ != nullptr) call_->cancel();
    route_cluster_ = nullptr;
  }

 private:
  enum class State : std::uint8_t { idle, awaits_body, asking, waiting, allowed, over };

  const ExtAuthzPerRoute* own_config() {
    const auto* o = stream_.override_for(factory_.name);
    return o == nullptr ? nullptr : o->as<ExtAuthzPerRoute>();
  }

  bool enabled() {
    auto& t = stream_.thread();
    if (config_.enabled && !config_.enabled->enabled(*t.runtime, t.random.next())) return false;
    return !config_.enabled_metadata || config_.enabled_metadata->match(stream_.info().dynamic_metadata.get());
  }

  void ask(const Buffer* body) {
    state_ = State::asking;
    if (const auto& chosen = stream_.chosen().cluster; !chosen.empty()) route_cluster_ = stream_.worker().clusters.find(chosen);
    started_ = stream_.thread().loop.now();
    auto* service = stream_.worker().clusters.find(config_.grpc ? config_.grpc->cluster : config_.http.cluster);
    if (service == nullptr)
      decide({});
    else
      start(*service, body);
    if (state_ == State::asking) state_ = State::waiting;
  }

  void start(upstream::Cluster& service, const Buffer* body) {
    const auto overrides = stream_.overrides_for(factory_.name);
    const CheckSubject subject{stream_, config_, *head_, body, wanted_, overrides};
    CheckRequest request;
    describe(subject, request);
    SideCallEvents& told = *this;
    call_ = stream_.arena().make<SideCall>(stream_, told);
    if (!config_.grpc) {
      Buffer bytes;
      make_http_request(subject, request, call_->head(), bytes);
      return call_->start(service, std::move(bytes), config_.http.timeout, false);
    }
    thread_local std::string message;
    message.clear();
    config_.messages->encode(request, message);
    call_->start_grpc(service, *config_.grpc, kCheckPath, message);
  }

  void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) override {
    CheckAnswer answer;
    if (!config_.grpc) {
      read_http_answer(config_.http, head, body, stream_.arena(), answer);
    } else if (const auto message = grpc_message(head, body, trailers, config_.grpc->message_max)) {
      if (!config_.messages->decode(*message, stream_.arena(), answer)) answer = {};
    }
    decide(answer);
  }
  void on_side_failure() override { decide({}); }

  /// Possibly while it asks; then whoever asked lets the request go on.
  void decide(const CheckAnswer& answer) {
    const bool now = state_ == State::asking;
    state_ = State::over;
    note_metadata(answer);
    switch (answer.verdict) {
      case CheckAnswer::ok: allow(answer); break;
      case CheckAnswer::denied: return deny(answer);
      case CheckAnswer::error:
        if (!fail(answer)) return;
    }
    state_ = State::allowed;
    if (!now) stream_.continue_request(*this);
  }

  void allow(const CheckAnswer& answer) {
    if (apply_to_request(answer, *head_) && config_.clear_route_cache) stream_.clear_route_cache();
    response_headers_ = answer.response;
    count_both(ExtAuthzStat::ok);
  }

  void deny(const CheckAnswer& answer) {
    count_both(ExtAuthzStat::denied);
    if (config_.charge_cluster && route_cluster_ != nullptr)
      charge_internal(*route_cluster_, stream_.thread().cells, answer.status);
    refuse(answer, "ext_authz_denied");
  }

  /// True: the request may go on all the same.
  bool fail(const CheckAnswer& answer) {
    count_both(ExtAuthzStat::error);
    if (config_.allow_failure) {
      count_both(ExtAuthzStat::failure_mode_allowed);
      if (config_.tell_failure) head_->headers.add("x-envoy-auth-failure-mode-allowed", "true");
      return true;
    }
    if (answer.status != 0)
      refuse(answer, "ext_authz_error");
    else
      refuse({.status = config_.status_on_error, .details = "ext_authz_error"});
    return false;
  }

  void refuse(const CheckAnswer& answer, std::string_view details) {
    http::HeaderMap map(stream_.arena());
    for (const auto& h : answer.response) {
      // They tell of the body that is sent, which need not be that of the answer.
      const bool of_body = h.name == "content-length" || h.name == "content-type";
      const bool drop = of_body && (answer.body.empty() || (head_->is_grpc() && h.name == "content-length"));
      if (!drop && !h.name.starts_with(':')) map.add(h.name, h.value);
    }
    hcm::LocalReply reply{.status = answer.status, .body = answer.body, .details = details};
    reply.set_headers(map);
    refuse(reply);
  }

  void refuse(hcm::LocalReply reply) {
    reply.flag = http::Flag::unauthorized_external_service;
    stream_.local_reply(reply);
  }

  void note_metadata(const CheckAnswer& answer) {
    if (answer.metadata.fields.empty()) return;
    if (!config_.take_metadata) return count(ExtAuthzStat::ignored_dynamic_metadata);
    auto& metadata = stream_.info().dynamic_metadata;
    auto all = copy_of(metadata);
    all->merge(kExtAuthzSpace, answer.metadata);
    if (answer.verdict == CheckAnswer::ok) all->merge(kExtAuthzSpace, duration_metadata(stream_.thread().loop.now() - started_));
    metadata = std::move(all);
  }

  void count(ExtAuthzStat stat) { stream_.thread().cells.add(config_.stats, stat); }

  void count_both(ExtAuthzStat stat) {
    count(stat);
    if (route_cluster_ != nullptr) config_.by_cluster.add(stat, *route_cluster_, stream_.thread().cells);
  }

  const ExtAuthzFactory& factory_;
  const ExtAuthzConfig& config_;
  http::RequestHead* head_ = nullptr;
  SideCall* call_ = nullptr;  // in the arena; null: none was made
  upstream::ClusterRef route_cluster_;
  BodyWanted wanted_;
  TimePoint started_{};
  Chain<CheckAnswer::Header> response_headers_;
  State state_ = State::idle;
};

}  // namespace

stats::BlockDef block_def(ExtAuthzStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "ok"},
                                              {Kind::counter, "denied"},
                                              {Kind::counter, "error"},
                                              {Kind::counter, "failure_mode_allowed"},
                                              {Kind::counter, "disabled"},
                                              {Kind::counter, "filter_state_name_collision"},
                                              {Kind::counter, "ignored_dynamic_metadata"},
                                              {Kind::counter, "invalid"},
                                              {Kind::counter, "omitted_response_headers"},
                                              {Kind::counter, "request_header_limits_reached"},
                                              {Kind::counter, "response_header_limits_reached"}};
  return {kStats, {}};
}

hcm::HttpFilter* ExtAuthzFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<ExtAuthz>(stream, *this); }

}  // namespace outrigger::filters
