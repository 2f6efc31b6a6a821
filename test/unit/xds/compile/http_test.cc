// Connection managers as they are compiled.
#include <catch2/catch.hpp>

#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "support/xds.h"
#include "xds/compile/http.h"

namespace outrigger::xds {
namespace {

using namespace std::chrono_literals;

hcm::ConfigPtr manager(const std::string& fields) {
  const auto p = test::good<envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager>(
      "{stat_prefix: p, route_config: {}, http_filters: [{name: r, typed_config: {'@type': " + test::kTypes +
      "http.router.v3.Router}}]" + (fields.empty() ? "" : ", " + fields) + "}");
  Problems problems;
  stats::Registry stats;
  accesslog::Files files;
  CompileContext c{problems, stats, files};
  c.validate_only = true;
  auto m = compile_http_connection_manager(p, "", Path(), c);
  INFO(fields << '\n' << problems_text(problems));
  REQUIRE(problems.ok());
  return m;
}

TEST_CASE("a connection manager's defaults are Envoy's", "[compile]") {
  const auto m = manager("");
  CHECK(m->http1.headers_kb_max == 60);
  CHECK(m->http1.headers_max == 100);
  CHECK_FALSE(m->http1.accept_http_10);
  CHECK(m->server_header == hcm::Config::overwrite);
  CHECK(m->server_name == "envoy");
  CHECK_FALSE(m->use_remote_address);
  CHECK(m->generate_request_id);
  CHECK_FALSE(m->normalize_path);
  CHECK(m->escaped_slashes == hcm::Config::keep);
  CHECK(m->idle_timeout == std::optional<Duration>(1h));
  CHECK(m->stream_idle_timeout == std::optional<Duration>(5min));
  CHECK_FALSE(m->request_timeout);
  CHECK(m->delayed_close_timeout == 1s);
  CHECK(m->drain_timeout == 5s);
  CHECK(m->filters.size() == 1);
  CHECK(m->internal_ranges.empty());
}

TEST_CASE("fields of a connection manager", "[compile]") {
  struct Row {
    const char* fields;
    bool (*holds)(const hcm::Config&);
  };
  using C = hcm::Config;
  for (const Row& r : {
           Row{"max_request_headers_kb: 7", [](const C& c) { return c.http1.headers_kb_max == 7; }},
           Row{"http_protocol_options: {accept_http_10: true, default_host_for_http_10: d, enable_trailers: true, "
               "allow_chunked_length: true}",
               [](const C& c) {
                 return c.http1.accept_http_10 && c.http1.default_host_for_http_10 == "d" && c.http1.enable_trailers &&
                        c.http1.allow_chunked_length;
               }},
           Row{"http_protocol_options: {allow_absolute_url: false}", [](const C& c) { return !c.http1.allow_absolute_url; }},
           Row{"http_protocol_options: {header_key_format: {proper_case_words: {}}}",
               [](const C& c) { return c.http1.header_case == http::HeaderCase::proper_words; }},
           Row{"http_protocol_options: {header_key_format: {stateful_formatter: {name: p, typed_config: {'@type': "
               "type.googleapis.com/envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig}}}}",
               [](const C& c) { return c.http1.header_case == http::HeaderCase::preserve; }},
           Row{"common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST, max_headers_count: 9}",
               [](const C& c) { return c.http1.underscores == http::UnderscoreAction::reject && c.http1.headers_max == 9; }},
           Row{"common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER}",
               [](const C& c) { return c.http1.underscores == http::UnderscoreAction::drop; }},
           Row{"common_http_protocol_options: {idle_timeout: 0s}", [](const C& c) { return !c.idle_timeout; }},
           Row{"common_http_protocol_options: {idle_timeout: 2s, max_connection_duration: 3s, max_stream_duration: 4s}",
               [](const C& c) {
                 return *c.idle_timeout == 2s && *c.max_connection_duration == 3s && *c.max_stream_duration == 4s;
               }},
           Row{"stream_idle_timeout: 0s, request_timeout: 5s, request_headers_timeout: 6s, drain_timeout: 7s, "
               "delayed_close_timeout: 0s",
               [](const C& c) {
                 return !c.stream_idle_timeout && *c.request_timeout == 5s && *c.request_headers_timeout == 6s &&
                        c.drain_timeout == 7s && c.delayed_close_timeout == 0s;
               }},
           Row{"server_name: me, server_header_transformation: APPEND_IF_ABSENT, via: v",
               [](const C& c) { return c.server_name == "me" && c.server_header == C::append_if_absent && c.via == "v"; }},
           Row{"server_header_transformation: PASS_THROUGH", [](const C& c) { return c.server_header == C::pass_through; }},
           Row{"scheme_header_transformation: {scheme_to_overwrite: https}",
               [](const C& c) { return c.scheme_to_overwrite == "https"; }},
           Row{"use_remote_address: true, xff_num_trusted_hops: 2, skip_xff_append: true, append_x_forwarded_port: true",
               [](const C& c) {
                 return c.use_remote_address && c.xff_trusted_hops == 2 && c.skip_xff_append && c.append_x_forwarded_port;
               }},
           Row{"internal_address_config: {unix_sockets: true, cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}",
               [](const C& c) {
                 return c.internal_unix_sockets && c.internal_ranges.size() == 1 && c.internal_ranges[0].bits == 8;
               }},
           Row{"generate_request_id: false, preserve_external_request_id: true, always_set_request_id_in_response: true",
               [](const C& c) {
                 return !c.generate_request_id && c.preserve_external_request_id && c.always_set_request_id_in_response;
               }},
           Row{"normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT",
               [](const C& c) { return c.normalize_path && c.merge_slashes && c.escaped_slashes == C::unescape_and_redirect; }},
           Row{"path_with_escaped_slashes_action: REJECT_REQUEST", [](const C& c) { return c.escaped_slashes == C::reject; }},
           Row{"path_with_escaped_slashes_action: UNESCAPE_AND_FORWARD",
               [](const C& c) { return c.escaped_slashes == C::unescape_and_forward; }},
           Row{"path_with_escaped_slashes_action: IMPLEMENTATION_SPECIFIC_DEFAULT",
               [](const C& c) { return c.escaped_slashes == C::keep; }},
           Row{"strip_any_host_port: true, strip_trailing_host_dot: true",
               [](const C& c) { return c.strip_any_host_port && c.strip_trailing_host_dot; }},
           Row{"upgrade_configs: [{upgrade_type: WebSocket}, {upgrade_type: CONNECT, enabled: false}]",
               [](const C& c) {
                 return c.upgrades.size() == 2 && c.upgrades[0].type == "websocket" && c.upgrades[0].enabled &&
                        !c.upgrades[1].enabled;
               }},
           Row{"original_ip_detection_extensions: [{name: h, typed_config: {'@type': "
               "type.googleapis.com/envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig, "
               "header_name: X-Real, "
               "reject_with_status: {code: OK}}}]",
               [](const C& c) {
                 return c.ip_detection.size() == 1 && c.ip_detection[0].header == "x-real" &&
                        *c.ip_detection[0].reject_status == 403;
               }},
           Row{"local_reply_config: {mappers: [{filter: {not_health_check_filter: {}}, status_code: 410, body: {inline_string: "
               "gone}}], body_format: "
               "{text_format: x}}",
               [](const C& c) {
                 const auto& l = c.local_reply;
                 return l.mappers.size() == 1 && *l.mappers[0].status == 410 && *l.mappers[0].body == "gone" && l.text != nullptr;
               }},
       }) {
    INFO(r.fields);
    CHECK(r.holds(*manager(r.fields)));
  }
}

}  // namespace
}  // namespace outrigger::xds
