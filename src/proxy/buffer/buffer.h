// Bytes in flight: an ordered run of slices over pooled 16 KiB blocks. Confined to one thread
// (blocks come from that thread's pool and are counted without atomics).
#pragma once
#include <sys/uio.h>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include "proxy/buffer/slice_list.h"

namespace outrigger {

class Buffer {
 public:
  static constexpr std::size_t kBlockBytes = 16 * 1024;

  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& o) noexcept;
  Buffer& operator=(Buffer&& o) noexcept;
  ~Buffer() { clear(); }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  void append(std::string_view bytes);  // copies
  /// Copies a small piece; into an empty buffer without a block of its own: small pieces of the thread share one.
  void append_small(std::string_view bytes);
  void append(Buffer&& other);                       // moves slices, no copy
  void move_from(Buffer& other, std::size_t bytes);  // moves the first `bytes` of other
  void share_to(Buffer& other) const;                // other gets the same bytes, no copy
  /// other gets `part`, which lies in front(), without a copy.
  void share_front(std::string_view part, Buffer& other) const;
  void drain(std::size_t bytes) noexcept;  // bytes <= size()
  void clear() noexcept;

  /// Space for at least `at_least` contiguous bytes (<= kBlockBytes); follow with commit().
  std::span<char> reserve(std::size_t at_least = 1);
  void commit(std::size_t bytes) noexcept;
  /// For one read of at most about `bytes_max`: in one block, or in several for more than a block. Follow with
  /// commit(), which gives back the blocks that were not used.
  struct Room {
    iovec runs[16];
    std::size_t count = 0, bytes = 0;
  };
  void reserve(std::size_t bytes_max, Room& room);
  void commit(const Room& room, std::size_t bytes) noexcept;

  /// Fills `out` with slices from the front, in order; returns how many were filled.
  std::size_t gather(std::span<iovec> out) const noexcept;
  /// The first contiguous run.
  std::string_view front() const noexcept;
  /// All runs: those of 0 to runs() - 1, which may be empty.
  std::size_t runs() const noexcept { return slices_.size() - first_; }
  std::string_view run(std::size_t i) const noexcept;
  /// The first min(bytes, size()) bytes contiguously; copies only when they span slices.
  /// For codecs, and for heads only. Writable, since parsers lower-case in place.
  std::span<char> linearize(std::size_t bytes);
  std::string to_string() const;
  /// Gives unused tail blocks back to the pool (an idle connection owns no block).
  void trim() noexcept;
  /// Blocks that buffers of this thread hold: what bodies in flight really cost.
  static std::size_t blocks_in_use() noexcept;

  struct Block;

 private:
  struct Slice {
    Block* block;
    std::uint32_t begin, end;  // offsets in the block's bytes
  };
  Slice* begin() noexcept { return slices_.data() + first_; }
  void pop_front_slice() noexcept;
  void append_text(std::string_view bytes);
  SliceList<Slice, 4> slices_;  // keeps its capacity: no allocation in steady state
  std::size_t first_ = 0;       // slices before it are consumed
  std::size_t size_ = 0;
};

}  // namespace outrigger
