// Templates of paths as google.api.http has them ("/v1/{name=shelves/*}:verb"): which of many a request's path fits, and what
// its parts and its query are bound to. Pure; immutable once filled.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::filters {

/// "/" Segment { "/" Segment } [ ":" verb ]; a segment is "*", "**", a literal or "{" field { "." field } [ "=" segments ] "}".
struct PathTemplate {
  struct Variable {
    std::vector<std::string> field_path;
    std::size_t begin = 0, end = 0;  // segments
    bool rest = false;               // has "**": then it ends `after` segments before the path's end
    std::size_t after = 0;
  };
  std::vector<std::string> segments;
  std::string verb;
  std::vector<Variable> variables;

  /// None: it is no template.
  static std::optional<PathTemplate> parse(std::string_view text);
};

/// Which escapes stay as they are in what several segments are bound to.
enum class UrlUnescape : std::uint8_t { except_reserved, except_slash, all };
std::string url_unescape(std::string_view text, UrlUnescape what, bool plus_is_space);

class PathMatcher {
 public:
  struct Options {
    UrlUnescape unescape = UrlUnescape::except_reserved;
    bool plus_is_space = false;            // in the query
    bool match_unregistered_verb = false;  // what follows the last colon of a path is a verb, whatever it is
  };
  struct Binding {
    std::vector<std::string_view> field_path;  // points into the matcher or the query
    std::string value;
  };

  explicit PathMatcher(Options options) : options_(options) {}
  /// Requests of `method` ("*": any) that fit lead to `target`. Two for the same requests: these fit none. False: no template.
  bool add(std::string_view method, std::string_view path_template, std::uint32_t target);
  /// None: there is none for it. `path` has no query.
  std::optional<std::uint32_t> find(std::string_view method, std::string_view path, std::vector<Binding>* bindings) const;
  /// What parameters of a query are bound to; those whose name is among `ignored` (sorted) are left out.
  void bind_query(std::string_view query, const std::vector<std::string>& ignored, std::vector<Binding>& bindings) const;

 private:
  using Parts = std::vector<std::string_view>;
  struct Rule {
    std::uint32_t target;
    std::vector<PathTemplate::Variable> variables;
  };
  struct Slot {
    std::string method;  // and verb
    std::size_t rule;
    bool several = false;
  };
  struct Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> children;
    std::vector<Slot> slots;
    bool rest = false;
    const Slot* slot_of(std::string_view method) const noexcept;
    const Slot* find_child(std::string_view name, const Parts& parts, std::size_t at, std::string_view method) const;
    const Slot* find(const Parts& parts, std::size_t at, std::string_view method) const;
  };
  Parts split(std::string_view path, std::string_view& verb) const;
  void bind(const Rule& rule, const Parts& parts, std::vector<Binding>& bindings) const;

  Options options_;
  Node root_;
  std::vector<Rule> rules_;
  std::vector<std::string> verbs_;
};

}  // namespace outrigger::filters
