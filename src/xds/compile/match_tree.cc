#include "xds/compile/match_tree.h"

#include "envoy/extensions/matching/input_matchers/metadata/v3/metadata.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/expression.h"
#include "xds/compile/match_inputs.h"
#include "xds/compile/matchers.h"
#include "xds/compile/metadata.h"
#include "xds/type/matcher/v3/cel.pb.h"
#include "xds/type/matcher/v3/domain.pb.h"
#include "xds/type/matcher/v3/ip.pb.h"

namespace outrigger::xds {

namespace matcher_v3 = ::xds::type::matcher::v3;
namespace metadata_v3 = envoy::extensions::matching::input_matchers::metadata::v3;
using Extension = ::xds::core::v3::TypedExtensionConfig;
using M = matcher_v3::Matcher;
using format::Context;
using route::MatchCondition;
using route::Matched;
using route::MatchOutcome;
using route::MatchTree;

namespace {

/// Of what is wrong, and told; and of what has no value that could match.
Matched never(const Context&) { return Matched::no; }

/// One that holds decides, whatever the others are unable to tell.
Matched any_of(const std::vector<MatchCondition>& all, const Context& c) {
  Matched result = Matched::no;
  for (const auto& f : all) {
    const Matched m = f(c);
    if (m == Matched::yes) return m;
    if (m == Matched::unable) result = m;
  }
  return result;
}
/// The first that does not hold decides.
Matched all_of(const std::vector<MatchCondition>& all, const Context& c) {
  for (const auto& f : all)
    if (const Matched m = f(c); m != Matched::yes) return m;
  return Matched::yes;
}

std::string what(std::string_view kind, const Extension& p) {
  return std::string(kind) + " '" + p.name() + "' of type '" + p.typed_config().type_url() + "'";
}

/// Recursion over one matcher.
class TreeCompiler {
 public:
  TreeCompiler(const MatchUse& use, Problems& problems) : use_(use), problems_(problems) {}
  std::shared_ptr<const MatchTree> tree(const M& p, const Path& at);

