// Entries of http_filters whose config comes later.
#include <catch2/catch.hpp>

#include "support/xds.h"
#include "xds/compile/filters.h"
#include "xds/compile/late_filter.h"

namespace outrigger::xds {
namespace {

using envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;

struct Compiled {
  std::shared_ptr<const hcm::FilterFactory> factory;
  std::vector<std::shared_ptr<const LateFilter>> asked;
  std::string problems;
};

Compiled compile(const std::string& discovery, const std::string& more = "", bool last = false) {
  const auto p = test::good<HttpFilter>("{name: f" + more + ", config_discovery: {" + discovery + "}}");
  Problems problems;
  stats::Registry stats;
  accesslog::Files files;
  CompileContext c{problems, stats, files};
  Compiled out;
  c.check_source = [](const auto&, const Path&, Problems&) { return true; };
  c.subscribe_filter = [&](std::shared_ptr<const LateFilter> f) { out.asked.push_back(std::move(f)); };
  out.factory = compile_http_filter(p, last, "http.p.", Path(), c);
  out.problems = problems_text(problems);
  return out;
}

const std::string kFault = "envoy.extensions.filters.http.fault.v3.HTTPFault";
const std::string kFromAds = "config_source: {ads: {}}, ";
std::string types(const std::string& all) { return "type_urls: [" + all + "]"; }
std::string url(const std::string& type) { return "type.googleapis.com/" + type; }

TEST_CASE("a filter whose config comes later is asked for by its name", "[compile]") {
  auto c = compile(kFromAds + types(url(kFault)) + ", default_config: {'@type': " + url(kFault) + "}", ", disabled: true");
  INFO(c.problems);
  REQUIRE(c.factory != nullptr);
  CHECK(c.factory->name == "f");
  CHECK(c.factory->disabled);
  REQUIRE(c.asked.size() == 1);
  const auto& f = *c.asked[0];
  CHECK(f.name == "f");
  CHECK(f.source.has_ads());
  CHECK(f.types == std::vector<std::string>{kFault});
  CHECK(f.kind == LateFilter::Kind::http);
  CHECK_FALSE(f.at_once);
  const auto& filters = *static_cast<const LateFilterOf<hcm::FilterFactory>&>(f).filters();
  CHECK(filters.pin(0).get() == nullptr);
  f.fallback()(0);
  REQUIRE(filters.pin(0).get() != nullptr);
  CHECK(filters.pin(0).get()->name == "f");
  CHECK_FALSE(filters.pin(0).get()->disabled);
}

TEST_CASE("a filter whose config comes later: what is refused, and where", "[compile]") {
  const std::string router = "envoy.extensions.filters.http.router.v3.Router";
  struct Row {
    std::string discovery;
    bool last;
    const char* says;
  };
  for (const auto& r : {
           Row{kFromAds + types(url("envoy.extensions.filters.http.tap.v3.Tap")), false,
               "config_discovery.type_urls[0]: Error: no factory found for a required type URL "
               "envoy.extensions.filters.http.tap.v3.Tap."},
           Row{kFromAds + types(url(kFault)) + ", apply_default_config_without_warming: true", false,
               "config_discovery.apply_default_config_without_warming: Error: filter config f applied without warming but has no "
               "default config."},
           Row{kFromAds + types(url(router)) + ", default_config: {'@type': " + url(kFault) + "}", false,
               "config_discovery.default_config: Error: filter config has type URL " /* the type, and what it may be */},
           Row{kFromAds + types(url(router)) + ", default_config: {'@type': " + url(router) + "}", false,
               "config_discovery.default_config: Error: terminal filter named f"},
           Row{kFromAds + types(url(kFault)) + ", default_config: {'@type': " + url(kFault) + "}", true,
               "config_discovery.default_config: Error: non-terminal filter named f"},
       }) {
    const auto c = compile(r.discovery, "", r.last);
    INFO(r.discovery << '\n' << c.problems);
    CHECK(c.factory == nullptr);
    CHECK(c.asked.empty());
    CHECK(c.problems.find(r.says) != std::string::npos);
  }
}

}  // namespace
}  // namespace outrigger::xds
