#include "xds/compile/cluster_parts.h"
#include "xds/compile/convert.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;
using Cluster = envoy::config::cluster::v3::Cluster;
using Options = google::protobuf::RepeatedPtrField<core_v3::SocketOption>;

namespace {

void check_sources(const core_v3::BindConfig& p, const std::string& whose, const Path& at, Problems& problems) {
  const int extra = p.extra_source_addresses_size() + p.additional_source_addresses_size();
  if (p.extra_source_addresses_size() > 0 && p.additional_source_addresses_size() > 0)
    problems.error(at, "Can't specify both `extra_source_addresses` and `additional_source_addresses` in the " + whose +
                           "'s upstream binding config");
  else if (extra > 0 && !p.has_source_address())
    problems.error(at, whose +
                           "'s upstream binding config has extra/additional source addresses but no source_address. "
                           "Extra/additional addresses cannot be specified if source_address is not set.");
  else if (extra > 1)
    problems.error(at, whose +
                           "'s upstream binding config has more than one extra/additional source addresses. Only one "
                           "extra/additional source can be supported in BindConfig's "
                           "extra_source_addresses/additional_source_addresses field");
}

void compile_sources(const core_v3::BindConfig& p, const std::string& whose, upstream::ClusterConfig& o, const Path& at,
                     Problems& problems) {
  check_sources(p, whose, at, problems);
  const auto add = [&](const core_v3::SocketAddress& address, const Path& where, const Options* own) {
    upstream::BindSource s;
    s.address = compile_address(address, where, problems);
    if (own != nullptr) s.options = to_raw_options(*own);
    if (!s.address.empty()) o.bind_sources.push_back(std::move(s));
  };
  if (p.has_source_address()) add(p.source_address(), at / "source_address", nullptr);
  for (int i = 0; i < p.extra_source_addresses_size(); ++i) {
    const auto& e = p.extra_source_addresses(i);
    const Path where = at.at("extra_source_addresses", i);
    add(e.address(), where / "address", e.has_socket_options() ? &e.socket_options().socket_options() : nullptr);
  }
  for (int i = 0; i < p.additional_source_addresses_size(); ++i)
    add(p.additional_source_addresses(i), at.at("additional_source_addresses", i), nullptr);
  if (o.bind_sources.size() == 2 && o.bind_sources[0].address.family() == o.bind_sources[1].address.family())
    problems.error(at, whose +
                           "'s upstream binding config has two same IP version source addresses. Only two different IP "
                           "version source addresses can be supported in BindConfig's source_address and "
                           "extra_source_addresses/additional_source_addresses fields");
}

}  // namespace

void compile_sockets(const Cluster& p, upstream::ClusterConfig& o, const Path& at, CompileContext& c) {
  const auto& connection = p.upstream_connection_options();
  if (connection.has_tcp_keepalive()) {
    const auto& k = connection.tcp_keepalive();
    o.keepalive = net::KeepaliveOptions{k.keepalive_probes().value(), k.keepalive_time().value(), k.keepalive_interval().value()};
  }
  static const core_v3::BindConfig kNone;
  const auto& common = c.upstream_bind != nullptr ? *c.upstream_bind : kNone;
  const auto& own = p.upstream_bind_config();
  if (p.has_upstream_bind_config())
    compile_sources(own, "Cluster " + p.name(), o, at / "upstream_bind_config", c.problems);
  else
    compile_sources(common, "Bootstrap", o, Path() / "cluster_manager" / "upstream_bind_config", c.problems);
  o.freebind = own.has_freebind() ? own.freebind().value() : common.freebind().value();
  o.socket_options = to_raw_options(own.socket_options_size() > 0 ? own.socket_options() : common.socket_options());
}

}  // namespace outrigger::xds
