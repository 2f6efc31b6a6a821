// gzip, on zlib. The fields are those of Envoy's configs, with its defaults.
#pragma once
#include <memory>
#include "proxy/compression/coder.h"

namespace outrigger::compression {

struct GzipCompression {
  int level = -1, strategy = 0, window_bits = 12, memory_level = 5;
  std::size_t chunk_bytes = 4096;
};
struct GzipDecompression {
  int window_bits = 15;
  std::size_t chunk_bytes = 4096;
  std::uint64_t ratio_max = 100;  // of the bytes that come out to those that went in
};

std::shared_ptr<const CompressorLibrary> make_gzip(const GzipCompression& config);
std::shared_ptr<const DecompressorLibrary> make_gunzip(const GzipDecompression& config);

}  // namespace outrigger::compression
