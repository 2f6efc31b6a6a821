// Streams of proxies that the test plays: the order in which types are told, and what hostile ones meet.
#include "control_plane/session.h"
#include <catch2/catch.hpp>

#include <deque>
#include "control_plane/control_plane.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "unit/control_plane/resources.h"
#include "unit/sim/clock.h"

namespace outrigger::control_plane {
namespace {

using namespace std::chrono_literals;
namespace discovery_v3 = envoy::service::discovery::v3;
using Names = std::vector<std::string>;

const std::string kAds = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
const std::string kDeltaAds = "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

struct FakeCall final : Call {
  void send(std::string m) override { unread.push_back(std::move(m)); }
  void finish(int s, const std::string& w) override {
    status = s;
    why = w;
  }
  ~FakeCall() override { CHECK(unread.empty()); }
  std::deque<std::string> unread;
  int status = -1;
  std::string why;
};

struct World {
  sim::Clock clock;
  event::Timers timers{clock};
  ControlPlane plane{timers, clock, "me"};
  std::map<std::string, View> views;  // by node id; "": of all others
  View& all = views[""];

  void publish() {
    plane.publish([v = views](const NodeInfo& n) {
      const auto at = v.find(n.id);
      return std::make_shared<const View>(at == v.end() ? v.at("") : at->second);
    });
  }
  void set(std::string_view type, std::initializer_list<std::string> items) {
    all[std::string(type)] = type_items(type, items);
  }
  void wait(Duration d) {
    clock.go_to(clock.now() + d);
    timers.run_due();
  }
};

/// A proxy on one stream, in the state of the world.
struct Proxy {
  World& w;
  std::shared_ptr<FakeCall> call = std::make_shared<FakeCall>();
  std::uint64_t stream;
  std::string id;
  explicit Proxy(World& world, const std::string& method = kAds, std::string name = "n")
      : w(world), stream(world.plane.open(method, "peer", call)), id(std::move(name)) {}
  void ask(std::string_view type, const Names& names = {}, const std::string& nonce = "", const std::string& error = "") {
    discovery_v3::DiscoveryRequest q;
    q.mutable_node()->set_id(id);
    q.set_type_url(std::string(type));
    for (const auto& n : names) q.add_resource_names(n);
    q.set_response_nonce(nonce);
    if (!error.empty()) q.mutable_error_detail()->set_message(error);
    w.plane.on_message(stream, q.SerializeAsString());
  }
  /// "Cluster 1: a b" of the next response.
  std::string told() {
    if (call->unread.empty()) return "nothing";
    discovery_v3::DiscoveryResponse r;
    REQUIRE(r.ParseFromString(call->unread.front()));
    call->unread.pop_front();
    CHECK(r.control_plane().identifier() == "me");
    std::string out = std::string(short_type(r.type_url())) + " " + r.nonce() + ":";
    for (const auto& any : r.resources()) out += " " + any.value();
    return out;
  }
};

TEST_CASE("a proxy is told once there is something to tell", "[control_plane]") {
  World w;
  Proxy p(w);
  p.ask(kClusters);
  CHECK(p.told() == "nothing");
  w.set(kClusters, {"a=A"});
  w.publish();
  CHECK(p.told() == "Cluster 1: A");
  w.publish();
  p.ask(kClusters, {}, "1");
  w.publish();
  CHECK(p.told() == "nothing");
}

TEST_CASE("new listeners wait until clusters and their endpoints are there", "[control_plane]") {
  World w;
  w.set(kListeners, {"l=L"});
  w.set(kRoutes, {"r=R"});
  w.publish();
  Proxy p(w);
  p.ask(kClusters);
  p.ask(kListeners);
  p.ask(kRoutes, {"r"});
  CHECK(p.told() == "Cluster 1:");
  CHECK(p.told() == "nothing");
  p.ask(kClusters, {}, "1");
  CHECK(p.told() == "Listener 1: L");
  p.ask(kListeners, {}, "1");
  CHECK(p.told() == "RouteConfiguration 1: R");
  p.ask(kRoutes, {"r"}, "1");

  w.set(kClusters, {"c=C>svc"});
  w.set(kEndpoints, {"svc=E"});
  w.set(kListeners, {"l=L2"});
  w.set(kRoutes, {"r=R2"});
  w.publish();
  CHECK(p.told() == "Cluster 2: C");
  p.ask(kClusters, {}, "2");
  CHECK(p.told() == "nothing");  // the endpoints were not asked for yet
  p.ask(kEndpoints, {"svc"});
  CHECK(p.told() == "ClusterLoadAssignment 1: E");
  CHECK(p.told() == "nothing");
  p.ask(kEndpoints, {"svc"}, "1");
  CHECK(p.told() == "Listener 2: L2");
  CHECK(p.told() == "nothing");
  p.ask(kListeners, {}, "2");
  CHECK(p.told() == "RouteConfiguration 2: R2");
  p.ask(kRoutes, {"r"}, "2");
  CHECK(p.told() == "nothing");
}

TEST_CASE("scopes come after the clusters they may use and before the routes they name", "[control_plane]") {
  World w;
  w.set(kScopes, {"s=S"});
  w.set(kRoutes, {"r=R"});
  w.publish();
  Proxy p(w);
  p.ask(kScopes);
  CHECK(p.told() == "ScopedRouteConfiguration 1: S");
  p.ask(kScopes, {}, "1");
  p.ask(kRoutes, {"r"});
  CHECK(p.told() == "RouteConfiguration 1: R");
  p.ask(kRoutes, {"r"}, "1");
  p.ask(kClusters);
  CHECK(p.told() == "Cluster 1:");
  p.ask(kClusters, {}, "1");

  w.set(kClusters, {"c=C"});
  w.set(kScopes, {"s=S2", "t=T"});
  w.set(kRoutes, {"r=R2"});
  w.publish();
  CHECK(p.told() == "Cluster 2: C");
  CHECK(p.told() == "nothing");
  p.ask(kClusters, {}, "2");
  CHECK(p.told() == "ScopedRouteConfiguration 2: S2 T");
  CHECK(p.told() == "nothing");
  p.ask(kScopes, {}, "2");
  CHECK(p.told() == "RouteConfiguration 2: R2");
  p.ask(kRoutes, {"r"}, "2");

  w.set(kClusters, {});
  w.set(kScopes, {"s=S3"});
  w.publish();
  CHECK(p.told() == "ScopedRouteConfiguration 3: S3");
  CHECK(p.told() == "nothing");  // what the scope named stays until the proxy has the new one
  p.ask(kScopes, {}, "3");
  CHECK(p.told() == "Cluster 3:");
}

TEST_CASE("a cluster that is gone stays until nothing uses it", "[control_plane]") {
  World w;
  w.set(kClusters, {"old=OLD", "keep=KEEP"});
  w.set(kRoutes, {"r=R"});
  w.publish();
  Proxy p(w);
  p.ask(kClusters);
  CHECK(p.told() == "Cluster 1: KEEP OLD");
  p.ask(kClusters, {}, "1");
  p.ask(kRoutes, {"r"});
  CHECK(p.told() == "RouteConfiguration 1: R");
  p.ask(kRoutes, {"r"}, "1");

  w.set(kClusters, {"new=NEW", "keep=KEEP"});
  w.set(kRoutes, {"r=R2"});
  w.publish();
  CHECK(p.told() == "Cluster 2: KEEP NEW OLD");
  p.ask(kClusters, {}, "2");
  CHECK(p.told() == "RouteConfiguration 2: R2");
  w.plane.each([](std::uint64_t, const Session& s) { CHECK(s.kept() == Names{"old"}); });
  p.ask(kRoutes, {"r"}, "2", "no");
  CHECK(p.told() == "nothing");  // the routes that the proxy has may use it
  w.set(kRoutes, {"r=R3"});
  w.publish();
  CHECK(p.told() == "RouteConfiguration 3: R3");
  p.ask(kRoutes, {"r"}, "3");
  CHECK(p.told() == "Cluster 3: KEEP NEW");
  p.ask(kClusters, {}, "3");
  CHECK(p.told() == "nothing");
}

TEST_CASE("a proxy that never asks for endpoints does not wait for ever", "[control_plane]") {
  World w;
  w.set(kClusters, {"c=C>svc"});
  w.set(kListeners, {"l=L"});
  w.publish();
  Proxy p(w);
  p.ask(kClusters);
  CHECK(p.told() == "Cluster 1: C");
  p.ask(kListeners);
  p.ask(kClusters, {}, "1");
  CHECK(p.told() == "nothing");
  w.wait(Session::kPatience - 10ms);
  CHECK(p.told() == "nothing");
  w.wait(20ms);
  CHECK(p.told() == "Listener 1: L");
}

TEST_CASE("streams of one type do not wait for each other", "[control_plane]") {
  World w;
  w.set(kClusters, {"c=C>svc"});
  w.set(kListeners, {"l=L"});
  w.publish();
  Proxy clusters(w, "/envoy.service.cluster.v3.ClusterDiscoveryService/StreamClusters");
  Proxy listeners(w, "/envoy.service.listener.v3.ListenerDiscoveryService/StreamListeners");
  clusters.ask("");  // the type is that of the stream
  CHECK(clusters.told() == "Cluster 1: C");
  listeners.ask(kListeners);
  CHECK(listeners.told() == "Listener 1: L");
  listeners.ask(kClusters);
  CHECK(listeners.call->status == kInvalidArgument);
}

TEST_CASE("each proxy gets what is for its node, which only its first request tells", "[control_plane]") {
  World w;
  w.set(kClusters, {"c=all"});
  w.views["one"][std::string(kClusters)] = type_items(kClusters, {"c=one"});
  w.publish();
  Proxy one(w, kAds, "one"), two(w, kAds, "two");
  one.ask(kClusters);
  two.ask(kClusters);
  CHECK(one.told() == "Cluster 1: one");
  CHECK(two.told() == "Cluster 1: all");
  two.id = "one";
  two.ask(kClusters, {}, "1");
  CHECK(two.told() == "nothing");
}

TEST_CASE("delta streams are told by resource", "[control_plane]") {
  World w;
  w.set(kClusters, {"a=A", "b=B"});
  w.publish();
  const auto call = std::make_shared<FakeCall>();
  const auto stream = w.plane.open(kDeltaAds, "peer", call);
  discovery_v3::DeltaDiscoveryRequest q;
  q.set_type_url(std::string(kClusters));
  q.mutable_initial_resource_versions()->insert({"a", "A"});
  q.mutable_initial_resource_versions()->insert({"z", "Z"});
  w.plane.on_message(stream, q.SerializeAsString());
  REQUIRE(call->unread.size() == 1);
  discovery_v3::DeltaDiscoveryResponse r;
  REQUIRE(r.ParseFromString(call->unread.front()));
  call->unread.clear();
  REQUIRE(r.resources_size() == 1);
  CHECK(r.resources(0).name() == "b");
  CHECK(r.resources(0).version() == "B");
  CHECK(r.resources(0).resource().value() == "B");
  CHECK(r.removed_resources_size() == 0);
  // What is gone stays until a proxy that comes back has asked for what may use it.
  discovery_v3::DeltaDiscoveryRequest answer;
  answer.set_type_url(std::string(kClusters));
  answer.set_response_nonce(r.nonce());
  w.plane.on_message(stream, answer.SerializeAsString());
  CHECK(call->unread.empty());
  w.wait(Session::kReturn + 10ms);
  REQUIRE(call->unread.size() == 1);
  REQUIRE(r.ParseFromString(call->unread.front()));
  call->unread.clear();
  CHECK(r.resources_size() == 0);
  REQUIRE(r.removed_resources_size() == 1);
  CHECK(r.removed_resources(0) == "z");
}

TEST_CASE("a stream that says what cannot be understood is ended, and only it", "[control_plane]") {
  World w;
  w.set(kClusters, {"c=C"});
  w.publish();
  Proxy garbage(w), untyped(w), good(w);
  w.plane.on_message(garbage.stream, "\xff\xff\xff\xff");
  CHECK(garbage.call->status == kInvalidArgument);
  w.plane.on_message(garbage.stream, "\xff");
  untyped.ask("");
  CHECK(untyped.call->status == kInvalidArgument);
  good.ask(kClusters);
  CHECK(good.told() == "Cluster 1: C");
  w.plane.on_closed(garbage.stream);
  w.plane.on_closed(garbage.stream);
  w.plane.on_message(garbage.stream, "late");
  CHECK(w.plane.streams() == 2);
}

TEST_CASE("what a proxy may make us remember is bounded", "[control_plane]") {
  World w;
  w.publish();
  Proxy types(w), names(w), node(w);
  for (std::size_t i = 0; i < Session::kTypesMax; ++i) {
    types.ask("type/" + std::to_string(i));
    types.told();
  }
  CHECK(types.call->status == -1);
  types.ask("type/more");
  CHECK(types.call->status == kResourceExhausted);
  Proxy long_type(w);
  long_type.ask(std::string(Session::kTypeMax + 1, 'x'));
  CHECK(long_type.call->status == kInvalidArgument);
  CHECK(w.plane.counts().ended == 2);
  CHECK(w.plane.counts().other.responses == Session::kTypesMax);
  names.ask(kEndpoints, {std::string(Session::kNamesMax, 'x')});
  CHECK(names.call->status == kResourceExhausted);
  node.id.assign(NodeInfo::kMax + 1, 'x');
  node.ask(kClusters);
  CHECK(node.call->status == kInvalidArgument);
}

TEST_CASE("a method that is none is refused", "[control_plane]") {
  World w;
  const auto call = std::make_shared<FakeCall>();
  CHECK(w.plane.open("/envoy.service.discovery.v3.AggregatedDiscoveryService/Nothing", "peer", call) == 0);
  CHECK(call->status == kUnimplemented);
  Session::Kind k;
  CHECK_FALSE(Session::kind_of("", k));
  REQUIRE(Session::kind_of("/envoy.service.secret.v3.SecretDiscoveryService/DeltaSecrets", k));
  CHECK(k.delta);
  CHECK(k.type_url == kSecrets);
  REQUIRE(Session::kind_of("/envoy.service.route.v3.ScopedRoutesDiscoveryService/StreamScopedRoutes", k));
  CHECK(k.type_url == kScopes);
}

TEST_CASE("endpoints of a cluster that changed are told again while the last ones are under way", "[control_plane]") {
  World w;
  w.set(kClusters, {"c=C>svc"});
  w.set(kEndpoints, {"svc=E"});
  w.publish();
  Proxy p(w);
  p.ask(kClusters);
  CHECK(p.told() == "Cluster 1: C");
  p.ask(kClusters, {}, "1");
  p.ask(kEndpoints, {"svc"});
  CHECK(p.told() == "ClusterLoadAssignment 1: E");
  w.set(kClusters, {"c=C2>svc"});
  w.publish();
  CHECK(p.told() == "Cluster 2: C2");
  p.ask(kEndpoints, {"svc"}, "1");
  CHECK(p.told() == "ClusterLoadAssignment 2: E");
}

}  // namespace
}  // namespace outrigger::control_plane
