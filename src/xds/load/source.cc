#include "xds/load/source.h"

#include <yaml.h>
#include <algorithm>
#include <charconv>
#include <map>
#include <memory>

namespace outrigger::xds {

namespace {

constexpr std::size_t kNodesMax = 1'000'000;
constexpr int kDepthMax = 100;

class Reader {
 public:
  Reader(std::string_view text, const std::string& file, Problems& problems)
      : file_(file), json_(file.ends_with(".json")), problems_(problems) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Reader() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  bool read(Node& root) {
    while (next()) {
      if (event_.type == YAML_STREAM_END_EVENT) return true;
      if (event_.type == YAML_STREAM_START_EVENT || event_.type == YAML_DOCUMENT_END_EVENT) continue;
      if (event_.type == YAML_DOCUMENT_START_EVENT) {
        if (documents_++ > 0) return fail("a second document begins here: a config is one YAML document", mark());
        continue;
      }
      if (!node(root, 0)) return false;
    }
    return false;
  }

 private:
  yaml_mark_t mark() const { return event_.start_mark; }
  bool fail(std::string text, yaml_mark_t at) {
    problems_.add({Severity::error, "", std::move(text), file_, static_cast<int>(at.line) + 1, static_cast<int>(at.column) + 1});
    return false;
  }
  bool next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) != 0) return true;
    std::string text = parser_.problem != nullptr ? parser_.problem : "not YAML";
    if (parser_.context != nullptr) text = std::string(parser_.context) + ": " + text;
    const auto at = parser_.problem_mark;
    event_ = {};
    return fail("cannot be parsed as YAML: " + text, at);
  }
  bool node(Node& n, int depth) {
    n.line = static_cast<int>(mark().line) + 1;
    n.column = static_cast<int>(mark().column) + 1;
    if (depth > kDepthMax) return fail("nested more than " + std::to_string(kDepthMax) + " levels deep", mark());
    if (++nodes_ > kNodesMax) return fail("more than a million values", mark());
    switch (event_.type) {
      case YAML_SCALAR_EVENT: {
        const auto& s = event_.data.scalar;
        n.kind = Node::scalar;
        n.text.assign(reinterpret_cast<const char*>(s.value), s.length);
        n.quoted = s.style != YAML_PLAIN_SCALAR_STYLE;
        if (is_yaml_null(n)) n.kind = Node::null;
        if (json_ && !json_word(n)) return fail("not JSON: a string needs quotes", mark());
        remember(s.anchor, n);
        return true;
      }
      case YAML_SEQUENCE_START_EVENT: return list(n, depth);
      case YAML_MAPPING_START_EVENT: return map(n, depth);
      case YAML_ALIAS_EVENT: return alias(n);
      default: return fail("unexpected YAML", mark());
    }
  }
  bool list(Node& n, int depth) {
    n.kind = Node::list;
    if (json_ && event_.data.sequence_start.style != YAML_FLOW_SEQUENCE_STYLE) return fail("not JSON: expected '['", mark());
    const std::string anchor = anchor_text(event_.data.sequence_start.anchor);
    for (;;) {
      if (!next()) return false;
      if (event_.type == YAML_SEQUENCE_END_EVENT) break;
      if (!node(n.items.emplace_back(), depth + 1)) return false;
    }
    if (!anchor.empty()) anchors_[anchor] = n;
    return true;
  }
  bool map(Node& n, int depth) {
    n.kind = Node::map;
    if (json_ && event_.data.mapping_start.style != YAML_FLOW_MAPPING_STYLE) return fail("not JSON: expected '{'", mark());
    const std::string anchor = anchor_text(event_.data.mapping_start.anchor);
    for (;;) {
      if (!next()) return false;
      if (event_.type == YAML_MAPPING_END_EVENT) break;
      if (event_.type != YAML_SCALAR_EVENT) return fail("a key must be a plain word", mark());
      const auto& s = event_.data.scalar;
      std::string key(reinterpret_cast<const char*>(s.value), s.length);
      const auto at = mark();
      if (!next()) return false;
      Node value;
      if (!node(value, depth + 1)) return false;
      value.key_line = static_cast<int>(at.line) + 1;
      value.key_column = static_cast<int>(at.column) + 1;
      if (n.find(key) != nullptr) return fail("'" + key + "' is given twice", at);
      n.fields.emplace_back(std::move(key), std::move(value));
    }
    if (!anchor.empty()) anchors_[anchor] = n;
    return true;
  }
  bool alias(Node& n) {
    const std::string name = anchor_text(event_.data.alias.anchor);
    const auto at = anchors_.find(name);
    if (at == anchors_.end()) return fail("no anchor '&" + name + "' before this alias", mark());
    nodes_ += count(at->second);
    if (nodes_ > kNodesMax) return fail("aliases make more than a million values", mark());
    const int line = n.line, column = n.column;
    n = at->second;
    n.line = line;
    n.column = column;
    return true;
  }
  /// What JSON has without quotes: null, true, false and numbers.
  static bool json_word(const Node& n) {
    if (n.quoted || n.text == "null" || n.text == "true" || n.text == "false") return true;
    double d = 0;
    const auto* end = n.text.data() + n.text.size();
    const auto r = std::from_chars(n.text.data(), end, d);
    return r.ec == std::errc{} && r.ptr == end;
  }
  static std::size_t count(const Node& n) {
    std::size_t c = 1;
    for (const auto& i : n.items) c += count(i);
    for (const auto& f : n.fields) c += count(f.second);
    return c;
  }
  static std::string anchor_text(const yaml_char_t* a) { return a == nullptr ? "" : reinterpret_cast<const char*>(a); }
  void remember(const yaml_char_t* anchor, const Node& n) {
    if (anchor != nullptr) anchors_[anchor_text(anchor)] = n;
  }

  const std::string& file_;
  const bool json_;
  Problems& problems_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  std::map<std::string, Node> anchors_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

