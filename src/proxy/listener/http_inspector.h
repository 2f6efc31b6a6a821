// http_inspector: does a plain connection begin like HTTP, and which version of it?
#pragma once
#include "proxy/listener/filter.h"
#include "proxy/stats/names.h"

namespace outrigger::listener {

enum class HttpLook : std::uint8_t { more, http10, http11, http2, none };
/// Of what has come so far: the preface of HTTP/2, or the first line of a request.
HttpLook look_for_http(std::string_view bytes) noexcept;

class HttpInspector final : public Filter {
 public:
  explicit HttpInspector(stats::BlockHandle stats) : stats_(stats) {}
  Verdict on_accept(const Candidate& c) const override;
  std::unique_ptr<Inspector> inspector() const override;

 private:
  stats::BlockHandle stats_;  // http_inspector.
};

}  // namespace outrigger::listener
