// A proxy that is fed by a control plane which the test plays: everything but sockets of the control plane and the main
// thread's time is real. Every message that the proxy sends is read by the test.
#pragma once
#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "proxy/server/server.h"
#include "proxy/stats/walk.h"
#include "support/xds.h"
#include "unit/sim/clock.h"
#include "xds/compile/secrets.h"
#include "xds/delivery/delivery.h"

namespace outrigger::xds::delivery_test {

/// One stream of all types.
struct Plane {
  struct Call final : Stream {
    explicit Call(Plane& p) : plane(p) {}
    ~Call() override { plane.events = nullptr; }
    void send(std::string m) override { plane.unread.push_back(std::move(m)); }
    void go_on() override { ++plane.went_on; }
    Plane& plane;
  };
  struct Calls final : Transport {
    explicit Calls(Plane& p) : plane(p) {}
    std::unique_ptr<Stream> open(const std::string&, StreamEvents& e) override {
      ++plane.calls;
      plane.events = &e;
      return std::make_unique<Call>(plane);
    }
    Plane& plane;
  };
  StreamEvents* events = nullptr;
  std::deque<std::string> unread;
  int calls = 0, went_on = 0;
};

class World {
 public:
  /// `more`: of the bootstrap.
  explicit World(const std::string& more = "");
  ~World();
  /// The main thread's time goes on by so much.
  void run(Duration d = Duration(0));
  /// What the proxy said, in its order: "CDS", "CDS v1 n1", "EDS a b", "LDS v1 n2 refused: why".
  std::vector<std::string> said();
  /// Of a type as said() names it; the resources in YAML. The nonce is "n" and the version's number.
  void push(const std::string& type, const std::string& version, const std::vector<std::string>& resources);
  void close();
  std::uint64_t stat(std::string_view name);
  bool live() { return server_->state() == server::State::live; }
  Plane plane;
  bool ready = false;

 private:
  sim::Clock clock_;
  std::unique_ptr<server::Server> server_;
  std::unique_ptr<Sources> sources_;
  std::unique_ptr<SecretStore> secrets_;
  std::unique_ptr<Delivery> delivery_;
};

using Said = std::vector<std::string>;

std::string cluster(const std::string& name, const std::string& more = "");
std::string endpoints(const std::string& name, const std::string& more = "");
/// `routes`: an rds or a route_config.
std::string listener(const std::string& name, const std::string& routes, const std::string& more = "");
std::string rds(const std::string& name, const std::string& more = "");
std::string routes(const std::string& name, const std::string& cluster);

}  // namespace outrigger::xds::delivery_test
