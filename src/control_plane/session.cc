#include "control_plane/session.h"

#include <algorithm>
#include <array>
#include "proxy/base/log.h"

namespace outrigger::control_plane {

namespace {

struct Service {
  std::string_view name, many, type_url;
};
constexpr Service kServices[] = {
    {"discovery.v3.AggregatedDiscoveryService", "AggregatedResources", ""},
    {"cluster.v3.ClusterDiscoveryService", "Clusters", kClusters},
    {"endpoint.v3.EndpointDiscoveryService", "Endpoints", kEndpoints},
    {"listener.v3.ListenerDiscoveryService", "Listeners", kListeners},
    {"route.v3.RouteDiscoveryService", "Routes", kRoutes},
    {"route.v3.VirtualHostDiscoveryService", "VirtualHosts", kVirtualHosts},
    {"route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes", kScopes},
    {"secret.v3.SecretDiscoveryService", "Secrets", kSecrets},
    {"runtime.v3.RuntimeDiscoveryService", "Runtime", kRuntimes},
    {"extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs", kExtensions},
};

/// In this order a proxy is told of a change. Others come after them.
constexpr std::array kOrder{kClusters, kEndpoints, kListeners, kScopes, kRoutes};
/// Those that name clusters.
constexpr std::array kUsers{kListeners, kScopes, kRoutes};

std::size_t rank(std::string_view type_url) {
  return static_cast<std::size_t>(std::find(kOrder.begin(), kOrder.end(), type_url) - kOrder.begin());
}

}  // namespace

Session::Counts::OfType& Session::Counts::of(std::string_view type_url) {
  const auto is_its = [&](const Service& s) { return s.type_url == type_url; };
  const bool served = std::any_of(std::begin(kServices), std::end(kServices), is_its);
  return served ? types[std::string(type_url)] : other;
}

bool Session::kind_of(std::string_view method, Kind& into) {
  for (const auto& s : kServices)
    for (const std::string_view how : {"Stream", "Delta"}) {
      if (method != "/envoy.service." + std::string(s.name) + "/" + std::string(how) + std::string(s.many)) continue;
      into = {how == "Delta", std::string(s.type_url)};
      return true;
    }
  return false;
}

Session::Session(Host& host, Kind kind, std::string peer, std::shared_ptr<Call> call)
    : host_(host),
      kind_(std::move(kind)),
      peer_(std::move(peer)),
      call_(std::move(call)),
      since_(host.clock.wall()),
      patience_(host.timers, *this),
      return_(host.timers, *this) {}

const Subscription* Session::find(std::string_view type_url) const {
  const auto at = types_.find(std::string(type_url));
  return at == types_.end() ? nullptr : &at->second;
}

Subscription* Session::find(std::string_view type_url) {
  return const_cast<Subscription*>(static_cast<const Session&>(*this).find(type_url));
}

void Session::end(int status, const std::string& why) {
  ended_ = true;
  ++host_.counts.ended;
  LOG_WARN(logger::config, "stream of ", peer_, " ended: ", why);
  call_->finish(status, why);
}

void Session::on_message(std::string_view message) {
  if (ended_) return;
  ++host_.counts.requests;
  xds::Request q;
  std::optional<NodeInfo> node;
  if (!decode_request(message, kind_.delta, q, node)) return end(kInvalidArgument, "this is no discovery request");
  if (node && !has_node_) {  // the first one counts
    node_ = std::move(*node);
    has_node_ = true;
    LOG_INFO(logger::config, "proxy '", node_.id, "' of cluster '", node_.cluster, "' at ", peer_);
  }
  if (q.type_url.empty()) q.type_url = kind_.type_url;
  if (q.type_url.empty()) return end(kInvalidArgument, "type URL is required for ADS");
  if (q.type_url.size() > kTypeMax) return end(kInvalidArgument, "this is no type URL");
  if (!kind_.type_url.empty() && q.type_url != kind_.type_url)
    return end(kInvalidArgument, "'" + q.type_url + "' on a stream of " + kind_.type_url);
  if (view_ == nullptr) view_ = host_.select(node_);
  on_request(q);
}

Subscription* Session::type(const std::string& type_url) {
  if (types_.size() >= kTypesMax && !types_.contains(type_url)) return nullptr;
  return &types_.try_emplace(type_url, kind_.delta, type_url).first->second;
}

void Session::on_request(const xds::Request& q) {
  Subscription* s = type(q.type_url);
  if (!q.initial_versions.empty() && !return_.armed() && since_ + kReturn > host_.clock.wall()) return_.arm(kReturn);
  if (s == nullptr) return end(kResourceExhausted, "more than " + std::to_string(kTypesMax) + " types on one stream");
  static const View kNothing;
  const auto verdict = s->on_request(q, items_of(view_ != nullptr ? *view_ : kNothing, q.type_url), host_.clock.wall());
  std::size_t names = 0;
  for (const auto& [type_url, other] : types_) names += other.names_bytes();
  if (names > kNamesMax) return end(kResourceExhausted, "too many names on one stream");
  auto& counts = host_.counts.of(q.type_url);
  counts.accepted += verdict == Subscription::Verdict::accepted;
  counts.refused += verdict == Subscription::Verdict::refused;
  counts.stale += verdict == Subscription::Verdict::stale;
  if (verdict == Subscription::Verdict::refused)
    LOG_WARN(logger::config, "proxy '", node_.id, "' refuses ", short_type(q.type_url), " ", s->refused().version, ": ",
             s->refusal());
  if (q.type_url == kEndpoints) std::erase_if(unasked_, [s](const auto& name) { return s->wants(name); });
  if (q.type_url == kClusters && s->last_was_refused()) unasked_.clear();
  pump();
}

void Session::refresh() {
  if (ended_) return;
  view_ = host_.select(node_);
  pump();
}

/// Something of the type is to be told, or was told and not answered.
bool Session::busy(std::string_view type_url) {
  Subscription* s = find(type_url);
  return s != nullptr && (s->under_way() || s->due(have(*s), keeps_gone(type_url)));
}

/// Must what comes before it be done first?
bool Session::waits(std::string_view type_url) {
  if (!kind_.type_url.empty() || impatient_) return false;
  const auto at = std::find(kUsers.begin(), kUsers.end(), type_url);
  if (at == kUsers.end()) return false;
  return busy(kClusters) || busy(kEndpoints) || !unasked_.empty() ||
         std::any_of(kUsers.begin(), at, [this](std::string_view before) { return busy(before); });
}

/// Clusters and endpoints that are gone stay while a listener, scope or route that the proxy has may use them.
bool Session::keeps_gone(std::string_view type_url) {
  if (!kind_.type_url.empty() || (type_url != kClusters && type_url != kEndpoints)) return false;
  if (return_.armed()) return true;
  for (const auto user : kUsers) {
    Subscription* s = find(user);
    if (s != nullptr && (s->under_way() || s->due(have(*s)) || (s->last_was_refused() && s->told_count() > 0))) return true;
  }
  return false;
}

std::vector<std::string> Session::kept() const {
  std::vector<std::string> out;
  const Subscription* s = find(kClusters);
  if (s == nullptr || view_ == nullptr) return out;
  s->each_told([&](const std::string& name) {
    if (!items_of(*view_, kClusters)->items.contains(name)) out.push_back(name);
  });
  return out;
}

void Session::pump() {
  if (view_ == nullptr || ended_) return;
  std::vector<Subscription*> order;
  for (auto& [type_url, s] : types_) order.push_back(&s);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return rank(a->type_url()) < rank(b->type_url()); });
  bool waiting = false;
  for (Subscription* s : order) {
    if (!s->due(have(*s), keeps_gone(s->type_url()))) continue;
    if (waits(s->type_url()))
      waiting = true;
    else
      send(*s);
  }
  if (!waiting)
    patience_.cancel();
  else if (!patience_.armed())
    patience_.arm(kPatience);
  if (!waiting) impatient_ = false;
}

