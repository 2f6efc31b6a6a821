// What set_filter_state filters of all kinds are told to write. Main thread.
#pragma once
#include <vector>
#include "envoy/extensions/filters/common/set_filter_state/v3/value.pb.h"
#include "proxy/format/filter_state_rule.h"
#include "xds/problems.h"

namespace outrigger::xds {

using FilterStateValues =
    google::protobuf::RepeatedPtrField<envoy::extensions::filters::common::set_filter_state::v3::FilterStateValue>;
std::vector<format::FilterStateRule> compile_filter_state(const FilterStateValues& list, const Path& at, std::string_view field,
                                                          Problems& problems);

}  // namespace outrigger::xds
