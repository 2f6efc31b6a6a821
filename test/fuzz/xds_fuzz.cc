// A client of a control plane that says anything at any time: the bytes are a script of what comes in, what is wanted and
// how time goes. What the client says must agree with what a careful control plane would note: every answer is to the last
// message, what is refused is told so, and the names it was told of are those that are wanted.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "fuzz/check.h"
#include "proxy/base/log.h"
#include "proxy/event/loop.h"
#include "unit/sim/clock.h"
#include "xds/client/client.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using namespace std::chrono_literals;
using namespace xds;
namespace discovery_v3 = envoy::service::discovery::v3;

const std::string kTypes[] = {"type.googleapis.com/envoy.config.cluster.v3.Cluster",
                              "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"};
const std::string kNames[] = {"a", "b", "c", "*", ""};

struct Script {
  const std::uint8_t* at;
  std::size_t left;
  std::uint8_t next() { return left == 0 ? 0 : (--left, *at++); }
  std::string bytes(std::size_t n) {
    std::string out;
    for (n = std::min(n, left); n > 0; --n) out += static_cast<char>(next());
    return out;
  }
};

/// What the control plane knows of one type on the stream that is open.
struct Noted {
  std::string nonce;                // of the last message that was sent
  bool unanswered = false;          // it was
  std::set<std::string> names;      // delta: told to be wanted
  bool all = false, asked = false;  // asked: there was a request
};

struct Plane final : Transport {
  struct Call final : Stream {
    explicit Call(Plane& p) : plane(p) {}
    ~Call() override { plane.events = nullptr; }
    void send(std::string m) override { plane.delta ? plane.on_delta(m) : plane.on_sotw(m); }
    void go_on() override {}
    Plane& plane;
  };
  std::unique_ptr<Stream> open(const std::string& method, StreamEvents& e) override {
    check(method == "/method" && events == nullptr);
    noted.clear();
    first = true;
    events = &e;
    return std::make_unique<Call>(*this);
  }
  template <class Request>
  Noted& on_request(const Request& q) {
    check(events != nullptr && q.has_node() == first);
    first = false;
    auto& n = noted[q.type_url()];
    check(q.response_nonce().empty() || q.response_nonce() == n.nonce);
    check(!q.has_error_detail() || n.unanswered || !n.asked);  // a push that nobody had asked for is refused with the first request
    if (!q.response_nonce().empty()) n.unanswered = false;
    return n;
  }
  void on_sotw(const std::string& m) {
    discovery_v3::DiscoveryRequest q;
    check(q.ParseFromString(m));
    Noted& n = on_request(q);
    n.names = {q.resource_names().begin(), q.resource_names().end()};
    n.all = n.names.empty() ? n.all || !n.asked : n.names.contains("*");
    n.asked = true;
  }
  void on_delta(const std::string& m) {
    discovery_v3::DeltaDiscoveryRequest q;
    check(q.ParseFromString(m));
    Noted& n = on_request(q);
    // One that was dropped and is wanted again is asked for anew.
    n.names.insert(q.resource_names_subscribe().begin(), q.resource_names_subscribe().end());
    for (const auto& name : q.resource_names_unsubscribe()) check(n.names.erase(name) == 1 || name == "*");
    check(q.initial_resource_versions().empty() || !n.asked);
    n.asked = true;
  }
  bool delta = false, first = true;
  StreamEvents* events = nullptr;
  std::map<std::string, Noted> noted;
};

struct Told final : WatchEvents {
  Result<void> on_update(const Update& u) override {
    for (const auto* r : u.resources) check(all || names.contains(r->name));
    for (const auto& r : u.removed) check(all || names.contains(r));
    if (refuses) return Error{Errc::invalid_config, "no"};
    return {};
  }
  std::set<std::string> names;
  bool all = false, refuses = false;
  std::string type;
  std::unique_ptr<Watch> watch;
};

class Game {
 public:
  explicit Game(bool delta)
      : client_(loop_, registry_, random_, plane_,
                {"plane", "/method", delta ? Subscription::Kind::delta : Subscription::Kind::state_of_the_world, "\x0a\x01n", true,
                 true, "control_plane."}) {
    plane_.delta = delta;
  }
  void play(Script& s) {
    for (int turns = 0; s.left > 0 && turns < 300; ++turns) turn(s);
    settle();
  }

