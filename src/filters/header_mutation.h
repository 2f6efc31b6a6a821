// The filter header_mutation: changes headers, the query and trailers as its config says, then as those of the route say.
// Envoy: header_mutation.
#pragma once
#include <string>
#include <utility>
#include <vector>
#include "proxy/hcm/filter.h"
#include "proxy/route/header_mutation.h"
#include "proxy/route/route.h"

namespace outrigger::filters {

/// Of the query: like that of a header, or a removal.
struct QueryMutation {
  bool remove = false;
  route::HeaderAdd::Action action = route::HeaderAdd::append_or_add;
  std::string key;
  format::TextFormat value;
};

/// Of the filter, and of routes besides.
struct HeaderMutationConfig : route::FilterPart {
  route::HeaderMutationSteps request, response, request_trailers, response_trailers;
  std::vector<QueryMutation> query;
};

class HeaderMutationFactory final : public hcm::FilterFactory {
 public:
  HeaderMutationFactory(HeaderMutationConfig config, bool most_specific_last)
      : config_(std::move(config)), most_specific_last_(most_specific_last) {}
  hcm::HttpFilter* make(hcm::Stream& stream, Arena& arena) const override;
  const HeaderMutationConfig& config() const noexcept { return config_; }
  bool most_specific_last() const noexcept { return most_specific_last_; }

 private:
  HeaderMutationConfig config_;
  bool most_specific_last_;
};

}  // namespace outrigger::filters
