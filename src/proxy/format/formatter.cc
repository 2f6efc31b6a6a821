#include "proxy/format/formatter.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "proxy/base/json_text.h"
#include "proxy/format/operator.h"

namespace outrigger::format {

const std::string_view kDefaultFormat =
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "
    "%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    "\"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

namespace {

bool name_char(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// Parses %NAME(arg):len% at the front of `s`; `used` is its size.
Result<Operator> parse_operator(std::string_view s, const FormatOptions& o, std::size_t& used) {
  std::size_t i = 1;
  while (i < s.size() && name_char(s[i])) ++i;
  const auto name = s.substr(1, i - 1);
  std::string_view argument;
  bool has_argument = false;
  long length = -1;
  if (i < s.size() && s[i] == '(') {
    std::size_t close = s.find(')', i);
    // A time format may hold ')' : the argument ends at the last one before the closing '%'.
    while (close != std::string_view::npos && close + 1 < s.size() && s[close + 1] != '%' && s[close + 1] != ':')
      close = s.find(')', close + 1);
    if (close == std::string_view::npos || close + 1 >= s.size()) return invalid("'(' is not closed");
    argument = s.substr(i + 1, close - i - 1);
    has_argument = true;
    i = close + 1;
  }
  if (i < s.size() && s[i] == ':') {
    const auto end = s.find('%', i);
    if (end == std::string_view::npos) return invalid("no closing '%'");
    const auto [p, ec] = std::from_chars(s.data() + i + 1, s.data() + end, length);
    if (ec != std::errc{} || p != s.data() + end || length < 0) return invalid("bad length");
    i = end;
  }
  if (i >= s.size() || s[i] != '%' || name.empty())
    return invalid("expected %NAME%, %NAME(argument)% or %NAME(argument):length%");
  used = i + 1;
  constexpr std::string_view kExtension = "REQ_WITHOUT_QUERY";
  if (name == kExtension && !o.req_without_query) return invalid("Not supported field in StreamInfo: " + std::string(name));
  return make_operator(name, argument, has_argument, length);
}

Result<std::vector<std::shared_ptr<const Operator>>> parse(std::string_view format, const FormatOptions& o) {
  std::vector<std::shared_ptr<const Operator>> parts;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) parts.push_back(std::make_shared<Operator>(std::move(literal)));
    literal.clear();
  };
  for (std::size_t i = 0; i < format.size();) {
    if (format[i] != '%') {
      literal += format[i++];
    } else if (format.substr(i, 2) == "%%") {
      literal += '%';
      i += 2;
    } else {
      std::size_t used = 0;
      auto op = parse_operator(format.substr(i), o, used);
      if (!op)
        return invalid("Incorrect configuration: " + std::string(format) + ". At position " + std::to_string(i) + ": " +
                       op.error().detail);
      if (op->literal() != nullptr) {
        literal += *op->literal();
      } else {
        flush();
        parts.push_back(std::make_shared<Operator>(std::move(*op)));
      }
      i += used;
    }
  }
  flush();
  return parts;
}

}  // namespace

Result<TextFormat> TextFormat::compile(std::string_view format, const FormatOptions& o) {
  auto parts = parse(format, o);
  if (!parts) return parts.error();
  TextFormat t;
  t.parts_ = std::move(*parts);
  t.omit_empty_ = o.omit_empty_values;
  return t;
}

void TextFormat::append(const Context& c, Missing missing, std::string& out) const {
  for (const auto& p : parts_)
    if (!p->append(c, out) && missing == Missing::dash && !omit_empty_) out += '-';
}

const std::string* TextFormat::literal() const noexcept {
  static const std::string kEmpty;
  if (parts_.empty()) return &kEmpty;
  return parts_.size() == 1 ? parts_[0]->literal() : nullptr;
}

struct JsonFormat::Node {
  Value::Kind kind = Value::null;
  std::string raw;  // literals, ready to print
  std::vector<std::shared_ptr<const Operator>> parts;
  std::vector<std::pair<std::string, Node>> fields;
  std::vector<Node> items;
  bool omit_empty = false;

  static Result<Node> make(const Value& v, const FormatOptions& o) {
    Node n;
    n.kind = v.kind;
    n.omit_empty = o.omit_empty_values;
    switch (v.kind) {
      case Value::null: n.raw = "null"; break;
      case Value::boolean: n.raw = v.b ? "true" : "false"; break;
      case Value::number: {
        char text[40];
        if (std::floor(v.n) == v.n && std::fabs(v.n) < 1e15)
          n.raw = std::to_string(static_cast<long long>(v.n));
        else
          n.raw.assign(text, static_cast<std::size_t>(std::to_chars(text, text + 40, v.n).ptr - text));
        break;
      }
      case Value::string: {
        auto parts = parse(v.s, o);
        if (!parts) return parts.error();
        n.parts = std::move(*parts);
        break;
      }
      case Value::object:
        for (const auto& [name, child] : v.fields) {
          auto c = make(child, o);
          if (!c) return c.error();
          n.fields.emplace_back(name, std::move(*c));
        }
        std::sort(n.fields.begin(), n.fields.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        break;
      case Value::list:
        for (const auto& child : v.items) {
          auto c = make(child, o);
          if (!c) return c.error();
          n.items.push_back(std::move(*c));
        }
    }
    return n;
  }

  /// False: nothing was appended (omitted).
  bool append(const Context& c, std::string& out) const {
    switch (kind) {
      case Value::object: {
        out += '{';
        bool first = true;
        const auto start = out.size() - 1;
        for (const auto& [name, child] : fields) {
          const auto before = out.size();
          if (!first) out += ',';
          append_json_string(name, out);
          out += ':';
          if (child.append(c, out))
            first = false;
          else
            out.resize(before);
        }
        if (first && omit_empty) {
          out.resize(start);
          return false;
        }
        out += '}';
        return true;
      }
      case Value::list: {
        out += '[';
        bool first = true;
        for (const auto& child : items) {
          const auto before = out.size();
          if (!first) out += ',';
          if (child.append(c, out))
            first = false;
          else
            out.resize(before);
        }
        out += ']';
        return true;
      }
      case Value::string: return append_string(c, out);
      case Value::null:
        if (omit_empty) return false;
        out += raw;
        return true;
      default: out += raw; return true;
    }
  }
  bool append_string(const Context& c, std::string& out) const {
    thread_local std::string text;  // keeps its capacity
    text.clear();
    if (parts.size() == 1 && parts[0]->literal() == nullptr) {
      const auto* json = parts[0]->json();
      if (!(json != nullptr ? (*json)(c, text) : parts[0]->append(c, text))) {
        if (omit_empty) return false;
        out += "null";
        return true;
      }
      if (parts[0]->number() || json != nullptr)
        out += text;
      else
        append_json_string(text, out);
      return true;
    }
    for (const auto& p : parts)
      if (!p->append(c, text) && !omit_empty) text += '-';
    append_json_string(text, out);
    return true;
  }
};

Result<JsonFormat> JsonFormat::compile(const Value& object, const FormatOptions& o) {
  auto n = Node::make(object, o);
  if (!n) return n.error();
  JsonFormat f;
  f.root_ = std::make_shared<const Node>(std::move(*n));
  return f;
}

void JsonFormat::append(const Context& c, std::string& out) const {
  if (!root_->append(c, out)) out += "{}";
  out += '\n';
}

}  // namespace outrigger::format