 private:
  void turn(Script& s) {
    switch (s.next() % 8) {
      case 0: return add_watch(s);
      case 1: return drop_watch(s);
      case 2: return change_names(s);
      case 3: return answer(s);
      case 4: return garbage(s);
      case 5: return close(s);
      case 6: return run(std::chrono::milliseconds(s.next() * 40));
      default:
        if (!told_.empty()) told_[s.next() % told_.size()]->refuses ^= true;
    }
  }
  void run(Duration d) {
    clock_.go_to(clock_.now() + std::max<Duration>(d, 1ms));
    for (int i = 0; i < 5; ++i) loop_.poll();
  }
  static std::set<std::string> names(Script& s) {
    std::set<std::string> out;
    for (int bits = s.next() % 7 + 1, i = 0; i < 3; ++i)
      if (bits >> i & 1) out.insert(kNames[i]);
    return out;
  }
  void add_watch(Script& s) {
    if (told_.size() >= 6) return;
    auto& t = *told_.emplace_back(std::make_unique<Told>());
    const int how = s.next();
    t.type = kTypes[how & 1];
    t.all = (how & 2) != 0;
    if (!t.all) t.names = names(s);
    t.watch = client_.watch(t.type, t.names, t.all, counts_, std::chrono::seconds(how >> 4), t);
    if (how & 4) run({});
  }
  void drop_watch(Script& s) {
    if (!told_.empty()) told_.erase(told_.begin() + s.next() % static_cast<std::ptrdiff_t>(told_.size()));
  }
  void change_names(Script& s) {
    if (told_.empty()) return;
    auto& t = *told_[s.next() % told_.size()];
    if (t.all) return;
    t.names = names(s);
    t.watch->want(t.names);
  }
  template <class Any>
  static void fill(Any& any, const std::string& type, const std::string& name) {
    any.set_type_url(type);
    any.set_value("\x0a" + std::string(1, static_cast<char>(name.size())) + name);
  }
  void answer(Script& s) {
    if (plane_.events == nullptr) return;
    const int how = s.next();
    const std::string& type = kTypes[how & 1];
    const std::string nonce = std::to_string(++nonces_);
    std::string bytes;
    if (plane_.delta) {
      discovery_v3::DeltaDiscoveryResponse r;
      r.set_type_url(type), r.set_nonce(nonce), r.set_system_version_info("v" + nonce);
      for (int n = how >> 1 & 3; n > 0; --n) {
        const int what = s.next();
        auto& one = *r.add_resources();
        one.set_name(kNames[what % 5]), one.set_version(std::to_string(what >> 5));
        if (what & 8) one.mutable_ttl()->set_seconds(what >> 6);
        if (what & 16) fill(*one.mutable_resource(), type, kNames[what % 5]);
      }
      for (int n = how >> 3 & 3; n > 0; --n) r.add_removed_resources(kNames[s.next() % 5]);
      bytes = r.SerializeAsString();
    } else {
      discovery_v3::DiscoveryResponse r;
      r.set_type_url(type), r.set_nonce(nonce), r.set_version_info("v" + std::to_string(how >> 5));
      for (int n = how >> 1 & 3; n > 0; --n) fill(*r.add_resources(), type, kNames[s.next() % 5]);
      bytes = r.SerializeAsString();
    }
    auto& n = plane_.noted[type];
    n.nonce = nonce;
    n.unanswered = n.asked;
    plane_.events->on_message(bytes);
    if (how & 64) run({});
  }
  void garbage(Script& s) {
    if (plane_.events == nullptr) return;
    plane_.events->on_message(s.bytes(s.next() % 40));
    run({});
  }
  void close(Script& s) {
    if (plane_.events == nullptr) return;
    plane_.events->on_closed(s.next() % 17, "away");
    run({});
  }
  /// With time enough all is said.
  void settle() {
    for (const auto& t : told_) t->refuses = false;
    run(120s);
    run(120s);
    std::map<std::string, std::set<std::string>> wanted;
    for (const auto& t : told_) wanted[t->type].insert(t->names.begin(), t->names.end());
    for (const auto& [type, names] : wanted) {
      const auto at = plane_.noted.find(type);
      check(plane_.events != nullptr && at != plane_.noted.end() && at->second.asked);
      for (const auto& name : names) check(at->second.names.contains(name));
      for (const auto& name : at->second.names) check(name == "*" || names.contains(name));
    }
    for (const auto& [type, n] : plane_.noted) check(!n.unanswered);
  }

  sim::Clock clock_;
  event::Loop loop_{clock_};
  stats::Registry registry_;
  Random random_{1};
  Plane plane_;
  Client client_;
  Counts counts_ = Counts::of_source(registry_, "cluster_manager.cds.");
  std::vector<std::unique_ptr<Told>> told_;
  unsigned nonces_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  logger::set_all_levels(logger::Level::off);
  Script script{data + 1, size - 1};
  Game(data[0] & 1).play(script);
  return 0;
}
