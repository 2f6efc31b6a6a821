// Names in certificates and whom to trust.
#include "proxy/tls/validation.h"

#include <catch2/catch.hpp>
#include "unit/proxy/tls/make_certs.h"

using namespace outrigger::tls;  // NOLINT: a test

namespace {

/// The verdict on a chain as OpenSSL hands it to us.
Verdict check(const ValidationPtr& v, const test::Made& leaf, std::vector<std::string> names = {}, std::string_view server_name = {}) {
  X509_STORE* empty = X509_STORE_new();
  X509_STORE_CTX* ctx = X509_STORE_CTX_new();
  X509_STORE_CTX_init(ctx, v->store() != nullptr ? v->store()->get() : empty, leaf.certificate.get(), nullptr);
  const Verdict out = v->check(ctx, {names, server_name});
  X509_STORE_CTX_free(ctx);
  X509_STORE_free(empty);
  return out;
}

ValidationPtr spiffe(std::vector<TrustDomain> domains) {
  ValidationSource s;
  s.trust_domains = std::move(domains);
  return *Validation::load(std::move(s));
}

}  // namespace

TEST_CASE("a DNS name of a certificate covers names as RFC 6125 says", "[tls]") {
  struct Row {
    const char* pattern;
    const char* name;
    bool covers;
  };
  for (const Row& r : {Row{"a.example", "a.example", true}, Row{"A.Example", "a.eXAMPLE", true}, Row{"a.example", "b.example", false},
                       Row{"*.example", "a.example", true}, Row{"*.example", "a.b.example", false}, Row{"*.example", ".example", false},
                       Row{"*.example", "example", false}, Row{"a*.example", "ab.example", true}, Row{"a*.example", "ba.example", false},
                       Row{"*b.example", "ab.example", true}, Row{"a*b.example", "ab.example", true},
                       Row{"a*b.example", "axxb.example", true}, Row{"aa*aa.example", "aaa.example", false},
                       Row{"*.*.example", "a.b.example", false}, Row{"a.*.example", "a.b.example", false}, Row{"*", "a", false},
                       Row{"xn--*.example", "xn--a.example", false}, Row{"*.example", "*.example", true}, Row{"", "", true},
                       Row{"*.", "a.", true}}) {
    INFO(r.pattern << " for " << r.name);
    CHECK(dns_name_covers(r.pattern, r.name) == r.covers);
  }
}

