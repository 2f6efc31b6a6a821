// A message as JSON, as Envoy's admin prints it: proto field names, fields in order of their numbers,
// one space per level, Any expanded. Main thread.
#pragma once
#include <google/protobuf/message.h>
#include <string>
#include <string_view>
#include "proxy/server/json.h"

namespace outrigger::xds {

/// Writes `m` as a member (or as an element, with an empty name). `type_url`: first member "@type".
void write_message(const google::protobuf::Message& m, std::string_view name, server::JsonWriter& j,
                   std::string_view type_url = {});

}  // namespace outrigger::xds
