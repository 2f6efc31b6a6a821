#include "filters/alpn_override.h"

#include "proxy/hcm/stream.h"

namespace outrigger::filters {

namespace {

enum Version : std::uint8_t { http10, http11, http2 };

Version version_to(const upstream::ClusterConfig& cluster, http::Protocol downstream) noexcept {
  switch (cluster.http_use) {
    case upstream::HttpUse::http1: return http11;
    case upstream::HttpUse::http2:
    case upstream::HttpUse::negotiated: return http2;
    case upstream::HttpUse::downstream: break;
  }
  return downstream == http::Protocol::http2 ? http2 : downstream == http::Protocol::http10 ? http10 : http11;
}

bool wants_none(const upstream::ClusterConfig& cluster) {
  static const std::vector<std::string> kPath{"alpn_override"};
  const auto* v = cluster.metadata == nullptr ? nullptr : cluster.metadata->find("istio", kPath);
  return v != nullptr && v->kind == MetadataValue::string && v->text == "false";
}

class Filter final : public hcm::HttpFilter {
 public:
  Filter(hcm::Stream& stream, const AlpnOverrides& names) : HttpFilter(stream), names_(names) {}
  hcm::FilterStatus on_request_head(http::RequestHead& head, bool) override {
    const auto* r = stream_.route();
    if (r == nullptr || r->kind != route::Route::forward) return hcm::FilterStatus::go_on;
    const auto* cluster = stream_.worker().clusters.find(stream_.chosen().cluster);
    if (cluster == nullptr || wants_none(cluster->config())) return hcm::FilterStatus::go_on;
    const std::string& names = names_[version_to(cluster->config(), head.protocol)];
    if (names.empty()) return hcm::FilterStatus::go_on;
    auto& entry = *stream_.arena().make<http::FilterState::Entry>();
    entry.key = http::state_key::kProtocols;
    entry.value = names;
    entry.kind = http::StateKind::protocols;
    stream_.info().filter_state.add(entry);
    return hcm::FilterStatus::go_on;
  }

 private:
  const AlpnOverrides& names_;
};

}  // namespace

hcm::HttpFilter* AlpnOverrideFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<Filter>(stream, names_); }

}  // namespace outrigger::filters
