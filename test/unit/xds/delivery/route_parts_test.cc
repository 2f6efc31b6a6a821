// A version of a route configuration out of the one before and what is new in it.
#include <catch2/catch.hpp>

#include "envoy/config/route/v3/route.pb.h"
#include "xds/compile/route.h"
#include "xds/delivery/route_parts.h"

using namespace outrigger;
namespace x = outrigger::xds;
using envoy::config::route::v3::RouteConfiguration;

namespace {

/// Virtual hosts by name, each of the domain of that name.
RouteConfiguration message(const std::vector<std::string>& names, const std::string& name = "r") {
  RouteConfiguration m;
  m.set_name(name);
  for (const auto& n : names) {
    auto& host = *m.add_virtual_hosts();
    host.set_name(n);
    host.add_domains(n.substr(0, 1));
  }
  return m;
}

std::shared_ptr<route::RouteConfig> compiled(const RouteConfiguration& m) {
  x::Problems problems;
  x::RouteCompileContext c{problems};
  return x::compile_route_config(m, x::Path(), c);
}

std::string names_of(const std::vector<std::shared_ptr<route::VirtualHost>>& hosts) {
  std::string out;
  for (const auto& h : hosts) out += h->name + " ";
  return out;
}

/// What is known after a version with these.
x::KnownHosts known_after(const RouteConfiguration& m, const route::RouteConfig& config) {
  x::KnownHosts known;
  const auto bytes = m.SerializeAsString();
  known.take(x::split_routes(bytes).value(), config.vhosts);
  return known;
}

}  // namespace

TEST_CASE("virtual hosts that were there before are kept, the others are asked for, in the order of the new version", "[xds]") {
  struct Row {
    std::vector<std::string> next;
    std::string asked;
  };
  const auto first = message({"a", "b", "c"});
  const auto before = compiled(first);
  const auto known = known_after(first, *before);
  for (const auto& r : {Row{{"a", "b", "c"}, ""}, Row{{"a", "b2", "c"}, "b2 "}, Row{{"c", "d", "a"}, "d "}, Row{{}, ""},
                        Row{{"u", "v", "w"}, "u v w "}, Row{{"b", "a"}, ""}}) {
    const auto next = message(r.next);
    const auto bytes = next.SerializeAsString();
    const auto parts = x::split_routes(bytes);
    REQUIRE(parts);
    const auto news = known.news(*parts);
    REQUIRE(news);
    RouteConfiguration asked;
    REQUIRE(asked.ParseFromString(*news));
    const auto fresh = compiled(asked);
    CHECK(names_of(fresh->vhosts) == r.asked);
    const auto whole = known.assemble(*parts, *fresh);
    REQUIRE(whole);
    CHECK(names_of(whole->vhosts) == names_of(compiled(next)->vhosts));
    CHECK(whole->name == "r");
    for (const auto& h : whole->vhosts)
      for (const auto& old : before->vhosts)
        if (h->name == old->name) CHECK(h == old);
  }
}

TEST_CASE("nothing is kept when anything but virtual hosts changed, or what is new does not go with the rest", "[xds]") {
  const auto first = message({"a", "b"});
  const auto known = known_after(first, *compiled(first));
  const auto renamed = message({"a", "b"}, "other").SerializeAsString();
  CHECK_FALSE(known.news(x::split_routes(renamed).value()));
  CHECK_FALSE(x::KnownHosts().news(x::split_routes(renamed).value()));
  const auto doubled = message({"a", "a2"}).SerializeAsString();  // one domain twice
  CHECK(known.assemble(x::split_routes(doubled).value(), *compiled(message({"a2"}))) == nullptr);
  const auto longer = message({"a", "b", "c"}).SerializeAsString();
  CHECK(known.assemble(x::split_routes(longer).value(), *compiled(message({}))) == nullptr);
  const auto same = first.SerializeAsString();
  CHECK(known.assemble(x::split_routes(same).value(), *compiled(message({"c"}))) == nullptr);
}

TEST_CASE("what is no message is not split", "[xds]") {
  const auto bytes = message({"a", "b"}).SerializeAsString();
  CHECK(x::split_routes(bytes)->vhosts.size() == 2);
  CHECK(x::split_routes("")->vhosts.empty());
  for (const auto& wrong : {bytes.substr(0, bytes.size() - 1),
                            std::string("\x12\x7f"
                                        "a"),
                            std::string("\x07"), std::string(1, '\0')})
    CHECK_FALSE(x::split_routes(wrong));
}
