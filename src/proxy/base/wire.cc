#include "proxy/base/wire.h"

namespace outrigger {

namespace {
constexpr std::uint64_t kFieldMax = (1U << 29) - 1;
constexpr unsigned kGroupsMax = 100;  // inside each other, as the library allows

void put_varint(std::uint64_t v, std::string& out) {
  for (; v > 127; v >>= 7) out += static_cast<char>(v | 128);
  out += static_cast<char>(v);
}
}  // namespace

bool WireReader::varint(std::uint64_t& into) noexcept {
  into = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    into |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool WireReader::take(std::uint64_t size, std::string_view& into) noexcept {
  if (size > rest_.size()) return false;
  into = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

/// What follows the key.
bool WireReader::value() noexcept {
  std::string_view skipped;
  switch (type_) {
    case Type::varint: return varint(number_);
    case Type::bytes: return varint(number_) && take(number_, bytes_);
    case Type::fixed64: return take(8, skipped);
    case Type::fixed32: return take(4, skipped);
    case Type::group: return skip_group();
    case Type::group_end: break;
  }
  return false;
}

bool WireReader::skip_group() noexcept {
  for (unsigned depth = 1; depth > 0;) {
    std::uint64_t key = 0;
    if (!varint(key)) return false;
    type_ = static_cast<Type>(key & 7);
    if (type_ == Type::group) {
      if (++depth > kGroupsMax) return false;
    } else if (type_ == Type::group_end) {
      --depth;
    } else if (!value()) {
      return false;
    }
  }
  return true;
}

bool WireReader::next() noexcept {
  if (!ok_ || rest_.empty()) return false;
  std::uint64_t key = 0;
  ok_ = varint(key) && key >> 3 != 0 && key >> 3 <= kFieldMax;
  if (!ok_) return false;
  field_ = static_cast<std::uint32_t>(key >> 3);
  type_ = static_cast<Type>(key & 7);
  bytes_ = {};
  ok_ = value();
  return ok_;
}

std::string_view wire_bytes(std::string_view message, std::uint32_t number) noexcept {
  std::string_view found;
  for (WireReader r(message); r.next();)
    if (r.field() == number && r.has_bytes()) found = r.bytes();
  return found;
}

void put_wire_number(std::uint32_t field, std::uint64_t value, std::string& out) {
  put_varint(std::uint64_t{field} << 3, out);
  put_varint(value, out);
}

void put_wire_bytes(std::uint32_t field, std::string_view value, std::string& out) {
  put_wire_head(field, value.size(), out);
  out += value;
}

void put_wire_head(std::uint32_t field, std::uint64_t bytes, std::string& out) {
  constexpr unsigned kBytes = 2;
  put_varint(std::uint64_t{field} << 3 | kBytes, out);
  put_varint(bytes, out);
}

}  // namespace outrigger
