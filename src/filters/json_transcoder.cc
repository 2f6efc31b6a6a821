#include "filters/json_transcoder.h"

#include <utility>

#include "filters/grpc.h"
#include "filters/transcoder_request.h"
#include "filters/transcoder_response.h"
#include "proxy/base/base64.h"
#include "proxy/base/numbers.h"
#include "proxy/base/percent.h"
#include "proxy/base/wire.h"
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

constexpr std::string_view kEarly = "early_grpc_json_transcode_failure", kLate = "grpc_json_transcode_failure";
constexpr std::string_view kJson = "application/json", kEvents = "text/event-stream";

class JsonTranscoder final : public hcm::HttpFilter, private event::Deferred {
 public:
  JsonTranscoder(hcm::Stream& stream, const std::string& name, const TranscoderConfig& config, stats::BlockHandle stats)
      : HttpFilter(stream), name_(name), config_(&config), stats_(stats) {}

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    const auto* o = stream_.override_for(name_);
    if (const auto* own = o == nullptr ? nullptr : o->as<TranscoderConfig>()) config_ = own;
    if (config_->disabled || head.is_grpc() || head.path.data() == nullptr) return FilterStatus::go_on;
    if (auto error = request_.begin(*config_, head)) return unknown(*error);
    if (request_.method()->request.used)
      if (auto refusal = request_.begin_http_body(head.headers.get(Name::content_type))) return refuse(*refusal, kLate);
    response_.begin(*config_, *request_.method());
    Buffer body;
    if (end_stream)
      if (auto refusal = request_.take(body, true, request_max())) {
        change(head);
        return refuse(*refusal, kEarly);
      }
    change(head);
    active_ = true;
    if (body.empty()) return FilterStatus::go_on;
    added_ = std::move(body);
    stream_.thread().loop.defer(*this);
    return FilterStatus::stop;
  }

  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (!active_) return FilterStatus::go_on;
    if (auto refusal = request_.take(body, end_stream, request_max())) return refuse(*refusal, kLate);
    show();
    return body.empty() && !end_stream ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_request_trailers(http::HeaderMap&) override {
    if (!active_) return FilterStatus::go_on;
    Buffer body;
    if (auto refusal = request_.take(body, true, request_max())) return refuse(*refusal, kLate);
    show();
    if (!body.empty()) stream_.inject_request_body(*this, body);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    if (!active_) return FilterStatus::go_on;
    if (!is_grpc_response(head, end_stream)) {
      active_ = false;
      return FilterStatus::go_on;
    }
    head_ = &head;
    const bool streams = method().server_streaming;
    if (!end_stream || streams) head.headers.set(Name::content_type, streams && config_->events ? kEvents : kJson);
    if (!end_stream) {
      head.headers.remove(Name::content_length);
      return streams && !method().response.used ? FilterStatus::go_on : FilterStatus::stop;
    }
    Buffer body;
    if (!end(head.headers, body) || body.empty()) return FilterStatus::go_on;
    added_ = std::move(body);
    stream_.thread().loop.defer(*this);
    return FilterStatus::hold;
  }

  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (!active_ || head_ == nullptr) return FilterStatus::go_on;
    has_body_ = true;
    auto refusal = response_.take(body, response_max());
    body.clear();
    if (!refusal && end_stream) refusal = response_.finish();
    if (refusal) return refuse(*refusal, kLate);
    if (response_.broken()) {
      stream_.abort();
      return FilterStatus::stop;
    }
    show();
    if (method().response.used && response_.content_type() && !std::exchange(typed_, true))
      head_->headers.set(Name::content_type, stream_.arena().copy(*response_.content_type()));
    const bool streams = method().server_streaming;
    if (!streams && !end_stream) return FilterStatus::stop;
    body.append(std::exchange(response_.out, {}));
    show();
    return body.empty() && !end_stream ? FilterStatus::stop : FilterStatus::go_on;
  }

  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    if (!active_ || head_ == nullptr) return FilterStatus::go_on;
    Buffer body;
    if (!end(trailers, body)) return FilterStatus::stop;
    if (!body.empty()) stream_.inject_response_body(*this, body, false);
    return FilterStatus::go_on;
  }

  void on_stream_end() override {
    event::Deferred::unlink();
    active_ = false;
    show_bytes(TranscoderStat::transcoder_request_buffer_bytes, shown_request_, 0);
    show_bytes(TranscoderStat::transcoder_response_buffer_bytes, shown_response_, 0);
  }

 private:
  const TranscoderMethod& method() const noexcept { return *request_.method(); }
  std::size_t request_max() const noexcept { return config_->request_max.value_or(stream_.buffer_bytes_max()); }
  std::size_t response_max() const noexcept { return config_->response_max.value_or(stream_.buffer_bytes_max()); }

  /// What follows a head that nothing followed.
  void run_deferred() override {
    Buffer body(std::move(added_));
    if (head_ != nullptr) return stream_.inject_response_body(*this, body, true);
    stream_.continue_request(*this, body, true);
  }

  FilterStatus unknown(const TranscodeError& error) {
    const bool method = error.code == "NOT_FOUND";
    if (!(method ? config_->reject_unknown_method : config_->reject_unknown_query)) return FilterStatus::go_on;
    return refuse({static_cast<std::uint16_t>(method ? 404 : 400), error.text, std::string(error.code)}, kEarly);
  }

  FilterStatus refuse(const TranscoderRefusal& r, std::string_view when) {
    active_ = false;
    if (r.status == 413) stream_.close_connection();  // also when no more of it comes, as Envoy looks at a body before its end
    stream_.local_reply({.status = r.status, .body = r.text, .details = stream_.arena().cat(when, "{", r.code, "}")});
    return FilterStatus::stop;
  }

  void change(http::RequestHead& head) {
    auto& h = head.headers;
    h.remove(Name::content_length);
    h.set(Name::content_type, "application/grpc");
    h.set(Name::x_envoy_original_path, head.path);
    h.add("x-envoy-original-method", head.method);
    head.path = stream_.arena().copy(method().path);
    head.method = "POST";
    h.set(Name::te, "trailers");
    if (!config_->keep_route) stream_.clear_route_cache();
  }

  /// The answer is at its end: `body` still belongs to it. False: another takes its place.
  bool end(http::HeaderMap& last, Buffer& body) {
    const bool alone = &last == &head_->headers, streams = method().server_streaming;
    const auto* entry = last.find(Name::grpc_status);
    const auto status = entry == nullptr ? std::nullopt : to_number<std::uint64_t>(entry->value);
    if (status && convert_status(*status, last, alone, body)) return true;
    if (auto refusal = response_.finish()) {
      refuse(*refusal, kLate);
      return false;
    }
    body.append(std::exchange(response_.out, {}));
    show();
    if (streams && !alone) return true;  // the head has gone on
    auto& h = head_->headers;
    if (!streams && response_.content_type())
      h.set(Name::content_length, decimal(body.size(), stream_.arena()));  // before the status
    head_->status = status ? http_status_of_grpc(*status) : 503;
    if (!alone) {
      if (status) h.set(Name::grpc_status, decimal(*status, stream_.arena()));
      if (const auto* message = last.find(Name::grpc_message)) h.set(Name::grpc_message, message->value);
    }
    if (stream_.info().protocol < http::Protocol::http2) h.remove(Name::trailer);
    if (!streams) h.set(Name::content_length, decimal(body.size(), stream_.arena()));
    return true;
  }

  /// An answer that is nothing but a failure becomes a google.rpc.Status.
  bool convert_status(std::uint64_t status, http::HeaderMap& last, bool alone, Buffer& body) {
    if (!config_->status || has_body_ || status == 0) return false;
    std::string message, json;
    const auto* details = last.find("grpc-status-details-bin");
    if (details == nullptr || !decode_any_base64(details->value, message)) {
      put_wire_number(1, status, message);
      if (const auto* text = last.find(Name::grpc_message)) put_wire_bytes(2, percent_decode(text->value), message);
    }
    if (config_->messages->to_json(*config_->status, message, json)) return false;
    auto& h = head_->headers;
    head_->status = http_status_of_grpc(status);
    if (alone) {
      h.remove(Name::grpc_status);
      h.remove(Name::grpc_message);
      h.remove("grpc-status-details-bin");
    }
    if (stream_.info().protocol < http::Protocol::http2) h.remove(Name::trailer);
    h.set(Name::content_type, kJson);
    h.set(Name::content_length, decimal(json.size(), stream_.arena()));
    body.append(json);
    return true;
  }

  void show() {
    show_bytes(TranscoderStat::transcoder_request_buffer_bytes, shown_request_, request_.pending());
    show_bytes(TranscoderStat::transcoder_response_buffer_bytes, shown_response_, response_.pending());
  }
  void show_bytes(TranscoderStat stat, std::size_t& shown, std::size_t now) {
    if (shown == now) return;
    stream_.thread().cells.gauge_add(stats_, stat, static_cast<std::int64_t>(now) - static_cast<std::int64_t>(shown));
    shown = now;
  }

  const std::string& name_;
  const TranscoderConfig* config_;
  stats::BlockHandle stats_;
  TranscoderRequest request_;
  TranscoderResponse response_;
  http::ResponseHead* head_ = nullptr;  // of a gRPC answer
  Buffer added_;                        // goes on at the turn's end
  std::size_t shown_request_ = 0, shown_response_ = 0;
  bool active_ = false, has_body_ = false, typed_ = false;
};

}  // namespace

stats::BlockDef block_def(TranscoderStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::gauge, "transcoder_request_buffer_bytes"},
                                              {Kind::gauge, "transcoder_response_buffer_bytes"}};
  return {kStats, {}};
}

hcm::HttpFilter* JsonTranscoderFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<JsonTranscoder>(stream, name, *config_, stats_);
}

}  // namespace outrigger::filters
