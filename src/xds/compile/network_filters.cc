#include "xds/compile/network_filters.h"

#include "envoy/extensions/filters/network/connection_limit/v3/connection_limit.pb.h"
#include "envoy/extensions/filters/network/direct_response/v3/config.pb.h"
#include "envoy/extensions/filters/network/echo/v3/echo.pb.h"
#include "envoy/extensions/filters/network/ext_authz/v3/ext_authz.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit.pb.h"
#include "envoy/extensions/filters/network/ratelimit/v3/rate_limit.pb.h"
#include "envoy/extensions/filters/network/rbac/v3/rbac.pb.h"
#include "envoy/extensions/filters/network/set_filter_state/v3/set_filter_state.pb.h"
#include "envoy/extensions/filters/network/sni_cluster/v3/sni_cluster.pb.h"
#include "envoy/extensions/filters/network/sni_dynamic_forward_proxy/v3/sni_dynamic_forward_proxy.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "filters/connection_filters.h"
#include "filters/late_connections.h"
#include "filters/plain_connections.h"
#include "filters/sni_forward_proxy.h"
#include "xds/compile/convert.h"
#include "xds/compile/dns_cache.h"
#include "xds/compile/filter_state.h"
#include "xds/compile/idle_filters.h"
#include "xds/compile/late_filter.h"
#include "xds/compile/rbac.h"

