#include "xds/compile/filter_state.h"

#include <algorithm>
#include <iterator>

#include "xds/compile/format.h"

namespace outrigger::xds {

namespace {

/// Keys that mean something to Outrigger: objects of their own kind.
constexpr std::string_view kObjects[] = {"envoy.tcp_proxy.cluster"};
/// Objects of Envoy that nothing here reads yet.
constexpr std::string_view kKnown[] = {
    "envoy.filters.listener.original_dst.local_ip",
    "envoy.filters.listener.original_dst.remote_ip",
    "envoy.network.application_protocols",
    "envoy.network.ip",
    "envoy.network.transport_socket.original_dst_address",
    "envoy.network.upstream_server_name",
    "envoy.network.upstream_subject_alt_names",
    "envoy.ratelimit.hits_addend",
    "envoy.stream.upstream_address",
    "envoy.tcp_proxy.disable_tunneling",
    "envoy.tcp_proxy.per_connection_idle_timeout_ms",
    "envoy.upstream.dynamic_host",
    "envoy.upstream.dynamic_port",
};

template <std::size_t N>
bool is_in(const std::string_view (&list)[N], std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

void check_factory(const std::string& key, const std::string& factory, const Path& at, Problems& problems) {
  const bool text = factory == "envoy.string" || factory == "envoy.hashable_string";
  if (is_in(kObjects, key) && factory == key) return;
  if (text && !is_in(kObjects, key) && !is_in(kKnown, key)) return;
  if (text)
    problems.error(at, "filter state '" + key + "' is an object of its own kind: a text under this key has no effect");
  else if (is_in(kKnown, factory) || is_in(kObjects, factory))
    problems.error(at, "filter state object '" + factory + "' is known to Envoy and not implemented" +
                           (key == factory ? "" : " under the key '" + key + "'"));
  else
    problems.error(at, "'" + factory + "' does not have an object factory");
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
    check_factory(r.key, factory, here / (p.factory_key().empty() ? "object_key" : "factory_key"), problems);
    r.hashable = factory == "envoy.hashable_string";
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
