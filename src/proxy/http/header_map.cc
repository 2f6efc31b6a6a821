#include "proxy/http/header_map.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace outrigger::http {

namespace {

constexpr std::string_view kTexts[] = {
    "",
#define X(id, text, joins) text,
#include "proxy/http/header_names.inc"
#undef X
};

enum Joins : std::uint8_t { none = 0, request = 1, response = 2, both = 3 };  // bits of MapOf
/// Which names are joined, and where. Changed only by join_always().
std::uint8_t joins[] = {
    none,
#define X(id, text, joins) joins,
#include "proxy/http/header_names.inc"
#undef X
};
constexpr std::size_t kNames = static_cast<std::size_t>(Name::kCount);

/// Open hash of all well-known names: length, first, middle and last character decide the slot.
constexpr std::size_t kSlots = 512;
constexpr std::size_t hash(std::string_view s) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(s[i])); };
  return (s.size() * 131 + at(0) * 7 + at(s.size() / 2) * 17 + at(s.size() - 1) * 31 + at(s.size() * 3 / 4) * 61) % kSlots;
}
constexpr auto make_slots() {
  std::array<std::uint8_t, kSlots> slots{};
  for (std::size_t i = 1; i < kNames; ++i) {
    std::size_t h = hash(kTexts[i]);
    while (slots[h] != 0) h = (h + 1) % kSlots;
    slots[h] = static_cast<std::uint8_t>(i);
  }
  return slots;
}
constexpr auto kTable = make_slots();

/// Names without an id that are joined; nearly always none.
struct Joined {
  std::string name;
  std::uint8_t where;
};
std::vector<Joined>& more_joins() {
  static std::vector<Joined> all;
  return all;
}
bool any_more_joins = false;

bool joins_other(std::string_view name, unsigned of) {
  if (!any_more_joins) return false;
  for (const auto& j : more_joins())
    if (j.name == name) return (j.where & of) != 0;
  return false;
}

}  // namespace

void HeaderMap::join_always(MapOf of, std::string_view lower) {
  const auto bit = static_cast<std::uint8_t>(of);
  if (const Name id = lookup(lower); id != Name::other) {
    joins[static_cast<std::size_t>(id)] |= bit;
    return;
  }
  any_more_joins = true;
  for (auto& j : more_joins())
    if (j.name == lower) {
      j.where |= bit;
      return;
    }
  more_joins().push_back({std::string(lower), bit});
}

std::string_view text_of(Name name) noexcept { return kTexts[static_cast<std::size_t>(name)]; }

Name lookup(std::string_view lower) noexcept {
  if (lower.empty()) return Name::other;
  for (std::size_t h = hash(lower); kTable[h] != 0; h = (h + 1) % kSlots)
    if (kTexts[kTable[h]] == lower) return static_cast<Name>(kTable[h]);
  return Name::other;
}

void HeaderMap::grow() {
  const std::uint32_t capacity = capacity_ == 0 ? 32 : capacity_ * 2;
  auto* entries = static_cast<Entry*>(arena_->allocate(capacity * sizeof(Entry), alignof(Entry)));
  auto* ids = static_cast<std::uint8_t*>(arena_->allocate(capacity, 1));
  std::copy_n(entries_, size_, entries);
  std::copy_n(ids_, size_, ids);
  entries_ = entries;
  ids_ = ids;
  capacity_ = capacity;
}

void HeaderMap::append_entry(Name id, const Entry& e) {
  const auto of = static_cast<unsigned>(of_);
  if (id == Name::other ? joins_other(e.name, of) : (joins[static_cast<std::size_t>(id)] & of) != 0) {
    if (const Entry* there = id == Name::other ? find(e.name) : find(id)) {
      Entry& first = entries_[there - entries_];
      if (first.value.empty())
        first.value = present(e.value);
      else if (!e.value.empty())
        first.value = arena_->cat(first.value, e.name == "cookie" ? "; " : ",", e.value);
      return;
    }
  }
  push(id, e);
}