namespace outrigger::xds {

namespace nf = envoy::extensions::filters::network;
using FilterPtr = std::shared_ptr<const filters::ConnectionFilter>;

namespace {

FilterPtr compile_connection_limit(const nf::connection_limit::v3::ConnectionLimit& p, const Path& at, CompileContext& c) {
  if (!p.has_max_connections()) c.problems.error(at / "max_connections", "is required");
  if (to_duration(p.delay()) < Duration::zero()) c.problems.error(at / "delay", "must not be negative");
  filters::ConnectionLimit::Config o;
  o.connections_max = p.max_connections().value();
  o.delay = to_duration(p.delay());
  o.enabled = compile_enabled(p);
  o.stats = stats::make_block<stats::ConnectionLimitStat>(c.stats, "connection_limit." + stats::sanitize(p.stat_prefix()) + ".");
  return std::make_shared<filters::ConnectionLimit>(std::move(o));
}

FilterPtr compile_rate_limit(const nf::local_ratelimit::v3::LocalRateLimit& p, const Path& at, CompileContext& c) {
  auto bucket = compile_token_bucket(p.token_bucket(), at / "token_bucket", c.problems);
  if (!p.share_key().empty()) {
    auto& shared = c.shared_buckets[p.share_key() + '\0' + p.token_bucket().SerializeAsString()];
    if (shared == nullptr) shared = std::move(bucket);
    bucket = shared;
  }
  return std::make_shared<filters::NetworkRateLimit>(
      std::move(bucket), compile_enabled(p),
      stats::make_block<stats::NetworkRateLimitStat>(c.stats, "local_rate_limit." + stats::sanitize(p.stat_prefix()) + "."));
}

FilterPtr compile_state(const nf::set_filter_state::v3::Config& p, const Path& at, Problems& problems) {
  const auto rules = [&](const FilterStateValues& list, std::string_view field) {
    return compile_filter_state(list, at, field, problems);
  };
  return std::make_shared<filters::NetworkFilterState>(filters::NetworkFilterState::Rules{
      rules(p.on_new_connection(), "on_new_connection"), rules(p.on_downstream_tls_handshake(), "on_downstream_tls_handshake"),
      rules(p.on_downstream_data(), "on_downstream_data")});
}

FilterPtr compile_sni_forward(const nf::sni_dynamic_forward_proxy::v3::FilterConfig& p, const Path& at, CompileContext& c) {
  if (p.save_upstream_address())
    c.problems.warn(at / "save_upstream_address", "has no effect: nothing here reads envoy.stream.upstream_address");
  return std::make_shared<filters::SniForwardProxy>(compile_dns_cache(p.dns_cache_config(), at / "dns_cache_config", c),
                                                    static_cast<std::uint16_t>(p.port_value()));
}

bool is_terminal(const google::protobuf::Any& any) {
  return any.Is<nf::tcp_proxy::v3::TcpProxy>() || any.Is<nf::echo::v3::Echo>() || any.Is<nf::direct_response::v3::Config>() ||
         any.Is<nf::http_connection_manager::v3::HttpConnectionManager>();
}

FilterPtr compile_one(const google::protobuf::Any& any, const Path& at, CompileContext& c) {
  if (nf::connection_limit::v3::ConnectionLimit p; any.UnpackTo(&p)) return compile_connection_limit(p, at, c);
  if (nf::local_ratelimit::v3::LocalRateLimit p; any.UnpackTo(&p)) return compile_rate_limit(p, at, c);
  if (nf::sni_cluster::v3::SniCluster p; any.UnpackTo(&p)) return std::make_shared<filters::SniCluster>();
  if (nf::sni_dynamic_forward_proxy::v3::FilterConfig p; any.UnpackTo(&p)) return compile_sni_forward(p, at, c);
  if (nf::set_filter_state::v3::Config p; any.UnpackTo(&p)) return compile_state(p, at, c.problems);
  if (nf::rbac::v3::RBAC p; any.UnpackTo(&p)) return compile_network_rbac(p, at, c);
  if (nf::ext_authz::v3::ExtAuthz p; any.UnpackTo(&p)) return compile_network_authz(p, at, c);
  if (nf::ratelimit::v3::RateLimit p; any.UnpackTo(&p)) return compile_network_limit(p, at, c);
  return nullptr;
}

/// As Envoy names the filter of "envoy.extensions.filters.network.echo.v3.Echo".
std::string filter_name_of(const google::protobuf::Any& any) {
  constexpr std::string_view folder = "envoy.extensions.filters.network.";
  const std::string& url = any.type_url();
  const auto at = url.find(folder);
  if (at == std::string::npos) return url;
  const auto begin = at + folder.size();
  return "envoy.filters.network." + url.substr(begin, url.find('.', begin) - begin);
}

/// Does its work not, or has none.
class Idle final : public filters::ConnectionFilter {
 public:
  filters::Verdict on_connection(hcm::Worker&, http::ConnectionInfo&) const override { return {}; }
};

FilterPtr compile_before(const google::protobuf::Any& any, const std::string& name, const Path& at, CompileContext& c) {
  if (is_terminal(any)) {
    c.problems.error(at, "Error: terminal filter named " + name + " of type " + filter_name_of(any) +
                             " must be the last filter in a network filter chain.");
    return nullptr;
  }
  if (take_idle_network_filter(name, any, at, c)) return std::make_shared<Idle>();
  auto made = compile_one(any, at, c);
  if (made == nullptr) c.problems.error(at, "network filter '" + name + "' of type '" + any.type_url() + "' is not implemented");
  return made;
}

template <class T>
Arrived arrival_of(std::shared_ptr<const hcm::Late<T>> from) {
  return [from = std::move(from)](std::size_t worker) { return from->pin(worker).get() != nullptr; };
}

/// Envoy does not ask whether there are filters of the types that the config may be.
constexpr LateRules kRules{nullptr, ""};

FilterPtr compile_late(const envoy::config::listener::v3::Filter& f, const Path& at, std::vector<Arrived>& late,
                       CompileContext& c) {
  const auto entry = std::make_shared<LateFilterOf<filters::ConnectionFilter>>(
      LateFilter::Kind::network, f.name(), c,
      [name = f.name()](const google::protobuf::Any& config, const Path& here, CompileContext& context) {
        return compile_before(config, name, here, context);
      });
  if (!subscribe_late_filter(f.config_discovery(), entry, kRules, at / "config_discovery", c)) return nullptr;
  late.push_back(arrival_of<filters::ConnectionFilter>(entry->filters()));
  return std::make_shared<filters::LateConnectionFilter>(entry->filters());
}

}  // namespace

std::shared_ptr<const hcm::NetworkFilterFactory> compile_late_last(const envoy::config::listener::v3::Filter& f,
                                                                   CompileLast compile, const Path& at,
                                                                   std::vector<Arrived>& late, CompileContext& c) {
  using Late = LateFilterOf<hcm::NetworkFilterFactory>;
  const auto entry = std::make_shared<Late>(
      LateFilter::Kind::network, f.name(), c,
      [name = f.name(), compile = std::move(compile)](const google::protobuf::Any& config, const Path& here,
                                                      CompileContext& context) -> Late::Made {
        if (is_terminal(config)) return compile(config, here, context);
        context.problems.error(here, "Error: non-terminal filter named " + name + " of type " + filter_name_of(config) +
                                         " is the last filter in a network filter chain.");
        return nullptr;
      });
  if (!subscribe_late_filter(f.config_discovery(), entry, kRules, at / "config_discovery", c)) return nullptr;
  late.push_back(arrival_of<hcm::NetworkFilterFactory>(entry->filters()));
  return std::make_shared<filters::LateConnections>(entry->filters());
}

filters::ConnectionFilters compile_filters_before(const envoy::config::listener::v3::FilterChain& p, const Path& at,
                                                  std::vector<Arrived>& late, CompileContext& c) {
  filters::ConnectionFilters out;
  for (int i = 0; i + 1 < p.filters_size(); ++i) {
    const auto& f = p.filters(i);
    const Path here = at.at("filters", i);
    if (f.has_config_discovery()) {
      if (auto filter = compile_late(f, here, late, c)) out.push_back(std::move(filter));
      continue;
    }
    if (is_terminal(f.typed_config())) {
      c.problems.error(here, "Error: terminal filter named " + f.name() + " must be the last filter in a network filter chain.");
      continue;
    }
    if (take_idle_network_filter(f.name(), f.typed_config(), here / "typed_config", c)) continue;
    const auto errors = c.problems.errors();
    auto filter = compile_one(f.typed_config(), here / "typed_config", c);
    if (c.problems.errors() != errors) continue;
    if (filter == nullptr)
      c.problems.error(here,
                       "network filter '" + f.name() + "' of type '" + f.typed_config().type_url() + "' is not implemented");
    else
      out.push_back(std::move(filter));
  }
  return out;
}

std::shared_ptr<const hcm::NetworkFilterFactory> behind_filters(filters::ConnectionFilters before,
                                                                std::shared_ptr<const hcm::NetworkFilterFactory> last) {
  if (before.empty() || last == nullptr) return last;
  return std::make_shared<filters::FilteredFactory>(std::move(before), std::move(last));
}

std::shared_ptr<const hcm::NetworkFilterFactory> compile_plain_terminal(const google::protobuf::Any& any, const Path& at,
                                                                        Problems& problems) {
  if (any.Is<nf::echo::v3::Echo>()) return std::make_shared<filters::EchoFactory>();
  nf::direct_response::v3::Config p;
  if (!any.UnpackTo(&p)) return nullptr;
  std::string text;
  if (p.has_response() && p.response().specifier_case() != envoy::config::core::v3::DataSource::SPECIFIER_NOT_SET) {
    auto read = read_data_source(p.response());
    if (read)
      text = std::move(*read);
    else
      problems.error(at / "response", read.error().detail);
  }
  return std::make_shared<filters::DirectResponseFactory>(std::move(text));
}

}  // namespace outrigger::xds
