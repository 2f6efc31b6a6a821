// What each operator prints when there is a value, and when there is none.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "proxy/format/formatter.h"
#include "support/message.h"
#include "support/stream.h"

using namespace outrigger;
using namespace std::chrono_literals;

namespace {

std::string print(const std::string& format, const format::Context& c, format::Missing missing = format::Missing::dash) {
  const auto f = format::TextFormat::compile(format);
  INFO(format << ": " << (f ? "" : f.error().detail));
  REQUIRE(f.has_value());
  std::string out;
  f->append(c, missing, out);
  return out;
}

/// A request that was answered by an upstream, with everything known.
struct Full {
  test::Facts facts;
  test::Request request{"/a?q=1", {{"x-a", "abc"}, {"x-empty", ""}, {"x-request-id", "id-1"}}, "h.example:80", "PUT"};
  test::Response response{404, {{"x-b", "def"}}};
  test::Message<http::ResponseHead> trailers{test::Fields{{"x-t", "ghi"}}};
  Full() {
    auto& c = facts.connection;
    c.id = 7;
    c.requested_server_name = "sni.example";
    c.filter_chain_name = "chain";
    c.termination_details = "term";
    c.local_close_reason = "close";
    c.transport_failure_reason = "failed";
    c.direct_remote = test::ip("10.1.1.9", 9);
    auto& i = facts.info;
    i.remote_override = test::ip("10.9.9.9", 0);
    i.start = TimePoint(10s);
    i.last_downstream_rx = i.start + 1500us;
    i.first_downstream_tx = i.start + 21ms;
    i.last_downstream_tx = i.start + 25ms;
    i.end = i.start + 30ms;
    i.response_code = 404;
    i.flags.set(http::Flag::upstream_connection_failure);
    i.flags.set(http::Flag::upstream_retry_limit_exceeded);
    i.details = "via_upstream";
    i.bytes_received = 11;
    i.bytes_sent = 22;
    i.bytes = {31, 32, 33, 34, 35, 36};
    i.upstream_bytes = {41, 42, 43, 44, 45, 46};
    i.attempt_count = 2;
    i.route_name = "route";
    i.virtual_cluster = "vc";
    i.cluster = "observed";
    i.cluster_raw = "raw";
    i.local_reply_body = "sorry";
    auto& up = i.upstream.emplace();
    up.host = test::ip("10.3.3.3", 3333);
    up.hostname = "up.example:3333";
    up.local = test::ip("10.4.4.4", 4444);
    up.connection_id = 8;
    up.transport_failure_reason = "up failed";
    up.local_close_reason = "up close";
    up.pool_start = i.start + 1ms;
    up.pool_ready = i.start + 4ms;
    up.first_tx = i.start + 5ms;
    up.last_tx = i.start + 6ms;
    up.first_rx = i.start + 20ms;
    up.last_rx = i.start + 24ms;
  }
  format::Context context() { return {&facts.info, &request.head, &response.head, &trailers.head.headers, "DownstreamEnd"}; }
};

}  // namespace

