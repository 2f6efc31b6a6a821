// What is retried, how often and after how long. As Envoy 1.40 does.
#include "filters/retry_state.h"

#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/xds.h"

using namespace outrigger;
using namespace std::chrono_literals;
using filters::RetryAnswer;
using filters::RetryState;
using http::ResetReason;

namespace {

/// The state for a request with these fields on a route with this retry_policy ("": none).
struct Retries {
  std::shared_ptr<const route::RouteConfig> config;
  test::Request request;
  RetryState state;
  explicit Retries(const std::string& policy, const test::Fields& fields = {}, std::string_view path = "/")
      : config(test::routes("{match: {prefix: /}, route: {cluster: c" +
                            (policy.empty() ? "" : ", retry_policy: {" + policy + "}") + "}}")),
        request(path, fields) {
    state.init(config->vhosts[0]->routes[0], request.head);
  }
  bool on(unsigned status, const test::Fields& fields = {}) {
    return state.on_response(test::Response(status, fields).head) == RetryAnswer::yes;
  }
};

std::string statuses(const std::string& retry_on, const std::string& more = "") {
  std::string out;
  for (const unsigned status : {200u, 404u, 408u, 409u, 429u, 499u, 500u, 501u, 502u, 503u, 504u, 505u, 599u, 600u})
    if (Retries("retry_on: '" + retry_on + "'" + more).on(status)) out += (out.empty() ? "" : " ") + std::to_string(status);
  return out;
}

}  // namespace

TEST_CASE("statuses that are retried", "[retry]") {
  struct Row {
    const char *retry_on, *statuses;
  };
  for (const Row& r : {
           Row{"5xx", "500 501 502 503 504 505 599"},
           Row{"gateway-error", "502 503 504"},
           Row{"retriable-4xx", "409"},
           Row{"retriable-4xx,gateway-error", "409 502 503 504"},
           Row{" retriable-4xx , nonsense", "409"},
           Row{"reset", ""},
           Row{"reset-before-request", ""},
           Row{"connect-failure", ""},
           Row{"refused-stream", ""},
           Row{"envoy-ratelimited", ""},
           Row{"retriable-status-codes", ""},
           Row{"retriable-headers", ""},
           Row{"nonsense", ""},
       }) {
    INFO(r.retry_on);
    CHECK(statuses(r.retry_on) == r.statuses);
  }
  CHECK(statuses("retriable-status-codes", ", retriable_status_codes: [404, 600]") == "404 600");
  CHECK(statuses("5xx", ", retriable_status_codes: [404]") == "500 501 502 503 504 505 599");
}

TEST_CASE("a rate limited response is retried by one condition only", "[retry]") {
  const test::Fields limited{{"x-envoy-ratelimited", "true"}};
  CHECK(Retries("retry_on: envoy-ratelimited").on(429, limited));
  CHECK(Retries("retry_on: envoy-ratelimited").on(200, limited));
  CHECK_FALSE(Retries("retry_on: '5xx,retriable-status-codes', retriable_status_codes: [429]").on(503, limited));
  CHECK_FALSE(Retries("retry_on: '5xx,retriable-status-codes', retriable_status_codes: [429]").on(429, limited));
}

TEST_CASE("responses with headers that ask for it", "[retry]") {
  const std::string policy =
      "retry_on: retriable-headers, retriable_headers: [{name: X-Retry, string_match: {exact: '1'}}, {name: z}]";
  CHECK(Retries(policy).on(200, {{"x-retry", "1"}}));
  CHECK(Retries(policy).on(200, {{"z", ""}}));
  CHECK_FALSE(Retries(policy).on(200, {{"x-retry", "2"}}));
  CHECK_FALSE(Retries(policy).on(503));
  CHECK_FALSE(Retries("retry_on: 5xx, retriable_headers: [{name: z}]").on(200, {{"z", ""}}));
}

TEST_CASE("gRPC statuses in the head of a response", "[retry]") {
  struct Row {
    const char *retry_on, *code;
  };
  constexpr Row kRows[] = {
      {"cancelled", "1"}, {"deadline-exceeded", "4"}, {"resource-exhausted", "8"}, {"internal", "13"}, {"unavailable", "14"}};
  for (const Row& on : kRows)
    for (const Row& code : kRows) {
      INFO(on.retry_on << ' ' << code.code);
      CHECK(Retries(std::string("retry_on: ") + on.retry_on).on(200, {{"grpc-status", code.code}}) == (on.code == code.code));
    }
  for (const char* other : {"0", "2", "", "x", "14x"})
    CHECK_FALSE(Retries("retry_on: 'unavailable,cancelled'").on(200, {{"grpc-status", other}}));
  CHECK_FALSE(Retries("retry_on: unavailable").on(503));
}

