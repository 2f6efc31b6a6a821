#include "proxy/net/internal.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace outrigger::net {

namespace {

/// One end. Each knows the other until one of them closes. What one does, the other is told on the next turn.
class InternalEnd final : public Transport, private event::Deferred {
 public:
  InternalEnd(event::Loop& loop, Address local, Address remote, std::size_t limit)
      : loop_(loop), local_(std::move(local)), remote_(std::move(remote)), limit_(limit) {}
  ~InternalEnd() override { close(); }
  void pair_with(InternalEnd& other) noexcept {
    peer_ = &other;
    other.peer_ = this;
  }
  /// Tells on_connected first.
  void begin_connected() noexcept { to_tell_ |= kConnect; }
  bool alone() const noexcept { return peer_ == nullptr; }
  void start(TransportEvents& events) override;
  IoResult read(Buffer& into, std::size_t bytes_max) noexcept override;
  IoResult peek(std::span<char> into) noexcept override;
  IoResult write(Buffer& from) noexcept override;
  void shutdown_write() noexcept override;
  void rearm() noexcept override { tell(kReadable | kWritable); }
  bool peer_closed() const noexcept override { return eof_ || reset_; }
  void close() noexcept override { end(false); }
  void close_reset() noexcept override { end(true); }
  const Address& local() const noexcept override { return local_; }
  const Address& remote() const noexcept override { return remote_; }

 private:
  static constexpr unsigned kConnect = 1, kReadable = 2, kWritable = 4;
  void tell(unsigned what) noexcept {
    to_tell_ |= what;
    if (events_ != nullptr) loop_.next_turn(*this);
  }
  void run_deferred() override;
  void end(bool reset) noexcept;

  event::Loop& loop_;
  Address local_, remote_;
  std::size_t limit_;
  InternalEnd* peer_ = nullptr;  // null: it is closed
  TransportEvents* events_ = nullptr;
  Buffer in_;
  unsigned to_tell_ = 0;
  bool eof_ = false, reset_ = false;  // by the peer
  bool closed_ = false, shut_ = false;
  bool blocked_ = false;  // the peer's buffer was full
};

void InternalEnd::start(TransportEvents& events) {
  events_ = &events;
  const bool more = !in_.empty() || eof_ || reset_;
  tell((more ? kReadable : 0u) | kWritable);
}

void InternalEnd::run_deferred() {
  if (closed_ || events_ == nullptr) return;
  const unsigned what = std::exchange(to_tell_, 0);
  if ((what & kConnect) != 0) {
    if (alone()) return events_->on_connect_failed(EINVAL);  // it was closed at once
    events_->on_connected();
    if (closed_ || events_ == nullptr) return;
  }
  if ((what & kWritable) != 0) {
    events_->on_writable();
    if (closed_) return;
  }
  if ((what & kReadable) != 0) events_->on_readable();
}

IoResult InternalEnd::read(Buffer& into, std::size_t bytes_max) noexcept {
  if (closed_ || (in_.empty() && reset_)) return {IoStatus::reset, 0, true};
  if (in_.empty()) return {eof_ ? IoStatus::eof : IoStatus::would_block, 0, true};
  const std::size_t bytes = std::min(bytes_max, in_.size());
  into.move_from(in_, bytes);
  if (peer_ != nullptr && peer_->blocked_ && in_.size() <= limit_ / 2) {
    peer_->blocked_ = false;
    peer_->tell(kWritable);
  }
  return {IoStatus::ok, bytes, in_.empty() && !eof_ && !reset_};
}

IoResult InternalEnd::peek(std::span<char> into) noexcept {
  if (closed_ || (in_.empty() && reset_)) return {IoStatus::reset, 0, true};
  if (in_.empty()) return {eof_ ? IoStatus::eof : IoStatus::would_block, 0, true};
  iovec runs[16];
  std::size_t bytes = 0;
  for (std::size_t i = 0, n = in_.gather(runs); i < n && bytes < into.size(); ++i) {
    const std::size_t part = std::min(runs[i].iov_len, into.size() - bytes);
    std::memcpy(into.data() + bytes, runs[i].iov_base, part);
    bytes += part;
  }
  return {IoStatus::ok, bytes, bytes == in_.size()};
}

IoResult InternalEnd::write(Buffer& from) noexcept {
  if (closed_ || shut_ || peer_ == nullptr) return {IoStatus::reset, 0, true};
  const std::size_t waiting = peer_->in_.size();
  const std::size_t bytes = std::min(limit_ > waiting ? limit_ - waiting : 0, from.size());
  if (bytes > 0) {
    peer_->in_.move_from(from, bytes);
    peer_->tell(kReadable);
  }
  if (from.empty()) return {IoStatus::ok, bytes, false};
  blocked_ = true;
  return {IoStatus::would_block, bytes, true};
}

void InternalEnd::shutdown_write() noexcept {
  if (peer_ == nullptr || std::exchange(shut_, true)) return;
  peer_->eof_ = true;
  peer_->tell(kReadable);
}

void InternalEnd::end(bool reset) noexcept {
  if (std::exchange(closed_, true)) return;
  unlink();
  events_ = nullptr;
  in_.clear();
  if (auto* p = std::exchange(peer_, nullptr)) {
    p->peer_ = nullptr;
    p->eof_ = true;
    p->reset_ = p->reset_ || reset;
    if (reset) p->in_.clear();
    p->tell(kReadable | kWritable);
  }
}

}  // namespace

std::unique_ptr<Transport> connect_internal(event::Loop& loop, InternalListeners& listeners, const Address& to, Passed passed) {
  thread_local unsigned depth = 0;
  constexpr unsigned kDepthMax = 16;  // listeners that lead to each other, without end
  if (depth == kDepthMax) return nullptr;
  const auto limit = listeners.buffer_bytes();
  auto near = std::make_unique<InternalEnd>(loop, Address::internal("internal_client_address", ""), to, limit);
  auto far = std::make_unique<InternalEnd>(loop, to, near->local(), limit);
  near->pair_with(*far);
  near->begin_connected();
  ++depth;
  listeners.accept(to.internal_name(), std::move(far), std::move(passed));
  --depth;
  if (near->alone()) return nullptr;
  return near;
}

}  // namespace outrigger::net
