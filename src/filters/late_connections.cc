#include "filters/late_connections.h"

#include "filters/plain_connections.h"
#include "proxy/event/loop.h"
#include "proxy/http/connection_facts.h"

namespace outrigger::filters {

namespace {

/// Goes after the connection that it is held by, whose last steps may count.
class Kept {
 public:
  using Pin = LateConnections::Source::Pin;
  Kept(Pin pin, event::Loop& loop) : pin_(std::make_unique<Pin>(std::move(pin))), loop_(loop) {}
  ~Kept() { loop_.dispose(std::move(pin_)); }
  Kept(const Kept&) = delete;
  Kept& operator=(const Kept&) = delete;

 private:
  std::unique_ptr<Pin> pin_;
  event::Loop& loop_;
};

}  // namespace

Verdict LateConnectionFilter::on_connection(hcm::Worker& worker, http::ConnectionInfo& info) const {
  const auto version = source_->pin(worker.index);
  if (version.get() == nullptr) return {true, Duration(0), {}, {}};
  return version.get()->on_connection(worker, info);
}

std::unique_ptr<net::Connection> LateConnections::make(hcm::Worker& worker, std::unique_ptr<net::Transport> transport,
                                                       http::ConnectionInfo info, const hcm::ListenerContext& listener,
                                                       net::ConnectionOwner& owner) const {
  auto version = source_->pin(worker.index);
  const auto* now = version.get();
  if (now == nullptr) return make_refused(worker, std::move(transport), std::move(info), listener, owner,
                        {Duration(0), {}, std::make_shared<EchoFactory>()});
  info.facts().held.push_back(std::make_shared<Kept>(std::move(version), worker.thread.loop));
  return now->make(worker, std::move(transport), std::move(info), listener, owner);
}

void LateConnections::on_refused(hcm::Worker& worker, http::StreamInfo& stream, bool by_client) const {
  const auto version = source_->pin(worker.index);
  if (version.get() != nullptr) version.get()->on_refused(worker, stream, by_client);
}

}  // namespace outrigger::filters
