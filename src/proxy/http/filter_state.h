// Filter state of one request or connection: what filters leave for later filters, routes and logs.
// Entries live in the arena of whoever set them; worker's thread.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include "proxy/net/shared_state.h"

namespace outrigger::http {

using net::StateKind;

/// Does it go along with connections to internal listeners, and on from there?
enum class Sharing : std::uint8_t { none, once, transitive };

struct FilterState {
  struct Entry {
    std::string_view key, value;
    bool hashable = false;  // usable by a hash policy
    const Entry* next = nullptr;
    std::string_view typed_json{};  // of an object; empty: `value` is all. It need not have a plain text
    std::string_view log_json{};    // the same in logs that are JSON, where that differs
    StateKind kind = StateKind::text;
    Sharing sharing = Sharing::none;
    const std::map<std::string, std::string>* fields = nullptr;  // of an object that has such; null: none
  };
  const Entry* first = nullptr;         // the newest
  const FilterState* parent = nullptr;  // of the connection; null: none
  /// Before those that are there.
  void add(Entry& e) noexcept {
    e.next = first;
    first = &e;
  }
  /// Null: not set.
  const Entry* find(std::string_view key) const noexcept {
    for (const auto* s = this; s != nullptr; s = s->parent)
      for (const auto* e = s->first; e != nullptr; e = e->next)
        if (e->key == key) return e;
    return nullptr;
  }
  /// Null: not set, or something else.
  const Entry* find(std::string_view key, StateKind kind) const noexcept {
    const auto* e = find(key);
    return e != nullptr && e->kind == kind ? e : nullptr;
  }
  bool empty() const noexcept { return first == nullptr && (parent == nullptr || parent->empty()); }
  /// Calls f with the entries that are shared.
  template <class F>
  void each_shared(F&& f) const {
    for (const auto* s = this; s != nullptr; s = s->parent)
      for (const auto* e = s->first; e != nullptr; e = e->next)
        if (e->sharing != Sharing::none && find(e->key) == e) f(*e);
  }
};

inline bool has_fields(const FilterState::Entry& e) noexcept { return e.kind == StateKind::address || e.fields != nullptr; }
/// None: it has no such field.
std::optional<std::string> field_of(const FilterState::Entry& e, std::string_view name);

/// Keys that mean something.
namespace state_key {
inline constexpr std::string_view kServerName = "envoy.network.upstream_server_name";
inline constexpr std::string_view kPeerNames = "envoy.network.upstream_subject_alt_names";
inline constexpr std::string_view kProtocols = "envoy.network.application_protocols";
inline constexpr std::string_view kCluster = "envoy.tcp_proxy.cluster";
inline constexpr std::string_view kDisableTunneling = "envoy.tcp_proxy.disable_tunneling";
inline constexpr std::string_view kIdleTimeout = "envoy.tcp_proxy.per_connection_idle_timeout_ms";
inline constexpr std::string_view kDynamicHost = "envoy.upstream.dynamic_host";
inline constexpr std::string_view kDynamicPort = "envoy.upstream.dynamic_port";
inline constexpr std::string_view kOriginalDst = "envoy.network.transport_socket.original_dst_address";
inline constexpr std::string_view kOriginalDstLocal = "envoy.filters.listener.original_dst.local_ip";
inline constexpr std::string_view kOriginalDstRemote = "envoy.filters.listener.original_dst.remote_ip";
}  // namespace state_key

}  // namespace outrigger::http
