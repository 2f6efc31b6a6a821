// Bootstraps from file and command line, merged, with every problem at its place.
#include "xds/load/bootstrap.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

namespace outrigger::xds {
namespace {

/// A file that goes with the test.
struct File {
  std::string name;
  File(const std::string& extension, const std::string& text) {
    char path[] = "/tmp/outrigger_test_XXXXXX";
    const int fd = ::mkstemp(path);
    REQUIRE(fd >= 0);
    ::close(fd);
    name = std::string(path) + extension;
    REQUIRE(std::rename(path, name.c_str()) == 0);
    std::ofstream(name, std::ios::binary) << text;
  }
  ~File() { std::remove(name.c_str()); }
};

struct Loaded {
  LoadedBootstrap b;
  Problems problems;
  bool ok = false;
  explicit Loaded(const Options& o) {
    ok = load_bootstrap(o, b, problems);
    locate_problems(b, problems);
  }
  std::string text(const std::string& file = "") const {
    std::string t = problems_text(problems);
    if (!file.empty())
      for (std::size_t at = 0; (at = t.find(file, at)) != std::string::npos;) t.replace(at, file.size(), "F");
    return t;
  }
};

Options with(const std::string& path, const std::string& yaml = "") {
  Options o;
  o.config_path = path;
  o.config_yaml = yaml;
  return o;
}

TEST_CASE("the same bootstrap in each format", "[bootstrap]") {
  envoy::config::bootstrap::v3::Bootstrap want;
  want.mutable_node()->set_id("n");
  want.mutable_static_resources()->add_clusters()->set_name("c");
  std::string wire;
  want.SerializeToString(&wire);
  for (const auto& [extension, text] :
       {std::pair<const char*, std::string>(".yaml", "node: {id: n1}\nstatic_resources: {clusters: [{name: c}]}\n"),
        {".yml", "node: {id: n1}\nstatic_resources: {clusters: {name: c}}\n"},
        {"", "node: {id: n1}\nstaticResources: {clusters: [{name: c}]}\n"},
        {".json", R"({"node": {"id": "n1"}, "staticResources": {"clusters": [{"name": "c"}]}})"},
        {".pb_text", "node { id: \"n1\" } static_resources { clusters { name: \"c\" } }"},
        {".pb", wire}}) {
    INFO(extension);
    const File f(extension, text);
    Options o = with(f.name);
    o.service_node = "n";
    Loaded l(o);
    CHECK(l.text().empty());
    REQUIRE(l.ok);
    auto& node = *l.b.message.mutable_node();  // with what the proxy says of itself
    CHECK(node.id() == "n");
    node.Clear();
    node.set_id("n");
    CHECK(l.b.message.ShortDebugString() == want.ShortDebugString());
  }
}

TEST_CASE("a bootstrap that cannot be read", "[bootstrap]") {
  CHECK(Loaded(with("")).text() == "--config-yaml: error: no config: give a bootstrap with -c FILE or --config-yaml\n");
  CHECK(Loaded(with("/nope/nope.yaml")).text() == "/nope/nope.yaml: error: Invalid path: /nope/nope.yaml: cannot be read\n");
  CHECK(Loaded(with("/tmp")).text() == "/tmp: error: Invalid path: /tmp is a directory\n");
  const File pb(".pb", "\xff\xff\xff"), text(".pb_text", "node { id: 5 }\nnope: 1\n"), yaml(".yaml", "a: [\n");
  CHECK(Loaded(with(pb.name)).text(pb.name) == "F: error: not a binary envoy.config.bootstrap.v3.Bootstrap\n");
  CHECK(Loaded(with(text.name)).text(text.name) == "F:1:12: error: Expected string, got: 5\n");
  CHECK_FALSE(Loaded(with(yaml.name)).ok);
}

TEST_CASE("what is given on the command line is merged over the file", "[bootstrap]") {
  const File f(
      ".yaml",
      "node: {id: file, cluster: file}\nstatic_resources: {clusters: [{name: a}]}\nadmin: {address: {pipe: {path: /a}}}\n");
  const Loaded l(
      with(f.name,
           "{node: {id: line}, static_resources: {clusters: [{name: b}]}, admin: {address: {socket_address: {address: 127.0.0.1, "
           "port_value: 1}}}}"));
  CHECK(l.text().empty());
  CHECK(l.b.message.node().id() == "line");
  CHECK(l.b.message.node().cluster() == "file");
  REQUIRE(l.b.message.static_resources().clusters_size() == 2);
  CHECK(l.b.message.static_resources().clusters(1).name() == "b");
  CHECK(l.b.message.admin().address().has_socket_address());
  Options o = with("", "node: {id: yaml, cluster: yaml, locality: {zone: yaml}}");
  o.service_node = "flag";
  o.service_cluster = "flag";
  o.service_zone = "flag";
  const Loaded flags(o);
  CHECK(flags.b.message.node().id() == "flag");
  CHECK(flags.b.message.node().cluster() == "flag");
  CHECK(flags.b.message.node().locality().zone() == "flag");
}

TEST_CASE("all problems are told, in the order of their places", "[bootstrap]") {
  const File f(".yaml", R"(node: {id: 5}
static_resources:
  clusters:
  - name: ''
    connect_timeout: 0s
    nmae: x
  listeners:
  - address: {socket_address: {address: a, port_value: 70000}}
)");
  CHECK(Loaded(with(f.name)).text(f.name) ==
        "F:1:12: error: node.id: expected a string (in quotes), found a number '5'\n"
        "F:4:5: error: static_resources.clusters[0].name: must not be empty\n"
        "F:5:5: error: static_resources.clusters[0].connect_timeout: must be greater than 0s, is 0s\n"
        "F:6:5: error: static_resources.clusters[0].nmae: no such field: envoy.config.cluster.v3.Cluster has no 'nmae'; did you "
        "mean 'name'?\n"
        "F:8:44: error: static_resources.listeners[0].address.socket_address.port_value: must be at most 65535, is 70000\n");
}

TEST_CASE("a problem of the command line's part is told there", "[bootstrap]") {
  const File f(".yaml", "node: {id: n1}\n");
  CHECK(Loaded(with(f.name, "static_resources: {clusters: [{name: ''}]}")).text(f.name) ==
        "--config-yaml:1:32: error: static_resources.clusters[0].name: must not be empty\n");
  CHECK(Loaded(with("", "nope: 1")).text() ==
        "--config-yaml:1:1: error: nope: no such field: envoy.config.bootstrap.v3.Bootstrap has no 'nope'; did "
        "you mean 'node'?\n");
}

TEST_CASE("unknown fields can be warnings, and are counted", "[bootstrap]") {
  Options o = with("", "{nope: 1, node: {nope: 2}}");
  const Loaded strict(o);
  CHECK(strict.problems.errors() == 2);
  CHECK(strict.b.unknown_fields == 2);
  o.allow_unknown_static_fields = true;
  const Loaded lenient(o);
  CHECK(lenient.problems.ok());
  CHECK(lenient.problems.list().size() == 2);
  CHECK(lenient.b.unknown_fields == 2);
}

}  // namespace
}  // namespace outrigger::xds
