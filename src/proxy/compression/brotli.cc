#include "proxy/compression/brotli.h"

#include <brotli/decode.h>
#include <brotli/encode.h>

#include "proxy/compression/memory.h"

namespace outrigger::compression {

namespace {

constexpr std::uint64_t kRatioMax = 100;  // of the bytes that come out to those that went in

void* take(void*, std::size_t bytes) { return take_memory(bytes); }
void back(void*, void* block) { give_back(block); }
const std::uint8_t* bytes_of(std::string_view run) noexcept { return reinterpret_cast<const std::uint8_t*>(run.data()); }

struct Given {
  const std::uint8_t* at = nullptr;
  std::size_t left = 0;
};

class Brotli final : public Compressor {
 public:
  explicit Brotli(const BrotliCompression& c) : chunk_(c.chunk_bytes), state_(BrotliEncoderCreateInstance(take, back, nullptr)) {
    ready_ = state_ != nullptr && set(BROTLI_PARAM_QUALITY, c.quality) && set(BROTLI_PARAM_LGWIN, c.window_bits) &&
             set(BROTLI_PARAM_LGBLOCK, c.block_bits) &&
             set(BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING, c.literal_context_modeling ? 0 : 1) &&
             set(BROTLI_PARAM_MODE, c.mode);
  }
  ~Brotli() override { BrotliEncoderDestroyInstance(state_); }
  bool ready() const noexcept { return ready_; }

  void compress(Buffer& data, bool finish) override {
    const Buffer in(std::move(data));
    for (std::size_t i = 0; i < in.runs(); ++i) {
      Given given{bytes_of(in.run(i)), in.run(i).size()};
      while (given.left > 0 && step(given, data, BROTLI_OPERATION_PROCESS)) {}
    }
    Given none;
    while (step(none, data, finish ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH) &&
           BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE) {}
  }

 private:
  bool set(BrotliEncoderParameter parameter, std::uint32_t value) {
    return BrotliEncoderSetParameter(state_, parameter, value) == BROTLI_TRUE;
  }
  bool step(Given& given, Buffer& out, BrotliEncoderOperation what) {
    const auto room = room_in(out, chunk_);
    auto* at = reinterpret_cast<std::uint8_t*>(room.data());
    std::size_t left = room.size();
    const auto fine = BrotliEncoderCompressStream(state_, what, &given.left, &given.at, &left, &at, nullptr);
    out.commit(room.size() - left);
    return fine == BROTLI_TRUE;
  }

  const std::size_t chunk_;
  BrotliEncoderState* state_;
  bool ready_ = false;
};

class Unbrotli final : public Decompressor {
 public:
  Unbrotli(const BrotliDecompression& c, Arena& arena)
      : pieces_(arena, c.chunk_bytes), state_(BrotliDecoderCreateInstance(take, back, nullptr)) {
    if (state_ != nullptr)
      BrotliDecoderSetParameter(state_, BROTLI_DECODER_PARAM_DISABLE_RING_BUFFER_REALLOCATION, c.reallocates_window ? 0 : 1);
  }
  ~Unbrotli() override {
    if (state_ != nullptr) BrotliDecoderDestroyInstance(state_);
  }
  bool ready() const noexcept { return state_ != nullptr; }

  DecodeError decompress(const Buffer& data, Buffer& out) override {
    const std::size_t most = out.size() + kRatioMax * data.size();
    const auto error = decompress_all(data, out, most);
    pieces_.give(out);
    return error;
  }

 private:
  DecodeError decompress_all(const Buffer& data, Buffer& out, std::size_t most) {
    Given given;
    for (std::size_t i = 0; i < data.runs(); ++i) {
      given = {bytes_of(data.run(i)), data.run(i).size()};
      while (given.left > 0)
        if (const auto error = step(given, out, most); error != DecodeError::none) return error;
    }
    given = {};
    do {
      if (const auto error = step(given, out, most); error != DecodeError::none) return error;
    } while (BrotliDecoderHasMoreOutput(state_) == BROTLI_TRUE);
    return DecodeError::none;
  }
  DecodeError step(Given& given, Buffer& out, std::size_t most) {
    auto* at = reinterpret_cast<std::uint8_t*>(pieces_.at());
    std::size_t left = pieces_.room();
    const auto result = BrotliDecoderDecompressStream(state_, &given.left, &given.at, &left, &at, nullptr);
    pieces_.use(pieces_.room() - left);
    if (result == BROTLI_DECODER_RESULT_ERROR) return DecodeError::data;
    if (result == BROTLI_DECODER_RESULT_SUCCESS && given.left > 0) return DecodeError::redundant;
    if (out.size() > most) return DecodeError::overflow;
    if (pieces_.room() == 0) pieces_.give(out);
    return DecodeError::none;
  }

  Pieces pieces_;
  BrotliDecoderState* state_;
};

class BrotliLibrary final : public CompressorLibrary {
 public:
  explicit BrotliLibrary(const BrotliCompression& config) : CompressorLibrary(Coding::brotli), config_(config) {}
  CompressorPtr make(Arena& arena) const override {
    std::unique_ptr<Brotli, Destroy> made(arena.make<Brotli>(config_));
    return made->ready() ? CompressorPtr(made.release()) : nullptr;
  }

 private:
  const BrotliCompression config_;
};

class UnbrotliLibrary final : public DecompressorLibrary {
 public:
  explicit UnbrotliLibrary(const BrotliDecompression& config) : DecompressorLibrary(Coding::brotli, kRatioMax), config_(config) {}
  DecompressorPtr make(Arena& arena) const override {
    std::unique_ptr<Unbrotli, Destroy> made(arena.make<Unbrotli>(config_, arena));
    return made->ready() ? DecompressorPtr(made.release()) : nullptr;
  }

 private:
  const BrotliDecompression config_;
};

}  // namespace

std::shared_ptr<const CompressorLibrary> make_brotli(const BrotliCompression& config) {
  return std::make_shared<BrotliLibrary>(config);
}
std::shared_ptr<const DecompressorLibrary> make_unbrotli(const BrotliDecompression& config) {
  return std::make_shared<UnbrotliLibrary>(config);
}

}  // namespace outrigger::compression
