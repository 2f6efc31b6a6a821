// The validation rules of the API (required, ranges, lengths, patterns), checked by reflection, into
// the payloads of Any too. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include "xds/problems.h"

namespace outrigger::xds {

enum class Depth { everything, but_not_any };
/// `unknown_fields`: fields that the messages don't have are errors. Was there an Any?
bool validate(const google::protobuf::Message& m, const Path& at, Problems& problems, Depth depth = Depth::everything,
              bool unknown_fields = true);

}  // namespace outrigger::xds
