// Config texts as trees with positions, and places found by path.
#include "xds/load/source.h"

#include <catch2/catch.hpp>

#include "xds/load/bootstrap.h"

namespace outrigger::xds {
namespace {

Node parse(const std::string& text) {
  Node root;
  Problems problems;
  const bool ok = parse_yaml(text, "f", root, problems);
  INFO(text << '\n' << problems_text(problems));
  REQUIRE(ok);
  return root;
}

std::string refusal(const std::string& text) {
  Node root;
  Problems problems;
  return parse_yaml(text, "f", root, problems) ? "" : problems_text(problems);
}

/// "{a: [1, ~]}" whatever the style was; quoted scalars with their quotes.
std::string print(const Node& n) {
  std::string out;
  switch (n.kind) {
    case Node::null: return "~";
    case Node::scalar: return n.quoted ? "'" + n.text + "'" : n.text;
    case Node::list:
      for (const auto& i : n.items) out += (out.empty() ? "" : ", ") + print(i);
      return "[" + out + "]";
    case Node::map:
      for (const auto& [key, v] : n.fields) out += (out.empty() ? "" : ", ") + key + ": " + print(v);
      return "{" + out + "}";
  }
  return out;
}

TEST_CASE("YAML and JSON become the same tree", "[source]") {
  struct Row {
    const char *text, *tree;
  };
  for (const Row& r : {
           Row{"a: 1\nb: [x, 'y', \"z\"]\n", "{a: 1, b: [x, 'y', 'z']}"},
           Row{"{\"a\": 1, \"b\": [true, null, \"s\"]}", "{a: 1, b: [true, ~, 's']}"},
           Row{"a:\n- b: 1\n  c: 2\n- d\n", "{a: [{b: 1, c: 2}, d]}"},
           Row{"a: |\n  one\n  two\n", "{a: 'one\ntwo\n'}"},
           Row{"a: >-\n  one\n  two\n", "{a: 'one two'}"},
           Row{"a: &x {b: 1}\nc: *x\n", "{a: {b: 1}, c: {b: 1}}"},
           Row{"a: &x [1]\nb: [*x, *x]\n", "{a: [1], b: [[1], [1]]}"},
           Row{"a: !!str 5\n", "{a: 5}"},  // as Envoy's loader leaves it
           Row{"a:\nb: ~\nc: null\nd: ''\n", "{a: ~, b: ~, c: ~, d: ''}"},
           Row{"# only a comment\n", "~"},
           Row{"", "~"},
           Row{"---\na: 1\n", "{a: 1}"},
           Row{"a: 1 # comment\n", "{a: 1}"},
           Row{"? a\n: 1\n", "{a: 1}"},
       }) {
    INFO(r.text);
    CHECK(print(parse(r.text)) == r.tree);
  }
}

TEST_CASE("what is not well-formed is told with its place", "[source]") {
  struct Row {
    const char *text, *told;
  };
  for (const Row& r : {
           Row{"a: [1\nb: 2\n",
               "f:2:2: error: cannot be parsed as YAML: while parsing a flow sequence: did not find expected ',' or ']'\n"},
           Row{"a: 1\n b: 2\n", "f:2:3: error: cannot be parsed as YAML: mapping values are not allowed in this context\n"},
           Row{"a: 1\na: 2\n", "f:2:1: error: 'a' is given twice\n"},
           Row{"x: {b: 1,\n    b: 2}\n", "f:2:5: error: 'b' is given twice\n"},
           Row{"a: *x\n", "f:1:4: error: no anchor '&x' before this alias\n"},
           Row{"a: 1\n---\nb: 2\n", "f:2:1: error: a second document begins here: a config is one YAML document\n"},
           Row{"[a]: 1\n", "f:1:1: error: a key must be a plain word\n"},
           Row{"{a: 1}: 1\n", "f:1:1: error: a key must be a plain word\n"},
           Row{"a: \"\\q\"\n",
               "f:1:5: error: cannot be parsed as YAML: while parsing a quoted scalar: found unknown escape character\n"},
           Row{"a: \t- 1\n\tb: 2\n",
               "f:1:5: error: cannot be parsed as YAML: block sequence entries are not allowed in this context\n"},
       }) {
    INFO(r.text);
    CHECK(refusal(r.text) == r.told);
  }
}

TEST_CASE("depth and size are bounded", "[source]") {
  const std::string open(100, '['), close(100, ']');
  CHECK(refusal("a: " + open + close).empty());
  CHECK(refusal("a: [" + open + close + "]") == "f:1:104: error: nested more than 100 levels deep\n");
  std::string bomb = "a0: &a0 [x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    std::string list;
    for (int k = 0; k < 10; ++k) list += (k == 0 ? "" : ", ") + before;
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + list + "]\n";
  }
  CHECK(refusal(bomb).ends_with("error: aliases make more than a million values\n"));
}

TEST_CASE("positions of keys and values", "[source]") {
  const Node root = parse("top:\n  list:\n  - name: one\n  - {name: two,\n     other: 3}\n");
  const Node* list = root.find("top")->find("list");
  struct Row {
    const Node* node;
    int line, column, key_line, key_column;
  };
  for (const Row& r : {Row{root.find("top"), 2, 3, 1, 1}, Row{list, 3, 3, 2, 3}, Row{&list->items[0], 3, 5, 0, 0},
                       Row{list->items[0].find("name"), 3, 11, 3, 5}, Row{list->items[1].find("other"), 5, 13, 5, 6}}) {
    CHECK(r.node->line == r.line);
    CHECK(r.node->column == r.column);
    CHECK(r.node->key_line == r.key_line);
    CHECK(r.node->key_column == r.key_column);
  }
}

TEST_CASE("places are found by dotted paths of proto field names", "[source]") {
  const Node root = parse(R"(
staticResources:
  listeners:
  - name: a
    filterChains: {filters: x}
  clusters: {name: c}
  typed_config: {value: {stat_prefix: p}}
)");
  struct Row {
    const char* path;
    int line, column;  // of the key, or of the value when it has none
  };
  for (const Row& r : {
           Row{"static_resources", 2, 1},
           Row{"static_resources.listeners[0].name", 4, 5},
           Row{"static_resources.listeners[0]", 4, 5},
           Row{"static_resources.listeners[0].filter_chains[0].filters", 5, 20},  // one object where a list is expected
           Row{"static_resources.clusters[0].name", 6, 14},
           Row{"static_resources.typed_config.stat_prefix", 7, 26},  // a TypedStruct
           Row{"static_resources.listeners[0].missing.deeper", 4, 5},
           Row{"static_resources.nothing", 2, 1},
       }) {
    INFO(r.path);
    const Node* n = locate(root, r.path);
    REQUIRE(n != nullptr);
    CHECK((n->key_line != 0 ? n->key_line : n->line) == r.line);
    CHECK((n->key_line != 0 ? n->key_column : n->column) == r.column);
  }
  CHECK(locate(root, "static_resources.listeners[7].name") == nullptr);
  CHECK(locate(root, "") == &root);
}

TEST_CASE("plain scalars as YAML 1.1 reads them", "[source]") {
  struct Row {
    const char *text, *kind;
  };
  for (const Row& r :
       {Row{"true", "a bool"}, Row{"Yes", "a bool"}, Row{"ON", "a bool"}, Row{"n", "a bool"}, Row{"tRUE", "a string"},
        Row{"'true'", "a string"}, Row{"5", "a number"}, Row{"-1.5", "a number"}, Row{".5", "a number"}, Row{"x5", "a string"},
        Row{"~", "nothing"}, Row{"Null", "nothing"}, Row{"[]", "a list"}, Row{"{}", "an object"}, Row{"'~'", "a string"}}) {
    INFO(r.text);
    CHECK(parse(std::string("a: ") + r.text).find("a")->kind_text() == r.kind);
  }
}

}  // namespace
}  // namespace outrigger::xds
