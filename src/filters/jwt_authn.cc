#include "filters/jwt_authn.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "filters/jwt_stats.h"
#include "proxy/base/base64.h"
#include "proxy/hcm/stream.h"
#include "proxy/http/h1_parser.h"
#include "proxy/route/query.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

namespace {

constexpr std::string_view kNamespace = "envoy.filters.http.jwt_authn";
constexpr std::size_t kRealmPathMax = 256;

/// As a header has it; empty: it isn't told.
std::string claim_text(const MetadataValue& v) {
  switch (v.kind) {
    case MetadataValue::string: return v.text;
    case MetadataValue::boolean: return v.b ? "true" : "false";
    case MetadataValue::number: {
      double whole = 0;
      const bool is_whole = v.n >= 0 && v.n < 18446744073709551615.0 && std::modf(v.n, &whole) == 0;
      return is_whole ? std::to_string(static_cast<std::uint64_t>(v.n)) : std::to_string(v.n);
    }
    case MetadataValue::object:
    case MetadataValue::list: {
      std::string json;
      v.append_json(json);
      return encode_base64(json);
    }
    case MetadataValue::null: break;
  }
  return {};
}

/// Texts of words become lists of them.
MetadataValue with_lists(MetadataValue payload, const std::vector<std::string>& claims) {
  for (auto& [name, v] : payload.fields) {
    if (v.kind != MetadataValue::string || std::find(claims.begin(), claims.end(), name) == claims.end()) continue;
    MetadataValue list;
    list.kind = MetadataValue::list;
    const std::string_view text = v.text;
    for (std::size_t at = 0; at < text.size();) {
      const auto end = std::min(text.find(' ', at), text.size());
      if (end > at) list.items.push_back(MetadataValue::of(text.substr(at, end - at)));
      at = end + 1;
    }
    if (!list.items.empty()) v = std::move(list);
  }
  return payload;
}

/// What services have answered for one request. It has these keys to its end, whatever becomes of the worker's.
class FetchedKeys {
 public:
  void add(const JwtProvider& p, std::shared_ptr<const Jwks> keys) { all_.push_back({&p, std::move(keys)}); }
  struct Answer {
    const JwtProvider* of;
    std::shared_ptr<const Jwks> keys;  // null: none
  };
  const Answer* find(const JwtProvider& p) const noexcept {
    for (const auto& a : all_)
      if (a.of == &p) return &a;
    return nullptr;
  }

 private:
  std::vector<Answer> all_;
};

/// One request's.
class Check {
 public:
  Check(hcm::Stream& stream, const JwtAuthnConfig& config, http::RequestHead& head, const FetchedKeys& fetched)
      : stream_(stream),
        config_(config),
        head_(head),
        fetched_(fetched),
        now_(static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::seconds>(stream.thread().loop.wall().time_since_epoch()).count())) {}

  /// Whose keys have to be asked for before run(), which comes next then: nothing is changed by this. Null: nobody's.
  const JwtProvider* lacking(const JwtRequirement& r) {
    trial_ = true;
    run(r);
    trial_ = false;
    return lacks_;
  }

  JwtStatus run(const JwtRequirement& r) {
    switch (r.kind) {
      case JwtRequirement::nothing: return JwtStatus::ok;
      case JwtRequirement::provider:
      case JwtRequirement::allow_missing:
      case JwtRequirement::allow_missing_or_failed: return tokens(r);
      case JwtRequirement::any: return any(r);
      case JwtRequirement::all:
        for (const auto& inner : r.inner)
          if (const auto status = run(inner); status != JwtStatus::ok) return status;
        return JwtStatus::ok;
    }
    return JwtStatus::verification_fails;
  }

  /// What is known by then.
  void tell() {
    if (!metadata_.fields.empty()) {
      auto all = copy_of(stream_.info().dynamic_metadata);
      all->merge(kNamespace, metadata_);
      stream_.info().dynamic_metadata = std::move(all);
    }
    if (clear_route_cache_) stream_.clear_route_cache();
  }

 private:
  /// Of several failures one that says more than that there is no token, or another's.
  JwtStatus any(const JwtRequirement& r) {
    JwtStatus status = JwtStatus::missing;
    for (const auto& inner : r.inner) {
      const auto s = run(inner);
      if (s == JwtStatus::ok || lacks_ != nullptr) return s;
      if ((s != JwtStatus::missing && s != JwtStatus::unknown_issuer) || status == JwtStatus::missing) status = s;
    }
    const bool fine = r.failed_is_fine || (r.missing_is_fine && status == JwtStatus::missing);
    return fine ? JwtStatus::ok : status;
  }

