// Options of the HTTP codecs, of connection managers and clusters.
#include "envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.pb.h"
#include "xds/compile/convert.h"
#include "xds/compile/http.h"
#include "xds/compile/matchers.h"

namespace outrigger::xds {

namespace core_v3 = envoy::config::core::v3;

namespace {

void compile_header_case(const core_v3::Http1ProtocolOptions::HeaderKeyFormat& p, http::Http1Options& o, const Path& at,
                         Problems& problems) {
  using Preserve = envoy::extensions::http::header_formatters::preserve_case::v3::PreserveCaseFormatterConfig;
  if (p.has_proper_case_words()) o.header_case = http::HeaderCase::proper_words;
  if (!p.has_stateful_formatter()) return;
  const auto& any = p.stateful_formatter().typed_config();
  if (!any.Is<Preserve>()) return problems.error(at, "stateful formatter of type '" + any.type_url() + "' is not implemented");
  Preserve preserve;
  any.UnpackTo(&preserve);
  o.forward_reason_phrase = preserve.forward_reason_phrase();
  o.header_case = preserve.formatter_type_on_envoy_headers() == Preserve::PROPER_CASE ? http::HeaderCase::preserve_else_proper
                                                                                      : http::HeaderCase::preserve;
}

}  // namespace

void compile_http1_options(const core_v3::Http1ProtocolOptions& p, http::Http1Options& o, const Path& at, Problems& problems) {
  o.accept_http_10 = p.accept_http_10();
  o.default_host_for_http_10 = p.default_host_for_http_10();
  o.enable_trailers = p.enable_trailers();
  o.allow_chunked_length = p.allow_chunked_length();
  o.allow_absolute_url = !p.has_allow_absolute_url() || p.allow_absolute_url().value();
  o.send_fully_qualified_url = p.send_fully_qualified_url();
  o.allow_custom_methods = p.allow_custom_methods();
  o.stream_error_on_invalid_http_message = p.override_stream_error_on_invalid_http_message().value();
  if (p.has_use_balsa_parser() && !p.use_balsa_parser().value())
    problems.error(at / "use_balsa_parser", "there is one parser, which accepts what Envoy's default (true) accepts");
  if (auto ignored = compile_any_of(p.ignore_http_11_upgrade(), at, "ignore_http_11_upgrade", problems))
    o.ignored_upgrade = std::move(ignored);
  compile_header_case(p.header_key_format(), o, at / "header_key_format", problems);
}

void compile_http2_options(const core_v3::Http2ProtocolOptions& p, http2::Options& o) {
  const auto take = [](bool has, const google::protobuf::UInt32Value& v, std::uint32_t& to) {
    if (has) to = v.value();
  };
  take(p.has_hpack_table_size(), p.hpack_table_size(), o.hpack_table_bytes);
  take(p.has_max_concurrent_streams(), p.max_concurrent_streams(), o.streams_max);
  take(p.has_initial_stream_window_size(), p.initial_stream_window_size(), o.stream_window_bytes);
  take(p.has_initial_connection_window_size(), p.initial_connection_window_size(), o.connection_window_bytes);
  take(p.has_max_outbound_frames(), p.max_outbound_frames(), o.outbound_frames_max);
  take(p.has_max_outbound_control_frames(), p.max_outbound_control_frames(), o.outbound_control_frames_max);
  take(p.has_max_consecutive_inbound_frames_with_empty_payload(), p.max_consecutive_inbound_frames_with_empty_payload(),
       o.empty_frames_max);
  take(p.has_max_inbound_priority_frames_per_stream(), p.max_inbound_priority_frames_per_stream(),
       o.priority_frames_per_stream_max);
  take(p.has_max_inbound_window_update_frames_per_data_frame_sent(), p.max_inbound_window_update_frames_per_data_frame_sent(),
       o.window_updates_per_data_frame_max);
  o.allow_connect = p.allow_connect();
  if (p.stream_error_on_invalid_http_messaging()) o.stream_error_on_invalid_message = true;
  if (p.has_override_stream_error_on_invalid_http_message())
    o.stream_error_on_invalid_message = p.override_stream_error_on_invalid_http_message().value();
  if (!p.has_connection_keepalive()) return;
  const auto& k = p.connection_keepalive();
  auto& out = o.keepalive.emplace();
  if (k.has_interval()) out.interval = to_duration(k.interval());
  out.timeout = to_duration(k.timeout());
  if (k.has_interval_jitter()) out.jitter_percent = static_cast<std::uint32_t>(k.interval_jitter().value());
  if (k.has_connection_idle_interval()) out.idle_interval = to_duration(k.connection_idle_interval());
}

}  // namespace outrigger::xds
