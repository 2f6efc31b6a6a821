// The stream's second half: what goes back to the client.
#include "proxy/hcm/hygiene.h"
#include "proxy/hcm/local_reply.h"
#include "proxy/hcm/proxy_status.h"
#include "proxy/hcm/session.h"
#include "proxy/hcm/stream.h"
#include "proxy/http/removed_status.h"

namespace outrigger::hcm {

using http::Name;
using stats::HttpStat;

/// The first one of those that may say something to a client.
void Stream::respond_informational(http::ResponseHead& head) {
  if (response_started_ || informed_ || !config_->proxy_100_continue) return;
  informed_ = head.status == 100 || (head.status >= 102 && head.status <= 104);
  if (informed_) down_->write_informational(head);
}

void Stream::respond_head(http::ResponseHead& head, bool end_stream) {
  if (ended_ || response_started_ || local_ || held_head_ != nullptr) return;
  touch();
  encode_head(filter_count_, head, end_stream);
}

void Stream::respond_body(Buffer& body, bool end_stream) {
  if (ended_ || response_complete_ || local_) return body.clear();  // something else was said
  touch();
  encode_body(filter_count_, body, end_stream);
}

void Stream::respond_trailers(http::HeaderMap& trailers) {
  if (ended_ || response_complete_ || local_) return;
  encode_trailers(filter_count_, trailers);
}

void Stream::inject_response_body(HttpFilter& from, Buffer& body, bool end_stream) {
  if (ended_ || response_complete_) return;
  touch();
  release_head(from.index_);
  if (ended_ || response_complete_) return body.clear();  // the head was no good
  encode_body(from.index_, body, end_stream);
}

void Stream::continue_response(HttpFilter& from) {
  if (ended_ || response_complete_) return;
  touch();
  release_head(from.index_, head_held_ends_);
}

void Stream::end_response(HttpFilter& from, Buffer& body, http::HeaderMap& trailers) {
  if (!body.empty()) inject_response_body(from, body, false);
  if (ended_ || response_complete_) return;
  touch();
  release_head(from.index_);
  if (!ended_ && !response_complete_) encode_trailers(from.index_, trailers);
}

void Stream::request_too_large() {
  worker_.thread.cells.add(config_->stats, HttpStat::downstream_rq_too_large);
  local_reply({.status = 413, .body = "Payload Too Large", .details = "request_payload_too_large"});
}

void Stream::response_too_large() {
  worker_.thread.cells.add(config_->stats, HttpStat::rs_too_large);
  local_reply({.status = 500, .body = "Internal Server Error", .details = "response_payload_too_large"});
}

void Stream::encode_head(std::size_t below, http::ResponseHead& head, bool end_stream) {
  response_ = &head;
  while (below > 0) {
    const auto status = filters_[--below]->on_response_head(head, end_stream);
    if (status == FilterStatus::go_on || (end_stream && status == FilterStatus::stop)) continue;
    held_head_ = &head;
    head_held_at_ = below;
    head_held_ends_ = end_stream;
    return;
  }
  write_head(head, end_stream);
}

/// The filter at `from` lets something follow the head that it may hold. That may be the end of the stream.
void Stream::release_head(std::size_t from, bool end_stream) {
  if (held_head_ != nullptr && head_held_at_ == from) encode_head(from, *std::exchange(held_head_, nullptr), end_stream);
}

void Stream::encode_body(std::size_t below, Buffer& body, bool end_stream) {
  while (below > 0) {
    if (filters_[--below]->on_response_body(body, end_stream) == FilterStatus::stop) return;
    release_head(below);
    if (ended_ || response_complete_) return body.clear();
  }
  info_.bytes_sent += bodiless_ ? 0 : body.size();
  down_->write_body(body, end_stream);
  if (end_stream) finish();
}

void Stream::encode_trailers(std::size_t below, http::HeaderMap& trailers) {
  response_trailers_ = &trailers;
  while (below > 0) {
    if (filters_[--below]->on_response_trailers(trailers) == FilterStatus::stop) return;
    release_head(below);
    if (ended_ || response_complete_) return;
  }
  down_->write_trailers(trailers);
  finish();
}

void Stream::count_response(std::uint16_t status) {
  info_.response_code = status;
  if (info_.health_check) return;
  static constexpr HttpStat kByClass[] = {HttpStat::downstream_rq_1xx, HttpStat::downstream_rq_2xx, HttpStat::downstream_rq_3xx,
                                          HttpStat::downstream_rq_4xx, HttpStat::downstream_rq_5xx};
  using L = stats::ListenerHttpStat;
  static constexpr L kListener[] = {L::downstream_rq_1xx, L::downstream_rq_2xx, L::downstream_rq_3xx, L::downstream_rq_4xx,
                                    L::downstream_rq_5xx};
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, HttpStat::downstream_rq_completed);
  if (config_->listener_stats) cells.add(config_->listener_stats, L::downstream_rq_completed);
  if (status < 100 || status > 599) return;
  cells.add(config_->stats, kByClass[status / 100 - 1]);
  if (config_->listener_stats) cells.add(config_->listener_stats, kListener[status / 100 - 1]);
}

/// HTTP/2 says GOAWAY instead, and goes on with what is under way.
void Stream::end_multiplexed_connection() {
  auto& cells = worker_.thread.cells;
  if (session_->draining()) return;
  if (config_->requests_per_connection_max > 0 && session_->requests_seen() >= config_->requests_per_connection_max) {
    cells.add(config_->stats, HttpStat::downstream_cx_max_requests_reached);
    session_->start_drain_sequence();
  } else if (session_->drain_requested()) {
    cells.add(config_->stats, HttpStat::downstream_cx_drain_close);
    session_->start_drain_sequence();
  }
}

