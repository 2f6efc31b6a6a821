#include "proxy/hcm/client_cert.h"

#include <string>
#include <utility>
#include <vector>
#include "proxy/base/json_text.h"
#include "proxy/base/percent.h"

namespace outrigger::hcm {

namespace {

/// `Key=value;Key="value"`.
class TextElement {
 public:
  void one(std::string_view key, std::string_view value, bool quoted = false) {
    if (!out_.empty()) out_ += ';';
    out_ += key;
    out_ += quoted ? "=\"" : "=";
    out_ += value;
    if (quoted) out_ += '"';
  }
  void list(std::string_view key, const std::vector<std::string>& values) {
    for (const auto& v : values) one(key, v);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// `{"key":"value","key":["value"]}`.
class JsonElement {
 public:
  void one(std::string_view key, std::string_view value) {
    member(key);
    append_json_string(value, out_);
  }
  void list(std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    member(key);
    char before = '[';
    for (const auto& v : values) {
      out_ += std::exchange(before, ',');
      append_json_string(v, out_);
    }
    out_ += ']';
  }
  std::string take() { return out_.empty() ? "{}" : std::move(out_) + '}'; }

 private:
  void member(std::string_view key) {
    out_ += out_.empty() ? '{' : ',';
    append_json_string(key, out_);
    out_ += ':';
  }
  std::string out_;
};

std::string text_of(const Config& c, const net::TlsInfo& tls) {
  TextElement out;
  if (const auto* local = tls.local()) out.list("By", local->uri_sans);
  const auto* peer = tls.peer();
  if (peer == nullptr) return out.take();
  out.one("Hash", peer->sha256);
  if (c.client_cert_pem) out.one("Cert", tls.peer_pem(), true);
  if (c.client_cert_chain) out.one("Chain", tls.peer_chain_pem(), true);
  if (c.client_cert_subject) out.one("Subject", peer->subject, true);
  if (c.client_cert_uri) {
    out.list("URI", peer->uri_sans);
    if (peer->uri_sans.empty()) out.one("URI", "");  // told even so
  }
  if (c.client_cert_dns) out.list("DNS", peer->dns_sans);
  if (c.client_cert_issuer) out.one("Issuer", peer->issuer, true);
  return out.take();
}

std::string json_of(const Config& c, const net::TlsInfo& tls) {
  JsonElement out;
  if (const auto* local = tls.local()) out.list("by", local->uri_sans);
  const auto* peer = tls.peer();
  if (peer == nullptr) return out.take();
  out.one("hash", peer->sha256);
  if (c.client_cert_pem) out.one("cert", percent_decode(tls.peer_pem()));
  if (c.client_cert_chain) {
    constexpr std::string_view kEnd = "-----END CERTIFICATE-----\n";
    const std::string all = percent_decode(tls.peer_chain_pem());
    std::vector<std::string> each;
    for (std::size_t from = 0, at; (at = all.find(kEnd, from)) != all.npos; from = at + kEnd.size())
      each.push_back(all.substr(from, at + kEnd.size() - from));
    out.list("chain", each);
  }
  if (c.client_cert_subject) out.one("subject", peer->subject);
  if (c.client_cert_uri) out.list("uri", peer->uri_sans);
  if (c.client_cert_dns) out.list("dns", peer->dns_sans);
  if (c.client_cert_issuer) out.one("issuer", peer->issuer);
  return out.take();
}

/// The same for all requests of the connection.
std::string_view element_of(const Config& c, const http::ConnectionInfo& connection, bool json) {
  auto& element = json ? connection.client_cert_json : connection.client_cert_text;
  if (element.empty()) element = json ? json_of(c, *connection.tls) : text_of(c, *connection.tls);
  return element;
}

}  // namespace

void forward_client_cert(const Config& c, http::HeaderMap& h, const http::ConnectionInfo& connection) {
  constexpr auto kName = http::Name::x_forwarded_client_cert;
  if (c.client_cert == Config::always_forward_only) return;
  const net::TlsInfo* tls = connection.tls.get();
  if (c.client_cert == Config::sanitize || tls == nullptr || !tls->peer_certificate_presented()) {
    h.remove(kName);
    return;
  }
  if (c.client_cert == Config::forward_only) return;
  const std::string_view before = h.get(kName);
  if (c.client_cert == Config::sanitize_set || before.empty()) {
    const auto element = element_of(c, connection, c.client_cert_json);
    h.set(kName, c.client_cert_json ? h.arena().cat("[", element, "]") : h.arena().copy(element));
    return;
  }
  // What is there decides how it goes on: a list stays one, a text too.
  if (before.size() >= 2 && before.front() == '[' && before.back() == ']') {
    const auto open = before.substr(0, before.size() - 1);
    const bool empty = open.find_first_not_of(" \t", 1) == open.npos;
    h.set(kName, h.arena().cat(open, empty ? "" : ",", element_of(c, connection, true), "]"));
  } else {
    h.set(kName, h.arena().cat(before, ",", element_of(c, connection, false)));
  }
}

}  // namespace outrigger::hcm
