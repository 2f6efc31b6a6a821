// Brotli. The fields are those of Envoy's configs, with its defaults.
#pragma once
#include <memory>
#include "proxy/compression/coder.h"

namespace outrigger::compression {

struct BrotliCompression {
  std::uint32_t quality = 3, window_bits = 18, block_bits = 24, mode = 0;  // mode: generic, text, font
  bool literal_context_modeling = true;
  std::size_t chunk_bytes = 4096;
};
struct BrotliDecompression {
  bool reallocates_window = true;
  std::size_t chunk_bytes = 4096;
};

std::shared_ptr<const CompressorLibrary> make_brotli(const BrotliCompression& config);
std::shared_ptr<const DecompressorLibrary> make_unbrotli(const BrotliDecompression& config);

}  // namespace outrigger::compression
