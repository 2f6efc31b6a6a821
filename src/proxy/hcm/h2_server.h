// HTTP/2 on a downstream connection: many streams at a time. Owned by its Session; worker's thread.
#pragma once
#include <memory>
#include <vector>
#include "proxy/event/scaled_timers.h"
#include "proxy/hcm/session.h"
#include "proxy/http2/codec.h"
#include "proxy/http2/fields.h"
#include "proxy/http2/keepalive.h"

namespace outrigger::hcm {

class H2Server;

/// One stream of the connection. It outlives the hcm::Stream on it while its last bytes wait for the
/// client's window. Kept by the connection for reuse.
class H2ServerStream final : public http2::CodecStream, public Link, private Downstream {
 public:
  explicit H2ServerStream(H2Server& server);
  void begin();
  /// Ready for another stream.
  void clear();

 private:
  friend class H2Server;
  // Downstream
  void write_informational(const http::ResponseHead& head) override;
  void write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view connection) override;
  void write_body(Buffer& body, bool end_stream) override;
  void write_trailers(const http::HeaderMap& trailers) override;
  void become_tunnel() override { tunnel_ = true; }
  void pause_reading(bool pause) override;
  void close_after_response(bool) noexcept override {}
  bool closing() const noexcept override { return false; }
  bool tells_when_sent() noexcept override;
  void meter(http::ByteMeter& bytes) const override;
  void on_stream_done(Stream& s, bool request_complete, bool abort) override;
  void arm_flush_timeout();
  void on_timeout();
  void after_write();

  H2Server& server_;
  Stream* stream_ = nullptr;  // null: answered, or reset
  http::HeaderMap* trailers_ = nullptr;
  http::Framing framing_;
  TimePoint opened_{};
  bool head_seen_ = false, tunnel_ = false, body_allowed_ = true;
  bool reset_after_end_ = false;                                             // the request is not complete: it is not waited for
  event::ScaledAlarm<H2ServerStream, &H2ServerStream::on_timeout> timeout_;  // of the head; then of the last bytes
};

class H2Server final : public ServerProtocol, private http2::CodecEvents, private http2::KeepaliveOwner {
 public:
  explicit H2Server(Session& session);
  ~H2Server() override;
  // ServerProtocol
  http::Protocol protocol() const noexcept override { return http::Protocol::http2; }
  void feed(Buffer& in) override;
  bool wants_bytes(std::size_t) const noexcept override { return !dead_; }
  void fill_output() override;
  void on_written(std::size_t bytes) override;
  bool has_more() const noexcept override;
  void on_turn_end() override;
  void on_output_above() override {}  // bodies are put into the output only while it is short
  void on_output_below() override {}
  bool idle() const noexcept override { return open_streams_ == 0; }
  void stop() noexcept override { dead_ = true; }
  void on_gone(std::string_view details) override;
  void drain_notice() override;
  void drain() override;

 private:
  friend class H2ServerStream;
  // http2::CodecEvents
  http2::CodecStream* on_request_begin(std::int32_t id) override;
  void on_block_begin(http2::CodecStream& s) override;
  bool on_header(http2::CodecStream& s, std::string_view name, std::string_view value) override;
  void on_headers_end(http2::CodecStream& s, bool end_stream) override;
  void on_data(http2::CodecStream& s, Buffer& data, bool end_stream) override;
  void on_reset(http2::CodecStream& s, std::uint32_t code) override;
  void on_closed(http2::CodecStream& s, std::uint32_t code) override;
  void on_send_above(http2::CodecStream& s) override;
  void on_send_below(http2::CodecStream& s) override;
  void on_local_end(http2::CodecStream& s) override;
  void on_goaway(std::int32_t, std::uint32_t) override { client_goaway_ = true; }
  void on_ping_answer() override { keepalive_.on_answer(); }
  // http2::KeepaliveOwner
  void send_ping() override;
  void on_keepalive_timeout() override;

  void fail(std::string_view details);
  bool shed_load(Buffer& in);
  void count_premature(const H2ServerStream& s, const http::StreamInfo& info);

  Session& session_;
  const Config& config_;
  http2::Codec codec_;
  List<H2ServerStream> open_;
  std::vector<std::unique_ptr<H2ServerStream>> spare_;
  std::vector<H2ServerStream*> closed_;  // reused at the turn's end
  http2::Fields fields_;
  std::uint32_t open_streams_ = 0;
  std::uint64_t closed_count_ = 0, premature_ = 0;
  bool dead_ = false, too_many_resets_ = false, goaway_ = false;
  bool overload_goaway_ = false;  // the client was told to go elsewhere
  bool client_goaway_ = false;    // nothing more is read of it once its streams are over
  http2::KeepaliveClock keepalive_;
};

}  // namespace outrigger::hcm
