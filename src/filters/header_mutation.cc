#include "filters/header_mutation.h"

#include <algorithm>
#include <array>
#include "proxy/hcm/stream.h"
#include "proxy/route/query.h"

namespace outrigger::filters {

using hcm::FilterStatus;

namespace {

void mutate(const std::vector<QueryMutation>& all, http::RequestHead& head, const format::Context& c) {
  if (all.empty() || head.path.data() == nullptr) return;
  Arena& arena = head.headers.arena();
  route::QueryParameters query(head.path, all.size(), arena);
  thread_local std::string text;
  for (const auto& m : all) {
    if (m.remove) {
      query.remove(m.key);
      continue;
    }
    text.clear();
    m.value.append(c, format::Missing::empty, text);
    const auto value = arena.copy(text);
    const bool there = query.has(m.key);
    using Action = route::HeaderAdd;
    if (m.action == Action::append_or_add || (m.action == Action::add_if_absent && !there))
      query.add(m.key, value);
    else if (m.action == Action::overwrite_or_add || (m.action == Action::overwrite_if_exists && there))
      query.overwrite(m.key, value);
  }
  head.path = query.path();
}

class HeaderMutation final : public hcm::HttpFilter {
 public:
  HeaderMutation(hcm::Stream& stream, const HeaderMutationFactory& factory) : HttpFilter(stream), factory_(factory) {}

  FilterStatus on_request_head(http::RequestHead& head, bool) override {
    each([&](const HeaderMutationConfig& config) {
      route::apply(config.request, head, stream_.format_context());
      mutate(config.query, head, stream_.format_context());
    });
    return FilterStatus::go_on;
  }
  FilterStatus on_request_trailers(http::HeaderMap& trailers) override {
    each([&](const HeaderMutationConfig& config) { route::apply(config.request_trailers, trailers, stream_.format_context()); });
    return FilterStatus::go_on;
  }
  FilterStatus on_response_head(http::ResponseHead& head, bool) override {
    each([&](const HeaderMutationConfig& config) { route::apply(config.response, head, stream_.format_context()); });
    return FilterStatus::go_on;
  }
  FilterStatus on_response_trailers(http::HeaderMap& trailers) override {
    each([&](const HeaderMutationConfig& config) { route::apply(config.response_trailers, trailers, stream_.format_context()); });
    return FilterStatus::go_on;
  }

 private:
  /// The filter's own first. Those of the route that there is when first asked, whatever becomes of it.
  template <class F>
  void each(F&& f) {
    f(factory_.config());
    if (!std::exchange(found_, true)) {
      for (const auto* o : stream_.overrides_for(factory_.name))
        if (const auto* config = o == nullptr ? nullptr : o->as<HeaderMutationConfig>()) of_route_[count_++] = config;
      const auto end = of_route_.begin() + static_cast<std::ptrdiff_t>(count_);
      if (!factory_.most_specific_last()) std::reverse(of_route_.begin(), end);
    }
    for (std::size_t i = 0; i < count_; ++i) f(*of_route_[i]);
  }

  const HeaderMutationFactory& factory_;
  std::array<const HeaderMutationConfig*, std::tuple_size_v<hcm::Stream::Overrides>> of_route_{};
  std::size_t count_ = 0;
  bool found_ = false;
};

}  // namespace

hcm::HttpFilter* HeaderMutationFactory::make(hcm::Stream& stream, Arena& arena) const {
  return arena.make<HeaderMutation>(stream, *this);
}

}  // namespace outrigger::filters