TEST_CASE("names of a certificate are found by their kind, those with a NUL never", "[tls]") {
  const auto ca = test::make("ca");
  const auto leaf = test::make("leaf", &ca, "DNS:a.example,URI:spiffe://td/a,IP:10.0.0.1,email:m@a.example,otherName:1.2.3.4;UTF8:text");
  const auto sans = sans_of(leaf.certificate.get());
  REQUIRE(sans.size() == 5);
  CHECK(sans[0].text == "a.example");
  CHECK(sans[2].text == "10.0.0.1");
  CHECK(sans[4].oid == "1.2.3.4");
  CHECK(sans[4].text == "text");
  CHECK(test::exactly(SanKind::uri, "spiffe://td/a").accepts(sans[1]));
  CHECK_FALSE(test::exactly(SanKind::dns, "spiffe://td/a").accepts(sans[1]));
  // A URI "spiffe://td/a\0.evil": OpenSSL's text form of the extension cannot hold it.
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  GENERAL_NAME* evil = GENERAL_NAME_new();
  ASN1_IA5STRING* uri = ASN1_IA5STRING_new();
  ASN1_STRING_set(uri, "spiffe://td/a\0.evil", 19);
  GENERAL_NAME_set0_value(evil, GEN_URI, uri);
  sk_GENERAL_NAME_push(names, evil);
  auto forged = test::make("forged", &ca);
  X509_add1_ext_i2d(forged.certificate.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  GENERAL_NAMES_free(names);
  CHECK(sans_of(forged.certificate.get()).empty());
}

TEST_CASE("a chain is checked before names, names before pins", "[tls]") {
  const auto ca = test::make("ca"), other = test::make("other");
  const auto leaf = test::make("leaf", &ca, "DNS:a.example"), stranger = test::make("stranger", &other, "DNS:a.example"),
             late = test::make("late", &ca, "DNS:a.example", -1);
  const auto v = test::trust(ca, {test::exactly(SanKind::dns, "a.example")});
  CHECK(check(v, leaf).kind == Verdict::accepted);
  CHECK(check(v, stranger).kind == Verdict::bad_chain);
  CHECK(check(v, stranger).alert == SSL_AD_UNKNOWN_CA);
  CHECK(check(v, late).alert == SSL_AD_CERTIFICATE_EXPIRED);
  CHECK(check(v, late).detail.find("certificate has expired") != std::string::npos);
  const auto wrong = test::trust(ca, {test::exactly(SanKind::dns, "b.example")});
  CHECK(check(wrong, leaf).kind == Verdict::bad_name);
  CHECK(check(wrong, leaf, {}, "a.example").kind == Verdict::accepted);  // instead of b.example
  CHECK(check(wrong, leaf).detail == "verify cert failed: SAN matcher, certificate SANs are [a.example]");
  CHECK(check(v, leaf, {"a.example"}).kind == Verdict::accepted);
  CHECK(check(v, leaf, {"c.example"}).detail ==
        "verify cert failed: verify SAN list, expected SANs: [c.example], certificate SANs: [a.example]");
  CHECK(check(v, leaf, {}, "a.example").kind == Verdict::accepted);
  CHECK(check(v, leaf, {}, "c.example").detail == "verify cert failed: SAN matcher, certificate SANs are [a.example]");
  ValidationSource pins;
  pins.ca = ca.pem();
  pins.hashes = {std::string(32, 'x')};
  CHECK(check(*Validation::load(pins), leaf).kind == Verdict::bad_pin);
  pins.hashes = {sha256(der_of(leaf.certificate.get()))};
  CHECK(check(*Validation::load(pins), leaf).kind == Verdict::accepted);
  pins.hashes.clear();
  pins.spki_hashes = {public_key_sha256(leaf.certificate.get())};
  CHECK(check(*Validation::load(pins), leaf).kind == Verdict::accepted);
}

TEST_CASE("what is tolerated passes and is still told", "[tls]") {
  const auto ca = test::make("ca"), other = test::make("other");
  const auto late = test::make("late", &ca, "", -1), stranger = test::make("stranger", &other);
  ValidationSource s;
  s.ca = ca.pem();
  s.allow_expired = true;
  CHECK(check(*Validation::load(s), late).kind == Verdict::accepted);
  s.allow_expired = false;
  s.accept_untrusted = true;
  const auto v = check(*Validation::load(s), stranger);
  CHECK(v.kind == Verdict::bad_chain);
  CHECK(v.ok());
}

TEST_CASE("SPIFFE: the trust domain of the URI chooses the bundle", "[tls]") {
  const auto ca1 = test::make("ca1"), ca2 = test::make("ca2");
  const auto v = spiffe({{"td1", ca1.pem(), {}, "one"}, {"td2", "", {der_of(ca2.certificate.get())}, "two"}});
  CHECK(check(v, test::make("a", &ca1, "URI:spiffe://td1/a")).kind == Verdict::accepted);
  CHECK(check(v, test::make("a", &ca2, "URI:spiffe://td2/a")).kind == Verdict::accepted);
  CHECK(check(v, test::make("a", &ca2, "URI:spiffe://td1/a")).kind == Verdict::bad_chain);
  CHECK(check(v, test::make("a", &ca1, "URI:spiffe://td3/a")).detail == "verify cert failed: no trust bundle store");
  CHECK(check(v, test::make("a", &ca1, "URI:https://td1/a")).kind == Verdict::bad_chain);
  CHECK(check(v, test::make("a", &ca1, "URI:spiffe://td1")).kind == Verdict::bad_chain);
  CHECK(check(v, test::make("a", &ca1, "DNS:td1")).kind == Verdict::bad_chain);
  CHECK(check(v, test::make("a", &ca1)).kind == Verdict::bad_chain);
  CHECK(check(v, ca1).kind == Verdict::bad_chain);  // a CA is no workload
}

TEST_CASE("bundles and keys that cannot be read are refused with the reason", "[tls]") {
  const auto ca = test::make("ca"), leaf = test::make("leaf", &ca);
  ValidationSource s;
  s.ca = "nothing";
  s.ca_from = "/ca.pem";
  CHECK(Validation::load(s).error().detail.starts_with("Failed to load trusted CA certificates from /ca.pem"));
  s.ca = leaf.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  CHECK_FALSE(Validation::load(s).has_value());
  s.ca.clear();
  s.crl = "x";
  CHECK(Validation::load(s).error().detail == "Failed to load CRL from <inline> without trusted CA");
  CertificateSource c;
  c.chain = "nothing";
  CHECK(Certificate::load(c).error().detail.starts_with("Failed to load certificate chain from <inline>"));
  c.chain = leaf.pem();
  CHECK(Certificate::load(c).error().detail == "Failed to load incomplete private key from path: <inline>");
  c.key = ca.key_pem();
  CHECK(Certificate::load(c).error().detail.starts_with("Failed to load private key from <inline>, Cause: "));
  c.key = leaf.key_pem();
  CHECK(Certificate::load(c).has_value());
}
