#include <algorithm>
#include <cstring>

#include "proxy/base/percent.h"
#include "proxy/http/h1_parser.h"

namespace outrigger::http {

namespace {
constexpr H1Error kBadChunk{400, "Bad Request", "http1.codec_error"};
}  // namespace

/// One byte that is not payload. CRLF is demanded: Envoy refuses bare LF behind a size, and what it skips
/// behind a chunk is where neighbours disagree. False: not a chunked body.
bool ChunkDecoder::step(char c) noexcept {
  switch (state_) {
    case State::size: {
      if (const int digit = hex_digit(c); digit >= 0) {
        if (left_ >> 60 != 0) return false;
        left_ = left_ * 16 + static_cast<unsigned>(digit);
        digits_ = true;
        return true;
      }
      state_ = c == '\r' ? State::size_lf : State::extension;
      return digits_ && (c == '\r' || c == ';' || c == ' ' || c == '\t');
    }
    case State::extension:
      if (c == '\r') state_ = State::size_lf;
      return c != '\n';
    case State::size_lf:
      state_ = left_ == 0 ? State::trailers : State::data;
      digits_ = false;
      return c == '\n';
    case State::data_cr: state_ = State::data_lf; return c == '\r';
    case State::data_lf: state_ = State::size; return c == '\n';
    case State::data:
    case State::trailers: break;
  }
  return false;
}

ChunkDecoder::Status ChunkDecoder::fail(const H1Error& e) noexcept {
  error_ = e;
  return Status::error;
}

/// All of them at once: a section has the same maximum size as a head.
ChunkDecoder::Status ChunkDecoder::read_trailers(Buffer& in, const Http1Options& o, Arena& arena, HeaderMap* trailers) {
  const std::size_t most = std::size_t{o.headers_kb_max} * 1024;
  const auto have = in.linearize(std::min(in.size(), most + 1));
  const std::string_view text(have.data(), have.size());
  const std::size_t size = text.starts_with('\n') ? 1 : text.starts_with("\r\n") ? 2 : find_head_end(text, scanned_);
  if (size > most || (size == 0 && text.size() > most)) return fail(kHeadersTooLarge);
  if (size == 0) return Status::more;
  if (size > 2) {
    auto* copy = static_cast<char*>(arena.allocate(size, 1));
    std::memcpy(copy, have.data(), size);
    if (const H1Error e = parse_trailers(copy, size, o, trailers)) return fail(e);
  }
  in.drain(size);
  return Status::done;
}

ChunkDecoder::Status ChunkDecoder::feed(Buffer& in, Buffer& out, const Http1Options& o, Arena& arena, HeaderMap* trailers) {
  while (!in.empty()) {
    if (state_ == State::trailers) return read_trailers(in, o, arena, trailers);
    if (state_ == State::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
      out.move_from(in, n);
      left_ -= n;
      if (left_ == 0) state_ = State::data_cr;
      continue;
    }
    const std::string_view text = in.front();
    std::size_t used = 0;
    while (used < text.size() && state_ != State::data && state_ != State::trailers)
      if (!step(text[used++])) return fail(kBadChunk);
    in.drain(used);
  }
  return Status::more;
}

}  // namespace outrigger::http
