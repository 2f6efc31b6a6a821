#include "proxy/route/uri_template.h"

#include <re2/re2.h>
#include <algorithm>

namespace outrigger::route {

namespace {

constexpr std::size_t kVariablesMax = 5, kNameMax = 16;

bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool digit(char c) { return c >= '0' && c <= '9'; }
/// A character of a path segment (RFC 3986, pchar).
bool literal_char(char c) {
  return letter(c) || digit(c) || std::string_view("-._~%!$&'()+,;:@=*").find(c) != std::string_view::npos;
}
bool is_name(std::string_view s) {
  return !s.empty() && letter(s[0]) && std::all_of(s.begin(), s.end(), [](char c) { return letter(c) || digit(c) || c == '_'; });
}

/// Takes a template apart from left to right and writes the expression as it goes.
class Parser {
 public:
  explicit Parser(std::string_view pattern) : rest_(pattern) {}

  Result<std::string> run() {
    const auto printable = [](char c) { return c > 0x20 && c < 0x7f; };
    if (rest_.empty() || rest_[0] != '/' || !std::all_of(rest_.begin(), rest_.end(), printable))
      return invalid("must begin with '/' and hold printable characters only");
    out_ = "/";
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      if (auto r = segment(); !r) return r.error();
      if (rest_.empty()) break;
      out_ += '/';
      rest_.remove_prefix(1);
    }
    return out_;
  }

 private:
  /// A glob with a suffix, as "*.txt", only at the end; a variable in literals, as "v{x}.m3u8"; a literal.
  Result<void> segment() {
    if (rest_[0] == '*') {
      if (auto r = glob(); !r || rest_.empty() || rest_[0] == '/') return r;
      if (auto r = literal(rest_.substr(0, rest_.find('/'))); !r) return r;
      return rest_.empty() ? Result<void>() : invalid("nothing may follow the suffix of a glob");
    }
    const auto text = rest_.substr(0, rest_.find('/'));
    const auto open = text.find('{');
    if (open == std::string_view::npos) return literal(text);
    if (open > 0)
      if (auto r = literal(text.substr(0, open)); !r) return r;
    if (auto r = variable(); !r || rest_.empty() || rest_[0] == '/') return r;
    return literal(rest_.substr(0, rest_.find('/')));
  }

  /// `text` is the front of the rest. Envoy leaves "*" as the expression's own.
  Result<void> literal(std::string_view text) {
    if (text.empty() || !std::all_of(text.begin(), text.end(), literal_char))
      return invalid("'" + std::string(text) + "' is not part of a path");
    for (const char c : text) {
      if (std::string_view("$()+.").find(c) != std::string_view::npos) out_ += '\\';
      out_ += c;
    }
    rest_.remove_prefix(text.size());
    return {};
  }

  Result<void> glob() {
    if (saw_rest_) return invalid("nothing that varies may follow '**'");
    saw_rest_ = rest_.starts_with("**");
    out_ += saw_rest_ ? "[-a-zA-Z0-9._~%!$&'()+,;:@=*/]*" : "[-a-zA-Z0-9._~%!$&'()+,;:@=*]+";
    rest_.remove_prefix(saw_rest_ ? 2 : 1);
    return {};
  }

  Result<void> variable() {
    const auto close = rest_.find('}');
    if (close == std::string_view::npos) return invalid("a '{' is not closed");
    const auto inside = rest_.substr(1, close - 1), after = rest_.substr(close + 1);
    const auto equal = inside.find('=');
    const auto name = inside.substr(0, equal);
    if (!is_name(name) || name.size() > kNameMax) return invalid("'" + std::string(name) + "' is not a variable's name");
    if (std::find(names_.begin(), names_.end(), name) != names_.end())
      return invalid("variable '" + std::string(name) + "' stands twice");
    if (names_.size() == kVariablesMax) return invalid("more than " + std::to_string(kVariablesMax) + " variables");
    names_.push_back(name);
    out_ += "(?P<" + std::string(name) + ">";
    rest_ = equal == std::string_view::npos ? std::string_view("*") : inside.substr(equal + 1);
    if (rest_.empty()) return invalid("variable '" + std::string(name) + "' has an empty pattern");
    while (true) {
      if (auto r = rest_[0] == '*' ? glob() : literal(rest_.substr(0, rest_.find('/'))); !r) return r;
      if (rest_.empty()) break;
      if (rest_[0] != '/' || rest_.size() == 1) return invalid("variable '" + std::string(name) + "' has a bad pattern");
      out_ += '/';
      rest_.remove_prefix(1);
    }
    out_ += ')';
    rest_ = after;
    return {};
  }

  std::string_view rest_;
  std::string out_;
  std::vector<std::string_view> names_;
  bool saw_rest_ = false;
};

}  // namespace

Result<std::string> uri_template_regex(std::string_view pattern) { return Parser(pattern).run(); }

Result<UriTemplateRewrite> UriTemplateRewrite::compile(std::string_view pattern, const re2::RE2& match) {
  if (pattern.empty() || pattern[0] != '/') return invalid("must begin with '/'");
  if (pattern.find("//") != std::string_view::npos) return invalid("must not have '//'");
  UriTemplateRewrite o;
  const auto& groups = match.NamedCapturingGroups();
  while (!pattern.empty()) {
    const auto open = pattern.find('{');
    const auto text = pattern.substr(0, open);
    if (!std::all_of(text.begin(), text.end(), [](char c) { return literal_char(c) || c == '/'; }))
      return invalid("'" + std::string(text) + "' is not part of a path");
    if (!text.empty()) o.parts_.push_back({std::string(text), 0});
    if (open == std::string_view::npos) break;
    const auto close = pattern.find('}', open);
    if (close == std::string_view::npos) return invalid("a '{' is not closed");
    const std::string name(pattern.substr(open + 1, close - open - 1));
    const auto group = groups.find(name);
    if (group == groups.end()) return invalid("the template has no variable '" + name + "'");
    o.parts_.push_back({{}, group->second});
    pattern.remove_prefix(close + 1);
  }
  return o;
}

std::string_view UriTemplateRewrite::apply(const re2::RE2& match, std::string_view path, Arena& arena) const {
  re2::StringPiece groups[kVariablesMax + 1];
  const int count = match.NumberOfCapturingGroups() + 1;
  if (!match.Match(re2::StringPiece(path.data(), path.size()), 0, path.size(), re2::RE2::ANCHOR_BOTH, groups, count)) return path;
  std::string_view out;
  for (const auto& p : parts_) {
    const auto& g = groups[p.group];
    out = arena.cat(out, p.group == 0 ? std::string_view(p.literal) : std::string_view(g.data(), g.size()));
  }
  return out;
}

}  // namespace outrigger::route
