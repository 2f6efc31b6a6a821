#include "proxy/net/first_of.h"

#include <algorithm>
#include <chrono>
#include "proxy/event/timers.h"

namespace outrigger::net {

namespace {

constexpr Duration kHeadStart = std::chrono::milliseconds(300);

class FirstOf final : public Transport {
 public:
  FirstOf(Dialer& dialer, event::Loop& loop, std::vector<Candidate> candidates, std::function<void()> on_another)
      : dialer_(dialer),
        loop_(loop),
        candidates_(std::move(candidates)),
        on_another_(std::move(on_another)),
        next_(loop.timers(), *this) {}
  ~FirstOf() override { close(); }

  /// False: none is left, and none is running.
  bool try_next(ConnectFailure& failure) {
    while (tried_ < candidates_.size()) {
      if (tried_ != 0) on_another_();
      const Candidate& c = candidates_[tried_++];
      auto transport = dialer_.connect(loop_, c.to, c.options, failure);
      if (transport == nullptr) continue;
      attempts_.push_back(std::make_unique<Attempt>(*this, std::move(transport)));
      if (events_ != nullptr) begin(*attempts_.back());
      return true;
    }
    return !attempts_.empty();
  }

  void start(TransportEvents& events) override {
    const bool again = events_ != nullptr;
    events_ = &events;
    if (connected_ != nullptr) return connected_->start(events);
    if (again) return;
    for (auto& a : attempts_) begin(*a);
  }
  IoResult read(Buffer& into, std::size_t bytes_max) noexcept override {
    return connected_ != nullptr ? connected_->read(into, bytes_max) : IoResult{IoStatus::would_block, 0, true};
  }
  IoResult write(Buffer& from) noexcept override {
    return connected_ != nullptr ? connected_->write(from) : IoResult{IoStatus::would_block, 0, true};
  }
  void shutdown_write() noexcept override {
    if (connected_ != nullptr) connected_->shutdown_write();
  }
  void rearm() noexcept override {
    if (connected_ != nullptr) connected_->rearm();
  }
  bool peer_closed() const noexcept override { return connected_ != nullptr && connected_->peer_closed(); }
  void close() noexcept override {
    give_up_others();
    if (connected_ != nullptr) connected_->close();
  }
  void close_reset() noexcept override {
    give_up_others();
    if (connected_ != nullptr) connected_->close_reset();
  }
  const Address& local() const noexcept override {
    static const Address kNone;
    return connected_ != nullptr ? connected_->local() : kNone;
  }
  const Address& remote() const noexcept override {
    return connected_ != nullptr ? connected_->remote() : candidates_.front().to;
  }
  int fd() const noexcept override { return connected_ != nullptr ? connected_->fd() : -1; }

 private:
  struct Attempt final : TransportEvents {
    Attempt(FirstOf& o, std::unique_ptr<Transport> t) : owner(o), transport(std::move(t)) {}
    void on_connected() override { owner.connected(*this); }
    void on_connect_failed(int error) override { owner.failed(*this, error); }
    void on_readable() override {}
    void on_writable() override {}
    FirstOf& owner;
    std::unique_ptr<Transport> transport;
  };

  void begin(Attempt& a) {
    a.transport->start(a);
    if (tried_ < candidates_.size()) next_.arm(kHeadStart);
  }
  void on_head_start_over() {
    ConnectFailure failure;
    try_next(failure);
  }
  void connected(Attempt& a) {
    connected_ = std::move(a.transport);
    give_up_others();
    auto& events = *events_;
    connected_->start(events);  // what follows is told to the owner
    events.on_connected();
  }
  void failed(Attempt& a, int error) {
    forget(a);
    next_.cancel();
    ConnectFailure failure{error, false};
    if (try_next(failure)) return;
    events_->on_connect_failed(failure.error);
  }
  void forget(Attempt& a) {
    const auto at = std::find_if(attempts_.begin(), attempts_.end(), [&](const auto& p) { return p.get() == &a; });
    if (a.transport != nullptr) a.transport->close();
    loop_.dispose(std::move(*at));  // it may be on the stack
    attempts_.erase(at);
  }
  void give_up_others() noexcept {
    next_.cancel();
    while (!attempts_.empty()) forget(*attempts_.back());
  }

  Dialer& dialer_;
  event::Loop& loop_;
  std::vector<Candidate> candidates_;
  std::function<void()> on_another_;
  std::size_t tried_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // that run
  std::unique_ptr<Transport> connected_;
  TransportEvents* events_ = nullptr;
  event::Alarm<FirstOf, &FirstOf::on_head_start_over> next_;
};

}  // namespace

std::unique_ptr<Transport> connect_first_of(Dialer& dialer, event::Loop& loop, std::vector<Candidate> candidates,
                                            std::function<void()> on_another, ConnectFailure& failure) {
  auto t = std::make_unique<FirstOf>(dialer, loop, std::move(candidates), std::move(on_another));
  if (!t->try_next(failure)) return nullptr;
  return t;
}

std::vector<Address> take_turns(std::vector<Address> addresses) {
  if (addresses.empty()) return addresses;
  const int family = addresses.front().family();
  const auto others =
      std::stable_partition(addresses.begin(), addresses.end(), [&](const Address& a) { return a.family() == family; });
  std::vector<Address> out;
  out.reserve(addresses.size());
  for (auto mine = addresses.begin(), other = others; mine != others || other != addresses.end();) {
    if (mine != others) out.push_back(std::move(*mine++));
    if (other != addresses.end()) out.push_back(std::move(*other++));
  }
  return out;
}

}  // namespace outrigger::net
