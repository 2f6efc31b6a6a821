// Checks by a connection: that it can be made, or that what is sent gets the answer.
#include "proxy/buffer/buffer.h"
#include "proxy/upstream/health_probe.h"

namespace outrigger::upstream {

namespace {

constexpr std::size_t kAnswerMax = 64 * 1024;  // that is kept to look for the answer in

class TcpProbe final : public Probe, private net::TransportEvents {
 public:
  TcpProbe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner)
      : config_(config), target_(std::move(target)), owner_(owner) {}
  ~TcpProbe() override { close(); }
  void begin() override {
    if (transport_ == nullptr) {
      transport_ = dial_for_check(config_, *target_);
      if (transport_ == nullptr) return finish(ProbeResult::network);
      connected_ = false;
      in_.clear();
      out_.clear();
      if (!config_.receive.empty()) out_.append(config_.send);
      transport_->start(*this);
      return;
    }
    out_.append(config_.send);
    flush();
  }
  void give_up() override { close(); }

 private:
  void on_connected() override {
    connected_ = true;
    if (!config_.receive.empty()) return flush();
    close();
    finish(ProbeResult::passed);
  }
  void on_connect_failed(int) override { fail(); }
  void on_writable() override {
    if (connected_) flush();
  }
  void on_readable() override {
    if (!connected_) return;
    while (transport_ != nullptr && in_.size() < kAnswerMax) {
      const auto r = transport_->read(in_, kAnswerMax);
      if (r.status == net::IoStatus::would_block) break;
      if (r.status != net::IoStatus::ok) return look(), transport_ == nullptr ? void() : fail();
      if (r.drained) break;
    }
    look();
  }
  void look() {
    if (in_.empty() || !has_in_order(in_.to_string(), config_.receive)) return;
    in_.clear();
    if (!config_.reuse_connection) close();
    finish(ProbeResult::passed);
  }
  void flush() {
    while (transport_ != nullptr && !out_.empty()) {
      const auto r = transport_->write(out_);
      if (r.status == net::IoStatus::would_block || (r.status == net::IoStatus::ok && r.bytes == 0)) return;
      if (r.status != net::IoStatus::ok) return fail();
    }
  }
  /// Between two checks too, as in Envoy.
  void fail() {
    close();
    finish(ProbeResult::network);
  }
  void close() {
    if (transport_ == nullptr) return;
    transport_->close();
    dispose(target_, std::move(transport_));
  }
  void finish(ProbeResult::Kind kind) { owner_.on_probe_done({kind}); }

  const HealthConfig& config_;
  ProbeTargetPtr target_;
  ProbeOwner& owner_;
  std::unique_ptr<net::Transport> transport_;  // null: the next check makes one
  Buffer in_, out_;
  bool connected_ = false;
};

}  // namespace

std::unique_ptr<Probe> make_tcp_probe(const HealthConfig& config, ProbeTargetPtr target, ProbeOwner& owner) {
  return std::make_unique<TcpProbe>(config, std::move(target), owner);
}

}  // namespace outrigger::upstream
