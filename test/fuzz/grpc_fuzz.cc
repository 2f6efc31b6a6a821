// Bodies as the gRPC filters see them. The first byte says how the rest is cut into parts: how many messages are counted and
// whether a Connect stream ended well must not depend on it. What base64 decodes to is encoded again to the same digits.
#include <algorithm>
#include <cstdint>
#include <string>

#include "filters/grpc.h"
#include "fuzz/check.h"
#include "proxy/buffer/base64.h"
#include "proxy/http2/frame_cursor.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using filters::GrpcMessages;

template <class F>
void in_parts(std::string_view bytes, std::size_t part, F&& f) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(part, bytes.size()))) f(bytes.substr(0, part));
}

void check_messages(std::string_view bytes, std::size_t part, bool response) {
  GrpcMessages whole(response), cut(response);
  Buffer all;
  all.append(bytes);
  whole.count_in(all);
  in_parts(bytes, part, [&](std::string_view p) {
    Buffer b;
    b.append(p);
    cut.count_in(b);
  });
  check(whole.count() == cut.count() && whole.count() <= bytes.size());
  check(whole.connect_success() == cut.connect_success());
}

void check_base64(std::string_view bytes, std::size_t part) {
  Buffer in, out;
  in_parts(bytes, part, [&](std::string_view p) {
    Buffer b;
    b.append(p);
    in.append(std::move(b));
  });
  const std::size_t n = bytes.size() / 4 * 4;
  if (!decode_base64(in, n, out)) return;
  check(in.size() == bytes.size() - n);
  Buffer again;
  Base64Encoder encoder;
  in_parts(out.to_string(), part, [&](std::string_view p) { encoder.put(p, again); });
  encoder.finish(again);
  check(again.to_string() == bytes.substr(0, n));
}

/// Where DATA frames begin does not depend on the parts either.
void check_frames(std::string_view bytes, std::size_t part) {
  http2::FrameCursor whole, cut;
  std::uint64_t seen[2] = {};
  const auto add = [](http2::FrameCursor& c, std::string_view run, std::size_t from, std::uint64_t& sum) {
    for (std::size_t at = 0; at < run.size(); ++at) {
      const auto data = c.next_data(run.substr(at));
      at += data.bytes;
      check(at <= run.size());
      if (data.stream_id < 0) break;
      sum = sum * 31 + (from + at) * 7 + static_cast<std::uint32_t>(data.stream_id);
    }
  };
  add(whole, bytes, 0, seen[0]);
  std::size_t from = 0;
  in_parts(bytes, part, [&](std::string_view p) {
    add(cut, p, from, seen[1]);
    from += p.size();
  });
  check(seen[0] == seen[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t part = data[0] % 61 + 1;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  for (const bool response : {false, true}) check_messages(bytes, part, response);
  check_base64(bytes, part);
  check_frames(bytes, part);
  const auto method = filters::grpc_method_of(bytes);
  check(!method || (!method->service.empty() && !method->method.empty()));
  return 0;
}
