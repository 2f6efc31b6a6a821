// HTTP/1 on an upstream connection: one request at a time. Owned by its ClientConnection; worker's
// thread.
#pragma once
#include "proxy/http/h1_codec.h"
#include "proxy/http/h1_writer.h"
#include "proxy/upstream/client_connection.h"

namespace outrigger::upstream {

class H1Client final : public ClientProtocol, private ClientStream, private http::H1ClientCodec::Events {
 public:
  explicit H1Client(ClientConnection& connection);
  ~H1Client() override;
  // ClientProtocol
  http::Protocol protocol() const noexcept override { return http::Protocol::http11; }
  void attach(PoolWaiter& w) override;
  void feed(Buffer& in) override;
  bool wants_bytes() const noexcept override { return pauses_ == 0; }
  void on_bytes_sent(std::size_t bytes) noexcept override;
  void on_bytes_received(std::size_t bytes) noexcept override { info_.bytes.wire_received += bytes; }
  void on_output_above() override;
  void on_output_below() override;
  std::uint32_t active() const noexcept override { return events_ != nullptr ? 1 : 0; }
  std::uint32_t room() const noexcept override { return events_ != nullptr ? 0 : 1; }
  void stop() noexcept override { codec_.stop(); }
  void on_peer_closed(bool reset) override;

 private:
  // ClientStream
  void send_head(const http::RequestHead& head, bool end_stream) override;
  void send_body(Buffer& body, bool end_stream) override;
  void send_trailers(const http::HeaderMap& trailers) override;
  void cancel() override;
  void read_disable(bool disable) override;
  void become_tunnel() override { codec_.become_tunnel(); }
  http::UpstreamInfo& info() override { return info_; }
  bool request_sent_any() const noexcept override { return sent_any_; }
  // http::H1ClientCodec::Events
  Arena& response_arena() override { return *arena_; }
  void on_informational(http::ResponseHead& head) override;
  void on_response_head(http::ResponseHead& head, bool end_stream) override;
  void on_response_body(Buffer& body, bool end_stream) override;
  void on_response_trailers(http::HeaderMap& trailers) override;
  void on_codec_error(const http::H1Error& error) override;

  void request_ended() noexcept;
  bool reusable() const noexcept;
  ClientStreamEvents* detach();
  void release(bool again);
  void fail(http::ResetReason reason, bool local);

  ClientConnection& connection_;
  http::H1ClientCodec codec_;
  http::UpstreamInfo info_;
  ClientStreamEvents* events_ = nullptr;
  Arena* arena_ = nullptr;
  unsigned pauses_ = 0;
  http::BodyFraming framing_ = http::BodyFraming::none;
  bool peer_closed_ = false, connect_ = false;
  bool raw_ = false;  // its bodies are a tunnel's bytes, of whatever method
  bool sent_any_ = false, request_ended_ = false;
};

}  // namespace outrigger::upstream
