// PROXY headers: what is said of them must not change when more bytes come; what was read can be written and is
// read again as the same.
#include <algorithm>
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "proxy/net/proxy_header.h"

using namespace outrigger::net;  // NOLINT: a program of its own

namespace {

void check_again(const ProxyHeader& h) {
  if (h.local) return;
  ProxyHeader again;
  check(parse_proxy_header(write_proxy_v1(h.source, h.destination), false, again).status == ProxyParse::complete);
  check(again.source == h.source && again.destination == h.destination);
  ProxyHeader second;
  check(parse_proxy_header(write_proxy_v2(&h.source, &h.destination, h.tlvs), true, second).status == ProxyParse::complete);
  check(second.source == h.source && second.destination == h.destination && second.tlvs.size() == h.tlvs.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 66000));
  for (const bool optional : {false, true}) {
    ProxyHeader whole;
    const auto r = parse_proxy_header(bytes, optional, whole);
    if (r.status == ProxyParse::complete) {
      check(r.bytes <= bytes.size());
      check_again(whole);
    }
    const std::size_t step = std::max<std::size_t>(1, bytes.size() / 64);
    for (std::size_t n = 0; n <= bytes.size(); n += step) {
      ProxyHeader part;
      const auto p = parse_proxy_header(std::string_view(bytes).substr(0, n), optional, part);
      if (p.status == ProxyParse::more)
        check(p.bytes == 0 || p.bytes > n);
      else if (p.status == ProxyParse::complete)
        check(r.status == ProxyParse::complete && p.version == r.version && p.bytes == r.bytes);
      else  // a short line is a bad header, a long one none, as with Envoy
        check(r.status == ProxyParse::malformed || r.status == ProxyParse::absent);
    }
  }
  return 0;
}
