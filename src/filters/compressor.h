// The filter compressor: messages are compressed as they pass, responses by the filter of the chain that the client likes best.
// Envoy: compressor_filter.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "proxy/compression/coder.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/route/string_matcher.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Of one direction.
enum class CompressionStat : std::uint16_t {
  compressed,
  not_compressed,
  total_uncompressed_bytes,
  total_compressed_bytes,
  content_length_too_small,
};
/// Of responses besides.
enum class CompressionChoiceStat : std::uint16_t {
  no_accept_header,
  header_identity,
  header_compressor_used,
  header_compressor_overshadowed,
  header_wildcard,
  header_not_valid,
  not_compressed_etag,
};
stats::BlockDef block_def(CompressionStat);
stats::BlockDef block_def(CompressionChoiceStat);

struct CompressionDirection {
  static constexpr std::uint32_t kLengthMin = 30;
  runtime::RuntimeBool enabled{"", true};
  std::uint32_t length_min = kLengthMin;
  std::vector<std::string> types;                   // but for case; empty: those that Envoy knows
  std::vector<route::StringMatcher> type_matchers;  // in their place, unless there are none
  stats::BlockHandle stats;
};

struct CompressorConfig {
  std::shared_ptr<const compression::CompressorLibrary> library;
  bool choose_first = false, compress_requests = false;
  CompressionDirection request, response;
  bool disable_on_etag = false, weaken_etag = false, remove_accept_encoding = false, status_header = false;
  std::vector<std::uint32_t> uncompressible_codes;
  stats::BlockHandle choice_stats;
};

/// Of a route.
struct CompressorOverride : route::FilterPart {
  std::optional<bool> response_enabled, remove_accept_encoding;
  std::shared_ptr<const compression::CompressorLibrary> library;  // null: the filter's
};

class CompressorFactory final : public hcm::FilterFactory {
 public:
  explicit CompressorFactory(CompressorConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const CompressorConfig& config() const noexcept { return config_; }

 private:
  CompressorConfig config_;
};

}  // namespace outrigger::filters
