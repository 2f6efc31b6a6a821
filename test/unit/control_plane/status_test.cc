// The status page and the counters, of a proxy that the test plays.
#include "control_plane/status.h"
#include <catch2/catch.hpp>

#include "control_plane/metrics.h"
#include "envoy/service/discovery/v3/discovery.pb.h"
#include "unit/control_plane/resources.h"
#include "unit/sim/clock.h"

namespace outrigger::control_plane {
namespace {

struct Deaf final : Call {
  void send(std::string) override {}
  void finish(int, const std::string&) override {}
};

struct World {
  sim::Clock clock;
  event::Timers timers{clock};
  ControlPlane plane{timers, clock, "me"};
  Folder folder;
  Directory d{folder.path, {}};
  Readings readings;
  std::uint64_t stream = 0;

  void read() {
    ++readings.count;
    readings.last_was_good = d.read();
    if (!readings.last_was_good) {
      ++readings.failures;
      return;
    }
    plane.publish([s = d.good()](const NodeInfo& n) { return s->select(n); });
  }
  void ask(const std::string& nonce = "", const std::string& error = "") {
    if (stream == 0)
      stream = plane.open("/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", "ipv4:10.0.0.1:5",
                          std::make_shared<Deaf>());
    envoy::service::discovery::v3::DiscoveryRequest q;
    q.mutable_node()->set_id("one\nline");
    q.mutable_node()->set_cluster("web");
    q.mutable_node()->set_user_agent_name("envoy");
    auto& v = *q.mutable_node()->mutable_user_agent_build_version()->mutable_version();
    v.set_major_number(1);
    v.set_minor_number(40);
    q.set_type_url(std::string(kClusters));
    q.set_response_nonce(nonce);
    if (!error.empty()) q.mutable_error_detail()->set_message(error);
    plane.on_message(stream, q.SerializeAsString());
  }
  std::string text() { return status_text(d, readings, plane); }
  std::string json() { return status_json(d, readings, plane); }
  std::string metrics() { return metrics_text(d, readings, plane); }
};

const std::string kGood = "'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster\nname: c\n";

TEST_CASE("the status page tells what a proxy asked for, was sent and answered", "[control_plane]") {
  World w;
  w.folder.write("c.yaml", kGood);
  w.read();
  CHECK_THAT(w.text(), Catch::Contains("0 stream(s)"));
  w.ask();
  CHECK_THAT(w.text(), Catch::Contains("proxy 'one line' of cluster 'web', envoy 1.40.0, at ipv4:10.0.0.1:5") &&
                           Catch::Contains("state of the world, aggregated") && Catch::Contains("    Cluster: sent ") &&
                           Catch::Contains("(1 resource(s))") && Catch::Contains("asked for all"));
  w.ask("1", "c:\nno good");
  CHECK_THAT(w.text(), Catch::Contains("    Cluster: refused ") && Catch::Contains(": c: no good\n"));
  CHECK_THAT(w.json(), Catch::Contains(R"("state": "refused")") && Catch::Contains(R"("refusal": "c:\nno good")") &&
                           Catch::Contains(R"("agent": "envoy 1.40.0")"));
  w.folder.replace("c.yaml", kGood + "connect_timeout: 1s\n");
  w.read();
  w.ask("2");
  CHECK_THAT(w.text(), Catch::Contains("    Cluster: accepted ") && Catch::Contains("      refused "));
  CHECK_THAT(w.json(), Catch::Contains(R"("state": "accepted")"));
}

TEST_CASE("the status page tells what is wrong with the directory", "[control_plane]") {
  World w;
  w.folder.write("c.yaml", "nothing: here\n");
  w.read();
  CHECK_THAT(w.text(), Catch::Contains("wrong, and nothing is served until it is right") && Catch::Contains("c.yaml:1:1: error: "));
  w.folder.replace("c.yaml", kGood);
  w.read();
  CHECK_THAT(w.text(), Catch::Contains(": served\n") && Catch::Contains("all proxies: Cluster 1 ("));
  w.folder.replace("c.yaml", "nothing: here\n");
  w.read();
  CHECK_THAT(w.text(), Catch::Contains("wrong, and the last good state is served") && Catch::Contains("all proxies: Cluster 1 ("));
  CHECK_THAT(w.json(), Catch::Contains(R"("good": false)") && Catch::Contains(R"("line": 1)"));
}

TEST_CASE("the counters are Prometheus' text", "[control_plane]") {
  World w;
  w.folder.write("c.yaml", kGood);
  w.read();
  w.ask();
  w.ask("1", "no");
  w.ask("0");
  const std::string text = w.metrics();
  for (const auto* line :
       {"# TYPE outrigger_xds_streams gauge\noutrigger_xds_streams 1\n", "outrigger_xds_requests_total 3\n",
        "outrigger_xds_directory_good 1\n", "outrigger_xds_directory_reads_total 1\n", "outrigger_xds_resources{type=\"Cluster\"} 1\n",
        "outrigger_xds_responses_total{type=\"Cluster\"} 1\n", "outrigger_xds_accepted_total{type=\"Cluster\"} 0\n",
        "outrigger_xds_refused_total{type=\"Cluster\"} 1\n", "outrigger_xds_stale_total{type=\"Cluster\"} 1\n",
        "outrigger_xds_refused_total{type=\"other\"} 0\n"})
    CHECK_THAT(text, Catch::Contains(line));
}

}  // namespace
}  // namespace outrigger::control_plane
