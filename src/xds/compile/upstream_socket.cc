#include "xds/compile/upstream_socket.h"

#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "proxy/upstream/proxy_socket.h"
#include "xds/compile/proxy_protocol.h"
#include "xds/compile/tls.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
using Proxied = envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;

std::shared_ptr<const net::UpstreamSocket> compile_cluster_socket(const core_v3::TransportSocket& p, const std::string& prefix,
                                                                  const Path& at, CompileContext& c) {
  Proxied proxied;
  if (!p.typed_config().Is<Proxied>() || !p.typed_config().UnpackTo(&proxied)) return compile_upstream_socket(p, prefix, at, c);
  const Path here = at / "typed_config";
  const auto errors = c.problems.errors();
  const auto& config = proxied.config();
  upstream::ProxySocket::Settings o;
  o.version = config.version() == core_v3::ProxyProtocolConfig::V2 ? 2 : 1;
  o.passed_through = compile_passed_tlvs(config);
  o.added = compile_added_tlvs(config.added_tlvs(), here / "config", "added_tlvs", c.problems);
  o.stats = stats::make_block<stats::UpstreamProxyStat>(c.stats, prefix + "upstream.proxyprotocol.");
  if (proxied.allow_unspecified_address()) c.problems.warn(here / "allow_unspecified_address", "has no effect, as in Envoy");
  if (proxied.tlv_as_pool_key()) c.problems.warn(here / "tlv_as_pool_key", "has no effect, as in Envoy");
  auto inside = compile_cluster_socket(proxied.transport_socket(), prefix, here / "transport_socket", c);
  if (c.problems.errors() != errors) return nullptr;
  return std::make_shared<upstream::ProxySocket>(std::move(o), std::move(inside));
}

}  // namespace outrigger::xds
