// HTTP/1 texts parsed in one line of a table.
#pragma once
#include <catch2/catch.hpp>
#include <string>

#include "proxy/http/h1_parser.h"
#include "support/message.h"

namespace outrigger::test {

/// A complete request head (without its body).
struct ParsedRequest {
  Arena arena;
  http::RequestHead head{arena};
  http::Framing framing;
  http::H1Error error;
  std::string text;
  explicit ParsedRequest(std::string t, const http::Http1Options& o = {}) : text(std::move(t)) {
    error = http::parse_request_head(text.data(), text.size(), o, head, framing);
  }
  std::string fields() const { return text_of(head.headers); }
};

struct ParsedResponse {
  Arena arena;
  http::ResponseHead head{arena};
  http::Framing framing;
  http::H1Error error;
  std::string text;
  explicit ParsedResponse(std::string t, std::string_view request_method = "GET", const http::Http1Options& o = {})
      : text(std::move(t)) {
    error = http::parse_response_head(text.data(), text.size(), o, request_method, head, framing);
  }
  std::string fields() const { return text_of(head.headers); }
};

}  // namespace outrigger::test
