#include "filters/csrf.h"

#include <algorithm>
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

using hcm::FilterStatus;
using http::Name;

/// What begins with '#' is not cut off, as by Envoy; a user is.
std::string_view host_and_port(std::string_view text) noexcept {
  const auto end_of_scheme = text.find("://");
  if (end_of_scheme == std::string_view::npos || end_of_scheme == 0) return text;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end_of_scheme), is_letter)) return text;
  auto authority = text.substr(end_of_scheme + std::string_view("://").size());
  authority = authority.substr(0, authority.find_first_of("/?"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  return authority.empty() ? text : authority;
}

namespace {

class Csrf final : public hcm::HttpFilter {
 public:
  Csrf(hcm::Stream& stream, const CsrfFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    const auto* o = stream_.override_for(factory_.name);
    const auto* own = o == nullptr ? nullptr : o->as<CsrfPolicy>();
    const auto& policy = own == nullptr ? factory_.policy() : *own;
    const bool enforced = hit(policy.enabled);
    if (!enforced && !(policy.shadow && hit(*policy.shadow))) return FilterStatus::go_on;
    if (!changes(head.method) || is_from_here(policy, head) || !enforced) return FilterStatus::go_on;
    stream_.local_reply({.status = 403, .body = "Invalid origin", .details = "csrf_origin_mismatch"});
    return FilterStatus::stop;
  }

 private:
  static bool changes(std::string_view method) noexcept {
    return method == "POST" || method == "PUT" || method == "DELETE" || method == "PATCH";
  }
  bool hit(const runtime::RuntimePercent& p) {
    auto& t = stream_.thread();
    return p.enabled(*t.runtime, t.random.next());
  }
  void count(CsrfStat s) { stream_.thread().cells.add(factory_.stats(), s); }

  bool is_from_here(const CsrfPolicy& policy, const http::RequestHead& head) {
    const auto origin = head.headers.get(Name::origin);
    auto source = host_and_port(origin);
    if (origin.empty()) source = host_and_port(head.headers.get("referer"));
    if (origin == "null") source = {};  // of a page that hides where it is from: its referer doesn't count either
    if (source.empty()) {
      count(CsrfStat::missing_source_origin);
      return false;
    }
    const auto& more = policy.additional_origins;
    const bool fine = source == host_and_port(head.authority) ||
                      std::any_of(more.begin(), more.end(), [&](const auto& m) { return m.match(source); });
    count(fine ? CsrfStat::request_valid : CsrfStat::request_invalid);
    return fine;
  }

  const CsrfFactory& factory_;
};

}  // namespace

hcm::HttpFilter* CsrfFactory::make(hcm::Stream& stream, Arena& arena) const { return arena.make<Csrf>(stream, *this); }

}  // namespace outrigger::filters
