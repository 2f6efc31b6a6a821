#include "filters/ext_proc.h"

#include <algorithm>
#include <utility>

#include "filters/ext_proc_half.h"
#include "filters/side_stream.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using Stat = ExtProcStat;

namespace {

constexpr std::string_view kProcessPath = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
constexpr std::size_t kMessageMin = 4 * 1024 * 1024;

/// What routes say instead of the config, put together.
struct Overrides {
  static constexpr std::size_t kLevels = 4;
  const ExtProcPerRoute* nearest = nullptr;
  const ProcessingMode* mode = nullptr;
  const GrpcTarget* service = nullptr;
  const std::vector<std::string>* forwarded = nullptr;
  const std::vector<std::string>* received = nullptr;
  std::optional<bool> allow_failure;
  const route::HeaderMutations* metadata[kLevels];
  std::size_t metadata_count = 0;

  void add(const ExtProcPerRoute& o) {
    nearest = &o;
    if (o.mode) mode = &*o.mode;
    if (o.service) service = &*o.service;
    if (o.forwarded_spaces) forwarded = &*o.forwarded_spaces;
    if (o.received_spaces) received = &*o.received_spaces;
    if (o.allow_failure) allow_failure = o.allow_failure;
    if (!o.metadata.empty() && metadata_count < kLevels) metadata[metadata_count++] = &o.metadata;
  }
};

class ExtProc final : public hcm::HttpFilter, private ProcessorTalk, private SideStreamEvents, private ProcessorAnswerTaker {
 public:
  ExtProc(hcm::Stream& stream, const ExtProcFactory& factory)
      : HttpFilter(stream),
        factory_(factory),
        config_(factory.config()),
        allow_failure_(config_.allow_failure),
        request_(stream, *this, *this, config_, true),
        response_(stream, *this, *this, config_, false) {}
  ~ExtProc() override {
    if (side_ != nullptr) side_->~SideStream();
  }

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    look_at_routes();
    return request_.on_head(head, end_stream) ? FilterStatus::go_on : FilterStatus::stop;
  }

