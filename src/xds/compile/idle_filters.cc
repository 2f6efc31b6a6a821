// Filters that are accepted without their work, as connections and requests are served as well without it.
#include "xds/compile/idle_filters.h"
#include "envoy/extensions/filters/http/wasm/v3/wasm.pb.h"
#include "envoy/extensions/filters/network/mongo_proxy/v3/mongo_proxy.pb.h"
#include "envoy/extensions/filters/network/wasm/v3/wasm.pb.h"
#include "proxy/accesslog/files.h"
#include "xds/compile/filter_kinds.h"
#include "xds/compile/istio.h"

namespace outrigger::xds {

namespace wasm_v3 = envoy::extensions::wasm::v3;
using Mongo = envoy::extensions::filters::network::mongo_proxy::v3::MongoProxy;

namespace {

/// It watches what passes; only its faults change anything.
void take_mongo(const std::string& name, const Mongo& p, const Path& at, CompileContext& c) {
  if (p.has_delay()) c.problems.error(at / "delay", "is known to Envoy and not implemented by Outrigger");
  if (!p.access_log().empty())
    if (const auto able = accesslog::can_open(p.access_log()); !able) c.problems.error(at / "access_log", able.error().detail);
  c.not_active->add(name, Mongo::descriptor()->full_name(),
                    "what passes is not looked at: no stats, no log of its own and no metadata are made");
}

/// A plugin that may be missing when its machine can't run: here none can.
bool take_plugin(const std::string& name, std::string_view type, const wasm_v3::PluginConfig& p, const Path& at,
                 CompileContext& c) {
  if (p.fail_open() && p.failure_policy() != wasm_v3::UNSPECIFIED) {
    c.problems.error(at / "failure_policy", "only one of fail_open or failure_policy can be set");
    return false;
  }
  if (!p.fail_open() && p.failure_policy() != wasm_v3::FAIL_OPEN) {
    c.problems.error(at, "WebAssembly is not implemented by Outrigger: only a plugin that fails open is passed by");
    return false;
  }
  c.not_active->add(name, type, "WebAssembly is not implemented: the plugin, which fails open, is passed by");
  return true;
}

using HttpWasm = envoy::extensions::filters::http::wasm::v3::Wasm;
FilterPtr make_wasm(const HttpWasm& p, const FilterPlace& f, CompileContext& c) {
  if (!take_plugin(f.filter.name(), HttpWasm::descriptor()->full_name(), p.config(), f.config / "config", c)) return nullptr;
  return filter_without_work();
}

}  // namespace

void add_idle_filters(FilterKinds& kinds) { kinds.add<make_wasm>(); }

bool take_idle_network_filter(const std::string& name, const google::protobuf::Any& any, const Path& at, CompileContext& c) {
  if (Mongo p; any.UnpackTo(&p)) return take_mongo(name, p, at, c), true;
  using Wasm = envoy::extensions::filters::network::wasm::v3::Wasm;
  if (Wasm p; any.UnpackTo(&p)) return take_plugin(name, Wasm::descriptor()->full_name(), p.config(), at / "config", c), true;
  return take_istio_network_filter(name, any, c);
}

}  // namespace outrigger::xds
