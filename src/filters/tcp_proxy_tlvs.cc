// What tcp_proxy adds to the PROXY headers of its upstreams.
#include "filters/tcp_proxy.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

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