  /// All tokens must be good, unless the requirement takes bad ones. The last is looked at first, as in Envoy.
  JwtStatus tokens(const JwtRequirement& r) {
    std::size_t count = 0;
    const auto* found = r.locations.find(head_, stream_.arena(), count);
    const bool strict = r.kind == JwtRequirement::provider;
    JwtStatus status = JwtStatus::missing;
    if (count == 0) note_failure(r.of, status);
    while (count > 0) {
      const JwtProvider* of = r.of;
      status = token(r, found[--count], of);
      if (lacks_ != nullptr) return status;
      if (status != JwtStatus::ok) note_failure(of, status);
      if (status != JwtStatus::ok && strict) break;
    }
    if (r.kind == JwtRequirement::allow_missing_or_failed) return JwtStatus::ok;
    return r.kind == JwtRequirement::allow_missing && status == JwtStatus::missing ? JwtStatus::ok : status;
  }

  /// `of`: of the provider, when the requirement says none.
  JwtStatus token(const JwtRequirement& r, const JwtLocations::Found& found, const JwtProvider*& of) {
    auto* cache = of == nullptr || of->caches.empty() ? nullptr : of->caches[stream_.worker().index % of->caches.size()].get();
    const Jwt* jwt = cache == nullptr ? nullptr : cache->find(found.token, now_);
    if (of != nullptr && !trial_) count(jwt != nullptr ? JwtAuthnStat::jwt_cache_hit : JwtAuthnStat::jwt_cache_miss);
    const bool cached = jwt != nullptr;
    std::unique_ptr<Jwt> fresh;
    if (!cached) {
      fresh = std::make_unique<Jwt>();
      if (const auto status = fresh->parse(found.token); status != JwtStatus::ok) return status;
      jwt = fresh.get();
    }
    if (!found.issuers->allow(jwt->iss)) return JwtStatus::unknown_issuer;
    if (of == nullptr) of = config_.by_issuer(jwt->iss);
    if (of == nullptr) return JwtStatus::unknown_issuer;
    if (const auto status = claims(*of, *jwt, r.audiences ? *r.audiences : of->audiences); status != JwtStatus::ok) return status;
    if (!cached && std::find(proved_.begin(), proved_.end(), Proof(of, found.token.data())) == proved_.end()) {
      if (const auto status = signature(*of, *jwt); status != JwtStatus::ok) return status;
      if (trial_) proved_.emplace_back(of, found.token.data());
    }
    if (trial_) return JwtStatus::ok;
    accept(*of, *jwt, found);
    if (cache != nullptr && !cached) cache->put(std::move(fresh));
    return JwtStatus::ok;
  }

  JwtStatus signature(const JwtProvider& p, const Jwt& jwt) {
    std::shared_ptr<const Jwks> keys = p.keys;
    if (p.remote != nullptr) {
      const auto* fetched = fetched_.find(p);
      keys = fetched != nullptr ? fetched->keys : p.remote->find(stream_.worker().index, stream_.thread().loop.now());
      if (keys == nullptr && fetched == nullptr) lacks_ = &p;
      if (keys == nullptr) return JwtStatus::jwks_fetch_fails;
    }
    return keys == nullptr ? JwtStatus::jwks_no_valid_keys : keys->check(jwt);
  }

  JwtStatus claims(const JwtProvider& p, const Jwt& jwt, const Audiences& audiences) const {
    if (const auto status = jwt.check_time(now_, p.clock_skew); status != JwtStatus::ok) return status;
    if (p.subjects && !p.subjects->match(jwt.sub)) return JwtStatus::verification_fails;
    if ((p.needs_expiration || p.lifetime_max) && jwt.exp == 0) return JwtStatus::verification_fails;
    if (p.lifetime_max && jwt.exp > now_ &&
        static_cast<double>(jwt.exp - now_) * 1e6 >= static_cast<double>(p.lifetime_max->count()))
      return JwtStatus::verification_fails;
    return audiences.allow(jwt.audiences) ? JwtStatus::ok : JwtStatus::audience_not_allowed;
  }

