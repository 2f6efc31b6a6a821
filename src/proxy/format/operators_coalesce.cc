// COALESCE({"operators": ["PROTOCOL", {"command": "REQ", "param": "x-a", "max_length": 3}]}): the first of
// them that has a value. Its argument is JSON, of which just this shape is read.
#include <vector>

#include "proxy/base/json_text.h"
#include "proxy/format/operators.h"

namespace outrigger::format {

namespace {

constexpr int kDepthMax = 8;

/// Reads JSON front to back; what is asked for is kept, the rest is skipped.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool take(char c) {
    space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  char peek() {
    space();
    return rest_.empty() ? '\0' : rest_[0];
  }
  bool string(std::string& out) {
    if (!take('"')) return false;
    for (; !rest_.empty(); rest_.remove_prefix(1)) {
      if (rest_[0] == '"') return rest_.remove_prefix(1), true;
      if (rest_[0] == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      out += rest_[0];
    }
    return false;
  }
  bool number(long& out) {
    space();
    std::size_t n = 0;
    while (n < rest_.size() && rest_[n] >= '0' && rest_[n] <= '9' && n < 9) ++n;
    if (n == 0) return false;
    out = std::stol(std::string(rest_.substr(0, n)));
    rest_.remove_prefix(n);
    return true;
  }
  bool skip(int depth = 0) {
    if (depth > kDepthMax) return false;
    std::string text;
    if (peek() == '"') return string(text);
    const char open = peek();
    if (open == '[' || open == '{') {
      const char close = open == '[' ? ']' : '}';
      take(open);
      if (take(close)) return true;
      do {
        if (open == '{' && (!string(text) || !take(':'))) return false;
        if (!skip(depth + 1)) return false;
      } while (take(','));
      return take(close);
    }
    const auto end = rest_.find_first_of(",]} ");
    if (end == 0 || rest_.empty()) return false;
    rest_.remove_prefix(std::min(end, rest_.size()));
    return true;
  }
  bool done() { return space(), rest_.empty(); }

 private:
  void space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r'))
      rest_.remove_prefix(1);
  }
  std::string_view rest_;
};

Error bad_json() { return invalid("COALESCE: failed to parse JSON configuration: JSON supplied is not valid"); }

struct Entry {
  std::string command, parameter;
  long length = -1;
};

/// One entry of the list: a name, or an object.
Result<Entry> read_entry(Reader& r) {
  Entry e;
  if (r.peek() == '"') {
    if (!r.string(e.command)) return bad_json();
    return e;
  }
  if (!r.take('{')) return invalid("operator entry must be either a string (command name) or an object with 'command' field");
  bool named = false;
  if (!r.take('}')) {
    do {
      std::string key;
      if (!r.string(key) || !r.take(':')) return bad_json();
      bool read;
      if (key == "command")
        read = named = r.string(e.command);
      else if (key == "param")
        read = r.string(e.parameter);
      else
        read = key == "max_length" ? r.number(e.length) : r.skip();
      if (!read) return bad_json();
    } while (r.take(','));
    if (!r.take('}')) return bad_json();
  }
  if (!named) return invalid("operator object must have 'command' field");
  return e;
}

using Operators = std::vector<Operator>;

Result<Operators> read_operators(Reader& r) {
  if (!r.take('[')) return invalid("COALESCE: 'operators' must be an array");
  Operators all;
  if (r.take(']')) return all;
  do {
    const std::string at = "COALESCE: failed to parse operator at index " + std::to_string(all.size()) + ": ";
    const auto e = read_entry(r);
    if (!e) return invalid(at + e.error().detail);
    auto o = make_operator(e->command, e->parameter, !e->parameter.empty(), e->length);
    if (!o) {
      const bool unknown = o.error().detail.starts_with("Not supported field");
      return invalid(at + (unknown ? "unknown command: '" + e->command + "'" : o.error().detail));
    }
    all.push_back(std::move(*o));
  } while (r.take(','));
  if (!r.take(']')) return bad_json();
  return all;
}

}  // namespace

Result<Operator> make_coalesce(const Arguments& a) {
  Reader r(a.text);
  if (r.peek() == '[') return invalid("COALESCE: JSON configuration must contain 'operators' array");
  if (!r.take('{')) return bad_json();
  std::optional<Operators> found;
  if (!r.take('}')) {
    do {
      std::string key;
      if (!r.string(key) || !r.take(':')) return bad_json();
      if (key != "operators") {
        if (!r.skip()) return bad_json();
        continue;
      }
      auto all = read_operators(r);
      if (!all) return all.error();
      found = std::move(*all);
    } while (r.take(','));
    if (!r.take('}')) return bad_json();
  }
  if (!r.done()) return bad_json();
  if (!found) return invalid("COALESCE: JSON configuration must contain 'operators' array");
  if (found->empty()) return invalid("COALESCE: 'operators' array must not be empty");
  const auto all = std::make_shared<const Operators>(std::move(*found));
  return Operator{[all, length = a.length](const Context& c, std::string& out) {
                    const auto start = out.size();
                    for (const auto& o : *all) {
                      if (!o.append(c, out)) continue;
                      if (length >= 0 && out.size() - start > static_cast<std::size_t>(length))
                        out.resize(start + static_cast<std::size_t>(length));
                      return true;
                    }
                    return false;
                  },
                  [all, length = a.length](const Context& c, std::string& out) {
                    std::string text;
                    for (const auto& o : *all) {
                      if (!o.append(c, text)) continue;
                      if (o.number() && length < 0)
                        out += text;
                      else if (o.json() != nullptr && length < 0)
                        return (*o.json())(c, out);
                      else
                        append_json_string(Arguments{{}, length}.cut(text), out);
                      return true;
                    }
                    return false;
                  }};
}

}  // namespace outrigger::format
