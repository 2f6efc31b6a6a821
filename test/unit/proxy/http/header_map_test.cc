// The header map: names known and unknown, order, joining of repeated fields.
#include "proxy/http/header_map.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>
#include <set>
#include <string>

#include "proxy/base/random.h"
#include "support/message.h"

using namespace outrigger;
using namespace outrigger::http;
using test::text_of;

TEST_CASE("every well-known name is found by its text, and nothing near it", "[header_map]") {
  std::set<std::string> all;
  for (unsigned i = 1; i < static_cast<unsigned>(Name::kCount); ++i) all.emplace(http::text_of(static_cast<Name>(i)));
  REQUIRE(all.size() == static_cast<std::size_t>(Name::kCount) - 1);
  for (unsigned i = 1; i < static_cast<unsigned>(Name::kCount); ++i) {
    const std::string text(http::text_of(static_cast<Name>(i)));
    INFO(text);
    CHECK(lookup(text) == static_cast<Name>(i));
    for (const std::string& near : {text + "x", text.substr(1), text.substr(0, text.size() - 1), "x" + text})
      if (all.count(near) == 0) CHECK(lookup(near) == Name::other);
    std::string upper = text;
    upper[0] = static_cast<char>(upper[0] - 32);
    CHECK(lookup(upper) == Name::other);
  }
  CHECK(lookup("") == Name::other);
  CHECK(http::text_of(Name::other).empty());
}

TEST_CASE("fields keep their order and are found by name and by id", "[header_map]") {
  Arena arena;
  HeaderMap h(arena);
  h.add("x-a", "1");
  h.add(Name::cookie, "2");
  h.add("x-a", "3");
  h.add("content-type", "4");
  CHECK(text_of(h) == "x-a: 1|cookie: 2|x-a: 3|content-type: 4");
  CHECK(h.get("x-a") == "1");
  CHECK(h.get(Name::content_type) == "4");
  CHECK(h.find("cookie") == h.find(Name::cookie));
  CHECK(h.find("x-b") == nullptr);
  CHECK(h.find("") == nullptr);
  CHECK(h.get("x-b").data() == nullptr);
  CHECK_FALSE(h.has(Name::host));
  CHECK(h.joined("x-a") == "1,3");
  CHECK(h.joined("cookie") == "2");
  CHECK(h.joined("x-b").empty());
  CHECK(h.byte_size() == 3 + 1 + 6 + 1 + 3 + 1 + 12 + 1);
  h.clear();
  CHECK(h.size() == 0);
  CHECK(h.find(Name::cookie) == nullptr);
}

TEST_CASE("an empty value is not an absent field", "[header_map]") {
  Arena arena;
  HeaderMap h(arena);
  h.add_copy("x-empty", "");
  h.add(Name::te, "");
  REQUIRE(h.find("x-empty") != nullptr);
  CHECK(h.find("x-empty")->value.empty());
  CHECK(h.has(Name::te));
}

TEST_CASE("set replaces the first occurrence and removes the others", "[header_map]") {
  struct Row {
    test::Fields before;
    const char *name, *after;
  };
  for (const Row& r : {
           Row{{}, "x-a", "x-a: new"},
           Row{{{"b", "1"}}, "x-a", "b: 1|x-a: new"},
           Row{{{"x-a", "1"}, {"b", "2"}, {"x-a", "3"}}, "x-a", "x-a: new|b: 2"},
           Row{{{"b", "2"}, {"x-a", "1"}, {"x-a", "3"}, {"x-a", "4"}}, "x-a", "b: 2|x-a: new"},
           Row{{{"date", "1"}, {"b", "2"}, {"date", "3"}, {"c", "4"}}, "date", "date: new|b: 2|c: 4"},
       }) {
    test::Response m(200, r.before);
    m.head.headers.set(r.name, "new");
    CHECK(m.text() == r.after);
  }
}

TEST_CASE("remove takes every occurrence and says how many", "[header_map]") {
  const test::Fields fields{{"a", "1"}, {"via", "2"}, {"a", "3"}, {"b", "4"}, {"via", "5"}};
  struct Row {
    const char* name;
    std::size_t count;
    const char* after;
  };
  for (const Row& r : {Row{"a", 2, "via: 2|b: 4|via: 5"}, Row{"via", 2, "a: 1|a: 3|b: 4"}, Row{"b", 1, "a: 1|via: 2|a: 3|via: 5"},
                       Row{"c", 0, "a: 1|via: 2|a: 3|b: 4|via: 5"}, Row{"host", 0, "a: 1|via: 2|a: 3|b: 4|via: 5"}}) {
    INFO(r.name);
    test::Response m(200, fields);
    CHECK(m.head.headers.remove(r.name) == r.count);
    CHECK(m.text() == r.after);
  }
  test::Response m(200, fields);
  CHECK(m.head.headers.remove(Name::via) == 2);
  m.head.headers.remove_at(1);
  CHECK(m.text() == "a: 1|b: 4");
}

