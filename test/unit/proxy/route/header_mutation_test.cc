// Header mutations of routes: actions, order within a level and between levels. As Envoy 1.40 does.
#include <catch2/catch.hpp>

#include "support/message.h"
#include "proxy/http/removed_status.h"
#include "support/stream.h"
#include "support/xds.h"

using namespace outrigger;

namespace {

/// The response's fields after the route's mutations of it, for a request with "x-q: abc".
std::string response(const std::string& mutations, const test::Fields& fields) {
  const auto config = test::routes("{match: {prefix: /}, route: {cluster: c}, " + mutations + "}");
  const test::Request request("/", {{"x-q", "abc"}});
  test::Response m(200, fields);
  test::Facts facts;
  route::finalize_response(config->vhosts[0]->routes[0], nullptr, m.head, {&facts.info, &request.head, &m.head});
  return m.text();
}

std::string add(const std::string& value, const std::string& action, const std::string& more = "",
                const std::string& key = "X-N") {
  return "{header: {key: " + key + ", value: '" + value + "'}, append_action: " + action + more + "}";
}

}  // namespace

TEST_CASE("the four actions, with and without a field that is there", "[mutation]") {
  struct Row {
    const char* action;
    const char *none, *one, *two;
  };
  for (const Row& r : {
           Row{"APPEND_IF_EXISTS_OR_ADD", "x-n: v", "x-n: 1|x-n: v", "x-n: 1|b: 2|x-n: 3|x-n: v"},
           Row{"ADD_IF_ABSENT", "x-n: v", "x-n: 1", "x-n: 1|b: 2|x-n: 3"},
           Row{"OVERWRITE_IF_EXISTS_OR_ADD", "x-n: v", "x-n: v", "b: 2|x-n: v"},
           Row{"OVERWRITE_IF_EXISTS", "", "x-n: v", "b: 2|x-n: v"},
       }) {
    INFO(r.action);
    const std::string m = "response_headers_to_add: [" + add("v", r.action) + "]";
    CHECK(response(m, {}) == r.none);
    CHECK(response(m, {{"x-n", "1"}}) == r.one);
    CHECK(response(m, {{"x-n", "1"}, {"b", "2"}, {"x-n", "3"}}) == r.two);
  }
}

TEST_CASE("values are formats, and empty ones are left out unless they are kept", "[mutation]") {
  struct Row {
    const char *value, *dropped, *kept;
  };
  for (const Row& r :
       {Row{"v", "x-n: v", "x-n: v"}, Row{"%REQ(x-q)%", "x-n: abc", "x-n: abc"}, Row{"%REQ(x-q):2%", "x-n: ab", "x-n: ab"},
        Row{"%REQ(nope)%", "x-n: 1", "x-n: "}, Row{"<%REQ(nope)%>", "x-n: <>", "x-n: <>"}, Row{"a%%b", "x-n: a%b", "x-n: a%b"},
        Row{"%REQ(nope?x-q)%", "x-n: abc", "x-n: abc"}, Row{"", "x-n: 1", "x-n: "}}) {
    INFO(r.value);
    const std::string action = "OVERWRITE_IF_EXISTS_OR_ADD";
    CHECK(response("response_headers_to_add: [" + add(r.value, action) + "]", {{"x-n", "1"}}) == r.dropped);
    CHECK(response("response_headers_to_add: [" + add(r.value, action, ", keep_empty_value: true") + "]", {{"x-n", "1"}}) ==
          r.kept);
  }
}

TEST_CASE("within a level, removals come first, then what overwrites, then what adds; none sees another", "[mutation]") {
  const std::string o = "OVERWRITE_IF_EXISTS_OR_ADD", a = "APPEND_IF_EXISTS_OR_ADD", absent = "ADD_IF_ABSENT",
                    exists = "OVERWRITE_IF_EXISTS";
  struct Row {
    std::vector<std::string> adds;
    const char* want;
  };
  for (const Row& r : {
           Row{{add("1", a), add("2", o)}, "x-n: 2|x-n: 1"},
           Row{{add("1", o), add("2", o), add("3", a)}, "x-n: 2|x-n: 3"},
           Row{{add("1", absent), add("2", absent)}, "x-n: 1|x-n: 2"},
           Row{{add("1", a), add("2", exists)}, "x-n: 1"},
           Row{{add("new", o), add("%RESP(x-n)%.", o, "", "x-see")}, "x-n: new|x-see: ."},
           Row{{add("%RESP(gone)%.", a)}, "x-n: ."},
           Row{{add("back", absent, "", "gone")}, "gone: back"},
       }) {
    INFO(r.want);
    std::string list;
    for (const auto& one : r.adds) list += (list.empty() ? "" : ", ") + one;
    CHECK(response("response_headers_to_add: [" + list + "], response_headers_to_remove: [Gone]", {{"gone", "1"}}) == r.want);
  }
}

