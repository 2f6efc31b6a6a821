// Which filter chain a connection gets: the criteria of all chains compiled into one tree of lookups, in
// Envoy's order. Built with the listener on the main thread, then immutable, shared by workers.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>
#include "proxy/http/stream_info.h"

namespace outrigger::listener {

/// envoy.config.listener.v3.FilterChainMatch.
struct ChainMatch {
  std::optional<std::uint16_t> destination_port;
  std::vector<net::CidrRange> destination, direct_source, source;
  std::vector<std::string> server_names;  // ".a.example" stands for "*.a.example"
  std::string transport_protocol;
  std::vector<std::string> application_protocols;
  std::vector<std::uint16_t> source_ports;
  enum SourceType : std::uint8_t { any, same_ip_or_loopback, external } source_type = any;
};

class ChainIndex {
 public:
  ChainIndex();
  /// False: another chain has the same criteria, or some of them, or the chain itself has some twice.
  bool add(const ChainMatch& match, std::uint32_t chain);
  /// After the last add(): criteria that no chain has cost nothing any more.
  void seal();
  /// Each criterion keeps what matches most specifically; there is no way back to what matched less.
  std::optional<std::uint32_t> find(const http::ConnectionInfo& info) const;

 private:
  enum Level : std::uint8_t {
    destination_port,
    destination,
    server_name,
    transport_protocol,
    application_protocol,
    direct_source,
    source_type,
    source,
    source_port,
    leaf,
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept { return std::hash<std::string_view>{}(s); }
  };
  struct Prefix {
    bool v6 = false;
    std::uint8_t bits = 0;
  };
  struct Node {
    Level level = leaf;
    std::uint32_t chain = kNone;   // of a leaf
    std::uint32_t rest = kNone;    // for chains that do not ask
    std::vector<Prefix> prefixes;  // which there are, the longest first
    std::unordered_map<std::string, std::uint32_t, Hash, std::equal_to<>> children;
  };
  static std::vector<std::string> keys(const ChainMatch& m, Level level);
  std::uint32_t child(std::uint32_t at, const std::string& key);
  std::uint32_t rest(std::uint32_t at);
  bool insert(std::uint32_t at, const ChainMatch& m, std::uint32_t chain);
  std::uint32_t collapse(std::uint32_t at);
  std::uint32_t next(const Node& n, const http::ConnectionInfo& info) const;
  static std::uint32_t get(const Node& n, std::string_view key);
  static std::uint32_t by_address(const Node& n, const net::Address& a);
  static std::uint32_t by_name(const Node& n, std::string_view name);
  static std::uint32_t by_protocol(const Node& n, const http::ConnectionInfo& info);
  std::vector<Node> nodes_;
  std::uint32_t root_ = 0;
};

/// From this machine, or from the very address that the connection goes to.
bool is_local(const http::ConnectionInfo& info) noexcept;

}  // namespace outrigger::listener
