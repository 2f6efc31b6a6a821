// A route configuration as it came, its virtual hosts apart: those that were in the version before need not be parsed and
// compiled again. Pure.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/route/route.h"

namespace outrigger::xds {

struct RouteParts {
  struct Host {
    std::string_view field;  // of the message, with its tag; a view of it
    std::uint64_t hash = 0;
  };
  std::string rest;  // all but the virtual hosts
  std::vector<Host> vhosts;
};
/// None: it is no message.
std::optional<RouteParts> split_routes(std::string_view message);

/// The virtual hosts of one version, by what they were compiled from.
class KnownHosts {
 public:
  void clear();
  /// Of the version that was compiled as a whole. `parts` has as many.
  void take(const RouteParts& parts, const std::vector<std::shared_ptr<route::VirtualHost>>& hosts);
  /// A message that has only those that are not known; none: it says other things besides.
  std::optional<std::string> news(const RouteParts& parts) const;
  /// The whole version from that and from `fresh`, which news() was compiled to. Null: it does not fit together.
  std::shared_ptr<route::RouteConfig> assemble(const RouteParts& parts, const route::RouteConfig& fresh) const;

 private:
  std::uint64_t rest_ = 0;  // 0: nothing is known
  std::unordered_map<std::uint64_t, std::shared_ptr<route::VirtualHost>> hosts_;
};

}  // namespace outrigger::xds
