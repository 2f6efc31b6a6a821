#include "control_plane/control_plane.h"

#include "proxy/base/log.h"

namespace outrigger::control_plane {

ControlPlane::ControlPlane(event::Timers& timers, const TimeSource& clock, std::string identifier)
    : host_{timers, clock, std::move(identifier), [](const NodeInfo&) { return ViewPtr(); }} {}
ControlPlane::~ControlPlane() = default;

void ControlPlane::publish(Select select) {
  host_.select = std::move(select);
  for (const auto& [stream, session] : sessions_) session->refresh();
}

std::uint64_t ControlPlane::open(const std::string& method, std::string peer, std::shared_ptr<Call> call) {
  Session::Kind kind;
  if (!Session::kind_of(method, kind)) {
    LOG_WARN(logger::config, peer, " calls ", method, ", which is not served");
    call->finish(kUnimplemented, "there is no " + method + " here");
    return 0;
  }
  LOG_DEBUG(logger::config, peer, " opens ", method);
  sessions_[++last_] = std::make_unique<Session>(host_, std::move(kind), std::move(peer), std::move(call));
  return last_;
}

void ControlPlane::on_message(std::uint64_t stream, std::string_view message) {
  if (const auto at = sessions_.find(stream); at != sessions_.end()) at->second->on_message(message);
}

void ControlPlane::on_closed(std::uint64_t stream) {
  const auto at = sessions_.find(stream);
  if (at == sessions_.end()) return;
  LOG_INFO(logger::config, "stream of proxy '", at->second->node().id, "' at ", at->second->peer(), " closed");
  sessions_.erase(at);
}

void ControlPlane::each(const std::function<void(std::uint64_t stream, const Session&)>& f) const {
  for (const auto& [stream, session] : sessions_) f(stream, *session);
}

}  // namespace outrigger::control_plane
