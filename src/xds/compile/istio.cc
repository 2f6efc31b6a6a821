#include "xds/compile/istio.h"

#include <algorithm>

#include "filters/alpn_override.h"
#include "filters/peer_metadata.h"
#include "istio/alpn.pb.h"
#include "istio/proxy/metadata_exchange.pb.h"
#include "istio/proxy/peer_metadata.pb.h"
#include "istio/stats.pb.h"
#include "proxy/base/log.h"

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

bool take_stats(const std::string& name, const google::protobuf::Any& any, CompileContext& c) {
  if (!any.Is<PluginConfig>()) return false;
  c.not_active->add(name, PluginConfig::descriptor()->full_name(), "the metrics of Istio are not made");
  return true;
}

class Nothing final : public hcm::FilterFactory {
  hcm::HttpFilter* make(hcm::Stream&, Arena&) const override { return nullptr; }
};

}  // namespace

bool is_istio_filter_config(std::string_view message) {
  return message == PluginConfig::descriptor()->full_name() || message == alpn_v2::FilterConfig::descriptor()->full_name() ||
         message == peer::Config::descriptor()->full_name();
}

std::shared_ptr<hcm::FilterFactory> filter_without_work() { return std::make_shared<Nothing>(); }

std::shared_ptr<hcm::FilterFactory> compile_istio_filter(const std::string& name, const google::protobuf::Any& any,
                                                         CompileContext& c) {
  if (take_stats(name, any, c)) return filter_without_work();
  if (alpn_v2::FilterConfig p; any.UnpackTo(&p)) return std::make_shared<filters::AlpnOverrideFactory>(compile_alpn(p));
  peer::Config p;
  if (!any.UnpackTo(&p)) return nullptr;
  c.not_active->add(name, p.GetDescriptor()->full_name(),
                    "peers are neither told of this proxy nor known by their metadata; their headers are removed");
  return std::make_shared<filters::PeerMetadataFactory>(compile_peer(p));
}

bool take_istio_network_filter(const std::string& name, const google::protobuf::Any& any, CompileContext& c) {
  if (take_stats(name, any, c)) return true;
  if (!any.Is<MetadataExchange>()) return false;
  c.not_active->add(name + " (TCP)", MetadataExchange::descriptor()->full_name(),
                    "no metadata is exchanged, and istio-peer-exchange is not offered by ALPN");
  return true;
}

}  // namespace outrigger::xds
