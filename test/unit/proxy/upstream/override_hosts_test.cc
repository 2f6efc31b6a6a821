// Which addresses a request names for the policy override_host, in order.
#include "proxy/upstream/override_hosts.h"

#include <catch2/catch.hpp>

using namespace outrigger;
using namespace outrigger::upstream;

namespace {

using Names = std::vector<std::string>;

struct Request {
  Arena arena;
  http::RequestHead head{arena};
  Metadata metadata;
  PickContext context() {
    PickContext c;
    c.request = &head;
    c.metadata[0] = &metadata;
    return c;
  }
};

OverrideHosts rules() {
  OverrideHosts o;
  o.sources.push_back({"to", "", {}});
  o.sources.push_back({"", "lb", {"to"}});
  return o;
}

Names named(const OverrideHosts& rules, const PickContext& c, std::size_t most = 99) {
  Names out;
  each_named(rules, c, [&](std::string_view address) {
    out.emplace_back(address);
    return out.size() < most;
  });
  return out;
}

Names of_header(std::string_view value) {
  Request r;
  r.head.headers.add("to", value);
  return named(rules(), r.context());
}

}  // namespace

TEST_CASE("A list of hosts is read part by part", "[upstream]") {
  CHECK(of_header("") == Names{});
  CHECK(of_header(" , ,\t,") == Names{});
  CHECK(of_header("10.0.0.1:80") == Names{"10.0.0.1:80"});
  CHECK(of_header(" 10.0.0.1:80 ,\t10.0.0.2:80") == Names{"10.0.0.1:80", "10.0.0.2:80"});
  CHECK(of_header(",[::1]:80,") == Names{"[::1]:80"});
  CHECK(of_header("a b") == Names{"a b"});
}

TEST_CASE("Hosts of later sources come after those of earlier ones", "[upstream]") {
  Request r;
  r.metadata.merge("lb", MetadataValue::of("to", MetadataValue::of("c,d")));
  CHECK(named(rules(), r.context()) == Names{"c", "d"});
  r.head.headers.add("to", "a,b");
  CHECK(named(rules(), r.context()) == Names{"a", "b", "c", "d"});
  CHECK(named(rules(), r.context(), 3) == Names{"a", "b", "c"});
  CHECK(named(rules(), {}) == Names{});
}

TEST_CASE("Only text names hosts", "[upstream]") {
  Request r;
  r.metadata.merge("lb", MetadataValue::of("to", MetadataValue::of("more", MetadataValue::of("c"))));
  CHECK(named(rules(), r.context()) == Names{});
}
