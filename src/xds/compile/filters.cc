#include "xds/compile/filters.h"

#include "xds/compile/filter_kinds.h"
#include "xds/compile/idle_filters.h"
#include "xds/compile/late_filter.h"
#include "xds/load/any_type.h"

namespace outrigger::xds {

namespace {

const FilterKinds& kinds() {
  static const FilterKinds all = [] {
    FilterKinds k;
    add_basic_filters(k);
    add_access_filters(k);
    add_admission_filters(k);
    add_api_key_filters(k);
    add_authz_filters(k);
    add_concurrency_filters(k);
    add_compression_filters(k);
    add_forward_filters(k);
    add_global_limit_filters(k);
    add_grpc_filters(k);
    add_health_check_filters(k);
    add_idle_filters(k);
    add_istio_filters(k);
    add_jwt_filters(k);
    add_lua_filters(k);
    add_metadata_filters(k);
    add_mutation_filters(k);
    add_oauth2_filters(k);
    add_processor_filters(k);
    add_request_filters(k);
    add_session_filters(k);
    add_transcoder_filters(k);
    add_limit_filters(k);
    return k;
  }();
  return all;
}

/// What no kind makes.
FilterPtr refuse(const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, const Path& at,
                 Problems& problems) {
  const std::string& url = filter.typed_config().type_url();
  const std::string of_type = "'" + filter.name() + "' of type '" + url + "'";
  if (filter.is_optional())
    problems.warn(at, "optional filter '" + filter.name() + "' is left out: " +
                          (url.empty() ? std::string("it has no config") : "type '" + url + "' is not implemented"));
  else if (url.empty())
    problems.error(at, "Didn't find a registered implementation for '" + filter.name() + "' with type URL: ''");
  else
    problems.error(at / "typed_config", "HTTP filter " + of_type + " is not implemented");
  return nullptr;
}

void check_place(bool router, bool last, const std::string& name, const Path& at, Problems& problems) {
  if (router && !last)
    problems.error(at, "Error: terminal filter named " + name +
                           " of type envoy.filters.http.router must be the last filter in a http filter chain.");
  if (!router && last)
    problems.error(at, "Error: non-terminal filter named " + name +
                           " must not be the last filter in a http filter chain: end it with envoy.filters.http.router");
}

}  // namespace

const FilterKind* FilterKinds::by_config(std::string_view message) const noexcept {
  for (const auto& k : all_)
    if (k.config == message) return &k;
  return nullptr;
}

const FilterKind* FilterKinds::by_override(std::string_view message) const noexcept {
  for (const auto& k : all_)
    if (k.override_by != nullptr && k.override_config == message) return &k;
  return nullptr;
}

bool is_http_filter_config(std::string_view message) { return kinds().by_config(message) != nullptr; }

std::shared_ptr<const hcm::FilterFactory> compile_http_filter(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter, bool last,
    const std::string& stat_prefix, const Path& at, CompileContext& c) {
  if (last && filter.disabled())
    c.problems.error(at / "disabled",
                     "Error: the last (terminal) filter (" + filter.name() + ") in the chain cannot be disabled by default.");
  if (filter.has_config_discovery()) return compile_late_filter(filter, last, stat_prefix, at, c);
  const auto& any = filter.typed_config();
  const auto* kind = kinds().by_config(message_name(any.type_url()));
  if (kind == nullptr) return refuse(filter, at, c.problems);
  const FilterPtr made = kind->make(any, {filter, stat_prefix, at / "typed_config"}, c);
  check_place(is_router(*kind), last, filter.name(), at, c.problems);
  if (made == nullptr) return nullptr;
  made->name = filter.name();
  made->disabled = filter.disabled();
  return made;
}

std::shared_ptr<const route::FilterPart> compile_filter_override(std::string_view filter_name, const google::protobuf::Any& any,
                                                                 const Path& at, Problems& problems, const CompileContext& c) {
  if (const auto* kind = kinds().by_override(message_name(any.type_url()))) return kind->override_by(any, at, problems, c);
  problems.error(
      at, "per-route config of filter '" + std::string(filter_name) + "' of type '" + any.type_url() + "' is not implemented");
  return nullptr;
}

}  // namespace outrigger::xds
