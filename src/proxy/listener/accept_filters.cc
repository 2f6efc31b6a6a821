#include "proxy/listener/accept_filters.h"

#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <optional>
#include <string>
#include "proxy/http/connection_facts.h"

namespace outrigger::listener {

namespace {

bool is_transparent(int fd) {
  int on = 0;
  socklen_t n = sizeof on;
  return ::getsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, &n) == 0 && on != 0;
}

/// By filter state. Null: that says nothing.
std::optional<net::Address> told(const http::ConnectionInfo& info, std::string_view key) {
  const auto* e = info.filter_state.find(key, http::StateKind::address);
  if (e == nullptr) return {};
  return net::Address::parse_ip_port(e->value).value();
}

/// An internal connection was told where it is meant to go and whom it comes from, or not.
void restore_internal(http::ConnectionInfo& info) {
  if (auto remote = told(info, http::state_key::kOriginalDstRemote)) info.remote = std::move(*remote);
  if (auto local = told(info, http::state_key::kOriginalDstLocal)) {
    info.local = std::move(*local);
    info.local_restored = true;
    return;
  }
  static const std::vector<std::string> kLocal{"local"};
  const auto* metadata = info.found() == nullptr ? nullptr : info.found()->dynamic_metadata.get();
  const auto* value = metadata == nullptr ? nullptr : metadata->find("envoy.filters.listener.original_dst", kLocal);
  if (value == nullptr || value->kind != MetadataValue::string) return;
  auto address = net::Address::parse_ip_port(value->text);
  if (!address) return;
  info.local = std::move(*address);
  info.local_restored = true;
}

}  // namespace

Verdict OriginalDst::on_accept(const Candidate& c) const {
  const auto& here = c.transport.local();
  if (here.is_internal()) {
    restore_internal(c.info);
    return Verdict::next;
  }
  const int fd = c.transport.fd();
  if (!here.is_ip() || fd < 0) return Verdict::next;
  sockaddr_storage sa{};
  socklen_t n = sizeof sa;
  if (::getsockopt(fd, here.is_v4() ? SOL_IP : SOL_IPV6, SO_ORIGINAL_DST, &sa, &n) == 0) {
    c.info.local = net::Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&sa), n);
    c.info.local_restored = true;
  } else if (is_transparent(fd)) {
    c.info.local_restored = true;  // the socket has it
  }
  return Verdict::next;
}

Verdict OriginalSrc::on_accept(const Candidate& c) const {
  if (c.info.remote.is_ip()) c.info.facts().upstream_source = {c.info.remote.with_port(0), mark_};
  return Verdict::next;
}

Verdict LocalRateLimit::on_accept(const Candidate& c) const {
  if (!enabled_.in(*c.thread.runtime) || bucket_->take(c.thread.loop.now())) return Verdict::next;
  c.thread.cells.add(stats_, stats::ListenerRateLimitStat::rate_limited);
  return Verdict::close;
}

Verdict SetFilterState::on_accept(const Candidate& c) const {
  format::apply(rules_, c.thread.loop.now(), c.thread.loop.wall(), c.info);
  return Verdict::next;
}

}  // namespace outrigger::listener
