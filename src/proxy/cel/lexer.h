// Tokens of CEL's grammar. Pure; main thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include "proxy/cel/expression.h"

namespace outrigger::cel {

struct Token {
  enum Kind : std::uint8_t { end, wrong, word, literal, symbol } kind = end;
  std::uint32_t at = 0;
  std::string_view text;  // of a word or a symbol; wrong: why
  Constant value;         // of a literal
  bool is(std::string_view s) const noexcept { return kind == symbol && text == s; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) noexcept : all_(text) {}
  Token next();

 private:
  void skip_space() noexcept;
  Token wrong(std::size_t at, std::string_view why) const;
  Token number();
  Token quoted(bool raw, bool bytes, std::size_t begin);
  /// After a backslash; false: not an escape.
  bool escape(bool bytes, std::string& out);
  std::string_view all_;
  std::size_t at_ = 0;
};

}  // namespace outrigger::cel
