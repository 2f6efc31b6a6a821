#include "proxy/http2/frame_cursor.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using outrigger::http2::FrameCursor;

namespace {

std::string frame(char type, std::int32_t id, std::size_t length) {
  const char head[] = {static_cast<char>(length >> 16),
                       static_cast<char>(length >> 8),
                       static_cast<char>(length),
                       type,
                       1,
                       static_cast<char>(id >> 24),
                       static_cast<char>(id >> 16),
                       static_cast<char>(id >> 8),
                       static_cast<char>(id)};
  return std::string(head, 9) + std::string(length, '\0');
}

struct Found {
  std::size_t at;  // of all bytes: the last one of the head
  std::int32_t id;
  friend bool operator==(const Found&, const Found&) = default;
};

/// The DATA frames of a connection that comes in parts of this size.
std::vector<Found> found(const std::string& bytes, std::size_t part) {
  FrameCursor cursor;
  std::vector<Found> out;
  for (std::size_t from = 0; from < bytes.size(); from += part) {
    const auto run = std::string_view(bytes).substr(from, part);
    for (std::size_t at = 0; at < run.size();) {
      const auto data = cursor.next_data(run.substr(at));
      at += data.bytes;
      if (data.stream_id < 0) break;
      out.push_back({from + at, data.stream_id});
      ++at;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("DATA frames are found wherever the bytes are cut", "[http2]") {
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  std::vector<Found> all;
  const auto data = [&](std::int32_t id, std::size_t length) {
    all.push_back({bytes.size() + 8, id});
    bytes += frame(0, id, length);
  };
  bytes += frame(4, 0, 18);
  bytes += frame(1, 1, 300);
  data(1, 5);
  data(1, 0);
  bytes += frame(8, 0, 4);
  data(0x7fffffff, 70000);
  data(0, 1);
  bytes += frame(6, 0, 8);
  for (const std::size_t part : {1, 2, 3, 8, 9, 10, 33, 1000, 1000000}) CHECK(found(bytes, part) == all);
}
