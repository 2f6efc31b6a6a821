// HTTP filters: what sits between a downstream stream and the router. One instance per stream,
// made in the stream's arena by its FilterFactory, destroyed with the stream; worker's thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include "proxy/base/arena.h"
#include "proxy/buffer/buffer.h"
#include "proxy/hcm/late.h"
#include "proxy/http/message.h"

namespace outrigger::hcm {

class Stream;
class FilterFactory;

/// go_on: the next filter sees the event. stop: it waits for Stream::continue_request() (requests)
/// or for the filter's own inject calls (responses); request bodies that arrive meanwhile are kept by the
/// stream, which stops reading when they reach its limit. A response's head that is stopped goes on before the
/// first body or trailers that the filter lets go on or injects.
/// hold: of a response's head, as stop, also when nothing follows it: then it waits for Stream::continue_response().
enum class FilterStatus : std::uint8_t { go_on, stop, hold };

class HttpFilter {
 public:
  explicit HttpFilter(Stream& stream) noexcept : stream_(stream) {}
  virtual ~HttpFilter() = default;
  HttpFilter(const HttpFilter&) = delete;
  HttpFilter& operator=(const HttpFilter&) = delete;

  virtual FilterStatus on_request_head(http::RequestHead&, bool /*end_stream*/) { return FilterStatus::go_on; }
  virtual FilterStatus on_request_body(Buffer&, bool /*end_stream*/) { return FilterStatus::go_on; }
  virtual FilterStatus on_request_trailers(http::HeaderMap&) { return FilterStatus::go_on; }
  /// stop: to see the body or the trailers first; it keeps its body itself (see Stream::response_too_large()).
  virtual FilterStatus on_response_head(http::ResponseHead&, bool /*end_stream*/) { return FilterStatus::go_on; }
  /// stop: the filter took the bytes (or left them, to be dropped) and gives them on by
  /// Stream::inject_response_body().
  virtual FilterStatus on_response_body(Buffer&, bool /*end_stream*/) { return FilterStatus::go_on; }
  virtual FilterStatus on_response_trailers(http::HeaderMap&) { return FilterStatus::go_on; }
  /// The downstream cannot take more for now, and can again (the router stops reading upstream).
  virtual void on_downstream_above_high_watermark() {}
  virtual void on_downstream_below_low_watermark() {}
  /// The stream ends (response done, reset, or local reply in its place): stop all work. Called once.
  virtual void on_stream_end() {}
  /// After that: the stream's access logs have been written.
  virtual void on_stream_logged() {}

 protected:
  Stream& stream_;

 private:
  friend class Stream;
  friend class LateFilterFactory;
  Late<FilterFactory>::Pin made_by_;  // when that may be replaced
  std::uint8_t index_ = 0;
};

/// One entry of http_filters, compiled. Immutable, shared by workers.
class FilterFactory {
 public:
  virtual ~FilterFactory() = default;
  /// Null: the filter has nothing to do for this stream (e.g. its route turns it off).
  virtual HttpFilter* make(Stream& stream, Arena& arena) const = 0;
  std::string name;       // the config name, for typed_per_filter_config
  bool disabled = false;  // unless a route turns it on
};

/// The config of a filter that comes later and changes (ECDS).
using FilterSource = Late<FilterFactory>;

/// An entry of http_filters with such a config. As long as there is none, requests are answered with 500.
class LateFilterFactory final : public FilterFactory {
 public:
  explicit LateFilterFactory(std::shared_ptr<const FilterSource> source) : source_(std::move(source)) {}
  HttpFilter* make(Stream& stream, Arena& arena) const override;

 private:
  std::shared_ptr<const FilterSource> source_;
};

}  // namespace outrigger::hcm
