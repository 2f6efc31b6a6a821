// What serves the connections of a filter chain: the HTTP connection manager, tcp_proxy, and the
// like. Factories are compiled with the listener, immutable, shared by workers.
#pragma once
#include <memory>
#include "proxy/hcm/config.h"
#include "proxy/hcm/worker.h"
#include "proxy/http/stream_info.h"
#include "proxy/net/connection.h"
#include "proxy/net/transport.h"

namespace outrigger::hcm {

/// What the listener tells a connection.
struct ListenerContext {
  stats::BlockHandle stats;  // listener.<address>.
  std::uint32_t buffer_bytes_max = 1024 * 1024;
  const Drain* drain = nullptr;
  const Drain* server_drain = nullptr;
  const accesslog::AccessLogs* access_logs = nullptr;   // the listener's own: one line per connection
  std::optional<Duration> high_watermark_timeout = {};  // unset: a slow client is waited for
  const runtime::Overload* overload = nullptr;          // null: it is no concern of this listener
};

class NetworkFilterFactory {
 public:
  virtual ~NetworkFilterFactory() = default;
  virtual std::unique_ptr<net::Connection> make(Worker& worker, std::unique_ptr<net::Transport> transport,
                                                http::ConnectionInfo info, const ListenerContext& listener,
                                                net::ConnectionOwner& owner) const = 0;
  /// A connection is over that a filter in front of this one refused: it counts and logs it all the same.
  virtual void on_refused(Worker& /*worker*/, http::StreamInfo& /*stream*/, bool /*by_client*/) const {}
};

/// The HTTP connection manager.
class SessionFactory final : public NetworkFilterFactory {
 public:
  explicit SessionFactory(ConfigPtr config) : config_(std::move(config)) {}
  std::unique_ptr<net::Connection> make(Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const ListenerContext& listener, net::ConnectionOwner& owner) const override;
  void on_refused(Worker& worker, http::StreamInfo& stream, bool by_client) const override;

 private:
  ConfigPtr config_;
};

}  // namespace outrigger::hcm
