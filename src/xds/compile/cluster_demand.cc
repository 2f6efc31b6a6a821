#include "xds/compile/cluster_demand.h"

#include "envoy/config/cluster/v3/cluster.pb.h"

namespace outrigger::xds {

namespace {

/// Of clusters: "xdstp://authority/type/any/path/*". Empty: there is none.
void check_collection(const std::string& url, const Path& at, Problems& problems) {
  const std::string scheme = "xdstp://", type = envoy::config::cluster::v3::Cluster::descriptor()->full_name();
  if (url.empty()) return;
  if (!url.starts_with(scheme)) {
    const bool other = url.starts_with("http:") || url.starts_with("file:");
    return problems.error(at, other ? "only xdstp: is implemented" : url + " does not have a xdstp:, http: or file: scheme");
  }
  if (url.find_first_of("?#") != std::string::npos)
    return problems.error(at, "context parameters and directives of xdstp: are not implemented");
  const auto begin = url.find('/', scheme.size());
  if (begin == std::string::npos) return problems.error(at, "Resource type missing from /");
  if (url.substr(begin + 1, url.find('/', begin + 1) - begin - 1) != type)
    problems.error(at, "xdstp:// type does not match " + type + " in " + url);
}

}  // namespace

DemandPtr compile_cluster_demand(const envoy::config::core::v3::ConfigSource& source, const Path& at,
                                 const std::string& collection, const Path& collection_at, Problems& problems,
                                 const CompileContext& c) {
  const auto errors = problems.errors();
  check_collection(collection, collection_at, problems);
  if (problems.errors() != errors) return nullptr;
  if (!c.demand_clusters) {
    problems.error(at, "there is nothing here that clusters could come from");
    return nullptr;
  }
  return c.demand_clusters(source, collection, at, problems);
}

}  // namespace outrigger::xds
