// What istiod sends that is Istio's own: the filters of its proxy.
#pragma once
#include <memory>
#include <string>
#include "google/protobuf/any.pb.h"
#include "proxy/hcm/filter.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// In no stream's chain.
std::shared_ptr<hcm::FilterFactory> filter_without_work();
/// Network filters, of listeners and of clusters. False: the config is none of theirs.
bool take_istio_network_filter(const std::string& name, const google::protobuf::Any& any, CompileContext& c);

/// Who selects it expects metadata in front of a connection's data, which nobody sends here: it is not offered.
inline constexpr const char* kPeerExchange = "istio-peer-exchange";

}  // namespace outrigger::xds