TEST_CASE("resets that are retried", "[retry]") {
  struct Row {
    const char* retry_on;
    ResetReason reason;
    bool before, after;  // the request was sent
  };
  constexpr auto kCut = ResetReason::connection_termination, kFail = ResetReason::remote_connection_failure,
                 kTimeout = ResetReason::connection_timeout, kRefused = ResetReason::remote_refused_stream,
                 kOverflow = ResetReason::overflow, kLocal = ResetReason::local_connection_failure;
  for (const Row& r : {
           Row{"5xx", kCut, true, true},
           Row{"gateway-error", kCut, true, true},
           Row{"reset", kCut, true, true},
           Row{"reset", kFail, true, true},
           Row{"reset-before-request", kCut, true, false},
           Row{"connect-failure", kFail, true, true},
           Row{"connect-failure", kLocal, true, true},
           Row{"connect-failure", kTimeout, true, true},
           Row{"connect-failure", kCut, false, false},
           Row{"refused-stream", kRefused, true, true},
           Row{"refused-stream", kCut, false, false},
           Row{"retriable-4xx", kCut, false, false},
           Row{"envoy-ratelimited", kFail, false, false},
           Row{"5xx,reset,connect-failure", kOverflow, false, false},
       }) {
    INFO(r.retry_on << ' ' << http::text_of(r.reason));
    const std::string policy = std::string("retry_on: '") + r.retry_on + "'";
    CHECK((Retries(policy).state.on_reset(r.reason, false) == RetryAnswer::yes) == r.before);
    CHECK((Retries(policy).state.on_reset(r.reason, true) == RetryAnswer::yes) == r.after);
  }
}

TEST_CASE("how many retries there are", "[retry]") {
  struct Row {
    const char* policy;
    test::Fields fields;
    int retries;
  };
  for (const Row& r : {
           Row{"retry_on: 5xx", {}, 1},
           Row{"retry_on: 5xx, num_retries: 0", {}, 0},
           Row{"retry_on: 5xx, num_retries: 3", {}, 3},
           Row{"retry_on: 5xx, num_retries: 3", {{"x-envoy-max-retries", "5"}}, 5},
           Row{"retry_on: 5xx, num_retries: 3", {{"x-envoy-max-retries", "0"}}, 0},
           Row{"retry_on: 5xx, num_retries: 3", {{"x-envoy-max-retries", "x"}}, 3},
           Row{"retry_on: 5xx, num_retries: 3", {{"x-envoy-max-retries", "-1"}}, 3},
           Row{"", {{"x-envoy-retry-on", "5xx"}}, 1},
           Row{"", {{"x-envoy-retry-on", "5xx"}, {"x-envoy-max-retries", "2"}}, 2},
       }) {
    INFO(r.policy);
    Retries s(r.policy, r.fields);
    CHECK_FALSE(s.state.retried());
    for (int i = 0; i < r.retries; ++i) CHECK(s.on(503));
    CHECK(s.state.on_response(test::Response(503).head) == RetryAnswer::limit_exceeded);
    CHECK(s.state.on_response(test::Response(200).head) == RetryAnswer::no);
    CHECK(s.state.retried() == (r.retries > 0));
    CHECK(s.request.text().empty());  // the control headers do not go on
  }
  CHECK(Retries("").state.on_response(test::Response(503).head) == RetryAnswer::no);
  CHECK_FALSE(Retries("").state.enabled());
}

TEST_CASE("headers of the request add to what the route retries", "[retry]") {
  CHECK(Retries("retry_on: 5xx", {{"x-envoy-retry-on", "retriable-4xx"}}).on(409));
  CHECK(Retries("retry_on: 5xx", {{"x-envoy-retry-on", "retriable-4xx"}}).on(503));
  CHECK(Retries("", {{"x-envoy-retry-grpc-on", "cancelled,unavailable"}}).on(200, {{"grpc-status", "14"}}));
  CHECK_FALSE(Retries("", {{"x-envoy-retry-grpc-on", "5xx"}}).on(503));
  CHECK(Retries("", {{"x-envoy-retry-on", "retriable-status-codes"}, {"x-envoy-retriable-status-codes", "418, 429"}}).on(429));
  CHECK_FALSE(
      Retries("", {{"x-envoy-retry-on", "retriable-status-codes"}, {"x-envoy-retriable-status-codes", "418, x"}}).on(429));
  CHECK(Retries("", {{"x-envoy-retry-on", "retriable-headers"}, {"x-envoy-retriable-header-names", "X-A , x-b"}})
            .on(200, {{"x-b", ""}}));
  CHECK(
      Retries("", {{"x-envoy-retry-on", "retriable-headers"}, {"x-envoy-retriable-header-names", "X-A"}}).on(200, {{"x-a", ""}}));
}

