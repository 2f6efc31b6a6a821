#include "xds/load/sensitive.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace outrigger::xds {

namespace {

constexpr std::string_view kSensitive[] = {
    "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuth.credentials",
    "envoy.extensions.filters.http.api_key_auth.v3.ApiKeyAuthPerRoute.credentials",
    "envoy.extensions.filters.http.basic_auth.v3.BasicAuth.users",
    "envoy.extensions.filters.http.basic_auth.v3.BasicAuthPerRoute.users",
    "envoy.extensions.transport_sockets.tls.v3.GenericSecret.secret",
    "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.private_key",
    "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.pkcs12",
    "envoy.extensions.transport_sockets.tls.v3.TlsCertificate.password",
    "envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys.keys",
};

}  // namespace

bool is_sensitive(const google::protobuf::FieldDescriptor& field) {
  return std::find(std::begin(kSensitive), std::end(kSensitive), field.full_name()) != std::end(kSensitive);
}

}  // namespace outrigger::xds