  /// Of a head that waits: `body` is what the stream keeps, all of which is taken from it.
  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (request_.head_waits() && body.empty() && stream_.request_trailers() != nullptr) {
      request_.on_trailers(*stream_.request_trailers());
      return FilterStatus::stop;
    }
    return request_.on_body(body, end_stream) ? FilterStatus::go_on : FilterStatus::stop;
  }

  FilterStatus on_request_trailers(http::HeaderMap& trailers) override {
    return request_.on_trailers(trailers) ? FilterStatus::go_on : FilterStatus::stop;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    look_at_routes();
    const bool goes_on = response_.on_head(head, end_stream);
    if (response_.mode().sends_nothing() && request_.is_idle()) close();
    return goes_on ? FilterStatus::go_on : FilterStatus::hold;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    return response_.on_body(body, end_stream) ? FilterStatus::go_on : FilterStatus::stop;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    return response_.on_trailers(trailers) ? FilterStatus::go_on : FilterStatus::stop;
  }

  void on_stream_end() override {
    request_.drop();
    response_.drop();
    close();
  }

 private:
  /// Once, when the first head has come.
  void look_at_routes() {
    if (std::exchange(looked_, true)) return;
    for (const auto* o : stream_.overrides_for(factory_.name))
      if (const auto* own = o == nullptr ? nullptr : o->as<ExtProcPerRoute>()) overrides_.add(*own);
    if (overrides_.nearest != nullptr && overrides_.nearest->disabled) {
      using Send = ProcessingMode::Send;
      request_.set_mode({Send::skip, Send::skip});
      response_.set_mode({Send::skip, Send::skip});
    } else if (overrides_.mode != nullptr) {
      request_.set_mode(overrides_.mode->request);
      response_.set_mode(overrides_.mode->response);
    }
    if (overrides_.allow_failure) allow_failure_ = *overrides_.allow_failure;
  }

  // ---- the stream

  bool over() const noexcept override { return over_; }
  bool holds_responses() const noexcept override { return !over_ && response_.mode().sends_head(); }
  bool full() const noexcept override { return side_ != nullptr && side_->full(); }
  void on_side_room() override {
    request_.on_room();
    response_.on_room();
  }

  bool ready() override {
    if (over_ || side_ != nullptr) return !over_;
    const auto& target = overrides_.service == nullptr ? config_.service : *overrides_.service;
    const std::size_t most = target.message_max != 0
                                 ? target.message_max
                                 : std::max<std::size_t>(kMessageMin, std::size_t{2} * stream_.buffer_bytes_max());
    SideStreamEvents& told = *this;
    side_ = stream_.arena().make<SideStream>(stream_, told, most);
    add_grpc_headers(stream_, target, false, side_->headers());
    for (std::size_t i = 0; i < overrides_.metadata_count; ++i)
      overrides_.metadata[i]->apply(side_->headers(), stream_.format_context());
    auto* cluster = stream_.worker().clusters.find(target.cluster);
    opened_ = cluster != nullptr;
    if (opened_) count(Stat::streams_started);
    side_->open(cluster, target, kProcessPath);
    return true;
  }

  void ask(ProcessorRequest& r) override {
    using Kind = ProcessorRequest;
    const bool of_request = r.kind == Kind::request_head || r.kind == Kind::request_body || r.kind == Kind::request_trailers;
    r.allowed = &config_.allowed;
    r.disallowed = &config_.disallowed;
    add_attributes(of_request, r.attributes);
    add_metadata(r.metadata);
    ProcessingMode mode;
    if (!std::exchange(mode_told_, true)) {
      mode.request = request_.mode();
      mode.response = response_.mode();
      r.mode = &mode;
    }
    thread_local std::string message;
    message.clear();
    config_.messages->encode(r, message);
    side_->send(message);
    if (opened_) count(Stat::stream_msgs_sent);
  }

  /// Each half has them in its first message.
  void add_attributes(bool of_request, MetadataValue& out) {
    const auto& list = of_request ? config_.request_attributes : config_.response_attributes;
    bool& told = of_request ? request_attributes_told_ : response_attributes_told_;
    if (list.empty() || std::exchange(told, true)) return;
    out.kind = MetadataValue::object;
    const auto context = stream_.format_context();
    for (const auto& a : list)
      if (MetadataValue v; a.value(context, v)) out.fields.emplace_back(a.name, std::move(v));
  }

  void add_metadata(MetadataValue& out) {
    const auto& spaces = overrides_.forwarded == nullptr ? config_.forwarded_spaces : *overrides_.forwarded;
    const auto* own = stream_.info().dynamic_metadata.get();
    const auto* facts = stream_.info().connection->found();
    const auto* of_connection = facts == nullptr ? nullptr : facts->dynamic_metadata.get();
    for (const auto& space : spaces) {
      const auto* v = own == nullptr ? nullptr : own->find(space, {});
      if (v == nullptr && of_connection != nullptr) v = of_connection->find(space, {});
      if (v == nullptr) continue;
      out.kind = MetadataValue::object;
      out.fields.emplace_back(space, *v);
    }
  }

  /// Nothing more will be asked.
  void close() {
    over_ = true;
    if (side_ == nullptr || !std::exchange(opened_, false)) return;
    side_->cancel();
    count(Stat::streams_closed);
  }

  void count(Stat stat, std::uint64_t n = 1) override { stream_.thread().cells.add(config_.stats, stat, n); }

  // ---- what the service says

  void on_side_message(std::string_view bytes) override {
    if (over_) return;
    ProcessorAnswerTaker& taker = *this;
    if (config_.messages->decode(bytes, taker)) return;
    constexpr std::uint32_t kInternal = 13;
    side_->cancel();
    on_side_end(kInternal, "via_upstream");
  }

  void take(const ProcessorAnswer& a) override {
    if (a.more_time) return extend(*a.more_time);
    if (!override_mode(a)) return spurious(ProcessorHalf::kSpurious);
    if (a.kind == ProcessorAnswer::none) return spurious("unhandled message");
    if (a.kind == ProcessorAnswer::immediate) {
      if (config_.disable_immediate) return spurious("unhandled immediate response due to config disabled it");
      note_metadata(a);
      stop();
      count(Stat::stream_msgs_received);
      close();
      return answer_client(a);
    }
    note_metadata(a);
    const bool of_request = a.kind == ProcessorAnswer::request_head || a.kind == ProcessorAnswer::request_body ||
                            a.kind == ProcessorAnswer::request_trailers;
    auto& half = of_request ? request_ : response_;
    const bool last = is_last(a, half);
    const auto why = half.on_answer(a);
    if (why.starts_with(ProcessorHalf::kSpurious)) return spurious(why);
    count(Stat::stream_msgs_received);
    if (!why.empty()) return fail(why);
    const auto& other = of_request ? response_ : request_;
    if (last && other.is_idle() && (!of_request || response_.mode().sends_nothing())) close();
  }

  /// Will nothing be asked of its half after it? Looked at before it does its work.
  static bool is_last(const ProcessorAnswer& a, const ProcessorHalf& half) {
    const auto& mode = half.mode();
    switch (a.kind) {
      case ProcessorAnswer::request_head:
      case ProcessorAnswer::response_head:
        return half.has_no_body() || a.replaces || (mode.body == ProcessingMode::Body::none && !mode.sends_trailers());
      case ProcessorAnswer::request_body:
      case ProcessorAnswer::response_body: return half.body_ends_next();
      default: return true;
    }
  }

  /// False: it asks for what can't be done.
  bool override_mode(const ProcessorAnswer& a) {
    if (!a.mode || !config_.allow_override || !(request_.awaits_head() || response_.awaits_head())) return true;
    const auto mode = config_.mode.with(*a.mode);
    const auto& allowed = config_.allowed_overrides;
    const auto same = [&mode](const ProcessingMode& m) { return mode.same_but_request_head(m); };
    if (!allowed.empty() && std::none_of(allowed.begin(), allowed.end(), same)) return true;
    if (mode.unknown) return false;
    if (!request_.under_way()) request_.set_mode(mode.request);
    if (!response_.under_way()) response_.set_mode(mode.response);
    return true;
  }

  void extend(Duration d) {
    constexpr Duration kLeast = std::chrono::milliseconds(1);
    const bool fits = d >= kLeast && d <= config_.message_timeout_max;
    const bool done = fits && (request_.extend(d) | response_.extend(d));
    count(done ? Stat::override_message_timeout_received : Stat::override_message_timeout_ignored);
  }

  void note_metadata(const ProcessorAnswer& a) {
    const auto& spaces = overrides_.received == nullptr ? config_.received_spaces : *overrides_.received;
    if (spaces.empty() || a.metadata.fields.empty()) return;
    auto& metadata = stream_.info().dynamic_metadata;
    auto all = copy_of(metadata);
    for (const auto& [space, v] : a.metadata.fields)
      if (v.kind == MetadataValue::object && std::find(spaces.begin(), spaces.end(), space) != spaces.end()) all->merge(space, v);
    metadata = std::move(all);
  }

  // ---- failures

  void stop() noexcept {
    over_ = true;
    request_.stop();
    response_.stop();
  }

  /// The service is out of this; all that waits for it goes on.
  void let_go() {
    over_ = true;
    request_.let_go();
    response_.let_go();
  }

  void spurious(std::string_view why) {
    count(Stat::spurious_msgs_received);
    if (!allow_failure_) return fail(why);
    count(Stat::failure_mode_allowed);
    close();
    let_go();
  }

  void fail(std::string_view why, std::uint16_t status = 0) {
    stop();
    close();
    ProcessorAnswer a;
    a.status = status == 0 ? config_.status_on_error : status;
    a.details = why;
    answer_client(a);
  }

  void on_side_end(std::uint32_t status, std::string_view message) override {
    opened_ = false;
    count(Stat::server_half_closed);
    if (status != 0) count(Stat::streams_failed);
    if (over_) return;
    if (status != 0 && !allow_failure_)
      return fail(stream_.arena().cat("ext_proc_error_gRPC_error_", std::to_string(status), "{", message, "}"));
    count(Stat::streams_closed);
    if (status != 0) {
      count(Stat::failure_mode_allowed);
      count(Stat::server_half_closed);  // again, as in Envoy
    }
    let_go();
  }

  void on_message_timeout() override {
    count(Stat::message_timeouts);
    if (!allow_failure_) {
      constexpr std::uint16_t kGatewayTimeout = 504;
      return fail("ext_proc_error_per-message_timeout_exceeded", kGatewayTimeout);
    }
    close();
    count(Stat::failure_mode_allowed);
    let_go();
  }

  /// In place of the response.
  void answer_client(const ProcessorAnswer& a) {
    constexpr std::uint32_t kUsual = 200, kMost = 999;
    auto& arena = stream_.arena();
    const auto status = static_cast<std::uint16_t>(a.status < kUsual || a.status > kMost ? kUsual : a.status);
    http::ResponseHead head(arena);  // of which just the headers count
    head.status = status;
    if (a.changes.given) {
      std::uint64_t rejected = 0;
      apply(a.changes, {.rules = config_.rules, .keeps_length = true}, HeadFields(head), rejected);
      if (rejected > 0) count(Stat::rejected_header_mutations, rejected);
    }
    char* details = static_cast<char*>(arena.allocate(a.details.size() + 1, 1));
    std::transform(a.details.begin(), a.details.end(), details,
                   [](char c) { return (c >= '\t' && c <= '\r') || c == ' ' ? '_' : c; });
    stream_.info().details = {details, a.details.size()};  // also when there are none
    hcm::LocalReply reply{.status = status, .body = a.bytes};
    reply.grpc_status = a.grpc_status;
    reply.set_headers(head.headers);
    count(Stat::immediate_responses_sent);
    stream_.local_reply(reply);
  }

  const ExtProcFactory& factory_;
  const ExtProcConfig& config_;
  Overrides overrides_;
  SideStream* side_ = nullptr;  // in the arena; null: none was made
  bool opened_ = false;         // it is, and not over
  bool allow_failure_;
  bool over_ = false;  // nothing more is asked
  bool looked_ = false, mode_told_ = false, request_attributes_told_ = false, response_attributes_told_ = false;
  ProcessorHalf request_, response_;
};

}  // namespace

