// Connections without an upstream: echo, direct_response, and those that a filter refuses. One object per
// connection, owned by its listener, on one worker.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include "proxy/hcm/network_filter.h"

namespace outrigger::filters {

struct Refusal {
  Duration delay{0};  // until it is closed
  std::optional<http::Flag> flag;
  std::shared_ptr<const hcm::NetworkFilterFactory> behind;  // is told
};
std::unique_ptr<net::Connection> make_refused(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                              http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                              net::ConnectionOwner& owner, Refusal refusal);

class EchoFactory final : public hcm::NetworkFilterFactory {
 public:
  std::unique_ptr<net::Connection> make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const hcm::ListenerContext& listener, net::ConnectionOwner& owner) const override;
};

class DirectResponseFactory final : public hcm::NetworkFilterFactory {
 public:
  explicit DirectResponseFactory(std::string response) : response_(std::make_shared<const std::string>(std::move(response))) {}
  std::unique_ptr<net::Connection> make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const hcm::ListenerContext& listener, net::ConnectionOwner& owner) const override;

 private:
  std::shared_ptr<const std::string> response_;
};

}  // namespace outrigger::filters
