// What filters found out about a connection before it was served. Made by the first filter that finds
// something: connections without such filters have none. Owned by the ConnectionInfo.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/base/time.h"
#include "proxy/http/filter_state.h"
#include "proxy/http/response_flags.h"
#include "proxy/net/origin.h"

namespace outrigger::http {

struct ConnectionInfo;

/// What a filter in front of the one that serves a connection does later than when the connection begins.
class LateStep {
 public:
  virtual ~LateStep() = default;
  /// `bytes`: received so far.
  virtual void run(ConnectionInfo& info, TimePoint now, WallTime wall, std::uint64_t bytes) const = 0;
};
/// Made by such a step that waits for something: what the client has sent goes no further and no more of it is read. It takes
/// itself away, then calls `go_on`.
class DataHold {
 public:
  virtual ~DataHold() = default;
  std::function<void()> go_on;  // set by ConnectionInfo::gate()
};
/// Of an entry of filter state, besides its text.
struct StateTraits {
  bool hashable = false;
  StateKind kind = StateKind::text;
  Sharing sharing = Sharing::none;
};
using LateSteps = std::vector<std::shared_ptr<const LateStep>>;

struct ConnectionFacts {
  std::string server_name;                         // SNI, lower case
  std::vector<std::string> application_protocols;  // of the ClientHello, or what the bytes look like
  std::string ja3, ja4;
  std::string transport_failure;
  MetadataPtr dynamic_metadata;
  std::shared_ptr<const net::ProxyHeader> proxy;  // what a PROXY header said
  net::ForeignSource upstream_source;             // original_src; its address is empty: none
  net::OriginPtr origin;                          // made at the first need
  std::vector<std::shared_ptr<void>> held;        // what lives as long as the connection
  LateSteps on_handshake, on_data;                // to do, once each
  bool denied = false;                            // by one of those: whoever serves the connection closes it
  std::unique_ptr<DataHold> hold;                 // of one of those, the later ones of which are still to do
  std::optional<Flag> flag;                       // of its log, with details
  std::string_view details;
  std::shared_ptr<void> rate_limiter;  // of local_ratelimit, whose filter's buckets are the connection's own
  /// Sets or replaces an entry of the connection's filter state.
  void set_state(FilterState& state, std::string_view key, std::string_view value, const StateTraits& traits = {});
  /// The fields of `object` are added to the namespace.
  void add_metadata(std::string_view name, const MetadataValue& object);
  /// Sets an entry that has fields, by their names. `json`: of it as a whole; empty: all of them are texts.
  void set_fields(FilterState& state, std::string_view key, std::map<std::string, std::string> fields, std::string json = {});
  /// What PROXY headers to upstreams say from now on.
  void tell(net::ProxyHeader header) {
    proxy = std::make_shared<const net::ProxyHeader>(std::move(header));
    origin = nullptr;
  }
  void forget_state() {
    state_.clear();
    dynamic_metadata.reset();
    transport_failure.clear();
  }

 private:
  struct Owned {
    std::string key, value;
    std::map<std::string, std::string> fields;
    FilterState::Entry entry;
  };
  Owned& owned(FilterState& state, std::string_view key);
  std::vector<std::unique_ptr<Owned>> state_;
};

}  // namespace outrigger::http
