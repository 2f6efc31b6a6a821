#include "filters/json_weaver.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "proxy/base/json_text.h"
#include "proxy/base/numbers.h"

namespace outrigger::filters {

namespace {

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr bool is_word(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '-' ||
         c == '.';
}

/// Past the string that begins there; npos: it does not end.
std::size_t string_end(std::string_view s, std::size_t at) noexcept {
  const char quote = s[at];
  for (++at; at < s.size(); ++at) {
    if (s[at] == quote) return at + 1;
    if (s[at] == '\\') ++at;
  }
  return std::string_view::npos;
}

/// Past the value that begins there.
std::size_t value_end(std::string_view s) noexcept {
  std::size_t depth = 0, at = 0;
  while (at < s.size()) {
    const char c = s[at];
    if (c == '"' || c == '\'') {
      at = string_end(s, at);
      if (at == std::string_view::npos || depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;
      if (--depth == 0) return at + 1;
    }
    if (depth == 0 && (c == ',' || c == ':' || is_space(c))) return at;
    ++at;
  }
  return depth == 0 ? at : std::string_view::npos;
}

std::string quoted_name(std::string_view name) {
  std::string out;
  append_json_string(name, out);
  return out;
}

/// As JSON, of whatever bytes: those that are no text are left for the reader to refuse.
void append_text(std::string_view s, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < ' ') {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

struct Compared {
  bool same = false;
  std::string_view no_such{};  // the binding is none of that type
};

Compared compare_bool(std::string_view body, std::string_view bound) noexcept {
  if (bound != "true" && bound != "false") return {false, "bool"};
  return {body == bound, {}};
}

/// Integers as Envoy compares them: of what is bound only 32 bits.
template <class T>
Compared compare_integer(T body, std::string_view bound, std::string_view type) noexcept {
  const auto n = to_number<T>(bound);
  if (!n) return {false, type};
  return {static_cast<T>(static_cast<std::uint32_t>(*n)) == body, {}};
}

Compared compare_number(std::string_view body, std::string_view bound) noexcept {
  if (body.find_first_of(".eE") == std::string_view::npos) {
    if (const auto n = to_number<std::uint64_t>(body)) return compare_integer(*n, bound, "uint64");
    if (const auto n = to_number<std::int64_t>(body)) return compare_integer(*n, bound, "int64");
  }
  const auto a = to_number<double>(body), b = to_number<double>(bound);
  if (!b) return {false, "double"};
  constexpr double kNear = 32 * static_cast<double>(FLT_EPSILON);
  return {a && std::fabs(*a - *b) < kNear, {}};
}

}  // namespace

std::size_t json_space(std::string_view json) noexcept {
  return static_cast<std::size_t>(std::find_if_not(json.begin(), json.end(), is_space) - json.begin());
}

JsonWeaver::JsonWeaver(std::span<const JsonBinding> bindings, bool reject) : reject_(reject) {
  for (const auto& b : bindings) {
    if (b.path.empty()) continue;
    Node* node = &root_;
    for (std::size_t i = 0; i + 1 < b.path.size(); ++i) {
      Node* inner = node->find(b.path[i].name);
      if (inner == nullptr) {
        inner = &node->messages.emplace_back();
        inner->name = b.path[i].name;
      }
      node = inner;
    }
    auto& leaves = node->leaves;
    auto leaf = std::find_if(leaves.begin(), leaves.end(), [&](const Leaf& l) { return l.field.name == b.path.back().name; });
    if (leaf == leaves.end()) leaf = leaves.insert(leaf, Leaf{b.path.back(), {}});
    leaf->values.push_back(b.value);
  }
}

JsonWeaver::Node* JsonWeaver::Node::find(std::string_view message) noexcept {
  const auto m = std::find_if(messages.begin(), messages.end(), [&](const Node& n) { return n.name == message; });
  return m == messages.end() ? nullptr : &*m;
}

bool JsonWeaver::weave(std::string_view json, std::string_view at, std::string& out) {
  out_ = &out;
  out.clear();
  rest_ = json;
  skip_space();
  if (!at.empty()) {
    if (!value_at(&root_, at)) return false;
  } else if (take('{')) {
    if (!object(&root_)) return false;
  }
  out += rest_;
  return true;
}

bool JsonWeaver::value_at(Node* in, std::string_view at) {
  const auto dot = at.find('.');
  const auto name = at.substr(0, dot);
  const auto quoted = quoted_name(name);
  *out_ += '{';
  if (dot == std::string_view::npos) {
    if (!member(in, name, quoted)) return false;
  } else {
    put_name(quoted);
    if (!value_at(in == nullptr ? nullptr : in->find(name), at.substr(dot + 1))) return false;
  }
  put_rest(in);
  *out_ += '}';
  return true;
}

/// What follows its "{". Not recursive but where something is bound, which the types' depth bounds.
bool JsonWeaver::object(Node* node) {
  *out_ += '{';
  for (skip_space(); !take('}'); skip_space()) {
    std::string_view name, quoted;
    if (!key(name, quoted)) return false;
    skip_space();
    if (!take(':')) return false;
    skip_space();
    if (!member(node, name, quoted)) return false;
    skip_space();
    if (!take(',') && !rest_.starts_with('}')) return false;
  }
  put_rest(node);
  *out_ += '}';
  return true;
}

/// In quotes or, which protobuf takes, without.
bool JsonWeaver::key(std::string_view& name, std::string_view& quoted) {
  if (rest_.empty()) return false;
  const bool has_quotes = rest_[0] == '"' || rest_[0] == '\'';
  const std::size_t end = has_quotes
                              ? string_end(rest_, 0)
                              : static_cast<std::size_t>(std::find_if_not(rest_.begin(), rest_.end(), is_word) - rest_.begin());
  if (end == std::string_view::npos || end == 0) return false;
  quoted = rest_.substr(0, end);
  name = has_quotes ? quoted.substr(1, end - 2) : quoted;
  rest_.remove_prefix(end);
  return true;
}

bool JsonWeaver::member(Node* in, std::string_view name, std::string_view quoted) {
  if (rest_.empty()) return false;
  if (rest_[0] == '{') {
    Node* inner = in == nullptr ? nullptr : in->find(name);
    if (inner != nullptr && !inner->empty()) {
      put_name(quoted);
      return take('{') && object(inner);
    }
  }
  const bool scalar = rest_[0] != '{' && rest_[0] != '[';
  std::string_view value;
  if (!raw(value)) return false;
  if (scalar && in != nullptr && value != "null") collide(*in, name, value);
  put_name(quoted);
  *out_ += value;
  return true;
}

bool JsonWeaver::raw(std::string_view& value) {
  const auto end = value_end(rest_);
  if (end == std::string_view::npos || end == 0) return false;
  value = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return true;
}

/// The body has a value of that name: of a repeated field what is bound comes before it; else it is the body's that counts.
void JsonWeaver::collide(Node& in, std::string_view name, std::string_view value) {
  const auto leaf = std::find_if(in.leaves.begin(), in.leaves.end(), [&](const Leaf& l) { return l.field.name == name; });
  if (leaf == in.leaves.end()) return;
  if (leaf->field.repeated)
    put_leaf(*leaf);
  else if (reject_)
    compare(*leaf, value);
  in.leaves.erase(leaf);
}

void JsonWeaver::compare(const Leaf& leaf, std::string_view value) {
  for (const auto bound : leaf.values) {
    Compared c;
    const bool text = value[0] == '"' || value[0] == '\'';
    if (text)
      c.same = value.substr(1, value.size() - 2) == bound;
    else if (value == "true" || value == "false")
      c = compare_bool(value, bound);
    else
      c = compare_number(value, bound);
    const std::string shown = '"' + std::string(bound) + '"', name(leaf.field.name);
    if (!c.no_such.empty())
      collision_ = "Failed to convert binding value " + name + ":" + shown + " to " + std::string(c.no_such);
    else if (!c.same)
      collision_ = "The binding value " + shown + " of the field " + name + " is conflicting with the value " +
                   std::string(value) + " in the body.";
  }
}

void JsonWeaver::put_name(std::string_view name) {
  if (!out_->ends_with('{')) *out_ += ',';
  *out_ += name;
  *out_ += ':';
}

void JsonWeaver::put_leaf(const Leaf& leaf) {
  for (const auto value : leaf.values) {
    put_name(quoted_name(leaf.field.name));
    append_text(value, *out_);
  }
}

/// What nothing in the body is in the way of.
void JsonWeaver::put_rest(Node* node) {
  if (node == nullptr) return;
  for (const auto& leaf : node->leaves) put_leaf(leaf);
  node->leaves.clear();
  for (auto& message : node->messages) {
    if (message.empty()) continue;
    put_name(quoted_name(message.name));
    *out_ += '{';
    put_rest(&message);
    *out_ += '}';
  }
  node->messages.clear();
}

void JsonWeaver::skip_space() noexcept { rest_.remove_prefix(json_space(rest_)); }

bool JsonWeaver::take(char c) noexcept {
  if (!rest_.starts_with(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

JsonArray::Next JsonArray::next(std::string_view& out) {
  forget();
  if (state_ == State::after) return Next::end;
  if (at_ == begin_ && depth_ == 0 && quote_ == 0) at_ = begin_ += json_space(rest());
  if (begin_ == text_.size()) return Next::more;
  if (state_ == State::before) {
    if (text_[begin_] != '[') return text_[begin_] == '{' ? Next::object : Next::scalar;
    state_ = State::first;
    at_ = ++begin_;
    return next(out);
  }
  if (at_ == begin_ && text_[begin_] == ']') {
    state_ = State::after;
    return Next::end;
  }
  return scan(out);
}

JsonArray::Next JsonArray::scan(std::string_view& out) {
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (quote_ != 0) {
      if (escaped_)
        escaped_ = false;
      else if (c == '\\')
        escaped_ = true;
      else if (c == quote_)
        quote_ = 0;
      continue;
    }
    if (c == '"' || c == '\'') quote_ = c;
    if (c == '{' || c == '[') ++depth_;
    const bool closes = c == '}' || c == ']';
    if (closes && depth_ > 0) {
      --depth_;
      continue;
    }
    if (depth_ > 0 || !(closes || c == ',')) continue;
    if (c == '}' || at_ == begin_) return Next::wrong;
    out = std::string_view(text_).substr(begin_, at_ - begin_);
    state_ = State::elements;
    if (c == ',') ++at_;
    begin_ = at_;
    return Next::element;
  }
  return Next::more;
}

/// Of text that has been given out.
void JsonArray::forget() noexcept {
  if (begin_ == 0 || begin_ < text_.size() / 2) return;
  text_.erase(0, begin_);
  at_ -= begin_;
  begin_ = 0;
}

}  // namespace outrigger::filters
