#include "filters/decompressor.h"

#include "filters/body_end.h"
#include "filters/encoding_choice.h"
#include "proxy/base/numbers.h"
#include "proxy/base/text.h"

namespace outrigger::filters {

using compression::DecodeError;
using hcm::FilterStatus;
using http::HeaderMap;
using http::Name;
using stats::Kind;

stats::BlockDef block_def(DecompressionStat) {
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "decompressed"},
                                              {Kind::counter, "not_decompressed"},
                                              {Kind::counter, "total_uncompressed_bytes"},
                                              {Kind::counter, "total_compressed_bytes"}};
  return {kStats, {}};
}
/// Envoy makes these with the first coder.
constexpr stats::StatDef with_coder(std::string_view name) noexcept {
  return {Kind::counter, name, stats::Unit::unspecified, stats::StatDef::kWithBlock};
}
stats::BlockDef block_def(GunzipStat) {
  static constexpr stats::StatDef kStats[] = {with_coder("zlib_buf_error"),    with_coder("zlib_data_error"),
                                              with_coder("zlib_errno"),        with_coder("zlib_mem_error"),
                                              with_coder("zlib_stream_error"), with_coder("zlib_version_error")};
  return {kStats, {}};
}
stats::BlockDef block_def(UnbrotliStat) {
  static constexpr stats::StatDef kStats[] = {with_coder("brotli_error"), with_coder("brotli_output_overflow"),
                                              with_coder("brotli_redundant_input")};
  return {kStats, {}};
}
stats::BlockDef block_def(UnzstdStat) {
  static constexpr stats::StatDef kStats[] = {with_coder("zstd_checksum_wrong_error"), with_coder("zstd_dictionary_error"),
                                              with_coder("zstd_generic_error"), with_coder("zstd_memory_error")};
  return {kStats, {}};
}

namespace {

GunzipStat gunzip_stat(DecodeError e) noexcept {
  switch (e) {
    case DecodeError::stream: return GunzipStat::zlib_stream_error;
    case DecodeError::buffer: return GunzipStat::zlib_buf_error;
    case DecodeError::memory: return GunzipStat::zlib_mem_error;
    default: return GunzipStat::zlib_data_error;
  }
}

UnzstdStat unzstd_stat(DecodeError e) noexcept {
  switch (e) {
    case DecodeError::checksum: return UnzstdStat::zstd_checksum_wrong_error;
    case DecodeError::dictionary: return UnzstdStat::zstd_dictionary_error;
    case DecodeError::memory: return UnzstdStat::zstd_memory_error;
    default: return UnzstdStat::zstd_generic_error;
  }
}

class DecompressorFilter final : public hcm::HttpFilter {
 public:
  DecompressorFilter(hcm::Stream& stream, const DecompressorConfig& config) : HttpFilter(stream), config_(config) {}

  FilterStatus on_request_head(http::RequestHead& head, bool end_stream) override {
    if (config_.advertise && enabled(config_.response)) advertise(head.headers);
    if (!end_stream) begin(head.headers, config_.request, request_);
    return FilterStatus::go_on;
  }
  FilterStatus on_request_body(Buffer& body, bool end_stream) override {
    if (request_.coder == nullptr) return FilterStatus::go_on;
    pass(body, end_stream, request_end_comes_apart(stream_), config_.request, request_);
    if (!end_stream) return body.empty() ? FilterStatus::stop : FilterStatus::go_on;
    auto& trailers = *stream_.arena().make<HeaderMap>(stream_.arena(), http::MapOf::request_trailers);
    tell(trailers, request_);
    stream_.end_request(*this, body, trailers);
    return FilterStatus::stop;
  }
  FilterStatus on_request_trailers(HeaderMap& trailers) override {
    if (request_.coder != nullptr) tell(trailers, request_);
    return FilterStatus::go_on;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool end_stream) override {
    if (!end_stream) begin(head.headers, config_.response, response_);
    return FilterStatus::go_on;
  }
  FilterStatus on_response_body(Buffer& body, bool end_stream) override {
    if (response_.coder == nullptr) return FilterStatus::go_on;
    pass(body, end_stream, response_end_comes_apart(stream_), config_.response, response_);
    if (!end_stream) return body.empty() ? FilterStatus::stop : FilterStatus::go_on;
    auto& trailers = *stream_.arena().make<HeaderMap>(stream_.arena(), http::MapOf::response_trailers);
    tell(trailers, response_);
    stream_.end_response(*this, body, trailers);
    return FilterStatus::stop;
  }
  FilterStatus on_response_trailers(HeaderMap& trailers) override {
    if (response_.coder != nullptr) tell(trailers, response_);
    return FilterStatus::go_on;
  }

