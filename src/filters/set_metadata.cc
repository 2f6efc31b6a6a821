#include "filters/set_metadata.h"

#include <algorithm>
#include "proxy/hcm/stream.h"

namespace outrigger::filters {

void update_metadata(MetadataValue& into, const MetadataValue& from) {
  if (into.kind != from.kind) {
    into = from;
    return;
  }
  if (into.kind == MetadataValue::list) {
    into.items.insert(into.items.end(), from.items.begin(), from.items.end());
    return;
  }
  if (into.kind != MetadataValue::object) {
    into = from;
    return;
  }
  for (const auto& field : from.fields) {
    auto& all = into.fields;
    const auto at =
        std::lower_bound(all.begin(), all.end(), field.first, [](const auto& f, const auto& n) { return f.first < n; });
    if (at == all.end() || at->first != field.first)
      all.insert(at, field);
    else
      update_metadata(at->second, field.second);
  }
}

namespace {

class SetMetadata final : public hcm::HttpFilter {
 public:
  SetMetadata(hcm::Stream& stream, const SetMetadataFactory& factory) : HttpFilter(stream), factory_(factory) {}

  hcm::FilterStatus on_request_head(http::RequestHead&, bool) override {
    apply(factory_.config());
    const auto* o = stream_.override_for(factory_.name);
    if (const auto* config = o == nullptr ? nullptr : o->as<SetMetadataConfig>()) apply(*config);
    return hcm::FilterStatus::go_on;
  }

 private:
  void apply(const SetMetadataConfig& config) {
    if (config.entries.empty()) return;
    auto& now = stream_.info().dynamic_metadata;
    auto all = copy_of(now);
    for (const auto& e : config.entries) {
      const MetadataValue* there = all->find(e.name, {});
      if (there == nullptr) {
        all->merge(e.name, e.value);
      } else if (e.overwrite) {
        MetadataValue merged = *there;
        update_metadata(merged, e.value);
        all->merge(e.name, merged);
      } else {
        stream_.thread().cells.add(config.stats, SetMetadataStat::overwrite_denied);
      }
    }
    now = std::move(all);
  }
  const SetMetadataFactory& factory_;
};

}  // namespace

hcm::HttpFilter* SetMetadataFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<SetMetadata>(stream, *this);
}

}  // namespace outrigger::filters
