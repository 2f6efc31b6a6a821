// tls_inspector: is it TLS, and what does the ClientHello ask for?
#pragma once
#include "proxy/listener/filter.h"
#include "proxy/stats/names.h"

namespace outrigger::listener {

struct TlsInspectorConfig {
  std::uint32_t hello_bytes_max = 16384;
  std::uint32_t first_read_bytes = 16384;
  bool ja3 = false, ja4 = false;
  bool close_on_errors = false;
  stats::BlockHandle stats;  // tls_inspector.
};

class TlsInspector final : public Filter {
 public:
  explicit TlsInspector(TlsInspectorConfig config) : config_(config) {}
  Verdict on_accept(const Candidate&) const override { return Verdict::wait; }
  std::unique_ptr<Inspector> inspector() const override;

 private:
  TlsInspectorConfig config_;
};

}  // namespace outrigger::listener
