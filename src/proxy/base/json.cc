#include "proxy/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "proxy/base/percent.h"
#include "proxy/base/utf8.h"

namespace outrigger {

namespace {

constexpr int kDepthMax = 100;

/// As protobuf prints a double.
std::string number_text(double n) {
  char out[40];
  if (n == std::trunc(n) && std::fabs(n) < 1e15 && !std::signbit(n))  // the same, and soon done
    return {out, std::to_chars(out, out + sizeof out, static_cast<std::int64_t>(n)).ptr};
  for (const int digits : {15, 17}) {
    std::snprintf(out, sizeof out, "%.*g", digits, n);
    if (std::strtod(out, nullptr) == n) break;
  }
  return out;
}

void append_utf8(unsigned code, std::string& out) {
  const auto put = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 63));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 63));
    put(0x80 | (code >> 6 & 63));
  }
  put(0x80 | (code & 63));
}

class Parser {
 public:
  explicit Parser(std::string_view text) noexcept : at_(text.data()), end_(text.data() + text.size()) {}

  bool parse(MetadataValue& out) {
    skip_space();
    if (at_ == end_ || *at_ != '{' || !value(out, 0)) return false;
    skip_space();
    return at_ == end_;
  }

 private:
  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  bool take(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) noexcept {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool value(MetadataValue& out, int depth) {
    skip_space();
    if (at_ == end_ || depth > kDepthMax) return false;
    switch (*at_) {
      case '{': return object(out, depth);
      case '[': return list(out, depth);
      case '"': {
        std::string s;
        if (!text(s)) return false;
        out = MetadataValue::of(s);
        return true;
      }
      case 't': return boolean(out, "true", true);
      case 'f': return boolean(out, "false", false);
      case 'n': return take(std::string_view("null"));
      default: return number(out);
    }
  }

  bool boolean(MetadataValue& out, std::string_view word, bool b) {
    if (!take(word)) return false;
    out.kind = MetadataValue::boolean;
    out.b = b;
    out.json = word;
    return true;
  }

  bool object(MetadataValue& out, int depth) {
    ++at_;
    out.kind = MetadataValue::object;
    skip_space();
    if (take('}')) return true;
    do {
      skip_space();
      auto& [name, v] = out.fields.emplace_back();
      if (!text(name)) return false;
      skip_space();
      if (!take(':') || !value(v, depth + 1)) return false;
      skip_space();
    } while (take(','));
    // By name, as what is merged into metadata has to be.
    std::sort(out.fields.begin(), out.fields.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
    return take('}') && std::adjacent_find(out.fields.begin(), out.fields.end(), same) == out.fields.end();
  }

  bool list(MetadataValue& out, int depth) {
    ++at_;
    out.kind = MetadataValue::list;
    skip_space();
    if (take(']')) return true;
    do {
      if (!value(out.items.emplace_back(), depth + 1)) return false;
      skip_space();
    } while (take(','));
    return take(']');
  }

  /// The four digits of \uXXXX; -1: they are none.
  int code_unit() noexcept {
    int code = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = at_ == end_ ? -1 : hex_digit(*at_++);
      if (digit < 0) return -1;
      code = code * 16 + digit;
    }
    return code;
  }

  bool escape(std::string& out) {
    if (at_ == end_) return false;
    static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    const char c = *at_++;
    if (const auto which = kFrom.find(c); which != std::string_view::npos) {
      out += kTo[which];
      return true;
    }
    if (c != 'u') return false;
    const int first = code_unit();
    if (first < 0 || (first >= 0xdc00 && first < 0xe000)) return false;
    if (first < 0xd800 || first >= 0xe000) {
      append_utf8(static_cast<unsigned>(first), out);
      return true;
    }
    if (!take(std::string_view("\\u"))) return false;
    const int second = code_unit();
    if (second < 0xdc00 || second >= 0xe000) return false;
    append_utf8(0x10000U + (static_cast<unsigned>(first - 0xd800) << 10) + static_cast<unsigned>(second - 0xdc00), out);
    return true;
  }

  bool text(std::string& out) {
    if (!take('"')) return false;
    while (at_ != end_) {
      const char c = *at_++;
      if (c == '"') return is_utf8(out);
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\')
        out += c;
      else if (!escape(out))
        return false;
    }
    return false;
  }

  bool digits() noexcept {
    const char* begin = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    return at_ != begin;
  }

  bool number(MetadataValue& out) {
    const char* begin = at_;
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (!take('+')) take('-');
      if (!digits()) return false;
    }
    out.kind = MetadataValue::number;
    const auto [end, error] = std::from_chars(begin, at_, out.n);
    if (error == std::errc::result_out_of_range)
      out.n = std::strtod(std::string(begin, at_).c_str(), nullptr);
    else if (error != std::errc{} || end != at_)
      return false;
    if (!std::isfinite(out.n)) return false;
    out.json = number_text(out.n);
    return true;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

std::optional<MetadataValue> parse_json_object(std::string_view text) {
  MetadataValue out;
  return Parser(text).parse(out) ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace outrigger
