// What listeners, clusters and tcp_proxy are told alike of the PROXY protocol. Main thread.
#pragma once
#include <bitset>
#include <string_view>
#include "envoy/config/core/v3/proxy_protocol.pb.h"
#include "proxy/upstream/proxy_tlvs.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// Which TLVs are passed on: by their type.
template <class Config>
std::bitset<256> compile_passed_tlvs(const Config& p) {
  using Match = envoy::config::core::v3::ProxyProtocolPassThroughTLVs;
  std::bitset<256> out;
  if (!p.has_pass_through_tlvs()) return out;
  if (p.pass_through_tlvs().match_type() == Match::INCLUDE_ALL) return out.set();
  for (const auto type : p.pass_through_tlvs().tlv_type()) out.set(type & 0xff);
  return out;
}

/// Fixed ones first, as they are sent. `at`: the message that has them as `field`.
upstream::AddedTlvs compile_added_tlvs(const google::protobuf::RepeatedPtrField<envoy::config::core::v3::TlvEntry>& list,
                                       const Path& at, std::string_view field, Problems& problems);

}  // namespace outrigger::xds
