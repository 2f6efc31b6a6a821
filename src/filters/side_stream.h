// A stream of gRPC messages in both directions between a filter and a side service, through a cluster of ours and the worker's
// own pools. In the arena of the filter's stream; the filter destroys it. Worker's thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include "filters/grpc.h"
#include "filters/side_call.h"

namespace outrigger::filters {

/// Nothing is told from within open() or send().
class SideStreamEvents {
 public:
  /// Valid during the call, in which the stream may be cancelled.
  virtual void on_side_message(std::string_view bytes) = 0;
  /// It is full() no longer.
  virtual void on_side_room() = 0;
  /// The last that is told. `status` is gRPC's; 0: the service has ended it well.
  virtual void on_side_end(std::uint32_t status, std::string_view message) = 0;

 protected:
  ~SideStreamEvents() = default;
};

class SideStream final : private upstream::PoolWaiter, private upstream::ClientStreamEvents, private event::Deferred {
 public:
  /// `message_max`: of one that comes.
  SideStream(hcm::Stream& stream, SideStreamEvents& events, std::size_t message_max);
  ~SideStream() { cancel(); }
  SideStream(const SideStream&) = delete;
  SideStream& operator=(const SideStream&) = delete;

  /// The metadata of the call, to be added to before open().
  http::HeaderMap& headers() noexcept { return head_->headers; }
  /// Once. `target`: its headers have been added. Null: there is no such cluster.
  void open(upstream::Cluster* cluster, const GrpcTarget& target, std::string_view path);
  /// What can't be sent yet waits.
  void send(std::string_view message);
  /// So much waits that the filter should send no more. (Before there is a connection it bounds that itself.)
  bool full() const noexcept { return full_; }
  /// Nothing more is told.
  void cancel();

 private:
  friend class GrpcFrames;
  void on_pool_ready(upstream::ClientStream& s, upstream::Host& host) override;
  void on_pool_failure(upstream::PoolFailure why, std::string_view detail, upstream::Host* host) override;
  upstream::ClientStreamEvents& events() override { return *this; }
  Arena& arena() override { return owner_.arena(); }
  void on_informational(http::ResponseHead&) override {}
  void on_head(http::ResponseHead& head, bool end_stream) override;
  void on_body(Buffer& b, bool end_stream) override;
  void on_trailers(http::HeaderMap& trailers) override;
  void on_reset(http::ResetReason why, std::string_view detail) override;
  void on_above_high_watermark() override { full_ = true; }
  void on_below_low_watermark() override;
  void run_deferred() override;
  // of GrpcFrames
  bool begin(std::uint8_t flags);
  void head(std::string_view) noexcept {}
  void content(std::string_view part);
  void end();

  void fail_later(std::uint32_t status, std::string_view message);
  void fail_before_answer(http::ResetReason why, std::string_view detail);
  void end_with(const http::HeaderMap& map);
  void end_with(std::uint32_t status, std::string_view message);
  void charge(std::uint16_t status);

  hcm::Stream& owner_;
  SideStreamEvents& told_;
  std::size_t message_max_;
  http::RequestHead* head_;
  upstream::ClusterRef cluster_;  // null: there is none, or it is over
  upstream::Host* host_ = nullptr;
  upstream::ClientStream* stream_ = nullptr;
  Buffer unsent_;
  GrpcFrames frames_;
  std::string message_;        // as far as it has come
  std::uint32_t failure_ = 0;  // that is told later
  std::string_view failure_text_;
  bool full_ = false, answered_ = false, over_ = false, wrong_ = false, too_long_ = false;
};

}  // namespace outrigger::filters
