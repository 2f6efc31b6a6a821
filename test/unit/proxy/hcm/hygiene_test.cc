// Headers that do not travel on, headers that only friends may send, and those that are added. As Envoy 1.40 does.
#include "proxy/hcm/hygiene.h"

#include <catch2/catch.hpp>
#include <set>

#include "support/message.h"
#include "support/stream.h"

using namespace outrigger;
using namespace outrigger::hcm;

namespace {
std::string mutated(const Config& c, const test::Fields& fields, std::string_view peer = "9.9.9.9") {
  test::Facts facts;
  facts.connection.remote = test::ip(peer);
  test::Request m("/", fields);
  Random random(1);
  REQUIRE(mutate_request(c, c.routes.get(), m.head, facts.info, random) == 0);
  return m.text();
}
}  // namespace

TEST_CASE("hop-by-hop fields go", "[hygiene]") {
  struct Row {
    test::Fields fields;
    const char* want;
  };
  for (const Row& r : {
           Row{{{"a", "1"}}, "a: 1"},
           Row{{{"connection", "close"}, {"a", "1"}}, "a: 1"},
           Row{{{"connection", "keep-alive"}, {"keep-alive", "timeout=5"}}, ""},
           Row{{{"keep-alive", "timeout=5"}, {"proxy-connection", "keep-alive"}, {"a", "1"}}, "a: 1"},
           Row{{{"connection", "X-A , x-b,keep-alive"}, {"x-a", "1"}, {"x-b", "2"}, {"x-c", "3"}}, "x-c: 3"},
           Row{{{"connection", "x-a"}, {"x-a", "1"}, {"b", "2"}, {"x-a", "3"}}, "b: 2"},
           Row{{{"connection", "cookie"}, {"cookie", "a"}}, ""},
           Row{{{"connection", ",, ,x"}, {"x", "1"}, {"a", "2"}}, "a: 2"},
           Row{{{"connection", "content-length,transfer-encoding"}, {"content-length", "1"}}, "content-length: 1"},
           Row{{{"proxy-authorization", "b"}, {"trailer", "t"}}, "proxy-authorization: b|trailer: t"},
           Row{{{"upgrade", "foo"}, {"connection", "upgrade"}, {"a", "1"}}, "a: 1"},
           Row{{{"upgrade", "h2c"}, {"http2-settings", "x"}, {"connection", "upgrade, http2-settings"}}, ""},
           Row{{{"http2-settings", "x"}, {"connection", "http2-settings"}}, "http2-settings: x"},
       }) {
    INFO(r.want);
    test::Request m("/", r.fields);
    strip_hop_by_hop(m.head, false);
    CHECK(m.text() == r.want);
    CHECK(m.head.authority == "h.example");
  }
  const std::string long_name(300, 'x');
  test::Request m("/", {{"connection", "X" + long_name}, {"x" + long_name, "1"}, {"a", "2"}});
  strip_hop_by_hop(m.head, false);
  CHECK(m.text() == "a: 2");
}

TEST_CASE("a Connection that names Host takes it away", "[hygiene]") {
  test::Request m("/", {{"connection", "Host"}});
  strip_hop_by_hop(m.head, false);
  CHECK(m.head.authority.data() == nullptr);
}

TEST_CASE("TE keeps the word trailers and no other", "[hygiene]") {
  struct Row {
    const char *te, *want;
  };
  for (const Row& r :
       {Row{"trailers", "te: trailers"}, Row{"trailers, deflate", "te: trailers"}, Row{"gzip,trailers", "te: trailers"},
        Row{"trailers;q=1", ""}, Row{"gzip", ""}, Row{"Trailers", ""}, Row{"", ""}})
    for (const bool nominated : {false, true}) {
      INFO(r.te << ' ' << nominated);
      test::Request m("/", {{"te", r.te}});
      if (nominated) m.head.headers.add("connection", "te");
      strip_hop_by_hop(m.head, false);
      CHECK(m.text() == r.want);
    }
}

TEST_CASE("an upgrade keeps its fields", "[hygiene]") {
  test::Request m("/", {{"connection", "upgrade, x"}, {"upgrade", "websocket"}, {"x", "1"}, {"keep-alive", "1"}});
  strip_hop_by_hop(m.head, true);
  CHECK(m.text() == "connection: upgrade, x|upgrade: websocket|x: 1");
}