/// The overload manager wants no more of the connection, whatever it was to become.
void Stream::end_overloaded_connection() {
  if (session_->draining() || !session_->hit_by(runtime::OverloadAction::disable_http_keepalive)) return;
  auto& cells = worker_.thread.cells;
  cells.add(config_->stats, HttpStat::downstream_cx_overload_disable_keepalive);
  cells.add(config_->stats, HttpStat::downstream_cx_drain_close);
  session_->start_drain_sequence();
}

/// The value of the connection header; decides whether the connection lives on.
std::string_view Stream::connection_header(const http::ResponseHead& head) {
  auto& cells = worker_.thread.cells;
  if (!request_complete_) cells.add(config_->stats, HttpStat::downstream_rq_response_before_rq_complete);
  end_overloaded_connection();
  if (opens_tunnel(head) && (head.status == 101 || head.status == 200)) return head.headers.get(Name::connection);
  if (head.status == 101 && !upgrade_) return {};
  if (info_.protocol == http::Protocol::http2) {
    end_multiplexed_connection();
    return {};
  }
  if (saw_close_) down_->close_after_response();
  if (!request_complete_ && !request_->is_connect()) down_->close_after_response();
  if (config_->requests_per_connection_max > 0 && session_->requests_seen() >= config_->requests_per_connection_max &&
      !down_->closing()) {
    cells.add(config_->stats, HttpStat::downstream_cx_max_requests_reached);
    down_->close_after_response();
  }
  if (!down_->closing() && session_->drain_requested()) {
    cells.add(config_->stats, HttpStat::downstream_cx_drain_close);
    session_->start_drain_sequence();
  }
  if (upgrade_) down_->close_after_response();
  if (down_->closing()) return "close";
  if (info_.protocol == http::Protocol::http10) return "keep-alive";
  return {};
}

void Stream::write_head(http::ResponseHead& head, bool end_stream) {
  response_ = &head;
  if (head.status == http::kRemovedStatus) {  // no filter sees what takes its place
    held_head_ = &head;
    return local_reply({.status = 502,
                        .body = "missing required header: :status",
                        .details = "filter_removed_required_response_headers{missing_required_header:_:status}"});
  }
  response_started_ = true;
  request_timeout_.cancel();
  if (!head.headers.has(Name::date)) {
    const auto date = worker_.date.at(
        worker_.thread.loop.now(), [](const void* l) { return static_cast<const event::Loop*>(l)->wall(); },
        &worker_.thread.loop);
    head.headers.add(Name::date, arena_.copy(date));
  }
  mutate_response(*config_, *request_, upgrade_ && head.headers.has(Name::upgrade), head);
  if (config_->tracing) trace_response(head);
  if (config_->proxy_status) add_proxy_status(*config_->proxy_status, info_, head);
  const auto connection = connection_header(head);
  if (!connection.empty() && !head.headers.has(Name::connection))
    info_.connection_header_bytes = static_cast<std::uint32_t>(std::string_view("connection").size() + connection.size());
  count_response(head.status);
  const bool tunnel = opens_tunnel(head);
  const bool no_body = !tunnel && (head.status == 204 || head.status == 304 || head.status < 200);
  bodiless_ = no_body || head_request_;
  const auto rule = tunnel      ? http::BodyRule::tunnel
                    : no_body   ? http::BodyRule::bodiless_status
                    : bodiless_ ? http::BodyRule::head_request
                                : http::BodyRule::any;
  info_.first_downstream_tx = worker_.thread.loop.now();
  down_->write_head(head, end_stream, rule, connection);
  if (tunnel && config_->log_on_tunnel) log(accesslog::LogType::downstream_tunnel_established);
  if (end_stream) finish();
}

void Stream::close_connection() { down_->close_after_response(true); }

void Stream::local_reply(const LocalReply& reply) {
  if (ended_) return;
  if (reply.flag) info_.flags.set(*reply.flag);
  if (!reply.details.empty()) info_.details = reply.details;
  if (response_started_) return abort();
  local_ = true;
  // To Envoy that is an error of the messages of a connection, whoever says so.
  if (reply.status == 400 && info_.protocol != http::Protocol::http2 && !config_->stream_error_on_invalid_http_message &&
      !config_->http1.stream_error_on_invalid_http_message)
    saw_close_ = true;
  auto& head = *arena_.make<http::ResponseHead>(arena_);
  head.status = reply.status;
  std::string_view body = arena_.copy(reply.body), type = reply.content_type;
  response_ = &head;
  for (std::size_t i = 0; i < reply.headers_count; ++i) head.headers.add_copy(reply.headers[i].first, reply.headers[i].second);
  if (reply.finalize && route_known_ && route_ != nullptr)
    route::finalize_response(*route_, reply.weight, head, format_context());
  if (reply.overloaded) head.headers.add("x-envoy-overloaded", "true");
  if (!reply.attempt_count.empty()) head.headers.set(Name::x_envoy_attempt_count, arena_.copy(reply.attempt_count));
  info_.response_code = reply.status;
  info_.local_reply_body = body;
  apply_local_reply_config(*this, head, body, type);
  info_.local_reply_body = {};  // of the formats above only
  if (grpc_) {
    grpc_local_reply(head, reply.grpc_status, body);
    body = {};
  } else if (!body.empty()) {
    put_body_headers(head, body, type);
  }
  const bool no_body = body.empty() || head_request_;
  // The filters have seen a head already when one of them holds it back.
  const std::size_t below = std::exchange(held_head_, nullptr) == nullptr ? filter_count_ : 0;
  encode_head(below, head, no_body);
  if (!no_body && !ended_) {
    Buffer b;
    b.append(body);
    encode_body(below, b, true);
  }
}

}  // namespace outrigger::hcm
