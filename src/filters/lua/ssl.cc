// The SSL connection object: what is known of the downstream's TLS.
#include "filters/lua/api.h"
#include "proxy/net/tls_info.h"

namespace outrigger::filters::lua {

namespace {

using Facts = net::CertificateFacts;

const net::TlsInfo& tls_at(lua_State* L) {
  object_at(L, kSsl);
  return *half_of(L).stream.info().connection->tls;
}

template <auto text_of>
int text(lua_State* L) {
  push(L, text_of(tls_at(L)));
  return 1;
}

template <auto is>
int flag(lua_State* L) {
  lua_pushboolean(L, is(tls_at(L)) ? 1 : 0);
  return 1;
}

enum Side : std::uint8_t { peer, local };
const Facts* facts_of(const net::TlsInfo& tls, Side side) { return side == peer ? tls.peer() : tls.local(); }

template <Side side, auto field>
int of_certificate(lua_State* L) {
  const auto* facts = facts_of(tls_at(L), side);
  push(L, facts == nullptr ? std::string_view{} : std::string_view(facts->*field));
  return 1;
}

template <Side side, auto field>
int list_of_certificate(lua_State* L) {
  const auto* facts = facts_of(tls_at(L), side);
  lua_newtable(L);
  if (facts == nullptr) return 1;
  int n = 0;
  for (const auto& s : facts->*field) {
    push(L, s);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

template <auto field>
int time_of_peer(lua_State* L) {
  const auto* facts = tls_at(L).peer();
  lua_pushnumber(L, facts == nullptr ? 0 : static_cast<double>(facts->*field));
  return 1;
}

std::string_view session_id(const net::TlsInfo& t) { return t.session_id(); }
std::string_view cipher(const net::TlsInfo& t) { return t.cipher(); }
std::string_view version(const net::TlsInfo& t) { return t.version(); }
std::string_view pem(const net::TlsInfo& t) { return t.peer_pem(); }
std::string_view chain_pem(const net::TlsInfo& t) { return t.peer_chain_pem(); }
bool presented(const net::TlsInfo& t) { return t.peer_certificate_presented(); }
bool validated(const net::TlsInfo& t) { return t.peer_certificate_validated(); }

/// IANA's numbers (TLS Cipher Suites) of what OpenSSL negotiates here.
std::string_view cipher_id(const net::TlsInfo& t) {
  static constexpr std::pair<std::string_view, std::string_view> kIds[] = {{"TLS_AES_128_GCM_SHA256", "0x1301"},
                                                                           {"TLS_AES_256_GCM_SHA384", "0x1302"},
                                                                           {"TLS_CHACHA20_POLY1305_SHA256", "0x1303"},
                                                                           {"ECDHE-ECDSA-AES128-GCM-SHA256", "0xc02b"},
                                                                           {"ECDHE-ECDSA-AES256-GCM-SHA384", "0xc02c"},
                                                                           {"ECDHE-RSA-AES128-GCM-SHA256", "0xc02f"},
                                                                           {"ECDHE-RSA-AES256-GCM-SHA384", "0xc030"},
                                                                           {"ECDHE-RSA-CHACHA20-POLY1305", "0xcca8"},
                                                                           {"ECDHE-ECDSA-CHACHA20-POLY1305", "0xcca9"},
                                                                           {"ECDHE-ECDSA-AES128-SHA", "0xc009"},
                                                                           {"ECDHE-ECDSA-AES256-SHA", "0xc00a"},
                                                                           {"ECDHE-RSA-AES128-SHA", "0xc013"},
                                                                           {"ECDHE-RSA-AES256-SHA", "0xc014"},
                                                                           {"AES128-GCM-SHA256", "0x009c"},
                                                                           {"AES256-GCM-SHA384", "0x009d"},
                                                                           {"AES128-SHA", "0x002f"},
                                                                           {"AES256-SHA", "0x0035"}};
  for (const auto& [name, id] : kIds)
    if (name == t.cipher()) return id;
  return "0xffff";
}

constexpr luaL_Reg kMethods[] = {{"peerCertificatePresented", &flag<presented>},
                                 {"peerCertificateValidated", &flag<validated>},
                                 {"uriSanLocalCertificate", &list_of_certificate<local, &Facts::uri_sans>},
                                 {"dnsSansLocalCertificate", &list_of_certificate<local, &Facts::dns_sans>},
                                 {"subjectLocalCertificate", &of_certificate<local, &Facts::subject>},
                                 {"uriSanPeerCertificate", &list_of_certificate<peer, &Facts::uri_sans>},
                                 {"dnsSansPeerCertificate", &list_of_certificate<peer, &Facts::dns_sans>},
                                 {"sha256PeerCertificateDigest", &of_certificate<peer, &Facts::sha256>},
                                 {"serialNumberPeerCertificate", &of_certificate<peer, &Facts::serial>},
                                 {"issuerPeerCertificate", &of_certificate<peer, &Facts::issuer>},
                                 {"subjectPeerCertificate", &of_certificate<peer, &Facts::subject>},
                                 {"validFromPeerCertificate", &time_of_peer<&Facts::not_before>},
                                 {"expirationPeerCertificate", &time_of_peer<&Facts::not_after>},
                                 {"sessionId", &text<session_id>},
                                 {"ciphersuiteId", &text<cipher_id>},
                                 {"ciphersuiteString", &text<cipher>},
                                 {"urlEncodedPemEncodedPeerCertificate", &text<pem>},
                                 {"urlEncodedPemEncodedPeerCertificateChain", &text<chain_pem>},
                                 {"tlsVersion", &text<version>}};

}  // namespace

void push_ssl(lua_State* L) {
  if (half_of(L).stream.info().connection->tls == nullptr)
    lua_pushnil(L);
  else
    push_object(L, kSsl);
}

void register_ssl(lua_State* L) { register_type(L, kSsl, kMethods); }

}  // namespace outrigger::filters::lua
