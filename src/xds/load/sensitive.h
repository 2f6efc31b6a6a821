// Which fields hold what nobody is to read: keys, passwords, tickets. (Envoy marks them with udpa.annotations.sensitive.)
#pragma once
#include <google/protobuf/descriptor.h>

namespace outrigger::xds {

/// A field of messages. What is in them is shown in no page, log line or error. Any thread.
bool is_sensitive(const google::protobuf::FieldDescriptor& field);

}  // namespace outrigger::xds
