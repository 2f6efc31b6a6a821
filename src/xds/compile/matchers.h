// String, header and query matchers, regular expressions, header mutations. Main thread.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "envoy/config/common/mutation_rules/v3/mutation_rules.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/type/matcher/v3/regex.pb.h"
#include "envoy/type/matcher/v3/string.pb.h"
#include "proxy/route/header_mutation.h"
#include "proxy/route/matcher.h"
#include "proxy/stats/settings.h"
#include "xds/problems.h"

namespace outrigger::xds {

/// Null when it is not a regular expression, which has then been told.
std::shared_ptr<const re2::RE2> compile_regex(const std::string& regex, const Path& at, Problems& problems);
std::shared_ptr<const re2::RE2> compile_regex(const envoy::type::matcher::v3::RegexMatcher& m, const Path& at,
                                              Problems& problems);
/// A rewrite: the pattern, and the substitution into `substitution`.
std::shared_ptr<const re2::RE2> compile_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& m,
                                                std::string& substitution, const Path& at, Problems& problems);

route::StringMatcher compile_string_matcher(const envoy::type::matcher::v3::StringMatcher& m, const Path& at, Problems& problems);
using StringMatchers = google::protobuf::RepeatedPtrField<envoy::type::matcher::v3::StringMatcher>;
/// True of a text that one of them takes; null: there is none of them.
std::function<bool(std::string_view)> compile_any_of(const StringMatchers& list, const Path& at, std::string_view field,
                                                     Problems& problems);
stats::NamePattern compile_name_pattern(const envoy::type::matcher::v3::StringMatcher& m, const Path& at, Problems& problems);
std::optional<route::HeaderMatcher> compile_header_matcher(const envoy::config::route::v3::HeaderMatcher& m, const Path& at,
                                                           Problems& problems);
route::QueryMatcher compile_query_matcher(const envoy::config::route::v3::QueryParameterMatcher& m, const Path& at,
                                          Problems& problems);

using HeaderAdds = google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>;
void compile_header_adds(const HeaderAdds& adds, const Path& at, std::string_view field, Problems& problems,
                         route::HeaderMutations& into, const format::FormatOptions& options = {});
using HeaderNames = google::protobuf::RepeatedPtrField<std::string>;
void compile_header_removes(const HeaderNames& names, const Path& at, std::string_view field, Problems& problems,
                            route::HeaderMutations& into);

using HeaderMutationList = google::protobuf::RepeatedPtrField<envoy::config::common::mutation_rules::v3::HeaderMutation>;
void compile_header_mutation_steps(const HeaderMutationList& list, const Path& at, std::string_view field, Problems& problems,
                                   route::HeaderMutationSteps& into, const format::FormatOptions& options = {});

}  // namespace outrigger::xds
