// Endpoints with several addresses: they are tried one after the other, the first that connects is used.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

Setup several(const std::string& first, const std::vector<std::string>& others) {
  const auto address = [](const std::string& ip) { return "address: {socket_address: {address: " + ip + ", port_value: 80}}"; };
  std::string more;
  for (const auto& o : others) more += "{" + address(o) + "},";
  Setup s;
  s.routes = "{match: {prefix: /}, route: {cluster: many, timeout: 30s}}";
  s.cluster =
      "connect_timeout: 5s}, {name: many, load_assignment: {cluster_name: many, endpoints: [{lb_endpoints: [{endpoint: {" +
      address(first) + ", additional_addresses: [" + more + "]}}]}]},";
  return s;
}

}  // namespace

TEST_CASE("an address that refuses is followed by the next at once", "[sim]") {
  play_all({several("10.0.3.1", {"10.0.3.2"}), [](World& w) {
              w.network.target("10.0.3.1:80").answer = Target::refuse;
              auto& up = w.server("10.0.3.2:80");
              auto& client = w.connect();
              client.get();
              w.run(50ms);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, up.requests.size() == 1);
              CHECK_CLEAN(w, w.stat("cluster.many.upstream_cx_total") == 2);
              CHECK_CLEAN(w, w.stat("cluster.many.upstream_cx_connect_fail") == 0);
              CHECK_CLEAN(w, w.stat("cluster.many.upstream_cx_active") == 1);
            }});
}

TEST_CASE("an address that does not answer has a head start of 300 ms", "[sim]") {
  play_all({several("10.0.3.1", {"10.0.3.2"}), [](World& w) {
              w.network.target("10.0.3.1:80").answer = Target::silence;
              w.server("10.0.3.2:80");
              auto& client = w.connect();
              client.get();
              w.run(290ms);
              CHECK_CLEAN(w, client.responses().empty());
              w.run(60ms);
              CHECK_CLEAN(w, client.status() == 200);
            }});
}

TEST_CASE("the first of two attempts that connects is used, the other is given up", "[sim]") {
  play_all({several("10.0.3.1", {"10.0.3.2"}), [](World& w) {
              auto& slow = w.server("10.0.3.1:80");
              w.network.target("10.0.3.1:80").delay = 400ms;
              auto& late = w.server("10.0.3.2:80");
              w.network.target("10.0.3.2:80").delay = 2s;
              auto& client = w.connect();
              client.get();
              w.run(5s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, slow.requests.size() == 1);
              CHECK_CLEAN(w, late.requests.empty());
            }});
}

TEST_CASE("no address connects: one connection has failed", "[sim]") {
  play_all({several("10.0.3.1", {"10.0.3.2", "10.0.3.3"}), [](World& w) {
              w.network.target("10.0.3.1:80").answer = Target::refuse;
              w.network.target("10.0.3.2:80").answer = Target::fail_at_once;
              w.network.target("10.0.3.3:80").answer = Target::refuse;
              auto& client = w.connect();
              client.get();
              w.run(1s);
              CHECK_CLEAN(w, client.status() == 503);
              CHECK_CLEAN(w, w.stat("cluster.many.upstream_cx_connect_fail") == 1);
              CHECK_CLEAN(w, w.stat("cluster.many.upstream_cx_active") == 0);
            }});
}

TEST_CASE("no address answers in time: the connect timeout is that of all together", "[sim]") {
  play_all({several("10.0.3.1", {"10.0.3.2"}), [](World& w) {
              for (const char* a : {"10.0.3.1:80", "10.0.3.2:80"}) w.network.target(a).answer = Target::silence;
              auto& client = w.connect();
              client.get();
              w.run(10s);
              CHECK_CLEAN(w, client.status() == 503);
              CHECK_CLEAN(w, w.stat("cluster.many.upstream_cx_connect_timeout") == 1);
            }});
}
