#include "proxy/tls/sockets.h"

namespace outrigger::tls {

using stats::SslFactoryStat;

std::unique_ptr<net::Transport> ServerSocket::wrap(runtime::ThreadContext& thread,
                                                   std::unique_ptr<net::Transport> accepted) const {
  auto context = context_.get();
  if (context == nullptr) thread.cells.add(settings_.factory_stats, SslFactoryStat::downstream_context_secrets_not_ready);
  return std::make_unique<TlsTransport>(thread, std::move(accepted), std::move(context), settings_.stats, settings_.timeout);
}

std::unique_ptr<net::Transport> ClientSocket::wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> connecting,
                                                   const net::ConnectDemands& demands,
                                                   std::shared_ptr<net::TransportMemory>& memory) const {
  auto context = context_.get();
  if (context == nullptr) thread.cells.add(settings_.factory_stats, SslFactoryStat::upstream_context_secrets_not_ready);
  std::shared_ptr<Sessions> sessions;
  if (context != nullptr && context->client_options().session_keys_max > 0) {
    if (memory == nullptr) memory = std::make_shared<Sessions>();
    sessions = std::static_pointer_cast<Sessions>(memory);  // a host has one kind of socket
  }
  return std::make_unique<TlsTransport>(thread, std::move(connecting), std::move(context), settings_.stats, demands,
                                        std::move(sessions));
}

}  // namespace outrigger::tls