void HeaderMap::add_copy(std::string_view lower, std::string_view value) {
  const Name id = lookup(lower);
  push(id, {id == Name::other ? arena_->copy(lower) : text_of(id), arena_->copy(value)});
}

const HeaderMap::Entry* HeaderMap::find(std::string_view lower) const noexcept {
  const Name id = lookup(lower);
  if (id != Name::other) return find(id);
  for (std::uint32_t i = 0; i < size_; ++i)
    if (ids_[i] == 0 && entries_[i].name == lower) return entries_ + i;
  return nullptr;
}

void HeaderMap::remove_at(std::size_t i) noexcept {
  std::copy(entries_ + i + 1, entries_ + size_, entries_ + i);
  std::copy(ids_ + i + 1, ids_ + size_, ids_ + i);
  --size_;
}

std::size_t HeaderMap::remove(Name id) noexcept {
  std::size_t n = 0;
  while (const Entry* e = find(id)) {
    remove_at(static_cast<std::size_t>(e - entries_));
    ++n;
  }
  return n;
}

std::size_t HeaderMap::remove(std::string_view lower) noexcept {
  std::size_t n = 0;
  while (const Entry* e = find(lower)) {
    remove_at(static_cast<std::size_t>(e - entries_));
    ++n;
  }
  return n;
}

void HeaderMap::set(Name id, std::string_view value) {
  Entry* first = const_cast<Entry*>(find(id));
  if (first == nullptr) return add(id, value);
  first->value = present(value);
  for (std::size_t i = static_cast<std::size_t>(first - entries_) + 1; i < size_;) {
    if (ids_[i] == static_cast<std::uint8_t>(id))
      remove_at(i);
    else
      ++i;
  }
}

void HeaderMap::set(std::string_view lower, std::string_view value) {
  const Name id = lookup(lower);
  if (id != Name::other) return set(id, value);
  Entry* first = const_cast<Entry*>(find(lower));
  if (first == nullptr) return push(Name::other, {lower, value});
  first->value = present(value);
  for (std::size_t i = static_cast<std::size_t>(first - entries_) + 1; i < size_;) {
    if (ids_[i] == 0 && entries_[i].name == lower)
      remove_at(i);
    else
      ++i;
  }
}

std::string_view HeaderMap::joined(std::string_view lower) const {
  std::size_t lines = 0, bytes = 0;
  std::string_view last;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (entries_[i].name != lower) continue;
    last = entries_[i].value;
    bytes += last.size() + 1;
    ++lines;
  }
  if (lines < 2) return last;
  char* all = static_cast<char*>(arena_->allocate(bytes, 1));
  char* at = all;
  for (std::uint32_t i = 0; i < size_; ++i) {
    if (entries_[i].name != lower) continue;
    if (at != all) *at++ = ',';
    at = std::copy(entries_[i].value.begin(), entries_[i].value.end(), at);
  }
  return {all, static_cast<std::size_t>(at - all)};
}

std::size_t HeaderMap::byte_size() const noexcept {
  std::size_t n = 0;
  for (const Entry& e : *this) n += e.name.size() + e.value.size();
  return n;
}

void HeaderMap::copy_from(const HeaderMap& from) {
  for (std::size_t i = 0; i < from.size(); ++i) {
    const Entry& e = from.at(i);
    const Name id = from.id_at(i);
    push(id, {id == Name::other ? arena_->copy(e.name) : text_of(id), arena_->copy(e.value)});
  }
  if (from.name_case_ == nullptr) return;
  auto* names = arena_->make<NameCase>(*from.name_case_);
  auto** last = &names->received;
  for (const auto* r = from.name_case_->received; r != nullptr; r = r->next, last = &(*last)->next)
    *last = arena_->make<NameCase::Received>(arena_->copy(r->name));
  name_case_ = names;
}

}  // namespace outrigger::http
