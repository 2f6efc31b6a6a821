// A connection and a stream on it with known facts, to be changed by a test.
#pragma once
#include "proxy/http/stream_info.h"

namespace outrigger::test {

inline net::Address ip(std::string_view text, std::uint16_t port = 0) { return net::Address::parse_ip(text, port).value(); }

/// 10.1.1.1:1111 talks to 10.2.2.2:2222.
struct Facts {
  http::ConnectionInfo connection;
  http::StreamInfo info;
  Facts() {
    connection.local = ip("10.2.2.2", 2222);
    connection.remote = connection.direct_remote = ip("10.1.1.1", 1111);
    info.connection = &connection;
  }
  Facts(const Facts&) = delete;
  Facts& operator=(const Facts&) = delete;
};

}  // namespace outrigger::test
