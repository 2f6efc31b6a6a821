#include "proxy/cel/lexer.h"

#include <charconv>
#include "proxy/base/text.h"

namespace outrigger::cel {

namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char c) noexcept { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'; }

int hex_of(char c) noexcept {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// False: not a character.
bool append_utf8(std::uint32_t c, std::string& out) {
  if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
  const auto put = [&](std::uint32_t b) { out += static_cast<char>(b); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  } else {
    put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  }
  return true;
}

constexpr std::string_view kSymbols[] = {"&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "?", ":", "+",
                                         "-",  "*",  "/",  "%",  "(",  ")",  "[", "]", "{", "}", ".", ","};

}  // namespace

Token Lexer::wrong(std::size_t at, std::string_view why) const {
  Token t;
  t.kind = Token::wrong;
  t.at = static_cast<std::uint32_t>(at);
  t.text = why;
  return t;
}

void Lexer::skip_space() noexcept {
  while (at_ < all_.size()) {
    const char c = all_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
      ++at_;
    } else if (all_.substr(at_).starts_with("//")) {
      while (at_ < all_.size() && all_[at_] != '\n') ++at_;
    } else {
      return;
    }
  }
}

Token Lexer::number() {
  Token t;
  t.kind = Token::literal;
  t.at = static_cast<std::uint32_t>(at_);
  const std::size_t begin = at_;
  const auto rest = all_.substr(at_);
  const bool hex = rest.starts_with("0x") || rest.starts_with("0X");
  if (hex) at_ += 2;
  const std::size_t digits = at_;
  while (at_ < all_.size() && (hex ? hex_of(all_[at_]) >= 0 : is_digit(all_[at_]))) ++at_;
  bool real = false;
  const auto more_digits = [&] {
    while (at_ < all_.size() && is_digit(all_[at_])) ++at_;
  };
  if (!hex && at_ + 1 < all_.size() && all_[at_] == '.' && is_digit(all_[at_ + 1])) {
    real = true;
    ++at_;
    more_digits();
  }
  if (!hex && at_ < all_.size() && lower(all_[at_]) == 'e') {
    std::size_t p = at_ + 1;
    if (p < all_.size() && (all_[p] == '+' || all_[p] == '-')) ++p;
    if (p < all_.size() && is_digit(all_[p])) {
      real = true;
      at_ = p;
      more_digits();
    }
  }
  const char* first = all_.data() + (hex ? digits : begin);
  const char* last = all_.data() + at_;
  if (real) {
    t.value.kind = Constant::float64;
    if (std::from_chars(first, last, t.value.d).ec != std::errc{}) return wrong(begin, "a number that does not fit");
    return t;
  }
  const bool is_unsigned = at_ < all_.size() && lower(all_[at_]) == 'u';
  if (is_unsigned) ++at_;
  // The smallest int has no positive counterpart: the parser looks at the sign and at the value.
  t.value.kind = is_unsigned ? Constant::uint64 : Constant::int64;
  const auto [end, ec] = std::from_chars(first, last, t.value.u, hex ? 16 : 10);
  if (ec != std::errc{} || end != last) return wrong(begin, "a number that does not fit");
  return t;
}

bool Lexer::escape(bool bytes, std::string& out) {
  if (at_ >= all_.size()) return false;
  const char c = all_[at_++];
  static constexpr std::string_view kFrom = "abfnrtv\\?\"'`", kTo = "\a\b\f\n\r\t\v\\?\"'`";
  if (const auto n = kFrom.find(c); n != std::string_view::npos) return out += kTo[n], true;
  unsigned digits = 0, base = 16;
  std::uint32_t code = 0;
  if (c == 'x' || c == 'X') digits = 2;
  if (c == 'u' && !bytes) digits = 4;
  if (c == 'U' && !bytes) digits = 8;
  if (c >= '0' && c <= '3') digits = 2, base = 8, code = static_cast<std::uint32_t>(c - '0');
  if (digits == 0) return false;
  for (; digits > 0; --digits) {
    const int v = at_ < all_.size() ? hex_of(all_[at_]) : -1;
    if (v < 0 || v >= static_cast<int>(base)) return false;
    code = code * base + static_cast<std::uint32_t>(v);
    ++at_;
  }
  if (!bytes) return append_utf8(code, out);
  out += static_cast<char>(code);
  return true;
}

Token Lexer::quoted(bool raw, bool bytes, std::size_t begin) {
  Token t;
  t.kind = Token::literal;
  t.at = static_cast<std::uint32_t>(begin);
  t.value.kind = bytes ? Constant::bytes : Constant::string;
  const char quote = all_[at_];
  const std::string three(3, quote);
  const bool long_form = all_.substr(at_).starts_with(three);
  const std::string_view close = std::string_view(three).substr(0, long_form ? 3 : 1);
  at_ += close.size();
  while (!all_.substr(at_).starts_with(close)) {
    if (at_ >= all_.size() || (!long_form && (all_[at_] == '\n' || all_[at_] == '\r')))
      return wrong(begin, "a string that does not end");
    const char c = all_[at_++];
    if (c != '\\') {
      t.value.text += c;
    } else if (raw) {  // a quote behind it does not end the string
      t.value.text += c;
      if (at_ < all_.size()) t.value.text += all_[at_++];
    } else if (!escape(bytes, t.value.text)) {
      return wrong(begin, "a string with an unknown escape");
    }
  }
  at_ += close.size();
  return t;
}

Token Lexer::next() {
  skip_space();
  Token t;
  t.at = static_cast<std::uint32_t>(at_);
  if (at_ >= all_.size()) return t;
  const char c = all_[at_];
  if (is_digit(c) || (c == '.' && at_ + 1 < all_.size() && is_digit(all_[at_ + 1]))) return number();
  if (c == '"' || c == '\'') return quoted(false, false, at_);
  if (is_letter(c)) {
    const std::size_t begin = at_;
    while (at_ < all_.size() && (is_letter(all_[at_]) || is_digit(all_[at_]))) ++at_;
    t.kind = Token::word;
    t.text = all_.substr(begin, at_ - begin);
    if (at_ < all_.size() && (all_[at_] == '"' || all_[at_] == '\'') && t.text.size() <= 2) {
      const bool raw = t.text.find_first_of("rR") != std::string_view::npos;
      const bool bytes = t.text.find_first_of("bB") != std::string_view::npos;
      if (t.text.size() == static_cast<std::size_t>(raw) + static_cast<std::size_t>(bytes)) return quoted(raw, bytes, begin);
    }
    return t;
  }
  for (const auto s : kSymbols)
    if (all_.substr(at_).starts_with(s)) {
      t.kind = Token::symbol;
      t.text = all_.substr(at_, s.size());
      at_ += s.size();
      return t;
    }
  return wrong(at_, "a character that is no part of the language");
}

}  // namespace outrigger::cel
