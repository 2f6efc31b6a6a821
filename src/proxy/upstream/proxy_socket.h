// The transport socket upstream_proxy_protocol: a PROXY header goes first on each connection, before a handshake of
// the socket inside. Made with its cluster, immutable, shared by workers.
#pragma once
#include <bitset>
#include <memory>
#include <string>
#include <vector>
#include "proxy/net/transport_socket.h"
#include "proxy/stats/names.h"
#include "proxy/upstream/host.h"
#include "proxy/upstream/proxy_tlvs.h"

namespace outrigger::upstream {

class ProxySocket final : public net::UpstreamSocket {
 public:
  struct Settings {
    std::uint8_t version = 1;
    std::bitset<256> passed_through;  // TLVs of the client's own header
    AddedTlvs added;
    stats::BlockHandle stats;  // cluster.<name>.upstream.proxyprotocol.
  };
  /// `inside`: null: plain TCP.
  ProxySocket(Settings settings, std::shared_ptr<const net::UpstreamSocket> inside)
      : settings_(std::move(settings)), inside_(std::move(inside)) {}
  const net::PassRules* pass_rules() const noexcept override { return inside_ == nullptr ? nullptr : inside_->pass_rules(); }
  net::OriginPart tells() const noexcept override { return net::OriginPart::addresses; }
  bool speaks_alpn() const noexcept override { return inside_ != nullptr && inside_->speaks_alpn(); }
  bool secure() const noexcept override { return inside_ != nullptr && inside_->secure(); }
  std::unique_ptr<net::Transport> wrap(runtime::ThreadContext& thread, std::unique_ptr<net::Transport> connecting,
                                       const net::ConnectDemands& demands,
                                       std::shared_ptr<net::TransportMemory>& memory) const override;
  /// What goes first; `known` null: of a connection that no client is behind. `connection`: this one, which `local` and
  /// `remote` are of. `left_out`: were there more TLVs than fit?
  std::string header(const net::ProxyHeader* known, const Endpoint& to, const http::StreamInfo& connection, bool& left_out) const;
  const stats::BlockHandle& stats() const noexcept { return settings_.stats; }

 private:
  Settings settings_;
  std::shared_ptr<const net::UpstreamSocket> inside_;
};

}  // namespace outrigger::upstream
