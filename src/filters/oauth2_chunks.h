// Tokens of the filter oauth2 that browsers take in no single cookie: "<name>_0", "<name>_1" and so on, and "<name>_chunks",
// which says how many. Worker's thread.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>
#include "filters/oauth2_cookies.h"

namespace outrigger::filters {

inline constexpr unsigned kChunksMax = 16;  // that are put together

/// What a browser has of a token.
struct HadCookies {
  bool whole = false;   // one cookie
  unsigned chunks = 0;  // so many at most
};
enum class Joined : std::uint8_t { nothing, joined, malformed };
/// Puts chunks together to one cookie; they go, whether that can be done or not.
Joined join_chunks(RequestCookies& cookies, std::string_view name, HadCookies& had);

struct ChunkLimits {
  std::size_t size_max = 0;  // of a cookie with its name and attributes; 0: tokens are not split
  unsigned count_max = 8;
};
/// What is set for a token, and what is deleted of what there was. An empty value: there is none. False: it takes too many.
bool add_token_cookies(const CookieSettings& s, std::string_view value, std::string_view domain, std::string_view max_age,
                       const HadCookies& had, const ChunkLimits& limits, std::vector<std::string>& out, bool& split);
/// Deletes chunks.
void delete_chunks(const CookieSettings& s, std::string_view domain, const HadCookies& had, bool secure,
                   std::vector<std::string>& out);

}  // namespace outrigger::filters
