#include "proxy/tls/ticket_chain.h"

#include <openssl/err.h>
#include <string>
#include "proxy/tls/x509.h"

namespace outrigger::tls {

namespace {
constexpr std::size_t kBytesMax = 16 * 1024;  // a ticket has room for 64 KiB
}

void keep_chain_in_ticket(SSL* ssl) {
  STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);  // none when this connection was resumed: what is there stays
  if (chain == nullptr || sk_X509_num(chain) == 0) return;
  std::string all;
  for (int i = 0; i < sk_X509_num(chain); ++i) all += der_of(sk_X509_value(chain, i));
  if (all.size() <= kBytesMax) SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), all.data(), all.size());
}

ChainPtr chain_in_ticket(SSL_SESSION* session) {
  void* data = nullptr;
  std::size_t size = 0;
  if (session == nullptr || SSL_SESSION_get0_ticket_appdata(session, &data, &size) != 1 || size == 0) return nullptr;
  ChainPtr out(sk_X509_new_null());
  const auto* at = static_cast<const unsigned char*>(data);
  const auto* end = at + size;
  while (at < end) {
    X509* c = d2i_X509(nullptr, &at, end - at);
    if (c == nullptr) break;
    sk_X509_push(out.get(), c);
  }
  ERR_clear_error();
  return out;
}

}  // namespace outrigger::tls
