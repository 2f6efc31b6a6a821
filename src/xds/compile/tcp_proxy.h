// TcpProxy to its factory. Main thread.
#pragma once
#include <memory>
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "proxy/hcm/network_filter.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

std::shared_ptr<const hcm::NetworkFilterFactory> compile_tcp_proxy(
    const envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy& p, const Path& at, CompileContext& c);

}  // namespace outrigger::xds
