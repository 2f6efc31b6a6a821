// Protobuf's encoding, read field by field where it lies: a response of many megabytes is told apart into resources without
// a copy of them, and small messages need no library. Any thread; what it gives points into what it reads.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger {

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) noexcept : rest_(bytes) {}
  /// Goes to the next field. False: there is none, or the bytes are wrong from here on (see ok()).
  bool next() noexcept;
  bool ok() const noexcept { return ok_; }
  std::uint32_t field() const noexcept { return field_; }
  /// Has it bytes, as strings and messages do?
  bool has_bytes() const noexcept { return type_ == Type::bytes; }
  std::string_view bytes() const noexcept { return bytes_; }
  /// Is it a varint, as integers, enumerations and booleans are?
  bool has_number() const noexcept { return type_ == Type::varint; }
  std::uint64_t number() const noexcept { return number_; }

 private:
  enum class Type : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, group = 3, group_end = 4, fixed32 = 5 };
  bool varint(std::uint64_t& into) noexcept;
  bool take(std::uint64_t size, std::string_view& into) noexcept;
  bool value() noexcept;
  bool skip_group() noexcept;
  std::string_view rest_, bytes_;
  std::uint64_t number_ = 0;
  std::uint32_t field_ = 0;
  Type type_ = Type::varint;
  bool ok_ = true;
};

/// The field `number`, of a message that has it once as bytes (the last, if it is there several times); empty: there is none.
std::string_view wire_bytes(std::string_view message, std::uint32_t number) noexcept;

/// A field at the end of a message: a number that isn't negative; a string or message.
void put_wire_number(std::uint32_t field, std::uint64_t value, std::string& out);
void put_wire_bytes(std::uint32_t field, std::string_view value, std::string& out);
/// What comes before the bytes of such a string or message.
void put_wire_head(std::uint32_t field, std::uint64_t bytes, std::string& out);

}  // namespace outrigger
