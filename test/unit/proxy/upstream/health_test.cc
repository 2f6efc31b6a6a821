// Active health checks: when a host turns, how long until the next check, what answers mean. Both sides of every boundary.
#include <catch2/catch.hpp>

#include "proxy/upstream/health_checker.h"
#include "proxy/upstream/health_probe.h"
#include "proxy/upstream/host_health.h"

using namespace outrigger;
using namespace outrigger::upstream;
using namespace std::chrono_literals;

namespace {

struct Checked {
  HealthConfig config;
  HostStats stats;
  HostHealth health{config, stats.checked};
  Checked(std::uint32_t unhealthy, std::uint32_t healthy, std::uint8_t bits = kCheckFailed) {
    config.unhealthy_threshold = unhealthy;
    config.healthy_threshold = healthy;
    stats.checked = bits;
  }
  /// g: good, d: degraded, b: a bad answer, r: one that counts by the threshold, n: no answer, t: none in time. What the host
  /// is after each: H, D, F; in lower case when that is not new.
  std::string play(std::string_view results) {
    std::string out;
    for (const char c : results) {
      const auto before = stats.checked.load();
      const auto v = c == 'g' || c == 'd' ? health.succeeded(c == 'd')
                     : c == 't'           ? health.failed(CheckFailure::network_timeout, false)
                     : c == 'n'           ? health.failed(CheckFailure::network, false)
                                          : health.failed(CheckFailure::active, c == 'r');
      const bool failed = health.has(kCheckFailed), degraded = health.has(kCheckDegraded);
      char now = failed ? 'F' : degraded ? 'D' : 'H';
      const bool same = ((before ^ stats.checked.load()) & (kCheckFailed | kCheckDegraded)) == 0;
      CHECK((v.transition == Transition::changed) == !same);
      CHECK(v.ejected == (failed && (before & kCheckFailed) == 0));
      CHECK(v.added == (!failed && (before & kCheckFailed) != 0));
      out += same ? static_cast<char>(now | 32) : now;
    }
    return out;
  }
};

runtime::Snapshot intervals(const std::vector<std::pair<std::string, double>>& values) {
  runtime::Layer layer;
  for (const auto& [key, value] : values) layer.emplace("health_check." + key, runtime::number_value(value));
  return runtime::Snapshot({{"test", std::move(layer)}});
}

std::string bytes(std::string_view s) { return std::string(s); }

}  // namespace

TEST_CASE("a host turns when as many checks in a row say so as the threshold asks for", "[health]") {
  struct Row {
    std::uint32_t unhealthy, healthy;
    const char *results, *states;
  };
  const Row rows[] = {
      {1, 1, "g", "H"},
      {3, 3, "g", "H"},        // the first counts at once
      {3, 3, "b", "f"},        // a new host is not healthy
      {1, 1, "bg", "fH"},      //
      {1, 3, "bggg", "fffH"},  // behind a first failure the threshold holds
      {1, 3, "bggbggg", "ffffffH"},
      {3, 1, "gnnn", "HhhF"},  //
      {3, 1, "gnngnnn", "HhhhhhF"},
      {3, 1, "gttn", "HhhF"},  // whichever way there is no answer
      {3, 1, "gb", "HF"},      // a bad answer is enough
      {3, 1, "gnb", "HhF"},    //
      {3, 1, "grr", "Hhh"},    //
      {3, 1, "grrr", "HhhF"},  //
      {2, 1, "grnr", "HhFf"},  // both kinds count together
      {2, 2, "grgrgrr", "HhhhhhF"},
      {1, 2, "gngg", "HFfH"},  //
      {1, 1, "gnnnng", "HFfffH"},
      {1, 1, "dgd", "DHD"},  //
      {1, 1, "dd", "Dd"},    //
      {0, 0, "gn", "Hh"},    // a threshold of 0 is not reached
      {0, 0, "bgg", "fff"},  //
  };
  for (const auto& r : rows) {
    CAPTURE(r.unhealthy, r.healthy, r.results);
    CHECK(Checked(r.unhealthy, r.healthy).play(r.results) == r.states);
  }
}

TEST_CASE("a check that does not turn a host yet says that it might", "[health]") {
  Checked c(2, 2);
  CHECK(c.health.succeeded(false).transition == Transition::changed);
  CHECK(c.health.succeeded(false).transition == Transition::unchanged);
  CHECK(c.health.failed(CheckFailure::network, false).transition == Transition::pending);
  CHECK(c.health.failed(CheckFailure::network, false).transition == Transition::changed);
  CHECK(c.health.failed(CheckFailure::network, false).transition == Transition::unchanged);
  CHECK(c.health.succeeded(false).transition == Transition::pending);
  CHECK(c.health.succeeded(false).transition == Transition::changed);
}

