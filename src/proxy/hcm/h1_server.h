// HTTP/1 on a downstream connection: reads requests, one stream at a time, writes responses. Owned by
// its Session; worker's thread.
#pragma once
#include "proxy/event/timers.h"
#include "proxy/hcm/session.h"
#include "proxy/http/h1_codec.h"

namespace outrigger::hcm {

class H1Server final : public ServerProtocol, private Downstream, private http::H1ServerCodec::Events {
 public:
  explicit H1Server(Session& session);
  ~H1Server() override;
  // ServerProtocol
  http::Protocol protocol() const noexcept override { return http::Protocol::http11; }
  void feed(Buffer& in) override;
  bool wants_bytes(std::size_t waiting) const noexcept override;
  void on_turn_end() override;
  void on_output_above() override;
  void on_output_below() override;
  bool idle() const noexcept override { return stream_ == nullptr; }
  void stop() noexcept override;
  void on_gone(std::string_view details) override;
  bool close_after_next() noexcept override { return last_next_ = true; }
  void drain_notice() override { draining_ = true; }
  void drain() override;

 private:
  // Downstream
  void write_informational(const http::ResponseHead& head) override;
  void write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view connection) override;
  void write_body(Buffer& body, bool end_stream) override;
  void write_trailers(const http::HeaderMap& trailers) override;
  void become_tunnel() override;
  void pause_reading(bool pause) override;
  void close_after_response(bool linger) noexcept override;
  bool closing() const noexcept override { return closing_ || draining_; }
  void meter(http::ByteMeter& bytes) const override;
  void on_stream_done(Stream& s, bool request_complete, bool abort) override;
  // http::H1ServerCodec::Events
  http::RequestHead& on_request_start() override;
  void on_request_head(const http::Framing& framing, bool end_stream) override;
  void on_request_body(Buffer& body, bool end_stream) override;
  void on_request_trailers(http::HeaderMap& trailers) override;
  void on_codec_error(const http::H1Error& error) override;

  void on_headers_timeout();
  void refuse_flood();
  void abort_for_overload(Buffer& in);
  void begin_stream();

  Session& session_;
  const Config& config_;
  http::H1ServerCodec codec_;
  Stream* stream_ = nullptr;
  std::uint64_t sent_ = 0, header_sent_ = 0;  // of the running response
  std::uint32_t pauses_ = 0;
  http::BodyFraming framing_ = http::BodyFraming::none;
  bool draining_ = false;                // responses say so; requests are served until drain()
  std::uint64_t response_ends_[2] = {};  // of the last two, among the bytes put out: the older first
  bool closing_ = false, linger_ = false, tunnel_ = false;
  bool responding_ = false;    // the head of the response is written
  bool drained_ = false;       // no further request is served
  bool last_next_ = false;     // the next request is the connection's last
  bool next_request_ = false;  // the turn's end starts the next request
  event::Alarm<H1Server, &H1Server::on_headers_timeout> headers_timeout_;
};

}  // namespace outrigger::hcm
