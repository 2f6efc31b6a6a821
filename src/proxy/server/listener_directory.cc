#include "proxy/server/listener_directory.h"

#include "proxy/server/listener_config.h"

namespace outrigger::server {

namespace {
std::string any_v4(std::uint16_t port) { return "0.0.0.0:" + std::to_string(port); }
std::string any_v6(std::uint16_t port) { return "[::]:" + std::to_string(port); }

/// What the listener of a config is found under.
template <class F>
void each_text(const ListenerConfig& config, F&& f) {
  for (std::size_t i = 0; i < config.addresses.size(); ++i) {
    const auto& a = config.addresses[i];
    f(a.text());
    const bool ipv4_too = i < config.options.size() && config.options[i].ipv4_compat;
    if (ipv4_too && a.text() == any_v6(a.port())) f(any_v4(a.port()));
  }
}
}  // namespace

void ListenerDirectory::add(const ListenerConfig& config, WorkerListener& listener) {
  each_text(config, [&](const std::string& text) { by_address_.try_emplace(text, &listener); });
}

void ListenerDirectory::remove(const ListenerConfig& config, const WorkerListener& listener) {
  each_text(config, [&](const std::string& text) {
    const auto at = by_address_.find(text);
    if (at != by_address_.end() && at->second == &listener) by_address_.erase(at);
  });
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
