// Network filters that decide when a connection begins, before the one that serves it: connection_limit,
// local_ratelimit, sni_cluster, set_filter_state, and others in files of their own. Compiled, immutable, shared by workers.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>
#include "proxy/base/token_bucket.h"
#include "proxy/format/filter_state_rule.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/runtime/runtime.h"
#include "proxy/stats/names.h"

namespace outrigger::filters {

/// What keeps a new connection from going on. Not to be told of before the turn is over.
class Hold {
 public:
  virtual ~Hold() = default;
  std::function<void()> go_on;      // set by whoever holds the connection
  std::string_view close_reason{};  // then: it is closed for that; empty: it goes on
};

/// What such a filter says of a new connection.
struct Verdict {
  bool close = false;
  Duration delay{0};  // until it is closed
  std::string_view reason{};
  std::optional<http::Flag> flag{};
  std::unique_ptr<Hold> hold{};  // null: it goes on
};

class ConnectionFilter {
 public:
  virtual ~ConnectionFilter() = default;
  virtual Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const = 0;
};
using ConnectionFilters = std::vector<std::shared_ptr<const ConnectionFilter>>;

/// Asks the filters in their order, then has the connection served.
class FilteredFactory final : public hcm::NetworkFilterFactory, public std::enable_shared_from_this<FilteredFactory> {
 public:
  FilteredFactory(ConnectionFilters before, std::shared_ptr<const hcm::NetworkFilterFactory> last)
      : before_(std::move(before)), last_(std::move(last)) {}
  std::unique_ptr<net::Connection> make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                                        const hcm::ListenerContext& listener, net::ConnectionOwner& owner) const override;
  /// The same from the filter at `next` on.
  std::unique_ptr<net::Connection> make_from(std::size_t next, hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                             http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                             net::ConnectionOwner& owner) const;
  const std::shared_ptr<const hcm::NetworkFilterFactory>& last() const noexcept { return last_; }

 private:
  ConnectionFilters before_;
  std::shared_ptr<const hcm::NetworkFilterFactory> last_;
};

class ConnectionLimit final : public ConnectionFilter {
 public:
  struct Config {
    std::uint64_t connections_max = 1;
    Duration delay{0};  // of the close of those that are too many
    runtime::RuntimeBool enabled{"", true};
    stats::BlockHandle stats;  // connection_limit.<prefix>.
  };
  explicit ConnectionLimit(Config config) : config_(std::move(config)) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  Config config_;
  std::shared_ptr<std::atomic<std::uint64_t>> connections_ = std::make_shared<std::atomic<std::uint64_t>>(0);
};

class NetworkRateLimit final : public ConnectionFilter {
 public:
  NetworkRateLimit(std::shared_ptr<TokenBucket> bucket, runtime::RuntimeBool enabled, stats::BlockHandle stats)
      : bucket_(std::move(bucket)), enabled_(std::move(enabled)), stats_(stats) {}
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  std::shared_ptr<TokenBucket> bucket_;
  runtime::RuntimeBool enabled_;
  stats::BlockHandle stats_;  // local_rate_limit.<prefix>.
};

/// tcp_proxy goes to the cluster that the client's server name names.
class SniCluster final : public ConnectionFilter {
 public:
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;
};

class NetworkFilterState final : public ConnectionFilter {
 public:
  struct Rules {
    format::FilterStateRules on_connection, on_handshake, on_data;
  };
  explicit NetworkFilterState(Rules rules);
  Verdict on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const override;

 private:
  format::FilterStateRules rules_;
  std::shared_ptr<const http::LateStep> on_handshake_, on_data_;  // null: none
};

}  // namespace outrigger::filters
