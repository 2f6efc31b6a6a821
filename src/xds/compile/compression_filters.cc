// HTTP filters that compress and decompress: compressor, decompressor, and their libraries.
#include <algorithm>
#include "envoy/extensions/compression/brotli/compressor/v3/brotli.pb.h"
#include "envoy/extensions/compression/brotli/decompressor/v3/brotli.pb.h"
#include "envoy/extensions/compression/gzip/compressor/v3/gzip.pb.h"
#include "envoy/extensions/compression/gzip/decompressor/v3/gzip.pb.h"
#include "envoy/extensions/compression/zstd/compressor/v3/zstd.pb.h"
#include "envoy/extensions/compression/zstd/decompressor/v3/zstd.pb.h"
#include "envoy/extensions/filters/http/compressor/v3/compressor.pb.h"
#include "envoy/extensions/filters/http/decompressor/v3/decompressor.pb.h"
#include "filters/compressor.h"
#include "filters/decompressor.h"
#include "proxy/compression/brotli.h"
#include "proxy/compression/gzip.h"
#include "proxy/compression/zstd.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/matchers.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace compressor_v3 = envoy::extensions::filters::http::compressor::v3;
namespace decompressor_v3 = envoy::extensions::filters::http::decompressor::v3;
namespace libraries = envoy::extensions::compression;

