// What wants resources of a type, and what is told of them. A Watch is one interest: all resources, or some by name.
// Whoever asked owns it; destroying it ends the interest. Main thread.
#pragma once
#include <memory>
#include <set>
#include <string>
#include <vector>
#include "proxy/base/result.h"
#include "xds/protocol/messages.h"

namespace outrigger::xds {

struct Update {
  std::string version;
  bool whole = false;                      // state of the world: what is not in it is no longer there
  std::vector<const Resource*> resources;  // those that the watch wants
  std::vector<std::string> removed;
};

/// An update that is taken in slices, between which the main thread does other things.
class UpdateWork {
 public:
  virtual ~UpdateWork() = default;
  /// True: that was the last slice.
  virtual bool go_on() = 0;
  /// After the last, once; as that of WatchEvents::on_update().
  virtual Result<void> result() = 0;
};

class WatchEvents {
 public:
  /// The work that takes an update, which stays where it is until that is done. Null: it is to be taken at once.
  virtual std::unique_ptr<UpdateWork> begin_update(const Update&) { return nullptr; }
  /// An error refuses the update; what was there before stays. Its text goes to the control plane.
  virtual Result<void> on_update(const Update& u) = 0;
  /// The first update has been waited for long enough; it may come later.
  virtual void on_fetch_timeout() {}
  /// What was to be read can't be: it isn't waited for any longer, and may come later.
  virtual void on_failure() { on_fetch_timeout(); }

 protected:
  ~WatchEvents() = default;
};

class Watch {
 public:
  virtual ~Watch() = default;
  /// Other names from now on (not for a watch of all).
  virtual void want(const std::set<std::string>& names) = 0;
};

}  // namespace outrigger::xds
