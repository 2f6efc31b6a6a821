// The command line.
#include "xds/load/options.h"

#include <catch2/catch.hpp>

namespace outrigger::xds {
namespace {

Result<Options> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "outrigger");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}
Options good(const std::vector<const char*>& arguments) {
  auto o = parse(arguments);
  INFO((o ? "" : o.error().detail));
  REQUIRE(o.has_value());
  return *o;
}

TEST_CASE("defaults are Envoy's", "[options]") {
  const Options o = good({});
  CHECK(o.mode == Options::serve);
  CHECK(o.config_path.empty());
  CHECK(o.concurrency == 0);
  CHECK(o.log_level == "info");
  CHECK(o.drain_time_s == 600);
  CHECK_FALSE(o.drain_immediate);
  CHECK(o.parent_shutdown_time_s == 900);
  CHECK(o.flush_interval_ms == 10000);
  CHECK(o.flush_min_kb == 64);
  CHECK_FALSE(o.allow_unknown_static_fields);
}

TEST_CASE("values may follow a flag in each of Envoy's ways", "[options]") {
  for (const auto& arguments :
       std::vector<std::vector<const char*>>{{"-c", "f"}, {"-cf"}, {"-c=f"}, {"--config-path", "f"}, {"--config-path=f"}})
    CHECK(good(arguments).config_path == "f");
  CHECK(good({"--config-yaml", "a: b=c"}).config_yaml == "a: b=c");
  CHECK(good({"--config-yaml=a: b=c"}).config_yaml == "a: b=c");
  CHECK(good({"--config-path="}).config_path.empty());
  CHECK(good({"-c", "b"}).config_path == "b");
  CHECK(good({"-c", "a", "--", "--nope"}).config_path == "a");
}

TEST_CASE("every flag is taken", "[options]") {
  struct Row {
    std::vector<const char*> arguments;
    bool (*holds)(const Options&);
  };
  for (const Row& r : {
           Row{{"--mode", "validate"}, [](const Options& o) { return o.mode == Options::validate; }},
           Row{{"--mode", "serve"}, [](const Options& o) { return o.mode == Options::serve; }},
           Row{{"--mode", "init_only"}, [](const Options& o) { return o.mode == Options::init_only; }},
           Row{{"--version"}, [](const Options& o) { return o.mode == Options::version; }},
           Row{{"--help"}, [](const Options& o) { return o.mode == Options::help; }},
           Row{{"-h"}, [](const Options& o) { return o.mode == Options::help; }},
           Row{{"--hot-restart-version"}, [](const Options& o) { return o.mode == Options::hot_restart_version; }},
           Row{{"--concurrency", "3"}, [](const Options& o) { return o.concurrency == 3; }},
           Row{{"--concurrency", "0"}, [](const Options& o) { return o.concurrency == 1; }},
           Row{{"-l", "debug"}, [](const Options& o) { return o.log_level == "debug"; }},
           Row{{"--log-level", "warn"}, [](const Options& o) { return o.log_level == "warn"; }},
           Row{{"--component-log-level", "upstream:debug"},
               [](const Options& o) { return o.component_log_level == "upstream:debug"; }},
           Row{{"--log-path", "p"}, [](const Options& o) { return o.log_path == "p"; }},
           Row{{"--log-format", "%v"}, [](const Options& o) { return o.log_format == "%v"; }},
           Row{{"--log-format-escaped"}, [](const Options& o) { return o.log_format_escaped; }},
           Row{{"--service-node", "n"}, [](const Options& o) { return o.service_node == "n"; }},
           Row{{"--service-cluster", "c"}, [](const Options& o) { return o.service_cluster == "c"; }},
           Row{{"--service-zone", "z"}, [](const Options& o) { return o.service_zone == "z"; }},
           Row{{"--drain-time-s", "5"}, [](const Options& o) { return o.drain_time_s == 5; }},
           Row{{"--drain-strategy", "immediate"}, [](const Options& o) { return o.drain_immediate; }},
           Row{{"--drain-strategy", "gradual"}, [](const Options& o) { return !o.drain_immediate; }},
           Row{{"--parent-shutdown-time-s", "6"}, [](const Options& o) { return o.parent_shutdown_time_s == 6; }},
           Row{{"--restart-epoch", "7"}, [](const Options& o) { return o.restart_epoch == 7; }},
           Row{{"--base-id", "8"}, [](const Options& o) { return o.base_id == 8; }},
           Row{{"--use-dynamic-base-id"}, [](const Options& o) { return o.use_dynamic_base_id; }},
           Row{{"--base-id-path", "p"}, [](const Options& o) { return o.base_id_path == "p"; }},
           Row{{"--admin-address-path", "p"}, [](const Options& o) { return o.admin_address_path == "p"; }},
           Row{{"--local-address-ip-version", "v6"}, [](const Options& o) { return o.ipv6_local_address; }},
           Row{{"--file-flush-interval-msec", "9"}, [](const Options& o) { return o.flush_interval_ms == 9; }},
           Row{{"--file-flush-min-size-kb", "10"}, [](const Options& o) { return o.flush_min_kb == 10; }},
           Row{{"--allow-unknown-static-fields"}, [](const Options& o) { return o.allow_unknown_static_fields; }},
           Row{{"--allow-unknown-fields"}, [](const Options& o) { return o.allow_unknown_static_fields; }},
           Row{{"--reject-unknown-dynamic-fields"}, [](const Options& o) { return o.reject_unknown_dynamic_fields; }},
           Row{{"--ignore-unknown-dynamic-fields"}, [](const Options& o) { return o.ignore_unknown_dynamic_fields; }},
           Row{{"--cpuset-threads"}, [](const Options& o) { return o.cpuset_threads; }},
           Row{{"--stats-tag", "a:b", "--stats-tag", "c:d:e"},
               [](const Options& o) {
                 return o.stats_tags == std::vector<std::string>{"a:b", "c:d:e"};
               }},
           Row{{"--disable-hot-restart"}, [](const Options& o) { return o.without_effect.empty(); }},
           Row{{"--disable-extensions", "x", "--enable-core-dump"},
               [](const Options& o) { return o.without_effect.size() == 2; }},
       }) {
    INFO(r.arguments[0]);
    CHECK(r.holds(good(r.arguments)));
  }
}

