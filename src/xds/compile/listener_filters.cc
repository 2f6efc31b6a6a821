#include "xds/compile/listener_filters.h"

#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit.pb.h"
#include "envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h"
#include "envoy/extensions/filters/listener/original_src/v3/original_src.pb.h"
#include "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h"
#include "envoy/extensions/filters/listener/set_filter_state/v3/set_filter_state.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "proxy/listener/accept_filters.h"
#include "proxy/listener/http_inspector.h"
#include "proxy/listener/proxy_protocol.h"
#include "proxy/listener/tls_inspector.h"
#include "xds/compile/convert.h"
#include "xds/compile/filter_state.h"
#include "xds/compile/late_filter.h"
#include "xds/compile/proxy_protocol.h"

namespace outrigger::xds {

namespace listener_v3 = envoy::config::listener::v3;
namespace lf = envoy::extensions::filters::listener;
using FilterPtr = std::shared_ptr<const listener::Filter>;

namespace {

listener::Predicate compile_predicate(const listener_v3::ListenerFilterChainMatchPredicate& p) {
  using P = listener_v3::ListenerFilterChainMatchPredicate;
  using Kind = listener::Predicate;
  listener::Predicate o;
  const auto set = [&](Kind::Kind kind, const P::MatchSet& s) {
    o.kind = kind;
    for (const auto& rule : s.rules()) o.parts.push_back(compile_predicate(rule));
  };
  switch (p.rule_case()) {
    case P::kOrMatch: set(Kind::any_of, p.or_match()); break;
    case P::kAndMatch: set(Kind::all_of, p.and_match()); break;
    case P::kNotMatch:
      o.kind = Kind::negated;
      o.parts.push_back(compile_predicate(p.not_match()));
      break;
    case P::kDestinationPortRange:
      o.kind = Kind::port_range;
      o.port_begin = p.destination_port_range().start();
      o.port_end = p.destination_port_range().end();
      break;
    case P::kAnyMatch:
    case P::RULE_NOT_SET: break;  // refused before: one is required
  }
  return o;
}

FilterPtr compile_tls_inspector(const lf::tls_inspector::v3::TlsInspector& p, CompileContext& c) {
  listener::TlsInspectorConfig o;
  if (p.has_max_client_hello_size()) o.hello_bytes_max = p.max_client_hello_size().value();
  o.first_read_bytes = p.has_initial_read_buffer_size() ? p.initial_read_buffer_size().value() : o.hello_bytes_max;
  o.ja3 = p.enable_ja3_fingerprinting().value();
  o.ja4 = p.enable_ja4_fingerprinting().value();
  o.close_on_errors = p.close_connection_on_client_hello_parsing_errors();
  o.stats = stats::make_block<stats::TlsInspectorStat>(c.stats, "tls_inspector.");
  return std::make_shared<listener::TlsInspector>(o);
}

FilterPtr compile_proxy_protocol(const lf::proxy_protocol::v3::ProxyProtocol& p, const Path& at, CompileContext& c) {
  using P = lf::proxy_protocol::v3::ProxyProtocol;
  using Versions = envoy::config::core::v3::ProxyProtocolConfig;
  listener::ProxyProtocolConfig o;
  for (const auto& r : p.rules()) {
    const auto& to = r.on_tlv_present();
    const bool base64 = to.value_string_encoding() == P::KeyValuePair::BASE64;
    std::erase_if(o.rules, [&](const auto& known) { return known.type == r.tlv_type(); });  // the last one counts
    o.rules.push_back({static_cast<std::uint8_t>(r.tlv_type()),
                       to.metadata_namespace().empty() ? "envoy.filters.listener.proxy_protocol" : to.metadata_namespace(),
                       to.key(),
                       base64 ? listener::ProxyProtocolConfig::Text::base64 : listener::ProxyProtocolConfig::Text::sanitized});
  }
  o.passed_through = compile_passed_tlvs(p);
  o.rules_to_state = p.tlv_location() == P::FILTER_STATE;
  o.allow_without = p.allow_requests_without_proxy_protocol();
  for (const auto v : p.disallowed_versions()) (v == Versions::V1 ? o.allow_v1 : o.allow_v2) = false;
  if (!o.allow_v1 && !o.allow_v2)
    c.problems.error(at / "disallowed_versions",
                     "Proxy Protocol filter is misconfigured: all proxy protocol versions are disallowed.");
  const std::string prefix = "proxy_proto." + (p.stat_prefix().empty() ? "" : p.stat_prefix() + ".");
  o.legacy = stats::make_block<stats::ProxyProtoLegacyStat>(c.stats, "");
  o.general = stats::make_block<stats::ProxyProtoStat>(c.stats, prefix);
  o.v1 = stats::make_block<stats::ProxyProtoVersionStat>(c.stats, prefix + "versions.v1.");
  o.v2 = stats::make_block<stats::ProxyProtoVersionStat>(c.stats, prefix + "versions.v2.");
  return std::make_shared<listener::ProxyProtocol>(std::move(o));
}

FilterPtr compile_original_src(const lf::original_src::v3::OriginalSrc& p, const Path& at, CompileContext& c) {
  if (p.bind_port()) c.problems.warn(at / "bind_port", "has no effect, as in Envoy: connections come from any port");
  return std::make_shared<listener::OriginalSrc>(p.mark());
}

FilterPtr compile_rate_limit(const lf::local_ratelimit::v3::LocalRateLimit& p, const Path& at, CompileContext& c) {
  return std::make_shared<listener::LocalRateLimit>(
      compile_token_bucket(p.token_bucket(), at / "token_bucket", c.problems), compile_enabled(p),
      stats::make_block<stats::ListenerRateLimitStat>(c.stats,
                                                      "listener_local_ratelimit." + stats::sanitize(p.stat_prefix()) + "."));
}

/// Null when it is none of the known ones.
FilterPtr compile_one(const google::protobuf::Any& any, const Path& at, CompileContext& c) {
  if (lf::tls_inspector::v3::TlsInspector p; any.UnpackTo(&p)) return compile_tls_inspector(p, c);
  if (lf::http_inspector::v3::HttpInspector p; any.UnpackTo(&p))
    return std::make_shared<listener::HttpInspector>(stats::make_block<stats::HttpInspectorStat>(c.stats, "http_inspector."));
  if (lf::proxy_protocol::v3::ProxyProtocol p; any.UnpackTo(&p)) return compile_proxy_protocol(p, at, c);
  if (lf::original_src::v3::OriginalSrc p; any.UnpackTo(&p)) return compile_original_src(p, at, c);
  if (lf::original_dst::v3::OriginalDst p; any.UnpackTo(&p)) return std::make_shared<listener::OriginalDst>();
  if (lf::local_ratelimit::v3::LocalRateLimit p; any.UnpackTo(&p)) return compile_rate_limit(p, at, c);
  if (lf::set_filter_state::v3::Config p; any.UnpackTo(&p))
    return std::make_shared<listener::SetFilterState>(compile_filter_state(p.on_accept(), at, "on_accept", c.problems));
  return nullptr;
}

}  // namespace

namespace {

template <class... Known>
bool is_one_of(std::string_view message) {
  return ((message == Known::descriptor()->full_name()) || ...);
}
bool is_config(std::string_view message) {
  return is_one_of<lf::tls_inspector::v3::TlsInspector, lf::http_inspector::v3::HttpInspector,
                   lf::proxy_protocol::v3::ProxyProtocol, lf::original_src::v3::OriginalSrc, lf::original_dst::v3::OriginalDst,
                   lf::local_ratelimit::v3::LocalRateLimit, lf::set_filter_state::v3::Config>(message);
}

/// What a worker has now; a connection keeps it.
std::shared_ptr<const listener::Filter> now(const hcm::Late<listener::Filter>& from, std::size_t worker) {
  auto pin = std::make_shared<hcm::Late<listener::Filter>::Pin>(from.pin(worker));
  return pin->get() == nullptr ? nullptr : std::shared_ptr<const listener::Filter>(pin, pin->get());
}

listener::FilterEntry compile_late(const listener_v3::ListenerFilter& f, const Path& at, CompileContext& c) {
  const auto entry = std::make_shared<LateFilterOf<listener::Filter>>(
      LateFilter::Kind::listener, f.name(), c,
      [](const google::protobuf::Any& config, const Path& here, CompileContext& context) {
        return compile_one(config, here, context);
      });
  if (!subscribe_late_filter(f.config_discovery(), entry, {is_config, "listener "}, at / "config_discovery", c)) return {};
  return {nullptr, nullptr, [from = entry->filters()](std::size_t worker) { return now(*from, worker); }};
}

listener::FilterEntry compile_entry(const listener_v3::ListenerFilter& f, const Path& at, CompileContext& c) {
  if (f.has_config_discovery()) return compile_late(f, at, c);
  auto filter = compile_one(f.typed_config(), at / "typed_config", c);
  if (filter == nullptr)
    c.problems.error(at, f.has_typed_config() ? "listener filter '" + f.name() + "' of type '" + f.typed_config().type_url() +
                                                    "' is not implemented"
                                              : "listener filter '" + f.name() + "' needs a typed_config");
  return {std::move(filter)};
}

}  // namespace

listener::Filters compile_listener_filters(const listener_v3::Listener& p, const Path& at, CompileContext& c) {
  listener::Filters out;
  if (p.filter_chains_size() > 0 && p.filter_chains(0).use_proxy_proto().value())
    out.push_back({compile_proxy_protocol({}, at, c)});
  for (int i = 0; i < p.listener_filters_size(); ++i) {
    const auto& f = p.listener_filters(i);
    auto e = compile_entry(f, at.at("listener_filters", i), c);
    if (f.has_filter_disabled()) e.disabled = std::make_shared<listener::Predicate>(compile_predicate(f.filter_disabled()));
    out.push_back(std::move(e));
  }
  if (p.use_original_dst().value()) out.push_back({std::make_shared<listener::OriginalDst>()});
  return out;
}

}  // namespace outrigger::xds
