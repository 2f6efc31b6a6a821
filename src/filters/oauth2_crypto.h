// What the filter oauth2 signs and encrypts, as Envoy does it, so that each takes the other's cookies. Pure but for random
// numbers.
#pragma once
#include <string>
#include <string_view>

namespace outrigger::filters {

/// Without padding. The other way only what the first makes is taken; false: it is something else.
std::string encode_base64url(std::string_view bytes);
bool decode_plain_base64url(std::string_view text, std::string& out);

/// In a time that says nothing of where they differ.
bool same_secret(std::string_view a, std::string_view b) noexcept;
/// HMAC with SHA-256, in base64.
std::string sign(std::string_view secret, std::string_view text);
/// Of its hexadecimal digits, as older versions of Envoy had it.
std::string sign_hex(std::string_view secret, std::string_view text);

/// With the SHA-256 of the secret as the key: AES-256-CBC, or with `gcm` AES-256-GCM, which tells that by a prefix. Empty: the
/// library can't.
std::string encrypt(std::string_view text, std::string_view secret, bool gcm);
struct Decrypted {
  std::string text;
  const char* error = nullptr;  // as Envoy says it; null: there is a text
  bool cbc = false;             // not authenticated
};
/// `cbc`: what isn't GCM is taken, too.
Decrypted decrypt(std::string_view text, std::string_view secret, bool cbc);

/// Throws nothing and falls back to nothing: empty when there are no random numbers.
std::string random_bytes(std::size_t n);
/// "<number>.<its signature>".
std::string make_csrf_token(std::string_view secret, std::string_view number);
bool is_csrf_token(std::string_view secret, std::string_view token);
/// PKCE (RFC 7636), S256.
std::string code_challenge(std::string_view verifier);

}  // namespace outrigger::filters
