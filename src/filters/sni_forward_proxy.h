// The network filter sni_dynamic_forward_proxy: a connection waits until the name that it asks for by SNI was resolved,
// for a cluster whose hosts these names are.
#pragma once
#include <string>
#include "filters/connection_filters.h"
#include "proxy/upstream/dns_cache.h"

namespace outrigger::filters {

class SniForwardProxy final : public ConnectionFilter {
 public:
  /// `cache`: of configs that are to run. `port`: of the hosts.
  SniForwardProxy(upstream::DnsCachePtr cache, std::uint16_t port)
      : cache_(std::move(cache)), port_(port), port_text_(std::to_string(port)) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  upstream::DnsCachePtr cache_;
  std::uint16_t port_;
  std::string port_text_;
};

}  // namespace outrigger::filters