TEST_CASE("every fact of a stream, and what stands for it when it is not there", "[format]") {
  struct Row {
    const char *name, *full, *bare;
  };
  Full full;
  test::Facts bare;
  bare.info.start = TimePoint(10s);
  for (const Row& r : {
           Row{"PROTOCOL", "HTTP/1.1", "HTTP/1.1"},
           Row{"RESPONSE_CODE", "404", "0"},
           Row{"RESPONSE_CODE_DETAILS", "via_upstream", "-"},
           Row{"RESPONSE_FLAGS", "UF,URX", "-"},
           Row{"RESPONSE_FLAGS_LONG", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded", "-"},
           Row{"CONNECTION_TERMINATION_DETAILS", "term", "-"},
           Row{"ROUTE_NAME", "route", "-"},
           Row{"VIRTUAL_CLUSTER_NAME", "vc", "-"},
           Row{"FILTER_CHAIN_NAME", "chain", "-"},
           Row{"LOCAL_REPLY_BODY", "sorry", ""},
           Row{"ACCESS_LOG_TYPE", "DownstreamEnd", "NotSet"},
           Row{"CONNECTION_ID", "7", "0"},
           Row{"STREAM_ID", "id-1", "-"},
           Row{"REQUESTED_SERVER_NAME", "sni.example", "-"},
           Row{"BYTES_RECEIVED", "11", "0"},
           Row{"BYTES_SENT", "22", "0"},
           Row{"DURATION", "30", "-"},
           Row{"REQUEST_DURATION", "1", "-"},
           Row{"RESPONSE_DURATION", "20", "-"},
           Row{"RESPONSE_TX_DURATION", "5", "-"},
           Row{"REQUEST_TX_DURATION", "6", "-"},
           Row{"UPSTREAM_CONNECTION_POOL_READY_DURATION", "3", "-"},
           Row{"ROUNDTRIP_DURATION", "-", "-"},
           Row{"UPSTREAM_REQUEST_ATTEMPT_COUNT", "2", "0"},
           Row{"UPSTREAM_CONNECTION_ID", "8", "0"},
           Row{"UPSTREAM_CLUSTER", "observed", "-"},
           Row{"UPSTREAM_CLUSTER_RAW", "raw", "-"},
           Row{"UPSTREAM_HOST", "10.3.3.3:3333", "-"},
           Row{"UPSTREAM_HOST_NAME", "up.example:3333", "-"},
           Row{"UPSTREAM_HOST_NAME_WITHOUT_PORT", "up.example", "-"},
           Row{"UPSTREAM_HOSTS_ATTEMPTED", "10.3.3.3:3333", "-"},
           Row{"UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT", "10.3.3.3", "-"},
           Row{"UPSTREAM_HOST_NAMES_ATTEMPTED", "up.example:3333", "-"},
           Row{"UPSTREAM_CONNECTION_IDS_ATTEMPTED", "8", "-"},
           Row{"UPSTREAM_REMOTE_ADDRESS", "10.3.3.3:3333", "-"},
           Row{"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "10.3.3.3", "-"},
           Row{"UPSTREAM_REMOTE_PORT", "3333", "-"},
           Row{"UPSTREAM_LOCAL_ADDRESS", "10.4.4.4:4444", "-"},
           Row{"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "10.4.4.4", "-"},
           Row{"UPSTREAM_LOCAL_PORT", "4444", "-"},
           Row{"UPSTREAM_PROTOCOL", "HTTP/1.1", "-"},
           Row{"UPSTREAM_TRANSPORT_FAILURE_REASON", "up failed", "-"},
           Row{"UPSTREAM_LOCAL_CLOSE_REASON", "up close", "-"},
           Row{"UPSTREAM_DETECTED_CLOSE_TYPE", "Normal", "-"},
           Row{"DOWNSTREAM_LOCAL_ADDRESS", "10.2.2.2:2222", "10.2.2.2:2222"},
           Row{"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "10.2.2.2", "10.2.2.2"},
           Row{"DOWNSTREAM_LOCAL_PORT", "2222", "2222"},
           Row{"DOWNSTREAM_REMOTE_ADDRESS", "10.9.9.9:0", "10.1.1.1:1111"},
           Row{"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", "10.9.9.9", "10.1.1.1"},
           Row{"DOWNSTREAM_REMOTE_PORT", "0", "1111"},
           Row{"DOWNSTREAM_DIRECT_REMOTE_ADDRESS", "10.1.1.9:9", "10.1.1.1:1111"},
           Row{"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT", "10.1.1.9", "10.1.1.1"},
           Row{"DOWNSTREAM_DIRECT_REMOTE_PORT", "9", "1111"},
           Row{"DOWNSTREAM_LOCAL_CLOSE_REASON", "close", "-"},
           Row{"DOWNSTREAM_DETECTED_CLOSE_TYPE", "Normal", "Normal"},
           Row{"DOWNSTREAM_TRANSPORT_FAILURE_REASON", "failed", "-"},
           Row{"DOWNSTREAM_WIRE_BYTES_RECEIVED", "31", "0"},
           Row{"DOWNSTREAM_WIRE_BYTES_SENT", "32", "0"},
           Row{"DOWNSTREAM_HEADER_BYTES_RECEIVED", "33", "0"},
           Row{"DOWNSTREAM_HEADER_BYTES_SENT", "34", "0"},
           Row{"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", "35", "0"},
           Row{"DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", "36", "0"},
           Row{"UPSTREAM_WIRE_BYTES_RECEIVED", "41", "0"},
           Row{"UPSTREAM_WIRE_BYTES_SENT", "42", "0"},
           Row{"UPSTREAM_HEADER_BYTES_RECEIVED", "43", "0"},
           Row{"UPSTREAM_HEADER_BYTES_SENT", "44", "0"},
           Row{"UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED", "45", "0"},
           Row{"UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT", "46", "0"},
           Row{"RESPONSE_TRAILERS_BYTES", "6", "0"},
           Row{"GRPC_STATUS", "-", "-"},
           Row{"GRPC_STATUS_NUMBER", "-", "-"},
           Row{"PATH", "/a?q=1", "-"},
           Row{"QUERY_PARAMS", "q=1", "-"},
           Row{"TRACE_ID", "-", "-"},
           Row{"METADATA(ROUTE:a)", "-", "-"},
           Row{"DYNAMIC_METADATA(a)", "-", "-"},
       }) {
    INFO(r.name);
    const std::string f = "%" + std::string(r.name) + "%";
    CHECK(print(f, full.context()) == r.full);
    CHECK(print(f, {&bare.info}) == r.bare);
    const std::string bare_value = r.bare;
    const bool flags = f.starts_with("%RESPONSE_FLAGS");  // whose dash is a value
    CHECK(print(f, {&bare.info}, format::Missing::empty) == (bare_value == "-" && !flags ? "" : bare_value));
  }
}

TEST_CASE("a host that was chosen and never connected is named, but was not attempted", "[format]") {
  Full full;
  full.facts.info.upstream->connection_id = 0;
  full.facts.info.upstream->hostname = "";
  CHECK(print("%UPSTREAM_HOST% %UPSTREAM_HOST_NAME% %UPSTREAM_HOST_NAME_WITHOUT_PORT%", full.context()) ==
        "10.3.3.3:3333 10.3.3.3:3333 10.3.3.3");
  CHECK(print("%UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_LOCAL_PORT% %UPSTREAM_PROTOCOL% %UPSTREAM_HOSTS_ATTEMPTED%", full.context()) ==
        "- - - -");
  full.facts.info.upstream->host = {};
  CHECK(print("%UPSTREAM_HOST% %UPSTREAM_HOST_NAME%", full.context()) == "- -");
}

TEST_CASE("headers, other headers and cuts", "[format]") {
  struct Row {
    const char *format, *want;
  };
  Full full;
  for (const Row& r : {
           Row{"%REQ(X-A)%", "abc"},
           Row{"%REQUEST_HEADER(x-a)%", "abc"},
           Row{"%REQ(nope)%", "-"},
           Row{"%REQ(x-empty)%", ""},
           Row{"%REQ(nope?x-a)%", "abc"},
           Row{"%REQ(x-a?nope)%", "abc"},
           Row{"%REQ(nope?no)%", "-"},
           Row{"%REQ(x-empty?x-a)%", ""},
           Row{"%REQ(X-A):2%", "ab"},
           Row{"%REQ(X-A):0%", ""},
           Row{"%REQ(X-A):3%", "abc"},
           Row{"%REQ(X-A):99%", "abc"},
           Row{"%REQ(nope):1%", "-"},
           Row{"%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(:SCHEME)%", "PUT /a?q=1 h.example:80 http"},
           Row{"%REQ(HOST)%", "h.example:80"},
           Row{"%REQ(:path):2%", "/a"},
           Row{"%RESP(X-B)%", "def"},
           Row{"%RESPONSE_HEADER(x-b):1%", "d"},
           Row{"%RESP(nope?X-B)%", "def"},
           Row{"%RESP(:STATUS)%", "404"},
           Row{"%RESP(:status):1%", "4"},
           Row{"%RESP(x-a)%", "-"},
           Row{"%TRAILER(X-T)%", "ghi"},
           Row{"%RESPONSE_TRAILER(X-T):2%", "gh"},
           Row{"%TRAILER(x-b)%", "-"},
       }) {
    INFO(r.format);
    CHECK(print(r.format, full.context()) == r.want);
  }
  CHECK(print("%REQ(a)% %RESP(a)% %RESP(:STATUS)% %TRAILER(a)%", {&full.facts.info}) == "- - - -");
}

TEST_CASE("sizes of heads", "[format]") {
  Full full;
  // :method PUT, :path /a?q=1, :authority h.example:80, :scheme http and three fields
  CHECK(print("%REQUEST_HEADERS_BYTES%", full.context()) ==
        std::to_string(7 + 3 + 5 + 6 + 10 + 12 + 7 + 4 + (3 + 3) + 7 + (12 + 4)));
  CHECK(print("%RESPONSE_HEADERS_BYTES%", full.context()) == std::to_string(7 + 3 + 3 + 3));
  CHECK(print("%REQUEST_HEADERS_BYTES% %RESPONSE_HEADERS_BYTES%", {&full.facts.info}) == "0 0");
}

TEST_CASE("paths and queries, rewritten or as they were sent", "[format]") {
  struct Row {
    const char *format, *plain, *rewritten;  // "/a?q=1&r=%41+b&s", which was "/o?x=2"
  };
  const test::Request plain("/a?q=1&r=%41+b&s"), rewritten("/a?q=1&r=%41+b&s", {{"x-envoy-original-path", "/o?x=2"}});
  test::Facts facts;
  for (const Row& r : {
           Row{"%PATH%", "/a?q=1&r=%41+b&s", "/o?x=2"},
           Row{"%PATH(WQ)%", "/a?q=1&r=%41+b&s", "/o?x=2"},
           Row{"%PATH(NQ)%", "/a", "/o"},
           Row{"%PATH(NQ:PATH)%", "/a", "/a"},
           Row{"%PATH(NQ:ORIG)%", "-", "/o"},
           Row{"%PATH(WQ:ORIG_OR_PATH):3%", "/a?", "/o?"},
           Row{"%PATH(:PATH):1%", "/", "/"},
           Row{"%QUERY_PARAMS%", "q=1&r=%41+b&s", "x=2"},
           Row{"%QUERY_PARAMS(ORIG):3%", "q=1", "x=2"},
           Row{"%QUERY_PARAMS(DECODED)%", "q=1&r=A+b&s", "x=2"},
           Row{"%QUERY_PARAM(q)%", "1", "-"},
           Row{"%QUERY_PARAM(r)%", "A+b", "-"},
           Row{"%QUERY_PARAM(r):1%", "A", "-"},
           Row{"%QUERY_PARAM(s)%", "", "-"},
           Row{"%QUERY_PARAM(x)%", "-", "2"},
       }) {
    INFO(r.format);
    CHECK(print(r.format, {&facts.info, &plain.head}) == r.plain);
    CHECK(print(r.format, {&facts.info, &rewritten.head}) == r.rewritten);
  }
  CHECK(print("%PATH% %QUERY_PARAMS% %QUERY_PARAM(a)%", {&facts.info}) == "- - -");
  const test::Request without("/a"), empty("/a?");
  CHECK(print("%QUERY_PARAMS%", {&facts.info, &without.head}) == "-");
  CHECK(print("%QUERY_PARAMS%", {&facts.info, &empty.head}) == "");
}

TEST_CASE("gRPC status in each form", "[format]") {
  struct Row {
    const char *trailer, *header;  // null: none
    unsigned http;
    const char *camel, *snake, *number;
  };
  for (const Row& r : {
           Row{"0", nullptr, 200, "OK", "OK", "0"},
           Row{"1", nullptr, 200, "Canceled", "CANCELLED", "1"},
           Row{nullptr, "4", 200, "DeadlineExceeded", "DEADLINE_EXCEEDED", "4"},
           Row{"5", "4", 200, "NotFound", "NOT_FOUND", "5"},
           Row{"16", nullptr, 200, "Unauthenticated", "UNAUTHENTICATED", "16"},
           Row{"17", nullptr, 200, "17", "17", "17"},
           Row{"x", nullptr, 200, "-1", "-1", "-1"},
           Row{"", nullptr, 200, "Unknown", "UNKNOWN", "2"},
           Row{"", "4", 200, "DeadlineExceeded", "DEADLINE_EXCEEDED", "4"},
           Row{nullptr, nullptr, 503, "Unavailable", "UNAVAILABLE", "14"},
           Row{nullptr, nullptr, 200, "Unknown", "UNKNOWN", "2"},
       }) {
    test::Facts facts;
    facts.info.response_code = static_cast<std::uint16_t>(r.http);
    const test::Request request("/", {{"content-type", "application/grpc"}});
    const test::Response response(200, r.header == nullptr ? test::Fields{} : test::Fields{{"grpc-status", r.header}});
    const test::Message<http::ResponseHead> trailers(r.trailer == nullptr ? test::Fields{}
                                                                          : test::Fields{{"grpc-status", r.trailer}});
    const format::Context c{&facts.info, &request.head, &response.head, &trailers.head.headers};
    for (const char* f : {"%GRPC_STATUS%", "%GRPC_STATUS(CAMEL_STRING)%"}) CHECK(print(f, c) == r.camel);
    CHECK(print("%GRPC_STATUS(SNAKE_STRING)%", c) == r.snake);
    for (const char* f : {"%GRPC_STATUS(NUMBER)%", "%GRPC_STATUS_NUMBER%"}) CHECK(print(f, c) == r.number);
    const test::Request other;
    CHECK(print("%GRPC_STATUS%", {&facts.info, &other.head, &response.head, &trailers.head.headers}) == "-");
  }
}

TEST_CASE("durations between moments", "[format]") {
  struct Row {
    const char *argument, *want;
  };
  Full full;
  for (const Row& r : {
           Row{"DS_RX_BEG:DS_RX_END", "1"},
           Row{"DS_RX_BEG:DS_RX_END:ms", "1"},
           Row{"DS_RX_BEG:DS_RX_END:us", "1500"},
           Row{"DS_RX_BEG:DS_RX_END:ns", "1500000"},
           Row{"US_TX_BEG:US_RX_BEG", "15"},
           Row{"DS_TX_BEG:DS_TX_END", "4"},
           Row{"US_RX_BEG:US_TX_BEG", "-"},  // the wrong way round
           Row{"DS_RX_BEG:US_RX_BODY_BEG", "-"},
           Row{"US_CX_BEG:DS_TX_END", "-"},
           Row{"a:b", "-"},
       }) {
    INFO(r.argument);
    CHECK(print("%COMMON_DURATION(" + std::string(r.argument) + ")%", full.context()) == r.want);
  }
}

TEST_CASE("addresses cut to a network", "[format]") {
  Full full;
  for (const auto& [bits, want] :
       {std::pair("", "10.9.9.9"), {"32", "10.9.9.9/32"}, {"16", "10.9.0.0/16"}, {"0", "0.0.0.0/0"}, {"x", "10.9.9.9"}})
    CHECK(print("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(" + std::string(bits) + ")%", full.context()) == want);
  full.facts.info.remote_override = test::ip("2001:db8::1");
  CHECK(print("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(32)%", full.context()) == "2001:db8::/32");
  CHECK(print("%DOWNSTREAM_REMOTE_ADDRESS%", full.context()) == "[2001:db8::1]:0");
}

TEST_CASE("names of the server that was asked for", "[format]") {
  struct Row {
    const char *argument, *with_sni, *without;  // SNI s; host h, which was o
  };
  for (const Row& r :
       {Row{"", "s", "-"}, Row{"SNI_ONLY", "s", "-"}, Row{"SNI_FIRST", "s", "o"}, Row{"HOST_FIRST", "o", "o"},
        Row{"HOST_FIRST:HOST", "h", "h"}, Row{"SNI_FIRST:ORIG", "s", "o"}, Row{"HOST_FIRST:ORIG_OR_HOST", "o", "o"}}) {
    INFO(r.argument);
    test::Facts facts;
    const test::Request m("/", {{"x-envoy-original-host", "o"}}, "h");
    const std::string f = "%REQUESTED_SERVER_NAME(" + std::string(r.argument) + ")%";
    CHECK(print(f, {&facts.info, &m.head}) == r.without);
    facts.connection.requested_server_name = "s";
    CHECK(print(f, {&facts.info, &m.head}) == r.with_sni);
  }
}

TEST_CASE("the environment and the first value of several", "[format]") {
  Full full;
  ::setenv("OUTRIGGER_TEST_VALUE", "value", 1);
  CHECK(print("%ENVIRONMENT(OUTRIGGER_TEST_VALUE)%|%ENVIRONMENT(OUTRIGGER_TEST_VALUE):3%", full.context()) == "value|val");
  ::unsetenv("OUTRIGGER_TEST_VALUE");
  CHECK(print("%ENVIRONMENT(OUTRIGGER_TEST_VALUE)%", full.context()) == "-");
  CHECK(print(R"(%COALESCE({"operators":["TRACE_ID",{"command":"REQ","param":"x-a","max_length":2},"PROTOCOL"]})%)",
              full.context()) == "ab");
  CHECK(print(R"(%COALESCE({"operators":["TRACE_ID","SPAN_ID"]})%)", full.context()) == "-");
  CHECK(print(R"(%COALESCE({"operators":["PROTOCOL"]}):4%)", full.context()) == "HTTP");
  const std::string a = print("%UNIQUE_ID%", full.context()), b = print("%UNIQUE_ID%", full.context());
  CHECK(a.size() == 36);
  CHECK(a != b);
}
