// Transport sockets of clusters by their type: TLS, PROXY protocol in front of another one, none. Main thread.
#pragma once
#include <memory>
#include <string>
#include "envoy/config/core/v3/base.pb.h"
#include "proxy/net/transport_socket.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// `prefix`: "cluster.<name>.". Null: plain TCP, or wrong, which has then been told.
std::shared_ptr<const net::UpstreamSocket> compile_cluster_socket(const envoy::config::core::v3::TransportSocket& p,
                                                                  const std::string& prefix, const Path& at, CompileContext& c);

}  // namespace outrigger::xds