TEST_CASE("a host that is left out of the count until its first check takes part after it, however it ends", "[health]") {
  for (const bool good : {false, true}) {
    Checked c(1, 1, kCheckFailed | kCheckPending);
    Endpoint e;
    CHECK(health_of(e, c.stats) == Health::draining);
    const auto v = good ? c.health.succeeded(false) : c.health.failed(CheckFailure::active, false);
    CHECK(v.transition == Transition::changed);
    CHECK(health_of(e, c.stats) == (good ? Health::unknown : Health::unhealthy));
  }
}

TEST_CASE("a host that asked to be left alone is left out of the count until a check passes", "[health]") {
  Checked c(1, 1, 0);
  Endpoint e;
  CHECK(c.health.exclude());
  CHECK(!c.health.exclude());
  c.health.failed(CheckFailure::passive, false);
  CHECK(health_of(e, c.stats) == Health::draining);
  c.health.succeeded(false);
  CHECK(health_of(e, c.stats) == Health::unknown);
  CHECK(c.health.exclude());
}

TEST_CASE("what checks found and what is told of a host go together", "[health]") {
  struct Row {
    Health told;
    int bits;
    bool ejected;
    Health now;
  };
  const Row rows[] = {
      {Health::unknown, 0, false, Health::unknown},
      {Health::healthy, kCheckFailed, false, Health::unhealthy},
      {Health::healthy, kCheckDegraded, false, Health::degraded},
      {Health::unhealthy, kCheckDegraded, false, Health::unhealthy},
      {Health::degraded, 0, false, Health::degraded},
      {Health::degraded, kCheckFailed, false, Health::unhealthy},
      {Health::healthy, kCheckDegraded, true, Health::unhealthy},
      {Health::draining, 0, false, Health::draining},
      {Health::draining, kCheckFailed, false, Health::draining},
      {Health::healthy, kCheckFailed | kCheckPending, false, Health::draining},
      {Health::healthy, kCheckFailed | kCheckExcluded, false, Health::draining},
      {Health::healthy, kLeaving, false, Health::healthy},
  };
  for (const auto& r : rows) {
    CAPTURE(r.bits, r.ejected);
    Endpoint e;
    e.health = r.told;
    HostStats s;
    s.checked = static_cast<std::uint8_t>(r.bits);
    s.ejected = r.ejected;
    CHECK(health_of(e, s) == r.now);
  }
}

TEST_CASE("the next check comes after the interval for what the last one found", "[health]") {
  HealthConfig c;
  c.interval = 1s, c.no_traffic = 2s, c.no_traffic_healthy = 3s;
  c.unhealthy_interval = 4s, c.unhealthy_edge = 5s, c.healthy_edge = 6s;
  Random random(1);
  const runtime::Snapshot none;
  const auto after = [&](bool healthy, Transition t, bool used) {
    HealthVerdict v;
    v.healthy = healthy;
    v.transition = t;
    return next_check_after(c, v, used, random, none);
  };
  CHECK(after(true, Transition::unchanged, true) == 1s);
  CHECK(after(true, Transition::changed, true) == 1s);
  CHECK(after(true, Transition::pending, true) == 6s);
  CHECK(after(false, Transition::unchanged, true) == 4s);
  CHECK(after(false, Transition::changed, true) == 4s);
  CHECK(after(false, Transition::pending, true) == 5s);
  CHECK(after(true, Transition::pending, false) == 3s);
  CHECK(after(false, Transition::pending, false) == 2s);
}

TEST_CASE("jitter makes intervals longer by less than its bound, and runtime bounds them", "[health]") {
  HealthConfig c;
  Random random(1);
  const runtime::Snapshot none;
  CHECK(with_check_jitter(c, 1s, 0s, random, none) == 1s);
  CHECK(with_check_jitter(c, 0s, 0s, random, none) == 1ms);  // never none at all
  Duration least{1h}, most{0};
  c.jitter_percent = 50;
  for (int i = 0; i < 2000; ++i) {
    const auto d = with_check_jitter(c, 100ms, 20ms, random, none);
    least = std::min(least, d);
    most = std::max(most, d);
  }
  CHECK(least >= 100ms);
  CHECK(least < 110ms);
  CHECK(most > 158ms);
  CHECK(most < 169ms);
  c.jitter_percent = 0;
  CHECK(with_check_jitter(c, 1s, 0s, random, intervals({{"max_interval", 300}})) == 300ms);
  CHECK(with_check_jitter(c, 1s, 0s, random, intervals({{"min_interval", 3000}})) == 3s);
  CHECK(with_check_jitter(c, 1s, 0s, random, intervals({{"min_interval", 1000}, {"max_interval", 1000}})) == 1s);
  CHECK(with_check_jitter(c, 1s, 0s, random, intervals({{"max_interval", 0}})) == 1ms);
}

