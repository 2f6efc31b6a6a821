// Tags of stats names: Envoy's own rules, rules of a config, patterns of matchers, sanitized names.
#include "proxy/stats/tags.h"

#include <catch2/catch.hpp>

#include "proxy/stats/names.h"
#include "proxy/stats/settings.h"

using namespace outrigger::stats;

namespace {
/// "what is left of the name|tag=value|..."
std::string split(const TagExtractor& rules, const std::string& name) {
  std::vector<Tag> tags;
  std::string out = rules.extract(name, tags);
  for (const auto& t : tags) out += "|" + t.name + "=" + t.value;
  return out;
}
}  // namespace

TEST_CASE("Envoy's tags", "[tags]") {
  const auto rules = TagExtractor::with_defaults();
  struct Row {
    const char *name, *want;
  };
  for (const Row& r : {
           Row{"server.live", "server.live"},
           Row{"cluster.c1.upstream_cx_total", "cluster.upstream_cx_total|envoy.cluster_name=c1"},
           Row{"cluster.c1.upstream_rq_200", "cluster.upstream_rq|envoy.response_code=200|envoy.cluster_name=c1"},
           Row{"cluster.c1.upstream_rq_2xx", "cluster.upstream_rq_xx|envoy.response_code_class=2|envoy.cluster_name=c1"},
           Row{"cluster.c1.external.upstream_rq_503",
               "cluster.external.upstream_rq|envoy.response_code=503|envoy.cluster_name=c1"},
           Row{"cluster.c1.upstream_rq_2000", "cluster.upstream_rq_2000|envoy.cluster_name=c1"},
           Row{"cluster.upstream_cx_total", "cluster.upstream_cx_total"},
           Row{"http.ingress.downstream_rq_total", "http.downstream_rq_total|envoy.http_conn_manager_prefix=ingress"},
           Row{"http.ingress.downstream_rq_5xx",
               "http.downstream_rq_xx|envoy.response_code_class=5|envoy.http_conn_manager_prefix=ingress"},
           Row{"http.ingress.user_agent.ios.downstream_cx_total",
               "http.user_agent.downstream_cx_total|envoy.http_user_agent=ios|envoy.http_conn_manager_prefix=ingress"},
           Row{"http.ingress.fault.cluster1.aborts_injected",
               "http.fault.aborts_injected|envoy.fault_downstream_cluster=cluster1|envoy.http_conn_manager_prefix=ingress"},
           Row{"http.ingress.rds.local_route.update_success",
               "http.rds.update_success|envoy.rds_route_config=local_route|envoy.http_conn_manager_prefix=ingress"},
           Row{"listener.127.0.0.1_80.downstream_cx_total", "listener.downstream_cx_total|envoy.listener_address=127.0.0.1_80"},
           Row{"listener.[__1]_80.downstream_cx_total", "listener.downstream_cx_total|envoy.listener_address=[__1]_80"},
           Row{"listener.named.http.ingress.downstream_rq_2xx",
               "listener.http.downstream_rq_xx|envoy.response_code_class=2|envoy.http_conn_manager_prefix=ingress|envoy.listener_"
               "address=named"},
           Row{"listener.named.worker_3.downstream_cx_total",
               "listener.worker_downstream_cx_total|envoy.worker_id=3|envoy.listener_address=named"},
           Row{"listener.admin.downstream_cx_total", "listener.admin.downstream_cx_total"},
           Row{"listener_manager.worker_0.dispatcher", "listener_manager.worker_dispatcher|envoy.worker_id=0"},
           Row{"tcp.p.downstream_cx_total", "tcp.downstream_cx_total|envoy.tcp_prefix=p"},
           Row{"vhost.v.vcluster.vc.upstream_rq_200",
               "vhost.vcluster.upstream_rq|envoy.response_code=200|envoy.virtual_cluster=vc|envoy.virtual_host=v"},
           Row{"vhost.v.route.r.upstream_rq_total", "vhost.route.upstream_rq_total|envoy.virtual_host=v|envoy.route=r"},
           Row{"cluster.c.ssl.ciphers.AES-256", "cluster.ssl.ciphers|cipher_suite=AES-256|envoy.cluster_name=c"},
           Row{"listener.a.ssl.versions.TLSv1.3", "listener.ssl.versions|envoy.ssl_version=TLSv1.3|envoy.listener_address=a"},
           Row{"ratelimit.p.over_limit", "ratelimit.over_limit|envoy.ratelimit_prefix=p"},
           Row{"", ""},
           Row{"cluster", "cluster"},
           Row{"cluster.", "cluster."},
       }) {
    INFO(r.name);
    CHECK(split(rules, r.name) == r.want);
  }
}

