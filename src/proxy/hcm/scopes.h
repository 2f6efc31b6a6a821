// Routes in scopes (SRDS): a key out of a request's headers says which route configuration the request takes. Main gives the
// next table to each worker through the worker's loop. Shared by the config and its delivery.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/base/demand.h"
#include "proxy/base/parking.h"
#include "proxy/hcm/route_source.h"

namespace outrigger::hcm {

/// One part of a key: an element of a header's first value.
struct ScopeFragment {
  std::string header;             // lower case
  std::string element_separator;  // empty: the value is the one element
  std::string separator, key;     // of an element that begins with that key; its rest is the part
  bool by_key = false;            // otherwise by number
  std::uint32_t index = 0;
};

/// What parts make a key. Unambiguous whatever is in them.
std::string scope_key(const std::vector<std::string>& parts);

class ScopeKeyBuilder {
 public:
  void add(ScopeFragment f) { fragments_.push_back(std::move(f)); }
  /// As scope_key(), in the arena. None: the headers lack a part.
  std::optional<std::string_view> key_of(const http::RequestHead& head, Arena& arena) const;

 private:
  std::vector<ScopeFragment> fragments_;
};

struct Scope {
  std::string name;
  std::shared_ptr<const RouteSource> routes;  // null: nobody has asked for them yet
};

struct ScopeHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
};
using ScopeTable = std::unordered_map<std::string, Scope, ScopeHash, std::equal_to<>>;

class ScopeSource {
 public:
  explicit ScopeSource(std::size_t workers) : tables_(workers), awaited_(workers) {}
  /// On the thread of that worker.
  void set(std::size_t worker, std::shared_ptr<const ScopeTable> next) { tables_[worker] = std::move(next); }
  /// Null: there is none. Until the next set().
  const Scope* find(std::size_t worker, std::string_view key) const {
    const auto& t = tables_[worker];
    if (t == nullptr) return nullptr;
    const auto at = t->find(key);
    return at == t->end() ? nullptr : &at->second;
  }
  /// Requests that wait for the routes of a scope, by its name. On the thread of that worker.
  Parking& awaited(std::size_t worker) const {
    auto& p = awaited_[worker];
    if (p == nullptr) p = std::make_unique<Parking>();
    return *p;
  }
  DemandPtr demand;  // for the routes of a scope, by its name; null: all are here

 private:
  std::vector<std::shared_ptr<const ScopeTable>> tables_;  // by worker; null: nothing has come
  mutable std::vector<std::unique_ptr<Parking>> awaited_;  // by worker; null: not used yet
};

}  // namespace outrigger::hcm