 private:
  struct Message {
    compression::DecompressorPtr coder;  // null: it goes on as it is
    std::uint64_t compressed = 0, uncompressed = 0;
    bool exhausted = false;  // it has grown too much for its size: nothing more comes out
  };
  /// The coders bound what a piece may become, but for the last block in it, which a piece of some bytes may end. A sender of
  /// many such pieces is stopped here, past any block.
  static constexpr std::uint64_t kSlack = 1024 * 1024;
  bool enabled(const DecompressionDirection& d) { return d.enabled.in(*stream_.thread().runtime); }
  void count(stats::BlockHandle block, auto stat, std::uint64_t by = 1) { stream_.thread().cells.add(block, stat, by); }

  /// Accept-encoding names this coding last, and without a weight.
  void advertise(HeaderMap& h) {
    const auto encoding = config_.library->encoding();
    std::string_view others;
    any_token(h.get(Name::accept_encoding), [&](auto token) {
      if (!token.empty() && trimmed(token.substr(0, token.find(';'))) != encoding) others = h.arena().cat(others, token, ",");
      return false;
    });
    h.set(Name::accept_encoding, h.arena().cat(others, encoding));
  }

  void begin(HeaderMap& h, const DecompressionDirection& d, Message& m) {
    const auto* field = h.find(Name::content_encoding);
    const std::string_view codings = field == nullptr ? std::string_view() : field->value;  // entries move below
    const bool transforms = d.ignore_no_transform || may_transform(h.get(Name::cache_control));
    const auto comma = codings.find(',');
    const bool ours = iequals(trimmed(codings.substr(0, comma)), config_.library->encoding());
    if (enabled(d) && transforms && ours) m.coder = config_.library->make(stream_.arena());
    if (m.coder == nullptr) return count(d.stats, DecompressionStat::not_decompressed);
    count(d.stats, DecompressionStat::decompressed);
    count(config_.library_stats, UnbrotliStat::brotli_error, 0);  // the first of whichever: they are there from now on
    h.remove(Name::content_length);
    if (comma == std::string_view::npos)
      h.remove(Name::content_encoding);
    else
      h.set(Name::content_encoding, trimmed(codings.substr(comma + 1)));
  }

  /// When the end comes apart, a coder that fails fails once more then.
  void pass(Buffer& body, bool end_stream, bool end_apart, const DecompressionDirection& d, Message& m) {
    Buffer in(std::move(body));
    if (m.exhausted) return count_error(DecodeError::overflow);
    const Buffer nothing;
    count_error(m.coder->decompress(in, body));
    if (end_stream && end_apart && !in.empty()) count_error(m.coder->decompress(nothing, body));
    m.compressed += in.size();
    m.uncompressed += body.size();
    m.exhausted = m.uncompressed > m.compressed * config_.library->ratio_max() + kSlack;
    count(d.stats, DecompressionStat::total_compressed_bytes, in.size());
    count(d.stats, DecompressionStat::total_uncompressed_bytes, body.size());
  }
  void count_error(DecodeError e) {
    if (e == DecodeError::none) return;
    const auto block = config_.library_stats;
    switch (config_.library->coding()) {
      case compression::Coding::gzip: return count(block, gunzip_stat(e));
      case compression::Coding::zstd: return count(block, unzstd_stat(e));
      case compression::Coding::brotli: break;
    }
    count(block, UnbrotliStat::brotli_error);
    if (e == DecodeError::overflow) count(block, UnbrotliStat::brotli_output_overflow);
    if (e == DecodeError::redundant) count(block, UnbrotliStat::brotli_redundant_input);
  }

  void tell(HeaderMap& trailers, const Message& m) {
    trailers.add(std::string_view(config_.compressed_trailer), decimal(m.compressed, stream_.arena()));
    trailers.add(std::string_view(config_.uncompressed_trailer), decimal(m.uncompressed, stream_.arena()));
  }

  const DecompressorConfig& config_;
  Message request_, response_;
};

}  // namespace

hcm::HttpFilter* DecompressorFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<DecompressorFilter>(stream, config_);
}

}  // namespace outrigger::filters
