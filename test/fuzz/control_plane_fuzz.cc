// A proxy that says anything at any time to the control plane: the bytes are a script of what it asks and answers, what is
// served, and how time goes. One response of a type is under way at a time, and once the proxy answers to everything it has
// exactly what is served.
#include <google/protobuf/stubs/logging.h>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "control_plane/control_plane.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "fuzz/check.h"
#include "proxy/base/log.h"
#include "unit/control_plane/resources.h"
#include "unit/sim/clock.h"
#include "xds/protocol/messages.h"

namespace {

using namespace outrigger;  // NOLINT: a program of its own
using namespace std::chrono_literals;
using namespace control_plane;
namespace discovery_v3 = envoy::service::discovery::v3;

constexpr std::string_view kTypes[] = {kClusters, kEndpoints, kListeners, kRoutes};
const std::string kNames[] = {"a", "b", "c", "d"};
constexpr bool whole(std::size_t type) { return type % 2 == 0; }  // clusters and listeners are asked for whole

struct Script {
  const std::uint8_t* at;
  std::size_t left;
  std::uint8_t next() { return left == 0 ? 0 : (--left, *at++); }
};

/// What the proxy knows of one type.
struct Known {
  std::map<std::string, std::string> items;  // as it was told
  std::set<std::string> names;
  std::string nonce, version;
  bool asked = false;      // on this stream
  bool under_way = false;  // a response is not answered
};

class Game {
 public:
  explicit Game(bool delta) : delta_(delta) { open(); }

  void play(Script& s) {
    for (int turns = 0; s.left > 0 && turns < 300; ++turns) turn(s);
    // All is well again: what was refused is replaced.
    serve(0, 0x1b), serve(1, 0xe4), serve(2, 0x55), serve(3, 0xaa), publish();
    for (std::size_t t = 0; t < 4; ++t)
      if (!known_[t].asked) ask(t);
    for (int rounds = 0; !call_->unread.empty() || rounds < 3; ++rounds) {
      check(rounds < 100);
      while (!call_->unread.empty()) answer(false);
      wait(6s);
    }
    for (std::size_t t = 0; t < 4; ++t) compare(t);
  }

 private:
  struct Queue final : Call {
    void send(std::string m) override { unread.push_back(std::move(m)); }
    void finish(int, const std::string&) override { finished = true; }
    std::deque<std::string> unread;
    bool finished = false;
  };

