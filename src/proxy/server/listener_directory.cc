#include "proxy/server/listener_directory.h"

#include "proxy/server/listener_config.h"

namespace outrigger::server {

namespace {
std::string any_v4(std::uint16_t port) { return "0.0.0.0:" + std::to_string(port); }
std::string any_v6(std::uint16_t port) { return "[::]:" + std::to_string(port); }
}  // namespace

void ListenerDirectory::add(const ListenerConfig& config, WorkerListener& listener) {
  for (std::size_t i = 0; i < config.addresses.size(); ++i) {
    const auto& a = config.addresses[i];
    by_address_.try_emplace(a.text(), &listener);
    const bool ipv4_too = i < config.options.size() && config.options[i].ipv4_compat;
    if (ipv4_too && a.text() == any_v6(a.port())) by_address_.try_emplace(any_v4(a.port()), &listener);
  }
}

void ListenerDirectory::remove(const WorkerListener& listener) {
  std::erase_if(by_address_, [&](const auto& entry) { return entry.second == &listener; });
}

WorkerListener* ListenerDirectory::find(const net::Address& destination) const {
  const auto get = [&](const std::string& text) {
    const auto at = by_address_.find(text);
    return at == by_address_.end() ? nullptr : at->second;
  };
  if (auto* exact = get(destination.text())) return exact;
  if (!destination.is_ip()) return nullptr;
  return get(destination.is_v4() ? any_v4(destination.port()) : any_v6(destination.port()));
}

}  // namespace outrigger::server
