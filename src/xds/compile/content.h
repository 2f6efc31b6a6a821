// Do two messages say the same? By a hash of what they hold.
#pragma once
#include <google/protobuf/message.h>
#include <cstdint>

namespace outrigger::xds {

/// The same for the same content, whatever the order of its maps.
std::uint64_t content_hash(const google::protobuf::Message& m);

}  // namespace outrigger::xds
