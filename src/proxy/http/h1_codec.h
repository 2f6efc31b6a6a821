// The two HTTP/1 sides as sans-I/O machines: bytes in, events out. Owned by a session, on its
// worker. Writing is h1_writer's. Events may end the session's stream but not destroy the codec.
#pragma once
#include "proxy/http/h1_parser.h"

namespace outrigger::http {

/// Server side: reads requests. One at a time: after a complete request feed() stops until
/// next_request(), which keeps pipelined requests in order.
class H1ServerCodec {
 public:
  class Events {
   public:
    /// A head is complete: a fresh head in the new stream's arena.
    virtual RequestHead& on_request_start() = 0;
    virtual void on_request_head(const Framing& framing, bool end_stream) = 0;
    virtual void on_request_body(Buffer& body, bool end_stream) = 0;
    virtual void on_request_trailers(HeaderMap& trailers) = 0;
    /// Nothing more is read from this connection.
    virtual void on_codec_error(const H1Error& error) = 0;

   protected:
    ~Events() = default;
  };

  explicit H1ServerCodec(const Http1Options& o) noexcept : options_(o) {}
  void feed(Buffer& in, Events& events);
  void next_request() noexcept;
  /// From now on all bytes are body (websocket, CONNECT).
  void become_tunnel() noexcept { state_ = State::tunnel; }
  void stop() noexcept { state_ = State::dead; }
  bool stopped() const noexcept { return state_ == State::dead; }
  bool between_requests() const noexcept { return state_ == State::head; }
  bool request_complete() const noexcept { return state_ == State::complete; }
  /// Of the message being read, as far as it was read.
  std::uint64_t message_bytes() const noexcept { return message_bytes_; }

 private:
  enum class State : std::uint8_t { head, length, chunked, complete, tunnel, dead } state_ = State::head;
  bool read_head(Buffer& in, Events& events);
  void read_chunks(Buffer& in, Events& events);
  void fail(Events& events, const H1Error& e);
  const Http1Options& options_;
  RequestHead* head_ = nullptr;
  std::uint64_t left_ = 0, message_bytes_ = 0;
  std::size_t scanned_ = 0;
  HeaderMap* trailers_ = nullptr;  // of the message being read, in its arena
  ChunkDecoder chunks_;
};

/// Client side: reads responses to one request at a time.
class H1ClientCodec {
 public:
  class Events {
   public:
    virtual Arena& response_arena() = 0;
    virtual void on_informational(ResponseHead& head) = 0;
    virtual void on_response_head(ResponseHead& head, bool end_stream) = 0;
    virtual void on_response_body(Buffer& body, bool end_stream) = 0;
    virtual void on_response_trailers(HeaderMap& trailers) = 0;
    virtual void on_codec_error(const H1Error& error) = 0;

   protected:
    ~Events() = default;
  };

  explicit H1ClientCodec(const Http1Options& o) noexcept : options_(o) {}
  /// A request is about to be sent; `method` must live until the response is complete. Only the answer
  /// to an `upgrade` may be 101.
  void expect_response(std::string_view method, bool upgrade) noexcept;
  void feed(Buffer& in, Events& events);
  /// The peer closed: ends an until_close body; true when the response is complete with that.
  bool feed_eof(Events& events);
  void become_tunnel() noexcept { state_ = State::tunnel; }
  void stop() noexcept { state_ = State::dead; }
  bool idle() const noexcept { return state_ == State::idle; }
  bool is_tunnel() const noexcept { return state_ == State::tunnel; }
  bool head_seen() const noexcept { return state_ != State::head && state_ != State::idle; }
  /// After a complete response: may the connection serve another request?
  bool keep_alive() const noexcept { return keep_alive_; }

 private:
  enum class State : std::uint8_t { idle, head, length, chunked, until_close, tunnel, dead } state_ = State::idle;
  bool read_head(Buffer& in, Events& events);
  void finish() noexcept;
  void fail(Events& events, const H1Error& e);
  const Http1Options& options_;
  std::string_view method_;
  std::uint64_t left_ = 0;
  std::size_t scanned_ = 0;
  std::uint32_t informational_ = 0;
  bool keep_alive_ = true, upgrade_ = false;
  HeaderMap* trailers_ = nullptr;  // of the message being read, in its arena
  ChunkDecoder chunks_;
};

}  // namespace outrigger::http
