// The validation rules of the API (required, ranges, lengths, patterns), checked by reflection, into
// the payloads of Any too. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include "xds/problems.h"

namespace outrigger::xds {

void validate(const google::protobuf::Message& m, const Path& at, Problems& problems);

}  // namespace outrigger::xds
