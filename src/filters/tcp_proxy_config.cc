// What a config of tcp_proxy makes of a connection: its hash, and what is added to the PROXY headers of its upstreams.
#include <xxhash.h>
#include "filters/tcp_proxy.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

std::optional<std::uint64_t> hash_of(const TcpProxyConfig& config, const http::ConnectionInfo& info) {
  const auto of = [](std::string_view s) { return XXH64(s.data(), s.size(), 0); };
  if (config.hash == TcpProxyConfig::source_ip) return of(info.remote.ip_text());
  if (config.hash == TcpProxyConfig::filter_state)
    if (const auto* e = info.filter_state.find(config.hash_key); e != nullptr && e->hashable) return of(e->value);
  return {};
}

void add_tlvs(const TcpProxyConfig& config, http::ConnectionInfo& info, http::StreamInfo& stream) {
  const auto* known = info.found() == nullptr ? nullptr : info.found()->proxy.get();
  if (config.tlvs.empty() || (known != nullptr && config.tlv_merge == upstream::TlvMerge::add_if_absent)) return;
  const auto before = stream.dynamic_metadata;
  if (info.found() != nullptr && before == nullptr) stream.dynamic_metadata = info.found()->dynamic_metadata;
  auto added = upstream::make_tlvs(config.tlvs, stream);
  stream.dynamic_metadata = before;  // what filters have to say yet is of its log, too
  net::ProxyHeader header;
  if (known != nullptr) {
    header = *known;
    header.tlvs = upstream::merge_tlvs(known->tlvs, std::move(added), config.tlv_merge);
  } else {
    header.source = info.remote;
    header.destination = info.local;
    header.tlvs = std::move(added);
  }
  info.facts().tell(std::move(header));
}

}  // namespace outrigger::filters
