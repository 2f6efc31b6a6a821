// The counts that a cluster has by the zones of this proxy and of its hosts: of which zones there are any, and that they are
// looked for once for each host.
#include <catch2/catch.hpp>

#include "proxy/net/dialer.h"
#include "proxy/stats/stats.h"
#include "proxy/upstream/worker_clusters.h"

using namespace outrigger;
using namespace outrigger::upstream;

namespace {

LocalityPtr zone(const std::string& name) { return std::make_shared<const Locality>(Locality{"r", name, ""}); }

/// A cluster "c" on a worker of a proxy in `node`, with one host in each of the zones.
struct Zoned {
  std::shared_ptr<ClusterConfig> config = std::make_shared<ClusterConfig>();
  Random random{3};
  event::Loop loop;
  stats::Registry registry;
  runtime::ThreadContext thread{
      loop, registry.main(), random, net::socket_dialer(), std::make_shared<const runtime::Snapshot>(), "worker_0"};
  ClusterSharedPtr shared = std::make_shared<ClusterShared>();
  WorkerClusters clusters{thread};

  Zoned(const std::string& node, const std::vector<std::string>& zones) {
    config->name = "c";
    config->stat_name = "c:1";
    shared->config = config;
    shared->stats = stats::make_block<stats::ClusterStat>(registry, "cluster.c_1.");
    shared->alt_stats = &stats::make_named_blocks<stats::AltClusterStat>(registry, "cluster.");
    for (const bool high : {false, true}) shared->circuit[high ? 1 : 0].init(shared->thresholds(high), high, shared->stats, {});
    clusters.set_local("", zone(node));
    auto hosts = std::make_shared<HostSet>();
    for (const auto& name : zones) {
      auto e = std::make_shared<Endpoint>();
      e->address = *net::Address::parse_ip("10.0.0.1", static_cast<std::uint16_t>(1 + hosts->size()));
      e->locality = zone(name);
      hosts->push_back({std::move(e), std::make_shared<HostStats>()});
    }
    clusters.update(shared, std::move(hosts));
  }
  ~Zoned() { clusters.close_all(); }
  Cluster& cluster() { return *clusters.find("c"); }
  std::map<std::uint16_t, Host*> hosts() {  // by port
    std::map<std::uint16_t, Host*> out;
    for (int i = 0; i < 3000; ++i) {
      Host* h = cluster().pick({});
      out.emplace(h->endpoint().address.port(), h);
    }
    return out;
  }
};

}  // namespace

TEST_CASE("hosts of one zone have counts in common, and there are none where a zone is not told", "[zone_stats]") {
  Zoned z("here", {"there", "", "there", "here"});
  const auto hosts = z.hosts();
  REQUIRE(hosts.size() == 4);
  const auto of = [&](std::uint16_t port) { return z.cluster().zone_stats(*hosts.at(port)); };
  CHECK(of(1));
  CHECK_FALSE(of(2));
  CHECK(of(3) == of(1));
  CHECK(of(4));
  CHECK_FALSE(of(4) == of(1));
  CHECK(of(1) == z.shared->alt_stats->find("c_1.zone.here.there", z.thread.cells));
  CHECK(of(4) == z.shared->alt_stats->find("c_1.zone.here.here", z.thread.cells));
  CHECK(hosts.at(1)->zone_stats);

  Zoned nowhere("", {"there"});
  CHECK_FALSE(nowhere.cluster().zone_stats(*nowhere.hosts().at(1)));
}

TEST_CASE("zones beyond those that are counted have no counts", "[zone_stats]") {
  std::vector<std::string> zones;
  for (std::uint32_t i = 0; i < stats::NamedBlocks::kNamesMax + 20; ++i) zones.push_back("z" + std::to_string(i));
  zones.push_back(std::string(stats::NamedBlocks::kNameMax, 'z'));
  Zoned z("here", zones);
  std::size_t counted = 0;
  const auto hosts = z.hosts();
  CHECK(hosts.size() == zones.size());
  for (const auto& [port, h] : hosts) counted += z.cluster().zone_stats(*h) ? 1 : 0;
  CHECK(counted == stats::NamedBlocks::kNamesMax);
}
