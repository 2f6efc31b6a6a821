#include "proxy/tls/info.h"

#include "proxy/base/percent.h"
#include "proxy/tls/ciphers.h"
#include "proxy/tls/ticket_chain.h"
#include "proxy/tls/x509.h"

namespace outrigger::tls {

void Info::set_peer(X509* certificate) {
  if (certificate == nullptr || certificate == peer_.get()) return;
  X509_up_ref(certificate);
  peer_.reset(certificate);
}

void Info::set_issuer(X509* certificate) {
  X509_up_ref(certificate);
  issuer_.reset(certificate);
}

void Info::settle(SSL* ssl, bool complete) {
  complete_ = complete;
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  if (cipher == nullptr) cipher = SSL_get_pending_cipher(ssl);
  if (cipher != nullptr) cipher_ = SSL_CIPHER_get_name(cipher);
  if (!cipher_.empty()) version_ = SSL_get_version(ssl);
  if (!complete) return;
  if (const int group = SSL_get_negotiated_group(ssl); group > 0) group_ = group_name(group);
  if (const SSL_SESSION* s = SSL_get_session(ssl)) {
    unsigned n = 0;
    const auto* id = SSL_SESSION_get_id(s, &n);
    if (SSL_version(ssl) < TLS1_3_VERSION) session_id_ = to_hex({reinterpret_cast<const char*>(id), n});
  }
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) server_name_ = name;
  const unsigned char* alpn = nullptr;
  unsigned n = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &n);
  alpn_.assign(reinterpret_cast<const char*>(alpn), n);
  set_peer(SSL_get0_peer_certificate(ssl));
  if (peer_ == nullptr) return;
  if (STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl))
    chain_.reset(X509_chain_up_ref(chain));
  else
    chain_ = chain_in_ticket(SSL_get_session(ssl));
}

const net::CertificateFacts* Info::local() const { return local_ == nullptr ? nullptr : &local_->facts(); }

const net::CertificateFacts* Info::peer() const {
  if (peer_ == nullptr) return nullptr;
  if (!peer_facts_) peer_facts_ = facts_of(peer_.get());
  return &*peer_facts_;
}

std::span<const net::CertificateFacts> Info::peer_chain() const {
  if (peer_ == nullptr) return {};
  if (chain_facts_.empty()) {
    chain_facts_.push_back(*peer());
    for (int i = 0; chain_ != nullptr && i < sk_X509_num(chain_.get()); ++i)
      if (X509* c = sk_X509_value(chain_.get(), i); X509_cmp(c, peer_.get()) != 0) chain_facts_.push_back(facts_of(c));
  }
  return chain_facts_;
}

const net::CertificateFacts* Info::peer_issuer() const {
  if (issuer_ == nullptr) return nullptr;
  if (!issuer_facts_) issuer_facts_ = facts_of(issuer_.get());
  return &*issuer_facts_;
}

std::string_view Info::peer_pem() const {
  if (pem_.empty() && peer_ != nullptr) pem_ = url_encode(pem_of(peer_.get()));
  return pem_;
}

std::string_view Info::peer_chain_pem() const {
  if (!chain_pem_.empty() || peer_ == nullptr) return chain_pem_;
  std::string text = pem_of(peer_.get());
  for (int i = 0; chain_ != nullptr && i < sk_X509_num(chain_.get()); ++i)
    if (X509* c = sk_X509_value(chain_.get(), i); X509_cmp(c, peer_.get()) != 0) text += pem_of(c);
  chain_pem_ = url_encode(text);
  return chain_pem_;
}

}  // namespace outrigger::tls
