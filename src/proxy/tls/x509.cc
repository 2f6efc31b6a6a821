#include "proxy/tls/x509.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <ctime>
#include "proxy/base/percent.h"

namespace outrigger::tls {

namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long n = BIO_get_mem_data(bio, &data);
  return n > 0 ? std::string(data, static_cast<std::size_t>(n)) : std::string();
}

std::string name_text(X509_NAME* name) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  return text_of(out.get());
}

std::string bytes_of(const ASN1_STRING* s) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(s)), static_cast<std::size_t>(ASN1_STRING_length(s))};
}

std::int64_t seconds_of(const ASN1_TIME* t) {
  std::tm tm{};
  return ASN1_TIME_to_tm(t, &tm) == 1 ? static_cast<std::int64_t>(timegm(&tm)) : 0;
}

std::string ip_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const auto* bytes = ASN1_STRING_get0_data(address);
  const int n = ASN1_STRING_length(address);
  if (n != 4 && n != 16) return {};
  return ::inet_ntop(n == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text) == nullptr ? "" : text;
}

std::string other_value(const ASN1_TYPE* v) {
  if (v == nullptr) return {};
  switch (v->type) {
    case V_ASN1_BOOLEAN: return v->value.boolean != 0 ? "true" : "false";
    case V_ASN1_ENUMERATED:
    case V_ASN1_INTEGER: {
      BIGNUM* n = ASN1_INTEGER_to_BN(v->value.integer, nullptr);
      char* text = n == nullptr ? nullptr : BN_bn2dec(n);
      const std::string out = text == nullptr ? "" : text;
      OPENSSL_free(text);
      BN_free(n);
      return out;
    }
    case V_ASN1_OBJECT: {
      char text[128] = {};
      return OBJ_obj2txt(text, sizeof text, v->value.object, 1) > 0 ? text : "";
    }
    case V_ASN1_NULL: return {};
    default: {
      unsigned char* utf8 = nullptr;
      const int n = ASN1_STRING_to_UTF8(&utf8, v->value.asn1_string);
      std::string out =
          n >= 0 ? std::string(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(n)) : bytes_of(v->value.asn1_string);
      OPENSSL_free(utf8);
      return out;
    }
  }
}

}  // namespace

std::vector<San> sans_of(X509* certificate) {
  std::vector<San> out;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* n = sk_GENERAL_NAME_value(names.get(), i);
    San san;
    switch (n->type) {
      case GEN_EMAIL: san = {SanKind::email, bytes_of(n->d.rfc822Name), {}}; break;
      case GEN_DNS: san = {SanKind::dns, bytes_of(n->d.dNSName), {}}; break;
      case GEN_URI: san = {SanKind::uri, bytes_of(n->d.uniformResourceIdentifier), {}}; break;
      case GEN_IPADD: san = {SanKind::ip, ip_text(n->d.iPAddress), {}}; break;
      case GEN_OTHERNAME: {
        char oid[128] = {};
        OBJ_obj2txt(oid, sizeof oid, n->d.otherName->type_id, 1);
        san = {SanKind::other, other_value(n->d.otherName->value), oid};
        break;
      }
      default: continue;
    }
    if (san.text.find('\0') == std::string::npos) out.push_back(std::move(san));
  }
  return out;
}

std::string subject_of(X509* certificate) { return name_text(X509_get_subject_name(certificate)); }

std::string common_name_of(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  return at < 0 ? std::string() : bytes_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
}

std::string der_of(X509* certificate) {
  unsigned char* der = nullptr;
  const int n = i2d_X509(certificate, &der);
  std::string out = n > 0 ? std::string(reinterpret_cast<char*>(der), static_cast<std::size_t>(n)) : std::string();
  OPENSSL_free(der);
  return out;
}

std::string pem_of(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  return PEM_write_bio_X509(out.get(), certificate) == 1 ? text_of(out.get()) : std::string();
}

std::string public_key_sha256(X509* certificate) {
  unsigned char* der = nullptr;
  const int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  std::string out = n > 0 ? sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(n)}) : std::string();
  OPENSSL_free(der);
  return out;
}

std::string serial_of(X509* certificate) {
  BIGNUM* n = ASN1_INTEGER_to_BN(X509_get_serialNumber(certificate), nullptr);
  char* text = n == nullptr ? nullptr : BN_bn2hex(n);
  std::string out = text == nullptr ? "" : text;
  for (char& c : out)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c + 32);
  OPENSSL_free(text);
  BN_free(n);
  return out;
}

std::int64_t not_after_of(X509* certificate) { return seconds_of(X509_get0_notAfter(certificate)); }

net::CertificateFacts facts_of(X509* certificate) {
  net::CertificateFacts f;
  f.subject = subject_of(certificate);
  f.issuer = name_text(X509_get_issuer_name(certificate));
  f.serial = serial_of(certificate);
  const std::string der = der_of(certificate);
  f.sha256 = to_hex(sha256(der));
  unsigned char sha1[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(der.data()), der.size(), sha1);
  f.sha1 = to_hex({reinterpret_cast<char*>(sha1), sizeof sha1});
  f.not_before = seconds_of(X509_get0_notBefore(certificate));
  f.not_after = not_after_of(certificate);
  for (auto& san : sans_of(certificate)) {
    auto& list = san.kind == SanKind::uri     ? f.uri_sans
                 : san.kind == SanKind::dns   ? f.dns_sans
                 : san.kind == SanKind::ip    ? f.ip_sans
                 : san.kind == SanKind::email ? f.email_sans
                                              : f.other_name_sans;
    list.push_back(std::move(san.text));
  }
  return f;
}

std::string url_encode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const unsigned char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                       c == '.' || c == '~';
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    }
  }
  return out;
}

}  // namespace outrigger::tls
