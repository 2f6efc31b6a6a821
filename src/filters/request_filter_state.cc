#include "filters/request_filter_state.h"

#include "proxy/hcm/stream.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

namespace {

class Filter final : public hcm::HttpFilter {
 public:
  Filter(hcm::Stream& stream, const RequestFilterStateFactory& factory) : HttpFilter(stream), factory_(factory) {}
  hcm::FilterStatus on_request_head(http::RequestHead&, bool) override {
    apply(factory_.config());
    for (const auto* o : stream_.overrides_for(factory_.name))
      if (const auto* config = o == nullptr ? nullptr : o->as<RequestFilterState>()) apply(*config);
    if (factory_.config().clear_route_cache) stream_.clear_route_cache();
    return hcm::FilterStatus::go_on;
  }

 private:
  void apply(const RequestFilterState& config) {
    format::apply(config.rules, stream_.format_context(), stream_.info().filter_state, stream_.arena());
  }
  const RequestFilterStateFactory& factory_;
};

}  // namespace

hcm::HttpFilter* RequestFilterStateFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<Filter>(stream, *this);
}

}  // namespace outrigger::filters