 private:
  using Predicate = M::MatcherList::Predicate;
  std::optional<MatchSource> source(const Extension& p, const Path& at);
  MatchOutcome outcome(const M::OnMatch& p, const Path& at);
  MatchCondition condition(const Predicate& p, const Path& at);
  MatchCondition single(const Predicate::SinglePredicate& p, const Path& at);
  MatchCondition value_match(MatchSource from, const matcher_v3::StringMatcher& p, const Path& at);
  MatchCondition custom_match(MatchSource from, const Extension& p, const Path& at);
  std::vector<MatchCondition> conditions(const Predicate::PredicateList& p, const Path& at);
  void matcher_list(const M::MatcherList& p, MatchTree& o, const Path& at);
  void matcher_tree(const M::MatcherTree& p, MatchTree& o, const Path& at);
  void match_map(const M::MatcherTree::MatchMap& p, MatchTree& o, const Path& at);
  void custom_tree(const Extension& p, MatchTree& o, const Path& at);
  void ip_ranges(const matcher_v3::IPMatcher& p, MatchTree& o, const Path& at);
  void domains(const matcher_v3::ServerNameMatcher& p, MatchTree& o, const Path& at);
  const MatchUse& use_;
  Problems& problems_;
};

std::optional<MatchSource> TreeCompiler::source(const Extension& p, const Path& at) {
  auto found = compile_match_input(p, at, problems_);
  if (!found || use_.takes(type_of(p.typed_config()))) return found;
  problems_.error(at / "typed_config", std::string(use_.who) + " cannot match on '" + p.typed_config().type_url() + "'");
  return {};
}

MatchOutcome TreeCompiler::outcome(const M::OnMatch& p, const Path& at) {
  MatchOutcome o;
  o.keep_matching = p.keep_matching();
  if (p.keep_matching() && !use_.keep_matching)
    problems_.error(at / "keep_matching", "keep_matching is not supported in this context");
  if (p.has_matcher())
    o.tree = tree(p.matcher(), at / "matcher");
  else if (const auto number = use_.action(p.action(), at / "action"))
    o.number = *number;
  return o;
}

MatchCondition TreeCompiler::value_match(MatchSource from, const matcher_v3::StringMatcher& p, const Path& at) {
  envoy::type::matcher::v3::StringMatcher same;  // field by field
  if (!same.ParseFromString(p.SerializeAsString())) return never;
  auto m = compile_string_matcher(same, at, problems_);
  if (from.attributes) problems_.error(at, "Unsupported data input type: cel_data_input");
  if (from.text == nullptr) {
    problems_.warn(at, "dynamic metadata is no text: this never matches");
    return never;
  }
  return [input = std::move(from.text), of_tls = from.of_tls, m = std::move(m)](const Context& c) {
    if (of_tls && c.info->connection->tls == nullptr) return Matched::unable;
    std::string scratch;
    const auto value = input(c, scratch);
    return route::matched(value.data() != nullptr && m.match(value));
  };
}

MatchCondition TreeCompiler::custom_match(MatchSource from, const Extension& p, const Path& at) {
  const Path here = at / "typed_config";
  if (metadata_v3::Metadata m; use_.custom_matches && p.typed_config().UnpackTo(&m)) {
    if (from.attributes) problems_.error(here, "Unsupported data input type: cel_data_input");
    if (from.metadata == nullptr) {
      problems_.warn(here, "the input is not dynamic metadata: this never matches");
      return never;
    }
    return [input = std::move(from.metadata), invert = m.invert(),
            value = compile_value_matcher(m.value(), here / "value", problems_)](const Context& c) {
      return route::matched(value.match(input(c)) != invert);
    };
  }
  if (matcher_v3::CelMatcher m; use_.custom_matches && p.typed_config().UnpackTo(&m)) {
    if (!from.attributes)
      problems_.error(here, "Unsupported data input type: the input of a CelMatcher is HttpAttributesCelMatchInput");
    auto program = compile_expression(m.expr_match(), here / "expr_match", problems_);
    if (program == nullptr) return never;
    return [program = std::move(program)](const Context& c) { return route::matched(program->holds(c)); };
  }
  problems_.error(at, what("custom matcher", p) + " is not implemented");
  return never;
}

MatchCondition TreeCompiler::single(const Predicate::SinglePredicate& p, const Path& at) {
  auto from = source(p.input(), at / "input");
  if (!from) return never;
  if (p.has_custom_match()) return custom_match(std::move(*from), p.custom_match(), at / "custom_match");
  return value_match(std::move(*from), p.value_match(), at / "value_match");
}

std::vector<MatchCondition> TreeCompiler::conditions(const Predicate::PredicateList& p, const Path& at) {
  std::vector<MatchCondition> all;
  for (int i = 0; i < p.predicate_size(); ++i) all.push_back(condition(p.predicate(i), at.at("predicate", i)));
  return all;
}

MatchCondition TreeCompiler::condition(const Predicate& p, const Path& at) {
  switch (p.match_type_case()) {
    case Predicate::kSinglePredicate: return single(p.single_predicate(), at / "single_predicate");
    case Predicate::kOrMatcher:
      return [all = conditions(p.or_matcher(), at / "or_matcher")](const Context& c) { return any_of(all, c); };
    case Predicate::kAndMatcher:
      return [all = conditions(p.and_matcher(), at / "and_matcher")](const Context& c) { return all_of(all, c); };
    case Predicate::kNotMatcher:
      return [f = condition(p.not_matcher(), at / "not_matcher")](const Context& c) {
        const Matched m = f(c);
        return m == Matched::unable ? m : route::matched(m == Matched::no);
      };
    case Predicate::MATCH_TYPE_NOT_SET: break;  // refused before: one is required
  }
  return never;
}

void TreeCompiler::matcher_list(const M::MatcherList& p, MatchTree& o, const Path& at) {
  for (int i = 0; i < p.matchers_size(); ++i) {
    const Path here = at.at("matchers", i);
    o.fields.push_back(
        {condition(p.matchers(i).predicate(), here / "predicate"), outcome(p.matchers(i).on_match(), here / "on_match")});
  }
}

void TreeCompiler::match_map(const M::MatcherTree::MatchMap& p, MatchTree& o, const Path& at) {
  for (const auto& [key, on_match] : p.map()) {
    const std::string field = "map[" + key + "]";
    o.add(key, outcome(on_match, at / field));
  }
}

void TreeCompiler::ip_ranges(const matcher_v3::IPMatcher& p, MatchTree& o, const Path& at) {
  std::vector<MatchTree::Range> all;
  for (int i = 0; i < p.range_matchers_size(); ++i) {
    const auto& from = p.range_matchers(i);
    const Path here = at.at("range_matchers", i);
    auto& to = all.emplace_back();
    for (int r = 0; r < from.ranges_size(); ++r)
      if (auto range = compile_cidr(from.ranges(r), here.at("ranges", r), problems_)) to.ranges.push_back(*range);
    if (from.has_on_match())
      to.outcome = outcome(from.on_match(), here / "on_match");
    else
      problems_.error(here / "on_match", "ranges need an on_match");
    to.exclusive = from.exclusive();
  }
  o.set_ranges(std::move(all));
}

void TreeCompiler::domains(const matcher_v3::ServerNameMatcher& p, MatchTree& o, const Path& at) {
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
      if (!o.add(name, to)) problems_.error(place, "Duplicate domain in ServerNameMatcher: " + name);
    }
  }
}

