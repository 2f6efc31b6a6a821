// Which cluster a route chooses, and the hash of a request.
#include <xxhash.h>

#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/stream.h"
#include "support/xds.h"

using namespace outrigger;

namespace {
std::shared_ptr<const route::RouteConfig> action(const std::string& yaml) {
  return test::routes("{match: {prefix: /}, route: {" + yaml + "}}");
}
std::string choose(const route::RouteConfig& config, std::uint64_t random, const test::Fields& fields = {},
                   const runtime::Snapshot* runtime = nullptr) {
  const auto& r = config.vhosts[0]->routes[0];
  const test::Request request("/", fields);  // the choice may name a string of it
  const auto chosen = route::choose_cluster(r, request.head, {nullptr, runtime, random});
  return std::string(chosen.cluster) + (chosen.weight != nullptr ? "/" + std::to_string(chosen.weight - r.weights->all.data()) : "");
}
/// `cookies`: those that are made, a line each; null: none may be.
std::optional<std::uint64_t> hash(const std::string& policies, const test::Request& m, std::string* cookies = nullptr) {
  const auto config = action("cluster: c, hash_policy: [" + policies + "]");
  test::Facts facts;
  Arena arena;
  route::NewCookies made;
  const auto h =
      route::request_hash(config->vhosts[0]->routes[0], m.head, facts.info, arena, cookies == nullptr ? nullptr : &made);
  if (cookies != nullptr) cookies->clear();
  for (const auto* c = made.first; c != nullptr; c = c->next) (*cookies += c->text) += '\n';
  return h;
}
std::uint64_t xxhash(std::string_view s) { return XXH64(s.data(), s.size(), 0); }
}  // namespace

TEST_CASE("a cluster by name and by header", "[choose]") {
  CHECK(choose(*action("cluster: c"), 7) == "c");
  const auto by_header = action("cluster_header: X-C");
  CHECK(choose(*by_header, 0, {{"x-c", "one"}}) == "one");
  CHECK(choose(*by_header, 0, {{"x-c", ""}}).empty());
  CHECK(choose(*by_header, 0).empty());
  CHECK(choose(*action("cluster_header: ':authority'"), 0) == "h.example");
}

TEST_CASE("weights divide the random numbers, to the last one", "[choose]") {
  const auto config = action("weighted_clusters: {clusters: [{name: a, weight: 3}, {name: z, weight: 0}, {name: b, weight: 7}]}");
  for (std::uint64_t random = 0; random < 25; ++random) CHECK(choose(*config, random) == (random % 10 < 3 ? "a/0" : "b/2"));
  CHECK(choose(*config, UINT64_MAX) == (UINT64_MAX % 10 < 3 ? "a/0" : "b/2"));
}

TEST_CASE("a weighted cluster may be named by a header", "[choose]") {
  const auto config = action("weighted_clusters: {clusters: [{cluster_header: X-C, weight: 1}, {name: b, weight: 1}]}");
  CHECK(choose(*config, 0, {{"x-c", "from"}}) == "from/0");
  CHECK(choose(*config, 0) == "/0");
  CHECK(choose(*config, 1) == "b/1");
}

TEST_CASE("a header may stand for the random number", "[choose]") {
  const auto config = action("weighted_clusters: {header_name: X-W, clusters: [{name: a, weight: 3}, {name: b, weight: 7}]}");
  struct Row {
    const char *value, *cluster;  // the random number alone gives b
  };
  for (const Row& r : {Row{"0", "a/0"}, Row{"2", "a/0"}, Row{"3", "b/1"}, Row{"12", "a/0"}, Row{"+2", "a/0"}, Row{"007", "b/1"},
                       Row{"18446744073709551610", "a/0"}, Row{"18446744073709551616", "b/1"}, Row{"2x", "b/1"}, Row{"-1", "b/1"},
                       Row{"", "b/1"}, Row{"0x2", "b/1"}, Row{"2.0", "b/1"}}) {
    INFO(r.value);
    CHECK(choose(*config, 5, {{"x-w", r.value}}) == r.cluster);
  }
  CHECK(choose(*config, 5) == "b/1");
  CHECK(choose(*config, 1) == "a/0");
}

TEST_CASE("runtime keys change weights", "[choose]") {
  const auto config =
      action("weighted_clusters: {runtime_key_prefix: w, clusters: [{name: a, weight: 1}, {name: b, weight: 1}]}");
  const auto snapshot = [](runtime::Value a, runtime::Value b) {
    return runtime::Snapshot({{"l", {{"w.a", std::move(a)}, {"w.b", std::move(b)}}}});
  };
  const auto number = [](double v) { return runtime::number_value(v); };
  const auto two = snapshot(number(9), number(1)), none = snapshot(number(0), number(0)),
             bad = snapshot(runtime::text_value("x"), runtime::text_value("2"));
  const runtime::Snapshot empty;
  for (std::uint64_t random = 0; random < 20; ++random) {
    CHECK(choose(*config, random, {}, &two) == (random % 10 < 9 ? "a/0" : "b/1"));
    CHECK(choose(*config, random, {}, &bad) == (random % 2 == 0 ? "a/0" : "b/1"));
    CHECK(choose(*config, random, {}, &empty) == (random % 2 == 0 ? "a/0" : "b/1"));
  }
  CHECK(choose(*config, 3, {}, &none).empty());
}

