// The load balancing policy override_host: a request names hosts, which are tried in turn before the policy within it
// is asked. Immutable, made by xds/compile.
#pragma once
#include <string>
#include <string_view>
#include <vector>
#include "proxy/base/metadata.h"
#include "proxy/upstream/pool.h"
#include "proxy/upstream/worker_host.h"

namespace outrigger::upstream {

struct OverrideHosts {
  struct Source {
    std::string header;  // pseudo-headers, too; empty: dynamic metadata
    std::string name;
    std::vector<std::string> path;
  };
  std::vector<Source> sources;
  std::string selected_name;  // of the dynamic metadata that tells which host it is; empty: it isn't told
  std::vector<std::string> selected_path;
};

/// Without the white space around it.
constexpr std::string_view bare(std::string_view s) noexcept {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const auto begin = s.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? std::string_view() : s.substr(begin, s.find_last_not_of(kSpace) + 1 - begin);
}

/// The addresses that a request names, in order, while `next` returns true.
template <class Next>
void each_named(const OverrideHosts& config, const PickContext& c, Next next) {
  for (const auto& source : config.sources) {
    std::string_view rest;
    if (!source.header.empty()) {
      if (c.request != nullptr) rest = c.request->get(source.header);
    } else if (c.metadata[0] != nullptr) {
      const auto* value = c.metadata[0]->find(source.name, source.path);
      if (value != nullptr && value->kind == MetadataValue::string) rest = value->text;
    }
    while (!rest.empty()) {
      const auto end = rest.find(',');
      const auto address = bare(rest.substr(0, end));
      if (!address.empty() && !next(address)) return;
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
  }
}

/// Which host the policy has chosen, in dynamic metadata where the config asks for it.
void tell_selected(const ClusterConfig& config, const Host& host, MetadataPtr& metadata);

}  // namespace outrigger::upstream
