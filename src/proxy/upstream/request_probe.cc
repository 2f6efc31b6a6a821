#include "proxy/upstream/request_probe.h"

#include "proxy/upstream/dial.h"

namespace outrigger::upstream {

std::unique_ptr<net::Transport> dial_for_check(const HealthConfig& config, ProbeTarget& target) {
  net::ConnectDemands demands;
  demands.protocols = config.alpn;
  net::ConnectFailure failure;
  return dial(target.thread, *target.cluster, target.host, demands, failure);
}

bool has_in_order(std::string_view bytes, const std::vector<std::string>& parts) noexcept {
  for (const auto& part : parts) {
    const auto at = bytes.find(part);
    if (at == std::string_view::npos) return false;
    bytes.remove_prefix(at + part.size());
  }
  return true;
}

RequestProbe::~RequestProbe() {
  in_flight_ = false;
  drop();
}

/// Without a word: what still runs on it is ended first, so that nothing refers to this.
void RequestProbe::drop() {
  if (connection_ == nullptr) return;
  auto connection = std::move(connection_);
  connection->abandon();
  dispose(target_, std::move(connection));
  stream_ = nullptr;
}

void RequestProbe::begin() {
  if (connection_ != nullptr && connection_->room() == 0) drop();
  in_flight_ = true;
  stream_ = nullptr;
  reset();
  arena_.reset();
  if (connection_ != nullptr) return connection_->attach(*this);
  auto transport = dial_for_check(config_, *target_);
  if (transport == nullptr) return finish({ProbeResult::network});
  ClientConnectionOwner& self = *this;
  connection_ =
      std::make_unique<ClientConnection>(target_->thread, *target_->cluster, target_->host, self, std::move(transport), kind_);
  connection_->start();
}

void RequestProbe::give_up() {
  in_flight_ = false;
  if (kind_ == PoolKind::http2 && config_.kind == CheckKind::grpc && config_.reuse_connection && stream_ != nullptr)
    return std::exchange(stream_, nullptr)->cancel();
  drop();
}

void RequestProbe::finish(const ProbeResult& result) {
  if (!std::exchange(in_flight_, false)) return;
  if (connection_ != nullptr && !config_.reuse_connection) connection_->draining = true;
  owner_.on_probe_done(result);
}

/// Whom it asks and as whom; then what the config adds.
void RequestProbe::add_common(http::RequestHead& head) {
  head.authority = target_->authority;
  head.scheme = target_->secure ? "https" : "http";
  head.headers.add(http::Name::user_agent, "Envoy/HC");
}

// ---- the connection

void RequestProbe::on_connected(ClientConnection& c) {
  if (c.room() == 0) return drop(), finish({ProbeResult::network});
  c.attach(*this);
}

void RequestProbe::on_closed(ClientConnection& c, std::optional<PoolFailure>, std::string_view) {
  if (connection_.get() != &c) return;
  const bool asked = stream_ != nullptr;  // then the end of the request is told, too
  dispose(target_, std::move(connection_));
  if (!asked) finish({ProbeResult::network});
}

void RequestProbe::on_pool_ready(ClientStream& stream, Host&) {
  stream_ = &stream;
  send(stream);
}

// ---- the answer

void RequestProbe::on_head(http::ResponseHead& head, bool end_stream) {
  auto* stream = end_stream ? std::exchange(stream_, nullptr) : stream_;
  if (!in_flight_) return;
  take_head(head, end_stream);
  if (in_flight_ || stream_ == nullptr) return;
  stream_ = nullptr;
  stream->cancel();
}

void RequestProbe::on_body(Buffer& body, bool end_stream) {
  auto* stream = end_stream ? std::exchange(stream_, nullptr) : stream_;
  for (std::size_t i = 0; i + 1 < body.runs() && in_flight_; ++i) take_body(body.run(i), false);
  if (in_flight_) take_body(body.runs() == 0 ? std::string_view{} : body.run(body.runs() - 1), end_stream);
  body.clear();
  if (in_flight_ || stream_ == nullptr) return;
  stream_ = nullptr;
  stream->cancel();
}

void RequestProbe::on_trailers(http::HeaderMap& trailers) {
  stream_ = nullptr;
  if (in_flight_) take_trailers(trailers);
}

void RequestProbe::on_reset(http::ResetReason, std::string_view) {
  stream_ = nullptr;
  finish({ProbeResult::network});
}

}  // namespace outrigger::upstream
