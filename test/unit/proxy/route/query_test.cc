// Query parameters: found and taken out as they were, and put together anew as Envoy does.
#include "proxy/route/query.h"

#include <catch2/catch.hpp>
#include <string>

using namespace outrigger;
using route::QueryParameters;

TEST_CASE("a value is found by the decoded name, and decoded", "[query]") {
  Arena arena;
  const auto value = [&](const char* path) {
    const auto v = route::decoded_query_value(path, "a b", arena);
    return v.data() == nullptr ? std::string("none") : std::string(v);
  };
  CHECK(value("/p") == "none");
  CHECK(value("/p?a b=1") == "1");
  CHECK(value("/p?x=1&a%20b=%41%zz%2") == "A%zz%2");
  CHECK(value("/p?a%20b&a%20b=1").empty());
}

TEST_CASE("a query is put together anew", "[query]") {
  Arena arena;
  const auto same = [&](const char* path) { return std::string(QueryParameters(path, 0, arena).path()); };
  CHECK(same("/p") == "/p");
  CHECK(same("/p?") == "/p");
  CHECK(same("/p?b=2&a=1&b=1") == "/p?a=1&b=2&b=1");
  CHECK(same("/p?a&&c=") == "/p?=&a=&c=");
  CHECK(same("/p?a=%26%3d%C3%A9&%2B=+") == "/p?+=+&a=&=\xc3\xa9");
  CHECK(same("/p?a=%20%0d%0A%7f%23") == "/p?a=%20%0D%0A%7F%23");
}

TEST_CASE("parameters are added, put in place of others, and removed", "[query]") {
  Arena arena;
  QueryParameters q("/p?a=1&b=2&a=3", 3, arena);
  CHECK(q.has("a"));
  CHECK_FALSE(q.has("c"));
  q.add("a", "x y&z~");
  CHECK(std::string(q.path()) == "/p?a=1&a=3&a=x%20y%26z%7E&b=2");
  q.overwrite("a", "4");
  CHECK(std::string(q.path()) == "/p?a=4&b=2");
  q.remove("b");
  q.remove("nothing");
  CHECK(std::string(q.path()) == "/p?a=4");
  q.remove("a");
  CHECK(std::string(q.path()) == "/p");
}

TEST_CASE("a query of very many parameters is no more than work", "[query]") {
  Arena arena;
  std::string path = "/p?";
  for (int i = 0; i < 20000; ++i) path += "a&";
  QueryParameters q(path, 1, arena);
  q.overwrite("a", "1");
  CHECK(std::string(q.path()) == "/p?a=1");
}
