// Takes private keys out of messages: what /config_dump prints holds "[redacted]" in their place, as
// Envoy's does, and what is kept of a config no longer holds them. Main thread.
#pragma once
#include <google/protobuf/message.h>

namespace outrigger::xds {

/// In `m` and in the payloads of its Any fields; the bytes are overwritten.
void redact(google::protobuf::Message& m);

}  // namespace outrigger::xds
