// All streams of all proxies, and what they are told: the newest good state of the directory, by node id and cluster. Main
// thread; owned by main(). Streams are known by number, so that a transport's late word of one that is gone does no harm.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include "control_plane/session.h"

namespace outrigger::control_plane {

class ControlPlane {
 public:
  using Select = std::function<ViewPtr(const NodeInfo&)>;
  ControlPlane(event::Timers& timers, const TimeSource& clock, std::string identifier);
  ~ControlPlane();
  /// From now on proxies are told what `select` gives them.
  void publish(Select select);
  /// 0: there is no such method (told).
  std::uint64_t open(const std::string& method, std::string peer, std::shared_ptr<Call> call);
  void on_message(std::uint64_t stream, std::string_view message);
  void on_closed(std::uint64_t stream);
  void each(const std::function<void(std::uint64_t stream, const Session&)>& f) const;
  std::size_t streams() const noexcept { return sessions_.size(); }
  std::uint64_t streams_ever() const noexcept { return last_; }
  const Session::Counts& counts() const noexcept { return host_.counts; }

 private:
  Session::Host host_;
  std::map<std::uint64_t, std::unique_ptr<Session>> sessions_;
  std::uint64_t last_ = 0;
};

}  // namespace outrigger::control_plane
