// Strings as JSON: quoted and escaped. Pure.
#pragma once
#include <string>
#include <string_view>

namespace outrigger {

/// As Envoy writes access logs and stats.
void append_json_string(std::string_view s, std::string& out);
/// As protobuf writes messages, which Envoy's other pages, event logs and metadata are: '<', '>' and DEL are escaped, too.
void append_protobuf_string(std::string_view s, std::string& out);

}  // namespace outrigger
