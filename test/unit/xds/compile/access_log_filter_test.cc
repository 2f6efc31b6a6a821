// Which streams are logged.
#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/stream.h"
#include "support/xds.h"
#include "xds/compile/access_log.h"

namespace outrigger::xds {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const accesslog::Filter> filter(const std::string& yaml) {
  Problems problems;
  auto f = compile_access_log_filter(test::good<envoy::config::accesslog::v3::AccessLogFilter>(yaml), Path(), problems);
  INFO(yaml << '\n' << problems_text(problems));
  REQUIRE(f != nullptr);
  return f;
}

struct Log {
  test::Facts facts;
  test::Request request;
  test::Response response;
  test::Message<http::ResponseHead> trailers;
  runtime::Snapshot runtime;
  Random random{1};
  accesslog::LogType type = accesslog::LogType::downstream_end;
  Duration age{0};
  bool pass(const std::string& yaml) {
    facts.info.start = TimePoint(1s);
    const accesslog::LogContext c{
        {&facts.info, &request.head, &response.head, &trailers.head.headers}, type, &runtime, &random, facts.info.start + age};
    return filter(yaml)->pass(c);
  }
};

std::string comparison(const std::string& op, unsigned value, const std::string& key = "k") {
  return "{comparison: {op: " + op + ", value: {default_value: " + std::to_string(value) + ", runtime_key: " + key + "}}}";
}

TEST_CASE("statuses compared", "[log_filter]") {
  struct Row {
    const char* op;
    bool below, at, above;
  };
  for (const Row& r : {Row{"EQ", false, true, false}, Row{"GE", false, true, true}, Row{"LE", true, true, false},
                       Row{"NE", true, false, true}}) {
    Log l;
    for (const auto& [status, hit] : {std::pair(499, r.below), {500, r.at}, {501, r.above}}) {
      l.facts.info.response_code = static_cast<std::uint16_t>(status);
      CHECK(l.pass("status_code_filter: " + comparison(r.op, 500)) == hit);
    }
  }
  Log l;
  l.facts.info.response_code = 404;
  l.runtime = runtime::Snapshot({{"l", {{"k", runtime::number_value(404)}}}});
  CHECK(l.pass("status_code_filter: " + comparison("EQ", 500)));
  CHECK_FALSE(l.pass("status_code_filter: " + comparison("EQ", 500, "other")));
}

TEST_CASE("durations compared, in whole milliseconds", "[log_filter]") {
  Log l;
  for (const auto& [age, hit] :
       {std::pair(Duration(99999us), false), {100ms, true}, {Duration(100999us), true}, {2s, true}, {Duration(-5ms), false}}) {
    l.age = age;
    CHECK(l.pass("duration_filter: " + comparison("GE", 100)) == hit);
  }
}

TEST_CASE("health checks, traces and runtime fractions", "[log_filter]") {
  Log l;
  CHECK(l.pass("not_health_check_filter: {}"));
  l.facts.info.health_check = true;
  CHECK_FALSE(l.pass("not_health_check_filter: {}"));
  CHECK_FALSE(l.pass("traceable_filter: {}"));  // nothing is traced
  for (const auto& [percent, hits] : {std::pair(0, 0), {100, 1}}) {
    const std::string f = "runtime_filter: {runtime_key: k, percent_sampled: {numerator: " + std::to_string(percent) + "}}";
    CHECK(l.pass(f) == (hits != 0));
  }
  int n = 0;
  for (int i = 0; i < 2000; ++i) n += l.pass("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 30}}") ? 1 : 0;
  CHECK(n > 600 - 103);  // five standard deviations of 20.5
  CHECK(n < 600 + 103);
  l.runtime = runtime::Snapshot({{"l", {{"k", runtime::number_value(100)}}}});
  CHECK(l.pass("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 0}}"));
}

TEST_CASE("filters of filters", "[log_filter]") {
  const std::string yes = "{not_health_check_filter: {}}", no = "{traceable_filter: {}}";
  struct Row {
    std::string a, b;
    bool both, either;
  };
  Log l;
  for (const Row& r :
       {Row{yes, yes, true, true}, Row{yes, no, false, true}, Row{no, yes, false, true}, Row{no, no, false, false}}) {
    CHECK(l.pass("and_filter: {filters: [" + r.a + ", " + r.b + "]}") == r.both);
    CHECK(l.pass("or_filter: {filters: [" + r.a + ", " + r.b + "]}") == r.either);
  }
  CHECK(l.pass("or_filter: {filters: [" + no + ", {and_filter: {filters: [" + yes + ", " + yes + "]}}]}"));
}

TEST_CASE("headers of the request", "[log_filter]") {
  Log l;
  l.request.add({{"x-log", "1"}});
  CHECK(l.pass("header_filter: {header: {name: X-Log, string_match: {exact: '1'}}}"));
  CHECK_FALSE(l.pass("header_filter: {header: {name: X-Log, string_match: {exact: '2'}}}"));
  CHECK(l.pass("header_filter: {header: {name: ':method', string_match: {exact: GET}}}"));
}

TEST_CASE("response flags", "[log_filter]") {
  Log none, some;
  some.facts.info.flags.set(http::Flag::no_route_found);
  some.facts.info.flags.set(http::Flag::delay_injected);
  CHECK_FALSE(none.pass("response_flag_filter: {}"));
  CHECK(some.pass("response_flag_filter: {}"));
  CHECK(some.pass("response_flag_filter: {flags: [NR]}"));
  CHECK(some.pass("response_flag_filter: {flags: [UF, DI]}"));
  CHECK_FALSE(some.pass("response_flag_filter: {flags: [UF]}"));
  CHECK_FALSE(none.pass("response_flag_filter: {flags: [NR]}"));
}

TEST_CASE("gRPC statuses, of trailers, headers or the HTTP status", "[log_filter]") {
  Log l;
  const std::string unavailable = "grpc_status_filter: {statuses: [UNAVAILABLE]}",
                    not_ok = "grpc_status_filter: {statuses: [OK], exclude: true}";
  l.facts.info.response_code = 503;
  CHECK(l.pass(unavailable));
  CHECK(l.pass(not_ok));
  l.response.add({{"grpc-status", "0"}});
  CHECK_FALSE(l.pass(unavailable));
  CHECK_FALSE(l.pass(not_ok));
  l.trailers.add({{"grpc-status", "14"}});
  CHECK(l.pass(unavailable));
  CHECK(l.pass(not_ok));
}

TEST_CASE("kinds of log lines", "[log_filter]") {
  Log l;
  for (const auto& [type, start, not_start] :
       {std::tuple(accesslog::LogType::downstream_start, true, false),
        std::tuple(accesslog::LogType::downstream_end, false, true), std::tuple(accesslog::LogType::not_set, false, true)}) {
    l.type = type;
    CHECK(l.pass("log_type_filter: {types: [DownstreamStart]}") == start);
    CHECK(l.pass("log_type_filter: {types: [DownstreamStart], exclude: true}") == not_start);
  }
}

TEST_CASE("filters that cannot be", "[log_filter]") {
  struct Row {
    const char *yaml, *problem;
  };
  for (const Row& r : {
           Row{"response_flag_filter: {flags: [NOPE]}", "error: response_flag_filter.flags[0]: unknown response flag 'NOPE'\n"},
           Row{"header_filter: {header: {name: a, string_match: {safe_regex: {regex: '('}}}}",
               "error: header_filter.header.string_match.safe_regex.regex: not a regular expression (RE2): missing ): (\n"},
       }) {
    Problems parse, problems;
    const auto p = test::message<envoy::config::accesslog::v3::AccessLogFilter>(r.yaml, parse);
    compile_access_log_filter(p, Path(), problems);
    CHECK(problems_text(problems) == r.problem);
  }
}

}  // namespace
}  // namespace outrigger::xds
