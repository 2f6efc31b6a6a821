// admission_control: what is remembered of requests, and how many are turned away. As Envoy 1.40 reckons.
#include "filters/admission_control.h"

#include <catch2/catch.hpp>
#include <cmath>

using namespace outrigger;
using namespace outrigger::filters;
using namespace std::chrono_literals;

namespace {

TimePoint at(Duration d) { return TimePoint(1h + d); }

}  // namespace

TEST_CASE("requests are forgotten by the second that they came in", "[admission_control]") {
  AdmissionWindow w(3s);
  const auto says = [&](Duration now, std::uint32_t requests, std::uint32_t successes) {
    const auto c = w.counts(at(now));
    INFO(now.count());
    CHECK(c.requests == requests);
    CHECK(c.successes == successes);
  };
  says(0s, 0, 0);  // and begins a second, as Envoy's does
  w.add(at(999999us), true);
  w.add(at(999999us), false);
  w.add(at(1s), true);
  w.add(at(1999999us), true);
  w.add(at(2s), false);
  says(2999999us, 5, 3);
  says(3s, 3, 2);
  says(3999999us, 3, 2);
  says(4s, 1, 0);
  says(4999999us, 1, 0);
  says(5s, 0, 0);
  w.add(at(100s), true);
  says(102999999us, 1, 1);
  says(103s, 0, 0);
}

TEST_CASE("the ring of seconds grows with the window and wraps around", "[admission_control]") {
  AdmissionWindow w(40s);
  for (int s = 0; s < 1000; ++s) {
    w.add(at(std::chrono::seconds(s)), s % 2 == 0);
    const auto c = w.counts(at(std::chrono::seconds(s)));
    const auto want = static_cast<std::uint32_t>(std::min(s + 1, 40));
    REQUIRE(c.requests == want);
    REQUIRE(c.successes == (s < 40 ? want / 2 + want % 2 : want / 2));
  }
}

TEST_CASE("requests a second", "[admission_control]") {
  AdmissionWindow w(10s);
  CHECK(w.rate(at(0s)) == 0);
  for (int i = 0; i < 9; ++i) w.add(at(0s), false);
  CHECK(w.rate(at(0s)) == 0);
  w.add(at(0s), false);
  CHECK(w.rate(at(0s)) == 1);  // as if all of the window had passed
  CHECK(w.rate(at(10s)) == 1);
  CHECK(w.rate(at(10999999us)) == 1);
  CHECK(w.rate(at(11s)) == 0);  // older than the window, and not forgotten yet
  for (int i = 0; i < 10; ++i) w.add(at(9s), true);
  CHECK(w.rate(at(9s)) == 2);
}

TEST_CASE("how likely it is to be turned away", "[admission_control]") {
  struct Row {
    AdmissionWindow::Counts counts;
    double threshold, aggression, most, want;
  };
  for (const Row& r : {
           Row{{0, 0}, .95, 1, .8, 0},
           Row{{1, 1}, .95, 1, .8, (1 - 1 / .95) / 2},
           Row{{1, 0}, .95, 1, .8, .5},
           Row{{19, 18}, .95, 1, .8, (19 - 18 / .95) / 20},
           Row{{100, 95}, .95, 1, .8, 0},
           Row{{100, 94}, .95, 1, .8, (100 - 94 / .95) / 101},
           Row{{100, 0}, .95, 1, .8, .8},
           Row{{100, 0}, .95, 1, 1, 100. / 101},
           Row{{100, 50}, 1, 1, 1, 50. / 101},
           Row{{100, 50}, 1, 2, 1, std::sqrt(50. / 101)},
           Row{{100, 50}, 1, 2, .5, .5},
           Row{{3, 2}, 1, 1e9, 1, std::pow(.25, 1e-9)},
       }) {
    INFO(r.counts.requests << " " << r.counts.successes << " " << r.aggression);
    CHECK(rejection_probability(r.counts, r.threshold, r.aggression, r.most) == Approx(r.want).margin(1e-9));
  }
  // What is no number turns nobody away.
  CHECK_FALSE(rejection_probability({3, 3}, .5, 2, 1) > 0);
  CHECK_FALSE(rejection_probability({0, 0}, 0, 1, 1) > 0);
  CHECK_FALSE(rejection_probability({3, 1}, 0, 1, 1) > 0);
}

TEST_CASE("what a success is", "[admission_control]") {
  AdmissionConfig c;
  CHECK(c.is_http_success(100));
  CHECK(c.is_http_success(499));
  CHECK_FALSE(c.is_http_success(500));
  c.http_success = {{200, 205}, {404, 405}};
  for (const std::uint16_t yes : {200, 204, 404}) CHECK(c.is_http_success(yes));
  for (const std::uint16_t no : {199, 205, 403, 405, 500}) CHECK_FALSE(c.is_http_success(no));
  c.grpc_success = 1u << 16 | 1u;
  CHECK(c.is_grpc_success(0));
  CHECK(c.is_grpc_success(16));
  for (const std::uint64_t no : {1u, 15u, 17u, 31u, 32u, 48u}) CHECK_FALSE(c.is_grpc_success(no));
}