  void accept(const JwtProvider& p, const Jwt& jwt, const JwtLocations::Found& found) {
    auto& arena = stream_.arena();
    if (!p.payload_header.empty()) {
      const std::string_view padding("===", p.pad_payload ? (4 - jwt.payload_base64.size() % 4) % 4 : 0);
      head_.headers.add(std::string_view(p.payload_header), arena.cat(jwt.payload_base64, padding));
    }
    bool added = false;
    for (const auto& c : p.claim_headers) {
      const MetadataValue* v = &jwt.payload;
      for (const auto& part : c.path) v = v == nullptr ? nullptr : v->field(part);
      const std::string text = v == nullptr ? std::string() : claim_text(*v);
      if (text.empty() || !http::can_be_value(text)) continue;  // a claim is the issuer's text
      head_.headers.add(std::string_view(c.header), arena.copy(text));
      added = true;
    }
    if (!p.forward) remove(found);
    if (!p.header_metadata.empty()) put(p.header_metadata, jwt.header);
    if (!p.payload_metadata.empty()) put(p.payload_metadata, with_lists(jwt.payload, p.lists));
    if (p.clear_route_cache && (added || !p.payload_metadata.empty())) clear_route_cache_ = true;
  }

  void remove(const JwtLocations::Found& found) {
    if (!found.header.empty()) head_.headers.remove(found.header);
    if (!found.param.empty()) head_.path = route::without_query_parameter(head_.path, found.param, stream_.arena());
  }

  /// In place of what has that name.
  void put(const std::string& name, MetadataValue value) {
    metadata_.kind = MetadataValue::object;
    for (auto& [have, v] : metadata_.fields)
      if (have == name) return void(v = std::move(value));
    metadata_.fields.emplace_back(name, std::move(value));
    std::sort(metadata_.fields.begin(), metadata_.fields.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  }

  void note_failure(const JwtProvider* of, JwtStatus status) {
    if (trial_) return;
    if (of == nullptr && config_.providers.size() == 1) of = &config_.providers.begin()->second;
    if (of == nullptr || of->failure_metadata.empty()) return;
    MetadataValue code;
    code.kind = MetadataValue::number;
    code.n = static_cast<double>(status);
    code.json = std::to_string(static_cast<unsigned>(status));
    MetadataValue v = MetadataValue::of("code", std::move(code));
    v.fields.emplace_back("message", MetadataValue::of(text_of(status)));
    put(of->failure_metadata, std::move(v));
  }

  void count(JwtAuthnStat stat) { stream_.thread().cells.add(config_.stats, stat); }

  hcm::Stream& stream_;
  const JwtAuthnConfig& config_;
  http::RequestHead& head_;
  const FetchedKeys& fetched_;
  std::uint64_t now_;
  MetadataValue metadata_;
  bool clear_route_cache_ = false;
  bool trial_ = false;
  const JwtProvider* lacks_ = nullptr;
  using Proof = std::pair<const JwtProvider*, const char*>;  // the provider's keys have made that token
  std::vector<Proof> proved_;
};

class JwtAuthn final : public hcm::HttpFilter, private JwksFetchEvents {
 public:
  JwtAuthn(hcm::Stream& stream, const JwtAuthnFactory& factory)
      : HttpFilter(stream), factory_(factory), config_(factory.config()) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    for (const auto& name : config_.own_headers) head.headers.remove(std::string_view(name));
    if (config_.bypass_cors_preflight && is_preflight(head)) {
      count(JwtAuthnStat::cors_preflight_bypassed);
      return allow();
    }
    const auto* o = stream_.override_for(factory_.name);
    if (const auto* route = o == nullptr ? nullptr : o->as<JwtAuthnPerRoute>()) {
      if (!route->disabled) {
        const auto at = config_.by_name.find(route->requirement);
        if (at == config_.by_name.end()) return refuse_name(route->requirement);
        required_ = at->second;
      }
    } else {
      required_ = by_rules(head);
    }
    if (required_ == nullptr) return allow();
    realm_ = realm_of(head);
    return decide(head);
  }
  void on_stream_end() override { fetches_.clear(); }

 private:
  /// Stops the request while keys are asked for.
  FilterStatus decide(http::RequestHead& head) {
    while (true) {
      Check check(stream_, config_, head, fetched_);
      lacks_ = config_.has_remote ? check.lacking(*required_) : nullptr;
      if (lacks_ == nullptr) {
        const auto status = check.run(*required_);
        check.tell();
        return status == JwtStatus::ok ? allow() : refuse(status, realm_);
      }
      waits_ = false;
      JwksFetchEvents& self = *this;
      fetches_.push_back(std::make_unique<JwksFetch>(stream_, *lacks_->remote, self));
      fetches_.back()->start();
      waits_ = lacks_ != nullptr;
      if (waits_) return FilterStatus::stop;
    }
  }

