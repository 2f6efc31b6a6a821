// Trees of conditions whose actions are RBAC's.
#include <algorithm>
#include <iterator>

#include "filters/network_rbac.h"
#include "filters/rbac.h"
#include "xds/compile/match_tree.h"
#include "xds/compile/rbac.h"

namespace outrigger::xds {

namespace rbac_v3 = envoy::config::rbac::v3;
using filters::RbacRules;

namespace {

constexpr std::string_view kNetwork = "envoy.extensions.matching.common_inputs.network.v3.";
/// What Envoy takes for either.
constexpr std::string_view kBoth[] = {"DestinationIPInput",  "DestinationPortInput", "SourceIPInput",   "SourcePortInput",
                                      "DirectSourceIPInput", "ServerNameInput",      "FilterStateInput"};

bool of_connection(std::string_view type) {
  if (type.starts_with("envoy.extensions.matching.common_inputs.ssl.v3.")) return true;
  return type.starts_with(kNetwork) &&
         std::find(std::begin(kBoth), std::end(kBoth), type.substr(kNetwork.size())) != std::end(kBoth);
}
bool of_request(std::string_view type) {
  return of_connection(type) || type == "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput" ||
         type == "envoy.type.matcher.v3.HttpRequestHeaderMatchInput" || type == "xds.type.matcher.v3.HttpAttributesCelMatchInput";
}

}  // namespace

RbacRulesPtr compile_rbac_matcher(const ::xds::type::matcher::v3::Matcher& p, std::string_view space, const std::string& prefix,
                                  const Path& at, Problems& problems) {
  const auto errors = problems.errors();
  std::vector<RbacRules::NamedAction> actions;
  const auto action = [&](const MatchUse::Action& a, const Path& here) -> std::optional<std::uint32_t> {
    rbac_v3::Action to;
    if (!a.typed_config().UnpackTo(&to)) {
      problems.error(here / "typed_config",
                     "the actions of RBAC are envoy.config.rbac.v3.Action, not '" + a.typed_config().type_url() + "'");
      return {};
    }
    const auto kind = to.action() == rbac_v3::RBAC::ALLOW ? RbacRules::Action::allow
                      : to.action() == rbac_v3::RBAC::LOG ? RbacRules::Action::log
                                                          : RbacRules::Action::deny;
    actions.push_back({to.name(), kind});
    return static_cast<std::uint32_t>(actions.size() - 1);
  };
  const bool network = space == filters::kNetworkRbacSpace;
  const std::string_view who = network ? "RBAC network filter" : "RBAC HTTP filter";
  const MatchUse use{action, network ? of_connection : of_request, who, true, false};
  auto tree = compile_match_tree(p, use, at, problems);
  if (problems.errors() != errors) return nullptr;
  return std::make_shared<const RbacRules>(std::move(tree), actions, RbacRules::Place{space, prefix});
}

}  // namespace outrigger::xds
