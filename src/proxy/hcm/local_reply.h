// The parts of a local reply that don't depend on stream state: gRPC form, body headers, and the
// manager's local_reply_config.
#pragma once
#include <optional>
#include <string_view>
#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

/// Trailers-only gRPC answer: 200, grpc-status, grpc-message (percent-encoded).
void grpc_local_reply(http::ResponseHead& head, std::optional<std::uint32_t> status, std::string_view message);
/// A text as the value of grpc-message, in the arena.
std::string_view grpc_message_of(std::string_view text, Arena& arena);
void put_body_headers(http::ResponseHead& head, std::string_view body, std::string_view type);
/// Mappers and body format; strings go to the stream's arena.
void apply_local_reply_config(Stream& s, http::ResponseHead& head, std::string_view& body, std::string_view& type);

}  // namespace outrigger::hcm
