// Settings of an HTTP/1 codec, compiled from Http1ProtocolOptions and HttpProtocolOptions.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace outrigger::http {

/// preserve: a head goes on as it was read; names that are new in it are lower case, or proper words.
enum class HeaderCase : std::uint8_t { lower, proper_words, preserve, preserve_else_proper };
enum class UnderscoreAction : std::uint8_t { allow, reject, drop };

struct Http1Options {
  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool enable_trailers = false;
  bool allow_chunked_length = false;
  bool allow_absolute_url = true;
  bool send_fully_qualified_url = false;
  bool stream_error_on_invalid_http_message = false;
  HeaderCase header_case = HeaderCase::lower;
  bool forward_reason_phrase = false;
  bool allow_custom_methods = false;
  /// Upgrades that are taken as not asked for; null: none.
  std::function<bool(std::string_view)> ignored_upgrade;
  UnderscoreAction underscores = UnderscoreAction::allow;
  std::uint32_t headers_kb_max = 60;  // 80 for responses
  std::uint32_t headers_max = 100;
};

}  // namespace outrigger::http
