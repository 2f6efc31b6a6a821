// The admin pages that print messages: /config_dump, /certs and /server_info. Main thread.
#pragma once
#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "proxy/server/server.h"
#include "xds/compile/secrets.h"
#include "xds/delivery/delivery.h"
#include "xds/load/options.h"

namespace outrigger::xds {

/// Keeps a compact copy of the bootstrap; `options` is copied; `secrets` and `delivery` outlive the server's running.
void add_config_pages(server::Server& server, const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const Options& options,
                      const SecretStore& secrets, const Delivery& delivery);
/// Parts of it.
void add_config_dump(server::Server& server, const envoy::config::bootstrap::v3::Bootstrap& bootstrap, const SecretStore& secrets,
                     const Delivery& delivery);
void add_init_dump(server::Server& server, const Delivery& delivery);
void add_xds_page(server::Server& server, const Delivery& delivery);
void add_certs_page(server::Server& server, const SecretStore& secrets);

extern const char* const kVersion;
/// "<hash>/1.0.0/Clean/RELEASE/none", the shape of Envoy's.
std::string version_text();

}  // namespace outrigger::xds
