// HTTP/2 framing (RFC 9113) of one connection on nghttp2, for either side: bytes in, events out, and
// the queues of what is to be sent. No I/O. Owned by a server or client connection, on its worker.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include "proxy/buffer/buffer.h"
#include "proxy/http/message.h"
#include "proxy/http2/flood.h"
#include "proxy/http2/frame_cursor.h"
#include "proxy/http2/options.h"
#include "proxy/http2/past_streams.h"
#include "proxy/stats/cells.h"
#include "proxy/stats/names.h"

struct nghttp2_session;

namespace outrigger::http2 {

class Codec;

/// One stream as the codec sees it; the base of what a connection keeps for it. Lives until on_closed.
struct CodecStream {
  std::int32_t id = 0;
  Buffer send;                 // waits for the peer's windows
  Buffer received;             // of the frame being read
  std::size_t unconsumed = 0;  // received bytes for which no window was given back, while paused
  std::uint32_t pauses = 0;
  std::uint32_t header_count = 0;
  std::size_t header_bytes = 0;
  std::uint64_t wire_sent = 0, wire_received = 0;  // frames of this stream
  std::uint64_t header_wire_sent = 0, header_wire_received = 0;
  std::string trailers;  // packed; keeps its capacity
  bool has_trailers = false;
  bool send_end = false;       // nothing follows `send` but trailers
  bool starved = false;        // nothing to send: nghttp2 asks again when told to
  bool local_closed = false;   // END_STREAM was put into the output
  bool remote_closed = false;  // END_STREAM was received
  bool remote_reset = false;   // RST_STREAM was received
  bool reset_sent = false;
  bool above = false;        // `send` is over the limit
  std::string_view details;  // what was wrong with it; static

  /// As new, for another stream.
  void reset_state();
};

/// A name and a value for the wire; strings live until the output is filled next.
struct Field {
  std::string_view name, value;
  bool unique = false;  // no other message has this value: not worth a place in the peer's table
};

class CodecEvents {
 public:
  /// Server: a request begins. Null refuses it.
  virtual CodecStream* on_request_begin(std::int32_t id) = 0;
  /// Trailers begin or, for a client, any head.
  virtual void on_block_begin(CodecStream& s) = 0;
  /// False: the stream is reset (INTERNAL_ERROR).
  virtual bool on_header(CodecStream& s, std::string_view name, std::string_view value) = 0;
  virtual void on_headers_end(CodecStream& s, bool end_stream) = 0;
  virtual void on_data(CodecStream& s, Buffer& data, bool end_stream) = 0;
  /// RST_STREAM came.
  virtual void on_reset(CodecStream& s, std::uint32_t code) = 0;
  /// The stream is over, in whichever way; free it.
  virtual void on_closed(CodecStream& s, std::uint32_t code) = 0;
  /// What is queued for the stream rose above the limit given to Codec, or fell below half of it.
  virtual void on_send_above(CodecStream& s) = 0;
  virtual void on_send_below(CodecStream& s) = 0;
  /// The last frame of our side left.
  virtual void on_local_end(CodecStream& s) = 0;
  virtual void on_goaway(std::int32_t last_id, std::uint32_t code) = 0;
  virtual void on_settings() {}
  virtual void on_ping_answer() {}

 protected:
  ~CodecEvents() = default;
};

/// Why the connection can't go on.
struct Failure {
  bool flood = false;
  std::string_view details = "The_user_callback_function_failed";  // static; as nghttp2 words most
};

class Codec {
 public:
  enum class Side : std::uint8_t { server, client };
  /// `send_limit`: bytes of one stream that may wait before on_send_above; 0: any number.
  Codec(Side side, const Options& options, stats::Cells& cells, stats::BlockHandle stats, CodecEvents& events,
        std::size_t send_limit);
  ~Codec();
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;

  /// False: the connection is to be closed, see failure(); nothing more is put into the output.
  bool feed(Buffer& in);
  /// Within feed(): nothing more is read, it returns false.
  void give_up() noexcept;
  /// Moves what can go into `out`, bodies only while it is short. False as feed().
  bool fill(Buffer& out);
  /// The socket took bytes of the output.
  void on_written(std::size_t bytes) noexcept;
  const Failure& failure() const noexcept { return failure_; }

  /// Response head; `end_stream`: nothing follows.
  void submit_response(CodecStream& s, std::span<const Field> fields, bool end_stream);
  void submit_informational(CodecStream& s, std::span<const Field> fields);
  /// Client: opens the stream and gives it its id. False: the connection has no ids left.
  bool submit_request(CodecStream& s, std::span<const Field> fields, bool end_stream);
  void send_body(CodecStream& s, Buffer& body, bool end_stream);
  void send_trailers(CodecStream& s, std::span<const Field> fields);
  void reset(CodecStream& s, std::uint32_t code);
  /// Window for received bytes is given back, or held while paused.
  void pause(CodecStream& s, bool pause);
  void submit_ping();
  /// Graceful end: first the notice, later (finish) the last id that is served.
  void submit_goaway(bool notice);
  /// A GOAWAY that tells of an error is out: the connection ends.
  bool error_sent() const noexcept { return closing_; }
  bool wants_write() const noexcept;
  std::uint32_t peer_streams_max() const noexcept;

 private:
  struct Callbacks;
  struct Deleter {
    void operator()(nghttp2_session* s) const noexcept;
  };
  void count_stream() noexcept;
  int on_inbound_frame(std::uint8_t type, std::uint8_t flags, std::int32_t id, std::size_t bytes) noexcept;
  int on_flood(Flood f) noexcept;
  int malformed(CodecStream& s) noexcept;
  bool receive(std::string_view run);
  bool receive_checked(std::string_view run);
  void on_past_stream(std::uint8_t type, std::int32_t id) noexcept;
  int fail() noexcept;
  void deliver(CodecStream& s, bool end_stream);
  void submit_packed_trailers(CodecStream& s);
  CodecStream* stream(std::int32_t id) noexcept;
  void below(CodecStream& s);

  Side side_;
  const Options& options_;
  stats::Cells& cells_;
  stats::BlockHandle stats_;
  CodecEvents& events_;
  std::size_t send_limit_;
  FloodGuard guard_;
  PastStreams past_;  // of a server, as the next
  FrameCursor cursor_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  Buffer* in_ = nullptr;   // during feed()
  Buffer* out_ = nullptr;  // during fill()
  std::uint64_t output_total_ = 0, output_done_ = 0;
  std::uint64_t streams_ = 0;           // open ones
  Flood outbound_flood_ = Flood::none;  // seen while the output was filled
  std::size_t block_wire_ = 0;          // of the header block being read
  std::int32_t found_id_ = 0;           // what stream() found last: frames of a stream come together
  CodecStream* found_ = nullptr;
  Failure failure_;
  bool failed_ = false, closing_ = false;
};

}  // namespace outrigger::http2
