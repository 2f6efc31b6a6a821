#include "filters/path_template.h"

#include <algorithm>

#include "proxy/base/percent.h"

namespace outrigger::filters {

namespace {

constexpr std::string_view kOne = "*", kRest = "**";

class TemplateParser {
 public:
  TemplateParser(std::string_view text, PathTemplate& out) : rest_(text), out_(out) {}

  bool parse() {
    if (!take('/') || !segments(nullptr)) return false;
    if (take(':') && !literal(out_.verb)) return false;
    return rest_.empty() && only_literals_after_rest();
  }

 private:
  using Variable = PathTemplate::Variable;

  bool take(char c) noexcept {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool segments(Variable* in) {
    do {
      if (!segment(in)) return false;
    } while (take('/'));
    return true;
  }

  bool segment(Variable* in) {
    if (take('*')) {
      const bool rest = take('*');
      out_.segments.emplace_back(rest ? kRest : kOne);
      if (rest && in != nullptr) in->rest = true;
      return true;
    }
    if (take('{')) return in == nullptr && variable();
    std::string text;
    if (!literal(text)) return false;
    out_.segments.push_back(std::move(text));
    return true;
  }

  bool variable() {
    Variable v;
    v.begin = out_.segments.size();
    do {
      std::string name = until(".}=");
      if (name.empty()) return false;
      v.field_path.push_back(std::move(name));
    } while (take('.'));
    if (!take('='))
      out_.segments.emplace_back(kOne);
    else if (!segments(&v))
      return false;
    v.end = out_.segments.size();
    out_.variables.push_back(std::move(v));
    return take('}');
  }

  bool literal(std::string& into) {
    into = until("/:}");
    return !into.empty();
  }

  std::string until(std::string_view ends) {
    const auto text = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(text.size());
    return std::string(text);
  }

  bool only_literals_after_rest() {
    const auto& s = out_.segments;
    const auto first = std::find(s.begin(), s.end(), kRest);
    if (first == s.end()) return true;
    if (std::any_of(first + 1, s.end(), [](const auto& x) { return x == kOne || x == kRest; })) return false;
    for (auto& v : out_.variables) v.after = s.size() - v.end;
    return true;
  }

  std::string_view rest_;
  PathTemplate& out_;
};

bool is_reserved(char c) noexcept { return std::string_view("!#$&'()*+,/:;=?@[]").find(c) != std::string_view::npos; }

template <class Each>
void split_at(std::string_view text, char separator, const Each& each) {
  for (;;) {
    const auto end = text.find(separator);
    each(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<PathTemplate> PathTemplate::parse(std::string_view text) {
  PathTemplate out;
  if (text != "/" && !TemplateParser(text, out).parse()) return {};
  return out;
}

std::string url_unescape(std::string_view text, UrlUnescape what, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+' && plus_is_space) {
      c = ' ';
    } else if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      const char real = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      const bool stays =
          what == UrlUnescape::except_reserved ? is_reserved(real) : what == UrlUnescape::except_slash && real == '/';
      if (!stays) {
        c = real;
        i += 2;
      }
    }
    out += c;
  }
  return out;
}

bool PathMatcher::add(std::string_view method, std::string_view path_template, std::uint32_t target) {
  auto t = PathTemplate::parse(path_template);
  if (!t) return false;
  Node* node = &root_;
  for (const auto& segment : t->segments) {
    auto& child = node->children[segment];
    if (child == nullptr) child = std::make_unique<Node>();
    child->rest = segment == kRest;
    node = child.get();
  }
  std::string key(method);
  key += t->verb;
  const auto slot = std::find_if(node->slots.begin(), node->slots.end(), [&](const Slot& s) { return s.method == key; });
  if (slot == node->slots.end())
    node->slots.push_back({std::move(key), rules_.size()});
  else
    slot->several = true;
  if (!t->verb.empty()) verbs_.push_back(std::move(t->verb));
  rules_.push_back({target, std::move(t->variables)});
  return true;
}

const PathMatcher::Slot* PathMatcher::Node::slot_of(std::string_view method) const noexcept {
  const Slot* any = nullptr;
  for (const auto& s : slots) {
    if (s.method == method) return &s;
    if (s.method == kOne) any = &s;
  }
  return any;
}

const PathMatcher::Slot* PathMatcher::Node::find_child(std::string_view name, const Parts& parts, std::size_t at,
                                                       std::string_view method) const {
  const auto child = children.find(name);
  return child == children.end() ? nullptr : child->second->find(parts, at + 1, method);
}

/// Literals before "*" before "**". A "**" takes as many parts as it has to.
const PathMatcher::Slot* PathMatcher::Node::find(const Parts& parts, std::size_t at, std::string_view method) const {
  do {
    if (at == parts.size()) {
      if (const auto* here = slot_of(method)) return here;
      const auto none = children.find(kRest);  // of no part at all
      return none == children.end() ? nullptr : none->second->slot_of(method);
    }
    if (const auto* found = find_child(parts[at], parts, at, method)) return found;
    if (rest) ++at;
  } while (rest);
  if (const auto* found = find_child(kOne, parts, at, method)) return found;
  return find_child(kRest, parts, at, method);
}

PathMatcher::Parts PathMatcher::split(std::string_view path, std::string_view& verb) const {
  const auto colon = path.rfind(':'), slash = path.rfind('/');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    const auto v = path.substr(colon + 1);
    if (options_.match_unregistered_verb || std::find(verbs_.begin(), verbs_.end(), v) != verbs_.end()) {
      verb = v;
      path = path.substr(0, colon);
    }
  }
  Parts parts;
  if (!path.empty()) split_at(path.substr(1), '/', [&](std::string_view part) { parts.push_back(part); });
  while (!parts.empty() && parts.back().empty()) parts.pop_back();
  return parts;
}

void PathMatcher::bind(const Rule& rule, const Parts& parts, std::vector<Binding>& bindings) const {
  for (const auto& v : rule.variables) {
    const std::size_t end = v.rest ? parts.size() - std::min(v.after, parts.size()) : std::min(v.end, parts.size());
    const bool several = v.rest || end > v.begin + 1;
    auto& b = bindings.emplace_back();
    b.field_path.assign(v.field_path.begin(), v.field_path.end());
    for (std::size_t i = v.begin; i < end; ++i) {
      if (i > v.begin) b.value += '/';
      b.value += url_unescape(parts[i], several ? options_.unescape : UrlUnescape::all, false);
    }
  }
}

std::optional<std::uint32_t> PathMatcher::find(std::string_view method, std::string_view path,
                                               std::vector<Binding>* bindings) const {
  std::string_view verb;
  const auto parts = split(path, verb);
  std::string key(method);
  key += verb;
  const auto* slot = root_.find(parts, 0, key);
  if (slot == nullptr || slot->several) return {};
  const auto& rule = rules_[slot->rule];
  if (bindings != nullptr) bind(rule, parts, *bindings);
  return rule.target;
}

void PathMatcher::bind_query(std::string_view query, const std::vector<std::string>& ignored,
                             std::vector<Binding>& bindings) const {
  split_at(query, '&', [&](std::string_view parameter) {
    const auto equals = parameter.find('=');
    if (equals == 0 || equals == std::string_view::npos) return;
    const auto name = parameter.substr(0, equals);
    if (std::binary_search(ignored.begin(), ignored.end(), name, std::less<>())) return;
    auto& b = bindings.emplace_back();
    split_at(name, '.', [&](std::string_view field) { b.field_path.push_back(field); });
    b.value = url_unescape(parameter.substr(equals + 1), UrlUnescape::all, options_.plus_is_space);
  });
}

}  // namespace outrigger::filters
