#include "filters/http_tunnel.h"

#include <algorithm>
#include <utility>
#include "proxy/base/json_text.h"
#include "proxy/base/random.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

using http::ResetReason;
using net::IoResult;
using net::IoStatus;

namespace {

constexpr std::size_t kBufferMax = 1024 * 1024;  // of a cluster without a limit

void add_header(std::string_view key, std::string_view value, std::string& json) {
  if (json.back() == '}') json += ',';
  json += R"({"key":)";
  append_json_string(key, json);
  json += R"(,"value":)";
  append_json_string(value, json);
  json += '}';
}

/// The request's stream as a transport. Lives until the turn's end after stop().
class HttpTunnel final : public net::Transport,
                         private upstream::PoolWaiter,
                         private upstream::ClientStreamEvents,
                         private event::Deferred {
 public:
  HttpTunnel(runtime::ThreadContext& thread, const TunnelConfig& config, upstream::Cluster& cluster, http::FilterState& state,
             TunnelFacts& facts, upstream::TcpWaiter& waiter)
      : thread_(thread),
        config_(config),
        state_(state),
        facts_(facts),
        waiter_(waiter),
        buffer_max_(cluster.config().buffer_bytes_max == 0 ? kBufferMax : cluster.config().buffer_bytes_max) {
    PoolWaiter::state = &state;
  }
  ~HttpTunnel() override { stop(); }
  void write_request(http::StreamInfo& info, http::ConnectionInfo& connection);
  void stop() noexcept;
  upstream::PoolWaiter& waiter() noexcept { return *this; }
  upstream::Host& host() noexcept { return *host_; }
  std::uint64_t connection_id() const noexcept { return connection_id_; }
  bool asked() const noexcept { return stream_ != nullptr; }
  /// Neither side can send any more: what came is all.
  bool over() const noexcept { return over_; }

 private:
  // net::Transport
  void start(net::TransportEvents& events) override;
  IoResult read(Buffer& into, std::size_t bytes_max) noexcept override;
  IoResult write(Buffer& from) noexcept override;
  void shutdown_write() noexcept override;
  void rearm() noexcept override;
  void close() noexcept override { stop(); }
  void close_reset() noexcept override { stop(); }
  const net::Address& local() const noexcept override { return local_; }
  const net::Address& remote() const noexcept override { return remote_; }
  const std::shared_ptr<const net::TlsInfo>& tls() const noexcept override { return tls_; }
  // upstream::PoolWaiter
  void on_pool_ready(upstream::ClientStream& stream, upstream::Host& host) override;
  void on_pool_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override {
    using upstream::PoolFailure;  // no room is no failure of the host, and another attempt may find some
    waiter_.on_tcp_failure(why == PoolFailure::overflow ? PoolFailure::no_pool : why, detail, host);
  }
  upstream::ClientStreamEvents& events() override { return *this; }
  Arena& arena() override { return arena_; }
  bool is_connect_or_upgrade() const noexcept override { return head_->is_connect(); }
  bool sends_after_response() const noexcept override { return true; }
  // upstream::ClientStreamEvents
  void on_informational(http::ResponseHead&) override {}
  void on_head(http::ResponseHead& head, bool end_stream) override;
  void on_body(Buffer& body, bool end_stream) override;
  void on_trailers(http::HeaderMap& trailers) override;
  void on_reset(ResetReason reason, std::string_view detail) override;
  void on_above_high_watermark() override { above_ = true; }
  void on_below_low_watermark() override;
  // event::Deferred
  void run_deferred() override { tell_readable(); }

  void add_request_id(const TunnelConfig::RequestId& config, http::StreamInfo& info, http::ConnectionInfo& connection);
  void on_response_end();
  void settle(upstream::ClientStream& stream) noexcept;
  void pause(bool pause);
  void tell_readable() {
    if (events_ != nullptr) events_->on_readable();
  }

  runtime::ThreadContext& thread_;
  const TunnelConfig& config_;
  http::FilterState& state_;
  TunnelFacts& facts_;
  upstream::TcpWaiter& waiter_;
  Arena arena_;
  http::RequestHead* head_ = nullptr;
  upstream::ClientStream* stream_ = nullptr;
  upstream::Host* host_ = nullptr;
  net::TransportEvents* events_ = nullptr;
  net::Address local_, remote_;
  std::shared_ptr<const net::TlsInfo> tls_;
  std::uint64_t connection_id_ = 0;
  Buffer in_;
  std::size_t buffer_max_;
  bool open_ = false;  // it was answered with success
  bool eof_ = false, over_ = false, reset_ = false;
  bool ended_ = false;  // our side
  bool above_ = false, paused_ = false;
};

class TunnelLease final : public upstream::TcpLease {
 public:
  TunnelLease(runtime::ThreadContext& thread, std::unique_ptr<HttpTunnel> tunnel) : thread_(thread), tunnel_(std::move(tunnel)) {}
  ~TunnelLease() override {
    tunnel_->stop();
    thread_.loop.dispose(std::move(tunnel_));  // it may be on the stack
  }
  net::Transport& transport() noexcept override { return *tunnel_; }
  upstream::Host& host() noexcept override { return tunnel_->host(); }
  std::uint64_t connection_id() const noexcept override { return tunnel_->connection_id(); }
  void closed_by_remote() noexcept override {}
  bool over() const noexcept override { return tunnel_->over(); }