void Session::give_up_waiting() {
  LOG_WARN(logger::config, "proxy '", node_.id, "' does not ask or answer: it is told of the rest without waiting");
  unasked_.clear();
  impatient_ = true;
  pump();
}

void Session::send(Subscription& s) {
  const bool clusters = s.type_url() == kClusters;
  const auto items = have(s);
  std::vector<std::string> fresh;
  if (clusters)
    for (const auto& [name, item] : items->items)
      if (s.wants(name) && !item->endpoints_of.empty() && !s.told(name)) fresh.push_back(item->endpoints_of);
  const Answer a = s.next(items, host_.clock.wall(), keeps_gone(s.type_url()));
  LOG_DEBUG(logger::config, "proxy '", node_.id, "' is sent ", short_type(a.type_url), " ", a.version, ": ", a.items.size(),
            " resource(s), ", a.removed.size(), " removed");
  ++host_.counts.of(a.type_url).responses;
  call_->send(encode_answer(a, kind_.delta, host_.identifier));
  if (clusters) expect_endpoints(a, fresh);
}

/// Clusters that are new are used once their endpoints are there; those that changed may ask for theirs again.
void Session::expect_endpoints(const Answer& clusters, const std::vector<std::string>& fresh) {
  Subscription* endpoints = find(kEndpoints);
  for (const auto& name : fresh)
    if (endpoints == nullptr || !endpoints->wants(name)) unasked_.insert(name);
  if (endpoints != nullptr && endpoints->under_way() && !clusters.items.empty()) endpoints->answer_next();
}

}  // namespace outrigger::control_plane
