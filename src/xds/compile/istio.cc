#include "xds/compile/istio.h"

#include <algorithm>

#include "filters/alpn_override.h"
#include "filters/peer_metadata.h"
#include "istio/alpn.pb.h"
#include "istio/proxy/metadata_exchange.pb.h"
#include "istio/proxy/network_peer_metadata.pb.h"
#include "istio/proxy/peer_metadata.pb.h"
#include "istio/stats.pb.h"
#include "proxy/base/log.h"
#include "xds/compile/filter_kinds.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace alpn_v2 = ::istio::envoy::config::filter::http::alpn::v2alpha1;
namespace peer = ::io::istio::http::peer_metadata;
using ::envoy::tcp::metadataexchange::config::MetadataExchange;
using ::stats::PluginConfig;

void NotActive::add(const std::string& name, std::string_view type, std::string_view lacks) {
  const auto [at, fresh] = all_.try_emplace(name, Extension{std::string(type), std::string(lacks)});
  if (fresh) LOG_WARN(logger::config, "'", name, "' (", type, ") is accepted and not active yet: ", lacks);
}

namespace {

filters::AlpnOverrides compile_alpn(const alpn_v2::FilterConfig& p) {
  filters::AlpnOverrides o;
  for (const auto& one : p.alpn_override()) {
    const auto version = static_cast<std::size_t>(one.upstream_protocol());
    if (version >= o.size()) continue;
    o[version].clear();
    for (const auto& name : one.alpn_override()) o[version] += (o[version].empty() ? "" : ",") + name;
  }
  return o;
}

template <class List>
bool has_headers(const List& methods) {
  return std::any_of(methods.begin(), methods.end(), [](const auto& m) { return m.has_istio_headers(); });
}

filters::PeerMetadata compile_peer(const peer::Config& p) {
  return {has_headers(p.downstream_discovery()) || has_headers(p.upstream_propagation()),
          has_headers(p.upstream_discovery()) || has_headers(p.downstream_propagation())};
}

constexpr std::string_view metrics_lack = "the metrics of Istio are not made";

class Nothing final : public hcm::FilterFactory {
  hcm::HttpFilter* make(hcm::Stream&, Arena&) const override { return nullptr; }
};

FilterPtr make_stats(const PluginConfig& p, const FilterPlace& f, CompileContext& c) {
  c.not_active->add(f.filter.name(), p.GetDescriptor()->full_name(), metrics_lack);
  return filter_without_work();
}

FilterPtr make_alpn(const alpn_v2::FilterConfig& p, const FilterPlace&, CompileContext&) {
  return std::make_shared<filters::AlpnOverrideFactory>(compile_alpn(p));
}

FilterPtr make_peer_metadata(const peer::Config& p, const FilterPlace& f, CompileContext& c) {
  c.not_active->add(f.filter.name(), p.GetDescriptor()->full_name(),
                    "peers are neither told of this proxy nor known by their metadata; their headers are removed");
  return std::make_shared<filters::PeerMetadataFactory>(compile_peer(p));
}

}  // namespace

std::shared_ptr<hcm::FilterFactory> filter_without_work() { return std::make_shared<Nothing>(); }

void add_istio_filters(FilterKinds& kinds) {
  kinds.add<make_stats>();
  kinds.add<make_alpn>();
  kinds.add<make_peer_metadata>();
}

bool take_istio_network_filter(const std::string& name, const google::protobuf::Any& any, CompileContext& c) {
  if (any.Is<PluginConfig>()) {
    c.not_active->add(name, PluginConfig::descriptor()->full_name(), metrics_lack);
    return true;
  }
  namespace network_peer = ::envoy::extensions::network_filters::peer_metadata;
  if (any.Is<network_peer::Config>() || any.Is<network_peer::UpstreamConfig>()) {
    c.not_active->add(name, message_name(any.type_url()),
                      "the peers of tunnels are neither told of this proxy nor known by their metadata");
    return true;
  }
  if (!any.Is<MetadataExchange>()) return false;
  c.not_active->add(name + " (TCP)", MetadataExchange::descriptor()->full_name(),
                    "no metadata is exchanged, and istio-peer-exchange is not offered by ALPN");
  return true;
}

}  // namespace outrigger::xds
