// How the filter oauth2 proves who it is with a private key instead of a secret (RFC 7523): a token that it signs itself.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger::filters {

struct AssertionConfig {
  enum Algorithm : std::uint8_t { rs256, rs384, rs512, es256, es384, es512 } algorithm = rs256;
  std::chrono::seconds lifetime{60};
  std::string audience;
};

/// `key`: PEM. Empty: the reason.
std::string make_assertion(const AssertionConfig& config, std::string_view client_id, std::string_view key, std::int64_t now,
                           std::string& reason);

}  // namespace outrigger::filters
