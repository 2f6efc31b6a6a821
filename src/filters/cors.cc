#include "filters/cors.h"

#include <algorithm>
#include <array>

#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;
using stats::CorsStat;

namespace {

class Cors final : public hcm::HttpFilter {
 public:
  Cors(hcm::Stream& stream, const CorsFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    find_policies();
    const bool enabled = is_enabled(), shadow = is_shadow();
    if (!enabled && !shadow) return FilterStatus::go_on;
    origin_ = head.headers.get(Name::origin);
    if (origin_.empty()) return FilterStatus::go_on;
    allowed_ = is_allowed();
    stream_.thread().cells.add(factory_.stats(), allowed_ ? CorsStat::origin_valid : CorsStat::origin_invalid);
    if (!enabled) {
      allowed_ = false;
      return FilterStatus::go_on;
    }
    if (head.method != "OPTIONS" || head.headers.get(Name::access_control_request_method).empty()) return FilterStatus::go_on;
    if (!allowed_ && flag(&CorsPolicy::forward_other_preflights, true)) return FilterStatus::go_on;
    answer_preflight(head);
    return FilterStatus::stop;
  }

  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    if (!allowed_) return FilterStatus::go_on;
    allow_origin(head.headers);
    if (const auto exposed = text(&CorsPolicy::exposed); !exposed.empty())
      head.headers.set(Name::access_control_expose_headers, exposed);
    return FilterStatus::go_on;
  }

 private:
  /// The nearest first; none of a route that answers by itself.
  void find_policies() {
    const auto* r = stream_.route();
    if (r == nullptr || r->kind != route::Route::forward) return;
    const auto all = stream_.overrides_for(factory_.name);
    for (auto at = all.rbegin(); at != all.rend(); ++at)
      if (const auto* p = *at == nullptr ? nullptr : (*at)->as<CorsPolicy>()) policies_[count_++] = p;
  }
  std::string_view text(std::string CorsPolicy::*field) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (!(policies_[i]->*field).empty()) return policies_[i]->*field;
    return {};
  }
  bool flag(std::optional<bool> CorsPolicy::*field, bool otherwise) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (policies_[i]->*field) return *(policies_[i]->*field);
    return otherwise;
  }
  bool hit(const runtime::RuntimePercent& p) {
    auto& t = stream_.thread();
    return p.enabled(*t.runtime, t.random.next());
  }
  /// By the nearest policy, which is on when it doesn't say.
  bool is_enabled() { return count_ > 0 && (!policies_[0]->enabled || hit(*policies_[0]->enabled)); }
  bool is_shadow() { return count_ > 0 && policies_[0]->shadow && hit(*policies_[0]->shadow); }
  bool is_allowed() const {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& origins = policies_[i]->origins;
      if (origins.empty()) continue;
      return std::any_of(origins.begin(), origins.end(), [&](const auto& m) { return m.match("*") || m.match(origin_); });
    }
    return false;
  }

  void allow_origin(http::HeaderMap& h) const {
    if (allowed_) h.set(Name::access_control_allow_origin, origin_);
    if (flag(&CorsPolicy::credentials, false)) h.set(Name::access_control_allow_credentials, "true");
  }
  /// An origin that is not allowed gets all but its name.
  void answer_preflight(const http::RequestHead& request) {
    auto& head = *stream_.arena().make<http::ResponseHead>(stream_.arena());
    head.status = 200;
    auto& h = head.headers;
    allow_origin(h);
    const std::pair<Name, std::string_view> lists[] = {{Name::access_control_allow_methods, text(&CorsPolicy::methods)},
                                                       {Name::access_control_allow_headers, text(&CorsPolicy::headers)},
                                                       {Name::access_control_max_age, text(&CorsPolicy::max_age)}};
    for (const auto& [name, value] : lists)
      if (!value.empty()) h.set(name, value);
    const auto* network = request.headers.find("access-control-request-private-network");
    if (network != nullptr && network->value == "true" && flag(&CorsPolicy::private_network, false))
      h.add("access-control-allow-private-network", "true");
    stream_.info().details = "cors_response";
    stream_.respond_head(head, true);
  }

  const CorsFactory& factory_;
  std::array<const CorsPolicy*, 4> policies_{};
  std::size_t count_ = 0;
  std::string_view origin_;
  bool allowed_ = false;
};

}  // namespace

hcm::HttpFilter* CorsFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<Cors>(stream, *this); }

}  // namespace outrigger::filters
