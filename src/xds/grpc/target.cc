#include "xds/grpc/target.h"

#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "xds/compile/convert.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using HttpOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

namespace {

void read_into(const core_v3::DataSource& source, std::string& into, const Path& at, Problems& problems) {
  if (source.specifier_case() == core_v3::DataSource::SPECIFIER_NOT_SET) return;
  auto text = read_data_source(source);
  if (text)
    into = std::move(*text);
  else
    problems.error(at, text.error().detail);
}

void add_keepalive(const core_v3::Http2ProtocolOptions& p, GrpcTarget& o) {
  const auto ms = [](const google::protobuf::Duration& d) {
    return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(to_duration(d)).count());
  };
  if (!p.has_connection_keepalive()) return;
  if (p.connection_keepalive().has_interval())
    o.number_args.emplace_back("grpc.keepalive_time_ms", ms(p.connection_keepalive().interval()));
  o.number_args.emplace_back("grpc.keepalive_timeout_ms", ms(p.connection_keepalive().timeout()));
}

void compile_cluster_target(const Cluster& c, GrpcTarget& o) {
  o.cluster = c.name();
  add_keepalive(c.http2_protocol_options(), o);
  for (const auto& [name, any] : c.typed_extension_protocol_options()) {
    HttpOptions h;
    if (any.UnpackTo(&h)) add_keepalive(h.explicit_http_config().http2_protocol_options(), o);
  }
}

void compile_google(const core_v3::GrpcService::GoogleGrpc& p, GrpcTarget& o, const Path& at, Problems& problems) {
  o.uri = p.target_uri();
  for (const auto& [key, v] : p.channel_args().args()) {
    if (v.has_int_value())
      o.number_args.emplace_back(key, static_cast<int>(v.int_value()));
    else
      o.text_args.emplace_back(key, v.string_value());
  }
  const auto& credentials = p.channel_credentials();
  if (credentials.has_google_default() || credentials.has_local_credentials())
    return problems.error(at / "channel_credentials", "only ssl_credentials (or none) are implemented");
  if (!credentials.has_ssl_credentials()) return;
  const Path here = at / "channel_credentials";
  auto& tls = o.tls.emplace();
  read_into(credentials.ssl_credentials().root_certs(), tls.roots, here / "root_certs", problems);
  read_into(credentials.ssl_credentials().cert_chain(), tls.certificate, here / "cert_chain", problems);
  read_into(credentials.ssl_credentials().private_key(), tls.key, here / "private_key", problems);
}

}  // namespace

std::optional<GrpcTarget> compile_grpc_target(const core_v3::GrpcService& service, const Bootstrap& bootstrap, const Path& at,
                                              Problems& problems) {
  const auto errors = problems.errors();
  GrpcTarget o;
  for (const auto& h : service.initial_metadata()) o.metadata.emplace_back(lower(h.key()), h.value());
  if (service.has_google_grpc()) {
    compile_google(service.google_grpc(), o, at / "google_grpc", problems);
  } else {
    const auto& envoy_grpc = service.envoy_grpc();
    const Path here = at / "envoy_grpc";
    const Cluster* cluster = nullptr;
    for (const auto& c : bootstrap.static_resources().clusters())
      if (c.name() == envoy_grpc.cluster_name()) cluster = &c;
    o.authority = envoy_grpc.authority().empty() ? envoy_grpc.cluster_name() : envoy_grpc.authority();
    if (envoy_grpc.has_max_receive_message_length())
      o.message_bytes_max = static_cast<int>(envoy_grpc.max_receive_message_length().value());
    if (cluster == nullptr)
      problems.error(here / "cluster_name", "Unknown gRPC client cluster '" + envoy_grpc.cluster_name() + "'");
    else
      compile_cluster_target(*cluster, o);
  }
  return problems.errors() == errors ? std::optional(std::move(o)) : std::nullopt;
}

}  // namespace outrigger::xds
