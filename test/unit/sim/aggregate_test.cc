// Aggregate clusters: their clusters come, go and lose their hosts while requests are on the way.
#include "unit/sim/scenario.h"

using namespace outrigger;
using namespace outrigger::sim;

namespace {

const std::string kFirst = "10.0.1.1:80", kSecond = "10.0.2.1:80";

/// A cluster all beside the others, of up (10.0.1.1) and mirror (10.0.2.1).
Setup aggregate(const std::string& action = "") {
  Setup s;
  s.routes = "{match: {prefix: /}, route: {cluster: all" + action + "}}";
  s.cluster =
      "connect_timeout: 5s}, {name: all, lb_policy: CLUSTER_PROVIDED, cluster_type: {name: envoy.clusters.aggregate, "
      "typed_config: "
      "{'@type': type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [up, mirror]}},";
  return s;
}

}  // namespace

TEST_CASE("the next cluster of an aggregate takes over while the first is not there", "[sim]") {
  play_all({aggregate(), [](World& w) {
              auto& first = w.server(kFirst);
              auto& second = w.server(kSecond);
              auto& client = w.connect();
              const auto ask = [&] {
                client.get();
                w.run(50ms);
              };
              ask();
              w.hide("up");
              ask();
              w.show("up");
              ask();
              w.set_hosts(false);
              ask();
              w.set_hosts(true);
              ask();
              CHECK_CLEAN(w, client.responses().size() == 5);
              CHECK_CLEAN(w, first.requests.size() == 3);
              CHECK_CLEAN(w, second.requests.size() == 2);
              CHECK_CLEAN(w, w.stat("cluster.all.upstream_cx_none_healthy") == 0);
            }});
}

TEST_CASE("an aggregate's request goes on though the cluster that has it is removed", "[sim]") {
  play_all({aggregate(), [](World& w) {
              auto& first = w.server(kFirst);
              first.on_request = [&w](auto& c, const Message&) { w.after(2s, [&c] { c.reply(); }); };
              auto& client = w.connect();
              client.get();
              w.run(500ms);
              w.hide("up");
              w.run(5s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, first.requests.size() == 1);
            }});
}

TEST_CASE("a request that waits for its retry finds the cluster of its first try gone", "[sim]") {
  const std::string retry =
      ", retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 2s}, retry_host_predicate: [{name: "
      "envoy.retry_host_predicates.previous_hosts, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}}], retry_priority: {name: "
      "envoy.retry_priorities.previous_priorities, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: "
      "1}}}";
  play_all({aggregate(retry), [](World& w) {
              auto& first = w.server(kFirst);
              auto& second = w.server(kSecond);
              first.on_request = [](auto& c, const Message&) { c.reply("bad", "503 Service Unavailable"); };
              auto& client = w.connect();
              client.get();
              w.run(20ms);
              w.hide("up");
              w.run(10s);
              CHECK_CLEAN(w, client.status() == 200);
              CHECK_CLEAN(w, second.requests.size() == 1);
            }});
}