ProcessingMode ProcessingMode::with(const ProcessingMode& o) const noexcept {
  const auto or_else = [](Send a, Send b) { return a == Send::as_usual ? b : a; };
  const auto half = [&](const Half& a, const Half& b) {
    return Half{or_else(a.head, b.head), or_else(a.trailers, b.trailers), a.body};
  };
  return {half(o.request, request), half(o.response, response), o.unknown};
}

bool ProcessingMode::same_but_request_head(const ProcessingMode& o) const noexcept {
  return request.body == o.request.body && request.trailers == o.request.trailers && response == o.response && !unknown;
}

stats::BlockDef block_def(ExtProcStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "streams_started"},
                                              {Kind::counter, "stream_msgs_sent"},
                                              {Kind::counter, "stream_msgs_received"},
                                              {Kind::counter, "spurious_msgs_received"},
                                              {Kind::counter, "streams_closed"},
                                              {Kind::counter, "streams_failed"},
                                              {Kind::counter, "failure_mode_allowed"},
                                              {Kind::counter, "message_timeouts"},
                                              {Kind::counter, "rejected_header_mutations"},
                                              {Kind::counter, "override_message_timeout_received"},
                                              {Kind::counter, "override_message_timeout_ignored"},
                                              {Kind::counter, "clear_route_cache_ignored"},
                                              {Kind::counter, "clear_route_cache_disabled"},
                                              {Kind::counter, "clear_route_cache_upstream_ignored"},
                                              {Kind::counter, "http_not_ok_resp_received"},
                                              {Kind::counter, "immediate_responses_sent"},
                                              {Kind::counter, "server_half_closed"}};
  return {kStats, {}};
}

hcm::HttpFilter* ExtProcFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<ExtProc>(stream, *this); }

}  // namespace outrigger::filters
