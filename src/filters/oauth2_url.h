// Absolute URLs, taken apart as Envoy does it, and the hosts that the filter oauth2 may send browsers to. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outrigger::filters {

/// Parts of the text.
struct AbsoluteUrl {
  std::string_view scheme;
  std::string_view host_and_port;  // without a user's name, with the brackets of an IPv6 address
  std::string_view host;           // without those brackets
  std::string_view path;           // with query and fragment; "/" when there is nothing
};
/// None: it isn't one, or has characters that none may have.
std::optional<AbsoluteUrl> parse_absolute_url(std::string_view text);

/// Is its host in the list ("example.com", "*.example.com")? An empty list has all; else what is no URL is not.
bool is_allowed_domain(std::string_view url, const std::vector<std::string>& domains);

/// All but letters, digits and "-_.~".
std::string url_encode(std::string_view text);
/// As Envoy puts values in a form's body: control characters, what isn't ASCII, "~" and these: ":/=&?+".
std::string form_encode(std::string_view text);

/// The parameters of a path's query as they are: nothing is decoded.
struct RawParameter {
  std::string key, value;
};
std::vector<RawParameter> raw_query(std::string_view path);
/// Null: there is none. The first.
const std::string* find_parameter(const std::vector<RawParameter>& all, std::string_view key);
/// All of that name become one.
void overwrite_parameter(std::vector<RawParameter>& all, std::string_view key, std::string_view value);
/// "?a=b&c=d", by name; empty: there are none.
std::string query_text(std::vector<RawParameter> all);

}  // namespace outrigger::filters
