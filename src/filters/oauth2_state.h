// How a login of the filter oauth2 begins and comes back: the parameter `state`, its token against forged requests, and what the
// authorization server's redirect is checked for. Worker's thread.
#pragma once
#include <string>
#include <string_view>
#include "filters/oauth2.h"

namespace outrigger::filters {

/// A JSON object in base64url. `flow` tells logins of one browser apart.
std::string encode_state(std::string_view url, std::string_view csrf_token, std::string_view flow);

struct OAuth2Callback {
  std::string error;      // empty: all is fine
  std::string url, flow;  // where the browser wanted to go; the flow is known as soon as the token was good
  std::string code;
};
/// Of the path of a request that comes from the authorization server.
OAuth2Callback check_callback(std::string_view path, const RequestCookies& cookies, const OAuth2Config& config,
                              std::string_view secret);

}  // namespace outrigger::filters
