#include "proxy/tls/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <ctime>
#include <utility>
#include "proxy/tls/errors.h"

namespace outrigger::tls {

namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>>;

Error unusable(const std::string& from, const std::string& why) {
  const std::string text = take_error_text();
  return invalid("OCSP response from " + from + ": " + why + (text.empty() ? std::string() : ": " + text));
}

std::optional<std::int64_t> seconds_of(const ASN1_GENERALIZEDTIME* t) {
  std::tm tm{};
  if (t == nullptr || ASN1_TIME_to_tm(t, &tm) != 1) return {};
  return timegm(&tm);
}

}  // namespace

Result<OcspResponse> read_ocsp_response(std::string der, X509* leaf, const std::string& from) {
  ERR_clear_error();
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const auto* const end = at + der.size();
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (response == nullptr) return unusable(from, "cannot be parsed");
  if (at != end) return unusable(from, "Data contained more than a single OCSP response");
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return unusable(from, "OCSP response was unsuccessful");
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (basic == nullptr) return unusable(from, "OCSP response has no body");
  if (OCSP_resp_count(basic.get()) != 1) return unusable(from, "OCSP Response must be for one certificate only");
  OCSP_SINGLERESP* one = OCSP_resp_get0(basic.get(), 0);
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(one)));
  if (serial == nullptr || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0)
    return unusable(from, "OCSP response does not match its TLS certificate");
  ASN1_GENERALIZEDTIME *this_update = nullptr, *next_update = nullptr;
  OCSP_single_get0_status(one, nullptr, nullptr, &this_update, &next_update);
  const auto since = seconds_of(this_update);
  if (!since) return unusable(from, "has no thisUpdate");
  return OcspResponse{std::move(der), *since, seconds_of(next_update)};
}

bool demands_staple(X509* leaf) noexcept {
  static constexpr unsigned char kStatusRequest[] = {0x30, 3, 2, 1, 5};  // SEQUENCE { INTEGER 5 }
  const int at = X509_get_ext_by_NID(leaf, NID_tlsfeature, -1);
  if (at < 0) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
  const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                              static_cast<std::size_t>(ASN1_STRING_length(value)));
  return text == std::string_view(reinterpret_cast<const char*>(kStatusRequest), sizeof kStatusRequest);
}

Stapling stapling_of(const OcspResponse* response, StaplePolicy policy, std::int64_t now) noexcept {
  if (response != nullptr && !response->expired(now)) return Stapling::stapled;
  const bool refused = policy == StaplePolicy::must || (policy == StaplePolicy::strict && response != nullptr);
  return refused ? Stapling::refused : Stapling::omitted;
}

}  // namespace outrigger::tls