TEST_CASE("any order of changes leaves what a plain list would hold", "[header_map]") {
  const std::string_view names[] = {"via",         "te", "date", "host", "x-a", "x-b", "content-length", "www-authenticate",
                                    "x-request-id"};
  Random random(20261127);
  for (int round = 0; round < 300; ++round) {
    Arena arena;
    HeaderMap map(arena);
    test::Fields list;
    const auto named = [](std::string_view name) { return [name](const auto& f) { return f.first == name; }; };
    for (int step = 0; step < 30; ++step) {
      const auto name = names[random.below(std::size(names))];
      const auto value = arena.copy(std::to_string(step));
      const auto first = std::find_if(list.begin(), list.end(), named(name));
      switch (random.below(8)) {
        case 0:
          map.clear();
          list.clear();
          break;
        case 1:
        case 2: {
          const auto before = list.size();
          std::erase_if(list, named(name));
          CHECK(map.remove(name) == before - list.size());
          break;
        }
        case 3:
          map.set(name, value);
          if (first == list.end()) {
            list.emplace_back(name, value);
            break;
          }
          first->second = value;
          list.erase(std::remove_if(std::next(first), list.end(), named(name)), list.end());
          break;
        default: map.add_copy(name, value); list.emplace_back(name, value);
      }
      for (const auto n : names) {
        const auto at = std::find_if(list.begin(), list.end(), named(n));
        const auto* found = map.find(n);
        REQUIRE((found == nullptr) == (at == list.end()));
        if (found != nullptr) REQUIRE(found->value == at->second);
      }
    }
  }
}

TEST_CASE("repeated fields join only where Envoy keeps them in one line", "[header_map]") {
  struct Row {
    const char* name;
    bool request, response;
  };
  for (const Row& r : {Row{"connection", true, true},
                       Row{"via", true, true},
                       Row{"content-type", true, true},
                       Row{"x-request-id", true, true},
                       Row{"user-agent", true, false},
                       Row{"x-forwarded-for", true, false},
                       Row{"te", true, false},
                       Row{"authorization", true, false},
                       Row{"accept", true, false},
                       Row{"origin", true, false},
                       Row{"x-envoy-original-path", true, false},
                       Row{"grpc-status", false, true},
                       Row{"location", false, true},
                       Row{"etag", false, true},
                       Row{"date", false, true},
                       Row{"cookie", false, false},
                       Row{"set-cookie", false, false},
                       Row{"host", false, false},
                       Row{"content-length", false, false},
                       Row{"x-anything", false, false}}) {
    INFO(r.name);
    for (const auto& [of, joins] : {std::pair(MapOf::request, r.request), {MapOf::response, r.response}, {MapOf::other, false}}) {
      Arena arena;
      HeaderMap h(arena, of);
      h.append(r.name, "1");
      h.append(r.name, "2");
      CHECK(h.size() == (joins ? 1 : 2));
      CHECK(h.get(r.name) == (joins ? "1,2" : "1"));
      CHECK(h.joined(r.name) == "1,2");
    }
  }
}

TEST_CASE("an empty value adds no comma to a joined field", "[header_map]") {
  struct Row {
    const char *first, *second, *joined;
  };
  for (const Row& r : {Row{"a", "b", "a,b"}, Row{"", "b", "b"}, Row{"a", "", "a"}, Row{"", "", ""}}) {
    Arena arena;
    HeaderMap h(arena, MapOf::request);
    h.append("user-agent", r.first);
    h.append("user-agent", r.second);
    CHECK(h.size() == 1);
    CHECK(h.get(Name::user_agent) == r.joined);
  }
}

TEST_CASE("growth keeps all fields, and copies do not refer to their source", "[header_map]") {
  Arena arena;
  HeaderMap copy(arena);
  {
    test::Response m;
    std::string name, value;
    for (int i = 0; i < 200; ++i) {
      name = "x-" + std::to_string(i);
      value = std::to_string(i * 7);
      m.head.headers.add_copy(name, value);
    }
    m.head.headers.add(Name::server, "s");
    HeaderMap::NameCase::Received second{"X-1"}, first{"SeRvEr", &second};
    const HeaderMap::NameCase names{&first, true};
    m.head.headers.set_name_case(&names);
    copy.copy_from(m.head.headers);
  }
  REQUIRE(copy.size() == 201);
  for (int i = 0; i < 200; ++i) CHECK(copy.get("x-" + std::to_string(i)) == std::to_string(i * 7));
  CHECK(copy.id_at(200) == Name::server);
  REQUIRE(copy.name_case() != nullptr);
  CHECK(copy.name_case()->else_proper);
  CHECK(copy.name_case()->received->name == "SeRvEr");
  CHECK(copy.name_case()->received->next->name == "X-1");
}

TEST_CASE("a field without a value is there all the same", "[header_map]") {
  Arena arena;
  HeaderMap h(arena), copy(arena);
  h.append_entry(Name::other, {"x-a", {}});
  h.append_entry(Name::content_type, {http::text_of(Name::content_type), {}});
  h.add_copy("x-b", "");
  h.set("x-c", {});
  h.set(Name::cookie, {});
  h.add("x-d", {});
  h.add(Name::authorization, {});
  copy.copy_from(h);
  for (const HeaderMap* m : {&h, &copy})
    for (const char* name : {"x-a", "content-type", "x-b", "x-c", "cookie", "x-d", "authorization"}) {
      INFO(name);
      CHECK(m->get(name).data() != nullptr);
      CHECK(m->get(name).empty());
    }
}
