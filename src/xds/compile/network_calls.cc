// Network filters that ask a service about connections: ext_authz and ratelimit.
#include "envoy/extensions/filters/network/ext_authz/v3/ext_authz.pb.h"
#include "envoy/extensions/filters/network/ratelimit/v3/rate_limit.pb.h"
#include "filters/network_authz.h"
#include "filters/network_limit.h"
#include "xds/compile/authz_messages.h"
#include "xds/compile/convert.h"
#include "xds/compile/format.h"
#include "xds/compile/grpc_target.h"
#include "xds/compile/limit_messages.h"
#include "xds/compile/metadata.h"
#include "xds/compile/network_filters.h"

namespace outrigger::xds {

ConnectionFilterPtr compile_network_authz(const envoy::extensions::filters::network::ext_authz::v3::ExtAuthz& p, const Path& at,
                                          CompileContext& c) {
  constexpr Duration kTimeout = std::chrono::milliseconds(200);
  filters::NetworkAuthz::Config o;
  if (!p.has_grpc_service()) c.problems.error(at / "grpc_service", "a service is missing");
  o.service = compile_grpc_service(p.grpc_service(), kTimeout, at / "grpc_service", c.problems);
  o.messages = &authorization_messages();
  o.labels = compile_peer_labels(p.bootstrap_metadata_labels_key(), c);
  o.local_address = c.local_address;
  if (p.has_filter_enabled_metadata())
    o.enabled_metadata = compile_metadata_matcher(p.filter_enabled_metadata(), at / "filter_enabled_metadata", c.problems);
  o.metadata_spaces.assign(p.metadata_context_namespaces().begin(), p.metadata_context_namespaces().end());
  o.allow_failure = p.failure_mode_allow();
  o.peer_certificate = p.include_peer_certificate();
  o.tls_session = p.include_tls_session();
  o.shadow = p.shadow_mode();
  o.stats = stats::make_block<filters::NetworkAuthzStat>(c.stats, "ext_authz." + stats::sanitize(p.stat_prefix()) + ".");
  return std::make_shared<const filters::NetworkAuthz>(std::move(o));
}

ConnectionFilterPtr compile_network_limit(const envoy::extensions::filters::network::ratelimit::v3::RateLimit& p, const Path& at,
                                          CompileContext& c) {
  constexpr Duration kTimeout = std::chrono::milliseconds(20);
  filters::NetworkLimit::Config o;
  o.service = compile_grpc_service(p.rate_limit_service().grpc_service(), kTimeout, at / "rate_limit_service" / "grpc_service",
                                   c.problems);
  o.service.timeout = p.has_timeout() ? to_duration(p.timeout()) : kTimeout;
  o.messages = &rate_limit_messages();
  o.domain = p.domain();
  o.local_address = c.local_address;
  o.deny_on_failure = p.failure_mode_deny();
  for (int i = 0; i < p.descriptors_size(); ++i) {
    const Path here = at.at("descriptors", i);
    auto& entries = o.descriptors.emplace_back();
    for (int k = 0; k < p.descriptors(i).entries_size(); ++k) {
      const auto& e = p.descriptors(i).entries(k);
      entries.push_back({e.key(), compile_text_format(e.value(), {}, here.at("entries", k) / "value", c.problems).text});
    }
  }
  o.stats = stats::make_block<filters::NetworkLimitStat>(c.stats, "ratelimit." + stats::sanitize(p.stat_prefix()) + ".");
  return std::make_shared<const filters::NetworkLimit>(std::move(o));
}

}  // namespace outrigger::xds
