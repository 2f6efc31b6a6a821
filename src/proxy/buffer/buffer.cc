#include "proxy/buffer/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

namespace outrigger {

struct Buffer::Block {
  std::uint32_t refs;
  Block* next_free;
  char bytes[kBlockBytes];
};

namespace {

/// Pieces up to this size are copied to where something is already: each would keep a whole block in memory.
constexpr std::uint32_t kCopyMax = 4096;
/// What goes between shared slices, such as the lines of chunks, comes from one block of the thread.
constexpr std::size_t kTextMax = 64;
constexpr std::size_t kSmallMax = 2048;

/// Free blocks of this thread; bounded, so a burst does not stay in memory for ever.
struct BlockPool {
  static constexpr std::size_t kKept = 64;
  Buffer::Block* free = nullptr;
  std::size_t count = 0;
  std::size_t in_use = 0;
  Buffer::Block* text = nullptr;
  std::uint32_t text_used = 0;
  ~BlockPool() {
    if (text != nullptr && --text->refs == 0) std::free(text);
    while (free != nullptr) std::free(std::exchange(free, free->next_free));
    count = kKept;  // blocks released by later thread-exit destructors go to free()
  }
};
thread_local BlockPool pool;

Buffer::Block* take_block() {
  ++pool.in_use;
  Buffer::Block* b = pool.free;
  if (b != nullptr) {
    pool.free = b->next_free;
    --pool.count;
  } else {
    b = static_cast<Buffer::Block*>(std::malloc(sizeof(Buffer::Block)));
    if (b == nullptr) std::abort();
  }
  b->refs = 1;
  return b;
}

void release(Buffer::Block* b) noexcept {
  if (--b->refs != 0) return;
  --pool.in_use;
  if (pool.count >= BlockPool::kKept) return std::free(b);
  b->next_free = pool.free;
  pool.free = b;
  ++pool.count;
}

}  // namespace

Buffer::Buffer(Buffer&& o) noexcept : first_(std::exchange(o.first_, 0)), size_(std::exchange(o.size_, 0)) {
  slices_.swap(o.slices_);
}

Buffer& Buffer::operator=(Buffer&& o) noexcept {
  if (this != &o) {
    clear();
    slices_.swap(o.slices_);
    std::swap(first_, o.first_);
    std::swap(size_, o.size_);
  }
  return *this;
}

void Buffer::clear() noexcept {
  for (std::size_t i = first_; i < slices_.size(); ++i) release(slices_[i].block);
  slices_.clear();
  first_ = size_ = 0;
}

void Buffer::pop_front_slice() noexcept {
  release(slices_[first_].block);
  if (++first_ == slices_.size()) {
    slices_.clear();
    first_ = 0;
  } else if (first_ >= 32 && first_ * 2 >= slices_.size()) {  // keep the run short
    slices_.erase_front(first_);
    first_ = 0;
  }
}

std::span<char> Buffer::reserve(std::size_t at_least) {
  if (slices_.size() > first_) {
    Slice& last = slices_.back();
    // Only the sole owner of a block may write behind its slice.
    if (last.block->refs == 1 && last.end + at_least <= kBlockBytes)
      return {last.block->bytes + last.end, kBlockBytes - last.end};
  }
  slices_.push_back({take_block(), 0, 0});
  return {slices_.back().block->bytes, kBlockBytes};
}

void Buffer::commit(std::size_t bytes) noexcept {
  slices_.back().end += static_cast<std::uint32_t>(bytes);
  size_ += bytes;
}

void Buffer::reserve(std::size_t bytes_max, Room& room) {
  constexpr std::size_t kLeast = 2048;  // less is left in the last block: a new one is begun
  const bool one = bytes_max <= kBlockBytes;
  const auto first = reserve(one ? std::min(bytes_max, kLeast) : 1);
  room.runs[0] = {first.data(), one ? std::min(first.size(), bytes_max) : first.size()};
  room.count = 1;
  room.bytes = room.runs[0].iov_len;
  for (; !one && room.bytes < bytes_max && room.count < std::size(room.runs); room.bytes += kBlockBytes) {
    slices_.push_back({take_block(), 0, 0});
    room.runs[room.count++] = {slices_.back().block->bytes, kBlockBytes};
  }
}

void Buffer::commit(const Room& room, std::size_t bytes) noexcept {
  size_ += bytes;
  for (std::size_t i = 0; i < room.count; ++i) {
    Slice& s = slices_[slices_.size() - room.count + i];
    const auto n = static_cast<std::uint32_t>(std::min(bytes, room.runs[i].iov_len));
    s.end += n;
    bytes -= n;
  }
  while (slices_.size() > first_ && slices_.back().begin == slices_.back().end) {
    release(slices_.back().block);
    slices_.pop_back();
  }
}

void Buffer::append(std::string_view bytes) {
  const bool little = !bytes.empty() && bytes.size() <= kTextMax;
  if (little && !empty() && slices_.back().block->refs > 1) return append_text(bytes);
  while (!bytes.empty()) {
    auto room = reserve();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    commit(n);
    bytes.remove_prefix(n);
  }
}

void Buffer::append_small(std::string_view bytes) {
  if (!empty() || bytes.empty() || bytes.size() > kSmallMax) return append(bytes);
  clear();
  append_text(bytes);
}

/// A slice of the thread's block of texts: behind a shared slice nothing can be written.
void Buffer::append_text(std::string_view bytes) {
  const auto n = static_cast<std::uint32_t>(bytes.size());
  if (pool.text == nullptr || pool.text_used + n > kBlockBytes) {
    if (pool.text != nullptr) release(pool.text);
    pool.text = take_block();
    pool.text_used = 0;
  }
  std::memcpy(pool.text->bytes + pool.text_used, bytes.data(), n);
  if (slices_.size() > 0 && slices_.back().block == pool.text && slices_.back().end == pool.text_used) {
    slices_.back().end += n;
  } else {
    ++pool.text->refs;
    slices_.push_back({pool.text, pool.text_used, pool.text_used + n});
  }
  pool.text_used += n;
  size_ += n;
}

void Buffer::append(Buffer&& other) {
  if (empty()) {  // the common case: hand over everything; memory for many slices stays with the buffer that had need of it
    clear();
    if (!slices_.has_memory() || slices_.room() < other.slices_.size() - other.first_) {
      *this = std::move(other);
      return;
    }
    for (std::size_t i = other.first_; i < other.slices_.size(); ++i) slices_.push_back(other.slices_[i]);
    size_ = std::exchange(other.size_, 0);
    other.slices_.clear();
    other.first_ = 0;
    return;
  }
  move_from(other, other.size());
}

void Buffer::move_from(Buffer& other, std::size_t bytes) {
  if (size_ == 0) clear();
  while (bytes > 0) {
    Slice& s = *other.begin();
    const std::uint32_t have = s.end - s.begin;
    if (have == 0) {
      other.pop_front_slice();
      continue;
    }
    const auto n = static_cast<std::uint32_t>(std::min<std::size_t>(have, bytes));
    if (n <= kCopyMax && (size_ > 0 || n < have)) {
      append({s.block->bytes + s.begin, n});
    } else {
      slices_.push_back({s.block, s.begin, s.begin + n});
      ++s.block->refs;  // pop_front_slice gives one back
      size_ += n;
    }
    s.begin += n;
    other.size_ -= n;
    bytes -= n;
    if (n == have) other.pop_front_slice();
  }
}

void Buffer::share_to(Buffer& other) const {
  for (std::size_t i = first_; i < slices_.size(); ++i) {
    const Slice& s = slices_[i];
    if (s.begin == s.end) continue;
    if (s.end - s.begin <= kCopyMax) {
      other.append({s.block->bytes + s.begin, s.end - s.begin});
      continue;
    }
    ++s.block->refs;
    other.slices_.push_back(s);
    other.size_ += s.end - s.begin;
  }
}

void Buffer::share_front(std::string_view part, Buffer& other) const {
  std::size_t i = first_;
  while (slices_[i].begin == slices_[i].end) ++i;
  Block* block = slices_[i].block;
  const auto begin = static_cast<std::uint32_t>(part.data() - block->bytes);
  if (other.size_ == 0) other.clear();
  ++block->refs;
  other.slices_.push_back({block, begin, begin + static_cast<std::uint32_t>(part.size())});
  other.size_ += part.size();
}

void Buffer::drain(std::size_t bytes) noexcept {
  size_ -= bytes;
  while (bytes > 0) {
    Slice& s = *begin();
    const std::uint32_t have = s.end - s.begin;
    if (have > bytes) {
      s.begin += static_cast<std::uint32_t>(bytes);
      return;
    }
    bytes -= have;
    pop_front_slice();
  }
  if (size_ == 0) clear();
}

std::size_t Buffer::gather(std::span<iovec> out) const noexcept {
  std::size_t n = 0;
  for (std::size_t i = first_; i < slices_.size() && n < out.size(); ++i) {
    const Slice& s = slices_[i];
    if (s.begin != s.end) out[n++] = {s.block->bytes + s.begin, s.end - s.begin};
  }
  return n;
}

std::string_view Buffer::run(std::size_t i) const noexcept {
  const Slice& s = slices_[first_ + i];
  return {s.block->bytes + s.begin, s.end - s.begin};
}

std::string_view Buffer::front() const noexcept {
  for (std::size_t i = first_; i < slices_.size(); ++i) {
    const Slice& s = slices_[i];
    if (s.begin != s.end) return {s.block->bytes + s.begin, s.end - s.begin};
  }
  return {};
}

std::span<char> Buffer::linearize(std::size_t bytes) {
  bytes = std::min(bytes, size_);
  if (bytes == 0) return {};
  while (begin()->begin == begin()->end) pop_front_slice();
  Slice& s = *begin();
  if (s.end - s.begin >= bytes) return {s.block->bytes + s.begin, bytes};
  // More than a block can hold: an oversized block of its own.
  const std::size_t room = std::max(bytes, kBlockBytes);
  auto* big = static_cast<Block*>(std::malloc(sizeof(Block) - kBlockBytes + room));
  if (big == nullptr) std::abort();
  big->refs = 1;
  ++pool.in_use;
  std::size_t at = 0;
  const std::size_t total = size_;
  while (at < bytes) {
    const Slice& f = *begin();
    const std::size_t n = std::min<std::size_t>(f.end - f.begin, bytes - at);
    std::memcpy(big->bytes + at, f.block->bytes + f.begin, n);
    at += n;
    drain(n);
  }
  slices_.insert(first_, {big, 0, static_cast<std::uint32_t>(bytes)});
  size_ = total;
  return {big->bytes, bytes};
}

std::string Buffer::to_string() const {
  std::string out;
  out.reserve(size_);
  for (std::size_t i = first_; i < slices_.size(); ++i)
    out.append(slices_[i].block->bytes + slices_[i].begin, slices_[i].end - slices_[i].begin);
  return out;
}

void Buffer::trim() noexcept {
  if (size_ == 0) clear();
}

std::size_t Buffer::blocks_in_use() noexcept { return pool.in_use - (pool.text != nullptr ? 1 : 0); }

}  // namespace outrigger
