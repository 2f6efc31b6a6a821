// HTTP/2 on an upstream connection: many requests at a time. Owned by its ClientConnection; worker's
// thread.
#pragma once
#include <memory>
#include <vector>
#include "proxy/http2/codec.h"
#include "proxy/http2/fields.h"
#include "proxy/http2/keepalive.h"
#include "proxy/upstream/client_connection.h"

namespace outrigger::upstream {

class H2Client;

/// One request. Kept by the connection for reuse.
class H2ClientStream final : public http2::CodecStream, public Link, private ClientStream {
 public:
  explicit H2ClientStream(H2Client& client);
  /// Ready for another request.
  void clear();

 private:
  friend class H2Client;
  // ClientStream
  void send_head(const http::RequestHead& head, bool end_stream) override;
  void send_body(Buffer& body, bool end_stream) override;
  void send_trailers(const http::HeaderMap& trailers) override;
  void cancel() override;
  void read_disable(bool disable) override;
  void become_tunnel() override {}
  http::UpstreamInfo& info() override { return info_; }
  bool request_sent_any() const noexcept override { return wire_sent > 0; }

  void after_write();
  ClientStreamEvents* detach();
  /// Its response ends: does it stay for what is still to be sent?
  bool stays() noexcept { return answered_ = sends_on_ && !send_end && !reset_sent; }

  H2Client& client_;
  ClientStreamEvents* events_ = nullptr;  // null: answered, reset or cancelled
  Arena* arena_ = nullptr;
  http::ResponseHead* head_ = nullptr;
  http::HeaderMap* trailers_ = nullptr;
  std::string_view upgrade_;
  http::UpstreamInfo info_;
  bool head_seen_ = false;
  bool sends_on_ = false;  // after the response too ...
  bool answered_ = false;  // ... which has ended
};

class H2Client final : public ClientProtocol, private http2::CodecEvents, private http2::KeepaliveOwner {
 public:
  explicit H2Client(ClientConnection& connection);
  ~H2Client() override;
  // ClientProtocol
  http::Protocol protocol() const noexcept override { return http::Protocol::http2; }
  void attach(PoolWaiter& w) override;
  void feed(Buffer& in) override;
  bool wants_bytes() const noexcept override { return !dead_; }
  void fill_output() override;
  bool has_more() const noexcept override { return !dead_ && codec_.wants_write(); }
  void on_bytes_sent(std::size_t bytes) noexcept override { codec_.on_written(bytes); }
  void on_bytes_received(std::size_t) noexcept override {}
  void on_output_above() override {}  // bodies are put into the output only while it is short
  void on_output_below() override {}
  std::uint32_t active() const noexcept override { return active_; }
  std::uint32_t room() const noexcept override;
  void stop() noexcept override;
  void on_peer_closed(bool reset) override;

 private:
  friend class H2ClientStream;
  // http2::CodecEvents
  http2::CodecStream* on_request_begin(std::int32_t) override { return nullptr; }
  void on_block_begin(http2::CodecStream& s) override;
  bool on_header(http2::CodecStream& s, std::string_view name, std::string_view value) override;
  void on_headers_end(http2::CodecStream& s, bool end_stream) override;
  void on_data(http2::CodecStream& s, Buffer& data, bool end_stream) override;
  void on_reset(http2::CodecStream& s, std::uint32_t code) override;
  void on_closed(http2::CodecStream& s, std::uint32_t code) override;
  void on_send_above(http2::CodecStream& s) override;
  void on_send_below(http2::CodecStream& s) override;
  void on_local_end(http2::CodecStream& s) override;
  void on_goaway(std::int32_t last_id, std::uint32_t code) override;
  void on_ping_answer() override { keepalive_.on_answer(); }
  // http2::KeepaliveOwner
  void send_ping() override;
  void on_keepalive_timeout() override;

  void finish(H2ClientStream& s);
  void end_reset(H2ClientStream& s, ClientStreamEvents* e, std::uint32_t code);
  void fail(http::ResetReason reason, std::string_view detail, bool local);
  void reuse_closed();

  ClientConnection& connection_;
  http2::Codec codec_;
  List<H2ClientStream> open_;
  std::vector<std::unique_ptr<H2ClientStream>> spare_;
  std::vector<H2ClientStream*> closed_;  // reused when nobody is on the stack
  http2::Fields fields_;
  std::uint32_t active_ = 0;  // requests with a receiver
  TimePoint last_stream_{};
  bool dead_ = false, feeding_ = false;
  http2::KeepaliveClock keepalive_;
};

}  // namespace outrigger::upstream
