// TLS 1.3 of the bench's load over a non-blocking socket: whole or resumed handshakes. Nothing is verified: the peer is the
// bench's own.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string_view>
#include <utility>
#include <vector>

#include "sockets.h"

namespace outrigger::bench {

class TlsClient {
 public:
  explicit TlsClient(bool resume) : resume_(resume) {}
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient() {
    close();
    SSL_SESSION_free(session_);
  }

  void open(int fd) {
    close();
    ssl_ = SSL_new(context());
    if (ssl_ == nullptr) die("SSL_new");
    SSL_set_fd(ssl_, fd);
    SSL_set_connect_state(ssl_);
    SSL_set_app_data(ssl_, this);
    if (resume_ && session_ != nullptr) SSL_set_session(ssl_, session_);
  }
  // As send() and recv(): -1 with EAGAIN when nothing can be done now.
  ssize_t write(std::string_view bytes) {
    std::size_t n = 0;
    const int done = SSL_write_ex(ssl_, bytes.data(), bytes.size(), &n);
    return result(done, n);
  }
  ssize_t read(std::vector<char>& into) {
    std::size_t n = 0;
    const int done = SSL_read_ex(ssl_, into.data(), into.size(), &n);
    return result(done, n);
  }
  void close() {
    if (ssl_ != nullptr && SSL_in_init(ssl_) == 0) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ssl_ = nullptr;
    ERR_clear_error();
  }

 private:
  static SSL_CTX* context() {
    static SSL_CTX* made = [] {
      SSL_CTX* c = SSL_CTX_new(TLS_client_method());
      SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
      SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256");
      SSL_CTX_set1_groups_list(c, "X25519");
      SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
      SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(c, [](SSL* ssl, SSL_SESSION* session) {
        auto& self = *static_cast<TlsClient*>(SSL_get_app_data(ssl));
        SSL_SESSION_free(std::exchange(self.session_, session));
        return 1;
      });
      return c;
    }();
    return made;
  }
  ssize_t result(int done, std::size_t n) {
    if (done == 1) return static_cast<ssize_t>(n);
    const int error = SSL_get_error(ssl_, done);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    return -1;
  }

  const bool resume_;
  SSL* ssl_ = nullptr;
  SSL_SESSION* session_ = nullptr;  // of the connection before
};

}  // namespace outrigger::bench
