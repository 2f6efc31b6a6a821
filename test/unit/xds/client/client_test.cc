// A client on a stream that the test plays: every message that it sends is read by the test, which goes on with its
// time itself.
#include <catch2/catch.hpp>

#include <deque>
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/event/loop.h"
#include "proxy/stats/walk.h"
#include "unit/sim/clock.h"
#include "xds/client/client.h"

namespace outrigger::xds {
namespace {

using namespace std::chrono_literals;
namespace discovery_v3 = envoy::service::discovery::v3;

/// The control plane. Unread messages at the end are an error.
struct Plane final : Transport {
  struct Call final : Stream {
    explicit Call(Plane& p) : plane(p) {}
    ~Call() override { plane.events = nullptr; }
    void send(std::string m) override { plane.unread.push_back(std::move(m)); }
    void go_on() override { ++plane.went_on; }
    Plane& plane;
  };
  std::unique_ptr<Stream> open(const std::string& method, StreamEvents& e) override {
    ++calls;
    last_method = method;
    events = &e;
    return std::make_unique<Call>(*this);
  }
  ~Plane() override { CHECK(unread.empty()); }
  StreamEvents* events = nullptr;
  std::deque<std::string> unread;
  int calls = 0, went_on = 0;
  std::string last_method;
};

struct Told final : WatchEvents {
  Result<void> on_update(const Update& u) override {
    std::string line = u.version + ":";
    for (const auto* r : u.resources) line += " " + r->name;
    for (const auto& r : u.removed) line += " -" + r;
    lines.push_back(line);
    if (!refuse.empty()) return Error{Errc::invalid_config, refuse};
    return {};
  }
  void on_fetch_timeout() override { lines.push_back("timeout"); }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
  std::vector<std::string> lines;
  std::string refuse;
};

const std::string kType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";
using Lines = std::vector<std::string>;

struct World {
  sim::Clock clock;
  event::Loop loop{clock};
  stats::Registry registry;
  Random random{1};
  Plane plane;
  Client client;
  Counts counts = Counts::of_source(registry, "cluster_manager.cds.");