TEST_CASE("hosts lose their port or their dot when asked", "[hygiene]") {
  struct Row {
    const char *host, *any, *matching, *dot;  // the local port is 80
  };
  for (const Row& r : {
           Row{"h", "h", "h", "h"},
           Row{"h:80", "h", "h", "h:80"},
           Row{"h:8080", "h", "h:8080", "h:8080"},
           Row{"h:65535", "h", "h:65535", "h:65535"},
           Row{"h:65536", "h:65536", "h:65536", "h:65536"},
           Row{"h:", "h:", "h:", "h:"},
           Row{"h:x", "h:x", "h:x", "h:x"},
           Row{"h.", "h.", "h.", "h"},
           Row{"h.:80", "h.", "h.", "h:80"},
           Row{".", ".", ".", ""},
           Row{"[::1]", "[::1]", "[::1]", "[::1]"},
           Row{"[::1]:80", "[::1]", "[::1]", "[::1]:80"},
           Row{"", "", "", ""},
       }) {
    INFO(r.host);
    Config any, matching, dot, none;
    any.strip_any_host_port = true;
    matching.strip_matching_host_port = true;
    dot.strip_trailing_host_dot = true;
    for (const auto& [c, want] : {std::pair(&any, r.any), {&matching, r.matching}, {&dot, r.dot}, {&none, r.host}}) {
      test::Request m("/", {}, r.host);
      normalize_host(*c, m.head, 80);
      CHECK(m.head.authority == want);
    }
    test::Request connect("", {}, r.host, "CONNECT");
    normalize_host(any, connect.head, 80);
    CHECK(connect.head.authority == r.host);
  }
}

TEST_CASE("control headers are for internal requests, some for those that are not from the edge", "[hygiene]") {
  constexpr std::string_view kInternalOnly[] = {"x-envoy-retriable-status-codes",
                                                "x-envoy-retriable-header-names",
                                                "x-envoy-retry-on",
                                                "x-envoy-retry-grpc-on",
                                                "x-envoy-max-retries",
                                                "x-envoy-upstream-alt-stat-name",
                                                "x-envoy-upstream-rq-timeout-ms",
                                                "x-envoy-upstream-rq-per-try-timeout-ms",
                                                "x-envoy-upstream-rq-timeout-alt-response",
                                                "x-envoy-expected-rq-timeout-ms",
                                                "x-envoy-force-trace",
                                                "x-envoy-ip-tags",
                                                "x-envoy-original-url",
                                                "x-envoy-hedge-on-per-try-timeout"};
  constexpr std::string_view kNotFromEdge[] = {"x-envoy-decorator-operation", "x-envoy-downstream-service-cluster",
                                               "x-envoy-downstream-service-node", "x-envoy-original-path",
                                               "x-envoy-original-host"};
  constexpr std::string_view kAlways[] = {"x-envoy-foo", "x-envoy-attempt-count", "x-envoy-is-timeout-retry",
                                          "x-envoy-fault-delay-request", "x-client-trace-id"};
  test::Fields fields;
  std::string internal_only, not_edge, always;
  for (const auto& [list, text] : {std::pair(std::span<const std::string_view>(kInternalOnly), &internal_only),
                                   {kNotFromEdge, &not_edge},
                                   {kAlways, &always}})
    for (const auto name : list) {
      fields.emplace_back(name, "1");
      text->append(name).append(": 1|");
    }
  Config c;
  c.generate_request_id = false;
  c.skip_xff_append = true;
  c.internal_ranges.push_back(net::CidrRange::parse("10.0.0.0", 8).value());
  CHECK(mutated(c, fields) == not_edge + always + "x-forwarded-proto: http");
  c.use_remote_address = true;
  CHECK(mutated(c, fields) == always + "x-forwarded-proto: http|x-envoy-external-address: 9.9.9.9");
  CHECK(mutated(c, fields, "10.0.0.1") == internal_only + not_edge + always + "x-forwarded-proto: http|x-envoy-internal: true");
}

TEST_CASE("what a client says of itself is not believed", "[hygiene]") {
  Config c;
  c.generate_request_id = false;
  c.internal_ranges.push_back(net::CidrRange::parse("10.0.0.0", 8).value());
  const test::Fields fields{{"x-envoy-internal", "true"}, {"x-forwarded-client-cert", "x"}, {"a", "1"}};
  CHECK(mutated(c, fields) == "a: 1|x-forwarded-proto: http");
  c.use_remote_address = c.skip_xff_append = true;
  CHECK(mutated(c, fields, "10.0.0.1") == "a: 1|x-forwarded-proto: http|x-envoy-internal: true");
  route::RouteConfig routes;
  routes.internal_only_headers = {"x-secret"};
  c.routes = std::make_shared<route::RouteConfig>(std::move(routes));
  CHECK(mutated(c, {{"x-secret", "1"}}, "10.0.0.1") == "x-secret: 1|x-forwarded-proto: http|x-envoy-internal: true");
  CHECK(mutated(c, {{"x-secret", "1"}}) == "x-forwarded-proto: http|x-envoy-external-address: 9.9.9.9");
}

