// Types in Any: from URL to the linked message, TypedStruct. Main thread.
#pragma once
#include <google/protobuf/descriptor.h>
#include <string>
#include <string_view>

namespace outrigger::xds {

/// The full name of the message that a type URL names: what follows its last slash.
constexpr std::string_view message_name(std::string_view type_url) noexcept { return type_url.substr(type_url.rfind('/') + 1); }
/// Null: not linked into this binary.
const google::protobuf::Descriptor* find_any_type(std::string_view type_url);
std::string canonical_type_url(const google::protobuf::Descriptor& d);
bool is_typed_struct(std::string_view type_url);
/// Messages whose is_optional says that a config of a type which isn't implemented may be left out.
bool can_be_optional(const google::protobuf::Descriptor& d);

}  // namespace outrigger::xds