TEST_CASE("hashes of headers, cookies, parameters and the client's address", "[hash]") {
  struct Row {
    const char* policy;
    const char* path;
    test::Fields fields;
    const char* text;  // what is hashed; null: nothing
  };
  for (const Row& r : {
           Row{"{header: {header_name: X-H}}", "/", {{"x-h", "v"}}, "v"},
           Row{"{header: {header_name: X-H}}", "/", {{"x-h", ""}}, ""},
           Row{"{header: {header_name: X-H}}", "/", {}, nullptr},
           Row{"{header: {header_name: ':path'}}", "/a?b", {}, "/a?b"},
           Row{"{header: {header_name: X-H, regex_rewrite: {pattern: {regex: '[0-9]+'}, substitution: 'N'}}}",
               "/",
               {{"x-h", "a12b3"}},
               "aNbN"},
           Row{"{cookie: {name: s}}", "/", {{"cookie", "a=b; s=v"}}, "v"},
           Row{"{cookie: {name: s}}", "/", {{"cookie", "a=b"}}, nullptr},
           Row{"{query_parameter: {name: q}}", "/?q=v&q=w", {}, "v"},
           Row{"{query_parameter: {name: q}}", "/?p=v", {}, nullptr},
           Row{"{connection_properties: {source_ip: true}}", "/", {}, "10.1.1.1"},
           Row{"{connection_properties: {source_ip: false}}", "/", {}, nullptr},
       }) {
    INFO(r.policy);
    const auto h = hash(r.policy, test::Request(r.path, r.fields));
    CHECK(h == (r.text == nullptr ? std::nullopt : std::optional(xxhash(r.text))));
  }
}

TEST_CASE("of several lines of a header all are hashed, in any order", "[hash]") {
  const std::string policy = "{header: {header_name: x-h}}";
  const auto chained = XXH64("b", 1, XXH64("a", 1, 0));
  CHECK(hash(policy, test::Request("/", {{"x-h", "a"}, {"z", "1"}, {"x-h", "b"}})) == chained);
  CHECK(hash(policy, test::Request("/", {{"x-h", "b"}, {"x-h", "a"}})) == chained);
  CHECK(hash(policy, test::Request("/", {{"x-h", ""}, {"x-h", "a"}})) == XXH64("a", 1, XXH64("", 0, 0)));
}

TEST_CASE("several hash policies are combined, up to a terminal one that found something", "[hash]") {
  const test::Request m("/", {{"x-a", "1"}, {"x-b", "2"}});
  const auto a = xxhash("1"), b = xxhash("2");
  const auto combined = [](std::uint64_t x, std::uint64_t y) { return ((x << 1) | (x >> 63)) ^ y; };
  const std::string pa = "{header: {header_name: x-a}}", pb = "{header: {header_name: x-b}}",
                    none = "{header: {header_name: x-z}}";
  const auto terminal = [](std::string p) { return p.insert(1, "terminal: true, "); };
  CHECK(hash(pa + "," + pb, m) == combined(a, b));
  CHECK(hash(pb + "," + pa, m) == combined(b, a));
  CHECK(hash(none + "," + pb, m) == b);
  CHECK(hash(terminal(pa) + "," + pb, m) == a);
  CHECK(hash(terminal(none) + "," + pb, m) == b);
  CHECK(hash(none, m) == std::nullopt);
}

TEST_CASE("a cookie that is missing is made when it has a lifetime, of the connection's addresses", "[hash]") {
  std::string cookies;
  const auto made = hash("{cookie: {name: s, ttl: 60s, path: /p, attributes: [{name: SameSite, value: Lax}, {name: Secure}]}}",
                         test::Request(), &cookies);
  REQUIRE(made);
  char value[17];
  std::snprintf(value, sizeof value, "%016llx", static_cast<unsigned long long>(xxhash("10.1.1.1:111110.2.2.2:2222")));
  CHECK(cookies == "s=\"" + std::string(value) + "\"; Max-Age=60; Path=/p; SameSite=Lax; Secure; HttpOnly\n");
  CHECK(*made == xxhash(value));
  CHECK(hash("{cookie: {name: s, ttl: 0s}}", test::Request(), &cookies) == xxhash(value));
  CHECK(cookies == "s=\"" + std::string(value) + "\"; HttpOnly\n");  // a session cookie has no age
  CHECK_FALSE(hash("{cookie: {name: s, ttl: 60s}}", test::Request()));
  CHECK(hash("{cookie: {name: s, ttl: 60s}}", test::Request("/", {{"cookie", "s=v"}}), &cookies) == xxhash("v"));
  CHECK(cookies.empty());
  hash("{cookie: {name: s, ttl: 60s}}, {cookie: {name: t}}, {cookie: {name: u, ttl: 0s}}", test::Request(), &cookies);
  CHECK(cookies == "s=\"" + std::string(value) + "\"; Max-Age=60; HttpOnly\nu=\"" + value + "\"; HttpOnly\n");
}
