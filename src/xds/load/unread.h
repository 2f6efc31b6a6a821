// Extensions whose type or config need not be right, as Envoy does not look at them. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <string_view>

namespace outrigger::xds {

/// What such a message holds is one of several to choose from: one of a type that nobody knows is passed over.
bool is_choice(const google::protobuf::Descriptor& d);
/// What turns a filter on or off for a route. It is no extension: it can't stand in a TypedStruct.
bool is_filter_config(std::string_view message);
/// When it disables the filter nobody reads the config in it.
bool is_unread(const google::protobuf::Message& m, const google::protobuf::FieldDescriptor& f);

}  // namespace outrigger::xds
