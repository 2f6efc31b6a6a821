// Which operators a format may name; the texts of the refusals are Envoy's.
#include <catch2/catch.hpp>

#include "proxy/format/formatter.h"

using outrigger::format::TextFormat;

namespace {
bool refused(const char* format, const std::string& why) {
  const auto f = TextFormat::compile(format);
  return !f && f.error().detail.ends_with(": " + why);
}
}  // namespace

TEST_CASE("metadata operators", "[format]") {
  for (const char* good :
       {"%METADATA(ROUTE:a:b)%", "%METADATA(CLUSTER:a):5%", "%METADATA(UPSTREAM_HOST:a)%", "%METADATA(LISTENER:a)%",
        "%METADATA(VIRTUAL_HOST:a)%", "%METADATA(LISTENER_FILTER_CHAIN:a)%", "%METADATA(DYNAMIC:a)%", "%METADATA(ROUTE)%",
        "%CLUSTER_METADATA(a)%", "%UPSTREAM_METADATA(a:b)%", "%DYNAMIC_METADATA(a)%"})
    CHECK(TextFormat::compile(good).has_value());
  CHECK(refused("%METADATA(NOPE:a)%", "NOPE is not supported type of metadata"));
  CHECK(refused("%METADATA(route:a)%", "route is not supported type of metadata"));
  CHECK(refused("%CLUSTER_METADATA%", "CLUSTER_METADATA requires parameters"));
  CHECK(refused("%DYNAMIC_METADATA()%", "DYNAMIC_METADATA requires parameters"));
  CHECK(refused("%FOO_METADATA(a)%", "Not supported field in StreamInfo: FOO_METADATA"));
  CHECK(refused("%NOPE(a)%", "Not supported field in StreamInfo: NOPE"));
}
