// Cipher rules, groups and signature algorithms in BoringSSL's words.
#include "proxy/tls/ciphers.h"

#include <catch2/catch.hpp>

using namespace outrigger::tls;  // NOLINT: a test

namespace {
std::string names(std::vector<std::string> rules) {
  const auto r = parse_cipher_rules(rules);
  if (!r) return "error: " + r.error().detail;
  std::string out;
  for (const auto& c : *r) {
    out += c.name;
    out += c.as_good_as_next ? '=' : ' ';
  }
  if (!out.empty()) out.pop_back();
  return out;
}
}  // namespace

TEST_CASE("cipher rules are read as BoringSSL reads them", "[tls]") {
  struct Row {
    std::vector<std::string> rules;
    const char* want;
  };
  const Row rows[] = {
      {{"ECDHE-RSA-AES128-GCM-SHA256"}, "ECDHE-RSA-AES128-GCM-SHA256"},
      {{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, "ECDHE-RSA-AES128-GCM-SHA256"},
      {{"AES256-SHA", "AES128-SHA"}, "AES256-SHA AES128-SHA"},
      {{"AES256-SHA:AES128-SHA"}, "AES256-SHA AES128-SHA"},
      {{"[AES128-SHA|AES256-SHA]:AES128-GCM-SHA256"}, "AES128-SHA=AES256-SHA AES128-GCM-SHA256"},
      {{"ECDHE+AESGCM"},
       "ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES256-GCM-SHA384"},
      {{"ALL", "!AES", "!CHACHA20"}, "error: no cipher is left"},
      {{"ALL:-ECDHE:!AES256"}, "AES128-GCM-SHA256 AES128-SHA"},
      {{"kRSA:+AES128"}, "AES256-GCM-SHA384 AES256-SHA AES128-GCM-SHA256 AES128-SHA"},
      {{"AES128-SHA:AES256-SHA:@STRENGTH"}, "AES256-SHA AES128-SHA"},
      {{"!AES128-SHA:AES128-SHA:AES256-SHA"}, "AES256-SHA"},
      {{"-AES128-SHA:AES128-SHA"}, "AES128-SHA"},
      {{"3DES"}, "DES-CBC3-SHA"},
      {{"AES128-SHA:AES128-SHA"}, "AES128-SHA"},
      {{"BOGUS"}, "error: unknown cipher 'BOGUS'"},
      {{"TLS_AES_128_GCM_SHA256"}, "error: unknown cipher 'TLS_AES_128_GCM_SHA256'"},
      {{"[AES128-SHA"}, "error: '[AES128-SHA' is not a list of ciphers: no ']'"},
      {{"AES128-SHA]"}, "error: 'AES128-SHA]' is not a list of ciphers: ']' is out of place"},
      {{"[AES128-SHA|-AES256-SHA]"}, "error: '-AES256-SHA' is not allowed within [...]"},
      {{""}, "error: no cipher is left"},
  };
  for (const auto& r : rows) {
    INFO(r.rules[0]);
    CHECK(names(r.rules) == r.want);
  }
}

TEST_CASE("within a group the client's order decides", "[tls]") {
  const std::vector<std::string> rules = {"[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]", "AES128-SHA"};
  const auto suites = *parse_cipher_rules(rules);
  const unsigned char aes_first[] = {0xc0, 0x2b, 0xcc, 0xa9, 0x00, 0x2f}, chacha_first[] = {0x00, 0x2f, 0xcc, 0xa9, 0xc0, 0x2b},
                      chacha_only[] = {0xcc, 0xa9};
  CHECK(order_for_client(suites, aes_first).empty());
  CHECK(order_for_client(suites, {}).empty());
  CHECK(order_for_client(suites, chacha_first)[0].name == "ECDHE-ECDSA-CHACHA20-POLY1305");
  CHECK(order_for_client(suites, chacha_only)[0].name == "ECDHE-ECDSA-CHACHA20-POLY1305");
  CHECK(order_for_client(suites, chacha_first)[2].name == "AES128-SHA");
}

TEST_CASE("groups and signature algorithms have BoringSSL's names", "[tls]") {
  const auto groups = [](std::vector<std::string> n) {
    const auto r = parse_groups(n);
    return r ? *r : "error: " + r.error().detail;
  };
  CHECK(groups({"X25519", "P-256"}) == "X25519:P-256");
  CHECK(groups({"P-384:P-521"}) == "P-384:P-521");
  CHECK(groups({"prime256v1", "x25519"}) == "P-256:X25519");
  CHECK(groups({"P-224"}) == "error: 'P-224' is not a curve: X25519, P-256, P-384, P-521");
  CHECK(groups({"secp256r1"}) == "error: 'secp256r1' is not a curve: X25519, P-256, P-384, P-521");
  CHECK(groups({"X25519MLKEM768"}) == "error: 'X25519MLKEM768' is known to Envoy and not to OpenSSL 3.0");
  const std::vector<std::string> good = {"ecdsa_secp256r1_sha256", "rsa_pss_rsae_sha256"}, bad = {"rsa_md5"};
  CHECK(std::string_view(*parse_signature_algorithms(good)) == "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256");
  CHECK_FALSE(parse_signature_algorithms(bad).has_value());
}
