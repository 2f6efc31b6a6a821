// The kinds of HTTP filters: which config message makes which filter, and which message overrides it per route. A new filter
// is a row of one of the functions below; nothing else has to know it. Main thread.
#pragma once
#include <google/protobuf/any.pb.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "proxy/hcm/filter.h"
#include "proxy/route/route.h"
#include "xds/compile/context.h"

namespace outrigger::xds {

using FilterPtr = std::shared_ptr<hcm::FilterFactory>;
using OverridePtr = std::shared_ptr<const route::FilterPart>;

/// An entry of http_filters whose config is compiled.
struct FilterPlace {
  const envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& filter;
  const std::string& stat_prefix;  // the manager's "http.<prefix>."
  const Path& config;              // of its typed_config
};

struct FilterKind {
  using Any = google::protobuf::Any;
  std::string config;  // the full name of its message
  /// Null: wrong (told).
  FilterPtr (*make)(const Any&, const FilterPlace&, CompileContext&);
  std::string override_config;  // likewise of typed_per_filter_config; empty: there is none
  OverridePtr (*override_by)(const Any&, const Path&, Problems&, const CompileContext&);
};

class FilterKinds {
 public:
  /// `make`: FilterPtr(const Config&, const FilterPlace&, CompileContext&);
  /// `override_by`: OverridePtr(const Config&, const Path&, Problems&, const CompileContext&).
  template <auto make>
  void add() {
    add_row(ConfigOf<make>::descriptor()->full_name(), &unpack_and_make<make>, {}, nullptr);
  }
  template <auto make, auto override_by>
  void add() {
    add_row(ConfigOf<make>::descriptor()->full_name(), &unpack_and_make<make>, ConfigOf<override_by>::descriptor()->full_name(),
            &unpack_override<override_by>);
  }
  /// Null: there is none of that name.
  const FilterKind* by_config(std::string_view message) const noexcept;
  const FilterKind* by_override(std::string_view message) const noexcept;

 private:
  template <class R, class Config, class... More>
  static Config config_of(R (*)(const Config&, More...));
  template <auto f>
  using ConfigOf = decltype(config_of(f));
  /// Its bytes were checked when it was loaded.
  template <class Config>
  static Config unpacked(const google::protobuf::Any& any) {
    Config p;
    any.UnpackTo(&p);
    return p;
  }
  template <auto make>
  static FilterPtr unpack_and_make(const google::protobuf::Any& any, const FilterPlace& at, CompileContext& c) {
    return make(unpacked<ConfigOf<make>>(any), at, c);
  }
  template <auto override_by>
  static OverridePtr unpack_override(const google::protobuf::Any& any, const Path& at, Problems& problems,
                                     const CompileContext& c) {
    return override_by(unpacked<ConfigOf<override_by>>(any), at, problems, c);
  }
  void add_row(std::string config, decltype(FilterKind::make) make, std::string override_config,
               decltype(FilterKind::override_by) override_by) {
    all_.push_back({std::move(config), make, std::move(override_config), override_by});
  }

  std::vector<FilterKind> all_;
};

/// It ends a chain of filters, and nothing else does.
bool is_router(const FilterKind& kind);

void add_basic_filters(FilterKinds& kinds);
void add_access_filters(FilterKinds& kinds);
void add_admission_filters(FilterKinds& kinds);
void add_api_key_filters(FilterKinds& kinds);
void add_authz_filters(FilterKinds& kinds);
void add_concurrency_filters(FilterKinds& kinds);
void add_compression_filters(FilterKinds& kinds);
void add_forward_filters(FilterKinds& kinds);
void add_global_limit_filters(FilterKinds& kinds);
void add_grpc_filters(FilterKinds& kinds);
void add_health_check_filters(FilterKinds& kinds);
void add_istio_filters(FilterKinds& kinds);
void add_jwt_filters(FilterKinds& kinds);
void add_limit_filters(FilterKinds& kinds);
void add_lua_filters(FilterKinds& kinds);
void add_metadata_filters(FilterKinds& kinds);
void add_mutation_filters(FilterKinds& kinds);
void add_oauth2_filters(FilterKinds& kinds);
void add_processor_filters(FilterKinds& kinds);
void add_request_filters(FilterKinds& kinds);
void add_session_filters(FilterKinds& kinds);
void add_transcoder_filters(FilterKinds& kinds);

}  // namespace outrigger::xds
