// The filter api_key_auth: requests need a key of a list, in a header, a parameter of the query or a cookie. Envoy:
// api_key_auth_filter.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.api_key_auth.".
enum class ApiKeyStat : std::uint16_t { allowed, unauthorized, forbidden };

inline stats::BlockDef block_def(ApiKeyStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "allowed"}, {Kind::counter, "unauthorized"}, {Kind::counter, "forbidden"}};
  return {kStats, {}};
}

struct KeySource {
  enum Kind : std::uint8_t { header, query, cookie } kind = header;
  std::string name;  // of a header: in lower case
};
using KeySources = std::vector<KeySource>;

/// The first that isn't empty; what was decoded for it is in the request's arena.
std::string_view find_key(const KeySources& sources, const http::RequestHead& head);
/// Takes all of them from the request.
void hide_keys(const KeySources& sources, http::RequestHead& head);
/// Takes a cookie out, as Envoy does: one header is left, at the end, without what are no cookies and without their quotes.
void remove_cookie(http::HeaderMap& headers, std::string_view name);

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
};

/// Of the filter; of a route, for what it has of it in place of the filter's.
struct ApiKeyConfig : route::FilterPart {
  struct Forwarding {
    std::string header;  // in lower case; empty: none
    bool hide_credentials = false;
  };
  std::unordered_map<std::string, std::string, TextHash, std::equal_to<>> clients;  // by key
  KeySources sources;
  Forwarding forwarding;
  std::unordered_set<std::string, TextHash, std::equal_to<>> allowed_clients;  // of a route; empty: all
};

class ApiKeyFactory final : public hcm::FilterFactory {
 public:
  ApiKeyFactory(std::shared_ptr<const ApiKeyConfig> config, stats::BlockHandle stats)
      : config_(std::move(config)), stats_(stats) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const ApiKeyConfig& config() const noexcept { return *config_; }
  stats::BlockHandle stats() const noexcept { return stats_; }

 private:
  std::shared_ptr<const ApiKeyConfig> config_;
  stats::BlockHandle stats_;
};

}  // namespace outrigger::filters
