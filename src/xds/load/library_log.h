// What the protobuf library says of bytes that are no message goes to the log: whoever parses them tells it better.
#pragma once

namespace outrigger::xds {

/// Once, before anything is parsed.
void log_protobuf();

}  // namespace outrigger::xds
