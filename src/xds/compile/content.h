// Do two messages say the same? By a hash of what they hold. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <cstdint>
#include <string>
#include <string_view>

namespace outrigger::xds {

/// The same for the same content, whatever the order of its maps.
std::string content_bytes(const google::protobuf::Message& m);
/// Of those.
std::uint64_t content_hash(const google::protobuf::Message& m);
/// Of a message as it came: equal ones need not be parsed to be known as equal. Never 0, which stands for none.
std::uint64_t bytes_hash(std::string_view bytes);

}  // namespace outrigger::xds
