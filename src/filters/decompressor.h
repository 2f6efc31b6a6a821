// The filter decompressor: messages in one content coding go on without it. Envoy: decompressor_filter.
#pragma once
#include <memory>
#include <string>
#include "proxy/compression/coder.h"
#include "proxy/hcm/filter.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Of one direction.
enum class DecompressionStat : std::uint16_t { decompressed, not_decompressed, total_uncompressed_bytes, total_compressed_bytes };
/// Of the libraries.
enum class GunzipStat : std::uint16_t {
  zlib_buf_error,
  zlib_data_error,
  zlib_errno,
  zlib_mem_error,
  zlib_stream_error,
  zlib_version_error,
};
enum class UnbrotliStat : std::uint16_t { brotli_error, brotli_output_overflow, brotli_redundant_input };
enum class UnzstdStat : std::uint16_t {
  zstd_checksum_wrong_error,
  zstd_dictionary_error,
  zstd_generic_error,
  zstd_memory_error,
};
stats::BlockDef block_def(DecompressionStat);
stats::BlockDef block_def(GunzipStat);
stats::BlockDef block_def(UnbrotliStat);
stats::BlockDef block_def(UnzstdStat);

struct DecompressionDirection {
  runtime::RuntimeBool enabled{"", true};
  bool ignore_no_transform = false;
  stats::BlockHandle stats;
};

struct DecompressorConfig {
  std::shared_ptr<const compression::DecompressorLibrary> library;
  DecompressionDirection request, response;
  bool advertise = true;
  std::string compressed_trailer, uncompressed_trailer;  // tell how many bytes there were
  stats::BlockHandle library_stats;
};

class DecompressorFactory final : public hcm::FilterFactory {
 public:
  explicit DecompressorFactory(DecompressorConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  DecompressorConfig config_;
};

}  // namespace outrigger::filters
