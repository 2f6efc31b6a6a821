// What services may change of heads, and what comes of it.
#include "filters/header_changes.h"

#include <catch2/catch.hpp>
#include <string>

using namespace outrigger;
using filters::ChangeTerms;
using filters::HeaderChanges;
using filters::HeadFields;
using filters::MutationRules;
using Change = MutationRules::Change;

namespace {

struct Request {
  Request() {
    head.method = "GET";
    head.path = "/a";
    head.scheme = "http";
    head.authority = "h";
    head.headers.add("x-one", "1");
    head.headers.add("x-two", "2");
  }
  std::string_view apply(const HeaderChanges& c, const MutationRules& rules = {}) {
    return apply(c, ChangeTerms{.rules = rules});
  }
  std::string_view apply(const HeaderChanges& c, const ChangeTerms& terms) {
    return filters::apply(c, terms, HeadFields(head), rejected);
  }
  Arena arena;
  http::RequestHead head{arena};
  std::uint64_t rejected = 0;
};

HeaderChanges set(std::string_view name, std::string_view value, bool append = false) {
  HeaderChanges c;
  c.given = true;
  c.set.push_back({name, value, append});
  return c;
}

HeaderChanges removal(std::string_view name) {
  HeaderChanges c;
  c.given = true;
  c.remove.push_back(name);
  return c;
}

}  // namespace

TEST_CASE("rules say which headers may change", "[ext_proc]") {
  MutationRules usual;
  CHECK(usual.permit(Change::set, "x-one"));
  CHECK(usual.permit(Change::remove, "x-one"));
  CHECK(usual.permit(Change::set, ":path"));
  CHECK(usual.permit(Change::set, ":status"));
  for (const auto* name : {"host", ":authority", ":method", ":scheme", "x-envoy-mine"})
    CHECK_FALSE(usual.permit(Change::set, name));
  for (const auto* name : {"host", ":path", ":status"}) {
    CHECK_FALSE(usual.permit(Change::remove, name));
    CHECK_FALSE(usual.permit(Change::append, name));
  }
  MutationRules routing;
  routing.allow_all_routing = true;
  CHECK(routing.permit(Change::set, ":method"));
  CHECK_FALSE(routing.permit(Change::remove, "host"));
  MutationRules envoy;
  envoy.allow_envoy = true;
  CHECK(envoy.permit(Change::set, "x-envoy-mine"));
  MutationRules system;
  system.disallow_system = true;
  CHECK_FALSE(system.permit(Change::set, ":path"));
  CHECK(system.permit(Change::set, "x-one"));
  MutationRules some;
  some.disallow_all = true;
  some.allow = std::make_shared<re2::RE2>("x-.*|:method");
  some.disallow = std::make_shared<re2::RE2>(".*-no");
  CHECK(some.permit(Change::set, "x-yes"));
  CHECK(some.permit(Change::set, ":method"));
  CHECK_FALSE(some.permit(Change::set, "x-no"));
  CHECK_FALSE(some.permit(Change::set, "other"));
}

TEST_CASE("headers are set, added to and removed", "[ext_proc]") {
  Request r;
  CHECK(r.apply(set("X-One", "new")).empty());
  CHECK(r.head.headers.get("x-one") == "new");
  CHECK(r.apply(set("x-two", "more", true)).empty());
  CHECK(r.head.headers.joined("x-two") == "2,more");
  CHECK(r.apply(set("x-three", "3", true)).empty());
  CHECK(r.head.headers.get("x-three") == "3");
  CHECK(r.apply(removal("X-Two")).empty());
  CHECK_FALSE(r.head.headers.find("x-two"));
  CHECK(r.apply(set(":path", "/b?c")).empty());
  CHECK(r.head.path == "/b?c");
  CHECK(r.rejected == 0);
}

TEST_CASE("what could not be on a wire is not set", "[ext_proc]") {
  MutationRules rules;
  rules.allow_all_routing = true;
  const std::pair<std::string_view, std::string_view> kBad[] = {
      {":path", ""},      {":path", "/a b"},  {":path", "/a\x7f"}, {":method", ""},
      {":method", "G T"}, {":scheme", "1:"},  {":scheme", ""},     {":authority", "a b"},
      {":status", "200"}, {":protocol", "x"}, {":unknown", "x"},   {"transfer-encoding", "chunked"},
      {"upgrade", "x"},   {":method", "CONNECT"}};
  for (const auto& [name, value] : kBad) {
    Request r;
    CHECK(r.apply(set(name, value), rules).empty());
    CHECK(r.rejected == 1);
    CHECK(r.head.path == "/a");
    CHECK(r.head.method == "GET");
    CHECK(r.head.scheme == "http");
    CHECK(r.head.authority == "h");
    CHECK(r.head.headers.size() == 2);
  }
}

TEST_CASE("a status is set within its bounds", "[ext_proc]") {
  Arena arena;
  http::ResponseHead head(arena);
  head.status = 200;
  std::uint64_t rejected = 0;
  const MutationRules rules;
  const auto put = [&](std::string_view v) {
    return filters::apply(set(":status", v), {.rules = rules}, HeadFields(head), rejected);
  };
  CHECK(put("404").empty());
  CHECK(head.status == 404);
  for (const auto* v : {"99", "100", "1000", "65736", "-1", "x", ""}) CHECK(put(v).empty());
  CHECK(head.status == 404);
  CHECK(rejected == 7);
}

TEST_CASE("the method of a message that is replaced may change", "[ext_proc]") {
  Request r;
  const MutationRules rules;
  CHECK(r.apply(set(":method", "POST"), {.rules = rules, .replaces = true}).empty());
  CHECK(r.head.method == "POST");
}

TEST_CASE("a length is not set where it can't be right", "[ext_proc]") {
  Request r;
  const MutationRules rules;
  CHECK(r.apply(set("content-length", "3"), {.rules = rules, .keeps_length = true}).empty());
  CHECK_FALSE(r.head.headers.has(http::Name::content_length));
  CHECK(r.apply(set("content-length", "3"), {.rules = rules}).empty());
  CHECK(r.head.headers.get(http::Name::content_length) == "3");
}

TEST_CASE("changes that are wrong fail", "[ext_proc]") {
  MutationRules strict;
  strict.disallow_is_error = true;
  CHECK(Request().apply(set("host", "x"), strict) == "header_mutation_set_headers_failed");
  CHECK(Request().apply(removal("host"), strict) == "header_mutation_remove_headers_failed");
  CHECK(Request().apply(set("x y", "1")) == "header_mutation_set_contains_invalid_character");
  CHECK(Request().apply(set("", "1")) == "header_mutation_set_contains_invalid_character");
  CHECK(Request().apply(set("x", "a\r\nb")) == "header_mutation_set_contains_invalid_character");
  CHECK(Request().apply(removal("x y")) == "header_mutation_remove_contains_invalid_character");
  HeaderChanges many;
  for (int i = 0; i < 101; ++i) many.remove.push_back("x");
  CHECK(Request().apply(many) == "header_mutation_operation_count_exceeds_limit");
  HeaderChanges full;
  std::vector<std::string> names;
  for (int i = 0; i < 99; ++i) names.push_back("n" + std::to_string(i));
  for (const auto& n : names) full.set.push_back({n, "1", false});
  CHECK(Request().apply(full) == "header_mutation_result_exceeds_limit");
  const std::string large(70'000, 'z');
  CHECK(Request().apply(set("x", large)) == "header_mutation_result_exceeds_limit");
}
