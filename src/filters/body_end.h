// Envoy's filters are told of the end of an HTTP/1 message after its last bytes, ours with them where that is known.
#pragma once
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

inline bool request_end_comes_apart(hcm::Stream& stream) { return stream.info().protocol < http::Protocol::http2; }
inline bool response_end_comes_apart(hcm::Stream& stream) {
  const auto& upstream = stream.info().upstream;
  return upstream && upstream->protocol < http::Protocol::http2;
}

}  // namespace outrigger::filters
