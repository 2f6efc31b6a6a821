#include "proxy/tls/engine.h"

#include <openssl/err.h>
#include <sys/uio.h>
#include <algorithm>
#include <cstring>

namespace outrigger::tls {

namespace {
constexpr std::size_t kRecordBytes = SSL3_RT_MAX_PLAIN_LENGTH;
}

/// The BIO between OpenSSL and the engine's buffers.
struct EngineBio {
  static int read(BIO* bio, char* into, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    Buffer& from = static_cast<Engine*>(BIO_get_data(bio))->in_;
    std::size_t n = 0;
    while (n < size && !from.empty()) {
      const auto run = from.front();
      const std::size_t part = std::min(run.size(), size - n);
      std::memcpy(into + n, run.data(), part);
      from.drain(part);
      n += part;
    }
    *done = n;
    if (n > 0) return 1;
    BIO_set_retry_read(bio);
    return 0;
  }
  static int write(BIO* bio, const char* data, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    static_cast<Engine*>(BIO_get_data(bio))->out_.append({data, size});
    *done = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }
  static BIO_METHOD* make_method() {
    BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "buffers");
    BIO_meth_set_read_ex(m, read);
    BIO_meth_set_write_ex(m, write);
    BIO_meth_set_ctrl(m, control);
    BIO_meth_set_create(m, create);
    return m;
  }
  static const BIO_METHOD* method() {
    static const BIO_METHOD* m = make_method();
    return m;
  }
};

Engine::Engine(SslPtr ssl) : ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(EngineBio::method());
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);  // takes it
}

Engine::Status Engine::status_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE: return Status::ok;
    case SSL_ERROR_WANT_READ: return Status::want_input;
    case SSL_ERROR_ZERO_RETURN: return Status::closed;
    default: return Status::failed;
  }
}

Engine::Status Engine::handshake() {
  ERR_clear_error();
  const int r = SSL_do_handshake(ssl_.get());
  return r == 1 ? Status::ok : status_of(r);
}

Engine::Status Engine::read(Buffer& into, std::size_t bytes_max, std::size_t& bytes) {
  constexpr std::size_t kLeast = 2048;
  bytes = 0;
  if (ERR_peek_error() != 0) ERR_clear_error();
  const auto room = into.reserve(std::min(bytes_max, kLeast));
  const int r = SSL_read_ex(ssl_.get(), room.data(), std::min(room.size(), bytes_max), &bytes);
  if (r == 1) {
    into.commit(bytes);
    return Status::ok;
  }
  bytes = 0;
  into.trim();
  return status_of(r);
}

bool Engine::write_record(const char* data, std::size_t size) {
  std::size_t done = 0;
  return SSL_write_ex(ssl_.get(), data, size, &done) == 1;  // out_ takes all
}

Engine::Status Engine::write(const Buffer& from, std::size_t bytes_max, std::size_t& bytes) {
  thread_local char scratch[kRecordBytes];
  bytes = 0;
  if (ERR_peek_error() != 0) ERR_clear_error();
  iovec runs[32];
  const std::size_t count = from.gather(runs);
  std::size_t i = 0, at = 0, total = std::min(from.size(), bytes_max);  // at: within runs[i]
  while (bytes < total && i < count) {
    const auto* run = static_cast<const char*>(runs[i].iov_base) + at;
    const std::size_t have = runs[i].iov_len - at, want = std::min(kRecordBytes, total - bytes);
    if (have >= want || i + 1 == count) {  // a record, or the rest, in one piece
      const std::size_t n = std::min(have, want);
      if (!write_record(run, n)) return Status::failed;
      bytes += n;
      at += n;
    } else {
      std::size_t n = 0;
      while (n < want && i < count) {
        const std::size_t part = std::min(want - n, runs[i].iov_len - at);
        std::memcpy(scratch + n, static_cast<const char*>(runs[i].iov_base) + at, part);
        n += part;
        at += part;
        if (at == runs[i].iov_len) {
          ++i;
          at = 0;
        }
      }
      if (!write_record(scratch, n)) return Status::failed;
      bytes += n;
    }
    if (i < count && at == runs[i].iov_len) {
      ++i;
      at = 0;
    }
  }
  return Status::ok;
}

void Engine::shutdown() {
  if (SSL_in_init(ssl_.get()) != 0 || (SSL_get_shutdown(ssl_.get()) & SSL_SENT_SHUTDOWN) != 0) return;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

Failure Engine::take_failure(bool hello_only) { return tls::take_failure(detail_, hello_only); }

}  // namespace outrigger::tls
