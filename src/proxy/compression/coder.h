// Bodies made smaller and whole again as they pass: one coder per message, made by a library (gzip, brotli, zstd) that a config
// describes. Libraries are immutable and shared by threads; a coder belongs to the thread that made it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include "proxy/base/arena.h"
#include "proxy/buffer/buffer.h"

namespace outrigger::compression {

struct Destroy {
  void operator()(auto* in_arena) const noexcept { std::destroy_at(in_arena); }
};

class Compressor {
 public:
  virtual ~Compressor() = default;
  /// `data` becomes what it is compressed to: as much of it as can be told for now, or with `finish` the message's end.
  virtual void compress(Buffer& data, bool finish) = 0;
};
using CompressorPtr = std::unique_ptr<Compressor, Destroy>;

/// How a part of a message could not be decompressed.
enum class DecodeError : std::uint8_t {
  none,
  data,
  overflow,   // far more comes out than went in
  stream,     // the library was used wrongly
  buffer,     // no progress is possible
  memory,     // there is none
  redundant,  // the message had ended before
  dictionary,
  checksum,
};

class Decompressor {
 public:
  virtual ~Decompressor() = default;
  /// Appends to `out` what `data` holds, which stays. After an error the rest of `data` is passed over.
  virtual DecodeError decompress(const Buffer& data, Buffer& out) = 0;
};
using DecompressorPtr = std::unique_ptr<Decompressor, Destroy>;

enum class Coding : std::uint8_t { gzip, brotli, zstd };

/// As in content-encoding.
constexpr std::string_view name_of(Coding c) noexcept { return c == Coding::gzip ? "gzip" : c == Coding::brotli ? "br" : "zstd"; }
/// In names of stats.
constexpr std::string_view library_of(Coding c) noexcept {
  return c == Coding::gzip ? "gzip" : c == Coding::brotli ? "brotli" : "zstd";
}

class CompressorLibrary {
 public:
  explicit CompressorLibrary(Coding coding) noexcept : coding_(coding) {}
  virtual ~CompressorLibrary() = default;
  Coding coding() const noexcept { return coding_; }
  std::string_view encoding() const noexcept { return name_of(coding_); }
  /// Null: there is no memory for it.
  virtual CompressorPtr make(Arena& arena) const = 0;

 private:
  const Coding coding_;
};

class DecompressorLibrary {
 public:
  DecompressorLibrary(Coding coding, std::uint64_t ratio_max) noexcept : coding_(coding), ratio_max_(ratio_max) {}
  virtual ~DecompressorLibrary() = default;
  Coding coding() const noexcept { return coding_; }
  std::string_view encoding() const noexcept { return name_of(coding_); }
  /// Of the bytes that come out to those that went in: more is an overflow.
  std::uint64_t ratio_max() const noexcept { return ratio_max_; }
  virtual DecompressorPtr make(Arena& arena) const = 0;

 private:
  const Coding coding_;
  const std::uint64_t ratio_max_;
};

/// What a decompressor must give on in whole pieces: output reaches the message when a piece is full, or the input is used up.
class Pieces {
 public:
  Pieces(Arena& arena, std::size_t bytes) : begin_(static_cast<char*>(arena.allocate(bytes, 1))), bytes_(bytes) {}
  char* at() const noexcept { return begin_ + used_; }
  std::size_t room() const noexcept { return bytes_ - used_; }
  void use(std::size_t n) noexcept { used_ += n; }
  void give(Buffer& out) {
    out.append(std::string_view(begin_, used_));
    used_ = 0;
  }

 private:
  char* begin_;
  std::size_t bytes_, used_ = 0;
};

/// Space for `bytes_max` at most in `out`, and not for a few bytes only; commit() what was used of it.
inline std::span<char> room_in(Buffer& out, std::size_t bytes_max) {
  const auto room = out.reserve(64);
  return room.first(std::min(room.size(), bytes_max));
}

}  // namespace outrigger::compression
