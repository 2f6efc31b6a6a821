// envoy.config.core.v3.HttpUri: where a service is asked.
#pragma once
#include <string>
#include <string_view>

namespace outrigger::xds {

struct UriParts {
  std::string authority, path;
};
/// `host`: where the authority begins. Without a path it is "/".
inline UriParts split_uri(std::string_view uri, std::size_t host) {
  const auto path = uri.find('/', host);
  const bool has_path = path != std::string_view::npos;
  return {std::string(uri.substr(host, has_path ? path - host : path)), std::string(has_path ? uri.substr(path) : "/")};
}

}  // namespace outrigger::xds
