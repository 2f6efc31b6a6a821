// An expression: refused with a place, or compiled to a program that has the same value each time, with no fact known and with
// some.
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "proxy/cel/program.h"
#include "proxy/http/connection_facts.h"
#include "proxy/http/stream_info.h"

using namespace outrigger;  // NOLINT: a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto program = cel::Program::compile(text);
  if (!program) {
    check(program.error().detail.starts_with("at ") || size > 65536);
    return 0;
  }
  Arena arena;
  http::RequestHead request(arena);
  request.method = "GET";
  request.path = "/p/a?x=1&y=2";
  request.authority = "a.example";
  request.headers.add("x-a", "one");
  request.headers.add("x-m", "m1");
  request.headers.add("x-m", "m2");
  http::ResponseHead response(arena);
  response.status = 200;
  http::ConnectionInfo connection;
  http::StreamInfo info;
  info.connection = &connection;
  const format::Context bare{.info = &info}, full{.info = &info, .request = &request, .response = &response};
  (*program)->evaluate(bare);
  const auto first = (*program)->evaluate(full);
  const auto kind = first.kind;
  const std::string said(first.text);
  (*program)->evaluate(bare);
  const auto again = (*program)->evaluate(full);
  check(again.kind == kind && again.text == said && (*program)->holds(full) == again.is_true());
  return 0;
}
