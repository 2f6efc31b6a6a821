// The listeners of one worker by their addresses: where use_original_dst hands connections over to. Owned by
// the Worker, on its thread.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include "proxy/net/address.h"

namespace outrigger::server {

struct ListenerConfig;
class WorkerListener;

class ListenerDirectory {
 public:
  /// Under all addresses of its config; of several listeners the first has an address.
  void add(const ListenerConfig& config, WorkerListener& listener);
  void remove(const ListenerConfig& config, const WorkerListener& listener);
  /// The listener of exactly this address, else the one of its port on all addresses. Null: none.
  WorkerListener* find(const net::Address& destination) const;

 private:
  std::unordered_map<std::string, WorkerListener*> by_address_;
};

}  // namespace outrigger::server
