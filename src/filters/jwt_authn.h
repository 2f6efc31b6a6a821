// The filter jwt_authn: requests must carry tokens that their rules ask for; what the tokens say is handed on in headers and
// metadata.
#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "filters/jwks.h"
#include "filters/jwt.h"
#include "filters/remote_jwks.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

/// Audiences in a config; a scheme in front and a slash at the end make no difference.
class Audiences {
 public:
  void add(std::string_view audience) { all_.emplace(plain(audience)); }
  bool empty() const noexcept { return all_.empty(); }
  /// True when there are none.
  bool allow(const std::vector<std::string_view>& of_token) const;

 private:
  static std::string_view plain(std::string_view audience) noexcept;
  std::set<std::string, std::less<>> all_;
};

/// Tokens that were checked, by their text. One worker's.
class JwtCache {
 public:
  JwtCache(std::size_t max, std::size_t token_max) : max_(max), token_max_(token_max) {}
  /// Null: it isn't there, or has expired at `now`.
  const Jwt* find(std::string_view token, std::uint64_t now);
  void put(std::unique_ptr<const Jwt> jwt);

 private:
  std::list<std::unique_ptr<const Jwt>> all_;  // the one used last is first
  std::unordered_map<std::string_view, std::list<std::unique_ptr<const Jwt>>::iterator> by_text_;
  std::size_t max_, token_max_;
};

struct JwtProvider {
  struct Header {
    std::string name, prefix;
  };
  struct ClaimHeader {
    std::string header;
    std::vector<std::string> path;
  };
  std::string issuer;  // empty: any
  Audiences audiences;
  std::optional<route::StringMatcher> subjects;
  bool needs_expiration = false;
  std::optional<Duration> lifetime_max;
  std::shared_ptr<const Jwks> keys;          // null: there are none that can be used
  std::unique_ptr<const RemoteJwks> remote;  // in their place; null: none
  bool forward = false;
  std::vector<Header> headers;
  std::vector<std::string> params, cookies;
  std::string payload_header;
  bool pad_payload = false;
  std::string payload_metadata, header_metadata, failure_metadata;  // empty: none
  std::vector<std::string> lists;                                   // claims that are texts of words
  std::uint64_t clock_skew = 60;
  std::vector<std::unique_ptr<JwtCache>> caches;  // by worker; empty: none
  std::vector<ClaimHeader> claim_headers;
  bool clear_route_cache = false;
};

/// Where tokens may be, and of which issuers. For one provider, or for several at once.
class JwtLocations {
 public:
  void add(const JwtProvider& p);

  struct Issuers {
    bool any = false;
    std::set<std::string, std::less<>> all;
    bool allow(std::string_view issuer) const { return any || all.find(issuer) != all.end(); }
  };
  struct Found {
    std::string_view token;
    const Issuers* issuers;
    std::string_view header, param;  // to remove; empty: none
  };
  /// In the arena. In the order in which they are looked for.
  const Found* find(const http::RequestHead& head, Arena& arena, std::size_t& count) const;

 private:
  struct Header {
    std::string name, prefix;
    Issuers issuers;
  };
  std::map<std::string, Header> headers_;  // by name and prefix
  std::map<std::string, Issuers> params_, cookies_;
};

struct JwtRequirement {
  enum Kind : std::uint8_t { nothing, provider, allow_missing, allow_missing_or_failed, any, all } kind = nothing;
  const JwtProvider* of = nullptr;     // of provider
  std::optional<Audiences> audiences;  // instead of its own
  JwtLocations locations;
  std::vector<JwtRequirement> inner;
  bool missing_is_fine = false, failed_is_fine = false;  // of any
};

struct JwtAuthnConfig {
  struct Rule {
    route::RouteMatch match;
    const JwtRequirement* requires_it = nullptr;  // null: nothing
  };
  std::map<std::string, JwtProvider, std::less<>> providers;
  bool has_remote = false;               // one of them
  std::vector<std::string> own_headers;  // which nobody else may send
  std::list<JwtRequirement> requirements;
  std::map<std::string, const JwtRequirement*, std::less<>> by_name;
  std::vector<Rule> rules;
  std::string state_key;  // of filter state that names a requirement
  std::map<std::string, const JwtRequirement*, std::less<>> by_state;
  bool bypass_cors_preflight = false, strip_failure = false;
  stats::BlockHandle stats;  // http.<prefix>.jwt_authn.
  /// The first whose issuer it is, else the first of any issuer; null: none.
  const JwtProvider* by_issuer(std::string_view issuer) const;
};

struct JwtAuthnPerRoute : route::FilterPart {
  bool disabled = false;
  std::string requirement;
};

class JwtAuthnFactory final : public hcm::FilterFactory {
 public:
  explicit JwtAuthnFactory(std::shared_ptr<const JwtAuthnConfig> config) : config_(std::move(config)) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const JwtAuthnConfig& config() const noexcept { return *config_; }

 private:
  std::shared_ptr<const JwtAuthnConfig> config_;
};

}  // namespace outrigger::filters