TEST_CASE("what is wrong with a command line", "[options]") {
  struct Row {
    std::vector<const char*> arguments;
    const char* told;
  };
  for (const Row& r : {
           Row{{"--nope"}, "unknown argument '--nope'; see --help"},
           Row{{"-x"}, "unknown argument '-x'; see --help"},
           Row{{"file.yaml"}, "unknown argument 'file.yaml'; see --help"},
           Row{{"-"}, "unknown argument '-'; see --help"},
           Row{{"-c"}, "--config-path needs a value: FILE"},
           Row{{"--concurrency"}, "--concurrency needs a value: N"},
           Row{{"--concurrency", "x"}, "--concurrency: expected a number, found 'x'"},
           Row{{"--concurrency", "-1"}, "--concurrency: expected a number, found '-1'"},
           Row{{"--concurrency", "4294967296"}, "--concurrency: expected a number, found '4294967296'"},
           Row{{"--concurrency="}, "--concurrency: expected a number, found ''"},
           Row{{"--mode", "nope"}, "--mode: unknown mode 'nope': serve, validate or init_only"},
           Row{{"-l", "nope"}, "--log-level: unknown level 'nope': trace, debug, info, warning, error, critical or off"},
           Row{{"--drain-strategy", "x"}, "--drain-strategy: unknown strategy 'x': gradual or immediate"},
           Row{{"--local-address-ip-version", "v5"}, "--local-address-ip-version: unknown IP address version 'v5': v4 or v6"},
           Row{{"--stats-tag", "a"}, "--stats-tag: expected name:value, found 'a'"},
           Row{{"--stats-tag", ":a"}, "--stats-tag: expected name:value, found ':a'"},
           Row{{"--stats-tag", "a-b:c"}, "--stats-tag: the name can have letters and digits only: 'a-b:c'"},
           Row{{"--stats-tag", "a:"}, "--stats-tag: the value must not be empty nor have a dot in it: 'a:'"},
           Row{{"--stats-tag", "a:b.c"}, "--stats-tag: the value must not be empty nor have a dot in it: 'a:b.c'"},
           Row{{"-l", "info", "--log-level", "debug"}, "--log-level is given twice"},
           Row{{"--cpuset-threads=1"}, "--cpuset-threads takes no value"},
       }) {
    const auto o = parse(r.arguments);
    REQUIRE_FALSE(o.has_value());
    CHECK(o.error().detail == r.told);
  }
}

TEST_CASE("the help names every flag", "[options]") {
  const std::string help = help_text();
  for (const char* flag : {"-c, --config-path FILE", "--config-yaml YAML", "--mode MODE", "-l, --log-level LEVEL",
                           "--stats-tag NAME:VALUE", "-h, --help"})
    CHECK(help.find(flag) != std::string::npos);
}

}  // namespace
}  // namespace outrigger::xds
