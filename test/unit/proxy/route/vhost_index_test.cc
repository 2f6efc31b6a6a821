// Which virtual host has a request's host: exact, longest suffix, longest prefix, any. As Envoy 1.40 decides.
#include <catch2/catch.hpp>

#include "support/message.h"
#include "support/xds.h"

using namespace outrigger;

namespace {
std::shared_ptr<const route::RouteConfig> hosts(const std::string& more = "") {
  return test::route_config(more + R"(
virtual_hosts:
- {name: exact, domains: ["Foo.com", "[::1]"]}
- {name: port, domains: ["foo.com:80"]}
- {name: suffix, domains: ["*.foo.com", "*-bar.foo.com"]}
- {name: suffix2, domains: ["*.bar.com"]}
- {name: longsuffix, domains: ["*.www.foo.com"]}
- {name: prefix, domains: ["foo.*", "bar.*"]}
- {name: longprefix, domains: ["foo.co.*"]}
- {name: any, domains: ["*"]}
)");
}
std::string find(const route::RouteConfig& config, std::string_view host) {
  const auto* vh = config.find_vhost(test::Request("/", {}, host).head);
  return vh == nullptr ? "none" : vh->name;
}
}  // namespace

TEST_CASE("hosts find their virtual host", "[vhost]") {
  struct Row {
    const char *host, *name;
  };
  const auto config = hosts();
  for (const Row& r : {
           Row{"foo.com", "exact"},
           Row{"FOO.COM", "exact"},
           Row{"foo.com:80", "port"},
           Row{"foo.com:81", "prefix"},
           Row{"www.foo.com", "suffix"},
           Row{"a.www.foo.com", "longsuffix"},
           Row{".foo.com", "any"},
           Row{"x-bar.foo.com", "suffix"},
           Row{"-bar.foo.com", "suffix"},
           Row{"a.b.c.bar.com", "suffix2"},
           Row{"bar.com", "prefix"},
           Row{"foo.org", "prefix"},
           Row{"foo.", "any"},
           Row{"foo", "any"},
           Row{"foo.com.", "prefix"},
           Row{"foo.co.uk", "longprefix"},
           Row{"foo.co.", "prefix"},
           Row{"foo.comx", "prefix"},
           Row{"xfoo.com", "any"},
           Row{"www.foo.com:80", "any"},
           Row{"[::1]", "exact"},
           Row{"[::1]:80", "any"},
           Row{"", "any"},
           Row{"*", "any"},
           Row{"*.foo.com", "suffix"},
       }) {
    INFO(r.host);
    CHECK(find(*config, r.host) == r.name);
  }
  CHECK(find(*config, std::string(600, 'x')) == "any");
}

TEST_CASE("ports are left out when the configuration says so", "[vhost]") {
  const auto config = hosts("ignore_port_in_host_matching: true");
  for (const auto& [host, name] : {std::pair("foo.com:80", "exact"),
                                   {"foo.com:81", "exact"},
                                   {"www.foo.com:80", "suffix"},
                                   {"[::1]:80", "exact"},
                                   {"[::1]", "exact"},
                                   {"other:1", "any"}})
    CHECK(find(*config, host) == name);
}

TEST_CASE("without a wildcard a host may have no virtual host", "[vhost]") {
  const auto config = test::route_config("virtual_hosts: [{name: a, domains: [a.com, '*.b.com']}]");
  CHECK(find(*config, "a.com") == "a");
  CHECK(find(*config, "x.b.com") == "a");
  CHECK(find(*config, "b.com") == "none");
  CHECK(find(*config, "") == "none");
  CHECK(config->match(test::Request("/", {}, "c.com").head, {}) == nullptr);
}

TEST_CASE("a domain can be given once", "[vhost]") {
  struct Row {
    const char *first, *second, *error;
  };
  for (const Row& r : {
           Row{"a", "b", ""},
           Row{"a", "a", "Only unique values for domains are permitted. Duplicate entry of domain a in route r"},
           Row{"a", "A", "Only unique values for domains are permitted. Duplicate entry of domain a in route r"},
           Row{"*.a", "*.a", "Only unique values for domains are permitted. Duplicate entry of domain *.a in route r"},
           Row{"a.*", "a.*", "Only unique values for domains are permitted. Duplicate entry of domain a.* in route r"},
           Row{"*.a", "a.*", ""},
           Row{"*", "*", "Only a single wildcard domain is permitted in route r"},
       }) {
    route::RouteConfig config;
    config.name.push_back('r');  // g++ 12 warns of an assignment here
    for (const char* domain : {r.first, r.second}) {
      config.vhosts.push_back(std::make_unique<route::VirtualHost>());
      config.vhosts.back()->domains.emplace_back(domain);
    }
    const auto result = config.index();
    CHECK((result ? "" : result.error().detail) == r.error);
  }
}
