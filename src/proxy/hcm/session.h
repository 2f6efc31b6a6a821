// One downstream HTTP connection: its transport, buffers, clocks and end. What the bytes mean is its
// ServerProtocol's, chosen when the first of them arrive. Owned by its listener (net::ConnectionOwner),
// on one worker.
#pragma once
#include <memory>
#include "proxy/event/loop.h"
#include "proxy/event/scaled_timers.h"
#include "proxy/hcm/config.h"
#include "proxy/hcm/downstream.h"
#include "proxy/hcm/network_filter.h"
#include "proxy/hcm/worker.h"
#include "proxy/net/connection.h"
#include "proxy/net/read_loop.h"
#include "proxy/runtime/overload.h"

namespace outrigger::hcm {

class Session final : public net::Connection, private net::TransportEvents, private event::Deferred {
 public:
  Session(Worker& worker, ConfigPtr config, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
          ListenerContext listener, net::ConnectionOwner& owner);
  ~Session() override;
  void start() override;
  TimePoint started_at() const noexcept override { return info_.start; }
  void close_now() override;
  void start_drain() override;

  // For the protocol and its streams.
  Worker& worker() noexcept { return worker_; }
  const ConfigPtr& config() const noexcept { return config_; }
  http::ConnectionInfo& info() noexcept { return info_; }
  const ListenerContext& listener() const noexcept { return listener_; }
  bool open() const noexcept { return state_ == State::open; }
  Buffer& output() noexcept { return out_; }
  /// Of all that was put into output(), what the transport took.
  std::uint64_t bytes_sent() const noexcept { return bytes_written_; }
  /// After something was put into output(): it is sent at the turn's end, or now when it is a lot.
  void on_output(bool more_follows);
  void schedule_flush();
  void flush_now() { flush(); }
  bool drain_requested() noexcept;
  void start_drain_sequence();
  bool sheds_load(runtime::LoadShedPoint p) noexcept;
  bool hit_by(runtime::OverloadAction a) noexcept;
  /// A stream for a new request, its clocks running.
  Stream& new_stream(Downstream& down);
  /// The connection has nothing to do: its idle clock runs.
  void wait_idle();
  void count_pause(bool pause) noexcept;
  /// The next stream is told anew when the output is above its limit.
  void forget_watermark() noexcept { above_ = false; }
  /// Reading is allowed again, or more may have come while it was not.
  void resume_reading();
  /// `delay`: the client still sends; a FIN now could turn into a RST that destroys our answer.
  void begin_close(bool delay);
  /// The running request ends with the close that begins now.
  void count_cut_request() noexcept;
  /// Closes now, what is not sent yet is lost.
  void abort() { finish_close(false); }
  /// What was read and not fed yet is looked at again.
  void feed();
  /// For the log of the connection: a request's head is there; what was wrong.
  void note_request() noexcept { has_request_ = true; }
  void note_flag(http::Flag f) noexcept { flags_.set(f); }
  bool draining() const noexcept { return draining_; }
  std::uint32_t requests_seen() const noexcept { return requests_; }
  static constexpr std::size_t kReadBytes = Buffer::kBlockBytes;

 private:
  enum class State : std::uint8_t { open, flushing, delaying, closed };
  // net::TransportEvents
  void on_readable() override;
  void on_writable() override;
  // event::Deferred
  void run_deferred() override;

  bool choose_protocol();
  bool reading_allowed() const noexcept;
  void read_loop();
  void note_data(std::uint64_t bytes);
  bool stopped();
  void on_released();
  void flush();
  void check_watermarks();
  void finish_close(bool by_remote, bool reset = false);
  void on_remote_gone(bool reset);
  void on_idle();
  void on_drain_timeout() { start_drain(); }
  void log();
  void on_delayed_close();
  void on_max_duration();
  void on_high_watermark_timeout();

  Worker& worker_;
  ConfigPtr config_;
  std::unique_ptr<net::Transport> transport_;
  http::ConnectionInfo info_;
  ListenerContext listener_;
  net::ConnectionOwner& owner_;
  std::unique_ptr<ServerProtocol> protocol_;  // null: nothing was read yet
  Buffer in_, out_;
  net::ReadLoop reads_;
  std::uint64_t bytes_read_ = 0, bytes_written_ = 0;
  std::uint32_t requests_ = 0;
  State state_ = State::open;
  bool above_ = false, draining_ = false, has_request_ = false;
  bool soft_drain_ = false, too_slow_ = false;
  http::ResponseFlags flags_;
  event::ScaledAlarm<Session, &Session::on_idle> idle_;
  event::Alarm<Session, &Session::on_drain_timeout> drain_;
  event::Alarm<Session, &Session::on_delayed_close> delayed_close_;
  event::ScaledAlarm<Session, &Session::on_max_duration> max_duration_;
  event::Alarm<Session, &Session::on_high_watermark_timeout> high_watermark_;
};

}  // namespace outrigger::hcm
