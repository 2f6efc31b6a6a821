// OCSP responses: what is one, and when it is sent.
#include "proxy/tls/ocsp.h"

#include <openssl/ocsp.h>
#include <catch2/catch.hpp>
#include "unit/proxy/tls/make_certs.h"

using namespace outrigger::tls;  // NOLINT: a test

namespace {

constexpr long kDay = 24 * 3600;

/// What `ca` says of each of `about`; times in days from now, none: no nextUpdate.
std::string response(const test::Made& ca, std::initializer_list<const test::Made*> about, long since,
                     std::optional<long> until) {
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  ASN1_TIME* from = X509_gmtime_adj(nullptr, since * kDay);
  ASN1_TIME* to = until ? X509_gmtime_adj(nullptr, *until * kDay) : nullptr;
  for (const auto* m : about) {
    OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), m->certificate.get(), ca.certificate.get());
    OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, from, to);
    OCSP_CERTID_free(id);
  }
  OCSP_basic_sign(basic, ca.certificate.get(), ca.key.get(), EVP_sha256(), nullptr, 0);
  OCSP_RESPONSE* whole = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  unsigned char* der = nullptr;
  const int n = i2d_OCSP_RESPONSE(whole, &der);
  std::string out(reinterpret_cast<char*>(der), static_cast<std::size_t>(n));
  OPENSSL_free(der);
  OCSP_RESPONSE_free(whole);
  OCSP_BASICRESP_free(basic);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
  return out;
}

std::string problem(const std::string& der, const test::Made& leaf) {
  const auto made = read_ocsp_response(der, leaf.certificate.get(), "file.ocsp");
  return made ? "" : made.error().detail;
}

}  // namespace

TEST_CASE("an OCSP response is read with its times, and is of one certificate", "[tls]") {
  const auto ca = test::make("ca");
  const auto leaf = test::make("leaf", &ca), other = test::make("other", &ca);
  const std::string good = response(ca, {&leaf}, -1, 2);
  const auto now = std::time(nullptr);
  const auto made = read_ocsp_response(good, leaf.certificate.get(), "file.ocsp");
  REQUIRE(made.has_value());
  CHECK(made->der == good);
  CHECK(std::abs(made->this_update - (now - kDay)) < 60);
  CHECK(std::abs(made->next_update.value_or(0) - (now + 2 * kDay)) < 60);
  CHECK_FALSE(made->expired(now));
  CHECK(made->expired(now + 3 * kDay));
  const auto endless = read_ocsp_response(response(ca, {&leaf}, -1, {}), leaf.certificate.get(), "file.ocsp");
  REQUIRE(endless.has_value());
  CHECK(endless->expired(now));
  CHECK(problem(good, other) == "OCSP response from file.ocsp: OCSP response does not match its TLS certificate");
  CHECK(problem(response(ca, {&leaf, &other}, -1, 2), leaf) ==
        "OCSP response from file.ocsp: OCSP Response must be for one certificate only");
  CHECK(problem(response(ca, {}, -1, 2), leaf) == "OCSP response from file.ocsp: OCSP Response must be for one certificate only");
}

TEST_CASE("bytes that are no OCSP response are refused, wherever they end", "[tls]") {
  const auto ca = test::make("ca");
  const auto leaf = test::make("leaf", &ca);
  const std::string good = response(ca, {&leaf}, -1, 2);
  for (std::size_t n = 0; n < good.size(); ++n) {
    INFO("cut after " << n);
    CHECK_FALSE(problem(good.substr(0, n), leaf).empty());
  }
  CHECK(problem(good + "x", leaf) == "OCSP response from file.ocsp: Data contained more than a single OCSP response");
  CHECK(problem("\x30\x03\x0a\x01\x06", leaf) == "OCSP response from file.ocsp: OCSP response was unsuccessful");
  CHECK(problem(std::string("\x30\x03\x0a\x01\x00", 5), leaf)
            .starts_with("OCSP response from file.ocsp: OCSP response has no body"));
}

TEST_CASE("what a client that asks for an OCSP response gets depends on the policy", "[tls]") {
  const OcspResponse good{"", 0, 100}, late{"", 0, 10}, endless{"", 0, {}};
  struct Row {
    const OcspResponse* response;
    Stapling lenient, strict, must;
  };
  using enum Stapling;
  for (const Row& r : {Row{&good, stapled, stapled, stapled}, Row{&late, omitted, refused, refused},
                       Row{&endless, omitted, refused, refused}, Row{nullptr, omitted, omitted, refused}}) {
    CHECK(stapling_of(r.response, StaplePolicy::lenient, 50) == r.lenient);
    CHECK(stapling_of(r.response, StaplePolicy::strict, 50) == r.strict);
    CHECK(stapling_of(r.response, StaplePolicy::must, 50) == r.must);
  }
}
