#include "proxy/tls/openssl.h"

#include <malloc.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <cstdlib>
#include <mutex>

namespace outrigger::tls {

namespace {

// OpenSSL takes and gives back, around each read and write: a buffer of a full record, for a connection that is otherwise
// at rest (SSL_MODE_RELEASE_BUFFERS), and some words of bookkeeping per record. They wait in lists of the thread.
constexpr std::size_t kWordsBytes = 56;  // what malloc makes of 41 to 56
constexpr std::size_t kRecordLeast = 16 * 1024, kRecordBytes = 17 * 1024;

struct Pool {
  static constexpr unsigned kKept = 16;
  void* blocks[kKept];
  unsigned count = 0;
  ~Pool() {
    while (count > 0) std::free(blocks[--count]);
    count = kKept + 1;  // what comes later goes to free()
  }
  void* take(std::size_t bytes) noexcept { return count > 0 && count <= kKept ? blocks[--count] : std::malloc(bytes); }
  void give_back(void* p) noexcept {
    if (count >= kKept) return std::free(p);
    blocks[count++] = p;
  }
};
thread_local Pool words, records;

void* take(std::size_t bytes, const char*, int) {
  if (bytes <= kWordsBytes) return words.take(kWordsBytes);
  if (bytes > kRecordLeast && bytes <= kRecordBytes) return records.take(kRecordBytes);
  return std::malloc(bytes);
}

void* resize(void* p, std::size_t bytes, const char*, int) { return std::realloc(p, bytes); }

void give_back(void* p, const char*, int) {
  if (p == nullptr) return;
  const std::size_t size = malloc_usable_size(p);
  if (size == kWordsBytes) return words.give_back(p);
  if (size >= kRecordBytes && size < kRecordBytes + 64) return records.give_back(p);
  std::free(p);
}

// Before main(): once OpenSSL has allocated anything it takes no other functions.
[[maybe_unused]] const int pooled = CRYPTO_set_mem_functions(take, resize, give_back);

}  // namespace

void init_openssl() {
  static std::once_flag once;
  std::call_once(once, [] { OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr); });
}

BioPtr memory_bio(std::string_view bytes) { return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

std::string sha256(std::string_view bytes) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  if (SHA256(in, bytes.size(), reinterpret_cast<unsigned char*>(out.data())) == nullptr) return {};
  return out;
}

}  // namespace outrigger::tls