TEST_CASE("request ids are kept, made or replaced", "[hygiene]") {
  struct Row {
    bool edge, preserve, generate;
    const char *id, *want;  // "new": made here
  };
  for (const Row& r : {
           Row{false, false, true, nullptr, "new"},
           Row{false, false, true, "q", "q"},
           Row{false, false, true, "", "new"},
           Row{true, false, true, "q", "new"},
           Row{true, true, true, "q", "q"},
           Row{true, true, true, nullptr, "new"},
           Row{true, false, false, "q", "q"},
           Row{false, false, false, "", ""},
           Row{true, true, false, nullptr, ""},
       }) {
    Config c;
    c.use_remote_address = r.edge;
    c.preserve_external_request_id = r.preserve;
    c.generate_request_id = r.generate;
    test::Facts facts;
    test::Request m("/", r.id == nullptr ? test::Fields{} : test::Fields{{"x-request-id", r.id}});
    Random random(1);
    mutate_request(c, c.routes.get(), m.head, facts.info, random);
    const auto id = m.head.headers.get("x-request-id");
    if (std::string_view(r.want) == "new")
      CHECK(id.size() == 36);
    else
      CHECK(id == r.want);
    CHECK(m.head.headers.has(http::Name::x_request_id) == (r.id != nullptr || r.generate));
  }
}

TEST_CASE("new request ids are version 4 UUIDs, each another", "[hygiene]") {
  Random random(7);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto id = make_uuid(random);
    REQUIRE(id.size() == 36);
    for (std::size_t k = 0; k < 36; ++k) {
      const bool dash = k == 8 || k == 13 || k == 18 || k == 23;
      CHECK((dash ? id[k] == '-' : std::string_view("0123456789abcdef").find(id[k]) != std::string_view::npos));
    }
    CHECK(id[14] == '4');
    CHECK(std::string_view("89ab").find(id[19]) != std::string_view::npos);
    seen.emplace(id.data(), id.size());
  }
  CHECK(seen.size() == 1000);
}

TEST_CASE("what this node says of itself in requests", "[hygiene]") {
  Config c;
  c.generate_request_id = false;
  c.via = "v1";
  CHECK(mutated(c, {}) == "x-forwarded-proto: http|via: v1");
  CHECK(mutated(c, {{"via", "1.0 x"}}) == "via: 1.0 x, v1|x-forwarded-proto: http");
  CHECK(mutated(c, {{"via", ""}}) == "via: v1|x-forwarded-proto: http");
  c.add_user_agent = true;
  CHECK(mutated(c, {}) == "x-forwarded-proto: http|via: v1");  // a node without a cluster has no name to give
  c.local_service_cluster = "cl";
  CHECK(mutated(c, {}) == "x-forwarded-proto: http|x-envoy-downstream-service-cluster: cl|user-agent: cl|via: v1");
  c.local_service_node = "n";
  CHECK(
      mutated(c, {{"user-agent", "ua"}, {"x-envoy-downstream-service-cluster", "z"}}) ==
      "user-agent: ua|x-envoy-downstream-service-cluster: cl|x-forwarded-proto: http|x-envoy-downstream-service-node: n|via: v1");
}

TEST_CASE("responses", "[hygiene]") {
  struct Row {
    Config::ServerHeader server;
    bool upgrade;
    test::Fields fields;
    const char* want;
  };
  for (const Row& r : {
           Row{Config::overwrite, false, {}, "server: me"},
           Row{Config::overwrite, false, {{"server", "x"}, {"a", "1"}}, "server: me|a: 1"},
           Row{Config::append_if_absent, false, {{"server", "x"}}, "server: x"},
           Row{Config::append_if_absent, false, {{"a", "1"}}, "a: 1|server: me"},
           Row{Config::pass_through, false, {{"a", "1"}}, "a: 1"},
           Row{Config::pass_through, false, {{"server", "x"}}, "server: x"},
           Row{Config::pass_through,
               false,
               {{"connection", "close"},
                {"keep-alive", "1"},
                {"proxy-connection", "x"},
                {"upgrade", "h2c"},
                {"transfer-encoding", "chunked"},
                {"a", "1"}},
               "a: 1"},
           Row{Config::pass_through,
               true,
               {{"connection", "upgrade"}, {"upgrade", "x"}, {"transfer-encoding", "chunked"}},
               "connection: upgrade|upgrade: x"},
       }) {
    INFO(r.want);
    Config c;
    c.server_name = "me";
    c.server_header = r.server;
    const test::Request request;
    test::Response m(200, r.fields);
    mutate_response(c, request.head, r.upgrade, m.head);
    CHECK(m.text() == r.want);
  }
}

TEST_CASE("the request id in responses", "[hygiene]") {
  struct Row {
    bool always;
    test::Fields request;
    const char* want;
  };
  for (const Row& r :
       {Row{false, {{"x-request-id", "q"}}, "via: v"}, Row{true, {{"x-request-id", "q"}}, "x-request-id: q|via: v"},
        Row{true, {{"x-request-id", ""}}, "x-request-id: |via: v"}, Row{true, {}, "via: v"},
        Row{false, {{"x-request-id", "q"}, {"x-envoy-force-trace", "1"}}, "x-request-id: q|via: v"}}) {
    Config c;
    c.server_header = Config::pass_through;
    c.always_set_request_id_in_response = r.always;
    c.via = "v";
    test::Response m;
    test::Request request("/", r.request);  // its strings go into the response
    mutate_response(c, request.head, false, m.head);
    CHECK(m.text() == r.want);
  }
}
