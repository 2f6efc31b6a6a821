// One downstream HTTP/1 connection: reads requests, one stream at a time, writes responses. Owned
// by its listener (net::ConnectionOwner), on one worker.
#pragma once
#include <memory>
#include "proxy/event/loop.h"
#include "proxy/hcm/config.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/hcm/stream.h"
#include "proxy/hcm/worker.h"
#include "proxy/http/h1_codec.h"
#include "proxy/http/h1_writer.h"
#include "proxy/net/connection.h"
#include "proxy/net/transport.h"

namespace outrigger::hcm {

class Session final : public net::Connection,
                      private net::TransportEvents,
                      private http::H1ServerCodec::Events,
                      private event::Deferred {
 public:
  Session(Worker& worker, ConfigPtr config, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
          ListenerContext listener, net::ConnectionOwner& owner);
  ~Session() override;
  void start() override;
  TimePoint started_at() const noexcept override { return info_.start; }
  void close_now() override;
  void start_drain() override;

  // For the stream.
  Worker& worker() noexcept { return worker_; }
  const ConfigPtr& config() const noexcept { return config_; }
  http::ConnectionInfo& info() noexcept { return info_; }
  const ListenerContext& listener() const noexcept { return listener_; }
  void write_informational(const http::ResponseHead& head);
  void write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view connection);
  void write_body(Buffer& body, bool end_stream);
  void write_trailers(const http::HeaderMap& trailers);
  /// From now on both directions are raw bytes.
  void become_tunnel() {
    codec_.become_tunnel();
    tunnel_ = true;
  }
  void pause_reading(bool pause);
  std::size_t output_bytes() const noexcept { return out_.size(); }
  /// The connection closes once the running response is written; with `linger` not before the client
  /// had time to read it, as after a request that was not read to its end.
  void close_after_response(bool linger = false) noexcept {
    closing_ = true;
    linger_ = linger_ || linger;
  }
  bool closing() const noexcept { return closing_; }
  bool drain_requested() noexcept;
  /// The response ended (or never will, with `abort`). The stream is recycled at the turn's end.
  void on_stream_done(Stream& s, bool request_complete, bool abort);
  std::uint32_t requests_seen() const noexcept { return requests_; }

 private:
  enum class State : std::uint8_t { open, flushing, delaying, closed };
  // net::TransportEvents
  void on_readable() override;
  void on_writable() override;
  // http::H1ServerCodec::Events
  http::RequestHead& on_request_start() override;
  void on_request_head(const http::Framing& framing, bool end_stream) override;
  void on_request_body(Buffer& body, bool end_stream) override;
  void on_request_trailers(http::HeaderMap& trailers) override;
  void on_codec_error(const http::H1Error& error) override;
  // event::Deferred
  void run_deferred() override;

  void read_loop();
  void feed();
  void schedule_flush();
  void flush();
  void check_watermarks();
  void begin_close(bool delay);
  void finish_close(bool by_remote, bool reset = false);
  void on_remote_gone(bool reset);
  void on_idle();
  void on_delayed_close();
  void on_max_duration();
  void on_headers_timeout();
  Stream& new_stream();
  bool reading_allowed() const noexcept;

  Worker& worker_;
  ConfigPtr config_;
  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  ListenerContext listener_;
  net::ConnectionOwner& owner_;
  http::H1ServerCodec codec_;
  Buffer in_, out_;
  Stream* stream_ = nullptr;
  std::uint32_t requests_ = 0;
  std::uint32_t pauses_ = 0;
  State state_ = State::open;
  http::BodyFraming framing_ = http::BodyFraming::none;
  bool readable_ = false, in_read_loop_ = false, above_ = false, closing_ = false, linger_ = false, tunnel_ = false;
  bool next_request_ = false;  // the turn's end starts the next request
  bool saw_eof_ = false;
  event::Alarm<Session, &Session::on_idle> idle_;
  event::Alarm<Session, &Session::on_delayed_close> delayed_close_;
  event::Alarm<Session, &Session::on_max_duration> max_duration_;
  event::Alarm<Session, &Session::on_headers_timeout> headers_timeout_;
};

}  // namespace outrigger::hcm
