#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

namespace {

class MissingConfig final : public HttpFilter {
 public:
  using HttpFilter::HttpFilter;
  FilterStatus on_request_head(http::RequestHead&, bool) override {
    stream_.info().details = "";  // there are some, and they say nothing
    stream_.local_reply({.status = 500, .flag = http::Flag::no_filter_config_found});
    return FilterStatus::stop;
  }
};

}  // namespace

HttpFilter* LateFilterFactory::make(Stream& stream, Arena& arena) const {
  auto version = source_->pin(stream.worker().index);
  if (version.get() == nullptr) return arena.make<MissingConfig>(stream);
  HttpFilter* filter = version.get()->make(stream, arena);
  if (filter != nullptr) filter->made_by_ = std::move(version);
  return filter;
}

}  // namespace outrigger::hcm