TEST_CASE("levels are applied from the route outwards, or inwards when the most specific wins", "[mutation]") {
  const auto lists = [](const std::string& level) {
    std::string out;
    for (const char* side : {"request", "response"})
      out += std::string(side) + "_headers_to_add: [{header: {key: add, value: " + level +
             "}}, {header: {key: set, value: " + level + "}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]\n";
    return out + "request_headers_to_remove: [rm-" + level + "]\nresponse_headers_to_remove: [rm-" + level + "]\n";
  };
  const auto indented = [](std::string text, const std::string& by) {
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos && at + 1 < text.size(); ++at)
      text.insert(at + 1, by);
    return by + text;
  };
  for (const bool specific : {false, true}) {
    const auto config =
        test::route_config(lists("config") + (specific ? "most_specific_header_mutations_wins: true\n" : "") +
                           "virtual_hosts:\n- name: v\n  domains: ['*']\n" + indented(lists("vhost"), "  ") +
                           "  routes:\n  - match: {prefix: /}\n    route: {cluster: c}\n" + indented(lists("route"), "    "));
    const test::Fields fields{{"rm-config", "1"}, {"rm-vhost", "1"}, {"rm-route", "1"}, {"a", "1"}};
    test::Request request("/", fields);
    test::Response answer(200, fields);
    test::Facts facts;
    const auto& r = config->vhosts[0]->routes[0];
    route::finalize_request(r, nullptr, request.head, {&facts.info, &request.head}, {});
    route::finalize_response(r, nullptr, answer.head, {&facts.info, &request.head, &answer.head});
    const std::string want =
        specific ? "a: 1|add: config|add: vhost|set: route|add: route" : "a: 1|add: route|add: vhost|set: config|add: config";
    CHECK(request.text() == want);
    CHECK(answer.text() == want);
  }
}

TEST_CASE("a weighted cluster comes before all levels", "[mutation]") {
  const auto config = test::routes(
      R"({match: {prefix: /}, request_headers_to_add: [{header: {key: x-a, value: route}}], route: {weighted_clusters: {clusters: [
    {name: c, weight: 1, request_headers_to_add: [{header: {key: x-a, value: weight}}], response_headers_to_add: [{header: {key: x-b, value: weight}}],
     host_rewrite_literal: w.example}]}}})");
  const auto& r = config->vhosts[0]->routes[0];
  test::Request request;
  test::Response answer;
  test::Facts facts;
  route::finalize_request(r, &r.weights->all[0], request.head, {&facts.info, &request.head}, {});
  route::finalize_response(r, &r.weights->all[0], answer.head, {&facts.info, &request.head, &answer.head});
  CHECK(request.text() == "x-a: weight|x-a: route");
  CHECK(request.head.authority == "w.example");
  CHECK(answer.text() == "x-b: weight");
}

TEST_CASE("what begins with a colon, and the host, can be removed from a head as a whole", "[mutation]") {
  const auto step = [](const char* name) {
    route::HeaderMutationStep s;
    s.kind = route::HeaderMutationStep::remove;
    s.name = name;
    return route::HeaderMutationSteps{s};
  };
  test::Facts facts;
  const test::Request asked("/p", {{"a", "1"}});
  const auto removed = [&](const route::HeaderMutationSteps& steps) {
    test::Request r("/p", {{"a", "1"}});
    route::apply(steps, r.head, {&facts.info, &asked.head});
    std::string out;
    for (const auto& [name, value] : {std::pair("method", r.head.method), {"path", r.head.path}, {"host", r.head.authority}})
      if (value.data() == nullptr) out += std::string(name) + " ";
    return out + (r.head.headers.size() == 0 ? "a" : "");
  };
  CHECK(removed(step(":method")) == "method ");
  CHECK(removed(step(":path")) == "path ");
  CHECK(removed(step(":authority")) == "host ");
  CHECK(removed(step("host")) == "host ");
  CHECK(removed(step("a")) == "a");
  route::HeaderMutationStep all;
  all.kind = route::HeaderMutationStep::remove_on_match;
  all.match.kind = route::StringMatcher::prefix;
  CHECK(removed({all}) == "method path host a");
  test::Response response(200, {{"a", "1"}});
  route::apply(step(":status"), response.head, {&facts.info, &asked.head});
  CHECK(response.head.status == http::kRemovedStatus);
}
