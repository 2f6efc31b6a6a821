// Runtime layers and stats settings of a bootstrap.
#include <catch2/catch.hpp>

#include "support/xds.h"

namespace outrigger {
namespace {

server::Config compiled(const std::string& yaml) {
  test::Compiled c(yaml);
  INFO(yaml << '\n' << c.told());
  REQUIRE(c.problems.ok());
  return std::move(c.config);
}

TEST_CASE("static layers are flattened, fractions are values", "[compile]") {
  const auto c = compiled(R"(layered_runtime: {layers: [
    {name: one, static_layer: {a: {b: {c: 1, d: text}}, e: true, f: {numerator: 5, denominator: TEN_THOUSAND}, g: {numerator: 6}, h: 1.0, i: "2", j: {denominator: MILLION}}},
    {name: two, admin_layer: {}}, {name: three, static_layer: {}}]})");
  REQUIRE(c.runtime_layers.size() == 3);
  CHECK(c.admin_layer == std::optional<std::size_t>(1));
  const auto& one = c.runtime_layers[0].second;
  CHECK(c.runtime_layers[0].first == "one");
  std::string text;
  for (const auto& [key, value] : one)
    if (!value.percent) text += key + "=" + value.text + " ";
  CHECK(text == "a.b.c=1 a.b.d=text e=true h=1.0 i=2 ");
  CHECK(one.at("f").percent);
  const runtime::Snapshot s(c.runtime_layers);
  CHECK(s.integer("a.b.c", 0) == 1);
  CHECK(s.boolean("e", false));
  CHECK(s.enabled("f", {}, 10004));
  CHECK_FALSE(s.enabled("f", {}, 10005));
  CHECK(s.enabled("g", {}, 105));
  CHECK_FALSE(s.enabled("j", {100, runtime::Denominator::hundred}, 0));  // no numerator: 0
  CHECK_FALSE(compiled("{}").admin_layer);
}

TEST_CASE("which stats there are and how they are tagged", "[compile]") {
  struct Row {
    const char* matcher;
    bool a, b;
  };
  for (const Row& r : {
           Row{"", true, true},
           Row{"stats_matcher: {reject_all: true}", false, false},
           Row{"stats_matcher: {reject_all: false}", true, true},
           Row{"stats_matcher: {inclusion_list: {patterns: [{prefix: a.}]}}", true, false},
           Row{"stats_matcher: {exclusion_list: {patterns: [{prefix: a.}, {exact: c}]}}", false, true},
           Row{"stats_matcher: {inclusion_list: {patterns: [{safe_regex: {regex: 'A.*'}}, {suffix: X, ignore_case: true}]}}",
               true, true},
       }) {
    INFO(r.matcher);
    const auto s = compiled(std::string("stats_config: {") + r.matcher + "}").stats;
    CHECK(s.accepts("a.x") == r.a);
    CHECK(s.accepts("b.x") == r.b);
  }
  const auto tags = [](const std::string& config) {
    const auto s = compiled("stats_config: {" + config + "}").stats;
    std::vector<stats::Tag> found;
    std::string out = s.tags.extract("cluster.c1.mine.upstream_cx_total", found);
    for (const auto& t : found) out += "|" + t.name + "=" + t.value;
    return out;
  };
  CHECK(tags("") == "cluster.mine.upstream_cx_total|envoy.cluster_name=c1");
  CHECK(tags("use_all_default_tags: false") == "cluster.c1.mine.upstream_cx_total");
  CHECK(tags("use_all_default_tags: false, stats_tags: [{tag_name: envoy.cluster_name}]") ==
        "cluster.mine.upstream_cx_total|envoy.cluster_name=c1");
  CHECK(tags("stats_tags: [{tag_name: t, regex: '(\\.(mine))'}, {tag_name: u, fixed_value: v}]") ==
        "cluster..upstream_cx_total|t=mine|u=v|envoy.cluster_name=c1");
  const auto s = compiled("stats_config: {histogram_bucket_settings: [{match: {prefix: a}, buckets: [2.5, 1, 2.5]}]}").stats;
  CHECK(std::vector<double>(s.buckets_of("a").begin(), s.buckets_of("a").end()) == std::vector<double>{1, 2.5});
}

TEST_CASE("settings of the process", "[compile]") {
  const auto plain = compiled("{}");
  CHECK(plain.stats_flush_interval == std::optional<Duration>(std::chrono::seconds(5)));
  CHECK_FALSE(plain.memory_release);
  CHECK_FALSE(plain.pin_workers);
  CHECK(plain.drain_file.empty());
  CHECK(plain.log_format.empty());
  const auto c = compiled(R"({stats_flush_on_admin: true, stats_server_version_override: 7, enable_worker_cpu_affinity: true,
    flags_path: /flags, memory_allocator_manager: {bytes_to_release: 1, memory_release_interval: 2s},
    application_log_config: {log_format: {json_format: {b: ["%l", 1, 1.5, true, null], a: "<%j>"}}}})");
  CHECK_FALSE(c.stats_flush_interval);
  CHECK(c.version == 7);
  CHECK(c.pin_workers);
  CHECK(c.drain_file == "/flags/drain");
  REQUIRE(c.memory_release);
  CHECK(c.memory_release->interval == std::chrono::seconds(2));
  CHECK(c.log_format == R"({"a":"\u003c%j\u003e","b":["%l",1,"1.5",true,null]})");
  CHECK(compiled("stats_flush_interval: 1s").stats_flush_interval == std::optional<Duration>(std::chrono::seconds(1)));
  CHECK_FALSE(compiled("memory_allocator_manager: {bytes_to_release: 0}").memory_release);
  CHECK_FALSE(compiled("memory_allocator_manager: {bytes_to_release: 1, memory_release_interval: 0s}").memory_release);
  CHECK(compiled("application_log_config: {log_format: {text_format: '%v'}}").log_format == "%v");
}

TEST_CASE("fields that change nothing are told of, and accepted", "[compile]") {
  for (const std::string field : {"watchdogs: {}", "watchdog: {}", "perf_tracing_file_path: /x", "default_socket_interface: nope",
                                  "stats_eviction_interval: 5s", "deferred_stat_options: {enable_deferred_creation_stats: true}",
                                  "cluster_manager: {enable_deferred_cluster_creation: true}",
                                  "admin: {profile_path: /x, address: {socket_address: {address: 127.0.0.1, port_value: 1}}}",
                                  "memory_allocator_manager: {soft_memory_limit_bytes: 5}"}) {
    test::Compiled c(field);
    CHECK(c.problems.ok());
    const auto text = xds::problems_text(c.problems);
    INFO(field << ": " << text);
    CHECK(text.find(field.substr(0, field.find(':'))) != std::string::npos);
    CHECK(text.find("has no effect") != std::string::npos);
  }
}

}  // namespace
}  // namespace outrigger
