// Zstandard. The fields are those of Envoy's configs, with its defaults.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/base/result.h"
#include "proxy/compression/coder.h"

namespace outrigger::compression {

struct ZstdCompression {
  int level = 3, strategy = 0;  // strategy: 0: as the level has it
  bool checksum = false;
  std::optional<std::string> dictionary;  // in place of the level
  std::size_t chunk_bytes = 4096;         // unless told otherwise: as much as a block may need
};
struct ZstdDecompression {
  std::vector<std::string> dictionaries;
  std::size_t chunk_bytes = 128 * 1024;
};

/// Errors: a dictionary that is none.
Result<std::shared_ptr<const CompressorLibrary>> make_zstd(const ZstdCompression& config);
Result<std::shared_ptr<const DecompressorLibrary>> make_unzstd(const ZstdDecompression& config);

}  // namespace outrigger::compression
