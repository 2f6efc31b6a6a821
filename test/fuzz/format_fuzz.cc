// A format string: compiled or refused with a reason; what compiles can be rendered for any request, also one of
// which nothing is known. Text without '%' renders as itself.
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "proxy/format/formatter.h"

using namespace outrigger;  // NOLINT: a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto format = format::TextFormat::compile(text);
  if (!format) {
    check(!format.error().detail.empty());
    check(text.find('%') != std::string_view::npos);
    return 0;
  }
  Arena arena;
  http::RequestHead request(arena);
  request.method = "GET";
  request.path = "/a/b?c=d&e=%20&f";
  request.authority = "h.example:80";
  request.headers.add("x-a", "value \"quoted\" \\ \x7f\xff");
  http::ResponseHead response(arena);
  response.status = 200;
  response.headers.add("x-b", "");
  http::ConnectionInfo connection;
  http::StreamInfo info;
  info.connection = &connection;
  std::string full, bare, again;
  format->append({&info, &request, &response, nullptr}, format::Missing::dash, full);
  format->append({&info}, format::Missing::empty, bare);
  format->append({&info, &request, &response, nullptr}, format::Missing::dash, again);
  if (text.find('%') == std::string_view::npos) check(full == text && bare == text);
  if (text.find("TIME") == std::string_view::npos) check(full == again);
  return 0;
}
