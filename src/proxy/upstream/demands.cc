#include "proxy/upstream/demands.h"

#include <xxhash.h>

#include "proxy/base/text.h"

namespace outrigger::upstream {

namespace key = http::state_key;
using http::StateKind;

void add_demands(const http::FilterState* state, PeerNames& names) noexcept {
  if (state == nullptr || state->empty()) return;
  const auto take = [&](std::string_view k, StateKind kind, std::string_view& into) {
    if (const auto* e = state->find(k, kind)) into = e->value;
  };
  take(key::kServerName, StateKind::server_name, names.server_name);
  take(key::kPeerNames, StateKind::peer_names, names.certificate_names);
  take(key::kProtocols, StateKind::protocols, names.protocols);
  // As Envoy: texts that nobody may hash do not tell connections apart, and keys never do.
  state->each_shared([&](const http::FilterState::Entry& e) {
    if (e.hashable) names.shared += XXH64(e.value.data(), e.value.size(), 0) | 1;
  });
}

std::size_t hash_of(const PeerNames& names) noexcept {
  std::size_t h = names.shared;
  for (const auto text : {names.server_name, names.certificate_name, names.certificate_names, names.protocols}) {
    for (const char c : text) h = (h ^ static_cast<unsigned char>(lower(c))) * 1099511628211u;
    h = h * 31 + 1;
  }
  return h;
}

net::SharedStates shared_states(const http::FilterState* state) {
  net::SharedStates out;
  if (state == nullptr || state->empty()) return out;
  state->each_shared([&](const http::FilterState::Entry& e) {
    out.push_back({std::string(e.key), std::string(e.value), e.kind, e.hashable, e.sharing == http::Sharing::transitive});
  });
  return out;
}

namespace {

/// Calls f with the parts that are not empty.
template <class F>
void each_part(std::string_view list, F&& f) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (const auto part = list.substr(0, comma); !part.empty()) f(part);
    if (comma == list.npos) return;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Demands::Demands(const PeerNames& names)
    : server_name_(names.server_name),
      name_list_(names.certificate_names),
      name_(names.certificate_name),
      protocol_list_(names.protocols),
      names_{server_name_, name_, name_list_, protocol_list_, names.shared} {
  each_part(name_list_, [&](std::string_view n) { peers_.emplace_back(n); });
  if (name_list_.empty() && !name_.empty()) peers_.push_back(name_);
  each_part(protocol_list_, [&](std::string_view p) {
    if (p.size() > 255) return;
    protocols_ += static_cast<char>(p.size());
    protocols_ += p;
  });
}

net::ConnectDemands Demands::with(std::string_view alpn) const noexcept {
  net::ConnectDemands d;
  d.server_name = server_name_;
  d.peer_names = peers_;
  d.alpn = alpn;
  d.protocols = protocols_;
  d.shared = shared;
  return d;
}

}  // namespace outrigger::upstream
