// URI templates of routes: "/files/{name}/*" as a regular expression, and rewrites that put its
// variables elsewhere. Compiled on the main thread; immutable; shared by workers.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/arena.h"
#include "proxy/base/result.h"

namespace re2 {
class RE2;
}

namespace outrigger::route {

/// "*" is one segment, "**" the rest; {name} and {name=pattern} are variables, at most five.
Result<std::string> uri_template_regex(std::string_view pattern);

class UriTemplateRewrite {
 public:
  /// `match`: what the template of the route became. Errors: not a pattern, a variable that `match` lacks.
  static Result<UriTemplateRewrite> compile(std::string_view pattern, const re2::RE2& match);
  /// The new path, without a query; `path` itself when it does not match.
  std::string_view apply(const re2::RE2& match, std::string_view path, Arena& arena) const;

 private:
  struct Part {
    std::string literal;
    int group = 0;  // of the match; 0: the literal
  };
  std::vector<Part> parts_;
};

}  // namespace outrigger::route
