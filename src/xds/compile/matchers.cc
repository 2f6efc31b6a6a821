#include "xds/compile/matchers.h"

#include <re2/re2.h>
#include <algorithm>
#include <utility>
#include <vector>
#include "xds/compile/convert.h"
#include "xds/compile/regex_limits.h"

namespace outrigger::xds {

namespace matcher_v3 = envoy::type::matcher::v3;
namespace route_v3 = envoy::config::route::v3;

std::shared_ptr<const re2::RE2> compile_regex(const std::string& regex, const Path& at, Problems& problems) {
  auto re = std::make_shared<const re2::RE2>(regex, re2::RE2::Quiet);
  if (re->ok()) return re;
  problems.error(at, "not a regular expression (RE2): " + re->error());
  return nullptr;
}

namespace {
/// Why it is: its own limit, the one of the runtime.
std::string too_large(const matcher_v3::RegexMatcher& m, std::uint32_t size, const Path& at, Problems& problems) {
  const auto words = [&](std::uint64_t limit, const std::string& which) {
    return "regex '" + m.regex() + "' RE2 program size of " + std::to_string(size) + " > max program size of " +
           std::to_string(limit) + which + ". Increase configured max program size if necessary.";
  };
  if (m.google_re2().has_max_program_size()) {
    const auto limit = m.google_re2().max_program_size().value();
    return size > limit ? words(limit, "") : std::string();
  }
  const auto levels = RegexLimits::now();
  if (size > levels.error) return words(levels.error, " set for the error level threshold");
  if (size > levels.warn) problems.warn(at, words(levels.warn, " set for the warn level threshold"));
  return {};
}
}  // namespace

std::shared_ptr<const re2::RE2> compile_regex(const matcher_v3::RegexMatcher& m, const Path& at, Problems& problems) {
  const Path here = at / "regex";
  auto re = compile_regex(m.regex(), here, problems);
  if (re == nullptr) return nullptr;
  const std::string why = too_large(m, static_cast<std::uint32_t>(re->ProgramSize()), here, problems);
  if (why.empty()) return re;
  problems.error(here, why);
  return nullptr;
}

std::shared_ptr<const re2::RE2> compile_rewrite(const matcher_v3::RegexMatchAndSubstitute& m, std::string& substitution,
                                                const Path& at, Problems& problems) {
  auto re = compile_regex(m.pattern(), at / "pattern", problems);
  substitution = m.substitution();
  std::string error;
  if (re != nullptr && !re->CheckRewriteString(substitution, &error)) problems.error(at / "substitution", error);
  return re;
}

namespace {
template <class Out>
void compile_pattern(const matcher_v3::StringMatcher& m, Out& o, std::shared_ptr<const re2::RE2>& re, const Path& at,
                     Problems& problems) {
  using M = matcher_v3::StringMatcher;
  using Kind = decltype(o.kind);
  o.ignore_case = m.ignore_case();
  switch (m.match_pattern_case()) {
    case M::kExact: o.kind = Kind::exact, o.text = m.exact(); break;
    case M::kPrefix: o.kind = Kind::prefix, o.text = m.prefix(); break;
    case M::kSuffix: o.kind = Kind::suffix, o.text = m.suffix(); break;
    case M::kContains: o.kind = Kind::contains, o.text = m.contains(); break;
    case M::kSafeRegex:
      o.kind = Kind::regex;
      re = compile_regex(m.safe_regex(), at / "safe_regex", problems);
      if (o.ignore_case) problems.error(at / "ignore_case", "ignore_case has no effect for safe_regex.");
      break;
    case M::MATCH_PATTERN_NOT_SET: break;
  }
  if (o.ignore_case) o.text = lower(o.text);
}
}  // namespace

route::StringMatcher compile_string_matcher(const matcher_v3::StringMatcher& m, const Path& at, Problems& problems) {
  route::StringMatcher o;
  compile_pattern(m, o, o.re, at, problems);
  return o;
}

std::function<bool(std::string_view)> compile_any_of(const StringMatchers& list, const Path& at, std::string_view field,
                                                     Problems& problems) {
  std::vector<route::StringMatcher> all;
  for (int i = 0; i < list.size(); ++i) all.push_back(compile_string_matcher(list.Get(i), at.at(field, i), problems));
  if (all.empty()) return nullptr;
  return [all = std::move(all)](std::string_view text) {
    return std::any_of(all.begin(), all.end(), [&](const auto& m) { return m.match(text); });
  };
}

stats::NamePattern compile_name_pattern(const matcher_v3::StringMatcher& m, const Path& at, Problems& problems) {
  stats::NamePattern o;
  compile_pattern(m, o, o.regex, at, problems);
  return o;
}

std::optional<route::HeaderMatcher> compile_header_matcher(const route_v3::HeaderMatcher& m, const Path& at, Problems& problems) {
  using M = route_v3::HeaderMatcher;
  const auto errors = problems.errors();
  route::HeaderMatcher o;
  o.name = lower(m.name());
  o.invert = m.invert_match();
  o.missing_as_empty = m.treat_missing_header_as_empty();
  const auto text = [&](route::StringMatcher::Kind kind, const std::string& s) {
    o.kind = route::HeaderMatcher::string;
    o.text.kind = kind;
    o.text.text = s;
  };
  switch (m.header_match_specifier_case()) {
    case M::kExactMatch:  // an empty one takes every value
      text(m.exact_match().empty() ? route::StringMatcher::prefix : route::StringMatcher::exact, m.exact_match());
      break;
    case M::kPrefixMatch: text(route::StringMatcher::prefix, m.prefix_match()); break;
    case M::kSuffixMatch: text(route::StringMatcher::suffix, m.suffix_match()); break;
    case M::kContainsMatch: text(route::StringMatcher::contains, m.contains_match()); break;
    case M::kSafeRegexMatch:
      text(route::StringMatcher::regex, "");
      o.text.re = compile_regex(m.safe_regex_match(), at / "safe_regex_match", problems);
      break;
    case M::kStringMatch:
      o.kind = route::HeaderMatcher::string;
      o.text = compile_string_matcher(m.string_match(), at / "string_match", problems);
      break;
    case M::kRangeMatch:
      o.kind = route::HeaderMatcher::range;
      o.first = m.range_match().start();
      o.last = m.range_match().end();
      break;
    case M::kPresentMatch: o.want_present = m.present_match(); break;
    case M::HEADER_MATCH_SPECIFIER_NOT_SET: break;
  }
  if (problems.errors() != errors) return std::nullopt;
  return o;
}

route::QueryMatcher compile_query_matcher(const route_v3::QueryParameterMatcher& m, const Path& at, Problems& problems) {
  route::QueryMatcher o;
  o.name = m.name();
  if (m.query_parameter_match_specifier_case() == route_v3::QueryParameterMatcher::kPresentMatch)
    o.want_present = m.present_match();
  if (m.has_string_match()) o.text = compile_string_matcher(m.string_match(), at / "string_match", problems);
  return o;
}

namespace {
/// Headers that a config may not touch, as Envoy checks them.
bool may_change(const std::string& name) { return name != "host" && !name.starts_with(':'); }

/// Nothing when it is wrong, which has then been told.
std::optional<route::HeaderAdd> compile_header_add(const envoy::config::core::v3::HeaderValueOption& p, const Path& at,
                                                   Problems& problems, const format::FormatOptions& options = {}) {
  using Option = envoy::config::core::v3::HeaderValueOption;
  route::HeaderAdd o;
  o.name = lower(p.header().key());
  if (!may_change(o.name)) problems.error(at, ":-prefixed or host headers may not be modified: '" + o.name + "'");
  auto f = format::TextFormat::compile(p.header().value(), options);
  if (!f) {
    const Path header = at / "header";
    problems.error(header / "value", f.error().detail);
    return {};
  }
  o.value = std::move(*f);
  o.keep_empty = p.keep_empty_value();
  o.action = static_cast<route::HeaderAdd::Action>(p.append_action());
  if (p.has_append()) {
    if (p.append_action() != Option::APPEND_IF_EXISTS_OR_ADD)
      problems.error(at / "append", "Both append and append_action are set and it's not allowed");
    o.action = p.append().value() ? route::HeaderAdd::append_or_add : route::HeaderAdd::overwrite_or_add;
  }
  return o;
}
}  // namespace

void compile_header_adds(const HeaderAdds& adds, const Path& at, std::string_view field, Problems& problems,
                         route::HeaderMutations& into, const format::FormatOptions& options) {
  for (int i = 0; i < adds.size(); ++i)
    if (auto o = compile_header_add(adds.Get(i), at.at(field, i), problems, options)) into.add.push_back(std::move(*o));
}

void compile_header_mutation_steps(const HeaderMutationList& list, const Path& at, std::string_view field, Problems& problems,
                                   route::HeaderMutationSteps& into, const format::FormatOptions& options) {
  using M = envoy::config::common::mutation_rules::v3::HeaderMutation;
  for (int i = 0; i < list.size(); ++i) {
    const auto& p = list.Get(i);
    const Path here = at.at(field, i);
    route::HeaderMutationStep o;
    switch (p.action_case()) {
      case M::kRemove:
        o.kind = route::HeaderMutationStep::remove;
        o.name = lower(p.remove());
        break;
      case M::kAppend: {
        auto add = compile_header_add(p.append(), here / "append", problems, options);
        if (!add) continue;
        o.value = std::move(*add);
        break;
      }
      case M::kRemoveOnMatch: {
        const Path match = here / "remove_on_match";
        o.kind = route::HeaderMutationStep::remove_on_match;
        o.match = compile_string_matcher(p.remove_on_match().key_matcher(), match / "key_matcher", problems);
        break;
      }
      case M::ACTION_NOT_SET: continue;
    }
    into.push_back(std::move(o));
  }
}

void compile_header_removes(const HeaderNames& names, const Path& at, std::string_view field, Problems& problems,
                            route::HeaderMutations& into) {
  for (int i = 0; i < names.size(); ++i) {
    std::string name = lower(names.Get(i));
    if (!may_change(name)) problems.error(at.at(field, i), ":-prefixed or host headers may not be removed: '" + name + "'");
    into.remove.push_back(std::move(name));
  }
}

}  // namespace outrigger::xds
