// Network filters whose config comes later and changes (ECDS), in front and last. What a connection began with stays with
// it. Nobody is served as long as one of a chain has not come: its listener asks before.
#pragma once
#include "filters/connection_filters.h"
#include "proxy/hcm/late.h"

namespace outrigger::filters {

class LateConnectionFilter final : public ConnectionFilter {
 public:
  using Source = hcm::Late<ConnectionFilter>;
  explicit LateConnectionFilter(std::shared_ptr<const Source> source) : source_(std::move(source)) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  std::shared_ptr<const Source> source_;
};

class LateConnections final : public hcm::NetworkFilterFactory {
 public:
  using Source = hcm::Late<hcm::NetworkFilterFactory>;
  explicit LateConnections(std::shared_ptr<const Source> source) : source_(std::move(source)) {}
  std::unique_ptr<net::Connection> make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const hcm::ListenerContext& listener, net::ConnectionOwner& owner) const override;
  void on_refused(hcm::Worker& worker, http::StreamInfo& stream, bool by_client) const override;

 private:
  std::shared_ptr<const Source> source_;
};

}  // namespace outrigger::filters