namespace {

using Extension = envoy::config::core::v3::TypedExtensionConfig;
using compression::CompressorLibrary;
using compression::DecompressorLibrary;
template <class Library>
using LibraryPtr = std::shared_ptr<const Library>;

template <class T>
void take(T& into, bool has, const google::protobuf::UInt32Value& v) {
  if (has) into = static_cast<T>(v.value());
}

compression::GzipCompression gzip_of(const libraries::gzip::compressor::v3::Gzip& p) {
  compression::GzipCompression o;
  take(o.memory_level, p.has_memory_level(), p.memory_level());
  take(o.window_bits, p.has_window_bits(), p.window_bits());
  take(o.chunk_bytes, p.has_chunk_size(), p.chunk_size());
  if (p.compression_level() != libraries::gzip::compressor::v3::Gzip::DEFAULT_COMPRESSION) o.level = p.compression_level();
  o.strategy = p.compression_strategy();  // numbered as by zlib
  return o;
}

compression::GzipDecompression gunzip_of(const libraries::gzip::decompressor::v3::Gzip& p) {
  compression::GzipDecompression o;
  take(o.window_bits, p.has_window_bits(), p.window_bits());
  take(o.chunk_bytes, p.has_chunk_size(), p.chunk_size());
  take(o.ratio_max, p.has_max_inflate_ratio(), p.max_inflate_ratio());
  return o;
}

compression::BrotliCompression brotli_of(const libraries::brotli::compressor::v3::Brotli& p) {
  compression::BrotliCompression o;
  take(o.quality, p.has_quality(), p.quality());
  take(o.window_bits, p.has_window_bits(), p.window_bits());
  take(o.block_bits, p.has_input_block_bits(), p.input_block_bits());
  take(o.chunk_bytes, p.has_chunk_size(), p.chunk_size());
  const auto mode = p.encoder_mode();
  o.mode = mode == libraries::brotli::compressor::v3::Brotli::DEFAULT ? 0 : static_cast<std::uint32_t>(mode) - 1;
  o.literal_context_modeling = !p.disable_literal_context_modeling();
  return o;
}

compression::BrotliDecompression unbrotli_of(const libraries::brotli::decompressor::v3::Brotli& p) {
  compression::BrotliDecompression o;
  take(o.chunk_bytes, p.has_chunk_size(), p.chunk_size());
  o.reallocates_window = !p.disable_ring_buffer_reallocation();
  return o;
}

/// Null: wrong (told).
template <class Library>
LibraryPtr<Library> checked(Result<LibraryPtr<Library>> made, const Path& at, Problems& problems) {
  if (made) return std::move(*made);
  problems.error(at, made.error().detail);
  return nullptr;
}

std::optional<std::string> read_dictionary(const envoy::config::core::v3::DataSource& p, const Path& at, Problems& problems) {
  constexpr std::uint64_t kBytesMax = 16 << 20;
  auto text = read_data_source(p, kBytesMax);
  if (text) return std::move(*text);
  problems.error(at, text.error().detail);
  return {};
}

LibraryPtr<CompressorLibrary> zstd_of(const libraries::zstd::compressor::v3::Zstd& p, const Path& at, Problems& problems) {
  compression::ZstdCompression o;
  constexpr std::uint32_t kLevelMax = 100;  // above those there are
  if (p.compression_level().value() != 0) o.level = static_cast<int>(std::min(p.compression_level().value(), kLevelMax));
  take(o.chunk_bytes, p.has_chunk_size(), p.chunk_size());
  o.strategy = p.strategy();  // numbered as by the library
  o.checksum = p.enable_checksum();
  if (p.has_dictionary()) {
    o.dictionary = read_dictionary(p.dictionary(), at / "dictionary", problems);
    if (!o.dictionary) return nullptr;
  }
  return checked(compression::make_zstd(o), at / "dictionary", problems);
}

LibraryPtr<DecompressorLibrary> unzstd_of(const libraries::zstd::decompressor::v3::Zstd& p, const Path& at, Problems& problems) {
  compression::ZstdDecompression o;
  take(o.chunk_bytes, p.has_chunk_size(), p.chunk_size());
  for (int i = 0; i < p.dictionaries_size(); ++i) {
    auto text = read_dictionary(p.dictionaries(i), at.at("dictionaries", i), problems);
    if (!text) return nullptr;
    o.dictionaries.push_back(std::move(*text));
  }
  return checked(compression::make_unzstd(o), at / "dictionaries", problems);
}

void unknown_library(const Extension& p, std::string_view what, const Path& at, Problems& problems) {
  const std::string type(message_name(p.typed_config().type_url()));
  problems.error(at / "typed_config",
                 "Didn't find a registered implementation for " + std::string(what) + "type: '" + type + "'");
}

/// Null: wrong (told). `what`: of the message that there is no such library.
LibraryPtr<CompressorLibrary> compile_compressor_library(const Extension& p, std::string_view what, const Path& at,
                                                         Problems& problems) {
  const auto& any = p.typed_config();
  if (libraries::gzip::compressor::v3::Gzip c; any.UnpackTo(&c)) return compression::make_gzip(gzip_of(c));
  if (libraries::brotli::compressor::v3::Brotli c; any.UnpackTo(&c)) return compression::make_brotli(brotli_of(c));
  if (libraries::zstd::compressor::v3::Zstd c; any.UnpackTo(&c)) return zstd_of(c, at / "typed_config", problems);
  unknown_library(p, what, at, problems);
  return nullptr;
}

LibraryPtr<DecompressorLibrary> compile_decompressor_library(const Extension& p, const Path& at, Problems& problems) {
  const auto& any = p.typed_config();
  if (libraries::gzip::decompressor::v3::Gzip c; any.UnpackTo(&c)) return compression::make_gunzip(gunzip_of(c));
  if (libraries::brotli::decompressor::v3::Brotli c; any.UnpackTo(&c)) return compression::make_unbrotli(unbrotli_of(c));
  if (libraries::zstd::decompressor::v3::Zstd c; any.UnpackTo(&c)) return unzstd_of(c, at / "typed_config", problems);
  unknown_library(p, "", at, problems);
  return nullptr;
}

filters::CompressionDirection compile_direction(const compressor_v3::Compressor::CommonDirectionConfig& p, const Path& at,
                                                const std::string& stats, CompileContext& c) {
  filters::CompressionDirection o;
  if (p.has_enabled()) o.enabled = to_runtime(p.enabled());
  if (p.min_content_length().value() > 0) o.length_min = p.min_content_length().value();
  o.types.assign(p.content_type().begin(), p.content_type().end());
  for (int i = 0; i < p.content_type_matcher_size(); ++i)
    o.type_matchers.push_back(compile_string_matcher(p.content_type_matcher(i), at.at("content_type_matcher", i), c.problems));
  o.stats = stats::make_block<filters::CompressionStat>(c.stats, stats);
  return o;
}

void compile_responses(const compressor_v3::Compressor& p, const Path& at, const std::string& stats, CompileContext& c,
                       filters::CompressorConfig& o) {
  compressor_v3::Compressor::CommonDirectionConfig common;
  if (p.has_response_direction_config()) {
    const auto& r = p.response_direction_config();
    o.response = compile_direction(r.common_config(), at / "response_direction_config" / "common_config", stats + "response.", c);
    o.disable_on_etag = r.disable_on_etag_header();
    o.weaken_etag = r.weaken_etag_on_compress();
    o.remove_accept_encoding = r.remove_accept_encoding_header();
    o.status_header = r.status_header_enabled();
    o.uncompressible_codes.assign(r.uncompressible_response_codes().begin(), r.uncompressible_response_codes().end());
    return;
  }
  *common.mutable_min_content_length() = p.content_length();
  *common.mutable_content_type() = p.content_type();
  if (p.has_runtime_enabled()) *common.mutable_enabled() = p.runtime_enabled();
  o.response = compile_direction(common, at, stats, c);
  o.disable_on_etag = p.disable_on_etag_header();
  o.remove_accept_encoding = p.remove_accept_encoding_header();
}

FilterPtr make_compressor(const compressor_v3::Compressor& p, const FilterPlace& f, CompileContext& c) {
  filters::CompressorConfig o;
  o.library = compile_compressor_library(p.compressor_library(), "", f.config / "compressor_library", c.problems);
  if (o.library == nullptr) return nullptr;
  const std::string stats = f.stat_prefix + "compressor." + p.compressor_library().name() + "." +
                            std::string(compression::library_of(o.library->coding())) + ".";
  const Path request = f.config / "request_direction_config" / "common_config";
  o.compress_requests = p.has_request_direction_config();
  o.request = compile_direction(p.request_direction_config().common_config(), request, stats + "request.", c);
  compile_responses(p, f.config, stats, c, o);
  o.choice_stats = stats::make_block<filters::CompressionChoiceStat>(c.stats, stats);
  o.choose_first = p.choose_first();
  return std::make_shared<filters::CompressorFactory>(std::move(o));
}

OverridePtr compressor_override(const compressor_v3::CompressorPerRoute& p, const Path& at, Problems& problems,
                                const CompileContext&) {
  auto o = std::make_shared<filters::CompressorOverride>();
  if (p.has_disabled()) o->response_enabled = false;
  const auto& more = p.overrides();
  if (more.has_response_direction_config()) {
    o->response_enabled = true;
    const auto& r = more.response_direction_config();
    if (r.has_remove_accept_encoding_header()) o->remove_accept_encoding = r.remove_accept_encoding_header().value();
  }
  if (more.has_compressor_library())
    o->library = compile_compressor_library(more.compressor_library(), "per-route compressor ",
                                            at / "overrides" / "compressor_library", problems);
  return o;
}

filters::DecompressionDirection compile_direction(const decompressor_v3::Decompressor::CommonDirectionConfig& p,
                                                  const std::string& stats, CompileContext& c) {
  filters::DecompressionDirection o;
  if (p.has_enabled()) o.enabled = to_runtime(p.enabled());
  o.ignore_no_transform = p.ignore_no_transform_header();
  o.stats = stats::make_block<filters::DecompressionStat>(c.stats, stats);
  return o;
}

stats::BlockHandle library_stats(compression::Coding coding, const std::string& prefix, CompileContext& c) {
  switch (coding) {
    case compression::Coding::gzip: return stats::make_block<filters::GunzipStat>(c.stats, prefix);
    case compression::Coding::zstd: return stats::make_block<filters::UnzstdStat>(c.stats, prefix);
    case compression::Coding::brotli: break;
  }
  return stats::make_block<filters::UnbrotliStat>(c.stats, prefix);
}

FilterPtr make_decompressor(const decompressor_v3::Decompressor& p, const FilterPlace& f, CompileContext& c) {
  filters::DecompressorConfig o;
  const auto& library = p.decompressor_library();
  o.library = compile_decompressor_library(library, f.config / "decompressor_library", c.problems);
  if (o.library == nullptr) return nullptr;
  const auto coding = o.library->coding();
  const std::string stats =
      f.stat_prefix + "decompressor." + library.name() + "." + std::string(compression::library_of(coding)) + ".";
  o.request = compile_direction(p.request_direction_config().common_config(), stats + "request.", c);
  o.response = compile_direction(p.response_direction_config().common_config(), stats + "response.", c);
  o.library_stats = library_stats(coding, stats + "decompressor_library.", c);
  if (p.request_direction_config().has_advertise_accept_encoding())
    o.advertise = p.request_direction_config().advertise_accept_encoding().value();
  const std::string trailers = "x-envoy-decompressor-" + lower(library.name());
  o.compressed_trailer = trailers + "-compressed-bytes";
  o.uncompressed_trailer = trailers + "-uncompressed-bytes";
  return std::make_shared<filters::DecompressorFactory>(std::move(o));
}

}  // namespace

void add_compression_filters(FilterKinds& kinds) {
  kinds.add<make_compressor, compressor_override>();
  kinds.add<make_decompressor>();
}

}  // namespace outrigger::xds
