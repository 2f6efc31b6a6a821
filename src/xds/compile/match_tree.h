// xds.type.matcher.v3.Matcher for those who say what its actions are and what it may look at. Main thread.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include "proxy/route/match_tree.h"
#include "xds/problems.h"
#include "xds/type/matcher/v3/matcher.pb.h"

namespace outrigger::xds {

struct MatchUse {
  using Action = ::xds::core::v3::TypedExtensionConfig;
  /// The number that stands for an action; nothing: wrong (told).
  std::function<std::optional<std::uint32_t>(const Action&, const Path&)> action;
  /// May an input of that type (its full name) be looked at?
  bool (*takes)(std::string_view type);
  std::string_view who;  // "RBAC HTTP filter"
  bool custom_matches = true, keep_matching = true;
};

/// Not to be used when something in it was wrong, which has then been told.
std::shared_ptr<const route::MatchTree> compile_match_tree(const ::xds::type::matcher::v3::Matcher& p, const MatchUse& use,
                                                           const Path& at, Problems& problems);

}  // namespace outrigger::xds
