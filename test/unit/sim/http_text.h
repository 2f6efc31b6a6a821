// HTTP/1 as the simulated clients and servers read it: complete messages out of what has arrived. Strict, since
// what the proxy sends must be right.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outrigger::sim {

struct Message {
  std::string start;                                         // the first line
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::vector<std::pair<std::string, std::string>> trailers;
  std::string body;
  std::size_t size = 0;  // in the stream
  std::string get(std::string_view name) const;
  bool has(std::string_view name) const;
  int status() const;        // of a response
  std::string path() const;  // of a request
};

struct Parsed {
  enum State { complete, partial, until_close, broken } state = partial;
  Message message;  // of partial ones what is there
};

/// `head`: the answer to a HEAD request.
Parsed parse_message(std::string_view in, bool response, bool head = false);

}  // namespace outrigger::sim
