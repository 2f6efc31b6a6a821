#include "xds/compile/chain_matcher.h"

#include <google/protobuf/wrappers.pb.h>
#include <set>

#include "envoy/extensions/matching/common_inputs/network/v3/network_inputs.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/matchers.h"
#include "xds/type/matcher/v3/domain.pb.h"
#include "xds/type/matcher/v3/ip.pb.h"

namespace outrigger::xds {

namespace matcher_v3 = ::xds::type::matcher::v3;
namespace inputs_v3 = envoy::extensions::matching::common_inputs::network::v3;
using Extension = ::xds::core::v3::TypedExtensionConfig;
using Kind = listener::ChainInput;
using M = matcher_v3::Matcher;

namespace {

/// Recursion over one matcher tree.
class ChainCompiler {
 public:
  ChainCompiler(const ChainNames& names, Problems& problems) : names_(names), problems_(problems) {}
  std::shared_ptr<const listener::ChainMatcher> tree(const M& p, const Path& at);

 private:
  listener::ChainInput input(const Extension& p, const Path& at);
  listener::ChainOutcome outcome(const M::OnMatch& p, const Path& at);
  listener::ChainPredicate predicate(const M::MatcherList::Predicate& p, const Path& at);
  listener::ChainPredicate single(const M::MatcherList::Predicate::SinglePredicate& p, const Path& at);
  void matcher_list(const M::MatcherList& p, listener::ChainMatcher& o, const Path& at);
  void matcher_tree(const M::MatcherTree& p, listener::ChainMatcher& o, const Path& at);
  void match_map(const M::MatcherTree::MatchMap& p, listener::ChainMatcher& o, const Path& at);
  void custom(const Extension& p, listener::ChainMatcher& o, const Path& at);
  void ip_ranges(const matcher_v3::IPMatcher& p, listener::ChainMatcher& o, const Path& at);
  void domains(const matcher_v3::ServerNameMatcher& p, listener::ChainMatcher& o, const Path& at);
  const ChainNames& names_;
  Problems& problems_;
};

listener::ChainInput ChainCompiler::input(const Extension& p, const Path& at) {
  const auto& any = p.typed_config();
  listener::ChainInput o;
  if (any.Is<inputs_v3::DestinationIPInput>()) return o.kind = Kind::destination_ip, o;
  if (any.Is<inputs_v3::DestinationPortInput>()) return o.kind = Kind::destination_port, o;
  if (any.Is<inputs_v3::SourceIPInput>()) return o.kind = Kind::source_ip, o;
  if (any.Is<inputs_v3::SourcePortInput>()) return o.kind = Kind::source_port, o;
  if (any.Is<inputs_v3::DirectSourceIPInput>()) return o.kind = Kind::direct_source_ip, o;
  if (any.Is<inputs_v3::SourceTypeInput>()) return o.kind = Kind::source_type, o;
  if (any.Is<inputs_v3::ServerNameInput>()) return o.kind = Kind::server_name, o;
  if (any.Is<inputs_v3::TransportProtocolInput>()) return o.kind = Kind::transport_protocol, o;
  if (any.Is<inputs_v3::ApplicationProtocolInput>()) return o.kind = Kind::application_protocol, o;
  if (inputs_v3::FilterStateInput state; any.UnpackTo(&state)) {
    o.kind = Kind::filter_state;
    o.key = state.key();
    o.field = state.field();
    return o;
  }
  problems_.error(at / "typed_config", "matcher input '" + p.name() + "' of type '" + any.type_url() + "' is not implemented");
  return o;
}

listener::ChainOutcome ChainCompiler::outcome(const M::OnMatch& p, const Path& at) {
  listener::ChainOutcome o;
  o.keep_matching = p.keep_matching();
  if (p.has_matcher()) {
    o.matcher = tree(p.matcher(), at / "matcher");
    return o;
  }
  const Path here = at / "action";
  google::protobuf::StringValue name;
  if (!p.action().typed_config().UnpackTo(&name)) {
    problems_.error(here / "typed_config",
                    "the action of a filter chain matcher is a google.protobuf.StringValue with the name "
                    "of a filter chain, not '" +
                        p.action().typed_config().type_url() + "'");
    return o;
  }
  if (const auto at_name = names_.find(name.value()); at_name != names_.end())
    o.chain = at_name->second;
  else
    problems_.warn(here / "typed_config", "there is no filter chain '" + name.value() + "': such connections will be closed");
  return o;
}

listener::ChainPredicate ChainCompiler::single(const M::MatcherList::Predicate::SinglePredicate& p, const Path& at) {
  listener::ChainPredicate o;
  o.input = input(p.input(), at / "input");
  if (p.has_custom_match()) {
    problems_.error(at / "custom_match", "custom matcher '" + p.custom_match().name() + "' of type '" +
                                             p.custom_match().typed_config().type_url() + "' is not implemented");
    return o;
  }
  envoy::type::matcher::v3::StringMatcher same;  // field by field
  if (same.ParseFromString(p.value_match().SerializeAsString()))
    o.matcher = compile_string_matcher(same, at / "value_match", problems_);
  return o;
}

listener::ChainPredicate ChainCompiler::predicate(const M::MatcherList::Predicate& p, const Path& at) {
  using P = M::MatcherList::Predicate;
  listener::ChainPredicate o;
  const auto list = [&](listener::ChainPredicate::Kind kind, const P::PredicateList& l, const Path& here) {
    o.kind = kind;
    for (int i = 0; i < l.predicate_size(); ++i) o.parts.push_back(predicate(l.predicate(i), here.at("predicate", i)));
  };
  switch (p.match_type_case()) {
    case P::kSinglePredicate: return single(p.single_predicate(), at / "single_predicate");
    case P::kOrMatcher: list(listener::ChainPredicate::any_of, p.or_matcher(), at / "or_matcher"); break;
    case P::kAndMatcher: list(listener::ChainPredicate::all_of, p.and_matcher(), at / "and_matcher"); break;
    case P::kNotMatcher:
      o.kind = listener::ChainPredicate::negated;
      o.parts.push_back(predicate(p.not_matcher(), at / "not_matcher"));
      break;
    case P::MATCH_TYPE_NOT_SET: break;  // refused before: one is required
  }
  return o;
}

void ChainCompiler::matcher_list(const M::MatcherList& p, listener::ChainMatcher& o, const Path& at) {
  for (int i = 0; i < p.matchers_size(); ++i) {
    const Path here = at.at("matchers", i);
    o.fields.push_back(
        {predicate(p.matchers(i).predicate(), here / "predicate"), outcome(p.matchers(i).on_match(), here / "on_match")});
  }
}

void ChainCompiler::match_map(const M::MatcherTree::MatchMap& p, listener::ChainMatcher& o, const Path& at) {
  for (const auto& [key, on_match] : p.map()) {
    const std::string field = "map[" + key + "]";
    o.map.emplace(key, outcome(on_match, at / field));
  }
}

void ChainCompiler::ip_ranges(const matcher_v3::IPMatcher& p, listener::ChainMatcher& o, const Path& at) {
  for (int i = 0; i < p.range_matchers_size(); ++i) {
    const auto& from = p.range_matchers(i);
    const Path here = at.at("range_matchers", i);
    auto& to = o.ranges.emplace_back();
    for (int r = 0; r < from.ranges_size(); ++r)
      if (auto range = compile_cidr(from.ranges(r), here.at("ranges", r), problems_)) to.ranges.push_back(*range);
    if (from.has_on_match())
      to.outcome = outcome(from.on_match(), here / "on_match");
    else
      problems_.error(here / "on_match", "ranges need an on_match");
    to.exclusive = from.exclusive();
  }
}

void ChainCompiler::domains(const matcher_v3::ServerNameMatcher& p, listener::ChainMatcher& o, const Path& at) {
  for (int i = 0; i < p.domain_matchers_size(); ++i) {
    const auto& from = p.domain_matchers(i);
    const Path here = at.at("domain_matchers", i);
    const auto to = outcome(from.on_match(), here / "on_match");
    for (int d = 0; d < from.domains_size(); ++d) {
      const std::string& name = from.domains(d);
      const Path place = here.at("domains", d);
      const bool any = name == "*", wildcard = name.starts_with("*.") && name.size() > 2;
      if (name.empty()) problems_.error(place, "Empty domain in ServerNameMatcher");
      if (!any && name.find('*', wildcard ? 1 : 0) != std::string::npos)
        problems_.error(place, "a wildcard must be \"*\" or the first label, as in \"*.example.com\"");
      if (!o.map.emplace(any ? "" : wildcard ? name.substr(1) : name, to).second)
        problems_.error(place, "Duplicate domain in ServerNameMatcher: " + name);
    }
  }
}

void ChainCompiler::custom(const Extension& p, listener::ChainMatcher& o, const Path& at) {
  const Path here = at / "typed_config";
  if (matcher_v3::IPMatcher ip; p.typed_config().UnpackTo(&ip)) {
    o.kind = listener::ChainMatcher::ip_ranges;
    ip_ranges(ip, o, here);
  } else if (matcher_v3::ServerNameMatcher names; p.typed_config().UnpackTo(&names)) {
    o.kind = listener::ChainMatcher::domains;
    domains(names, o, here);
  } else {
    problems_.error(here, "custom matcher '" + p.name() + "' of type '" + p.typed_config().type_url() + "' is not implemented");
  }
}

void ChainCompiler::matcher_tree(const M::MatcherTree& p, listener::ChainMatcher& o, const Path& at) {
  o.input = input(p.input(), at / "input");
  switch (p.tree_type_case()) {
    case M::MatcherTree::kExactMatchMap:
      o.kind = listener::ChainMatcher::exact_map;
      match_map(p.exact_match_map(), o, at / "exact_match_map");
      break;
    case M::MatcherTree::kPrefixMatchMap:
      o.kind = listener::ChainMatcher::prefix_map;
      match_map(p.prefix_match_map(), o, at / "prefix_match_map");
      break;
    case M::MatcherTree::kCustomMatch: custom(p.custom_match(), o, at / "custom_match"); break;
    case M::MatcherTree::TREE_TYPE_NOT_SET: break;  // refused before: one is required
  }
}

std::shared_ptr<const listener::ChainMatcher> ChainCompiler::tree(const M& p, const Path& at) {
  auto o = std::make_shared<listener::ChainMatcher>();
  switch (p.matcher_type_case()) {
    case M::kMatcherList: matcher_list(p.matcher_list(), *o, at / "matcher_list"); break;
    case M::kMatcherTree: matcher_tree(p.matcher_tree(), *o, at / "matcher_tree"); break;
    case M::MATCHER_TYPE_NOT_SET: break;  // what is left is on_no_match
  }
  if (p.has_on_no_match()) o->otherwise = outcome(p.on_no_match(), at / "on_no_match");
  return o;
}

}  // namespace

std::shared_ptr<const listener::ChainMatcher> compile_chain_matcher(const M& p, const ChainNames& names, const Path& at,
                                                                    Problems& problems) {
  return ChainCompiler(names, problems).tree(p, at);
}

}  // namespace outrigger::xds
