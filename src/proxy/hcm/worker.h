// What one worker lends to everything that serves traffic on it. Owned by server::Worker.
#pragma once
#include <array>
#include <atomic>
#include <memory>
#include <string_view>
#include <vector>
#include "proxy/base/parking.h"
#include "proxy/runtime/thread_context.h"
#include "proxy/upstream/cluster.h"

namespace outrigger::hcm {

class Stream;

/// Is the server, or one listener, going away? Written by the main thread, read by workers.
struct Drain {
  std::atomic<bool> health_failed{false};    // /healthcheck/fail: close after each response
  std::atomic<std::int64_t> start_us{0};     // 0: not draining; loop time
  std::atomic<std::int64_t> duration_us{0};  // 0: immediate
  /// Should this response carry "connection: close"? Gradual: probability grows with time.
  bool close_now(TimePoint now, Random& random) const noexcept {
    if (health_failed.load(std::memory_order_relaxed)) return true;
    const auto start = start_us.load(std::memory_order_relaxed);
    if (start == 0) return false;
    const auto duration = duration_us.load(std::memory_order_relaxed);
    const auto elapsed = now.time_since_epoch().count() - start;
    if (duration <= 0 || elapsed >= duration) return true;
    return random.below(static_cast<std::uint64_t>(duration)) < static_cast<std::uint64_t>(elapsed);
  }
};

/// The HTTP date, rendered once per second.
class DateCache {
 public:
  std::string_view at(TimePoint now, WallTime (*wall)(const void*), const void* arg) noexcept;

 private:
  std::array<char, 32> text_{};
  TimePoint valid_until_{};
  std::size_t size_ = 0;
};

struct Worker {
  runtime::ThreadContext& thread;
  upstream::ClusterSource& clusters;
  DateCache date{};
  /// Streams kept for reuse: requests allocate nothing in steady state.
  std::vector<std::unique_ptr<Stream>> spare_streams{};
  std::uint64_t next_stream_id = 1;
  std::size_t index = 0;       // among the workers
  Parking awaited_clusters{};  // requests that wait for one, by its name
  ~Worker();
  Worker(runtime::ThreadContext& t, upstream::ClusterSource& c, std::size_t worker_index = 0);
};

/// Numbers connections over all workers (%CONNECTION_ID%).
std::uint64_t next_connection_id() noexcept;

}  // namespace outrigger::hcm
