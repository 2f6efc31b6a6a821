#include "unit/sim/certificate.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <memory>
#include <stdexcept>

namespace outrigger::sim {

namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* t) const {
    Free(t);
  }
};

template <class Write>
std::string quoted_pem(Write write) {
  std::unique_ptr<BIO, Deleter<BIO_free>> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) throw std::runtime_error("cannot write PEM");
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  std::string out = "\"";
  for (const char c : std::string_view(data, static_cast<std::size_t>(size))) c == '\n' ? void(out += "\\n") : out.push_back(c);
  return out + '"';
}

Certificate make() {
  std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  std::unique_ptr<X509, Deleter<X509_free>> x(X509_new());
  if (key == nullptr || x == nullptr) throw std::runtime_error("cannot make a key");
  X509_set_version(x.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
  ASN1_TIME_set_string(X509_getm_notBefore(x.get()), "20000101000000Z");
  ASN1_TIME_set_string(X509_getm_notAfter(x.get()), "20990101000000Z");
  X509_set_pubkey(x.get(), key.get());
  auto* name = X509_get_subject_name(x.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("sim.example"), -1, -1, 0);
  X509_set_issuer_name(x.get(), name);
  if (X509_sign(x.get(), key.get(), EVP_sha256()) == 0) throw std::runtime_error("cannot sign");
  return {quoted_pem([&](BIO* b) { return PEM_write_bio_X509(b, x.get()); }),
          quoted_pem([&](BIO* b) { return PEM_write_bio_PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr, nullptr); })};
}

}  // namespace

const Certificate& Certificate::for_tests() {
  static const Certificate c = make();
  return c;
}

}  // namespace outrigger::sim
