#include "xds/compile/chain_matcher.h"

#include <google/protobuf/wrappers.pb.h>

#include "xds/compile/match_tree.h"

namespace outrigger::xds {

namespace {

bool takes(std::string_view type) {
  constexpr std::string_view kNetwork = "envoy.extensions.matching.common_inputs.network.v3.";
  return type.starts_with(kNetwork) && type.substr(kNetwork.size()) != "DynamicMetadataInput";
}

std::optional<std::uint32_t> chain_of(const MatchUse::Action& p, const ChainNames& names, const Path& at, Problems& problems) {
  google::protobuf::StringValue name;
  if (!p.typed_config().UnpackTo(&name)) {
    problems.error(at / "typed_config",
                   "the action of a filter chain matcher is a google.protobuf.StringValue with the name "
                   "of a filter chain, not '" +
                       p.typed_config().type_url() + "'");
    return {};
  }
  if (const auto at_name = names.find(name.value()); at_name != names.end()) return at_name->second;
  problems.warn(at / "typed_config", "there is no filter chain '" + name.value() + "': such connections will be closed");
  return kUnknownChain;
}

}  // namespace

std::shared_ptr<const route::MatchTree> compile_chain_matcher(const ::xds::type::matcher::v3::Matcher& p, const ChainNames& names,
                                                              const Path& at, Problems& problems) {
  const MatchUse use{[&](const MatchUse::Action& a, const Path& here) { return chain_of(a, names, here, problems); }, takes,
                     "a filter chain matcher", false, true};
  return compile_match_tree(p, use, at, problems);
}

}  // namespace outrigger::xds
