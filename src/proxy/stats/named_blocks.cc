#include "proxy/stats/named_blocks.h"

#include <functional>
#include <new>
#include <utility>

#include "proxy/stats/stats.h"

namespace outrigger::stats {

NamedBlocks::~NamedBlocks() {
  for (auto& bucket : buckets_)
    for (Node* n = bucket.load(); n != nullptr;) delete std::exchange(n, n->next);
}

NamedBlocks::Node* NamedBlocks::make(std::string_view name) noexcept {
  if (count_.fetch_add(1, std::memory_order_relaxed) >= kNamesMax) return nullptr;
  const std::uint32_t id = next_id_.fetch_sub(1, std::memory_order_relaxed);
  if (id <= last_id_) return nullptr;
  auto* n = new (std::nothrow) Node;
  if (n == nullptr) return nullptr;
  n->name = name;
  n->handle = {id, static_cast<std::uint16_t>(type_.stats.size()), static_cast<std::uint16_t>(type_.families.size())};
  return n;
}

BlockHandle NamedBlocks::find(std::string_view name, Cells& cells) noexcept {
  const auto refuse = [&] {
    cells.add(overflow_);
    return BlockHandle{};
  };
  if (name.empty()) return {};
  if (name.size() > kNameMax) return refuse();
  auto& bucket = buckets_[std::hash<std::string_view>()(name) % buckets_.size()];
  Node* head = bucket.load(std::memory_order_acquire);
  Node* made = nullptr;
  const Node* seen = nullptr;  // from there on it was looked for
  for (;;) {
    for (const Node* n = head; n != seen; n = n->next)
      if (n->name == name) {
        delete made;
        return n->handle;
      }
    if (made == nullptr && count_.load(std::memory_order_relaxed) < kNamesMax) made = make(name);
    if (made == nullptr) return refuse();
    made->next = head;
    seen = head;
    if (bucket.compare_exchange_weak(head, made, std::memory_order_acq_rel, std::memory_order_acquire)) return made->handle;
  }
}

}  // namespace outrigger::stats
