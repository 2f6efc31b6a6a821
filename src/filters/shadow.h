// Mirrored requests: fire and forget copies that may outlive the request they mirror. Each owns
// itself until its answer (dropped), its failure, or its time limit.
#pragma once
#include <cstddef>
#include "filters/upstream_log.h"
#include "proxy/hcm/stream.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

class Shadow;

/// The shadows of one request. Body is shared with them as it comes.
class ShadowSet {
 public:
  ~ShadowSet() { abandon(); }
  void start(hcm::Stream& stream, const route::Route& route, bool end_stream, Duration timeout,
             const std::shared_ptr<const UpstreamLogConfig>& log);
  bool empty() const noexcept { return count_ == 0; }
  void body(const Buffer& body, bool end_stream);
  void abandon();  // the request ended early

 private:
  friend class Shadow;
  static constexpr std::size_t kMax = 8;
  Shadow* shadows_[kMax] = {};
  std::size_t count_ = 0;
};

/// A request of a filter's own whose answer nobody waits for: it may outlive the stream. `head` is copied.
void send_and_forget(hcm::Stream& stream, upstream::Cluster& cluster, const http::RequestHead& head, const Buffer& body,
                     Duration timeout, bool forwarded);

}  // namespace outrigger::filters
