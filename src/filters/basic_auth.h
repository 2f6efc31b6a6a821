// The filter basic_auth: requests need a name and a password of a list (htpasswd, {SHA}). Envoy: basic_auth_filter.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include "proxy/base/result.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// Below "http.<prefix>.basic_auth.".
enum class BasicAuthStat : std::uint16_t { allowed, denied };

inline stats::BlockDef block_def(BasicAuthStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {{Kind::counter, "allowed"}, {Kind::counter, "denied"}};
  return {kStats, {}};
}

/// The SHA-1 of passwords, in base64, by name.
using PasswordHashes = std::map<std::string, std::string, std::less<>>;
/// Lines "name:{SHA}hash"; empty ones and those that begin with '#' don't count.
Result<PasswordHashes> parse_htpasswd(std::string_view text);
bool is_password(std::string_view password, std::string_view hash);

/// Of a route, in place of what the filter says.
struct BasicAuthOverride : route::FilterPart {
  PasswordHashes users;
  std::string realm;  // empty: the filter's
};

struct BasicAuthConfig {
  PasswordHashes users;
  std::string forward_username_header, authentication_header;  // in lower case; empty: none, authorization
  std::string realm;                                           // empty: the URL
  bool allow_missing = false, emit_metadata = false;
  stats::BlockHandle stats;
};

class BasicAuthFactory final : public hcm::FilterFactory {
 public:
  explicit BasicAuthFactory(BasicAuthConfig config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const BasicAuthConfig& config() const noexcept { return config_; }

 private:
  BasicAuthConfig config_;
};

}  // namespace outrigger::filters