TEST_CASE("only requests that match the policy's headers are retried", "[retry]") {
  const std::string policy =
      "retry_on: 5xx, retriable_request_headers: [{name: ':method', string_match: {exact: PUT}}, {name: x-ok}]";
  CHECK_FALSE(Retries(policy).on(503));
  CHECK(Retries(policy, {{"x-ok", ""}}).on(503));
  CHECK_FALSE(Retries(policy, {{"x-envoy-retry-on", "5xx"}}).state.enabled());
}

TEST_CASE("the back-off grows between its bounds, with full jitter", "[retry]") {
  struct Row {
    const char* back_off;
    Duration bound[5];  // of the first five retries
  };
  const runtime::Snapshot none, faster({{"l", {{"upstream.base_retry_backoff_ms", runtime::number_value(10)}}}});
  for (const Row& r : {
           Row{"", {25ms, 75ms, 175ms, 250ms, 250ms}},
           Row{", retry_back_off: {base_interval: 0.1s}", {100ms, 300ms, 700ms, 1000ms, 1000ms}},
           Row{", retry_back_off: {base_interval: 0.1s, max_interval: 0.25s}", {100ms, 250ms, 250ms, 250ms, 250ms}},
           Row{", retry_back_off: {base_interval: 0.1s, max_interval: 10s}", {100ms, 300ms, 700ms, 1500ms, 3100ms}},
       }) {
    INFO(r.back_off);
    Retries s("retry_on: 5xx, num_retries: 5" + std::string(r.back_off));
    Random random(5);
    for (const Duration bound : r.bound) {
      REQUIRE(s.on(503));
      Duration least = Duration::max(), most{0};
      bool limited = true;
      for (int i = 0; i < 2000; ++i) {
        const auto wait = s.state.back_off(none, random, nullptr, {}, limited);
        least = std::min(least, wait);
        most = std::max(most, wait);
      }
      CHECK_FALSE(limited);
      CHECK(most < bound);
      CHECK(most > bound * 99 / 100);
      CHECK(least < bound / 100);
    }
  }
  Retries s("retry_on: 5xx");
  REQUIRE(s.on(503));
  Random random(5);
  bool limited = false;
  for (int i = 0; i < 100; ++i) CHECK(s.state.back_off(faster, random, nullptr, {}, limited) < 10ms);
}

TEST_CASE("a response may say when to try again", "[retry]") {
  struct Row {
    test::Fields fields;
    Duration wait;  // 0: the usual back-off
  };
  Retries s(
      "retry_on: 5xx, rate_limited_retry_back_off: {max_interval: 30s, reset_headers: [{name: Retry-After, format: SECONDS}, "
      "{name: X-Reset, format: UNIX_TIMESTAMP}]}");
  const WallTime now{1000s};
  const runtime::Snapshot runtime;
  REQUIRE(s.on(503));
  for (const Row& r : {
           Row{{{"retry-after", "2"}}, 2s},
           Row{{{"retry-after", "30"}}, 30s},
           Row{{{"retry-after", "31"}}, 0s},
           Row{{{"retry-after", "0"}}, 0s},
           Row{{{"retry-after", "-1"}}, 0s},
           Row{{{"retry-after", "x"}}, 0s},
           Row{{{"x-reset", "1003"}}, 3s},
           Row{{{"x-reset", "1000"}}, 0s},
           Row{{{"x-reset", "999"}}, 0s},
           Row{{{"x-reset", "1031"}}, 0s},
           Row{{{"retry-after", "x"}, {"x-reset", "1003"}}, 3s},
           Row{{}, 0s},
       }) {
    Random random(9);
    const test::Response response(503, r.fields);
    for (int i = 0; i < 200; ++i) {
      bool limited = false;
      const auto wait = s.state.back_off(runtime, random, &response.head, now, limited);
      CHECK(limited == (r.wait > 0s));
      CHECK(wait >= r.wait);
      CHECK(wait <= (r.wait > 0s ? r.wait * 3 / 2 : Duration(25ms)));
    }
  }
}
