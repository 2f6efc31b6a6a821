#include "proxy/base/json_text.h"

namespace outrigger {

namespace {

void append(std::string_view s, bool protobuf, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : s) {
    const auto u = static_cast<unsigned char>(c);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (u < 0x20 || (protobuf && (c == '<' || c == '>' || u == 0x7f)))
          ((out += "\\u00") += kHex[u >> 4]) += kHex[u & 15];
        else
          out += c;
    }
  }
  out += '"';
}

}  // namespace

void append_json_string(std::string_view s, std::string& out) { append(s, false, out); }
void append_protobuf_string(std::string_view s, std::string& out) { append(s, true, out); }

}  // namespace outrigger
