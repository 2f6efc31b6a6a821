// OCSP responses that go with our certificates (RFC 6066, 8): what one says of its own validity, and
// whether it is sent. Read on the main thread, immutable.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include "proxy/base/result.h"
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

struct OcspResponse {
  std::string der;                          // as it is sent
  std::int64_t this_update = 0;             // seconds since 1970
  std::optional<std::int64_t> next_update;  // none: it counts as expired
  bool expired(std::int64_t now) const noexcept { return !next_update || *next_update < now; }
};

/// Of the certificate `leaf`, from the file `from`. Who signed it and what it says of the certificate is the
/// client's concern. The errors are Envoy's.
Result<OcspResponse> read_ocsp_response(std::string der, X509* leaf, const std::string& from);

/// RFC 7633: may the certificate be used with a response only?
bool demands_staple(X509* leaf) noexcept;

enum class StaplePolicy : std::uint8_t { lenient, strict, must };  // ocsp_staple_policy
enum class Stapling : std::uint8_t { stapled, omitted, refused };

/// What a client that asks for a response gets with a certificate; null: there is none for it.
Stapling stapling_of(const OcspResponse* response, StaplePolicy policy, std::int64_t now) noexcept;

}  // namespace outrigger::tls
