// Ordered multimap of header fields whose strings live in the stream's Arena (or outlive it).
// Well-known names carry an id, found by one memchr over the ids if the map ever had it; others by a short scan.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>
#include "proxy/base/arena.h"

namespace outrigger::http {

enum class Name : std::uint8_t {
  other,
#define X(id, text, joins) id,
#include "proxy/http/header_names.inc"
#undef X
  kCount
};

/// What a HeaderMap belongs to: decides which names are joined by append().
enum class MapOf : std::uint8_t { other = 0, request = 1, response = 2, request_trailers = 4, response_trailers = 8 };

/// `lower` must be lower case. Name::other when unknown.
Name lookup(std::string_view lower) noexcept;
std::string_view text_of(Name name) noexcept;

class HeaderMap {
 public:
  struct Entry {
    std::string_view name;  // lower case
    std::string_view value;
  };
  /// How the codec that read a head wants its names written again (preserve_case). In the arena.
  struct NameCase {
    struct Received {
      std::string_view name;
      Received* next = nullptr;
    };
    Received* received = nullptr;
    bool else_proper = false;  // what did not come from the peer: Proper-Words, not lower case
  };

  /// Values of `lower` are joined in such maps too (Envoy: inline_headers). Before any map is made.
  static void join_always(MapOf of, std::string_view lower);

  explicit HeaderMap(Arena& arena, MapOf of = MapOf::other) noexcept : arena_(&arena), of_(of) {}
  HeaderMap(const HeaderMap&) = delete;
  HeaderMap& operator=(const HeaderMap&) = delete;

  /// Strings are referenced, not copied: they must live as long as the arena.
  void add(Name id, std::string_view value) { push(id, {text_of(id), value}); }
  void add(std::string_view lower, std::string_view value) { push(lookup(lower), {lower, value}); }
  /// As add(); of a name that is there and that Envoy keeps in one line, the values are joined.
  void append_entry(Name id, const Entry& e);
  void append(std::string_view lower, std::string_view value) { append_entry(lookup(lower), {lower, value}); }
  /// Copies both strings into the arena.
  void add_copy(std::string_view lower, std::string_view value);
  /// First occurrence gets the value, further ones go; added when absent.
  void set(Name id, std::string_view value);
  void set(std::string_view lower, std::string_view value);
  /// How many were removed.
  std::size_t remove(Name id) noexcept;
  std::size_t remove(std::string_view lower) noexcept;
  void remove_at(std::size_t i) noexcept;

  /// First value; null pointer when absent (an empty value has a non-null entry).
  const Entry* find(Name id) const noexcept {
    const auto bit = static_cast<unsigned>(id);
    if ((had_[bit / 64] >> bit % 64 & 1) == 0) return nullptr;
    const void* at = size_ == 0 ? nullptr : std::memchr(ids_, static_cast<int>(id), size_);
    return at == nullptr ? nullptr : entries_ + (static_cast<const std::uint8_t*>(at) - ids_);
  }
  const Entry* find(std::string_view lower) const noexcept;
  std::string_view get(Name id) const noexcept {
    const Entry* e = find(id);
    return e == nullptr ? std::string_view{} : e->value;
  }
  std::string_view get(std::string_view lower) const noexcept {
    const Entry* e = find(lower);
    return e == nullptr ? std::string_view{} : e->value;
  }
  bool has(Name id) const noexcept { return find(id) != nullptr; }
  /// Every value of the name joined by "," (in the arena when there are several).
  std::string_view joined(std::string_view lower) const;

  std::size_t size() const noexcept { return size_; }
  const Entry& at(std::size_t i) const noexcept { return entries_[i]; }
  Entry& at(std::size_t i) noexcept { return entries_[i]; }
  Name id_at(std::size_t i) const noexcept { return static_cast<Name>(ids_[i]); }
  const Entry* begin() const noexcept { return entries_; }
  const Entry* end() const noexcept { return entries_ + size_; }
  void clear() noexcept {
    size_ = 0;
    had_[0] = had_[1] = 0;
  }
  /// Bytes of names and values.
  std::size_t byte_size() const noexcept;
  /// As byte_size(), with what HTTP/1 puts around each field: ":" and the line's end.
  std::size_t line_bytes() const noexcept { return byte_size() + 3 * size(); }
  /// Null: names are written as the codec that writes them has it.
  const NameCase* name_case() const noexcept { return name_case_; }
  void set_name_case(const NameCase* c) noexcept { name_case_ = c; }
  Arena& arena() const noexcept { return *arena_; }
  /// Appends copies of all entries of `from` (another arena's).
  void copy_from(const HeaderMap& from);

 private:
  /// A header that is there has a value, if an empty one: a null pointer would say that it is not.
  static std::string_view present(std::string_view value) noexcept {
    return value.data() == nullptr ? std::string_view("") : value;
  }
  void push(Name id, const Entry& e) {
    if (size_ == capacity_) grow();
    const auto bit = static_cast<unsigned>(id);
    had_[bit / 64] |= std::uint64_t{1} << bit % 64;
    ids_[size_] = static_cast<std::uint8_t>(id);
    entries_[size_++] = {e.name, present(e.value)};
  }
  void grow();
  Arena* arena_;
  std::uint8_t* ids_ = nullptr;
  Entry* entries_ = nullptr;
  const NameCase* name_case_ = nullptr;
  static_assert(static_cast<unsigned>(Name::kCount) <= 128);
  std::uint64_t had_[2] = {};  // a bit per name: it was added since the map was made (it may be gone)
  std::uint32_t size_ = 0, capacity_ = 0;
  MapOf of_;
};

}  // namespace outrigger::http
