#define ZSTD_STATIC_LINKING_ONLY  // for memory of our own
#include "proxy/compression/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>
#include <algorithm>

#include "proxy/compression/memory.h"

namespace outrigger::compression {

namespace {

constexpr std::uint64_t kRatioMax = 100;  // of the bytes that come out to those that went in

void* take(void*, std::size_t bytes) { return take_memory(bytes); }
void back(void*, void* block) { give_back(block); }
constexpr ZSTD_customMem kMemory{take, back, nullptr};

struct FreeDictionary {
  void operator()(ZSTD_CDict* d) const noexcept { ZSTD_freeCDict(d); }
  void operator()(ZSTD_DDict* d) const noexcept { ZSTD_freeDDict(d); }
};
using CDictPtr = std::unique_ptr<ZSTD_CDict, FreeDictionary>;
using DDictPtr = std::unique_ptr<ZSTD_DDict, FreeDictionary>;

constexpr std::string_view kBadDictionary = "Failed to create zstd dictionary: it has no id";

class Zstd final : public Compressor {
 public:
  Zstd(const ZstdCompression& c, const ZSTD_CDict* dictionary)
      : chunk_(c.chunk_bytes), context_(ZSTD_createCCtx_advanced(kMemory)) {
    ready_ = context_ != nullptr && set(ZSTD_c_checksumFlag, c.checksum ? 1 : 0) && set(ZSTD_c_strategy, c.strategy) &&
             (dictionary == nullptr ? set(ZSTD_c_compressionLevel, c.level)
                                    : ZSTD_isError(ZSTD_CCtx_refCDict(context_, dictionary)) == 0);
  }
  ~Zstd() override { ZSTD_freeCCtx(context_); }
  bool ready() const noexcept { return ready_; }

  /// Before the end comes out what fills a block, as from Envoy.
  void compress(Buffer& data, bool finish) override {
    const Buffer in(std::move(data));
    for (std::size_t i = 0; i < in.runs(); ++i) {
      ZSTD_inBuffer given{in.run(i).data(), in.run(i).size(), 0};
      while (given.pos < given.size && ZSTD_isError(step(given, data, ZSTD_e_continue)) == 0) {}
    }
    ZSTD_inBuffer none{nullptr, 0, 0};
    for (std::size_t left = finish ? 1 : 0; left > 0 && ZSTD_isError(left) == 0;) left = step(none, data, ZSTD_e_end);
  }

 private:
  bool set(ZSTD_cParameter parameter, int value) { return ZSTD_isError(ZSTD_CCtx_setParameter(context_, parameter, value)) == 0; }
  std::size_t step(ZSTD_inBuffer& given, Buffer& out, ZSTD_EndDirective what) {
    const auto room = room_in(out, chunk_);
    ZSTD_outBuffer to{room.data(), room.size(), 0};
    const std::size_t left = ZSTD_compressStream2(context_, &to, &given, what);
    out.commit(to.pos);
    return left;
  }

  const std::size_t chunk_;
  ZSTD_CCtx* context_;
  bool ready_ = false;
};

DecodeError error_of(std::size_t result) noexcept {
  switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_no_error: return DecodeError::none;
    case ZSTD_error_memory_allocation: return DecodeError::memory;
    case ZSTD_error_dictionary_corrupted:
    case ZSTD_error_dictionary_wrong: return DecodeError::dictionary;
    case ZSTD_error_checksum_wrong: return DecodeError::checksum;
    default: return DecodeError::data;
  }
}

class Unzstd final : public Decompressor {
 public:
  Unzstd(const ZstdDecompression& c, const std::vector<DDictPtr>& dictionaries)
      : chunk_(c.chunk_bytes), dictionaries_(dictionaries), context_(ZSTD_createDCtx_advanced(kMemory)) {}
  ~Unzstd() override { ZSTD_freeDCtx(context_); }
  bool ready() const noexcept { return context_ != nullptr; }

  DecodeError decompress(const Buffer& data, Buffer& out) override {
    const std::size_t begin = out.size(), most = kRatioMax * data.size();
    for (std::size_t i = 0; i < data.runs(); ++i) {
      ZSTD_inBuffer given{data.run(i).data(), data.run(i).size(), 0};
      if (given.size == 0) continue;
      if (!std::exchange(looked_for_dictionary_, true) && !set_dictionary(given)) return DecodeError::dictionary;
      if (failed_ != DecodeError::none) return failed_;  // the library's state may not be used any more
      if (const auto error = decompress_run(given, out, begin, most); error != DecodeError::none) {
        const bool passed_over = given.pos < given.size || i + 1 < data.runs();
        if (error != DecodeError::overflow)
          failed_ = error;
        else if (passed_over)
          failed_ = DecodeError::data;  // nothing makes sense any more
        return error;
      }
    }
    return DecodeError::none;
  }