 private:
  runtime::ThreadContext& thread_;
  std::unique_ptr<HttpTunnel> tunnel_;
};

class TunnelAttempt final : public upstream::TcpAttempt, private upstream::TcpWaiter {
 public:
  TunnelAttempt(runtime::ThreadContext& thread, const TunnelConfig& config, upstream::Cluster& cluster, http::FilterState& state,
                TunnelFacts& facts, upstream::TcpWaiter& waiter)
      : thread_(thread), waiter_(waiter) {
    upstream::TcpWaiter& self = *this;
    tunnel_ = std::make_unique<HttpTunnel>(thread, config, cluster, state, facts, self);
  }
  ~TunnelAttempt() override {
    if (tunnel_ == nullptr) return;
    tunnel_->stop();
    thread_.loop.dispose(std::move(tunnel_));
  }
  HttpTunnel& tunnel() noexcept { return *tunnel_; }
  bool connected() const noexcept override { return tunnel_ != nullptr && tunnel_->asked(); }

 private:
  void on_tcp_ready(std::unique_ptr<upstream::TcpLease>) override {
    waiter_.on_tcp_ready(std::make_unique<TunnelLease>(thread_, std::move(tunnel_)));
  }
  void on_tcp_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override {
    waiter_.on_tcp_failure(why, detail, host);
  }
  runtime::ThreadContext& thread_;
  upstream::TcpWaiter& waiter_;
  std::unique_ptr<HttpTunnel> tunnel_;
};

// ---- the request

void HttpTunnel::write_request(http::StreamInfo& info, http::ConnectionInfo& connection) {
  downstream = info.connection;
  const format::Context context{&info, nullptr, nullptr, nullptr, "NotSet"};
  std::string host;
  config_.hostname.append(context, format::Missing::dash, host);
  head_ = arena_.make<http::RequestHead>(arena_);
  head_->authority = arena_.copy(host);
  if (config_.post_path.empty()) {
    head_->method = "CONNECT";
  } else {
    head_->method = "POST";
    head_->path = config_.post_path;
    head_->scheme = "http";
  }
  if (config_.request_id) add_request_id(*config_.request_id, info, connection);
  config_.headers.apply(head_->headers, context);
}

/// A new one for each attempt.
void HttpTunnel::add_request_id(const TunnelConfig::RequestId& config, http::StreamInfo& info, http::ConnectionInfo& connection) {
  const auto id = make_uuid(thread_.random);
  const auto text = arena_.copy({id.data(), id.size()});
  head_->headers.set(config.header, text);
  MetadataValue object;
  object.kind = MetadataValue::object;
  object.fields.emplace_back(config.metadata_key, MetadataValue::of(text));
  connection.facts().add_metadata("envoy.filters.network.tcp_proxy", object);
  info.dynamic_metadata = connection.found()->dynamic_metadata;
}

void HttpTunnel::on_pool_ready(upstream::ClientStream& stream, upstream::Host& host) {
  stream_ = &stream;
  host_ = &host;
  const auto& info = stream.info();
  local_ = info.local;
  remote_ = info.remote_or_host();
  tls_ = info.tls;
  connection_id_ = info.connection_id;
  stream.send_head(*head_, false);
}

/// HTTP/1: any 2xx (RFC 9110, 9.3.6). HTTP/2: 200, as in Envoy, and what follows must not be over already.
void HttpTunnel::on_head(http::ResponseHead& head, bool end_stream) {
  if (config_.keep_response_headers) facts_.keep_headers(head, state_);
  const bool h2 = stream_->info().protocol == http::Protocol::http2;
  open_ = !end_stream && (h2 ? head.status == 200 : head.status / 100 == 2);
  if (open_) {
    if (head_->is_connect()) stream_->become_tunnel();
    return waiter_.on_tcp_ready(nullptr);
  }
  auto* stream = std::exchange(stream_, nullptr);
  if (!end_stream) stream->cancel();
  settle(*stream);
  const auto failure = arena_.cat("tunnel_response:", std::to_string(head.status));
  waiter_.on_tcp_failure(upstream::PoolFailure::connect_failed, failure, host_);
}

// ---- bytes from the proxy

void HttpTunnel::on_body(Buffer& body, bool end_stream) {
  in_.append(std::move(body));
  if (end_stream)
    on_response_end();
  else if (in_.size() > buffer_max_)
    pause(true);
  tell_readable();
}

void HttpTunnel::on_trailers(http::HeaderMap& trailers) {
  if (config_.keep_response_trailers) facts_.keep_trailers(trailers, state_);
  on_response_end();
  tell_readable();
}

/// HTTP/1 has no half of a request that goes on.
void HttpTunnel::on_response_end() {
  eof_ = true;
  const bool h2 = stream_->info().protocol == http::Protocol::http2;
  if (h2 && !ended_) return;
  settle(*std::exchange(stream_, nullptr));
  over_ = !h2;
}

void HttpTunnel::on_reset(ResetReason reason, std::string_view) {
  settle(*std::exchange(stream_, nullptr));
  if (!open_) return waiter_.on_tcp_failure(upstream::PoolFailure::connect_failed, "", host_);
  reset_ = reason == ResetReason::remote_reset;
  over_ = !reset_;
  tell_readable();
}

void HttpTunnel::start(net::TransportEvents& events) {
  events_ = &events;
  if (!in_.empty() || eof_ || over_ || reset_) rearm();
}

void HttpTunnel::rearm() noexcept { thread_.loop.defer(*this); }

IoResult HttpTunnel::read(Buffer& into, std::size_t bytes_max) noexcept {
  if (in_.empty()) {
    if (reset_) return {IoStatus::reset, 0, true};
    return {eof_ || over_ ? IoStatus::eof : IoStatus::would_block, 0, true};
  }
  const std::size_t bytes = std::min(bytes_max, in_.size());
  into.move_from(in_, bytes);
  if (in_.size() <= buffer_max_ / 2) pause(false);
  return {IoStatus::ok, bytes, in_.empty() && !eof_ && !over_ && !reset_};
}

void HttpTunnel::pause(bool pause) {
  if (paused_ == pause || stream_ == nullptr) return;
  paused_ = pause;
  stream_->read_disable(pause);
}

// ---- bytes to the proxy

IoResult HttpTunnel::write(Buffer& from) noexcept {
  if (over_ || reset_ || ended_) {  // the reader will find out
    from.clear();
    return {IoStatus::ok, 0, false};
  }
  if (stream_ == nullptr) return {IoStatus::reset, 0, true};
  if (above_) return {IoStatus::would_block, 0, true};
  const std::size_t bytes = from.size();
  stream_->send_body(from, false);
  return {IoStatus::ok, bytes, false};
}

void HttpTunnel::on_below_low_watermark() {
  above_ = false;
  if (events_ != nullptr) events_->on_writable();
}

void HttpTunnel::shutdown_write() noexcept {
  if (stream_ == nullptr || std::exchange(ended_, true)) return;
  auto* stream = stream_;
  if (eof_) settle(*std::exchange(stream_, nullptr));  // it ends by itself once this is out
  Buffer none;
  stream->send_body(none, true);
}

// ---- ends

void HttpTunnel::settle(upstream::ClientStream& stream) noexcept {
  const auto& bytes = stream.info().bytes;
  facts_.bytes.wire_sent += bytes.wire_sent;
  facts_.bytes.wire_received += bytes.wire_received;
}

void HttpTunnel::stop() noexcept {
  events_ = nullptr;
  event::Deferred::unlink();
  cancel_pending();
  if (stream_ == nullptr) return;
  auto* stream = std::exchange(stream_, nullptr);
  stream->cancel();
  settle(*stream);
}

}  // namespace