/// "max_conn" and "maxConn" are the same key.
bool same_key(std::string_view key, std::string_view field) {
  if (key == field) return true;
  std::size_t k = 0;
  for (std::size_t f = 0; f < field.size(); ++f) {
    char c = field[f];
    if (c == '_' && f + 1 < field.size()) {
      c = field[++f];
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    if (k >= key.size() || key[k++] != c) return false;
  }
  return k == key.size();
}

}  // namespace

const Node* Node::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : fields)
    if (name == key) return &value;
  return nullptr;
}

std::string_view Node::kind_text() const noexcept {
  switch (kind) {
    case null: return "nothing";
    case list: return "a list";
    case map: return "an object";
    case scalar: break;
  }
  if (quoted) return "a string";
  bool b;
  if (parse_yaml_bool(*this, b)) return "a bool";
  const char c = text.empty() ? ' ' : text[0];
  return (c >= '0' && c <= '9') || c == '-' || c == '.' ? "a number" : "a string";
}

bool parse_yaml(std::string_view text, const std::string& file, Node& into, Problems& problems) {
  return Reader(text, file, problems).read(into);
}

bool is_yaml_null(const Node& n) noexcept {
  return n.kind == Node::null || (n.kind == Node::scalar && !n.quoted &&
                                  (n.text.empty() || n.text == "~" || n.text == "null" || n.text == "Null" || n.text == "NULL"));
}

bool parse_yaml_bool(const Node& n, bool& value) noexcept {
  if (n.kind != Node::scalar || n.quoted || n.text.empty() || n.text.size() > 5) return false;
  std::string s = n.text;
  const bool upper = std::all_of(s.begin(), s.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!upper && s[0] >= 'A' && s[0] <= 'Z') s[0] = static_cast<char>(s[0] + 32);
  if (upper)
    for (char& c : s) c = static_cast<char>(c + 32);
  if (s == "true" || s == "yes" || s == "on" || s == "y") return value = true, true;
  if (s == "false" || s == "no" || s == "off" || s == "n") return value = false, true;
  return false;
}

const Node* locate(const Node& root, std::string_view path) {
  const Node* at = &root;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    std::string_view part = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    std::size_t index = std::string_view::npos;
    if (const auto b = part.find('['); b != std::string_view::npos) {
      std::from_chars(part.data() + b + 1, part.data() + part.size(), index);
      part = part.substr(0, b);
    }
    const Node* next = nullptr;
    for (const auto& [name, value] : at->fields)
      if (same_key(name, part)) next = &value;
    if (next == nullptr) {  // the payload of a TypedStruct
      const Node* inner = at->find("value");
      if (inner != nullptr)
        for (const auto& [name, value] : inner->fields)
          if (same_key(name, part)) next = &value;
    }
    if (next == nullptr) return at;
    at = next;
    if (index == std::string_view::npos) continue;
    if (at->kind == Node::list && index < at->items.size())
      at = &at->items[index];
    else if (at->kind == Node::list)
      return index == 0 ? at : nullptr;
  }
  return at;
}

}  // namespace outrigger::xds
