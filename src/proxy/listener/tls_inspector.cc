#include "proxy/listener/tls_inspector.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/connection_facts.h"
#include "proxy/listener/client_hello.h"

namespace outrigger::listener {

using stats::TlsInspectorStat;

namespace {

constexpr std::uint16_t kTls10 = 0x0301, kTls13 = 0x0304;

class HelloInspector final : public Inspector {
 public:
  explicit HelloInspector(const TlsInspectorConfig& config)
      : config_(config), wanted_(std::min(config.first_read_bytes, config.hello_bytes_max)) {}
  std::size_t bytes_max() const noexcept override { return wanted_; }
  Verdict on_bytes(const Candidate& c, std::string_view bytes) override;

 private:
  void count(const Candidate& c, TlsInspectorStat s) const { c.thread.cells.add(config_.stats, s); }
  void note(const Candidate& c, std::string_view reason) const {
    c.info.facts().add_metadata("envoy.filters.listener.tls_inspector",
                                MetadataValue::of("failure_reason", MetadataValue::of(reason)));
  }
  Verdict too_large(const Candidate& c) const;
  Verdict found(const Candidate& c, const ClientHello& hello) const;
  Verdict not_found(const Candidate& c, HelloError e, std::size_t seen) const;
  const TlsInspectorConfig& config_;
  std::size_t wanted_;
};

Verdict HelloInspector::on_bytes(const Candidate& c, std::string_view bytes) {
  ClientHello hello;
  std::string assembled;
  const auto r = parse_client_hello(bytes, hello, assembled);
  if (r.status == HelloResult::more) {
    if (bytes.size() >= config_.hello_bytes_max) {
      c.thread.cells.record(config_.stats, TlsInspectorStat::bytes_processed, bytes.size());
      return too_large(c);
    }
    if (bytes.size() >= wanted_) wanted_ = std::min<std::size_t>(2 * bytes.size(), config_.hello_bytes_max);
    return Verdict::wait;
  }
  c.thread.cells.record(config_.stats, TlsInspectorStat::bytes_processed, r.bytes);
  if (r.status == HelloResult::closed) return Verdict::close;
  return r.status == HelloResult::complete ? found(c, hello) : not_found(c, r.error, bytes.size());
}

Verdict HelloInspector::too_large(const Candidate& c) const {
  count(c, TlsInspectorStat::client_hello_too_large);
  note(c, "ClientHelloTooLarge");
  return Verdict::close;
}

Verdict HelloInspector::found(const Candidate& c, const ClientHello& hello) const {
  auto& facts = c.info.facts();
  if (config_.ja3) facts.ja3 = ja3_fingerprint(hello);
  if (config_.ja4) facts.ja4 = ja4_fingerprint(hello);
  auto names = application_protocols(hello);
  const bool alpn = !names.empty();
  if (alpn) facts.application_protocols = std::move(names);
  if (!hello.server_name.empty()) {
    facts.server_name = hello.server_name;
    for (char& ch : facts.server_name) ch = lower(ch);
    c.info.requested_server_name = facts.server_name;
  }
  count(c, hello.server_name.empty() ? TlsInspectorStat::sni_not_found : TlsInspectorStat::sni_found);
  if (hello.version < kTls10 || hello.version > kTls13) {
    count(c, TlsInspectorStat::tls_not_found);
    note(c, "ClientHelloInvalidTlsVersion");
    facts.transport_failure = failure_text(HelloError::connection_rejected);
    return Verdict::close;
  }
  count(c, TlsInspectorStat::tls_found);
  count(c, alpn ? TlsInspectorStat::alpn_found : TlsInspectorStat::alpn_not_found);
  c.info.transport_protocol = "tls";
  return Verdict::next;
}

Verdict HelloInspector::not_found(const Candidate& c, HelloError e, std::size_t seen) const {
  c.info.facts().transport_failure = failure_text(e);
  if (config_.close_on_errors && seen >= config_.hello_bytes_max) return too_large(c);
  count(c, TlsInspectorStat::tls_not_found);
  note(c, "ClientHelloNotDetected");
  return config_.close_on_errors ? Verdict::close : Verdict::next;
}

}  // namespace

std::unique_ptr<Inspector> TlsInspector::inspector() const { return std::make_unique<HelloInspector>(config_); }

}  // namespace outrigger::listener