TEST_CASE("rules of a config", "[tags]") {
  TagExtractor rules;
  std::string error;
  CHECK(split(rules, "cluster.c.x") == "cluster.c.x");
  REQUIRE(rules.add_regex("whole", "\\.(q\\d)\\.", error));
  REQUIRE(rules.add_regex("inner", "^app\\.((\\w+)\\.)", error));
  rules.add_fixed("env", "prod");
  CHECK(split(rules, "app.web.q7.total") == "app..total|whole=q7|env=prod|inner=web");
  CHECK(split(rules, "other.total") == "other.total|env=prod");
  CHECK_FALSE(rules.add_regex("bad", "(", error));
  CHECK_FALSE(error.empty());
  rules.remove("env");
  CHECK(split(rules, "other.total") == "other.total");
}

TEST_CASE("default tags by name", "[tags]") {
  TagExtractor rules;
  CHECK(TagExtractor::has_default("envoy.cluster_name"));
  CHECK_FALSE(TagExtractor::has_default("cluster_name"));
  CHECK(rules.add_default("envoy.cluster_name"));
  CHECK_FALSE(rules.add_default("nope"));
  CHECK(split(rules, "cluster.c.upstream_rq_200") == "cluster.upstream_rq_200|envoy.cluster_name=c");
}

TEST_CASE("patterns of names", "[tags]") {
  struct Row {
    NamePattern::Kind kind;
    const char* text;
    bool ignore_case;
    const char* name;
    bool hit;
  };
  using Kind = NamePattern::Kind;
  for (const Row& r : {
           Row{Kind::exact, "a.b", false, "a.b", true},
           Row{Kind::exact, "a.b", false, "a.bc", false},
           Row{Kind::exact, "a.b", false, "A.b", false},
           Row{Kind::exact, "a.b", true, "A.B", true},
           Row{Kind::prefix, "a.", false, "a.b", true},
           Row{Kind::prefix, "a.", false, "ba.", false},
           Row{Kind::suffix, ".b", false, "a.b", true},
           Row{Kind::suffix, ".b", false, "a.b.c", false},
           Row{Kind::contains, "b", false, "abc", true},
           Row{Kind::contains, "b", true, "aBc", true},
           Row{Kind::contains, "z", false, "abc", false},
           Row{Kind::prefix, "", false, "x", true},
       }) {
    CHECK(NamePattern{r.kind, r.text, nullptr, r.ignore_case}.matches(r.name) == r.hit);
  }
  const NamePattern regex{Kind::regex, "", std::make_shared<const re2::RE2>("a.*c"), false};
  CHECK(regex.matches("abc"));
  CHECK_FALSE(regex.matches("abcd"));  // the whole name
}

TEST_CASE("which stats there are", "[tags]") {
  using Match = StatsSettings::Match;
  struct Row {
    Match match;
    bool a, b;  // with the pattern "a"
  };
  for (const Row& r : {Row{Match::accept_all, true, true}, Row{Match::reject_all, false, false},
                       Row{Match::inclusion, true, false}, Row{Match::exclusion, false, true}}) {
    StatsSettings s;
    s.match = r.match;
    s.patterns.push_back({NamePattern::Kind::prefix, "a", nullptr, false});
    CHECK(s.accepts("a.x") == r.a);
    CHECK(s.accepts("b.x") == r.b);
  }
}

TEST_CASE("the first matching pattern decides a histogram's buckets", "[tags]") {
  StatsSettings s;
  s.buckets.push_back({{NamePattern::Kind::suffix, "time", nullptr, false}, {1, 2}});
  s.buckets.push_back({{NamePattern::Kind::prefix, "a", nullptr, false}, {3}});
  CHECK(s.buckets_of("a.time").size() == 2);
  CHECK(s.buckets_of("a.size").size() == 1);
  CHECK(s.buckets_of("b.size").size() == default_buckets().size());
}

TEST_CASE("names from a config become parts of stat names", "[tags]") {
  struct Row {
    std::string name, want;
  };
  for (const Row& r :
       {Row{"a", "a"}, Row{"127.0.0.1:80", "127.0.0.1_80"}, Row{"[::1]:80", "[__1]_80"}, Row{"http://x:1", "http_x_1"},
        Row{"a:/b", "a_b"}, Row{std::string("a\0b", 3), "a_b"}, Row{"", ""}, Row{"a.b c/d", "a.b c/d"}})
    CHECK(sanitize(r.name) == r.want);
}
