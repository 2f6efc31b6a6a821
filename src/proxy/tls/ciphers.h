// Names that configs use for cipher suites, groups and signature algorithms (BoringSSL's), turned into
// what OpenSSL takes. Pure; main thread.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/result.h"

namespace outrigger::tls {

struct CipherChoice {
  std::string_view name;         // the same in OpenSSL
  std::uint16_t id = 0;          // on the wire
  bool ecdsa = false;            // needs such a certificate
  bool as_good_as_next = false;  // within "[A|B]": the client's order decides
};
/// BoringSSL's cipher rules ("[A|B]:ECDHE+AESGCM:-RSA:!3DES", also one per element) to suites, best first.
Result<std::vector<CipherChoice>> parse_cipher_rules(std::span<const std::string> rules);
/// As a list for SSL_CTX_set_cipher_list.
std::string cipher_list(std::span<const CipherChoice> suites);
/// The suites in the order in which this client gets them; empty: as they are. `offered`: the ClientHello's.
std::vector<CipherChoice> order_for_client(std::span<const CipherChoice> suites, std::span<const unsigned char> offered);

/// "X25519", "P-256", ...: as a list for SSL_CTX_set1_groups_list.
Result<std::string> parse_groups(std::span<const std::string> names);
std::string_view group_name(int nid) noexcept;  // empty: none we know

Result<std::string> parse_signature_algorithms(std::span<const std::string> names);
/// By the key's type and the digest (NIDs); empty: none we know.
std::string_view signature_algorithm_name(int key_nid, int digest_nid) noexcept;

}  // namespace outrigger::tls
