// A directory of resource files: what is served of it, for whom, and what is told of what is wrong.
#include "control_plane/directory.h"
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include "unit/control_plane/resources.h"
#include "xds/load/bootstrap.h"

namespace outrigger::control_plane {
namespace {

namespace fs = std::filesystem;

const std::string kCluster = "'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster";
const std::string kRoute = "'@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration";

std::string clusters(const std::string& list) { return "resources:\n" + list; }
std::string cluster(const std::string& name, const std::string& more = "") {
  return "- {" + kCluster + ", name: " + name + more + "}\n";
}

struct World {
  Folder folder;
  Directory d;
  explicit World(bool strict = false) : d(folder.path, {strict}) {}
  /// "file:line:column: severity: path: text", the file without the directory.
  std::string wrong() {
    std::string out = xds::problems_text(d.problems());
    for (std::size_t at; (at = out.find(folder.path + "/")) != std::string::npos;) out.erase(at, folder.path.size() + 1);
    return out;
  }
  /// The names of a type, with the first digits of their versions if asked.
  std::string names(const NodeInfo& node = {}, std::string_view type = kClusters) {
    std::string out;
    if (d.good() == nullptr) return "none";
    for (const auto& [name, item] : items_of(*d.good()->select(node), type)->items) out += (out.empty() ? "" : " ") + name;
    return out;
  }
};

TEST_CASE("lists, single resources and bootstraps are read, in YAML and JSON", "[control_plane]") {
  World w;
  w.folder.write("a.yaml", clusters(cluster("list1") + cluster("list2")));
  w.folder.write("b.yml", kCluster + "\nname: single\n");
  w.folder.write("c.json",
                 R"({"resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": "json"}]})");
  w.folder.write("d.yaml",
                 "node: {id: m}\nadmin: {}\nstatic_resources:\n  clusters: [{name: boot}]\n"
                 "  secrets: [{name: s, tls_certificate: {certificate_chain: {filename: a}, private_key: {filename: b}}}]\n");
  w.folder.write("notes.txt", "not read");
  w.folder.write(".hidden.yaml", "not: read");
  CHECK(w.d.read());
  CHECK(w.names() == "boot json list1 list2 single");
  CHECK(w.names({}, kSecrets) == "s");
  CHECK(w.d.files() == 4);
  CHECK(w.wrong() == "");
}

TEST_CASE("files of a node and of its cluster come on top", "[control_plane]") {
  World w;
  w.folder.write("all.yaml", clusters(cluster("a") + cluster("b")));
  w.folder.write("clusters/web/x.yaml", clusters(cluster("b", ", connect_timeout: 2s") + cluster("web")));
  w.folder.write("nodes/sidecar~10.0.0.1%2Fx/x.yaml", clusters(cluster("b", ", connect_timeout: 3s") + cluster("own")));
  REQUIRE(w.d.read());
  const auto version = [&](const NodeInfo& n) { return items_of(*w.d.good()->select(n), kClusters)->items.at("b")->version; };
  const NodeInfo web{"x", "web", ""}, own{"sidecar~10.0.0.1/x", "", ""}, both{"sidecar~10.0.0.1/x", "web", ""};
  CHECK(w.names() == "a b");
  CHECK(w.names(web) == "a b web");
  CHECK(w.names(own) == "a b own");
  CHECK(w.names(both) == "a b own web");
  CHECK(version(both) == version(own));
  CHECK(version(own) != version(web));
  CHECK(version({}) != version(web));
  CHECK(w.d.good()->select(web) == w.d.good()->select({"y", "web", ""}));
}

TEST_CASE("a bad file is told with its place, and the last good state stays", "[control_plane]") {
  World w;
  w.folder.write("a.yaml", clusters(cluster("a")));
  w.folder.write("b.yaml", clusters(cluster("b")));
  REQUIRE(w.d.read());
  const auto good = w.d.good();
  w.folder.replace("b.yaml", "resources:\n- " + kCluster + "\n  name: b\n  conect_timeout: 1s\n");
  w.folder.write("c.yaml", clusters(cluster("c")));
  CHECK_FALSE(w.d.read());
  CHECK_THAT(w.wrong(), Catch::StartsWith("b.yaml:4:3: error: resources[0].conect_timeout: "));
  CHECK_THAT(w.wrong(), Catch::Contains("connect_timeout"));
  CHECK(w.d.good() == good);
  w.folder.replace("b.yaml", clusters(cluster("b")));
  CHECK(w.d.read());
  CHECK(w.names() == "a b c");
}

TEST_CASE("what is wrong with a file is told", "[control_plane]") {
  struct Row {
    std::string text, told;
  };
  const Row rows[] = {
      {"resources:\n- [\n", "error: "},
      {"a: b\n", "x.yaml:1:1: error: these are no resources"},
      {"resources:\n- {'@type': type.googleapis.com/envoy.config.cluster.v3.Nothing}\n", "x.yaml:2:"},
      {"resources:\n- {'@type': type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap}\n", "no resource that can be served"},
      {"resources: [{}]\n", "x.yaml:1:13: error: resources[0]: a resource needs its type"},
      {clusters(cluster("''")), "error: resources[0]"},
      {clusters(cluster("a", ", connect_timeout: never")), "x.yaml:2:"},
      {clusters(cluster("a") + cluster("a")), "x.yaml:3:3: error: resources[1]: a Cluster 'a' is in x.yaml already"},
      {"'@type': type.googleapis.com/envoy.config.core.v3.Address\n",
       "v3.Address' is no resource that can be served: these are Cluster, "},
  };
  for (const auto& row : rows) {
    World w;
    w.folder.write("x.yaml", row.text);
    INFO(row.text);
    CHECK_FALSE(w.d.read());
    CHECK_THAT(w.wrong(), Catch::Contains(row.told));
    CHECK(w.d.good() == nullptr);
  }
}

TEST_CASE("what is no regular file is told, and not waited for", "[control_plane]") {
  World w;
  w.folder.write("a.yaml", clusters(cluster("a")));
  REQUIRE(::mkfifo((w.folder.path + "/b.yaml").c_str(), 0600) == 0);
  fs::create_symlink("/dev/zero", w.folder.path + "/c.yaml");
  CHECK_FALSE(w.d.read());
  CHECK(w.wrong() == "b.yaml: error: is not a regular file\nc.yaml: error: is not a regular file\n");
}

TEST_CASE("a name that is in two files is told with both", "[control_plane]") {
  World w;
  w.folder.write("a.yaml", clusters(cluster("x")));
  w.folder.write("b.yaml", clusters(cluster("z") + cluster("x")));
  CHECK_FALSE(w.d.read());
  CHECK(w.wrong() == "b.yaml:3:3: error: resources[1]: a Cluster 'x' is in a.yaml already\n");
}

TEST_CASE("an empty directory and one that is not there are wrong; one that says it has nothing is not", "[control_plane]") {
  World w;
  CHECK_FALSE(w.d.read());
  CHECK_THAT(w.wrong(), Catch::Contains("there is no resource file here"));
  Directory missing(w.folder.path + "/missing", {});
  CHECK_FALSE(missing.read());
  w.folder.write("none.yaml", "resources: []\n");
  CHECK(w.d.read());
  CHECK(w.names() == "");
}

TEST_CASE("a reference to what is not there is a warning", "[control_plane]") {
  World w;
  w.folder.write("r.yaml", "resources:\n- " + kRoute +
                               "\n  name: r\n  virtual_hosts:\n  - name: v\n    domains: ['*']\n    routes:\n" +
                               "    - match: {prefix: /}\n      route:\n        weighted_clusters:\n          clusters:\n" +
                               "          - {name: here, weight: 1}\n          - {name: gone, weight: 1}\n");
  w.folder.write("c.yaml", clusters(cluster("here")));
  CHECK(w.d.read());
  CHECK_THAT(w.wrong(), Catch::StartsWith("r.yaml:13:"));
  CHECK_THAT(w.wrong(), Catch::Contains("warning: ") && Catch::Contains("there is no Cluster 'gone' in this directory"));
  CHECK_THAT(w.wrong(), !Catch::Contains("'here'"));
  // For some is enough.
  w.folder.write("nodes/n/c.yaml", clusters(cluster("gone")));
  CHECK(w.d.read());
  CHECK(w.wrong() == "");
}

TEST_CASE("endpoints that a cluster waits for are missed", "[control_plane]") {
  World w;
  w.folder.write("c.yaml", clusters(cluster("c", ", type: EDS, eds_cluster_config: {service_name: svc, eds_config: {ads: {}}}")));
  CHECK(w.d.read());
  CHECK_THAT(w.wrong(), Catch::Contains("there is no ClusterLoadAssignment 'svc'"));
  CHECK(items_of(*w.d.good()->select({}), kClusters)->items.at("c")->endpoints_of == "svc");
}

TEST_CASE("scopes of routes are checked, and the routes that they name are missed", "[control_plane]") {
  World w;
  const std::string scope =
      "'@type': type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration\nname: s\n"
      "key: {fragments: [{string_key: k}]}\n";
  w.folder.write("s.yaml", scope + "route_configuration_name: r\n");
  CHECK(w.d.read());
  CHECK(w.wrong() == "s.yaml:4:1: warning: route_configuration_name: there is no RouteConfiguration 'r' in this directory\n");
  CHECK(items_of(*w.d.good()->select({}), kScopes)->items.contains("s"));
  w.folder.write("r.yaml", "resources: [{" + kRoute + ", name: r}]\n");
  CHECK(w.d.read());
  CHECK(w.wrong() == "");
  w.folder.replace("s.yaml", scope);
  CHECK(w.d.read());
  CHECK_THAT(w.wrong(),
             Catch::Contains("Outrigger would refuse it: a scope needs one of route_configuration_name and route_configuration"));
  w.folder.replace(
      "s.yaml",
      scope +
          "route_configuration: {name: in, virtual_hosts: [{name: v, domains: ['*'], routes: [\n"
          "  {match: {prefix: /}, route: {cluster: gone, regex_rewrite: {pattern: {regex: '('}, substitution: x}}}]}]}\n");
  CHECK(w.d.read());
  CHECK_THAT(w.wrong(), Catch::Contains("there is no Cluster 'gone'") && Catch::Contains("s.yaml:5:"));
  w.folder.replace("s.yaml", "'@type': type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration\nname: s\n");
  CHECK_FALSE(w.d.read());
  CHECK_THAT(w.wrong(), Catch::StartsWith("s.yaml:1:"));
}

TEST_CASE("the config of a filter that comes later is checked, and missed", "[control_plane]") {
  World w;
  const std::string types = "type.googleapis.com/envoy.extensions.filters.";
  w.folder.write("l.yaml",
                 "resources:\n- '@type': type.googleapis.com/envoy.config.listener.v3.Listener\n  name: l\n"
                 "  address: {socket_address: {address: 127.0.0.1, port_value: 1}}\n  filter_chains:\n  - filters:\n"
                 "    - name: hcm\n      typed_config:\n        '@type': " +
                     types +
                     "network.http_connection_manager.v3.HttpConnectionManager\n        stat_prefix: p\n"
                     "        rds: {route_config_name: r, config_source: {ads: {}}}\n        http_filters:\n"
                     "        - {name: late, config_discovery: {config_source: {ads: {}}, type_urls: [" +
                     types + "http.fault.v3.HTTPFault]}}\n        - {name: r, typed_config: {'@type': " + types +
                     "http.router.v3.Router}}\n");
  w.folder.write("r.yaml", "resources: [{" + kRoute + ", name: r}]\n");
  CHECK(w.d.read());
  CHECK(w.wrong() ==
        "l.yaml:13:12: warning: resources[0].filter_chains[0].filters[0].typed_config.http_filters[0].name: there is "
        "no TypedExtensionConfig 'late' in this directory\n");
  const std::string late =
      "'@type': type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig\nname: late\ntyped_config:\n  '@type': " + types +
      "http.fault.v3.HTTPFault\n";
  w.folder.write("e.yaml", late);
  CHECK(w.d.read());
  CHECK(w.wrong() == "");
  w.folder.replace("e.yaml", late + "  abort: {percentage: {numerator: 1}, http_status: 1000}\n");
  CHECK_FALSE(w.d.read());
  CHECK_THAT(w.wrong(), Catch::StartsWith("e.yaml:5:"));
}

TEST_CASE("what Outrigger would refuse is a warning, since others may take it; with --strict an error", "[control_plane]") {
  const std::string text = clusters(cluster("c", ", cluster_type: {name: envoy.clusters.redis}"));
  World tolerant, strict(true);
  tolerant.folder.write("c.yaml", text);
  strict.folder.write("c.yaml", text);
  CHECK(tolerant.d.read());
  CHECK_THAT(tolerant.wrong(),
             Catch::Contains("c.yaml:2:") && Catch::Contains("warning: ") && Catch::Contains("Outrigger would refuse it"));
  CHECK_FALSE(strict.d.read());
  CHECK_THAT(strict.wrong(), Catch::Contains("error: "));
}

TEST_CASE("an extension that only others know goes through as a TypedStruct", "[control_plane]") {
  World w;
  w.folder.write("c.yaml", clusters(cluster("c",
                                            ", typed_extension_protocol_options: {x: {'@type': type.googleapis.com/"
                                            "envoy.extensions.unheard.v3.Of, field: 1}}")));
  CHECK(w.d.read());
  CHECK_THAT(w.wrong(), Catch::Contains("warning: ") && Catch::Contains("TypedStruct"));
  CHECK_THAT(items_of(*w.d.good()->select({}), kClusters)->items.at("c")->body,
             Catch::Contains("envoy.extensions.unheard.v3.Of"));
}

TEST_CASE("equal content has an equal version, however it is written, and stays the same object", "[control_plane]") {
  World w;
  w.folder.write("a.yaml", clusters(cluster("a", ", connect_timeout: 1s")));
  REQUIRE(w.d.read());
  const auto before = w.d.good();
  w.folder.replace("a.yaml", "# a comment\nresources:\n- name: a\n  connect_timeout: 1.000s\n  " + kCluster + "\n");
  REQUIRE(w.d.read());
  CHECK(w.d.good()->version() == before->version());
  CHECK(items_of(w.d.good()->root, kClusters) == items_of(before->root, kClusters));
  w.folder.replace("a.yaml", clusters(cluster("a", ", connect_timeout: 2s")));
  REQUIRE(w.d.read());
  CHECK(w.d.good()->version() != before->version());
}

TEST_CASE("a directory that is swapped by a symbolic link, as Kubernetes does it, is read", "[control_plane]") {
  World w;
  w.folder.write("..one/c.yaml", clusters(cluster("one")));
  w.folder.write("..two/c.yaml", clusters(cluster("two")));
  fs::create_symlink("..one", w.folder.path + "/..data");
  fs::create_symlink("..data/c.yaml", w.folder.path + "/c.yaml");
  CHECK(w.d.read());
  CHECK(w.names() == "one");
  fs::create_symlink("..two", w.folder.path + "/..next");
  fs::rename(w.folder.path + "/..next", w.folder.path + "/..data");
  CHECK(w.d.read());
  CHECK(w.names() == "two");
}

TEST_CASE("directories that mean nothing here are told", "[control_plane]") {
  World w;
  w.folder.write("a.yaml", clusters(cluster("a")));
  w.folder.write("more/b.yaml", clusters(cluster("b")));
  w.folder.write("nodes/loose.yaml", clusters(cluster("c")));
  CHECK(w.d.read());
  CHECK(w.names() == "a");
  CHECK_THAT(w.wrong(), Catch::Contains("more: warning: ") || Catch::Contains("more:0:0: warning: "));
  CHECK_THAT(w.wrong(), Catch::Contains("nodes/loose.yaml") && Catch::Contains("node id"));
}

}  // namespace
}  // namespace outrigger::control_plane
