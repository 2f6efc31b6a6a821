// RBAC: permissions, principals and policies of both filters. Main thread.
#pragma once
#include <memory>
#include "envoy/config/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "filters/connection_filters.h"
#include "filters/rbac_rules.h"
#include "xds/compile/context.h"
#include "xds/type/matcher/v3/matcher.pb.h"

namespace outrigger::xds {

/// Null when a policy cannot be compiled, which has then been told: nothing is enforced in part. `space` and `prefix`: of the
/// dynamic metadata.
using RbacRulesPtr = std::shared_ptr<const filters::RbacRules>;
RbacRulesPtr compile_rbac_rules(const envoy::config::rbac::v3::RBAC& p, std::string_view space, const std::string& prefix,
                                const Path& at, Problems& problems);
/// The same of a tree whose actions are RBAC's, which may look at what either filter knows: the one whose metadata it is.
RbacRulesPtr compile_rbac_matcher(const ::xds::type::matcher::v3::Matcher& p, std::string_view space, const std::string& prefix,
                                  const Path& at, Problems& problems);
/// Null when it is wrong, which has then been told.
std::shared_ptr<const filters::ConnectionFilter> compile_network_rbac(
    const envoy::extensions::filters::network::rbac::v3::RBAC& p, const Path& at, CompileContext& c);

}  // namespace outrigger::xds