  explicit World(Subscription::Kind kind = Subscription::Kind::state_of_the_world, bool node_once = true)
      : client(loop, registry, random, plane, {"plane", "/method", kind, "\x0a\x01n", node_once, true, "control_plane."}) {}
  void run(Duration d = Duration(0)) {
    clock.go_to(clock.now() + std::max<Duration>(d, 1ms));  // the timers' step
    for (int i = 0; i < 5; ++i) loop.poll();
  }
  std::unique_ptr<Watch> watch(Told& t, std::set<std::string> names, Duration patience = Duration(0),
                               const std::string& type = kType) {
    const bool all = names.empty();
    return client.watch(type, std::move(names), all, counts, patience, t);
  }
  std::string said() {
    if (plane.unread.empty()) return "nothing";
    discovery_v3::DiscoveryRequest q;
    REQUIRE(q.ParseFromString(plane.unread.front()));
    plane.unread.pop_front();
    std::string out = q.has_node() ? "node=" + q.node().id() + " " : "";
    out += "v=" + q.version_info() + " n=" + q.response_nonce();
    for (const auto& n : q.resource_names()) out += " " + n;
    if (q.has_error_detail()) out += " error=" + q.error_detail().message();
    return out;
  }
  void send(const std::string& version, const std::string& nonce, const Lines& names, const std::string& type = kType) {
    discovery_v3::DiscoveryResponse r;
    r.set_version_info(version);
    r.set_nonce(nonce);
    r.set_type_url(type);
    r.mutable_control_plane()->set_identifier("me");
    for (const auto& n : names) {
      auto& any = *r.add_resources();
      any.set_type_url(type);
      any.set_value("\x0a" + std::string(1, static_cast<char>(n.size())) + n);
    }
    deliver(r);
  }
  void deliver(const google::protobuf::Message& m, Duration then = Duration(0)) {
    REQUIRE(plane.events != nullptr);
    plane.events->on_message(m.SerializeAsString());
    run(then);
  }
  std::uint64_t stat(std::string_view name) {
    std::uint64_t value = UINT64_MAX;
    stats::Walk(registry).each(stats::Walk::counters | stats::Walk::gauges, [&](const stats::StatView& s) {
      if (std::string(s.prefix) + std::string(s.suffix) == name) value = s.value;
    });
    return value;
  }
};

TEST_CASE("a watch is told what it wants, and the control plane that it was taken", "[xds]") {
  World w;
  Told all;
  const auto watch = w.watch(all, {});
  w.run();
  CHECK(w.plane.last_method == "/method");
  CHECK(w.said() == "node=n v= n=");
  w.send("1", "x1", {"a", "b"});
  CHECK(all.take() == Lines{"1: a b"});
  CHECK(w.said() == "v=1 n=x1");
  CHECK(w.stat("cluster_manager.cds.update_success") == 1);
  CHECK(w.stat("cluster_manager.cds.update_attempt") == 2);
  CHECK(w.stat("control_plane.connected_state") == 1);
  CHECK(w.client.identifier() == "me");
}

TEST_CASE("the node goes with every request unless once is enough", "[xds]") {
  World w(Subscription::Kind::state_of_the_world, false);
  Told all;
  const auto watch = w.watch(all, {});
  w.run();
  CHECK(w.said() == "node=n v= n=");
  w.send("1", "x1", {});
  CHECK(all.take() == Lines{"1:"});
  CHECK(w.said() == "node=n v=1 n=x1");
}

TEST_CASE("what a watch refuses is told to the control plane, and slows one down that insists", "[xds]") {
  World w;
  Told all;
  all.refuse = "not good";
  const auto watch = w.watch(all, {});
  w.run();
  CHECK(w.said() == "node=n v= n=");
  w.send("1", "x1", {"a"});
  CHECK(w.said() == "v= n=x1 error=not good");
  CHECK(w.stat("cluster_manager.cds.update_rejected") == 1);
  w.send("2", "x2", {"a"});
  CHECK(w.said() == "nothing");
  w.run(490ms);
  CHECK(w.said() == "nothing");
  w.run(20ms);
  CHECK(w.said() == "v= n=x2 error=not good");
  w.send("3", "x3", {"a"});
  w.run(990ms);
  CHECK(w.said() == "nothing");
  w.run(20ms);
  CHECK(w.said() == "v= n=x3 error=not good");
  w.send("4", "x4", {"a"});  // never longer than a second
  w.run(1010ms);
  CHECK(w.said() == "v= n=x4 error=not good");
  all.refuse.clear();
  w.send("5", "x5", {"a"});
  CHECK(w.said() == "v=5 n=x5");
  all.refuse = "again";
  w.send("6", "x6", {"a"});
  CHECK(w.said() == "v=5 n=x6 error=again");
}

TEST_CASE("names of several watches are asked for together; each is told of its own", "[xds]") {
  World w;
  Told a, b;
  const auto wa = w.watch(a, {"a"});
  auto wb = w.watch(b, {"b", "c"});
  w.run();
  CHECK(w.said() == "node=n v= n= a b c");
  w.send("1", "x1", {"b", "z"});
  CHECK(a.take().empty());
  CHECK(b.take() == Lines{"1: b"});
  CHECK(w.said() == "v=1 n=x1 a b c");
  wb.reset();
  w.run();
  CHECK(w.said() == "v=1 n=x1 a");
  w.send("2", "x2", {"a", "b"});
  CHECK(a.take() == Lines{"2: a"});
  CHECK(b.take().empty());
  CHECK(w.said() == "v=2 n=x2 a");
}

TEST_CASE("a pause makes one request of many changes", "[xds]") {
  World w;
  Told a, b;
  std::unique_ptr<Watch> wa, wb;
  {
    const Client::Pause pause(w.client, kType);
    wa = w.watch(a, {"a"});
    w.run();
    CHECK(w.said() == "nothing");
    wb = w.watch(b, {"b"});
  }
  w.run();
  CHECK(w.said() == "node=n v= n= a b");
}

TEST_CASE("a lost stream is opened again after a while that grows, with what is had", "[xds]") {
  World w;
  Told all;
  const auto watch = w.watch(all, {});
  w.run();
  CHECK(w.said() == "node=n v= n=");
  w.send("1", "x1", {"a"});
  CHECK(w.said() == "v=1 n=x1");
  for (int failures = 1; failures <= 8; ++failures) {
    w.plane.events->on_closed(14, "away");
    w.run();
    CHECK(w.plane.calls == failures);
    CHECK(w.stat("control_plane.connected_state") == 0);
    CHECK(w.stat("cluster_manager.cds.update_failure") == static_cast<std::uint64_t>(failures));
    // At most the base, doubled each time, and never over the maximum.
    w.run(std::min<Duration>(30s, 500ms * (1 << (failures - 1))));
    CHECK(w.plane.calls == failures + 1);
    CHECK(w.said() == "node=n v=1 n=");
  }
  CHECK(w.client.last_failure() == "gRPC status 14: away");
}

TEST_CASE("a message that is none ends the stream; a type that nobody wants is passed over", "[xds]") {
  World w;
  Told all;
  const auto watch = w.watch(all, {});
  w.run();
  CHECK(w.said() == "node=n v= n=");
  w.send("1", "x1", {"a"}, "type.googleapis.com/other");
  CHECK(all.take().empty());
  CHECK(w.said() == "nothing");
  w.plane.events->on_message("\xff\xff\xff");
  w.run(500ms);
  CHECK(w.plane.calls == 2);
  CHECK(w.said() == "node=n v= n=");
}

TEST_CASE("who waits long enough for the first answer is told so, once", "[xds]") {
  World w;
  Told a;
  const auto watch = w.watch(a, {"a"}, 15s);
  w.run();
  CHECK(w.said() == "node=n v= n= a");
  w.run(14s);
  CHECK(a.take().empty());
  w.run(2s);
  CHECK(a.take() == Lines{"timeout"});
  CHECK(w.stat("cluster_manager.cds.init_fetch_timeout") == 1);
  w.send("1", "x1", {"a"});
  CHECK(a.take() == Lines{"1: a"});
  CHECK(w.said() == "v=1 n=x1 a");
  w.run(60s);
  CHECK(a.take().empty());
}

TEST_CASE("watches of all may be told of their own part of the names only", "[xds]") {
  World w(Subscription::Kind::delta);
  Told r, other;
  const auto one = w.client.watch(kType, {}, true, w.counts, Duration(0), r, "r/");
  const auto two = w.client.watch(kType, {}, true, w.counts, Duration(0), other, "other/");
  w.run();
  const auto send = [&](std::vector<std::pair<std::string, bool>> names, const Lines& removed) {
    discovery_v3::DeltaDiscoveryResponse m;
    m.set_system_version_info("1");
    m.set_type_url(kType);
    for (const auto& [name, body] : names) {
      auto& resource = *m.add_resources();
      resource.set_name(name);
      resource.add_aliases(name + "/alias");
      if (body) resource.mutable_resource()->set_type_url(kType);
    }
    for (const auto& name : removed) m.add_removed_resources(name);
    w.deliver(m);
    w.plane.unread.clear();
  };
  send({{"r/a", true}, {"r/none", false}, {"x", true}}, {"other/b"});
  CHECK(r.take() == Lines{"1: r/a r/none"});
  CHECK(other.take() == Lines{"1: -other/b"});
  send({{"r/a", true}}, {});
  CHECK(r.take() == Lines{"1: r/a"});
  CHECK(other.take().empty());
  send({}, {});  // there is nothing: both have heard
  CHECK(r.take() == Lines{"1:"});
  CHECK(other.take() == Lines{"1:"});
}

TEST_CASE("a delta that names one resource twice is refused whole", "[xds]") {
  World w(Subscription::Kind::delta);
  Told all;
  const auto watch = w.watch(all, {});
  w.run();
  w.plane.unread.clear();
  const auto send = [&](const Lines& names, const Lines& removed) {
    discovery_v3::DeltaDiscoveryResponse m;
    m.set_type_url(kType);
    m.set_nonce("x");
    for (const auto& name : names) {
      auto& resource = *m.add_resources();
      resource.set_name(name);
      resource.mutable_resource()->set_type_url(kType);
    }
    for (const auto& name : removed) m.add_removed_resources(name);
    w.deliver(m, 2s);  // refusals that follow each other are slowed down
    REQUIRE(w.plane.unread.size() == 1);
    discovery_v3::DeltaDiscoveryRequest q;
    REQUIRE(q.ParseFromString(w.plane.unread.front()));
    w.plane.unread.clear();
    return q.error_detail().message();
  };
  CHECK(send({"a", "b"}, {"b"}) == "duplicate name b found in the union of added+removed resources");
  CHECK(all.take() == Lines{"timeout"});  // nothing came, and it is waited for no longer
  CHECK(send({"a", "b", "a"}, {}) == "duplicate name a found among added/updated resources");
  CHECK(all.take().empty());
  CHECK(w.stat("cluster_manager.cds.update_rejected") == 2);
  CHECK(send({"a", "b"}, {"c"}).empty());
  CHECK(all.take() == Lines{": a b -c"});
}

TEST_CASE("a resource with a time to live goes when no heartbeat comes", "[xds]") {
  World w(Subscription::Kind::delta);
  Told all;
  const auto watch = w.watch(all, {});
  w.run();
  w.plane.unread.clear();
  const auto send = [&](const std::string& nonce, bool heartbeat) {
    discovery_v3::DeltaDiscoveryResponse r;
    r.set_type_url(kType);
    r.set_nonce(nonce);
    auto& resource = *r.add_resources();
    resource.set_name("a");
    resource.mutable_ttl()->set_seconds(10);
    if (!heartbeat) resource.mutable_resource()->set_type_url(kType);
    w.deliver(r);
    w.plane.unread.clear();
  };
  send("x1", false);
  CHECK(all.take() == Lines{": a"});
  w.run(9s);
  send("x2", true);
  (void)all.take();
  w.run(9s);
  CHECK(all.take().empty());
  w.run(2s);
  CHECK(all.take() == Lines{": -a"});
}

/// Takes each update of several resources one by one.
struct Slow final : WatchEvents {
  struct Work final : UpdateWork {
    Work(Slow& slow, const Update& u) : slow(slow), update(u) {}
    bool go_on() override {
      slow.lines.push_back(update.resources[done]->name);
      return ++done == update.resources.size();
    }
    Result<void> result() override {
      slow.lines.push_back("end of " + update.version);
      if (update.resources.front()->name == "bad") return Error{Errc::invalid_config, "bad is bad"};
      return {};
    }
    Slow& slow;
    const Update& update;
    std::size_t done = 0;
  };
  Result<void> on_update(const Update& u) override {
    lines.push_back("at once " + u.version);
    return {};
  }
  std::unique_ptr<UpdateWork> begin_update(const Update& u) override {
    return u.resources.size() < 2 ? nullptr : std::make_unique<Work>(*this, u);
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
  std::vector<std::string> lines;
};

const std::string kEndpoints = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
const std::string kRoutes = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

struct SlowWorld : World {
  SlowWorld() {
    all = client.watch(kType, {}, true, counts, Duration(0), slow);
    one = watch(endpoints, {"e"}, Duration(0), kEndpoints);
    other = watch(routes, {"r"}, Duration(0), kRoutes);
    run();
    for (int i = 0; i < 3; ++i) (void)said();
  }
  bool deliver(const std::string& version, const std::vector<std::string>& names, const std::string& type) {
    discovery_v3::DiscoveryResponse r;
    r.set_version_info(version);
    r.set_nonce("n" + version);
    r.set_type_url(type);
    for (const auto& n : names) {
      r.add_resources()->set_type_url(type);
      r.mutable_resources(r.resources_size() - 1)->set_value("\x0a" + std::string(1, static_cast<char>(n.size())) + n);
    }
    return plane.events->on_message(r.SerializeAsString());
  }
  Slow slow;
  Told endpoints, routes;
  std::unique_ptr<Watch> all, one, other;
};

TEST_CASE("while a large update is taken, endpoints are taken at once and others wait in order", "[xds]") {
  SlowWorld w;
  CHECK(w.deliver("1", {"a", "b", "c"}, kType));
  CHECK(w.slow.take() == Lines{"a"});
  CHECK(w.deliver("2", {"e"}, kEndpoints));
  CHECK(w.deliver("3", {"r"}, kRoutes));
  CHECK(w.deliver("4", {"d", "e"}, kType));
  CHECK(w.endpoints.take() == Lines{"2: e"});
  CHECK(w.said() == "v=2 n=n2 e");
  CHECK(w.routes.take().empty());
  CHECK(w.plane.unread.empty());
  w.run();
  CHECK(w.slow.take() == Lines{"b", "c", "end of 1", "d", "e", "end of 4"});
  CHECK(w.routes.take() == Lines{"3: r"});
  CHECK(w.said() == "v=1 n=n1");
  CHECK(w.said() == "v=3 n=n3 r");
  CHECK(w.said() == "v=4 n=n4");
  CHECK(w.deliver("5", {"a"}, kType));
  CHECK(w.slow.take() == Lines{"at once 5"});
  CHECK(w.said() == "v=5 n=n5");
  CHECK(w.plane.went_on == 0);
}

TEST_CASE("too many messages behind a large update hold the stream back", "[xds]") {
  SlowWorld w;
  CHECK(w.deliver("1", {"a", "b"}, kType));
  for (int i = 2; i < 9; ++i) CHECK(w.deliver(std::to_string(i), {"r"}, kRoutes));
  CHECK_FALSE(w.deliver("9", {"r"}, kRoutes));
  CHECK(w.plane.went_on == 0);
  w.run();
  CHECK(w.plane.went_on == 1);
  CHECK(w.routes.take().size() == 8);
  while (!w.plane.unread.empty()) (void)w.said();
}

TEST_CASE("a stream that closes in a large update: what has come is taken, and not answered on the next", "[xds]") {
  SlowWorld w;
  CHECK(w.deliver("1", {"a", "b"}, kType));
  CHECK(w.deliver("2", {"r"}, kRoutes));
  w.plane.events->on_closed(14, "gone");
  CHECK(w.slow.take() == Lines{"a", "b", "end of 1"});
  CHECK(w.routes.take() == Lines{"2: r"});
  CHECK(w.plane.unread.empty());
  w.run(2s);
  CHECK(w.said() == "node=n v=1 n=");  // with the version of what was taken
  while (!w.plane.unread.empty()) (void)w.said();
}

TEST_CASE("a large update is refused at its end, or dropped with its watch", "[xds]") {
  SlowWorld w;
  CHECK(w.deliver("1", {"bad", "b"}, kType));
  w.run();
  CHECK(w.slow.take() == Lines{"bad", "b", "end of 1"});
  CHECK(w.said() == "v= n=n1 error=bad is bad");
  CHECK(w.deliver("2", {"a", "b", "c"}, kType));
  w.all = nullptr;
  w.run();
  CHECK(w.slow.take() == Lines{"a"});
  CHECK(w.said() == "v= n=n1");  // nobody wants any
}

}  // namespace
}  // namespace outrigger::xds
