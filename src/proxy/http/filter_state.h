// Filter state of one request or connection: what filters leave for later filters, routes and logs.
// Entries live in the arena of whoever set them; worker's thread.
#pragma once
#include <map>
#include <string>
#include <string_view>

namespace outrigger::http {

struct FilterState {
  struct Entry {
    std::string_view key, value;
    bool hashable = false;  // usable by a hash policy
    const Entry* next = nullptr;
    std::string_view typed_json{};  // of an object; empty: `value` is all. It need not have a plain text
    std::string_view log_json{};    // the same in logs that are JSON, where that differs
    const std::map<std::string, std::string>* fields = nullptr;  // of an object that has such; null: none
  };
  const Entry* first = nullptr;         // the newest
  const FilterState* parent = nullptr;  // of the connection; null: none
  /// Before those that are there.
  void add(Entry& e) noexcept {
    e.next = first;
    first = &e;
  }
  /// Null: not set.
  const Entry* find(std::string_view key) const noexcept {
    for (const auto* s = this; s != nullptr; s = s->parent)
      for (const auto* e = s->first; e != nullptr; e = e->next)
        if (e->key == key) return e;
    return nullptr;
  }
};

}  // namespace outrigger::http