  void on_jwks(std::shared_ptr<const Jwks> keys) override {
    count(keys == nullptr ? JwtAuthnStat::jwks_fetch_failed : JwtAuthnStat::jwks_fetch_success);
    fetched_.add(*std::exchange(lacks_, nullptr), std::move(keys));
    if (waits_ && decide(stream_.request()) == FilterStatus::go_on) stream_.continue_request(*this);
  }

  static bool is_preflight(const http::RequestHead& head) noexcept {
    return head.method == "OPTIONS" && !head.headers.get(Name::origin).empty() &&
           !head.headers.get(Name::access_control_request_method).empty();
  }

  const JwtRequirement* by_rules(const http::RequestHead& head) {
    const auto context = stream_.match_context();
    for (const auto& rule : config_.rules)
      if (rule.match.match(head, context)) return rule.requires_it;
    if (config_.state_key.empty()) return nullptr;
    const auto* e = stream_.info().filter_state.find(config_.state_key);
    const auto at = e == nullptr ? config_.by_state.end() : config_.by_state.find(e->value);
    return at == config_.by_state.end() ? nullptr : at->second;
  }

  /// The URL as the client sent it.
  std::string_view realm_of(const http::RequestHead& head) {
    const auto* original = head.headers.find(Name::x_envoy_original_path);
    const auto path = original == nullptr ? head.path : original->value;
    return stream_.arena().cat("Bearer realm=\"", head.scheme, "://", head.authority, path.substr(0, kRealmPathMax), "\"");
  }

  FilterStatus allow() {
    count(JwtAuthnStat::allowed);
    return FilterStatus::go_on;
  }

  FilterStatus refuse(JwtStatus status, std::string_view realm) {
    count(JwtAuthnStat::denied);
    const auto text = text_of(status);
    const hcm::ExtraHeader challenge{
        "www-authenticate", status == JwtStatus::missing ? realm : stream_.arena().cat(realm, ", error=\"invalid_token\"")};
    const bool strip = config_.strip_failure;
    stream_.local_reply({.status = static_cast<std::uint16_t>(status == JwtStatus::audience_not_allowed ? 403 : 401),
                         .body = strip ? std::string_view{} : text,
                         .details = details(text),
                         .headers = &challenge,
                         .headers_count = strip ? 0U : 1U});
    return FilterStatus::stop;
  }

  FilterStatus refuse_name(std::string_view requirement) {
    count(JwtAuthnStat::denied);
    std::string known;
    for (const auto& [name, r] : config_.by_name) known += (known.empty() ? "" : ",") + name;
    const std::string text = "Wrong requirement_name: " + std::string(requirement) + ". It should be one of [" + known + "]";
    stream_.local_reply({.status = 403,
                         .body = config_.strip_failure ? std::string() : "Failed JWT authentication: " + text,
                         .details = details(text)});
    return FilterStatus::stop;
  }

  /// Without white space, which ends a field of a log.
  std::string_view details(std::string_view text) {
    std::string out = "jwt_authn_access_denied{" + std::string(text) + "}";
    std::replace(out.begin(), out.end(), ' ', '_');
    return stream_.arena().copy(out);
  }

  void count(JwtAuthnStat stat) { stream_.thread().cells.add(config_.stats, stat); }

  const JwtAuthnFactory& factory_;
  const JwtAuthnConfig& config_;
  const JwtRequirement* required_ = nullptr;
  std::string_view realm_;
  const JwtProvider* lacks_ = nullptr;  // whose keys were asked for last and have not come
  bool waits_ = false;
  FetchedKeys fetched_;
  std::vector<std::unique_ptr<JwksFetch>> fetches_;
};

}  // namespace

const JwtProvider* JwtAuthnConfig::by_issuer(std::string_view issuer) const {
  const JwtProvider* any = nullptr;
  for (const auto& [name, p] : providers) {
    if (p.issuer == issuer) return &p;
    if (p.issuer.empty() && any == nullptr) any = &p;
  }
  return any;
}

hcm::HttpFilter* JwtAuthnFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<JwtAuthn>(stream, *this); }

}  // namespace outrigger::filters
