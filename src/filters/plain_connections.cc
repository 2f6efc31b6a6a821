#include "filters/plain_connections.h"

#include <algorithm>
#include <utility>

#include "proxy/hcm/connection_log.h"
#include "proxy/http/connection_facts.h"
#include "proxy/net/read_loop.h"

namespace outrigger::filters {

using net::IoStatus;

namespace {

constexpr unsigned kReadsPerTurn = 64;

class PlainConnection : public net::Connection, protected net::TransportEvents {
 public:
  PlainConnection(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
                  const hcm::ListenerContext& listener, net::ConnectionOwner& owner)
      : transport_(std::move(transport)), listener_(listener), worker_(worker), info_(std::move(info)), owner_(owner) {}
  TimePoint started_at() const noexcept override { return info_.start; }
  void close_now() override { finish(false); }

 protected:
  /// False: not all of it, or the connection is gone.
  bool flush() {
    const auto r = transport_->write(out_);
    sent_ += r.bytes;
    if (r.status == IoStatus::reset) finish(true);
    return !closed_ && out_.empty();
  }
  void finish(bool reset) {
    if (std::exchange(closed_, true)) return;
    if (reset) info_.close_type = http::CloseType::remote_reset;
    transport_->close();
    if (const auto why = transport_->failure_reason(); !why.empty()) info_.transport_failure_reason = why;
    log();
    owner_.on_connection_closed(*this);
  }
  void note_handshake() { info_.note_handshake(worker_.thread.loop.now(), worker_.thread.loop.wall()); }
  void note_data(std::uint64_t bytes) { info_.note_data(worker_.thread.loop.now(), worker_.thread.loop.wall(), bytes); }
  /// By filters: what the client has sent goes no further, for now or for ever.
  bool stopped() {
    const auto gate = info_.gate([this] { on_released(); });
    if (gate == http::Gate::denied) finish(false);
    return gate != http::Gate::open;
  }
  bool held() const noexcept { return info_.held(); }
  bool denied() const noexcept { return info_.found() != nullptr && info_.found()->denied; }
  virtual void on_released() {}
  /// What is said of the connection when it is over.
  virtual void describe(http::StreamInfo& /*stream*/) {}
  std::size_t room_max() const noexcept { return listener_.buffer_bytes_max == 0 ? SIZE_MAX : listener_.buffer_bytes_max; }

  std::unique_ptr<net::Transport> transport_;
  hcm::ListenerContext listener_;
  hcm::Worker& worker_;
  Buffer out_;
  std::uint64_t received_ = 0, sent_ = 0;
  bool closed_ = false;

 private:
  void log() {
    auto s = http::StreamInfo::of_connection(info_, worker_.thread.loop.now(), worker_.thread.loop.wall());
    s.bytes_received = received_;
    s.bytes_sent = sent_;
    describe(s);
    if (listener_.access_logs != nullptr) hcm::log_connection(*listener_.access_logs, accesslog::LogType::not_set, s, worker_);
  }
  http::ConnectionInfo info_;
  net::ConnectionOwner& owner_;
};

class Echo final : public PlainConnection {
 public:
  using PlainConnection::PlainConnection;
  void start() override { transport_->start(*this); }

 private:
  void on_readable() override {
    readable_ = true;
    pump();
  }
  void on_writable() override {
    note_handshake();
    if (!out_.empty() || readable_) pump();
  }
  void on_released() override {
    if (closed_) return;
    note_data(received_);
    if (denied()) net::discard_unread(*transport_, out_);
    if (!stopped()) pump();
  }
  void pump();
  bool readable_ = false, ended_ = false;
};

/// Reads no more than it gets rid of, up to the listener's limit.
void Echo::pump() {
  if (held()) return;
  for (unsigned reads = 0; !closed_; ++reads) {
    if (!out_.empty() && !flush() && (closed_ || out_.size() >= room_max())) return;
    if (ended_ && out_.empty()) return finish(false);
    if (!readable_ || ended_) return;
    if (reads == kReadsPerTurn) {
      readable_ = false;
      return transport_->rearm();
    }
    const auto r = transport_->read(out_, Buffer::kBlockBytes);
    if (received_ == 0 && r.bytes > 0) note_data(r.bytes);
    received_ += r.bytes;
    if (r.status == IoStatus::reset) return finish(true);
    if (r.status == IoStatus::eof) ended_ = true;
    if (r.status != IoStatus::ok || r.drained) readable_ = false;
    if (stopped()) return;
    if (r.status == IoStatus::would_block && out_.empty()) return;
  }
}

class DirectResponse final : public PlainConnection {
 public:
  DirectResponse(std::shared_ptr<const std::string> response, hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                 http::ConnectionInfo info, const hcm::ListenerContext& listener, net::ConnectionOwner& owner)
      : PlainConnection(worker, std::move(transport), std::move(info), listener, owner), response_(std::move(response)) {}
  void start() override {
    transport_->start(*this);
    on_writable();
  }

 private:
  void on_readable() override {}
  void describe(http::StreamInfo& stream) override { stream.details = "direct_response"; }
  /// A piece at a time: a large response is not copied as a whole.
  void on_writable() override {
    note_handshake();
    while (!closed_) {
      if (out_.empty() && at_ < response_->size()) {
        const auto piece = std::string_view(*response_).substr(at_, Buffer::kBlockBytes);
        out_.append(piece);
        at_ += piece.size();
      }
      if (!flush()) return;
      if (at_ == response_->size()) return finish(false);
    }
  }
  std::shared_ptr<const std::string> response_;
  std::size_t at_ = 0;
};

class Refused final : public PlainConnection {
 public:
  Refused(hcm::Worker& worker, std::unique_ptr<net::Transport> transport, http::ConnectionInfo info,
          const hcm::ListenerContext& listener, net::ConnectionOwner& owner, Refusal refusal)
      : PlainConnection(worker, std::move(transport), std::move(info), listener, owner),
        refusal_(std::move(refusal)),
        close_(worker.thread.loop.timers(), *this) {}
  void start() override {
    if (refusal_.delay <= Duration::zero()) return finish(false);
    close_.arm(refusal_.delay);
    transport_->start(*this);
  }

 private:
  void on_readable() override;
  void on_writable() override {}
  void on_close() { finish(false); }
  void describe(http::StreamInfo& stream) override {
    close_.cancel();
    if (refusal_.flag) stream.flags.set(*refusal_.flag);
    refusal_.behind->on_refused(worker_, stream, by_client_);
  }
  Refusal refusal_;
  bool by_client_ = false;
  event::Alarm<Refused, &Refused::on_close> close_;
};

/// Nothing is read, so that a client that sends cannot make work.
void Refused::on_readable() {
  if (!transport_->peer_closed()) return;
  by_client_ = true;
  finish(false);
}

}  // namespace

std::unique_ptr<net::Connection> make_refused(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                              http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                              net::ConnectionOwner& owner, Refusal refusal) {
  return std::make_unique<Refused>(worker, std::move(transport), std::move(info), listener, owner, std::move(refusal));
}

std::unique_ptr<net::Connection> EchoFactory::make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                                   http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                                   net::ConnectionOwner& owner) const {
  return std::make_unique<Echo>(worker, std::move(transport), std::move(info), listener, owner);
}

std::unique_ptr<net::Connection> DirectResponseFactory::make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                                             http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                                             net::ConnectionOwner& owner) const {
  return std::make_unique<DirectResponse>(response_, worker, std::move(transport), std::move(info), listener, owner);
}

}  // namespace outrigger::filters