 private:
  /// The frame's head names it.
  bool set_dictionary(const ZSTD_inBuffer& given) {
    if (dictionaries_.empty()) return true;
    const unsigned id = ZSTD_getDictID_fromFrame(given.src, given.size);
    if (id == 0) return true;
    for (const auto& d : dictionaries_)
      if (ZSTD_getDictID_fromDDict(d.get()) == id) return ZSTD_isError(ZSTD_DCtx_refDDict(context_, d.get())) == 0;
    return false;
  }
  /// A piece of the output is what fits in `chunk_`, whatever blocks it lies in: the bound is looked at between pieces.
  DecodeError decompress_run(ZSTD_inBuffer& given, Buffer& out, std::size_t begin, std::size_t most) {
    std::size_t piece = 0;
    for (bool full = false; given.pos < given.size || full;) {
      const auto room = room_in(out, chunk_ - piece);
      ZSTD_outBuffer to{room.data(), room.size(), 0};
      const std::size_t result = ZSTD_decompressStream(context_, &to, &given);
      out.commit(to.pos);
      if (const auto error = error_of(result); error != DecodeError::none) return error;
      full = to.pos == to.size;
      piece += to.pos;
      if (full && piece < chunk_) continue;
      piece = 0;
      if (out.size() - begin > most) return DecodeError::overflow;
    }
    return DecodeError::none;
  }

  const std::size_t chunk_;
  const std::vector<DDictPtr>& dictionaries_;
  ZSTD_DCtx* context_;
  bool looked_for_dictionary_ = false;
  DecodeError failed_ = DecodeError::none;  // for good
};

class ZstdLibrary final : public CompressorLibrary {
 public:
  ZstdLibrary(const ZstdCompression& config, CDictPtr dictionary)
      : CompressorLibrary(Coding::zstd), config_(config), dictionary_(std::move(dictionary)) {}
  CompressorPtr make(Arena& arena) const override {
    std::unique_ptr<Zstd, Destroy> made(arena.make<Zstd>(config_, dictionary_.get()));
    return made->ready() ? CompressorPtr(made.release()) : nullptr;
  }

 private:
  const ZstdCompression config_;
  const CDictPtr dictionary_;
};

class UnzstdLibrary final : public DecompressorLibrary {
 public:
  UnzstdLibrary(const ZstdDecompression& config, std::vector<DDictPtr> dictionaries)
      : DecompressorLibrary(Coding::zstd, kRatioMax), config_(config), dictionaries_(std::move(dictionaries)) {}
  DecompressorPtr make(Arena& arena) const override {
    std::unique_ptr<Unzstd, Destroy> made(arena.make<Unzstd>(config_, dictionaries_));
    return made->ready() ? DecompressorPtr(made.release()) : nullptr;
  }

 private:
  const ZstdDecompression config_;
  const std::vector<DDictPtr> dictionaries_;
};

}  // namespace

Result<std::shared_ptr<const CompressorLibrary>> make_zstd(const ZstdCompression& config) {
  ZstdCompression c = config;
  c.level = std::min(c.level, ZSTD_maxCLevel());
  CDictPtr dictionary;
  if (c.dictionary) {
    dictionary.reset(ZSTD_createCDict(c.dictionary->data(), c.dictionary->size(), c.level));
    if (dictionary == nullptr || ZSTD_getDictID_fromCDict(dictionary.get()) == 0) return invalid(std::string(kBadDictionary));
  }
  return std::shared_ptr<const CompressorLibrary>(std::make_shared<ZstdLibrary>(c, std::move(dictionary)));
}

Result<std::shared_ptr<const DecompressorLibrary>> make_unzstd(const ZstdDecompression& config) {
  std::vector<DDictPtr> all;
  for (const auto& text : config.dictionaries) {
    all.emplace_back(ZSTD_createDDict(text.data(), text.size()));
    if (all.back() == nullptr || ZSTD_getDictID_fromDDict(all.back().get()) == 0) return invalid(std::string(kBadDictionary));
  }
  return std::shared_ptr<const DecompressorLibrary>(std::make_shared<UnzstdLibrary>(config, std::move(all)));
}

}  // namespace outrigger::compression
