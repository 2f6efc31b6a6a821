// Parts of routes that the compile functions of routes share. Main thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include "envoy/config/common/mutation_rules/v3/mutation_rules.pb.h"
#include "xds/compile/route.h"

namespace outrigger::xds {

/// UriTemplateMatchConfig as a regular expression of a path without its query. Null when it is wrong, which has then been told.
std::shared_ptr<const re2::RE2> compile_uri_template(const envoy::config::core::v3::TypedExtensionConfig& p, const Path& at,
                                                     Problems& problems);
route::FilterStateMatcher compile_filter_state_matcher(const envoy::type::matcher::v3::FilterStateMatcher& p, const Path& at,
                                                       Problems& problems);
void compile_route_match(const envoy::config::route::v3::RouteMatch& p, route::RouteMatch& o, const Path& at, Problems& problems);

using MirrorPolicies = std::shared_ptr<const std::vector<route::MirrorPolicy>>;
/// Null when there is none: the next level's apply.
MirrorPolicies compile_mirrors(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction::RequestMirrorPolicy>& p, const Path& at,
    RouteCompileContext& c);

void compile_hash_policies(const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction::HashPolicy>& p,
                           std::vector<route::HashPolicy>& o, const Path& at, Problems& problems);

route::InternalRedirectPolicy compile_internal_redirect(const envoy::config::route::v3::RouteAction& p, const Path& at,
                                                        Problems& problems);

/// request_body_buffer_limit, else per_request_buffer_limit_bytes of a route or virtual host.
template <class P>
std::optional<std::uint64_t> compile_buffer_limit(const P& p) {
  if (p.has_request_body_buffer_limit()) return p.request_body_buffer_limit().value();
  if (p.has_per_request_buffer_limit_bytes()) return p.per_request_buffer_limit_bytes().value();
  return {};
}

/// A format that makes a path or a host. Nothing when it is wrong, which has then been told.
std::optional<format::TextFormat> compile_value_format(const std::string& text, const Path& at, Problems& problems);

}  // namespace outrigger::xds
