#include "proxy/compression/gzip.h"

#include <zlib.h>
#include <algorithm>

#include "proxy/compression/memory.h"

namespace outrigger::compression {

namespace {

constexpr int kGzipHead = 16;  // added to the bits of the window: with gzip's head and end

void* take(void*, unsigned n, unsigned size) { return take_memory(std::size_t{n} * size); }
void back(void*, void* block) { give_back(block); }
z_stream new_stream() {
  z_stream z{};
  z.zalloc = take;
  z.zfree = back;
  return z;
}
void set_input(z_stream& z, std::string_view run) {
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(run.data()));
  z.avail_in = static_cast<unsigned>(run.size());
}
void set_output(z_stream& z, char* at, std::size_t bytes) {
  z.next_out = reinterpret_cast<Bytef*>(at);
  z.avail_out = static_cast<unsigned>(bytes);
}

class Gzip final : public Compressor {
 public:
  explicit Gzip(const GzipCompression& config) : chunk_(config.chunk_bytes), z_(new_stream()) {
    ready_ =
        deflateInit2(&z_, config.level, Z_DEFLATED, config.window_bits + kGzipHead, config.memory_level, config.strategy) == Z_OK;
  }
  ~Gzip() override { deflateEnd(&z_); }
  bool ready() const noexcept { return ready_; }

  void compress(Buffer& data, bool finish) override {
    const Buffer in(std::move(data));
    for (std::size_t i = 0; i < in.runs(); ++i) {
      set_input(z_, in.run(i));
      while (z_.avail_in > 0 && step(data, Z_NO_FLUSH)) {}
    }
    while (step(data, finish ? Z_FINISH : Z_SYNC_FLUSH) && z_.avail_out == 0) {}
  }

 private:
  /// False: nothing more comes out.
  bool step(Buffer& out, int flush) {
    const auto room = room_in(out, chunk_);
    set_output(z_, room.data(), room.size());
    const int result = deflate(&z_, flush);
    out.commit(room.size() - z_.avail_out);
    return result == Z_OK;
  }

  const std::size_t chunk_;
  z_stream z_;
  bool ready_ = false;
};

DecodeError error_of(int result) noexcept {
  switch (result) {
    case Z_STREAM_ERROR: return DecodeError::stream;
    case Z_MEM_ERROR: return DecodeError::memory;
    case Z_BUF_ERROR: return DecodeError::buffer;
    default: return DecodeError::data;
  }
}

class Gunzip final : public Decompressor {
 public:
  Gunzip(const GzipDecompression& config, Arena& arena)
      : ratio_max_(config.ratio_max), pieces_(arena, config.chunk_bytes), z_(new_stream()) {
    ready_ = inflateInit2(&z_, config.window_bits + kGzipHead) == Z_OK;
  }
  ~Gunzip() override { inflateEnd(&z_); }
  bool ready() const noexcept { return ready_; }

  DecodeError decompress(const Buffer& data, Buffer& out) override {
    const std::size_t most = out.size() + static_cast<std::size_t>(ratio_max_ * data.size());
    DecodeError error = DecodeError::none;
    for (std::size_t i = 0; i < data.runs(); ++i) {
      set_input(z_, data.run(i));
      for (bool more = true; more;) {
        more = step(error);
        if (pieces_.room() == 0) pieces_.give(out);
        if (more && out.size() > most) return DecodeError::overflow;
      }
    }
    pieces_.give(out);
    return error;
  }

 private:
  /// False: this run is done with.
  bool step(DecodeError& error) {
    set_output(z_, pieces_.at(), pieces_.room());
    const unsigned room = z_.avail_out;
    const int result = inflate(&z_, Z_NO_FLUSH);
    pieces_.use(room - z_.avail_out);
    if (result == Z_STREAM_END || (result == Z_BUF_ERROR && z_.avail_in == 0)) return false;
    if (result == Z_OK) return true;
    error = error_of(result);
    return false;
  }

  const std::uint64_t ratio_max_;
  Pieces pieces_;
  z_stream z_;
  bool ready_ = false;
};

class GzipLibrary final : public CompressorLibrary {
 public:
  explicit GzipLibrary(const GzipCompression& config) : CompressorLibrary(Coding::gzip), config_(config) {}
  CompressorPtr make(Arena& arena) const override {
    std::unique_ptr<Gzip, Destroy> made(arena.make<Gzip>(config_));
    return made->ready() ? CompressorPtr(made.release()) : nullptr;
  }

 private:
  const GzipCompression config_;
};

class GunzipLibrary final : public DecompressorLibrary {
 public:
  explicit GunzipLibrary(const GzipDecompression& config)
      : DecompressorLibrary(Coding::gzip, config.ratio_max), config_(config) {}
  DecompressorPtr make(Arena& arena) const override {
    std::unique_ptr<Gunzip, Destroy> made(arena.make<Gunzip>(config_, arena));
    return made->ready() ? DecompressorPtr(made.release()) : nullptr;
  }

 private:
  const GzipDecompression config_;
};

}  // namespace

std::shared_ptr<const CompressorLibrary> make_gzip(const GzipCompression& config) {
  return std::make_shared<GzipLibrary>(config);
}
std::shared_ptr<const DecompressorLibrary> make_gunzip(const GzipDecompression& config) {
  return std::make_shared<GunzipLibrary>(config);
}

}  // namespace outrigger::compression
