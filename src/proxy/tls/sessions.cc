#include "proxy/tls/sessions.h"

#include <algorithm>

namespace outrigger::tls {

namespace {
bool expired(const SSL_SESSION* s) noexcept {
  X509* peer = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(s));
  return peer != nullptr && X509_cmp_current_time(X509_get0_notAfter(peer)) < 0;
}
}  // namespace

void Sessions::add(Entry e, std::size_t max) {
  if (max == 0) return;
  const auto same = [&](const Entry& x) { return x.context == e.context && x.demands == e.demands; };
  std::size_t count = static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), same));
  for (auto at = entries_.begin(); at != entries_.end() && count >= max;) {
    const bool old = same(*at);
    at = old ? entries_.erase(at) : at + 1;
    count -= old ? 1 : 0;
  }
  if (entries_.size() >= kAllMax) entries_.erase(entries_.begin());
  entries_.push_back(std::move(e));
}

Sessions::Entry Sessions::take(std::uint64_t context, const std::string& demands, bool allow_expired) {
  std::erase_if(entries_, [&](const Entry& e) { return e.context < context; });  // of contexts that are gone
  for (auto at = entries_.rbegin(); at != entries_.rend(); ++at) {
    if (at->context != context || at->demands != demands) continue;
    const auto here = std::next(at).base();
    if (SSL_SESSION_is_resumable(at->session.get()) == 0 || (!allow_expired && expired(at->session.get()))) {
      entries_.erase(here);
      return {};
    }
    if (SSL_SESSION_get_protocol_version(at->session.get()) >= TLS1_3_VERSION) {
      Entry e = std::move(*here);
      entries_.erase(here);
      return e;
    }
    SSL_SESSION_up_ref(at->session.get());
    return {at->context, at->demands, at->validated, SessionPtr(at->session.get())};
  }
  return {};
}

}  // namespace outrigger::tls
