// The filter dynamic_forward_proxy: a request for a cluster whose hosts are the names in requests waits until its host's
// name was resolved.
#pragma once
#include <memory>
#include <string>
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/upstream/dns_cache.h"

namespace outrigger::filters {

struct ForwardProxyConfig {
  upstream::DnsCachePtr cache;
  bool host_from_state = false;  // allow_dynamic_host_from_filter_state
};

struct ForwardProxyOverride final : route::FilterPart {
  std::string host, header;  // takes the place of the request's host; empty: neither does
};

class ForwardProxyFactory final : public hcm::FilterFactory {
 public:
  explicit ForwardProxyFactory(ForwardProxyConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;

 private:
  ForwardProxyConfig config_;
};

}  // namespace outrigger::filters
