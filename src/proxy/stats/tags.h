// Tags of stats: parts of a name that name an instance ("cluster.c1.x" is x of the cluster c1),
// found by rules. Envoy's default rules and those of stats_config. Immutable; main thread.
#pragma once
#include <re2/re2.h>
#include <map>
#include <memory>
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::stats {

struct Tag {
  std::string name, value;
  friend bool operator==(const Tag&, const Tag&) = default;
};

class TagExtractor {
 public:
  TagExtractor() = default;
  static TagExtractor with_defaults();
  /// Adds Envoy's rules of this tag name; false: it has none.
  bool add_default(std::string_view tag);
  /// The first group is cut from the name; the second, or else the first, is the value. False:
  /// not a regular expression, `error` says why.
  bool add_regex(std::string_view tag, std::string_view regex, std::string& error);
  void add_fixed(std::string_view tag, std::string_view value);
  static bool has_default(std::string_view tag);
  void remove(std::string_view tag);

  /// Appends the tags of a name and returns what is left of it.
  std::string extract(std::string_view name, std::vector<Tag>& tags) const;

 private:
  struct Rule {
    enum class Kind : unsigned char { regex, tokens, fixed };
    Kind kind = Kind::regex;
    std::string tag;
    std::shared_ptr<const re2::RE2> regex;
    std::shared_ptr<const std::regex> ecma;  // instead of `regex`: an expression with look-ahead, which RE2 has not
    std::string text;                 // regex: what a name must contain; fixed: the value
    std::string except;               // a value that is none
    std::vector<std::string> tokens;  // "$" the value, "*" one token, "**" any number
    bool shared = false;              // another rule makes the same tag: the first match decides
  };
  struct Cut {
    std::size_t begin, end;
  };
  void add(Rule rule, std::string_view first_token);
  void add_builtin(std::size_t i);
  static std::optional<Cut> apply(const Rule& rule, std::string_view name, std::vector<Tag>& tags);

  std::vector<Rule> general_;
  std::map<std::string, std::vector<Rule>, std::less<>> by_first_token_;
};

}  // namespace outrigger::stats
