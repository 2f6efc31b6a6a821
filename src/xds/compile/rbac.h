// RBAC: permissions, principals and policies of both filters. Main thread.
#pragma once
#include <memory>
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "filters/connection_filters.h"
#include "filters/rbac_rules.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

/// Null when a policy cannot be compiled, which has then been told: nothing is enforced in part. `space` and `prefix`: of the
/// dynamic metadata.
std::shared_ptr<const filters::RbacRules> compile_rbac_rules(const envoy::config::rbac::v3::RBAC& p, std::string_view space,
                                                             const std::string& prefix, const Path& at, Problems& problems);
/// Null when it is wrong, which has then been told.
std::shared_ptr<const filters::ConnectionFilter> compile_network_rbac(
    const envoy::extensions::filters::network::rbac::v3::RBAC& p, const Path& at, CompileContext& c);

}  // namespace outrigger::xds
