// HTTP/1 grammar (RFC 9112) as Envoy 1.40 accepts it: heads parsed in place (names lower-cased as
// they are validated), chunked bodies decoded as they come. Pure: no I/O, no state beyond the
// objects given. This is the attack surface: fuzzed, and compared with the real Envoy.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#include "proxy/buffer/buffer.h"
#include "proxy/http/codec_options.h"
#include "proxy/http/message.h"

namespace outrigger::http {

/// status 0: no error. `detail` and `body` are static strings.
struct H1Error {
  std::uint16_t status = 0;
  std::string_view body, detail;
  explicit operator bool() const noexcept { return status != 0; }
};

inline constexpr std::string_view kUnderscoreDetail = "http1.unexpected_underscore";
inline constexpr H1Error kHeadersTooLarge{431, "Request Header Fields Too Large", "http1.headers_too_large"};

/// How the body is delimited, and what the head says of the connection.
struct Framing {
  enum Kind : std::uint8_t { none, length, chunked, until_close } kind = none;
  std::uint64_t bytes = 0;
  bool keep_alive = true;
  bool upgrade = false;  // connection: upgrade with an upgrade header
  bool expect_continue = false;
  std::uint32_t dropped_underscores = 0;  // fields left out for their names
};

/// Size of the complete head at the front of `data`, 0 when its end is not there yet. `scanned`
/// remembers how far was looked, so that a head arriving in drips is not rescanned.
std::size_t find_head_end(std::string_view data, std::size_t& scanned) noexcept;

/// Size of an HTTP/0.9 request ("GET /", no version, no header fields) at the front of `data`; 0: it is none.
/// `any_method`: its method may be one nobody knows.
std::size_t find_simple_request(std::string_view data, bool any_method = false) noexcept;

/// `text` is the complete head, in memory that lives as long as the head.
H1Error parse_request_head(char* text, std::size_t size, const Http1Options& o, RequestHead& head, Framing& framing);
/// `request_method`: a response to HEAD or a 2xx to CONNECT has no body.
H1Error parse_response_head(char* text, std::size_t size, const Http1Options& o, std::string_view request_method,
                            ResponseHead& head, Framing& framing);

/// `text` ends with the empty line. `trailers` null: their form is checked, no more.
H1Error parse_trailers(char* text, std::size_t size, const Http1Options& o, HeaderMap* trailers);

/// Decodes a chunked body (RFC 9112, 7.1). Keeps nothing but the trailers, which have a maximum size.
class ChunkDecoder {
 public:
  enum class Status : std::uint8_t { more, done, error };
  /// Moves payload from `in` to `out`; stops after the last chunk and its trailers. Trailer text is
  /// kept in `arena`; `trailers` null: they are dropped.
  Status feed(Buffer& in, Buffer& out, const Http1Options& o, Arena& arena, HeaderMap* trailers);
  const H1Error& error() const noexcept { return error_; }
  /// The size of the last chunk was read: all payload is there.
  bool payload_complete() const noexcept { return state_ == State::trailers || (digits_ && left_ == 0 && state_ != State::size); }
  void reset() noexcept { *this = ChunkDecoder(); }

 private:
  enum class State : std::uint8_t { size, extension, size_lf, data, data_cr, data_lf, trailers } state_ = State::size;
  bool step(char c) noexcept;
  Status fail(const H1Error& e) noexcept;
  Status read_trailers(Buffer& in, const Http1Options& o, Arena& arena, HeaderMap* trailers);
  std::uint64_t left_ = 0;
  std::size_t scanned_ = 0;
  bool digits_ = false;
  H1Error error_;
};

/// A method, the name of a field (RFC 9110, 5.6.2); in either case.
bool is_token(std::string_view s) noexcept;
/// Valid field value (RFC 9110, 5.5; obs-text allowed).
bool is_field_value(std::string_view v) noexcept;
/// As a value that configs and services name, and that is no worse than odd: nothing in it ends the line.
bool can_be_value(std::string_view v) noexcept;
/// Are these the characters that Envoy takes in a Host or :authority? (RFC 3986, 3.2, and more)
bool is_authority(std::string_view v) noexcept;
/// Does the comma-separated list hold the word (given in lower case)?
bool list_has(std::string_view list, std::string_view lower_word) noexcept;
bool equals_ignore_case(std::string_view a, std::string_view lower) noexcept;

}  // namespace outrigger::http
