// One stream of a proxy: its types, and the order in which they are told, so that nothing is used before it is there or
// gone while it is used: clusters, their endpoints, listeners, routes; what is gone of the clusters at the end. Main thread;
// owned by ControlPlane.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>
#include "control_plane/call.h"
#include "control_plane/codec.h"
#include "control_plane/subscription.h"
#include "proxy/event/timers.h"

namespace outrigger::control_plane {

class Session {
 public:
  /// What this stream is for, by its method.
  struct Kind {
    bool delta = false;
    std::string type_url;  // empty: all types
  };
  /// What all streams together have said and heard.
  struct Counts {
    struct OfType {
      std::uint64_t responses = 0, accepted = 0, refused = 0, stale = 0;
    };
    std::map<std::string, OfType, std::less<>> types;  // that can be served
    OfType other;
    std::uint64_t requests = 0, ended = 0;  // ended: for what they said
    OfType& of(std::string_view type_url);
  };
  struct Host {
    event::Timers& timers;
    const TimeSource& clock;
    std::string identifier;                          // as which this control plane is known
    std::function<ViewPtr(const NodeInfo&)> select;  // null: there is nothing to tell yet
    Counts counts = {};
  };
  static bool kind_of(std::string_view method, Kind& into);

  Session(Host& host, Kind kind, std::string peer, std::shared_ptr<Call> call);
  void on_message(std::string_view message);
  /// What is there has changed, perhaps.
  void refresh();

  const Kind& kind() const noexcept { return kind_; }
  const std::string& peer() const noexcept { return peer_; }
  const NodeInfo& node() const noexcept { return node_; }
  bool has_node() const noexcept { return has_node_; }
  WallTime since() const noexcept { return since_; }
  const std::map<std::string, Subscription>& types() const noexcept { return types_; }
  /// Clusters that are gone and which the proxy keeps until it has taken the listeners and routes without them.
  std::vector<std::string> kept() const;

  static constexpr std::size_t kTypesMax = 32, kTypeMax = 256;  // types, bytes of a type's URL
  static constexpr std::size_t kNamesMax = std::size_t{16} * 1024 * 1024;  // bytes
  static constexpr Duration kPatience = std::chrono::seconds(5);  // with a proxy that doesn't ask or answer
  static constexpr Duration kReturn = std::chrono::seconds(1);    // until one that comes back has asked for all that it has

 private:
  Subscription* type(const std::string& type_url);
  const Subscription* find(std::string_view type_url) const;
  Subscription* find(std::string_view type_url);
  void on_request(const xds::Request& q);
  void pump();
  void send(Subscription& s);
  bool busy(std::string_view type_url);
  bool waits(std::string_view type_url);
  bool keeps_gone(std::string_view type_url);
  void expect_endpoints(const Answer& clusters, const std::vector<std::string>& fresh);
  void give_up_waiting();
  void end(int status, const std::string& why);
  TypeItemsPtr have(const Subscription& s) const { return items_of(*view_, s.type_url()); }
  Host& host_;
  const Kind kind_;
  const std::string peer_;
  std::shared_ptr<Call> call_;
  WallTime since_;
  NodeInfo node_;
  bool has_node_ = false, ended_ = false;
  std::map<std::string, Subscription> types_;
  ViewPtr view_;                   // null: nothing yet
  std::set<std::string> unasked_;  // endpoints of clusters that were just told, which will be asked for
  bool impatient_ = false;         // it was waited long enough
  event::Alarm<Session, &Session::give_up_waiting> patience_;
  event::Alarm<Session, &Session::pump> return_;
};

}  // namespace outrigger::control_plane
