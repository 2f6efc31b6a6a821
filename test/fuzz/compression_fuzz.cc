// Compressed bodies, and what clients accept. The first byte says which library reads the rest and how it is cut into parts: what
// comes out stays within the bound, a body that we compressed comes back, and the choice of a coding is one that was offered.
#include <algorithm>
#include <cstdint>
#include <string>

#include "filters/encoding_choice.h"
#include "fuzz/check.h"
#include "proxy/compression/brotli.h"
#include "proxy/compression/gzip.h"
#include "proxy/compression/zstd.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using namespace outrigger::compression;

constexpr std::size_t kSlack = 3 * 128 * 1024;

template <class F>
void in_parts(std::string_view bytes, std::size_t part, F&& f) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(part, bytes.size()))) f(bytes.substr(0, part));
}

void check_decoding(const DecompressorLibrary& library, std::string_view bytes, std::size_t part) {
  Arena arena;
  const auto coder = library.make(arena);
  check(coder != nullptr);
  in_parts(bytes, part, [&](std::string_view p) {
    Buffer in, out;
    in.append(p);
    coder->decompress(in, out);
    check(in.size() == p.size() && out.size() <= 100 * p.size() + kSlack);
  });
  Buffer none, out;
  coder->decompress(none, out);
  check(out.size() <= kSlack);
}

void check_round_trip(const CompressorLibrary& to, const DecompressorLibrary& from, std::string_view text, std::size_t part) {
  Arena arena;
  const auto coder = to.make(arena);
  const auto decoder = from.make(arena);
  check(coder != nullptr && decoder != nullptr);
  Buffer whole, back;
  in_parts(text, part, [&](std::string_view p) {
    Buffer b;
    b.append(p);
    coder->compress(b, false);
    whole.append(std::move(b));
  });
  Buffer end;
  coder->compress(end, true);
  whole.append(std::move(end));
  if (decoder->decompress(whole, back) != DecodeError::overflow) check(back.to_string() == text);
}

void check_choice(std::string_view text) {
  const filters::EncodingOffer offers[] = {{"br"}, {"gzip", true}, {"zstd"}};
  const auto choice = filters::choose_encoding(text, offers);
  check(choice.encoding == "identity" || choice.encoding == "br" || choice.encoding == "gzip" || choice.encoding == "zstd");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  static const auto gzip = make_gzip({}), brotli = make_brotli({}), zstd = *make_zstd({});
  static const auto gunzip = make_gunzip({}), unbrotli = make_unbrotli({});
  static const auto unzstd = *make_unzstd({});
  const std::size_t part = (data[0] >> 2) + 1U;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] & 3) {
    case 0: check_decoding(*gunzip, bytes, part); break;
    case 1: check_decoding(*unbrotli, bytes, part); break;
    case 2: check_decoding(*unzstd, bytes, part); break;
    default:
      check_round_trip(*gzip, *gunzip, bytes, part);
      check_round_trip(*brotli, *unbrotli, bytes, part);
      check_round_trip(*zstd, *unzstd, bytes, part);
      check_choice(bytes);
  }
  return 0;
}
