#include "proxy/hcm/worker.h"

#include <ctime>

#include "proxy/hcm/stream.h"

namespace outrigger::hcm {

Worker::~Worker() = default;
Worker::Worker(runtime::ThreadContext& t, upstream::ClusterSource& c, std::size_t worker_index)
    : thread(t), clusters(c), index(worker_index) {}

std::string_view DateCache::at(TimePoint now, WallTime (*wall)(const void*), const void* arg) noexcept {
  if (now < valid_until_) return {text_.data(), size_};
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(wall(arg).time_since_epoch()).count();
  const std::time_t seconds = us / 1000000;
  std::tm tm;
  gmtime_r(&seconds, &tm);
  size_ = std::strftime(text_.data(), text_.size(), "%a, %d %b %Y %H:%M:%S GMT", &tm);
  valid_until_ = now + Duration(1000000 - us % 1000000);
  return {text_.data(), size_};
}

std::uint64_t next_connection_id() noexcept {
  static std::atomic<std::uint64_t> next{0};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace outrigger::hcm