TEST_CASE("the parts of an answer are looked for one behind the other", "[health]") {
  CHECK(has_in_order("", {}));
  CHECK(has_in_order("abc", {"b"}));
  CHECK(!has_in_order("abc", {"d"}));
  CHECK(has_in_order("aXbX", {"X", "X"}));
  CHECK(!has_in_order("aXb", {"X", "X"}));
  CHECK(has_in_order("abab", {"ab", "ab"}));
  CHECK(!has_in_order("aba", {"ab", "ba"}));
  CHECK(!has_in_order("", {"a"}));
}

TEST_CASE("a request for the health of a service is its frame and its name", "[health]") {
  CHECK(grpc_health_request("") == bytes({"\0\0\0\0\0", 5}));
  CHECK(grpc_health_request("ab") == bytes({"\0\0\0\0\x04\x0a\x02"
                                            "ab",
                                            9}));
  const std::string longer(200, 'x');
  CHECK(grpc_health_request(longer) == bytes({"\0\0\0\0\xcb\x0a\xc8\x01", 8}) + longer);
}

TEST_CASE("only a whole message with the status SERVING says that a service serves", "[health]") {
  struct Row {
    std::string_view message;
    std::optional<bool> serving;
  };
  using namespace std::string_view_literals;
  const Row rows[] = {
      {""sv, false},
      {"\x08\x01"sv, true},
      {"\x08\x02"sv, false},
      {"\x08\x00"sv, false},
      {"\x08\x02\x08\x01"sv, true},          // the last counts
      {"\x08\x81\x80\x80\x80\x10"sv, true},  // a number's low 32 bits
      {"\x10\x07\x08\x01"sv, true},          // what is not known is passed over
      {"\x12\x02zz\x08\x01"sv, true},        //
      {"\x11"
       "12345678\x08\x01"sv,
       true},  //
      {"\x15"
       "1234\x08\x01"sv,
       true},                //
      {"\x08"sv, {}},        //
      {"\x08\x81"sv, {}},    //
      {"\x12\x05zz"sv, {}},  //
      {"\x12"sv, {}},        //
      {"\x11"
       "1234567"sv,
       {}},                                                        //
      {"\x13"sv, {}},                                              // a group
      {"\x00\x01"sv, {}},                                          // field 0
      {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv, {}},  // too long a number
      {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv, {}},      // too long a field
  };
  for (const auto& r : rows) {
    CAPTURE(r.message.size(), std::string(r.message));
    CHECK(grpc_is_serving(r.message) == r.serving);
  }
}

TEST_CASE("events are lines as Envoy writes them", "[health]") {
  Endpoint e;
  e.address = *net::Address::parse_ip_port("127.0.0.1:80");
  const std::string host =
      R"("host":{"socket_address":{"protocol":"TCP","address":"127.0.0.1","port_value":80,"resolver_name":"","ipv4_compat":false,)"
      R"("network_namespace_filepath":""}},"cluster_name":"c",)";
  const std::string locality = R"("locality":{"region":"","zone":"","sub_zone":""}})";
  const auto line = [&](HealthEvent event) { return health_line(event, "c", WallTime{}); };
  const auto text = line({HealthEvent::ejected, CheckKind::http, e, CheckFailure::active, false, 503});
  CAPTURE(text);
  CHECK(text.starts_with(R"({"health_checker_type":"HTTP",)" + host +
                         R"("eject_unhealthy_event":{"failure_type":"ACTIVE","http_status_code":503},"timestamp":")"));
  CHECK(text.ends_with(locality + "\n"));
  CHECK(
      line({HealthEvent::failed, CheckKind::tcp, e, CheckFailure::network_timeout, true, 0})
          .find(
              R"("health_check_failure_event":{"failure_type":"NETWORK_TIMEOUT","first_check":true,"http_status_code":0},"locality")") !=
      std::string::npos);
  CHECK(line({HealthEvent::added, CheckKind::grpc, e, CheckFailure::active, true, 0})
            .find(R"("cluster_name":"c","add_healthy_event":{"first_check":true},"timestamp")") != std::string::npos);
  CHECK(line({HealthEvent::succeeded, CheckKind::grpc, e})
            .ends_with(R"("sub_zone":""},"successful_health_check_event":{}})"
                       "\n"));
}
