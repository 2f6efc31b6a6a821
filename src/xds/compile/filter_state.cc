#include "xds/compile/filter_state.h"

#include <algorithm>
#include <iterator>

#include "xds/compile/format.h"

namespace outrigger::xds {

namespace key = http::state_key;
using Value = envoy::extensions::filters::common::set_filter_state::v3::FilterStateValue;

namespace {

/// The objects that entries can be, by what makes them.
constexpr struct {
  std::string_view factory;
  http::StateKind kind;
  bool hashable = false;
} kObjects[] = {
    {"envoy.string", http::StateKind::text},
    {"envoy.hashable_string", http::StateKind::text, true},
    {"istio.hashable_string", http::StateKind::text, true},
    {key::kServerName, http::StateKind::server_name},
    {key::kPeerNames, http::StateKind::peer_names},
    {key::kProtocols, http::StateKind::protocols},
    {key::kCluster, http::StateKind::cluster},
    {key::kDisableTunneling, http::StateKind::flag},
    {key::kIdleTimeout, http::StateKind::number},
    {key::kDynamicHost, http::StateKind::text},
    {key::kDynamicPort, http::StateKind::number},
    {key::kOriginalDst, http::StateKind::address, true},
    {key::kOriginalDstLocal, http::StateKind::address, true},
    {key::kOriginalDstRemote, http::StateKind::address, true},
};
/// Objects of Envoy that nothing here reads yet.
constexpr std::string_view kKnown[] = {
    "envoy.network.ip",
    "envoy.ratelimit.hits_addend",
};

void compile_factory(const std::string& factory, format::FilterStateRule& rule, const Path& at, Problems& problems) {
  const auto* object =
      std::find_if(std::begin(kObjects), std::end(kObjects), [&](const auto& o) { return o.factory == factory; });
  const auto* meant =
      std::find_if(std::begin(kObjects), std::end(kObjects), [&](const auto& o) { return o.factory == rule.key; });
  if (object != std::end(kObjects)) {
    rule.traits.kind = object->kind;
    rule.traits.hashable = object->hashable;
    if (meant != std::end(kObjects) && meant->kind != object->kind)
      problems.warn(at, "filter state '" + rule.key + "' is an object of its own kind: another one under this key has no effect");
  } else if (std::find(std::begin(kKnown), std::end(kKnown), factory) != std::end(kKnown)) {
    problems.error(at, "filter state object '" + factory + "' is known to Envoy and not implemented");
  } else {
    problems.error(at, "'" + factory + "' does not have an object factory");
  }
}

http::Sharing to_sharing(Value::SharedWithUpstream p) {
  return p == Value::ONCE ? http::Sharing::once : p == Value::TRANSITIVE ? http::Sharing::transitive : http::Sharing::none;
}

}  // namespace

std::vector<format::FilterStateRule> compile_filter_state(const FilterStateValues& list, const Path& at, std::string_view field,
                                                          Problems& problems) {
  std::vector<format::FilterStateRule> out;
  for (int i = 0; i < list.size(); ++i) {
    const auto& p = list.Get(i);
    const Path here = at.at(field, i);
    format::FilterStateRule r;
    r.key = p.object_key();
    r.skip_if_empty = p.skip_if_empty();
    if (p.read_only()) problems.warn(here / "read_only", "has no effect, as in Envoy: a later value takes the place of this one");
    const std::string& factory = p.factory_key().empty() ? p.object_key() : p.factory_key();
    compile_factory(factory, r, here / (p.factory_key().empty() ? "object_key" : "factory_key"), problems);
    r.traits.sharing = to_sharing(p.shared_with_upstream());
    const auto f = compile_format(p.format_string(), here / "format_string", problems);
    if (f.text != nullptr)
      r.value = *f.text;
    else if (f.json != nullptr)
      problems.error(here / "format_string", "a JSON format of filter state is not implemented");
    out.push_back(std::move(r));
  }
  return out;
}

}  // namespace outrigger::xds
