// The transport socket internal_upstream: says what goes along with a connection to an internal listener, and puts
// another socket (or none) on it. Made by the compilers of configs, shared by all workers.
#pragma once
#include <memory>
#include <utility>
#include "proxy/net/transport_socket.h"

namespace outrigger::net {

class InternalUpstreamSocket final : public UpstreamSocket {
 public:
  InternalUpstreamSocket(PassRules rules, std::shared_ptr<const UpstreamSocket> inner)
      : rules_(std::move(rules)), inner_(std::move(inner)) {}
  const PassRules* pass_rules() const noexcept override { return &rules_; }
  bool secure() const noexcept override { return inner_ != nullptr && inner_->secure(); }
  std::unique_ptr<Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<Transport> connecting,
                                       const ConnectDemands& demands,
                                       std::shared_ptr<TransportMemory>& memory) const override {
    return inner_ == nullptr ? std::move(connecting) : inner_->wrap(thread, std::move(connecting), demands, memory);
  }

 private:
  PassRules rules_;
  std::shared_ptr<const UpstreamSocket> inner_;  // null: plain
};

}  // namespace outrigger::net
