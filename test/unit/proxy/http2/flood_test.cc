// The limits of FloodGuard, at them and one beyond.
#include "proxy/http2/flood.h"

#include <catch2/catch.hpp>
#include <initializer_list>

using namespace outrigger::http2;

namespace {
// RFC 9113, 6
constexpr std::uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPing = 6, kGoaway = 7, kWindow = 8,
                       kContinuation = 9;
constexpr std::uint8_t kEnd = 1;

struct Guarded {
  Options options;
  FloodGuard guard{options};
  /// The first flood that `n` such frames are.
  Flood in(unsigned n, std::uint8_t type, std::uint8_t flags = 0, std::size_t bytes = 0) {
    for (unsigned i = 0; i < n; ++i)
      if (const Flood f = guard.on_inbound(type, flags, bytes); f != Flood::none) return f;
    return Flood::none;
  }
  Flood out(unsigned n, std::uint8_t type, std::size_t bytes = 10) {
    Flood last = Flood::none;
    for (unsigned i = 0; i < n; ++i) last = guard.on_outbound(type, end += bytes);
    return last;
  }
  std::uint64_t end = 0;
};
}  // namespace

TEST_CASE("one empty frame in a row is allowed, the second is a flood", "[http2]") {
  const auto type = GENERATE(kData, kHeaders, kContinuation);
  Guarded g;
  CHECK(g.in(1, type) == Flood::none);
  CHECK(g.in(1, type) == Flood::empty_frames);
}

TEST_CASE("empty frames count in a row, over all streams and types", "[http2]") {
  Guarded g;
  g.options.empty_frames_max = 3;
  CHECK(g.in(2, kData) == Flood::none);
  CHECK(g.in(1, kContinuation) == Flood::none);
  CHECK(g.in(1, kData, 0, 1) == Flood::none);
  CHECK(g.in(3, kData) == Flood::none);
  CHECK(g.in(1, kPing) == Flood::none);
  CHECK(g.in(1, kHeaders) == Flood::empty_frames);
}

TEST_CASE("an empty frame that ends its stream is none of a flood, and begins the count anew", "[http2]") {
  Guarded g;
  g.options.empty_frames_max = 0;
  CHECK(g.in(1000, kData, kEnd) == Flood::none);
  CHECK(g.in(1, kData) == Flood::empty_frames);
}

TEST_CASE("PRIORITY frames are allowed per stream that was opened, and for one more", "[http2]") {
  const unsigned streams = GENERATE(0u, 1u, 7u);
  Guarded g;
  g.options.priority_frames_per_stream_max = 5;
  for (unsigned i = 0; i < streams; ++i) g.guard.on_stream_opened();
  CHECK(g.in(5 * (streams + 1), kPriority) == Flood::none);
  CHECK(g.in(1, kPriority) == Flood::priority);
}

TEST_CASE("WINDOW_UPDATE frames are allowed as streams were opened and DATA frames sent", "[http2]") {
  const unsigned streams = GENERATE(0u, 1u, 7u), data = GENERATE(0u, 1u, 9u);
  Guarded g;
  g.options.window_updates_per_data_frame_max = 3;
  for (unsigned i = 0; i < streams; ++i) g.guard.on_stream_opened();
  g.out(data, kData);
  g.out(5, kHeaders);
  CHECK(g.in(5 + 2 * (streams + 3 * data), kWindow) == Flood::none);
  CHECK(g.in(1, kWindow) == Flood::window_updates);
}

TEST_CASE("frames that say nothing of a flood are not counted", "[http2]") {
  Guarded g;
  for (const auto type : {kPing, kSettings, kGoaway, kReset, std::uint8_t{0x77}}) CHECK(g.in(100'000, type) == Flood::none);
}

TEST_CASE("control frames that wait for the socket have a limit of their own", "[http2]") {
  const auto type = GENERATE(kPing, kSettings, kReset);
  Guarded g;
  CHECK(g.out(1000, type) == Flood::none);
  CHECK(g.out(1, kData) == Flood::none);
  CHECK(g.out(1, type) == Flood::outbound_control);
}

TEST_CASE("all frames that wait for the socket have a limit", "[http2]") {
  Guarded g;
  CHECK(g.out(9000, kData) == Flood::none);
  CHECK(g.out(1000, kPing) == Flood::none);
  CHECK(g.out(1, kHeaders) == Flood::outbound);
}

TEST_CASE("frames leave the count when the last byte of them is written", "[http2]") {
  Guarded g;
  g.options.outbound_frames_max = 4;
  CHECK(g.out(4, kData) == Flood::none);
  g.guard.on_written(9);
  CHECK(g.guard.outbound_frames() == 4);
  g.guard.on_written(10);
  CHECK(g.guard.outbound_frames() == 3);
  CHECK(g.out(1, kPing) == Flood::none);
  CHECK(g.guard.outbound_control_frames() == 1);
  CHECK(g.out(1, kData) == Flood::outbound);
  g.guard.on_written(g.end);
  CHECK(g.guard.outbound_frames() == 0);
  CHECK(g.guard.outbound_control_frames() == 0);
}

TEST_CASE("more frames than are told apart leave the count together, never too early", "[http2]") {
  Guarded g;
  g.out(1000, kPing);
  for (std::uint64_t done = 0; done <= g.end; done += 7) {
    g.guard.on_written(done);
    const auto left = (g.end - done + 9) / 10;
    REQUIRE(g.guard.outbound_frames() >= left);
  }
  g.guard.on_written(g.end);
  CHECK(g.guard.outbound_frames() == 0);
  CHECK(g.guard.outbound_control_frames() == 0);
}
