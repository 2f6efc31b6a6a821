// The operators about TLS connections and their certificates.
#include <algorithm>
#include <unordered_map>

#include "proxy/format/operators.h"

namespace outrigger::format {

using net::CertificateFacts;
using net::TlsInfo;

namespace {

using TextOf = bool (*)(const TlsInfo&, std::string&);
using CertificateText = bool (*)(const CertificateFacts&, std::string&);
using CertificateTime = std::int64_t CertificateFacts::*;

bool put(std::string_view s, std::string& out) {
  out += s;
  return !s.empty();
}
template <auto Member>
bool list(const CertificateFacts& c, std::string& out) {
  const auto start = out.size();
  for (const auto& s : c.*Member) {
    if (out.size() > start) out += ',';
    out += s;
  }
  return out.size() > start;
}
template <auto Member>
bool text(const CertificateFacts& c, std::string& out) {
  return put(c.*Member, out);
}
template <auto Member>
bool chain(const TlsInfo& t, std::string& out) {
  const auto start = out.size();
  for (const auto& c : t.peer_chain()) {
    if (out.size() > start) out += ',';
    out += c.*Member;
  }
  return out.size() > start;
}
template <auto Member>
bool issuer(const TlsInfo& t, std::string& out) {
  const auto* c = t.peer_issuer();
  return c != nullptr && put(c->*Member, out);
}

// What follows DOWNSTREAM_ or UPSTREAM_.
const std::unordered_map<std::string_view, TextOf> kConnection = {
    {"TLS_VERSION", [](const TlsInfo& t, std::string& o) { return put(t.version(), o); }},
    {"TLS_CIPHER", [](const TlsInfo& t, std::string& o) { return put(t.cipher(), o); }},
    {"TLS_GROUP", [](const TlsInfo& t, std::string& o) { return put(t.group(), o); }},
    {"SERVER_NAME", [](const TlsInfo& t, std::string& o) { return put(t.server_name(), o); }},
    {"TLS_SESSION_ID", [](const TlsInfo& t, std::string& o) { return put(t.session_id(), o); }},
    {"PEER_CERT", [](const TlsInfo& t, std::string& o) { return put(t.peer_pem(), o); }},
    {"PEER_CHAIN_FINGERPRINTS_256", chain<&CertificateFacts::sha256>},
    {"PEER_CHAIN_FINGERPRINTS_1", chain<&CertificateFacts::sha1>},
    {"PEER_CHAIN_SERIALS", chain<&CertificateFacts::serial>},
    {"PEER_ISSUER_FINGERPRINT_256", issuer<&CertificateFacts::sha256>},
    {"PEER_ISSUER_SERIAL", issuer<&CertificateFacts::serial>},
};
// What follows PEER_ or LOCAL_ in those.
const std::unordered_map<std::string_view, CertificateText> kCertificate = {
    {"SUBJECT", text<&CertificateFacts::subject>},      {"ISSUER", text<&CertificateFacts::issuer>},
    {"SERIAL", text<&CertificateFacts::serial>},        {"FINGERPRINT_256", text<&CertificateFacts::sha256>},
    {"FINGERPRINT_1", text<&CertificateFacts::sha1>},   {"URI_SAN", list<&CertificateFacts::uri_sans>},
    {"DNS_SAN", list<&CertificateFacts::dns_sans>},     {"IP_SAN", list<&CertificateFacts::ip_sans>},
    {"EMAIL_SAN", list<&CertificateFacts::email_sans>}, {"OTHERNAME_SAN", list<&CertificateFacts::other_name_sans>},
};
// Those that only one side's connections have.
constexpr std::string_view kKnown[] = {
    "DOWNSTREAM_LOCAL_DNS_SAN",
    "DOWNSTREAM_LOCAL_EMAIL_SAN",
    "DOWNSTREAM_LOCAL_IP_SAN",
    "DOWNSTREAM_LOCAL_SUBJECT",
    "DOWNSTREAM_LOCAL_URI_SAN",
    "DOWNSTREAM_LOCAL_OTHERNAME_SAN",
    "DOWNSTREAM_PEER_CERT",
    "DOWNSTREAM_PEER_CERT_V_END",
    "DOWNSTREAM_PEER_CERT_V_START",
    "DOWNSTREAM_PEER_DNS_SAN",
    "DOWNSTREAM_PEER_EMAIL_SAN",
    "DOWNSTREAM_PEER_FINGERPRINT_1",
    "DOWNSTREAM_PEER_IP_SAN",
    "DOWNSTREAM_PEER_ISSUER",
    "DOWNSTREAM_PEER_FINGERPRINT_256",
    "DOWNSTREAM_PEER_SERIAL",
    "DOWNSTREAM_PEER_SUBJECT",
    "DOWNSTREAM_PEER_OTHERNAME_SAN",
    "DOWNSTREAM_PEER_URI_SAN",
    "DOWNSTREAM_TLS_CIPHER",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1",
    "DOWNSTREAM_TLS_GROUP",
    "DOWNSTREAM_TLS_SESSION_ID",
    "DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256",
    "DOWNSTREAM_TLS_VERSION",
    "DOWNSTREAM_PEER_CHAIN_SERIALS",
    "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256",
    "UPSTREAM_LOCAL_DNS_SAN",
    "UPSTREAM_LOCAL_IP_SAN",
    "DOWNSTREAM_PEER_ISSUER_SERIAL",
    "UPSTREAM_LOCAL_URI_SAN",
    "UPSTREAM_PEER_CERT",
    "UPSTREAM_PEER_CERT_V_END",
    "UPSTREAM_PEER_CERT_V_START",
    "UPSTREAM_PEER_DNS_SAN",
    "UPSTREAM_PEER_IP_SAN",
    "UPSTREAM_PEER_ISSUER",
    "UPSTREAM_PEER_SUBJECT",
    "UPSTREAM_PEER_URI_SAN",
    "UPSTREAM_TLS_CIPHER",
    "UPSTREAM_TLS_GROUP",
    "UPSTREAM_TLS_SESSION_ID",
    "UPSTREAM_TLS_VERSION",
    "UPSTREAM_SERVER_NAME",
};

const TlsInfo* downstream(const Context& c) { return c.info->connection == nullptr ? nullptr : c.info->connection->tls.get(); }
const TlsInfo* upstream(const Context& c) { return c.info->upstream ? c.info->upstream->tls.get() : nullptr; }

}  // namespace

std::optional<Operator> make_tls_operator(std::string_view name, const Arguments& a) {
  if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown)) return {};
  const auto tls = name[0] == 'D' ? &downstream : &upstream;
  name.remove_prefix(name.find('_') + 1);
  const auto cut = [length = a.length](std::string& out, std::size_t start) {
    const auto max = static_cast<std::size_t>(length);
    if (length >= 0 && out.size() - start > max) out.resize(start + max);
    return true;
  };
  if (const auto at = kConnection.find(name); at != kConnection.end())
    return Operator{[tls, get = at->second, cut](const Context& c, std::string& out) {
                      const auto* t = tls(c);
                      const auto start = out.size();
                      return t != nullptr && get(*t, out) && cut(out, start);
                    },
                    false};
  const bool peer = name.starts_with("PEER_");
  name.remove_prefix(name.find('_') + 1);
  const auto certificate = [tls, peer](const Context& c) -> const CertificateFacts* {
    const auto* t = tls(c);
    return t == nullptr ? nullptr : peer ? t->peer() : t->local();
  };
  if (name.starts_with("CERT_V_")) {
    const CertificateTime when = name == "CERT_V_START" ? &CertificateFacts::not_before : &CertificateFacts::not_after;
    return Operator{[certificate, when, cut, f = std::string(a.text)](const Context& c, std::string& out) {
                      const auto* facts = certificate(c);
                      if (facts == nullptr) return false;
                      const auto start = out.size();
                      append_time(WallTime(std::chrono::seconds(facts->*when)),
                                  f.empty() ? "%Y-%m-%dT%H:%M:%S.%3fZ" : std::string_view(f), false, out);
                      return cut(out, start);
                    },
                    false};
  }
  return Operator{[certificate, get = kCertificate.at(name), cut](const Context& c, std::string& out) {
                    const auto* facts = certificate(c);
                    const auto start = out.size();
                    return facts != nullptr && get(*facts, out) && cut(out, start);
                  },
                  false};
}

}  // namespace outrigger::format
