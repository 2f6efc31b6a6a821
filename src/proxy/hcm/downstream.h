// How a stream and its connection talk to the protocol between them: HTTP/1 carries one stream at a
// time, HTTP/2 many. Worker's thread.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/buffer/buffer.h"
#include "proxy/http/h1_writer.h"
#include "proxy/http/message.h"
#include "proxy/http/stream_info.h"

namespace outrigger::hcm {

class Stream;

/// Where one stream's response goes.
class Downstream {
 public:
  virtual void write_informational(const http::ResponseHead& head) = 0;
  /// `connection`: the value of a connection header to add (HTTP/1 only).
  virtual void write_head(const http::ResponseHead& head, bool end_stream, http::BodyRule body, std::string_view connection) = 0;
  virtual void write_body(Buffer& body, bool end_stream) = 0;
  virtual void write_trailers(const http::HeaderMap& trailers) = 0;
  /// From now on both directions are raw bytes.
  virtual void become_tunnel() = 0;
  /// Counted: reading goes on when every pause was taken back.
  virtual void pause_reading(bool pause) = 0;
  /// The connection closes once the running response is written; with `linger` not before the client
  /// had time to read it, as after a request that was not read to its end. HTTP/2 goes on.
  virtual void close_after_response(bool linger = false) noexcept = 0;
  virtual bool closing() const noexcept = 0;
  /// The response was given whole. True: Stream::on_response_sent() follows when its last byte is in the output.
  virtual bool tells_when_sent() noexcept { return false; }
  /// Tells what went over the wire for the stream so far. Before it is logged.
  virtual void meter(http::ByteMeter& bytes) const = 0;
  /// The response ended (or never will, with `abort`). The stream is recycled at the turn's end.
  virtual void on_stream_done(Stream& s, bool request_complete, bool abort) = 0;

 protected:
  ~Downstream() = default;
};

/// One protocol on a connection; owned by its Session.
class ServerProtocol {
 public:
  virtual ~ServerProtocol() = default;
  virtual http::Protocol protocol() const noexcept = 0;
  virtual void feed(Buffer& in) = 0;
  /// May more be read while `waiting` bytes wait for feed()?
  virtual bool wants_bytes(std::size_t waiting) const noexcept = 0;
  /// Puts what is ready to go into the session's output.
  virtual void fill_output() {}
  /// The socket took bytes of the output.
  virtual void on_written(std::size_t) {}
  /// There was more than fill_output() put into it at once.
  virtual bool has_more() const noexcept { return false; }
  /// After the turn's flush.
  virtual void on_turn_end() {}
  /// The session's output rose above its limit, and fell below half of it again.
  virtual void on_output_above() = 0;
  virtual void on_output_below() = 0;
  /// No request is running or half read.
  virtual bool idle() const noexcept = 0;
  /// Nothing more is read.
  virtual void stop() noexcept = 0;
  /// The connection is gone: what is running ends. `details`: why, for its log.
  virtual void on_gone(std::string_view details) = 0;
  /// The connection ends with the next request that begins. False: this protocol has another way to end.
  virtual bool close_after_next() noexcept { return false; }
  /// drain() will follow: what is answered until then says so.
  virtual void drain_notice() = 0;
  /// The connection has to end soon: requests under way are finished first.
  virtual void drain() = 0;
};

}  // namespace outrigger::hcm
