// TLS transport sockets: contexts of listeners and clusters, rebuilt when a secret they use changes.
// Main thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "proxy/tls/sockets.h"
#include "xds/compile/context.h"
#include "xds/compile/secrets.h"

namespace outrigger::xds {

/// `prefix`: "listener.<address>."; `connect_timeout`: transport_socket_connect_timeout, 0: none. Null: plain
/// TCP, or wrong, which has then been told.
std::shared_ptr<const net::DownstreamSocket> compile_downstream_socket(const envoy::config::core::v3::TransportSocket& p,
                                                                       const std::string& prefix, stats::BlockHandle listener,
                                                                       Duration connect_timeout, const Path& at,
                                                                       CompileContext& c);
/// `prefix`: "cluster.<name>.".
std::shared_ptr<const net::UpstreamSocket> compile_upstream_socket(const envoy::config::core::v3::TransportSocket& p,
                                                                   const std::string& prefix, const Path& at, CompileContext& c);

/// Null: told.
tls::CertificatePtr compile_certificate(const tls_v3::TlsCertificate& p, const std::string& name, const Path& at,
                                        Problems& problems);
tls::ValidationPtr compile_validation(const tls_v3::CertificateValidationContext& p, const std::string& name, const Path& at,
                                      Problems& problems);

}  // namespace outrigger::xds