void TunnelFacts::put(Kept& kept, std::string_view key, http::FilterState& state) {
  kept.json += "]}";
  kept.entry.typed_json = kept.json;
  if (!kept.entry.key.empty()) return;
  kept.entry.key = key;
  state.add(kept.entry);
}

void TunnelFacts::keep_headers(const http::ResponseHead& head, http::FilterState& state) {
  headers_.json = R"({"headers":[)";
  add_header(":status", std::to_string(head.status), headers_.json);
  for (const auto& h : head.headers) add_header(h.name, h.value, headers_.json);
  put(headers_, "envoy.tcp_proxy.propagate_response_headers", state);
}

void TunnelFacts::keep_trailers(const http::HeaderMap& trailers, http::FilterState& state) {
  trailers_.json = R"({"headers":[)";
  for (const auto& h : trailers) add_header(h.name, h.value, trailers_.json);
  put(trailers_, "envoy.tcp_proxy.propagate_response_trailers", state);
}

std::unique_ptr<upstream::TcpAttempt> connect_tunnel(runtime::ThreadContext& thread, const TunnelConfig& config,
                                                     upstream::Cluster& cluster, upstream::Host& host, http::StreamInfo& info,
                                                     http::ConnectionInfo& connection, TunnelFacts& facts,
                                                     upstream::TcpWaiter& waiter) {
  auto attempt = std::make_unique<TunnelAttempt>(thread, config, cluster, connection.filter_state, facts, waiter);
  auto& tunnel = attempt->tunnel();
  tunnel.write_request(info, connection);
  cluster.request_stream(host, tunnel.waiter());
  return attempt;
}

}  // namespace outrigger::filters
