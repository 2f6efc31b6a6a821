#include "proxy/upstream/original_dst.h"

#include "proxy/http/connection_facts.h"
#include "proxy/upstream/host_monitor.h"
#include "proxy/upstream/socket_match.h"

namespace outrigger::upstream {

using stats::ClusterStat;

namespace {
/// More are refused: clients may choose the addresses.
constexpr std::size_t kHostsMax = 65536;

/// None: there is no such header.
std::optional<std::string_view> wanted(const OriginalDst& config, const http::RequestHead& request) noexcept {
  if (config.header == ":authority") return request.authority;
  const auto* entry = request.headers.find(config.header);
  return entry == nullptr ? std::nullopt : std::optional(entry->value);
}
}  // namespace

void PickContext::follow(const http::ConnectionInfo& connection) noexcept {
  if (connection.local_restored && !connection.leads_back) original_dst = &connection.local;
  if (const auto* found = connection.found()) metadata[1] = found->dynamic_metadata.get();
}

Host* OriginalDstHosts::find(std::string_view address) noexcept {
  const auto at = hosts_.find(address);
  if (at == hosts_.end()) return nullptr;
  Host& h = *at->second.host;
  if (auto& picked = h.stats().picked; !picked.load(std::memory_order_relaxed)) picked.store(true, std::memory_order_relaxed);
  return &h;
}

Host* OriginalDstHosts::host_at(const net::Address& to) {
  if (Host* h = find(to.text())) return h;
  if (hosts_.size() >= kHostsMax || !cluster_.new_host) return nullptr;
  Endpoint e;
  e.address = to;
  e.set_hostname(cluster_.config->name + to.text());
  const Member member{std::make_shared<const Endpoint>(std::move(e)), make_host_stats(*cluster_.config), thread_.loop.now(),
                      socket_for(*cluster_.config, nullptr)};
  hosts_[to.text()].host = std::make_unique<HostPool>(thread_, cluster_, member);
  cluster_.new_host(member);
  return find(to.text());
}

void OriginalDstHosts::read_metadata(const Metadata& metadata, net::Address& to) {
  const auto& config = *cluster_.config->original_dst;
  const auto* value = metadata.find(config.metadata_name, config.metadata_path);
  if (value == nullptr || value->kind != MetadataValue::string || value->text.empty()) return;
  if (auto parsed = net::Address::parse_ip_port(value->text))
    to = std::move(parsed).value();
  else
    thread_.cells.add(cluster_.stats, ClusterStat::original_dst_host_invalid);
}

/// By filter state, then by the header, then by metadata, then by where the client's connection wanted to go.
Host* OriginalDstHosts::pick(const PickContext& c) {
  const auto& config = *cluster_.config->original_dst;
  net::Address to;
  const auto* set = c.state == nullptr ? nullptr : c.state->find(http::state_key::kOriginalDst, http::StateKind::address);
  if (set != nullptr) {
    to = net::Address::parse_ip_port(set->value).value();
  } else if (config.use_http_header && c.request != nullptr) {
    if (const auto text = wanted(config, *c.request)) {
      if (!config.port_override)
        if (Host* h = find(*text)) return h;
      if (auto parsed = net::Address::parse_ip_port(*text))
        to = std::move(parsed).value();
      else
        thread_.cells.add(cluster_.stats, ClusterStat::original_dst_host_invalid);
    }
  }
  for (const auto* m : c.metadata)
    if (to.empty() && m != nullptr && !config.metadata_name.empty()) read_metadata(*m, to);
  if (to.empty() && c.original_dst != nullptr) to = *c.original_dst;
  if (!to.is_ip()) return nullptr;
  return host_at(config.port_override ? to.with_port(*config.port_override) : to);
}

void OriginalDstHosts::update(const HostSet& hosts, std::vector<std::unique_ptr<HostPool>>& gone) {
  for (const auto& m : hosts) {
    Entry& e = hosts_[m.endpoint->address.text()];
    if (e.host == nullptr) e.host = std::make_unique<HostPool>(thread_, cluster_, m);
    e.known = e.kept = true;
  }
  for (auto i = hosts_.begin(); i != hosts_.end();) {
    Entry& e = i->second;
    if (std::exchange(e.kept, false) || !e.known) {
      ++i;
      continue;
    }
    gone.push_back(std::move(e.host));
    i = hosts_.erase(i);
  }
}

}  // namespace outrigger::upstream
