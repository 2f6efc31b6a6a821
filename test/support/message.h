// HTTP heads with their own arena, made in one line of a table, and printed as one string to compare.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/message.h"

namespace outrigger::test {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

/// "name: value|name: value", in order.
inline std::string text_of(const http::HeaderMap& headers) {
  std::string out;
  for (const auto& e : headers) {
    if (!out.empty()) out += '|';
    out.append(e.name).append(": ").append(e.value);
  }
  return out;
}

/// A head whose strings are copied. Names as the codec gives them: in lower case.
template <class Head>
struct Message {
  Arena arena;
  Head head{arena};

  Message() = default;
  explicit Message(const Fields& fields) { add(fields); }
  void add(const Fields& fields) {
    for (const auto& [name, value] : fields) head.headers.add_copy(name, value);
  }
  std::string text() const { return text_of(head.headers); }
};

struct Request : Message<http::RequestHead> {
  explicit Request(std::string_view path = "/", const Fields& fields = {}, std::string_view authority = "h.example",
                   std::string_view method = "GET")
      : Message(fields) {
    head.path = arena.copy(path);
    head.authority = arena.copy(authority);
    head.method = arena.copy(method);
    head.scheme = "http";
  }
};

struct Response : Message<http::ResponseHead> {
  explicit Response(unsigned status = 200, const Fields& fields = {}) : Message(fields) {
    head.status = static_cast<std::uint16_t>(status);
  }
};

}  // namespace outrigger::test