void TreeCompiler::custom_tree(const Extension& p, MatchTree& o, const Path& at) {
  const Path here = at / "typed_config";
  if (matcher_v3::IPMatcher ip; p.typed_config().UnpackTo(&ip)) {
    o.kind = MatchTree::ip_ranges;
    ip_ranges(ip, o, here);
  } else if (matcher_v3::ServerNameMatcher names; p.typed_config().UnpackTo(&names)) {
    o.kind = MatchTree::domains;
    domains(names, o, here);
  } else {
    problems_.error(here, what("custom matcher", p) + " is not implemented");
  }
}

void TreeCompiler::matcher_tree(const M::MatcherTree& p, MatchTree& o, const Path& at) {
  auto from = source(p.input(), at / "input");
  if (from && from->text == nullptr) problems_.error(at / "input", "what is looked up in a map must be a text");
  o.input_of_tls = from && from->of_tls;
  const auto nothing = [](const Context&, std::string&) { return std::string_view(); };
  o.input = from && from->text != nullptr ? std::move(from->text) : route::MatchInput(nothing);
  switch (p.tree_type_case()) {
    case M::MatcherTree::kExactMatchMap:
      o.kind = MatchTree::exact_map;
      match_map(p.exact_match_map(), o, at / "exact_match_map");
      break;
    case M::MatcherTree::kPrefixMatchMap:
      o.kind = MatchTree::prefix_map;
      match_map(p.prefix_match_map(), o, at / "prefix_match_map");
      break;
    case M::MatcherTree::kCustomMatch: custom_tree(p.custom_match(), o, at / "custom_match"); break;
    case M::MatcherTree::TREE_TYPE_NOT_SET: break;  // refused before: one is required
  }
}

std::shared_ptr<const MatchTree> TreeCompiler::tree(const M& p, const Path& at) {
  auto o = std::make_shared<MatchTree>();
  switch (p.matcher_type_case()) {
    case M::kMatcherList: matcher_list(p.matcher_list(), *o, at / "matcher_list"); break;
    case M::kMatcherTree: matcher_tree(p.matcher_tree(), *o, at / "matcher_tree"); break;
    case M::MATCHER_TYPE_NOT_SET: break;  // what is left is on_no_match
  }
  if (p.has_on_no_match()) o->otherwise = outcome(p.on_no_match(), at / "on_no_match");
  return o;
}

}  // namespace

std::shared_ptr<const MatchTree> compile_match_tree(const M& p, const MatchUse& use, const Path& at, Problems& problems) {
  return TreeCompiler(use, problems).tree(p, at);
}

}  // namespace outrigger::xds
