// A config text as a tree with positions: YAML, and JSON as the YAML it is. Main thread; kept until
// the config is compiled, so that a problem's path can be turned into a line.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "xds/problems.h"

namespace outrigger::xds {

struct Node {
  enum Kind : std::uint8_t { null, scalar, list, map } kind = null;
  bool quoted = false;       // a scalar that can only be a string
  int line = 0, column = 0;  // from 1
  int key_line = 0, key_column = 0;
  std::string text;
  std::vector<Node> items;
  std::vector<std::pair<std::string, Node>> fields;

  const Node* find(std::string_view key) const noexcept;
  /// As it would be called in an error message: "a string", "a list", ...
  std::string_view kind_text() const noexcept;
};

/// False: not well-formed; told with its place. At most a million nodes after aliases.
bool parse_yaml(std::string_view text, const std::string& file, Node& into, Problems& problems);

/// Plain scalars as YAML 1.1 (and Envoy) reads them.
bool is_yaml_null(const Node& n) noexcept;
bool parse_yaml_bool(const Node& n, bool& value) noexcept;

/// The deepest node on the way of a dotted path of proto field names.
const Node* locate(const Node& root, std::string_view path);

}  // namespace outrigger::xds
