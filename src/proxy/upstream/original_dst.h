// The hosts of an ORIGINAL_DST cluster on one worker: made when a request goes where none went before, told
// to main, and kept as long as main keeps them. Owned by ClusterImpl.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/upstream/host_pool.h"

namespace outrigger::upstream {

class OriginalDstHosts {
 public:
  OriginalDstHosts(runtime::ThreadContext& thread, ClusterShared& cluster) : thread_(thread), cluster_(cluster) {}
  /// Null: there is no destination, or it cannot be read.
  Host* pick(const PickContext& c);
  /// What main has now. What it let go is moved to `gone`; hosts that it cannot know yet stay.
  void update(const HostSet& hosts, std::vector<std::unique_ptr<HostPool>>& gone);
  template <class F>
  void each(F&& f) {
    for (auto& [address, e] : hosts_) f(*e.host);
  }
  bool unused() const noexcept {
    return std::all_of(hosts_.begin(), hosts_.end(), [](const auto& e) { return e.second.host->unused(); });
  }

 private:
  struct Entry {
    std::unique_ptr<HostPool> host;
    bool known = false;  // to main
    bool kept = false;   // by the update that runs
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>()(s); }
  };
  Host* find(std::string_view address) noexcept;
  Host* host_at(const net::Address& to);
  void read_metadata(const Metadata& metadata, net::Address& to);
  runtime::ThreadContext& thread_;
  ClusterShared& cluster_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> hosts_;  // by "ip:port"
};

}  // namespace outrigger::upstream
