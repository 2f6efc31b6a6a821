// TLS of one connection without I/O: ciphertext in and out as Buffers, plaintext in and out as Buffers.
// Owned by its transport, on one worker. Never blocks: what OpenSSL wants to send goes to out().
#pragma once
#include <cstddef>
#include <string>
#include "proxy/buffer/buffer.h"
#include "proxy/tls/errors.h"
#include "proxy/tls/openssl.h"

namespace outrigger::tls {

class Engine {
 public:
  enum class Status : std::uint8_t { ok, want_input, closed, failed };

  /// Takes a connection set to connect or to accept.
  explicit Engine(SslPtr ssl);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Buffer& in() noexcept { return in_; }    // ciphertext from the peer, consumed as it is needed
  Buffer& out() noexcept { return out_; }  // ciphertext for the peer; whoever sends it drains it
  SSL* ssl() const noexcept { return ssl_.get(); }

  Status handshake();
  /// Decrypts at most one record into `into`; `bytes`: how many. closed: the peer's close_notify.
  Status read(Buffer& into, std::size_t bytes_max, std::size_t& bytes);
  /// Nothing decrypted or received is left to read.
  bool drained() const noexcept { return in_.empty() && SSL_pending(ssl_.get()) == 0; }
  /// Encrypts the first bytes of `from`, full records where there is enough, without draining it;
  /// at most `bytes_max`. `bytes`: how many.
  Status write(const Buffer& from, std::size_t bytes_max, std::size_t& bytes);
  /// Queues close_notify, once.
  void shutdown();

  /// After `failed`: why. Takes OpenSSL's errors of this thread.
  Failure take_failure(bool hello_only);
  /// Says more of a failure than OpenSSL can (the verdict on a certificate).
  void explain(std::string detail) { detail_ = std::move(detail); }

 private:
  friend struct EngineBio;
  Status status_of(int result);
  bool write_record(const char* data, std::size_t size);
  SslPtr ssl_;
  Buffer in_, out_;
  std::string detail_;
};

}  // namespace outrigger::tls
