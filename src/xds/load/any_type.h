// Types in Any: from URL to the linked message, TypedStruct. Main thread.
#pragma once
#include <google/protobuf/descriptor.h>
#include <string>
#include <string_view>

namespace outrigger::xds {

/// Null: not linked into this binary.
const google::protobuf::Descriptor* find_any_type(std::string_view type_url);
std::string canonical_type_url(const google::protobuf::Descriptor& d);
bool is_typed_struct(std::string_view type_url);
/// Messages whose is_optional says that a config of a type which isn't implemented may be left out.
bool can_be_optional(const google::protobuf::Descriptor& d);

}  // namespace outrigger::xds
