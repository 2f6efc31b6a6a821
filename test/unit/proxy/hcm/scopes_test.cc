#include "proxy/hcm/scopes.h"

#include <catch2/catch.hpp>

namespace outrigger::hcm {
namespace {

struct Case {
  const char *what, *value;
  ScopeFragment fragment;
  std::optional<std::string> part;
};

TEST_CASE("a part of the key is an element of a header", "[hcm]") {
  const ScopeFragment by_key{"x", ";", "=", "a", true}, first{"x", ",", "", "", false, 0}, third{"x", ",", "", "", false, 2};
  const ScopeFragment whole{"x", "", "", "", false, 0}, long_separators{"x", "--", "->", "a", true};
  const std::vector<Case> cases{
      {"the one", "a=1", by_key, "1"},
      {"among others", "z=0;a=1;b=2", by_key, "1"},
      {"the first of several", "a=1;a=2", by_key, "1"},
      {"what follows the first separator", "a=1=2", by_key, "1=2"},
      {"no separator", "a", by_key, ""},
      {"nothing behind it", "a=", by_key, ""},
      {"not there", "b=1;aa=2;=3", by_key, {}},
      {"an empty value", "", by_key, {}},
      {"separators of several characters", "b->1--a->2-3", long_separators, "2-3"},
      {"the first element", "p,q,r", first, "p"},
      {"an empty element", ",q", first, ""},
      {"the last element", "p,q,r", third, "r"},
      {"too few", "p,q", third, {}},
      {"the whole", "p,q", whole, "p,q"},
      {"an empty whole", "", whole, ""},
  };
  for (const auto& c : cases) {
    INFO(c.what);
    Arena arena;
    http::RequestHead head(arena);
    head.headers.add("x", c.value);
    ScopeKeyBuilder b;
    b.add(c.fragment);
    const auto key = b.key_of(head, arena);
    REQUIRE(key.has_value() == c.part.has_value());
    if (key) CHECK(*key == scope_key({*c.part}));
  }
}

TEST_CASE("keys of several parts are not mistaken for each other", "[hcm]") {
  CHECK(scope_key({"a", "b"}) != scope_key({"ab"}));
  CHECK(scope_key({"a", "b"}) != scope_key({"", "ab"}));
  CHECK(scope_key({"a", ""}) != scope_key({"a"}));
  Arena arena;
  http::RequestHead head(arena);
  head.authority = "h";
  head.headers.add("x", "1,2");
  ScopeKeyBuilder b;
  b.add({"x", ",", "", "", false, 1});
  b.add({":authority", "", "", "", false, 0});
  CHECK(b.key_of(head, arena) == scope_key({"2", "h"}));
  b.add({"y", "", "", "", false, 0});
  CHECK_FALSE(b.key_of(head, arena).has_value());
}

TEST_CASE("workers have the tables that they were given", "[hcm]") {
  ScopeSource s(2);
  CHECK(s.find(0, scope_key({"a"})) == nullptr);
  auto table = std::make_shared<ScopeTable>();
  table->emplace(scope_key({"a"}), Scope{"one", nullptr});
  s.set(0, table);
  REQUIRE(s.find(0, scope_key({"a"})) != nullptr);
  CHECK(s.find(0, scope_key({"a"}))->name == "one");
  CHECK(s.find(0, scope_key({"b"})) == nullptr);
  CHECK(s.find(1, scope_key({"a"})) == nullptr);
}

}  // namespace
}  // namespace outrigger::hcm
