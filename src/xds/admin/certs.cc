// /certs, and when the first certificate in use expires.
#include <algorithm>
#include <ctime>
#include "proxy/server/json.h"
#include "xds/admin/pages.h"

namespace outrigger::xds {

using server::JsonWriter;

namespace {

constexpr std::int64_t kDay = 24 * 3600;

std::string time_text(std::int64_t seconds) {
  const std::time_t t = seconds;
  std::tm tm;
  gmtime_r(&t, &tm);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm)};
}

std::uint64_t days_until(std::int64_t when, std::int64_t now) {
  return when <= now ? 0 : static_cast<std::uint64_t>((when - now) / kDay);
}

void write_certificate(const net::CertificateFacts& c, std::string_view path, std::int64_t now, JsonWriter& j,
                       const tls::OcspResponse* response = nullptr) {
  j.begin_object();
  j.text("path", path);
  j.text("serial_number", c.serial);
  j.begin_list("subject_alt_names");
  const auto names = [&](const std::vector<std::string>& list, std::string_view kind) {
    for (const auto& n : list) {
      j.begin_object();
      j.text(kind, n);
      j.end();
    }
  };
  names(c.dns_sans, "dns");
  names(c.uri_sans, "uri");
  names(c.ip_sans, "ip_address");
  j.end();
  j.text("days_until_expiration", std::to_string(days_until(c.not_after, now)));
  j.text("valid_from", time_text(c.not_before));
  j.text("expiration_time", time_text(c.not_after));
  if (response != nullptr) {
    j.begin_object("ocsp_details");
    j.text("valid_from", time_text(response->this_update));
    if (response->next_update) j.text("expiration", time_text(*response->next_update));
    j.end();
  }
  j.end();
}

std::int64_t seconds_of(WallTime t) { return std::chrono::duration_cast<std::chrono::seconds>(t.time_since_epoch()).count(); }

}  // namespace

void add_certs_page(server::Server& server, const SecretStore& secrets) {
  auto& loop = server.loop();
  server.admin().add({"/certs",
                      "print certs on machine",
                      false,
                      [&secrets, &loop](const server::AdminRequest&, server::AdminResponse& r) {
                        const auto now = seconds_of(loop.clock().wall());
                        JsonWriter j;
                        j.begin_object();
                        j.begin_list("certificates");
                        secrets.each_context([&](const tls::Context& context) {
                          const auto& o = context.options();
                          j.begin_object();
                          j.begin_list("ca_cert");
                          if (o.validation != nullptr)
                            for (const auto& c : o.validation->trusted())
                              write_certificate(c, o.validation->source().ca_from, now, j);
                          j.end();
                          j.begin_list("cert_chain");
                          for (std::size_t i = 0; i < o.certificates.size(); ++i)
                            write_certificate(o.certificates[i]->facts(), o.certificates[i]->from(), now, j, context.response(i));
                          j.end();
                          j.end();
                        });
                        j.end();
                        j.end();
                        r.json(j.take());
                      },
                      {}});
  server.days_until_first_cert_expiring = [&secrets, &loop]() -> std::uint64_t {
    const auto now = seconds_of(loop.clock().wall());
    std::uint64_t first = UINT32_MAX;
    secrets.each_context([&](const tls::Context& context) {
      const auto& o = context.options();
      for (const auto& c : o.certificates) first = std::min(first, days_until(c->facts().not_after, now));
      if (o.validation == nullptr) return;
      for (const auto& c : o.validation->trusted()) first = std::min(first, days_until(c.not_after, now));
    });
    return first;
  };
  server.seconds_until_first_ocsp_response_expiring = [&secrets, &loop]() -> std::optional<std::uint64_t> {
    const auto now = seconds_of(loop.clock().wall());
    std::optional<std::int64_t> first;
    secrets.each_context([&](const tls::Context& context) {
      for (std::size_t i = 0; i < context.options().certificates.size(); ++i)
        if (const auto* r = context.response(i)) first = std::min(first.value_or(INT64_MAX), r->next_update.value_or(now));
    });
    if (!first) return {};
    return *first > now ? static_cast<std::uint64_t>(*first - now) : 0;
  };
}

}  // namespace outrigger::xds
