// HTTP/2 frames on both sides of the codec. The first byte says which side reads, with which options, and how the
// bytes are cut into reads: what comes out must not depend on it. Then again with answers in between.
#include <algorithm>
#include <cstdint>

#include "fuzz/check.h"
#include "support/http2.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using test::Http2Peer;

struct Run {
  http2::Options options;
  Http2Peer::Side side = Http2Peer::Side::server;

  void open(Http2Peer& p) const {
    if (side == Http2Peer::Side::server) return;
    p.request();
    auto& s = p.request({}, false);
    p.send(s, "body", false);
    p.write();
  }
  /// Reads it all; answers nothing before.
  std::string read(std::string_view bytes, std::size_t step) const {
    Http2Peer p(side, options);
    open(p);
    bool ok = true;
    for (; ok && !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) ok = p.read(bytes.substr(0, step));
    check(p.stat("streams_active") == p.streams.size());
    const std::string log = p.take_log() + (ok ? "" : "|failed");
    p.write();
    p.codec.reset();
    check(p.stat("streams_active") == 0);
    return log;
  }
  /// Answers and pauses as it goes.
  void converse(std::string_view bytes, std::size_t step) const {
    Http2Peer p(side, options, 1000);
    open(p);
    for (unsigned turn = 0; !bytes.empty(); ++turn, bytes.remove_prefix(std::min(step, bytes.size()))) {
      if (!p.read(bytes.substr(0, step))) break;
      std::vector<http2::CodecStream*> streams;
      for (auto& [id, s] : p.streams) streams.push_back(s.get());
      for (auto* s : streams) act(p, *s, turn);
      const std::string out = p.write();
      check(out.size() <= 1 << 20);
      if (p.codec->error_sent()) break;
    }
    p.write();
  }
  void act(Http2Peer& p, http2::CodecStream& s, unsigned turn) const {
    switch ((turn + static_cast<unsigned>(s.id)) % 7) {
      case 0:
        if (side == Http2Peer::Side::server && !answered_(s)) p.respond(s, "hello");
        break;
      case 1: p.codec->pause(s, true); break;
      case 2:
        if (s.pauses > 0) p.codec->pause(s, false);
        break;
      case 3:
        if (s.id % 5 == 0) p.codec->reset(s, 2);
        break;
      default: break;
    }
  }
  static bool answered_(const http2::CodecStream& s) { return s.send_end || s.local_closed || s.reset_sent; }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Run run;
  run.side = (data[0] & 1) != 0 ? Http2Peer::Side::client : Http2Peer::Side::server;
  run.options.stream_error_on_invalid_message = (data[0] & 2) != 0;
  run.options.allow_connect = (data[0] & 4) != 0;
  run.options.underscores = (data[0] & 8) != 0 ? http::UnderscoreAction::drop : http::UnderscoreAction::allow;
  run.options.headers_kb_max = 8;
  const std::size_t step = 1 + data[0] / 4;
  const std::string whole = run.read(bytes, bytes.size() + 1);
  if (whole.find("|goaway") == std::string::npos)  // nghttp2 reads no further once it may stop
    check(whole == run.read(bytes, step));
  run.converse(bytes, step);
  return 0;
}
