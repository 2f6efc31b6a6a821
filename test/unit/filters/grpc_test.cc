#include "filters/grpc.h"

#include <catch2/catch.hpp>
#include <string>

using namespace outrigger::filters;
using outrigger::Buffer;

namespace {

std::string message(std::string_view text, std::uint8_t flags = 0) {
  Buffer b;
  GrpcFrameHead::append(b, flags, static_cast<std::uint32_t>(text.size()));
  return b.to_string() + std::string(text);
}

std::uint64_t counted(GrpcMessages& m, std::string_view body, std::size_t part) {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < body.size(); i += part) {
    Buffer b;
    b.append(body.substr(i, part));
    n += m.count_in(b);
  }
  CHECK(n == m.count());
  return n;
}

bool succeeds(std::string_view json, std::size_t part = 100) {
  ConnectEnd end;
  for (std::size_t i = 0; i < json.size(); i += part) end.take(json.substr(i, part));
  return end.is_success();
}

}  // namespace

TEST_CASE("the service and the method are the two parts of a path", "[filters][grpc]") {
  struct Case {
    std::string_view path, service, method;
  };
  const Case cases[] = {
      {"/pkg.Service/Method", "pkg.Service", "Method"}, {"/a/b?c/d", "a", "b"}, {"//a///b//", "a", "b"}, {"a/b", "a", "b"}};
  for (const auto& c : cases) {
    const auto m = grpc_method_of(c.path);
    REQUIRE(m);
    CHECK(m->service == c.service);
    CHECK(m->method == c.method);
  }
  for (const auto* path : {"", "/", "/a", "/a/", "//b", "/a/b/c", "/a?b/c", "?/a/b"}) CHECK_FALSE(grpc_method_of(path));
}

TEST_CASE("messages are counted wherever a body is cut", "[filters][grpc]") {
  const auto body = message("x") + message("") + message(std::string(1000, 'y'), 1) + message("z").substr(0, 3);
  for (const std::size_t part : {1, 2, 3, 4, 5, 6, 7, 100, 10000})
    for (const bool response : {false, true}) {
      GrpcMessages m(response);
      CHECK(counted(m, body, part) == 4);
      CHECK_FALSE(m.connect_success());
    }
}

TEST_CASE("a length of 4 GiB is only a length", "[filters][grpc]") {
  GrpcMessages m(true);
  CHECK(counted(m, std::string("\0\xff\xff\xff\xff", 5) + std::string(100, '\0'), 7) == 1);
}

TEST_CASE("the end message of Connect is not counted, nor what follows it", "[filters][grpc]") {
  const auto body = message("a") + message("b") + message("{}", GrpcFrameHead::kConnectEnd) + message("c");
  for (const std::size_t part : {1, 3, 1000}) {
    GrpcMessages response(true), request(false);
    CHECK(counted(response, body, part) == 2);
    CHECK(response.connect_success());
    CHECK(counted(request, body, part) == 4);
  }
  GrpcMessages cut(true);
  counted(cut, message("{} ", GrpcFrameHead::kConnectEnd).substr(0, 7), 100);
  CHECK_FALSE(cut.connect_success());
}

TEST_CASE("a Connect stream ended well when its end is an object without an error", "[filters][grpc]") {
  for (const auto* json : {"{}", " {\"metadata\": {\"error\": [\"x\"]}} ", R"({"a": "error", "b": ["error", {"error": 1}]})",
                           R"({"errors": 1})", R"({"\"error": 1})", R"({"xerror": "}"})"})
    for (const std::size_t part : {1, 100}) CHECK(succeeds(json, part));
  for (const auto* json : {"", "x", "[]", "{", "{}}", "{} {}", "{}x", R"({"error": null})", R"({"a": [1, 2], "error": {}})",
                           R"({"a": {}, "error": 1})", R"({"a": "\\", "error": 1})", "\"error\"", R"({"a": ")"})
    for (const std::size_t part : {1, 100}) CHECK_FALSE(succeeds(json, part));
}
