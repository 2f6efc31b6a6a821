// xds.type.matcher.v3.Matcher with filter chains as its actions. Main thread.
#pragma once
#include <map>
#include <memory>
#include <string>
#include "proxy/route/match_tree.h"
#include "xds/problems.h"
#include "xds/type/matcher/v3/matcher.pb.h"

namespace outrigger::xds {

using ChainNames = std::map<std::string, std::uint32_t, std::less<>>;
inline constexpr std::uint32_t kUnknownChain = UINT32_MAX;  // an action names none of the listener's
std::shared_ptr<const route::MatchTree> compile_chain_matcher(const ::xds::type::matcher::v3::Matcher& p, const ChainNames& names,
                                                              const Path& at, Problems& problems);

}  // namespace outrigger::xds
