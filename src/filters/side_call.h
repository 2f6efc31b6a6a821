// One request of a filter to a side service (authorization, rate limits), through a cluster of ours and the worker's own pools.
// A member of the filter, which ends it with its stream or connection: then no answer follows. The whole answer is kept, up to a
// bound. Worker's thread.
#pragma once
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "filters/retry_state.h"
#include "proxy/hcm/stream.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::filters {

/// Where a gRPC service is, compiled.
struct GrpcTarget {
  std::string cluster, authority;  // authority: the cluster's name when the config has none
  Duration timeout{};
  std::size_t message_max = 0;
  route::HeaderMutations metadata;  // initial_metadata
};

/// Whose request it is: a stream, or a connection.
struct SideOwner {
  SideOwner(hcm::Stream& of) noexcept  // NOLINT(google-explicit-constructor): filters say *whose* it is
      : thread(of.thread()), arena(of.arena()), local_address(of.config().local_address_text), stream(&of) {}
  /// `about` and what it points to outlive the request's start.
  SideOwner(runtime::ThreadContext& on, Arena& memory, std::string_view own_address, const http::StreamInfo& about) noexcept
      : thread(on), arena(memory), local_address(own_address), connection(&about) {}
  format::Context context() const noexcept {
    return stream != nullptr ? stream->format_context() : format::Context{.info = connection};
  }
  runtime::ThreadContext& thread;
  Arena& arena;
  std::string_view local_address;  // this machine's, for x-forwarded-for
  hcm::Stream* stream = nullptr;
  const http::StreamInfo* connection = nullptr;
};

/// Told once, possibly before start() returns. What is given lives as long as its owner's arena.
class SideCallEvents {
 public:
  virtual void on_side_answer(http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers) = 0;
  /// No whole answer: no host, no connection, reset, too late, too large.
  virtual void on_side_failure() = 0;

 protected:
  ~SideCallEvents() = default;
};

class SideCall final : private upstream::PoolWaiter, private upstream::ClientStreamEvents {
 public:
  SideCall(SideOwner owner, SideCallEvents& events);
  ~SideCall() { cancel(); }
  SideCall(const SideCall&) = delete;
  SideCall& operator=(const SideCall&) = delete;

  /// To be filled in before start(); in the owner's arena.
  http::RequestHead& head() noexcept { return *head_; }
  /// `timeout`: none when it is zero. `forwarded`: with x-forwarded-for, as Envoy's calls over gRPC. Once.
  void start(upstream::Cluster& cluster, Buffer&& body, Duration timeout, bool forwarded);
  /// A gRPC call with that message; the head, too, is made here.
  void start_grpc(upstream::Cluster& cluster, const GrpcTarget& target, std::string_view path, std::string_view message);
  /// Before start(); the policy lives as long as the call.
  void retry(const route::RetryPolicy& policy);
  void cancel();
  bool running() const noexcept { return running_; }
  /// After on_side_failure(): what Envoy has in the answer's place.
  struct Failure {
    std::uint16_t status = 503;
    std::string_view text = "upstream failure";
    bool is_answer = false;  // of the router, with headers of its own
  };
  const Failure& failure() const noexcept { return failure_; }

 private:
  void on_pool_ready(upstream::ClientStream& s, upstream::Host& host) override;
  void on_pool_failure(upstream::PoolFailure why, std::string_view, upstream::Host* host) override;
  upstream::ClientStreamEvents& events() override { return *this; }
  Arena& arena() override { return owner_.arena; }
  void on_informational(http::ResponseHead&) override {}
  void on_head(http::ResponseHead& head, bool end_stream) override;
  void on_body(Buffer& b, bool end_stream) override;
  void on_trailers(http::HeaderMap& trailers) override;
  void on_reset(http::ResetReason why, std::string_view) override;
  void on_above_high_watermark() override {}
  void on_below_low_watermark() override {}
  void on_timeout();
  void attempt();
  void retry_later(bool ended = false);
  bool allows(RetryAnswer answer);
  std::optional<Duration> one_attempt() const noexcept;
  std::uint64_t elapsed_ms() const noexcept;
  void charge(std::uint16_t status);
  void answer(const http::HeaderMap* trailers);
  void note_reset(http::ResetReason why);
  void fail();
  void stop();

  SideOwner owner_;
  SideCallEvents& told_;
  http::RequestHead* head_;
  upstream::ClusterRef cluster_;  // null: not started, or over
  upstream::Host* host_ = nullptr;
  upstream::ClientStream* stream_ = nullptr;
  http::ResponseHead* answer_ = nullptr;
  Buffer body_, received_;
  TimePoint started_{};
  Duration whole_{};       // that it may take; zero: no limit
  std::string_view kept_;  // the body, for further attempts
  RetryState retries_;
  bool running_ = false;
  Failure failure_;
  event::Alarm<SideCall, &SideCall::on_timeout> timeout_;
  event::Alarm<SideCall, &SideCall::attempt> again_;
};

/// As Envoy marks requests of its own. `forwarded`: with x-forwarded-for, too.
void mark_internal(const SideOwner& owner, http::HeaderMap& headers, bool forwarded);
/// The metadata that a call of gRPC begins with. `deadline`: the service is told how long it may take.
void add_grpc_headers(const SideOwner& owner, const GrpcTarget& target, bool deadline, http::HeaderMap& headers);
/// A call of one message. `head`: nothing was said in it before; keeps `path`.
void write_grpc_call(const SideOwner& owner, const GrpcTarget& target, std::string_view path, std::string_view message,
                     http::RequestHead& head, Buffer& body);

/// The first bytes of it in one piece.
std::string_view flat(const Buffer& b, std::size_t most, Arena& arena);

/// The one message of a whole answer, in `storage` when it lies in pieces. None: the call failed, or there is no such message.
std::optional<std::string_view> grpc_message(const http::ResponseHead& head, Buffer& body, const http::HeaderMap* trailers,
                                             std::size_t message_max);

}  // namespace outrigger::filters
