#include <algorithm>

#include "proxy/http/h1_parser.h"

namespace outrigger::http {

namespace {
constexpr std::size_t kLineMax = 4096;  // a chunk size line with its extensions
constexpr std::size_t kTrailerBytesMax = 60 * 1024;
constexpr std::uint32_t kTrailersMax = 100;
}  // namespace

/// A complete line from `in`, drained by the caller (line.size() + 1). CRLF is demanded: Envoy
/// refuses bare LF in chunk framing, which is where smuggling lives.
bool ChunkDecoder::take_line(Buffer& in, std::string_view& line, bool& error) {
  const std::size_t most = state_ == State::trailers ? kTrailerBytesMax : kLineMax;
  const auto have = in.linearize(std::min(in.size(), most + 2));
  const std::string_view text(have.data(), have.size());
  const std::size_t nl = text.find('\n', scanned_);
  if (nl == std::string_view::npos) {
    scanned_ = text.size();
    error = text.size() > most;
    return false;
  }
  scanned_ = 0;
  if (nl == 0 || text[nl - 1] != '\r') {
    error = true;
    return false;
  }
  line = text.substr(0, nl);  // with the CR
  return true;
}

bool ChunkDecoder::parse_size(std::string_view line) noexcept {
  left_ = 0;
  std::size_t i = 0;
  for (; i < line.size(); ++i) {
    const char c = line[i];
    unsigned d;
    if (c >= '0' && c <= '9')
      d = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      d = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      d = static_cast<unsigned>(c - 'A') + 10;
    else
      break;
    if (i >= 15) return false;
    left_ = left_ * 16 + d;
  }
  if (i == 0) return false;
  while (i < line.size() && (line[i] == ' ' || line[i] == '\t')) ++i;
  return i == line.size() || (line[i] == ';' && is_field_value(line.substr(i)));
}

ChunkDecoder::Status ChunkDecoder::feed(Buffer& in, Buffer& out, Arena& arena, HeaderMap* trailers) {
  while (!in.empty()) {
    if (state_ == State::data) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
      out.move_from(in, n);
      left_ -= n;
      if (left_ == 0) state_ = State::data_end;
      continue;
    }
    std::string_view line;
    bool error = false;
    if (!take_line(in, line, error)) return error ? Status::error : Status::more;
    const std::size_t used = line.size() + 1;
    line.remove_suffix(1);
    if (state_ == State::size_line) {
      if (!parse_size(line)) return Status::error;
      state_ = left_ == 0 ? State::trailers : State::data;
    } else if (state_ == State::data_end) {
      if (!line.empty()) return Status::error;
      state_ = State::size_line;
    } else if (line.empty()) {
      in.drain(used);
      return Status::done;
    } else {
      trailer_bytes_ += used;
      const std::size_t colon = line.find(':');
      if (colon == 0 || colon == std::string_view::npos || trailer_bytes_ > kTrailerBytesMax || ++trailer_count_ > kTrailersMax)
        return Status::error;
      std::string_view value = line.substr(colon + 1);
      while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
      while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
      if (!is_field_value(value)) return Status::error;
      auto name = arena.copy(line.substr(0, colon));
      for (char& c : std::span(const_cast<char*>(name.data()), name.size())) {
        if (!is_token_char(static_cast<unsigned char>(c))) return Status::error;
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      }
      if (trailers != nullptr) trailers->add(name, arena.copy(value));
    }
    in.drain(used);
  }
  return Status::more;
}

}  // namespace outrigger::http
