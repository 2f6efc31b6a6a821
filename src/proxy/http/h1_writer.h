// Writes HTTP/1 heads and body framing into a Buffer, in one contiguous run where it fits.
#pragma once
#include <cstdint>
#include <string_view>
#include "proxy/buffer/buffer.h"
#include "proxy/http/codec_options.h"
#include "proxy/http/message.h"

namespace outrigger::http {

/// How the body that follows is delimited on this side.
enum class BodyFraming : std::uint8_t { none, length, chunked, until_close, tunnel };

struct WriteOptions {
  HeaderCase header_case = HeaderCase::lower;
  bool enable_trailers = false;
  std::string_view connection;  // value of a connection header to add; empty: none
  bool full_url = false;        // the request line has the whole URL
};

/// Returns the framing chosen: the content-length in the head, else chunked (unless end_stream).
BodyFraming write_request_head(const RequestHead& head, bool end_stream, const WriteOptions& o, Buffer& out);
/// What may follow the head of a response: nothing for its status (1xx, 204, 304) or for its request (HEAD);
/// raw bytes after an upgrade.
enum class BodyRule : std::uint8_t { any, bodiless_status, head_request, tunnel };
/// HTTP/1.0 clients get until_close instead of chunked.
BodyFraming write_response_head(const ResponseHead& head, bool end_stream, BodyRule body, Protocol client, const WriteOptions& o,
                                Buffer& out);
/// Moves `body` behind its chunk frame; at the end adds the last chunk.
void write_body(BodyFraming framing, Buffer& body, bool end_stream, Buffer& out);
void write_trailers(BodyFraming framing, const HeaderMap& trailers, const WriteOptions& o, Buffer& out);

}  // namespace outrigger::http
