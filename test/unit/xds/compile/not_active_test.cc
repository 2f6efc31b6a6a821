// Extensions that are accepted without their work: which are, with what is told, and which are refused all the same.
#include "support/xds.h"

namespace outrigger {
namespace {

/// The names of those that a bootstrap has, then what is wrong with it.
std::string taken(const std::string& yaml) {
  xds::Options o;
  o.config_yaml = yaml;
  xds::Problems problems;
  xds::LoadedBootstrap loaded;
  stats::Registry stats;
  accesslog::Files files;
  xds::CompileContext c{problems, stats, files};
  c.validate_only = true;
  if (xds::load_bootstrap(o, loaded, problems)) (void)xds::compile_bootstrap(loaded.message, o, c);
  std::string out;
  for (const auto& [name, extension] : c.not_active->all()) out += name + " " + extension.type + "\n";
  for (const auto& p : problems.list()) out += p.path + ": " + p.text + "\n";
  return out;
}

std::string typed(const std::string& name, const std::string& type, const std::string& fields = "") {
  return "{name: " + name + ", typed_config: {'@type': type.googleapis.com/" + type + (fields.empty() ? "" : ", " + fields) +
         "}}";
}

/// Of Istio's, which come with their fields in a Struct.
std::string in_struct(const std::string& name, const std::string& type, const std::string& fields = "") {
  return typed(name, "udpa.type.v1.TypedStruct", "type_url: type.googleapis.com/" + type + ", value: {" + fields + "}");
}

const std::string kTcp = typed("t", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix: p, cluster: c");
const std::string kConfig = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";

std::string before_tcp(const std::string& filter) { return test::chain_bootstrap("filters: [" + filter + ", " + kTcp + "]"); }
std::string in_http(const std::string& filter) {
  return test::chain_bootstrap("filters: [" +
                               typed("h", "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                                     "stat_prefix: h, route_config: {}, http_filters: [" + filter + ", " +
                                         typed("r", "envoy.extensions.filters.http.router.v3.Router") + "]") +
                               "]");
}

TEST_CASE("filters of Istio's own", "[not_active]") {
  const std::string peer = "envoy.extensions.network_filters.peer_metadata.";
  CHECK(taken(before_tcp(in_struct("p", peer + "Config", "baggage_key: io.istio.baggage"))) == "p " + peer + "Config\n");
  CHECK(taken(test::cluster_bootstrap("name: c, filters: [" + in_struct("u", peer + "UpstreamConfig") + "]")) ==
        "u " + peer + "UpstreamConfig\n");
  CHECK(taken("bootstrap_extensions: [" +
              in_struct("metadata_discovery", "istio.workload.BootstrapExtension", "config_source: {ads: {}}") + "]") ==
        "metadata_discovery istio.workload.BootstrapExtension\n");
}

TEST_CASE("plugins are passed by when they fail open", "[not_active]") {
  const std::string http = "envoy.extensions.filters.http.wasm.v3.Wasm",
                    network = "envoy.extensions.filters.network.wasm.v3.Wasm";
  const std::string vm = "vm_config: {runtime: envoy.wasm.runtime.v8, code: {local: {filename: /x.wasm}}}";
  const auto config = [&](const std::string& more) { return "config: {name: plugin, " + vm + more + "}"; };
  for (const std::string more : {", fail_open: true", ", failure_policy: FAIL_OPEN"}) {
    CHECK(taken(in_http(typed("w", http, config(more)))) == "w " + http + "\n");
    CHECK(taken(before_tcp(typed("w", network, config(more)))) == "w " + network + "\n");
  }
  const std::string closed = ".config: WebAssembly is not implemented by Outrigger: only a plugin that fails open is passed by\n";
  const std::string first = kConfig + ".http_filters[0].typed_config";
  for (const std::string more : {"", ", failure_policy: FAIL_CLOSED", ", failure_policy: FAIL_RELOAD"}) {
    CHECK(taken(in_http(typed("w", http, config(more)))) == first + closed);
    CHECK(taken(before_tcp(typed("w", network, config(more)))) == kConfig + closed);
  }
  CHECK(taken(in_http(typed("w", http, config(", fail_open: true, failure_policy: FAIL_OPEN")))) ==
        first + ".config.failure_policy: only one of fail_open or failure_policy can be set\n");
}

TEST_CASE("a text that is hashed, by Istio's name", "[not_active]") {
  const auto state = [](const std::string& factory) {
    return before_tcp(typed("s", "envoy.extensions.filters.network.set_filter_state.v3.Config",
                            "on_new_connection: [{object_key: io.istio.connect_authority, factory_key: " + factory +
                                ", format_string: {text_format_source: {inline_string: '%REQUESTED_SERVER_NAME%'}}}]"));
  };
  CHECK(taken(state("istio.hashable_string")).empty());
  CHECK(taken(state("istio.other")) ==
        kConfig + ".on_new_connection[0].factory_key: 'istio.other' does not have an object factory\n");
}

}  // namespace
}  // namespace outrigger
