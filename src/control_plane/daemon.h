// All of outrigger-xds but its port: reads the directory, watches it, gives what is good to the streams, shows the status
// page, ends at SIGTERM. Owned by main(); one thread.
#pragma once
#include <memory>
#include <string>
#include "control_plane/control_plane.h"
#include "control_plane/directory.h"
#include "control_plane/options.h"
#include "control_plane/status.h"
#include "control_plane/watch.h"
#include "proxy/event/loop.h"
#include "proxy/event/signals.h"

namespace outrigger::control_plane {

class Daemon {
 public:
  explicit Daemon(const Options& o);
  ~Daemon();
  /// The status page. Before run().
  Result<void> open_admin();
  /// Until a signal. Reads the directory first.
  void run();
  event::Loop& loop() noexcept { return loop_; }
  ControlPlane& plane() noexcept { return plane_; }

 private:
  class StatusServer;
  void read();
  void on_signal(int signal);
  const Options options_;
  event::Loop loop_;
  event::Signals signals_;  // before any thread
  Directory directory_;
  ControlPlane plane_;
  Readings readings_;
  std::string told_;  // of the last reading
  DirectoriesWatch watch_;
  std::unique_ptr<StatusServer> admin_;
};

}  // namespace outrigger::control_plane
