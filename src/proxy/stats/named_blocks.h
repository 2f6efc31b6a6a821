// Blocks whose names come with the traffic (a client's service, a header's value): found or made by any
// thread, without locks. The Registry makes it on the main thread, and prints what it holds.
#pragma once
#include <array>
#include <atomic>
#include <string>
#include <string_view>

#include "proxy/stats/types.h"

namespace outrigger::stats {

struct BlockType;
class Cells;

class NamedBlocks {
 public:
  static constexpr std::uint32_t kNamesMax = 1000;
  static constexpr std::size_t kNameMax = 256;

  /// `next_id`: ids that no other block has; shared by all of a Registry's. `overflow` counts what was refused.
  NamedBlocks(const BlockType& type, std::string prefix, std::atomic<std::uint32_t>& next_id, std::uint32_t last_id,
              Counter overflow)
      : type_(type), prefix_(std::move(prefix)), next_id_(next_id), last_id_(last_id), overflow_(overflow) {}
  ~NamedBlocks();
  NamedBlocks(const NamedBlocks&) = delete;
  NamedBlocks& operator=(const NamedBlocks&) = delete;

  /// The block "<prefix><name>."; the null block for a name that is too long or one too many.
  BlockHandle find(std::string_view name, Cells& cells) noexcept;

  const BlockType& type() const noexcept { return type_; }
  const std::string& prefix() const noexcept { return prefix_; }
  /// Main thread: f(prefix, handle) of each block, once.
  template <class F>
  void take_new(F&& f) {
    for (auto& bucket : buckets_)
      for (Node* n = bucket.load(std::memory_order_acquire); n != nullptr && !n->taken; n = n->next) {
        n->taken = true;
        f(prefix_ + n->name + '.', n->handle);
      }
  }

 private:
  struct Node {
    std::string name;
    BlockHandle handle;
    Node* next = nullptr;  // those that were there before
    bool taken = false;    // main's
  };
  Node* make(std::string_view name) noexcept;
  const BlockType& type_;
  std::string prefix_;
  std::atomic<std::uint32_t>& next_id_;
  std::uint32_t last_id_;
  Counter overflow_;
  std::atomic<std::uint32_t> count_{0};
  std::array<std::atomic<Node*>, 64> buckets_{};
};

/// The name of one, put together in place. What is too long is cut here and refused by find().
class BlockName {
 public:
  BlockName& put(std::string_view part, char from = 0, char to = 0) noexcept {
    for (const char c : part)
      if (size_ < sizeof text_) text_[size_++] = c == from ? to : c;
    return *this;
  }
  /// Of a cluster: ':' and NUL become '_'.
  BlockName& put_cluster(std::string_view part) noexcept {
    for (const char c : part)
      if (size_ < sizeof text_) text_[size_++] = c == ':' || c == '\0' ? '_' : c;
    return *this;
  }
  std::string_view text() const noexcept { return {text_, size_}; }

 private:
  char text_[NamedBlocks::kNameMax + 1];
  std::size_t size_ = 0;
};

}  // namespace outrigger::stats
