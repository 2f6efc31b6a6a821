// The first bytes of a connection as tls_inspector and http_inspector see them: what is said of them must not
// change when more bytes come, once something is said.
#include <algorithm>
#include <cstdint>
#include <string>

#include "fuzz/check.h"
#include "proxy/listener/client_hello.h"
#include "proxy/listener/http_inspector.h"

using namespace outrigger::listener;  // NOLINT: a program of its own

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), std::min<std::size_t>(size, 16384));
  std::string assembled, other;
  ClientHello hello;
  const auto whole = parse_client_hello(bytes, hello, assembled);
  check(whole.bytes <= bytes.size());
  check((whole.status == HelloResult::failed) == (whole.error != HelloError::none));
  if (whole.status == HelloResult::complete) {
    check(hello.server_name.size() <= 255);
    for (const auto& name : application_protocols(hello)) check(!name.empty() && name.size() <= 255);
    check(ja3_fingerprint(hello).size() == 32);
    check(ja4_fingerprint(hello).size() == 36);
  }
  if (whole.status == HelloResult::failed) check(!failure_text(whole.error).empty());
  const auto look = look_for_http(bytes);
  const std::size_t step = std::max<std::size_t>(1, bytes.size() / 64);
  for (std::size_t n = 0; n <= bytes.size(); n += step) {
    ClientHello part;
    const auto r = parse_client_hello(std::string_view(bytes).substr(0, n), part, other);
    if (r.status != HelloResult::more) check(r.status == whole.status && r.error == whole.error && r.bytes == whole.bytes);
    if (whole.status != HelloResult::more && n >= whole.bytes) check(r.status == whole.status);
    if (n > 0) {
      const auto l = look_for_http(std::string_view(bytes).substr(0, n));
      if (l != HttpLook::more) check(l == look);
    }
  }
  return 0;
}
