// A resource off the wire or out of a file as its message, checked. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <string>
#include "proxy/base/result.h"
#include "xds/problems.h"
#include "xds/protocol/messages.h"

namespace outrigger::xds {

/// The errors in one line: "path: text; path: text".
std::string errors_text(const Problems& problems);
/// Parses into `m` and checks the rules of the API. An error (it names the resource) is one of the kind that refuses a
/// whole push; what is wrong with this one alone, in the configs of its extensions, is put into `wrong`. How many fields
/// nobody knows is added to `unknown`.
Result<void> parse_resource(const Resource& from, google::protobuf::Message& m, bool reject_unknown, std::string& wrong,
                            std::size_t& unknown);

}  // namespace outrigger::xds