  void turn(Script& s) {
    const auto what = s.next(), more = s.next();
    const std::size_t t = what >> 4 & 3;
    switch (what & 7) {
      case 0: serve(t, more); break;
      case 1: serve(t, more), publish(); break;
      case 2: want(t, more); break;
      case 3:
      case 4:
        if (!call_->unread.empty()) answer((more & 3) == 0);
        break;
      case 5: wait(std::chrono::milliseconds(50 * more)); break;
      case 6: ask(t, more % 2 == 0 ? known_[t].nonce : "77"); break;
      case 7:
        if (more % 4 == 0) plane_.on_message(stream_, std::string(more % 7, '\xff'));
        if (more % 4 == 1 || call_->finished) reopen();
        break;
    }
    if (call_->finished) reopen();
    note();
  }
  void serve(std::size_t t, std::uint8_t bits) {
    auto items = std::make_shared<TypeItems>();
    for (std::size_t i = 0; i < 4; ++i) {
      const int version = bits >> (2 * i) & 3;
      if (version == 0) continue;
      auto item = std::make_shared<Item>();
      item->type_url = kTypes[t];
      item->name = kNames[i];
      item->body = "\x0a\x01" + kNames[i] + std::to_string(version);
      item->version = std::to_string(version);
      if (t == 0 && version == 2) item->endpoints_of = kNames[i];
      items->items[item->name] = item;
    }
    items->version = version_of(items->items);
    view_[std::string(kTypes[t])] = items;
  }
  void publish() {
    plane_.publish([v = std::make_shared<const View>(view_)](const NodeInfo&) { return v; });
  }
  void open() {
    call_ = std::make_shared<Queue>();
    const std::string how = delta_ ? "Delta" : "Stream";
    stream_ = plane_.open("/envoy.service.discovery.v3.AggregatedDiscoveryService/" + how + "AggregatedResources", "p", call_);
    check(stream_ != 0);
  }
  void reopen() {
    plane_.on_closed(stream_);
    for (auto& k : known_) k.asked = k.under_way = false, k.nonce.clear();
    noted_ = 0;
    open();
  }
  void want(std::size_t t, std::uint8_t bits) {
    Known& k = known_[t];
    std::set<std::string> names;
    for (std::size_t i = 0; i < 4 && !whole(t); ++i)
      if ((bits >> i & 1) != 0) names.insert(kNames[i]);
    if (!delta_ || !k.asked) {
      k.names = names;
      forget(k, t);
      return ask(t, k.nonce);
    }
    discovery_v3::DeltaDiscoveryRequest q;
    q.set_type_url(std::string(kTypes[t]));
    for (const auto& n : names)
      if (!k.names.contains(n)) q.add_resource_names_subscribe(n);
    for (const auto& n : k.names)
      if (!names.contains(n)) q.add_resource_names_unsubscribe(n);
    k.names = names;
    forget(k, t);
    plane_.on_message(stream_, q.SerializeAsString());
  }
  void forget(Known& k, std::size_t t) {
    if (!whole(t)) std::erase_if(k.items, [&](const auto& i) { return !k.names.contains(i.first); });
  }
  void ask(std::size_t t, const std::string& nonce = "", bool refuse = false) {
    Known& k = known_[t];
    if (delta_) {
      discovery_v3::DeltaDiscoveryRequest q;
      q.set_type_url(std::string(kTypes[t]));
      q.set_response_nonce(nonce);
      if (refuse) q.mutable_error_detail()->set_message("no");
      if (!k.asked) {
        for (const auto& n : k.names) q.add_resource_names_subscribe(n);
        for (const auto& [name, version] : k.items) q.mutable_initial_resource_versions()->insert({name, version});
      }
      k.asked = true;
      return plane_.on_message(stream_, q.SerializeAsString());
    }
    discovery_v3::DiscoveryRequest q;
    q.set_type_url(std::string(kTypes[t]));
    q.set_response_nonce(nonce);
    q.set_version_info(k.version);
    if (refuse) q.mutable_error_detail()->set_message("no");
    for (const auto& n : k.names) q.add_resource_names(n);
    k.asked = true;
    plane_.on_message(stream_, q.SerializeAsString());
  }
  /// To the oldest response that was not read yet.
  void answer(bool refuse) {
    note();
    const std::string bytes = std::move(call_->unread.front());
    call_->unread.pop_front();
    noted_ = call_->unread.size();
    discovery_v3::DiscoveryResponse r;
    discovery_v3::DeltaDiscoveryResponse d;
    check(delta_ ? d.ParseFromString(bytes) : r.ParseFromString(bytes));
    const std::size_t t = type_of(delta_ ? d.type_url() : r.type_url());
    Known& k = known_[t];
    k.under_way = false;
    k.nonce = delta_ ? d.nonce() : r.nonce();
    if (!delta_ && whole(t)) k.items.clear();
    for (const auto& any : r.resources()) take(k, t, any.value());
    for (const auto& item : d.resources()) take(k, t, item.resource().value());
    for (const auto& name : d.removed_resources()) k.items.erase(name);
    if (!refuse) k.version = r.version_info();
    ask(t, k.nonce, refuse);
    note();
  }
  static void take(Known& k, std::size_t t, const std::string& body) {
    const std::string name = xds::name_of_resource(body);
    if (whole(t) || k.names.contains(name)) k.items[name] = body.substr(3);
  }
  static std::size_t type_of(const std::string& url) {
    for (std::size_t t = 0; t < 4; ++t)
      if (kTypes[t] == url) return t;
    check(false);
    return 0;
  }
  /// What came since the last look.
  void note() {
    for (; noted_ < call_->unread.size(); ++noted_) {
      discovery_v3::DiscoveryResponse r;
      discovery_v3::DeltaDiscoveryResponse d;
      check(delta_ ? d.ParseFromString(call_->unread[noted_]) : r.ParseFromString(call_->unread[noted_]));
      Known& k = known_[type_of(delta_ ? d.type_url() : r.type_url())];
      check(k.asked && !k.under_way);
      k.under_way = true;
    }
    noted_ = call_->unread.size();
  }
  void wait(Duration d) {
    clock_.go_to(clock_.now() + d);
    timers_.run_due();
    note();
  }
  void compare(std::size_t t) const {
    const auto served = items_of(view_, kTypes[t]);
    const Known& k = known_[t];
    for (const auto& [name, item] : served->items) {
      if (!whole(t) && !k.names.contains(name)) continue;
      const auto at = k.items.find(name);
      check(at != k.items.end() && at->second == item->version);
    }
    for (const auto& [name, version] : k.items) check(served->items.contains(name) || (!whole(t) && !delta_));
  }

  const bool delta_;
  sim::Clock clock_;
  event::Timers timers_{clock_};
  ControlPlane plane_{timers_, clock_, "me"};
  View view_;
  std::shared_ptr<Queue> call_;
  std::uint64_t stream_ = 0;
  std::size_t noted_ = 0;
  Known known_[4];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  logger::set_all_levels(logger::Level::off);
  google::protobuf::LogSilencer quiet;
  if (size == 0) return 0;
  Script s{data + 1, size - 1};
  Game(data[0] % 2 == 1).play(s);
  return 0;
}
