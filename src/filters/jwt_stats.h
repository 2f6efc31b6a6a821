// What the filter jwt_authn counts, below "http.<prefix>.jwt_authn.".
#pragma once
#include "proxy/stats/names.h"

namespace outrigger::filters {

enum class JwtAuthnStat : std::uint16_t {
  allowed,
  cors_preflight_bypassed,
  denied,
  jwks_fetch_failed,
  jwks_fetch_success,
  jwt_cache_hit,
  jwt_cache_miss
};

inline stats::BlockDef block_def(JwtAuthnStat) {
  using stats::Kind;
  static constexpr stats::StatDef kStats[] = {
      {Kind::counter, "allowed"},           {Kind::counter, "cors_preflight_bypassed"}, {Kind::counter, "denied"},
      {Kind::counter, "jwks_fetch_failed"}, {Kind::counter, "jwks_fetch_success"},      {Kind::counter, "jwt_cache_hit"},
      {Kind::counter, "jwt_cache_miss"}};
  return {kStats, {}};
}

}  // namespace outrigger::filters
