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

TEST_CASE("what an operator may be given", "[format]") {
  for (
      const char* good :
      {"%PROTOCOL()%", "%REQ(a?b):3%", "%REQ(a?)%", "%REQ(?b)%", "%START_TIME(%s_%3f,_local)%", "%START_TIME_LOCAL%", "%PATH:3%",
       "%PATH(NQ:ORIG):3%", "%QUERY_PARAMS(DECODED):3%", "%QUERY_PARAM(a):3%", "%GRPC_STATUS(SNAKE_STRING)%",
       "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%", "%COMMON_DURATION(a:b)%", "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ns)%",
       "%REQUESTED_SERVER_NAME(:ORIG)%", "%FILTER_STATE(a:FIELD:b):3%", "%DOWNSTREAM_PEER_CERT_V_START(%Y)%",
       R"(%COALESCE({"operators": ["PROTOCOL", {"command": "REQ", "param": "a", "max_length": 3, "x": [{}, "y"]}], "z": 1}):3%)"})
    CHECK(TextFormat::compile(good).has_value());
  CHECK(refused("%PROTOCOL:3%", "PROTOCOL does not take any parameters or length"));
  CHECK(refused("%BYTES_SENT(a)%", "BYTES_SENT does not take any parameters or length"));
  CHECK(refused("%START_TIME:3%", "START_TIME does not allow length to be specified."));
  CHECK(refused("%UPSTREAM_METADATA(a):3%", "UPSTREAM_METADATA does not allow length to be specified."));
  CHECK(refused("%REQ%", "REQ requires parameters"));
  CHECK(refused("%REQ(a?b?c)%", "More than 1 alternative header specified in token: a?b?c"));
  CHECK(refused("%PATH(BAD)%", "Invalid PATH option: 'BAD', only 'WQ'/'NQ' are allowed"));
  CHECK(refused("%PATH(WQ:BAD)%", "Invalid PATH option: 'BAD', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"));
  CHECK(refused("%COMMON_DURATION(a:b:h)%", "Invalid common duration precision: h."));
  CHECK(refused("%COMMON_DURATION(a)%", "Invalid common duration configuration: a."));
  CHECK(refused("%COMMON_DURATION(a:b:ms:c)%", "Invalid common duration configuration: a:b:ms:c."));
  CHECK(refused("%COALESCE({})%", "COALESCE: JSON configuration must contain 'operators' array"));
  CHECK(refused(R"(%COALESCE({"operators":[]})%)", "COALESCE: 'operators' array must not be empty"));
  CHECK(
      refused(R"(%COALESCE({"operators":["NOPE"]})%)", "COALESCE: failed to parse operator at index 0: unknown command: 'NOPE'"));
  CHECK(refused(R"(%COALESCE({"operators":["PROTOCOL","REQ"]})%)",
                "COALESCE: failed to parse operator at index 1: REQ requires parameters"));
  for (const char* bad : {"%COALESCE(a)%", R"(%COALESCE({"operators":[3]})%)", R"(%COALESCE({"operators":["PROTOCOL"])%)",
                          R"(%COALESCE({"operators":["PROTOCOL"]}x)%)", R"(%COALESCE({"operators":[{"param":"a"}]})%)"})
    CHECK_FALSE(TextFormat::compile(bad).has_value());
}

TEST_CASE("filter state as text and as JSON", "[format]") {
  using namespace outrigger;
  http::ConnectionInfo connection;
  http::FilterState::Entry plain{"plain", "a \"b\"", false, nullptr};
  http::FilterState::Entry object{"object", "", false, &plain, R"({"n":[1]})"};
  connection.filter_state.first = &object;
  http::StreamInfo info;
  info.connection = &connection;
  info.filter_state.parent = &connection.filter_state;
  const auto text = [&](const char* f) {
    std::string out;
    TextFormat::compile(f).value().append({&info, nullptr, nullptr, nullptr, "NotSet"}, format::Missing::dash, out);
    return out;
  };
  CHECK(text("%FILTER_STATE(plain:PLAIN)%") == "a \"b\"");
  CHECK(text("%FILTER_STATE(plain:PLAIN):3%") == "a \"");
  CHECK(text("%FILTER_STATE(plain)%") == R"("a \"b\"")");
  CHECK(text("%FILTER_STATE(object:TYPED)%") == R"({"n":[1]})");
  CHECK(text("%FILTER_STATE(object):4%") == R"({"n")");
  CHECK(text("%FILTER_STATE(object:PLAIN)%") == "-");
  CHECK(text("%FILTER_STATE(object:FIELD:n)%") == "-");
  CHECK(text("%FILTER_STATE(none)%") == "-");
  CHECK(text("%UPSTREAM_FILTER_STATE(plain:PLAIN)%") == "-");
}
