#include "proxy/tls/handshake_stats.h"

#include <optional>

namespace outrigger::tls {

namespace {

using stats::SslStat;

std::optional<SslStat> cipher_stat(std::uint16_t id) noexcept {
  switch (id) {
    case 0x1301: return SslStat::cipher_tls13_aes128;
    case 0x1302: return SslStat::cipher_tls13_aes256;
    case 0x1303: return SslStat::cipher_tls13_chacha;
    case 0xc02b: return SslStat::cipher_ecdsa_aes128_gcm;
    case 0xc02c: return SslStat::cipher_ecdsa_aes256_gcm;
    case 0xcca9: return SslStat::cipher_ecdsa_chacha;
    case 0xc009: return SslStat::cipher_ecdsa_aes128_sha;
    case 0xc00a: return SslStat::cipher_ecdsa_aes256_sha;
    case 0xc023: return SslStat::cipher_ecdsa_aes128_sha256;
    case 0xc02f: return SslStat::cipher_rsa_aes128_gcm;
    case 0xc030: return SslStat::cipher_rsa_aes256_gcm;
    case 0xcca8: return SslStat::cipher_rsa_chacha;
    case 0xc013: return SslStat::cipher_rsa_aes128_sha;
    case 0xc014: return SslStat::cipher_rsa_aes256_sha;
    case 0xc027: return SslStat::cipher_rsa_aes128_sha256;
    case 0x009c: return SslStat::cipher_aes128_gcm;
    case 0x009d: return SslStat::cipher_aes256_gcm;
    case 0x002f: return SslStat::cipher_aes128_sha;
    case 0x0035: return SslStat::cipher_aes256_sha;
    case 0x000a: return SslStat::cipher_3des;
    default: return {};
  }
}

std::optional<SslStat> group_stat(int nid) noexcept {
  switch (nid) {
    case NID_X25519: return SslStat::curve_x25519;
    case NID_X9_62_prime256v1: return SslStat::curve_p256;
    case NID_secp384r1: return SslStat::curve_p384;
    case NID_secp521r1: return SslStat::curve_p521;
    case NID_secp224r1: return SslStat::curve_p224;
    default: return {};
  }
}

std::optional<SslStat> signature_stat(int key, int digest) noexcept {
  const auto of = [digest](SslStat sha256, SslStat sha384, SslStat sha512, SslStat sha1) -> std::optional<SslStat> {
    switch (digest) {
      case NID_sha256: return sha256;
      case NID_sha384: return sha384;
      case NID_sha512: return sha512;
      case NID_sha1: return sha1;
      default: return {};
    }
  };
  switch (key) {
    case EVP_PKEY_EC:
      return of(SslStat::sigalg_ecdsa_sha256, SslStat::sigalg_ecdsa_sha384, SslStat::sigalg_ecdsa_sha512,
                SslStat::sigalg_ecdsa_sha1);
    case EVP_PKEY_RSA_PSS:
      return of(SslStat::sigalg_pss_sha256, SslStat::sigalg_pss_sha384, SslStat::sigalg_pss_sha512, SslStat::sigalg_pss_sha512);
    case EVP_PKEY_RSA:
      return of(SslStat::sigalg_pkcs1_sha256, SslStat::sigalg_pkcs1_sha384, SslStat::sigalg_pkcs1_sha512,
                SslStat::sigalg_pkcs1_sha1);
    case EVP_PKEY_ED25519: return SslStat::sigalg_ed25519;
    default: return {};
  }
}

std::optional<SslStat> version_stat(int version) noexcept {
  switch (version) {
    case TLS1_VERSION: return SslStat::version_tls10;
    case TLS1_1_VERSION: return SslStat::version_tls11;
    case TLS1_2_VERSION: return SslStat::version_tls12;
    case TLS1_3_VERSION: return SslStat::version_tls13;
    default: return {};
  }
}

}  // namespace

void count_handshake(SSL* ssl, stats::Cells& cells, stats::BlockHandle block) noexcept {
  const auto count = [&](std::optional<SslStat> s) {
    if (s) cells.add(block, *s);
  };
  cells.add(block, SslStat::handshake);
  if (SSL_session_reused(ssl) == 1) cells.add(block, SslStat::session_reused);
  if (const SSL_CIPHER* c = SSL_get_current_cipher(ssl)) count(cipher_stat(SSL_CIPHER_get_protocol_id(c)));
  count(version_stat(SSL_version(ssl)));
  count(group_stat(static_cast<int>(SSL_get_negotiated_group(ssl))));
  int key = 0, digest = 0;
  if (SSL_get_peer_signature_type_nid(ssl, &key) == 1) {
    SSL_get_peer_signature_nid(ssl, &digest);
    count(signature_stat(key, digest));
  }
  if (SSL_get0_peer_certificate(ssl) == nullptr) cells.add(block, SslStat::no_certificate);
}

void count_stapling(Stapling answer, stats::Cells& cells, stats::BlockHandle block) noexcept {
  cells.add(block, SslStat::ocsp_staple_requests);
  switch (answer) {
    case Stapling::stapled: return cells.add(block, SslStat::ocsp_staple_responses);
    case Stapling::omitted: return cells.add(block, SslStat::ocsp_staple_omitted);
    case Stapling::refused: return cells.add(block, SslStat::ocsp_staple_failed);
  }
}

void count_verdict(const Verdict& v, stats::Cells& cells, stats::BlockHandle block) noexcept {
  switch (v.kind) {
    case Verdict::bad_chain: return cells.add(block, SslStat::fail_verify_error);
    case Verdict::bad_name: return cells.add(block, SslStat::fail_verify_san);
    case Verdict::bad_pin: return cells.add(block, SslStat::fail_verify_cert_hash);
    default: return;
  }
}

}  // namespace outrigger::tls
